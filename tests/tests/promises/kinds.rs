//! Every kind of statement is recorded, found and traced over the real binaries, by the very lines that README.md shows.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use custody_tests::binaries::Binaries;
use custody_tests::client::User;
use custody_tests::evidence::{envelope, statement};
use custody_tests::server::{Ended, Ledger, Server, run};
use custody_tests::wire::Caller;
use custody_tests::workspace;
use serde_json::{Value, json};

const BEGIN: &str = "<!-- kinds:begin -->\n```sh\n";
const END: &str = "```\n<!-- kinds:end -->";

/// The artifact, whose digest README.md has in its image reference.
const ARTIFACT: &str = "foo";
const IMAGE: &str = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

const WORKFLOW: &str = "on: push\npermissions: {contents: read}\njobs:\n  release:\n    container: alpine:3.20\n    steps:\n\
    \x20     - uses: actions/checkout@v4\n      - run: npm publish --token ${{ secrets.NPM_TOKEN }}\n";

/// Returns the lines that README.md shows.
fn shown() -> String {
    let text = workspace::read("README.md");
    let block = text.split_once(BEGIN).expect("README.md has a block of all kinds").1;
    block.split_once(END).expect("the block has an end").0.to_owned()
}

/// A job of GitHub Actions in a working copy, with everything in it that the lines name.
struct Job {
    user: User,
    head: String,
}

impl Job {
    fn new(ledger: &Ledger, server: &Server) -> Self {
        let user = User::of(&server.url(), &Caller::of(server).pin(), &ledger.writer_key_file(0));
        git(user.home(), &["init", "--quiet", "--initial-branch=main"]);
        git(user.home(), &["remote", "add", "origin", "https://github.com/acme/api"]);
        git(user.home(), &["commit", "--quiet", "--allow-empty", "--message", "First"]);
        let head = git(user.home(), &["rev-parse", "HEAD"]);
        std::fs::create_dir_all(user.home().join(".github/workflows")).unwrap();
        std::fs::create_dir(user.home().join("bin")).unwrap();
        user.file(".github/workflows/release.yml", WORKFLOW);
        user.file("app.tar.gz", ARTIFACT);
        user.file("app.cdx.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":"axios","purl":"pkg:npm/axios@1.14.1"}]}"#);
        user.file("grype.json", grype().to_string());
        user.file(
            "junit.xml",
            "<testsuite><testcase name=\"a\"/><testcase name=\"b\"><skipped/></testcase></testsuite>",
        );
        user.file("pentest.json", r#"{"by":"red team"}"#);
        user.file("app.dsse", envelope(&statement("elsewhere"), &[&ledger.writers[0]]));
        user.file("buildkit.json", buildkit().to_string());
        user.file("pods.json", pods(false).to_string());
        user.file("rolling.json", pods(true).to_string());
        let kubectl = user.file(
            "bin/kubectl",
            "#!/bin/sh\n[ \"$*\" = 'get pods --all-namespaces --output json' ] && cat pods.json\n",
        );
        std::fs::set_permissions(kubectl, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { user, head }
    }

    /// Runs a script as a step of the job; it ends with the first line that fails.
    fn step(&self, script: &str) -> Ended {
        let custody = Binaries::built().custody();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let bin = self.user.home().join("bin");
        let mut command = Command::new("sh");
        command.args(["-e", "-u", "-c", script]).env_clear().current_dir(self.user.home());
        command.env("HOME", self.user.home());
        command.env(
            "PATH",
            format!("{}:{}:{}", bin.display(), custody.parent().unwrap().display(), path.display()),
        );
        command.envs([
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_ACTOR", "alice"),
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_REPOSITORY", "acme/api"),
            ("GITHUB_RUN_ID", "4711"),
            ("GITHUB_SHA", self.head.as_str()),
            ("GITHUB_WORKFLOW_REF", "acme/api/.github/workflows/release.yml@refs/heads/main"),
            ("RUNNER_ENVIRONMENT", "github-hosted"),
            ("RUNNER_NAME", "GitHub Actions 12"),
        ]);
        run(command)
    }

    fn yes(&self, words: &[&str]) -> Value {
        let (code, answer) = self.user.json(words);
        assert_eq!(code, Some(0), "custody {words:?}: {answer}");
        answer
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=alice", "-c", "user.email=alice@example.com"]).args(arguments);
    git.current_dir(folder).env_clear().env("HOME", folder).env("PATH", std::env::var_os("PATH").unwrap());
    let ended = run(git);
    assert_eq!(ended.code, Some(0), "git {arguments:?}: {}", ended.stderr);
    ended.stdout.trim().to_owned()
}

fn grype() -> Value {
    json!({
        "matches": [{
            "vulnerability": {"id": "GHSA-9jj7-4m8r-rfcm", "severity": "Critical"},
            "artifact": {"name": "axios", "version": "1.14.1", "purl": "pkg:npm/axios@1.14.1"},
        }],
        "descriptor": {"name": "grype", "version": "0.111.0", "timestamp": "2026-11-20T11:00:00Z"},
    })
}

fn buildkit() -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://spdx.dev/Document",
        "subject": [{"name": "pkg:docker/acme/api@1.2", "digest": {"sha256": IMAGE.trim_start_matches("sha256:")}}],
        "predicate": {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "sbom", "packages": []},
    })
}

/// A pod of one container that runs; while it rolls out, of another one whose image is not there yet.
fn pods(rolling: bool) -> Value {
    let status = json!({"name": "app", "image": "ghcr.io/acme/api:1.2", "imageID": format!("ghcr.io/acme/api@{IMAGE}"), "state": {"running": {}}});
    let waits =
        json!({"name": "late", "image": "ghcr.io/acme/late:1", "imageID": "", "state": {"waiting": {}}});
    let statuses = if rolling { json!([status, waits]) } else { json!([status]) };
    let owner = json!([{"kind": "ReplicaSet", "name": "api-5f7d", "controller": true}]);
    json!({"kind": "List", "items": [{
        "kind": "Pod",
        "metadata": {"name": "api-5f7d-x", "namespace": "shop", "labels": {"pod-template-hash": "5f7d"}, "ownerReferences": owner},
        "status": {"phase": "Running", "containerStatuses": statuses},
    }]})
}

/// The kinds that `custody record --help` lists.
fn kinds_of_the_help(user: &User) -> Vec<String> {
    let help = user.custody(&["record", "--help"]).stdout;
    let commands = help.split_once("Commands:\n").unwrap().1.split("\n\n").next().unwrap().to_owned();
    let names =
        commands.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names = names.map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

fn edges(trace: &Value) -> String {
    let mut text = String::new();
    for edge in trace["edges"].as_array().unwrap() {
        assert_eq!(edge["status"], "verified", "{edge}");
        let word = |member: &str| edge[member].as_str().unwrap_or_default().to_owned();
        writeln!(text, "{} {} {}", word("from"), word("kind"), word("to")).unwrap();
    }
    text
}

#[test]
fn every_line_that_the_readme_shows_records_and_finds() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let job = Job::new(&ledger, &server);
    let block = shown();
    for kind in kinds_of_the_help(&job.user) {
        assert!(
            block.contains(&format!("custody record {kind} ")),
            "README.md shows no custody record {kind}"
        );
    }
    let recorded = block.matches("custody record ").count();
    let ended = job.step(&block);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.stdout.matches("recorded  ").count(), recorded, "{}", ended.stdout);
    for said in [
        "detected GitHub Actions",
        "  actor https://github.com/alice (GITHUB_ACTOR)",
        ".github/workflows/release.yml: workflow of GitHub Actions: 2 references, 1 secret, 1 permission, 0 audiences",
        "  not known: what actions use themselves: they are not followed",
        "grype.json: grype 0.111.0: 1 critical",
        "junit.xml: 1 passed, 0 failed, 1 skipped",
    ] {
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }

    for name in [
        "approval",
        "cyclonedx",
        "deployment",
        "distribution",
        "exception",
        "expected",
        "promotion",
        "provenance",
        "publication",
        "review",
        "run",
        "scan",
        "snapshot",
        "source",
        "tag",
        "test-result",
    ] {
        let found = job.yes(&["find", "--predicate", name]);
        assert_eq!(found["entries"].as_array().unwrap().len(), 1, "{name}: {found}");
        assert_eq!(found["entries"][0]["check"], "verified", "{name}: {found}");
    }
    let found = |words: &[&str]| job.yes(words)["entries"].as_array().unwrap().len();
    assert_eq!(found(&["find", "--subject", "grype.json"]), 1, "a report is found by its own digest");
    assert_eq!(found(&["find", "--predicate", "cyclonedx", "--subject", "app.tar.gz"]), 1);
    assert_eq!(found(&["find", "--ref", "actions/checkout@v4"]), 1);
    assert_eq!(found(&["find", "--ref", "ghcr.io/acme/api:1.2"]), 2, "the publication and the tag");

    let said = edges(&job.yes(&["trace", "app.tar.gz", "--depth", "3"]));
    for edge in [
        "built-by",
        "built-from",
        "on-ref",
        "authored-by",
        "reviewed",
        "described-by",
        "affected-by",
        "tested",
        "approved",
        "promoted",
        "published",
        "points-to",
        "runs-in",
        "received",
        "could-read",
        "ran-on",
        "resolved",
    ] {
        assert!(said.contains(&format!(" {edge} ")), "{edge} is not in the trace:\n{said}");
    }
    let text = job.user.custody(&["trace", "app.tar.gz"]);
    assert!(!text.stdout.contains("missing"), "{}", text.stdout);
}

/// Without the clock a step is the same step, whenever it runs.
#[test]
fn the_same_job_run_again_adds_only_what_reads_the_clock() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let job = Job::new(&ledger, &server);
    let block = shown();
    let (first, again) = (job.step(&block), job.step(&block));
    assert_eq!((first.code, again.code), (Some(0), Some(0)), "{}{}", first.stderr, again.stderr);
    let clocked = block.matches("reads the clock").count();
    assert_eq!(again.stdout.matches("recorded  ").count(), clocked, "{}", again.stdout);
    let all = block.matches("custody record ").count();
    assert_eq!(again.stdout.matches("recorded already").count(), all - clocked, "{}", again.stdout);

    // With --at they do not read it.
    let fixed = block.lines().filter(|line| line.contains("reads the clock"));
    let fixed = fixed.map(|line| {
        let line = line.split("  #").next().unwrap();
        let pods = if line.contains("--pods -") { " < pods.json" } else { "" };
        format!("{} --at 2026-11-20T12:00:00Z{pods}\n", line.trim())
    });
    let script = format!("{}\n{}", block.lines().next().unwrap(), fixed.collect::<String>());
    let (first, again) = (job.step(&script), job.step(&script));
    assert_eq!((first.code, again.code), (Some(0), Some(0)), "{}{}", first.stderr, again.stderr);
    assert_eq!(first.stdout.matches("recorded  ").count(), clocked, "{}", first.stdout);
    assert_eq!(again.stdout.matches("recorded already").count(), clocked, "{}", again.stdout);
}

#[test]
fn each_kind_can_be_tried_kept_and_proven() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let job = Job::new(&ledger, &server);
    let image = format!("ghcr.io/acme/api:1.2@{IMAGE}");
    let at = "--at 2026-11-20T12:00:00Z";
    for line in [
        "scan grype.json --subject app.tar.gz".to_owned(),
        "test junit.xml --subject app.tar.gz".to_owned(),
        "run --workflow .github/workflows/release.yml".to_owned(),
        format!("snapshot --environment prod --pods rolling.json --partial {at}"),
        format!("tag --subject {image} {at}"),
        format!("publication --subject {image} {at}"),
        format!("distribution --recipient customer --subject app.tar.gz {at}"),
        "expected --source ci --from 2026-11-20 --to 2026-11-21 --count 1".to_owned(),
    ] {
        let tried = job.step(&format!("custody record {line} --dry-run"));
        assert_eq!(tried.code, Some(0), "{line}: {}", tried.stderr);
        let statement: Value = serde_json::from_str(&tried.stdout).unwrap();
        assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1", "{line}");
        let away = "--server http://127.0.0.1:1 --timeout 200ms --retry-for 200ms";
        let kept = job.step(&format!("custody record {line} {away} --spool=kept -o json"));
        let answer: Value = serde_json::from_str(&kept.stdout).unwrap();
        assert_eq!((kept.code, &answer["spooled"]), (Some(0), &json!(true)), "{line}: {}", kept.stderr);
        let done = job.step(&format!("custody record {line} --receipt proof -o json"));
        let answer: Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!((done.code, &answer["duplicate"]), (Some(0), &json!(false)), "{line}: {answer}");
        let proof = std::fs::read_to_string(job.user.home().join("proof")).unwrap();
        assert_eq!(answer["receipt"], proof, "{line}");
    }
    // What was kept is what was recorded.
    let flushed = job.step("custody spool flush kept -o json");
    assert_eq!(flushed.code, Some(0), "{}{}", flushed.stdout, flushed.stderr);
    assert_eq!(flushed.stdout.matches("\"duplicate\":true").count(), 8, "{}", flushed.stdout);
}

//! `custody key` and `custody record` up to the point of sending, over the real binary and real git repositories.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

use std::path::Path;
use std::process::{Command, Output};

struct Desk {
    home: tempfile::TempDir,
    work: tempfile::TempDir,
}

impl Desk {
    /// A home with one key, and a repository with one commit and a remote.
    fn new() -> Self {
        let desk = Self { home: tempfile::tempdir().unwrap(), work: tempfile::tempdir().unwrap() };
        desk.git(&["init", "-q", "-b", "main"]);
        std::fs::write(desk.work.path().join("app"), "abc").unwrap();
        desk.git(&["add", "."]);
        desk.git(&["commit", "-q", "-m", "one"]);
        desk.git(&["remote", "add", "origin", "https://token@github.com/acme/api.git"]);
        assert!(desk.custody(&["key", "new"], &[]).status.success());
        desk
    }

    fn git(&self, arguments: &[&str]) {
        let output = Command::new("git")
            .current_dir(self.work.path())
            .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn custody(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_custody"))
            .current_dir(self.work.path())
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(environment.iter().copied())
            .output()
            .unwrap()
    }

    fn bytes(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Vec<u8> {
        let output = self.custody(arguments, environment);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        output.stdout
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What was said, but for the commit that the folder is at.
fn without_commit(output: &Output) -> String {
    let text = stderr(output);
    text.split_inclusive('\n').filter(|line| !line.ends_with("(git HEAD)\n")).collect()
}

const GITHUB: &[(&str, &str)] = &[
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_REPOSITORY", "acme/api"),
    ("GITHUB_RUN_ID", "4711"),
    ("GITHUB_WORKFLOW_REF", "acme/api/.github/workflows/release.yml@refs/heads/main"),
];

#[test]
fn a_step_that_runs_again_signs_the_same_bytes() {
    let desk = Desk::new();
    let source = ["record", "source", "--dry-run", "-o", "json"];
    let build = ["record", "build", "--artifact", "app", "--dry-run", "-o", "json"];
    let approval = [
        "record",
        "approval",
        "--subject",
        "app",
        "--for",
        "prod",
        "--at",
        "2026-11-20T13:00:05Z",
        "--dry-run",
        "-o",
        "json",
    ];
    for arguments in [&source[..], &build, &approval] {
        let first = desk.bytes(arguments, GITHUB);
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert_eq!(first, desk.bytes(arguments, GITHUB), "{arguments:?}");
    }
}

#[test]
fn a_dry_run_prints_the_statement_and_no_token_of_the_remote() {
    let desk = Desk::new();
    let output = desk.custody(&["record", "source", "--dry-run"], &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\"repo\":\"https://github.com/acme/api\"") && !text.contains("token"), "{text}");
    assert!(text.contains("\"ref\":\"refs/heads/main\"") && text.contains("Ann <ann@example.com>"), "{text}");
}

#[test]
fn what_ci_says_is_told_with_its_variables() {
    let desk = Desk::new();
    let output = desk.custody(&["record", "build", "--artifact", "app", "--dry-run"], GITHUB);
    assert!(stderr(&output).contains("(git HEAD)"), "these variables name no commit");
    assert_eq!(
        without_commit(&output),
        "detected GitHub Actions\n\
         \u{20}\u{20}repo https://github.com/acme/api (GITHUB_REPOSITORY)\n\
         \u{20}\u{20}run https://github.com/acme/api/actions/runs/4711/attempts/1 (GITHUB_RUN_ID)\n\
         \u{20}\u{20}builder https://github.com/acme/api/.github/workflows/release.yml@refs/heads/main (GITHUB_WORKFLOW_REF)\n\
         dry run: nothing was signed, nothing was sent\n"
    );
}

#[test]
fn each_mistake_has_its_message_and_exit_code_2() {
    let desk = Desk::new();
    std::fs::write(desk.work.path().join("twice.json"), "{\"a\":1,\"a\":2}").unwrap();
    std::fs::write(desk.work.path().join("cosign.json"), "{\"base64Signature\":\"\",\"cert\":\"\"}").unwrap();
    for (arguments, expected) in [
        (
            &["record", "build", "--artifact", "app"][..],
            "error: no builder: it is neither given, nor set by a CI system, nor known to git\nhint: give --builder-id (looked for GITHUB_WORKFLOW_REF,",
        ),
        (
            &["record", "sbom", "twice.json", "--subject", "app"],
            "error: twice.json: the predicate cannot be signed as it is: ",
        ),
        (
            &["record", "generic", "--type", "https://a.example/x", "--predicate", "app"],
            "error: app: the predicate cannot be signed as it is: ",
        ),
        (
            &["record", "deploy", "--environment", "prod"],
            "error: the statement has no subject\nhint: name what it is about: --subject FILE, or --subject sha256:<hex>\n",
        ),
        (
            &["record", "deploy", "--environment", "prod", "--subject", "absent"],
            "error: cannot read absent: No such file",
        ),
        (
            &["record", "deploy", "--environment", "prod", "--subject", "pkg:npm/axios@1.14.1"],
            "error: --subject pkg:npm/axios@1.14.1: \"pkg:npm/axios@1.14.1\" is a package without a digest, which no \
             statement can be about\n",
        ),
        (
            &["record", "deploy", "--environment", "prod", "--subject", "app", "--key", "other"],
            "error: no key \"other\": ",
        ),
        (
            &["record", "envelope", "cosign.json"],
            "error: this is a cosign bundle of the old form, which is not supported\nhint: ",
        ),
        (&["record", "envelope", "app"], "error: this is a file of no known kind, not an envelope\nhint: "),
        (&["inspect", "app", "--trusted-root", "app"], "error: app: not a Sigstore trusted root: "),
        (&["inspect", "app", "--key", "app"], "error: app: "),
    ] {
        let output = desk.custody(arguments, &[]);
        assert!(without_commit(&output).starts_with(expected), "{arguments:?}:\n{}", stderr(&output));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_dry_run_gives_an_envelope_that_inspect_verifies() {
    let desk = Desk::new();
    let path = |name: &str| desk.work.path().join(name);
    let envelope = desk.bytes(
        &["record", "deploy", "--environment", "prod", "--subject", "app", "--dry-run", "-o", "json"],
        &[],
    );
    std::fs::write(path("envelope.json"), envelope).unwrap();
    std::fs::write(path("key.pub"), desk.bytes(&["key", "show", "--pem"], &[])).unwrap();
    let with = desk.custody(&["inspect", "envelope.json", "--key", "key.pub", "--artifact", "app"], &[]);
    assert_eq!(with.status.code(), Some(0), "{}", String::from_utf8_lossy(&with.stdout));
    let without = desk.custody(&["inspect", "envelope.json"], &[]);
    assert_eq!(without.status.code(), Some(3));
    std::fs::write(path("other"), "other").unwrap();
    let other = desk.custody(&["inspect", "envelope.json", "--key", "key.pub", "--artifact", "other"], &[]);
    assert_eq!(other.status.code(), Some(1));
    assert!(desk.custody(&["record", "envelope", "envelope.json", "--dry-run"], &[]).status.success());
}

#[test]
fn text_of_a_file_cannot_move_the_cursor() {
    let desk = Desk::new();
    let statement = "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"digest\":{\"foo\":\"bar\"}}],\
                     \"predicateType\":\"x\\u001b[2Jy\"}";
    std::fs::write(desk.work.path().join("hostile.json"), statement).unwrap();
    let output = desk.custody(&["inspect", "hostile.json"], &[]);
    assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b));
    let missing: &Path = Path::new("absent\u{1b}[2J");
    let output = desk.custody(&["inspect", missing.to_str().unwrap()], &[]);
    assert!(!output.stderr.contains(&0x1b));
}

/// Writes the configuration file of this home.
fn configure(desk: &Desk, text: &str) {
    let dir = desk.home.path().join(".config/custody");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("config.toml"), text).unwrap();
}

#[test]
fn the_key_that_signs_is_no_expectation_of_what_is_inspected() {
    let desk = Desk::new();
    std::fs::write(
        desk.work.path().join("statement.json"),
        desk.bytes(&["record", "source", "--dry-run"], &[]),
    )
    .unwrap();
    let before = desk.custody(&["inspect", "statement.json"], &[]);
    configure(&desk, "key = \"default\"\n");
    let after = desk
        .custody(&["inspect", "statement.json"], &[("CUSTODY_KEY", "default"), ("CUSTODY_ARTIFACT", "x")]);
    assert_eq!(after.status.code(), before.status.code(), "{}", stderr(&after));
    assert_eq!(after.stdout, before.stdout);
}

/// What `record build` made has a flag of the same name, which can be set for all builds of a job.
#[test]
fn what_was_built_is_not_what_an_envelope_must_be_about() {
    let desk = Desk::new();
    std::fs::write(desk.work.path().join("app"), "built").unwrap();
    std::fs::write(desk.work.path().join("other"), "other").unwrap();
    let set = [("CUSTODY_ARTIFACT", "other")];
    let built = desk.custody(&["record", "build", "--dry-run"], &[GITHUB, &set].concat());
    assert!(String::from_utf8_lossy(&built.stdout).contains("\"other\""), "{}", stderr(&built));
    let signed = desk.bytes(&["record", "build", "--artifact", "app", "--dry-run", "-o", "json"], GITHUB);
    std::fs::write(desk.work.path().join("app.json"), signed).unwrap();
    let envelope = ["record", "envelope", "app.json", "--dry-run"];
    let tried = desk.custody(&envelope, &set);
    assert!(tried.status.success(), "{}", stderr(&tried));
    let given = desk.custody(&[&envelope[..], &["--artifact", "other"]].concat(), &[]);
    assert!(!given.status.success() && stderr(&given).contains("among the subjects"), "{}", stderr(&given));
}

#[test]
fn where_one_result_goes_cannot_be_set_for_all() {
    let desk = Desk::new();
    let made =
        desk.custody(&["key", "new", "second"], &[("CUSTODY_OUT", "leaked.pem"), ("CUSTODY_NAME", "third")]);
    assert!(made.status.success(), "{}", stderr(&made));
    assert!(!desk.work.path().join("leaked.pem").exists());
    configure(&desk, "out = \"leaked.pem\"\n");
    let refused = desk.custody(&["key", "list"], &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("there is no setting `out`"), "{}", stderr(&refused));
}

#[test]
fn flags_that_are_needed_can_come_from_environment_and_file() {
    let desk = Desk::new();
    let approval = ["record", "approval", "--subject", "app", "--at", "2026-11-20T14:00:00Z", "--dry-run"];
    let missing = desk.custody(&approval, &[]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("an approval needs --for NAME"), "{}", stderr(&missing));
    let statement = desk.bytes(&approval, &[("CUSTODY_FOR", "prod")]);
    assert!(String::from_utf8(statement).unwrap().contains("\"for\":\"prod\""));
    let deploy = ["record", "deploy", "--subject", "app", "--at", "2026-11-20T14:00:00Z", "--dry-run"];
    configure(&desk, "environment = \"staging\"\n");
    let statement = desk.bytes(&deploy, &[]);
    assert!(String::from_utf8(statement).unwrap().contains("staging"));
    let review = ["record", "review", "--approved-at", "2026-11-20T14:00:00Z", "--dry-run"];
    let missing = desk.custody(&review, &[]);
    assert!(stderr(&missing).contains("a review needs --reviewer WHO"), "{}", stderr(&missing));
}

#[test]
fn without_a_name_the_key_shown_is_the_one_that_signs() {
    let desk = Desk::new();
    assert!(desk.custody(&["key", "new", "ci"], &[]).status.success());
    let ci = desk.bytes(&["key", "show", "ci", "--pem"], &[]);
    assert_eq!(desk.bytes(&["key", "show", "--pem"], &[("CUSTODY_KEY", "ci")]), ci);
    configure(&desk, "key = \"ci\"\n");
    assert_eq!(desk.bytes(&["key", "show", "--pem"], &[]), ci);
    assert_ne!(desk.bytes(&["key", "show", "default", "--pem"], &[]), ci);
}

#[test]
fn a_configuration_file_that_was_named_must_be_there() {
    let desk = Desk::new();
    let typed = desk.custody(&["key", "list", "--config", "absent.toml"], &[]);
    let set = desk.custody(&["key", "list"], &[("CUSTODY_CONFIG", "absent.toml")]);
    for refused in [typed, set] {
        assert_eq!(refused.status.code(), Some(2));
        assert!(
            stderr(&refused).contains("there is no configuration file absent.toml"),
            "{}",
            stderr(&refused)
        );
    }
    // `init` is what makes it: here it fails for another reason.
    let init = desk.custody(&["init", "--config", "absent.toml"], &[]);
    assert!(stderr(&init).contains("no server is set"), "{}", stderr(&init));
}

#[test]
fn a_file_too_large_to_be_what_it_should_be_is_not_read() {
    let desk = Desk::new();
    let file = std::fs::File::create(desk.work.path().join("huge")).unwrap();
    file.set_len(1 << 40).unwrap();
    for args in [
        &["receipt", "refresh", "huge"][..],
        &["show", "1", "--server", "http://127.0.0.1:1", "--trust", "huge"],
    ] {
        let refused = desk.custody(args, &[]);
        assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
        assert!(stderr(&refused).contains("is larger than"), "{args:?}: {}", stderr(&refused));
    }
}

#[test]
fn facts_are_written_by_the_ids_of_their_ends() {
    let desk = Desk::new();
    let approval = [
        "record",
        "approval",
        "--for",
        "prod",
        "--subject",
        "app",
        "--at",
        "2026-11-20T14:00:00Z",
        "--dry-run",
    ];
    std::fs::write(desk.work.path().join("statement.json"), desk.bytes(&approval, &[])).unwrap();
    let inspected = desk.custody(&["inspect", "statement.json", "-o", "json"], &[]);
    let document: serde_json::Value = serde_json::from_slice(&inspected.stdout).unwrap();
    let facts = document["facts"].as_array().unwrap();
    assert!(!facts.is_empty());
    let plain = |fact: &serde_json::Value, end: &str| !fact[end].as_str().unwrap().contains(' ');
    assert!(facts.iter().all(|fact| plain(fact, "from") && plain(fact, "to")), "{facts:?}");
}

#[test]
fn the_commit_of_this_folder_is_none_of_another_repository() {
    let desk = Desk::new();
    let other = ["record", "source", "--repo", "https://github.com/other/project", "--dry-run"];
    let refused = desk.custody(&other, &[]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("no commit"), "{}", stderr(&refused));
    let same = ["record", "source", "--repo", "git@github.com:acme/api.git", "--dry-run"];
    let output = desk.custody(&same, &[]);
    assert!(output.status.success() && stderr(&output).contains("(git HEAD)"), "{}", stderr(&output));
}

#[test]
fn a_ci_variable_that_cannot_be_read_is_named_and_nothing_takes_its_place() {
    let desk = Desk::new();
    let environment = [("GITHUB_ACTIONS", "true"), ("GITHUB_REPOSITORY", "acme/api"), ("GITHUB_SHA", "zzz")];
    let refused = desk.custody(&["record", "source", "--dry-run"], &environment);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("GITHUB_SHA cannot be read"), "{}", stderr(&refused));
}

#[test]
fn a_new_key_overwrites_no_public_half() {
    let desk = Desk::new();
    std::fs::write(desk.work.path().join("a.pub"), "someone's").unwrap();
    let refused = desk.custody(&["key", "new", "--out", "a.pem"], &[]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert_eq!(std::fs::read(desk.work.path().join("a.pub")).unwrap(), b"someone's");
    assert!(!desk.work.path().join("a.pem").exists());
}

#[test]
fn a_snapshot_that_is_not_whole_is_refused_unless_it_says_so() {
    let desk = Desk::new();
    let pods = |statuses: &str| {
        let list = format!(
            r#"{{"kind":"List","items":[{{"kind":"Pod","metadata":{{"name":"p"}},"status":{{"containerStatuses":[{statuses}]}}}}]}}"#
        );
        std::fs::write(desk.work.path().join("pods.json"), list).unwrap();
    };
    let runs = format!(r#"{{"name":"a","image":"app","imageID":"app@sha256:{}"}}"#, "a".repeat(64));
    let snapshot = |more: &[&str]| {
        let line = ["record", "snapshot", "--environment", "prod", "--pods", "pods.json", "--dry-run"];
        desk.custody(&[&line[..], more].concat(), &[])
    };
    pods(&runs);
    for more in [&[][..], &["--partial"]] {
        let whole = snapshot(more);
        assert!(whole.status.success(), "{}", stderr(&whole));
        assert!(!String::from_utf8_lossy(&whole.stdout).contains("unknown"));
    }
    let waits: Vec<String> = (0..5).map(|at| format!(r#",{{"name":"late{at}","imageID":""}}"#)).collect();
    let waits = waits.concat();
    pods(&(runs + &waits));
    let refused = snapshot(&[]);
    assert_eq!((refused.status.code(), refused.stdout.as_slice()), (Some(2), &b""[..]));
    let said = "found 5 containers or pods of which nobody knows what runs: default/p, container late0: no imageID; \
        default/p, container late1: no imageID; default/p, container late2: no imageID; 2 more";
    assert!(stderr(&refused).contains(said), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("container late4: no imageID"), "each is warned of");
    let partial = snapshot(&["--partial"]);
    assert!(partial.status.success(), "{}", stderr(&partial));
    let statement: serde_json::Value = serde_json::from_slice(&partial.stdout).unwrap();
    assert_eq!(statement["predicate"]["unknown"], 5);
    assert_eq!(statement["predicate"]["running"].as_array().unwrap().len(), 1);
    // Where nothing is known, there is nothing to record.
    pods(waits.trim_start_matches(','));
    assert_eq!(snapshot(&["--partial"]).status.code(), Some(2));
    let without = desk.custody(&["record", "snapshot", "--environment", "prod", "--empty", "--partial"], &[]);
    assert_eq!(without.status.code(), Some(2), "there must be pods for a part of them to be known");
}

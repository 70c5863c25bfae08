//! Record, prove, answer: the chain of custody of one artifact, over the command line, and again after a restart.

use std::path::Path;
use std::process::Command;

use custody_tests::client::User;
use custody_tests::evidence::{envelope, statement};
use custody_tests::oracle::digest_text;
use custody_tests::server::{Ledger, Server, run};
use custody_tests::wire::Caller;
use serde_json::{Value, json};

const REPOSITORY: &str = "https://example.com/acme/api";

/// A log, its server, and a user whose home is a git working copy with an artifact and an SBOM in it.
fn stage() -> (Ledger, Server, User) {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let user = User::of(&server.url(), &Caller::of(&server).pin(), &ledger.writer_key_file(0));
    git(user.home(), &["init", "--quiet", "--initial-branch=main"]);
    git(user.home(), &["remote", "add", "origin", REPOSITORY]);
    git(user.home(), &["commit", "--quiet", "--allow-empty", "--message", "First"]);
    user.file("app.tar.gz", "the artifact");
    user.file("app.cdx.json", sbom().to_string());
    (ledger, server, user)
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=alice", "-c", "user.email=alice@example.com"])
        .args(arguments)
        .current_dir(folder);
    git.env_clear().env("HOME", folder).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let ended = run(git);
    assert_eq!(ended.code, Some(0), "git {arguments:?}: {}", ended.stderr);
    ended.stdout.trim().to_owned()
}

fn sbom() -> Value {
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "components": [{"type": "library", "name": "axios", "version": "1.14.1", "purl": "pkg:npm/axios@1.14.1"}],
    })
}

/// Runs a command with `-o json` that must end with 0.
fn yes(user: &User, line: &str) -> Value {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (code, answer) = user.json(&words);
    assert_eq!(code, Some(0), "custody {line}: {answer}");
    answer
}

/// Records the whole chain; returns the answers in order.
fn record_chain(user: &User) -> Vec<Value> {
    let chain = [
        "record source",
        "record review --reviewer bob --approved-at 2026-11-20T10:00:00Z",
        "record build --artifact app.tar.gz --builder-id https://example.com/builder \
         --build-type https://example.com/build/v1 --run-url https://example.com/run/4711",
        "record sbom app.cdx.json --subject app.tar.gz",
        "record approval --for prod --subject app.tar.gz --at 2026-11-20T11:00:00Z",
        "record promotion --from staging --to prod --subject app.tar.gz --at 2026-11-20T12:00:00Z",
        "record deploy --environment prod --workload api --subject app.tar.gz --at 2026-11-20T13:00:00Z",
    ];
    chain.iter().map(|line| yes(user, line)).collect()
}

fn edge_kinds(trace: &Value) -> Vec<String> {
    let edges = trace["edges"].as_array().unwrap();
    edges.iter().map(|edge| edge["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_chain_of_one_artifact_is_recorded_traced_and_verified() {
    let (_ledger, _server, user) = stage();
    let answers = record_chain(&user);
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer["index"], number + 1, "{answer}");
        assert_eq!(answer["duplicate"], false, "{answer}");
        assert_eq!(answer["spooled"], false, "{answer}");
        assert!(answer["receipt"].as_str().unwrap().starts_with("c2sp.org/tlog-proof@v1\n"), "{answer}");
        assert!(
            answer["checkpoint"]["size"].as_u64().unwrap() > answer["index"].as_u64().unwrap(),
            "{answer}"
        );
    }

    let trace = yes(&user, "trace app.tar.gz");
    assert_eq!(trace["resolved"], json!({"kind": "artifact", "id": digest_text(b"the artifact")}));
    assert_eq!(trace["at"]["size"], 8, "{trace}");
    let kinds = edge_kinds(&trace);
    for kind in [
        "built-by",
        "built-from",
        "on-ref",
        "ran-on",
        "described-by",
        "reviewed",
        "approved",
        "promoted",
        "runs-in",
    ] {
        assert!(kinds.iter().any(|found| found == kind), "{kind} is not in {kinds:?}");
    }
    for edge in trace["edges"].as_array().unwrap() {
        assert_eq!(edge["status"], "verified", "{edge}");
    }

    let text = user.custody(&["trace", "app.tar.gz"]);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    for part in ["source", "build", "sbom", "approval", "deploy", "missing", "verified here"] {
        assert!(text.stdout.contains(part), "{part}:\n{}", text.stdout);
    }
}

#[test]
fn saying_it_again_gives_the_same_entries() {
    let (_ledger, _server, user) = stage();
    let first = record_chain(&user);
    let again = record_chain(&user);
    for (first, again) in first.iter().zip(&again) {
        assert_eq!(again["duplicate"], true, "{again}");
        assert_eq!(again["index"], first["index"]);
        assert_eq!(again["entry"], first["entry"]);
    }
}

#[test]
fn everything_is_found_by_what_it_says() {
    let (_ledger, _server, user) = stage();
    record_chain(&user);
    let found = |line: &str| -> Vec<u64> {
        let answer = yes(&user, line);
        answer["entries"].as_array().unwrap().iter().map(|entry| entry["index"].as_u64().unwrap()).collect()
    };
    let commit = git(user.home(), &["rev-parse", "HEAD"]);
    assert_eq!(found("find --subject app.tar.gz"), [7, 6, 5, 4, 3]);
    assert_eq!(found(&format!("find --commit {commit}")), [3, 2, 1]);
    assert_eq!(found(&format!("find --repo {REPOSITORY}")), [3, 2, 1]);
    assert_eq!(found("find --component pkg:npm/axios@1.14.1"), [4]);
    assert_eq!(found("find --environment prod --predicate urn:custody:deployment:v1"), [7]);
    assert_eq!(found("find --builder https://example.com/builder"), [3]);
    assert_eq!(found("find --run https://example.com/run/4711"), [3]);
    assert_eq!(found("find --subject app.tar.gz --limit 2"), [7, 6]);
    assert_eq!(found("find --subject app.tar.gz --at 5"), [4, 3]);
}

#[test]
fn nothing_known_is_an_answer_with_its_own_exit_code() {
    let (_ledger, _server, user) = stage();
    let unknown = format!("sha256:{}", "ab".repeat(32));
    for line in ["trace", "show"] {
        let (code, answer) = user.json(&[line, &unknown]);
        assert_eq!(code, Some(4), "custody {line}: {answer}");
        assert_eq!(answer["error"]["code"], "no_record", "{answer}");
    }
    let (code, answer) = user.json(&["find", "--subject", &unknown]);
    assert_eq!(code, Some(4), "{answer}");
    let (code, answer) = user.json(&["show", "index:99"]);
    assert_eq!(code, Some(4), "{answer}");
}

#[test]
fn a_restart_keeps_everything() {
    let (ledger, server, user) = stage();
    let answers = record_chain(&user);
    let port = server.port();
    let shown: Vec<Value> = (1..=7).map(|index| yes(&user, &format!("show index:{index}"))).collect();
    let trace = yes(&user, "trace app.tar.gz");
    server.stop();
    let _server = Server::start_at(&ledger.data(), port);
    for (shown, answer) in shown.iter().zip(&answers) {
        let again = yes(&user, &format!("show index:{}", answer["index"]));
        assert_eq!(again["entry"], shown["entry"]);
        assert_eq!(again["envelope"], shown["envelope"]);
    }
    let again = yes(&user, "trace app.tar.gz");
    assert_eq!(again["edges"], trace["edges"]);
    assert_eq!(again["at"], trace["at"]);
}

#[test]
fn the_index_can_be_lost_without_losing_anything() {
    let (ledger, server, user) = stage();
    record_chain(&user);
    let port = server.port();
    let trace = yes(&user, "trace app.tar.gz");
    server.stop();
    std::fs::remove_dir_all(ledger.data().join("index")).unwrap();
    let _server = Server::start_at(&ledger.data(), port);
    assert_eq!(yes(&user, "trace app.tar.gz")["edges"], trace["edges"]);
    let again = record_chain(&user);
    assert!(again.iter().all(|answer| answer["duplicate"] == true), "{again:?}");
}

#[test]
fn a_receipt_is_verified_without_a_server() {
    let (_ledger, server, user) = stage();
    yes(&user, "record source --receipt source.tlog-proof");
    yes(&user, "show index:1 --save kept");
    server.stop();
    let good = user.custody(&["verify", "source.tlog-proof", "kept/1.record.json", "kept/1.envelope.json"]);
    assert_eq!(good.code, Some(0), "{}{}", good.stdout, good.stderr);
    let alone = user.custody(&["verify", "source.tlog-proof"]);
    assert_eq!(alone.code, Some(3), "{}{}", alone.stdout, alone.stderr);

    let receipt = std::fs::read_to_string(user.home().join("source.tlog-proof")).unwrap();
    let swapped = |from: &str, to: &str| receipt.replacen(from, to, 1);
    let root = receipt.lines().rfind(|line| line.len() == 44).unwrap();
    let broken = [
        ("another index", swapped("index 1", "index 0")),
        ("another entry", swapped("extra Y3Vz", "extra Y3Vy")),
        (
            "another root",
            swapped(root, &format!("{}{}", if root.starts_with('A') { 'B' } else { 'A' }, &root[1..])),
        ),
        ("another origin", swapped("example.com/tests\n", "example.com/texts\n")),
        ("a hash more", swapped("index 1\n", &format!("index 1\n{root}\n"))),
        ("something behind", format!("{receipt}x\n")),
        ("half of it", receipt[..receipt.len() / 2].to_owned()),
    ];
    for (name, bytes) in broken {
        user.file("broken.tlog-proof", bytes);
        let refused = user.custody(&["verify", "broken.tlog-proof"]);
        assert_eq!(refused.code, Some(1), "{name}: {}{}", refused.stdout, refused.stderr);
    }
}

#[test]
fn exact_bytes_come_back() {
    let (ledger, _server, user) = stage();
    let bytes = envelope(&statement("raw"), &[&ledger.writers[0]]);
    let file = user.file("raw.json", &bytes);
    let (code, answer) = user.json(&["record".as_ref(), "envelope".as_ref(), file.as_os_str()]);
    assert_eq!(code, Some(0), "{answer}");
    assert_eq!(answer["envelope"], digest_text(&bytes));
    let raw = user.custody(&["show", "index:1", "--raw"]);
    assert_eq!(raw.stdout.as_bytes(), bytes);
}

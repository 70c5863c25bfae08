//! Every message of the commands that talk to a log, word for word, with its exit code.
//!
//! A golden is a file in `goldens/`. After a change on purpose, `CUSTODY_GOLDENS=write cargo test` writes them anew;
//! read the difference before it is committed.

use std::path::{Path, PathBuf};

use custody_evidence::digest_set::Digest;

use crate::double::{Lie, Log, Run, Server, bare, log};

const APPROVAL: &str = "urn:custody:approval:v1";
const APPROVED: &str = r#"{"for":"prod","approver":"alice","at":"2026-11-20T14:00:00Z"}"#;
/// The time of entry 2.
const SECOND: &str = "2026-11-20T14:04:00Z";
const ARTIFACT: &[u8] = b"the artifact";

pub(crate) struct Case {
    name: &'static str,
    code: i32,
    args: Vec<String>,
}

pub(crate) fn case(name: &'static str, code: i32, args: &[&str]) -> Case {
    Case { name, code, args: args.iter().map(ToString::to_string).collect() }
}

fn sample() -> Log {
    let mut log = Log::new();
    log.append_statement(APPROVAL, ARTIFACT, APPROVED);
    log.append_statement(APPROVAL, ARTIFACT, &APPROVED.replace("alice", "bob"));
    log.append_statement(
        "https://example.com/hostile/v1",
        b"hostile",
        "{\"\u{202e}backwards\":\"\u{9b}2J\"}",
    );
    log
}

fn digest() -> String {
    Digest::sha256_of(ARTIFACT).to_string()
}

/// Compares what was printed with the golden, or writes it.
pub(crate) fn check(name: &str, code: i32, run: &Run, places: &[(String, &str)]) {
    let mut found = format!("exit {}\n--- stdout\n{}--- stderr\n{}", run.code, run.stdout, run.stderr);
    for (text, placeholder) in places {
        found = found.replace(text.as_str(), placeholder);
    }
    // The cosignature was made 3 seconds before the server was asked; a slow machine may make it 4.
    for seconds in 4..30 {
        found = found.replace(&format!("cosigned {seconds} s ago"), "cosigned 3 s ago");
    }
    let found = without_cosignature(&found).replace('\u{2014}', "--");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/untrusted/goldens/{name}.txt"));
    if std::env::vars().any(|(name, value)| name == "CUSTODY_GOLDENS" && value == "write") {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{name}: the golden is {}", path.display());
    assert_eq!(run.code, code, "{name}: {found}");
}

/// The freshness cosignature holds the time at which the server was asked.
fn without_cosignature(text: &str) -> String {
    const START: &str = "example.com/test ry+B5g";
    let mut parts = text.split(START);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(['\n', '\\']).unwrap_or(part.len());
        masked += "example.com/test COSIGNATURE";
        masked += &part[end..];
    }
    masked
}

fn places(server: &Server, dir: &Path) -> Vec<(String, &'static str)> {
    vec![
        (dir.display().to_string(), "DIR"),
        (server.url(), "http://SERVER"),
        (server.address.to_string(), "SERVER"),
        (server.pin().genesis.to_hex(), "GENESIS"),
        (server.pin().genesis.to_hex().chars().take(16).collect(), "GENESIS16"),
    ]
}

pub(crate) async fn run_cases(server: &Server, dir: &Path, cases: &[Case]) {
    let places = places(server, dir);
    for case in cases {
        let args: Vec<&str> = case.args.iter().map(String::as_str).collect();
        let run = server.custody(dir, &args).await;
        assert!(!run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'), "{}: {run:?}", case.name);
        check(case.name, case.code, &run, &places);
    }
}

#[tokio::test]
async fn honest_answers_read_as_written_here() {
    let server = Server::start(sample()).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.tar.gz"), ARTIFACT).unwrap();
    std::fs::write(dir.path().join("unknown"), b"unknown").unwrap();
    let digest = digest();
    let cases = [
        case("trace", 0, &["trace", "./app.tar.gz"]),
        case("trace_json", 0, &["trace", &digest, "-o", "json"]),
        case("trace_logged", 0, &["trace", &digest, "--verify", "logged"]),
        case("trace_as_of", 0, &["trace", &digest, "--at", "2"]),
        case("trace_unknown_file", 4, &["trace", "unknown"]),
        case("trace_unknown_name", 4, &["trace", "absent"]),
        case("trace_bad_thing", 2, &["trace", "sha256:12"]),
        case("trace_relative_time", 2, &["trace", &digest, "--at", "3.dayz.ago"]),
        case("find", 0, &["find", "--subject", "app.tar.gz"]),
        case("find_json", 0, &["find", "--subject", &digest, "-o", "json"]),
        case("find_at_time", 0, &["find", "--subject", &digest, "--at", SECOND]),
        case("find_until", 0, &["find", "--subject", &digest, "--until", "2026-11-20T14:01:00Z"]),
        case("trace_at_time", 0, &["trace", &digest, "--at", SECOND]),
        case("trace_no_such_tree", 2, &["trace", &digest, "--at", "999"]),
        case("find_no_such_tree", 2, &["find", "--subject", &digest, "--at", "999"]),
        case("find_nothing", 4, &["find", "--commit", "16d9990000000000000000000000000000000000"]),
        case("find_version_range", 2, &["find", "--component", "pkg:gem/rails@>=7.0"]),
        case("watch", 0, &["watch", "--cursor", "1", "--limit", "2"]),
        case(
            "watch_json",
            0,
            &["watch", "--environment", "prod", "--cursor", "0", "--limit", "1", "-o", "json"],
        ),
        case("watch_nothing", 2, &["watch", "--limit", "0"]),
        case("findings_none", 0, &["findings"]),
        case("show", 0, &["show", "1"]),
        case("show_hostile", 0, &["show", "index:3"]),
        case("show_json", 0, &["show", "index:1", "-o", "json"]),
        case("show_save", 0, &["show", "index:1", "--raw", "--save", "saved"]),
        case(
            "verify_saved",
            0,
            &["verify", "saved/1.receipt", "saved/1.record.json", "saved/1.envelope.json", "app.tar.gz"],
        ),
        case("show_several", 2, &["show", &digest]),
        case("show_beyond", 4, &["show", "index:99"]),
        case("show_beyond_json", 4, &["show", "index:99", "-o", "json"]),
        case("trust_show", 0, &["trust", "show"]),
        case("trust_log", 0, &["trust", "log"]),
        case("trust_propose_nothing", 1, &["trust", "propose", "--out", "next.json"]),
        case(
            "trust_remove_unknown",
            2,
            &["trust", "propose", "--out", "n.json", "--remove-writer", "nobody"],
        ),
        case(
            "trust_propose_expired",
            2,
            &["trust", "propose", "--out", "old.json", "--expires", "2020-01-01"],
        ),
        case("trust_propose", 0, &["trust", "propose", "--out", "next.json", "--remove-writer", "ci"]),
    ];
    run_cases(&server, dir.path(), &cases).await;
}

#[tokio::test]
async fn each_lie_is_refused_in_these_words() {
    let lies = [
        (Lie::WrongProof, "lie_wrong_proof", vec!["show", "1"]),
        (Lie::SwappedEntry, "lie_swapped_entry", vec!["show", "1"]),
        (Lie::SwappedRecord, "lie_swapped_record", vec!["show", "1"]),
        (Lie::SwappedEnvelope, "lie_swapped_envelope", vec!["show", "1"]),
        (Lie::ForeignKey, "lie_foreign_key", vec!["show", "1"]),
        (Lie::WithheldAdmin, "lie_withheld_admin", vec!["trust", "show"]),
        (Lie::ForgedEdge, "lie_forged_edge", vec!["trace", "app.tar.gz"]),
        (Lie::UnrelatedEdges, "lie_unrelated_edges", vec!["trace", "evil.tar.gz"]),
        (Lie::NotAsked, "lie_not_asked", vec!["find", "--environment", "staging"]),
        (Lie::ForeignRoot, "lie_foreign_root", vec!["trace", "app.tar.gz"]),
        (Lie::NotAsked, "lie_recorded_since", vec!["find", "--recorded-since", "index:2"]),
        (Lie::NotAsked, "lie_recorded_until", vec!["find", "--recorded-until", SECOND]),
        (Lie::NotAsked, "lie_since", vec!["find", "--since", "2026-11-21T00:00:00Z"]),
        (Lie::NotAsked, "lie_until", vec!["find", "--until", "2026-11-20T14:00:00Z"]),
        (Lie::TooYoungTree, "lie_too_young", vec!["find", "--at", SECOND]),
        (Lie::TooOldTree, "lie_too_old", vec!["find", "--at", SECOND]),
        (Lie::TooYoungTree, "lie_trace_too_young", vec!["trace", "app.tar.gz", "--at", SECOND]),
        (Lie::NotCovered, "lie_not_covered", vec!["find", "--environment", "prod"]),
        (Lie::OnlyFirst, "lie_watch_repeats", vec!["watch", "--cursor", "2"]),
        (Lie::NotAsked, "lie_watch_not_asked", vec!["watch", "--environment", "staging", "--cursor", "1"]),
        (Lie::ForgedFinding, "lie_forged_finding", vec!["findings"]),
        (Lie::FindingBefore, "lie_finding_before", vec!["findings", "--since", "index:2"]),
        (Lie::FindingOfNothing, "lie_finding_of_nothing", vec!["findings"]),
        (Lie::StandsStill, "lie_findings_stand_still", vec!["findings"]),
        (Lie::NotCovered, "lie_findings_not_covered", vec!["findings"]),
        (Lie::Redacted, "lie_redacted", vec!["trace", "app.tar.gz"]),
    ];
    for (lie, name, args) in lies {
        let server = Server::start(sample()).await;
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("app.tar.gz"), ARTIFACT).unwrap();
        std::fs::write(dir.path().join("evil.tar.gz"), "another artifact").unwrap();
        if lie == Lie::WithheldAdmin {
            server.log.lock().unwrap().append_trust("pipeline");
        } else {
            server.open(&dir.path().join("state")).await.unwrap();
        }
        server.lie(lie);
        run_cases(
            &server,
            dir.path(),
            &[Case { name, code: 1, args: args.iter().map(ToString::to_string).collect() }],
        )
        .await;
    }
}

#[tokio::test]
async fn rollback_fork_lag_and_age_read_as_written_here() {
    let show = ["show", "1"];
    let mut restored = sample().cut(2);
    restored.freshness_age = Some(0);
    let mut lagging = sample().cut(2);
    lagging.freshness_age = Some(3600);
    let mut fork = sample().cut(2);
    for subject in [b"a", b"b", b"c"] {
        fork.append_statement(APPROVAL, subject, APPROVED);
    }
    let mut frozen = sample();
    frozen.freshness_age = Some(7200 + 30);
    let mut undated = sample();
    undated.freshness_age = None;
    let later = [
        ("rollback", 1, restored),
        ("lag", 3, lagging),
        ("fork", 1, fork),
        ("frozen", 0, frozen),
        ("undated", 0, undated),
    ];
    for (name, code, log) in later {
        let server = Server::start(sample()).await;
        let dir = tempfile::tempdir().unwrap();
        server.open(&dir.path().join("state")).await.unwrap();
        *server.log.lock().unwrap() = log;
        run_cases(&server, dir.path(), &[case(name, code, &show)]).await;
    }
}

#[tokio::test]
async fn settings_that_are_missing_or_wrong_read_as_written_here() {
    let server = Server::start(sample()).await;
    let dir = tempfile::tempdir().unwrap();
    let other = format!("{}+sha256:{}", server.pin().origin, "0".repeat(64));
    let cases = [
        case("wrong_log", 1, &["show", "1", "--trust", &other]),
        case(
            "wrong_origin",
            2,
            &["show", "1", "--trust", &server.pin().to_string().replace("example", "other")],
        ),
        case("bad_pin", 2, &["show", "1", "--trust", "example.com/test+sha256:00"]),
        case("no_such_trust_file", 2, &["show", "1", "--trust", "absent.json"]),
        case("bad_scheme", 2, &["show", "1", "--server", "ftp://example.com"]),
        case("bad_address", 2, &["show", "1", "--server", "localhost"]),
        case("unreachable", 3, &["show", "1", "--server", "http://127.0.0.1:1", "--timeout", "200ms"]),
        case("init_other_log", 1, &["init", "--trust", &other]),
        case("init", 0, &["init", "--key", "env://CI_KEY"]),
        case("config", 0, &["config"]),
    ];
    run_cases(&server, dir.path(), &cases).await;
    let places = places(&server, dir.path());
    let places = &places;
    let empty = tempfile::tempdir().unwrap();
    let bare_run = |args: &[&str]| Run::of(bare(empty.path()).args(args).output().unwrap());
    check("no_server", 2, &bare_run(&["show", "1"]), places);
    check("no_pin", 2, &bare_run(&["show", "1", "--server", "http://127.0.0.1:1"]), places);
    check(
        "no_pin_json",
        2,
        &bare_run(&["show", "1", "--server", "http://127.0.0.1:1", "-o", "json"]),
        places,
    );
    check("verify_no_pin", 2, &bare_run(&["verify", "file"]), places);
    check("usage_json", 2, &bare_run(&["find", "--limit", "0", "-o", "json"]), places);
    let url = server.url();
    let path = empty.path().to_owned();
    let run = tokio::task::spawn_blocking(move || {
        Run::of(bare(&path).args(["init", "--server", &url]).output().unwrap())
    });
    check("init_without_terminal", 2, &run.await.unwrap(), places);
}

#[tokio::test]
async fn verify_works_without_a_server_and_reads_as_written_here() {
    let server = Server::start(sample()).await;
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    let (receipt, second, stored) = {
        let log = server.log.lock().unwrap();
        let receipt = |index| log.receipt(custody_log::LeafIndex::new(index).unwrap());
        (receipt(1), receipt(2), log.stored[1].clone())
    };
    // The age of the freshness cosignature is in the receipt, and nothing printed depends on it.
    write("receipt", &receipt.encode());
    write("record", &stored.record);
    write("envelope", &stored.envelope);
    write("app.tar.gz", ARTIFACT);
    write("other.tar.gz", b"another artifact");
    let mut changed = stored.envelope.clone();
    changed.push(b' ');
    write("changed", &changed);
    let record = String::from_utf8(stored.record.clone()).unwrap();
    write("changed-record", record.replacen("ci", "CI", 1).as_bytes());
    // The entry of another log: everything fits together, and nothing is signed by the log's key.
    let broken = String::from_utf8(receipt.encode()).unwrap();
    let hash = broken.lines().find(|line| line.len() == 44).unwrap().to_owned();
    write("broken", broken.replacen(&hash, &format!("{}A=", &hash[..42]), 1).as_bytes());
    write("receipt-2", &second.encode());
    write("cut", &receipt.encode()[..60]);
    let forged = String::from_utf8(receipt.encode()).unwrap().replace("\nindex 1\n", "\nindex 2\n");
    write("forged", forged.as_bytes());
    let saved = server.custody(dir.path(), &["trust", "show", "--out", "trust.json"]).await;
    assert_eq!(saved.code, 0, "{saved:?}");
    let verify = |args: &[&str]| {
        let mut command = bare(dir.path());
        command.env("CUSTODY_STATE_DIR", dir.path().join("none")).arg("verify").args(args);
        Run::of(command.output().unwrap())
    };
    let places = places(&server, dir.path());
    let trust = ["--trust", "trust.json"];
    let with = |files: &[&'static str]| verify(&[&trust[..], files].concat());
    check("verify_all", 0, &with(&["receipt", "record", "envelope", "app.tar.gz"]), &places);
    check("verify_json", 0, &with(&["receipt", "record", "envelope", "-o", "json"]), &places);
    check("verify_without_envelope", 3, &with(&["receipt", "record"]), &places);
    check("verify_without_envelope_json", 3, &with(&["receipt", "record", "-o", "json"]), &places);
    // A pipe gives its bytes once.
    for name in ["-", "/dev/stdin"] {
        let mut command = bare(dir.path());
        command.arg("verify").args(trust).args(["receipt", "record", "envelope", name]);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), ARTIFACT).unwrap();
        let run = Run::of(child.wait_with_output().unwrap());
        assert!(run.code == 0 && run.stdout.contains("subject of entry 1"), "{name}: {run:?}");
    }
    check("verify_logged", 0, &with(&["receipt", "record", "--verify", "logged"]), &places);
    check("verify_receipt_only", 3, &with(&["receipt"]), &places);
    check("verify_receipt_only_logged", 3, &with(&["receipt", "--verify", "logged"]), &places);
    check("verify_orphan", 3, &with(&["envelope"]), &places);
    check("verify_changed_envelope", 1, &with(&["receipt", "record", "changed"]), &places);
    check("verify_other_artifact", 1, &with(&["receipt", "record", "envelope", "other.tar.gz"]), &places);
    check("verify_changed_record", 1, &with(&["receipt", "changed-record", "envelope"]), &places);
    check("verify_failed_receipt", 1, &with(&["broken", "record", "envelope", "app.tar.gz"]), &places);
    check("verify_one_of_two", 1, &with(&["broken", "receipt", "record", "envelope"]), &places);
    check("verify_two_lack_it", 3, &with(&["receipt", "receipt-2", "record", "changed"]), &places);
    check("verify_cut_receipt", 1, &with(&["cut"]), &places);
    check("verify_forged_receipt", 1, &with(&["forged"]), &places);
    let pin = server.pin().to_string();
    check("verify_bare_pin", 2, &verify(&["--trust", &pin, "receipt"]), &places);
}

#[tokio::test]
async fn a_second_administrator_cannot_be_replaced_by_signing_twice() {
    let server = Server::start(sample()).await;
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("admin.pem");
    std::fs::write(&key, log::administrator().to_pem().as_bytes()).unwrap();
    let stranger = dir.path().join("stranger.pem");
    std::fs::write(&stranger, custody_evidence::key::SigningKey::from_seed(&[8; 32]).to_pem().as_bytes())
        .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    for path in [&key, &stranger] {
        std::fs::set_permissions(path, std::fs::Permissions::clone(&mode)).unwrap();
    }
    let propose = ["trust", "propose", "--out", "next.json", "--remove-writer", "ci"];
    assert_eq!(server.custody(dir.path(), &propose).await.code, 0);
    let cases = [
        case("trust_sign_stranger", 1, &["trust", "sign", "next.json", "--yes", "--key", "./stranger.pem"]),
        case("trust_sign_unasked", 2, &["trust", "sign", "next.json", "--key", "./admin.pem"]),
        case("trust_sign", 0, &["trust", "sign", "next.json", "--yes", "--key", "./admin.pem"]),
        case("trust_sign_twice", 1, &["trust", "sign", "next.json", "--yes", "--key", "./admin.pem"]),
        case("trust_sign_other_file", 2, &["trust", "sign", "admin.pem", "--key", "./admin.pem"]),
    ];
    run_cases(&server, dir.path(), &cases).await;
    // What was proposed and signed is what the log takes.
    let recorded = server.custody(dir.path(), &["record", "envelope", "next.json", "-o", "json"]).await;
    assert_eq!(recorded.code, 0, "{recorded:?}");
    let shown = server.custody(dir.path(), &["trust", "log", "-o", "json"]).await;
    let document: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(document["versions"].as_array().unwrap().len(), 2);
}

/// The old key and the new one sign; then the old one can do nothing any more.
#[tokio::test]
async fn the_only_administrator_can_be_replaced() {
    use custody_evidence::key::SigningKey;
    let server = Server::start(sample()).await;
    let dir = tempfile::tempdir().unwrap();
    let new = SigningKey::from_seed(&[9; 32]);
    let keep = |name: &str, key: &SigningKey| {
        let path = dir.path().join(name);
        std::fs::write(&path, key.to_pem().as_bytes()).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    keep("old.pem", &log::administrator());
    keep("new.pem", &new);
    keep("stranger.pem", &SigningKey::from_seed(&[8; 32]));
    let shown = server.custody(dir.path(), &["trust", "show", "-o", "json"]).await;
    let mut document = serde_json::from_str::<serde_json::Value>(&shown.stdout).unwrap()["document"].take();
    let old = log::administrator().id().to_string();
    let text = document.to_string();
    let parsed = custody_evidence::trust::TrustDocument::parse(text.as_bytes()).unwrap();
    let mut members = parsed.members().clone();
    let id = members.add_key(new.public());
    let added = custody_evidence::trust::TrustDocument::new(members).unwrap().encode();
    document = serde_json::from_slice(&added).unwrap();
    let roles = document["roles"].to_string().replace(&old, &id.to_string());
    document["roles"] = serde_json::from_str(&roles).unwrap();
    // The old key is in no role any more, so it is not listed either.
    document["keys"].as_object_mut().unwrap().retain(|name, _| *name != old);
    std::fs::write(dir.path().join("document.json"), document.to_string()).unwrap();
    let sign = |key: &'static str| ["trust", "sign", "next.json", "--yes", "--key", key];
    let cases = [
        case(
            "root_replaced_propose",
            0,
            &["trust", "propose", "--document", "document.json", "--out", "next.json"],
        ),
        case("root_replaced_stranger", 1, &sign("./stranger.pem")),
        case("root_replaced_old", 0, &sign("./old.pem")),
    ];
    run_cases(&server, dir.path(), &cases).await;
    let early = server.custody(dir.path(), &["record", "envelope", "next.json"]).await;
    assert_eq!(early.code, 1, "the new key has not signed: {early:?}");
    run_cases(&server, dir.path(), &[case("root_replaced_new", 0, &sign("./new.pem"))]).await;
    let recorded = server.custody(dir.path(), &["record", "envelope", "next.json"]).await;
    assert_eq!(recorded.code, 0, "{recorded:?}");
    let propose = ["trust", "propose", "--out", "next.json", "--remove-writer", "ci"];
    assert_eq!(server.custody(dir.path(), &propose).await.code, 0);
    assert_eq!(server.custody(dir.path(), &sign("./old.pem")).await.code, 1, "it was replaced");
    // On a machine that never saw the log, the key may be one of the version before: a warning, and all is shown.
    let alone = tempfile::tempdir().unwrap();
    let args = [&sign("./old.pem")[..], &["--state-dir", alone.path().to_str().unwrap()]].concat();
    run_cases(&server, dir.path(), &[case("trust_sign_unknown_root", 0, &args)]).await;
}

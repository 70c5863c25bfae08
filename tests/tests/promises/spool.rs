//! Recording never breaks a build: what cannot be sent is kept, and recorded once, when the server is back.

use std::fs;

use custody_tests::client::User;
use custody_tests::evidence::{envelope, statement};
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::Caller;
use serde_json::Value;

const GENERIC: [&str; 7] = [
    "record",
    "generic",
    "--type",
    "https://example.com/attestation/v1",
    "--predicate",
    "p.json",
    "--retry-for",
];

/// A user whose server is away.
fn away() -> (Ledger, User, u16) {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let port = server.port();
    let user = User::of(&server.url(), &Caller::of(&server).pin(), &ledger.writer_key_file(0));
    server.stop();
    user.file("p.json", r#"{"about":"a build"}"#);
    user.file("app", "the artifact");
    (ledger, user, port)
}

fn generic(user: &User, subject: &str, more: &[&str]) -> (Option<i32>, Value) {
    user.file(subject, subject);
    let mut all = GENERIC.to_vec();
    all.extend(["1s", "--timeout", "1s", "--subject", subject]);
    all.extend(more);
    user.json(&all)
}

/// Returns the lines of a command that prints one object a line.
fn lines(user: &User, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let mut all = arguments.to_vec();
    all.extend(["-o", "json"]);
    let ended = user.custody(&all);
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    (ended.code, ended.stdout.lines().map(parse).collect())
}

#[test]
fn without_the_flag_a_server_that_is_away_is_an_error() {
    let (_ledger, user, _port) = away();
    let (code, answer) = generic(&user, "app", &[]);
    assert_eq!(code, Some(3), "{answer}");
    assert_eq!(answer["error"]["code"], "unreachable", "{answer}");
    assert_eq!(user.json(&["spool", "list"]).1["envelopes"], Value::Array(Vec::new()));
}

#[test]
fn what_is_kept_is_recorded_once_when_the_server_is_back() {
    let (ledger, user, port) = away();
    for _ in 0..2 {
        let (code, answer) = generic(&user, "app", &["--spool"]);
        assert_eq!(code, Some(0), "{answer}");
        assert_eq!(answer["spooled"], true, "{answer}");
        assert_eq!(answer["index"], Value::Null, "{answer}");
        assert_eq!(answer["why"]["code"], "unreachable", "{answer}");
    }
    let (code, answer) = user.json(&["spool", "list"]);
    assert_eq!(code, Some(0), "{answer}");
    assert_eq!(answer["envelopes"].as_array().unwrap().len(), 1, "{answer}");
    let (code, answer) = user.json(&["spool", "flush", "--timeout", "1s"]);
    assert_eq!(code, Some(3), "{answer}");

    let server = Server::start_at(&ledger.data(), port);
    let (code, recorded) = lines(&user, &["spool", "flush", "--receipts", "receipts"]);
    assert_eq!(code, Some(0), "{recorded:?}");
    assert_eq!(recorded.len(), 1, "{recorded:?}");
    assert_eq!((&recorded[0]["index"], &recorded[0]["duplicate"]), (&1.into(), &false.into()));
    let digest = recorded[0]["envelope"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    assert!(user.home().join(format!("receipts/{digest}.tlog-proof")).is_file());
    let (code, recorded) = lines(&user, &["spool", "flush"]);
    assert_eq!((code, recorded.len()), (Some(0), 0));
    // The step runs again while the server is there: the same entry.
    let (code, answer) = generic(&user, "app", &["--spool"]);
    assert_eq!(code, Some(0), "{answer}");
    assert_eq!((&answer["index"], &answer["duplicate"]), (&1.into(), &true.into()), "{answer}");
    assert_eq!(Caller::of(&server).tree().0, 2);
}

#[test]
fn a_file_travels_to_another_machine_and_a_refused_envelope_stays_with_the_reason() {
    let (ledger, user, port) = away();
    let (code, answer) = generic(&user, "one", &["--spool=ci/spool.jsonl"]);
    assert_eq!(code, Some(0), "{answer}");
    // Signed by a key that may not record.
    let stranger = custody_evidence::key::SigningKey::from_seed(&[77; 32]);
    let foreign =
        [envelope(&statement("foreign"), &[&stranger]), envelope(&statement("good"), &[&ledger.writers[0]])];
    user.file("foreign.jsonl", foreign.map(|bytes| String::from_utf8(bytes).unwrap()).join("\n"));
    let record = [
        "record",
        "envelope",
        "foreign.jsonl",
        "--spool=ci/spool.jsonl",
        "--retry-for",
        "1s",
        "--timeout",
        "1s",
    ];
    let (code, kept) = lines(&user, &record);
    assert_eq!(code, Some(0), "{kept:?}");
    assert!(kept.len() == 2 && kept.iter().all(|line| line["spooled"] == true), "{kept:?}");

    let server = Server::start_at(&ledger.data(), port);
    let other = User::of(&server.url(), &Caller::of(&server).pin(), &ledger.writer_key_file(0));
    let file = other.file("artifact.jsonl", fs::read(user.home().join("ci/spool.jsonl")).unwrap());
    let (code, flushed) = lines(&other, &["spool", "flush", "artifact.jsonl"]);
    assert_eq!(code, Some(1), "{flushed:?}");
    let words: Vec<Option<&str>> = flushed.iter().map(|line| line["error"]["code"].as_str()).collect();
    assert_eq!(words.len(), 4, "{flushed:?}");
    assert_eq!((words[0], words[2], words[3]), (None, None, Some("some_refused")), "{flushed:?}");
    let (_, listed) = other.json(&["spool", "list", "artifact.jsonl"]);
    let waiting = listed["envelopes"].as_array().unwrap();
    assert_eq!(waiting.len(), 1, "{listed}");
    assert_eq!(waiting[0]["refused"]["code"].as_str(), words[1], "{listed}");
    // It is not tried again by itself.
    let (code, again) = lines(&other, &["spool", "flush", "artifact.jsonl"]);
    assert_eq!((code, again.len()), (Some(0), 0), "{again:?}");
    let (code, again) = lines(&other, &["spool", "flush", "artifact.jsonl", "--refused"]);
    assert_eq!((code, again.len()), (Some(1), 2), "{again:?}");
    assert!(file.is_file());
    assert_eq!(Caller::of(&server).tree().0, 3);
}

#[test]
fn a_spool_of_another_log_is_refused_and_kept() {
    let (_ledger, user, _port) = away();
    generic(&user, "app", &["--spool=spool"]);
    let other = Ledger::new(1);
    let server = other.serve();
    let stranger = User::of(&server.url(), &Caller::of(&server).pin(), &other.writer_key_file(0));
    let bytes = fs::read(user.home().join("spool")).unwrap();
    let file = stranger.file("spool", &bytes);
    let (code, answer) = stranger.json(&["spool", "flush", "spool"]);
    assert_eq!(code, Some(2), "{answer}");
    assert_eq!(answer["error"]["code"], "spool_of_other_log", "{answer}");
    assert_eq!(fs::read(file).unwrap(), bytes);
}

#[test]
fn a_server_that_comes_back_within_the_retries_is_recorded_to_and_the_user_is_told() {
    let (ledger, user, port) = away();
    let starting = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(4));
        (Server::start_at(&ledger.data(), port), ledger)
    });
    let mut all = GENERIC.to_vec();
    all.extend(["60s", "--subject", "app", "--spool"]);
    let ended = user.custody(&all);
    let _server = starting.join().unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.starts_with("recorded  "), "{}", ended.stdout);
    assert!(ended.stderr.contains("trying again for"), "{}", ended.stderr);
}

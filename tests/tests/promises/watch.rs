//! A watch tells every new entry that fits, once, whatever happens to the server meanwhile.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use custody_tests::binaries::Binaries;
use custody_tests::client::User;
use custody_tests::evidence::{envelope, statement};
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::Caller;
use serde_json::Value;

fn record(ledger: &Ledger, server: &Server, name: &str, writer: usize) -> u64 {
    Caller::of(server).record(&envelope(&statement(name), &[&ledger.writers[writer]])).unwrap().index
}

fn user(ledger: &Ledger, server: &Server) -> User {
    User::of(&server.url(), &Caller::of(server).pin(), &ledger.writer_key_file(0))
}

fn watching(user: &User, flags: &[&str]) -> Child {
    let mut command = Command::new(Binaries::built().custody());
    command.args(["watch", "-o", "json"]).args(flags);
    command.env_clear().env("HOME", user.home()).current_dir(user.home());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn indexes(lines: &[Value]) -> Vec<u64> {
    lines.iter().map(|line| line["index"].as_u64().unwrap()).collect()
}

fn signer(ledger: &Ledger, writer: usize) -> String {
    format!("key:{}", ledger.writers[writer].public().id())
}

#[test]
fn a_cursor_goes_on_behind_what_was_told_without_a_gap_and_without_a_repeat() {
    let ledger = Ledger::new(2);
    let server = ledger.serve();
    let user = user(&ledger, &server);
    let expected: Vec<u64> = (0..9_usize)
        .map(|number| (number % 2, record(&ledger, &server, &format!("statement {number}"), number % 2)))
        .filter_map(|(writer, index)| (writer == 0).then_some(index))
        .collect();
    let signer = signer(&ledger, 0);
    let (mut cursor, mut told) = ("0".to_owned(), Vec::new());
    for limit in ["1", "2", "2"] {
        let words = ["watch", "--signer", &signer, "--cursor", &cursor, "--limit", limit, "-o", "json"];
        let ended = user.custody(&words);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let found = lines(&ended.stdout);
        assert!(found.iter().all(|line| line["check"] == "verified"), "{found:?}");
        cursor = found.last().unwrap()["cursor"].to_string();
        told.extend(found);
    }
    assert_eq!(indexes(&told), expected);
    // What `find` tells of an entry, and the cursor.
    let (_, found) = user.json(&["find", "--signer", &signer, "--limit", "1"]);
    let mut last = told.pop().unwrap();
    last.as_object_mut().unwrap().remove("cursor").unwrap();
    assert_eq!(found["entries"][0], last);
}

#[test]
fn a_watch_outlives_a_server_that_is_killed_and_started_again() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let user = user(&ledger, &server);
    let signer = signer(&ledger, 0);
    let before: Vec<u64> =
        (0..3).map(|number| record(&ledger, &server, &format!("before {number}"), 0)).collect();
    let port = server.port();
    let mut watch =
        watching(&user, &["--signer", &signer, "--cursor", "1", "--limit", "6", "--timeout", "2s"]);
    let mut told = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = |count: usize| -> Vec<u64> {
        let lines: Vec<String> = told.by_ref().take(count).map(Result::unwrap).collect();
        indexes(&lines.iter().flat_map(|line| self::lines(line)).collect::<Vec<_>>())
    };
    assert_eq!(next(3), before);
    server.kill();
    let server = Server::start_at(&ledger.data(), port);
    let after: Vec<u64> =
        (0..3).map(|number| record(&ledger, &server, &format!("after {number}"), 0)).collect();
    assert_eq!(next(4), after, "three more, and its end");
    assert!(watch.wait().unwrap().success());
}

#[test]
fn a_watch_begins_with_what_is_new_and_ends_when_nobody_reads_it() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let user = user(&ledger, &server);
    user.file("app.tar.gz", "an artifact that nobody recorded yet");
    record(&ledger, &server, "old", 0);
    let mut watch = watching(&user, &[]);
    // It says from where on it watches once it does.
    let mut said = String::new();
    let mut stderr = BufReader::new(watch.stderr.take().unwrap());
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("watching from entry 2 on"), "{said}");
    let new = record(&ledger, &server, "new", 0);
    let mut line = String::new();
    let mut stdout = BufReader::new(watch.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert_eq!(indexes(&lines(&line)), [new]);
    drop(stdout);
    record(&ledger, &server, "newer", 0);
    assert!(watch.wait().unwrap().success(), "it ends as a reader's end of a pipe does");

    // A file is watched for before anybody recorded it.
    let words = ["watch", "--subject", "app.tar.gz", "--cursor", "0", "--limit", "1", "-o", "json"];
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| user.custody(&words));
        let ended = user.custody(&[
            "record",
            "approval",
            "--for",
            "prod",
            "--subject",
            "app.tar.gz",
            "--reason",
            "r",
        ]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let ended = watch.join().unwrap();
        assert_eq!((ended.code, lines(&ended.stdout).len()), (Some(0), 1), "{}", ended.stderr);
    });
}

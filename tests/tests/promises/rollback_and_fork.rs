//! A server that is exchanged for an older or another one is caught by the client, and told apart from a slow one.

use std::fs;
use std::time::Duration;

use custody_tests::client::User;
use custody_tests::evidence::{envelope, statement};
use custody_tests::server::{Ledger, Server, copy_folder};
use custody_tests::wire::Caller;

fn record(server: &Server, ledger: &Ledger, names: &[&str]) {
    let caller = Caller::of(server);
    for name in names {
        caller.record(&envelope(&statement(name), &[&ledger.writers[0]])).unwrap();
    }
}

/// Serves the data again where the client expects it.
fn serve_again(ledger: &Ledger, port: u16) -> Server {
    Server::start_at(&ledger.data(), port)
}

/// A user who has seen five entries, a server that was stopped, and a copy of the data from when it held three.
fn seen_five() -> (Ledger, User, u16) {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let port = server.port();
    let user = User::of(&server.url(), &Caller::of(&server).pin(), &ledger.writer_key_file(0));
    record(&server, &ledger, &["a", "b"]);
    server.stop();
    copy_folder(&ledger.data(), &ledger.home().join("older"));

    let server = serve_again(&ledger, port);
    record(&server, &ledger, &["c", "d"]);
    let (code, answer) = user.json(&["show", "index:4"]);
    assert_eq!(code, Some(0), "{answer}");
    server.stop();
    (ledger, user, port)
}

fn put_older_back(ledger: &Ledger) {
    // Cosignatures tell the time in whole seconds; within the same one, nobody can tell an old tree from a late one.
    std::thread::sleep(Duration::from_millis(1_100));
    fs::remove_dir_all(ledger.data()).unwrap();
    copy_folder(&ledger.home().join("older"), &ledger.data());
}

#[test]
fn an_older_copy_is_a_rollback() {
    let (ledger, user, port) = seen_five();
    put_older_back(&ledger);
    let _server = serve_again(&ledger, port);
    let (code, answer) = user.json(&["show", "index:1", "--timeout", "8s"]);
    assert_eq!(code, Some(1), "{answer}");
    assert_eq!(answer["error"]["code"], "rollback", "{answer}");
}

#[test]
fn an_older_copy_that_went_on_is_a_fork() {
    let (ledger, user, port) = seen_five();
    put_older_back(&ledger);
    let server = serve_again(&ledger, port);
    record(&server, &ledger, &["other c", "other d", "other e"]);
    let (code, answer) = user.json(&["show", "index:1"]);
    assert_eq!(code, Some(1), "{answer}");
    assert_eq!(answer["error"]["code"], "fork", "{answer}");
    // Both checkpoints are kept as evidence.
    let said = answer["error"].to_string();
    assert!(said.contains(user.home().to_str().unwrap()), "where the evidence is:\n{said}");
}

#[test]
fn the_same_log_that_grew_is_neither() {
    let (ledger, user, port) = seen_five();
    let server = serve_again(&ledger, port);
    record(&server, &ledger, &["e"]);
    let (code, answer) = user.json(&["show", "index:5"]);
    assert_eq!(code, Some(0), "{answer}");
}

#[test]
fn a_server_that_is_away_is_neither() {
    let (_ledger, user, _port) = seen_five();
    let (code, answer) = user.json(&["show", "index:1", "--timeout", "2s"]);
    assert_eq!(code, Some(3), "{answer}");
    assert_eq!(answer["error"]["code"], "unreachable", "{answer}");
}

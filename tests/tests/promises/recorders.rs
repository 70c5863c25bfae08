//! Who may record and not read: it gets its receipt, and whatever proves that, and sees nothing of what others recorded.

use std::fs;

use custody_tests::client::User;
use custody_tests::evidence::{envelope, envelope_of_length, statement};
use custody_tests::oracle::sha256;
use custody_tests::server::Server;
use custody_tests::wire::{Caller, word};
use custody_wire::limits::UNARY_ENVELOPE_BYTES_MAX;
use tonic::Status;

use crate::readers::House;

const NOBODY: &str = "uri:spiffe://example.com/nobody\n";

/// A log that nobody may read, with an entry of the second writer.
fn closed() -> (House, Server) {
    let house = House::with_writers(2);
    let server = house.serve(Some(NOBODY), &[]);
    let other = envelope(&statement("other"), &[&house.ledger.writers[1]]);
    assert_eq!(house.caller(&server, None).record(&other).unwrap().index, 1);
    (house, server)
}

fn denied<T: std::fmt::Debug>(answer: Result<T, Status>, expected: &str) {
    let refused = answer.unwrap_err();
    assert_eq!(word(&refused), expected, "{refused:?}");
}

#[test]
fn who_recorded_something_reads_that_and_what_proves_it_on_its_connection() {
    let (house, server) = closed();
    let caller = house.caller(&server, None);
    let asks_nothing_yet = |caller: &Caller| {
        denied(caller.checkpoint(), "no_certificate");
        denied(caller.log(), "no_certificate");
        denied(caller.receipt(1), "no_certificate");
        denied(caller.evidence(1), "no_certificate");
    };
    asks_nothing_yet(&caller);
    // What is refused opens nothing.
    let stranger = custody_evidence::key::SigningKey::from_seed(&[99; 32]);
    assert!(caller.record(&envelope(&statement("a"), &[&stranger])).is_err());
    asks_nothing_yet(&caller);

    let sent = envelope(&statement("a"), &[&house.ledger.writers[0]]);
    let own = caller.record(&sent).unwrap().index;
    assert!(caller.checkpoint().is_ok() && caller.log().is_ok());
    assert!(caller.receipt(own).is_ok());
    assert_eq!(caller.some_envelope(own).unwrap(), sent);
    let evidence = caller.evidence(own).unwrap();
    assert!(!evidence.record.is_empty() && evidence.envelope == sent);

    for index in [0, 1] {
        denied(caller.receipt(index), "not_a_reader");
        denied(caller.some_envelope(index), "not_a_reader");
        let bare = caller.evidence(index).unwrap();
        assert!(bare.record.is_empty() && bare.envelope.is_empty() && !bare.entry.is_empty());
    }
    denied(caller.range(0, 1), "no_certificate");
    denied(caller.tile("tile/0/000.p/1"), "no_certificate");
    denied(caller.find("predicate", "https://example.com/x"), "no_certificate");
    asks_nothing_yet(&house.caller(&server, None));
}

#[test]
fn who_knows_the_digest_of_an_envelope_learns_nothing_by_it() {
    let (house, server) = closed();
    let large = envelope_of_length("large", UNARY_ENVELOPE_BYTES_MAX + 1, &house.ledger.writers[1]);
    let index = house.caller(&server, None).record(&large).unwrap().index;
    let known = [envelope(&statement("other"), &[&house.ledger.writers[1]]), large.clone()];
    for envelope in &known {
        let thief = house.caller(&server, None);
        let answer = thief.record_pieces(sha256(envelope), envelope.len() as u64, &[]);
        denied(answer, "digest_mismatch");
        denied(thief.receipt(index), "no_certificate");
    }
    // A retry has the bytes.
    let again = house.caller(&server, None).record(&large).unwrap();
    assert_eq!((again.index, again.duplicate), (index, true));
    server.stop();
    // A reader is answered without them.
    let server = house.serve(None, &[]);
    let caller = house.caller(&server, None);
    let answer = caller.record_pieces(sha256(&large), large.len() as u64, &[]).unwrap();
    assert_eq!((answer.index, answer.duplicate), (index, true));
}

#[test]
fn the_command_line_records_for_one_who_may_not_read_and_verifies_the_receipt() {
    let house = House::with_writers(2);
    let server = house.serve(None, &[]);
    let pin = house.caller(&server, None).pin();
    server.stop();
    let server = house.serve(Some(NOBODY), &[]);
    // What a job in CI has: it never ran `custody init`, which reads.
    let user = User::new();
    user.file("ca.crt", house.servers.pem());
    let settings = user.home().join(".config/custody");
    fs::create_dir_all(&settings).unwrap();
    let set = |url: &str| {
        let key = house.ledger.writer_key_file(0);
        let text = format!("server = {url:?}\ntrust = {pin:?}\nca = \"ca.crt\"\nkey = {key:?}\n");
        fs::write(settings.join("config.toml"), text).unwrap();
    };
    set(&server.url());
    let run = |words: &[&str]| user.custody(words);
    let key = &house.ledger.writers[0];
    let stranger = custody_evidence::key::SigningKey::from_seed(&[99; 32]);
    let file = |name: &str, bytes: Vec<u8>| {
        user.file(name, bytes);
        name.to_owned()
    };
    let first = file("first.json", envelope(&statement("first"), &[key]));
    let recorded = run(&["record", "envelope", &first, "--receipt", "receipt"]);
    assert_eq!(recorded.code, Some(0), "{recorded:?}");
    assert!(recorded.stdout.contains("index:1") && user.home().join("receipt").exists(), "{recorded:?}");
    // A retry by a job that remembers nothing, and by one that does.
    for fresh in [true, false] {
        if fresh {
            fs::remove_dir_all(user.home().join(".local/state/custody")).unwrap();
        }
        let again = run(&["record", "envelope", &first, "-o", "json"]);
        assert_eq!(again.code, Some(0), "{again:?}");
        assert!(
            again.stdout.contains("\"duplicate\":true") && again.stdout.contains("\"index\":1"),
            "{again:?}"
        );
    }
    let sha = format!("sha256:{}", "ab".repeat(32));
    let predicate = file("predicate.json", b"{}".to_vec());
    let made = run(&[
        "record",
        "generic",
        "--type",
        "https://example.com/t/v1",
        "--predicate",
        &predicate,
        "--subject",
        &sha,
    ]);
    assert_eq!(made.code, Some(0), "{made:?}");
    // Several, the first of which are refused, and a large one.
    let lines = [
        envelope(&statement("b"), &[&stranger]),
        envelope(&statement("c"), &[&stranger]),
        envelope(&statement("d"), &[key]),
        envelope(&statement("e"), &[key]),
    ];
    let lines = file("several.jsonl", lines.join(&b'\n'));
    let large = file("large.json", envelope_of_length("large", UNARY_ENVELOPE_BYTES_MAX + 1, key));
    let several = run(&["record", "envelope", &lines, &large]);
    assert_eq!(several.code, Some(1), "{several:?}");
    assert_eq!(several.stdout.matches("recorded  ").count(), 3, "{several:?}");
    assert_eq!(several.stderr.matches("no known key").count(), 2, "{several:?}");
    // What waited in a spool.
    server.stop();
    let waiting = file("waiting.json", envelope(&statement("waiting"), &[key]));
    let spooled = run(&["record", "envelope", &waiting, "--spool", "--retry-for", "1s"]);
    assert_eq!(spooled.code, Some(0), "{spooled:?}");
    let server = house.serve(Some(NOBODY), &[]);
    set(&server.url());
    let flushed = run(&["spool", "flush"]);
    assert_eq!(flushed.code, Some(0), "{flushed:?}");
    // Reading is still for readers.
    for words in [&["show", "index:1"][..], &["find", "--predicate", "scan"], &["audit"]] {
        let refused = run(words);
        assert_eq!(refused.code, Some(3), "{refused:?}");
        assert!(refused.stderr.contains("none was shown"), "{refused:?}");
    }
}

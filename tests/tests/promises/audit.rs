//! Whoever has the pin can replay the whole log and check all of it; and what is wrong is named.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use custody_tests::binaries::Binaries;
use custody_tests::client::User;
use custody_tests::evidence::{envelope, envelope_of_length, statement};
use custody_tests::oracle::sha256;
use custody_tests::server::{Ledger, Server, copy_folder};
use custody_tests::wire::{Caller, word};
use custody_wire::limits::UNARY_ENVELOPE_BYTES_MAX;
use custody_wire::v1::get_range_response::Part;

fn record(server: &Server, ledger: &Ledger, names: impl IntoIterator<Item = String>) {
    let caller = Caller::of(server);
    let names: Vec<String> = names.into_iter().collect();
    // Several at once, so that they share a sync.
    std::thread::scope(|scope| {
        for some in names.chunks(names.len().div_ceil(16)) {
            let caller = &caller;
            scope.spawn(move || {
                for name in some {
                    caller.record(&envelope(&statement(name), &[&ledger.writers[0]])).unwrap();
                }
            });
        }
    });
}

fn names(range: std::ops::Range<u32>) -> impl Iterator<Item = String> {
    range.map(|number| format!("artifact-{number}"))
}

fn user_of(ledger: &Ledger, server: &Server) -> User {
    User::of(&server.url(), &Caller::of(server).pin(), &ledger.writer_key_file(0))
}

#[test]
fn a_log_with_small_and_large_envelopes_is_sound_and_the_next_audit_goes_on() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let user = user_of(&ledger, &server);
    record(&server, &ledger, names(0..300));
    let large = envelope_of_length("large", 3 * UNARY_ENVELOPE_BYTES_MAX, &ledger.writers[0]);
    Caller::of(&server).record(&large).unwrap();
    record(&server, &ledger, names(300..310));
    let (code, answer) = user.json(&["audit"]);
    assert_eq!(code, Some(0), "{answer}");
    assert_eq!((answer["from"].as_u64(), answer["at"]["size"].as_u64()), (Some(0), Some(312)), "{answer}");
    assert_eq!(answer["sound"], true, "{answer}");
    // One complete tile and one partial one of level 0, one partial one of level 1.
    assert_eq!(answer["tiles"], 3, "{answer}");
    record(&server, &ledger, names(310..320));
    // Another server with the same log: the audit goes on all the same.
    let port = server.port();
    server.stop();
    let server = Server::start(&ledger.data());
    assert_ne!(server.port(), port);
    let (code, answer) = user.json(&["audit", "--server", &server.url()]);
    assert_eq!(code, Some(0), "{answer}");
    assert_eq!((answer["from"].as_u64(), answer["at"]["size"].as_u64()), (Some(312), Some(322)), "{answer}");
}

#[test]
fn an_interrupted_audit_is_taken_up() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let user = user_of(&ledger, &server);
    record(&server, &ledger, names(0..400));
    for (number, signal) in ["INT", "TERM", "KILL"].into_iter().enumerate() {
        let mut command = Command::new(Binaries::built().custody());
        command.arg("audit").env_clear().env("HOME", user.home()).current_dir(user.home());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(60 * (number as u64 + 1)));
        // It may have ended by itself.
        drop(Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status());
        let ended = child.wait().unwrap();
        assert!(matches!(ended.code(), Some(0 | 3) | None), "{signal}: {ended}");
    }
    let (code, answer) = user.json(&["audit"]);
    assert_eq!(code, Some(0), "{answer}");
    assert_eq!(answer["at"]["size"], 401, "{answer}");
}

#[test]
fn a_tile_that_was_changed_on_disk_is_found_and_made_again() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    record(&server, &ledger, names(0..300));
    // No proof that this user asks for uses the tile: it would be made again.
    let user = user_of(&ledger, &server);
    let tile = ledger.data().join("tile/0/000");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[100] ^= 1;
    fs::write(&tile, &bytes).unwrap();
    let (code, answer) = user.json(&["audit"]);
    assert_eq!(code, Some(1), "{answer}");
    let findings = answer["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{answer}");
    assert_eq!(findings[0]["code"], "tile_differs", "{answer}");
    assert!(findings[0]["expected"].as_str().unwrap().starts_with("tile/0/000 "), "{answer}");
    // What the hint says.
    let port = server.port();
    server.stop();
    fs::remove_dir_all(ledger.data().join("tile")).unwrap();
    let _server = Server::start_at(&ledger.data(), port);
    let (code, answer) = user.json(&["audit", "--from-scratch"]);
    assert_eq!(code, Some(0), "{answer}");
}

#[test]
fn an_envelope_that_rots_under_the_server_ends_the_audit_there() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let user = user_of(&ledger, &server);
    record(&server, &ledger, names(0..20));
    let segments = fs::read_dir(ledger.data().join("journal/segments")).unwrap();
    let needle = b"\"payload\":\"";
    let mut changed = 0;
    for segment in segments {
        let path = segment.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let places: Vec<usize> =
            bytes.windows(needle.len()).enumerate().filter(|(_, w)| w == needle).map(|(at, _)| at).collect();
        if let Some(place) = places.get(10) {
            bytes[place + needle.len() + 4] ^= 1;
            changed += 1;
            fs::write(&path, bytes).unwrap();
        }
    }
    assert_eq!(changed, 1);
    let (code, answer) = user.json(&["audit"]);
    assert_eq!(code, Some(3), "{answer}");
    assert_eq!(answer["error"]["code"], "damaged", "{answer}");
    assert!(answer["error"]["hint"].as_str().unwrap().contains("custodyd fsck"), "{answer}");
}

#[test]
fn a_receipt_of_a_history_that_was_replaced_is_a_fork() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let port = server.port();
    let pin = Caller::of(&server).pin();
    record(&server, &ledger, names(0..5));
    server.stop();
    copy_folder(&ledger.data(), &ledger.home().join("older"));
    let server = Server::start_at(&ledger.data(), port);
    record(&server, &ledger, ["lost".to_owned()]);
    let witness = User::of(&server.url(), &pin, &ledger.writer_key_file(0));
    let shown = witness.custody(&["show", "index:6", "--save", "kept"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let receipts: Vec<_> = fs::read_dir(witness.home().join("kept"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| fs::read_to_string(path).is_ok_and(|text| text.starts_with("c2sp.org/tlog-proof")))
        .collect();
    server.stop();
    fs::remove_dir_all(ledger.data()).unwrap();
    copy_folder(&ledger.home().join("older"), &ledger.data());
    let server = Server::start_at(&ledger.data(), port);
    record(&server, &ledger, ["other".to_owned(), "another".to_owned()]);
    // Somebody who never saw the lost entry audits with the receipt of somebody who did.
    let auditor = User::of(&server.url(), &pin, &ledger.writer_key_file(0));
    let (code, answer) = auditor.json(&["audit"]);
    assert_eq!(code, Some(0), "{answer}");
    let (code, answer) = auditor.json(&["audit", "--checkpoint", receipts[0].to_str().unwrap()]);
    assert_eq!(code, Some(1), "{answer}");
    assert_eq!(answer["findings"][0]["code"], "fork", "{answer}");
    let evidence = answer["findings"][0]["evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), 2, "{answer}");
    for path in evidence {
        assert!(fs::metadata(path.as_str().unwrap()).is_ok(), "{path}");
    }
}

#[test]
fn ranges_and_tiles_are_served_by_their_names_and_nothing_else() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    record(&server, &ledger, names(0..300));
    let caller = Caller::of(&server);
    let entries = caller.entries(301);
    let messages = caller.range(7, 301).unwrap();
    assert!(matches!(messages[0].part, Some(Part::Checkpoint(_))));
    let mut got = Vec::new();
    for message in &messages[1..] {
        let Some(Part::Entries(some)) = &message.part else { panic!("{message:?}") };
        got.extend(some.entries.iter().map(|entry| entry.entry.to_vec()));
    }
    assert_eq!(got, entries[7..]);
    assert_eq!(caller.range(301, 301).unwrap().len(), 1);
    assert_eq!(word(&caller.range(0, 302).unwrap_err()), "behind");
    assert_eq!(word(&caller.range(5, 4).unwrap_err()), "invalid_field");

    let leaf = |entry: &Vec<u8>| sha256(&[&[0_u8], entry.as_slice()].concat()).to_vec();
    let leaves: Vec<u8> = entries[..256].iter().flat_map(leaf).collect();
    assert_eq!(caller.tile("tile/0/000").unwrap(), leaves);
    assert_eq!(caller.tile("tile/0/000.p/3").unwrap(), leaves[..96]);
    assert_eq!(caller.tile("tile/0/001.p/45").unwrap().len(), 45 * 32);
    assert_eq!(caller.tile("tile/1/000.p/1").unwrap().len(), 32);
    let bundle: Vec<u8> = entries[256..300]
        .iter()
        .flat_map(|entry| [&u16::try_from(entry.len()).unwrap().to_be_bytes()[..], entry].concat())
        .collect();
    assert_eq!(caller.tile("tile/entries/001.p/44").unwrap(), bundle);
    for path in ["tile/0/001", "tile/0/001.p/46", "tile/1/000.p/2", "tile/2/000.p/1", "tile/entries/001.p/46"]
    {
        assert_eq!(word(&caller.tile(path).unwrap_err()), "no_such_entry", "{path}");
    }
    for path in ["", "tile/0/1", "tile/8/000", "../keys", "tile/0/000/../001"] {
        assert_eq!(word(&caller.tile(path).unwrap_err()), "invalid_field", "{path}");
    }
}

//! A disk that gets full: the server says so, refuses uploads first, and never starts what it cannot finish.

use custody_tests::evidence::{envelope, envelope_of_length, statement};
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::{Caller, word};

/// More than any disk has.
const ENDLESS: &str = "9223372036854775807";

#[test]
fn below_the_watermark_uploads_are_refused_and_recording_goes_on() {
    let ledger = Ledger::new(1);
    let server = Server::start_with(&ledger.data(), &["--disk-watermark", ENDLESS]);
    let caller = Caller::of(&server);
    let writer = &ledger.writers[0];
    let large = envelope_of_length("large", 2 << 20, writer);
    assert_eq!(word(&caller.record(&large).unwrap_err()), "disk_full");
    assert!(!caller.record(&envelope(&statement("small"), &[writer])).unwrap().duplicate);
    assert_eq!(caller.health("custody.disk").ok(), Some(false));
    assert_eq!(caller.health("custody.v1.Recorder").ok(), Some(true));
    server.comes_to_say("the disk is nearly full");
    server.stop();

    let server = ledger.serve();
    let caller = Caller::of(&server);
    assert_eq!(caller.health("custody.disk").ok(), Some(true));
    assert!(!caller.record(&large).unwrap().duplicate);
}

#[test]
fn below_the_reserve_nothing_is_recorded() {
    let ledger = Ledger::new(1);
    let server = Server::start_with(&ledger.data(), &["--disk-reserve", ENDLESS]);
    let caller = Caller::of(&server);
    let refused = caller.record(&envelope(&statement("small"), &[&ledger.writers[0]])).unwrap_err();
    assert_eq!((word(&refused).as_str(), refused.code()), ("disk_full", tonic::Code::ResourceExhausted));
    assert_eq!(caller.tree().0, 1);
}

#[test]
fn what_an_upload_left_on_the_disk_is_removed_at_the_start() {
    let ledger = Ledger::new(1);
    let spool = ledger.data().join("spool");
    std::fs::create_dir(&spool).unwrap();
    std::fs::write(spool.join("7"), "half an upload").unwrap();
    let server = ledger.serve();
    assert_eq!(std::fs::read_dir(&spool).unwrap().count(), 0);
    let caller = Caller::of(&server);
    let stalled = caller.stalled_upload(3);
    assert_eq!(std::fs::read_dir(&spool).unwrap().count(), 0, "an upload has no name");
    drop(stalled);
}

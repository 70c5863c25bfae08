//! The services answer as their manual in `proto/custody/v1` says.

use custody_tests::evidence::{envelope, statement};
use custody_tests::oracle::sha256;
use custody_tests::server::Ledger;
use custody_tests::wire::{Caller, word};
use custody_wire::v1::record_stream_request::Part;
use custody_wire::v1::{Log, RecordHeader, RecordStreamRequest};

#[test]
fn health_answers_for_the_server_and_each_service() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    for service in ["", "custody.v1.Recorder", "custody.v1.Reader", "custody.v1.Query"] {
        assert_eq!(caller.health(service).ok(), Some(true), "service {service:?}");
    }
    assert_eq!(caller.health("custody.v1.Nothing").unwrap_err().code(), tonic::Code::NotFound);
}

#[test]
fn a_request_for_another_log_is_refused_by_every_service() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let other = Caller::to(&server, "example.com/other");
    assert_eq!(word(&other.checkpoint().unwrap_err()), "wrong_origin");
    let good = envelope(&statement("a"), &[&ledger.writers[0]]);
    assert_eq!(word(&other.record(&good).unwrap_err()), "wrong_origin");
    let stream = other.record_stream(sha256(&good), good.len() as u64, &good);
    assert_eq!(word(&stream.unwrap_err()), "wrong_origin");
}

#[test]
fn a_server_that_is_behind_says_so_and_not_something_older() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server).at_least(1_000);
    assert_eq!(word(&caller.checkpoint().unwrap_err()), "behind");
}

#[test]
fn a_stream_must_hold_what_its_header_declares() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let good = envelope(&statement("a"), &[&ledger.writers[0]]);
    let length = good.len() as u64;
    let refused = |answer: Result<_, tonic::Status>| {
        word(&answer.map(|_: custody_wire::v1::RecordResponse| ()).unwrap_err())
    };

    assert_eq!(refused(caller.record_stream(sha256(b"other"), length, &good)), "digest_mismatch");
    assert_eq!(refused(caller.record_stream(sha256(&good), length + 1, &good)), "digest_mismatch");
    assert_eq!(refused(caller.record_stream(sha256(&good), length - 1, &good)), "digest_mismatch");

    let header = |digest: Vec<u8>| {
        let log = Some(Log { origin: custody_tests::server::ORIGIN.to_owned(), min_size: 0 });
        RecordStreamRequest {
            part: Some(Part::Header(RecordHeader { log, digest: digest.into(), length, credential: None })),
        }
    };
    let data = || RecordStreamRequest { part: Some(Part::Data(good.clone().into())) };
    let digest = sha256(&good).to_vec();
    assert_eq!(refused(caller.record_messages(vec![data()])), "stream_order");
    assert_eq!(
        refused(caller.record_messages(vec![header(digest.clone()), header(digest.clone())])),
        "stream_order"
    );
    assert_eq!(refused(caller.record_messages(vec![header(vec![1, 2, 3]), data()])), "invalid_field");
    assert_eq!(refused(caller.record_messages(vec![RecordStreamRequest { part: None }])), "stream_order");

    assert_eq!(caller.tree().0, 1, "nothing of all this was recorded");
    let answer = caller.record_messages(vec![header(digest), data()]).unwrap();
    assert_eq!((answer.index, answer.duplicate), (1, false));
}

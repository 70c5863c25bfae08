//! Envelopes of up to 64 MiB go through as a stream; one byte more is refused before it is sent.

use custody_tests::client::User;
use custody_tests::evidence::envelope_of_length;
use custody_tests::oracle::sha256;
use custody_tests::server::Ledger;
use custody_tests::wire::{Caller, word};
use custody_wire::limits::{ENVELOPE_BYTES_MAX, UNARY_ENVELOPE_BYTES_MAX};

/// cosign 3599 and 3205, Rekor, the 16 MiB of GitHub: an SBOM of some megabytes was refused.
#[test]
fn envelopes_up_to_64_mib_are_recorded_and_given_back() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let user = User::of(&server.url(), &caller.pin(), &ledger.writer_key_file(0));
    let max = usize::try_from(ENVELOPE_BYTES_MAX).unwrap();
    for (number, length) in
        [UNARY_ENVELOPE_BYTES_MAX, UNARY_ENVELOPE_BYTES_MAX + 1, max].into_iter().enumerate()
    {
        let bytes = envelope_of_length(&format!("large-{number}"), length, &ledger.writers[0]);
        let index = number as u64 + 1;
        let file = user.file("large.json", &bytes);
        let (code, answer) = user.json(&["record".as_ref(), "envelope".as_ref(), file.as_os_str()]);
        assert_eq!(code, Some(0), "{answer}");
        assert_eq!(answer["index"], index, "{length} bytes");
        let again = caller.record(&bytes).unwrap();
        assert!(again.duplicate);
        assert_eq!(again.index, index);
    }
}

#[test]
fn one_byte_above_64_mib_is_refused_before_any_is_sent() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    // The header alone is enough for the answer: no data follows it.
    let refused = caller.record_stream(sha256(b""), ENVELOPE_BYTES_MAX + 1, &[]).unwrap_err();
    assert_eq!(word(&refused), "too_large");

    let user = User::of(&server.url(), &caller.pin(), &ledger.writer_key_file(0));
    let max = usize::try_from(ENVELOPE_BYTES_MAX).unwrap();
    let file = user.file("large.json", envelope_of_length("large", max + 1, &ledger.writers[0]));
    let (code, answer) = user.json(&["record".as_ref(), "envelope".as_ref(), file.as_os_str()]);
    assert_eq!(code, Some(1), "{answer}");
    assert_eq!(answer["error"]["code"], "too_large", "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("67108864"), "{answer}");
}

#[test]
fn one_byte_above_a_message_is_refused() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let bytes = envelope_of_length("large", UNARY_ENVELOPE_BYTES_MAX + 1, &ledger.writers[0]);
    let refused = Caller::of(&server).record_unary(&bytes).unwrap_err();
    assert_eq!(word(&refused), "too_large");
}

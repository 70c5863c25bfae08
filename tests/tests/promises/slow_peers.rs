//! Peers who stand still hold neither the memory nor the threads that others need.

use custody_tests::evidence::{envelope, envelope_of_length, statement};
use custody_tests::server::Ledger;
use custody_tests::wire::{Caller, word};
use custody_wire::limits::{ENVELOPE_BYTES_MAX, UNARY_ENVELOPE_BYTES_MAX};

#[test]
fn recording_goes_on_while_readers_do_not_read() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let writer = &ledger.writers[0];
    let large = caller.record(&envelope_of_length("large", UNARY_ENVELOPE_BYTES_MAX, writer)).unwrap();
    // More than the streams' memory is for; those who wait too long for it are told so.
    let mut refused = 0;
    let mut unread = Vec::new();
    let readers: Vec<Caller> = (0..16).map(|_| Caller::of(&server)).collect();
    std::thread::scope(|scope| {
        let asking: Vec<_> = readers
            .iter()
            .map(|reader| {
                let index = large.index;
                scope.spawn(move || (0..5).map(|_| reader.unread_entries(index)).collect::<Vec<_>>())
            })
            .collect();
        for answers in asking {
            for answer in answers.join().unwrap() {
                match answer {
                    Ok(stream) => unread.push(stream),
                    Err(status) => {
                        assert_eq!(word(&status), "busy");
                        refused += 1;
                    }
                }
            }
        }
    });
    assert!(!unread.is_empty() && refused > 0, "{} are open, {refused} were refused", unread.len());
    for number in 0..10 {
        let recorded = caller.record(&envelope(&statement(&format!("meanwhile-{number}")), &[writer]));
        assert!(!recorded.unwrap().duplicate);
    }
    drop(unread);
    server.stop();
}

#[test]
fn readers_who_do_not_read_cost_bounded_memory() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let length = usize::try_from(ENVELOPE_BYTES_MAX).unwrap();
    let index = caller.record(&envelope_of_length("large", length, &ledger.writers[0])).unwrap().index;
    let before = server.resident_bytes();
    let readers: Vec<Caller> = (0..12).map(|_| Caller::of(&server)).collect();
    let unread: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> =
            readers.iter().map(|reader| scope.spawn(move || reader.unread_envelope(index))).collect();
        asking.into_iter().map(|answer| answer.join().unwrap()).collect()
    });
    let open = unread.iter().filter(|answer| answer.is_ok()).count();
    // 512 MiB for all streams: eight of the largest envelopes.
    assert!((1..=8).contains(&open), "{open} streams are open");
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 9 * ENVELOPE_BYTES_MAX, "{open} unread streams hold {grown} bytes");
}

#[test]
fn a_stop_is_not_kept_waiting_by_an_upload_that_stands_still() {
    let ledger = Ledger::new(1);
    let mut server = ledger.serve();
    let caller = Caller::of(&server);
    let stalled: Vec<_> = (0..3).map(|number| caller.stalled_upload(number)).collect();
    let kept = caller.record(&envelope(&statement("kept"), &[&ledger.writers[0]])).unwrap();
    server.ask_to_stop();
    let status = server.wait();
    assert_eq!(status.code(), Some(0), "{}", server.said());
    drop(stalled);
    let server = ledger.serve();
    assert_eq!(Caller::of(&server).tree().0, kept.index + 1);
}

#[test]
fn an_upload_of_empty_pieces_is_refused() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let refused = Caller::of(&server).record_pieces([0; 32], 100, &[&b""[..]]).unwrap_err();
    assert_eq!(word(&refused), "stream_order");
}

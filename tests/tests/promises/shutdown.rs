//! A server that is asked to stop finishes what it accepted.

use std::sync::Mutex;
use std::time::Duration;

use custody_log::Receipt;
use custody_tests::evidence::{envelope, statement};
use custody_tests::server::{Ledger, custodyd};
use custody_tests::wire::{Caller, word};

const WRITERS: usize = 8;

#[test]
fn a_stop_under_load_finishes_what_was_accepted() {
    let ledger = Ledger::new(1);
    let mut server = ledger.serve();
    let acknowledged = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (server, ledger, acknowledged) = (&server, &ledger, &acknowledged);
            scope.spawn(move || {
                let caller = Caller::of(server);
                for number in 0_u32.. {
                    let name = format!("writer-{writer}-{number}");
                    match caller.record(&envelope(&statement(&name), &[&ledger.writers[0]])) {
                        Ok(answer) => acknowledged.lock().unwrap().push((answer.index, answer.receipt)),
                        Err(status) => {
                            // Told so by the server, or the connection is closed; nothing else.
                            let told =
                                status.code() != tonic::Code::Unavailable || !status.details().is_empty();
                            if told && !status.details().is_empty() {
                                assert_eq!(word(&status), "shutting_down");
                            }
                            return;
                        }
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_millis(700));
        server.ask_to_stop();
    });
    let status = server.wait();
    assert_eq!(status.code(), Some(0), "{}", server.said());
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= WRITERS, "only {} were recorded", acknowledged.len());

    let ended = custodyd(&["fsck".as_ref(), "--data".as_ref(), ledger.data().as_os_str()]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let entries = caller.entries(caller.tree().0);
    for (index, receipt) in acknowledged {
        let receipt = Receipt::decode(&receipt).unwrap();
        assert_eq!(
            entries[usize::try_from(index).unwrap()],
            receipt.unverified_entry().encode(),
            "entry {index}"
        );
    }
}

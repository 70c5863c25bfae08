//! `kill -9` in the middle of work loses nothing that was acknowledged.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use custody_log::Receipt;
use custody_tests::evidence::{envelope, statement};
use custody_tests::oracle;
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::Caller;

const ROUNDS: usize = 6;
const WRITERS: usize = 8;

/// What was acknowledged: the entry's bytes by its index.
type Acknowledged = Mutex<BTreeMap<u64, Vec<u8>>>;

fn write_until_killed(
    server: &Server,
    ledger: &Ledger,
    name: &str,
    acknowledged: &Acknowledged,
    over: &AtomicBool,
) {
    let caller = Caller::of(server);
    for number in 0_u32.. {
        let bytes = envelope(&statement(&format!("{name}-{number}")), &[&ledger.writers[0]]);
        match caller.record(&bytes) {
            Ok(answer) => {
                let receipt = Receipt::decode(&answer.receipt).expect("a receipt can be decoded");
                acknowledged.lock().unwrap().insert(answer.index, receipt.unverified_entry().encode());
            }
            // After the kill nothing is answered; before it every envelope is good and must be.
            Err(status) => {
                assert!(over.load(Ordering::SeqCst), "refused before the kill: {status:?}");
                return;
            }
        }
    }
}

#[test]
fn kill_under_load_loses_nothing_acknowledged() {
    let ledger = Ledger::new(1);
    let acknowledged = Acknowledged::default();
    for round in 0..ROUNDS {
        let server = ledger.serve();
        let over = AtomicBool::new(false);
        let before = acknowledged.lock().unwrap().len();
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (server, ledger, acknowledged, over) = (&server, &ledger, &acknowledged, &over);
                let name = format!("round-{round}-writer-{writer}");
                scope.spawn(move || write_until_killed(server, ledger, &name, acknowledged, over));
            }
            // Another moment each round, always in the middle of the load.
            std::thread::sleep(Duration::from_millis(150 + 130 * round as u64));
            while acknowledged.lock().unwrap().len() < before + WRITERS {
                std::thread::sleep(Duration::from_millis(10));
            }
            over.store(true, Ordering::SeqCst);
            server.kill_now();
        });
        check(&ledger, &acknowledged.lock().unwrap());
    }
}

fn check(ledger: &Ledger, acknowledged: &BTreeMap<u64, Vec<u8>>) {
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let (size, root) = caller.tree();
    let entries = caller.entries(size);
    for (index, entry) in acknowledged {
        let found = entries.get(usize::try_from(*index).unwrap());
        assert_eq!(found, Some(entry), "entry {index} was acknowledged");
    }
    assert_eq!(oracle::root(&entries), root);
    assert_eq!(oracle::broken_link(&entries), None);
    server.stop();
}

//! Many writers at once, saying the same things: an entry only for what adds something.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Barrier, Mutex};
use std::time::Duration;

use custody_tests::evidence::{envelope, statement};
use custody_tests::oracle;
use custody_tests::server::Ledger;
use custody_tests::wire::Caller;
use custody_wire::v1::RecordResponse;

const WRITERS: usize = 64;

/// Each writer says this many things; all say the same ones.
const THINGS: usize = 8;

#[test]
fn sixty_four_concurrent_writers_get_entries_only_for_what_adds_something() {
    let ledger = Ledger::new(2);
    let server = ledger.serve();
    let start = Barrier::new(WRITERS);
    let mut answers: Vec<Answer> = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (start, ledger, server) = (&start, &ledger, &server);
                scope.spawn(move || {
                    let key = &ledger.writers[writer % 2];
                    let caller = Caller::of(server);
                    start.wait();
                    (0..THINGS)
                        .map(|number| {
                            let thing = (writer + number) % THINGS;
                            let mut bytes = envelope(&statement(&format!("thing-{thing}")), &[key]);
                            // Other bytes around the same content.
                            let blanks = writer / 4;
                            bytes.extend(std::iter::repeat_n(b' ', blanks));
                            let RecordResponse { index, duplicate, .. } = caller.record(&bytes).unwrap();
                            Answer { thing, signer: writer % 2, blanks, index, duplicate }
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for thread in threads {
            answers.extend(thread.join().unwrap());
        }
    });
    check(&answers);

    let (size, root) = Caller::of(&server).tree();
    assert_eq!(size, 1 + 2 * THINGS as u64, "one entry for each thing and signer, and the trust document");
    let entries = Caller::of(&server).entries(size);
    assert_eq!(oracle::root(&entries), root);
    assert_eq!(oracle::broken_link(&entries), None);
}

/// Every pair of thing and signer was new exactly once. A duplicate got the entry of the same bytes, where they are
/// in the log, or else the first entry of its thing.
fn check(answers: &[Answer]) {
    assert_eq!(answers.len(), WRITERS * THINGS);
    let mut first: BTreeMap<usize, u64> = BTreeMap::new();
    let mut kept: BTreeMap<(usize, usize, usize), u64> = BTreeMap::new();
    let mut new: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut indexes: BTreeSet<u64> = BTreeSet::new();
    for answer in answers.iter().filter(|answer| !answer.duplicate) {
        assert!(
            new.insert((answer.thing, answer.signer)),
            "two entries for one thing and signer: {answer:?}"
        );
        assert!(indexes.insert(answer.index), "an index was given twice: {answer:?}");
        kept.insert(answer.bytes(), answer.index);
        let first = first.entry(answer.thing).or_insert(answer.index);
        *first = (*first).min(answer.index);
    }
    assert_eq!(new.len(), 2 * THINGS);
    for answer in answers.iter().filter(|answer| answer.duplicate) {
        let expected = kept.get(&answer.bytes()).unwrap_or(&first[&answer.thing]);
        assert_eq!(answer.index, *expected, "{answer:?}");
    }
}

/// What one writer sent, and what came back.
#[derive(Debug)]
struct Answer {
    thing: usize,
    signer: usize,
    blanks: usize,
    index: u64,
    duplicate: bool,
}

impl Answer {
    /// What makes the bytes that were sent.
    fn bytes(&self) -> (usize, usize, usize) {
        (self.thing, self.signer, self.blanks)
    }
}

#[test]
fn whoever_sends_what_another_is_just_recording_gets_that_entry_and_no_error() {
    // A duplicate may come at any moment between the commit of an entry and the publication of its checkpoint.
    const CALLERS: u64 = 8;
    const ROUNDS: u64 = 60;
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let barrier = Barrier::new(usize::try_from(CALLERS).unwrap());
    let answers = Mutex::new(BTreeMap::<u64, BTreeSet<u64>>::new());
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (server, ledger, barrier, answers) = (&server, &ledger, &barrier, &answers);
            scope.spawn(move || {
                let connection = Caller::of(server);
                for round in 0..ROUNDS {
                    let bytes = envelope(&statement(&format!("round-{round}")), &[&ledger.writers[0]]);
                    barrier.wait();
                    std::thread::sleep(Duration::from_micros(caller * (round % 12) * 120));
                    let index = connection.record(&bytes).unwrap().index;
                    answers.lock().unwrap().entry(round).or_default().insert(index);
                }
            });
        }
    });
    let answers = answers.into_inner().unwrap();
    assert!(answers.values().all(|indexes| indexes.len() == 1), "{answers:?}");
    assert_eq!(Caller::of(&server).tree().0, 1 + ROUNDS);
}

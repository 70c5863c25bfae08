//! Callers who record all at once, remember what they were told, and hold the log to it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use custody_evidence::key::SigningKey;
use custody_log::{Origin, Receipt, VerifierKey};
use tonic::Status;

use crate::evidence::{envelope, envelope_of_length, statement};
use crate::oracle::{self, Hash, journal};
use crate::server::{Ledger, ORIGIN, Server, custodyd};
use crate::wire::Caller;

/// One envelope in so many is longer than what is kept inside a segment.
const LARGE_EVERY: usize = 16;

/// What callers hold in their hands.
#[derive(Debug, Default)]
struct HandedOut {
    /// The names of what was acknowledged, with the receipts.
    receipts: Mutex<Vec<(String, Receipt)>>,
    /// Sizes and roots of checkpoints.
    checkpoints: Mutex<Vec<(u64, Hash)>>,
}

/// Someone who records one envelope after the other, and sends one without an answer again.
#[derive(Debug)]
struct Writer {
    number: usize,
    made: usize,
    unanswered: Option<String>,
}

/// Some writers, and all that they were told.
#[derive(Debug)]
pub struct Callers {
    writers: Vec<Writer>,
    held: HandedOut,
    log_key: Option<VerifierKey>,
}

impl Callers {
    /// Returns so many callers who have recorded nothing yet.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let writers = (0..count).map(|number| Writer { number, made: 0, unanswered: None }).collect();
        Self { writers, held: HandedOut::default(), log_key: None }
    }

    /// Returns how many envelopes were acknowledged so far.
    ///
    /// # Panics
    ///
    /// When a caller has panicked.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.held.receipts.lock().expect("no caller panicked").len()
    }

    /// Records for this long, and until something ends it. Each caller stops at its first refusal.
    ///
    /// # Panics
    ///
    /// When the log is smaller than what was acknowledged, or an envelope is refused before the end.
    pub fn record_until(&mut self, ledger: &Ledger, server: &Server, wait: Duration, end: impl FnOnce()) {
        let caller = Caller::of(server);
        self.log_key.get_or_insert_with(|| caller.log_key());
        let (size, root) = caller.tree();
        let acknowledged = self.acknowledged();
        assert!(size > acknowledged as u64, "{size} entries for {acknowledged} acknowledged, and the first");
        self.held.checkpoints.lock().expect("no caller panicked").push((size, root));
        let (over, held, key) = (AtomicBool::new(false), &self.held, &ledger.writers[0]);
        // Connected before anything ends: a caller who comes too late has no log to be refused by.
        let connected: Vec<Caller> = self.writers.iter().map(|_| Caller::of(server)).collect();
        let over = &over;
        thread::scope(|scope| {
            for (writer, caller) in self.writers.iter_mut().zip(connected) {
                scope.spawn(move || {
                    let status = writer.write(&caller, key, held);
                    assert!(over.load(Ordering::SeqCst), "refused before the end: {status:?}");
                });
            }
            thread::sleep(wait);
            held.checkpoints.lock().expect("no caller panicked").push(caller.tree());
            over.store(true, Ordering::SeqCst);
            end();
        });
    }

    /// Starts and stops the log, reads all that is on disk, and compares it with what the callers hold: every
    /// acknowledged envelope is there in its place, every receipt verifies, every checkpoint is one of this tree, and
    /// no content is there twice.
    ///
    /// # Panics
    ///
    /// When anything of that does not hold.
    pub fn check(&self, ledger: &Ledger) {
        ledger.serve().stop();
        let ended = custodyd(&["fsck".as_ref(), "--data".as_ref(), ledger.data().as_os_str()]);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        let left = journal::read(&ledger.data()).unwrap_or_else(|why| panic!("{why}"));
        let at = |size: u64| left.roots[usize::try_from(size).expect("a test's log is small") - 1];
        let origin: Origin = ORIGIN.parse().expect("an origin");
        let keys: Vec<VerifierKey> = self.log_key.iter().cloned().collect();
        for (name, receipt) in self.held.receipts.lock().expect("no caller panicked").iter() {
            let verified = receipt.verify(&origin, &keys).expect("a receipt holds for good");
            let index = usize::try_from(verified.entry().index.get()).expect("a test's log is small");
            let kept = left.kept.get(index).unwrap_or_else(|| panic!("{name}: entry {index} is gone"));
            assert_eq!(kept.entry, verified.entry_bytes(), "{name}");
            assert!(kept.envelope == bytes_of(name, &ledger.writers[0]), "{name}");
            let checkpoint = verified.checkpoint().checkpoint();
            assert_eq!(at(checkpoint.size().get()), *checkpoint.root().as_bytes(), "{name}");
        }
        for (size, root) in self.held.checkpoints.lock().expect("no caller panicked").iter() {
            assert_eq!(at(*size), *root, "the checkpoint of size {size}");
        }
        let mut contents = BTreeMap::new();
        for (index, kept) in left.kept.iter().enumerate() {
            let entry = String::from_utf8_lossy(&kept.entry).into_owned();
            let content =
                oracle::entry_line(&entry, "content").expect("an entry names its content").to_owned();
            assert_eq!(contents.insert(content, index), None, "entry {index} says what another one says");
        }
    }
}

impl Writer {
    /// Records until something is refused.
    fn write(&mut self, caller: &Caller, key: &SigningKey, held: &HandedOut) -> Status {
        loop {
            let name = self.unanswered.clone().unwrap_or_else(|| {
                self.made += 1;
                format!("writer-{}-{}", self.number, self.made)
            });
            match caller.record(&bytes_of(&name, key)) {
                Ok(answer) => {
                    let receipt = Receipt::decode(&answer.receipt).expect("a receipt can be decoded");
                    held.receipts.lock().expect("no caller panicked").push((name, receipt));
                    self.unanswered = None;
                }
                Err(status) => {
                    self.unanswered = Some(name);
                    return status;
                }
            }
        }
    }
}

/// Returns the envelope of that name: the same bytes each time.
fn bytes_of(name: &str, key: &SigningKey) -> Vec<u8> {
    let number = name.rsplit('-').next().and_then(|number| number.parse::<usize>().ok());
    if number.is_some_and(|number| number.is_multiple_of(LARGE_EVERY)) {
        envelope_of_length(name, 70 << 10, key)
    } else {
        envelope(&statement(name), &[key])
    }
}

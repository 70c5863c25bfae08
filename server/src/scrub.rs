//! The scrub: reads everything again in the background, slowly, so that rot is found before it is needed.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use custody_log::{Entry, EntryDigest, LeafIndex};

use crate::index::Scrubbed;
use crate::journal::ReadError;
use crate::ledger::Ledger;

/// Bytes a second that are read when nothing else is said: 1 MiB, or 84 GiB a day.
pub const RATE_DEFAULT: u64 = 1 << 20;

/// How long to rest after everything was read once.
const PAUSE: Duration = Duration::from_hours(1);

/// How long to sleep at a time, so that a stop is heard.
const NAP: Duration = Duration::from_millis(100);

/// What an entry that cannot be read costs in the pace, in bytes.
const DAMAGED_COST: u64 = 1 << 16;

/// The thread that reads.
#[derive(Debug)]
pub struct Scrub {
    thread: JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

impl Scrub {
    /// Starts reading, at most `rate` bytes a second; none if that is 0.
    #[must_use]
    pub fn start(ledger: Arc<Ledger>, rate: u64, data: String) -> Option<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let round = move || {
            let pace = Pace { rate, stop: stopped, due: std::cell::Cell::new(Instant::now()) };
            while !pace.stopped() {
                journal(&ledger, &pace, &data);
                index(&ledger, &pace);
                pace.rest(PAUSE);
            }
        };
        (rate > 0).then(|| Self { thread: std::thread::spawn(round), stop })
    }

    /// Stops, and waits until the thread has let go of the log.
    pub fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        if self.thread.join().is_err() {
            tracing::error!("the scrub ended badly; custodyd fsck reads what it did not");
        }
    }
}

/// Keeps to the rate.
struct Pace {
    rate: u64,
    stop: Arc<AtomicBool>,
    /// When what was read so far is paid for.
    due: std::cell::Cell<Instant>,
}

impl Pace {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Waits until so many bytes may be read, or breaks off when it is stopped.
    fn spend(&self, bytes: u64) -> ControlFlow<()> {
        let cost = Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / self.rate.max(1));
        let due = self.due.get().max(Instant::now().checked_sub(NAP).unwrap_or(self.due.get())) + cost;
        self.due.set(due);
        while !self.stopped() {
            let left = due.saturating_duration_since(Instant::now());
            // Short debts gather, so that a small entry does not cost a sleep.
            if left < Duration::from_millis(10) {
                return ControlFlow::Continue(());
            }
            std::thread::sleep(left.min(NAP));
        }
        ControlFlow::Break(())
    }

    fn rest(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while !self.stopped() && Instant::now() < until {
            std::thread::sleep(NAP);
        }
        self.due.set(Instant::now());
    }
}

/// Reads every entry with its record and envelope against their digests, and each entry against the one before.
fn journal(ledger: &Ledger, pace: &Pace, data: &str) {
    let head = ledger.head();
    let (mut index, mut previous, mut damaged) = (LeafIndex::ZERO, None, 0_u64);
    while head.size.contains(index) && !pace.stopped() {
        let cost = match head.journal.stored(index) {
            Ok(stored) => {
                let follows = previous.is_none() || stored.entry.previous == previous;
                if !follows {
                    damaged += 1;
                    tracing::error!(entry = %index, "DAMAGED: the entry does not name the digest of the one before; repair: custodyd fsck --data {data} --repair --from BACKUP");
                }
                previous = Some(EntryDigest::of(&stored.bytes));
                let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                length(&stored.bytes) + length(&stored.record) + length(&stored.envelope)
            }
            Err(ReadError::Redacted { index, by }) => {
                previous = head.journal.entry(index).ok().map(|bytes| EntryDigest::of(&bytes));
                match head.journal.is_erased(index) {
                    Ok(true) => {}
                    Ok(false) => {
                        damaged += 1;
                        tracing::error!(entry = %index, redaction = %by, "DAMAGED: what a redaction erased is there again; a restart of the server erases it, and so does custodyd fsck --data {data} --repair");
                    }
                    Err(error) => {
                        tracing::error!(%error, entry = %index, "the scrub cannot read an erased entry");
                    }
                }
                DAMAGED_COST
            }
            Err(ReadError::Damaged(damage)) => {
                damaged += 1;
                previous = head
                    .journal
                    .entry(index)
                    .ok()
                    .filter(|bytes| Entry::decode(bytes).is_ok())
                    .map(|bytes| EntryDigest::of(&bytes));
                tracing::error!(
                    segment = %damage.file.display(), offset = damage.offset, entry = %damage.entry,
                    "DAMAGED: {}; the rest is served; repair: custodyd fsck --data {data} --repair --from BACKUP", damage.kind
                );
                DAMAGED_COST
            }
            Err(error) => {
                previous = None;
                tracing::error!(%error, entry = %index, "the scrub cannot read an entry");
                DAMAGED_COST
            }
        };
        index = index.next();
        if pace.spend(cost).is_break() {
            break;
        }
    }
    if head.size.contains(index) {
        return;
    }
    ledger.set_sound(damaged == 0);
    tracing::info!(entries = head.size.get(), damaged, "every entry was read again");
}

fn index(ledger: &Ledger, pace: &Pace) {
    if pace.stopped() {
        return;
    }
    match ledger.index().scrub(&|bytes| pace.spend(bytes)) {
        Ok(Scrubbed::Sound { rows }) => tracing::info!(rows, "the index has the rows that it should"),
        Ok(Scrubbed::Ended) => {}
        Ok(Scrubbed::Damaged { runs }) => {
            tracing::error!(runs, "parts of the index are damaged; they are made again from the journal");
        }
        Err(error) => tracing::error!(%error, "the index was not compared with the journal"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_pace_waits_no_longer_and_lets_nothing_more_be_read() {
        let stop = Arc::new(AtomicBool::new(false));
        // A byte costs a second.
        let pace = Pace { rate: 1, stop: Arc::clone(&stop), due: std::cell::Cell::new(Instant::now()) };
        assert!(pace.spend(0).is_continue());
        std::thread::scope(|scope| {
            scope.spawn(|| stop.store(true, Ordering::SeqCst));
            assert!(pace.spend(1 << 40).is_break(), "not after 30,000 years");
        });
        assert!(pace.spend(0).is_break(), "whatever it costs");
    }
}

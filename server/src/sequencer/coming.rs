//! Envelopes that are on their way to the sequencer, so that it takes them along.
//!
//! A sync costs the same for one entry and for a hundred. Whoever takes only what waits in the queue finds, when many record at once,
//! four entries there, since the others are still being checked: then a fifth of what recording an entry costs is the
//! sync, the signature and the checkpoint of a batch that is too small. So the sequencer waits until it has at least as many as are
//! still on their way, and never longer than [`WAIT_MAX`]. A lone caller has nobody behind him, and never waits.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// The longest wait for others: 8 ms, in which two processors check about 60 envelopes. What a batch costs beside its entries is then
/// less than a twentieth of what they cost.
pub const WAIT_MAX: Duration = Duration::from_millis(8);

/// Counts who is on the way, and wakes the sequencer when it has waited for enough of them.
#[derive(Debug, Clone, Default)]
pub struct Coming(Arc<State>);

/// One that is on its way, until it is dropped.
#[derive(Debug)]
pub struct OnTheWay(Arc<State>);

#[derive(Debug, Default)]
struct State {
    count: AtomicUsize,
    /// How many the sequencer finds when it wakes: it sleeps while they are fewer than those on their way.
    there: AtomicUsize,
    asleep: AtomicBool,
    sleeper: Mutex<Option<Thread>>,
}

impl Coming {
    /// Adds one that will be in the queue, or be refused, once it has a place and is checked, which usually computes for less than a millisecond.
    /// Who holds up his own with slow ones costs others [`WAIT_MAX`] a batch, and no more.
    #[must_use]
    pub fn one(&self) -> OnTheWay {
        self.0.count.fetch_add(1, SeqCst);
        OnTheWay(Arc::clone(&self.0))
    }

    /// Whether at most one is on its way.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.0.count.load(SeqCst) <= 1
    }

    /// Waits on the thread that writes, for which `there` are there already, until as many are there as are still on their way, and no
    /// longer than [`WAIT_MAX`]. Whoever is answered comes again at once, so half of them are checked while the other half is synced.
    pub(super) fn wait(&self, there: usize) {
        self.wait_at_most(there, WAIT_MAX);
    }

    /// Returns whether as many came; else the time was over.
    fn wait_at_most(&self, there: usize, most: Duration) -> bool {
        let state = &*self.0;
        if state.count.load(SeqCst) <= there {
            return true;
        }
        *state.sleeper() = Some(std::thread::current());
        state.there.store(there, SeqCst);
        state.asleep.store(true, SeqCst);
        let until = Instant::now() + most;
        let enough = loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.is_enough() || left.is_zero() {
                break state.is_enough();
            }
            std::thread::park_timeout(left);
        };
        state.asleep.store(false, SeqCst);
        enough
    }
}

impl Drop for OnTheWay {
    fn drop(&mut self) {
        let state = &*self.0;
        state.count.fetch_sub(1, SeqCst);
        state.there.fetch_add(1, SeqCst);
        if state.asleep.load(SeqCst)
            && state.is_enough()
            && let Some(thread) = &*state.sleeper()
        {
            thread.unpark();
        }
    }
}

impl State {
    fn is_enough(&self) -> bool {
        self.count.load(SeqCst) <= self.there.load(SeqCst)
    }

    fn sleeper(&self) -> std::sync::MutexGuard<'_, Option<Thread>> {
        self.sleeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any test takes: whoever is not woken fails.
    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn nobody_is_waited_for_by_who_has_as_many() {
        let coming = Coming::default();
        assert!(coming.wait_at_most(0, Duration::ZERO));
        let _one = coming.one();
        assert!(coming.wait_at_most(1, Duration::ZERO));
        let _two = coming.one();
        assert!(coming.wait_at_most(2, Duration::ZERO));
        assert!(!coming.wait_at_most(1, Duration::ZERO), "two are on their way, and one is there");
    }

    #[test]
    fn who_never_comes_is_waited_for_no_longer_than_said() {
        let coming = Coming::default();
        let _lost = [coming.one(), coming.one()];
        let start = Instant::now();
        assert!(!coming.wait_at_most(1, WAIT_MAX));
        assert!(start.elapsed() >= WAIT_MAX);
        assert!(!coming.0.asleep.load(SeqCst), "nobody wakes who does not sleep");
    }

    #[test]
    fn the_wait_ends_when_half_have_come_also_where_more_come_meanwhile() {
        let coming = Coming::default();
        let mut others: Vec<_> = (0..7).map(|_| coming.one()).collect();
        let sleep = |there| {
            let waiter = coming.clone();
            let waiting = std::thread::spawn(move || waiter.wait_at_most(there, LONG));
            while !coming.0.asleep.load(SeqCst) {
                std::thread::yield_now();
            }
            waiting
        };
        let waiting = sleep(1);
        // Of eight, four: the third that comes wakes the sleeper.
        others.truncate(4);
        assert!(waiting.join().unwrap());
        let waiting = sleep(2);
        others.extend((0..4).map(|_| coming.one()));
        others.truncate(6);
        assert!(!coming.0.is_enough(), "four of ten are there");
        others.truncate(5);
        assert!(waiting.join().unwrap());
    }
}

//! Reads of entries that are under way: bounded together, and each entry by one reader at a time.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use custody_log::LeafIndex;

/// How often the bytes of an envelope are held while it is read: as stored, with base64 in JSON escapes once more
/// unescaped, and as signed, which is three quarters of it; the facts come on top.
const COPIES: u64 = 3;

/// What reads take of memory, and waits for those that have to.
#[derive(Debug)]
pub(super) struct Reads {
    bytes_max: u64,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: u64,
    reading: BTreeSet<LeafIndex>,
}

/// A read that is under way. Dropping it ends it.
pub(super) struct Read<'a> {
    reads: &'a Reads,
    index: LeafIndex,
    bytes: u64,
}

impl Reads {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, state: Mutex::default(), ended: Condvar::new() }
    }

    /// Waits until nobody else reads the entry and there is room for its envelope, which has this length. One that
    /// needs more than all of it is read alone.
    pub(super) fn begin(&self, index: LeafIndex, length: u64) -> Read<'_> {
        let bytes = length.saturating_mul(COPIES).min(self.bytes_max);
        let waits = |state: &mut State| {
            state.reading.contains(&index) || state.bytes.saturating_add(bytes) > self.bytes_max
        };
        let state = self.ended.wait_while(self.state(), waits);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.bytes = state.bytes.saturating_add(bytes);
        state.reading.insert(index);
        Read { reads: self, index, bytes }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Read<'_> {
    fn drop(&mut self) {
        let mut state = self.reads.state();
        state.bytes = state.bytes.saturating_sub(self.bytes);
        state.reading.remove(&self.index);
        drop(state);
        self.reads.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::query::tests::memory::index;

    #[test]
    fn reads_together_stay_within_the_bound() {
        let reads = Reads::new(300);
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for (number, length) in (0..12).zip([40, 30, 1_000].into_iter().cycle()) {
                let (reads, now, most) = (&reads, &now, &most);
                scope.spawn(move || {
                    let read = reads.begin(index(number), length);
                    let held = now.fetch_add(read.bytes, Ordering::SeqCst) + read.bytes;
                    most.fetch_max(held, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(5));
                    now.fetch_sub(read.bytes, Ordering::SeqCst);
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 300, "{most:?}");
    }
}

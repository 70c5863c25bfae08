//! Recording waits for the facts index when that is too far behind.
//!
//! Recording is several times as fast as indexing facts. A burst is taken at full speed; what goes on for longer is slowed
//! down to the speed of the index, or a question would wait for minutes, and the index would grow where nobody looks
//! at the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use custody_log::TreeSize;

use crate::ledger::Ledger;

/// How many entries the facts index may be behind: 65,536, which it reads in 4 s at 16,700 entries a second, or in 10 s beside
/// recording at full speed, at 6,800 (docs/benchmarks.md). Where it was further behind at the start, since it is made again,
/// that far is allowed, and less as it catches up.
pub const FACTS_LAG_MAX: u64 = 1 << 16;

/// How long a single envelope waits for the index before it is refused: 5 s.
const PATIENCE: Duration = Duration::from_secs(5);

/// The facts index is too far behind for more entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the search index is {lag} entries behind; recording waits for it")]
pub struct Behind {
    /// How many entries.
    pub lag: u64,
}

/// Lets envelopes in as fast as the index can follow.
#[derive(Clone)]
pub(super) struct Pace {
    ledger: Arc<Ledger>,
    allowance: Arc<Allowance>,
}

/// How far behind the index may be: never further than `max` beyond where it was when it was least behind.
#[derive(Debug)]
struct Allowance {
    allowed: AtomicU64,
    max: u64,
}

impl Allowance {
    const fn new(max: u64) -> Self {
        Self { allowed: AtomicU64::new(u64::MAX), max }
    }

    fn lets_in(&self, lag: u64) -> bool {
        let reached = lag.saturating_add(self.max);
        self.allowed.fetch_min(reached, Ordering::Relaxed).min(reached) >= lag
    }
}

impl Pace {
    pub(super) fn new(ledger: Arc<Ledger>, max: u64) -> Self {
        Self { ledger, allowance: Arc::new(Allowance::new(max)) }
    }

    /// Says whether the index has caught up far enough.
    pub(super) fn lets_in(&self) -> bool {
        self.allowance.lets_in(self.lag(self.ledger.index().indexed_to()))
    }

    /// Waits until the index has caught up far enough, for as long as it takes.
    pub(super) async fn wait(&self) {
        let mut indexed_to = self.ledger.index().watch_indexed_to();
        // An error means that the index is gone: then there is nothing to wait for.
        let _caught_up = indexed_to.wait_for(|to| self.allowance.lets_in(self.lag(*to))).await;
    }

    /// Waits for a few seconds.
    pub(super) async fn wait_a_while(&self) -> Result<(), Behind> {
        let waited = tokio::time::timeout(PATIENCE, self.wait()).await;
        waited.map_err(|_| Behind { lag: self.lag(self.ledger.index().indexed_to()) })
    }

    fn lag(&self, indexed_to: TreeSize) -> u64 {
        self.ledger.head().size.get().saturating_sub(indexed_to.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_in_and_then_no_more_than_the_index_reads() {
        let allowance = Allowance::new(10);
        assert!(allowance.lets_in(0) && allowance.lets_in(10));
        assert!(!allowance.lets_in(11));
        assert!(allowance.lets_in(10), "one was read, one more is let in");
    }

    #[test]
    fn an_index_that_is_made_again_slows_recording_and_does_not_stop_it() {
        let allowance = Allowance::new(10);
        assert!(allowance.lets_in(1_000) && allowance.lets_in(1_010));
        assert!(!allowance.lets_in(1_011));
        assert!(allowance.lets_in(500));
        assert!(!allowance.lets_in(511), "what it caught up is not lost again");
    }
}

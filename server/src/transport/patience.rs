//! How long a peer may stand still.

use std::time::Duration;

use tokio::time::Instant;

/// Bytes that buy back a second: 32 KiB. Who is slower in the long run is cut off; 64 MiB take 34 minutes at the most.
pub(super) const BYTES_PER_SECOND: u32 = 32 << 10;

/// What is left of a peer's time. It runs while it is the peer's turn, and bytes that move buy some of it back, never
/// more than there was at first: a byte now and then does not keep a place.
#[derive(Debug)]
pub(super) struct Patience {
    whole: Duration,
    left: Duration,
    /// Since when it is the peer's turn.
    since: Option<Instant>,
}

impl Patience {
    pub(super) const fn new(whole: Duration) -> Self {
        Self { whole, left: whole, since: None }
    }

    /// It is the peer's turn.
    pub(super) fn wait(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// It is our turn.
    pub(super) fn rest(&mut self, now: Instant) {
        self.left = self.left(now);
        self.since = None;
    }

    /// The peer sent or took so many bytes. Once its time is over they come too late, also if nobody has looked yet.
    pub(super) fn moved(&mut self, bytes: usize, now: Instant) {
        let left = self.left(now);
        if left.is_zero() {
            return;
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let bought = Duration::from_secs(u64::from(bytes)) / BYTES_PER_SECOND;
        self.left = left.saturating_add(bought).min(self.whole);
        self.since = self.since.map(|_| now);
    }

    /// Returns when the peer's time is over, if it is its turn.
    pub(super) fn ends(&self) -> Option<Instant> {
        self.since.map(|since| since + self.left)
    }

    fn left(&self, now: Instant) -> Duration {
        self.since.map_or(self.left, |since| self.left.saturating_sub(now.saturating_duration_since(since)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Duration = Duration::from_secs(30);

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn runs_only_while_it_is_the_peers_turn() {
        let start = Instant::now();
        let mut patience = Patience::new(WHOLE);
        assert_eq!(patience.ends(), None);
        patience.wait(start);
        assert_eq!(patience.ends(), Some(start + WHOLE));
        patience.wait(start + seconds(5));
        assert_eq!(patience.ends(), Some(start + WHOLE), "waiting on is no new turn");
        patience.rest(start + seconds(10));
        assert_eq!(patience.ends(), None);
        patience.wait(start + seconds(100));
        assert_eq!(patience.ends(), Some(start + seconds(120)), "the next turn has what is left");
    }

    #[test]
    fn a_byte_now_and_then_does_not_last() {
        let start = Instant::now();
        let mut patience = Patience::new(WHOLE);
        patience.wait(start);
        let mut now = start;
        let mut sent = 0;
        while patience.ends().is_some_and(|end| end > now) {
            now += seconds(1);
            patience.moved(100, now);
            sent += 1;
        }
        assert!((30..40).contains(&sent), "{sent} times");
    }

    #[test]
    fn who_moves_fast_enough_is_never_cut_and_saves_nothing_up() {
        let start = Instant::now();
        let mut patience = Patience::new(WHOLE);
        patience.wait(start);
        let mut now = start;
        for _ in 0..1_000 {
            now += seconds(1);
            patience.moved(40 << 10, now);
            assert!(patience.ends().is_some_and(|end| end > now));
        }
        assert!(patience.ends().is_some_and(|end| end <= now + WHOLE));
    }
}

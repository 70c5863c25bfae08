//! The clock: where ledger time comes from, and when it may not be believed.
//!
//! Ledger time goes back only by a clock repair, an administrative entry: all others get max(now, last + 1 us). A clock that trails the last entry by more
//! than [`TRAIL_MAX`], or that jumped against the time since boot by more than [`JUMP_MAX`], is not believed,
//! and writes are refused until it is right again, or was steady for [`STEADY_AFTER`].

use std::time::Duration;

use custody_log::{Timestamp, TimestampError};
use rustix::time::{ClockId, clock_gettime};

/// How far the clock may be behind the last entry: 5 s.
pub const TRAIL_MAX: Duration = Duration::from_secs(5);

/// How far the clock may move against the time since boot between two readings: 60 s.
pub const JUMP_MAX: Duration = Duration::from_mins(1);

/// How long the clock must be steady after a jump before it is believed again: 60 s.
pub const STEADY_AFTER: Duration = Duration::from_mins(1);

/// One look at both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The time of day.
    pub wall: Timestamp,
    /// Time since boot, sleep included; nobody sets this clock.
    pub since_boot: Duration,
}

/// Where readings come from.
pub trait Clock: Send + Sync + 'static {
    /// Reads both clocks.
    fn read(&self) -> Result<Reading, ClockError>;
}

/// Why no ledger time can be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// The clock shows a year that cannot be.
    #[error("the server's clock cannot be right: {0}")]
    Impossible(#[from] TimestampError),
    /// The clock is too far behind the last entry.
    #[error(
        "the server's clock shows {now}, but the last entry was made at {last}: set the clock right, or if it is, repair the log's time (custody trust clock-repair)"
    )]
    Trails {
        /// What the clock shows.
        now: Timestamp,
        /// The last entry's time.
        last: Timestamp,
    },
    /// The clock jumped, and was not yet steady for long enough.
    #[error("the server's clock jumped by {by_seconds} s; it is believed again once it was steady for 60 s")]
    Jumped {
        /// How far, in seconds, without direction.
        by_seconds: u64,
    },
}

/// The clocks of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn read(&self) -> Result<Reading, ClockError> {
        let wall = clock_gettime(ClockId::Realtime);
        let micros = wall.tv_sec.saturating_mul(1_000_000).saturating_add(wall.tv_nsec / 1_000);
        let boot = clock_gettime(ClockId::Boottime);
        let since_boot = Duration::from_secs(boot.tv_sec.unsigned_abs())
            .saturating_add(Duration::from_nanos(boot.tv_nsec.unsigned_abs()));
        Ok(Reading { wall: Timestamp::from_micros(micros)?, since_boot })
    }
}

/// Watches the clock over time and gives the time of the next entry.
#[derive(Debug, Default)]
pub struct Steadiness {
    previous: Option<Reading>,
    /// Since when, after boot, the clock is steady again, and how far it had jumped.
    recovering: Option<(Duration, Duration)>,
}

impl Steadiness {
    /// Returns the time of the next entry after one made at `last`.
    pub fn next_time(&mut self, reading: Reading, last: Option<Timestamp>) -> Result<Timestamp, ClockError> {
        self.steady(reading)?;
        let Some(last) = last else { return Ok(reading.wall) };
        if trails(reading, last) {
            return Err(ClockError::Trails { now: reading.wall, last });
        }
        Ok(reading.wall.max(last.plus_micros(1)))
    }

    /// Returns the time of a clock repair after an entry made at `last`: what the clock shows. None if the clock does not trail.
    pub fn repair_time(
        &mut self,
        reading: Reading,
        last: Timestamp,
    ) -> Result<Option<Timestamp>, ClockError> {
        self.steady(reading)?;
        Ok(trails(reading, last).then_some(reading.wall))
    }

    /// Looks at the clock, and refuses while it jumped lately.
    fn steady(&mut self, reading: Reading) -> Result<(), ClockError> {
        self.observe(reading);
        if let Some((since, jump)) = self.recovering {
            if reading.since_boot.saturating_sub(since) < STEADY_AFTER {
                return Err(ClockError::Jumped { by_seconds: jump.as_secs() });
            }
            self.recovering = None;
        }
        Ok(())
    }

    fn observe(&mut self, reading: Reading) {
        if let Some(before) = self.previous.replace(reading) {
            let elapsed = reading.since_boot.saturating_sub(before.since_boot);
            let expected = before.wall.plus_micros(i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX));
            let jump = micros_between(reading.wall, expected)
                .or_else(|| micros_between(expected, reading.wall))
                .unwrap_or_default();
            if jump > JUMP_MAX {
                self.recovering = Some((reading.since_boot, jump));
            }
        }
    }
}

/// Whether the clock is too far behind the last entry.
fn trails(reading: Reading, last: Timestamp) -> bool {
    micros_between(reading.wall, last).is_some_and(|behind| behind > TRAIL_MAX)
}

/// Returns how far `earlier` is before `later`; none if it is not.
fn micros_between(earlier: Timestamp, later: Timestamp) -> Option<Duration> {
    let micros = later.as_micros().saturating_sub(earlier.as_micros());
    u64::try_from(micros).ok().map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(wall_seconds: i64, boot_seconds: u64) -> Reading {
        Reading {
            wall: Timestamp::from_micros(wall_seconds * 1_000_000).unwrap(),
            since_boot: Duration::from_secs(boot_seconds),
        }
    }

    fn seconds(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    #[test]
    fn time_moves_on_by_a_microsecond_when_the_clock_stands() {
        let time = Steadiness::default().next_time(at(100, 1), Some(seconds(100))).unwrap();
        assert_eq!(time.as_micros(), 100_000_001);
    }

    #[test]
    fn a_clock_that_trails_by_five_seconds_is_believed_and_one_second_more_is_not() {
        let mut clock = Steadiness::default();
        assert_eq!(clock.next_time(at(95, 1), Some(seconds(100))).unwrap().as_micros(), 100_000_001);
        let refused = Steadiness::default().next_time(at(94, 1), Some(seconds(100))).unwrap_err();
        assert!(matches!(refused, ClockError::Trails { .. }), "{refused}");
    }

    #[test]
    fn a_jump_of_more_than_a_minute_stops_writes_until_a_steady_minute_passed() {
        for jumped in [at(1_000 + 10 + 61, 20), at(1_000 + 10 - 61, 20)] {
            let mut clock = Steadiness::default();
            clock.next_time(at(1_000, 10), None).unwrap();
            assert!(matches!(clock.next_time(jumped, None), Err(ClockError::Jumped { by_seconds: 61 })));
            let wall = jumped.wall.as_micros() / 1_000_000;
            assert!(clock.next_time(at(wall + 59, 79), None).is_err());
            assert!(clock.next_time(at(wall + 60, 80), None).is_ok());
        }
    }

    #[test]
    fn a_jump_of_exactly_a_minute_is_believed() {
        let mut clock = Steadiness::default();
        clock.next_time(at(1_000, 10), None).unwrap();
        assert!(clock.next_time(at(1_000 + 10 + 60, 20), None).is_ok());
    }
}

//! The one place where the command line reads the time.

use std::time::{SystemTime, UNIX_EPOCH};

use custody_log::Timestamp;

/// Tells the time; passed down so that every command can be run at a chosen time in tests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(fn() -> Timestamp);

impl Clock {
    /// Returns the clock of this machine.
    pub(crate) const fn system() -> Self {
        Self(system_now)
    }

    /// Returns a clock of a test.
    #[cfg(test)]
    pub(crate) const fn standing(now: fn() -> Timestamp) -> Self {
        Self(now)
    }

    /// Returns the time now.
    pub(crate) fn now(self) -> Timestamp {
        (self.0)()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that is passed to everything else")]
fn system_now() -> Timestamp {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    let start = Timestamp::from_micros(0).expect("1970 is in range");
    start.plus_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

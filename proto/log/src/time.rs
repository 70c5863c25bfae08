//! Ledger time: microseconds since 1970 in UTC, written in one form only.

use jiff::Timestamp as Instant;

/// A time that cannot be ledger time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Not of the form `2026-11-22T20:31:24.120394Z`.
    #[error("expected a time like 2026-11-22T20:31:24.120394Z, found {found:?}")]
    Form {
        /// The text, cut to 40 characters.
        found: String,
    },
    /// Before 1970 or after 9999.
    #[error("{found} microseconds since 1970 is outside 1970 to 9999")]
    Range {
        /// Microseconds since 1970.
        found: i64,
    },
}

/// A point in time with microseconds, from 1970 to the end of 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// 9999-12-30T22:00:00Z, the last instant that every time zone writes with four digits of year.
const LATEST_MICROS: i64 = 253_402_207_200_000_000;

impl Timestamp {
    /// Checks the range.
    pub fn from_micros(micros: i64) -> Result<Self, TimestampError> {
        if (0..LATEST_MICROS).contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(TimestampError::Range { found: micros })
        }
    }

    /// Returns microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Returns whole seconds since 1970, rounded down: the unit of cosignatures.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0.unsigned_abs() / 1_000_000
    }

    /// Returns the time so many microseconds later, or the latest time there is.
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros).clamp(0, LATEST_MICROS - 1))
    }

    /// Parses any RFC 3339 time with an offset, as claims carry it; digits beyond microseconds are cut.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimestampError> {
        let instant: Instant = text.parse().map_err(|_| form(text))?;
        Self::from_micros(instant.as_microsecond())
    }
}

/// Parses the one form that entries have: six digits after the point and `Z`.
impl std::str::FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let time = Self::parse_rfc3339(text)?;
        if time.to_string() == text { Ok(time) } else { Err(form(text)) }
    }
}

/// Writes the one form that entries have.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let instant = Instant::from_microsecond(self.0).map_err(|_| std::fmt::Error)?;
        write!(f, "{instant:.6}")
    }
}

impl std::fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

fn form(text: &str) -> TimestampError {
    TimestampError::Form { found: text.chars().take(40).collect() }
}

#[cfg(test)]
mod tests;

//! How new the newest checkpoint is: what tells a quiet log from a frozen one.

use custody_log::Timestamp;
use custody_log::checkpoint::{VerifiedCheckpoint, VerifiedCosignature};

use crate::trust::Trust;

/// A checkpoint that was cosigned longer ago than this may hide what came after: 5 minutes. The freshness
/// key cosigns the newest checkpoint every minute.
pub const STALE_AFTER_SECONDS: u64 = 5 * 60;

/// What the cosignatures say about the age of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// No freshness key cosigned it: its age is not known.
    Unknown,
    /// Cosigned so many seconds ago, at most [`STALE_AFTER_SECONDS`]; 0 if the log's clock is ahead of ours by
    /// no more than that.
    Fresh {
        /// Seconds.
        age: u64,
    },
    /// Cosigned so many seconds ahead of our clock, more than [`STALE_AFTER_SECONDS`]: its age is not known, and it
    /// would pass for fresh until then.
    Ahead {
        /// Seconds.
        seconds: u64,
    },
    /// Cosigned so many seconds ago, more than [`STALE_AFTER_SECONDS`].
    Stale {
        /// Seconds.
        age: u64,
    },
}

/// Returns when a freshness key cosigned a checkpoint last; none if none did, or one did so far ahead of our clock that it would pass for
/// fresh until then ([`Freshness::Ahead`]).
#[must_use]
pub fn cosigned_at(checkpoint: &VerifiedCheckpoint, trust: &Trust, now: Timestamp) -> Option<Timestamp> {
    let ahead = matches!(Freshness::of(checkpoint, trust, now), Freshness::Ahead { .. });
    let seconds = newest_cosignature(checkpoint, trust).filter(|_| !ahead)?;
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
    Timestamp::from_micros(micros).ok()
}

/// In seconds since 1970.
fn newest_cosignature(checkpoint: &VerifiedCheckpoint, trust: &Trust) -> Option<u64> {
    let keys = trust.current().state.freshness_keys();
    checkpoint.cosignatures(&keys).iter().map(VerifiedCosignature::seconds).max()
}

impl Freshness {
    /// Reads the newest freshness cosignature.
    #[must_use]
    pub fn of(checkpoint: &VerifiedCheckpoint, trust: &Trust, now: Timestamp) -> Self {
        let Some(newest) = newest_cosignature(checkpoint, trust) else { return Self::Unknown };
        let ahead = newest.saturating_sub(now.as_seconds());
        match now.as_seconds().saturating_sub(newest) {
            _ if ahead > STALE_AFTER_SECONDS => Self::Ahead { seconds: ahead },
            age if age > STALE_AFTER_SECONDS => Self::Stale { age },
            age => Self::Fresh { age },
        }
    }
}

//! Which keys sign the log's checkpoints, by tree size.

use custody_log::{TreeSize, VerifierKey};
use serde::{Deserialize, Serialize};

use super::text;

/// A log key and the checkpoints that it signs: those of `from_size` up to, not including, `until_size`.
///
/// When the key changes the windows overlap, and both keys sign the checkpoints in between: a client that
/// learns of the change there sees the old key vouch for the new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogKey {
    /// The key (c2sp.org/signed-note, type 0x01), whose name is the origin.
    #[serde(with = "text")]
    pub vkey: VerifierKey,
    /// The smallest tree that it signs.
    #[serde(with = "text::size", default = "zero")]
    pub from_size: TreeSize,
    /// The first size that it no longer signs; none if it still signs.
    #[serde(with = "text::maybe_size", default)]
    pub until_size: Option<TreeSize>,
}

/// Why the windows of log keys do not fit together. Positions are those in the list, 0-based.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// No log key at all.
    #[error("log_keys is empty: expected at least one key that signs checkpoints")]
    None,
    /// The first window does not start at size 0.
    #[error("log_keys[0] starts at size {found}, expected 0")]
    Start {
        /// Where it starts.
        found: TreeSize,
    },
    /// A window that ends where it starts, or before.
    #[error("log_keys[{position}] signs no size: from {from} until {until}")]
    Empty {
        /// Which one.
        position: usize,
        /// Where it starts.
        from: TreeSize,
        /// Where it ends.
        until: TreeSize,
    },
    /// The windows are not in the order of their starts.
    #[error("log_keys[{position}] starts at size {from}, not after the one before it, {before}")]
    Order {
        /// Which one.
        position: usize,
        /// Where it starts.
        from: TreeSize,
        /// Where the one before starts.
        before: TreeSize,
    },
    /// The window before ends too early: both keys must sign at least one size.
    #[error(
        "log_keys[{position}] starts at size {from}, but the one before it signs until {until}: \
         they must overlap, so that both sign the change"
    )]
    NoOverlap {
        /// Which one.
        position: usize,
        /// Where it starts.
        from: TreeSize,
        /// Where the one before ends.
        until: TreeSize,
    },
    /// A window that is not the last has no end.
    #[error("log_keys[{position}] has no until_size, but another key follows it")]
    NoEnd {
        /// Which one.
        position: usize,
    },
    /// The last window has an end: nobody would sign after it.
    #[error("log_keys[{position}] is the last and ends at size {until}: nobody would sign after it")]
    End {
        /// Which one.
        position: usize,
        /// Where it ends.
        until: TreeSize,
    },
    /// Three keys would sign one size.
    #[error("log_keys[{position}] starts at size {from}, while two keys before it still sign")]
    Three {
        /// Which one.
        position: usize,
        /// Where it starts.
        from: TreeSize,
    },
    /// A key that is listed twice.
    #[error(
        "log_keys[{position}] lists a key that is listed before: make a new key, old ones are not used again"
    )]
    Twice {
        /// Which one.
        position: usize,
    },
}

const fn zero() -> TreeSize {
    TreeSize::ZERO
}

impl LogKey {
    /// Makes the first key of a log: it signs from the start.
    #[must_use]
    pub const fn first(vkey: VerifierKey) -> Self {
        Self { vkey, from_size: TreeSize::ZERO, until_size: None }
    }

    /// Whether the key signs checkpoints of this size.
    #[must_use]
    pub fn signs(&self, size: TreeSize) -> bool {
        self.from_size <= size && self.until_size.is_none_or(|until| size < until)
    }
}

/// Checks that at every size one key signs, or two during a change.
pub(super) fn check_windows(keys: &[LogKey]) -> Result<(), WindowError> {
    let first = keys.first().ok_or(WindowError::None)?;
    if first.from_size != TreeSize::ZERO {
        return Err(WindowError::Start { found: first.from_size });
    }
    for (position, key) in keys.iter().enumerate() {
        let last = position + 1 == keys.len();
        match key.until_size {
            Some(until) if until <= key.from_size => {
                return Err(WindowError::Empty { position, from: key.from_size, until });
            }
            Some(until) if last => return Err(WindowError::End { position, until }),
            None if !last => return Err(WindowError::NoEnd { position }),
            Some(_) | None => {}
        }
        let before = keys.get(..position).unwrap_or_default();
        if before.iter().any(|other| other.vkey.public_key() == key.vkey.public_key()) {
            return Err(WindowError::Twice { position });
        }
        follows(position, key, before)?;
    }
    Ok(())
}

fn follows(position: usize, key: &LogKey, before: &[LogKey]) -> Result<(), WindowError> {
    let from = key.from_size;
    let Some(previous) = before.last() else { return Ok(()) };
    if from <= previous.from_size {
        return Err(WindowError::Order { position, from, before: previous.from_size });
    }
    if let Some(until) = previous.until_size.filter(|until| *until <= from) {
        return Err(WindowError::NoOverlap { position, from, until });
    }
    if before.iter().filter(|other| other.signs(from)).count() > 1 {
        return Err(WindowError::Three { position, from });
    }
    Ok(())
}

/// Returns the smallest size at which other keys sign than before; none if the windows say the same.
pub(super) fn first_change(old: &[LogKey], new: &[LogKey]) -> Option<TreeSize> {
    let bounds = |key: &LogKey| [Some(key.from_size), key.until_size];
    let mut sizes: Vec<_> = old.iter().chain(new).flat_map(bounds).flatten().collect();
    sizes.sort_unstable();
    // Who signs changes at bounds only.
    sizes.into_iter().find(|size| at(old, *size) != at(new, *size))
}

fn at(keys: &[LogKey], size: TreeSize) -> Vec<&VerifierKey> {
    keys.iter().filter(|key| key.signs(size)).map(|key| &key.vkey).collect()
}

//! How one entry follows another: index, hash chain, time, and the chain of administrative entries
//! (`docs/format.md`, section "Entry").

use custody_log::{Entry, EntryDigest, LeafIndex, Timestamp};

use super::damage::DamageKind;

/// Why an entry does not follow the one before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The index is not the next one.
    #[error("expected index {expected}, found {found}")]
    Index {
        /// The next position.
        expected: LeafIndex,
        /// In the entry.
        found: LeafIndex,
    },
    /// `previous` is not the digest of the entry before.
    #[error("expected previous {}, found {}", or_none(.expected.as_ref()), or_none(.found.as_ref()))]
    Previous {
        /// Digest of the entry before.
        expected: Option<EntryDigest>,
        /// In the entry.
        found: Option<EntryDigest>,
    },
    /// The time is not later than that of the entry before; a clock repair alone may step back.
    #[error("expected a time after {previous}, found {found}")]
    Time {
        /// Time of the entry before.
        previous: Timestamp,
        /// In the entry.
        found: Timestamp,
    },
    /// `admin` does not name the newest administrative entry before this one.
    #[error("expected admin {}, found {}", or_none(.expected.as_ref()), or_none(.found.as_ref()))]
    Admin {
        /// The newest administrative entry.
        expected: Option<LeafIndex>,
        /// In the entry.
        found: Option<LeafIndex>,
    },
    /// An administrative entry shares its batch with others.
    #[error("an administrative entry is alone in its batch, found {found} entries")]
    NotAlone {
        /// Entries in the batch.
        found: usize,
    },
}

/// Where the chain stands: what the next entry must say.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    next: LeafIndex,
    last: Option<Last>,
}

#[derive(Debug, Clone)]
struct Last {
    digest: EntryDigest,
    time: Timestamp,
    /// The newest administrative entry up to and with the last one.
    admin: Option<LeafIndex>,
}

impl Chain {
    /// Before entry 0.
    pub(super) const fn start() -> Self {
        Self { next: LeafIndex::ZERO, last: None }
    }

    /// After an entry that is taken as it is, given with its exact bytes.
    pub(super) fn after(entry: &Entry, bytes: &[u8]) -> Self {
        let admin = if entry.administrative { Some(entry.index) } else { entry.admin };
        let last = Last { digest: EntryDigest::of(bytes), time: entry.time, admin };
        Self { next: entry.index.next(), last: Some(last) }
    }

    /// The position of the next entry.
    pub(super) const fn next(&self) -> LeafIndex {
        self.next
    }

    /// Whether only a clock repair could be the next entry: it is not later than the one before. Of an entry that administers
    /// nothing nobody needs to look what it holds.
    pub(super) fn needs_repair(&self, entry: &Entry) -> bool {
        entry.administrative && self.last.as_ref().is_some_and(|last| entry.time <= last.time)
    }

    /// Steps over the next entry, one of `batch` that share a frame, which was decoded from these bytes. If it does not fit, the
    /// chain stays where it is. `repairs` says whether the entry repairs the clock; it is asked where [`Chain::needs_repair`].
    pub(super) fn follow(
        &mut self,
        entry: &Entry,
        bytes: &[u8],
        batch: usize,
        repairs: bool,
    ) -> Result<(), DamageKind> {
        self.check(entry, batch, repairs).map_err(DamageKind::Chain)?;
        *self = Self::after(entry, bytes);
        Ok(())
    }

    fn check(&self, entry: &Entry, batch: usize, repairs: bool) -> Result<(), ChainError> {
        if entry.index != self.next {
            return Err(ChainError::Index { expected: self.next, found: entry.index });
        }
        let previous = self.last.as_ref().map(|last| last.digest);
        if entry.previous != previous {
            return Err(ChainError::Previous { expected: previous, found: entry.previous });
        }
        if let Some(last) = &self.last
            && entry.time <= last.time
            && !(entry.administrative && repairs)
        {
            return Err(ChainError::Time { previous: last.time, found: entry.time });
        }
        let admin = self.last.as_ref().and_then(|last| last.admin);
        if entry.admin != admin {
            return Err(ChainError::Admin { expected: admin, found: entry.admin });
        }
        if entry.administrative && batch != 1 {
            return Err(ChainError::NotAlone { found: batch });
        }
        Ok(())
    }
}

fn or_none<T: std::fmt::Display>(value: Option<&T>) -> String {
    value.map_or_else(|| "none".to_owned(), ToString::to_string)
}

//! What can go wrong with the index.

use std::path::PathBuf;

use custody_log::{EntryError, LeafIndex, TreeSize};

use super::source::SourceError;

/// Why the index could not be opened, applied or asked. The journal is never at risk.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A file beside the database cannot be read or written.
    #[error("cannot use the index file {}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has the index open.
    #[error("the index in {} is in use by another process", path.display())]
    InUse {
        /// The index directory.
        path: PathBuf,
    },
    /// The database failed. It is opened again, or made again from the journal, without being asked.
    #[error("the index database failed; it is opened again, or made again from the journal")]
    Database(#[source] sled::Error),
    /// The database failed and is not open yet.
    #[error("the index database in {} is being opened again", path.display())]
    Shut {
        /// The database's directory.
        path: PathBuf,
    },
    /// An empty database cannot be opened: a fault of the disk or of the database, not of what is in it.
    #[error("a new index database in {} cannot be opened", path.display())]
    Unopened {
        /// The database's directory.
        path: PathBuf,
    },
    /// The index panicked. It is made again from the journal without being asked.
    #[error("the index database in {} failed unexpectedly; it is made again from the journal", path.display())]
    Panicked {
        /// The index directory.
        path: PathBuf,
    },
    /// A look into the database did not end in time. It is made again from the journal without being asked.
    #[error("a look into the index database in {} did not end; it is made again from the journal", path.display())]
    Stuck {
        /// The database's directory.
        path: PathBuf,
    },
    /// The database does not let go of its files. It is not closed: the next open looks at it more closely.
    #[error("the index database in {} does not end", path.display())]
    Unclosed {
        /// The database's directory.
        path: PathBuf,
    },
    /// The work behind the index ended in a panic that is none of the database: a bug. It is tried again.
    #[error("the work behind the index ended unexpectedly; it is tried again")]
    Unexpected,
    /// The journal could not be read.
    #[error("cannot read the journal for the index")]
    Source(#[from] SourceError),
    /// The journal holds what is no entry.
    #[error("entry {index} of the journal does not decode")]
    Entry {
        /// Its index.
        index: LeafIndex,
        /// Why.
        source: EntryError,
    },
    /// Entries were left out: a bug of the caller, nothing was applied.
    #[error("entry {found} cannot be indexed before entry {expected}")]
    Gap {
        /// The next entry to be applied.
        expected: LeafIndex,
        /// The first one given.
        found: LeafIndex,
    },
    /// A part of it is damaged, and is being made again.
    #[error("a part of the index is being made again from the journal")]
    Healing,
    /// The journal is empty: without entry 0 there is no log.
    #[error("the journal has no entry 0")]
    Empty,
    /// More was asked for than the journal has.
    #[error("the journal has {size} entries, entry {index} was asked for")]
    Beyond {
        /// The entry.
        index: LeafIndex,
        /// The journal's size.
        size: TreeSize,
    },
}

impl IndexError {
    /// Returns the entry of the journal that could not be read; none where the journal is not what failed.
    #[must_use]
    pub const fn unread(&self) -> Option<LeafIndex> {
        match self {
            Self::Source(SourceError { index, .. }) | Self::Entry { index, .. } => Some(*index),
            _ => None,
        }
    }

    /// Whether the index is about to be sound again without being asked.
    #[must_use]
    pub const fn is_healed_soon(&self) -> bool {
        matches!(
            self,
            Self::Healing
                | Self::Shut { .. }
                | Self::Database(_)
                | Self::Panicked { .. }
                | Self::Stuck { .. }
        )
    }

    /// Returns it with its causes, in one line.
    pub(super) fn chain(&self) -> String {
        let first: &dyn std::error::Error = self;
        let causes = std::iter::successors(Some(first), |error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    /// Whether the disk took a write in part or not at all, and what is on it is as it was: it is full, or read-only.
    pub(super) fn is_refused_write(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let Self::Database(sled::Error::Io(error)) = self else { return false };
        matches!(error.kind(), QuotaExceeded | ReadOnlyFilesystem | StorageFull)
    }
}

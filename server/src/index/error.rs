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
    /// The database failed. It is rebuilt when it is opened next.
    #[error("the index database failed; it is rebuilt at the next start")]
    Database(#[source] sled::Error),
    /// An empty database cannot be opened: a fault of the disk or of the database, not of what is in it.
    #[error("a new index database in {} cannot be opened", path.display())]
    Unopened {
        /// The database's directory.
        path: PathBuf,
    },
    /// The index panicked. It is rebuilt when it is opened next.
    #[error("the index database in {} failed unexpectedly; it is rebuilt at the next start", path.display())]
    Panicked {
        /// The index directory.
        path: PathBuf,
    },
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

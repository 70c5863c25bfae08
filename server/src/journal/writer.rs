//! The journal of file segments.

use std::io;
use std::path::PathBuf;

use custody_log::{LeafIndex, TreeSize};

use super::{DamageKind, Journal};

/// A file operation that failed, after which the state of the disk is unknown.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {source}", path.display())]
pub struct JournalFault {
    /// What was tried.
    pub doing: &'static str,
    /// On what.
    pub path: PathBuf,
    /// The system's answer.
    pub source: io::Error,
}

/// Why a batch was not written. Nothing was written, and the journal goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The disk is nearly full.
    #[error("{available} bytes are free on the disk, {needed} are needed and {reserve} are kept in reserve")]
    DiskFull {
        /// Free bytes.
        available: u64,
        /// Bytes that the batch needs.
        needed: u64,
        /// Bytes that stay free.
        reserve: u64,
    },
    /// No entries.
    #[error("a batch has at least one entry")]
    Empty,
    /// More than one frame can hold.
    #[error("the batch needs a frame of {bytes} bytes, at most {max} fit")]
    TooLarge {
        /// Bytes of the frame.
        bytes: usize,
        /// [`super::MAX_BATCH_BYTES`].
        max: usize,
    },
    /// An admission record that is too long.
    #[error("the admission record of entry {index} has {bytes} bytes, at most {max} are kept")]
    RecordTooLarge {
        /// Its entry.
        index: LeafIndex,
        /// Its length.
        bytes: usize,
        /// [`super::MAX_RECORD_BYTES`].
        max: usize,
    },
    /// First index and size do not fit the entries and the journal.
    #[error("a batch of {entries} from {first} to size {size} does not follow size {expected}")]
    Position {
        /// Entries in the batch.
        entries: usize,
        /// Its first index.
        first: LeafIndex,
        /// Its resulting size.
        size: TreeSize,
        /// The journal's size.
        expected: TreeSize,
    },
    /// An entry that does not follow the log, or does not fit its record or envelope: a fault of the caller.
    #[error("entry {index} is not fit to be stored: {kind}")]
    Entry {
        /// Position of the entry.
        index: LeafIndex,
        /// What does not fit.
        kind: DamageKind,
    },
}

/// Why an append did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was written.
    #[error("{why}")]
    Refused {
        /// The journal, which goes on as before.
        journal: Box<dyn Journal>,
        /// Why.
        why: Refused,
    },
    /// The outcome is unknown: drop everything in memory and open again.
    #[error("the outcome of the append is unknown: {0}")]
    Unknown(#[source] JournalFault),
}

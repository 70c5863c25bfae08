//! Why a query has no answer.

use custody_evidence::fact::{PackageError, TermError, UnknownWord};
use custody_log::TreeSize;

use crate::index::IndexError;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The question names no field of `find`, or no kind of node. The asker's fault.
    #[error(transparent)]
    Word(#[from] UnknownWord),
    /// The value of a condition is not one of its field. The asker's fault.
    #[error(transparent)]
    Value(#[from] TermError),
    /// A node's text is empty, too long, or has control characters. The asker's fault.
    #[error("expected the text of a node without control characters, found {found:?}")]
    Node {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// The package of a condition is none, or its range of versions cannot be compared. The asker's fault.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The question is about a larger tree than there is. The asker's fault, or the server is behind.
    #[error("asked about tree size {asked}, the log has {committed} entries")]
    Beyond {
        /// The size asked about.
        asked: TreeSize,
        /// The size there is.
        committed: TreeSize,
    },
    /// The facts index has not read that far yet: ask again.
    #[error("asked about tree size {asked}, {indexed_to} entries are indexed so far")]
    Behind {
        /// The size asked about.
        asked: TreeSize,
        /// How far the facts index is.
        indexed_to: TreeSize,
    },
    /// What may be read for one question was read, and nothing is known yet: a narrower question has an answer.
    #[error(
        "read {entries} entries with {bytes} bytes of envelopes and found nothing yet: give more of what is meant"
    )]
    TooMuch {
        /// The entries read.
        entries: usize,
        /// The length of their envelopes.
        bytes: u64,
    },
    /// Nobody waits for the answer any more.
    #[error("the asker left")]
    Abandoned,
    /// The index or the journal failed.
    #[error("the index cannot answer")]
    Index(#[from] IndexError),
}

//! Reading what is durable, checked against the digests in the entries.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use custody_log::{Entry, LeafIndex, NodeHash, TreeSize};

use super::Damage;

/// Why something cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log is not that long.
    #[error("entry {index} does not exist: the log has {size} entries")]
    Beyond {
        /// The index asked for.
        index: LeafIndex,
        /// How many entries there are.
        size: TreeSize,
    },
    /// What is there is not what was written.
    #[error("the journal is damaged: {0}; run custodyd fsck")]
    Damaged(#[source] Box<Damage>),
    /// The disk failed.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// One entry with all that is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The entry's exact bytes.
    pub bytes: Vec<u8>,
    /// The same, decoded.
    pub entry: Entry,
    /// The admission record; its digest and length are those in the entry.
    pub record: Vec<u8>,
    /// The envelope as received; its digest and length are those in the entry.
    pub envelope: Vec<u8>,
}

/// Reads entries, records and envelopes by position. Clones are cheap and share one state; they stay valid, for what they
/// showed, when the journal is consumed.
#[derive(Debug, Clone)]
pub struct Reader {
    shared: Arc<()>,
}

impl Reader {
    /// How many entries are durable. Grows only after an append was synced.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        let _ = &self.shared;
        unimplemented!()
    }

    /// Returns the exact bytes of an entry: they decode, and to this index. That they are the bytes in the tree is
    /// told by a proof.
    pub fn entry(&self, index: LeafIndex) -> Result<Vec<u8>, ReadError> {
        let _ = index;
        unimplemented!()
    }

    /// Returns the leaf hash of an entry (RFC 6962 section 2.1).
    pub fn leaf_hash(&self, index: LeafIndex) -> Result<NodeHash, ReadError> {
        self.entry(index).map(|bytes| NodeHash::leaf(&bytes))
    }

    /// Returns the admission record of an entry; it has the digest and length that the entry says.
    pub fn record(&self, index: LeafIndex) -> Result<Vec<u8>, ReadError> {
        let _ = index;
        unimplemented!()
    }

    /// Returns the envelope of an entry as received; it has the digest and length that the entry says.
    pub fn envelope(&self, index: LeafIndex) -> Result<Vec<u8>, ReadError> {
        let _ = index;
        unimplemented!()
    }

    /// Returns an entry with its record and envelope.
    pub fn stored(&self, index: LeafIndex) -> Result<Stored, ReadError> {
        let _ = index;
        unimplemented!()
    }

    /// Calls `each` with every entry from `first` up to the size at the time of the call, in order, and
    /// returns that size. Stops at the first error. Record and envelope come with it: for the index.
    pub fn for_each_from<E: From<ReadError>>(
        &self,
        first: LeafIndex,
        mut each: impl FnMut(LeafIndex, Stored) -> Result<(), E>,
    ) -> Result<TreeSize, E> {
        let _ = (first, &mut each);
        unimplemented!()
    }

    /// Like [`Reader::for_each_from`] with the entry's exact bytes alone: for the tree.
    pub fn for_each_entry_from<E: From<ReadError>>(
        &self,
        first: LeafIndex,
        mut each: impl FnMut(LeafIndex, &[u8]) -> Result<(), E>,
    ) -> Result<TreeSize, E> {
        let _ = (first, &mut each);
        unimplemented!()
    }
}

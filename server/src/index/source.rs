//! What the index is derived from.

use custody_log::{LeafIndex, TreeSize};

use crate::journal;

/// Why an entry could not be read from the journal, as the journal says it.
#[derive(Debug, thiserror::Error)]
#[error("entry {index} cannot be read")]
pub struct SourceError {
    /// The entry.
    pub index: LeafIndex,
    /// Why.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// One entry with what is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The entry's exact bytes.
    pub entry: Vec<u8>,
    /// The admission record's exact bytes; none when it was erased.
    pub record: Option<Vec<u8>>,
    /// The envelope's exact bytes; none when it was erased.
    pub envelope: Option<Vec<u8>>,
}

/// The committed entries: those that an index may cover. Reads run beside the writer.
pub trait Source: std::fmt::Debug + Send + Sync + 'static {
    /// Returns how many entries are committed. It never shrinks.
    fn size(&self) -> TreeSize;

    /// Returns the exact bytes of one entry below [`Source::size`].
    fn entry(&self, index: LeafIndex) -> Result<Vec<u8>, SourceError>;

    /// Returns one entry below [`Source::size`] with its admission record and envelope, verified against the
    /// digests in the entry.
    fn stored(&self, index: LeafIndex) -> Result<Stored, SourceError>;

    /// Returns how many bytes may be written to the disk that holds the index without taking what is kept free for the
    /// journal.
    fn spare(&self) -> u64;
}

impl Source for journal::Reader {
    /// A reader keeps nothing free.
    fn spare(&self) -> u64 {
        u64::MAX
    }

    fn size(&self) -> TreeSize {
        Self::size(self)
    }

    fn entry(&self, index: LeafIndex) -> Result<Vec<u8>, SourceError> {
        Self::entry(self, index).map_err(|source| SourceError { index, source: Box::new(source) })
    }

    fn stored(&self, index: LeafIndex) -> Result<Stored, SourceError> {
        let stored =
            Self::stored(self, index).map_err(|source| SourceError { index, source: Box::new(source) })?;
        let journal::Stored { bytes, entry: _, record, envelope } = stored;
        Ok(Stored { entry: bytes, record: Some(record), envelope: Some(envelope) })
    }
}

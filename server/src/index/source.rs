//! What the index is derived from.

use custody_log::{ContentDigest, LeafIndex, TreeSize};

use super::keys::PREFIX_LEN;
use crate::journal::{self, ReadError};

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
    /// What a redaction kept of it (`remains.rs`), in order, when both were erased.
    pub erased: Option<Vec<[u8; PREFIX_LEN]>>,
}

// What a redaction keeps is what the index has.
const _: () = assert!(journal::KEY_LEN == PREFIX_LEN);

impl From<journal::Stored> for Stored {
    fn from(stored: journal::Stored) -> Self {
        let journal::Stored { bytes, entry: _, record, envelope } = stored;
        Self { entry: bytes, record: Some(record), envelope: Some(envelope), erased: None }
    }
}

/// The committed entries: those that an index may cover. Reads run beside the writer.
pub trait Source: std::fmt::Debug + Send + Sync + 'static {
    /// Returns how many entries are committed. It never shrinks.
    fn size(&self) -> TreeSize;

    /// Returns the exact bytes of one entry below [`Source::size`].
    fn entry(&self, index: LeafIndex) -> Result<Vec<u8>, SourceError>;

    /// Returns the admission record of one entry below [`Source::size`], verified against the digest in the entry; none when it
    /// was erased.
    fn record(&self, index: LeafIndex) -> Result<Option<Vec<u8>>, SourceError>;

    /// Returns one entry below [`Source::size`] with its admission record and envelope, verified against the
    /// digests in the entry.
    fn stored(&self, index: LeafIndex) -> Result<Stored, SourceError>;

    /// Whether what entries with this content hold is erased.
    fn redacted(&self, content: &ContentDigest) -> bool;

    /// Returns every entry that is erased, in order.
    fn erased(&self) -> Result<Vec<LeafIndex>, SourceError>;

    /// Returns how many redactions there are: more than before where something was erased meanwhile. Nothing is read.
    fn redactions(&self) -> usize;

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

    fn record(&self, index: LeafIndex) -> Result<Option<Vec<u8>>, SourceError> {
        match Self::record(self, index) {
            Ok(record) => Ok(Some(record)),
            Err(ReadError::Redacted { .. }) => Ok(None),
            Err(source) => Err(SourceError { index, source: Box::new(source) }),
        }
    }

    fn stored(&self, index: LeafIndex) -> Result<Stored, SourceError> {
        let failed = |source: ReadError| SourceError { index, source: Box::new(source) };
        match Self::stored(self, index) {
            Ok(stored) => Ok(stored.into()),
            Err(ReadError::Redacted { by, .. }) => {
                let erased = self.erased_by(by).map_err(failed)?.into_iter();
                let keys = erased.into_iter().find(|erased| erased.index == index).map(|erased| erased.keys);
                let entry = Self::entry(self, index).map_err(failed)?;
                Ok(Stored { entry, record: None, envelope: None, erased: Some(keys.unwrap_or_default()) })
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn redacted(&self, content: &ContentDigest) -> bool {
        Self::redacted(self, content).is_some()
    }

    fn erased(&self) -> Result<Vec<LeafIndex>, SourceError> {
        let mut all = Vec::new();
        for by in self.redactions() {
            let erased =
                self.erased_by(by).map_err(|source| SourceError { index: by, source: Box::new(source) })?;
            all.extend(erased.into_iter().map(|erased| erased.index));
        }
        all.sort_unstable();
        Ok(all)
    }

    fn redactions(&self) -> usize {
        Self::redactions(self).len()
    }
}

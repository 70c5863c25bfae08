//! What the log has of an envelope already.
//!
//! The threads that admit look at the whole index. The sequencer, of which there is one, looks only at what came since:
//! few entries, and usually those in memory. Entries are never taken out, so what was found then is found again.

use std::sync::Arc;

use custody_evidence::envelope::Envelope;
use custody_log::{ContentDigest, EnvelopeDigest, LeafIndex, TreeSize};

use crate::index::Index;
use crate::sequencer::RecordError;

/// The entries with the bytes or the content of an envelope, as of some size of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    size: TreeSize,
    same: Option<LeafIndex>,
    content: Vec<LeafIndex>,
}

impl Earlier {
    /// Nothing was looked at.
    pub(crate) const UNKNOWN: Self = Self { size: TreeSize::ZERO, same: None, content: Vec::new() };

    /// Looks at the index as it was at `size`; `same` is what was found of the same bytes.
    pub(super) fn look(
        index: &Index,
        size: TreeSize,
        envelope: &Envelope,
        same: Option<LeafIndex>,
    ) -> Result<Self, RecordError> {
        let mut content = index.by_content(&envelope.content()).map_err(failed)?;
        content.retain(|index| size.contains(*index));
        Ok(Self { size, same, content })
    }

    /// Returns the first entry of exactly these bytes, what came since included.
    pub(crate) fn same(
        &self,
        index: &Index,
        digest: &EnvelopeDigest,
    ) -> Result<Option<LeafIndex>, RecordError> {
        match self.same {
            Some(same) => Ok(Some(same)),
            None => index.by_envelope_since(digest, self.size).map_err(failed),
        }
    }

    /// Returns the entries of the same content, the oldest first, what came since included.
    pub(crate) fn content(
        &self,
        index: &Index,
        content: &ContentDigest,
    ) -> Result<Vec<LeafIndex>, RecordError> {
        let since = index.by_content_since(content, self.size).map_err(failed)?;
        Ok(self.content.iter().copied().chain(since).collect())
    }
}

fn failed(error: crate::index::IndexError) -> RecordError {
    RecordError::Index(Arc::new(error))
}

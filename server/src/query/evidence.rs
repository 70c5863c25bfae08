//! What queries ask.

use std::sync::Arc;

use custody_evidence::fact::{Field, Term};
use custody_evidence::finding::Wanted;
use custody_evidence::thing::HexPrefix;
use custody_log::{LeafIndex, Timestamp, TreeSize};

use super::error::QueryError;
use super::versions::Version;
use crate::index::Reading;

/// The evidence of one log, by position and by term.
///
/// Everything is bounded by a tree size, and answers below a size never change while the log grows.
pub trait Evidence {
    /// Returns how many entries are committed.
    fn committed(&self) -> TreeSize;

    /// Returns how many entries can be found by their terms: at most [`Evidence::committed`].
    fn indexed_to(&self) -> TreeSize;

    /// Returns the newest `limit` entries below `below` that may have this term, newest first. None that has it is
    /// left out; some may not have it.
    fn by_term(&self, term: &Term, below: TreeSize, limit: usize) -> Result<Vec<LeafIndex>, QueryError>;

    /// The same of several terms, in their order: one look takes less time than many.
    fn by_terms(
        &self,
        terms: &[Term],
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<Vec<LeafIndex>>, QueryError> {
        terms.iter().map(|term| self.by_term(term, below, limit)).collect()
    }

    /// Returns, for each of at most `limit` digests that may start with the prefix, the newest entry below `below`
    /// that may name it.
    fn by_digest_prefix(
        &self,
        prefix: &HexPrefix,
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, QueryError>;

    /// Returns, for each of at most `limit` values of a field, the newest entry below `below` that may have it.
    fn each_of(&self, field: Field, below: TreeSize, limit: usize) -> Result<Vec<LeafIndex>, QueryError>;

    /// Returns the versions of a package that entries below `below` name: at most 256 (`versions.rs`). To learn what they are called, `left`
    /// bytes of envelopes may be read, and those that were are taken off. None when there are more, or when it is not known: then whoever
    /// asks for some of them reads what names the package.
    fn versions(
        &self,
        _package: &Term,
        _below: TreeSize,
        _left: &mut u64,
    ) -> Result<Option<Vec<Version>>, QueryError> {
        Ok(None)
    }

    /// Returns the newest `limit` entries below `below` that have a version which [`Evidence::versions`] gave, newest first.
    fn by_version(
        &self,
        _version: &Version,
        _below: TreeSize,
        _limit: usize,
    ) -> Result<Vec<LeafIndex>, QueryError> {
        Ok(Vec::new())
    }

    /// Returns the length of an entry's envelope, in bytes.
    fn envelope_bytes(&self, index: LeafIndex) -> Result<u64, QueryError> {
        Ok(self.reading(index)?.entry.envelope_bytes)
    }

    /// Returns what an entry says.
    fn reading(&self, index: LeafIndex) -> Result<Arc<Reading>, QueryError>;

    /// Returns what an entry says if it is wanted, or erased, so that nobody knows whether it was; none if it is not. That may be known
    /// without reading a large one.
    fn reading_if(&self, index: LeafIndex, wanted: Wanted) -> Result<Option<Arc<Reading>>, QueryError> {
        Ok(Some(self.reading(index)?).filter(|reading| reading.is(wanted)))
    }

    /// Returns the entries below `below` that are erased, in order.
    fn erased(&self, _below: TreeSize) -> Result<Vec<LeafIndex>, QueryError> {
        Ok(Vec::new())
    }

    /// Returns how many redactions the log has: more than before where something was erased meanwhile. Nothing is looked up.
    fn redactions(&self) -> usize;

    /// Returns an entry's ledger time.
    fn time(&self, index: LeafIndex) -> Result<Timestamp, QueryError>;

    /// Returns the time by which an entry with this ledger time is looked up in a tree: it grows with the index, also where a
    /// clock repair stepped back.
    fn looked_up_by(&self, _index: LeafIndex, time: Timestamp, _tree: TreeSize) -> Timestamp {
        time
    }
}

//! What queries ask.

use std::sync::Arc;

use custody_evidence::fact::{Field, Term};
use custody_evidence::thing::HexPrefix;
use custody_log::{LeafIndex, Timestamp, TreeSize};

use super::error::QueryError;
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

    /// Returns what an entry says.
    fn reading(&self, index: LeafIndex) -> Result<Arc<Reading>, QueryError>;

    /// Returns an entry's ledger time.
    fn time(&self, index: LeafIndex) -> Result<Timestamp, QueryError>;

    /// Returns the time by which an entry with this ledger time is looked up in a tree: it grows with the index, also where a
    /// clock repair stepped back.
    fn looked_up_by(&self, _index: LeafIndex, time: Timestamp, _tree: TreeSize) -> Timestamp {
        time
    }
}

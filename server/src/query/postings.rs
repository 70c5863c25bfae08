//! The entries that have all of some terms, newest first.

use std::collections::VecDeque;

use custody_evidence::fact::Term;
use custody_log::{LeafIndex, TreeSize};

use super::error::QueryError;
use super::evidence::Evidence;

/// Entries fetched at once for one term.
const FETCH: usize = 64;

/// The candidates of one term, newest first.
struct Postings {
    term: Term,
    fetched: VecDeque<LeafIndex>,
}

/// The candidates that all of the terms have. Without terms: every entry.
pub(super) struct Common {
    lists: Vec<Postings>,
}

impl Common {
    pub(super) fn new(terms: impl IntoIterator<Item = Term>) -> Self {
        let list = |term| Postings { term, fetched: VecDeque::new() };
        Self { lists: terms.into_iter().map(list).collect() }
    }

    /// Returns the newest candidate below `below`; none if there is none.
    ///
    /// Each list in turn lowers the bound to its own newest candidate, until all agree. A list is read only at and
    /// below the bound, so the rarest term decides how much is read. `steps` is lowered by one for each look at a
    /// list; at 0 the search stops with the bound reached so far.
    pub(super) fn newest<E: Evidence + ?Sized>(
        &mut self,
        evidence: &E,
        below: TreeSize,
        steps: &mut usize,
    ) -> Result<Search, QueryError> {
        let mut bound = below;
        let mut agreed = 0;
        while agreed < self.lists.len().max(1) {
            let Some(end) = bound.last_index() else { return Ok(Search::Exhausted) };
            if *steps == 0 {
                return Ok(Search::Stopped { below: bound });
            }
            *steps = steps.saturating_sub(1);
            let candidate = match self.lists.get_mut(agreed) {
                Some(list) => list.newest(evidence, bound)?,
                None => Some(end),
            };
            let Some(candidate) = candidate else { return Ok(Search::Exhausted) };
            let lowered = candidate != end;
            // The first list is asked first: what it lowers the bound to, it agrees with.
            agreed = if lowered && agreed > 0 { 0 } else { agreed.saturating_add(1) };
            bound = candidate.size_through();
        }
        Ok(bound.last_index().map_or(Search::Exhausted, Search::Candidate))
    }
}

/// How a search for the next candidate ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    /// All terms have it.
    Candidate(LeafIndex),
    /// There is none.
    Exhausted,
    /// Too many steps: there may be one below.
    Stopped { below: TreeSize },
}

impl Postings {
    fn newest<E: Evidence + ?Sized>(
        &mut self,
        evidence: &E,
        below: TreeSize,
    ) -> Result<Option<LeafIndex>, QueryError> {
        while self.fetched.front().is_some_and(|index| !below.contains(*index)) {
            self.fetched.pop_front();
        }
        if self.fetched.is_empty() {
            self.fetched = evidence.by_term(&self.term, below, FETCH)?.into();
        }
        Ok(self.fetched.front().copied())
    }
}

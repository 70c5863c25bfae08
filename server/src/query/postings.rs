//! The entries that have all of some terms, or versions of packages, newest first.

use std::collections::VecDeque;

use custody_evidence::fact::Term;
use custody_log::{LeafIndex, TreeSize};

use super::error::QueryError;
use super::evidence::Evidence;
use super::find::size_before;
use super::versions::Version;

/// Entries fetched at once for one term.
pub(super) const FETCH: usize = 64;

/// What entries are looked for by.
#[derive(Debug)]
pub(super) enum Sought {
    /// This term.
    Term(Term),
    /// Any of these versions of a package.
    Versions(Vec<Version>),
}

/// One thing that an index lists entries of.
#[derive(Debug)]
enum Listed {
    Term(Term),
    Version(Version),
}

/// The candidates of one thing, newest first.
#[derive(Debug)]
pub(super) struct Postings {
    of: Listed,
    fetched: VecDeque<LeafIndex>,
    /// Whether there are none below those that were fetched.
    ended: bool,
}

/// The entries that may have a term, newest first.
pub(super) struct Newest<'e, E: ?Sized> {
    evidence: &'e E,
    list: Postings,
    below: TreeSize,
}

/// The candidates of any of some things.
#[derive(Debug)]
struct AnyOf(Vec<Postings>);

/// The candidates that all that is sought have. Where nothing is: every entry.
#[derive(Debug)]
pub(super) struct Common {
    lists: Vec<AnyOf>,
}

impl<'e, E: Evidence + ?Sized> Newest<'e, E> {
    /// Looks below a size.
    pub(super) fn of(evidence: &'e E, term: Term, below: TreeSize) -> Self {
        Self { evidence, list: Postings::new(term), below }
    }
}

impl<E: Evidence + ?Sized> Iterator for Newest<'_, E> {
    type Item = Result<LeafIndex, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.list.newest(self.evidence, self.below);
        if let Ok(Some(index)) = found {
            self.below = size_before(index);
        }
        found.transpose()
    }
}

impl Common {
    pub(super) fn new(sought: impl IntoIterator<Item = Sought>) -> Self {
        let lists = sought.into_iter().map(|sought| match sought {
            Sought::Term(term) => AnyOf(vec![Postings::new(term)]),
            Sought::Versions(versions) => {
                AnyOf(versions.into_iter().map(Listed::Version).map(Postings::of).collect())
            }
        });
        Self { lists: lists.collect() }
    }

    /// The candidates of one list.
    pub(super) fn one(list: Postings) -> Self {
        Self::beginning(Some(list), [])
    }

    /// The candidates of a list that also have these terms.
    pub(super) fn beginning(first: Option<Postings>, others: impl IntoIterator<Item = Term>) -> Self {
        let others = others.into_iter().map(Postings::new);
        Self { lists: first.into_iter().chain(others).map(|list| AnyOf(vec![list])).collect() }
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
            *steps = steps.saturating_sub(self.lists.get(agreed).map_or(1, |list| list.0.len().max(1)));
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

impl AnyOf {
    fn newest<E: Evidence + ?Sized>(
        &mut self,
        evidence: &E,
        below: TreeSize,
    ) -> Result<Option<LeafIndex>, QueryError> {
        let mut newest = self.0.iter_mut().map(|list| list.newest(evidence, below));
        newest.try_fold(None, |newest, found| Ok(newest.max(found?)))
    }
}

impl Postings {
    pub(super) const fn new(term: Term) -> Self {
        Self::of(Listed::Term(term))
    }

    /// The same, of which the newest [`FETCH`] below the size that is asked for first were fetched already.
    pub(super) fn fetched(term: Term, found: Vec<LeafIndex>) -> Self {
        Self { of: Listed::Term(term), ended: found.len() < FETCH, fetched: found.into() }
    }

    const fn of(of: Listed) -> Self {
        Self { of, fetched: VecDeque::new(), ended: false }
    }

    /// Returns the newest candidate below `below`, which is never larger than the time before. A look costs as much as reading an entry,
    /// and most lists are short: one that brings fewer than it may is the last.
    pub(super) fn newest<E: Evidence + ?Sized>(
        &mut self,
        evidence: &E,
        below: TreeSize,
    ) -> Result<Option<LeafIndex>, QueryError> {
        while self.fetched.front().is_some_and(|index| !below.contains(*index)) {
            self.fetched.pop_front();
        }
        if self.fetched.is_empty() && !self.ended {
            let fetched = match &self.of {
                Listed::Term(term) => evidence.by_term(term, below, FETCH)?,
                Listed::Version(version) => evidence.by_version(version, below, FETCH)?,
            };
            self.ended = fetched.len() < FETCH;
            self.fetched = fetched.into();
        }
        Ok(self.fetched.front().copied())
    }
}

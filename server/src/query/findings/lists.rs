//! [`Lists`]: what the needs of one entry begin with, looked up at once.
//!
//! Many needs of one entry begin with the same term: an artifact was built or went out in some twenty ways. So each term is looked up once,
//! and one look for many terms takes less time than many looks.

use std::collections::{BTreeMap, BTreeSet};

use custody_evidence::fact::Term;
use custody_evidence::finding::{Need, NeededVersion, Side};
use custody_log::{LeafIndex, TreeSize};

use crate::query::error::QueryError;
use crate::query::evidence::Evidence;
use crate::query::find::size_before;
use crate::query::postings::{Common, FETCH, Postings, Sought};
use crate::query::versions::Version;

/// How many terms are looked up at once: so long a question goes on when its asker has left, as in a walk (`ahead.rs`).
const AT_ONCE: usize = 64;

/// The entries that may have a term, by term and side.
#[derive(Default)]
pub(super) struct Lists(BTreeMap<(Side, Term), Vec<LeafIndex>>);

impl Lists {
    /// Looks up the newest [`FETCH`] entries of the terms that these needs of an entry begin with, of `most` of them.
    pub(super) fn look<E: Evidence + ?Sized>(
        &mut self,
        evidence: &E,
        needs: &[Need],
        about: LeafIndex,
        size: TreeSize,
        most: usize,
    ) -> Result<(), QueryError> {
        for side in [Side::All, Side::Before] {
            let of_side = needs.iter().filter(|need| need.side == side && need.version.is_none());
            let first: BTreeSet<&Term> = of_side.filter_map(|need| need.terms.first()).collect();
            let fresh = first.into_iter().filter(|term| !self.0.contains_key(&(side, (*term).clone())));
            let fresh: Vec<Term> = fresh.take(most).cloned().collect();
            for some in fresh.chunks(AT_ONCE) {
                let found = evidence.by_terms(some, below(side, about, size), FETCH)?;
                self.0.extend(some.iter().map(|term| (side, term.clone())).zip(found));
            }
        }
        Ok(())
    }

    /// Returns the candidates of a need whose list was looked up.
    pub(super) fn common(&self, need: &Need) -> Common {
        // Who names a version names the package.
        if let Some(NeededVersion { package, version }) = &need.version {
            return Common::new([Sought::Versions(vec![Version::of(package, version)])]);
        }
        let mut terms = need.terms.iter().cloned();
        let first = terms.next().map(|term| {
            let found = self.0.get(&(need.side, term.clone())).cloned();
            found.map_or_else(|| Postings::new(term.clone()), |found| Postings::fetched(term.clone(), found))
        });
        Common::beginning(first, terms)
    }
}

/// Returns the size below which a need is looked for.
pub(super) fn below(side: Side, about: LeafIndex, tree: TreeSize) -> TreeSize {
    match side {
        Side::All => tree,
        Side::Before => size_before(about),
    }
}

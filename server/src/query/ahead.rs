//! [`Ahead`]: where the nodes that a walk goes to next are named, looked up for many of them at once.
//!
//! A thousand artifacts that were built with one dependency are a thousand looks into the index, and to wake the thread that looks
//! takes longer than the look.

use std::collections::BTreeMap;

use custody_evidence::fact::{Node, Term};
use custody_log::{LeafIndex, TreeSize};

use super::error::QueryError;
use super::evidence::Evidence;
use super::postings::FETCH;

/// How many nodes are looked up at once: 64. At some 20 us each these are 1.3 ms, and ten times that where the index is read from the disk:
/// so long a question goes on when its asker has left. The entries of one take half a KB.
const AT_ONCE: usize = 64;

/// What was looked up, and not taken yet.
#[derive(Debug, Default)]
pub(super) struct Ahead(BTreeMap<Term, Vec<LeafIndex>>);

impl Ahead {
    /// Looks up a node that is not looked up yet, and what comes behind it: for each the newest [`FETCH`] entries below `size` that may name it.
    pub(super) fn look<'a, E: Evidence + ?Sized>(
        &mut self,
        evidence: &E,
        node: &'a Node,
        behind: impl Iterator<Item = &'a Node>,
        size: TreeSize,
    ) -> Result<(), QueryError> {
        // A package is looked up by its version.
        let own = |node: &Node| node.terms().into_iter().next().filter(|_| node.package().is_none());
        if own(node).is_none_or(|term| self.0.contains_key(&term)) {
            return Ok(());
        }
        let all = [node].into_iter().chain(behind).take(AT_ONCE);
        let terms: Vec<Term> = all.filter_map(own).filter(|term| !self.0.contains_key(term)).collect();
        let found = evidence.by_terms(&terms, size, FETCH)?;
        self.0.extend(terms.into_iter().zip(found));
        Ok(())
    }

    /// Returns the newest [`FETCH`] entries that may have a term, if they were looked up and not taken yet.
    pub(super) fn take(&mut self, term: &Term) -> Option<Vec<LeafIndex>> {
        self.0.remove(term)
    }
}

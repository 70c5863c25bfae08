//! `impact`: everything that came from a thing.
//!
//! [`custody_evidence::fact::reach`] says which edges lead on; they are followed here within bounds. The answer comes in pages; a [`Walk`]
//! goes on where its last page ended.

use std::collections::BTreeSet;

use custody_evidence::fact::{Edge, Node, Package};
use custody_log::{LeafIndex, Timestamp, TreeSize};

use super::error::QueryError;
use super::evidence::Evidence;

mod page;
mod part;
mod walk;

pub use self::page::{PAGE_BYTES_MAX, PAGE_MAX, PARTS_BYTES_MAX, PARTS_MAX};
pub use self::walk::Walk;

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Impact {
    /// What is asked about.
    pub of: Of,
    /// Only by what happened at or after this time does anything come from it.
    pub since: Option<Timestamp>,
    /// And before this one.
    pub until: Option<Timestamp>,
    /// How many parts of the answer are left out: those of the pages before.
    pub after: usize,
}

/// What impact is asked of.
#[derive(Debug, Clone, PartialEq)]
pub enum Of {
    /// Nodes that are one thing: the digests of a file.
    Nodes(Vec<Node>),
    /// A package in one version, in a range, or in any.
    Package(Package),
}

/// A page of an answer. Its parts are edges, signed subjects and erased entries, in the order in which the walk finds them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Impacted {
    /// The edges that lead on, as they were found.
    pub edges: Vec<ImpactedEdge>,
    /// Subjects of entries that the identity asked about signed or submitted.
    pub signed: Vec<(LeafIndex, Node)>,
    /// Entries that named what was reached, and were erased since, in order.
    pub redacted: BTreeSet<LeafIndex>,
    /// Whether a bound was hit, or there is another page.
    pub truncated: bool,
    /// How many parts there are on this page and before; none if it is the last.
    pub next: Option<usize>,
    /// Whether this page was not reached yet: it is empty, and `next` asks for it again.
    pub is_ahead: bool,
    /// Stands for all parts before this page: the page before ends with it, or is of another answer.
    pub begins: u64,
    /// The same with the parts of this page.
    pub ends: u64,
}

/// An edge by which something was reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImpactedEdge {
    /// The edge.
    pub edge: Edge,
    /// The entry that says it.
    pub entry: LeafIndex,
    /// When it happened, as claimed.
    pub claimed: Option<Timestamp>,
}

/// Returns a page of what came from a thing, by the entries below `size`. It is walked to from the start: the walk goes the same way, as
/// long as nothing is erased meanwhile, and no names of versions are learned that another page did without.
pub fn impact<E: Evidence + ?Sized>(
    evidence: &E,
    question: &Impact,
    size: TreeSize,
) -> Result<Impacted, QueryError> {
    Walk::begin(question, size).page(evidence, || false).map(|(page, _)| page)
}

#[cfg(test)]
mod tests;

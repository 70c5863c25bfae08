//! [`Part`]: what an answer to `impact` is made of.

use custody_evidence::fact::Node;
use custody_log::LeafIndex;

use super::{Impacted, ImpactedEdge};

/// Bytes of an edge in an answer beside its ids, at most: the words for three kinds and the status (54), two numbers
/// (22), and tags and lengths (30).
const EDGE_BYTES: usize = 128;
/// Bytes of a node in an answer beside its id, at most: its kind, tags and lengths.
const NODE_BYTES: usize = 32;
/// Bytes of a number in an answer, at most.
const NUMBER_BYTES: usize = 10;

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// An edge that leads on.
    Edge(ImpactedEdge),
    /// What an identity asked about signed or submitted, and the entry.
    Signed(LeafIndex, Node),
    /// An erased entry.
    Redacted(LeafIndex),
}

impl Part {
    /// Returns how many bytes of an answer it takes, at most.
    pub(super) fn bytes(&self) -> usize {
        let all = match self {
            Self::Edge(ImpactedEdge { edge, .. }) => [EDGE_BYTES, edge.from.id().len(), edge.to.id().len()],
            Self::Signed(_, node) => [NUMBER_BYTES, NODE_BYTES, node.id().len()],
            Self::Redacted(_) => [NUMBER_BYTES, 0, 0],
        };
        all.into_iter().fold(0, usize::saturating_add)
    }

    pub(super) fn put_into(self, answer: &mut Impacted) {
        match self {
            Self::Edge(edge) => answer.edges.push(edge),
            Self::Signed(entry, node) => answer.signed.push((entry, node)),
            Self::Redacted(entry) => drop(answer.redacted.insert(entry)),
        }
    }
}

//! `trace`: the chain of custody around a node.
//!
//! [`custody_evidence::fact::chain`] says what is followed, `walk.rs` follows it within bounds; [`Stage`] orders what
//! was found.

mod walk;

#[cfg(test)]
mod tests;

use custody_evidence::fact::{EdgeKind, Node, Stage};
use custody_log::{LeafIndex, Timestamp, TreeSize};

use super::error::QueryError;
use super::evidence::Evidence;
use walk::Walk;

/// Edges that one trace returns at most. With ids of 100 bytes and as many nodes these are 0.9 MB.
pub const EDGES_MAX: usize = 2_048;
/// Bytes of one answer at most: 1.75 MiB, so that it and the proof of its tree stay below half of the largest
/// message. It counts where ids are long: 2,048 edges with two ids of 2 KB each, and their nodes, would be 16 MiB.
pub const ANSWER_BYTES_MAX: usize = 1_792 * 1024;
/// Edges of one kind that one trace shows at one node: the newest. A person reads no longer list, and a query for
/// all of them is `find`.
pub const EDGES_OF_A_KIND_MAX: usize = 256;
/// Entries that one trace reads at most.
pub const ENTRIES_MAX: usize = 4_096;
/// Bytes of envelopes that one trace reads at most: at 15 ns a byte for SBOMs as tools write them two
/// seconds, at 80 ns for SBOMs of nothing but short components eleven.
pub const ENVELOPE_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// A chain of custody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The node asked about first, then those of the edges, as they come.
    pub nodes: Vec<TracedNode>,
    /// In the order of their stages, within each by entry.
    pub edges: Vec<TracedEdge>,
    /// What the chain lacks, in the same order.
    pub missing: Vec<Stage>,
    /// Entries that named a node of the chain, and were erased since: what they said of it is not known any more. In order.
    pub redacted: Vec<LeafIndex>,
    /// Whether a bound was hit and edges are left out.
    pub truncated: bool,
}

/// A node of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedNode {
    /// The node.
    pub node: Node,
    /// A name for people, as the newest statement with one gave it; a bill of materials has its number of
    /// components behind it. Empty if there is none. It identifies nothing.
    pub label: String,
}

/// An edge of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedEdge {
    /// Where it starts.
    pub from: Node,
    /// Where it leads.
    pub to: Node,
    /// What it says.
    pub kind: EdgeKind,
    /// The entry that says it.
    pub entry: LeafIndex,
    /// What is known about it.
    pub status: Status,
    /// When it happened, as claimed; none without a claim.
    pub claimed: Option<Timestamp>,
}

/// What a trace knows about an edge without checking signatures: the asker does that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// A statement says so.
    Claimed,
    /// A statement says so, and another contradicts it: it pairs the digest with a different one of the same algorithm, and then
    /// neither is walked through; or it is a build of another repository, each bound to a job of its own.
    Conflict,
}

impl Status {
    /// Returns the word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Conflict => "conflict",
        }
    }
}

/// Returns the chain of custody around `node` in the tree of `size`. `depth` is how many edges away from it are
/// shown; none: as many as the bounds allow.
pub fn trace<E: Evidence + ?Sized>(
    evidence: &E,
    node: &Node,
    depth: Option<u32>,
    size: TreeSize,
) -> Result<Trace, QueryError> {
    let mut walk = Walk::new(evidence, size);
    walk.run(node, depth.unwrap_or(u32::MAX))?;
    Ok(walk.finish(node))
}

//! The Merkle tree of RFC 6962 section 2.1, over SHA-256.
//!
//! A tree is never held as a whole. Its perfect subtrees have names ([`NodeId`]), a [`NodeSource`] gives
//! their hashes, and the right edge ([`Frontier`]) is all that appending needs. Proofs carry index and size,
//! and exactly as many hashes as those two ask for: a proof with one hash too few or too many cannot be made.

mod consistency;
mod frontier;
mod inclusion;
mod node;

use crate::digest::{NodeHash, RootHash};
use crate::position::{LeafIndex, TreeSize};

pub use consistency::ConsistencyProof;
pub use frontier::{Frontier, FrontierError};
pub use inclusion::InclusionProof;
pub use node::{MissingNode, NodeId, NodeSource};

/// Why a proof is not one, or does not prove what it is meant to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The tree has no such leaf.
    #[error("the tree of size {size} has no entry {index}")]
    IndexOutsideTree {
        /// The index asked for.
        index: LeafIndex,
        /// The tree's size.
        size: TreeSize,
    },
    /// The older size is the larger one.
    #[error("old size {old} is larger than new size {new}")]
    SizesReversed {
        /// The size given as old.
        old: TreeSize,
        /// The size given as new.
        new: TreeSize,
    },
    /// Every tree is consistent with the empty one, so there is nothing to prove: do not ask.
    #[error("a consistency proof from the empty tree proves nothing")]
    FromEmptyTree,
    /// Too few or too many hashes for these positions.
    #[error("expected {expected} proof hashes, found {found}")]
    HashCount {
        /// How many this pair of positions needs.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// The proof leads to another root: leaf, root or proof is not of this tree.
    #[error("the proof leads to root {computed}, expected {expected}")]
    RootMismatch {
        /// The root that was to be reached.
        expected: RootHash,
        /// What the proof leads to.
        computed: RootHash,
    },
    /// The proof leads to another old root: the log shows two histories.
    #[error("the proof leads to old root {computed}, expected {expected}")]
    OldRootMismatch {
        /// The older root that is known.
        expected: RootHash,
        /// What the proof leads to.
        computed: RootHash,
    },
}

/// Why a proof could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// There is no such proof: the positions are wrong.
    #[error(transparent)]
    Positions(ProofError),
    /// The source of nodes failed.
    #[error("cannot read a node of the tree")]
    Source(#[source] E),
}

/// Returns the root of the first `size` entries (RFC 6962 section 2.1).
pub fn root_of<S: NodeSource + ?Sized>(size: TreeSize, source: &S) -> Result<RootHash, S::Error> {
    Frontier::load(size, source).map(|frontier| frontier.root())
}

/// Hashes a row of subtrees, largest first, from right to left: the RFC splits at the largest power of two.
fn fold_right(nodes: &[NodeHash]) -> Option<NodeHash> {
    nodes.iter().rev().copied().reduce(|right, left| NodeHash::inner(&left, &right))
}

/// Returns the hash of leaves `start..end`, a range that RFC 6962's recursion passes through.
fn range_hash<S: NodeSource + ?Sized>(
    start: u64,
    end: u64,
    source: &S,
) -> Result<Option<NodeHash>, S::Error> {
    let nodes = NodeId::cover(start, end).map(|id| source.node(id)).collect::<Result<Vec<_>, _>>()?;
    Ok(fold_right(&nodes))
}

/// Returns the largest power of two below `length`; `length` is at least 2.
fn split(length: u64) -> u64 {
    1 << (length - 1).ilog2()
}

/// Returns how many proof hashes lie below and above the point where the way of `index` meets the right edge.
///
/// Below it each hash is a sibling on the left or right, by the bits of the index. Above it all are left.
fn proof_shape(index: u64, size: u64) -> (u32, u32) {
    let below = u64::BITS - (index ^ (size - 1)).leading_zeros();
    (below, index.checked_shr(below).unwrap_or(0).count_ones())
}

fn count(hashes: u32) -> usize {
    usize::try_from(hashes).unwrap_or(usize::MAX)
}

/// Walks up: bit i of `path` says whether the node at step i is a right child.
fn climb(start: NodeHash, path: u64, siblings: &[NodeHash]) -> NodeHash {
    siblings.iter().fold((start, path), |(node, path), sibling| (join(node, path, sibling), path >> 1)).0
}

fn join(node: NodeHash, path: u64, sibling: &NodeHash) -> NodeHash {
    if path & 1 == 0 { NodeHash::inner(&node, sibling) } else { NodeHash::inner(sibling, &node) }
}

/// Walks up along the right edge: every sibling is on the left.
fn climb_edge(start: NodeHash, siblings: &[NodeHash]) -> NodeHash {
    siblings.iter().fold(start, |node, sibling| NodeHash::inner(sibling, &node))
}

#[cfg(test)]
mod tests;

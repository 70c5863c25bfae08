//! Names of perfect subtrees, and where their hashes come from.

use std::collections::{BTreeMap, HashMap};

use crate::digest::NodeHash;
use crate::position::LeafIndex;

/// The name of a perfect subtree: 2^level leaves, the first of which is leaf `index` * 2^level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    level: u8,
    index: u64,
}

/// One past the largest position: no node reaches beyond it.
const END: u64 = 1 << 63;

impl NodeId {
    /// Returns the node; none if it would reach beyond position 2^63.
    #[must_use]
    pub fn new(level: u8, index: u64) -> Option<Self> {
        let leaves = if level <= 63 { 1_u64 << level } else { return None };
        let end = index.checked_add(1)?.checked_mul(leaves)?;
        (end <= END).then_some(Self { level, index })
    }

    /// Returns the node that is one leaf.
    #[must_use]
    pub const fn leaf(index: LeafIndex) -> Self {
        Self { level: 0, index: index.get() }
    }

    /// Returns the height over the leaves, 0 to 63.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.level
    }

    /// Returns the position among the nodes of its level.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// Returns the position of the first leaf below this node.
    #[must_use]
    pub const fn first_leaf(self) -> u64 {
        self.index << self.level
    }

    /// Returns the node above, whose left or right child this is.
    pub(super) const fn parent(self) -> Self {
        Self { level: self.level + 1, index: self.index >> 1 }
    }

    /// Names the perfect subtrees, largest first, that leaves `start..end` are made of.
    ///
    /// `start` must be a multiple of the largest of them: so are all ranges of RFC 6962's recursion.
    pub(super) fn cover(start: u64, end: u64) -> impl Iterator<Item = Self> {
        let mut start = start;
        std::iter::from_fn(move || {
            let level = end.checked_sub(start)?.checked_ilog2()?;
            let node = Self { level: u8::try_from(level).ok()?, index: start >> level };
            start += 1 << level;
            Some(node)
        })
    }
}

/// Writes `level/index`.
impl std::fmt::Display for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.level, self.index)
    }
}

/// Where hashes of perfect subtrees come from: tiles, a cache, memory.
pub trait NodeSource {
    /// Why a node cannot be given.
    type Error;

    /// Returns the hash of a complete subtree of the tree.
    fn node(&self, id: NodeId) -> Result<NodeHash, Self::Error>;
}

/// A map of nodes does not hold one that is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("node {0} is missing")]
pub struct MissingNode(pub NodeId);

impl NodeSource for BTreeMap<NodeId, NodeHash> {
    type Error = MissingNode;

    fn node(&self, id: NodeId) -> Result<NodeHash, MissingNode> {
        self.get(&id).copied().ok_or(MissingNode(id))
    }
}

impl<H: std::hash::BuildHasher> NodeSource for HashMap<NodeId, NodeHash, H> {
    type Error = MissingNode;

    fn node(&self, id: NodeId) -> Result<NodeHash, MissingNode> {
        self.get(&id).copied().ok_or(MissingNode(id))
    }
}

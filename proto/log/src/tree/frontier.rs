//! The right edge of a tree: all that appending needs.

use super::{NodeId, NodeSource, fold_right};
use crate::digest::{NodeHash, RootHash};
use crate::position::{LeafIndex, TreeSize};

/// The perfect subtrees that a tree is made of, largest first: one for each 1 bit of its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    nodes: Vec<NodeHash>,
}

/// Why nodes are not the right edge of a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// Too few or too many nodes for this size.
    #[error("the right edge of a tree of size {size} has {expected} nodes, found {found}")]
    NodeCount {
        /// The tree's size.
        size: TreeSize,
        /// How many 1 bits the size has.
        expected: usize,
        /// How many nodes were given.
        found: usize,
    },
    /// The tree leaves no room to append to.
    #[error("a tree of size {size} is too large to append to")]
    TooLarge {
        /// The tree's size.
        size: TreeSize,
    },
}

impl Frontier {
    /// The largest size to start from, 2^62. As many appends again stay below the largest size; at a thousand
    /// million a second that takes 146 years, so appending needs no error.
    pub const MAX_START: u64 = 1 << 62;

    /// Returns the edge of the empty tree.
    #[must_use]
    pub const fn empty() -> Self {
        Self { size: 0, nodes: Vec::new() }
    }

    /// Takes the nodes that [`Frontier::ids`] names, in that order.
    pub fn from_nodes(size: TreeSize, nodes: Vec<NodeHash>) -> Result<Self, FrontierError> {
        let expected = super::count(size.get().count_ones());
        if nodes.len() != expected {
            return Err(FrontierError::NodeCount { size, expected, found: nodes.len() });
        }
        if size.get() > Self::MAX_START {
            return Err(FrontierError::TooLarge { size });
        }
        Ok(Self { size: size.get(), nodes })
    }

    /// Reads the edge of a tree from a source of its nodes.
    pub fn load<S: NodeSource + ?Sized>(size: TreeSize, source: &S) -> Result<Self, S::Error> {
        let nodes = Self::ids(size).map(|id| source.node(id)).collect::<Result<_, _>>()?;
        Ok(Self { size: size.get(), nodes })
    }

    /// Names the subtrees that a tree of this size is made of, largest first.
    pub fn ids(size: TreeSize) -> impl Iterator<Item = NodeId> {
        NodeId::cover(0, size.get())
    }

    /// Returns the tree's size.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        TreeSize::clamped(self.size)
    }

    /// Returns the hashes of the subtrees, largest first.
    #[must_use]
    pub fn nodes(&self) -> &[NodeHash] {
        &self.nodes
    }

    /// Appends a leaf and returns its position.
    pub fn append(&mut self, leaf: NodeHash) -> LeafIndex {
        self.append_with(leaf, |_, _| {})
    }

    /// Appends a leaf and returns its position; hands out each node that became complete, the leaf first.
    pub fn append_with(&mut self, leaf: NodeHash, mut complete: impl FnMut(NodeId, NodeHash)) -> LeafIndex {
        let index = self.size().next_index();
        let (mut id, mut hash) = (NodeId::leaf(index), leaf);
        complete(id, hash);
        // Each trailing 1 bit of the size is a subtree that the new one completes to one twice its size.
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.nodes.pop() else { break };
            hash = NodeHash::inner(&left, &hash);
            id = id.parent();
            complete(id, hash);
        }
        self.nodes.push(hash);
        self.size += 1;
        index
    }

    /// Returns the root (RFC 6962 section 2.1).
    #[must_use]
    pub fn root(&self) -> RootHash {
        fold_right(&self.nodes).map_or_else(RootHash::empty, RootHash::from)
    }
}

impl Default for Frontier {
    fn default() -> Self {
        Self::empty()
    }
}

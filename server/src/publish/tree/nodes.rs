//! Where the nodes of the tree come from: memory first, then the tiles.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;

use custody_log::NodeHash;
use custody_log::tree::{MissingNode, NodeId, NodeSource};

use super::{Edge, LeafSource, TILE_HEIGHT, TILE_WIDTH, Tree, TreeError, count_at};

/// The nodes of the tree, and which tiles were used to make them.
pub(super) struct Nodes<'a> {
    tree: &'a Tree,
    leaves: &'a dyn LeafSource,
    pub(super) used: RefCell<BTreeSet<(u8, u64)>>,
}

impl<'a> Nodes<'a> {
    pub(super) fn new(tree: &'a Tree, leaves: &'a dyn LeafSource) -> Self {
        Self { tree, leaves, used: RefCell::default() }
    }
}

impl NodeSource for Nodes<'_> {
    type Error = TreeError;

    fn node(&self, id: NodeId) -> Result<NodeHash, TreeError> {
        let place = Place::of(id);
        if let Some(hash) = place.in_memory(&self.tree.edge(), id) {
            return Ok(hash);
        }
        let Place { level, number, offset, width } = place;
        self.used.borrow_mut().insert((level, number));
        let tile = self.tree.read_tile(level, number, self.leaves)?;
        let missing = || io::Error::new(io::ErrorKind::InvalidData, "the tile is too short");
        slice(&tile, offset, width)
            .ok_or_else(|| TreeError::Tile { path: self.tree.dir.clone(), source: missing() })
    }
}

/// The nodes of the tree that are in memory.
pub(super) struct AtHand<'a>(pub(super) &'a Tree);

impl NodeSource for AtHand<'_> {
    type Error = MissingNode;

    fn node(&self, id: NodeId) -> Result<NodeHash, MissingNode> {
        Place::of(id).in_memory(&self.0.edge(), id).ok_or(MissingNode(id))
    }
}

/// Where a node is in the tiles: the hashes from `offset` on, `width` of them, make it.
struct Place {
    level: u8,
    number: u64,
    offset: u64,
    width: u64,
}

impl Place {
    fn of(id: NodeId) -> Self {
        let width = 1_u64 << (id.level() % TILE_HEIGHT);
        let first = id.index().saturating_mul(width);
        let (number, offset) = (first / TILE_WIDTH, first % TILE_WIDTH);
        Self { level: id.level() / TILE_HEIGHT, number, offset, width }
    }

    /// Returns the node if it is among the newest, or in a tile that is not complete.
    fn in_memory(&self, edge: &Edge, id: NodeId) -> Option<NodeHash> {
        if let Some(hash) = edge.recent.get(id) {
            return Some(hash);
        }
        let complete = count_at(edge.size, self.level) / TILE_WIDTH;
        let partial = edge.partial.get(usize::from(self.level));
        partial.filter(|_| self.number == complete).and_then(|hashes| slice(hashes, self.offset, self.width))
    }
}

/// Returns the hash of the perfect subtree over `width` neighbours.
fn slice(hashes: &[NodeHash], offset: u64, width: u64) -> Option<NodeHash> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(width).ok()?)?;
    hashes.get(start..end).map(combine)
}

/// Returns the hash over a row of hashes whose number is a power of two.
pub(super) fn combine(hashes: &[NodeHash]) -> NodeHash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks_exact(2)
            .filter_map(|pair| match pair {
                [left, right] => Some(NodeHash::inner(left, right)),
                _ => None,
            })
            .collect();
    }
    row.first().copied().unwrap_or_else(|| NodeHash::from_bytes([0; NodeHash::LEN]))
}

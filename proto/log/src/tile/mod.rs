//! Tiles (c2sp.org/tlog-tiles): the tree and its entries as files that never change.
//!
//! A hash tile holds the 256 nodes at one level that lie below one node eight levels up; at the right edge of
//! the tree it is partial and its path says how many it holds. An entry bundle holds the 256 entries below
//! one hash tile of level 0.

mod bundle;
mod path;

use std::ops::Range;

use crate::digest::NodeHash;
use crate::position::TreeSize;
use crate::tree::NodeId;

pub use bundle::{BundleError, EntryBundle};
pub use path::{TileKind, TilePath, TilePathError};

/// The hashes of one tile, leftmost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashTile(Vec<NodeHash>);

/// Where the hash of a perfect subtree can be computed from: a run of hashes in one tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileSlice {
    path: TilePath,
    range: Range<usize>,
}

/// Why bytes are not the tile that its path names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not 32 bytes for each of the tile's hashes.
    #[error("{path}: expected {expected} bytes, found {found}")]
    Length {
        /// The tile.
        path: TilePath,
        /// 32 for each hash.
        expected: usize,
        /// The length given.
        found: usize,
    },
    /// The path names an entry bundle.
    #[error("{path} is an entry bundle, not a hash tile")]
    NotHashes {
        /// The bundle.
        path: TilePath,
    },
    /// The tile does not hold the hashes that a node is computed from.
    #[error("a tile of {found} hashes does not reach to hash {needed}")]
    TooNarrow {
        /// How many hashes are needed.
        needed: usize,
        /// How many the tile has.
        found: usize,
    },
}

impl HashTile {
    /// Reads the bytes of the tile with this path.
    pub fn decode(path: &TilePath, bytes: &[u8]) -> Result<Self, TileError> {
        if path.kind() == TileKind::Entries {
            return Err(TileError::NotHashes { path: *path });
        }
        let expected = path.width() * NodeHash::LEN;
        let (hashes, rest) = bytes.as_chunks::<{ NodeHash::LEN }>();
        if bytes.len() != expected || !rest.is_empty() {
            return Err(TileError::Length { path: *path, expected, found: bytes.len() });
        }
        Ok(Self(hashes.iter().copied().map(NodeHash::from_bytes).collect()))
    }

    /// Takes the hashes of a tile; `encode` writes them as they are.
    #[must_use]
    pub const fn from_hashes(hashes: Vec<NodeHash>) -> Self {
        Self(hashes)
    }

    /// Returns the bytes: the hashes one after the other.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.0.iter().flat_map(|hash| *hash.as_bytes()).collect()
    }

    /// Returns the hashes, leftmost first.
    #[must_use]
    pub fn hashes(&self) -> &[NodeHash] {
        &self.0
    }

    /// Computes the hash of the node that this slice of the tile lies below.
    pub fn node(&self, slice: &TileSlice) -> Result<NodeHash, TileError> {
        let short = TileError::TooNarrow { needed: slice.range.end, found: self.0.len() };
        let mut row = self.0.get(slice.range.clone()).ok_or_else(|| short.clone())?.to_vec();
        while row.len() > 1 {
            row = row.as_chunks::<2>().0.iter().map(|[left, right]| NodeHash::inner(left, right)).collect();
        }
        row.pop().ok_or(short)
    }
}

impl TileSlice {
    /// Returns where to find a node in the tiles of a tree of this size; none if the tree does not have it.
    #[must_use]
    pub fn of(node: NodeId, size: TreeSize) -> Option<Self> {
        // The tile's level is the nearest one at or below the node's; 2^depth of its hashes make up the node.
        let (level, depth) = (node.level() / 8, u32::from(node.level() % 8));
        let first = node.index() << depth;
        let last = first + (1 << depth) - 1;
        let path = TilePath::of_hash(level, last, size)?;
        let start = usize::try_from(first % TilePath::FULL_WIDTH).ok()?;
        Some(Self { path, range: start..start + (1 << depth) })
    }

    /// Returns the tile's path.
    #[must_use]
    pub const fn path(&self) -> &TilePath {
        &self.path
    }

    /// Returns the positions of the hashes within the tile.
    #[must_use]
    pub const fn range(&self) -> &Range<usize> {
        &self.range
    }
}

#[cfg(test)]
mod tests;

//! The tree over the entries replayed, and its tiles (C2SP tlog-tiles).

use custody_log::{Frontier, NodeHash, RootHash, TilePath, TreeSize};

/// The levels of tiles that a tree of 2^63 entries has.
const TILE_LEVELS: usize = 8;

/// How many levels of the tree one level of tiles spans.
const TILE_HEIGHT: u8 = 8;

/// A tile as the entries give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) path: TilePath,
    pub(super) hashes: Vec<NodeHash>,
}

/// The right edge, and for each level of tiles the hashes after the last complete tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    frontier: Frontier,
    partial: Vec<Vec<NodeHash>>,
}

impl Tree {
    /// Starts before entry 0.
    pub(super) fn empty() -> Self {
        Self { frontier: Frontier::empty(), partial: vec![Vec::new(); TILE_LEVELS] }
    }

    /// Takes up where another tree ended; none if the parts do not fit together.
    pub(super) fn from_parts(frontier: Frontier, partial: Vec<Vec<NodeHash>>) -> Option<Self> {
        let size = frontier.size().get();
        let fits = |(level, hashes): (usize, &Vec<NodeHash>)| {
            let count =
                u32::try_from(level * usize::from(TILE_HEIGHT)).ok().and_then(|by| size.checked_shr(by));
            let expected = count.unwrap_or(0) % TilePath::FULL_WIDTH;
            u64::try_from(hashes.len()).is_ok_and(|found| found == expected)
        };
        let fit = partial.len() == TILE_LEVELS && partial.iter().enumerate().all(fits);
        fit.then_some(Self { frontier, partial })
    }

    pub(super) const fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    pub(super) fn partial(&self) -> &[Vec<NodeHash>] {
        &self.partial
    }

    pub(super) const fn size(&self) -> TreeSize {
        self.frontier.size()
    }

    pub(super) fn root(&self) -> RootHash {
        self.frontier.root()
    }

    /// Appends a leaf; returns the tiles that became complete.
    pub(super) fn append(&mut self, leaf: NodeHash) -> Vec<Tile> {
        let (partial, mut full) = (&mut self.partial, Vec::new());
        self.frontier.append_with(leaf, |id, hash| {
            let level = id.level() / TILE_HEIGHT;
            if id.level() % TILE_HEIGHT == 0
                && let Some(hashes) = partial.get_mut(usize::from(level))
            {
                hashes.push(hash);
                let size = TreeSize::new(u64::MAX >> 1).unwrap_or(TreeSize::ZERO);
                if id.index() % TilePath::FULL_WIDTH == TilePath::FULL_WIDTH - 1
                    && let Some(path) = TilePath::of_hash(level, id.index(), size)
                {
                    full.push(Tile { path, hashes: std::mem::take(hashes) });
                }
            }
        });
        full
    }

    /// Returns the tiles at the right edge, each as wide as this tree makes it.
    pub(super) fn edge(&self) -> Vec<Tile> {
        let size = self.size();
        let tile = |(level, hashes): (usize, &Vec<NodeHash>)| {
            let level = u8::try_from(level).ok()?;
            let count = size.get().checked_shr(u32::from(level) * u32::from(TILE_HEIGHT))?;
            let path = TilePath::of_hash(level, count.checked_sub(1)?, size)?;
            (!hashes.is_empty()).then(|| Tile { path, hashes: hashes.clone() })
        };
        self.partial.iter().enumerate().filter_map(tile).collect()
    }
}

//! The Merkle tree as C2SP tiles: complete ones are files, the right edge is in memory.
//!
//! Tiles are derived from the journal. They are not synced: after a power loss a tile may be missing or torn.
//! That does no harm, because no proof is believed before it was checked against the root, and a tile that
//! spoils one is made again from the journal.

mod nodes;
mod recent;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use custody_log::tile::{TileKind, TilePath};
use custody_log::tree::{
    ConsistencyProof, Frontier, InclusionProof, NodeId, NodeSource as _, ProofError, ProveError, root_of,
};
use custody_log::{LeafIndex, NodeHash, RootHash, TreeSize};

use self::nodes::{AtHand, Nodes, combine};
use self::recent::Recent;
use crate::journal::ReadError;

/// How many hashes a complete tile has (C2SP tlog-tiles).
const TILE_WIDTH: u64 = 256;
/// The levels of the tree that one level of tiles spans: 2^8 = 256.
const TILE_HEIGHT: u8 = 8;
/// The levels of tiles that a tree of 2^63 entries has.
const TILE_LEVELS: u8 = 8;

/// Numbers the files that tiles are written to before they get their names.
static ASIDE: AtomicU64 = AtomicU64::new(0);

/// Where the hashes of the entries come from: the journal.
pub trait LeafSource {
    /// Returns the leaf hash of an entry.
    fn leaf(&self, index: LeafIndex) -> Result<NodeHash, ReadError>;
}

/// Why the tree cannot give a proof.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A tile could not be read or written.
    #[error("cannot use the tile {}", path.display())]
    Tile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The journal could not give an entry.
    #[error("cannot read an entry for the tree")]
    Journal(#[from] ReadError),
    /// The entries of the journal do not have the root that its last frame names.
    #[error("the journal's entries have root {computed}, its last frame says {expected}")]
    Root {
        /// What the last frame says.
        expected: RootHash,
        /// What the entries give.
        computed: RootHash,
    },
    /// The parts of a receipt do not fit together.
    #[error(transparent)]
    Receipt(#[from] custody_log::ReceiptError),
    /// No such proof: the positions are wrong, or the proof does not hold.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl From<ProveError<Self>> for TreeError {
    fn from(error: ProveError<Self>) -> Self {
        match error {
            ProveError::Positions(error) => Self::Proof(error),
            ProveError::Source(error) => error,
        }
    }
}

/// The tree of all committed entries.
#[derive(Debug)]
pub struct Tree {
    dir: PathBuf,
    /// Written by the sequencer alone, after a commit. Never held while a file is read.
    edge: RwLock<Edge>,
}

/// What is not in a complete tile.
#[derive(Debug, Clone)]
struct Edge {
    /// What `partial` belongs to; the frontier's size too, once it is loaded.
    size: TreeSize,
    frontier: Frontier,
    /// What was appended last, in whole.
    recent: Recent,
    /// For each level of tiles the hashes that came after the last complete tile: at most 255.
    partial: Vec<Vec<NodeHash>>,
}

impl Tree {
    /// Opens the tiles in `dir` and checks that they have the root of the journal's last frame; makes them
    /// again if they do not. `progress` is told how many entries were read.
    pub fn open(
        dir: &Path,
        size: TreeSize,
        root: RootHash,
        leaves: &dyn LeafSource,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, TreeError> {
        let tree = Self { dir: dir.to_owned(), edge: RwLock::new(Edge::empty()) };
        if let Ok(edge) = tree.load_edge(size, leaves)
            && edge.frontier.root() == root
        {
            tree.set_edge(edge);
            return Ok(tree);
        }
        tree.rebuild(size, root, leaves, progress)?;
        Ok(tree)
    }

    /// Compares the tiles in `dir` with the entries and makes those again that differ. Returns their files. Tiles that
    /// are not there are made when they are needed.
    pub fn repair_tiles(
        dir: &Path,
        size: TreeSize,
        leaves: &dyn LeafSource,
    ) -> Result<Vec<PathBuf>, TreeError> {
        let tree = Self { dir: dir.to_owned(), edge: RwLock::new(Edge::empty()) };
        let (mut edge, mut full, mut made) = (Edge::empty(), Vec::new(), Vec::new());
        for index in 0..size.get() {
            edge.append(leaves.leaf(position(index)?)?, &mut full);
            for (level, number, hashes) in full.drain(..) {
                let path = tree.tile_file(level, number)?;
                let same = match fs::read(&path) {
                    Ok(bytes) => tile_hashes(&bytes).as_ref() == Some(&hashes),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => true,
                    Err(source) => return Err(TreeError::Tile { path, source }),
                };
                if !same {
                    tree.write_tile(level, number, &hashes)?;
                    made.push(path);
                }
            }
        }
        Ok(made)
    }

    /// Returns the size and root that the tree would have with these leaves appended.
    #[must_use]
    pub fn with_appended(&self, leaves: &[NodeHash]) -> (TreeSize, RootHash) {
        let mut frontier = self.edge().frontier.clone();
        for leaf in leaves {
            frontier.append(*leaf);
        }
        (frontier.size(), frontier.root())
    }

    /// Appends leaves that are committed. A tile that cannot be written is made again when it is needed.
    pub fn append(&self, leaves: &[NodeHash]) {
        let mut full = Vec::new();
        {
            let mut edge = self.edge.write().unwrap_or_else(PoisonError::into_inner);
            for leaf in leaves {
                edge.append(*leaf, &mut full);
            }
        }
        for (level, number, hashes) in full {
            if let Err(error) = self.write_tile(level, number, &hashes) {
                tracing::warn!(%error, level, number, "a tile was not written; it is made again when needed");
            }
        }
    }

    /// Returns the root of the first `size` entries.
    pub fn root_at(&self, size: TreeSize, leaves: &dyn LeafSource) -> Result<RootHash, TreeError> {
        root_of(size, &Nodes::new(self, leaves))
    }

    /// Returns the hashes of a tile as it is published; none if a tree of this size does not have it. `size` is that
    /// of a committed state, so nothing newer is shown.
    pub fn tile(
        &self,
        path: &TilePath,
        size: TreeSize,
        leaves: &dyn LeafSource,
    ) -> Result<Option<Vec<NodeHash>>, TreeError> {
        let TileKind::Hashes { level } = path.kind() else { return Ok(None) };
        let end = path.end();
        if end > count_at(size, level) {
            return Ok(None);
        }
        let in_edge = {
            let edge = self.edge();
            let complete = count_at(edge.size, level) / TILE_WIDTH;
            let partial = edge.partial.get(usize::from(level));
            partial
                .filter(|_| path.number() == complete)
                .and_then(|hashes| hashes.get(..path.width()))
                .map(<[_]>::to_vec)
        };
        if in_edge.is_some() {
            return Ok(in_edge);
        }
        let tile = self.read_tile(level, path.number(), leaves)?;
        Ok(tile.get(..path.width()).map(<[_]>::to_vec))
    }

    /// Returns the proof that an entry is in the tree with this root; it was checked.
    pub fn inclusion(
        &self,
        index: LeafIndex,
        size: TreeSize,
        root: &RootHash,
        leaves: &dyn LeafSource,
    ) -> Result<InclusionProof, TreeError> {
        let leaf = leaves.leaf(index)?;
        let proof = self.checked(leaves, |nodes| {
            let proof = InclusionProof::make(index, size, nodes)?;
            proof.verify(nodes.node(NodeId::leaf(index))?, root)?;
            Ok(proof)
        })?;
        // Tiles that have the root prove another entry than the journal's: then that one is damaged, and no tile may be
        // made from it, or its neighbours could no longer be proven either.
        proof.verify(leaf, root)?;
        Ok(proof)
    }

    /// Returns the proof of an entry whose nodes are all in memory, as those of the newest entries are; it was checked.
    /// None if a file would have to be read for it, or what is in memory does not hold: [`Tree::inclusion`] decides.
    pub fn inclusion_at_hand(
        &self,
        index: LeafIndex,
        leaf: NodeHash,
        size: TreeSize,
        root: &RootHash,
    ) -> Option<InclusionProof> {
        let proof = InclusionProof::make(index, size, &AtHand(self)).ok()?;
        proof.verify(leaf, root).ok()?;
        Some(proof)
    }

    /// Returns the proof that a tree is the beginning of another one, and the older tree's root; it was
    /// checked against the newer root. None if the older tree is empty.
    pub fn consistency(
        &self,
        old: TreeSize,
        new: TreeSize,
        new_root: &RootHash,
        leaves: &dyn LeafSource,
    ) -> Result<(RootHash, Option<ConsistencyProof>), TreeError> {
        if old == TreeSize::ZERO {
            return Ok((RootHash::empty(), None));
        }
        self.checked(leaves, |nodes| {
            let proof = ConsistencyProof::make(old, new, nodes)?;
            let old_root = root_of(old, nodes)?;
            proof.verify(&old_root, new_root)?;
            Ok((old_root, Some(proof)))
        })
    }

    /// Makes a proof; if it does not hold, makes the tiles it used again and tries once more.
    fn checked<T>(
        &self,
        leaves: &dyn LeafSource,
        make: impl Fn(&Nodes<'_>) -> Result<T, TreeError>,
    ) -> Result<T, TreeError> {
        let nodes = Nodes::new(self, leaves);
        match make(&nodes) {
            Err(TreeError::Proof(ProofError::RootMismatch { .. } | ProofError::OldRootMismatch { .. })) => {
                for (level, number) in nodes.used.take() {
                    tracing::warn!(level, number, "a tile does not fit the tree and is made again");
                    self.heal(level, number, leaves)?;
                }
                make(&Nodes::new(self, leaves))
            }
            result => result,
        }
    }

    fn load_edge(&self, size: TreeSize, leaves: &dyn LeafSource) -> Result<Edge, TreeError> {
        let mut partial = Vec::new();
        for level in 0..TILE_LEVELS {
            let count = count_at(size, level);
            let mut hashes = Vec::new();
            for number in count - count % TILE_WIDTH..count {
                hashes.push(self.tile_level_node(level, number, leaves)?);
            }
            partial.push(hashes);
        }
        let below = Edge { size, frontier: Frontier::empty(), recent: Recent::default(), partial };
        self.set_edge(below.clone());
        let frontier = Frontier::load(size, &Nodes::new(self, leaves))?;
        // Every proof for a new entry needs some of them: they are not read again and again.
        let mut recent = Recent::default();
        for (id, hash) in Frontier::ids(size).zip(frontier.nodes()) {
            recent.push(id, *hash);
        }
        Ok(Edge { frontier, recent, ..below })
    }

    /// Returns the hash of a node on the border between two levels of tiles, from the complete tile below it.
    fn tile_level_node(
        &self,
        level: u8,
        number: u64,
        leaves: &dyn LeafSource,
    ) -> Result<NodeHash, TreeError> {
        match level.checked_sub(1) {
            None => Ok(leaves.leaf(position(number)?)?),
            Some(below) => Ok(combine(&self.read_tile(below, number, leaves)?)),
        }
    }

    fn rebuild(
        &self,
        size: TreeSize,
        root: RootHash,
        leaves: &dyn LeafSource,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), TreeError> {
        let tiles = self.dir.join("tile");
        match fs::remove_dir_all(&tiles) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(TreeError::Tile { path: tiles, source }),
        }
        self.set_edge(Edge::empty());
        for index in 0..size.get() {
            self.append(&[leaves.leaf(position(index)?)?]);
            progress(index);
        }
        let computed = self.edge().frontier.root();
        if computed == root { Ok(()) } else { Err(TreeError::Root { expected: root, computed }) }
    }

    fn heal(&self, level: u8, number: u64, leaves: &dyn LeafSource) -> Result<Vec<NodeHash>, TreeError> {
        let first = number.saturating_mul(TILE_WIDTH);
        let mut hashes = Vec::new();
        for number in first..first.saturating_add(TILE_WIDTH) {
            hashes.push(match level.checked_sub(1) {
                None => leaves.leaf(position(number)?)?,
                Some(below) => combine(&self.heal(below, number, leaves)?),
            });
        }
        if let Err(error) = self.write_tile(level, number, &hashes) {
            tracing::warn!(%error, level, number, "a tile was not written; it is made again when needed");
        }
        Ok(hashes)
    }

    fn read_tile(&self, level: u8, number: u64, leaves: &dyn LeafSource) -> Result<Vec<NodeHash>, TreeError> {
        let path = self.tile_file(level, number)?;
        match fs::read(&path) {
            Ok(bytes) => match tile_hashes(&bytes) {
                Some(hashes) => Ok(hashes),
                None => self.heal(level, number, leaves),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.heal(level, number, leaves),
            Err(source) => Err(TreeError::Tile { path, source }),
        }
    }

    fn write_tile(&self, level: u8, number: u64, hashes: &[NodeHash]) -> Result<(), TreeError> {
        let path = self.tile_file(level, number)?;
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
        // Written aside and renamed, so that a reader never meets half a tile. Two readers may make the same
        // tile at once, so each name is used once.
        let aside = path.with_extension(format!("new{}", ASIDE.fetch_add(1, Ordering::Relaxed)));
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&aside, &bytes))
            .and_then(|()| fs::rename(&aside, &path))
            .map_err(|source| TreeError::Tile { path, source })
    }

    fn tile_file(&self, level: u8, number: u64) -> Result<PathBuf, TreeError> {
        TilePath::new(TileKind::Hashes { level }, number, TILE_WIDTH)
            .map(|path| self.dir.join(path.to_string()))
            .map_err(|error| TreeError::Tile { path: self.dir.clone(), source: io::Error::other(error) })
    }

    fn edge(&self) -> std::sync::RwLockReadGuard<'_, Edge> {
        self.edge.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_edge(&self, edge: Edge) {
        *self.edge.write().unwrap_or_else(PoisonError::into_inner) = edge;
    }
}

impl Edge {
    fn empty() -> Self {
        let (size, frontier) = (TreeSize::ZERO, Frontier::empty());
        Self {
            size,
            frontier,
            recent: Recent::default(),
            partial: vec![Vec::new(); usize::from(TILE_LEVELS)],
        }
    }

    /// Appends a leaf and moves what became a complete tile to `full`.
    fn append(&mut self, leaf: NodeHash, full: &mut Vec<(u8, u64, Vec<NodeHash>)>) {
        let partial = &mut self.partial;
        let recent = &mut self.recent;
        self.frontier.append_with(leaf, |id, hash| {
            recent.push(id, hash);
            let level = id.level() / TILE_HEIGHT;
            if id.level() % TILE_HEIGHT == 0
                && let Some(hashes) = partial.get_mut(usize::from(level))
            {
                hashes.push(hash);
                if id.index() % TILE_WIDTH == TILE_WIDTH - 1 {
                    full.push((level, id.index() / TILE_WIDTH, std::mem::take(hashes)));
                }
            }
        });
        self.size = self.frontier.size();
    }
}

fn tile_hashes(bytes: &[u8]) -> Option<Vec<NodeHash>> {
    let hashes: Vec<NodeHash> =
        bytes.chunks(NodeHash::LEN).map(NodeHash::try_from).collect::<Result<_, _>>().ok()?;
    (u64::try_from(hashes.len()).ok()? == TILE_WIDTH).then_some(hashes)
}

/// Returns how many hashes a level of tiles has in a tree of this size.
fn count_at(size: TreeSize, level: u8) -> u64 {
    size.get().checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0)
}

fn position(number: u64) -> Result<LeafIndex, TreeError> {
    LeafIndex::new(number).map_err(|_| {
        let size = TreeSize::ZERO;
        TreeError::Proof(ProofError::IndexOutsideTree { index: LeafIndex::ZERO, size })
    })
}

#[cfg(test)]
mod tests;

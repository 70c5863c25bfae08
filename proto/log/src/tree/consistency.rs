//! Consistency proofs (RFC 6962 section 2.1.2).

use super::{NodeSource, ProofError, ProveError, climb, climb_edge, count, proof_shape, range_hash, split};
use crate::digest::{NodeHash, RootHash};
use crate::position::TreeSize;

/// The hashes that show that an older tree is the beginning of a newer one.
///
/// There is none from size 0: every tree begins with the empty one. Who knows nothing yet does not ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    old: TreeSize,
    new: TreeSize,
    hashes: Vec<NodeHash>,
}

impl ConsistencyProof {
    /// The most hashes a proof can have: the node where the two trees part, and one for each level.
    pub const MAX_HASHES: usize = 64;

    /// Makes the proof that the tree of `new` leaves begins with the tree of `old` leaves.
    pub fn make<S: NodeSource + ?Sized>(
        old: TreeSize,
        new: TreeSize,
        source: &S,
    ) -> Result<Self, ProveError<S::Error>> {
        check(old, new).map_err(ProveError::Positions)?;
        let hash = |start, end| range_hash(start, end, source).map_err(ProveError::Source);
        let (mut start, mut end) = (0, new.get());
        let mut hashes = Vec::new();
        while end != old.get() {
            let middle = start + split(end - start);
            if old.get() <= middle {
                hashes.extend(hash(middle, end)?);
                end = middle;
            } else {
                hashes.extend(hash(start, middle)?);
                start = middle;
            }
        }
        // The verifier knows the old root. It must be given this node only if it is not the old root itself.
        if start != 0 {
            hashes.extend(hash(start, end)?);
        }
        hashes.reverse();
        Ok(Self { old, new, hashes })
    }

    /// Takes hashes as received; refuses any other number than these sizes need.
    pub fn from_hashes(old: TreeSize, new: TreeSize, hashes: Vec<NodeHash>) -> Result<Self, ProofError> {
        check(old, new)?;
        let shape = Shape::of(old.get(), new.get());
        let expected = count(u32::from(shape.seed_given) + shape.below + shape.edge);
        if hashes.len() != expected {
            return Err(ProofError::HashCount { expected, found: hashes.len() });
        }
        Ok(Self { old, new, hashes })
    }

    /// Returns the size of the older tree.
    #[must_use]
    pub const fn old_size(&self) -> TreeSize {
        self.old
    }

    /// Returns the size of the newer tree.
    #[must_use]
    pub const fn new_size(&self) -> TreeSize {
        self.new
    }

    /// Returns the hashes, the lowest first.
    #[must_use]
    pub fn hashes(&self) -> &[NodeHash] {
        &self.hashes
    }

    /// Checks that the tree with the new root begins with the tree with the old root.
    pub fn verify(&self, old_root: &RootHash, new_root: &RootHash) -> Result<(), ProofError> {
        let shape = Shape::of(self.old.get(), self.new.get());
        let old_node = NodeHash::from_bytes(*old_root.as_bytes());
        let (seed, hashes) = match self.hashes.split_first() {
            Some((first, rest)) if shape.seed_given => (*first, rest),
            Some(_) | None => (old_node, self.hashes.as_slice()),
        };
        let (below, edge) = hashes.split_at(count(shape.below).min(hashes.len()));
        // The old tree had no right siblings: it is made of the left ones alone.
        let left: Vec<NodeHash> = below
            .iter()
            .enumerate()
            .filter(|(level, _)| {
                shape.path.checked_shr(u32::try_from(*level).unwrap_or(64)).unwrap_or(0) & 1 == 1
            })
            .map(|(_, hash)| *hash)
            .collect();
        let computed = climb_edge(climb_edge(seed, &left), edge).into();
        if computed != *old_root {
            return Err(ProofError::OldRootMismatch { expected: *old_root, computed });
        }
        let computed = climb_edge(climb(seed, shape.path, below), edge).into();
        if computed != *new_root {
            return Err(ProofError::RootMismatch { expected: *new_root, computed });
        }
        Ok(())
    }
}

fn check(old: TreeSize, new: TreeSize) -> Result<(), ProofError> {
    if old == TreeSize::ZERO {
        Err(ProofError::FromEmptyTree)
    } else if old > new {
        Err(ProofError::SizesReversed { old, new })
    } else {
        Ok(())
    }
}

/// What the two sizes say about the hashes.
struct Shape {
    /// Whether the first hash is the node to start from; else the old root is, being a perfect subtree.
    seed_given: bool,
    /// The way up from that node: bit i says whether it is a right child at step i.
    path: u64,
    /// How many siblings lie on either side, below the point where the way meets the right edge.
    below: u32,
    /// How many follow, all on the left.
    edge: u32,
}

impl Shape {
    /// `old` is at least 1 and at most `new`.
    fn of(old: u64, new: u64) -> Self {
        if old == new {
            return Self { seed_given: false, path: 0, below: 0, edge: 0 };
        }
        // The proof starts at the largest perfect subtree that ends where the old tree ends.
        let level = old.trailing_zeros();
        let (below, edge) = proof_shape(old - 1, new);
        Self { seed_given: !old.is_power_of_two(), path: (old - 1) >> level, below: below - level, edge }
    }
}

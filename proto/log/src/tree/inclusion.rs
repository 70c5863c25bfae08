//! Inclusion proofs (RFC 6962 section 2.1.1).

use super::{NodeSource, ProofError, ProveError, climb, climb_edge, count, proof_shape, range_hash, split};
use crate::digest::{NodeHash, RootHash};
use crate::position::{LeafIndex, TreeSize};

/// The hashes that lead from one leaf to the root of one tree, the leaf's sibling first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    index: LeafIndex,
    size: TreeSize,
    hashes: Vec<NodeHash>,
}

impl InclusionProof {
    /// The most hashes a proof can have: one for each bit of the largest size.
    pub const MAX_HASHES: usize = 63;

    /// Makes the proof that leaf `index` is in the tree of the first `size` leaves.
    pub fn make<S: NodeSource + ?Sized>(
        index: LeafIndex,
        size: TreeSize,
        source: &S,
    ) -> Result<Self, ProveError<S::Error>> {
        check(index, size).map_err(ProveError::Positions)?;
        let (mut start, mut end) = (0, size.get());
        let mut hashes = Vec::new();
        while end - start > 1 {
            let middle = start + split(end - start);
            let sibling = if index.get() < middle { (middle, end) } else { (start, middle) };
            hashes.extend(range_hash(sibling.0, sibling.1, source).map_err(ProveError::Source)?);
            if index.get() < middle { end = middle } else { start = middle }
        }
        hashes.reverse();
        Ok(Self { index, size, hashes })
    }

    /// Takes hashes as received; refuses any other number than this index and size need.
    pub fn from_hashes(index: LeafIndex, size: TreeSize, hashes: Vec<NodeHash>) -> Result<Self, ProofError> {
        check(index, size)?;
        let (below, edge) = proof_shape(index.get(), size.get());
        let expected = count(below + edge);
        if hashes.len() != expected {
            return Err(ProofError::HashCount { expected, found: hashes.len() });
        }
        Ok(Self { index, size, hashes })
    }

    /// Returns the position of the leaf.
    #[must_use]
    pub const fn index(&self) -> LeafIndex {
        self.index
    }

    /// Returns the size of the tree.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// Returns the hashes, the leaf's sibling first.
    #[must_use]
    pub fn hashes(&self) -> &[NodeHash] {
        &self.hashes
    }

    /// Takes the hashes out.
    #[must_use]
    pub(crate) fn into_hashes(self) -> Vec<NodeHash> {
        self.hashes
    }

    /// Returns the proof of the same leaf in the smallest tree that holds it, as its last leaf.
    ///
    /// Nothing lies to the right of a last leaf, and what lies to its left is the same perfect subtrees in both
    /// trees: those siblings are the proof.
    #[must_use]
    pub fn in_smallest_tree(&self) -> Self {
        let (below, _) = proof_shape(self.index.get(), self.size.get());
        let (siblings, edge) = self.hashes.split_at(count(below).min(self.hashes.len()));
        let bits = std::iter::successors(Some(self.index.get()), |bits| Some(bits >> 1));
        let left = siblings.iter().zip(bits).filter(|(_, bits)| bits & 1 == 1).map(|(hash, _)| *hash);
        let hashes = left.chain(edge.iter().copied()).collect();
        Self { index: self.index, size: self.index.size_through(), hashes }
    }

    /// Returns the root that this proof leads to from this leaf hash.
    #[must_use]
    pub fn root_from(&self, leaf: NodeHash) -> RootHash {
        let (below, _) = proof_shape(self.index.get(), self.size.get());
        let (siblings, edge) = self.hashes.split_at(count(below).min(self.hashes.len()));
        climb_edge(climb(leaf, self.index.get(), siblings), edge).into()
    }

    /// Checks that the leaf is in the tree with this root.
    pub fn verify(&self, leaf: NodeHash, root: &RootHash) -> Result<(), ProofError> {
        let computed = self.root_from(leaf);
        if computed == *root { Ok(()) } else { Err(ProofError::RootMismatch { expected: *root, computed }) }
    }
}

fn check(index: LeafIndex, size: TreeSize) -> Result<(), ProofError> {
    if size.contains(index) { Ok(()) } else { Err(ProofError::IndexOutsideTree { index, size }) }
}

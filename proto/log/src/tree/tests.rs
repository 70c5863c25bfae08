//! The oracle is the recursion of RFC 6962 section 2.1, written down as it stands there.

use std::collections::HashMap;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;

fn sha(parts: &[&[u8]]) -> NodeHash {
    NodeHash::from_bytes(Sha256::digest(parts.concat()).into())
}

/// MTH(D[n]).
fn mth(d: &[Vec<u8>]) -> NodeHash {
    match d {
        [] => sha(&[]),
        [only] => sha(&[&[0], only]),
        _ => {
            let (left, right) = d.split_at(k(d.len()));
            sha(&[&[1], mth(left).as_ref(), mth(right).as_ref()])
        }
    }
}

/// PATH(m, D[n]).
fn path(m: usize, d: &[Vec<u8>]) -> Vec<NodeHash> {
    if d.len() == 1 {
        return Vec::new();
    }
    let (left, right) = d.split_at(k(d.len()));
    let (mut below, sibling) =
        if m < left.len() { (path(m, left), mth(right)) } else { (path(m - left.len(), right), mth(left)) };
    below.push(sibling);
    below
}

/// SUBPROOF(m, D[n], b).
fn subproof(m: usize, d: &[Vec<u8>], b: bool) -> Vec<NodeHash> {
    if m == d.len() {
        return if b { Vec::new() } else { vec![mth(d)] };
    }
    let (left, right) = d.split_at(k(d.len()));
    let (mut below, sibling) = if m <= left.len() {
        (subproof(m, left, b), mth(right))
    } else {
        (subproof(m - left.len(), right, false), mth(left))
    };
    below.push(sibling);
    below
}

/// The largest power of two smaller than n.
fn k(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// Leaves 0, 1, 2 ... as text, so that all differ.
fn leaves(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| format!("leaf {i}").into_bytes()).collect()
}

fn tree(leaves: &[Vec<u8>]) -> (Frontier, HashMap<NodeId, NodeHash>) {
    let (mut frontier, mut nodes) = (Frontier::empty(), HashMap::new());
    for leaf in leaves {
        frontier.append_with(NodeHash::leaf(leaf), |id, hash| {
            assert!(nodes.insert(id, hash).is_none(), "{id} was handed out twice");
        });
    }
    (frontier, nodes)
}

fn size(n: usize) -> TreeSize {
    TreeSize::new(n.try_into().unwrap()).unwrap()
}

fn index(n: usize) -> LeafIndex {
    LeafIndex::new(n.try_into().unwrap()).unwrap()
}

fn flip(hash: NodeHash, bit: usize) -> NodeHash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    NodeHash::from_bytes(bytes)
}

#[test]
fn roots_are_those_of_the_rfc_recursion_at_every_size() {
    let leaves = leaves(130);
    let (mut frontier, nodes) = (Frontier::empty(), tree(&leaves).1);
    for n in 0..=leaves.len() {
        let expected = RootHash::from(mth(&leaves[..n]));
        assert_eq!(frontier.root(), expected, "size {n}");
        assert_eq!(root_of(size(n), &nodes), Ok(expected), "size {n}");
        assert_eq!(Frontier::load(size(n), &nodes).as_ref(), Ok(&frontier), "size {n}");
        assert_eq!(Frontier::from_nodes(size(n), frontier.nodes().to_vec()).as_ref(), Ok(&frontier));
        if let Some(leaf) = leaves.get(n) {
            assert_eq!(frontier.append(NodeHash::leaf(leaf)), index(n));
        }
    }
    assert_eq!(Frontier::empty().root(), RootHash::empty());
}

#[test]
fn appending_hands_out_each_complete_subtree_once() {
    let leaves = leaves(100);
    let (_, nodes) = tree(&leaves);
    // A tree of n leaves has floor(n / 2^l) complete subtrees at each level l.
    assert_eq!(nodes.len(), (0..7).map(|level| 100 >> level).sum::<usize>());
    for (id, hash) in nodes {
        let first = usize::try_from(id.first_leaf()).unwrap();
        assert_eq!(hash, mth(&leaves[first..first + (1 << id.level())]), "node {id}");
    }
}

#[test]
fn every_inclusion_proof_is_that_of_the_rfc_and_verifies() {
    let leaves = leaves(45);
    let (_, nodes) = tree(&leaves);
    for n in 1..=leaves.len() {
        let root = mth(&leaves[..n]).into();
        for m in 0..n {
            let proof = InclusionProof::make(index(m), size(n), &nodes).unwrap();
            assert_eq!(proof.hashes(), path(m, &leaves[..n]), "PATH({m}, D[{n}])");
            assert_eq!(proof.verify(NodeHash::leaf(&leaves[m]), &root), Ok(()), "leaf {m} of {n}");
            let again = InclusionProof::from_hashes(index(m), size(n), proof.hashes().to_vec());
            assert_eq!(again, Ok(proof));
        }
    }
}

#[test]
fn an_inclusion_proof_of_any_tree_holds_that_of_the_smallest() {
    let leaves = leaves(70);
    let (_, nodes) = tree(&leaves);
    for n in 1..=leaves.len() {
        for m in 0..n {
            let proof = InclusionProof::make(index(m), size(n), &nodes).unwrap();
            let smallest = InclusionProof::make(index(m), size(m + 1), &nodes).unwrap();
            assert_eq!(proof.in_smallest_tree(), smallest, "leaf {m} of {n}");
        }
    }
}

#[test]
fn every_consistency_proof_is_that_of_the_rfc_and_verifies() {
    let leaves = leaves(45);
    let (_, nodes) = tree(&leaves);
    for n in 1..=leaves.len() {
        for m in 1..=n {
            let proof = ConsistencyProof::make(size(m), size(n), &nodes).unwrap();
            assert_eq!(proof.hashes(), subproof(m, &leaves[..n], true), "PROOF({m}, D[{n}])");
            let roots = (mth(&leaves[..m]).into(), mth(&leaves[..n]).into());
            assert_eq!(proof.verify(&roots.0, &roots.1), Ok(()), "{m} to {n}");
            let again = ConsistencyProof::from_hashes(size(m), size(n), proof.hashes().to_vec());
            assert_eq!(again, Ok(proof));
        }
    }
}

/// Every change of one thing in an inclusion proof is refused, for every leaf of every small tree.
#[test]
fn refuses_each_changed_inclusion_proof() {
    let leaves = leaves(20);
    for n in 1..=leaves.len() {
        let root = RootHash::from(mth(&leaves[..n]));
        for m in 0..n {
            let leaf = NodeHash::leaf(&leaves[m]);
            let good = path(m, &leaves[..n]);
            let count = good.len();
            let take = |hashes: Vec<NodeHash>| InclusionProof::from_hashes(index(m), size(n), hashes);
            let wrong_count = |found| Err(ProofError::HashCount { expected: count, found });
            let trailing_hash = [good.clone(), vec![leaf]].concat();
            assert_eq!(take(trailing_hash), wrong_count(count + 1));
            if let Some((_, truncated)) = good.split_last() {
                assert_eq!(take(truncated.to_vec()), wrong_count(count - 1));
            }
            for at in 0..count {
                let mut changed = good.clone();
                changed[at] = flip(changed[at], 8 * at + 3);
                let refused = take(changed).unwrap().verify(leaf, &root);
                assert!(
                    matches!(refused, Err(ProofError::RootMismatch { expected, .. }) if expected == root)
                );
            }
            let proof = take(good).unwrap();
            let wrong_leaf = proof.verify(flip(leaf, 0), &root);
            assert!(matches!(wrong_leaf, Err(ProofError::RootMismatch { .. })));
            let wrong_root = mth(&[leaves[..n].to_vec(), vec![b"more".to_vec()]].concat()).into();
            let refused = ProofError::RootMismatch { expected: wrong_root, computed: root };
            assert_eq!(proof.verify(leaf, &wrong_root), Err(refused));
            // The same hashes for any other position do not prove this leaf.
            for other in (0..n).filter(|other| *other != m) {
                if let Ok(moved) = InclusionProof::from_hashes(index(other), size(n), proof.hashes().to_vec())
                {
                    assert!(moved.verify(leaf, &root).is_err(), "leaf {m} of {n} passes as {other}");
                }
            }
        }
    }
}

/// An inner node's children, taken as a leaf, hash with another prefix.
#[test]
fn refuses_an_inner_node_as_a_leaf() {
    let leaves = leaves(4);
    let forged = [NodeHash::leaf(&leaves[0]), NodeHash::leaf(&leaves[1])].map(|h| *h.as_bytes()).concat();
    let proof = InclusionProof::from_hashes(index(0), size(2), vec![mth(&leaves[2..])]).unwrap();
    assert!(proof.verify(NodeHash::leaf(&forged), &mth(&leaves).into()).is_err());
}

#[test]
fn refuses_each_changed_consistency_proof() {
    let leaves = leaves(20);
    for n in 2..=leaves.len() {
        for m in 1..n {
            let roots: (RootHash, RootHash) = (mth(&leaves[..m]).into(), mth(&leaves[..n]).into());
            let good = subproof(m, &leaves[..n], true);
            let count = good.len();
            let take = |hashes: Vec<NodeHash>| ConsistencyProof::from_hashes(size(m), size(n), hashes);
            let wrong_count = |found| Err(ProofError::HashCount { expected: count, found });
            let trailing_hash = [good.clone(), vec![good[0]]].concat();
            assert_eq!(take(trailing_hash), wrong_count(count + 1));
            assert_eq!(take(good[1..].to_vec()), wrong_count(count - 1));
            for at in 0..count {
                let mut changed = good.clone();
                changed[at] = flip(changed[at], 8 * at + 3);
                assert!(take(changed).unwrap().verify(&roots.0, &roots.1).is_err(), "{m} to {n}, hash {at}");
            }
            let proof = take(good).unwrap();
            assert!(proof.verify(&roots.1, &roots.0).is_err(), "swapped roots, {m} to {n}");
            let forged = flip(mth(&leaves[..n]), 9).into();
            assert_eq!(
                proof.verify(&roots.0, &forged),
                Err(ProofError::RootMismatch { expected: forged, computed: roots.1 })
            );
            assert!(proof.verify(&forged, &roots.1).is_err(), "another old root, {m} to {n}");
        }
    }
}

#[test]
fn refuses_a_split_view() {
    let honest = leaves(11);
    let mut other = honest.clone();
    other[2] = b"another history".to_vec();
    let (_, nodes) = tree(&other);
    let old = mth(&honest[..6]).into();
    let new = mth(&other).into();
    let proof = ConsistencyProof::make(size(6), size(11), &nodes).unwrap();
    let computed = mth(&other[..6]).into();
    assert_eq!(proof.verify(&old, &new), Err(ProofError::OldRootMismatch { expected: old, computed }));
    // Two roots at one size: the proof is empty and the roots are compared.
    let same = ConsistencyProof::make(size(11), size(11), &nodes).unwrap();
    let expected: RootHash = mth(&honest).into();
    let refused = ProofError::RootMismatch { expected: new, computed: expected };
    assert_eq!(same.verify(&expected, &new), Err(refused));
}

#[test]
fn refuses_positions_outside_the_tree() {
    let (_, nodes) = tree(&leaves(3));
    let outside = ProofError::IndexOutsideTree { index: index(3), size: size(3) };
    assert_eq!(InclusionProof::from_hashes(index(3), size(3), vec![]), Err(outside.clone()));
    let made = InclusionProof::make(index(3), size(3), &nodes);
    assert_eq!(made, Err(ProveError::Positions(outside)));
    assert!(InclusionProof::from_hashes(index(0), size(0), vec![]).is_err());

    let reversed = ProofError::SizesReversed { old: size(3), new: size(2) };
    assert_eq!(ConsistencyProof::from_hashes(size(3), size(2), vec![]), Err(reversed.clone()));
    let made = ConsistencyProof::make(size(3), size(2), &nodes);
    assert_eq!(made, Err(ProveError::Positions(reversed)));
    for new in [0, 2] {
        let refused = ConsistencyProof::from_hashes(size(0), size(new), vec![]);
        assert_eq!(refused, Err(ProofError::FromEmptyTree));
    }
}

#[test]
fn a_missing_node_is_named() {
    let (_, mut nodes) = tree(&leaves(4));
    let id = NodeId::new(1, 1).unwrap();
    nodes.remove(&id);
    let made = InclusionProof::make(index(0), size(4), &nodes);
    assert_eq!(made, Err(ProveError::Source(MissingNode(id))));
    assert_eq!(MissingNode(id).to_string(), "node 1/1 is missing");
}

#[test]
fn refuses_an_edge_of_another_size() {
    let (frontier, _) = tree(&leaves(5));
    let refused = Frontier::from_nodes(size(7), frontier.nodes().to_vec());
    assert_eq!(refused, Err(FrontierError::NodeCount { size: size(7), expected: 3, found: 2 }));
    let huge = TreeSize::new((1 << 62) + 1).unwrap();
    let refused = Frontier::from_nodes(huge, frontier.nodes().to_vec());
    assert_eq!(refused, Err(FrontierError::TooLarge { size: huge }));
}

#[test]
fn nodes_end_where_positions_end() {
    assert!(NodeId::new(0, (1 << 63) - 1).is_some());
    assert!(NodeId::new(0, 1 << 63).is_none());
    assert!(NodeId::new(62, 1).is_some());
    assert!(NodeId::new(62, 2).is_none());
    assert!(NodeId::new(63, 0).is_some());
    assert!(NodeId::new(64, 0).is_none());
    assert!(NodeId::new(255, u64::MAX).is_none());
    assert_eq!(NodeId::new(4, 3).unwrap().first_leaf(), 48);
}

/// Sizes up to the largest there is: the number of hashes is within the stated bound, and nothing overflows.
#[test]
fn the_largest_trees_have_proofs_of_bounded_length() {
    const MAX: u64 = i64::MAX.unsigned_abs();
    let hash = NodeHash::leaf(b"");
    for n in [1, 2, MAX / 2, MAX / 2 + 1, MAX / 2 + 2, MAX - 1, MAX] {
        let n = TreeSize::new(n).unwrap();
        for m in [0, 1, n.get() / 3, n.get() / 2, n.get().saturating_sub(2), n.get() - 1] {
            let m = LeafIndex::new(m).unwrap();
            let (mut proofs, mut consistent) = (0, 0);
            for count in 0..=65 {
                if let Ok(proof) = InclusionProof::from_hashes(m, n, vec![hash; count]) {
                    assert!(count <= InclusionProof::MAX_HASHES);
                    let _ = proof.verify(hash, &RootHash::empty());
                    proofs += 1;
                }
                if let Ok(proof) = ConsistencyProof::from_hashes(m.size_through(), n, vec![hash; count]) {
                    assert!(count <= ConsistencyProof::MAX_HASHES);
                    let _ = proof.verify(&RootHash::empty(), &RootHash::empty());
                    consistent += 1;
                }
            }
            assert_eq!((proofs, consistent), (u32::from(m < n.next_index()), u32::from(m < n.next_index())));
        }
    }
}

proptest! {
    #[test]
    fn proofs_of_larger_trees_are_those_of_the_rfc(n in 1_usize..700, a in any::<usize>(), b in any::<usize>()) {
        let leaves = leaves(n);
        let (frontier, nodes) = tree(&leaves);
        let (m, old) = (a % n, b % n + 1);
        prop_assert_eq!(frontier.root(), mth(&leaves).into());
        let inclusion = InclusionProof::make(index(m), size(n), &nodes).unwrap();
        prop_assert_eq!(inclusion.hashes(), path(m, &leaves));
        prop_assert_eq!(inclusion.verify(NodeHash::leaf(&leaves[m]), &frontier.root()), Ok(()));
        let consistency = ConsistencyProof::make(size(old), size(n), &nodes).unwrap();
        prop_assert_eq!(consistency.hashes(), subproof(old, &leaves, true));
        prop_assert_eq!(consistency.verify(&mth(&leaves[..old]).into(), &frontier.root()), Ok(()));
    }

    #[test]
    fn any_hashes_as_a_proof_never_panic(m in any::<u64>(), n in any::<u64>(), count in 0_usize..70) {
        let hashes = vec![NodeHash::leaf(b"x"); count];
        if let (Ok(m), Ok(n)) = (LeafIndex::new(m >> 1), TreeSize::new(n >> 1)) {
            if let Ok(proof) = InclusionProof::from_hashes(m, n, hashes.clone()) {
                prop_assert!(proof.verify(NodeHash::leaf(b"y"), &RootHash::empty()).is_err());
            }
            if let Ok(proof) = ConsistencyProof::from_hashes(m.size_through(), n, hashes) {
                let refused = proof.verify(&RootHash::empty(), &NodeHash::leaf(b"y").into());
                prop_assert!(refused.is_err());
            }
        }
    }
}

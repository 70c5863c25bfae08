//! Entry, receipt and proofs.

use custody_log::{
    ConsistencyProof, Entry, InclusionProof, LeafIndex, NodeHash, Receipt, RootHash, TreeSize,
};

use super::Target;
use super::note::{log_key, origin};
use crate::claim::{Outcome, bounded, refused, same_bytes};
use crate::corpus::Corpus;

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "log.entry",
        max: 600,
        rounds: 4000,
        words: &[
            "index ",
            "time ",
            "previous ",
            "admin ",
            "none",
            "kind ",
            "administrative",
            "envelope ",
            "sha256:",
        ],
        seeds: |corpus| corpus.examples("entry-"),
        run: entry,
    },
    Target {
        name: "log.receipt",
        max: 8 << 10,
        rounds: 2000,
        words: &["c2sp.org/tlog-proof@v1\n", "extra ", "index ", "\n\n", "\u{2014} "],
        seeds: |corpus| corpus.examples("entry-1.tlog-proof"),
        run: receipt,
    },
    Target { name: "log.proof", max: 80 + 32 * 70, rounds: 4000, words: &[], seeds: proof_seeds, run: proof },
];

fn entry(bytes: &[u8]) -> Outcome {
    match Entry::decode(bytes) {
        Ok(entry) => {
            same_bytes("entry", &entry.encode(), bytes);
            assert!(bytes.len() <= Entry::MAX_LEN, "an entry of {} bytes", bytes.len());
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// A receipt that verifies is about an entry that the log key signed for: there are three of them.
fn receipt(bytes: &[u8]) -> Outcome {
    let receipt = match Receipt::decode(bytes) {
        Ok(receipt) => receipt,
        Err(error) => return refused(&error),
    };
    same_bytes("receipt", &receipt.encode(), bytes);
    bounded(bytes.len(), &receipt, 12, 4096);
    match receipt.verify(&origin(), &[log_key()]) {
        Ok(verified) => {
            let example = custody_tests::example::files();
            let known = example
                .iter()
                .any(|(name, entry)| name.starts_with("entry-") && entry == verified.entry_bytes());
            assert!(known, "a receipt verified for an entry that is not in the log");
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// Eight bytes each of two positions, two hashes, and the proof's hashes.
fn proof(bytes: &[u8]) -> Outcome {
    let short = || Outcome::Refused("too short for a proof".to_owned());
    let Some((head, rest)) = bytes.split_first_chunk::<80>() else { return short() };
    let number = |at: usize| u64::from_be_bytes(head[at..at + 8].try_into().unwrap());
    let hash = |at: usize| <[u8; 32]>::try_from(&head[at..at + 32]).unwrap();
    let (Ok(first), Ok(size)) = (TreeSize::new(number(0)), TreeSize::new(number(8))) else { return short() };
    let (leaf, root) = (NodeHash::from_bytes(hash(16)), RootHash::from_bytes(hash(48)));
    let hashes: Vec<NodeHash> =
        rest.as_chunks::<32>().0.iter().map(|hash| NodeHash::from_bytes(*hash)).collect();
    consistency(first, size, &hashes, &RootHash::from_bytes(hash(16)), &root);
    let index = LeafIndex::new(first.get()).unwrap();
    match InclusionProof::from_hashes(index, size, hashes) {
        Ok(proof) => {
            let only = proof.root_from(leaf);
            assert_eq!(proof.verify(leaf, &only), Ok(()), "the root that the proof leads to");
            assert_eq!(proof.verify(leaf, &root).is_ok(), root == only, "no other root");
            assert!(proof.in_smallest_tree().hashes().len() <= proof.hashes().len());
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// The same tree has the same root, and needs no proof.
fn consistency(old: TreeSize, new: TreeSize, hashes: &[NodeHash], old_root: &RootHash, new_root: &RootHash) {
    let Ok(proof) = ConsistencyProof::from_hashes(old, new, hashes.to_vec()) else { return };
    let holds = proof.verify(old_root, new_root).is_ok();
    assert!(!holds || old != new || old_root == new_root, "one size with two roots");
    assert!(old <= new, "a proof that the log shrank");
}

fn proof_seeds(_: &Corpus) -> Vec<Vec<u8>> {
    let sizes = [(0_u64, 1_u64), (1, 3), (5, 8), (1000, 1 << 40), (0, (1 << 63) - 1), (3, 3)];
    let of = |(first, size): (u64, u64)| {
        (0..=63).map(move |count: u8| {
            let positions = [first.to_be_bytes(), size.to_be_bytes()].concat();
            let hashes = (0..count + 2).flat_map(|hash| [hash; 32]);
            positions.into_iter().chain(hashes).collect()
        })
    };
    sizes.into_iter().flat_map(of).collect()
}

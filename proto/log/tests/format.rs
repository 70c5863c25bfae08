//! The examples in the sections "Entry", "Receipt" and "Checkpoint and cosignature" of docs/format.md are what
//! this crate writes, and verify.

// All of this file is tests; clippy knows only functions marked #[test] as such.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use custody_log::{
    Checkpoint, ContentDigest, Cosigner, Entry, EntryDigest, EnvelopeDigest, Frontier, InclusionProof,
    LeafIndex, Measured, NodeHash, NoteSigner, Origin, Receipt, RecordDigest, SignedCheckpoint,
};

/// Returns the text blocks of one section, those that are marked `text`.
fn blocks(section: &str) -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/format.md");
    let document = std::fs::read_to_string(path).unwrap();
    let after = document.split_once(&format!("\n## {section}\n")).unwrap().1;
    let text = after.split("\n## ").next().unwrap();
    text.split("```text\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

fn entry(index: u64, previous: Option<&[u8]>) -> Vec<u8> {
    let time = ["2026-11-22T20:31:24.120394Z", "2026-11-22T20:31:25.007001Z"][usize::from(index > 0)];
    let entry = Entry {
        index: LeafIndex::new(index).unwrap(),
        time: time.parse().unwrap(),
        previous: previous.map(EntryDigest::of),
        admin: previous.map(|_| LeafIndex::ZERO),
        administrative: previous.is_none(),
        envelope: Measured { digest: EnvelopeDigest::of(b"envelope"), length: 8 },
        content: ContentDigest::of(b"content"),
        record: Measured { digest: RecordDigest::of(b"record"), length: 6 },
    };
    entry.encode()
}

#[test]
fn the_examples_are_what_this_crate_writes_and_verify() {
    let origin: Origin = "example.com/log".parse().unwrap();
    let log = NoteSigner::from_seed(origin.key_name().clone(), [7; 32]);
    let witness = Cosigner::from_seed("witness.example.org".parse().unwrap(), [9; 32]);
    let first = entry(0, None);
    let second = entry(1, Some(&first));
    assert_eq!(blocks("Entry"), [&first, &second].map(|bytes| String::from_utf8(bytes.clone()).unwrap()));

    let (mut tree, mut nodes) = (Frontier::empty(), BTreeMap::new());
    for entry in [&first, &second] {
        tree.append_with(NodeHash::leaf(entry), |id, hash| {
            nodes.insert(id, hash);
        });
    }
    let checkpoint = Checkpoint::new(origin.clone(), tree.size(), tree.root()).unwrap();
    let cosignature = witness.cosign(&checkpoint, "2026-11-22T20:32:00.000000Z".parse().unwrap());
    let signed = SignedCheckpoint::sign(&checkpoint, &log).unwrap();
    let signed = signed.add_signature(cosignature, &witness.verifier()).unwrap();
    let keys = format!("{}\n{}\n", log.verifier(), witness.verifier());
    let note = String::from_utf8(signed.bytes().to_vec()).unwrap();
    assert_eq!(blocks("Checkpoint and cosignature"), [note, keys]);

    let proof = InclusionProof::make(LeafIndex::new(1).unwrap(), tree.size(), &nodes).unwrap();
    let receipt = Receipt::new(second, proof, signed).unwrap();
    assert_eq!(blocks("Receipt"), [String::from_utf8(receipt.encode()).unwrap()]);
    let verified = receipt.verify(&origin, &[log.verifier()]).unwrap();
    assert_eq!(verified.checkpoint().cosignatures(&[witness.verifier()]).len(), 1);
}

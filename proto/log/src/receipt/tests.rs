use std::collections::BTreeMap;

use super::*;
use crate::checkpoint::Checkpoint;
use crate::digest::{ContentDigest, EntryDigest, EnvelopeDigest, RecordDigest, RootHash};
use crate::entry::Measured;
use crate::note::{NoteError, NoteSigner};
use crate::position::TreeSize;
use crate::tree::Frontier;

fn origin() -> Origin {
    "example.com/log".parse().unwrap()
}

fn log() -> NoteSigner {
    NoteSigner::from_seed(origin().key_name().clone(), [1; 32])
}

/// The entries of a log of five, each naming the one before.
fn entries() -> Vec<Vec<u8>> {
    let mut entries: Vec<Vec<u8>> = Vec::new();
    for index in 0..5 {
        let entry = Entry {
            index: LeafIndex::new(index).unwrap(),
            time: crate::Timestamp::from_micros(1_763_845_884_000_000).unwrap(),
            previous: entries.last().map(|entry| EntryDigest::of(entry)),
            admin: (index > 0).then_some(LeafIndex::ZERO),
            administrative: index == 0,
            envelope: Measured { digest: EnvelopeDigest::of(&[1]), length: 1 },
            content: ContentDigest::of(&[2]),
            record: Measured { digest: RecordDigest::of(&[3]), length: 1 },
        };
        entries.push(entry.encode());
    }
    entries
}

fn checkpoint(size: u64, root: RootHash, signer: &NoteSigner) -> SignedCheckpoint {
    let checkpoint = Checkpoint::new(origin(), TreeSize::new(size).unwrap(), root).unwrap();
    SignedCheckpoint::sign(&checkpoint, signer).unwrap()
}

fn receipt() -> Receipt {
    let (mut frontier, mut nodes) = (Frontier::empty(), BTreeMap::new());
    for entry in &entries() {
        frontier.append_with(NodeHash::leaf(entry), |id, hash| {
            nodes.insert(id, hash);
        });
    }
    let proof = InclusionProof::make(LeafIndex::new(2).unwrap(), frontier.size(), &nodes).unwrap();
    Receipt::new(entries()[2].clone(), proof, checkpoint(5, frontier.root(), &log())).unwrap()
}

fn text() -> String {
    String::from_utf8(receipt().encode()).unwrap()
}

fn verify(text: &str) -> Result<VerifiedReceipt, ReceiptError> {
    Receipt::decode(text.as_bytes())?.verify(&origin(), &[log().verifier()])
}

#[test]
fn a_receipt_verifies_after_a_round_trip() {
    let bytes = receipt().encode();
    let decoded = Receipt::decode(&bytes).unwrap();
    assert_eq!((&decoded, decoded.encode()), (&receipt(), bytes));
    let verified = decoded.verify(&origin(), &[log().verifier()]).unwrap();
    assert_eq!(verified.entry_bytes(), entries()[2]);
    assert_eq!(verified.entry().index.get(), 2);
    assert_eq!(verified.checkpoint().checkpoint().size().get(), 5);
}

/// The layout, line by line; the hashes are computed here from the five entries.
#[test]
fn the_bytes_are_these() {
    let leaf: Vec<NodeHash> = entries().iter().map(|entry| NodeHash::leaf(entry)).collect();
    let left = NodeHash::inner(&leaf[0], &leaf[1]);
    let root = NodeHash::inner(&NodeHash::inner(&left, &NodeHash::inner(&leaf[2], &leaf[3])), &leaf[4]);
    let checkpoint = format!("example.com/log\n5\n{}\n", root.to_base64());
    let expected = format!(
        "c2sp.org/tlog-proof@v1\nextra {}\nindex 2\n{}\n{}\n{}\n\n{checkpoint}\n{}\n",
        STANDARD.encode(&entries()[2]),
        leaf[3].to_base64(),
        left.to_base64(),
        leaf[4].to_base64(),
        log().sign(&checkpoint),
    );
    assert_eq!(text(), expected);
}

#[test]
fn refuses_a_truncated_proof() {
    let lines: Vec<String> = text().split_inclusive('\n').map(str::to_owned).collect();
    for at in 3..6 {
        let mut cut = lines.clone();
        cut.remove(at);
        let refused = ReceiptError::Proof(ProofError::HashCount { expected: 3, found: 2 });
        assert_eq!(verify(&cut.concat()), Err(refused), "without line {at}");
    }
}

#[test]
fn refuses_a_proof_with_trailing_garbage() {
    let hash = NodeHash::leaf(b"").to_base64();
    let longer = text().replacen("\n\n", &format!("\n{hash}\n\n"), 1);
    let refused = ReceiptError::Proof(ProofError::HashCount { expected: 3, found: 4 });
    assert_eq!(verify(&longer), Err(refused));
    let garbage = text().replacen("\n\n", "\ngarbage\n\n", 1);
    assert!(matches!(verify(&garbage), Err(ReceiptError::Hash { line: 7, .. })));
    for garbage in ["\n", "x", "garbage\n"] {
        assert!(verify(&format!("{}{garbage}", text())).is_err(), "{garbage:?}");
    }
}

#[test]
fn refuses_swapped_proof_hashes() {
    let mut lines: Vec<String> = text().split_inclusive('\n').map(str::to_owned).collect();
    lines.swap(3, 4);
    assert!(matches!(verify(&lines.concat()), Err(ReceiptError::Proof(ProofError::RootMismatch { .. }))));
}

#[test]
fn refuses_another_entry_in_the_extra_line() {
    // Well formed, right index, other content: not what the log has.
    let mut forged = Entry::decode(&entries()[2]).unwrap();
    forged.content = ContentDigest::of(b"forged");
    let forged = STANDARD.encode(forged.encode());
    let text = text().replace(&STANDARD.encode(&entries()[2]), &forged);
    assert!(matches!(verify(&text), Err(ReceiptError::Proof(ProofError::RootMismatch { .. }))));
}

#[test]
fn refuses_an_entry_of_another_position() {
    let (proof, entry) = (LeafIndex::new(3).unwrap(), LeafIndex::new(2).unwrap());
    let refused = Err(ReceiptError::IndexMismatch { proof, entry });
    assert_eq!(verify(&text().replace("index 2\n", "index 3\n")), refused);
    let neighbour = STANDARD.encode(&entries()[3]);
    let swapped = text().replace(&STANDARD.encode(&entries()[2]), &neighbour);
    assert!(matches!(verify(&swapped), Err(ReceiptError::IndexMismatch { .. })));
    let both = swapped.replace("index 2\n", "index 3\n");
    assert!(matches!(verify(&both), Err(ReceiptError::Proof(ProofError::RootMismatch { .. }))));
}

#[test]
fn refuses_a_checkpoint_of_another_tree_origin_or_key() {
    let good = receipt();
    let with = |checkpoint| Receipt::new(entries()[2].clone(), good.proof().clone(), checkpoint);
    let root = RootHash::from_bytes([7; 32]);
    let other_root = with(checkpoint(5, root, &log())).unwrap();
    let refused = other_root.verify(&origin(), &[log().verifier()]);
    assert!(
        matches!(refused, Err(ReceiptError::Proof(ProofError::RootMismatch { expected, .. })) if expected == root)
    );
    // The largest tree in which leaf 2 has three hashes is 8; beyond it the count differs.
    assert!(matches!(
        with(checkpoint(9, root, &log())),
        Err(ReceiptError::Proof(ProofError::HashCount { .. }))
    ));
    assert!(matches!(
        with(checkpoint(2, root, &log())),
        Err(ReceiptError::Proof(ProofError::IndexOutsideTree { .. }))
    ));
    let stranger = NoteSigner::from_seed(origin().key_name().clone(), [2; 32]);
    let refused = good.verify(&origin(), &[stranger.verifier()]);
    let unknown = matches!(
        refused,
        Err(ReceiptError::Checkpoint(CheckpointError::Note(NoteError::NoKnownSignature { .. })))
    );
    assert!(unknown);
    let other: Origin = "example.com/other".parse().unwrap();
    let refused = good.verify(&other, &[log().verifier()]);
    let mismatch = CheckpointError::OriginMismatch { expected: other.clone(), found: origin() };
    assert_eq!(refused, Err(ReceiptError::Checkpoint(mismatch)));
}

#[test]
fn refuses_a_receipt_with_one_line_changed() {
    let change = |from: &str, to: &str| {
        assert!(text().contains(from), "{from:?}");
        verify(&text().replacen(from, to, 1)).expect_err("must be refused")
    };
    assert_eq!(change("@v1", "@v2"), ReceiptError::Version);
    assert_eq!(change("c2sp", "\nc2sp"), ReceiptError::Version);
    assert_eq!(change("extra ", "Extra "), ReceiptError::Line { line: 2, expected: "extra " });
    assert_eq!(
        change("index ", "index  "),
        ReceiptError::Index(PositionError::NotDecimal { found: " 2".into() })
    );
    assert!(matches!(change("index 2", "index 02"), ReceiptError::Index(_)));
    assert_eq!(change("index 2", "2"), ReceiptError::Line { line: 3, expected: "index " });
    assert_eq!(change("extra ", "extra  "), ReceiptError::Extra);
    assert_eq!(change("extra ", "extra AA"), ReceiptError::Extra);
    assert!(matches!(change("extra ", "extra AAAA"), ReceiptError::Entry(_)));
    assert!(matches!(change("\nindex 2\n", "\nindex 2\r\n"), ReceiptError::Index(_)));
    assert!(matches!(change("\n5\n", "\n05\n"), ReceiptError::Checkpoint(CheckpointError::Size(_))));
    let without_extra: String = text().split_inclusive('\n').filter(|l| !l.starts_with("extra")).collect();
    assert_eq!(verify(&without_extra), Err(ReceiptError::Line { line: 2, expected: "extra " }));
    assert_eq!(verify("c2sp.org/tlog-proof@v1\n"), Err(ReceiptError::Unended));
    assert!(verify("").is_err());
    assert_eq!(Receipt::decode(&[0xff, 0xfe]), Err(ReceiptError::NotText));
    let long = vec![b'x'; Receipt::MAX_LEN + 1];
    assert!(matches!(Receipt::decode(&long), Err(ReceiptError::TooLong { .. })));
}

proptest::proptest! {
    /// One byte changed anywhere before the signature lines' names: never verified as it was.
    #[test]
    fn any_changed_byte_is_refused(at: usize, bit in 0_u8..8) {
        let mut bytes = receipt().encode();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let verified = Receipt::decode(&bytes).and_then(|r| r.verify(&origin(), &[log().verifier()]));
        proptest::prop_assert!(verified.is_err());
    }
}

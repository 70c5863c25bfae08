use super::*;
use crate::note::Cosigner;
use crate::time::Timestamp;

fn origin() -> Origin {
    "example.com/log".parse().unwrap()
}

fn log() -> NoteSigner {
    NoteSigner::from_seed(origin().key_name().clone(), [1; 32])
}

fn witness() -> Cosigner {
    Cosigner::from_seed("witness.example.org".parse().unwrap(), [2; 32])
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint::new(origin(), TreeSize::new(1043).unwrap(), RootHash::from_bytes([0xab; 32])).unwrap()
}

fn signed() -> SignedCheckpoint {
    SignedCheckpoint::sign(&checkpoint(), &log()).unwrap()
}

/// Adds a line as anyone between log and reader can.
fn with_line(signed: &SignedCheckpoint, line: &str) -> SignedCheckpoint {
    let bytes = [signed.bytes(), line.as_bytes(), b"\n"].concat();
    SignedCheckpoint::parse(&bytes).unwrap()
}

fn forged_line(seconds: u64) -> String {
    let other = Cosigner::from_seed("witness.example.org".parse().unwrap(), [3; 32]);
    let line = other.cosign(&checkpoint(), at(seconds.try_into().unwrap()));
    SignatureLine::forged(&witness().verifier(), line.signature().to_vec()).to_string()
}

const TEXT: &str = "example.com/log\n1043\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n";

#[test]
fn the_text_is_this() {
    assert_eq!(checkpoint().text(), TEXT);
    assert_eq!(Checkpoint::parse(TEXT), Ok(checkpoint()));
}

#[test]
fn a_checkpoint_that_the_log_signed_verifies() {
    let verified = signed().verify(&origin(), &[log().verifier()]).unwrap();
    assert_eq!(verified.checkpoint(), &checkpoint());
    assert_eq!(verified.signed(), &signed());
    assert_eq!(SignedCheckpoint::parse(signed().bytes()), Ok(signed()));
}

#[test]
fn refuses_the_checkpoint_of_another_origin() {
    let other: Origin = "example.com/other".parse().unwrap();
    let refused = signed().verify(&other, &[log().verifier()]);
    assert_eq!(refused, Err(CheckpointError::OriginMismatch { expected: other.clone(), found: origin() }));
    // Nor can a key of one log sign for another.
    let stranger = NoteSigner::from_seed(other.key_name().clone(), [1; 32]);
    let refused = SignedCheckpoint::sign(&checkpoint(), &stranger);
    let name = other.key_name().clone();
    assert_eq!(refused, Err(CheckpointError::SignerName { origin: origin(), name }));
}

#[test]
fn refuses_what_the_log_did_not_sign() {
    let other = NoteSigner::from_seed(origin().key_name().clone(), [9; 32]);
    let refused = signed().verify(&origin(), &[other.verifier()]);
    assert!(matches!(refused, Err(CheckpointError::Note(NoteError::NoKnownSignature { .. }))));
    let bytes = String::from_utf8(signed().bytes().to_vec()).unwrap().replacen("1043", "1044", 1);
    let changed = SignedCheckpoint::parse(bytes.as_bytes()).unwrap();
    let refused = changed.verify(&origin(), &[log().verifier()]);
    assert!(matches!(refused, Err(CheckpointError::Note(NoteError::BadSignature { .. }))));
}

/// A witness vouches for what it saw; it cannot stand in for the log.
#[test]
fn refuses_a_cosigner_as_the_log() {
    let impostor = Cosigner::from_seed(origin().key_name().clone(), [2; 32]);
    let line = impostor.cosign(&checkpoint(), at(5));
    let only = Note::new(TEXT.to_owned(), vec![line]).unwrap().encode();
    let only = SignedCheckpoint::parse(&only).unwrap();
    let refused = only.verify(&origin(), &[impostor.verifier()]);
    assert!(matches!(refused, Err(CheckpointError::KeyAlgorithm { .. })));
    assert_eq!(only.cosignatures(&[impostor.verifier()]).len(), 1);
}

#[test]
fn size_zero_has_the_root_of_the_empty_tree_only() {
    let empty = Checkpoint::new(origin(), TreeSize::ZERO, RootHash::empty()).unwrap();
    assert_eq!(Checkpoint::parse(empty.text()), Ok(empty.clone()));
    assert!(SignedCheckpoint::sign(&empty, &log()).unwrap().verify(&origin(), &[log().verifier()]).is_ok());
    let found = RootHash::from_bytes([0xab; 32]);
    let refused = CheckpointError::EmptyTreeRoot { expected: RootHash::empty(), found };
    assert_eq!(Checkpoint::new(origin(), TreeSize::ZERO, found), Err(refused.clone()));
    assert_eq!(Checkpoint::parse(&TEXT.replace("1043", "0")), Err(refused));
}

#[test]
fn refuses_texts_with_one_thing_changed() {
    let parse = |text: &str| Checkpoint::parse(text).expect_err("must be refused");
    assert_eq!(parse(""), CheckpointError::Lines);
    assert_eq!(parse("example.com/log\n"), CheckpointError::Lines);
    assert_eq!(parse("example.com/log\n1043\n"), CheckpointError::Lines);
    assert_eq!(parse(TEXT.trim_end()), CheckpointError::Lines);
    assert_eq!(parse(&format!("\n{TEXT}")), CheckpointError::Origin(KeyNameError::Empty));
    assert!(matches!(parse(&TEXT.replace("/log", "/l g")), CheckpointError::Origin(_)));
    for size in ["01043", "+1043", "1043 ", "", "-1", "9223372036854775808", "0x413"] {
        assert!(matches!(parse(&TEXT.replace("1043", size)), CheckpointError::Size(_)), "{size:?}");
    }
    for (from, to) in [("=", ""), ("q6s=", "q6t="), ("q6s=", "q6urqw=="), ("q6s", "q_s"), ("q6s=", "q6s= ")] {
        assert!(matches!(parse(&TEXT.replace(from, to)), CheckpointError::Root(_)), "{to:?}");
    }
    assert_eq!(parse(&format!("{TEXT}\n")), CheckpointError::EmptyExtension { line: 4 });
    assert_eq!(parse(&format!("{TEXT}one\n\ntwo\n")), CheckpointError::EmptyExtension { line: 5 });
}

#[test]
fn extension_lines_are_kept_and_signed() {
    let text = format!("{TEXT}some extension\nanother = 1\n");
    let extended = Checkpoint::parse(&text).unwrap();
    assert_eq!(extended.text(), text);
    let signed = SignedCheckpoint::sign(&extended, &log()).unwrap();
    let line = witness().cosign(&extended, at(7));
    let signed = signed.add_signature(line, &witness().verifier()).unwrap();
    assert_eq!(signed.cosignatures(&[witness().verifier()]).len(), 1);
    // Without the lines it is another text: neither signature holds.
    let bytes = String::from_utf8(signed.bytes().to_vec()).unwrap().replace("another = 1\n", "");
    let cut = SignedCheckpoint::parse(bytes.as_bytes()).unwrap();
    assert!(cut.verify(&origin(), &[log().verifier()]).is_err());
    assert!(cut.cosignatures(&[witness().verifier()]).is_empty());
}

#[test]
fn a_cosignature_says_who_and_when() {
    let line = witness().cosign(&checkpoint(), at(1_763_845_884));
    let signed = signed().add_signature(line, &witness().verifier()).unwrap();
    let verified = signed.verify(&origin(), &[log().verifier()]).unwrap();
    let found = verified.cosignatures(&[witness().verifier(), log().verifier()]);
    let found: Vec<_> = found.iter().map(|c| (c.name().as_str(), c.key_hash(), c.seconds())).collect();
    assert_eq!(found, [("witness.example.org", witness().verifier().key_hash(), 1_763_845_884)]);
}

#[test]
fn a_cosigner_counts_once_with_its_latest_time() {
    let lines = [5, 9, 7].map(|seconds| witness().cosign(&checkpoint(), at(seconds)).to_string());
    let signed = lines.iter().fold(signed(), |signed, line| with_line(&signed, line));
    let found = signed.cosignatures(&[witness().verifier(), witness().verifier()]);
    assert_eq!(found.iter().map(VerifiedCosignature::seconds).collect::<Vec<_>>(), [9]);
}

#[test]
fn refuses_a_cosignature_with_another_time() {
    let line = witness().cosign(&checkpoint(), at(5));
    for time in [6_u64, 1 << 63, u64::MAX] {
        let bytes = [&time.to_be_bytes(), &line.signature()[8..]].concat();
        let moved = SignatureLine::forged(&witness().verifier(), bytes);
        assert!(with_line(&signed(), &moved.to_string()).cosignatures(&[witness().verifier()]).is_empty());
        let refused = signed().add_signature(moved, &witness().verifier());
        assert!(matches!(refused, Err(CheckpointError::Note(NoteError::BadSignature { .. }))));
    }
}

#[test]
fn refuses_a_cosignature_of_another_checkpoint() {
    let other = Checkpoint::new(origin(), TreeSize::new(1043).unwrap(), RootHash::from_bytes([0xcd; 32]));
    let line = witness().cosign(&other.unwrap(), at(5));
    assert!(with_line(&signed(), &line.to_string()).cosignatures(&[witness().verifier()]).is_empty());
    assert!(signed().add_signature(line, &witness().verifier()).is_err());
}

/// Whoever carries a checkpoint can add lines. One in a cosigner's name neither counts nor spoils.
#[test]
fn a_forged_extra_line_in_a_cosigners_name_does_not_poison() {
    let key = witness().verifier();
    let forged = with_line(&signed(), &forged_line(8));
    let verified = forged.verify(&origin(), &[log().verifier()]).unwrap();
    assert!(verified.cosignatures(std::slice::from_ref(&key)).is_empty());
    // The genuine one beside it counts, whichever comes first.
    let genuine = witness().cosign(&checkpoint(), at(5)).to_string();
    for both in [with_line(&forged, &genuine), with_line(&with_line(&signed(), &genuine), &forged_line(8))] {
        let found = both.cosignatures(std::slice::from_ref(&key));
        assert_eq!(found.iter().map(VerifiedCosignature::seconds).collect::<Vec<_>>(), [5]);
    }
    // Adding one's own line takes the forged one away, so that strict verifiers accept the note.
    let cleaned = forged.add_signature(witness().cosign(&checkpoint(), at(5)), &key).unwrap();
    assert_eq!(cleaned.note().signatures().len(), 2);
    assert_eq!(cleaned.note().verify(&[log().verifier(), key]).unwrap().len(), 2);
    assert_eq!(forged.cosign(&witness(), at(5)).unwrap(), cleaned, "the same by the key itself");
}

#[test]
fn cosigning_again_leaves_the_newest_time_alone() {
    let again = signed().cosign(&witness(), at(5)).unwrap().cosign(&witness(), at(9)).unwrap();
    assert_eq!(again.note().signatures().len(), 2);
    let found = again.cosignatures(&[witness().verifier()]);
    assert_eq!(found.iter().map(VerifiedCosignature::seconds).collect::<Vec<_>>(), [9]);
}

#[test]
fn refuses_to_add_a_line_by_another_key() {
    let line = witness().cosign(&checkpoint(), at(5));
    let refused = signed().add_signature(line, &log().verifier());
    assert!(matches!(refused, Err(CheckpointError::NotBy { .. })));
}

/// Both verify: only the roots show the fork, and no consistency proof can join them.
#[test]
fn a_split_view_shows_in_two_verified_checkpoints() {
    let keys = [log().verifier()];
    let sign = |byte| {
        let size = TreeSize::new(1043).unwrap();
        let checkpoint = Checkpoint::new(origin(), size, RootHash::from_bytes([byte; 32])).unwrap();
        SignedCheckpoint::sign(&checkpoint, &log()).unwrap().verify(&origin(), &keys).unwrap()
    };
    let (one, other) = (sign(1), sign(2));
    let (one, other) = (one.checkpoint(), other.checkpoint());
    let proof = crate::ConsistencyProof::from_hashes(one.size(), other.size(), vec![]).unwrap();
    let refused = crate::ProofError::RootMismatch { expected: *other.root(), computed: *one.root() };
    assert_eq!(proof.verify(one.root(), other.root()), Err(refused));
}

#[test]
fn messages_say_what_was_expected_and_what_was_found() {
    let other: Origin = "example.com/other".parse().unwrap();
    let stranger = NoteSigner::from_seed(origin().key_name().clone(), [9; 32]);
    let witness_as_log = signed().verify(&origin(), &[witness().verifier()]);
    let messages = [
        signed().verify(&other, &[log().verifier()]).unwrap_err(),
        signed().verify(&origin(), &[stranger.verifier()]).unwrap_err(),
        witness_as_log.unwrap_err(),
        Checkpoint::parse(&TEXT.replace("1043", "01043")).unwrap_err(),
    ];
    let hash = log().verifier().key_hash();
    let witness_hash = witness().verifier().key_hash();
    let expected = [
        "expected a checkpoint of example.com/other, found one of example.com/log".to_owned(),
        format!("no signature is by a known key; the note is signed by \"example.com/log+{hash}\""),
        format!("the key witness.example.org+{witness_hash} is of type Cosignature, expected Ed25519"),
        "tree size: expected a decimal number without leading zeros, found \"01043\"".to_owned(),
    ];
    assert_eq!(messages.map(|message| message.to_string()), expected);
}

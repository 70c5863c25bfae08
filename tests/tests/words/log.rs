//! The errors of the log's formats: entries, notes, checkpoints, receipts, proofs, tiles.

use custody_log::tree::NodeId;
use custody_log::{
    BundleError, CheckpointError, DigestError, EntryError, FrontierError, KeyAlgorithm, KeyHash, KeyName,
    KeyNameError, LeafIndex, LineError, MissingNode, NoteError, Origin, PositionError, ProofError,
    ProveError, ReceiptError, RootHash, SecretKeyError, TileError, TilePath, TilePathError, TimestampError,
    TreeSize, VerifierKeyError,
};
use custody_tests::every;
use custody_tests::words::lines;

fn index(number: u64) -> LeafIndex {
    LeafIndex::new(number).unwrap()
}

fn size(number: u64) -> TreeSize {
    TreeSize::new(number).unwrap()
}

fn root(byte: u8) -> RootHash {
    RootHash::from_bytes([byte; 32])
}

fn name() -> KeyName {
    "example.com/test".parse().unwrap()
}

fn hash() -> KeyHash {
    "example.com/test+80949bf5+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
        .parse::<custody_log::VerifierKey>()
        .unwrap()
        .key_hash()
}

fn tile() -> TilePath {
    "tile/0/x001/067.p/12".parse().unwrap()
}

#[test]
fn every_error_of_the_values_has_its_words() {
    let found = || "found".to_owned();
    let digest = every!(DigestError {
        Algorithm { found: found() },
        Hex { found: found() },
        Base64 { found: found() },
        Length { expected: 32, found: 31 },
    });
    let position = every!(PositionError {
        TooLarge { found: u64::MAX },
        NotDecimal { found: "007".to_owned() },
    });
    let time = every!(TimestampError { Form { found: found() }, Range { found: -1 } });
    let entry = every!(EntryError {
        TooLong { max: 512, found: 513 },
        NotText,
        Version,
        Line { line: 2, expected: "index " },
        Line { line: 9, expected: "" },
        Digest { line: 4, why: DigestError::Hex { found: found() } },
        Number { line: 2, why: PositionError::NotDecimal { found: "007".to_owned() } },
        Time { line: 3, why: TimestampError::Form { found: found() } },
        Previous { index: index(7) },
        NoAdmin { index: index(7) },
        Admin { admin: index(7), index: index(7) },
    });
    let text = [
        lines("DigestError", &digest),
        lines("PositionError", &position),
        lines("TimestampError", &time),
        lines("EntryError", &entry),
    ];
    super::hold("log_values", &text.concat());
}

#[test]
fn every_error_of_notes_and_keys_has_its_words() {
    let key_name = every!(KeyNameError {
        Empty,
        TooLong { max: 256, found: 257 },
        Character { found: '+' },
    });
    let key = every!(VerifierKeyError {
        Form,
        Name(KeyNameError::Empty),
        Hash { found: "80949BF5".to_owned() },
        Base64,
        Algorithm { found: Some(0x07) },
        Algorithm { found: None },
        Length { expected: 32, found: 31 },
        HashMismatch { found: hash(), computed: hash() },
        Point,
    });
    let secret = every!(SecretKeyError {
        Form,
        Name(KeyNameError::Empty),
        Seed,
        Algorithm { expected: 1, found: 4 },
        Hash(VerifierKeyError::Point),
    });
    let line = every!(LineError { Form, Name(KeyNameError::Empty), Base64, TooShort { min: 5, found: 4 } });
    let note = every!(NoteError {
        TooLong { max: 65536, found: 65537 },
        NotText { position: 7 },
        Control { position: 7 },
        Unsigned,
        TextUnfinished,
        Line { number: 1, why: LineError::Form },
        TooManySignatures { max: 64, found: 65 },
        DuplicateKey { name: name(), hash: hash() },
        BadSignature { name: name(), hash: hash() },
        NoKnownSignature { found: vec!["example.com/test+80949bf5".to_owned(), "b+00000000".to_owned()] },
        NoKnownSignature { found: Vec::new() },
    });
    let text = [
        lines("KeyNameError", &key_name),
        lines("VerifierKeyError", &key),
        lines("SecretKeyError", &secret),
        lines("LineError", &line),
        lines("NoteError", &note),
    ];
    super::hold("log_notes", &text.concat());
}

#[test]
fn every_error_of_checkpoints_and_receipts_has_its_words() {
    let origin = || -> Origin { "example.com/test".parse().unwrap() };
    let checkpoint = every!(CheckpointError {
        Note(NoteError::Unsigned),
        Lines,
        Origin(KeyNameError::Empty),
        Size(PositionError::NotDecimal { found: "007".to_owned() }),
        Root(DigestError::Base64 { found: "found".to_owned() }),
        EmptyExtension { line: 4 },
        EmptyTreeRoot { expected: root(1), found: root(2) },
        OriginMismatch { expected: origin(), found: "example.com/other".parse().unwrap() },
        SignerName { origin: origin(), name: name() },
        KeyAlgorithm {
            name: name(),
            hash: hash(),
            expected: KeyAlgorithm::Ed25519,
            found: KeyAlgorithm::Cosignature,
        },
        NotBy { name: name(), hash: hash() },
    });
    let receipt = every!(ReceiptError {
        TooLong { max: 65536, found: 65537 },
        NotText,
        Version,
        Unended,
        Line { line: 2, expected: "extra " },
        Extra,
        Entry(EntryError::Version),
        Index(PositionError::NotDecimal { found: "007".to_owned() }),
        IndexMismatch { proof: index(7), entry: index(8) },
        Hash { line: 4, why: DigestError::Base64 { found: "found".to_owned() } },
        Proof(ProofError::HashCount { expected: 3, found: 2 }),
        Checkpoint(CheckpointError::Lines),
    });
    let text = [lines("CheckpointError", &checkpoint), lines("ReceiptError", &receipt)];
    super::hold("log_receipts", &text.concat());
}

#[test]
fn every_error_of_trees_and_tiles_has_its_words() {
    let proof = every!(ProofError {
        IndexOutsideTree { index: index(7), size: size(7) },
        SizesReversed { old: size(8), new: size(7) },
        FromEmptyTree,
        HashCount { expected: 3, found: 2 },
        RootMismatch { expected: root(1), computed: root(2) },
        OldRootMismatch { expected: root(1), computed: root(2) },
    });
    let prove = every!(ProveError<KeyNameError> {
        Positions(ProofError::FromEmptyTree),
        Source(KeyNameError::Empty),
    });
    let frontier = every!(FrontierError {
        NodeCount { size: size(7), expected: 3, found: 2 },
        TooLarge { size: size(i64::MAX.cast_unsigned()) },
    });
    let path = every!(TilePathError {
        Form { found: "found".to_owned() },
        Beyond { level: 1, number: 7 },
        Width { found: 257 },
    });
    let slice = every!(TileError {
        Length { path: tile(), expected: 384, found: 383 },
        NotHashes { path: "tile/entries/000".parse().unwrap() },
        TooNarrow { needed: 13, found: 12 },
    });
    let bundle = every!(BundleError {
        Cut { at: 7 },
        Count { expected: 12, found: 11 },
        TooLong { found: 65536 },
    });
    let missing = [("MissingNode", MissingNode(NodeId::leaf(index(7))))];
    let text = [
        lines("ProofError", &proof),
        lines("ProveError", &prove),
        lines("FrontierError", &frontier),
        lines("TilePathError", &path),
        lines("TileError", &slice),
        lines("BundleError", &bundle),
        lines("MissingNode", &missing),
    ];
    super::hold("log_trees", &text.concat());
}

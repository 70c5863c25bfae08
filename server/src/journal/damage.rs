//! Damage: bytes on disk that are not what was written, and where they are.

use std::path::PathBuf;

use custody_log::{BlobDigest, EntryError, EnvelopeDigest, LeafIndex, RecordDigest, RootHash, TreeSize};

use super::chain::ChainError;
use super::segment::Mark;

/// Bytes that are not what was written. The whole log is suspect until `custodyd fsck` has looked at it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}, byte {offset}, entry {entry}: {kind}", file.display())]
pub struct Damage {
    /// The segment, slot or blob file.
    pub file: PathBuf,
    /// Where in the file the broken part starts.
    pub offset: u64,
    /// The first entry that is affected.
    pub entry: LeafIndex,
    /// What was expected and what was found.
    pub kind: DamageKind,
}

/// What was expected and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DamageKind {
    /// A file ends before the part that its own lengths promise.
    #[error("expected {expected} bytes, the file ends after {found}")]
    Truncated {
        /// Bytes that the part needs.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The part does not start with its magic, version and mark.
    #[error("expected {expected}, found bytes {found}")]
    Start {
        /// What should start here: `a segment header`, `a frame`, ...
        expected: &'static str,
        /// The first bytes in hex, at most 24.
        found: String,
    },
    /// A version that this program does not read.
    #[error("{what} has version {found}, this program reads version {supported}: use a newer custodyd")]
    Version {
        /// What: `the segment`, ...
        what: &'static str,
        /// Its version.
        found: u16,
        /// The version that is read.
        supported: u16,
    },
    /// The checksum does not fit the bytes that it covers.
    #[error("expected CRC32C {expected:08x} of {what}, computed {found:08x}")]
    Checksum {
        /// The part that it covers.
        what: &'static str,
        /// The checksum kept.
        expected: u32,
        /// The checksum of the bytes found.
        found: u32,
    },
    /// A row of the offset table of a sealed segment, although the table's checksum holds.
    #[error("the row of the offset table does not lead to the entry")]
    Row,
    /// A length or count that contradicts the others, although the checksum holds.
    #[error("{what} is {found}, expected {expected}")]
    Number {
        /// Which number.
        what: &'static str,
        /// What the other parts say.
        expected: u64,
        /// The number.
        found: u64,
    },
    /// The bytes in an entry's place are no entry.
    #[error("the entry does not decode: {0}")]
    Entry(EntryError),
    /// The entry does not continue the log before it.
    #[error("the entry does not follow the one before it: {0}")]
    Chain(ChainError),
    /// The admission record is not the one that the entry names.
    #[error("expected an admission record with {expected}, found {found}")]
    Record {
        /// In the entry.
        expected: RecordDigest,
        /// Of the bytes found.
        found: RecordDigest,
    },
    /// The envelope is not the one that the entry names.
    #[error("expected an envelope with {expected}, found {found}")]
    Envelope {
        /// In the entry.
        expected: EnvelopeDigest,
        /// Of the bytes found.
        found: EnvelopeDigest,
    },
    /// An attachment is not the one that the admission record names.
    #[error("expected an attachment with {expected}, found {found}")]
    Attachment {
        /// In the admission record.
        expected: BlobDigest,
        /// Of the bytes found.
        found: BlobDigest,
    },
    /// What a redaction erases is still there, or came back.
    #[error(
        "entry {by} erases what it holds, and it is not erased: it came back, or the erasure did not end"
    )]
    NotErased {
        /// The redaction.
        by: LeafIndex,
    },
    /// The file of a large envelope is gone.
    #[error("the file of the envelope {expected} is missing")]
    BlobMissing {
        /// The envelope's digest in the entry.
        expected: EnvelopeDigest,
    },
    /// A root that is not the root of the entries.
    #[error("{what} has the root {found} at size {size}, expected {expected}")]
    Root {
        /// What says so: `the frame`, `the footer`, `the checkpoint`.
        what: &'static str,
        /// The tree size.
        size: TreeSize,
        /// What was computed, or what the frame says.
        expected: RootHash,
        /// What was found.
        found: RootHash,
    },
    /// A valid frame lies behind a broken one, so the broken one was on disk before.
    #[error("a broken frame with a good one behind it, at byte {next}")]
    FrameBehind {
        /// Offset of the good frame.
        next: u64,
    },
    /// Entries that a kept checkpoint covers are not there.
    #[error("the log ends at size {found}, but {what} covers {expected}")]
    Shorter {
        /// What says so: `the kept checkpoint`, `the footer`.
        what: &'static str,
        /// The size it says.
        expected: TreeSize,
        /// How many entries there are.
        found: TreeSize,
    },
    /// A segment that is not the last has no valid footer.
    #[error("a segment with another behind it must be sealed, and this one has no valid footer")]
    NotSealed,
    /// A segment is gone: the next one starts too late.
    #[error("a segment with the entries from {expected} on is needed, and the next one starts at {found}")]
    Gap {
        /// Where it should start.
        expected: LeafIndex,
        /// Where it starts.
        found: LeafIndex,
    },
    /// Entry 0 in the header is not this log's.
    #[error("the file belongs to the log with entry 0 {found}, this is the log with {expected}")]
    OtherLog {
        /// Digest of this log's entry 0.
        expected: custody_log::EntryDigest,
        /// Digest of entry 0 in the file.
        found: custody_log::EntryDigest,
    },
    /// Neither slot is valid; one of them always is, whatever moment the power failed.
    #[error("neither checkpoint slot is valid")]
    Slots,
}

impl Damage {
    /// Whether an entry does not follow the one before it.
    pub(super) const fn is_chain(&self) -> bool {
        matches!(self.kind, DamageKind::Chain(_))
    }
}

impl DamageKind {
    /// A part that does not start as it should.
    pub(super) fn start(expected: &'static str, bytes: &[u8]) -> Self {
        Self::Start { expected, found: hex::encode(bytes.get(..24).unwrap_or(bytes)) }
    }
}

/// The first 16 bytes of every part of a segment: magic, version, zero, mark.
pub(super) fn start(magic: [u8; 4], version: u16, mark: Mark) -> [u8; 16] {
    let mut bytes = [0; 16];
    let parts = magic.into_iter().chain(version.to_be_bytes()).chain([0, 0]).chain(mark.0);
    bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
    bytes
}

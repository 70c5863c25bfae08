//! Receipts (c2sp.org/tlog-proof): an entry, the proof that it is in a tree, and the tree's signed checkpoint.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64 of the entry's bytes>
//! index 1042
//! <base64 of a proof hash>                          the leaf's sibling first; none or more lines
//! <blank line>
//! <signed checkpoint, as it is>
//! ```
//!
//! The format does not authenticate the extra line. Here it is: the leaf hash is computed from it, so any
//! other entry leads to another root.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{CheckpointError, SignedCheckpoint, VerifiedCheckpoint};
use crate::digest::{DigestError, NodeHash};
use crate::entry::{Entry, EntryError};
use crate::note::{Note, Origin, VerifierKey};
use crate::position::{LeafIndex, PositionError};
use crate::tree::{InclusionProof, ProofError};

/// An entry with proof and checkpoint, well formed, but checked by nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    entry: Entry,
    entry_bytes: Vec<u8>,
    proof: InclusionProof,
    checkpoint: SignedCheckpoint,
}

/// An entry that is in a tree that the log signed. Only [`Receipt::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReceipt {
    receipt: Receipt,
    checkpoint: VerifiedCheckpoint,
}

/// Why bytes are not a receipt, or not one to believe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Longer than any receipt.
    #[error("a receipt is at most {max} bytes, found {found}")]
    TooLong {
        /// [`Receipt::MAX_LEN`].
        max: usize,
        /// The length given.
        found: usize,
    },
    /// The part before the checkpoint is not UTF-8.
    #[error("a receipt is UTF-8 text, and these bytes are not")]
    NotText,
    /// The first line is not `c2sp.org/tlog-proof@v1`.
    #[error("expected a receipt, whose first line is c2sp.org/tlog-proof@v1")]
    Version,
    /// There is no blank line, which divides the proof from the checkpoint.
    #[error("the proof does not end: expected a blank line and the checkpoint after it")]
    Unended,
    /// A line is missing, misspelt or out of order.
    #[error("line {line}: expected {expected:?}")]
    Line {
        /// 1-based.
        line: usize,
        /// What the line starts with.
        expected: &'static str,
    },
    /// The extra line is not standard base64 with padding.
    #[error("the extra line is not standard base64 with padding")]
    Extra,
    /// The extra line carries no entry.
    #[error("the entry in the extra line: {0}")]
    Entry(EntryError),
    /// The index line carries no index.
    #[error("the index line: {0}")]
    Index(PositionError),
    /// The entry is for another position than the proof.
    #[error("the index line says {proof}, the entry says {entry}")]
    IndexMismatch {
        /// What the index line says.
        proof: LeafIndex,
        /// What the entry says.
        entry: LeafIndex,
    },
    /// A proof line is not a hash.
    #[error("proof line {line}: {why}")]
    Hash {
        /// 1-based, among the lines of the receipt.
        line: usize,
        /// Why.
        why: DigestError,
    },
    /// The proof does not fit the positions, or does not lead from the entry to the signed root.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The checkpoint is none, or not one to believe.
    #[error("checkpoint: {0}")]
    Checkpoint(CheckpointError),
}

const VERSION: &str = "c2sp.org/tlog-proof@v1";
/// 23 for the version, 7 + 684 for an entry of 512 bytes, 7 + 19 for the index.
const BEFORE_HASHES_MAX: usize = 740;
/// 44 digits of base64, and the end of the line.
const HASH_LINE_LEN: usize = 45;

impl Receipt {
    /// The most bytes a receipt may have: 23 for the version, 7 + 684 for an entry of 512 bytes, 7 + 19 for the
    /// index, 63 hashes of 45 and the blank line are 3,576; a checkpoint is a note.
    pub const MAX_LEN: usize = Note::MAX_LEN + 4096;

    /// Puts the parts together. The proof must be for the entry's index and the checkpoint's size.
    pub fn new(
        entry_bytes: Vec<u8>,
        proof: InclusionProof,
        checkpoint: SignedCheckpoint,
    ) -> Result<Self, ReceiptError> {
        let entry = Entry::decode(&entry_bytes).map_err(ReceiptError::Entry)?;
        let (index, size) = (proof.index(), checkpoint.unverified().size());
        if entry.index != index {
            return Err(ReceiptError::IndexMismatch { proof: index, entry: entry.index });
        }
        // Against the checkpoint's size, whatever size the proof was made for.
        let proof = InclusionProof::from_hashes(index, size, proof.into_hashes())?;
        Ok(Self { entry, entry_bytes, proof, checkpoint })
    }

    /// Decodes exact bytes; refuses whatever [`Receipt::encode`] would not have written.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > Self::MAX_LEN {
            return Err(ReceiptError::TooLong { max: Self::MAX_LEN, found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ReceiptError::NotText)?;
        // The first blank line ends the proof. The checkpoint after it has another, its own.
        let (head, checkpoint) = text.split_once("\n\n").ok_or(ReceiptError::Unended)?;
        let mut lines = head.split('\n');
        if lines.next() != Some(VERSION) {
            return Err(ReceiptError::Version);
        }
        let extra = value(lines.next(), 2, "extra ")?;
        let entry_bytes = STANDARD.decode(extra).map_err(|_| ReceiptError::Extra)?;
        let entry = Entry::decode(&entry_bytes).map_err(ReceiptError::Entry)?;
        let index = value(lines.next(), 3, "index ")?.parse().map_err(ReceiptError::Index)?;
        if entry.index != index {
            return Err(ReceiptError::IndexMismatch { proof: index, entry: entry.index });
        }
        let hash =
            |(at, line)| NodeHash::from_base64(line).map_err(|why| ReceiptError::Hash { line: at + 4, why });
        let hashes = lines.enumerate().map(hash).collect::<Result<_, _>>()?;
        let checkpoint = SignedCheckpoint::parse(checkpoint.as_bytes()).map_err(ReceiptError::Checkpoint)?;
        let proof = InclusionProof::from_hashes(index, checkpoint.unverified().size(), hashes)?;
        Ok(Self { entry, entry_bytes, proof, checkpoint })
    }

    /// Returns the receipt's exact bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let checkpoint = self.checkpoint.bytes();
        let length = BEFORE_HASHES_MAX + HASH_LINE_LEN * self.proof.hashes().len() + 1 + checkpoint.len();
        let mut out = String::with_capacity(length);
        out.push_str(VERSION);
        out.push_str("\nextra ");
        STANDARD.encode_string(&self.entry_bytes, &mut out);
        out.push_str("\nindex ");
        out.push_str(&self.proof.index().to_string());
        out.push('\n');
        for hash in self.proof.hashes() {
            STANDARD.encode_string(hash, &mut out);
            out.push('\n');
        }
        out.push('\n');
        let mut out = out.into_bytes();
        out.extend_from_slice(checkpoint);
        out
    }

    /// Checks that this log signed the checkpoint, and that the entry is in that tree.
    ///
    /// `log_keys` are the keys that may sign for the log at this size. Cosignatures are for the caller to ask
    /// for, with [`VerifiedCheckpoint::cosignatures`].
    pub fn verify(&self, origin: &Origin, log_keys: &[VerifierKey]) -> Result<VerifiedReceipt, ReceiptError> {
        let checkpoint = self.checkpoint.verify(origin, log_keys).map_err(ReceiptError::Checkpoint)?;
        self.proof.verify(NodeHash::leaf(&self.entry_bytes), checkpoint.checkpoint().root())?;
        Ok(VerifiedReceipt { receipt: self.clone(), checkpoint })
    }

    /// Returns the entry. Nobody has checked that it is in the log: believe nothing of it.
    #[must_use]
    pub const fn unverified_entry(&self) -> &Entry {
        &self.entry
    }

    /// Returns the proof.
    #[must_use]
    pub const fn proof(&self) -> &InclusionProof {
        &self.proof
    }

    /// Returns the checkpoint, whose signatures nobody has checked.
    #[must_use]
    pub const fn signed_checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }
}

impl VerifiedReceipt {
    /// Returns the entry.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        &self.receipt.entry
    }

    /// Returns the entry's exact bytes.
    #[must_use]
    pub fn entry_bytes(&self) -> &[u8] {
        &self.receipt.entry_bytes
    }

    /// Returns the checkpoint that the log signed.
    #[must_use]
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// Returns the receipt that was verified.
    #[must_use]
    pub const fn receipt(&self) -> &Receipt {
        &self.receipt
    }
}

fn value<'a>(line: Option<&'a str>, number: usize, expected: &'static str) -> Result<&'a str, ReceiptError> {
    line.and_then(|line| line.strip_prefix(expected)).ok_or(ReceiptError::Line { line: number, expected })
}

#[cfg(test)]
mod tests;

//! Checkpoints (c2sp.org/tlog-checkpoint): what a log's tree was, signed.
//!
//! ```text
//! example.com/log                                   origin
//! 1043                                              tree size
//! 9Jo...=                                           root hash, base64
//! <extension lines: none of ours has any; others' are kept and signed with the rest>
//!
//! \u{2014} example.com/log <base64>                 the log's signature (0x01)
//! \u{2014} witness.example.org <base64>             cosignatures (0x04), each with its time
//! ```

use std::sync::Arc;

use crate::digest::{DigestError, RootHash};
use crate::note::{Cosigner, NoteSigner, SignatureLine, VerifierKey};
use crate::note::{KeyAlgorithm, KeyHash, KeyName, KeyNameError, Note, NoteError, Origin};
use crate::position::{PositionError, TreeSize};
use crate::time::Timestamp;

/// Origin, size and root of a tree. A size of zero and the empty tree's root always go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: Origin,
    size: TreeSize,
    root: RootHash,
    text: String,
}

/// A checkpoint with signatures that nobody has checked yet. Copies share it: each receipt of a batch has the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint(Arc<Parts>);

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    note: Note,
    checkpoint: Checkpoint,
    bytes: Vec<u8>,
}

/// A checkpoint that the log signed. There is no other way to get one than [`SignedCheckpoint::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCheckpoint(SignedCheckpoint);

/// A cosignature that its key verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCosignature {
    name: KeyName,
    hash: KeyHash,
    seconds: u64,
}

/// Why a text is not a checkpoint, or not one to believe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a signed note, or its signatures are not to be believed.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Fewer than three lines.
    #[error("expected three lines: origin, tree size, root hash")]
    Lines,
    /// The first line names no log.
    #[error("origin: {0}")]
    Origin(KeyNameError),
    /// The second line is no tree size.
    #[error("tree size: {0}")]
    Size(PositionError),
    /// The third line is no hash.
    #[error("root hash: {0}")]
    Root(DigestError),
    /// An extension line is empty.
    #[error("line {line}: an extension line cannot be empty")]
    EmptyExtension {
        /// 1-based.
        line: usize,
    },
    /// Size zero with another root than that of the empty tree.
    #[error("the empty tree has root {expected}, found {found}")]
    EmptyTreeRoot {
        /// SHA-256 of nothing.
        expected: RootHash,
        /// The root given.
        found: RootHash,
    },
    /// The checkpoint is of another log.
    #[error("expected a checkpoint of {expected}, found one of {found}")]
    OriginMismatch {
        /// The log that was asked.
        expected: Origin,
        /// The log that the checkpoint is of.
        found: Origin,
    },
    /// A log's key has the log's origin as its name.
    #[error("a key named {name} cannot sign for the log {origin}")]
    SignerName {
        /// The log.
        origin: Origin,
        /// The key's name.
        name: KeyName,
    },
    /// A cosigner's key was given as a log's key, or the other way round: the caller's mistake.
    #[error("the key {name}+{hash} is of type {found:?}, expected {expected:?}")]
    KeyAlgorithm {
        /// The key's name.
        name: KeyName,
        /// The key's hash.
        hash: KeyHash,
        /// What is needed here.
        expected: KeyAlgorithm,
        /// What was given.
        found: KeyAlgorithm,
    },
    /// A signature line that is not by the key it was given with.
    #[error("the signature is not by {name}+{hash}")]
    NotBy {
        /// The key's name.
        name: KeyName,
        /// The key's hash.
        hash: KeyHash,
    },
}

impl Checkpoint {
    /// Makes the checkpoint of a tree; refuses another root than the empty tree's for size zero.
    pub fn new(origin: Origin, size: TreeSize, root: RootHash) -> Result<Self, CheckpointError> {
        let text = format!("{origin}\n{size}\n{}\n", root.to_base64());
        Self { origin, size, root, text }.check()
    }

    /// Parses the text that is signed. Extension lines are kept in the text and mean nothing here.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(CheckpointError::Lines);
        };
        let origin = origin.parse().map_err(CheckpointError::Origin)?;
        let size = size.parse().map_err(CheckpointError::Size)?;
        let root = RootHash::from_base64(root).map_err(CheckpointError::Root)?;
        if let Some(at) = lines.position(str::is_empty) {
            return Err(CheckpointError::EmptyExtension { line: at + 4 });
        }
        Self { origin, size, root, text: text.to_owned() }.check()
    }

    fn check(self) -> Result<Self, CheckpointError> {
        if self.size == TreeSize::ZERO && self.root != RootHash::empty() {
            return Err(CheckpointError::EmptyTreeRoot { expected: RootHash::empty(), found: self.root });
        }
        Ok(self)
    }

    /// Returns the log's name.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns how many entries the tree has.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// Returns the tree's root.
    #[must_use]
    pub const fn root(&self) -> &RootHash {
        &self.root
    }

    /// Returns the exact text that is signed, with its final line feed and any extension lines.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl SignedCheckpoint {
    /// Parses a signed checkpoint; its signatures are only read, not checked.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok(Self(Arc::new(Parts { note, checkpoint, bytes: bytes.to_vec() })))
    }

    /// Signs a checkpoint as the log: the key's name must be the origin.
    ///
    /// A log must never sign two checkpoints that are not consistent; that is for the caller to see to.
    pub fn sign(checkpoint: &Checkpoint, signer: &NoteSigner) -> Result<Self, CheckpointError> {
        let key = signer.verifier();
        if key.name() != checkpoint.origin.key_name() {
            let (origin, name) = (checkpoint.origin.clone(), key.name().clone());
            return Err(CheckpointError::SignerName { origin, name });
        }
        Ok(Self::from_note(signer.note(&checkpoint.text)?, checkpoint.clone()))
    }

    /// Adds the signature of another key of the log: both sign while one takes the place of the other.
    pub fn sign_too(&self, signer: &NoteSigner) -> Result<Self, CheckpointError> {
        let key = signer.verifier();
        if key.name() != self.0.checkpoint.origin.key_name() {
            let (origin, name) = (self.0.checkpoint.origin.clone(), key.name().clone());
            return Err(CheckpointError::SignerName { origin, name });
        }
        self.with(signer.sign(&self.0.checkpoint.text), &key)
    }

    fn from_note(note: Note, checkpoint: Checkpoint) -> Self {
        let bytes = note.encode();
        Self(Arc::new(Parts { note, checkpoint, bytes }))
    }

    /// Adds a signature that this key verifies, and drops every other line with the key's name and hash.
    ///
    /// So neither an old cosignature nor a line that someone forged in the cosigner's name stays behind, where
    /// it would make verifiers refuse the whole.
    pub fn add_signature(&self, line: SignatureLine, key: &VerifierKey) -> Result<Self, CheckpointError> {
        let (name, hash) = (key.name().clone(), key.key_hash());
        if !line.is_by(key) {
            return Err(CheckpointError::NotBy { name, hash });
        }
        if key.verify(self.0.note.text(), &line).is_err() {
            return Err(NoteError::BadSignature { name, hash }.into());
        }
        self.with(line, key)
    }

    /// Adds the cosignature of a key that is held here, with the time, and drops every other line with the key's name
    /// and hash.
    pub fn cosign(&self, cosigner: &Cosigner, time: Timestamp) -> Result<Self, CheckpointError> {
        self.with(cosigner.cosign(&self.0.checkpoint, time), &cosigner.verifier())
    }

    fn with(&self, line: SignatureLine, key: &VerifierKey) -> Result<Self, CheckpointError> {
        let others = self.0.note.signatures().iter().filter(|other| !other.is_by(key)).cloned();
        let lines = others.chain(std::iter::once(line)).collect();
        Ok(Self::from_note(Note::new(self.0.note.text().to_owned(), lines)?, self.0.checkpoint.clone()))
    }

    /// Returns the exact bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Returns the note that this is.
    #[must_use]
    pub fn note(&self) -> &Note {
        &self.0.note
    }

    /// Returns what the checkpoint says. Nobody has checked a signature: believe nothing of it.
    #[must_use]
    pub fn unverified(&self) -> &Checkpoint {
        &self.0.checkpoint
    }

    /// Checks that the checkpoint is of this log, and signed by at least one of its keys.
    pub fn verify(
        &self,
        origin: &Origin,
        log_keys: &[VerifierKey],
    ) -> Result<VerifiedCheckpoint, CheckpointError> {
        let found = &self.0.checkpoint.origin;
        if found != origin {
            return Err(CheckpointError::OriginMismatch { expected: origin.clone(), found: found.clone() });
        }
        for key in log_keys {
            // A witness vouches for what it saw; it must never be able to stand in for the log.
            check_algorithm(key, KeyAlgorithm::Ed25519)?;
        }
        self.0.note.verify(log_keys)?;
        Ok(VerifiedCheckpoint(self.clone()))
    }

    /// Returns the cosignatures that verify under these keys, each key once with its latest time.
    ///
    /// A line in a cosigner's name that does not verify counts as absent: whoever can add one could as well have
    /// taken the good one away, so refusing the whole would only help the forger.
    #[must_use]
    pub fn cosignatures(&self, keys: &[VerifierKey]) -> Vec<VerifiedCosignature> {
        let mut found: Vec<VerifiedCosignature> = Vec::new();
        for key in keys.iter().filter(|key| key.algorithm() == KeyAlgorithm::Cosignature) {
            let lines = self.0.note.signatures().iter().filter(|line| line.is_by(key));
            let seconds = lines.filter_map(|line| key.verify(self.0.note.text(), line).ok().flatten()).max();
            let cosignature =
                |seconds| VerifiedCosignature { name: key.name().clone(), hash: key.key_hash(), seconds };
            found.extend(seconds.map(cosignature).filter(|new| !found.contains(new)));
        }
        found
    }
}

impl VerifiedCheckpoint {
    /// Returns what the log signed.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        self.0.unverified()
    }

    /// Returns the signed bytes and their signatures.
    #[must_use]
    pub const fn signed(&self) -> &SignedCheckpoint {
        &self.0
    }

    /// Returns the cosignatures that verify; see [`SignedCheckpoint::cosignatures`].
    #[must_use]
    pub fn cosignatures(&self, keys: &[VerifierKey]) -> Vec<VerifiedCosignature> {
        self.0.cosignatures(keys)
    }
}

impl VerifiedCosignature {
    /// Returns the cosigner's name.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// Returns the hash of the cosigner's key.
    #[must_use]
    pub const fn key_hash(&self) -> KeyHash {
        self.hash
    }

    /// Returns the time of the cosignature in seconds since 1970, below 2^63.
    #[must_use]
    pub const fn seconds(&self) -> u64 {
        self.seconds
    }
}

fn check_algorithm(key: &VerifierKey, expected: KeyAlgorithm) -> Result<(), CheckpointError> {
    let found = key.algorithm();
    if found == expected {
        return Ok(());
    }
    Err(CheckpointError::KeyAlgorithm { name: key.name().clone(), hash: key.key_hash(), expected, found })
}

#[cfg(test)]
mod tests;

//! Signing checkpoints: by the log key always, or both while one takes the place of the other; by the freshness key with the time.
//!
//! A checkpoint is signed only after its entries are durable, and only if the tree of the checkpoint signed
//! before is the beginning of the new one. The freshness key cosigns again every minute, so that a client
//! without a memory can tell a quiet log from a frozen one.

use custody_evidence::trust::TrustState;
use custody_log::tree::ProofError;
use custody_log::{Checkpoint, Origin, RootHash, SignedCheckpoint, Timestamp, TreeSize};

use super::keys::{LogKeys, LogVerifiers};
use super::tree::{LeafSource, Tree, TreeError};

/// Why a checkpoint was not signed.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The tree is smaller than one that was signed.
    #[error(
        "a checkpoint of size {signed} was signed, and the log has only {size} entries: entries were lost"
    )]
    Shrunk {
        /// The size of the last signed checkpoint.
        signed: TreeSize,
        /// The size now.
        size: TreeSize,
    },
    /// The tree's beginning is not the tree that was signed.
    #[error("the log's first {size} entries have root {computed}, but {signed} was signed: this is a fork")]
    Fork {
        /// The size of the last signed checkpoint.
        size: TreeSize,
        /// The root that was signed.
        signed: RootHash,
        /// The root now.
        computed: RootHash,
    },
    /// The tree could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The trust document names other keys for trees of this size.
    #[error(
        "the log's trust document has trees of size {size} signed by {expected}, and this server does not hold that key"
    )]
    NotHeld {
        /// The size.
        size: TreeSize,
        /// The keys.
        expected: String,
    },
    /// A note could not be made.
    #[error("cannot sign the checkpoint")]
    Note(#[from] custody_log::CheckpointError),
}

/// Signs one checkpoint after the other.
pub struct Publisher {
    origin: Origin,
    keys: LogKeys,
    /// Owned by the sequencer: the last checkpoint that was signed, by this process or the one before.
    signed: Option<(TreeSize, RootHash)>,
}

impl Publisher {
    /// Starts with the newest checkpoint that was ever signed.
    #[must_use]
    pub fn new(origin: Origin, keys: LogKeys, newest: Option<&Checkpoint>) -> Self {
        let signed = newest.map(|checkpoint| (checkpoint.size(), *checkpoint.root()));
        Self { origin, keys, signed }
    }

    /// Returns what this publisher's signatures are checked with.
    #[must_use]
    pub fn verifiers(&self) -> LogVerifiers {
        self.keys.verifiers()
    }

    /// Signs the checkpoint of a durable tree, by each key that the trust document names for it.
    pub fn sign(
        &mut self,
        size: TreeSize,
        root: RootHash,
        now: Timestamp,
        tree: &Tree,
        leaves: &dyn LeafSource,
        trust: &TrustState,
    ) -> Result<SignedCheckpoint, PublishError> {
        self.check_consistent(size, &root, tree, leaves)?;
        let checkpoint = Checkpoint::new(self.origin.clone(), size, root)?;
        let named = trust.log_keys_at(size);
        let mut signed: Option<SignedCheckpoint> = None;
        let signers = self.keys.signers().filter(|signer| named.contains(&signer.verifier()));
        for signer in signers {
            signed = Some(match signed {
                None => SignedCheckpoint::sign(&checkpoint, signer)?,
                Some(signed) => signed.sign_too(signer)?,
            });
        }
        let not_held = || {
            let named: Vec<String> = named.iter().map(ToString::to_string).collect();
            PublishError::NotHeld { size, expected: named.join(", ") }
        };
        let signed = signed.ok_or_else(not_held)?.cosign(&self.keys.freshness, now)?;
        self.signed = Some((size, root));
        Ok(signed)
    }

    fn check_consistent(
        &self,
        size: TreeSize,
        root: &RootHash,
        tree: &Tree,
        leaves: &dyn LeafSource,
    ) -> Result<(), PublishError> {
        let Some((signed_size, signed_root)) = self.signed else { return Ok(()) };
        if size < signed_size {
            return Err(PublishError::Shrunk { signed: signed_size, size });
        }
        let fork = |computed| PublishError::Fork { size: signed_size, signed: signed_root, computed };
        let computed = match tree.consistency(signed_size, size, root, leaves) {
            Ok((computed, _)) | Err(TreeError::Proof(ProofError::OldRootMismatch { computed, .. })) => {
                computed
            }
            Err(error) => return Err(error.into()),
        };
        if computed == signed_root { Ok(()) } else { Err(fork(computed)) }
    }
}

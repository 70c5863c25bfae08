//! Signing checkpoints: by the log key always, by the freshness key with the time.
//!
//! A checkpoint is signed only after its entries are durable, and only if the tree of the checkpoint signed
//! before is the beginning of the new one. The freshness key cosigns again every minute, so that a client
//! without a memory can tell a quiet log from a frozen one.

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

    /// Signs the checkpoint of a durable tree.
    pub fn sign(
        &mut self,
        size: TreeSize,
        root: RootHash,
        now: Timestamp,
        tree: &Tree,
        leaves: &dyn LeafSource,
    ) -> Result<SignedCheckpoint, PublishError> {
        self.check_consistent(size, &root, tree, leaves)?;
        let checkpoint = Checkpoint::new(self.origin.clone(), size, root)?;
        let signed =
            SignedCheckpoint::sign(&checkpoint, &self.keys.log)?.cosign(&self.keys.freshness, now)?;
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

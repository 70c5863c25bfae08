//! The append-only log of Custody, as pure values and functions.
//!
//! Here are the entry and the hash chain, the Merkle tree of RFC 6962 with its proofs, signed notes,
//! checkpoints, cosignatures, receipts and tiles of C2SP. There is no I/O, no clock, no randomness and no
//! protobuf here, and there never will be: this crate is what an auditor reads, and client and server run
//! the same code.
//!
//! A log of two entries, and the proof that the first one is in it:
//!
//! ```
//! use std::collections::BTreeMap;
//! use custody_log::{Checkpoint, Frontier, InclusionProof, LeafIndex, NodeHash, NoteSigner, Origin, SignedCheckpoint};
//!
//! let origin: Origin = "example.com/log".parse()?;
//! let log = NoteSigner::from_seed(origin.key_name().clone(), [7; 32]);
//! let (mut tree, mut nodes) = (Frontier::empty(), BTreeMap::new());
//! for entry in ["first", "second"] {
//!     tree.append_with(NodeHash::leaf(entry.as_bytes()), |id, hash| { nodes.insert(id, hash); });
//! }
//! let checkpoint = Checkpoint::new(origin.clone(), tree.size(), tree.root())?;
//! let signed = SignedCheckpoint::sign(&checkpoint, &log)?;
//! let proof = InclusionProof::make(LeafIndex::ZERO, tree.size(), &nodes)?;
//! // Whoever trusts the log's key checks both, and needs nothing else.
//! let verified = signed.verify(&origin, &[log.verifier()])?;
//! proof.verify(NodeHash::leaf(b"first"), verified.checkpoint().root())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod checkpoint;
pub mod digest;
pub mod entry;
pub mod note;
pub mod position;
pub mod receipt;
pub mod tile;
pub mod time;
pub mod tree;

pub use checkpoint::{
    Checkpoint, CheckpointError, SignedCheckpoint, VerifiedCheckpoint, VerifiedCosignature,
};
pub use digest::{
    BlobDigest, ContentDigest, DigestError, EntryDigest, EnvelopeDigest, NodeHash, RecordDigest, RootHash,
};
pub use entry::{Entry, EntryError, Measured};
pub use note::{
    Cosigner, KeyAlgorithm, KeyHash, KeyName, KeyNameError, LineError, Note, NoteError, NoteSigner, Origin,
    SecretKeyError, SignatureLine, VerifiedSignature, VerifierKey, VerifierKeyError,
};
pub use position::{LeafIndex, PositionError, TreeSize};
pub use receipt::{Receipt, ReceiptError, VerifiedReceipt};
pub use tile::{BundleError, EntryBundle, HashTile, TileError, TileKind, TilePath, TilePathError, TileSlice};
pub use time::{Timestamp, TimestampError};
pub use tree::{
    ConsistencyProof, Frontier, FrontierError, InclusionProof, MissingNode, NodeId, NodeSource, ProofError,
    ProveError, root_of,
};

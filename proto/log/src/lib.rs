//! The append-only log of Custody, as pure values and functions.
//!
//! Here are the entry and the hash chain, the Merkle tree of RFC 6962 with its proofs, signed notes,
//! checkpoints, cosignatures, receipts and tiles of C2SP. There is no I/O, no clock, no randomness and no
//! protobuf here, and there never will be: this crate is what an auditor reads, and client and server run
//! the same code.

pub mod digest;
pub mod entry;
pub mod position;
pub mod time;

pub use digest::{
    BlobDigest, ContentDigest, DigestError, EntryDigest, EnvelopeDigest, NodeHash, RecordDigest, RootHash,
};
pub use entry::{Entry, EntryError, Measured};
pub use position::{LeafIndex, PositionError, TreeSize};
pub use time::{Timestamp, TimestampError};

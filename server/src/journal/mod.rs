//! The journal: the durable, append-only bytes that everything else is derived from.
//!
//! The bytes are drawn in `docs/format.md`, section "Journal". The contract of every journal, file segments
//! here or an object store later:
//!
//! - **The commit point** is the return of [`Journal::append`]. When it returns `Ok`, every byte of the batch
//!   is on disk, in its final place, and the [`Reader`] shows it. Before that nothing of the batch is
//!   visible.
//! - **A failed append consumes the journal.** [`AppendError::Refused`] gives it back, since nothing was
//!   written. [`AppendError::Unknown`] does not: whether the batch is on disk can only be told by opening
//!   again.
//! - **One writer.** A directory has one open journal at a time (a lock says so); readers are many.
//! - **Nothing is overwritten but what a redaction erases** ([`Journal::erase`]), with zeros, once the entry that says so can no
//!   longer be lost. A frame is written only after the one before it is synced, so only the last
//!   frame can be torn, and only one that no kept checkpoint covers is ever cut.
//! - **What is read was checked.** A reader compares what it reads with the digests in the entry, and answers
//!   [`Damage`] with segment file, byte offset and entry otherwise.
//!
//! All file operations go through [`Files`], so that every one of them can be made to fail.

mod backup;
mod blobs;
mod chain;
mod check;
mod copying;
mod create;
mod damage;
mod directory;
mod erase;
mod erased;
mod fields;
mod files;
mod frame;
mod fsck;
mod layout;
mod lock;
mod manifest;
mod mend;
mod pinpoint;
mod reader;
mod recode;
mod recovery;
mod redactions;
mod repair;
mod restore;
mod restored;
mod scan;
mod segment;
mod slots;
mod tail;
#[cfg(test)]
pub(crate) mod tests;
mod verify;
mod view;
mod writer;

use std::sync::Arc;

use custody_log::{LeafIndex, RootHash, TreeSize};

pub use backup::{BackupError, BackupReport, backup, holds_backup};
pub use chain::ChainError;
pub use create::{CreateError, create};
pub use damage::{Damage, DamageKind};
pub use directory::DirectoryError;
pub use erased::{Erased, FirstUse, KEY_LEN, decode_erased, encode_erased};
pub use files::{DiskFiles, File, Files};
pub use fsck::{FsckError, FsckReport, Progress, UnfinishedTail, fsck};
pub use manifest::ManifestError;
pub use reader::{ReadError, Reader, Stored, StoredUpTo};
pub use recode::{Part, recode};
pub use recovery::{Cut, OpenError, Opened, open, open_restored};
pub use repair::{RepairError, RepairReport, Repaired, is_computed, repair};
pub use restore::{Extended, RestoreError, extend, restore};
pub use restored::Restored;
pub use view::{ReadOnly, View, ViewError, open_read_only};
pub use writer::{AppendError, JournalFault, Refused};

/// The bytes of one entry as they will be stored: the entry, what was checked, and what was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// The encoded [`custody_log::Entry`].
    pub entry: Vec<u8>,
    /// The admission record, whose digest and length the entry holds.
    pub record: Vec<u8>,
    /// The envelope as received, whose digest and length the entry holds.
    pub envelope: Vec<u8>,
    /// What is kept beside the envelope: the attachments that the admission record names, in its order.
    pub attachments: Vec<Vec<u8>>,
    /// Whether record, envelope and attachments were erased where the entry comes from, so that zeros of their lengths stand here.
    pub erased: bool,
}

impl Staged {
    /// Returns how many bytes this adds to a frame, if its envelope is inline up to `inline_max` bytes.
    /// The sum over a batch must stay below [`MAX_BATCH_BYTES`].
    #[must_use]
    pub fn frame_bytes(&self, inline_max: usize) -> usize {
        let inline = if self.envelope.len() <= inline_max { self.envelope.len() } else { 0 };
        let attached = |bytes: &Vec<u8>| frame::ATTACHMENT_LEN.saturating_add(bytes.len());
        let attachments = self.attachments.iter().map(attached).sum::<usize>();
        frame::ROW_LEN + self.entry.len() + self.record.len() + inline + attachments
    }
}

impl Staged {
    /// An entry of which nothing else is left where it comes from: zeros of the same lengths stand in its place.
    fn erased(entry: &custody_log::Entry, bytes: &[u8], parts: &frame::Parts) -> Self {
        let zeros = |length: u64| vec![0; fields::narrow(length)];
        Self {
            entry: bytes.to_vec(),
            record: zeros(entry.record.length),
            envelope: zeros(entry.envelope.length),
            attachments: parts.attachments.iter().map(|length| zeros(u64::from(*length))).collect(),
            erased: true,
        }
    }
}

/// Entries that become durable together, with the tree that they lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// At least one. An administrative entry is alone in its batch.
    pub entries: Vec<Staged>,
    /// Position of the first of them: the journal's size so far.
    pub first: LeafIndex,
    /// Size of the tree after the last of them.
    pub size: TreeSize,
    /// Root of that tree. The journal keeps it and does not compute it; [`fsck`] does.
    pub root: RootHash,
}

/// A checkpoint as the slots keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCheckpoint {
    /// The tree size that the note says.
    pub size: TreeSize,
    /// The root that the note says.
    pub root: RootHash,
    /// The signed note, at most [`MAX_CHECKPOINT_BYTES`].
    pub signed: Vec<u8>,
}

/// The writer of a log's durable bytes; see the module for its contract.
pub trait Journal: Send + std::fmt::Debug + 'static {
    /// Makes a batch durable: the commit point. On success the batch is on disk and readers show it.
    /// A failure consumes the journal, unless it is a refusal made before anything was written.
    fn append(self: Box<Self>, batch: &Batch) -> Result<Box<dyn Journal>, AppendError>;

    /// Writes the newest checkpoint to its slot, without a sync. Call it before an acknowledgement leaves.
    fn keep_checkpoint(&mut self, checkpoint: &KeptCheckpoint) -> Result<(), JournalFault>;

    /// Syncs the checkpoint that was kept last. Call it within a second of [`Journal::keep_checkpoint`].
    fn sync_checkpoint(&mut self) -> Result<(), JournalFault>;

    /// Makes room for small frames to come, if there is little: zeros behind the last frame, synced. A sync of what is written over
    /// them does not have to make a new length durable, which takes twice as long. Call it when nobody waits; without it
    /// nothing is lost but time.
    fn make_room(&mut self) -> Result<(), JournalFault>;

    /// Erases what redactions in the log order and what is not erased yet: it is gone from the disk when this returns. Only redactions
    /// count that the checkpoint covers which was kept last, and it is synced first: an erased entry without the entry that
    /// erased it would be damage. Call it after a redaction was committed and its checkpoint kept, and after every opening.
    fn erase(&mut self) -> Result<(), JournalFault>;

    /// Ends a clean shutdown: seals what is open and syncs everything. The next open has nothing to scan.
    fn seal(self: Box<Self>) -> Result<(), JournalFault>;

    /// How many entries are durable.
    fn size(&self) -> TreeSize;
}

/// How to open or create a journal.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// A segment gets no more frames once the next one would pass this size, in bytes.
    /// At most [`MAX_SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// The longest envelope that is kept inside a frame, in bytes; longer ones become files.
    /// At most [`MAX_INLINE_BYTES`].
    pub inline_bytes: usize,
    /// Appends are refused when less than this would stay free on the disk, in bytes.
    pub reserve_bytes: u64,
    /// How much room is made at a time behind the last frame ([`Journal::make_room`]), in bytes; 0: none.
    pub room_bytes: u64,
    /// The file operations: [`DiskFiles`] but in tests of failing disks.
    pub files: Arc<dyn Files>,
}

impl OpenOptions {
    /// The same within the limits of the format.
    fn bounded(&self) -> Self {
        Self {
            segment_bytes: self.segment_bytes.min(MAX_SEGMENT_BYTES),
            inline_bytes: self.inline_bytes.min(MAX_INLINE_BYTES),
            ..self.clone()
        }
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            inline_bytes: 64 << 10,
            reserve_bytes: 64 << 20,
            room_bytes: ROOM_BYTES,
            files: Arc::new(DiskFiles),
        }
    }
}

/// How much room is made at a time, where nothing else is said: 4 MiB, for some 600 entries of a caller who sends one after the other.
/// To make it takes some ten milliseconds, for which one in 600 of them waits.
const ROOM_BYTES: u64 = 4 << 20;

/// The largest frame, in bytes. One entry always fits: 512 for the entry, 1 MiB for the record, at most
/// 1 MiB for an inline envelope.
pub const MAX_BATCH_BYTES: usize = 64 << 20;

/// The largest segment limit, in bytes. Offsets in a segment are 32 bits: 2 GiB, one frame of 64 MiB and a
/// table stay below 4 GiB.
pub const MAX_SEGMENT_BYTES: u64 = 2 << 30;

/// The largest inline limit, in bytes.
pub const MAX_INLINE_BYTES: usize = 1 << 20;

/// The longest admission record, in bytes.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// The longest signed note that a slot keeps, in bytes.
pub const MAX_CHECKPOINT_BYTES: usize = 64 << 10;

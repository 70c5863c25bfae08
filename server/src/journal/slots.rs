//! The newest checkpoint, in two checksummed slots.
//!
//! ```text
//! 0 8 "CUSTSLOT" | 8 2 version 1 | 10 6 zero | 16 8 sequence | 24 8 size (0: none yet) | 32 32 root
//! 64 32 SHA-256 of entry 0 | 96 4 L | 100 L signed note | 100+L 4 CRC32C of all before
//! ```
//!
//! A write goes to the slot that was not synced last, and only a sync makes the two change roles. So whatever
//! moment the power fails, one slot is whole, and it is as old as the last sync at most.

use std::io;
use std::path::{Path, PathBuf};

use custody_log::{EntryDigest, LeafIndex, RootHash, TreeSize};

use super::damage::DamageKind;
use super::fields::{Fields, narrow, wide};
use super::files::{File, Files, fault};
use super::frame::VERSION;
use super::layout::Layout;
use super::scan::Broken;
use super::writer::JournalFault;
use super::{Damage, KeptCheckpoint, MAX_CHECKPOINT_BYTES};

const MAGIC: [u8; 8] = *b"CUSTSLOT";
const HEAD_LEN: usize = 100;
const LEN_MAX: usize = HEAD_LEN + MAX_CHECKPOINT_BYTES + 4;

/// What one slot says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) sequence: u64,
    pub(super) checkpoint: Option<KeptCheckpoint>,
    /// Digest of entry 0.
    pub(super) log: EntryDigest,
}

impl Slot {
    /// What a new journal has in both slots.
    pub(super) const fn first(log: EntryDigest) -> Self {
        Self { sequence: 0, checkpoint: None, log }
    }

    /// What a journal has in both slots that starts with a checkpoint.
    pub(super) const fn holding(log: EntryDigest, checkpoint: KeptCheckpoint) -> Self {
        Self { sequence: 0, checkpoint: Some(checkpoint), log }
    }

    /// The tree size that must never be lost.
    pub(super) fn size(&self) -> TreeSize {
        self.checkpoint.as_ref().map_or(TreeSize::ZERO, |kept| kept.size)
    }

    /// Encodes the slot; a note above [`MAX_CHECKPOINT_BYTES`] must have been refused before.
    pub(super) fn encode(&self) -> Vec<u8> {
        let (size, root, note) = match &self.checkpoint {
            Some(kept) => (kept.size, kept.root, kept.signed.as_slice()),
            None => (TreeSize::ZERO, RootHash::empty(), [].as_slice()),
        };
        let mut bytes = Vec::with_capacity(HEAD_LEN + note.len() + 4);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend([0; 6]);
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(size.get().to_be_bytes());
        bytes.extend(root.as_bytes());
        bytes.extend(self.log.as_bytes());
        bytes.extend(u32::try_from(note.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(note);
        bytes.extend(crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    /// Decodes what starts with a slot; what follows it means nothing.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DamageKind> {
        let malformed = || DamageKind::start("a checkpoint slot", bytes);
        let mut fields = Fields::new(bytes);
        if fields.array() != Some(MAGIC) {
            return Err(malformed());
        }
        let version = fields.u16().ok_or_else(malformed)?;
        if version > VERSION {
            return Err(DamageKind::Version { what: "the slot", found: version, supported: VERSION });
        }
        let mut rest = || {
            let zero: [u8; 6] = fields.array()?;
            let sequence = fields.u64()?;
            let size = TreeSize::new(fields.u64()?).ok()?;
            let root = RootHash::from_bytes(fields.array()?);
            let log = EntryDigest::from_bytes(fields.array()?);
            let length = narrow(u64::from(fields.u32()?));
            let signed = fields.slice(length)?;
            let kept = KeptCheckpoint { size, root, signed: signed.to_vec() };
            let none = size == TreeSize::ZERO;
            // Nothing is kept under size 0, or there would be two encodings of a slot without a checkpoint.
            if none && (root != RootHash::empty() || !signed.is_empty()) {
                return None;
            }
            let checkpoint = (!none).then_some(kept);
            let crc = fields.u32()?;
            let covered = bytes.get(..HEAD_LEN.checked_add(length)?)?;
            let valid = version == VERSION && zero == [0; 6] && crc == crc32c::crc32c(covered);
            valid.then_some(Self { sequence, checkpoint, log })
        };
        rest().ok_or_else(malformed)
    }
}

/// Both slots as they are on disk; an error in a place says why that slot is not valid.
pub(super) type BothSlots = [Result<Slot, Damage>; 2];

/// Reads both slots; `log` is the digest of entry 0, if it is known. A slot of another log or a newer version
/// is no slot of ours: that is an error.
pub(super) fn read(
    files: &dyn Files,
    layout: &Layout,
    log: Option<EntryDigest>,
) -> Result<BothSlots, Broken> {
    let [first, second] = layout.slots();
    Ok([read_one(files, &first, log)?, read_one(files, &second, log)?])
}

/// Returns the newest valid slot, and damage if there is none: at any moment one of them is whole.
pub(super) fn newest(both: &BothSlots, layout: &Layout) -> Result<Slot, Box<Damage>> {
    let [path, _] = layout.slots();
    let none = Damage { file: path, offset: 0, entry: LeafIndex::ZERO, kind: DamageKind::Slots };
    both.iter().flatten().max_by_key(|slot| slot.sequence).cloned().ok_or_else(|| Box::new(none))
}

fn read_one(
    files: &dyn Files,
    path: &Path,
    log: Option<EntryDigest>,
) -> Result<Result<Slot, Damage>, Broken> {
    let damage = |kind| Damage { file: path.to_owned(), offset: 0, entry: LeafIndex::ZERO, kind };
    let file = match files.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Err(damage(DamageKind::Truncated { expected: wide(HEAD_LEN), found: 0 })));
        }
        Err(error) => return Err(fault("open", path)(error).into()),
    };
    let length = narrow(file.length().map_err(fault("read the length of", path))?).min(LEN_MAX);
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0).map_err(fault("read", path))?;
    match (Slot::decode(&bytes), log) {
        (Ok(slot), Some(log)) if slot.log != log => {
            Err(damage(DamageKind::OtherLog { expected: log, found: slot.log }).into())
        }
        (Ok(slot), _) => Ok(Ok(slot)),
        (Err(kind @ DamageKind::Version { .. }), _) => Err(damage(kind).into()),
        (Err(kind), _) => Ok(Err(damage(kind))),
    }
}

/// The two slots, open for writing.
#[derive(Debug)]
pub(super) struct Slots {
    /// The slot that may be overwritten.
    next: OpenSlot,
    /// The slot that is valid and synced.
    synced: OpenSlot,
    /// Whether `next` was written whole since the last sync.
    dirty: bool,
    newest: Slot,
}

#[derive(Debug)]
struct OpenSlot {
    file: Box<dyn File>,
    path: PathBuf,
}

impl Slots {
    /// Opens the slots and writes the newest content to both, so that a torn one is whole again and what only
    /// the page cache held is on disk.
    ///
    /// A slot that is not valid comes first: there is nothing to lose in it. Of two valid ones the holder of the newest
    /// comes first, since only the other one is known to be on disk: were that one torn while the newest is in the page cache
    /// alone, a power loss would leave neither.
    pub(super) fn open(
        files: &dyn Files,
        layout: &Layout,
        both: &BothSlots,
        newest: Slot,
    ) -> Result<Self, JournalFault> {
        let [a, b] = layout.slots();
        let [in_a, in_b] = both;
        let a_first = match (in_a, in_b) {
            (Err(_), _) => true,
            (Ok(_), Err(_)) => false,
            (Ok(in_a), Ok(_)) => *in_a == newest,
        };
        let (first, second) = if a_first { (a, b) } else { (b, a) };
        let bytes = newest.encode();
        let first = OpenSlot::open(files, first)?;
        first.write(&bytes)?;
        first.sync()?;
        let second = OpenSlot::open(files, second)?;
        second.write(&bytes)?;
        second.sync()?;
        Ok(Self { next: second, synced: first, dirty: false, newest })
    }

    /// Makes both slots of a new journal.
    pub(super) fn create(files: &dyn Files, layout: &Layout, first: &Slot) -> Result<(), JournalFault> {
        for path in layout.slots() {
            let slot = OpenSlot { file: files.create(&path).map_err(fault("create", &path))?, path };
            slot.write(&first.encode())?;
            slot.sync()?;
        }
        Ok(())
    }

    pub(super) fn keep(&mut self, checkpoint: &KeptCheckpoint) -> Result<(), JournalFault> {
        if checkpoint.signed.len() > MAX_CHECKPOINT_BYTES {
            return Err(fault("keep a checkpoint of that length in", &self.next.path)(
                io::ErrorKind::InvalidInput.into(),
            ));
        }
        self.newest.sequence = self.newest.sequence.saturating_add(1);
        self.newest.checkpoint = Some(checkpoint.clone());
        // A write that fails may leave half of it: what is not whole must never change roles with what is.
        self.dirty = false;
        self.next.write(&self.newest.encode())?;
        self.dirty = true;
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<(), JournalFault> {
        if self.dirty {
            self.next.sync()?;
            std::mem::swap(&mut self.next, &mut self.synced);
            self.dirty = false;
        }
        Ok(())
    }

    /// How many entries the checkpoint that was kept last covers.
    pub(super) fn size(&self) -> TreeSize {
        self.newest.size()
    }

    /// Where the next checkpoint goes.
    pub(super) fn path(&self) -> &Path {
        &self.next.path
    }
}

impl OpenSlot {
    fn open(files: &dyn Files, path: PathBuf) -> Result<Self, JournalFault> {
        let file = match files.open_writable(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => files.create(&path),
            result => result,
        };
        Ok(Self { file: file.map_err(fault("open", &path))?, path })
    }

    fn write(&self, bytes: &[u8]) -> Result<(), JournalFault> {
        self.file.write_all_at(bytes, 0).map_err(fault("write", &self.path))
    }

    fn sync(&self) -> Result<(), JournalFault> {
        self.file.sync().map_err(fault("sync", &self.path))
    }
}

//! The journal of file segments.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use custody_evidence::admission::AdmissionRecord;
use custody_evidence::trust::ClockRepair;
use custody_log::{BlobDigest, Entry, EnvelopeDigest, LeafIndex, RecordDigest, RootHash, TreeSize};

use super::chain::Chain;
use super::fields::{narrow, wide};
use super::files::{File, Files, fault, make_whole};
use super::frame::{self, Frame};
use super::layout::Layout;
use super::lock::Lock;
use super::reader::Shared;
use super::scan::SegmentFile;
use super::segment::{self, FOOTER_LEN, Footer, HEADER_LEN, Header, Location, Mark};
use super::slots::Slots;
use super::{
    Batch, DamageKind, Journal, KeptCheckpoint, MAX_BATCH_BYTES, MAX_RECORD_BYTES, OpenOptions, ReadError,
    Staged,
};

/// A file operation that failed, after which the state of the disk is unknown.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {source}", path.display())]
pub struct JournalFault {
    /// What was tried.
    pub doing: &'static str,
    /// On what.
    pub path: PathBuf,
    /// The system's answer.
    pub source: io::Error,
}

impl JournalFault {
    /// Whether there is no such file.
    pub(super) fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// Why a batch was not written. Nothing was written, and the journal goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The disk is nearly full.
    #[error("{available} bytes are free on the disk, {needed} are needed and {reserve} are kept in reserve")]
    DiskFull {
        /// Free bytes.
        available: u64,
        /// Bytes that the batch needs.
        needed: u64,
        /// Bytes that stay free.
        reserve: u64,
    },
    /// No entries.
    #[error("a batch has at least one entry")]
    Empty,
    /// More than one frame can hold.
    #[error("the batch needs a frame of {bytes} bytes, at most {max} fit")]
    TooLarge {
        /// Bytes of the frame.
        bytes: usize,
        /// [`super::MAX_BATCH_BYTES`].
        max: usize,
    },
    /// An admission record that is too long.
    #[error("the admission record of entry {index} has {bytes} bytes, at most {max} are kept")]
    RecordTooLarge {
        /// Its entry.
        index: LeafIndex,
        /// Its length.
        bytes: usize,
        /// [`super::MAX_RECORD_BYTES`].
        max: usize,
    },
    /// First index and size do not fit the entries and the journal.
    #[error("a batch of {entries} from {first} to size {size} does not follow size {expected}")]
    Position {
        /// Entries in the batch.
        entries: usize,
        /// Its first index.
        first: LeafIndex,
        /// Its resulting size.
        size: TreeSize,
        /// The journal's size.
        expected: TreeSize,
    },
    /// An entry that does not follow the log, or does not fit its record or envelope: a fault of the caller.
    #[error("entry {index} is not fit to be stored: {kind}")]
    Entry {
        /// Position of the entry.
        index: LeafIndex,
        /// What does not fit.
        kind: DamageKind,
    },
}

/// Why an append did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was written.
    #[error("{why}")]
    Refused {
        /// The journal, which goes on as before.
        journal: Box<dyn Journal>,
        /// Why.
        why: Refused,
    },
    /// The outcome is unknown: drop everything in memory and open again.
    #[error("the outcome of the append is unknown: {0}")]
    Unknown(#[source] JournalFault),
}

/// The journal of file segments. Holding one means: everything before is synced, and the last write
/// succeeded.
#[derive(Debug)]
pub(super) struct SegmentJournal {
    pub(super) tail: Tail,
    pub(super) chain: Chain,
    pub(super) root: RootHash,
    pub(super) slots: Slots,
    pub(super) shared: Arc<Shared>,
    pub(super) layout: Layout,
    pub(super) options: OpenOptions,
    /// The redactions whose erasure has ended.
    pub(super) erased: BTreeSet<LeafIndex>,
    /// Held until the journal is dropped.
    pub(super) _lock: Lock,
}

/// The open segment.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) segment: Arc<SegmentFile>,
    /// Where the next frame goes: all before it is synced.
    pub(super) len: u64,
    /// Where the file ends at the latest: behind `len` is nothing but zeros.
    pub(super) end: u64,
}

/// More room is made when less than this part of it is left: of 4 MiB that is 64 KiB, the longest inline envelope.
const ROOM_LEFT: u64 = 64;

impl Tail {
    /// The end of a segment that holds nothing behind its last frame.
    pub(super) const fn without_room(segment: Arc<SegmentFile>, len: u64) -> Self {
        Self { segment, len, end: len }
    }
}

impl Journal for SegmentJournal {
    fn append(mut self: Box<Self>, batch: &Batch) -> Result<Box<dyn Journal>, AppendError> {
        let chain = match self.admit(batch) {
            Ok(chain) => chain,
            Err(why) => return Err(AppendError::Refused { journal: self, why }),
        };
        self.commit(batch, chain).map_err(AppendError::Unknown)?;
        Ok(self)
    }

    fn keep_checkpoint(&mut self, checkpoint: &KeptCheckpoint) -> Result<(), JournalFault> {
        if checkpoint.size > self.size() {
            // A checkpoint of entries that are not durable would make the next open refuse the log.
            let doing = "keep a checkpoint beyond the log in";
            return Err(fault(doing, self.slots.path())(io::ErrorKind::InvalidInput.into()));
        }
        self.slots.keep(checkpoint)
    }

    fn sync_checkpoint(&mut self) -> Result<(), JournalFault> {
        self.slots.sync()
    }

    fn make_room(&mut self) -> Result<(), JournalFault> {
        let Tail { segment, len, end } = &mut self.tail;
        let room = self.options.room_bytes;
        // No frame goes beyond a full segment, unless it is alone in it.
        let new_end = len.saturating_add(room).min(self.options.segment_bytes);
        let needed = new_end.saturating_sub(*end);
        if end.saturating_sub(*len) > room / ROOM_LEFT || needed == 0 {
            return Ok(());
        }
        let available = self.options.files.available(&self.layout.dir).unwrap_or(u64::MAX);
        if available < self.options.reserve_bytes.saturating_add(needed) {
            return Ok(());
        }
        let written = segment.file.write_all_at(&vec![0; narrow(needed)], *end);
        // Also where it failed: some of it may be there, and it is not tried again at once. Frames do without room.
        *end = new_end;
        match written {
            Ok(()) => segment.file.sync().map_err(fault("sync", &segment.path)),
            Err(_) => Ok(()),
        }
    }

    fn erase(&mut self) -> Result<(), JournalFault> {
        let redactions = self.shared.redactions().entries();
        let mut due: Vec<LeafIndex> = redactions.into_iter().filter(|by| !self.erased.contains(by)).collect();
        if due.is_empty() {
            return Ok(());
        }
        // What is erased must be told from damage after a power loss, too.
        self.slots.sync()?;
        let covered = self.slots.size();
        due.retain(|by| covered.contains(*by));
        for by in due {
            for entry in self.shared.erased_by(by).map_err(ReadError::into_fault)? {
                self.shared.erase(entry.index, by).map_err(ReadError::into_fault)?;
            }
            self.erased.insert(by);
        }
        Ok(())
    }

    fn seal(mut self: Box<Self>) -> Result<(), JournalFault> {
        self.slots.sync()?;
        self.roll()
    }

    fn size(&self) -> TreeSize {
        self.shared.size()
    }
}

impl SegmentJournal {
    /// Checks all that can be checked before anything is written, and returns where the chain stands after
    /// the batch.
    fn admit(&self, batch: &Batch) -> Result<Chain, Refused> {
        let expected = self.size();
        let position = Refused::Position {
            entries: batch.entries.len(),
            first: batch.first,
            size: batch.size,
            expected,
        };
        if batch.entries.is_empty() {
            return Err(Refused::Empty);
        }
        if batch.first != expected.next_index()
            || batch.first.get().checked_add(wide(batch.entries.len())) != Some(batch.size.get())
        {
            return Err(position);
        }
        let bytes = frame_len(&batch.entries, self.options.inline_bytes);
        if bytes > MAX_BATCH_BYTES {
            return Err(Refused::TooLarge { bytes, max: MAX_BATCH_BYTES });
        }
        let mut chain = self.chain.clone();
        for staged in &batch.entries {
            check_staged(staged, &mut chain, batch.entries.len())?;
        }
        self.check_disk(batch, bytes)?;
        Ok(chain)
    }

    /// Refuses while there is still room, so that the store itself never meets a full disk.
    fn check_disk(&self, batch: &Batch, frame_bytes: usize) -> Result<(), Refused> {
        let inline_max = self.options.inline_bytes;
        let files: usize = batch
            .entries
            .iter()
            .map(|staged| staged.envelope.len())
            .filter(|length| *length > inline_max)
            .sum();
        // A table row for each entry, and what else may be written when the segment is sealed and the next
        // one made.
        let rows = batch.entries.len() * segment::TABLE_ROW_LEN + FOOTER_LEN + HEADER_LEN;
        let (needed, reserve) = (wide(files + frame_bytes + rows), self.options.reserve_bytes);
        // If the disk does not say how full it is, its own answer to the write has to do.
        let available = self.options.files.available(&self.layout.dir).unwrap_or(u64::MAX);
        if available < reserve.saturating_add(needed) {
            return Err(Refused::DiskFull { available, needed, reserve });
        }
        Ok(())
    }

    /// Writes a batch that was admitted. An error leaves the outcome unknown.
    fn commit(&mut self, batch: &Batch, chain: Chain) -> Result<(), JournalFault> {
        let files = Arc::clone(&self.options.files);
        let inline_max = self.options.inline_bytes;
        for staged in
            batch.entries.iter().filter(|staged| staged.envelope.len() > inline_max && !staged.erased)
        {
            let digest = EnvelopeDigest::of(&staged.envelope);
            super::blobs::store(files.as_ref(), &self.layout, &digest, &staged.envelope)?;
        }
        let length = wide(frame_len(&batch.entries, inline_max));
        let empty = self.tail.len == wide(HEADER_LEN);
        if !empty && self.tail.len + length > self.options.segment_bytes {
            self.roll()?;
        }
        let path = &self.tail.segment.path;
        let unfit = || fault("lay out a frame for", path)(io::ErrorKind::InvalidInput.into());
        let frame = frame::encode(batch, self.tail.segment.mark(), inline_max).ok_or_else(unfit)?;
        let locations = locations(&frame, self.tail.len).ok_or_else(unfit)?;
        self.tail.segment.file.write_all_at(&frame.bytes, self.tail.len).map_err(fault("write", path))?;
        // The commit point: when this returns, the batch is on disk; if it fails, nobody knows.
        self.tail.segment.file.sync().map_err(fault("sync", path))?;
        self.tail.len += wide(frame.bytes.len());
        self.tail.end = self.tail.end.max(self.tail.len);
        self.chain = chain;
        self.root = batch.root;
        if let [alone] = batch.entries.as_slice()
            && let Some(index) = Entry::decode(&alone.entry).ok().filter(|entry| entry.administrative)
        {
            self.shared.learn(index.index, &alone.envelope);
        }
        self.shared.publish(locations.into_iter(), batch.size);
        Ok(())
    }

    /// Seals the open segment and makes the next one; nothing if it has no frames. The next segment exists
    /// only when the seal is synced: that is how an open knows.
    fn roll(&mut self) -> Result<(), JournalFault> {
        if self.tail.len == wide(HEADER_LEN) {
            return Ok(());
        }
        let segment = &self.tail.segment;
        if self.tail.end > self.tail.len {
            // Before the seal, which ends the file.
            segment.file.cut(self.tail.len).map_err(fault("cut", &segment.path))?;
        }
        let mark = segment.mark();
        let mut bytes = self.shared.open_locations(|locations| segment::encode_table(mark, locations));
        let size = self.shared.size();
        let count = size.get().saturating_sub(segment.header.first.get());
        let footer = Footer {
            first: segment.header.first,
            size,
            root: self.root,
            table: self.tail.len,
            count: u32::try_from(count).unwrap_or(u32::MAX),
            table_crc: crc32c::crc32c(&bytes),
        };
        bytes.extend(footer.encode(mark));
        segment.file.write_all_at(&bytes, self.tail.len).map_err(fault("write", &segment.path))?;
        segment.file.sync().map_err(fault("sync", &segment.path))?;
        let header =
            Header { first: size.next_index(), mark: fresh_mark(&self.layout)?, log: segment.header.log };
        let next = Arc::new(create_segment(self.options.files.as_ref(), &self.layout, header)?);
        self.shared.roll(footer, Arc::clone(&next));
        self.tail = Tail::without_room(Arc::clone(&next), next.len);
        Ok(())
    }
}

/// Checks that an entry follows the chain, and fits its record and envelope.
pub(super) fn check_staged(staged: &Staged, chain: &mut Chain, batch: usize) -> Result<(), Refused> {
    let index = chain.next();
    if staged.record.len() > MAX_RECORD_BYTES {
        return Err(Refused::RecordTooLarge { index, bytes: staged.record.len(), max: MAX_RECORD_BYTES });
    }
    let refused = |kind| Refused::Entry { index, kind };
    let entry = Entry::decode(&staged.entry).map_err(DamageKind::Entry).map_err(refused)?;
    let repair = || ClockRepair::in_envelope(&staged.envelope).is_some_and(|repair| repair.lets(&entry));
    let repairs = chain.needs_repair(&entry) && repair();
    chain.follow(&entry, &staged.entry, batch, repairs).map_err(refused)?;
    if !staged.erased {
        check_kept(staged, &entry).map_err(refused)?;
    }
    let lengths = [
        ("the length of the record", entry.record.length, wide(staged.record.len())),
        ("the length of the envelope", entry.envelope.length, wide(staged.envelope.len())),
    ];
    for (what, expected, found) in lengths {
        if expected != found {
            return Err(refused(DamageKind::Number { what, expected, found }));
        }
    }
    Ok(())
}

/// Checks that record, envelope and attachments are those that the entry commits to.
fn check_kept(staged: &Staged, entry: &Entry) -> Result<(), DamageKind> {
    let (expected, found) = (entry.record.digest, RecordDigest::of(&staged.record));
    if expected != found {
        return Err(DamageKind::Record { expected, found });
    }
    let (expected, found) = (entry.envelope.digest, EnvelopeDigest::of(&staged.envelope));
    if expected != found {
        return Err(DamageKind::Envelope { expected, found });
    }
    if staged.attachments.is_empty() {
        return Ok(());
    }
    let named = AdmissionRecord::decode(&staged.record).map(|record| record.attachments).unwrap_or_default();
    if named.len() != staged.attachments.len() {
        let (expected, found) = (wide(named.len()), wide(staged.attachments.len()));
        return Err(DamageKind::Number { what: "the number of attachments", expected, found });
    }
    for (named, bytes) in named.iter().zip(&staged.attachments) {
        let (expected, found) = (named.digest, BlobDigest::of(bytes));
        if expected != found {
            return Err(DamageKind::Attachment { expected, found });
        }
    }
    Ok(())
}

/// Makes a segment that holds its header alone. When this returns, file and name are on disk.
pub(super) fn create_segment(
    files: &dyn Files,
    layout: &Layout,
    header: Header,
) -> Result<SegmentFile, JournalFault> {
    let path = layout.segment(header.first);
    let bytes = header.encode();
    let write = |file: &dyn File| file.write_all_at(&bytes, 0).map_err(fault("write", &path));
    let file = Arc::from(make_whole(files, &path, write)?);
    Ok(SegmentFile { path, file, len: wide(bytes.len()), header })
}

/// Draws the mark of a new segment.
pub(super) fn fresh_mark(layout: &Layout) -> Result<Mark, JournalFault> {
    let mut mark = [0; 8];
    getrandom::fill(&mut mark).map_err(|error| {
        fault("draw random bytes for", layout.root())(io::Error::other(error.to_string()))
    })?;
    Ok(Mark(mark))
}

/// Length of the frame that would hold these entries, in bytes.
fn frame_len(entries: &[Staged], inline_max: usize) -> usize {
    frame::HEAD_LEN + entries.iter().map(|staged| staged.frame_bytes(inline_max)).sum::<usize>()
}

/// Where the entries of a frame are, once it is written at this offset.
fn locations(frame: &Frame, offset: u64) -> Option<Vec<Location>> {
    frame.parts.iter().map(|parts| Location::of(parts, offset)).collect()
}

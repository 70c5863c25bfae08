//! Reading the frames of one segment file, believing nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use custody_evidence::admission::AdmissionRecord;
use custody_evidence::trust::ClockRepair;
use custody_log::{BlobDigest, Entry, EntryDigest, EnvelopeDigest, LeafIndex, RecordDigest};

use super::damage::{Damage, DamageKind};
use super::fields::{narrow, wide};
use super::files::{File, Files, fault};
use super::frame::{self, Head, Parts};
use super::layout::Layout;
use super::redactions::Redactions;
use super::segment::{self, FOOTER_LEN, Footer, HEADER_LEN, Header, Location, Mark};
use super::writer::JournalFault;

/// How much is searched at a time.
const CHUNK: u64 = 1 << 20;

/// Why a part cannot be had: it is not what was written, or the disk failed.
#[derive(Debug)]
pub(super) enum Broken {
    Damage(Box<Damage>),
    Fault(JournalFault),
}

impl From<Damage> for Broken {
    fn from(damage: Damage) -> Self {
        Self::Damage(Box::new(damage))
    }
}

impl From<Box<Damage>> for Broken {
    fn from(damage: Box<Damage>) -> Self {
        Self::Damage(damage)
    }
}

impl From<JournalFault> for Broken {
    fn from(fault: JournalFault) -> Self {
        Self::Fault(fault)
    }
}

/// An open segment file whose header is valid and fits its name.
#[derive(Debug, Clone)]
pub(super) struct SegmentFile {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    /// Length in bytes when it was opened.
    pub(super) len: u64,
    pub(super) header: Header,
}

/// One frame whose checksum holds.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) offset: u64,
    pub(super) head: Head,
    pub(super) parts: Vec<Parts>,
    index: Vec<u8>,
}

impl Scanned {
    /// Where the frame ends.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.head.frame_len()
    }

    /// The entries with their parts, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Parts, &[u8])> {
        entries(&self.parts, &self.index)
    }

    /// Where the entries are in the file.
    pub(super) fn locations(&self) -> impl Iterator<Item = Location> {
        self.parts.iter().filter_map(|parts| Location::of(parts, self.offset))
    }
}

/// Pairs parts with the bytes of their entries, which lie in the index behind the header.
fn entries<'a>(parts: &'a [Parts], index: &'a [u8]) -> impl Iterator<Item = (&'a Parts, &'a [u8])> {
    parts.iter().filter_map(|parts| {
        let start = narrow(parts.entry).checked_sub(frame::HEAD_LEN)?;
        let bytes = index.get(start..start.checked_add(usize::from(parts.entry_len))?)?;
        Some((parts, bytes))
    })
}

impl SegmentFile {
    /// Opens a segment and reads its header. `log` is the digest of entry 0, if it is known already.
    pub(super) fn open(
        files: &dyn Files,
        layout: &Layout,
        first: LeafIndex,
        log: Option<EntryDigest>,
    ) -> Result<Self, Broken> {
        Self::open_at(files, &layout.segment(first), first, log)
    }

    /// Opens a segment whose file has another name.
    pub(super) fn open_at(
        files: &dyn Files,
        path: &Path,
        first: LeafIndex,
        log: Option<EntryDigest>,
    ) -> Result<Self, Broken> {
        let path = path.to_owned();
        let file: Arc<dyn File> = Arc::from(files.open(&path).map_err(fault("open", &path))?);
        let len = file.length().map_err(fault("read the length of", &path))?;
        let damage = |kind| Damage { file: path.clone(), offset: 0, entry: first, kind };
        if len < wide(HEADER_LEN) {
            return Err(damage(DamageKind::Truncated { expected: wide(HEADER_LEN), found: len }).into());
        }
        let mut bytes = [0; HEADER_LEN];
        file.read_exact_at(&mut bytes, 0).map_err(fault("read", &path))?;
        let header = Header::decode(&bytes).map_err(damage)?;
        if header.first != first {
            let (expected, found) = (first.get(), header.first.get());
            return Err(damage(DamageKind::Number { what: "the first index", expected, found }).into());
        }
        match log {
            Some(log) if log != header.log => {
                Err(damage(DamageKind::OtherLog { expected: log, found: header.log }).into())
            }
            Some(_) | None => Ok(Self { path, file, len, header }),
        }
    }

    /// Opens a segment whose header may be damaged: its mark is then taken from what follows. None if there is no
    /// file, or nothing in it says a mark.
    pub(super) fn open_anyhow(
        files: &dyn Files,
        layout: &Layout,
        first: LeafIndex,
        log: EntryDigest,
    ) -> Result<Option<Self>, JournalFault> {
        let path = layout.segment(first);
        let file: Arc<dyn File> = match files.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => Arc::from(result.map_err(fault("open", &path))?),
        };
        let len = file.length().map_err(fault("read the length of", &path))?;
        match Self::open_at(files, &path, first, Some(log)) {
            Ok(file) => return Ok(Some(file)),
            Err(Broken::Damage(_)) => {}
            Err(Broken::Fault(fault)) => return Err(fault),
        }
        // Every part carries the mark behind its first eight bytes: the first frame, and the footer.
        for offset in [wide(HEADER_LEN), len.saturating_sub(wide(FOOTER_LEN))] {
            let mut start = [0; 16];
            if len < offset.saturating_add(16) {
                continue;
            }
            file.read_exact_at(&mut start, offset).map_err(fault("read", &path))?;
            let [_, _, _, _, _, _, _, _, mark @ ..] = start;
            let header = Header { first, mark: Mark(mark), log };
            let found = Self { path: path.clone(), file: Arc::clone(&file), len, header };
            let frame = found.frame(wide(HEADER_LEN), len, first).is_ok();
            if frame || found.footer().is_ok() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Whether the file holds exactly these bytes.
    pub(super) fn holds(&self, bytes: &[u8]) -> Result<bool, JournalFault> {
        if self.len != wide(bytes.len()) {
            return Ok(false);
        }
        let mut found = vec![0; bytes.len()];
        self.file.read_exact_at(&mut found, 0).map_err(fault("read", &self.path))?;
        Ok(found == bytes)
    }

    pub(super) fn mark(&self) -> Mark {
        self.header.mark
    }

    pub(super) fn damage(&self, offset: u64, entry: LeafIndex, kind: DamageKind) -> Damage {
        Damage { file: self.path.clone(), offset, entry, kind }
    }

    /// Reads bytes that other bytes promise; `entry` is what they belong to.
    pub(super) fn read(&self, offset: u64, length: u64, entry: LeafIndex) -> Result<Vec<u8>, Broken> {
        let end = offset.saturating_add(length);
        let found = self.file.length().map_err(fault("read the length of", &self.path))?;
        if end > found {
            let kind = DamageKind::Truncated { expected: length, found: found.saturating_sub(offset) };
            return Err(self.damage(offset, entry, kind).into());
        }
        let mut bytes = vec![0; narrow(length)];
        self.file.read_exact_at(&mut bytes, offset).map_err(fault("read", &self.path))?;
        Ok(bytes)
    }

    /// Returns the footer of a sealed segment.
    pub(super) fn footer(&self) -> Result<Footer, Broken> {
        let offset = self.len.saturating_sub(wide(FOOTER_LEN));
        let not_sealed = || self.damage(offset, self.header.first, DamageKind::NotSealed);
        if self.len < wide(HEADER_LEN + FOOTER_LEN) {
            return Err(not_sealed().into());
        }
        let mut bytes = [0; FOOTER_LEN];
        if !self.reads(&mut bytes, offset)? {
            return Err(not_sealed().into());
        }
        Footer::decode(&bytes, &self.header, self.len)
            .map_err(
                |kind| if matches!(kind, DamageKind::Start { .. }) { DamageKind::NotSealed } else { kind },
            )
            .map_err(|kind| self.damage(offset, self.header.first, kind).into())
    }

    /// Returns all locations of a sealed segment, against the table's checksum.
    pub(super) fn table(&self, footer: &Footer) -> Result<Vec<Location>, Broken> {
        let bytes = self.read(footer.table, footer.table_len(), footer.first)?;
        segment::decode_table(&bytes, self.mark(), footer)
            .map_err(|kind| self.damage(footer.table, footer.first, kind).into())
    }

    /// Returns one row of the table of a sealed segment. The table's checksum is not asked: what the row
    /// leads to proves itself.
    pub(super) fn location(&self, footer: &Footer, index: LeafIndex) -> Result<Location, Broken> {
        let offset = footer.row_offset(index);
        let mut row = [0; segment::TABLE_ROW_LEN];
        self.file.read_exact_at(&mut row, offset).map_err(fault("read", &self.path))?;
        Location::decode(&row).ok_or_else(|| {
            self.damage(offset, index, DamageKind::start("a row of the offset table", &row)).into()
        })
    }

    /// Returns the exact bytes of the entry at a location, and what they say; its index is `index`.
    pub(super) fn entry(&self, location: &Location, index: LeafIndex) -> Result<(Vec<u8>, Entry), Broken> {
        let offset = u64::from(location.entry);
        let length = usize::from(location.entry_len).min(Entry::MAX_LEN + 1);
        let bytes = self.read(offset, wide(length), index)?;
        let entry =
            Entry::decode(&bytes).map_err(|error| self.damage(offset, index, DamageKind::Entry(error)))?;
        if entry.index == index {
            Ok((bytes, entry))
        } else {
            let (expected, found) = (index.get(), entry.index.get());
            let kind = DamageKind::Number { what: "the entry's index", expected, found };
            Err(self.damage(offset, index, kind).into())
        }
    }

    /// Reads the frame at an offset, whose first entry should be `next`; frames end at `end` at the latest.
    /// The checksum of what is returned holds.
    pub(super) fn frame(&self, offset: u64, end: u64, next: LeafIndex) -> Result<Scanned, Broken> {
        let (head_bytes, head, index) = self.unchecked_frame(offset, end, next)?;
        let parts = frame::decode_index(&head, &head_bytes, &index)
            .map_err(|kind| self.damage(offset, next, kind))?;
        Ok(Scanned { offset, head, parts, index })
    }

    /// Reads a frame whose checksum does not hold, as far as its lengths fit each other: to find out which
    /// part is broken.
    pub(super) fn frame_despite_checksum(
        &self,
        offset: u64,
        end: u64,
        next: LeafIndex,
    ) -> Result<Scanned, Broken> {
        let (_, head, index) = self.unchecked_frame(offset, end, next)?;
        let parts = frame::decode_lengths(&head, &index).map_err(|kind| self.damage(offset, next, kind))?;
        Ok(Scanned { offset, head, parts, index })
    }

    /// Reads the header of the frame at an offset, which holds the rest too. Its checksum is not asked.
    pub(super) fn head(&self, offset: u64, end: u64) -> Result<Head, Broken> {
        self.unchecked_head(offset, end, self.header.first).map(|(_, head)| head)
    }

    fn unchecked_frame(
        &self,
        offset: u64,
        end: u64,
        next: LeafIndex,
    ) -> Result<([u8; frame::HEAD_LEN], Head, Vec<u8>), Broken> {
        let (head_bytes, head) = self.unchecked_head(offset, end, next)?;
        let index = self.read(offset + wide(frame::HEAD_LEN), head.index_len(), next)?;
        Ok((head_bytes, head, index))
    }

    fn unchecked_head(
        &self,
        offset: u64,
        end: u64,
        next: LeafIndex,
    ) -> Result<([u8; frame::HEAD_LEN], Head), Broken> {
        let left = end.saturating_sub(offset);
        let truncated = |expected| {
            Broken::from(self.damage(offset, next, DamageKind::Truncated { expected, found: left }))
        };
        if left < wide(frame::HEAD_LEN) {
            return Err(truncated(wide(frame::HEAD_LEN)));
        }
        let mut head_bytes = [0; frame::HEAD_LEN];
        if !self.reads(&mut head_bytes, offset)? {
            return Err(truncated(wide(frame::HEAD_LEN)));
        }
        let head = Head::decode(&head_bytes, self.mark()).map_err(|kind| self.damage(offset, next, kind))?;
        if head.frame_len() > left {
            return Err(truncated(head.frame_len()));
        }
        Ok((head_bytes, head))
    }

    /// Returns the offset of the next valid frame, or of an offset table, that starts at `from` or behind.
    pub(super) fn find(&self, from: u64, end: u64) -> Result<Option<u64>, JournalFault> {
        let (frame, table) = (frame::prefix(self.mark()), segment::table_start(self.mark()));
        let mut start = from;
        while start.saturating_add(16) <= end {
            let length = CHUNK.min(end - start);
            let mut chunk = vec![0; narrow(length)];
            match self.file.read_exact_at(&mut chunk, start) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                result => result.map_err(fault("read", &self.path))?,
            }
            for (at, window) in chunk.windows(16).enumerate() {
                let offset = start + wide(at);
                if window == table {
                    return Ok(Some(offset));
                }
                if window == frame {
                    match self.frame(offset, end, LeafIndex::ZERO) {
                        Ok(_) => return Ok(Some(offset)),
                        Err(Broken::Damage(_)) => {}
                        Err(Broken::Fault(fault)) => return Err(fault),
                    }
                }
            }
            // The last 15 bytes are looked at again, as the start of something that began in this chunk.
            start += length.saturating_sub(15).max(1);
        }
        Ok(None)
    }

    /// Whether the frames end here: an offset table starts, or there is nothing but zeros up to `end`, which is room that was made
    /// for frames to come.
    pub(super) fn ends_at(&self, offset: u64, end: u64) -> Result<bool, JournalFault> {
        let mut bytes = [0; segment::TABLE_START_LEN];
        if end.saturating_sub(offset) < wide(bytes.len()) {
            return self.is_room(offset, end);
        }
        if !self.reads(&mut bytes, offset)? {
            return Ok(true);
        }
        Ok(bytes == segment::table_start(self.mark()) || (bytes == [0; _] && self.is_room(offset, end)?))
    }

    /// Whether there are zeros from `offset` to `end`, one at least.
    fn is_room(&self, offset: u64, end: u64) -> Result<bool, JournalFault> {
        let mut start = offset;
        while start < end {
            let mut chunk = vec![0; narrow(CHUNK.min(end - start))];
            if !self.reads(&mut chunk, start)? {
                break;
            }
            if chunk.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            start += wide(chunk.len());
        }
        Ok(offset < end)
    }

    /// Fills the buffer; returns false where the file does not get there any more. A server that works cuts the room off that was there
    /// when the file was opened.
    fn reads(&self, buffer: &mut [u8], offset: u64) -> Result<bool, JournalFault> {
        match self.file.read_exact_at(buffer, offset) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(fault("read", &self.path)(error)),
        }
    }

    /// Whether an administrative entry repairs the clock, by its envelope at this offset. Nothing is known of one in a file: what has
    /// 64 KiB is hardly a repair, and replaying the trust tells.
    pub(super) fn repairs_clock(&self, envelope: Option<u64>, entry: &Entry) -> Result<bool, Broken> {
        let Some(offset) = envelope else { return Ok(true) };
        let envelope = self.inline_envelope(offset, entry)?;
        Ok(ClockRepair::in_envelope(&envelope).is_some_and(|repair| repair.lets(entry)))
    }

    /// Checks record, inline envelope and attachments of an entry in a frame at `frame`, and that the lengths of the frame
    /// are those of the entry. Of what a redaction erases, or is about to, nothing but the lengths is checked.
    pub(super) fn check_blobs(
        &self,
        frame: u64,
        parts: &Parts,
        entry: &Entry,
        redactions: &Redactions,
    ) -> Result<(), Broken> {
        let lengths = [
            ("the length of the record", entry.record.length, u64::from(parts.record_len)),
            ("the length of the envelope", entry.envelope.length, parts.envelope_len),
        ];
        for (what, expected, found) in lengths {
            if expected != found {
                let kind = DamageKind::Number { what, expected, found };
                return Err(self.damage(frame, entry.index, kind).into());
            }
        }
        if redactions.of(entry).is_some() {
            return Ok(());
        }
        let record = self.record(frame + parts.record, entry)?;
        if let Some(envelope) = parts.envelope {
            self.inline_envelope(frame + envelope, entry)?;
        }
        if parts.attachments.is_empty() {
            Ok(())
        } else {
            self.attachments(frame, parts, entry, &record).map(drop)
        }
    }

    /// Returns the attachments of an entry in a frame at `frame`; they are those that its admission record names.
    pub(super) fn attachments(
        &self,
        frame: u64,
        parts: &Parts,
        entry: &Entry,
        record: &[u8],
    ) -> Result<Vec<Vec<u8>>, Broken> {
        let mut offset = frame + parts.attached();
        let damage = |offset, kind| Broken::from(self.damage(offset, entry.index, kind));
        // A record that is the entry's own and cannot be read names none.
        let named = AdmissionRecord::decode(record).map(|record| record.attachments).unwrap_or_default();
        if named.len() != parts.attachments.len() {
            let (expected, found) = (wide(named.len()), wide(parts.attachments.len()));
            return Err(damage(
                offset,
                DamageKind::Number { what: "the number of attachments", expected, found },
            ));
        }
        let mut attachments = Vec::new();
        for (named, length) in named.iter().zip(&parts.attachments) {
            let bytes = self.read(offset, u64::from(*length), entry.index)?;
            let (expected, found) = (named.digest, BlobDigest::of(&bytes));
            if expected != found {
                return Err(damage(offset, DamageKind::Attachment { expected, found }));
            }
            offset += wide(bytes.len());
            attachments.push(bytes);
        }
        Ok(attachments)
    }

    /// Returns the admission record at an offset; it is the one that the entry names.
    pub(super) fn record(&self, offset: u64, entry: &Entry) -> Result<Vec<u8>, Broken> {
        let bytes = self.read(offset, entry.record.length, entry.index)?;
        let (expected, found) = (entry.record.digest, RecordDigest::of(&bytes));
        if expected == found {
            Ok(bytes)
        } else {
            Err(self.damage(offset, entry.index, DamageKind::Record { expected, found }).into())
        }
    }

    /// Returns the envelope at an offset; it is the one that the entry names.
    pub(super) fn inline_envelope(&self, offset: u64, entry: &Entry) -> Result<Vec<u8>, Broken> {
        let bytes = self.read(offset, entry.envelope.length, entry.index)?;
        let (expected, found) = (entry.envelope.digest, EnvelopeDigest::of(&bytes));
        if expected == found {
            Ok(bytes)
        } else {
            Err(self.damage(offset, entry.index, DamageKind::Envelope { expected, found }).into())
        }
    }
}

//! One batch as bytes: header, lengths, entries, blobs.
//!
//! ```text
//! 0   4  "CFRM"            16  8  index of the first entry    64  4  N entries
//! 4   2  version 1         24  8  tree size after             68  4  E length of all entries
//! 6   2  zero              32 32  root at that size           72  8  B length of all blobs in the frame
//! 8   8  mark of the segment                                  80  4  CRC32C of 0..80, lengths, entries
//! 84        16 N  lengths: 2 entry | 1 envelope's place | 1 number of attachments | 4 record | 8 envelope
//! 84+16N       E  for each attachment its length in 4 bytes; then the entries
//! 84+16N+E     B  for each entry: admission record, envelope if inline, attachments
//! ```
//!
//! Decoding never believes a length: the caller compares [`Head::frame_len`] with what the file holds before
//! it reads further, and [`decode_index`] compares the lengths with each other.

use custody_log::{Entry, LeafIndex, RootHash, TreeSize};

use super::damage::{DamageKind, start};
use super::fields::{Fields, narrow, wide};
use super::segment::Mark;
use super::{Batch, MAX_BATCH_BYTES, MAX_RECORD_BYTES};

pub(super) const HEAD_LEN: usize = 84;
pub(super) const ROW_LEN: usize = 16;
/// What the length of an attachment takes.
pub(super) const ATTACHMENT_LEN: usize = 4;
/// The most attachments of one entry. A redaction has one.
pub(super) const MAX_ATTACHMENTS: usize = 16;
/// The version of frames, of segments and of all that is in them.
pub(super) const VERSION: u16 = 1;

const MAGIC: [u8; 4] = *b"CFRM";
const CRC_AT: usize = 80;

/// The first bytes of every frame of a segment: magic, version, zero, mark.
pub(super) fn prefix(mark: Mark) -> [u8; 16] {
    start(MAGIC, VERSION, mark)
}

/// The header of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) first: LeafIndex,
    pub(super) size: TreeSize,
    pub(super) root: RootHash,
    pub(super) count: usize,
    entries_len: u64,
    blobs_len: u64,
    crc: u32,
}

/// Where the parts of one entry are, counted from the start of its frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) entry: u64,
    pub(super) entry_len: u16,
    pub(super) record: u64,
    pub(super) record_len: u32,
    /// None: the envelope is a file.
    pub(super) envelope: Option<u64>,
    pub(super) envelope_len: u64,
    /// The lengths of the attachments, which follow one another behind record and envelope.
    pub(super) attachments: Vec<u32>,
}

/// The lengths of one entry, as in the frame.
#[derive(Debug, Clone)]
struct Row {
    entry: u16,
    inline: bool,
    record: u32,
    envelope: u64,
    attachments: Vec<u32>,
}

impl Parts {
    /// Where all that is kept beside the entry in the frame is.
    pub(super) fn kept(&self) -> std::ops::Range<u64> {
        let attached: u64 = self.attachments.iter().map(|length| u64::from(*length)).sum();
        self.record..self.attached() + attached
    }

    /// Where the first attachment is.
    pub(super) fn attached(&self) -> u64 {
        let inline = if self.envelope.is_some() { self.envelope_len } else { 0 };
        self.record + u64::from(self.record_len) + inline
    }
}

impl Head {
    /// Decodes a header. Its numbers contradict neither each other nor the limits; the checksum is checked by
    /// [`decode_index`].
    pub(super) fn decode(bytes: &[u8; HEAD_LEN], mark: Mark) -> Result<Self, DamageKind> {
        let mut fields = Fields::new(bytes);
        if fields.array() != Some(prefix(mark)) {
            return Err(DamageKind::start("a frame", bytes));
        }
        Self::numbers(&mut fields).ok_or_else(|| DamageKind::Start {
            expected: "a frame with possible numbers",
            found: hex::encode(bytes),
        })
    }

    fn numbers(fields: &mut Fields<'_>) -> Option<Self> {
        let first = LeafIndex::new(fields.u64()?).ok()?;
        let size = TreeSize::new(fields.u64()?).ok()?;
        let root = RootHash::from_bytes(fields.array()?);
        let count = fields.u32()?;
        let (entries_len, blobs_len, crc) = (u64::from(fields.u32()?), fields.u64()?, fields.u32()?);
        let head = Self { first, size, root, count: narrow(u64::from(count)), entries_len, blobs_len, crc };
        let possible = count > 0
            && first.get().checked_add(u64::from(count)) == Some(size.get())
            && blobs_len <= wide(MAX_BATCH_BYTES)
            && head.frame_len() <= wide(MAX_BATCH_BYTES);
        possible.then_some(head)
    }

    /// Length of lengths and entries, in bytes; below 64 GiB whatever the header says.
    pub(super) fn index_len(&self) -> u64 {
        wide(self.count) * wide(ROW_LEN) + self.entries_len
    }

    /// Length of the whole frame, in bytes.
    pub(super) fn frame_len(&self) -> u64 {
        wide(HEAD_LEN) + self.index_len() + self.blobs_len
    }

    /// What is wrong if the frame should start at another index.
    pub(super) const fn position(&self, expected: LeafIndex) -> DamageKind {
        let (expected, found) = (expected.get(), self.first.get());
        DamageKind::Number { what: "the first index of the frame", expected, found }
    }

    fn encode(&self, mark: Mark) -> Option<[u8; HEAD_LEN]> {
        let mut bytes = Vec::with_capacity(HEAD_LEN);
        bytes.extend(prefix(mark));
        bytes.extend(self.first.get().to_be_bytes());
        bytes.extend(self.size.get().to_be_bytes());
        bytes.extend(self.root.as_bytes());
        bytes.extend(u32::try_from(self.count).ok()?.to_be_bytes());
        bytes.extend(u32::try_from(self.entries_len).ok()?.to_be_bytes());
        bytes.extend(self.blobs_len.to_be_bytes());
        bytes.extend(self.crc.to_be_bytes());
        bytes.try_into().ok()
    }
}

/// Returns where the parts are, given the header, its bytes, and the `index_len` bytes behind it. Everything
/// that the checksum covers is then known to be as it was written.
pub(super) fn decode_index(
    head: &Head,
    head_bytes: &[u8; HEAD_LEN],
    index: &[u8],
) -> Result<Vec<Parts>, DamageKind> {
    let found = checksum(head_bytes, index);
    if found != head.crc {
        return Err(DamageKind::Checksum { what: "the frame", expected: head.crc, found });
    }
    decode_lengths(head, index)
}

/// Like [`decode_index`] without the checksum: the lengths fit each other, the entries may be anything.
pub(super) fn decode_lengths(head: &Head, index: &[u8]) -> Result<Vec<Parts>, DamageKind> {
    let number = |what, expected, found| DamageKind::Number { what, expected, found };
    if wide(index.len()) != head.index_len() {
        return Err(number("the length of the index", head.index_len(), wide(index.len())));
    }
    let mut fields = Fields::new(index);
    let mut rows = Vec::with_capacity(head.count.min(index.len() / ROW_LEN));
    for _ in 0..head.count {
        rows.push(
            Row::decode(&mut fields)
                .ok_or_else(|| DamageKind::start("possible lengths of an entry", index))?,
        );
    }
    for row in &mut rows {
        for length in &mut row.attachments {
            *length = fields.u32().ok_or_else(|| DamageKind::start("the lengths of attachments", index))?;
        }
    }
    let entries = entries_len(&rows);
    if entries != head.entries_len {
        return Err(number("the length of the entries", head.entries_len, entries));
    }
    let blobs = rows.iter().try_fold(0_u64, |sum, row| sum.checked_add(row.blobs())).unwrap_or(u64::MAX);
    if blobs != head.blobs_len {
        return Err(number("the length of the blobs", head.blobs_len, blobs));
    }
    Ok(lay_out(&rows))
}

/// Encodes header, lengths and entries of a decoded frame; `index` is where the entries are taken from.
pub(super) fn encode_index(head: &Head, mark: Mark, parts: &[Parts], index: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = head.encode(mark)?.to_vec();
    for part in parts {
        let (inline, envelope) = (part.envelope.is_some(), part.envelope_len);
        let attachments = part.attachments.clone();
        Row { entry: part.entry_len, inline, record: part.record_len, envelope, attachments }
            .encode(&mut bytes)?;
    }
    bytes.extend(index.get(parts.len().checked_mul(ROW_LEN)?..)?);
    Some(bytes)
}

/// The checksum over header (without itself), lengths and entries.
fn checksum(head: &[u8; HEAD_LEN], index: &[u8]) -> u32 {
    let covered = head.get(..CRC_AT).unwrap_or_default();
    crc32c::crc32c_append(crc32c::crc32c(covered), index)
}

/// Length of all entries, and of what says how long the attachments are.
fn entries_len(rows: &[Row]) -> u64 {
    let attached = |row: &Row| wide(row.attachments.len() * ATTACHMENT_LEN);
    rows.iter().map(|row| u64::from(row.entry) + attached(row)).sum()
}

/// Where everything is, if the lengths are these.
fn lay_out(rows: &[Row]) -> Vec<Parts> {
    let attachments: usize = rows.iter().map(|row| row.attachments.len()).sum();
    let mut entry = wide(HEAD_LEN + rows.len() * ROW_LEN + attachments * ATTACHMENT_LEN);
    let mut blob = entry + rows.iter().map(|row| u64::from(row.entry)).sum::<u64>();
    let place = |row: &Row| {
        let envelope = blob + u64::from(row.record);
        let parts = Parts {
            entry,
            entry_len: row.entry,
            record: blob,
            record_len: row.record,
            envelope: row.inline.then_some(envelope),
            envelope_len: row.envelope,
            attachments: row.attachments.clone(),
        };
        entry += u64::from(row.entry);
        blob += row.blobs();
        parts
    };
    rows.iter().map(place).collect()
}

impl Row {
    /// Returns none if there is no such row: an entry, record or inline envelope above its limit, an unknown
    /// place, too many attachments. How long these are follows behind the last row.
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let entry = fields.u16()?;
        let inline = match fields.u8()? {
            0 => true,
            1 => false,
            _ => return None,
        };
        let attachments = vec![0; usize::from(fields.u8()?)];
        let row = Self { entry, inline, record: fields.u32()?, envelope: fields.u64()?, attachments };
        let possible = usize::from(entry) <= Entry::MAX_LEN
            && row.attachments.len() <= MAX_ATTACHMENTS
            && narrow(u64::from(row.record)) <= MAX_RECORD_BYTES;
        possible.then_some(row)
    }

    fn encode(&self, bytes: &mut Vec<u8>) -> Option<()> {
        bytes.extend(self.entry.to_be_bytes());
        bytes.extend([u8::from(!self.inline), u8::try_from(self.attachments.len()).ok()?]);
        bytes.extend(self.record.to_be_bytes());
        bytes.extend(self.envelope.to_be_bytes());
        Some(())
    }

    /// Bytes of blobs in the frame.
    fn blobs(&self) -> u64 {
        let attached: u64 = self.attachments.iter().map(|length| u64::from(*length)).sum();
        let inline = if self.inline { self.envelope } else { 0 };
        (u64::from(self.record) + attached).saturating_add(inline)
    }
}

/// A frame, ready to be written.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Vec<u8>,
    pub(super) parts: Vec<Parts>,
}

/// Encodes a batch; envelopes above `inline_max` bytes are left out, they are files. None if a length does
/// not fit its field.
pub(super) fn encode(batch: &Batch, mark: Mark, inline_max: usize) -> Option<Frame> {
    let mut rows = Vec::with_capacity(batch.entries.len());
    for staged in &batch.entries {
        rows.push(Row {
            entry: u16::try_from(staged.entry.len()).ok()?,
            inline: staged.envelope.len() <= inline_max,
            record: u32::try_from(staged.record.len()).ok()?,
            envelope: wide(staged.envelope.len()),
            attachments: staged
                .attachments
                .iter()
                .map(|attachment| u32::try_from(attachment.len()).ok())
                .collect::<Option<_>>()?,
        });
    }
    let mut index = Vec::new();
    for row in &rows {
        row.encode(&mut index)?;
    }
    for length in rows.iter().flat_map(|row| &row.attachments) {
        index.extend(length.to_be_bytes());
    }
    for staged in &batch.entries {
        index.extend(&staged.entry);
    }
    let mut head = Head {
        first: batch.first,
        size: batch.size,
        root: batch.root,
        count: rows.len(),
        entries_len: entries_len(&rows),
        blobs_len: rows.iter().map(Row::blobs).sum(),
        crc: 0,
    };
    head.crc = checksum(&head.encode(mark)?, &index);
    let mut bytes = Vec::with_capacity(narrow(head.frame_len()));
    bytes.extend(head.encode(mark)?);
    bytes.extend(index);
    for (staged, row) in batch.entries.iter().zip(&rows) {
        bytes.extend(&staged.record);
        if row.inline {
            bytes.extend(&staged.envelope);
        }
        staged.attachments.iter().for_each(|attachment| bytes.extend(attachment));
    }
    Some(Frame { bytes, parts: lay_out(&rows) })
}

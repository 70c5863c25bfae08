//! The ends of a segment file: header, and when it is sealed, offset table and footer.
//!
//! ```text
//! header  8 "CUSTODYJ" | 2 version | 6 zero | 8 first index | 8 mark | 32 SHA-256 of entry 0 | 4 CRC32C
//! table   4 "CTAB" | 4 zero | 8 mark | N rows of 20:
//!         4 frame | 4 entry | 4 record | 4 envelope (0: a file) | 2 length of the entry | 2 zero
//! footer  4 "CEND" | 2 version | 2 zero | 8 mark | 8 first index | 8 size | 32 root | 8 offset of the table
//!         4 N | 4 CRC32C of the table | 4 CRC32C
//! ```

use custody_log::{EntryDigest, LeafIndex, RootHash, TreeSize};

use super::damage::{DamageKind, start};
use super::fields::{Fields, narrow, wide};
use super::frame::{Parts, VERSION};

pub(super) const HEADER_LEN: usize = 68;
pub(super) const FOOTER_LEN: usize = 84;
pub(super) const TABLE_START_LEN: usize = 16;
pub(super) const TABLE_ROW_LEN: usize = 20;

const HEADER_MAGIC: [u8; 8] = *b"CUSTODYJ";
const TABLE_MAGIC: [u8; 4] = *b"CTAB";
const FOOTER_MAGIC: [u8; 4] = *b"CEND";

/// Random bytes that every part of one segment carries, so that no envelope can hold a frame of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(pub(super) [u8; 8]);

/// The header of a segment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) first: LeafIndex,
    pub(super) mark: Mark,
    /// Digest of entry 0.
    pub(super) log: EntryDigest,
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        bytes.extend(HEADER_MAGIC);
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend([0; 6]);
        bytes.extend(self.first.get().to_be_bytes());
        bytes.extend(self.mark.0);
        bytes.extend(self.log.as_bytes());
        bytes.extend(crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self, DamageKind> {
        let malformed = || DamageKind::start("a segment header", bytes);
        let mut fields = Fields::new(bytes);
        if fields.array() != Some(HEADER_MAGIC) {
            return Err(malformed());
        }
        let version = fields.u16().ok_or_else(malformed)?;
        if version > VERSION {
            return Err(DamageKind::Version { what: "the segment", found: version, supported: VERSION });
        }
        check_crc("the segment header", bytes)?;
        let mut rest = || {
            let zero: [u8; 6] = fields.array()?;
            let first = LeafIndex::new(fields.u64()?).ok()?;
            let mark = Mark(fields.array()?);
            let log = EntryDigest::from_bytes(fields.array()?);
            (version == VERSION && zero == [0; 6]).then_some(Self { first, mark, log })
        };
        rest().ok_or_else(malformed)
    }
}

/// Where the parts of one entry are in its segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) frame: u32,
    pub(super) entry: u32,
    pub(super) record: u32,
    /// 0: the envelope is a file.
    pub(super) envelope: u32,
    pub(super) entry_len: u16,
}

impl Location {
    /// Moves parts of a frame to where the frame is. None beyond 4 GiB, where no segment reaches.
    pub(super) fn of(parts: &Parts, frame: u64) -> Option<Self> {
        let at = |offset: u64| u32::try_from(frame.checked_add(offset)?).ok();
        Some(Self {
            frame: at(0)?,
            entry: at(parts.entry)?,
            record: at(parts.record)?,
            envelope: parts.envelope.map_or(Some(0), at)?,
            entry_len: parts.entry_len,
        })
    }

    pub(super) fn decode(row: &[u8; TABLE_ROW_LEN]) -> Option<Self> {
        let mut fields = Fields::new(row);
        let (frame, entry, record, envelope) = (fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?);
        let (entry_len, zero) = (fields.u16()?, fields.u16()?);
        (zero == 0).then_some(Self { frame, entry, record, envelope, entry_len })
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        for offset in [self.frame, self.entry, self.record, self.envelope] {
            bytes.extend(offset.to_be_bytes());
        }
        bytes.extend(self.entry_len.to_be_bytes());
        bytes.extend([0; 2]);
    }
}

/// The first bytes of a segment's offset table.
pub(super) fn table_start(mark: Mark) -> [u8; TABLE_START_LEN] {
    start(TABLE_MAGIC, 0, mark)
}

/// Encodes the offset table.
pub(super) fn encode_table(mark: Mark, locations: &[Location]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(TABLE_START_LEN + locations.len() * TABLE_ROW_LEN);
    bytes.extend(table_start(mark));
    for location in locations {
        location.encode(&mut bytes);
    }
    bytes
}

/// The footer of a sealed segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) first: LeafIndex,
    pub(super) size: TreeSize,
    pub(super) root: RootHash,
    /// Where the frames end and the table starts.
    pub(super) table: u64,
    pub(super) count: u32,
    pub(super) table_crc: u32,
}

impl Footer {
    pub(super) fn encode(&self, mark: Mark) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FOOTER_LEN);
        bytes.extend(start(FOOTER_MAGIC, VERSION, mark));
        bytes.extend(self.first.get().to_be_bytes());
        bytes.extend(self.size.get().to_be_bytes());
        bytes.extend(self.root.as_bytes());
        bytes.extend(self.table.to_be_bytes());
        bytes.extend(self.count.to_be_bytes());
        bytes.extend(self.table_crc.to_be_bytes());
        bytes.extend(crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    /// Decodes the last bytes of a file of `file_len` bytes whose header is `header`. What it says fits
    /// header and file.
    pub(super) fn decode(
        bytes: &[u8; FOOTER_LEN],
        header: &Header,
        file_len: u64,
    ) -> Result<Self, DamageKind> {
        let malformed = || DamageKind::start("a segment footer", bytes);
        let mut fields = Fields::new(bytes);
        if fields.array() != Some(start(FOOTER_MAGIC, VERSION, header.mark)) {
            return Err(malformed());
        }
        check_crc("the footer", bytes)?;
        let mut rest = || {
            let first = LeafIndex::new(fields.u64()?).ok()?;
            let size = TreeSize::new(fields.u64()?).ok()?;
            let root = RootHash::from_bytes(fields.array()?);
            let (table, count, table_crc) = (fields.u64()?, fields.u32()?, fields.u32()?);
            Some(Self { first, size, root, table, count, table_crc })
        };
        let footer = rest().ok_or_else(malformed)?;
        let end = footer.table.checked_add(footer.table_len() + wide(FOOTER_LEN));
        let fits = footer.first == header.first
            && footer.count > 0
            && footer.first.get() + u64::from(footer.count) == footer.size.get()
            && footer.table >= wide(HEADER_LEN)
            && end == Some(file_len);
        if fits { Ok(footer) } else { Err(malformed()) }
    }

    /// Length of the table in bytes.
    pub(super) fn table_len(&self) -> u64 {
        wide(TABLE_START_LEN) + u64::from(self.count) * wide(TABLE_ROW_LEN)
    }

    /// Where the row of an entry is in the file; the entry is in this segment.
    pub(super) fn row_offset(&self, index: LeafIndex) -> u64 {
        let row = index.get().saturating_sub(self.first.get());
        self.table + wide(TABLE_START_LEN) + row.saturating_mul(wide(TABLE_ROW_LEN))
    }
}

/// Decodes a whole table, which the footer's checksum covers.
pub(super) fn decode_table(bytes: &[u8], mark: Mark, footer: &Footer) -> Result<Vec<Location>, DamageKind> {
    let found = crc32c::crc32c(bytes);
    if found != footer.table_crc {
        return Err(DamageKind::Checksum { what: "the offset table", expected: footer.table_crc, found });
    }
    let malformed = || DamageKind::start("an offset table", bytes);
    let mut fields = Fields::new(bytes);
    if fields.array() != Some(table_start(mark)) {
        return Err(malformed());
    }
    let mut locations = Vec::with_capacity(narrow(u64::from(footer.count)).min(bytes.len() / TABLE_ROW_LEN));
    for _ in 0..footer.count {
        let row = fields.array().and_then(|row| Location::decode(&row));
        locations.push(row.ok_or_else(malformed)?);
    }
    Ok(locations)
}

/// Compares the last four bytes with the checksum of those before.
fn check_crc(what: &'static str, bytes: &[u8]) -> Result<(), DamageKind> {
    let (covered, kept) = bytes.split_last_chunk::<4>().unwrap_or((&[], &[0; 4]));
    let (expected, found) = (u32::from_be_bytes(*kept), crc32c::crc32c(covered));
    if expected == found { Ok(()) } else { Err(DamageKind::Checksum { what, expected, found }) }
}

//! Decodes one part of the journal's files from its bytes alone and encodes it again.
//!
//! The server has no use for it. It is the door for whoever holds the format to its promise, which fuzzing does: bytes
//! that are accepted are the only bytes that say the same.

use super::damage::DamageKind;
use super::fields::{narrow, wide};
use super::frame::{self, Head};
use super::segment::{self, FOOTER_LEN, Footer, HEADER_LEN, Header, Mark};
use super::slots::Slot;

/// A part of the journal's files, as `docs/format.md` draws it in section "Journal".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The first bytes of a segment.
    Header,
    /// A frame; its mark is taken from the frame itself.
    Frame,
    /// A sealed segment: header, offset table and footer are decoded, the frames between them are not.
    Sealed,
    /// A checkpoint slot.
    Slot,
}

/// Decodes the part that the bytes start with (all of them for [`Part::Sealed`]) and returns its bytes, encoded again.
/// The lengths in the bytes are compared with the bytes there are before anything is allocated for them.
pub fn recode(part: Part, bytes: &[u8]) -> Result<Vec<u8>, DamageKind> {
    match part {
        Part::Header => Ok(Header::decode(start(bytes)?)?.encode()),
        Part::Frame => recode_frame(bytes),
        Part::Sealed => recode_sealed(bytes),
        Part::Slot => Ok(Slot::decode(bytes)?.encode()),
    }
}

fn recode_frame(bytes: &[u8]) -> Result<Vec<u8>, DamageKind> {
    let head_bytes = start::<{ frame::HEAD_LEN }>(bytes)?;
    let mark = head_bytes.get(8..16).and_then(|mark| mark.try_into().ok()).map_or(Mark([0; 8]), Mark);
    let head = Head::decode(head_bytes, mark)?;
    let whole = slice(bytes, 0, head.frame_len())?;
    let index = slice(whole, wide(frame::HEAD_LEN), head.index_len())?;
    let parts = frame::decode_index(&head, head_bytes, index)?;
    let blobs = wide(frame::HEAD_LEN) + head.index_len();
    let mut again = frame::encode_index(&head, mark, &parts, index)
        .ok_or_else(|| DamageKind::start("a frame that can be written", bytes))?;
    again.extend(slice(whole, blobs, head.frame_len() - blobs)?);
    Ok(again)
}

fn recode_sealed(bytes: &[u8]) -> Result<Vec<u8>, DamageKind> {
    let header = Header::decode(start(bytes)?)?;
    let footer_at = wide(bytes.len()).saturating_sub(wide(FOOTER_LEN));
    let footer =
        Footer::decode(start(slice(bytes, footer_at, wide(FOOTER_LEN))?)?, &header, wide(bytes.len()))?;
    let table = slice(bytes, footer.table, footer.table_len())?;
    let locations = segment::decode_table(table, header.mark, &footer)?;
    let frames = slice(bytes, wide(HEADER_LEN), footer.table - wide(HEADER_LEN))?;
    let table = segment::encode_table(header.mark, &locations);
    Ok([header.encode(), frames.to_vec(), table, footer.encode(header.mark)].concat())
}

fn start<const N: usize>(bytes: &[u8]) -> Result<&[u8; N], DamageKind> {
    let truncated = || DamageKind::Truncated { expected: wide(N), found: wide(bytes.len()) };
    bytes.first_chunk().ok_or_else(truncated)
}

fn slice(bytes: &[u8], at: u64, length: u64) -> Result<&[u8], DamageKind> {
    let end = at.saturating_add(length);
    let truncated = || DamageKind::Truncated { expected: end, found: wide(bytes.len()) };
    bytes.get(narrow(at)..narrow(end)).ok_or_else(truncated)
}

//! What a run is kept in: pieces of at most 4 KB, each with the range of rows that it answers for.
//!
//! ```text
//! p run(8) kind(1) first(21)  ->  crc(4) end(21) payload
//! ```
//!
//! `run` is the number of the run, `kind` is `b` for a block of rows or `f` for a part of the filter. A piece answers for
//! the rows from `first` on and below `end`, which is the `first` of the next piece; the first piece of a run starts at 21
//! zero bytes, and the last one ends at 21 bytes of 255. So a piece that is missing is noticed where it is looked for. The
//! CRC32C is over the key and everything behind it.

use super::keys::{ROW_LEN, Row};

/// The most bytes of a value: above some 6 KB sled keeps values in files of their own, which it never syncs.
pub(crate) const PIECE_BYTES_MAX: usize = 4_096;
/// The most bytes of a payload.
pub(crate) const PAYLOAD_BYTES_MAX: usize = PIECE_BYTES_MAX - CRC_LEN - ROW_LEN;

const CRC_LEN: usize = 4;
const KEY_START: u8 = b'p';
const KEY_LEN: usize = 1 + RUN_LEN + 1 + ROW_LEN;
const RUN_LEN: usize = 8;

/// What is in a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Rows.
    Block,
    /// Which prefixes the rows have.
    Filter,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Block => b'b',
            Self::Filter => b'f',
        }
    }
}

/// Returns the key of a piece.
pub(crate) fn key(run: u64, kind: Kind, first: &Row) -> Vec<u8> {
    let mut key = Vec::with_capacity(KEY_LEN);
    key.push(KEY_START);
    key.extend(run.to_be_bytes());
    key.push(kind.byte());
    key.extend(first.as_bytes());
    key
}

/// Returns what all keys of a run's pieces start with.
pub(crate) fn keys_of(run: u64) -> Vec<u8> {
    [[KEY_START].as_slice(), &run.to_be_bytes()].concat()
}

/// Returns the run whose piece has this key; none if it is not the key of a piece.
pub(crate) fn run_of(key: &[u8]) -> Option<u64> {
    let (run, _) = key.strip_prefix(&[KEY_START])?.split_first_chunk()?;
    Some(u64::from_be_bytes(*run))
}

/// Returns where the piece with this key starts; none if the key has another length.
pub(crate) fn first_of(key: &[u8]) -> Option<Row> {
    let first = key.get(KEY_LEN - ROW_LEN..)?;
    first.try_into().ok().map(Row::from_bytes)
}

/// Returns the value of a piece.
pub(crate) fn value(key: &[u8], end: &Row, payload: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(CRC_LEN + ROW_LEN + payload.len());
    value.extend([0; CRC_LEN]);
    value.extend(end.as_bytes());
    value.extend(payload);
    if let Some((crc, covered)) = value.split_first_chunk_mut() {
        *crc = checksum(key, covered).to_be_bytes();
    }
    value
}

/// Returns where a piece ends, and its payload; none if it is not as it was written.
pub(crate) fn read<'a>(key: &[u8], value: &'a [u8]) -> Option<(Row, &'a [u8])> {
    let (crc, covered) = value.split_first_chunk()?;
    if u32::from_be_bytes(*crc) != checksum(key, covered) {
        return None;
    }
    let (end, payload) = covered.split_first_chunk()?;
    Some((Row::from_bytes(*end), payload))
}

fn checksum(key: &[u8], covered: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), covered)
}

#[cfg(test)]
mod tests {
    use custody_log::{ContentDigest, LeafIndex};

    use super::super::keys::Prefix;
    use super::*;

    #[test]
    fn a_piece_that_was_changed_or_moved_is_not_read() {
        let row = Prefix::content(&ContentDigest::of(b"x")).row(LeafIndex::ZERO);
        let here = key(7, Kind::Block, &row);
        let value = value(&here, &Row::MAX, b"payload");
        assert_eq!(read(&here, &value), Some((Row::MAX, b"payload".as_slice())));
        assert_eq!((run_of(&here), first_of(&here)), (Some(7), Some(row)));
        for at in 0..value.len() {
            let mut changed = value.clone();
            changed[at] ^= 1;
            assert_eq!(read(&here, &changed), None, "byte {at}");
            assert_eq!(read(&here, &value[..at]), None, "cut to {at}");
        }
        for there in [key(8, Kind::Block, &row), key(7, Kind::Filter, &row), key(7, Kind::Block, &Row::MIN)] {
            assert_eq!(read(&there, &value), None);
        }
    }
}

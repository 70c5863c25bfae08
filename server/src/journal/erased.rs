//! Where the index has what a redaction erases: the attachment of the redaction (`docs/format.md`, section "Redaction").
//!
//! ```text
//! 0 8 "CUSTERAS" | 8 2 version 1 | 10 6 zero
//! then for each erased entry, in order:  8 index | 4 N | 13 N keys, in order, each once
//! ```
//!
//! A key is the beginning of a row of the facts index: a letter and 12 bytes of a hash. From it nobody reads what was hashed,
//! and an index that is made again has the rows that it had.

use custody_log::LeafIndex;

use super::fields::{Fields, narrow};

/// The length of a key, in bytes.
pub const KEY_LEN: usize = 13;

const MAGIC: [u8; 8] = *b"CUSTERAS";
const VERSION: u16 = 1;

/// One entry that a redaction erases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The entry.
    pub index: LeafIndex,
    /// What the facts index has it under, in order.
    pub keys: Vec<[u8; KEY_LEN]>,
}

/// Encodes the attachment of a redaction; the entries are in order. None if one has more keys than four bytes count.
#[must_use]
pub fn encode_erased(entries: &[Erased]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_be_bytes());
    bytes.extend([0; 6]);
    for Erased { index, keys } in entries {
        bytes.extend(index.get().to_be_bytes());
        bytes.extend(u32::try_from(keys.len()).ok()?.to_be_bytes());
        bytes.extend(keys.as_flattened());
    }
    Some(bytes)
}

/// Decodes the attachment of a redaction; none if it is none. Decoded and encoded again the bytes are the same.
#[must_use]
pub fn decode_erased(bytes: &[u8]) -> Option<Vec<Erased>> {
    let mut fields = Fields::new(bytes);
    if fields.array() != Some(MAGIC) || fields.u16() != Some(VERSION) || fields.array() != Some([0; 6]) {
        return None;
    }
    let mut entries: Vec<Erased> = Vec::new();
    while !fields.is_empty() {
        let index = LeafIndex::new(fields.u64()?).ok()?;
        let count = narrow(u64::from(fields.u32()?));
        let (keys, rest) = fields.slice(count.checked_mul(KEY_LEN)?)?.as_chunks::<KEY_LEN>();
        let ordered = keys.windows(2).all(|pair| matches!(pair, [one, other] if one < other));
        if !rest.is_empty() || !ordered || entries.last().is_some_and(|last| last.index >= index) {
            return None;
        }
        entries.push(Erased { index, keys: keys.to_vec() });
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u64, keys: &[u8]) -> Erased {
        let keys = keys.iter().map(|byte| [*byte; KEY_LEN]).collect();
        Erased { index: LeafIndex::new(index).unwrap(), keys }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let entries = [entry(3, &[1, 7, 200]), entry(9, &[]), entry(10, &[5])];
        let bytes = encode_erased(&entries).unwrap();
        assert_eq!(decode_erased(&bytes).unwrap(), entries);
        assert_eq!(decode_erased(&encode_erased(&[]).unwrap()).unwrap(), []);
        for length in 0..bytes.len() {
            let whole = decode_erased(&bytes[..length])
                .is_some_and(|read| encode_erased(&read).unwrap() == bytes[..length]);
            assert!(whole || decode_erased(&bytes[..length]).is_none(), "cut to {length}");
        }
        for (what, entries) in [
            ("entries out of order", vec![entry(9, &[]), entry(3, &[])]),
            ("an entry twice", vec![entry(3, &[]), entry(3, &[])]),
            ("keys out of order", vec![entry(3, &[7, 1])]),
            ("a key twice", vec![entry(3, &[7, 7])]),
        ] {
            assert_eq!(decode_erased(&encode_erased(&entries).unwrap()), None, "{what}");
        }
        let mut other = bytes.clone();
        other[9] = 2;
        assert_eq!(decode_erased(&other), None, "another version");
        // More keys than there are bytes.
        let mut many = encode_erased(&[entry(3, &[])]).unwrap();
        many[24..28].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(decode_erased(&many), None);
    }
}

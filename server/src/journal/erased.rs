//! Where the index has what a redaction erases: the attachment of the redaction (`docs/format.md`, section "Redaction").
//!
//! ```text
//! 0 8 "CUSTERAS" | 8 2 version | 10 6 zero
//! then for each erased entry, in order:  8 index | 4 N | 13 N keys, in order, each once
//! and in version 2 behind them:          1 zero, or 1 one | 32 token | 32 key | 8 when it ends, in microseconds since 1970
//! ```
//!
//! Version 1 is written where no entry has a first use, version 2 where one has.
//!
//! A key is the beginning of a row of the facts index: a letter and 12 bytes of a hash. From it nobody reads what was hashed,
//! and an index that is made again has the rows that it had.

use custody_evidence::key::KeyId;
use custody_evidence::oidc::TokenId;
use custody_log::{LeafIndex, Timestamp};

use super::fields::{Fields, narrow};

/// The length of a key, in bytes.
pub const KEY_LEN: usize = 13;

const MAGIC: [u8; 8] = *b"CUSTERAS";
/// Without first uses, and with them.
const VERSIONS: [u16; 2] = [1, 2];

/// One entry that a redaction erases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The entry.
    pub index: LeafIndex,
    /// What the facts index has it under, in order.
    pub keys: Vec<[u8; KEY_LEN]>,
    /// Which token its key used, if that token had not ended when it was erased.
    pub first_use: Option<FirstUse>,
}

/// The use of a token that names no key, and belongs to the first key that used it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstUse {
    /// The token.
    pub token: TokenId,
    /// The key.
    pub key: KeyId,
    /// When the token does not hold any more.
    pub ends: Timestamp,
}

/// Encodes the attachment of a redaction; the entries are in order. None if one has more keys than four bytes count.
#[must_use]
pub fn encode_erased(entries: &[Erased]) -> Option<Vec<u8>> {
    let [without, with] = VERSIONS;
    let version = if entries.iter().any(|entry| entry.first_use.is_some()) { with } else { without };
    let mut bytes = Vec::new();
    bytes.extend(MAGIC);
    bytes.extend(version.to_be_bytes());
    bytes.extend([0; 6]);
    for Erased { index, keys, first_use } in entries {
        bytes.extend(index.get().to_be_bytes());
        bytes.extend(u32::try_from(keys.len()).ok()?.to_be_bytes());
        bytes.extend(keys.as_flattened());
        if version == with {
            encode_first_use(first_use.as_ref(), &mut bytes)?;
        }
    }
    Some(bytes)
}

/// Decodes the attachment of a redaction; none if it is none. Decoded and encoded again the bytes are the same.
#[must_use]
pub fn decode_erased(bytes: &[u8]) -> Option<Vec<Erased>> {
    let mut fields = Fields::new(bytes);
    if fields.array() != Some(MAGIC) {
        return None;
    }
    let [_, with] = VERSIONS;
    let version = fields.u16().filter(|version| VERSIONS.contains(version))?;
    if fields.array() != Some([0; 6]) {
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
        let used = version == with
            && match fields.array()? {
                [0] => false,
                [1] => true,
                _ => return None,
            };
        let first_use = if used { Some(decode_first_use(&mut fields)?) } else { None };
        entries.push(Erased { index, keys: keys.to_vec(), first_use });
    }
    // One version for the same entries.
    let uses = entries.iter().any(|entry| entry.first_use.is_some());
    (uses == (version == with)).then_some(entries)
}

fn encode_first_use(first_use: Option<&FirstUse>, bytes: &mut Vec<u8>) -> Option<()> {
    bytes.push(u8::from(first_use.is_some()));
    if let Some(FirstUse { token, key, ends }) = first_use {
        bytes.extend(token.as_bytes());
        bytes.extend(key.as_bytes());
        bytes.extend(u64::try_from(ends.as_micros()).ok()?.to_be_bytes());
    }
    Some(())
}

fn decode_first_use(fields: &mut Fields<'_>) -> Option<FirstUse> {
    let (token, key) = (TokenId::from_bytes(fields.array()?), KeyId::from_bytes(fields.array()?));
    let ends = Timestamp::from_micros(i64::try_from(fields.u64()?).ok()?).ok()?;
    Some(FirstUse { token, key, ends })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u64, keys: &[u8]) -> Erased {
        let keys = keys.iter().map(|byte| [*byte; KEY_LEN]).collect();
        Erased { index: LeafIndex::new(index).unwrap(), keys, first_use: None }
    }

    fn with_first_use(entry: Erased, byte: u8) -> Erased {
        let (token, key) = (TokenId::from_bytes([byte; 32]), KeyId::from_bytes([byte + 1; 32]));
        let ends = Timestamp::from_micros(1_800_000_000_000_000 + i64::from(byte)).unwrap();
        Erased { first_use: Some(FirstUse { token, key, ends }), ..entry }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let entries = [entry(3, &[1, 7, 200]), entry(9, &[]), entry(10, &[5])];
        let bytes = encode_erased(&entries).unwrap();
        let used = [entry(3, &[1]), with_first_use(entry(9, &[]), 4), with_first_use(entry(10, &[5]), 9)];
        let used_bytes = encode_erased(&used).unwrap();
        assert_eq!((bytes[9], used_bytes[9]), (1, 2), "the version");
        for (entries, bytes) in [(&entries, &bytes), (&used, &used_bytes)] {
            assert_eq!(decode_erased(bytes).unwrap(), *entries);
            for length in 0..bytes.len() {
                let whole = decode_erased(&bytes[..length])
                    .is_some_and(|read| encode_erased(&read).unwrap() == bytes[..length]);
                assert!(whole || decode_erased(&bytes[..length]).is_none(), "cut to {length}");
            }
        }
        assert_eq!(decode_erased(&encode_erased(&[]).unwrap()).unwrap(), []);
        // Version 2 where version 1 says the same, and a first use that is neither there nor not.
        let mut none = encode_erased(&[entry(3, &[])]).unwrap();
        none[9] = 2;
        none.push(0);
        assert_eq!(decode_erased(&none), None);
        let mut odd = used_bytes;
        assert_eq!(odd[41], 0);
        odd[41] = 2;
        assert_eq!(decode_erased(&odd), None);
        for (what, entries) in [
            ("entries out of order", vec![entry(9, &[]), entry(3, &[])]),
            ("an entry twice", vec![entry(3, &[]), entry(3, &[])]),
            ("keys out of order", vec![entry(3, &[7, 1])]),
            ("a key twice", vec![entry(3, &[7, 7])]),
        ] {
            assert_eq!(decode_erased(&encode_erased(&entries).unwrap()), None, "{what}");
        }
        let mut other = bytes.clone();
        other[9] = 3;
        assert_eq!(decode_erased(&other), None, "another version");
        // More keys than there are bytes.
        let mut many = encode_erased(&[entry(3, &[])]).unwrap();
        many[24..28].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(decode_erased(&many), None);
    }
}

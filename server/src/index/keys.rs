//! The keys of the index, as bytes.
//!
//! ```text
//! h                                       -> header, text: see `Header`
//! m e                                     -> marker of the entry index
//! m f                                     -> marker of the facts index
//! a index(8)                              -> an administrative entry
//! c content(32) index(8)                  -> an entry with this content
//! v envelope(32) index(8)                 -> an entry with this envelope
//! t field(1) hash(16) index(8)            -> an entry that can be found by this term
//! d leading(16) index(8)                  -> an entry that names a digest with these leading bytes
//! ```
//!
//! `index` is the leaf index, big endian, always last. `hash` is the first 16 bytes of the SHA-256 of the
//! term's canonical value; `leading` the first 16 bytes of a digest, so that the digits which a person types
//! are a range. A marker is the tree size (8, big endian), the digest of the last entry below it (32), and the
//! [`Tally`] of the rows of these entries (8 and 32). Rows found by `hash` and `leading` are candidates: queries
//! check them against the facts of the entry, so a collision finds nothing.
//!
//! No key depends on another entry than its own: the rows of a range of entries are a function of these entries.

use custody_evidence::fact::{Field, Term};
use custody_evidence::thing::HexPrefix;
use custody_log::{ContentDigest, EntryDigest, EnvelopeDigest, LeafIndex, TreeSize};
use sha2::{Digest as _, Sha256};

/// How many bytes of a term's hash, and of a digest, a key holds.
pub(crate) const SHORT_LEN: usize = 16;

/// The key of the header.
pub(crate) const HEADER: &[u8] = b"h";
/// The key of the entry index' marker.
pub(crate) const ENTRIES_MARKER: &[u8] = b"me";
/// The key of the facts index' marker.
pub(crate) const FACTS_MARKER: &[u8] = b"mf";

const INDEX_LEN: usize = 8;

/// The part of a key before the leaf index: all rows that answer one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prefix(Vec<u8>);

impl Prefix {
    pub(crate) fn administrative() -> Self {
        Self(b"a".to_vec())
    }

    pub(crate) fn content(digest: &ContentDigest) -> Self {
        Self([b"c".as_slice(), digest.as_ref()].concat())
    }

    pub(crate) fn envelope(digest: &EnvelopeDigest) -> Self {
        Self([b"v".as_slice(), digest.as_ref()].concat())
    }

    pub(crate) fn term(term: &Term) -> Self {
        let hash = Sha256::digest(term.value().as_bytes());
        let short = hash.iter().copied().take(SHORT_LEN);
        Self([b't', field_byte(term.field())].into_iter().chain(short).collect())
    }

    pub(crate) fn leading(leading: &[u8; SHORT_LEN]) -> Self {
        Self([b"d".as_slice(), leading].concat())
    }

    /// The key of one entry's row.
    pub(crate) fn key(&self, index: LeafIndex) -> Vec<u8> {
        [self.0.as_slice(), &index.get().to_be_bytes()].concat()
    }

    /// The first key that is not below `size`; with [`Prefix::key`] of index 0 the bounds of "as of".
    pub(crate) fn bound(&self, size: TreeSize) -> Vec<u8> {
        [self.0.as_slice(), &size.get().to_be_bytes()].concat()
    }
}

/// Returns the leaf index that ends a key; none if the key is too short to have one.
pub(crate) fn index_of(key: &[u8]) -> Option<LeafIndex> {
    let (_, last) = key.split_last_chunk::<INDEX_LEN>()?;
    LeafIndex::new(u64::from_be_bytes(*last)).ok()
}

/// Returns the leading bytes that a `d` key holds; none if it is not one.
pub(crate) fn leading_of(key: &[u8]) -> Option<[u8; SHORT_LEN]> {
    let (leading, rest) = key.strip_prefix(b"d")?.split_first_chunk::<SHORT_LEN>()?;
    (rest.len() == INDEX_LEN).then_some(*leading)
}

/// The byte that stands for a field. Never reuse one: it is on disk, and a later format commits to it.
const fn field_byte(field: Field) -> u8 {
    match field {
        Field::Artifact => b'a',
        Field::Builder => b'b',
        Field::Commit => b'c',
        Field::Component => b'o',
        Field::Document => b'd',
        Field::Environment => b'e',
        Field::Identity => b'i',
        Field::Policy => b'y',
        Field::Predicate => b'p',
        Field::Ref => b'f',
        Field::Repository => b'r',
        Field::Run => b'u',
        Field::Secret => b'x',
        Field::Signer => b'k',
        Field::Subject => b's',
        Field::Submitter => b'w',
        Field::Vulnerability => b'v',
    }
}

/// Returns the first and the last leading bytes of a digest that starts with these digits: digits beyond
/// [`SHORT_LEN`] bytes are left to the comparison with the facts.
pub(crate) fn leading_range(prefix: &HexPrefix) -> Option<([u8; SHORT_LEN], [u8; SHORT_LEN])> {
    let filled = |fill: char| {
        let fill = std::iter::repeat_n(fill, SHORT_LEN.saturating_mul(2));
        leading_bytes(&prefix.as_str().chars().chain(fill).collect::<String>())
    };
    Some((filled('0')?, filled('f')?))
}

/// Returns the leading bytes of the digest in lower-case hex digits; none if they are fewer than 16 bytes.
#[must_use]
pub(crate) fn leading_bytes(hex_digits: &str) -> Option<[u8; SHORT_LEN]> {
    let cut = hex_digits.get(..SHORT_LEN.saturating_mul(2))?;
    let mut bytes = [0; SHORT_LEN];
    hex::decode_to_slice(cut, &mut bytes).ok()?;
    Some(bytes)
}

/// How far one of the two indexes is: every entry below `size` is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) size: TreeSize,
    /// The entry at `size - 1`; 32 zero bytes at size 0. It tells this journal from another of the same log.
    pub(crate) last: EntryDigest,
    /// The rows of the entries below `size`.
    pub(crate) tally: Tally,
}

impl Marker {
    pub(crate) const EMPTY: Self = Self {
        size: TreeSize::ZERO,
        last: EntryDigest::from_bytes([0; EntryDigest::LEN]),
        tally: Tally::EMPTY,
    };

    pub(crate) fn encode(&self) -> Vec<u8> {
        [self.size.get().to_be_bytes().as_slice(), self.last.as_ref(), &self.tally.encode()].concat()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (size, rest) = bytes.split_first_chunk::<INDEX_LEN>()?;
        let (last, tally) = rest.split_first_chunk::<{ EntryDigest::LEN }>()?;
        let size = TreeSize::new(u64::from_be_bytes(*size)).ok()?;
        Some(Self { size, last: EntryDigest::from_bytes(*last), tally: Tally::decode(tally)? })
    }
}

/// How many rows there are, and a hash over all of them that does not depend on their order: the sum of the
/// SHA-256 of each key, in four lanes of 64 bits. A row that is lost, added or changed changes it. It is made to
/// find faults of the disk and of the database, not forgeries: whoever can write the index can write its marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) rows: u64,
    lanes: [u64; 4],
}

impl Tally {
    pub(crate) const EMPTY: Self = Self { rows: 0, lanes: [0; 4] };

    /// Counts one row.
    pub(crate) fn add(&mut self, key: &[u8]) {
        let hash: [u8; 32] = Sha256::digest(key).into();
        let (words, _) = hash.as_chunks::<8>();
        for (lane, word) in self.lanes.iter_mut().zip(words) {
            *lane = lane.wrapping_add(u64::from_be_bytes(*word));
        }
        self.rows = self.rows.wrapping_add(1);
    }

    fn encode(&self) -> Vec<u8> {
        [self.rows].iter().chain(&self.lanes).flat_map(|number| number.to_be_bytes()).collect()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        let [rows, lanes @ ..] = numbers else { return None };
        let lanes: &[[u8; 8]; 4] = lanes.try_into().ok().filter(|_| rest.is_empty())?;
        Some(Self { rows: u64::from_be_bytes(*rows), lanes: lanes.map(u64::from_be_bytes) })
    }
}

/// What an index must say about itself to be used at all.
///
/// ```text
/// custody/index/v2
/// reader 1
/// first sha256:<64 hex>
/// ```
pub(crate) fn header(reader: &str, first: &EntryDigest) -> Vec<u8> {
    format!("custody/index/v2\nreader {reader}\nfirst {first}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> (String, String) {
        let (low, high) = leading_range(&HexPrefix::parse(text).unwrap()).unwrap();
        (hex::encode(low), hex::encode(high))
    }

    #[test]
    fn prefix_of_odd_digits_is_a_range_of_nibbles() {
        let expected = (format!("abcde{}", "0".repeat(27)), format!("abcde{}", "f".repeat(27)));
        assert_eq!(range("ABCde"), expected);
    }

    #[test]
    fn prefix_longer_than_a_key_is_cut() {
        let digits = "0123456789abcdef".repeat(3);
        assert_eq!(range(&digits), (digits[..32].to_owned(), digits[..32].to_owned()));
    }

    #[test]
    fn the_leaf_index_ends_every_key() {
        let index = LeafIndex::new(0x0102_0304).unwrap();
        let digest = ContentDigest::of(b"x");
        for prefix in [
            Prefix::administrative(),
            Prefix::content(&digest),
            Prefix::envelope(&EnvelopeDigest::of(b"x")),
            Prefix::term(&Term::parse(Field::Run, "r").unwrap()),
            Prefix::leading(&[7; SHORT_LEN]),
        ] {
            assert_eq!(index_of(&prefix.key(index)), Some(index));
        }
        assert_eq!(leading_of(&Prefix::leading(&[7; SHORT_LEN]).key(index)), Some([7; SHORT_LEN]));
        assert_eq!(leading_of(&Prefix::content(&digest).key(index)), None);
    }

    #[test]
    fn a_marker_of_another_length_is_none() {
        let mut tally = Tally::EMPTY;
        tally.add(b"a row");
        let marker = Marker { size: TreeSize::new(9).unwrap(), last: EntryDigest::of(b"e"), tally };
        let bytes = marker.encode();
        assert_eq!(Marker::decode(&bytes), Some(marker));
        assert_eq!(Marker::decode(&bytes[1..]), None);
        assert_eq!(Marker::decode(&[bytes.as_slice(), b"x"].concat()), None);
    }

    #[test]
    fn a_tally_knows_no_order_and_every_row() {
        let of = |keys: &[&str]| {
            keys.iter().fold(Tally::EMPTY, |mut tally, key| {
                tally.add(key.as_bytes());
                tally
            })
        };
        assert_eq!(of(&["a", "b", "c"]), of(&["c", "a", "b"]));
        for other in [&["a", "b"][..], &["a", "b", "b"], &["a", "b", "c", "c"], &["a", "b", "d"]] {
            assert_ne!(of(&["a", "b", "c"]), of(other), "{other:?}");
        }
    }
}

//! The keys of the index, as bytes: the rows of which a run is made.
//!
//! ```text
//! C content(12)  index(8)       entry index: an entry with this content
//! V envelope(12) index(8)       entry index: an entry with this envelope
//! B build(12)    index(8)       entry index: a provenance that says whose build this artifact is
//! D leading(12)  index(8)       facts index: an entry that names a digest with these leading bytes
//! a-z hash(12)   index(8)       facts index: an entry that can be found by this term; the letter is its field
//! q   package(3) version(9) index(8)   facts index: an entry that names this version of this package
//! ```
//!
//! `content`, `envelope` and `leading` are the first 12 bytes of a digest, so that the digits which a person types
//! are a range. `build` is the first 12 bytes of the SHA-256 of `<algorithm>:<value>`, of what an admission record says
//! (`custody_evidence::admission::Build`). `package` is the first bytes of the SHA-256 of the package URL without its version, and
//! `version` of that with a zero byte and the version behind it, which is empty where there is none: all versions of a package are next to
//! each other, and none can be read from its row, which a redaction leaves. `hash` is the first 12 bytes of the SHA-256 of the term's canonical value (of a package: without its
//! version). `index` is the leaf index, big endian, always last: "as of tree size N" is a bound on a scan. What comes
//! before it is a [`Prefix`]: all rows with one prefix answer one question. Prefixes that no index has are drawn in `remains.rs`.
//!
//! 12 bytes are 96 bits: among 2^32 different values some two share them with a chance of 2^64 / 2^97 = 2^-33. Whoever
//! makes such a pair on purpose hashes 2^48 times, and gains one row too many: rows are candidates, and are
//! compared with the entry, or with its facts, before they are believed. To hide behind the digest of somebody else
//! takes 2^96.
//!
//! What a version's row is of is read from an entry that has it, with the package: packages that share the three bytes are told apart. Whoever
//! makes a version with the nine bytes of another one, so that it is taken for his and not found, hashes 2^72 times.
//!
//! No row depends on another entry than its own: the rows of a range of entries are a function of these entries.

use std::cmp::Ordering;

use custody_evidence::admission::RepositoryKey;
use custody_evidence::fact::{Field, Term};
use custody_evidence::thing::HexPrefix;
use custody_log::{ContentDigest, EntryDigest, EnvelopeDigest, LeafIndex, TreeSize};
use sha2::{Digest as _, Sha256};

use super::span::Shape;

/// How many bytes of a term's hash, and of a digest, a row holds.
pub(crate) const SHORT_LEN: usize = 12;
/// Length of a prefix, in bytes.
pub(crate) const PREFIX_LEN: usize = 1 + SHORT_LEN;
/// Length of a row, in bytes.
pub(crate) const ROW_LEN: usize = PREFIX_LEN + INDEX_LEN;

const INDEX_LEN: usize = 8;
/// How many of the bytes of a version's row are its package's.
const PACKAGE_LEN: usize = 3;
/// The kind of the rows of versions.
const VERSION: u8 = b'q';

/// The part of a row before the leaf index: all rows that answer one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Prefix([u8; PREFIX_LEN]);

/// One row: that an entry can be found by something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row([u8; ROW_LEN]);

impl Prefix {
    pub(crate) fn content(digest: &ContentDigest) -> Self {
        Self::new(b'C', leading_of(digest.as_bytes()))
    }

    pub(crate) fn envelope(digest: &EnvelopeDigest) -> Self {
        Self::new(b'V', leading_of(digest.as_bytes()))
    }

    /// By what an artifact's digest is written as.
    pub(crate) fn build(artifact: &str) -> Self {
        Self::new(b'B', leading_of(&Sha256::digest(artifact.as_bytes()).into()))
    }

    /// Of which repository an erased provenance said that.
    pub(crate) const fn repository(key: RepositoryKey) -> Self {
        Self::new(b'S', key)
    }

    /// Whether the facts index has rows with it.
    pub(crate) const fn is_of_facts(&self) -> bool {
        let [kind, ..] = self.0;
        kind == b'D' || kind.is_ascii_lowercase()
    }

    /// Whether it is [`Prefix::build`].
    pub(crate) const fn is_of_build(&self) -> bool {
        let [kind, ..] = self.0;
        kind == b'B'
    }

    /// Returns what [`Prefix::repository`] was made of.
    pub(crate) fn repository_key(&self) -> Option<RepositoryKey> {
        let [kind, key @ ..] = self.0;
        (kind == b'S').then_some(key)
    }

    /// Whether it is that of who signed.
    pub(crate) const fn is_of_signer(&self) -> bool {
        let [kind, ..] = self.0;
        kind == field_byte(Field::Signer)
    }

    pub(crate) fn term(term: &Term) -> Self {
        Self::found_by(term.field(), term.value())
    }

    /// The same of a term's field and value.
    pub(crate) fn found_by(field: Field, value: &str) -> Self {
        let hash: [u8; 32] = Sha256::digest(value.as_bytes()).into();
        Self::new(field_byte(field), leading_of(&hash))
    }

    /// Of a package URL without its version, and one of its versions.
    pub(crate) fn version(package: &str, version: &str) -> Self {
        let of_version = [package, version].join("\0");
        let [mut short, of_version] =
            [package, &of_version].map(|text| leading_of(&Sha256::digest(text.as_bytes()).into()));
        let (_, end) = short.split_at_mut(PACKAGE_LEN);
        end.iter_mut().zip(of_version).for_each(|(to, byte)| *to = byte);
        Self::new(VERSION, short)
    }

    pub(crate) const fn leading(leading: [u8; SHORT_LEN]) -> Self {
        Self::new(b'D', leading)
    }

    /// The row of one entry.
    pub(crate) fn row(&self, index: LeafIndex) -> Row {
        self.ended(index.get())
    }

    /// The first row that is not below `size`; with [`Prefix::row`] of index 0 the bounds of "as of".
    pub(crate) fn bound(&self, size: TreeSize) -> Row {
        self.ended(size.get())
    }

    /// A bound behind all rows of this prefix: no entry has this index.
    pub(crate) fn end(&self) -> Row {
        self.ended(u64::MAX)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; PREFIX_LEN] {
        &self.0
    }

    pub(crate) const fn from_bytes(bytes: [u8; PREFIX_LEN]) -> Self {
        Self(bytes)
    }

    const fn new(kind: u8, short: [u8; SHORT_LEN]) -> Self {
        let mut bytes = [kind; PREFIX_LEN];
        if let Some((_, rest)) = bytes.split_first_chunk_mut::<1>() {
            rest.copy_from_slice(&short);
        }
        Self(bytes)
    }

    fn ended(&self, index: u64) -> Row {
        let mut bytes = [0; ROW_LEN];
        let (prefix, end) = bytes.split_at_mut(PREFIX_LEN);
        prefix.copy_from_slice(&self.0);
        end.copy_from_slice(&index.to_be_bytes());
        Row(bytes)
    }
}

impl Row {
    /// Not above any row.
    pub(crate) const MIN: Self = Self([0; ROW_LEN]);
    /// Above every row.
    pub(crate) const MAX: Self = Self([0xff; ROW_LEN]);

    pub(crate) const fn from_bytes(bytes: [u8; ROW_LEN]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; ROW_LEN] {
        &self.0
    }

    pub(crate) fn prefix(&self) -> Prefix {
        let (prefix, _) = self.0.split_first_chunk().unwrap_or((&[0; PREFIX_LEN], &[]));
        Prefix(*prefix)
    }

    /// The number at the end: below 2^63 where the row is an entry's.
    pub(crate) fn number(&self) -> u64 {
        let (_, index) = self.0.split_last_chunk().unwrap_or((&[], &[0; INDEX_LEN]));
        u64::from_be_bytes(*index)
    }

    fn numbers(&self) -> (u64, u64, u64) {
        let number = |at: usize| {
            let bytes = self.0.get(at..at + INDEX_LEN).and_then(|bytes| bytes.try_into().ok());
            u64::from_be_bytes(bytes.unwrap_or_default())
        };
        (number(0), number(INDEX_LEN), number(PREFIX_LEN))
    }

    /// The entry; none if the row is only a bound.
    pub(crate) fn index(&self) -> Option<LeafIndex> {
        LeafIndex::new(self.number()).ok()
    }
}

/// By their bytes, from the first one on: compared as three numbers, the last of which has the end of the second again.
impl Ord for Row {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers().cmp(&other.numbers())
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
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
        Field::Name => b'n',
        Field::Pair => b'm',
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

/// Returns the first and the last prefix of a field's terms.
pub(crate) const fn field_range(field: Field) -> (Prefix, Prefix) {
    (Prefix::new(field_byte(field), [0; SHORT_LEN]), Prefix::new(field_byte(field), [0xff; SHORT_LEN]))
}

/// Returns the first and the last prefix of the versions of a package, which is named without one.
pub(crate) fn versions_range(package: &str) -> (Prefix, Prefix) {
    let some = Prefix::version(package, "");
    let filled = |fill: u8| {
        let mut bytes = some.0;
        bytes.iter_mut().skip(1 + PACKAGE_LEN).for_each(|byte| *byte = fill);
        Prefix(bytes)
    };
    (filled(0), filled(0xff))
}

/// Returns the first and the last leading bytes of a digest that starts with these digits: digits beyond
/// [`SHORT_LEN`] bytes are left to the comparison with the facts.
pub(crate) fn leading_range(prefix: &HexPrefix) -> Option<(Prefix, Prefix)> {
    let filled = |fill: char| {
        let fill = std::iter::repeat_n(fill, SHORT_LEN.saturating_mul(2));
        leading_bytes(&prefix.as_str().chars().chain(fill).collect::<String>()).map(Prefix::leading)
    };
    Some((filled('0')?, filled('f')?))
}

/// Returns the leading bytes of the digest in lower-case hex digits; none if they are fewer than 12 bytes.
#[must_use]
pub(crate) fn leading_bytes(hex_digits: &str) -> Option<[u8; SHORT_LEN]> {
    let cut = hex_digits.get(..SHORT_LEN.saturating_mul(2))?;
    let mut bytes = [0; SHORT_LEN];
    hex::decode_to_slice(cut, &mut bytes).ok()?;
    Some(bytes)
}

fn leading_of(digest: &[u8; 32]) -> [u8; SHORT_LEN] {
    let (leading, _) = digest.split_first_chunk().unwrap_or((&[0; SHORT_LEN], &[]));
    *leading
}

/// What an index must say about itself to be used at all.
///
/// ```text
/// custody/index/v8
/// reader 1
/// runs 8 4
/// first sha256:<64 hex>
/// ```
///
/// `runs` has the fanout and the level of the base runs: of other ones the runs would not fit together.
pub(crate) fn header(reader: &str, shape: Shape, first: &EntryDigest) -> Vec<u8> {
    let (fanout, base) = (shape.fanout(), shape.base_level());
    format!("custody/index/v8\nreader {reader}\nruns {fanout} {base}\nfirst {first}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> (String, String) {
        let (low, high) = leading_range(&HexPrefix::parse(text).unwrap()).unwrap();
        (hex::encode(&low.0[1..]), hex::encode(&high.0[1..]))
    }

    #[test]
    fn prefix_of_odd_digits_is_a_range_of_nibbles() {
        let expected = (format!("abcde{}", "0".repeat(19)), format!("abcde{}", "f".repeat(19)));
        assert_eq!(range("ABCde"), expected);
    }

    #[test]
    fn prefix_longer_than_a_row_is_cut() {
        let digits = "0123456789abcdef".repeat(3);
        assert_eq!(range(&digits), (digits[..24].to_owned(), digits[..24].to_owned()));
    }

    #[test]
    fn versions_of_a_package_are_next_to_each_other_and_those_of_no_other_are_between() {
        let (low, high) = versions_range("pkg:npm/x");
        let versions = ["", "1.2.3", "1.2.4"].map(|version| Prefix::version("pkg:npm/x", version));
        assert!(versions.iter().all(|version| (low..=high).contains(version)));
        assert!(versions[0] != versions[1] && versions[1] != versions[2]);
        assert!(!(low..=high).contains(&Prefix::version("pkg:npm/y", "1.2.3")));
        // printf %s pkg:npm/x | sha256sum | cut -c1-6; printf 'pkg:npm/x\\0001.2.3' | sha256sum | cut -c1-18
        assert_eq!(hex::encode(versions[1].0), "71bef28245b4c57aff96e1492a");
    }

    #[test]
    fn the_leaf_index_ends_every_row_and_bounds_are_in_order() {
        let index = LeafIndex::new(0x0102_0304).unwrap();
        for prefix in [
            Prefix::content(&ContentDigest::of(b"x")),
            Prefix::envelope(&EnvelopeDigest::of(b"x")),
            Prefix::build("sha256:x"),
            Prefix::term(&Term::parse(Field::Run, "r").unwrap()),
            Prefix::leading([7; SHORT_LEN]),
            Prefix::version("pkg:npm/x", "1.2.3"),
        ] {
            let row = prefix.row(index);
            assert_eq!((row.index(), row.prefix()), (Some(index), prefix));
            assert!(row < prefix.bound(index.size_through()) && row < prefix.row(index.next()));
            assert!(row < prefix.end() && prefix.end().index().is_none());
            assert!(Row::MIN < prefix.row(LeafIndex::ZERO) && prefix.end() < Row::MAX);
        }
    }

    #[test]
    fn rows_are_in_the_order_of_their_bytes() {
        let rows = (0..=ROW_LEN).map(|at| {
            let mut bytes = [7; ROW_LEN];
            bytes.get_mut(at).into_iter().for_each(|byte| *byte = 200);
            Row(bytes)
        });
        let rows: Vec<Row> = rows.collect();
        for (one, other) in rows.iter().flat_map(|one| rows.iter().map(move |other| (one, other))) {
            assert_eq!(one.cmp(other), one.0.cmp(&other.0), "{one:?} {other:?}");
        }
    }

    #[test]
    fn rows_of_different_questions_have_different_kinds() {
        let digest = [7; 32];
        let kinds = [
            Prefix::content(&ContentDigest::from_bytes(digest)),
            Prefix::envelope(&EnvelopeDigest::from_bytes(digest)),
            Prefix::build("sha256:x"),
            Prefix::repository([7; SHORT_LEN]),
            Prefix::leading([7; SHORT_LEN]),
            Prefix::version("pkg:npm/x", "1.2.3"),
        ]
        .map(|prefix| prefix.0[0]);
        let mut all: Vec<u8> = Field::ALL.iter().map(|field| field_byte(*field)).chain(kinds).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}

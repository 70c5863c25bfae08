//! The list of the runs that count, with what each must be.
//!
//! ```text
//! r index(1) first(8) level(1)  ->  run(8) rows(8) digest(32) last(32)
//! ```
//!
//! `index` is `e` for the entry index or `f` for the facts index; `first` and `level` say which entries. `run` is the number
//! under which its pieces are kept: no number is used twice, so what a crash left behind is never taken for something else.
//! `digest` is the [`RowsDigest`], `last` the digest of the last entry that the run covers, which tells this journal from
//! another of the same log.
//!
//! A merged run is named first, and then those that it was made of are not named any more, one after the other. Whoever dies in
//! between leaves some of them: they count no more than before, since a run counts instead of all those that it covers. What is
//! left is never named again, and is some 90 bytes for each.

use custody_log::{EntryDigest, LeafIndex, TreeSize};
use sha2::{Digest as _, Sha256};

use super::keys::{ROW_LEN, Row};
use super::span::{Shape, Span};

const KEY_START: u8 = b'r';
const HASH_LEN: usize = 32;

/// One of the two indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Contents and envelopes: what writing needs.
    Entries,
    /// Terms and leading digits: what questions need.
    Facts,
}

impl Part {
    const fn byte(self) -> u8 {
        match self {
            Self::Entries => b'e',
            Self::Facts => b'f',
        }
    }
}

/// What a run is: a function of the entries that it covers, but for its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) part: Part,
    pub(crate) span: Span,
    /// Under which its pieces are kept.
    pub(crate) run: u64,
    pub(crate) rows: u64,
    pub(crate) digest: RowsDigest,
    pub(crate) last: EntryDigest,
}

/// SHA-256 over the rows of a run in order, each with one byte before it that says its length. A tree over
/// such digests commits to everything that the index says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowsDigest([u8; HASH_LEN]);

/// A [`RowsDigest`] while it is made.
#[derive(Debug, Default)]
pub(crate) struct RowsHasher(Sha256);

impl RowsHasher {
    pub(crate) fn add(&mut self, row: &Row) {
        let mut prefixed = [21; 1 + ROW_LEN];
        if let Some((_, rest)) = prefixed.split_first_chunk_mut::<1>() {
            rest.copy_from_slice(row.as_bytes());
        }
        self.0.update(prefixed);
    }

    pub(crate) fn digest(self) -> RowsDigest {
        RowsDigest(self.0.finalize().into())
    }
}

impl Record {
    pub(crate) fn key(&self) -> Vec<u8> {
        let level = u8::try_from(self.span.level()).unwrap_or(u8::MAX);
        let mut key = vec![KEY_START, self.part.byte()];
        key.extend(self.span.first().to_be_bytes());
        key.push(level);
        key
    }

    pub(crate) fn value(&self) -> Vec<u8> {
        let numbers = [self.run.to_be_bytes(), self.rows.to_be_bytes()].concat();
        [numbers.as_slice(), &self.digest.0, self.last.as_ref()].concat()
    }

    fn decode(shape: Shape, part: Part, key: &[u8], value: &[u8]) -> Option<Self> {
        let (first, level) = key.strip_prefix(&[KEY_START, part.byte()])?.split_first_chunk()?;
        let [level] = level else { return None };
        let span = shape.span(u64::from_be_bytes(*first), u32::from(*level))?;
        let (run, value) = value.split_first_chunk()?;
        let (rows, value) = value.split_first_chunk()?;
        let (digest, last) = value.split_first_chunk::<HASH_LEN>()?;
        Some(Self {
            part,
            span,
            run: u64::from_be_bytes(*run),
            rows: u64::from_be_bytes(*rows),
            digest: RowsDigest(*digest),
            last: EntryDigest::try_from(last).ok()?,
        })
    }
}

/// Returns what all records start with.
pub(crate) const fn keys() -> [u8; 1] {
    [KEY_START]
}

/// A row of the manifest: key and value.
pub(crate) type Kept = (Vec<u8>, Vec<u8>);

/// The runs of one index that a manifest names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Those that count: they cover all entries from the first on, each once.
    pub(crate) counting: Vec<Record>,
    /// Those that are covered by one of these.
    pub(crate) covered: Vec<Record>,
}

impl Named {
    /// Returns all of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Record> {
        self.counting.iter().chain(&self.covered)
    }
}

/// Returns the runs of one index; none if there is a gap.
pub(crate) fn runs(shape: Shape, part: Part, records: &[Kept]) -> Option<Named> {
    let own = records.iter().filter(|(key, _)| key.starts_with(&[KEY_START, part.byte()]));
    let mut named = Named::default();
    for (key, value) in own {
        let run = Record::decode(shape, part, key, value)?;
        // In order of their first entry, the smaller first. Spans are aligned: one is in the other, or behind it.
        while let Some(covered) = named.counting.pop_if(|last| run.span.contains(last.span.first())) {
            named.covered.push(covered);
        }
        let end = named.counting.last().map_or(0, |last| last.span.end_number());
        if run.span.first() > end {
            return None;
        }
        if run.span.first() == end { &mut named.counting } else { &mut named.covered }.push(run);
    }
    Some(named)
}

/// Returns how far these runs reach.
pub(crate) fn end(runs: &[Record]) -> TreeSize {
    runs.last().map_or(TreeSize::ZERO, |last| last.span.end())
}

/// Returns the last entry that these runs cover, with its digest.
pub(crate) fn last(runs: &[Record]) -> Option<(LeafIndex, EntryDigest)> {
    let last = runs.last()?;
    Some((last.span.end().last_index()?, last.last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(first: u64, level: u32) -> Record {
        Record {
            part: Part::Facts,
            span: Shape::default().span(first, level).unwrap(),
            run: first + 3,
            rows: 12,
            digest: RowsHasher::default().digest(),
            last: EntryDigest::of(b"e"),
        }
    }

    fn named(records: &[Record]) -> Option<Named> {
        let mut rows: Vec<_> = records.iter().map(|record| (record.key(), record.value())).collect();
        rows.sort();
        runs(Shape::default(), Part::Facts, &rows)
    }

    fn read(records: &[Record]) -> Option<Vec<Record>> {
        named(records).map(|named| named.counting)
    }

    #[test]
    fn runs_that_cover_everything_once_are_read_back() {
        let records = [record(0, 1), record(8, 0), record(9, 0)];
        assert_eq!(read(&records), Some(records.to_vec()));
        assert_eq!(end(&records), TreeSize::new(10).unwrap());
        assert_eq!(last(&records), Some((LeafIndex::new(9).unwrap(), EntryDigest::of(b"e"))));
        assert_eq!(read(&[]), Some(vec![]));
    }

    #[test]
    fn a_run_counts_instead_of_those_that_it_covers_however_many_of_them_are_still_named() {
        let (merged, next) = (record(0, 2), record(64, 0));
        let children: Vec<Record> = (0..64).step_by(8).map(|first| record(first, 1)).collect();
        for left in 0..=children.len() {
            let covered = &children[left..];
            let records = [covered, &[record(63, 0), merged, next]].concat();
            let Named { counting, covered: mut found } = named(&records).unwrap();
            assert_eq!(counting, [merged, next]);
            found.sort_by_key(|run| (run.span.first(), run.span.level()));
            assert_eq!(found, [covered, &[record(63, 0)]].concat());
        }
        let two = [record(0, 0), record(0, 1), record(0, 2)];
        assert_eq!(read(&two), Some(vec![record(0, 2)]), "of a merge that was merged again");
    }

    #[test]
    fn a_gap_and_a_changed_record_are_refused() {
        assert_eq!(read(&[record(8, 0)]), None, "nothing for the first entries");
        assert_eq!(read(&[record(0, 1), record(9, 0)]), None, "a gap");
        assert_eq!(read(&[record(0, 0), record(7, 0), record(8, 1)]), None, "a gap before what is covered");
        let (key, value) = (record(0, 1).key(), record(0, 1).value());
        let one =
            |key: &[u8], value: &[u8]| runs(Shape::default(), Part::Facts, &[(key.to_vec(), value.to_vec())]);
        assert!(one(&key, &value).is_some());
        assert_eq!(one(&key[..key.len() - 1], &value), None);
        assert_eq!(one(&key, &value[..value.len() - 1]), None);
        assert_eq!(one(&key, &[value.as_slice(), b"x"].concat()), None);
    }

    #[test]
    fn a_digest_knows_every_row_and_their_order() {
        let of = |rows: &[u8]| {
            let mut hasher = RowsHasher::default();
            for row in rows {
                hasher.add(&Row::from_bytes([*row; ROW_LEN]));
            }
            hasher.digest()
        };
        for other in [&[1, 2][..], &[1, 2, 4], &[1, 3, 2], &[1, 2, 3, 3], &[]] {
            assert_ne!(of(&[1, 2, 3]), of(other), "{other:?}");
        }
    }
}

//! [`Ledger`]: evidence from the index and the journal. The only place where queries meet them.

use std::sync::{Arc, Mutex, PoisonError};

use custody_evidence::admission::AdmissionRecord;
use custody_evidence::fact::{Field, Term};
use custody_evidence::finding::Wanted;
use custody_evidence::thing::HexPrefix;
use custody_log::{LeafIndex, Timestamp, TreeSize};

use super::cache::Cache;
use super::error::QueryError;
use super::evidence::Evidence;
use super::find::size_before;
use super::reads::Reads;
use super::versions::{Texts, VERSIONS_MAX, Version};
use crate::index::{
    self, Index, IndexedEntry, PREFIX_STEPS_MAX, Prefix, Reading, Stored, field_range, leading_range,
};

/// Entries that are looked up at once below an erased one.
const OLDER: usize = 64;

/// Memory for small readings that were read lately. A statement of 4 KB takes about 3 KB.
const SMALL_BYTES_MAX: usize = 64 << 20;

/// The same for large ones. An SBOM of 1,700 components takes about 1 MB.
const LARGE_BYTES_MAX: usize = 32 << 20;

/// Envelopes up to this many bytes are read where it is asked whether they are of some type: it takes no longer than to read their records.
const READ_AT_ONCE: u64 = 16 * 1024;

/// Memory for entries while they are read for queries: 256 MiB, so one of the largest envelopes (three times 64 MiB) at a
/// time, or twenty of 4 MiB.
const READING_BYTES: u64 = 256 << 20;

/// What a row of a version is of.
enum Called {
    This {
        package: String,
        version: String,
    },
    /// All that named it was erased.
    Erased,
    /// It may not be read.
    Unread,
}

/// The evidence that the server has.
#[derive(Debug)]
pub struct Ledger {
    index: Arc<Index>,
    /// Never held while the journal is read.
    cache: Mutex<Cache>,
    reads: Reads,
    texts: Texts,
}

impl Ledger {
    /// Answers from this index and the journal that it was made from.
    #[must_use]
    pub fn new(index: Arc<Index>) -> Self {
        let (cache, reads) =
            (Mutex::new(Cache::new(SMALL_BYTES_MAX, LARGE_BYTES_MAX)), Reads::new(READING_BYTES));
        Self { index, cache, reads, texts: Texts::default() }
    }
}

impl Ledger {
    /// Reads an entry with all that is kept of it, as part of what may be read at once.
    pub fn with_stored<T>(&self, index: LeafIndex, read: impl FnOnce(Stored) -> T) -> Result<T, QueryError> {
        let _read = self.reads.begin(index, self.entry(index)?.envelope_bytes);
        Ok(read(self.index.source().stored(index).map_err(index::IndexError::from)?))
    }

    fn kept(&self, index: LeafIndex) -> Option<Arc<Reading>> {
        let kept = self.cache.lock().unwrap_or_else(PoisonError::into_inner).take(index)?;
        // What was read before it was erased is told no more.
        let gone = kept.erased.is_none() && self.index.source().redacted(&kept.entry.content);
        (!gone).then_some(kept)
    }

    /// Replaces erased entries, which tell nothing that they named between two bounds, by older ones that do.
    fn told(&self, found: Vec<LeafIndex>, low: &Prefix, high: &Prefix) -> Result<Vec<LeafIndex>, QueryError> {
        let mut named = Vec::new();
        for index in found {
            match &self.reading(index)?.erased {
                None => named.push(index),
                Some(erased) => {
                    for value in erased.leading_in(low, high) {
                        named.extend(self.older(&value, index)?);
                    }
                }
            }
        }
        Ok(named)
    }

    /// Returns the package and version of a row, as far as `left` bytes of envelopes allow to read them. It does not depend on what was
    /// recorded later: the same is asked as of any size.
    fn called(&self, key: &Prefix, newest: LeafIndex, left: &mut u64) -> Result<Called, QueryError> {
        let erased = self.index.source().redacted(&self.entry(newest)?.content);
        let named = if erased { self.older(key, newest)? } else { Some(newest) };
        let Some(named) = named else { return Ok(Called::Erased) };
        if let Some((package, version)) = self.texts.get(key) {
            return Ok(Called::This { package, version });
        }
        let bytes = self.envelope_bytes(named)?;
        if bytes > *left {
            return Ok(Called::Unread);
        }
        *left = left.saturating_sub(bytes);
        let reading = self.reading(named)?;
        let packages = reading.facts.packages();
        let found = packages.iter().find(|(package, version)| Prefix::version(package, version) == *key);
        let Some((package, version)) = found else { return Ok(Called::Erased) };
        self.texts.keep(*key, package, version);
        Ok(Called::This { package: (*package).to_owned(), version: (*version).to_owned() })
    }

    /// Whether a large entry is known not to be wanted, by its admission record.
    fn is_unwanted(&self, index: LeafIndex, wanted: Wanted) -> Result<bool, QueryError> {
        if wanted == Wanted::Anything || self.entry(index)?.envelope_bytes <= READ_AT_ONCE {
            return Ok(false);
        }
        let record = self.index.source().record(index).map_err(index::IndexError::from)?;
        let record = record.and_then(|record| AdmissionRecord::decode(&record).ok());
        Ok(record.is_some_and(|record| !wanted.is(Some(&record.predicate_type))))
    }

    fn entry(&self, index: LeafIndex) -> Result<IndexedEntry, QueryError> {
        let entry = self.index.source().entry(index).map_err(index::IndexError::from)?;
        Ok(IndexedEntry::decode(index, &entry)?)
    }

    /// Returns the newest entry that has this and is not erased, of those below an erased one.
    fn older(&self, digest: &Prefix, erased: LeafIndex) -> Result<Option<LeafIndex>, QueryError> {
        let mut below = erased;
        loop {
            let older = self.index.by_prefix(digest, size_before(below), OLDER)?;
            let Some(last) = older.last() else { return Ok(None) };
            below = *last;
            for index in older {
                if self.reading(index)?.erased.is_none() {
                    return Ok(Some(index));
                }
            }
        }
    }
}

impl Evidence for Ledger {
    fn committed(&self) -> TreeSize {
        self.index.source().size()
    }

    fn indexed_to(&self) -> TreeSize {
        self.index.indexed_to()
    }

    fn by_term(&self, term: &Term, below: TreeSize, limit: usize) -> Result<Vec<LeafIndex>, QueryError> {
        Ok(self.index.by_term(term, below, limit)?)
    }

    fn by_terms(
        &self,
        terms: &[Term],
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<Vec<LeafIndex>>, QueryError> {
        Ok(self.index.by_terms(terms, below, limit)?)
    }

    fn by_digest_prefix(
        &self,
        prefix: &HexPrefix,
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, QueryError> {
        let found = self.index.by_digest_prefix(prefix, below, limit)?;
        let found = found.ok_or(QueryError::TooMuch { entries: PREFIX_STEPS_MAX, bytes: 0 })?;
        let Some((low, high)) = leading_range(prefix) else { return Ok(found) };
        self.told(found, &low, &high)
    }

    fn each_of(&self, field: Field, below: TreeSize, limit: usize) -> Result<Vec<LeafIndex>, QueryError> {
        let found = self.index.each_of(field, below, limit)?;
        let found = found.ok_or(QueryError::TooMuch { entries: PREFIX_STEPS_MAX, bytes: 0 })?;
        let (low, high) = field_range(field);
        self.told(found, &low, &high)
    }

    fn reading(&self, index: LeafIndex) -> Result<Arc<Reading>, QueryError> {
        if let Some(reading) = self.kept(index) {
            return Ok(reading);
        }
        let _read = self.reads.begin(index, self.entry(index)?.envelope_bytes);
        // Whoever was asked the same a moment before has read it meanwhile.
        if let Some(reading) = self.kept(index) {
            return Ok(reading);
        }
        let stored = self.index.source().stored(index).map_err(index::IndexError::from)?;
        let reading = Arc::new(index::read(index, stored)?);
        // One that is erased while it is read here is dropped by whoever takes it next.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).keep(index, &reading);
        Ok(reading)
    }

    fn reading_if(&self, index: LeafIndex, wanted: Wanted) -> Result<Option<Arc<Reading>>, QueryError> {
        let kept = if wanted == Wanted::Anything { None } else { self.kept(index) };
        let reading = match kept {
            Some(kept) => kept,
            None if self.is_unwanted(index, wanted)? => return Ok(None),
            None => self.reading(index)?,
        };
        Ok(Some(reading).filter(|reading| reading.is(wanted)))
    }

    fn erased(&self, below: TreeSize) -> Result<Vec<LeafIndex>, QueryError> {
        let mut all = self.index.source().erased().map_err(index::IndexError::from)?;
        all.retain(|index| below.contains(*index));
        Ok(all)
    }

    fn redactions(&self) -> usize {
        self.index.source().redactions()
    }

    fn time(&self, index: LeafIndex) -> Result<Timestamp, QueryError> {
        Ok(self.entry(index)?.time)
    }

    fn envelope_bytes(&self, index: LeafIndex) -> Result<u64, QueryError> {
        Ok(self.entry(index)?.envelope_bytes)
    }

    fn versions(
        &self,
        package: &Term,
        below: TreeSize,
        left: &mut u64,
    ) -> Result<Option<Vec<Version>>, QueryError> {
        let most = VERSIONS_MAX.saturating_add(1);
        let found = self.index.versions(package.value(), below, most)?;
        let Some(found) = found.filter(|found| found.len() <= VERSIONS_MAX) else { return Ok(None) };
        let mut versions = Vec::new();
        for (key, newest) in found {
            match self.called(&key, newest, left)? {
                Called::Unread => return Ok(None),
                Called::Erased => versions.push(Version { key, text: None }),
                // Another package shares the part of its hash.
                Called::This { package: other, .. } if other != package.value() => {}
                Called::This { version, .. } => versions.push(Version { key, text: Some(version) }),
            }
        }
        Ok(Some(versions))
    }

    fn by_version(
        &self,
        version: &Version,
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, QueryError> {
        Ok(self.index.by_prefix(&version.key, below, limit)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use custody_evidence::thing::Thing;

    use super::*;
    use crate::index::Source;
    use crate::index::tests::written::{Written, busy, size};
    use crate::query::find::{Condition, Find, find};
    use crate::query::resolve::resolve;
    use crate::query::tests::memory::Memory;

    /// What its runs hold, whatever their numbers.
    fn rows(index: &Index) -> Vec<(u64, u64)> {
        vec![(index.rows(), index.indexed_to().get())]
    }

    #[test]
    fn an_erased_entry_is_found_by_what_it_named_and_says_nothing_before_and_after_the_index_is_made_again() {
        let (dir, again, written) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), busy(60));
        let source: Arc<dyn Source> = Arc::<Written>::clone(&written);
        let ledger =
            Ledger::new(Arc::new(Index::rebuild(dir.path(), Arc::clone(&source), &mut |_| {}).unwrap()));
        let at = LeafIndex::new(41).unwrap();
        let whole = ledger.reading(at).unwrap();
        assert!(!whole.terms.is_empty() && whole.erased.is_none());
        written.erase(at);
        let rebuilt = Ledger::new(Arc::new(Index::rebuild(again.path(), source, &mut |_| {}).unwrap()));
        assert_eq!(rows(&ledger.index), rows(&rebuilt.index));
        for ledger in [&ledger, &rebuilt] {
            // It was read before, and is not told from memory.
            let erased = ledger.reading(at).unwrap();
            assert!(erased.terms.is_empty() && erased.facts.edges.is_empty());
            for term in &whole.terms {
                assert!(erased.has(term), "{term}");
                let found = ledger.by_term(term, size(60), 60).unwrap();
                assert!(found.contains(&at), "{term}");
            }
            assert!(!erased.has(&Term::parse(Field::Run, "nobody's").unwrap()));
        }
    }

    #[test]
    fn what_is_not_wanted_is_not_read_if_it_is_large_and_what_was_erased_may_have_been() {
        let (dir, written) = (tempfile::tempdir().unwrap(), Written::new());
        let length = usize::try_from(READ_AT_ONCE).unwrap();
        let [small, large] = [0, length].map(|bytes| written.record_sbom(&["pkg:npm/x@1.0.0"], bytes));
        let build = written.record("https://slsa.dev/provenance/v1", &["x"], false);
        for (at, predicate_type) in
            [(small, "https://cyclonedx.org/bom"), (large, "https://cyclonedx.org/bom")]
        {
            written.recorded_as(at, predicate_type);
        }
        let source: Arc<dyn Source> = Arc::<Written>::clone(&written);
        let ledger = Ledger::new(Arc::new(Index::rebuild(dir.path(), source, &mut |_| {}).unwrap()));
        let told = |at: LeafIndex, wanted: Wanted| {
            ledger.reading_if(at, wanted).unwrap().map(|reading| reading.entry.index)
        };
        assert_eq!([small, large, build].map(|at| told(at, Wanted::Claimed)), [None, None, Some(build)]);
        let kept = |at: LeafIndex| ledger.kept(at).is_some();
        assert_eq!((kept(small), kept(large)), (true, false), "only the small one was read");
        assert_eq!(told(large, Wanted::Anything), Some(large));
        assert!(kept(large));
        assert_eq!(told(large, Wanted::Claimed), None, "nor is one that was read before told");
        written.erase(large);
        for wanted in [Wanted::Anything, Wanted::Claimed] {
            let erased = ledger.reading_if(large, wanted).unwrap().unwrap();
            assert!(erased.erased.is_some(), "{wanted:?}");
        }
    }

    #[test]
    fn what_was_erased_may_be_any_version_that_nobody_else_names_and_the_answer_is_the_same_after_a_start() {
        let (dir, written) = (tempfile::tempdir().unwrap(), Written::new());
        let in_sbom = |purl: &str| written.record_sbom(&[purl, "pkg:npm/other@1.1.1"], 100_000);
        let [one, two, again] =
            ["1.0.0", "2.0.0", "1.0.0"].map(|version| in_sbom(&format!("pkg:npm/x@{version}")));
        let source: Arc<dyn Source> = Arc::<Written>::clone(&written);
        let index = Arc::new(Index::rebuild(dir.path(), source, &mut |_| {}).unwrap());
        let ledger = Ledger::new(Arc::clone(&index));
        let ask = |ledger: &Ledger, version: &str, at: u64| {
            let conditions = vec![Condition::parse("component", &format!("pkg:npm/x@{version}")).unwrap()];
            find(ledger, &Find { conditions, ..Find::default() }, size(at)).unwrap().indexes
        };
        assert_eq!((ask(&ledger, "1.0.0", 4), ask(&ledger, ">=2", 4)), (vec![again, one], vec![two]));
        assert_eq!(
            (ask(&ledger, "1.0.0", 3), ask(&ledger, "3.0.0", 4), ask(&ledger, "2.0.0", 2)),
            (vec![one], vec![], vec![])
        );
        // Its version is still named by an older entry; then by none.
        written.erase(again);
        for ledger in [&ledger, &Ledger::new(Arc::clone(&index))] {
            assert_eq!((ask(ledger, "1.0.0", 4), ask(ledger, ">=2", 4)), (vec![again, one], vec![two]));
        }
        written.erase(one);
        for ledger in [&ledger, &Ledger::new(Arc::clone(&index))] {
            assert_eq!(
                (ask(ledger, "1.0.0", 4), ask(ledger, ">=2", 4)),
                (vec![again, one], vec![again, two, one])
            );
        }
    }

    #[test]
    fn digits_that_an_erased_entry_named_too_still_stand_for_what_an_older_one_names() {
        let (dir, written) = (tempfile::tempdir().unwrap(), Written::new());
        let older = written.record("https://a.test/p", &["shared", "older"], false);
        let newer = written.record("https://a.test/p", &["shared", "newer"], false);
        let source: Arc<dyn Source> = Arc::<Written>::clone(&written);
        let ledger = Ledger::new(Arc::new(Index::rebuild(dir.path(), source, &mut |_| {}).unwrap()));
        let digits = |text: &str| {
            let hex = custody_evidence::digest_set::Digest::sha256_of(text.as_bytes()).to_string();
            Thing::parse(&hex["sha256:".len()..][..9]).unwrap()
        };
        let nodes = |text: &str| resolve(&ledger, &[digits(text)], size(3)).unwrap().len();
        assert_eq!([nodes("shared"), nodes("older"), nodes("newer")], [1, 1, 1]);
        written.erase(newer);
        assert_eq!([nodes("shared"), nodes("older"), nodes("newer")], [1, 1, 0]);
        written.erase(older);
        assert_eq!([nodes("shared"), nodes("older"), nodes("newer")], [0, 0, 0]);
    }

    #[test]
    fn index_and_journal_answer_like_the_naive_model() {
        let (dir, written) = (tempfile::tempdir().unwrap(), busy(120));
        let source: Arc<dyn Source> = Arc::<Written>::clone(&written);
        let index = Index::rebuild(dir.path(), source, &mut |_| {}).unwrap();
        let ledger = Ledger::new(Arc::new(index));
        let readings = written.readings_below(size(120)).into_iter().map(Arc::new).collect();
        let memory = Memory { readings, indexed_to: size(120), ..Memory::new() };
        let terms: BTreeSet<_> = memory.readings.iter().flat_map(|reading| reading.terms.clone()).collect();
        for (term, at) in terms.iter().zip((0..=120).cycle()) {
            let condition = Condition::parse(term.field().as_str(), term.value()).unwrap();
            let question = Find { conditions: vec![condition], limit: Some(5), ..Find::default() };
            assert_eq!(
                find(&ledger, &question, size(at)).unwrap(),
                find(&memory, &question, size(at)).unwrap()
            );
        }
        for term in terms.iter().filter(|term| term.field() == Field::Subject) {
            let things = [Thing::parse(&term.value()["sha256:".len()..][..7]).unwrap()];
            let found = resolve(&ledger, &things, size(60)).unwrap();
            assert_eq!(found, resolve(&memory, &things, size(60)).unwrap(), "{term}");
        }
        assert_eq!(ledger.time(LeafIndex::ZERO).unwrap(), memory.time(LeafIndex::ZERO).unwrap());
    }
}

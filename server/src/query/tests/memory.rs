//! Evidence held in memory, for tests: the naive model that answers are compared with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use custody_evidence::fact::{Edge, EdgeKind, Facts, Field, Node, NodeKind, Term};
use custody_evidence::finding::SaidBy;
use custody_evidence::thing::HexPrefix;
use custody_log::{ContentDigest, EntryDigest, EnvelopeDigest, LeafIndex, Timestamp, TreeSize};

use crate::index::{Findable, IndexedEntry, Prefix, Reading};
use crate::query::versions::VERSIONS_MAX;
use crate::query::{Evidence, QueryError, Version};

/// What is recorded, in order.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) readings: Vec<Arc<Reading>>,
    pub(crate) indexed_to: TreeSize,
    /// Offered as a candidate for every term, as a collision of hashes would be.
    pub(crate) collision: Option<LeafIndex>,
    /// The length that the envelopes recorded next are said to have.
    pub(crate) envelope_bytes: u64,
    /// How often an entry was read.
    pub(crate) read: AtomicUsize,
    /// How often it was looked for what has some terms.
    pub(crate) looks: AtomicUsize,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self {
            readings: Vec::new(),
            indexed_to: TreeSize::ZERO,
            collision: None,
            envelope_bytes: 1_000,
            read: AtomicUsize::new(0),
            looks: AtomicUsize::new(0),
        }
    }

    pub(crate) fn with_times(micros: &[i64]) -> Self {
        let mut memory = Self::new();
        for micros in micros {
            memory.record(*micros, None, &[], &[]);
        }
        memory
    }

    /// Records an entry and returns its index.
    pub(crate) fn record(
        &mut self,
        micros: i64,
        claimed: Option<i64>,
        edges: &[(Node, EdgeKind, Node)],
        terms: &[(Field, &str)],
    ) -> LeafIndex {
        let mut facts = Facts::default();
        let edge = |(from, kind, to): &(Node, EdgeKind, Node)| Edge {
            from: from.clone(),
            kind: *kind,
            to: to.clone(),
        };
        facts.edges = edges.iter().map(edge).collect();
        facts.happened = claimed.map(time);
        self.record_facts(micros, facts, terms)
    }

    pub(crate) fn record_facts(&mut self, micros: i64, facts: Facts, more: &[(Field, &str)]) -> LeafIndex {
        let position = index(self.readings.len().try_into().unwrap());
        let bytes = position.get().to_be_bytes();
        let entry = IndexedEntry {
            index: position,
            digest: EntryDigest::of(&bytes),
            time: time(micros),
            content: ContentDigest::of(&bytes),
            envelope: EnvelopeDigest::of(&bytes),
            envelope_bytes: self.envelope_bytes,
            administrative: false,
        };
        let mut terms = facts.terms();
        terms.extend(more.iter().map(|(field, value)| Term::parse(*field, value).unwrap()));
        self.readings.push(Arc::new(Reading {
            entry,
            facts,
            build: None,
            said_by: SaidBy::default(),
            terms,
            leading: BTreeSet::new(),
            erased: None,
        }));
        self.indexed_to = position.size_through();
        position
    }

    /// Erases an entry: it is found as before, and says nothing.
    pub(crate) fn erase(&mut self, index: LeafIndex) {
        let place = usize::try_from(index.get()).unwrap();
        let erased = Reading {
            facts: Facts::default(),
            terms: BTreeSet::new(),
            erased: Some(Findable::by(&self.readings[place].terms, &BTreeSet::new(), BTreeSet::new())),
            ..self.readings[place].as_ref().clone()
        };
        self.readings[place] = Arc::new(erased);
    }

    fn below(&self, below: TreeSize) -> impl Iterator<Item = &Arc<Reading>> {
        let below = below.min(self.indexed_to).get().try_into().unwrap();
        self.readings.iter().take(below).rev()
    }
}

impl Evidence for Memory {
    fn committed(&self) -> TreeSize {
        size(self.readings.len().try_into().unwrap())
    }

    fn indexed_to(&self) -> TreeSize {
        self.indexed_to
    }

    fn by_terms(
        &self,
        terms: &[Term],
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<Vec<LeafIndex>>, QueryError> {
        let before = self.looks.load(Ordering::Relaxed);
        let found = terms.iter().map(|term| self.by_term(term, below, limit)).collect();
        self.looks.store(before + 1, Ordering::Relaxed);
        found
    }

    fn by_term(&self, term: &Term, below: TreeSize, limit: usize) -> Result<Vec<LeafIndex>, QueryError> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let has = |reading: &&Arc<Reading>| reading.has(term) || self.collision == Some(reading.entry.index);
        Ok(self.below(below).filter(has).map(|reading| reading.entry.index).take(limit).collect())
    }

    fn by_digest_prefix(
        &self,
        prefix: &HexPrefix,
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, QueryError> {
        let digits = |term: &Term| term.value().rsplit([':', '@']).next().unwrap().to_owned();
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for reading in self.below(below) {
            let fits = reading.terms.iter().map(digits).filter(|digits| digits.starts_with(prefix.as_str()));
            if fits.filter(|digits| seen.insert(digits.clone())).count() > 0 {
                found.push(reading.entry.index);
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    fn each_of(&self, field: Field, below: TreeSize, limit: usize) -> Result<Vec<LeafIndex>, QueryError> {
        let mut newest = BTreeMap::new();
        for reading in self.below(below) {
            for term in reading.terms.iter().filter(|term| term.field() == field) {
                newest.entry(term.clone()).or_insert(reading.entry.index);
            }
        }
        Ok(newest.into_values().take(limit).collect())
    }

    fn versions(
        &self,
        package: &Term,
        below: TreeSize,
        _: &mut u64,
    ) -> Result<Option<Vec<Version>>, QueryError> {
        let mut texts = BTreeSet::new();
        for reading in self.below(below) {
            let packages = reading.facts.packages();
            let of_package = packages.into_iter().filter(|(name, _)| *name == package.value());
            texts.extend(of_package.map(|(_, version)| version.to_owned()));
        }
        let version = |text: String| Version::of(package.value(), &text);
        Ok((texts.len() <= VERSIONS_MAX).then(|| texts.into_iter().map(version).collect()))
    }

    fn by_version(
        &self,
        version: &Version,
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, QueryError> {
        let has = |reading: &&Arc<Reading>| {
            let packages = reading.facts.packages();
            packages.iter().any(|(name, text)| Prefix::version(name, text) == version.key)
        };
        Ok(self.below(below).filter(has).map(|reading| reading.entry.index).take(limit).collect())
    }

    fn envelope_bytes(&self, index: LeafIndex) -> Result<u64, QueryError> {
        Ok(self.readings[usize::try_from(index.get()).unwrap()].entry.envelope_bytes)
    }

    fn reading(&self, index: LeafIndex) -> Result<Arc<Reading>, QueryError> {
        self.read.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::clone(&self.readings[usize::try_from(index.get()).unwrap()]))
    }

    fn erased(&self, below: TreeSize) -> Result<Vec<LeafIndex>, QueryError> {
        let mut erased: Vec<LeafIndex> = self
            .below(below)
            .filter(|reading| reading.erased.is_some())
            .map(|reading| reading.entry.index)
            .collect();
        erased.reverse();
        Ok(erased)
    }

    fn redactions(&self) -> usize {
        self.readings.iter().filter(|reading| reading.erased.is_some()).count()
    }

    fn time(&self, index: LeafIndex) -> Result<Timestamp, QueryError> {
        Ok(self.readings[usize::try_from(index.get()).unwrap()].entry.time)
    }
}

pub(crate) fn index(number: u64) -> LeafIndex {
    LeafIndex::new(number).unwrap()
}

pub(crate) fn size(number: u64) -> TreeSize {
    TreeSize::new(number).unwrap()
}

pub(crate) fn time(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

/// The artifact whose sha256 repeats this digit.
pub(crate) fn artifact(digit: char) -> Node {
    node(NodeKind::Artifact, &sha256(digit))
}

pub(crate) fn sha256(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

pub(crate) fn node(kind: NodeKind, id: &str) -> Node {
    Node::named(kind, id).unwrap()
}

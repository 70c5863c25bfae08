//! Evidence from the index and the journal, as a client gathers it over the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use custody_evidence::Digest;
use custody_evidence::admission::AdmissionRecord;
use custody_evidence::envelope::{Envelope, Said};
use custody_evidence::fact::{Facts, Field, Term};
use custody_evidence::finding::FindingKind;
use custody_evidence::identity::Identity;
use custody_evidence::trust::{FirstSigned, TrustState};
use custody_gate::evidence::{Admitted, ENTRIES_MAX};
use custody_gate::{About, Ask, Entry, Evidence as Gathered, Finding, Incomplete, Level};
use custody_log::{ContentDigest, LeafIndex};

use super::{EvaluateError, Log};
use crate::index::{IndexedEntry, Stored};
use crate::query::find::LIMIT_MAX;
use crate::query::{Condition, Evidence, Find, Findings, QueryError, find, findings};

/// The predicates that one verdict's evidence may hold: 64 MiB, as much as a client's.
const PREDICATE_BYTES_MAX: usize = 64 << 20;

/// Gathers for one verdict.
pub(super) struct Gatherer<'a, E: ?Sized> {
    log: &'a Log<'a, E>,
    trust: &'a TrustState,
    seen: BTreeMap<LeafIndex, Entry>,
    bytes: usize,
}

impl<'a, E: Evidence + ?Sized> Gatherer<'a, E> {
    pub(super) fn new(log: &'a Log<'a, E>, trust: &'a TrustState) -> Self {
        Self { log, trust, seen: BTreeMap::new(), bytes: 0 }
    }

    /// Answers a question with all entries that it means, or says that these are not all.
    pub(super) fn answer(&mut self, ask: Ask, evidence: &mut Gathered) -> Result<(), EvaluateError> {
        match &ask {
            Ask::Findings { about, kinds } => {
                let (found, incomplete) = self.findings(about, kinds)?;
                evidence.add_findings(ask, found, incomplete);
            }
            Ask::Statements { about, types } => {
                let (indexes, mut incomplete) = self.indexes(about, types)?;
                let mut entries = Vec::with_capacity(indexes.len());
                for index in indexes {
                    match self.entry(index)? {
                        Some(entry) => entries.push(entry),
                        None => incomplete = Some(Incomplete::Capped),
                    }
                }
                evidence.add(ask, entries, incomplete);
            }
        }
        Ok(())
    }

    fn indexes(
        &self,
        about: &About,
        types: &BTreeSet<String>,
    ) -> Result<(BTreeSet<LeafIndex>, Option<Incomplete>), EvaluateError> {
        let condition = match about {
            About::Subject(digest) => Condition::parse("subject", &digest.to_string())?,
            About::Component(purl) => Condition::parse("component", purl)?,
        };
        let mut indexes = BTreeSet::new();
        for of in types {
            let conditions = vec![condition.clone(), Condition::parse("predicate", of)?];
            if !self.all(Find { conditions, limit: Some(LIMIT_MAX), ..Find::default() }, &mut indexes)? {
                return Ok((indexes, Some(Incomplete::Capped)));
            }
        }
        Ok((indexes, None))
    }

    /// Adds the entries that meet a question; false if there are too many.
    fn all(&self, mut question: Find, indexes: &mut BTreeSet<LeafIndex>) -> Result<bool, EvaluateError> {
        loop {
            let found = find(self.log.evidence, &question, self.log.size)?;
            indexes.extend(found.indexes);
            match found.next {
                None => return Ok(true),
                Some(_) if indexes.len() >= ENTRIES_MAX => return Ok(false),
                next => question.next = next,
            }
        }
    }

    fn findings(
        &self,
        about: &Digest,
        kinds: &BTreeSet<FindingKind>,
    ) -> Result<(BTreeSet<Finding>, Option<Incomplete>), EvaluateError> {
        let people = Arc::clone(self.trust.people());
        let mut question =
            Findings { about: vec![about.clone()], kinds: kinds.clone(), people, ..Findings::default() };
        let (mut found, mut incomplete) = (BTreeSet::new(), None);
        loop {
            let page = match findings(self.log.evidence, &question, self.log.size) {
                Err(QueryError::TooMuch { .. }) => return Ok((found, Some(Incomplete::Capped))),
                page => page?,
            };
            if !page.uncounted.is_empty() {
                incomplete = Some(Incomplete::Capped);
            } else if !page.erased.is_empty() {
                incomplete = incomplete.or(Some(Incomplete::Redacted));
            }
            found.extend(page.findings.iter().map(|(finding, _)| Finding::from(finding)));
            match page.next {
                Some(next) => question.next = Some(next),
                None => return Ok((found, incomplete)),
            }
        }
    }

    /// Returns what a gate sees of an entry; none if there is no room for it.
    fn entry(&mut self, index: LeafIndex) -> Result<Option<Entry>, EvaluateError> {
        if let Some(entry) = self.seen.get(&index) {
            return Ok(Some(entry.clone()));
        }
        let entry = self.log.entries.with_stored(index, |stored| self.read(index, stored))??;
        let length = entry.predicate.as_ref().map_or(0, Vec::len);
        if self.bytes.saturating_add(length) > PREDICATE_BYTES_MAX {
            return Ok(None);
        }
        self.bytes = self.bytes.saturating_add(length);
        self.seen.insert(index, entry.clone());
        Ok(Some(entry))
    }

    fn read(&self, index: LeafIndex, stored: Stored) -> Result<Entry, EvaluateError> {
        let indexed = IndexedEntry::decode(index, &stored.entry)?;
        let time = self.log.evidence.looked_up_by(index, indexed.time, self.log.size);
        let record = stored.record.and_then(|bytes| AdmissionRecord::decode(&bytes).ok());
        let (Some(record), None) = (record, stored.erased) else {
            let said = self.log.head.trust.redacted(&indexed.content);
            let by = said.map_or(self.log.head.admin, |said| said.by);
            return Ok(Entry::redacted(index, time, indexed.content, by));
        };
        let envelope = stored.envelope.and_then(|bytes| Envelope::from_vec(bytes).ok());
        let said = envelope.as_ref().and_then(|envelope| envelope.said().ok());
        let facts = said.as_ref().map_or_else(Facts::default, Said::facts);
        let statement = said.as_ref().and_then(Said::statement);
        let admitted = Admitted {
            index,
            time,
            content: indexed.content,
            record: &record,
            statement,
            facts: &facts,
            level: Level::Verified,
        };
        let earlier = self.first_signed(&record, index, indexed.content)?;
        Ok(Entry::new(&admitted, self.trust, &earlier))
    }

    /// Finds for each distrusted signer the first entry in which their signature on the same content was verified.
    fn first_signed(
        &self,
        record: &AdmissionRecord,
        index: LeafIndex,
        content: ContentDigest,
    ) -> Result<FirstSigned, EvaluateError> {
        let mut first = FirstSigned::new();
        let Some(subject) = record.subjects.first() else { return Ok(first) };
        for signer in record.verified_identities() {
            if self.trust.distrusted_signer(&signer, index).is_none() {
                continue;
            }
            let conditions =
                vec![Condition::parse("subject", subject)?, Condition::parse("signer", &signer.to_string())?];
            let before =
                Find { conditions, recorded_until: Some(index), limit: Some(LIMIT_MAX), ..Find::default() };
            let mut indexes = BTreeSet::new();
            self.all(before, &mut indexes)?;
            for other in indexes {
                if self.signed(other, &signer, content)? {
                    first.insert(signer, other);
                    break;
                }
            }
        }
        Ok(first)
    }

    fn signed(
        &self,
        index: LeafIndex,
        signer: &Identity,
        content: ContentDigest,
    ) -> Result<bool, EvaluateError> {
        let reading = self.log.evidence.reading(index)?;
        let by = Term::of_identity(Field::Signer, signer);
        Ok(reading.entry.content == content && reading.terms.contains(&by))
    }
}

//! What an entry says, read from what the journal holds: the rows of the index, and what queries answer from.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use custody_evidence::admission::{AdmissionRecord, Build};
use custody_evidence::envelope::Envelope;
use custody_evidence::fact::{Facts, Field, Term};
use custody_evidence::finding::{SaidBy, Wanted};
use custody_log::{ContentDigest, Entry, EntryDigest, EnvelopeDigest, LeafIndex, Timestamp};

use super::error::IndexError;
use super::keys::{self, PREFIX_LEN, Prefix, Row, SHORT_LEN};
use super::remains::Remains;
use super::source::{Source, Stored};

/// What the entry index needs of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexedEntry {
    /// Position.
    pub index: LeafIndex,
    /// Digest of the entry's bytes.
    pub digest: EntryDigest,
    /// Ledger time.
    pub time: Timestamp,
    /// What was signed.
    pub content: ContentDigest,
    /// The envelope as received.
    pub envelope: EnvelopeDigest,
    /// Length of the envelope, in bytes.
    pub envelope_bytes: u64,
    /// Whether it is administrative.
    pub administrative: bool,
}

/// What one entry says: its facts, and what it can be found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The entry.
    pub entry: IndexedEntry,
    /// The facts of its statement; empty where the envelope was erased or cannot be read.
    pub facts: Facts,
    /// Whose build its subjects are, if it says that.
    pub build: Option<Build>,
    /// Who says it; nobody where that was erased.
    pub said_by: SaidBy,
    /// Everything that it can be found by.
    pub terms: BTreeSet<Term>,
    /// Leading bytes of every digest that it names, so that the first digits find it.
    pub leading: BTreeSet<[u8; SHORT_LEN]>,
    /// What it could be found by before it was erased, as hashes; none if it is not erased.
    pub erased: Option<Findable>,
}

impl IndexedEntry {
    /// Reads an entry's exact bytes.
    pub fn decode(index: LeafIndex, bytes: &[u8]) -> Result<Self, IndexError> {
        let entry = Entry::decode(bytes).map_err(|source| IndexError::Entry { index, source })?;
        Ok(Self::of(&entry, EntryDigest::of(bytes)))
    }

    /// Takes what is needed from a decoded entry, whose bytes have this digest.
    #[must_use]
    pub const fn of(entry: &Entry, digest: EntryDigest) -> Self {
        Self {
            index: entry.index,
            digest,
            time: entry.time,
            content: entry.content,
            envelope: entry.envelope.digest,
            envelope_bytes: entry.envelope.length,
            administrative: entry.administrative,
        }
    }
}

/// What the entry index finds one entry by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryKeys {
    pub(super) index: LeafIndex,
    pub(super) rows: Vec<Row>,
}

impl EntryKeys {
    /// Works them out from an entry, and what its admission record says of builds.
    #[must_use]
    pub fn of(entry: &IndexedEntry, build: Option<&Build>) -> Self {
        let builds = build.into_iter().flat_map(|build| build.artifacts().map(Prefix::build));
        let own = [Prefix::content(&entry.content), Prefix::envelope(&entry.envelope)];
        let rows = own.into_iter().chain(builds).map(|prefix| prefix.row(entry.index)).collect();
        Self { index: entry.index, rows }
    }

    /// The same for an entry that was erased: it has the rows that it had.
    #[must_use]
    pub fn of_erased(entry: &IndexedEntry, remains: &Remains) -> Self {
        let Self { index, mut rows } = Self::of(entry, None);
        rows.extend(remains.builds().map(|prefix| prefix.row(index)));
        Self { index, rows }
    }

    /// Reads an entry of a journal, and its record where that may say something of builds.
    pub(crate) fn read(source: &dyn Source, index: LeafIndex) -> Result<Self, IndexError> {
        let entry = IndexedEntry::decode(index, &source.entry(index)?)?;
        let Some(record) = source.record(index)? else {
            let erased = source.stored(index)?.erased;
            return Ok(Self::of_erased(&entry, &Remains::kept(&erased.unwrap_or_default())));
        };
        let record = Some(record).filter(|record| may_be_build(record));
        let record = record.and_then(|record| AdmissionRecord::decode(&record).ok());
        Ok(Self::of(&entry, record.and_then(|record| Build::of(index, &record)).as_ref()))
    }
}

/// Whether it is worth while to read a record as JSON for what it says of builds: hardly any is. The server writes records without
/// white space.
fn may_be_build(record: &[u8]) -> bool {
    std::str::from_utf8(record).is_ok_and(|text| text.contains(r#""binding":"bound""#))
}

/// The rows that the facts index has of one entry. They may come from whoever has read the entry already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactRows {
    pub(super) index: LeafIndex,
    pub(super) rows: Vec<Row>,
}

impl FactRows {
    /// Works out the rows of an entry. One that was erased has those that it had before.
    #[must_use]
    pub fn of(reading: &Reading) -> Self {
        let index = reading.entry.index;
        match &reading.erased {
            Some(erased) => erased.at(index),
            None => Findable::by(&reading.terms, &reading.leading, versions(&reading.facts)).at(index),
        }
    }

    /// The same from what is kept of the entry.
    pub fn read(index: LeafIndex, stored: Stored) -> Result<Self, IndexError> {
        Ok(Self::of(&read(index, stored)?))
    }
}

/// The most prefixes of one entry that wait for its place: 4,096, so 52 KiB. A usual entry has some 20; what has more
/// is read again from the journal.
const FINDABLE_MAX: usize = 4_096;

/// Room for the prefixes of a usual entry, those that are there twice included.
const USUAL: usize = 64;

/// What an envelope can be found by, before it has its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findable(Vec<Prefix>);

impl Findable {
    /// Works it out from the facts of a statement and its admission record; none if that is too much to wait in memory.
    ///
    /// They are those of [`FactRows::of`]. The texts that they are hashes of are not kept, since an entry has some twenty.
    #[must_use]
    pub fn of(facts: &Facts, record: &AdmissionRecord) -> Option<Self> {
        if facts.edges.len() > FINDABLE_MAX {
            return None;
        }
        let mut prefixes = Vec::with_capacity(USUAL);
        let mut add = |field, value: &str| {
            // One more than there may be says that there are too many.
            if prefixes.len() <= FINDABLE_MAX {
                prefixes.push(Prefix::found_by(field, value));
                prefixes.extend(leading_of(field, value).map(Prefix::leading));
            }
        };
        facts.each_term(&mut add);
        for term in record_terms(record) {
            add(term.field(), term.value());
        }
        prefixes.extend(versions(facts));
        (prefixes.len() <= FINDABLE_MAX).then(|| Self::in_order(prefixes))
    }

    /// Returns the rows of the entry that got this place.
    #[must_use]
    pub fn at(&self, index: LeafIndex) -> FactRows {
        FactRows { index, rows: self.0.iter().map(|prefix| prefix.row(index)).collect() }
    }

    /// Takes the keys that a redaction kept, in order.
    pub(super) fn kept(keys: impl Iterator<Item = Prefix>) -> Self {
        Self(keys.collect())
    }

    /// The bytes that it takes in memory.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.0.len().saturating_mul(PREFIX_LEN)
    }

    /// Whether the hash of this term is among them.
    fn has(&self, term: &Term) -> bool {
        self.0.binary_search(&Prefix::term(term)).is_ok()
    }

    /// Returns the keys of the digests that start within these bounds.
    pub(crate) fn leading_in(&self, low: &Prefix, high: &Prefix) -> impl Iterator<Item = Prefix> {
        self.0.iter().filter(move |prefix| (*low..=*high).contains(*prefix)).copied()
    }

    pub(crate) fn by(
        terms: &BTreeSet<Term>,
        leading: &BTreeSet<[u8; SHORT_LEN]>,
        versions: BTreeSet<Prefix>,
    ) -> Self {
        let leading = leading.iter().map(|leading| Prefix::leading(*leading));
        let terms = terms.iter().map(Prefix::term).chain(leading);
        Self::in_order(terms.chain(versions).collect())
    }

    fn in_order(mut prefixes: Vec<Prefix>) -> Self {
        // Two terms may share a hash: it is one row.
        prefixes.sort_unstable();
        prefixes.dedup();
        Self(prefixes)
    }
}

impl Reading {
    /// Puts together what is known of an entry: the facts of its statement, and its admission record unless that was
    /// erased. [`read`] gives the same for the bytes that both were read from.
    #[must_use]
    pub fn new(entry: IndexedEntry, facts: Facts, record: Option<&AdmissionRecord>) -> Self {
        let (terms, leading) = found_by(&facts, record);
        let build = record.and_then(|record| Build::of(entry.index, record));
        let said_by = record.map(SaidBy::of).unwrap_or_default();
        Self { entry, facts, build, said_by, terms, leading, erased: None }
    }

    /// Whether it can be found by this term. Of an erased entry the hash says so: nothing is left to compare.
    #[must_use]
    pub fn has(&self, term: &Term) -> bool {
        self.terms.contains(term) || self.erased.as_ref().is_some_and(|erased| erased.has(term))
    }

    /// Whether a rule wants to see it. What is erased may have been of any type.
    #[must_use]
    pub fn is(&self, wanted: Wanted) -> bool {
        self.erased.is_some() || wanted.is(self.facts.predicate_type())
    }

    /// Returns when it happened: as claimed, but never later than the ledger learned of it; ledger time without a
    /// claim.
    #[must_use]
    pub fn happened(&self) -> Timestamp {
        self.facts.happened.map_or(self.entry.time, |claimed| claimed.min(self.entry.time))
    }
}

/// The versions of packages that a statement names.
fn versions(facts: &Facts) -> BTreeSet<Prefix> {
    facts.packages().into_iter().map(|(package, version)| Prefix::version(package, version)).collect()
}

/// Everything that an entry can be found by, and the leading bytes of every digest among it.
fn found_by(facts: &Facts, record: Option<&AdmissionRecord>) -> (BTreeSet<Term>, BTreeSet<[u8; SHORT_LEN]>) {
    let mut terms = facts.terms();
    terms.extend(record.map(record_terms).unwrap_or_default());
    let leading = terms.iter().filter_map(|term| leading_of(term.field(), term.value())).collect();
    (terms, leading)
}

/// Reads an entry with what is kept beside it. The same bytes give the same reading (for one reader version);
/// what cannot be read is left out, and never an error: admission refused it, or a redaction erased it. So is an envelope
/// that the reader panics over, which is said in the server's log: all other entries are found all the same.
pub fn read(index: LeafIndex, stored: Stored) -> Result<Reading, IndexError> {
    read_by(facts_of, index, stored)
}

fn read_by(
    facts_of: impl FnOnce(Vec<u8>) -> Option<Facts>,
    index: LeafIndex,
    stored: Stored,
) -> Result<Reading, IndexError> {
    let entry = IndexedEntry::decode(index, &stored.entry)?;
    let Stored { record, envelope, erased, .. } = stored;
    if let Some(keys) = erased {
        let erased = Some(Remains::kept(&keys).found_by());
        return Ok(Reading { erased, ..Reading::new(entry, Facts::default(), None) });
    }
    let record = record.and_then(|record| AdmissionRecord::decode(&record).ok());
    let whole = || Reading::new(entry, envelope.and_then(facts_of).unwrap_or_default(), record.as_ref());
    Ok(catch_unwind(AssertUnwindSafe(whole)).unwrap_or_else(|_| {
        tracing::error!(entry = %index, "a bug: the facts of an envelope cannot be read, and are left out");
        Reading::new(entry, Facts::default(), record.as_ref())
    }))
}

fn facts_of(envelope: Vec<u8>) -> Option<Facts> {
    // The bytes may be 64 MiB: they are not copied.
    let envelope = Envelope::from_vec(envelope).ok()?;
    envelope.said().ok().map(|said| said.facts())
}

/// What the admission record adds: who signed and submitted; and where the envelope is gone, its subjects and type.
fn record_terms(record: &AdmissionRecord) -> Vec<Term> {
    let signers = record.verified_identities();
    let signers = signers.iter().map(|signer| Term::of_identity(Field::Signer, signer));
    let submitter = record.submitter.as_ref().map(|claims| {
        let identity = format!("{}#{}", claims.issuer, claims.token_subject);
        Term::of_identity(Field::Submitter, &identity)
    });
    let subjects = record.subjects.iter().filter_map(|digest| Term::parse(Field::Subject, digest).ok());
    let predicate = Term::parse(Field::Predicate, &record.predicate_type).ok();
    signers.chain(submitter).chain(subjects).chain(predicate).collect()
}

/// The leading bytes of the digest that a term's value ends in: `sha256:<hex>`, `<repository>@<hex>`, `key:<hex>`.
fn leading_of(field: Field, value: &str) -> Option<[u8; SHORT_LEN]> {
    match field {
        Field::Artifact
        | Field::Commit
        | Field::Document
        | Field::Identity
        | Field::Signer
        | Field::Subject => keys::leading_bytes(behind_last_mark(value)),
        Field::Builder
        | Field::Component
        | Field::Environment
        | Field::Name
        | Field::Pair
        | Field::Policy
        | Field::Predicate
        | Field::Ref
        | Field::Repository
        | Field::Run
        | Field::Secret
        | Field::Submitter
        | Field::Vulnerability => None,
    }
}

/// What stands behind the last `:` or `@`, or all of it. By bytes: both are of ASCII, and each entry has some twenty such texts.
fn behind_last_mark(value: &str) -> &str {
    let mark = value.bytes().rposition(|byte| matches!(byte, b':' | b'@'));
    mark.and_then(|mark| value.get(mark + 1..)).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use custody_evidence::Digest;
    use custody_evidence::fact;
    use custody_evidence::statement::{Statement, StatementBuilder};
    use serde_json::json;

    use super::*;
    use crate::index::tests::written::{Written, index};

    fn record() -> Vec<u8> {
        let digest = |digit: &str| digit.repeat(64);
        let text = format!(
            r#"{{"format":"custody/record/v1","crit":[],"salt":"{}","media_type":"application/vnd.dsse.envelope.v1+json",
            "predicate_type":"https://a.test/p","subjects":["sha256:{}"],"signers":[
            {{"signature":0,"status":"verified","key":"{}","spki":"","rule":"ci","hint":"","why":null}},
            {{"signature":1,"status":"unverified","key":"{}","spki":"","rule":null,"hint":"","why":"failed"}}],
            "submitter":{{"issuer":"https://token.test","token_subject":"repo:acme/api"}},"binding":"bound","authority":"own",
            "checks":[],"trust":{{"index":0,"version":1}},"reader":"1","attachments":[],"marks":[]}}"#,
            digest("0"),
            digest("a"),
            digest("e"),
            digest("f"),
        );
        AdmissionRecord::decode(text.as_bytes()).unwrap().encode()
    }

    fn has(reading: &Reading, field: Field, value: &str) -> bool {
        reading.terms.contains(&Term::parse(field, value).unwrap())
    }

    #[test]
    fn a_record_is_read_for_builds_only_where_it_may_say_some() {
        assert!(may_be_build(&record()), "as the server writes it");
        let unbound = String::from_utf8(record()).unwrap().replace("\"bound\"", "\"unbound\"");
        assert!(!may_be_build(unbound.as_bytes()) && !may_be_build(b"\xff"));
    }

    #[test]
    fn signers_that_count_and_the_submitter_come_from_the_admission_record() {
        let written = Written::new();
        let mut stored = written.stored(index(0)).unwrap();
        stored.record = Some(record());
        let reading = read(index(0), stored).unwrap();
        assert!(has(&reading, Field::Signer, &format!("key:{}", "e".repeat(64))));
        assert!(!has(&reading, Field::Signer, &format!("key:{}", "f".repeat(64))));
        assert!(has(&reading, Field::Submitter, "https://token.test#repo:acme/api"));
        assert!(reading.leading.contains(&[0xee; SHORT_LEN]));
    }

    /// A provenance with all that is found by more than one text: a commit, references, a package, a run that is an attempt.
    fn facts_of_a_build(dependencies: usize) -> Facts {
        let package = |at: usize| json!({ "uri": format!("pkg:npm/x{at}@1.2.3"), "digest": { "sha256": hex::encode([7; 32]) } });
        let mut resolved = vec![
            json!({ "uri": "git+https://github.com/acme/api@refs/heads/main", "digest": { "gitCommit": "c".repeat(40) } }),
            json!({ "uri": "oci://alpine:3.20", "digest": { "sha256": "d".repeat(64) } }),
        ];
        resolved.extend((0..dependencies).map(package));
        let predicate = json!({
            "buildDefinition": { "resolvedDependencies": resolved },
            "runDetails": {
                "builder": { "id": "https://builder.test" },
                "metadata": { "invocationId": "https://github.com/acme/api/actions/runs/7/attempts/2" },
            },
        });
        let statement = StatementBuilder::new("https://slsa.dev/provenance/v1");
        let payload = statement.subject("app-1.2.tgz", [Digest::sha256_of(b"app")]);
        let payload = payload.predicate(predicate.to_string().as_bytes()).unwrap();
        fact::read(&Statement::parse(&payload).unwrap())
    }

    #[test]
    fn what_waits_for_its_place_gets_the_rows_that_the_journal_gives() {
        let record = AdmissionRecord::decode(&record()).unwrap();
        let entry = IndexedEntry::decode(index(0), &Written::new().stored(index(0)).unwrap().entry).unwrap();
        for facts in [facts_of_a_build(3), facts_of_a_build(0), Facts::default()] {
            let findable = Findable::of(&facts, &record).unwrap();
            let reading = Reading::new(entry, facts, Some(&record));
            assert_eq!(findable.at(index(0)), FactRows::of(&reading));
            assert!(reading.terms.iter().all(|term| findable.has(term)));
        }
        let rows = Findable::of(&facts_of_a_build(3), &record).unwrap().at(index(0)).rows.len();
        assert!(rows > 30, "{rows}");
        assert_eq!(Findable::of(&facts_of_a_build(FINDABLE_MAX / 2), &record), None, "too much to wait");
    }

    #[test]
    fn an_erased_or_unreadable_envelope_or_one_that_is_panicked_over_is_found_by_what_was_recorded_of_it() {
        let written = Written::new();
        for envelope in [None, Some(b"noise".to_vec())] {
            let stored = Stored { record: Some(record()), envelope, ..written.stored(index(0)).unwrap() };
            let reading = read(index(0), stored).unwrap();
            assert_eq!(reading.facts, Facts::default());
            assert!(has(&reading, Field::Subject, &format!("sha256:{}", "a".repeat(64))));
            assert!(has(&reading, Field::Predicate, "https://a.test/p"));
        }
        let stored = Stored { record: Some(record()), ..written.stored(index(0)).unwrap() };
        let reading = read_by(|_| panic!("over these bytes"), index(0), stored).unwrap();
        assert_eq!(reading.facts, Facts::default());
        assert!(has(&reading, Field::Predicate, "https://a.test/p"), "one that is panicked over likewise");
        let stored = Stored { record: None, envelope: None, ..written.stored(index(0)).unwrap() };
        assert!(read(index(0), stored).unwrap().terms.is_empty());
    }
}

//! A journal held in memory, for tests.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use custody_evidence::admission::AdmissionRecord;
use custody_evidence::digest_set::Digest;
use custody_evidence::dsse::Envelope;
use custody_evidence::statement::StatementBuilder;
use custody_log::{
    ContentDigest, Entry, EntryDigest, EnvelopeDigest, LeafIndex, Measured, RecordDigest, Timestamp, TreeSize,
};

use crate::index::{EntryKeys, Reading, Remains, Source, SourceError, Stored, read};

/// A journal in memory.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) entries: Mutex<Vec<Stored>>,
    /// Contents that are erased.
    pub(crate) redacted: Mutex<BTreeSet<ContentDigest>>,
}

impl Source for Written {
    fn size(&self) -> TreeSize {
        size(self.entries.lock().unwrap().len().try_into().unwrap())
    }

    fn entry(&self, index: LeafIndex) -> Result<Vec<u8>, SourceError> {
        Ok(self.stored(index)?.entry)
    }

    fn record(&self, index: LeafIndex) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.stored(index)?.record)
    }

    fn stored(&self, index: LeafIndex) -> Result<Stored, SourceError> {
        let at = usize::try_from(index.get()).unwrap();
        Ok(self.entries.lock().unwrap()[at].clone())
    }

    fn redacted(&self, content: &ContentDigest) -> bool {
        self.redacted.lock().unwrap().contains(content)
    }

    fn erased(&self) -> Result<Vec<LeafIndex>, SourceError> {
        let entries = self.entries.lock().unwrap();
        let entries = entries.iter().map(|stored| Entry::decode(&stored.entry).unwrap());
        Ok(entries.filter(|entry| Source::redacted(self, &entry.content)).map(|entry| entry.index).collect())
    }

    fn redactions(&self) -> usize {
        self.erased().map_or(0, |erased| erased.len())
    }

    fn spare(&self) -> u64 {
        u64::MAX
    }
}

/// A journal of which some entries cannot be read.
#[derive(Debug)]
pub(crate) struct Rotten {
    pub(crate) written: Arc<Written>,
    pub(crate) unread: Mutex<BTreeSet<u64>>,
    /// Of these only what is kept beside them can be read.
    pub(crate) unnamed: Mutex<BTreeSet<u64>>,
    /// What the disk has for the index.
    pub(crate) spare: Mutex<u64>,
}

impl Rotten {
    pub(crate) fn new(written: &Arc<Written>) -> Arc<Self> {
        Arc::new(Self {
            written: Arc::clone(written),
            unread: Mutex::default(),
            unnamed: Mutex::default(),
            spare: Mutex::new(u64::MAX),
        })
    }

    /// From now on these cannot be read, and all others can.
    pub(crate) fn at(&self, unread: impl IntoIterator<Item = u64>) {
        *self.unread.lock().unwrap() = unread.into_iter().collect();
    }

    fn refuse(&self, index: LeafIndex) -> Result<(), SourceError> {
        if self.unread.lock().unwrap().contains(&index.get()) {
            return Err(SourceError { index, source: "rotten".into() });
        }
        Ok(())
    }
}

impl Source for Rotten {
    fn size(&self) -> TreeSize {
        self.written.size()
    }

    fn entry(&self, index: LeafIndex) -> Result<Vec<u8>, SourceError> {
        if self.unnamed.lock().unwrap().contains(&index.get()) {
            return Err(SourceError { index, source: "rotten".into() });
        }
        self.refuse(index).and_then(|()| self.written.entry(index))
    }

    fn record(&self, index: LeafIndex) -> Result<Option<Vec<u8>>, SourceError> {
        self.refuse(index)?;
        Ok(self.written.stored(index)?.record)
    }

    fn stored(&self, index: LeafIndex) -> Result<Stored, SourceError> {
        self.refuse(index).and_then(|()| self.written.stored(index))
    }

    fn redacted(&self, content: &ContentDigest) -> bool {
        self.written.redacted(content)
    }

    fn erased(&self) -> Result<Vec<LeafIndex>, SourceError> {
        self.written.erased()
    }

    fn redactions(&self) -> usize {
        self.written.redactions()
    }

    fn spare(&self) -> u64 {
        *self.spare.lock().unwrap()
    }
}

impl Written {
    pub(crate) fn of(entries: Vec<Stored>) -> Self {
        Self { entries: Mutex::new(entries), redacted: Mutex::default() }
    }

    pub(crate) fn new() -> Arc<Self> {
        let written = Arc::new(Self::default());
        written.record("custody:first", &["origin"], true);
        written
    }

    /// Records a statement about the sha256 digests of these texts.
    pub(crate) fn record(&self, predicate: &str, about: &[&str], administrative: bool) -> LeafIndex {
        let statement = about.iter().fold(StatementBuilder::new(predicate), |statement, text| {
            statement.subject(*text, [Digest::sha256_of(text.as_bytes())])
        });
        let payload = statement.without_predicate().unwrap();
        let signatures = [("k".to_owned(), vec![7; 64])];
        let envelope = Envelope::from_parts("application/vnd.in-toto+json", &payload, &signatures).unwrap();
        self.record_bytes(envelope.bytes().to_vec(), envelope.content(), administrative)
    }

    /// Records an SBOM of packages, padded to more than this many bytes.
    pub(crate) fn record_sbom(&self, purls: &[&str], bytes: usize) -> LeafIndex {
        let component = |purl: &&str| serde_json::json!({"type": "library", "name": "x", "purl": purl});
        let sbom = serde_json::json!({
            "bomFormat": "CycloneDX", "specVersion": "1.6", "components": purls.iter().map(component).collect::<Vec<_>>(),
            "metadata": {"properties": [{"name": "padding", "value": "x".repeat(bytes)}]},
        });
        let statement = StatementBuilder::new("https://cyclonedx.org/bom");
        let statement = statement.subject("image", [Digest::sha256_of(sbom.to_string().as_bytes())]);
        let payload = statement.predicate(sbom.to_string().as_bytes()).unwrap();
        let signatures = [("k".to_owned(), vec![7; 64])];
        let envelope = Envelope::from_parts("application/vnd.in-toto+json", &payload, &signatures).unwrap();
        self.record_bytes(envelope.bytes().to_vec(), envelope.content(), false)
    }

    pub(crate) fn record_bytes(
        &self,
        envelope: Vec<u8>,
        content: ContentDigest,
        administrative: bool,
    ) -> LeafIndex {
        let mut entries = self.entries.lock().unwrap();
        let number = u64::try_from(entries.len()).unwrap();
        let record = b"{}".to_vec();
        let mut newest = entries.iter().rev().map(|stored| Entry::decode(&stored.entry).unwrap());
        let admin = newest.find(|entry| entry.administrative).map(|entry| entry.index);
        let entry = Entry {
            index: index(number),
            time: Timestamp::from_micros(1_000_000 + i64::try_from(number).unwrap()).unwrap(),
            previous: entries.last().map(|last| EntryDigest::of(&last.entry)),
            admin,
            administrative,
            envelope: Measured {
                digest: EnvelopeDigest::of(&envelope),
                length: envelope.len().try_into().unwrap(),
            },
            content,
            record: Measured { digest: RecordDigest::of(&record), length: record.len().try_into().unwrap() },
        };
        entries.push(Stored {
            entry: entry.encode(),
            record: Some(record),
            envelope: Some(envelope),
            erased: None,
        });
        index(number)
    }

    /// Lets the admission record of an entry say of which predicate type it is.
    pub(crate) fn recorded_as(&self, at: LeafIndex, predicate_type: &str) {
        let record = serde_json::json!({
            "format": "custody/record/v1", "crit": [], "salt": "00".repeat(32), "media_type": "application/vnd.dsse.envelope.v1+json",
            "predicate_type": predicate_type, "subjects": [], "signers": [], "submitter": null, "binding": "unbound",
            "authority": "own", "checks": [], "trust": {"index": 0, "version": 1}, "reader": "1", "attachments": [], "marks": [],
        });
        let record = AdmissionRecord::decode(record.to_string().as_bytes()).unwrap().encode();
        self.entries.lock().unwrap()[usize::try_from(at.get()).unwrap()].record = Some(record);
    }

    /// Erases what an entry holds, as a redaction does.
    pub(crate) fn erase(&self, at: LeafIndex) {
        let keys = Remains::of(&self.reading(at)).keys();
        let entry = Entry::decode(&self.entry(at).unwrap()).unwrap();
        self.redacted.lock().unwrap().insert(entry.content);
        let position = usize::try_from(at.get()).unwrap();
        let mut entries = self.entries.lock().unwrap();
        let kept = &mut entries[position];
        (kept.record, kept.envelope, kept.erased) = (None, None, Some(keys));
    }

    pub(crate) fn indexed(&self, at: LeafIndex) -> EntryKeys {
        EntryKeys::read(self, at).unwrap()
    }

    pub(crate) fn reading(&self, at: LeafIndex) -> Reading {
        read(at, self.stored(at).unwrap()).unwrap()
    }

    pub(crate) fn readings_below(&self, below: TreeSize) -> Vec<Reading> {
        (0..below.get()).map(|at| self.reading(index(at))).collect()
    }
}

pub(crate) fn index(number: u64) -> LeafIndex {
    LeafIndex::new(number).unwrap()
}

pub(crate) fn size(number: u64) -> TreeSize {
    TreeSize::new(number).unwrap()
}

/// A log whose statements share subjects, contents and predicate types.
pub(crate) fn busy(entries: u64) -> Arc<Written> {
    let written = Written::new();
    for number in 1..entries {
        let about = [format!("artifact {}", number % 7), format!("artifact {number}")];
        let about: Vec<_> = about.iter().map(String::as_str).collect();
        written.record(
            if number % 3 == 0 { "https://a.test/p" } else { "https://b.test/p" },
            &about,
            number % 50 == 0,
        );
    }
    written
}

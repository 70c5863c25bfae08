//! The log itself: everything in it is real, and made from fixed seeds.

use std::collections::HashMap;

use custody_client::Pin;
use custody_evidence::admission::{AdmissionRecord, Builds, admit, admit_as, admit_first};
use custody_evidence::digest_set::Digest;
use custody_evidence::dsse::{Envelope, IN_TOTO};
use custody_evidence::fact::{Facts, read};
use custody_evidence::identity::Identity;
use custody_evidence::key::SigningKey;
use custody_evidence::oidc::Credential;
use custody_evidence::statement::{Statement, StatementBuilder};
use custody_evidence::trust::{
    Authority, ClockRepair, Distrust, IdentityPattern, Issuer, Redaction, Target, TrustDocument,
    TrustMembers, TrustState, WriterRule, statement_of,
};
use custody_log::checkpoint::{Checkpoint, SignedCheckpoint};
use custody_log::note::{Cosigner, NoteSigner, Origin};
use custody_log::receipt::Receipt;
use custody_log::tree::{ConsistencyProof, InclusionProof, NodeId, root_of};
use custody_log::{Entry, EntryDigest, LeafIndex, Measured, NodeHash, RecordDigest, Timestamp, TreeSize};

pub(crate) const START: &str = "2026-11-20T14:02:00.000000Z";

/// One entry with all its bytes.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) entry: Vec<u8>,
    pub(crate) record: Vec<u8>,
    pub(crate) envelope: Vec<u8>,
}

/// A log in memory.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) origin: Origin,
    pub(crate) stored: Vec<Stored>,
    /// What is kept beside entries, by its digest.
    pub(crate) attachments: HashMap<Vec<u8>, Vec<u8>>,
    /// The age of the freshness cosignature in seconds, below zero in the future; none: there is no such cosignature.
    pub(crate) freshness_age: Option<i64>,
    nodes: HashMap<NodeId, NodeHash>,
    trust: Vec<TrustState>,
    admin: Option<LeafIndex>,
    now: Timestamp,
}

const LOG_SEED: [u8; 32] = [1; 32];
const FRESHNESS_SEED: [u8; 32] = [2; 32];

pub(crate) fn administrator() -> SigningKey {
    SigningKey::from_seed(&[3; 32])
}

pub(crate) fn writer() -> SigningKey {
    SigningKey::from_seed(&[4; 32])
}

impl Log {
    /// Makes a log with entry 0.
    pub(crate) fn new() -> Self {
        let origin: Origin = "example.com/test".parse().unwrap();
        let mut members = TrustMembers::first(
            origin.clone(),
            log_signer(&origin).verifier(),
            cosigner(&origin).verifier(),
            &[administrator().public().clone()],
            1,
            "2099-01-01T00:00:00.000000Z".parse().unwrap(),
        );
        let id = members.add_key(writer().public());
        members.writers.push(WriterRule::anything("ci", id));
        let document = TrustDocument::new(members).unwrap();
        let statement = statement_of(&document);
        let keys = [&administrator(), &SigningKey::from_seed(&LOG_SEED)];
        let envelope = Envelope::sign(IN_TOTO, &statement, &keys).unwrap();
        let mut log = Self {
            origin: origin.clone(),
            stored: Vec::new(),
            attachments: HashMap::new(),
            freshness_age: Some(3),
            nodes: HashMap::new(),
            trust: vec![TrustState::first(&envelope, &origin).unwrap()],
            admin: None,
            now: START.parse().unwrap(),
        };
        let admission = admit_first(&envelope.clone().into(), log.now, [9; 32]).unwrap();
        log.push(&envelope, admission.record_bytes(), true, None);
        log.admin = Some(LeafIndex::ZERO);
        log
    }

    /// Appends the next trust document, in which the writer has another name.
    pub(crate) fn append_trust(&mut self, writer_name: &str) {
        let envelope = self.next_trust(writer_name);
        self.append(&envelope).unwrap();
    }

    fn next_trust(&self, writer_name: &str) -> Envelope {
        let mut members = self.trust.last().unwrap().document().members().clone();
        members.version += 1;
        members.writers[0].name = writer_name.to_owned();
        let document = TrustDocument::new(members).unwrap();
        Envelope::sign(IN_TOTO, &statement_of(&document), &[&administrator()]).unwrap()
    }

    /// Appends the distrust of the writer's key since an entry.
    pub(crate) fn append_distrust(&mut self, since: LeafIndex) -> LeafIndex {
        let target = Target::Signer(Identity::Key(writer().public().id()));
        let said =
            Distrust { target, since, reason: "the key leaked".to_owned(), follows: None, undo: false };
        let envelope = Envelope::sign(IN_TOTO, &said.statement(), &[&administrator()]).unwrap();
        self.append(&envelope).unwrap()
    }

    /// Appends the next trust document, in which another key may record anything.
    pub(crate) fn append_writer(&mut self, key: &SigningKey) {
        let mut members = self.trust.last().unwrap().document().members().clone();
        members.version += 1;
        let id = members.add_key(key.public());
        members.writers.push(WriterRule::anything("second", id));
        let document = TrustDocument::new(members).unwrap();
        let envelope = Envelope::sign(IN_TOTO, &statement_of(&document), &[&administrator()]).unwrap();
        self.append(&envelope).unwrap();
    }

    /// Appends the next trust document, in which what the writer says counts as this.
    pub(crate) fn append_authority(&mut self, authority: Authority) {
        let mut members = self.trust.last().unwrap().document().members().clone();
        members.version += 1;
        members.writers[0].authority = authority;
        let document = TrustDocument::new(members).unwrap();
        let envelope = Envelope::sign(IN_TOTO, &statement_of(&document), &[&administrator()]).unwrap();
        self.append(&envelope).unwrap();
    }

    /// Steps back by an hour, with the entry that may.
    pub(crate) fn append_clock_repair(&mut self) {
        self.append_clock_repair_behind(0);
    }

    /// The same, so many microseconds behind the time that the repair lets it step to.
    pub(crate) fn append_clock_repair_behind(&mut self, micros: i64) {
        self.now = self.now.plus_micros(-3_600_000_000);
        let (after, reason) = (self.size().last_index().unwrap(), "the clock was ahead".to_owned());
        // Each entry is a minute later than the one before.
        let not_before = self.now.plus_micros(60_000_000 + micros);
        let said = ClockRepair { after, not_before, reason };
        let statement = said.statement(self.origin.as_str());
        self.append(&Envelope::sign(IN_TOTO, &statement, &[&administrator()]).unwrap()).unwrap();
    }

    /// Appends a redaction that names one entry, with the content of another.
    pub(crate) fn append_redaction(&mut self, named: usize, erased: usize) {
        let (bytes, other) = (&self.stored[named].entry, Entry::decode(&self.stored[erased].entry).unwrap());
        let said = Redaction::of(&Entry::decode(bytes).unwrap(), bytes, "a password is in it".to_owned());
        let said = Redaction { content: other.content, ..said };
        self.append(&Envelope::sign(IN_TOTO, &said.statement(), &[&administrator()]).unwrap()).unwrap();
    }

    /// Returns the first entry with the content of an envelope that adds nothing to those there are.
    pub(crate) fn without_addition(&self, envelope: &Envelope, lie: bool) -> Option<usize> {
        let same = |stored: &&Stored| Entry::decode(&stored.entry).unwrap().content == envelope.content();
        let records: Vec<AdmissionRecord> =
            self.stored.iter().filter(same).map(|s| AdmissionRecord::decode(&s.record).unwrap()).collect();
        let admission =
            admit(self.trust.last().unwrap(), &envelope.clone().into(), self.now, [0; 32]).ok()?;
        let adds = admission.record().adds_to(&records.iter().collect::<Vec<_>>());
        let first = self.stored.iter().position(|stored| same(&stored))?;
        (!adds || lie).then_some(first)
    }

    /// Appends a statement about the bytes, signed by the writer.
    pub(crate) fn append_statement(
        &mut self,
        predicate_type: &str,
        subject: &[u8],
        predicate: &str,
    ) -> LeafIndex {
        let envelope = envelope(predicate_type, subject, predicate);
        self.append(&envelope).unwrap()
    }

    /// Appends a statement about something with these digests, signed by the writer.
    pub(crate) fn append_about(
        &mut self,
        predicate_type: &str,
        digests: &[Digest],
        predicate: &str,
    ) -> LeafIndex {
        let payload = StatementBuilder::new(predicate_type)
            .subject("app.tar.gz", digests.iter().cloned())
            .predicate(predicate.as_bytes())
            .unwrap();
        self.append(&Envelope::sign(IN_TOTO, &payload, &[&writer()]).unwrap()).unwrap()
    }

    /// Admits and appends.
    pub(crate) fn append(
        &mut self,
        envelope: &Envelope,
    ) -> Result<LeafIndex, custody_evidence::admission::Refusal> {
        self.now = self.now.plus_micros(60_000_000);
        let trust = self.trust.last().unwrap();
        let salt = [u8::try_from(self.stored.len() % 256).unwrap(); 32];
        let admission = admit(trust, &envelope.clone().into(), self.now, salt)?;
        let index = self.size().next_index();
        if admission.administrative() {
            let next = trust.next(envelope, index).unwrap();
            self.trust.push(next);
        }
        self.push(envelope, admission.record_bytes(), admission.administrative(), self.admin);
        if admission.administrative() {
            self.admin = Some(index);
        }
        Ok(index)
    }

    /// Appends an entry that no honest log appends: admitted under an old trust document, which its `admin` line
    /// names, or marked as administrative, or with another record than the one that follows from the envelope.
    pub(crate) fn append_wrongly(
        &mut self,
        envelope: &Envelope,
        version: usize,
        administrative: bool,
        change: impl FnOnce(&mut AdmissionRecord),
    ) -> LeafIndex {
        self.now = self.now.plus_micros(60_000_000);
        let trust = &self.trust[version];
        let admission = admit(trust, &envelope.clone().into(), self.now, [7; 32]).unwrap();
        let mut record = admission.record().clone();
        change(&mut record);
        let (admin, index) = (trust.index(), self.size().next_index());
        self.push(envelope, &record.encode(), administrative, Some(admin));
        index
    }

    /// Appends an entry with another entry's admission record, changed before it is put into the tree.
    pub(crate) fn append_changed(
        &mut self,
        envelope: &Envelope,
        record: Option<LeafIndex>,
        change: impl FnOnce(&mut Entry),
    ) -> LeafIndex {
        self.now = self.now.plus_micros(60_000_000);
        let record = match record {
            Some(index) => self.stored[usize::try_from(index.get()).unwrap()].record.clone(),
            None => admit(self.trust.last().unwrap(), &envelope.clone().into(), self.now, [8; 32])
                .unwrap()
                .record_bytes()
                .to_vec(),
        };
        let index = self.size().next_index();
        self.push_changed(envelope, &record, false, self.admin, change);
        index
    }

    /// Appends the next trust document, which takes the tokens of an issuer, and lets its jobs record anything.
    pub(crate) fn append_issuer(&mut self, issuer: Issuer, claim: (&str, &str)) {
        let mut members = self.trust.last().unwrap().document().members().clone();
        members.version += 1;
        let values = vec![claim.1.to_owned()];
        let claims = [(claim.0.to_owned(), values)].into();
        let pattern = IdentityPattern { issuer: issuer.url.clone(), roots: Vec::new(), claims };
        members.issuers.push(issuer);
        members.writers.push(WriterRule {
            name: "jobs".to_owned(),
            keys: Vec::new(),
            identities: vec![pattern],
            ..WriterRule::anything("jobs", writer().id())
        });
        let document = TrustDocument::new(members).unwrap();
        let envelope = Envelope::sign(IN_TOTO, &statement_of(&document), &[&administrator()]).unwrap();
        self.append(&envelope).unwrap();
    }

    /// Appends an entry of a job, with its token beside it; the record may say something else than the token.
    pub(crate) fn append_as(
        &mut self,
        envelope: &Envelope,
        credential: &Credential,
        change: impl FnOnce(&mut AdmissionRecord),
    ) -> LeafIndex {
        self.now = self.now.plus_micros(1_000_000);
        let trust = self.trust.last().unwrap();
        let admission =
            admit_as(trust, &envelope.clone().into(), credential, &Builds::default(), self.now, [6; 32])
                .unwrap();
        let mut record = admission.record().clone();
        change(&mut record);
        let digest = custody_log::BlobDigest::of(credential.token());
        self.attachments.insert(digest.as_bytes().to_vec(), credential.token().to_vec());
        let index = self.size().next_index();
        self.push(envelope, &record.encode(), false, self.admin);
        index
    }

    /// Returns the seconds since 1970 that the newest entry says.
    pub(crate) fn seconds(&self) -> u64 {
        self.now.as_seconds()
    }

    /// Appends a trust document without saying that it administers the log.
    pub(crate) fn append_trust_secretly(&mut self, writer_name: &str) {
        let envelope = self.next_trust(writer_name);
        self.append_wrongly(&envelope, self.trust.len() - 1, false, |_| {});
    }

    /// Appends a trust document that later entries do not name.
    pub(crate) fn append_trust_withheld(&mut self, writer_name: &str) {
        let envelope = self.next_trust(writer_name);
        self.append_wrongly(&envelope, self.trust.len() - 1, true, |_| {});
    }

    /// Returns the tile at a path, as the tree has it.
    pub(crate) fn tile(&self, path: &custody_log::TilePath) -> Vec<u8> {
        let custody_log::TileKind::Hashes { level } = path.kind() else { panic!("{path} is a bundle") };
        let numbers = path.end() - path.width() as u64..path.end();
        let hashes = numbers.map(|number| self.nodes[&NodeId::new(level * 8, number).unwrap()]);
        custody_log::HashTile::from_hashes(hashes.collect()).encode()
    }

    fn push(&mut self, envelope: &Envelope, record: &[u8], administrative: bool, admin: Option<LeafIndex>) {
        self.push_changed(envelope, record, administrative, admin, |_| {});
    }

    fn push_changed(
        &mut self,
        envelope: &Envelope,
        record: &[u8],
        administrative: bool,
        admin: Option<LeafIndex>,
        change: impl FnOnce(&mut Entry),
    ) {
        let mut entry = Entry {
            index: self.size().next_index(),
            time: self.now,
            previous: self.stored.last().map(|stored| EntryDigest::of(&stored.entry)),
            admin,
            administrative,
            envelope: Measured { digest: envelope.digest(), length: envelope.bytes().len() as u64 },
            content: envelope.content(),
            record: Measured { digest: RecordDigest::of(record), length: record.len() as u64 },
        };
        change(&mut entry);
        let (entry, envelope) = (entry.encode(), envelope.bytes().to_vec());
        let mut frontier = custody_log::tree::Frontier::load(self.size(), &self.nodes).unwrap();
        frontier.append_with(NodeHash::leaf(&entry), |id, hash| {
            self.nodes.insert(id, hash);
        });
        self.stored.push(Stored { entry, record: record.to_vec(), envelope });
    }

    pub(crate) fn size(&self) -> TreeSize {
        TreeSize::new(self.stored.len() as u64).unwrap()
    }

    /// Returns the size of the largest tree without entries later than this.
    pub(crate) fn size_at(&self, micros: i64) -> u64 {
        let times = self.stored.iter().map(|stored| Entry::decode(&stored.entry).unwrap().time.as_micros());
        let times: Vec<i64> = times.collect();
        // What a clock repair stepped over is looked up by the repair.
        let later = (0..times.len()).map(|from| times[from..].iter().min().unwrap());
        later.take_while(|time| **time <= micros).count() as u64
    }

    pub(crate) fn pin(&self) -> Pin {
        Pin { origin: self.origin.clone(), genesis: EntryDigest::of(&self.stored[0].entry) }
    }

    /// Returns the log as it was at a size.
    pub(crate) fn cut(&self, size: usize) -> Self {
        let mut log = Self { nodes: HashMap::new(), stored: Vec::new(), ..self.clone() };
        for stored in &self.stored[..size] {
            let mut frontier = custody_log::tree::Frontier::load(log.size(), &log.nodes).unwrap();
            frontier.append_with(NodeHash::leaf(&stored.entry), |id, hash| {
                log.nodes.insert(id, hash);
            });
            log.stored.push(stored.clone());
        }
        log
    }

    /// Signs the newest tree, with the log's key or another one.
    pub(crate) fn checkpoint(&self, foreign: bool) -> SignedCheckpoint {
        let root = root_of(self.size(), &self.nodes).unwrap();
        let checkpoint = Checkpoint::new(self.origin.clone(), self.size(), root).unwrap();
        let seed = if foreign { [7; 32] } else { LOG_SEED };
        let signer = NoteSigner::from_seed(self.origin.as_str().parse().unwrap(), seed);
        let signed = SignedCheckpoint::sign(&checkpoint, &signer).unwrap();
        let Some(age) = self.freshness_age else { return signed };
        let now = jiff::Timestamp::now().as_microsecond();
        let time = Timestamp::from_micros(now - age * 1_000_000).unwrap();
        let cosigner = cosigner(&self.origin);
        signed.add_signature(cosigner.cosign(&checkpoint, time), &cosigner.verifier()).unwrap()
    }

    pub(crate) fn inclusion(&self, index: LeafIndex) -> InclusionProof {
        InclusionProof::make(index, self.size(), &self.nodes).unwrap()
    }

    pub(crate) fn consistency(&self, old: TreeSize, new: TreeSize) -> ConsistencyProof {
        ConsistencyProof::make(old, new, &self.nodes).unwrap()
    }

    pub(crate) fn root_at(&self, size: TreeSize) -> custody_log::RootHash {
        root_of(size, &self.nodes).unwrap()
    }

    pub(crate) fn receipt(&self, index: LeafIndex) -> Receipt {
        let entry = self.stored[usize::try_from(index.get()).unwrap()].entry.clone();
        Receipt::new(entry, self.inclusion(index), self.checkpoint(false)).unwrap()
    }

    /// Returns what each entry asserts.
    pub(crate) fn facts(&self) -> Vec<Facts> {
        let read_one = |stored: &Stored| {
            let envelope = Envelope::parse(&stored.envelope).unwrap();
            read(&Statement::parse(envelope.payload()).unwrap())
        };
        self.stored.iter().map(read_one).collect()
    }
}

/// Returns an envelope about the bytes, signed by the writer.
pub(crate) fn envelope(predicate_type: &str, subject: &[u8], predicate: &str) -> Envelope {
    let payload = StatementBuilder::new(predicate_type)
        .subject("app.tar.gz", [Digest::sha256_of(subject)])
        .predicate(predicate.as_bytes())
        .unwrap();
    Envelope::sign(IN_TOTO, &payload, &[&writer()]).unwrap()
}

fn log_signer(origin: &Origin) -> NoteSigner {
    NoteSigner::from_seed(origin.as_str().parse().unwrap(), LOG_SEED)
}

fn cosigner(origin: &Origin) -> Cosigner {
    Cosigner::from_seed(origin.as_str().parse().unwrap(), FRESHNESS_SEED)
}

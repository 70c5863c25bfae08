//! The worked example of `docs/format.md`: a log of three entries, the same bytes each time.
//!
//! Keys, times and salts are fixed here and nowhere else; a real log has random ones.

use std::collections::BTreeMap;

use custody_evidence::admission::{Admission, admit, admit_first};
use custody_evidence::dsse::{Envelope, IN_TOTO};
use custody_evidence::key::SigningKey;
use custody_evidence::trust::{TrustDocument, TrustMembers, TrustState, WriterRule, statement_of};
use custody_log::{
    Checkpoint, Cosigner, Entry, EntryDigest, Frontier, InclusionProof, LeafIndex, Measured, NodeHash,
    NodeId, NoteSigner, Origin, Receipt, RecordDigest, SignedCheckpoint, Timestamp,
};

use crate::evidence::statement;

const LOG_SEED: [u8; 32] = [1; 32];
const FRESHNESS_SEED: [u8; 32] = [2; 32];
const ADMIN_SEED: [u8; 32] = [3; 32];
const WRITER_SEED: [u8; 32] = [4; 32];

/// The log while it grows.
struct Growing {
    files: BTreeMap<String, Vec<u8>>,
    nodes: BTreeMap<NodeId, NodeHash>,
    frontier: Frontier,
    previous: Option<EntryDigest>,
}

/// Returns every file of the example by its name.
///
/// # Panics
///
/// When the rules of the log do not let the example in: then it must change, or they are wrong.
#[must_use]
pub fn files() -> BTreeMap<String, Vec<u8>> {
    let origin: Origin = "example.com/log".parse().expect("an origin");
    let log_key = NoteSigner::from_seed(origin.key_name().clone(), LOG_SEED);
    let freshness_name = "example.com/log/freshness".parse().expect("a key name");
    let freshness_key = Cosigner::from_seed(freshness_name, FRESHNESS_SEED);
    let writer = SigningKey::from_seed(&WRITER_SEED);

    let first = trust_envelope(&origin, &log_key, &freshness_key, &writer);
    let trust = TrustState::first(&first, &origin).expect("the first trust document holds");
    let mut log = Growing {
        files: BTreeMap::new(),
        nodes: BTreeMap::new(),
        frontier: Frontier::empty(),
        previous: None,
    };
    let admission = admit_first(&first.clone().into(), time(0), [0; 32]).expect("entry 0 is admitted");
    log.append(&first, &admission);
    for number in 1..3_u8 {
        let payload = statement(&format!("artifact-{number}")).to_string();
        let envelope = Envelope::sign(IN_TOTO, payload.as_bytes(), &[&writer]).expect("an envelope");
        let admission = admit(&trust, &envelope.clone().into(), time(number), [number; 32])
            .expect("the writer is admitted");
        log.append(&envelope, &admission);
    }
    log.publish(&origin, &log_key, &freshness_key);
    log.files.insert("log.vkey".to_owned(), format!("{}\n", log_key.verifier()).into_bytes());
    log.files.insert("freshness.vkey".to_owned(), format!("{}\n", freshness_key.verifier()).into_bytes());
    log.files.insert("writer.pem".to_owned(), writer.public().to_pem().into_bytes());
    log.files
}

fn time(second: u8) -> Timestamp {
    let start = Timestamp::parse_rfc3339("2026-11-22T20:31:24.120394Z").expect("a time");
    start.plus_micros(i64::from(second) * 1_000_000)
}

fn trust_envelope(
    origin: &Origin,
    log_key: &NoteSigner,
    freshness_key: &Cosigner,
    writer: &SigningKey,
) -> Envelope {
    let admin = SigningKey::from_seed(&ADMIN_SEED);
    let expires = Timestamp::parse_rfc3339("2027-11-22T00:00:00Z").expect("a time");
    let mut members = TrustMembers::first(
        origin.clone(),
        log_key.verifier(),
        freshness_key.verifier(),
        &[admin.public().clone()],
        1,
        expires,
    );
    let writer = members.add_key(writer.public());
    members.writers.push(WriterRule::anything("ci", writer));
    let document = TrustDocument::new(members).expect("the trust document holds together");
    let log_key = SigningKey::from_seed(&LOG_SEED);
    Envelope::sign(IN_TOTO, &statement_of(&document), &[&admin, &log_key]).expect("an envelope")
}

impl Growing {
    fn append(&mut self, envelope: &Envelope, admission: &Admission) {
        let index = self.frontier.size().next_index();
        let record = admission.record_bytes();
        let entry = Entry {
            index,
            time: time(u8::try_from(index.get()).expect("three entries")),
            previous: self.previous,
            admin: (index > LeafIndex::ZERO).then_some(LeafIndex::ZERO),
            administrative: admission.administrative(),
            envelope: Measured { digest: envelope.digest(), length: envelope.bytes().len() as u64 },
            content: admission.content(),
            record: Measured { digest: RecordDigest::of(record), length: record.len() as u64 },
        };
        let bytes = entry.encode();
        self.frontier.append_with(NodeHash::leaf(&bytes), |id, hash| {
            self.nodes.insert(id, hash);
        });
        self.previous = Some(EntryDigest::of(&bytes));
        self.files.insert(format!("entry-{index}"), bytes);
        self.files.insert(format!("record-{index}.json"), record.to_vec());
        self.files.insert(format!("envelope-{index}.json"), envelope.bytes().to_vec());
    }

    fn publish(&mut self, origin: &Origin, log_key: &NoteSigner, freshness_key: &Cosigner) {
        let checkpoint = Checkpoint::new(origin.clone(), self.frontier.size(), self.frontier.root());
        let checkpoint = checkpoint.expect("a checkpoint");
        let signed = SignedCheckpoint::sign(&checkpoint, log_key).expect("a signed checkpoint");
        let cosignature = freshness_key.cosign(&checkpoint, time(30));
        let signed = signed.add_signature(cosignature, &freshness_key.verifier()).expect("a cosignature");
        let index = LeafIndex::new(1).expect("an index");
        let proof = InclusionProof::make(index, self.frontier.size(), &self.nodes).expect("a proof");
        let entry = self.files["entry-1"].clone();
        self.files.insert("checkpoint".to_owned(), signed.bytes().to_vec());
        let receipt = Receipt::new(entry, proof, signed).expect("a receipt");
        self.files.insert("entry-1.tlog-proof".to_owned(), receipt.encode());
    }
}

//! From envelopes that are really admitted to verdicts: what a caller verified is what a gate sees.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]

use std::collections::BTreeSet;

use custody_evidence::Digest;
use custody_evidence::admission::{self, Admission};
use custody_evidence::dsse::{self, IN_TOTO};
use custody_evidence::envelope::Envelope;
use custody_evidence::fact::{self, Facts};
use custody_evidence::identity::Identity;
use custody_evidence::key::SigningKey;
use custody_evidence::statement::{Statement, StatementBuilder};
use custody_evidence::trust::{
    Distrust, FirstSigned, Target, TrustDocument, TrustMembers, TrustState, WriterRule, statement_of,
};
use custody_gate::evidence::Admitted;
use custody_gate::{
    Ask, Decision, Entry, Evidence, Level, Policy, Question, Standing, TrustView, Verdict, judge,
};
use custody_log::{ContentDigest, KeyAlgorithm, LeafIndex, Origin, Timestamp, VerifierKey};

const ADMIN: u8 = 1;
const LOG: u8 = 2;
const CI: u8 = 9;
const OTHER: u8 = 10;
const NOW: &str = "2026-11-23T12:00:00Z";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn identity(seed: u8) -> Identity {
    Identity::Key(key(seed).public().id())
}

fn now() -> Timestamp {
    Timestamp::parse_rfc3339(NOW).unwrap()
}

fn index(index: u64) -> LeafIndex {
    LeafIndex::new(index).unwrap()
}

fn signed(statement: &[u8], seeds: &[u8]) -> dsse::Envelope {
    let keys: Vec<SigningKey> = seeds.iter().map(|seed| key(*seed)).collect();
    dsse::Envelope::sign(IN_TOTO, statement, &keys.iter().collect::<Vec<_>>()).unwrap()
}

/// A log in which two keys may record anything.
fn trust() -> TrustState {
    let origin: Origin = "example.com/log".parse().unwrap();
    let vkey = |seed, algorithm| {
        VerifierKey::new(origin.key_name().clone(), algorithm, key(seed).public().ed25519_bytes().unwrap())
            .unwrap()
    };
    let (log, fresh) = (vkey(LOG, KeyAlgorithm::Ed25519), vkey(3, KeyAlgorithm::Cosignature));
    let expires = Timestamp::parse_rfc3339("2027-06-01T00:00:00Z").unwrap();
    let mut members =
        TrustMembers::first(origin.clone(), log, fresh, &[key(ADMIN).public().clone()], 1, expires);
    for (seed, name) in [(CI, "ci"), (OTHER, "other")] {
        let id = members.add_key(key(seed).public());
        members.writers.push(WriterRule::anything(name, id));
    }
    let document = TrustDocument::new(members).unwrap();
    TrustState::first(&signed(&statement_of(&document), &[ADMIN, LOG]), &origin).unwrap()
}

fn subject() -> Digest {
    Digest::sha256_of(b"app.tar.gz")
}

fn statement(predicate_type: &str, predicate: &str) -> Vec<u8> {
    StatementBuilder::new(predicate_type).subject("app", [subject()]).predicate(predicate.as_bytes()).unwrap()
}

/// An envelope, admitted and read.
struct Recorded {
    admission: Admission,
    statement: Vec<u8>,
    facts: Facts,
}

fn recorded(trust: &TrustState, predicate_type: &str, predicate: &str, seeds: &[u8]) -> Recorded {
    let statement = statement(predicate_type, predicate);
    let envelope: Envelope = signed(&statement, seeds).into();
    let admission = admission::admit(trust, &envelope, now(), [7; 32]).unwrap();
    let facts = fact::read(&Statement::parse(&statement).unwrap());
    Recorded { admission, statement, facts }
}

/// What a gate sees of it at index 5, under the trust that holds when it is judged.
fn seen(recorded: &Recorded, trust: &TrustState) -> Entry {
    let statement = Statement::parse(&recorded.statement).unwrap();
    let admitted = Admitted {
        index: index(5),
        time: now(),
        content: ContentDigest::of(&recorded.statement),
        record: recorded.admission.record(),
        statement: Some(&statement),
        facts: &recorded.facts,
        level: Level::Verified,
    };
    Entry::new(&admitted, trust, &FirstSigned::new())
}

fn judged(policy: &str, entry: &Entry, trust: &TrustState) -> Verdict {
    let policy = Policy::load(policy.as_bytes()).unwrap();
    let question =
        Question { evaluated_at: now(), trust: TrustView::from(trust), ..Question::sample(subject()) };
    let mut evidence = Evidence::default();
    loop {
        let asks: BTreeSet<Ask> = policy.asks(&evidence, &question);
        let Some(ask) = asks.into_iter().find(|ask| !evidence.has(ask)) else { break };
        let fits = matches!(&ask, Ask::Statements { types, .. } if types.contains(&entry.predicate_type));
        evidence.add(ask, fits.then(|| entry.clone()), None);
    }
    judge(&policy, &evidence, &question)
}

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

fn by(seed: u8) -> String {
    let key = key(seed).public().id();
    format!(
        "policy: p\nversion: 1\nrules: [{{id: r, require: {{predicate: provenance, count: any}}, signer: {{key: \"{key}\"}}}}]\n"
    )
}

fn distrusting(trust: &TrustState, seed: u8) -> TrustState {
    let said = Distrust {
        target: Target::Signer(identity(seed)),
        since: index(0),
        reason: "the key leaked".to_owned(),
        follows: None,
        undo: false,
    };
    trust.next(&signed(&said.statement(), &[ADMIN]), index(7)).unwrap()
}

#[test]
fn an_admitted_envelope_counts_for_who_signed_it() {
    let trust = trust();
    let entry = seen(&recorded(&trust, PROVENANCE, "{}", &[CI]), &trust);
    assert_eq!(entry.standing, Standing::Sound);
    assert_eq!(
        entry.signers.iter().map(|signer| signer.identity.clone()).collect::<Vec<_>>(),
        [identity(CI)]
    );
    let verdict = judged(&by(CI), &entry, &trust);
    assert_eq!(verdict.decision(), Decision::Allow);
    assert_eq!(verdict.rules().first().unwrap().evidence.first().unwrap().signer, identity(CI).to_string());
    assert_eq!(judged(&by(OTHER), &entry, &trust).decision(), Decision::Deny);
}

#[test]
fn distrust_takes_away_its_signer_and_nobody_else() {
    let trust = trust();
    let (one, both) =
        (recorded(&trust, PROVENANCE, "{}", &[CI]), recorded(&trust, PROVENANCE, "{}", &[CI, OTHER]));
    let later = distrusting(&trust, CI);
    let entry = seen(&one, &later);
    assert_eq!(entry.standing, Standing::Distrusted { by: index(7) });
    let verdict = judged(&by(CI), &entry, &later);
    assert_eq!(verdict.decision(), Decision::Deny);
    assert_eq!(verdict.rules().first().unwrap().rejected.first().unwrap().why, "distrusted: by entry 7");
    let entry = seen(&both, &later);
    assert_eq!(entry.standing, Standing::Sound, "somebody else signed it too");
    assert_eq!(judged(&by(CI), &entry, &later).decision(), Decision::Deny);
    assert_eq!(judged(&by(OTHER), &entry, &later).decision(), Decision::Allow);
}

#[test]
fn a_predicate_of_another_shape_is_malformed_and_an_unknown_type_is_not() {
    let trust = trust();
    let malformed = seen(&recorded(&trust, "urn:custody:approval:v1", "{\"for\":5}", &[CI]), &trust);
    assert_eq!(malformed.standing, Standing::Malformed);
    let unknown = seen(&recorded(&trust, "https://example.com/mine/v1", "{\"ok\":true}", &[CI]), &trust);
    assert_eq!(unknown.standing, Standing::Sound);
    let policy = "policy: p\nversion: 1\nrules: [{id: r, require: {predicate: \"https://example.com/mine/v1\", count: any}, assert: \"att.predicate.ok\"}]\n";
    assert_eq!(judged(policy, &unknown, &trust).decision(), Decision::Allow);
}

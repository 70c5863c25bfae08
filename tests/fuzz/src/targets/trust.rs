//! Trust documents, and what is admitted under them.

use std::sync::OnceLock;

use custody_evidence::Statement;
use custody_evidence::admission::{AdmissionRecord, admit, admit_first};
use custody_evidence::dsse::Envelope;
use custody_evidence::envelope::Envelope as AnyEnvelope;
use custody_evidence::trust::{TrustDocument, TrustState, statement_of};
use custody_log::Timestamp;

use super::envelope::was_signed;
use super::note::{example, origin};
use super::{Target, evidence, sigstore};
use crate::claim::{Outcome, bounded, refused, same_bytes};
use crate::corpus::Corpus;

const WORDS: &[&str] = &[
    "\"crit\":",
    "\"format\":",
    "\"version\":",
    "\"keys\":",
    "\"roles\":",
    "\"threshold\":",
    "\"writers\":",
    "\"expires\":",
    "\"log_keys\":",
    "\"people\":",
    "\"issuers\":",
    "\"salt\":",
    "\"signers\":",
    "\"binding\":",
    "\"authority\":",
    "\"imported\"",
    "\"submitter\":",
    "\"checks\":",
    "\"marks\":",
    "\"status\":",
    "\"verified\"",
    "\"from\":",
    "\"until\":",
    "\"trusted_roots\":",
    "\"root\":",
    "\"hint\":",
    "\"identities\":",
    "\"issuer\":",
    "\"roots\":",
    "\"claims\":",
    "\"subject\":",
];

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "trust.document",
        max: 8 << 10,
        rounds: 2500,
        words: WORDS,
        seeds: documents,
        run: document,
    },
    Target {
        name: "trust.record",
        max: 4 << 10,
        rounds: 2500,
        words: WORDS,
        seeds: |corpus| corpus.examples("record-"),
        run: record,
    },
    Target { name: "trust.first", max: 8 << 10, rounds: 1000, words: WORDS, seeds: envelopes, run: first },
    Target {
        name: "trust.admission",
        max: 8 << 10,
        rounds: 1000,
        words: WORDS,
        seeds: envelopes,
        run: admission,
    },
];

fn document(bytes: &[u8]) -> Outcome {
    match TrustDocument::parse(bytes) {
        Ok(document) => {
            let written = document.encode();
            assert_eq!(TrustDocument::parse(&written).as_ref(), Ok(&document));
            let statement = statement_of(&document);
            let statement = Statement::parse(&statement).expect("what we write, we read");
            assert_eq!(TrustDocument::from_statement(&statement).as_ref(), Ok(&document));
            bounded(bytes.len(), &document, 16, 8192);
            assert!(document.public_keys().count() <= bytes.len() / 64, "more keys than there is room for");
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

fn record(bytes: &[u8]) -> Outcome {
    match AdmissionRecord::decode(bytes) {
        Ok(record) => {
            let written = record.encode();
            assert_eq!(AdmissionRecord::decode(&written).as_ref(), Ok(&record));
            same_bytes("record", &AdmissionRecord::decode(&written).unwrap().encode(), &written);
            bounded(bytes.len(), &record, 12, 4096);
            assert!(
                record.verified_keys().len() + record.verified_identities().len() <= 2 * record.signers.len()
            );
            assert!(!record.adds_to(&[&record]), "a record adds something to itself");
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// Nobody else holds the keys of the worked example, so only its own first document starts it.
fn first(bytes: &[u8]) -> Outcome {
    let Ok(envelope) = Envelope::parse(bytes) else { return Outcome::Refused("no envelope".to_owned()) };
    let admitted = admit_first(&envelope.clone().into(), now(), [0; 32]);
    match TrustState::first(&envelope, &origin()) {
        Ok(state) => {
            assert!(was_signed(envelope.pae()), "a trust document that nobody signed");
            assert_eq!(state.document().version(), 1);
            assert!(admitted.is_ok());
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

fn admission(bytes: &[u8]) -> Outcome {
    let Ok(envelope) = AnyEnvelope::parse(bytes) else { return Outcome::Refused("no envelope".to_owned()) };
    match admit(trust(), &envelope, now(), [7; 32]) {
        Ok(admission) => {
            let signed = envelope.signed().is_some_and(|envelope| was_signed(envelope.pae()));
            assert!(signed, "admitted, and nobody signed it");
            let record = AdmissionRecord::decode(admission.record_bytes());
            assert_eq!(record.as_ref(), Ok(admission.record()), "what was checked is kept as it is");
            assert_eq!(admission.content(), envelope.content());
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

fn trust() -> &'static TrustState {
    static TRUST: OnceLock<TrustState> = OnceLock::new();
    TRUST.get_or_init(|| {
        let envelope = Envelope::parse(example("envelope-0.json")).unwrap();
        TrustState::first(&envelope, &origin()).unwrap()
    })
}

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-23T12:00:00Z").unwrap()
}

fn documents(corpus: &Corpus) -> Vec<Vec<u8>> {
    let envelope = Envelope::parse(&corpus.example("envelope-0.json")).unwrap();
    let statement = Statement::parse(envelope.payload()).unwrap();
    let own = statement.predicate_bytes().map(<[u8]>::to_vec);
    own.into_iter().chain([evidence::document(&[sigstore::ROOT.as_bytes().to_vec()])]).collect()
}

fn envelopes(corpus: &Corpus) -> Vec<Vec<u8>> {
    corpus.examples("envelope-")
}

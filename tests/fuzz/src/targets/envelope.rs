//! DSSE envelopes, and what signatures over them prove.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use custody_evidence::dsse::{Envelope, verify_signatures};
use custody_evidence::key::{PublicKey, SigningKey};

use super::Target;
use super::note::example;
use crate::claim::{Outcome, bounded, refused, same_bytes};
use crate::corpus::Corpus;

const WORDS: &[&str] = &[
    "\"payload\":",
    "\"payloadType\":",
    "\"signatures\":",
    "\"keyid\":",
    "\"sig\":",
    "\"cert\":",
    "=",
    "==",
    "-",
    "_",
    "application/vnd.in-toto+json",
    "\"verificationMaterial\":",
    "\"dsseEnvelope\":",
];

pub(super) const TARGETS: &[Target] = &[
    Target { name: "envelope.dsse", max: 16 << 10, rounds: 3000, words: WORDS, seeds, run: dsse },
    Target {
        name: "envelope.signed",
        max: 2 << 10,
        rounds: 1500,
        words: WORDS,
        seeds: payloads,
        run: signed,
    },
];

/// The keys of the worked example. They signed its three envelopes and nothing else.
pub(super) fn keys() -> &'static [PublicKey] {
    static KEYS: OnceLock<Vec<PublicKey>> = OnceLock::new();
    KEYS.get_or_init(|| (1..=4_u8).map(|seed| SigningKey::from_seed(&[seed; 32]).public().clone()).collect())
}

/// Whether these bytes are what the keys signed.
pub(super) fn was_signed(pae: &[u8]) -> bool {
    static SIGNED: OnceLock<BTreeSet<Vec<u8>>> = OnceLock::new();
    let envelopes = || {
        let names = ["envelope-0.json", "envelope-1.json", "envelope-2.json"];
        names.map(|name| Envelope::parse(example(name)).unwrap().pae().to_vec()).into()
    };
    SIGNED.get_or_init(envelopes).contains(pae)
}

fn dsse(bytes: &[u8]) -> Outcome {
    let envelope = match Envelope::parse(bytes) {
        Ok(envelope) => envelope,
        Err(error) => return refused(&error),
    };
    same_bytes("envelope", envelope.bytes(), bytes);
    assert!(envelope.payload().len() <= bytes.len());
    bounded(bytes.len(), &envelope, 8, 4096);
    let (payload_type, payload) = (envelope.payload_type(), envelope.payload());
    same_bytes("PAE", envelope.pae(), &custody_tests::evidence::pae(payload_type, payload));
    let verdicts = verify_signatures(&envelope, keys());
    assert_eq!(verdicts.len(), envelope.signatures().len(), "one verdict a signature");
    let verified = verdicts.iter().any(|verdict| verdict.signer().is_some());
    assert!(!verified || was_signed(envelope.pae()), "a signature over what nobody signed");
    assert_eq!(envelope.require(keys(), 1).is_ok(), verified, "a threshold of one is one signer");
    Outcome::Accepted
}

/// Any type and payload can be signed and read back; one bit more or less in either, and the signature is void.
fn signed(bytes: &[u8]) -> Outcome {
    let at = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (head, payload) = bytes.split_at(at);
    let payload_type = String::from_utf8_lossy(head);
    let key = SigningKey::from_seed(&[9; 32]);
    let envelope = match Envelope::sign(&payload_type, payload, &[&key]) {
        Ok(envelope) => envelope,
        Err(error) => return refused(&error),
    };
    let read = Envelope::parse(envelope.bytes()).expect("what we write, we read");
    assert_eq!((read.payload_type(), read.payload()), (&*payload_type, payload));
    assert!(read.require(&[key.public().clone()], 1).is_ok(), "our own signature");
    let mut other = payload.to_vec();
    match other.first_mut() {
        Some(byte) => *byte ^= 1,
        None => other.push(0),
    }
    let signature = read.signatures()[0].bytes().unwrap();
    let pae = |payload_type: &str, payload: &[u8]| custody_tests::evidence::pae(payload_type, payload);
    let holds = |message: &[u8]| key.public().verify(message, signature).is_ok();
    assert!(holds(&pae(&payload_type, payload)) && !holds(&pae(&payload_type, &other)), "another payload");
    assert!(!holds(&pae(&format!("{payload_type} "), payload)), "another type");
    Outcome::Accepted
}

fn seeds(corpus: &Corpus) -> Vec<Vec<u8>> {
    let real =
        ["dsse", "bundles/slsa", "bundles/conformance", "other-envelopes"].map(|part| corpus.documents(part));
    [corpus.examples("envelope-"), real.concat()].concat()
}

fn payloads(_: &Corpus) -> Vec<Vec<u8>> {
    vec![b"application/vnd.in-toto+json\n{}".to_vec(), b"\n".to_vec(), Vec::new(), b"a b\n\xff\0".to_vec()]
}

//! Bundles that name a key: what it signed in a bundle is worth what it signed in a bare envelope.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::admission::BundleCheckResult;
use crate::envelope::{Envelope as AnyEnvelope, MESSAGE_SIGNATURE};
use crate::key::{HashAlgorithm, SigningKey as Key};
use crate::sigstore::MessageDigest;

/// A P-256 key: Ed25519 signs a file as a whole, and a ledger has its digest.
const P256: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+GrXmKP/apziK4Z6
ZMvbQnJYUNyT/gmMJk0X5kvGnnKhRANCAAQ5uc6+Ai6Cmkq/f7mZ5YHPqmXqcg2V
kmTOpTb8PNOBZujJG5rIDERZLlzqsGtobmTKwGEigk7+tPSzOgJr1ra8
-----END PRIVATE KEY-----
";

fn p256() -> Key {
    Key::from_pem(P256).unwrap()
}

fn bundle(member: &str, value: &Value) -> AnyEnvelope {
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": { "publicKey": { "hint": "release" } },
        member: value,
    });
    AnyEnvelope::parse(&serde_json::to_vec(&bundle).unwrap()).unwrap()
}

/// The envelope in a bundle; its `keyid` must be the hint, or empty.
fn wrapped(payload: &str, signers: &[u8]) -> AnyEnvelope {
    let mut inner: Value = serde_json::from_slice(sign(payload.as_bytes(), signers).bytes()).unwrap();
    inner["signatures"][0]["keyid"] = "".into();
    bundle("dsseEnvelope", &inner)
}

/// The signature of a file that says this.
fn message(text: &[u8]) -> AnyEnvelope {
    let digest = MessageDigest::of(HashAlgorithm::Sha256, text);
    let digest = json!({ "algorithm": "SHA2_256", "digest": STANDARD.encode(digest.bytes()) });
    let signature = STANDARD.encode(p256().sign(text));
    bundle("messageSignature", &json!({ "messageDigest": digest, "signature": signature }))
}

fn admitted(trust: &TrustState, envelope: &AnyEnvelope) -> Result<Admission, Refusal> {
    crate::admission::admit(trust, envelope, time(NOW), SALT)
}

fn word(trust: &TrustState, envelope: &AnyEnvelope) -> &'static str {
    admitted(trust, envelope).map_or_else(|refusal| refusal.word(), |_| "admitted")
}

/// The trust with a rule for the P-256 key.
fn with_p256(change: impl FnOnce(&mut WriterRule)) -> TrustState {
    let mut members = members();
    let id = members.add_key(p256().public());
    let mut rule = WriterRule::anything("files", id);
    change(&mut rule);
    members.writers.push(rule);
    let document = statement_of(&TrustDocument::new(members).unwrap());
    TrustState::first_of_any(&sign(&document, &[ADMIN, LOG])).unwrap()
}

#[test]
fn a_known_key_signs_in_a_bundle_as_in_a_bare_envelope() {
    let admission = admitted(&trust(), &wrapped(&good(), &[WRITER])).unwrap();
    let record = admission.record();
    assert_eq!(record.media_type, "application/vnd.dev.sigstore.bundle.v0.3+json");
    assert_eq!(record.verified_keys(), BTreeSet::from([key(WRITER).id()]));
    let proof = record.signers[0].proof.as_ref().unwrap();
    assert_eq!((proof.root.as_ref(), proof.certificate.as_ref(), proof.times.len()), (None, None, 0));
    assert!(
        proof.checks.iter().any(|check| {
            (check.check.as_str(), check.result) == ("signature", BundleCheckResult::Verified)
        })
    );
    // Nothing new is said by it.
    let bare = admit(&trust(), &sign(good().as_bytes(), &[WRITER]), time(NOW), SALT).unwrap();
    assert_eq!(bare.content(), admission.content());
    assert!(!record.adds_to(&[bare.record()]) && !bare.record().adds_to(&[record]));
}

#[test]
fn a_bundle_is_refused_where_a_bare_envelope_is() {
    for (envelope, expected) in [
        (wrapped(&good(), &[STRANGER]), "unknown_key"),
        (wrapped(&good(), &[PERSON]), "key_not_allowed"),
        (wrapped(&good(), &[BUILDER]), "own_builds_undecided"),
        (wrapped(&statement(&subject("github.com/evil/app")), &[ACME]), "outside_namespace"),
        (wrapped(&statement(""), &[WRITER]), "no_subject"),
        (wrapped("{}", &[WRITER]), "no_type"),
    ] {
        assert_eq!(word(&trust(), &envelope), expected);
    }
}

/// Roles are keys that thresholds count, and a bundle has one signature.
#[test]
fn nothing_administers_from_within_a_bundle() {
    let document = first_envelope();
    let payload = std::str::from_utf8(document.payload()).unwrap();
    let envelope = wrapped(payload, &[ADMIN]);
    assert_eq!(word(&trust(), &envelope), "administration_in_bundle");
    let first = crate::admission::admit_first(&envelope, time(NOW), SALT);
    assert_eq!(first.unwrap_err().word(), "administration_in_bundle");
}

#[test]
fn a_signed_file_is_admitted_by_its_digest() {
    let admission = admitted(&with_p256(|_| ()), &message(b"release")).unwrap();
    let record = admission.record();
    assert_eq!(record.predicate_type, MESSAGE_SIGNATURE);
    let digest = MessageDigest::of(HashAlgorithm::Sha256, b"release");
    assert_eq!(record.subjects, [digest.to_string()]);
    assert_eq!(admission.content(), digest.content());
    assert_eq!(record.verified_keys(), BTreeSet::from([p256().public().id()]));

    let only = |predicates: &[&str]| {
        let predicates = predicates.iter().map(ToString::to_string).collect();
        with_p256(|rule| rule.predicates = predicates)
    };
    assert_eq!(word(&only(&[MESSAGE_SIGNATURE]), &message(b"release")), "admitted");
    assert_eq!(word(&only(&[TYPE]), &message(b"release")), "key_not_allowed");
    let acme = with_p256(|rule| rule.about = About::Namespace("github.com/acme".into()));
    assert_eq!(word(&acme, &message(b"release")), "outside_namespace", "a file has no name");
    assert_eq!(word(&trust(), &message(b"release")), "bundle_not_verified", "nobody knows the key");
    let mut other: Value = serde_json::from_slice(message(b"release").bytes()).unwrap();
    let digest = MessageDigest::of(HashAlgorithm::Sha256, b"another");
    other["messageSignature"]["messageDigest"]["digest"] = STANDARD.encode(digest.bytes()).into();
    let other = AnyEnvelope::parse(&serde_json::to_vec(&other).unwrap()).unwrap();
    assert_eq!(word(&with_p256(|_| ()), &other), "bundle_not_verified", "the signature is of another file");
}

//! Real signatures of images by cosign (containers/image keeps them as fixtures): with a key, and with a certificate of Fulcio
//! and an entry of Rekor. Admitted under a trust document that knows them, and refused after one change.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at what it does not expect"
)]

#[allow(dead_code, reason = "each test uses its own part of it")]
mod corpus;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_evidence::admission::{self, Admission, BundleCheckResult, Refusal};
use custody_evidence::dsse;
use custody_evidence::envelope::{Envelope, IMAGE_SIGNATURE};
use custody_evidence::key::{PublicKey, SigningKey};
use custody_evidence::registry::{CosignAnnotations, cosign_envelope};
use custody_evidence::trust::{
    About, Authority, IdentityPattern, SUBJECT, TrustDocument, TrustMembers, TrustState, TrustedRoot,
    WriterRule, statement_of,
};
use custody_log::{KeyAlgorithm, Origin, Timestamp, VerifierKey};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const FOLDER: &str = "oci/cosign-sig";
const ROOT: &str = "trust/sigstore-public-good.trusted_root.json";
const ISSUER: &str = "https://github.com/login/oauth";
const SIGNER: &str = "mitr@redhat.com";
const NOW: &str = "2026-11-23T12:00:00Z";
const ADMIN: u8 = 1;
const LOG: u8 = 2;

fn read(file: &str) -> Vec<u8> {
    std::fs::read(corpus::folder().unwrap().join(file)).unwrap()
}

/// A layer and its annotations, as containers/image writes them into a file: a line, and JSON behind it.
fn layer(name: &str) -> (Vec<u8>, Value) {
    let bytes = read(&format!("{FOLDER}/{name}/signature-1"));
    let text = bytes.strip_prefix(b"\0sigstore-json\n").unwrap();
    let file: Value = serde_json::from_slice(text).unwrap();
    (STANDARD.decode(file["payload"].as_str().unwrap()).unwrap(), file["annotations"].clone())
}

fn recorded(layer: &[u8], annotations: &Value) -> Vec<u8> {
    let annotations: CosignAnnotations = serde_json::from_value(annotations.clone()).unwrap();
    cosign_envelope(layer, &annotations).unwrap().unwrap()
}

fn members() -> TrustMembers {
    let key = |seed: u8| SigningKey::from_seed(&[seed; 32]);
    let origin: Origin = "example.com/log".parse().unwrap();
    let vkey = |seed, algorithm| {
        let public = *key(seed).public().ed25519_bytes().unwrap();
        VerifierKey::new(origin.key_name().clone(), algorithm, &public).unwrap()
    };
    let (log, fresh) = (vkey(LOG, KeyAlgorithm::Ed25519), vkey(3, KeyAlgorithm::Cosignature));
    let expires = Timestamp::parse_rfc3339("2027-01-01T00:00:00Z").unwrap();
    let mut members =
        TrustMembers::first(origin.clone(), log, fresh, &[key(ADMIN).public().clone()], 1, expires);
    members.trusted_roots.push(TrustedRoot::new("root", &read(ROOT)).unwrap());
    let cosign = PublicKey::from_pem(&String::from_utf8(read(&format!("{FOLDER}/cosign.pub"))).unwrap());
    let key = members.add_key(&cosign.unwrap());
    let claims = BTreeMap::from([(SUBJECT.to_owned(), vec![SIGNER.to_owned()])]);
    let pattern = IdentityPattern { issuer: ISSUER.to_owned(), roots: vec!["root".to_owned()], claims };
    members.writers.push(WriterRule {
        name: "images".to_owned(),
        keys: vec![key],
        identities: vec![pattern],
        predicates: vec![IMAGE_SIGNATURE.to_owned()],
        about: About::Anything,
        bound: false,
        authority: Authority::Imported,
    });
    members
}

fn admit(members: TrustMembers, bytes: &[u8]) -> Result<Admission, Refusal> {
    let document = TrustDocument::new(members).unwrap();
    let keys = [ADMIN, LOG].map(|seed| SigningKey::from_seed(&[seed; 32]));
    let first =
        dsse::Envelope::sign(dsse::IN_TOTO, &statement_of(&document), &keys.iter().collect::<Vec<_>>());
    let state = TrustState::first_of_any(&first.unwrap()).unwrap();
    admission::admit(&state, &Envelope::parse(bytes)?, Timestamp::parse_rfc3339(NOW).unwrap(), [7; 32])
}

fn word(members: TrustMembers, bytes: &[u8]) -> &'static str {
    admit(members, bytes).map_or_else(|refusal| refusal.word(), |_| "admitted")
}

#[test]
fn a_signature_by_a_certificate_is_admitted_with_all_that_its_log_says() {
    if corpus::folder().is_none() {
        return;
    }
    let (text, annotations) = layer("dir-img-cosign-fulcio-rekor-valid");
    let manifest = read(&format!("{FOLDER}/dir-img-cosign-fulcio-rekor-valid/manifest.json"));
    let admission = admit(members(), &recorded(&text, &annotations)).unwrap();
    let record = admission.record();
    assert_eq!(record.predicate_type, IMAGE_SIGNATURE);
    assert_eq!(record.subjects, [format!("sha256:{}", hex::encode(Sha256::digest(&manifest)))]);
    assert_eq!(admission.content().to_string(), format!("sha256:{}", hex::encode(Sha256::digest(&text))));
    let who: Vec<String> = record.verified_identities().iter().map(ToString::to_string).collect();
    assert_eq!(who, [format!("{ISSUER}#{SIGNER}")]);
    let proof = record.signers[0].proof.as_ref().unwrap();
    assert_eq!(proof.root.as_deref(), Some("root"));
    assert_eq!(proof.times.len(), 1, "the log's promise");
    for name in
        ["log_promise[0]", "time", "certificate", "certificate_log", "identity", "signature", "log_entry[0]"]
    {
        let check = proof.checks.iter().find(|check| check.check == name).unwrap();
        assert_eq!(check.result, BundleCheckResult::Verified, "{name}");
    }

    let mut rootless = members();
    rootless.trusted_roots[0] =
        TrustedRoot::new("root", &read("trust/sigstore-staging.trusted_root.json")).unwrap();
    assert_eq!(word(rootless, &recorded(&text, &annotations)), "bundle_not_verified");
    let mut other = members();
    other.writers[0].predicates = vec!["urn:custody:message:v1".to_owned()];
    assert_eq!(word(other, &recorded(&text, &annotations)), "identity_not_allowed");
    let (another, keyed) = layer("dir-img-cosign-valid");
    assert_eq!(word(members(), &recorded(&another, &annotations)), "bundle_not_verified", "another image");
    for name in [
        "dev.cosignproject.cosign/signature",
        "dev.sigstore.cosign/certificate",
        "dev.sigstore.cosign/bundle",
    ] {
        let mut changed = annotations.clone();
        // Another signature, which is good over another text; no certificate; no log entry.
        changed[name] = if keyed[name].is_string() { keyed[name].clone() } else { "".into() };
        assert_eq!(word(members(), &recorded(&text, &changed)), "bundle_not_verified", "{name}");
    }
    // The promise of the log is over its entry and time.
    let mut late = annotations.clone();
    let bundle = late["dev.sigstore.cosign/bundle"].as_str().unwrap().replace("1674247893", "1674247894");
    late["dev.sigstore.cosign/bundle"] = bundle.into();
    assert_eq!(word(members(), &recorded(&text, &late)), "bundle_not_verified");
}

#[test]
fn a_signature_by_a_known_key_is_admitted_and_by_another_refused() {
    if corpus::folder().is_none() {
        return;
    }
    let (text, annotations) = layer("dir-img-cosign-valid");
    let manifest = read(&format!("{FOLDER}/dir-img-cosign-valid/manifest.json"));
    let admission = admit(members(), &recorded(&text, &annotations)).unwrap();
    let record = admission.record();
    assert_eq!(record.subjects, [format!("sha256:{}", hex::encode(Sha256::digest(&manifest)))]);
    assert_eq!(record.verified_keys().len(), 1);
    assert_eq!(record.signers[0].proof.as_ref().unwrap().root, None, "a key needs no root");
    let mut without = members();
    without.writers[0].keys.clear();
    assert_eq!(word(without, &recorded(&text, &annotations)), "key_not_allowed");
    let (other, _) = layer("dir-img-cosign-fulcio-rekor-valid");
    assert_eq!(word(members(), &recorded(&other, &annotations)), "bundle_not_verified");
}

//! Real envelopes and signature vectors: each row gives its verdict, and no row is forgotten. A row that is in no table has that of the
//! manifest.
//!
//! The corpus is outside the project: `CUSTODY_CORPUS` names it, by default it lies in `shared/corpus` beside the
//! workspace. Without it these tests say that they were skipped.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at what it does not expect"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use custody_evidence::admission::{self, Refusal};
use custody_evidence::dsse::{Envelope, IN_TOTO, SignatureVerdict, verify_signatures};
use custody_evidence::key::{KeyError, PublicKey, SigningKey};
use custody_evidence::trust::{TrustDocument, TrustMembers, TrustState, WriterRule, statement_of};
use custody_log::{KeyAlgorithm, Origin, Timestamp, VerifierKey};
use serde_json::Value;

/// Rows of the manifest that are keys: what reading them gives.
const KEYS: [(&str, &str); 10] = [
    ("dsse/keys/attestation-verifier-ed25519.json", "ed25519"),
    ("dsse/keys/chainloop-cert.pem", "unsupported: X.509 certificate"),
    ("dsse/keys/chainloop-cosign.pub", "ecdsa-p256-sha256"),
    ("dsse/keys/gce-vsa_signing_public_key.pem", "ecdsa-p256-sha256"),
    ("dsse/keys/grype-cosign.pub", "ecdsa-p256-sha256"),
    ("dsse/keys/in-toto-golang-alice.pub", "rsa-sha256"),
    ("dsse/keys/rekor-intoto_dsse.pem", "ecdsa-p256-sha256"),
    ("dsse/keys/rekor-intoto_multi_pub2.pem", "rsa-sha256"),
    ("dsse/keys/witness-testpub.pem", "ed25519"),
    ("dsse/gcb-keys.json", "a map of 5 keys"),
];

/// Rows that are envelopes: the verdict of each signature, and what admission says when the row's keys may
/// record anything.
const ENVELOPES: [(&str, &str, &str); 31] = [
    ("dsse/dsse-spec-protocol-vector.json", "verified", "not_in_toto"),
    ("dsse/rekor-intoto_dsse.json", "verified", "no_usable_digest"),
    ("dsse/rekor-intoto_multi_dsse.json", "verified, verified", "no_usable_digest"),
    ("dsse/witness-cdx-att.json", "verified", "admitted"),
    ("dsse/witness-spdx-att.json", "verified", "admitted"),
    ("dsse/witness-test-2.6MB.json", "unsupported: X.509 certificate", "no_usable_digest"),
    ("dsse/archivista-build.attestation.json", "verified", "no_usable_digest"),
    ("dsse/archivista-invalid_payload.attestation.json", "not checked", "no_type"),
    ("dsse/archivista-policy-signed.json", "verified", "not_in_toto"),
    ("dsse/in-toto-golang-demo.dsse.layout", "verified", "unknown_type"),
    ("dsse/in-toto-golang-clone-dsse.776a00e2.link", "not checked", "unknown_type"),
    ("dsse/attestation-verifier-build.fe1c6281.json", "verified", "admitted"),
    ("dsse/attestation-verifier-clone.fe1c6281.json", "verified", "no_type"),
    ("dsse/attestation-verifier-test.fe1c6281.json", "verified", "admitted"),
    ("dsse/scai-build.452e628a.json", "unsupported: X.509 certificate", "no_trusted_root"),
    ("dsse/grype-alpine.att.json", "verified", "admitted"),
    ("dsse/grype-alpine-tampered.att.json", "failed", "unknown_key"),
    ("dsse/chainloop-cosign-attestation.json", "verified", "no_usable_digest"),
    (
        "dsse/chainloop-cert-attestation.json",
        "not checked, key unsupported: X.509 certificate",
        "no_usable_digest",
    ),
    ("dsse/chainloop-invalid-payload.json", "no envelope", "bad_base64"),
    ("dsse/chainloop-invalid-intoto.json", "not checked", "bad_json"),
    ("dsse/chainloop-bad-sig.dsse_envelope.json", "failed", "no_predicate_type"),
    ("dsse/trivy-sbom.cdx.intoto.jsonl", "not checked", "unknown_key"),
    ("dsse/macaron-micronaut.intoto.jsonl", "failed", "bad_signature"),
    ("dsse/guac-oci-dsse-att.json", "not checked", "unknown_key"),
    ("dsse/gce-vsa.bcid-vsa.jsonl", "verified", "no_usable_digest"),
    ("dsse/slsa-annotated-tag.intoto.jsonl", "unsupported: X.509 certificate", "no_trusted_root"),
    (
        "dsse/slsa-binary-linux-amd64-multi-subject-first.intoto.jsonl",
        "unsupported: X.509 certificate",
        "no_trusted_root",
    ),
    (
        "dsse/slsa-binary-linux-amd64-no-tlog-upload.intoto.jsonl",
        "unsupported: X.509 certificate",
        "no_trusted_root",
    ),
    (
        "dsse/slsa-binary-linux-amd64-untrusted-builder.intoto.jsonl",
        "unsupported: X.509 certificate",
        "no_trusted_root",
    ),
    ("dsse/slsa-workflow-inputs.intoto.jsonl", "unsupported: X.509 certificate", "no_trusted_root"),
];

/// The Cloud Build documents: for each provenance the same two columns.
///
/// Its regional keys sign the payload and not the PAE. Outside of DSSE that is a valid signature (the manifest says
/// so); in a DSSE envelope it is none, since it leaves open what type the payload is of. Only the keys with `pae` in
/// their name sign as DSSE says.
const CLOUD_BUILD: [(&str, &[(&str, &str)]); 16] = [
    ("gcloud-container-github", &[("failed", "unknown_key")]),
    ("gcloud-container-no-keyid", &[("failed", "unknown_key")]),
    ("gcloud-container-empty-keyid", &[("failed", "unknown_key")]),
    ("gcloud-container-no-signature", &[]),
    ("gcloud-container-empty-signature", &[("failed", "unknown_key")]),
    ("gcloud-container-invalid-signature-encoding", &[("failed", "bad_signature")]),
    ("gcloud-container-mismatch-payload-digest", &[("failed", "unknown_key")]),
    ("gcloud-container-mismatch-text-digest", &[("failed", "unknown_key")]),
    ("gcloud-container-multiple-signatures-2ndvalid", &[("failed, failed, failed", "unknown_key")]),
    ("gcloud-container-multiple-invalid-signatures", &[("failed, failed, failed", "unknown_key")]),
    (
        "gcloud-container-multiple-provenance-3rdvalid",
        &[("failed", "unknown_key"), ("failed", "unknown_key"), ("failed", "unknown_key")],
    ),
    ("gcloud-container-github-v03-git", &[("verified, failed", "admitted")]),
    ("v1.0-gcloud-container-github", &[("verified", "admitted"), ("verified, failed", "admitted")]),
    ("gcloud-container-empty-payload", &[("failed", "bad_json")]),
    ("gcloud-container-no-payload", &[("no envelope", "bad_json")]),
    ("gcloud-container-invalid-payload-encoding", &[("no envelope", "bad_base64")]),
];

fn corpus() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus");
    let folder = std::env::var_os("CUSTODY_CORPUS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if folder.join("MANIFEST.json").is_file() {
        return Some(folder);
    }
    let asked = ["CI", "CUSTODY_CORPUS"].iter().all(|name| std::env::var_os(name).is_some());
    assert!(!asked, "no corpus at {}: CUSTODY_CORPUS names it, and CI skips nothing", folder.display());
    println!("skipped: no corpus at {} (set CUSTODY_CORPUS)", folder.display());
    None
}

fn read(file: &str) -> Vec<u8> {
    std::fs::read(corpus().unwrap().join(file)).unwrap()
}

fn text(file: &str) -> String {
    String::from_utf8(read(file)).unwrap()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn key(file: &str) -> Result<PublicKey, KeyError> {
    if !file.ends_with("ed25519.json") {
        return PublicKey::from_pem(&text(file));
    }
    // securesystemslib writes Ed25519 keys as hex.
    let bytes = hex::decode(json(&read(file))["keyval"]["public"].as_str().unwrap()).unwrap();
    PublicKey::from_ed25519(&bytes.try_into().unwrap())
}

fn manifest() -> Vec<Value> {
    let Value::Array(rows) = json(&read("MANIFEST.json")) else { panic!("a list of rows") };
    rows.into_iter().filter(|row| row["file"].as_str().unwrap().starts_with("dsse/")).collect()
}

/// A log whose writers are these keys, for everything.
fn trusting(keys: &[PublicKey]) -> TrustState {
    let [admin, log, fresh] = [1, 2, 3].map(|seed| SigningKey::from_seed(&[seed; 32]));
    let origin: Origin = "example.com/log".parse().unwrap();
    let vkey = |key: &SigningKey, algorithm| {
        VerifierKey::new(origin.key_name().clone(), algorithm, key.public().ed25519_bytes().unwrap()).unwrap()
    };
    let mut members = TrustMembers::first(
        origin.clone(),
        vkey(&log, KeyAlgorithm::Ed25519),
        vkey(&fresh, KeyAlgorithm::Cosignature),
        &[admin.public().clone()],
        1,
        "2030-01-01T00:00:00.000000Z".parse().unwrap(),
    );
    for (number, key) in keys.iter().enumerate() {
        let id = members.add_key(key);
        members.writers.push(WriterRule::anything(&format!("writer {number}"), id));
    }
    let statement = statement_of(&TrustDocument::new(members).unwrap());
    let envelope = Envelope::sign(IN_TOTO, &statement, &[&admin, &log]).unwrap();
    TrustState::first(&envelope, &origin).unwrap()
}

fn verdict(verdict: &SignatureVerdict) -> String {
    match verdict {
        SignatureVerdict::Verified(_) => "verified".to_owned(),
        SignatureVerdict::Failed(_) => "failed".to_owned(),
        SignatureVerdict::NotChecked(_) => "not checked".to_owned(),
        SignatureVerdict::Unsupported { algorithm } => format!("unsupported: {algorithm}"),
    }
}

/// Returns the two columns of an envelope.
fn columns(bytes: &[u8], keys: &[Result<PublicKey, KeyError>]) -> (String, String) {
    let usable: Vec<PublicKey> = keys.iter().filter_map(|key| key.clone().ok()).collect();
    let now: Timestamp = "2026-11-23T00:00:00.000000Z".parse().unwrap();
    let envelope = match Envelope::parse(bytes) {
        Ok(envelope) => envelope,
        Err(error) => return ("no envelope".to_owned(), Refusal::Envelope(error.into()).word().to_owned()),
    };
    let mut signatures: Vec<String> = verify_signatures(&envelope, &usable).iter().map(verdict).collect();
    for key in keys {
        if let Err(KeyError::Unsupported { algorithm }) = key {
            signatures.push(format!("key unsupported: {algorithm}"));
        }
    }
    let admission = match admission::admit(&trusting(&usable), &envelope.clone().into(), now, [0; 32]) {
        Ok(admission) => {
            let record = admission::AdmissionRecord::decode(admission.record_bytes()).unwrap();
            assert_eq!(&record, admission.record());
            "admitted"
        }
        Err(refusal) => refusal.word(),
    };
    (signatures.join(", "), admission.to_owned())
}

fn envelope_bytes(file: &str) -> Vec<u8> {
    let bytes = read(file);
    if file.ends_with("dsse-spec-protocol-vector.json") {
        return serde_json::to_vec(&json(&bytes)["envelope"]).unwrap();
    }
    bytes
}

/// The key of the specification's vector, whose file has x and y as decimal numbers.
fn specification_key() -> PublicKey {
    let point = concat!(
        "04",
        "67cd390f77aa359cb08c2235f652270493a9ed832b0abcc01f70954c0390d238",
        "0c782bd54e269125a44f4433aff1432ce94e12bca73aa67ac80cea12608ddf74"
    );
    let spki = format!("3059301306072a8648ce3d020106082a8648ce3d030107034200{point}");
    PublicKey::from_spki_der(&hex::decode(spki).unwrap()).unwrap()
}

fn keys_of(row: &Value) -> Vec<Result<PublicKey, KeyError>> {
    match row["key"].as_str() {
        Some(names) => names.split(" and ").map(key).collect(),
        None if row["file"] == "dsse/dsse-spec-protocol-vector.json" => vec![Ok(specification_key())],
        None => Vec::new(),
    }
}

#[test]
fn every_key_is_read_or_unsupported_by_name() {
    if corpus().is_none() {
        return;
    }
    assert_eq!(cloud_build_keys().len(), 5);
    for (file, expected) in KEYS.iter().filter(|(file, _)| *file != "dsse/gcb-keys.json") {
        let found = match key(file) {
            Ok(key) => key.algorithm().to_string(),
            Err(KeyError::Unsupported { algorithm }) => format!("unsupported: {algorithm}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, *expected, "{file}");
    }
}

#[test]
fn every_row_of_the_manifest_is_in_a_table_and_gives_its_verdicts() {
    if corpus().is_none() {
        return;
    }
    let rows = manifest();
    let listed = |name: &str| rows.iter().any(|row| row["file"] == name);
    let tables = KEYS.iter().map(|(name, _)| *name).chain(ENVELOPES.iter().map(|(name, ..)| *name));
    tables.for_each(|name| assert!(listed(name), "{name} is in a table and not in the manifest"));
    for row in rows {
        let file = row["file"].as_str().unwrap();
        if file == "dsse/gcb-provenance.jsonl" || KEYS.iter().any(|(name, _)| *name == file) {
            continue;
        }
        if row["verdict"] == "data" {
            let key = key(file);
            assert!(matches!(key, Ok(_) | Err(KeyError::Unsupported { .. })), "{file}: {}", key.unwrap_err());
            continue;
        }
        let (signatures, admission) = columns(&envelope_bytes(file), &keys_of(&row));
        println!("{file}: {signatures}; {admission} (manifest: {})", row["verdict"].as_str().unwrap());
        match ENVELOPES.iter().find(|(name, ..)| *name == file) {
            Some(expected) => assert_eq!((file, signatures.as_str(), admission.as_str()), *expected),
            None => agrees(file, row["verdict"].as_str().unwrap(), &signatures),
        }
    }
}

/// Nothing that the manifest calls invalid is verified, and what it calls valid is verified or unsupported.
fn agrees(file: &str, says: &str, signatures: &str) {
    let (verified, unsupported) = (signatures.contains("verified"), signatures.contains("unsupported"));
    assert!(verified || unsupported || !says.starts_with("valid"), "{file}: {says}, {signatures}");
    assert!(!verified || says.starts_with("valid"), "{file}: {says}, {signatures}");
}

#[test]
fn tables_agree_with_the_manifest() {
    if corpus().is_none() {
        return;
    }
    for row in manifest() {
        let (file, says) = (row["file"].as_str().unwrap(), row["verdict"].as_str().unwrap());
        let Some((_, signatures, _)) = ENVELOPES.iter().find(|(name, ..)| *name == file) else { continue };
        agrees(file, says, signatures);
    }
}

fn cloud_build_keys() -> Vec<PublicKey> {
    let keys: BTreeMap<String, String> = serde_json::from_slice(&read("dsse/gcb-keys.json")).unwrap();
    keys.values().map(|pem| PublicKey::from_pem(pem).unwrap()).collect()
}

#[test]
fn every_cloud_build_document_gives_its_verdicts() {
    if corpus().is_none() {
        return;
    }
    let keys: Vec<_> = cloud_build_keys().into_iter().map(Ok).collect();
    let lines = text("dsse/gcb-provenance.jsonl");
    assert_eq!(lines.lines().count(), CLOUD_BUILD.len());
    for line in lines.lines() {
        let line = json(line.as_bytes());
        let name = line["name"].as_str().unwrap();
        // The document without a signature is not JSON at all: it has a comma too many.
        let raw: Value = serde_json::from_str(line["raw"].as_str().unwrap()).unwrap_or(Value::Null);
        let provenance = raw["provenance_summary"]["provenance"].as_array().cloned().unwrap_or_default();
        let found: Vec<(String, String)> = provenance
            .iter()
            .map(|provenance| columns(&serde_json::to_vec(&provenance["envelope"]).unwrap(), &keys))
            .collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let row = CLOUD_BUILD.iter().find(|(known, _)| *known == name);
        let (_, expected) = row.unwrap_or_else(|| panic!("{name} is in no table: {found:?}"));
        println!("{name}: {found:?} (manifest: {})", line["verdict"].as_str().unwrap());
        assert_eq!(found, *expected, "{name}: {}", line["verdict"]);
        let verified = found.iter().any(|(signatures, _)| signatures.contains("verified"));
        assert!(!verified || !line["verdict"].as_str().unwrap().starts_with("invalid"), "{name}");
    }
}

/// Vectors of other projects' mistakes: malleable, badly encoded and forged signatures.
#[test]
fn every_wycheproof_vector_gives_its_verdict() {
    if corpus().is_none() {
        return;
    }
    for (file, count) in [
        ("crypto/wycheproof-ed25519_test.json", 151),
        ("crypto/wycheproof-ecdsa_secp256r1_sha256_test.json", 484),
        ("crypto/wycheproof-ecdsa_secp256r1_sha256_p1363_test.json", 262),
        ("crypto/wycheproof-rsa_pss_2048_sha256_mgf1_32_test.json", 108),
    ] {
        let mut tried = 0;
        for group in json(&read(file))["testGroups"].as_array().unwrap() {
            let spki = hex::decode(group["publicKeyDer"].as_str().unwrap()).unwrap();
            let key = PublicKey::from_spki_der(&spki).unwrap();
            for test in group["tests"].as_array().unwrap() {
                let bytes = |member: &str| hex::decode(test[member].as_str().unwrap()).unwrap();
                let found = key.verify(&bytes("msg"), &bytes("sig")).is_ok();
                // No vector is merely "acceptable", so nothing is left to choose. Two vectors of PSS are good signatures with
                // the other padding and with the longest salt: a key carries neither here, so both are taken.
                let with_others = ["PKCS #1 v1.5 signature with SHA-256", "s_len changed to 222"];
                let with_others = with_others.iter().any(|comment| test["comment"] == *comment);
                assert_eq!(
                    found,
                    with_others || test["result"] == "valid",
                    "{file} {}: {}",
                    test["tcId"],
                    test["comment"]
                );
                tried += 1;
            }
        }
        println!("{file}: {tried} vectors as they say");
        assert_eq!(tried, count, "{file}");
    }
}

//! `custody inspect` over files that nobody here wrote: exit code and kind of representative rows.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what went wrong by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the corpus; none, with a message, when it is not there.
fn corpus() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let path = std::env::var_os("CUSTODY_CORPUS").map_or(default, PathBuf::from);
    if path.join("MANIFEST.json").is_file() {
        return Some(path);
    }
    println!("skipped: no corpus at {}; set CUSTODY_CORPUS", path.display());
    None
}

fn inspect(corpus: &Path, file: &str, key: Option<&str>) -> (i32, serde_json::Value) {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_custody"));
    command.env_clear().env("HOME", home.path()).args(["inspect", "-o", "json"]).arg(corpus.join(file));
    if let Some(key) = key {
        command.arg("--key").arg(corpus.join(key));
    }
    let output = command.output().unwrap();
    let printed = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{file}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), printed)
}

#[test]
fn envelopes_have_their_verdicts() {
    let Some(corpus) = corpus() else { return };
    let witness = Some("dsse/keys/witness-testpub.pem");
    let grype = Some("dsse/keys/grype-cosign.pub");
    let rekor = Some("dsse/keys/rekor-intoto_dsse.pem");
    for (file, key, exit) in [
        ("dsse/witness-cdx-att.json", witness, 0),
        ("dsse/witness-spdx-att.json", witness, 0),
        ("dsse/archivista-build.attestation.json", witness, 0),
        ("dsse/archivista-policy-signed.json", witness, 0),
        ("dsse/grype-alpine.att.json", grype, 0),
        ("dsse/gce-vsa.bcid-vsa.jsonl", Some("dsse/keys/gce-vsa_signing_public_key.pem"), 0),
        ("dsse/rekor-intoto_dsse.json", rekor, 0),
        ("dsse/rekor-intoto_multi_dsse.json", rekor, 0),
        ("dsse/grype-alpine-tampered.att.json", grype, 1),
        ("dsse/grype-alpine.att.json", witness, 1),
        ("dsse/archivista-invalid_payload.attestation.json", None, 1),
        ("dsse/chainloop-invalid-payload.json", None, 1),
        ("dsse/chainloop-invalid-intoto.json", None, 1),
        ("dsse/chainloop-bad-sig.dsse_envelope.json", None, 1),
        ("dsse/macaron-micronaut.intoto.jsonl", None, 1),
        ("dsse/attestation-verifier-clone.fe1c6281.json", None, 1),
        ("dsse/grype-alpine.att.json", None, 3),
        ("dsse/slsa-annotated-tag.intoto.jsonl", None, 3),
        ("dsse/witness-test-2.6MB.json", None, 3),
        ("dsse/in-toto-golang-demo.dsse.layout", Some("dsse/keys/in-toto-golang-alice.pub"), 1),
        ("dsse/rekor-intoto_multi_dsse.json", Some("dsse/keys/rekor-intoto_multi_pub2.pem"), 0),
        ("dsse/chainloop-cert-attestation.json", Some("dsse/keys/chainloop-cert.pem"), 3),
    ] {
        let (found, report) = inspect(&corpus, file, key);
        assert_eq!(found, exit, "{file} with {key:?}: {report:#}");
        assert_eq!(report["kind"], "dsse", "{file}");
    }
}

/// A key of a kind that Custody does not check.
const SECP256K1: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAExsqrxIN23OoSqvjLbvds6NGui6TrL/cF\n\
    V9VCdtKE9tFs2vQgchDwUKWfvG4pv1CAJSvO0oBZy3S4Kx93DxU4Ww==\n\
    -----END PUBLIC KEY-----\n";

#[test]
fn an_unsupported_key_is_named() {
    let Some(corpus) = corpus() else { return };
    let home = tempfile::tempdir().unwrap();
    let key = home.path().join("key.pem");
    std::fs::write(&key, SECP256K1).unwrap();
    let (_, report) = inspect(&corpus, "dsse/in-toto-golang-demo.dsse.layout", Some(key.to_str().unwrap()));
    assert_eq!(report["signers"][0]["status"], "unsupported", "{report:#}");
    assert!(report["signers"][0]["detail"].as_str().unwrap().contains("secp256k1"), "{report:#}");
}

#[test]
fn a_signature_by_an_rsa_key_is_verified_though_the_payload_is_no_statement() {
    let Some(corpus) = corpus() else { return };
    let (exit, report) =
        inspect(&corpus, "dsse/in-toto-golang-demo.dsse.layout", Some("dsse/keys/in-toto-golang-alice.pub"));
    assert_eq!((exit, &report["signers"][0]["status"]), (1, &"verified".into()), "{report:#}");
}

#[test]
fn documents_that_nobody_signed_are_read_and_never_verified() {
    let Some(corpus) = corpus() else { return };
    for (file, kind, exit) in [
        ("statements/guac-certify-novuln.json", "statement", 3),
        ("statements/kube-slsa-v1.24.1.json", "statement", 3),
        ("statements/policies-slsa-buildv1.json", "statement", 3),
        ("statements/ampel-gitcommit-attestation.json", "statement", 3),
        ("sbom/cdx-1.2-keycloak-903.json", "sbom", 3),
        ("sbom/guac-cyclonedx-1.7.json", "sbom", 3),
        ("sbom/spdx-2.3-example8.json", "sbom", 3),
        ("sbom/spdx-3.0-example8.json", "sbom", 3),
        ("sbom/cdx-1.1-laravel.xml", "sbom", 3),
        ("sbom/spdx-2.2-example1.spdx", "sbom", 3),
        ("sbom/go-witness-bad.json", "sbom", 1),
    ] {
        let (found, report) = inspect(&corpus, file, None);
        assert_eq!((found, report["kind"].as_str()), (exit, Some(kind)), "{file}: {report:#}");
        assert_eq!(report["admissible"], false, "{file}");
    }
    let (_, keycloak) = inspect(&corpus, "sbom/cdx-1.2-keycloak-903.json", None);
    assert_eq!(keycloak["components"], 903);
}

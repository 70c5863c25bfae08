//! `custody inspect` over files that nobody here wrote: exit code, kind and places of representative rows. What every bundle
//! comes to is in `inspect_bundles.rs`.

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
    let asked = ["CI", "CUSTODY_CORPUS"].iter().all(|name| std::env::var_os(name).is_some());
    assert!(!asked, "no corpus at {}: CUSTODY_CORPUS names it, and CI skips nothing", path.display());
    println!("skipped: no corpus at {}; set CUSTODY_CORPUS", path.display());
    None
}

fn inspect(corpus: &Path, file: &str, key: Option<&str>) -> (i32, serde_json::Value) {
    let key = key.map(|key| corpus.join(key).display().to_string());
    let flags = key.iter().flat_map(|key| ["--key", key]).collect::<Vec<_>>();
    let (exit, mut reports) = inspect_all(&corpus.join(file), &flags);
    assert_eq!(reports.len(), 1, "{file}");
    (exit, reports.remove(0))
}

/// Runs the command; returns its exit code and what it printed, one document an item.
fn inspect_all(file: &Path, flags: &[&str]) -> (i32, Vec<serde_json::Value>) {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_custody"));
    command.env_clear().env("HOME", home.path()).args(["inspect", "-o", "json"]).arg(file).args(flags);
    let output = command.output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let reports = printed.lines().map(|line| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}: {line}", file.display()))
    });
    (output.status.code().unwrap(), reports.collect())
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

/// One flag more or another value, and the exit code that it gives.
#[test]
fn bundles_have_their_verdicts_under_what_is_given() {
    let Some(corpus) = corpus() else { return };
    let path = |file: &str| corpus.join(file).display().to_string();
    let bundle = "bundles/slsa/bcr-MODULE.bazel.intoto.jsonl";
    let (root, other) = (
        path("trust/sigstore-public-good.trusted_root.json"),
        path("trust/sigstore-staging.trusted_root.json"),
    );
    let github = path("trust/github.trusted_root.jsonl");
    let name = "https://github.com/bazel-contrib/publish-to-bcr/.github/workflows/publish.yaml@";
    let (exit, reports) = inspect_all(&corpus.join(bundle), &["--trusted-root", &root]);
    let signer = &reports[0]["signers"][0];
    let identity = signer["identity"].as_str().unwrap();
    assert!(exit == 0 && identity.starts_with(name), "{reports:#?}");
    assert_eq!((&reports[0]["kind"], &signer["status"]), (&"sigstore-bundle".into(), &"verified".into()));
    let time = &signer["times"][0];
    assert!(time["time"].as_str().unwrap().ends_with('Z') && time["by"] == "log_promise[0]", "{signer:#}");
    let issuer = "https://token.actions.githubusercontent.com";
    let subject = reports[0]["subjects"][0].as_str().unwrap();
    let zeros = format!("sha256:{}", "0".repeat(64));
    for (flags, exit) in [
        (
            &["--trusted-root", &root, "--identity", identity, "--issuer", issuer, "--artifact", subject][..],
            0,
        ),
        (&["--trusted-root", &other, "--trusted-root", &root], 0),
        (&["--trusted-root", &github], 0),
        (&["--trusted-root", &root, "--identity", name], 1),
        (&["--trusted-root", &root, "--issuer", "https://example.com"], 1),
        (&["--trusted-root", &root, "--artifact", &zeros], 1),
        (&["--trusted-root", &root, "--key", &path("dsse/keys/grype-cosign.pub")], 1),
        (&["--trusted-root", &other], 1),
        (&[], 3),
        (&["--identity", identity, "--issuer", issuer], 3),
        (&["--artifact", subject], 3),
        (&["--artifact", &zeros], 1),
        (&["--trusted-root", &path("README.md")], 2),
        (&["--trusted-root", &path(bundle)], 2),
    ] {
        let (found, reports) = inspect_all(&corpus.join(bundle), flags);
        assert_eq!(found, exit, "{flags:?}: {reports:#?}");
    }
}

#[test]
fn each_document_of_a_file_has_its_own_report() {
    let Some(corpus) = corpus() else { return };
    let path = |file: &str| corpus.join(file).display().to_string();
    let root = path("trust/sigstore-public-good.trusted_root.json");
    let keys = path("trust/npm-signing-keys.json");
    let npm = path("registry-provenance/npm/pacote-valid.json");
    let pypi = path("registry-provenance/pypi/pypi_attestations-0.0.19.tar.gz.provenance");
    let home = tempfile::tempdir().unwrap();
    // One line each: an envelope, npm's document, a statement.
    let minify = |file: &str| {
        serde_json::from_slice::<serde_json::Value>(&std::fs::read(file).unwrap()).unwrap().to_string()
    };
    let mixed = home.path().join("mixed.jsonl");
    let statement = minify(&path("statements/policies-slsa-buildv1.json"));
    std::fs::write(&mixed, format!("{}\n{statement}\n{}\n", minify(&npm), minify(&pypi))).unwrap();
    let broken = home.path().join("broken.jsonl");
    std::fs::write(&broken, format!("{}\nnonsense\n", minify(&npm))).unwrap();
    let both = ["--trusted-root", root.as_str(), "--key", keys.as_str()];
    let mixed_name = mixed.display().to_string();
    for (file, flags, exit, places) in [
        (&npm, &both[..], 0, vec![" attestations[0]", " attestations[1]"]),
        // Who has no root cannot check the provenance, and who has no keys not the publish attestation.
        (&npm, &both[..2], 3, vec![" attestations[0]", " attestations[1]"]),
        (&npm, &both[2..], 3, vec![" attestations[0]", " attestations[1]"]),
        (&pypi, &both[..2], 0, vec![" attestations[0]"]),
        (
            &mixed_name,
            &both[..],
            3,
            vec![":1 attestations[0]", ":1 attestations[1]", ":2", ":3 attestations[0]"],
        ),
        (&broken.display().to_string(), &both[..], 1, vec![":1 attestations[0]", ":1 attestations[1]", ":2"]),
    ] {
        let (found, reports) = inspect_all(Path::new(file), flags);
        let files: Vec<&str> = reports.iter().map(|report| report["file"].as_str().unwrap()).collect();
        let wanted: Vec<String> = places.iter().map(|place| format!("{file}{place}")).collect();
        assert_eq!((found, files), (exit, wanted.iter().map(String::as_str).collect()), "{reports:#?}");
    }
}

#[test]
fn people_read_every_check_and_who_signed_when() {
    let Some(corpus) = corpus() else { return };
    let home = tempfile::tempdir().unwrap();
    let inspect = |flags: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_custody"));
        command.env_clear().env("HOME", home.path()).current_dir(&corpus).arg("inspect").args(flags);
        String::from_utf8(
            command.arg("bundles/conformance/happy-path-v0.3.sigstore.json").output().unwrap().stdout,
        )
        .unwrap()
    };
    let verified = inspect(&["--trusted-root", "trust/sigstore-public-good.trusted_root.json"]);
    for line in [
        "Sigstore bundle",
        "  signature  https://",
        "  time       20",
        "  check      certificate: verified",
        "  check      log_inclusion[0]: verified",
    ] {
        assert!(verified.contains(line), "{line}: {verified}");
    }
    assert!(verified.ends_with("verified: a signature holds, nothing failed, every expectation holds\n"));
    let claimed = inspect(&[]);
    for line in [
        "as a certificate claims: not checked",
        "  check      certificate: not checked",
        "no trusted root was given",
    ] {
        assert!(claimed.contains(line), "{line}: {claimed}");
    }
    assert!(!claimed.contains("signature: verified") && !claimed.contains("identity: verified"), "{claimed}");
}

//! Real Sigstore bundles and registry documents: each row of the corpus gives its verdict, and no row is forgotten.
//!
//! The verdict is that of the corpus's manifest, which two unrelated verifiers confirmed. Where they disagree, and where a
//! row leaves it open, the rule is in `docs/evidence-verdicts.md`. A row that is in no table has that of the manifest alone.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at what it does not expect"
)]

mod corpus;

use std::path::PathBuf;

use custody_evidence::key::PublicKey;
use custody_evidence::registry::{npm_attestations, npm_keys, pypi_attestation, pypi_provenance};
use custody_evidence::sigstore::{
    Artifact, Bundle, KnownKey, Signer, Status, TrustedRoot, Unverified, verify,
};
use custody_evidence::{Digest, Statement};
use serde_json::Value;

const PUBLIC_GOOD: &str = "trust/sigstore-public-good.trusted_root.json";

/// Each bundle of each row: `verified`, `no bundle`, or the first check that stands in the way.
const BUNDLES: &[(&str, &[&str])] = &[
    ("bundles/conformance/bundle-empty-certificate-chain_fail.sigstore.json", &["no bundle"]),
    ("bundles/conformance/bundle-from-wrong-instance_fail.sigstore.json", &["log_promise failed"]),
    ("bundles/conformance/bundle-invalid-base64-signature_fail.sigstore.json", &["no bundle"]),
    ("bundles/conformance/bundle-malformed-json_fail.sigstore.json", &["no bundle"]),
    ("bundles/conformance/bundle-unknown-version_fail.sigstore.json", &["no bundle"]),
    ("bundles/conformance/checkpoint-wrong-roothash_fail.sigstore.json", &["log_inclusion failed"]),
    ("bundles/conformance/dsse-invalid-sig_fail.sigstore.json", &["signature failed"]),
    ("bundles/conformance/dsse-mismatch-envelope_fail.sigstore.json", &["log_entry failed"]),
    ("bundles/conformance/happy-path-intoto-in-dsse-v3.sigstore.json", &["verified"]),
    ("bundles/conformance/happy-path-v0.1.sigstore.json", &["verified"]),
    ("bundles/conformance/happy-path-v0.2.sigstore.json", &["verified"]),
    ("bundles/conformance/happy-path-v0.3.sigstore.json", &["verified"]),
    ("bundles/conformance/incorrect-public-key_fail.sigstore.json", &["log_promise failed"]),
    ("bundles/conformance/integrated-time-in-future_fail.sigstore.json", &["certificate failed"]),
    ("bundles/conformance/intoto-log-entry-mismatch_fail.sigstore.json", &["log_entry failed"]),
    ("bundles/conformance/intoto-missing-inclusion-proof_fail.sigstore.json", &["log_inclusion failed"]),
    (
        "bundles/conformance/intoto-tsa-timestamp-outside-cert-validity_fail.sigstore.json",
        &["certificate failed"],
    ),
    ("bundles/conformance/intoto-with-custom-trust-root.sigstore.json", &["verified"]),
    ("bundles/conformance/invalid-checkpoint-signature_fail.sigstore.json", &["log_inclusion failed"]),
    ("bundles/conformance/invalid-inclusion-proof_fail.sigstore.json", &["log_inclusion failed"]),
    ("bundles/conformance/managed-key-happy-path.sigstore.json", &["verified"]),
    ("bundles/conformance/managed-key-no-key_fail.sigstore.json", &["signature not checked"]),
    ("bundles/conformance/message-digest-mismatch_fail.sigstore.json", &["signature failed"]),
    ("bundles/conformance/rekor2-checkpoint-cosigned.sigstore.json", &["verified"]),
    (
        "bundles/conformance/rekor2-checkpoint-missing-log-signature_fail.sigstore.json",
        &["log_inclusion failed"],
    ),
    ("bundles/conformance/rekor2-checkpoint-missing-root-hash_fail.sigstore.json", &["log_inclusion failed"]),
    ("bundles/conformance/rekor2-checkpoint-two-sigs-cosigned.sigstore.json", &["verified"]),
    ("bundles/conformance/rekor2-checkpoint-two-sigs-from-origin.sigstore.json", &["verified"]),
    ("bundles/conformance/rekor2-dsse-happy-path.sigstore.json", &["verified"]),
    ("bundles/conformance/rekor2-dsse-invalid-sig_fail.sigstore.json", &["signature failed"]),
    ("bundles/conformance/rekor2-dsse-mismatch-sig_fail.sigstore.json", &["log_entry failed"]),
    ("bundles/conformance/rekor2-happy-path.sigstore.json", &["verified"]),
    ("bundles/conformance/rekor2-no-inclusion-proof_fail.sigstore.json", &["log_inclusion failed"]),
    ("bundles/conformance/rekor2-no-timestamp_fail.sigstore.json", &["time failed"]),
    ("bundles/conformance/rekor2-timestamp-outside-tsa-cert-validity_fail.sigstore.json", &["time failed"]),
    (
        "bundles/conformance/rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail.sigstore.json",
        &["time failed"],
    ),
    ("bundles/conformance/rekor2-timestamp-with-embedded-cert.sigstore.json", &["verified"]),
    ("bundles/conformance/rekor2-timestamp-with-incorrect-time_fail.sigstore.json", &["no bundle"]),
    ("bundles/conformance/rekor2-timestamp-without-embedded-cert.sigstore.json", &["verified"]),
    ("bundles/conformance/signature-mismatch_fail.sigstore.json", &["signature failed"]),
    ("bundles/conformance/trust-root-tsa-validity-end-inclusive.sigstore.json", &["verified"]),
    ("bundles/conformance/wrong-hashedrekord-artifact_fail.sigstore.json", &["log_entry failed"]),
    ("bundles/conformance/wrong-hashedrekord-entry_fail.sigstore.json", &["log_entry failed"]),
    ("bundles/conformance/wrong-material_fail.sigstore.json", &["artifact failed"]),
    ("bundles/python/bundle.txt.sigstore", &["verified"]),
    ("bundles/python/bundle_cve_2022_36056.txt.sigstore", &["log_entry failed"]),
    ("bundles/python/bundle_invalid_version.txt.sigstore", &["no bundle"]),
    ("bundles/python/bundle_no_cert_v1.txt.sigstore", &["no bundle"]),
    ("bundles/python/bundle_no_checkpoint.txt.sigstore", &["log_inclusion failed"]),
    ("bundles/python/bundle_no_log_entry.txt.sigstore", &["time failed"]),
    ("bundles/python/bundle_v3.txt.sigstore", &["verified"]),
    ("bundles/python/bundle_v3_alt.txt.sigstore", &["verified"]),
    ("bundles/python/bundle_v3_no_signed_time.txt.sigstore.json", &["time failed"]),
    ("bundles/python/tsa.bundle.txt.sigstore", &["verified"]),
    ("bundles/python/tsa.bundle.many_timestamp.sigstore", &["no bundle"]),
    ("bundles/js/bundleV01-dsse-no-proof.sigstore", &["verified"]),
    ("bundles/js/bundleV01-intoto-with-proof.sigstore", &["verified"]),
    ("bundles/js/bundleV01-full-cert-chain.sigstore", &["verified"]),
    ("bundles/js/bundleV01-intoto-no-proof.sigstore", &["verified"]),
    ("bundles/js/bundleV02-intoto.sigstore", &["verified"]),
    ("bundles/js/bundleV03-dsse.sigstore", &["verified"]),
    ("bundles/go/dsse-2sigs.sigstore.json", &["no bundle"]),
    ("bundles/go/dsse.sigstore.json", &["verified"]),
    ("bundles/go/othername.sigstore.json", &["verified"]),
    ("bundles/go/bundle-provenance.json", &["verified"]),
    ("bundles/go/bundle-publish.json", &["verified"]),
    ("bundles/java/PKIX_ECDSA_P384_SHA_384.sigstore.json", &["verified"]),
    ("bundles/java/PKIX_ECDSA_P521_SHA_512.sigstore.json", &["verified"]),
    ("bundles/java/PKIX_RSA_PKCS1V15_3072_SHA256.sigstore.json", &["verified"]),
    ("bundles/java/bundle-no-digest.sigstore", &["no bundle"]),
    ("bundles/java/bundle.v1.no.inclusion.sigstore", &["verified"]),
    ("bundles/java/bundle.v2.no.inclusion.sigstore", &["log_inclusion failed"]),
    ("bundles/java/bundle.v3_1.no.inclusion.sigstore", &["log_inclusion failed"]),
    ("bundles/java/bundle.dsse.rekor-v2.bad-entry-type.sigstore", &["log_entry not supported"]),
    ("bundles/java/github-private.attestation.sigstore.json", &["verified"]),
    ("bundles/gh/sigstore-js-2.1.0-bundle-v0.1.json", &["verified"]),
    ("bundles/gh/sigstore-js-2.1.0_with_2_bundles.jsonl", &["verified", "verified"]),
    ("bundles/gh/sigstoreBundle-invalid-signature.json", &["signature failed"]),
    ("bundles/gh/github_provenance_demo-bundle.jsonl", &["verified"]),
    ("bundles/gh/bundle-missing-cert.jsonl", &["no bundle"]),
    ("bundles/gh/bundle-missing-verification-material.jsonl", &["no bundle"]),
    ("bundles/slsa/generic-v2.1.0-push-v14.2.intoto.jsonl", &["verified"]),
    ("bundles/slsa/maven-v2.1.0-push-v14.2.build.slsa", &["verified"]),
    ("bundles/slsa/container-based-v2.1.0-push-v14.intoto.build.slsa", &["verified"]),
    ("bundles/slsa/bcr-MODULE.bazel.intoto.jsonl", &["verified"]),
    ("bundles/slsa/bcr-MODULE-wrong-signer.intoto.jsonl", &["verified"]),
    ("bundles/slsa/gha-valid.intoto.sigstore", &["verified"]),
    ("bundles/slsa/gha-invalid-dsse-sig.intoto.sigstore", &["signature failed"]),
    ("bundles/slsa/gha-invalid-set.intoto.sigstore", &["no bundle"]),
    ("bundles/slsa/gha-mismatch-tlog.intoto.sigstore", &["certificate failed"]),
    ("bundles/rust/cosign_v3_missing_fields.json", &["log_promise failed"]),
    ("bundles/rust/conda-attestation.sigstore.json", &["verified"]),
    ("bundles/cosign/oci-attestation.sigstore.json", &["verified"]),
    ("bundles/large/grype-many.intoto.json", &["verified"]),
    ("bundles/large/trivy-none.intoto.json", &["verified"]),
    ("bundles/chainloop/bundle_with_bad_timestamp.json", &["no bundle"]),
    ("bundles/chainloop/bundle_with_publickey.json", &["only read"]),
    ("bundles/chainloop/bundle_wrongversion.json", &["no bundle"]),
];

/// The same for each attestation in documents of registries. A label that is not what was signed is said.
const DOCUMENTS: &[(&str, &[&str])] = &[
    ("registry-provenance/npm/gundam-visor-cli-v1-tag.tgz.json", &["verified", "verified"]),
    (
        "registry-provenance/npm/gundam-visor-cli-v1-tag-invalidsigprov.tgz.json",
        &["verified", "signature failed"],
    ),
    (
        "registry-provenance/npm/gundam-visor-cli-v1-tag-invalidsigpub.tgz.json",
        &["signature failed", "verified"],
    ),
    ("registry-provenance/npm/provenance-npm-test-cli-v02-prega.tgz.json", &["verified", "verified"]),
    (
        "registry-provenance/npm/provenance-npm-test-cli-v02-prega-invalidsigprov.tgz.json",
        &["verified", "signature failed"],
    ),
    (
        "registry-provenance/npm/provenance-npm-test-cli-v02-prega-invalidsigpub.tgz.json",
        &["signature failed", "verified"],
    ),
    ("registry-provenance/npm/supreme-googles-cli-v02-tag.tgz.json", &["verified", "verified"]),
    (
        "registry-provenance/npm/supreme-googles-cli-v02-tag-invalidsigprov.tgz.json",
        &["verified", "signature failed"],
    ),
    (
        "registry-provenance/npm/supreme-googles-cli-v02-tag-invalidsigpub.tgz.json",
        &["signature failed", "verified"],
    ),
    ("registry-provenance/npm/npm-attestations.json", &["verified", "verified"]),
    ("registry-provenance/npm/npm-att-mismatch-prov-payloadtype.json", &["signature failed", "verified"]),
    (
        "registry-provenance/npm/npm-att-mismatch-prov-predicatetype.json",
        &["verified, label differs", "verified"],
    ),
    ("registry-provenance/npm/npm-att-publish-nodigest.json", &["verified", "signature failed"]),
    ("registry-provenance/npm/npm-att-publish-nosubjects.json", &["verified", "signature failed"]),
    ("registry-provenance/npm/npm-stmt-mismatch-prov-type.json", &["signature failed", "verified"]),
    ("registry-provenance/npm/npm-stmt-mismatch-pub-predicatetype.json", &["verified", "signature failed"]),
    ("registry-provenance/npm/pacote-valid.json", &["verified", "verified"]),
    ("registry-provenance/npm/pacote-invalid.json", &["verified", "signature failed"]),
    ("registry-provenance/npm/pacote-mismatched-subject-digest.json", &["verified", "signature failed"]),
    ("registry-provenance/npm/pacote-no-keyid.json", &["signature failed", "verified"]),
    ("registry-provenance/pypi/gitlab_oidc_project-0.0.3.tar.gz.publish.attestation", &["verified"]),
    ("registry-provenance/pypi/pypi_attestations-0.0.19.tar.gz.slsa.attestation", &["verified"]),
    ("registry-provenance/pypi/pypi_attestations-0.0.19.tar.gz.provenance", &["verified"]),
    ("registry-provenance/pypi/rfc8785-0.1.2-py3-none-any.whl.publish.attestation", &["verified"]),
    ("registry-provenance/pypi/sampleproject-3.0.0.tar.gz.publish.attestation", &["verified"]),
];

/// What the manifest leaves open, in its words, and what holds here.
const LEFT_OPEN: &[(&str, &str, bool)] = &[
    // The bundle is good, and the document around it says something that nobody signed.
    ("registry-provenance/npm/npm-att-mismatch-prov-predicatetype.json", "outer label lies", true),
    // A chain in version 0.3, and no digest: two of three verifiers refuse it.
    ("bundles/java/bundle-no-digest.sigstore", "lenient", false),
    ("bundles/rust/cosign_v3_missing_fields.json", "parse ok, not verifiable", false),
    // Nothing to verify it with: it is only read.
    ("bundles/chainloop/bundle_with_publickey.json", "parse ok", false),
];

fn folder() -> PathBuf {
    corpus::folder().unwrap()
}

fn read(file: &str) -> Vec<u8> {
    std::fs::read(folder().join(file)).unwrap()
}

fn root(file: &str) -> TrustedRoot {
    TrustedRoot::parse(&read(file)).unwrap()
}

fn key(file: &str) -> KnownKey {
    KnownKey::new(PublicKey::from_pem(&String::from_utf8(read(file)).unwrap()).unwrap())
}

fn rows(part: &str) -> Vec<Value> {
    let rows: Vec<Value> = serde_json::from_slice(&read("MANIFEST.json")).unwrap();
    let of_part = |row: &Value| row["file"].as_str().unwrap().starts_with(part) && row["verdict"] != "data";
    rows.into_iter().filter(of_part).collect()
}

/// What is known of the artifact of a row: its bytes, or its digests.
struct Known {
    bytes: Option<Vec<u8>>,
    digests: Vec<Digest>,
}

impl Known {
    fn of(row: &Value) -> Self {
        let digest = |name: &&str| Digest::read(name, row[format!("artifact_{name}")].as_str()?).ok();
        let digests = ["sha256", "sha512"].iter().filter_map(digest).collect();
        Self { bytes: row["artifact"].as_str().map(read), digests }
    }

    fn artifact(&self) -> Artifact<'_> {
        match &self.bytes {
            Some(bytes) => Artifact::Bytes(bytes),
            None if self.digests.is_empty() => Artifact::Unknown,
            None => Artifact::Digests(&self.digests),
        }
    }
}

/// Names the first check that stands in the way, and how.
fn blocker(unverified: &Unverified) -> String {
    let check = unverified.first().unwrap();
    let status = match check.status {
        Status::Verified => "verified",
        Status::Failed(_) => "failed",
        Status::NotChecked(_) => "not checked",
        Status::Unsupported { .. } => "not supported",
    };
    format!("{} {status}", check.name)
}

/// Returns what came out for one bundle, under the row's root, with its key, artifact and identity.
fn verdict(bytes: &[u8], row: &Value) -> String {
    let bundle = match Bundle::parse(bytes) {
        Ok(bundle) => bundle,
        Err(error) => {
            println!("    {error}");
            return "no bundle".to_owned();
        }
    };
    let trusted = row["trust_root"].as_str().unwrap();
    if trusted.starts_with("none") {
        return "only read".to_owned();
    }
    let keys: Vec<KnownKey> = row["key"].as_str().map(key).into_iter().collect();
    let known = Known::of(row);
    match verify(&bundle, &root(trusted), &keys, known.artifact()) {
        Err(unverified) => {
            println!("    {unverified}");
            blocker(&unverified)
        }
        Ok(verified) => {
            let (name, issuer) = (row["identity"].as_str(), row["issuer"].as_str());
            match verified.signer() {
                Signer::Certificate { identity, .. }
                    if name.is_some_and(|name| name != identity.name().as_str())
                        || issuer.is_some_and(|issuer| issuer != identity.issuer()) =>
                {
                    "other identity".to_owned()
                }
                Signer::Certificate { .. } | Signer::Key(_) => "verified".to_owned(),
            }
        }
    }
}

/// The bundles of a file: one, or one a line.
fn bundles(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let lines: Vec<Vec<u8>> = lines.map(<[u8]>::to_vec).collect();
    let whole = |line: &Vec<u8>| serde_json::from_slice::<Value>(line).is_ok();
    if lines.len() > 1 && lines.iter().all(whole) { lines } else { vec![bytes.to_vec()] }
}

/// Returns what came out for each attestation of a registry's document.
fn document_verdicts(file: &str, row: &Value) -> Vec<String> {
    let bytes = read(file);
    let trusted = root(row["trust_root"].as_str().unwrap_or(PUBLIC_GOOD));
    let known = Known::of(row);
    let said = |bundle: &Bundle, keys: &[KnownKey]| match verify(bundle, &trusted, keys, known.artifact()) {
        Ok(_) => "verified".to_owned(),
        Err(unverified) => blocker(&unverified),
    };
    if file.contains("/pypi/") {
        let attestations = match file.strip_suffix(".provenance") {
            Some(_) => pypi_provenance(&bytes).unwrap_or_default(),
            None => vec![bytes.as_slice()],
        };
        let one = |bytes: &&[u8]| {
            pypi_attestation(bytes).map_or_else(|_| "no bundle".to_owned(), |bundle| said(&bundle, &[]))
        };
        return or_nothing(attestations.iter().map(one).collect());
    }
    let keys = npm_keys(&read("trust/npm-signing-keys.json")).unwrap();
    let attestations = npm_attestations(&bytes).unwrap_or_default();
    let one = |attestation: &custody_evidence::registry::NpmAttestation<'_>| {
        let Ok(bundle) = Bundle::parse(attestation.bundle().unwrap_or_default()) else {
            return "no bundle".to_owned();
        };
        let said = said(&bundle, &keys);
        let custody_evidence::sigstore::Content::Dsse(envelope) = bundle.content() else { return said };
        let signed = Statement::parse(envelope.payload());
        let honest = signed.is_ok_and(|signed| signed.predicate_type() == attestation.label());
        if honest || said != "verified" { said } else { format!("{said}, label differs") }
    };
    or_nothing(attestations.iter().map(one).collect())
}

/// A document that cannot be taken apart has nothing that is verified.
fn or_nothing(found: Vec<String>) -> Vec<String> {
    if found.is_empty() { vec!["no document".to_owned()] } else { found }
}

/// Compares what was found with the table, and both with the manifest. Returns whether all of it is verified.
fn compare(row: &Value, found: &[String], table: &[(&str, &[&str])]) -> bool {
    let (file, says) = (row["file"].as_str().unwrap(), row["verdict"].as_str().unwrap());
    println!("{file}: {}", found.join(", "));
    if let Some((_, expected)) = table.iter().find(|(name, _)| *name == file) {
        assert_eq!(*expected, &found.iter().map(String::as_str).collect::<Vec<_>>()[..], "{file}");
    }
    let all = found.iter().all(|verdict| verdict.starts_with("verified"));
    match LEFT_OPEN.iter().find(|(name, ..)| *name == file) {
        Some((_, words, verified)) => {
            assert!(says.starts_with(words), "{file}: {says}");
            assert_eq!(all, *verified, "{file}: {says}");
        }
        None if ["valid", "invalid"].iter().any(|word| says.starts_with(word)) => {
            assert_eq!(all, says.starts_with("valid"), "{file}: {says}");
        }
        // Neither is said: a new row that leaves it open.
        None => {}
    }
    all
}

fn every_row_of_a_table_is_in(rows: &[Value], table: &[(&str, &[&str])]) {
    for (name, _) in table {
        assert!(rows.iter().any(|row| row["file"] == *name), "{name} is not in the manifest");
    }
}

#[test]
fn every_bundle_gives_its_verdict() {
    if corpus::folder().is_none() {
        return;
    }
    let rows = rows("bundles/");
    let verdicts = |file: &str, row: &Value| -> Vec<String> {
        bundles(&read(file)).iter().map(|bytes| verdict(bytes, row)).collect()
    };
    let all = |row: &&Value| compare(row, &verdicts(row["file"].as_str().unwrap(), row), BUNDLES);
    let verified = rows.iter().filter(all).count();
    println!("{} rows, {verified} verified, {} not", rows.len(), rows.len() - verified);
    every_row_of_a_table_is_in(&rows, BUNDLES);
}

#[test]
fn every_document_of_a_registry_gives_its_verdicts() {
    if corpus::folder().is_none() {
        return;
    }
    let rows = rows("registry-provenance/");
    let all = |row: &&Value| compare(row, &document_verdicts(row["file"].as_str().unwrap(), row), DOCUMENTS);
    let verified = rows.iter().filter(all).count();
    println!("{} rows, {verified} verified, {} not", rows.len(), rows.len() - verified);
    every_row_of_a_table_is_in(&rows, DOCUMENTS);
}

/// A bundle that is good, by somebody else: only who knows whom to expect can tell.
#[test]
fn a_bundle_says_who_signed_it() {
    if corpus::folder().is_none() {
        return;
    }
    let trusted = root(PUBLIC_GOOD);
    for (file, name, repository) in [
        (
            "bundles/slsa/bcr-MODULE-wrong-signer.intoto.jsonl",
            "https://github.com/loosebazooka/aa-test/.github/workflows/malicious_attestation.yaml@",
            "https://github.com/loosebazooka/aa-test",
        ),
        (
            "bundles/slsa/bcr-MODULE.bazel.intoto.jsonl",
            "https://github.com/bazel-contrib/publish-to-bcr/.github/workflows/publish.yaml@",
            "https://github.com/",
        ),
    ] {
        let bundle = Bundle::parse(&read(file)).unwrap();
        let verified = verify(&bundle, &trusted, &[], Artifact::Unknown).unwrap();
        let Signer::Certificate { identity, .. } = verified.signer() else { unreachable!("{file}") };
        assert!(identity.name().as_str().starts_with(name), "{}", identity.name().as_str());
        assert_eq!(identity.issuer(), "https://token.actions.githubusercontent.com");
        let claims = identity.claims();
        assert!(claims.source_repository_uri.as_deref().unwrap().starts_with(repository), "{claims:?}");
        assert!(claims.run_invocation_uri.as_deref().unwrap().contains("/actions/runs/"), "{claims:?}");
        assert!(!verified.times().is_empty());
        assert_eq!(verified.content(), verified.envelope().unwrap().content());
        assert!(verified.statement().unwrap().unwrap().predicate_type().starts_with("https://slsa.dev/"));
    }
}

/// Where a bundle holds what proves something, and whether version 0.1 does without it.
const PROOFS: &[(&str, bool)] = &[
    ("/messageSignature/signature", true),
    ("/dsseEnvelope/payload", true),
    ("/dsseEnvelope/payloadType", true),
    ("/dsseEnvelope/signatures/0/sig", true),
    ("/verificationMaterial/certificate/rawBytes", true),
    ("/verificationMaterial/x509CertificateChain/certificates/0/rawBytes", true),
    ("/verificationMaterial/tlogEntries/0/canonicalizedBody", true),
    ("/verificationMaterial/tlogEntries/0/logId/keyId", true),
    ("/verificationMaterial/tlogEntries/0/kindVersion/kind", true),
    ("/verificationMaterial/tlogEntries/0/kindVersion/version", true),
    ("/verificationMaterial/tlogEntries/0/inclusionPromise/signedEntryTimestamp", true),
    ("/verificationMaterial/tlogEntries/0/integratedTime", true),
    ("/verificationMaterial/tlogEntries/0/inclusionProof/rootHash", false),
    ("/verificationMaterial/tlogEntries/0/inclusionProof/treeSize", false),
    ("/verificationMaterial/tlogEntries/0/inclusionProof/logIndex", false),
    ("/verificationMaterial/tlogEntries/0/inclusionProof/hashes/0", false),
    ("/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope", false),
];

/// Changes one letter or digit in the middle to another of the same kind; of a checkpoint in its third line, the root.
fn changed(text: &str) -> String {
    let root = text.match_indices('\n').nth(1).map(|(at, _)| at);
    let middle =
        text.char_indices().skip(root.unwrap_or(text.len() / 2)).find(|(_, c)| c.is_ascii_alphanumeric());
    let (at, c) = middle.or_else(|| text.char_indices().next()).unwrap();
    let other = match c {
        '0'..='8' | 'a'..='y' | 'A'..='Y' => char::from_u32(u32::from(c) + 1).unwrap(),
        '9' => '8',
        'z' => 'y',
        _ => 'A',
    };
    format!("{}{other}{}", &text[..at], &text[at + c.len_utf8()..])
}

/// What is verified is not verified when any part of its proof is changed.
#[test]
fn no_part_of_a_proof_can_be_changed() {
    if corpus::folder().is_none() {
        return;
    }
    let mut tried = 0;
    for row in rows("bundles/") {
        let file = row["file"].as_str().unwrap();
        let bytes = read(file);
        let Ok(original) = serde_json::from_slice::<Value>(&bytes) else { continue };
        let verified = BUNDLES.iter().any(|(name, found)| *name == file && *found == ["verified"]);
        if !verified || bytes.len() > 100_000 {
            continue;
        }
        let first = original["mediaType"].as_str().unwrap().ends_with("version=0.1");
        let root = row["trust_root"].as_str().unwrap();
        for (place, always) in PROOFS {
            // What a root does not list is not checked; version 0.1 may carry a proof that leads nowhere.
            let log = place.contains("tlogEntries");
            if first && !always || log && root.contains("github") && !place.contains("kind") {
                continue;
            }
            let mut value = original.clone();
            let Some(Value::String(text)) = value.pointer_mut(place) else { continue };
            if text.is_empty() || text == "0" && place.contains("integratedTime") {
                continue;
            }
            *text = changed(text);
            let found = verdict(&serde_json::to_vec(&value).unwrap(), &row);
            assert_ne!(found, "verified", "{file}: {place}");
            tried += 1;
        }
    }
    println!("{tried} changes, none verified");
    assert!(tried > 400, "{tried}");
}

/// All roots of the corpus are read, and of one JSON per line both.
#[test]
fn every_trusted_root_is_read() {
    if corpus::folder().is_none() {
        return;
    }
    let listed = corpus::listed("trust");
    let roots: Vec<&String> = listed
        .iter()
        .filter(|file| file.contains("root") && !file.contains(".pub") && !file.contains(".jsonl"))
        .collect();
    assert_eq!(roots.len(), 10);
    for file in roots {
        let trusted = TrustedRoot::parse(&corpus::bytes("trust", file));
        assert!(trusted.is_ok(), "{file}: {}", trusted.unwrap_err());
    }
    let lines = TrustedRoot::parse_lines(&read("trust/github.trusted_root.jsonl")).unwrap();
    let needs: Vec<(bool, bool)> =
        lines.iter().map(|root| (root.needs_log(), root.needs_certificate_log())).collect();
    assert_eq!(needs, [(true, true), (false, false)]);
}

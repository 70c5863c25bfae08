//! Sigstore bundles, trusted roots, and the documents of registries that wrap bundles.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_evidence::registry::{
    NpmAttestation, cloud_build_envelopes, npm_attestations, npm_keys, pypi_provenance,
};
use custody_evidence::sigstore::{
    Artifact, Bundle, BundleError, Certificate, CheckName, KnownKey, Status, TrustedRoot, Unverified,
    VerifiedBundle, verify,
};
use serde_json::{Value, json};

use super::{Target, texts};
use crate::claim::{Outcome, bounded, refused, same_bytes};
use crate::corpus::Corpus;

const WORDS: &[&str] = &[
    "\"mediaType\":",
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "\"verificationMaterial\":",
    "\"x509CertificateChain\":",
    "\"certificates\":",
    "\"certificate\":",
    "\"rawBytes\":",
    "\"publicKey\":",
    "\"hint\":",
    "\"tlogEntries\":",
    "\"inclusionProof\":",
    "\"inclusionPromise\":",
    "\"canonicalizedBody\":",
    "\"rfc3161Timestamps\":",
    "\"signedTimestamp\":",
    "\"dsseEnvelope\":",
    "\"messageSignature\":",
    "\"messageDigest\":",
    "\"SHA2_256\"",
    "null",
];

const ROOT_WORDS: &[&str] = &[
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "\"tlogs\":",
    "\"ctlogs\":",
    "\"certificateAuthorities\":",
    "\"timestampAuthorities\":",
    "\"validFor\":",
    "\"start\":",
    "\"end\":",
    "\"keyDetails\":",
    "\"PKCS1_RSA_PKCS1V5\"",
    "\"keyId\":",
];

const DOCUMENT_WORDS: &[&str] = &[
    "\"attestations\":",
    "\"attestation_bundles\":",
    "\"bundle\":",
    "\"predicateType\":",
    "\"version\":",
    "\"keys\":",
    "\"keyUsage\":",
    "\"npm:attestations\"",
];

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "sigstore.bundle",
        max: 16 << 10,
        rounds: 1500,
        words: WORDS,
        seeds: bundles,
        run: bundle,
    },
    Target {
        name: "sigstore.pep740",
        max: 16 << 10,
        rounds: 1000,
        words: WORDS,
        seeds: attestations,
        run: pep740,
    },
    Target {
        name: "sigstore.certificate",
        max: 8 << 10,
        rounds: 3000,
        words: &[],
        seeds: certificates,
        run: certificate,
    },
    Target {
        name: "sigstore.timestamp",
        max: 8 << 10,
        rounds: 600,
        words: &[],
        seeds: timestamps,
        run: timestamp,
    },
    Target { name: "sigstore.root", max: 16 << 10, rounds: 1500, words: ROOT_WORDS, seeds: roots, run: root },
    Target {
        name: "registry.document",
        max: 32 << 10,
        rounds: 1500,
        words: DOCUMENT_WORDS,
        seeds: documents,
        run: document,
    },
];

/// A bundle that reads, by nobody.
pub(super) const BUNDLE: &str = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"k"},"tlogEntries":[{"logIndex":"1","logId":{"keyId":"AAAA"},"kindVersion":{"kind":"hashedrekord","version":"0.0.2"},"integratedTime":"1700000000","inclusionPromise":{"signedEntryTimestamp":"AAAA"},"inclusionProof":{"logIndex":"0","rootHash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","treeSize":"1","hashes":[],"checkpoint":{"envelope":"log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u2014 log AAAAAAAA\n"}},"canonicalizedBody":"e30="}],"timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":"MAA="}]}},"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},"signature":"AAAA"}}"#;

pub(super) const ATTESTATION: &str = r#"{"version":1,"verification_material":{"certificate":"MAA=","transparency_entries":[]},"envelope":{"statement":"e30=","signature":"AAAA"}}"#;

pub(super) const ROOT: &str = r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":[{"baseUrl":"https://log.example.com","publicKey":{"rawBytes":"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=","validFor":{"start":"2020-01-01T00:00:00Z"}},"logId":{"keyId":"AAAA"}}]}"#;

const NPM: &str = r#"{"attestations":[{"predicateType":"https://slsa.dev/provenance/v1","bundle":{}}]}"#;
const PROVENANCE: &str = r#"{"version":1,"attestation_bundles":[{"publisher":{},"attestations":[{}]}]}"#;
const KEYS: &str = r#"{"keys":[{"keyId":"k","keyUsage":"npm:attestations","publicKey":{"rawBytes":"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=","validFor":{"start":"2020-01-01T00:00:00Z"}}}]}"#;

/// By `openssl req -x509 -newkey ec`, with a key that nobody kept.
pub(super) const CERTIFICATE: &str = "MIIBczCCARmgAwIBAgIUVg2nmic1XeK8S/1lNy64B2oi9QYwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEdGVzdDAeFw0yNjExMjUyMDMxNDFaFw0zNjExMjIyMDMxNDFaMA8xDTALBgNVBAMMBHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASW3OBvYIY4OpkXBKdvzrQMGxpG8S1gmNsX4DS2MgerbHmWzlG5SGooRUu8P3bS0PrpcJvDayW9kiMzJ4GpHHzto1MwUTAdBgNVHQ4EFgQUAMpuRQysM29ejO0dLsYUn3edSiYwHwYDVR0jBBgwFoAUAMpuRQysM29ejO0dLsYUn3edSiYwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA65dUCrMLTExJ6moJIR37xQ2EnVzQHO0R7eAIvlx+IhACIHhxTvofEyWZ4OadUVy32ibu9FD4aZP2oG1G6ImbniCE";

/// Whom the real bundles of the corpus are verified under, and what those say that are verified.
struct Real {
    roots: Vec<TrustedRoot>,
    keys: Vec<KnownKey>,
    said: BTreeSet<[u8; 32]>,
}

fn real() -> &'static Real {
    static REAL: OnceLock<Real> = OnceLock::new();
    REAL.get_or_init(|| {
        let corpus = Corpus::find();
        let trust = corpus.documents("trust");
        let roots: Vec<TrustedRoot> =
            trust.iter().filter_map(|bytes| TrustedRoot::parse(bytes).ok()).collect();
        let roots =
            if roots.is_empty() { TrustedRoot::parse(ROOT.as_bytes()).into_iter().collect() } else { roots };
        let keys = trust.iter().filter_map(|bytes| npm_keys(bytes).ok()).flatten().collect();
        let mut real = Real { roots, keys, said: BTreeSet::new() };
        let seeds = bundles(&corpus).into_iter().map(|bytes| Bundle::parse(&bytes));
        let attested = attestations(&corpus).into_iter().map(|bytes| Bundle::parse_pep740(&bytes));
        for bundle in seeds.chain(attested).filter_map(Result::ok) {
            real.said = real.said.union(&real.verified(&bundle)).copied().collect();
        }
        real
    })
}

impl Real {
    /// Returns what the bundle says, if it is verified under a root.
    fn verified(&self, bundle: &Bundle) -> BTreeSet<[u8; 32]> {
        let under = |root: &TrustedRoot| match verify(bundle, root, &self.keys, Artifact::Unknown) {
            Ok(verified) => {
                assert!(verified.checks().iter().all(custody_evidence::sigstore::Check::allows));
                Some(*verified.content().as_bytes())
            }
            Err(unverified) => {
                assert!(matches!(refused(&unverified), Outcome::Refused(_)));
                assert!(unverified.first().is_some(), "not verified, and nothing stands in the way");
                None
            }
        };
        self.roots.iter().filter_map(under).collect()
    }
}

fn read(bytes: &[u8], bundle: Result<Bundle, BundleError>) -> Outcome {
    let bundle = match bundle {
        Ok(bundle) => bundle,
        Err(error) => return refused(&error),
    };
    same_bytes("bundle", bundle.bytes(), bytes);
    bounded(bytes.len(), bundle.content(), 8, 4096);
    bounded(bytes.len(), bundle.material(), 8, 4096);
    let real = real();
    assert!(real.verified(&bundle).is_subset(&real.said), "verified, and nobody signed it");
    Outcome::Accepted
}

fn bundle(bytes: &[u8]) -> Outcome {
    read(bytes, Bundle::parse(bytes))
}

fn pep740(bytes: &[u8]) -> Outcome {
    read(bytes, Bundle::parse_pep740(bytes))
}

fn certificate(bytes: &[u8]) -> Outcome {
    match Certificate::parse(bytes) {
        Ok(certificate) => {
            same_bytes("certificate", certificate.der(), bytes);
            // It is kept whole and in its parts, and each byte prints as up to five characters.
            bounded(bytes.len(), &certificate, 24, 4096);
            match certificate.public_key() {
                Ok(key) => assert!(key.verify(b"message", &[0; 64]).is_err(), "a key that signs everything"),
                Err(error) => assert!(matches!(refused(&error), Outcome::Refused(_))),
            }
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// The bytes stand as the only time stamp of a real bundle, whose one proof of time they are.
fn timestamp(bytes: &[u8]) -> Outcome {
    // Without the corpus there is nothing to put it into, and only its own reader is missed.
    let Some(around) = stamped() else { return Outcome::Accepted };
    let mut bundle = around.clone();
    bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] =
        json!([{"signedTimestamp": STANDARD.encode(bytes)}]);
    let bundle = serde_json::to_vec(&bundle).unwrap();
    match Bundle::parse(&bundle) {
        Ok(bundle) => stamp_status(&bundle),
        Err(error) => refused(&error),
    }
}

/// Returns what came of the time stamp, so that inputs which get further are changed further.
fn stamp_status(bundle: &Bundle) -> Outcome {
    let real = real();
    let status = |root: &TrustedRoot| {
        let result = verify(bundle, root, &[], Artifact::Unknown);
        if let Ok(verified) = &result {
            assert!(real.said.contains(verified.content().as_bytes()), "verified, and nobody signed it");
        }
        let checks = result.as_ref().map_or_else(Unverified::checks, VerifiedBundle::checks);
        checks.iter().find(|check| check.name == CheckName::Timestamp).map(|check| check.status.clone())
    };
    let statuses: Vec<Status> = real.roots.iter().filter_map(status).collect();
    if statuses.contains(&Status::Verified) {
        return Outcome::Accepted;
    }
    let texts: BTreeSet<String> = statuses.iter().map(Status::to_string).collect();
    Outcome::Refused(texts.into_iter().collect::<Vec<_>>().join("; "))
}

/// A bundle of the corpus that has a time stamp and no promise of a log.
fn stamped() -> Option<&'static Value> {
    static STAMPED: OnceLock<Option<Value>> = OnceLock::new();
    let find = || {
        let documents = Corpus::find().documents("bundles/conformance");
        let mut values = documents.iter().filter_map(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        values.find(|value| {
            let material = &value["verificationMaterial"];
            let stamps = &material["timestampVerificationData"]["rfc3161Timestamps"];
            stamps.as_array().is_some() && material["tlogEntries"][0]["inclusionPromise"].is_null()
        })
    };
    STAMPED.get_or_init(find).as_ref()
}

/// Returns the decoded texts of all members of this name.
fn members(values: &[Vec<u8>], name: &str) -> Vec<Vec<u8>> {
    fn walk(value: &Value, name: &str, found: &mut Vec<Vec<u8>>) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    match value.as_str().filter(|_| key == name).map(|text| STANDARD.decode(text)) {
                        Some(Ok(bytes)) => found.push(bytes),
                        Some(Err(_)) | None => walk(value, name, found),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, name, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for value in values.iter().filter_map(|bytes| serde_json::from_slice(bytes).ok()) {
        walk(&value, name, &mut found);
    }
    found.sort();
    found.dedup();
    found.truncate(60);
    found
}

/// Writes standard base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A certificate that was made for these tests alone, and those of the corpus.
fn certificates(corpus: &Corpus) -> Vec<Vec<u8>> {
    let own = STANDARD.decode(CERTIFICATE).unwrap();
    [vec![own], members(&corpus.documents("trust"), "rawBytes"), members(&bundles(corpus), "rawBytes")]
        .concat()
}

fn timestamps(corpus: &Corpus) -> Vec<Vec<u8>> {
    [vec![vec![0x30, 0x00]], members(&bundles(corpus), "signedTimestamp")].concat()
}

fn root(bytes: &[u8]) -> Outcome {
    match TrustedRoot::parse(bytes) {
        Ok(root) => {
            // A certificate is kept as it is and in its parts, and bytes print as up to five characters.
            bounded(bytes.len(), &root, 24, 64 << 10);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// What a document holds stands in it, byte for byte.
fn document(bytes: &[u8]) -> Outcome {
    let within = |part: &[u8]| bytes.windows(part.len().max(1)).any(|window| window == part);
    let npm = npm_attestations(bytes);
    let provenance = pypi_provenance(bytes);
    let keys = npm_keys(bytes);
    if let Ok(attestations) = &npm {
        assert!(attestations.iter().filter_map(NpmAttestation::bundle).all(within), "another bundle");
    }
    if let Ok(attestations) = &provenance {
        assert!(attestations.iter().all(|attestation| within(attestation)), "another attestation");
    }
    let images = cloud_build_envelopes(bytes);
    if let Ok(envelopes) = &images {
        assert!(envelopes.iter().flatten().all(|envelope| within(envelope)), "another envelope");
    }
    let errors = [npm.err(), provenance.err(), keys.err(), images.err()];
    let texts: Vec<Outcome> = errors.iter().flatten().map(|error| refused(error)).collect();
    match texts.as_slice() {
        [only, _, _, _] => only.clone(),
        _ => Outcome::Accepted,
    }
}

fn bundles(corpus: &Corpus) -> Vec<Vec<u8>> {
    let parts = ["conformance", "python", "js", "go", "java", "gh", "slsa", "rust", "cosign", "chainloop"];
    let real = parts.map(|part| corpus.documents(&format!("bundles/{part}")));
    [texts(&[BUNDLE]), real.concat()].concat()
}

fn attestations(corpus: &Corpus) -> Vec<Vec<u8>> {
    [texts(&[ATTESTATION]), corpus.documents("registry-provenance/pypi")].concat()
}

fn roots(corpus: &Corpus) -> Vec<Vec<u8>> {
    [texts(&[ROOT]), corpus.documents("trust")].concat()
}

fn documents(corpus: &Corpus) -> Vec<Vec<u8>> {
    let real =
        ["registry-provenance/npm", "registry-provenance/pypi", "trust"].map(|part| corpus.documents(part));
    [texts(&[NPM, PROVENANCE, KEYS]), real.concat()].concat()
}

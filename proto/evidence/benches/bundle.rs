//! What it costs on one core to read and verify a Sigstore bundle: one of a log that is made here, signed with a key, and
//! a real one with its certificates if `CUSTODY_CORPUS` names the corpus.

#![allow(
    clippy::unwrap_used,
    reason = "a measurement that meets the unexpected is none, and a panic says so"
)]
#![allow(missing_docs, reason = "criterion_group! makes public functions that nobody else calls")]

use std::hint::black_box;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use custody_evidence::key::{PublicKey, SigningKey};
use custody_evidence::sigstore::{Artifact, Bundle, KnownKey, TrustedRoot, verify};
use custody_log::{NodeHash, NoteSigner, Origin};
use serde_json::json;
use sha2::{Digest as _, Sha256};

const ORIGIN: &str = "log.example.com";

/// A real bundle of version 0.3, as GitHub's jobs make them: certificate, promise, proof, checkpoint.
const REAL: &str = "bundles/conformance/happy-path-intoto-in-dsse-v3.sigstore.json";
const REAL_ROOT: &str = "trust/sigstore-public-good.trusted_root.json";

/// What is measured: a bundle, whom it is verified under, and with which keys.
struct Case {
    name: &'static str,
    bundle: Vec<u8>,
    root: TrustedRoot,
    keys: Vec<KnownKey>,
}

fn b64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A statement in an envelope, signed with Ed25519 and logged as the one entry of a log of version 2.
fn keyed() -> Case {
    let key = SigningKey::from_seed(&[1; 32]);
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "artifact", "digest": {"sha256": "a".repeat(64)}}],
        "predicateType": "https://example.com/filler/v1",
        "predicate": {"filler": "x".repeat(2_500)},
    });
    let envelope = custody_evidence::dsse::Envelope::sign(
        custody_evidence::dsse::IN_TOTO,
        statement.to_string().as_bytes(),
        &[&key],
    )
    .unwrap();
    let signature = envelope.signatures().first().unwrap();
    let body = json!({
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {"hashedRekordV002": {
            "data": {"algorithm": "SHA2_256", "digest": b64(&Sha256::digest(envelope.pae()))},
            "signature": {
                "content": b64(signature.bytes().unwrap()),
                "verifier": {"publicKey": {"rawBytes": b64(key.public().spki_der())}},
            },
        }},
    })
    .to_string();
    let origin: Origin = ORIGIN.parse().unwrap();
    let log = NoteSigner::from_seed(origin.key_name().clone(), [2; 32]);
    let public = *log.verifier().public_key();
    let id = b64(&Sha256::digest([ORIGIN.as_bytes(), b"\n\x01", &public].concat()));
    let root = NodeHash::leaf(body.as_bytes());
    let checkpoint = log.note(&format!("{ORIGIN}\n1\n{}\n", b64(root.as_bytes()))).unwrap().encode();
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "publicKey": {"hint": key.id().to_string()},
            "tlogEntries": [{
                "logId": {"keyId": id},
                "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
                "inclusionProof": {
                    "treeSize": "1",
                    "rootHash": b64(root.as_bytes()),
                    "checkpoint": {"envelope": String::from_utf8(checkpoint).unwrap()},
                },
                "canonicalizedBody": b64(body.as_bytes()),
            }],
        },
        "dsseEnvelope": serde_json::from_slice::<serde_json::Value>(envelope.bytes()).unwrap(),
    });
    let trusted = json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [{
            "publicKey": {
                "rawBytes": b64(PublicKey::from_ed25519(&public).unwrap().spki_der()),
                "validFor": {"start": "2020-01-01T00:00:00Z"},
            },
            "logId": {"keyId": id},
        }],
    });
    Case {
        name: "with a key",
        bundle: serde_json::to_vec(&bundle).unwrap(),
        root: TrustedRoot::parse(&serde_json::to_vec(&trusted).unwrap()).unwrap(),
        keys: vec![KnownKey::new(key.public().clone())],
    }
}

fn real() -> Option<Case> {
    let corpus = PathBuf::from(std::env::var_os("CUSTODY_CORPUS")?);
    let bundle = std::fs::read(corpus.join(REAL)).ok()?;
    let root = TrustedRoot::parse(&std::fs::read(corpus.join(REAL_ROOT)).ok()?).ok()?;
    Some(Case { name: "with a certificate", bundle, root, keys: Vec::new() })
}

fn bundle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bundle");
    for case in [Some(keyed()), real()].into_iter().flatten() {
        group.throughput(Throughput::Bytes(case.bundle.len().try_into().unwrap()));
        group.bench_function(format!("bundle {}, read", case.name), |bencher| {
            bencher.iter(|| Bundle::parse(black_box(&case.bundle)).unwrap());
        });
        let read = Bundle::parse(&case.bundle).unwrap();
        group.bench_function(format!("bundle {}, verify", case.name), |bencher| {
            bencher.iter(|| verify(black_box(&read), &case.root, &case.keys, Artifact::Unknown).unwrap());
        });
    }
}

criterion_group!(benches, bundle);
criterion_main!(benches);

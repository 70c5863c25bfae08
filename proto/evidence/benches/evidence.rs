//! What it costs on one core to read and verify an envelope of 4 KB, and to read the facts of its statement and of a
//! large SBOM.

#![allow(
    clippy::unwrap_used,
    reason = "a measurement that meets the unexpected is none, and a panic says so"
)]
#![allow(missing_docs, reason = "criterion_group! makes public functions that nobody else calls")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use custody_evidence::Digest;
use custody_evidence::admission::{self, AdmissionRecord};
use custody_evidence::dsse::{Envelope, IN_TOTO};
use custody_evidence::fact;
use custody_evidence::key::SigningKey;
use custody_evidence::statement::{Statement, StatementBuilder};
use custody_evidence::trust::{TrustDocument, TrustMembers, TrustState, WriterRule, statement_of};
use custody_log::{KeyAlgorithm, Origin, Timestamp, VerifierKey};
use serde_json::json;

/// How long the payload is before base64, so that the envelope is near 4 KB.
const PAYLOAD_BYTES: usize = 2_900;

const SALT: [u8; 32] = [7; 32];

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// Provenance of one artifact from a commit and a package (<https://slsa.dev/spec/v1.0/provenance>).
fn provenance() -> String {
    let statement = |filler: usize| {
        let repository = "git+https://git.example.com/acme/shop";
        let sha256 = |digit: &str| digit.repeat(64);
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "artifact", "digest": {"sha256": sha256("a")}}],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "buildType": "https://ci.example.com/buildtypes/pipeline/v1",
                    "externalParameters": {"source": repository, "filler": "x".repeat(filler)},
                    "resolvedDependencies": [
                        {"uri": repository, "digest": {"gitCommit": "b".repeat(40)}},
                        {"uri": "pkg:npm/axios@1.14.1", "digest": {"sha256": sha256("c")}},
                    ],
                },
                "runDetails": {
                    "builder": {"id": "https://ci.example.com/runners/7"},
                    "metadata": {"invocationId": "https://ci.example.com/runs/7"},
                },
            },
        })
        .to_string()
    };
    statement(PAYLOAD_BYTES - statement(0).len())
}

/// The state of a log whose one writer may record anything.
fn trust(writer: &SigningKey) -> TrustState {
    let origin: Origin = "example.com/log".parse().unwrap();
    let (admin, log) = (key(1), key(2));
    let vkey = |key: &SigningKey, algorithm| {
        let public = key.public().ed25519_bytes().unwrap();
        VerifierKey::new(origin.key_name().clone(), algorithm, public).unwrap()
    };
    let (log_key, fresh) = (vkey(&log, KeyAlgorithm::Ed25519), vkey(&key(3), KeyAlgorithm::Cosignature));
    let expires = time("2027-01-01T00:00:00Z");
    let admins = [admin.public().clone()];
    let mut members = TrustMembers::first(origin.clone(), log_key, fresh, &admins, 1, expires);
    let id = members.add_key(writer.public());
    members.writers = vec![WriterRule::anything("ci", id)];
    let payload = statement_of(&TrustDocument::new(members).unwrap());
    let envelope = Envelope::sign(IN_TOTO, &payload, &[&admin, &log]).unwrap();
    TrustState::first(&envelope, &origin).unwrap()
}

fn envelope(criterion: &mut Criterion) {
    let writer = key(10);
    let envelope = Envelope::sign(IN_TOTO, provenance().as_bytes(), &[&writer]).unwrap();
    let bytes = envelope.bytes().to_vec();
    let keys = [key(1).public().clone(), writer.public().clone()];
    let mut group = criterion.benchmark_group("envelope");
    group.throughput(Throughput::Bytes(bytes.len().try_into().unwrap()));
    group.bench_function("DSSE envelope, read", |bencher| {
        bencher.iter(|| Envelope::parse(black_box(&bytes)).unwrap());
    });
    group.bench_function("DSSE signature, verify (Ed25519)", |bencher| {
        bencher.iter(|| black_box(&envelope).require(&keys, 1).unwrap());
    });
}

fn statement(criterion: &mut Criterion) {
    let payload = provenance();
    let mut group = criterion.benchmark_group("statement");
    group.bench_function("statement, read", |bencher| {
        bencher.iter(|| Statement::parse(black_box(payload.as_bytes())).unwrap());
    });
    let statement = Statement::parse(payload.as_bytes()).unwrap();
    group.bench_function("statement to facts", |bencher| {
        bencher.iter(|| fact::read(black_box(&statement)));
    });
    let facts = fact::read(&statement);
    group.bench_function("facts to search terms", |bencher| bencher.iter(|| black_box(&facts).terms()));
}

/// How many components the SBOM has: an image of a whole operating system with an application in it.
const COMPONENTS: usize = 10_000;

/// A statement about a CycloneDX document in which each component has a package URL, two hashes and a download
/// location, and depends on the next one.
fn sbom_statement() -> Vec<u8> {
    let component = |n: usize| {
        json!({
            "type": "library", "bom-ref": format!("ref-{n}"), "group": "@acme", "name": format!("lib-{n}"), "version": "1.2.3",
            "purl": format!("pkg:npm/%40acme/lib-{n}@1.2.3"),
            "hashes": [{"alg": "SHA-256", "content": format!("{n:064x}")}, {"alg": "SHA-512", "content": format!("{n:0128x}")}],
            "licenses": [{"license": {"id": "Apache-2.0"}}],
            "externalReferences": [{"type": "distribution", "url": format!("https://registry.example.com/lib-{n}-1.2.3.tgz")}],
        })
    };
    let dependency = |n: usize| json!({"ref": format!("ref-{n}"), "dependsOn": [format!("ref-{}", n + 1)]});
    let document = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "components": (0..COMPONENTS).map(component).collect::<Vec<_>>(),
        "dependencies": (0..COMPONENTS).map(dependency).collect::<Vec<_>>(),
    });
    StatementBuilder::new("https://cyclonedx.org/bom")
        .subject("image", [Digest::sha256_of(b"image")])
        .predicate(document.to_string().as_bytes())
        .unwrap()
}

/// The same packages as an SPDX document, as syft writes them: with a CPE beside the package URL.
fn spdx_statement() -> Vec<u8> {
    let package = |n: usize| {
        json!({
            "SPDXID": format!("SPDXRef-Package-{n}"), "name": format!("lib-{n}"), "versionInfo": "1.2.3", "supplier": "Organization: Acme",
            "downloadLocation": format!("https://registry.example.com/lib-{n}-1.2.3.tgz"), "filesAnalyzed": false,
            "checksums": [{"algorithm": "SHA256", "checksumValue": format!("{n:064x}")}, {"algorithm": "SHA512", "checksumValue": format!("{n:0128x}")}],
            "licenseConcluded": "NOASSERTION", "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION",
            "externalRefs": [
                {"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": format!("cpe:2.3:a:acme:lib-{n}:1.2.3:*:*:*:*:*:*:*")},
                {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": format!("pkg:npm/%40acme/lib-{n}@1.2.3")},
            ],
        })
    };
    let relationship = |n: usize| {
        json!({
            "spdxElementId": format!("SPDXRef-Package-{n}"), "relatedSpdxElement": format!("SPDXRef-Package-{}", n + 1),
            "relationshipType": "DEPENDS_ON",
        })
    };
    let document = json!({
        "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "image", "dataLicense": "CC0-1.0",
        "creationInfo": {"created": "2026-11-22T20:31:24Z", "creators": ["Tool: bench"]},
        "packages": (0..COMPONENTS).map(package).collect::<Vec<_>>(),
        "relationships": (0..COMPONENTS).map(relationship).collect::<Vec<_>>(),
    });
    StatementBuilder::new("https://spdx.dev/Document")
        .subject("image", [Digest::sha256_of(b"image")])
        .predicate(document.to_string().as_bytes())
        .unwrap()
}

/// From the payload's bytes to facts, and to what the index stores.
fn sbom(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("SBOM");
    for (format, payload) in [("CycloneDX", sbom_statement()), ("SPDX", spdx_statement())] {
        let facts = fact::read(&Statement::parse(&payload).unwrap());
        assert_eq!((facts.components, facts.warnings.len()), (Some(COMPONENTS), 0));
        group.throughput(Throughput::Bytes(payload.len().try_into().unwrap()));
        group.bench_function(format!("SBOM of 10,000 components, {format}, to facts"), |bencher| {
            bencher.iter(|| fact::read(&Statement::parse(black_box(&payload)).unwrap()));
        });
        group.bench_function(
            format!("SBOM of 10,000 components, {format}, facts to search terms"),
            |bencher| {
                bencher.iter(|| black_box(&facts).terms());
            },
        );
    }
}

/// The whole admission, as server and audit run it once the envelope is read.
fn admit(criterion: &mut Criterion) {
    let writer = key(10);
    let state = trust(&writer);
    let envelope = Envelope::sign(IN_TOTO, provenance().as_bytes(), &[&writer]).unwrap().into();
    let now = time("2026-11-23T12:00:00Z");
    let mut group = criterion.benchmark_group("admission");
    group.bench_function("admission, whole", |bencher| {
        bencher.iter(|| admission::admit(&state, black_box(&envelope), now, SALT).unwrap());
    });
    let record = admission::admit(&state, &envelope, now, SALT).unwrap().record_bytes().to_vec();
    group.bench_function("admission record, read", |bencher| {
        bencher.iter(|| AdmissionRecord::decode(black_box(&record)).unwrap());
    });
}

criterion_group!(benches, envelope, statement, sbom, admit);
criterion_main!(benches);

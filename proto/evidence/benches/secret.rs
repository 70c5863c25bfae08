//! What it costs on one core to look for secrets in a statement of 4 KB, and in a large SBOM.

#![allow(clippy::print_stdout, reason = "a measurement says what it measures")]
#![allow(missing_docs, reason = "criterion_group! makes public functions that nobody else calls")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use custody_evidence::dsse;
use custody_evidence::envelope::Envelope;
use custody_evidence::key::SigningKey;
use custody_evidence::secret::{screen, screen_statement};
use serde_json::json;

fn provenance(dependencies: usize) -> Vec<u8> {
    let sha256 = |digit: &str| digit.repeat(64);
    let dependency = |at: usize| {
        json!({
            "uri": format!("git+https://git.example.com/acme/library-{at}@refs/tags/v1.{at}.0"),
            "digest": {"gitCommit": "b3".repeat(20)},
            "annotations": {"integrity": format!("sha512-{}Az==", "Az3/".repeat(21))},
        })
    };
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "artifact", "digest": {"sha256": sha256("a")}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": {"workflow": {
                    "ref": "refs/heads/main", "repository": "https://github.com/acme/shop", "path": ".github/workflows/release.yml",
                }},
                "internalParameters": {"github": {"event_name": "push", "repository_id": "1234567", "runner_environment": "github-hosted"}},
                "resolvedDependencies": (0..dependencies).map(dependency).collect::<Vec<_>>(),
            },
            "runDetails": {
                "builder": {"id": "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main"},
                "metadata": {"invocationId": "https://github.com/acme/shop/actions/runs/9876543210/attempts/1"},
            },
        },
    });
    statement.to_string().into_bytes()
}

fn nothing_allowed(_: &str, _: &str) -> bool {
    false
}

fn screening(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("secret");
    for (name, dependencies) in [("provenance of 4 KB", 12), ("provenance of 1 MB", 3_300)] {
        let payload = provenance(dependencies);
        println!("{name}: {} bytes", payload.len());
        group.throughput(Throughput::Bytes(u64::try_from(payload.len()).unwrap_or(u64::MAX)));
        group.bench_function(name, |bencher| {
            bencher.iter(|| screen_statement(black_box(&payload), "example.com/log", &nothing_allowed));
        });
    }
    // The envelope around it is read too: what is signed in base64 is passed over, but its end must be found.
    let key = SigningKey::from_seed(&[1; 32]);
    let envelope = dsse::Envelope::sign(dsse::IN_TOTO, &provenance(12), &[&key]);
    let envelope = Envelope::from(envelope.expect("a short payload can be signed"));
    group.throughput(Throughput::Bytes(u64::try_from(envelope.bytes().len()).unwrap_or(u64::MAX)));
    group.bench_function("envelope with it", |bencher| {
        bencher.iter(|| screen(black_box(&envelope), "example.com/log", &nothing_allowed));
    });
    group.finish();
}

criterion_group!(benches, screening);
criterion_main!(benches);

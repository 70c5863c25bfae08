//! A log with an inventory: builds as everywhere here, and among them SBOMs, chains of custody, and things of which the number of answers
//! is known. The same is asked of a small and a large one, with as many answers in each.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use custody_evidence::key::SigningKey;
use custody_tests::dice::Dice;
use custody_tests::evidence::{artifact_hex, envelope};
use custody_tests::server::Ledger;
use prost::bytes::Bytes;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::callers;
use crate::fixture::Fixture;
use crate::prepared;

/// Components of one SBOM.
pub(crate) const COMPONENTS: usize = 2_000;
/// Entries for each SBOM, so that there are ten edges to components for each entry.
const ENTRIES_AN_SBOM: u64 = 200;
/// The packages that SBOMs draw from.
const POOL: usize = 20_000;
/// A log is filled in so many parts, each with its share of everything: what is looked for is as old as what is not.
pub(crate) const PARTS: u64 = 20;
/// How many envelopes are sent at a time: at most 80 MiB of builds.
const CHUNK: u64 = 20_000;
/// The same of SBOMs, of some 250 KB each: 13 MB.
const SBOM_CHUNK: u64 = 50;

/// What is planted in an inventory, in the same number whatever its size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planted {
    /// SBOMs with a planted package, of which two fifths have a version in the range that is asked for.
    pub(crate) sboms: u64,
    /// Artifacts that were built with each planted dependency.
    pub(crate) built_with: u64,
}

impl Planted {
    pub(crate) const WHOLE: Self = Self { sboms: 100, built_with: 1_000 };
    pub(crate) const QUICK: Self = Self { sboms: 20, built_with: 20 };
}

/// The kinds of planted packages, and of planted dependencies.
pub(crate) const KINDS: u64 = 4;

/// Returns the inventory with so many builds in `dir`, and makes it if it is not there.
pub(crate) fn log(runtime: &Runtime, dir: &Path, entries: u64, planted: Planted) -> Ledger {
    prepared::kept(runtime, &dir.join(format!("inventory-{entries}")), |ledger, target| {
        let key = &ledger.writers[0];
        let (mut builds, mut dice, begun) = (Fixture::new(key, 1), Dice::of(1), Instant::now());
        for part in 0..PARTS {
            let send = |envelopes| {
                callers::stream(runtime, target, &Arc::new(envelopes));
                target.wait_until_indexed(runtime);
            };
            send_in_chunks(entries / PARTS, CHUNK, |count| send(builds.take(count as usize)));
            send_in_chunks(entries / ENTRIES_AN_SBOM / PARTS, SBOM_CHUNK, |count| {
                send((0..count).map(|_| sbom(key, &mut dice, &[])).collect());
            });
            let numbers = part * planted.sboms / PARTS..(part + 1) * planted.sboms / PARTS;
            let packages = |number| (0..KINDS).map(|kind| planted_package(kind, number)).collect::<Vec<_>>();
            send(numbers.map(|number| sbom(key, &mut dice, &packages(number))).collect());
            send(planted_builds(key, part, planted));
            send(chain(part).iter().map(|statement| Bytes::from(envelope(statement, &[key]))).collect());
            let (part, seconds) = (part + 1, begun.elapsed().as_secs_f64());
            eprintln!("filling an inventory: part {part} of {PARTS} after {seconds:.0} s");
        }
    })
}

fn send_in_chunks(mut left: u64, chunk: u64, mut send: impl FnMut(u64)) {
    while left > 0 {
        let count = chunk.min(left);
        send(count);
        left -= count;
    }
}

/// The planted package of a kind, in the one version that each SBOM of the planted ones has beside others.
pub(crate) fn exact(kind: u64) -> String {
    format!("pkg:npm/planted-{kind}@9.9.9")
}

/// The planted package of a kind, in the range that two fifths of the planted SBOMs are in.
pub(crate) fn range(kind: u64) -> String {
    format!("pkg:npm/ranged-{kind}@>=1.1 <1.3")
}

/// The digest of a planted dependency.
pub(crate) fn dependency(kind: u64) -> String {
    artifact_hex(&format!("dependency-{kind}"))
}

/// The artifact of a planted chain.
pub(crate) fn chained(part: u64) -> String {
    artifact_hex(&format!("chained-{part}"))
}

fn planted_package(kind: u64, number: u64) -> String {
    format!("pkg:npm/ranged-{kind}@1.{}.{number}", number % 5)
}

fn sbom(key: &SigningKey, dice: &mut Dice, planted: &[String]) -> Bytes {
    let mut purls = planted.to_vec();
    if !planted.is_empty() {
        purls.extend((0..KINDS).map(exact));
    }
    while purls.len() < COMPONENTS {
        purls.push(format!("pkg:npm/pool-{}@{}.{}.0", dice.roll(POOL), dice.roll(4), dice.roll(10)));
    }
    let components: Vec<Value> = purls
        .iter()
        .map(|purl| {
            let (name, version) = purl.trim_start_matches("pkg:npm/").split_once('@').expect("a version");
            json!({"type": "library", "name": name, "version": version, "purl": purl})
        })
        .collect();
    let name = format!("shipped-{}-{}", dice.roll(1 << 30), dice.roll(1 << 30));
    let predicate =
        json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components});
    let statement =
        statement(&[artifact(&name, &artifact_hex(&name))], "https://cyclonedx.org/bom", &predicate);
    Bytes::from(envelope(&statement, &[key]))
}

/// Builds with each of the planted dependencies: this part's share.
fn planted_builds(key: &SigningKey, part: u64, planted: Planted) -> Vec<Bytes> {
    let share = part * planted.built_with / PARTS..(part + 1) * planted.built_with / PARTS;
    let all = share.flat_map(|number| (0..KINDS).map(move |kind| (kind, number)));
    let build = |(kind, number): (u64, u64)| {
        let name = format!("built-with-{kind}-{number:06}");
        let used = json!({"uri": format!("https://downloads.example.com/dependency-{kind}.tgz"), "digest": {"sha256": dependency(kind)}});
        let built = provenance(&name, &artifact_hex(&name), &format!("planted/{kind}/{number}"), &[used]);
        Bytes::from(envelope(&built, &[key]))
    };
    all.map(build).collect()
}

/// A chain of custody from source to deployment.
fn chain(part: u64) -> Vec<Value> {
    let digest = chained(part);
    let commit = &artifact_hex(&format!("chained-commit-{part}"))[..40];
    let repository = format!("https://git.example.com/acme/chained-{part}");
    let source = [json!({"name": repository, "digest": {"gitCommit": commit}})];
    let made = [artifact(&format!("chained-{part}"), &digest)];
    let custody = |subjects: &[Value], kind: &str, predicate: &Value| {
        statement(subjects, &format!("urn:custody:{kind}:v1"), predicate)
    };
    let at = "2026-11-20T12:00:00Z";
    let uses = [
        json!({"uri": format!("git+{repository}"), "digest": {"gitCommit": commit}}),
        json!({"uri": "pkg:npm/chained-tool@1.0.0", "digest": {"sha256": artifact_hex(&format!("chained-tool-{part}"))}}),
    ];
    let scanner = json!({
        "scanner": {"uri": "https://github.com/anchore/grype", "version": "0.90.0", "db": {"lastUpdate": at}, "result": []},
        "metadata": {"scanStartedOn": at, "scanFinishedOn": at},
    });
    let approval = |who: &str| json!({"for": "prod", "approver": format!("{who}@acme.example"), "at": at});
    let deployed = |cluster: &str| json!({"environment": "prod", "workload": format!("chained-{part}"), "cluster": cluster, "action": "start", "at": at});
    vec![
        custody(
            &source,
            "source",
            &json!({"repo": repository, "commit": commit, "ref": "refs/heads/main", "author": "dev@acme.example", "author_date": at}),
        ),
        custody(
            &source,
            "review",
            &json!({"repo": repository, "commit": commit, "ref": "refs/heads/main", "reviewers": ["reviewer@acme.example"], "approved_at": at}),
        ),
        provenance(&format!("chained-{part}"), &digest, &format!("chained/{part}"), &uses),
        statement(&made, "https://in-toto.io/attestation/vulns/v0.2", &scanner),
        custody(&made, "approval", &approval("alice")),
        custody(&made, "approval", &approval("bob")),
        custody(&made, "promotion", &json!({"from": "staging", "to": "prod", "at": at})),
        custody(&made, "deployment", &deployed("eu-1")),
    ]
}

fn provenance(name: &str, digest: &str, run: &str, uses: &[Value]) -> Value {
    let predicate = json!({
        "buildDefinition": {
            "buildType": "https://ci.example.com/buildtypes/pipeline/v1", "externalParameters": {},
            "resolvedDependencies": uses,
        },
        "runDetails": {
            "builder": {"id": "https://ci.example.com/runners/7"},
            "metadata": {"invocationId": format!("https://ci.example.com/runs/{run}")},
        },
    });
    statement(&[artifact(name, digest)], "https://slsa.dev/provenance/v1", &predicate)
}

fn statement(subjects: &[Value], predicate_type: &str, predicate: &Value) -> Value {
    json!({"_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": predicate_type, "predicate": predicate})
}

fn artifact(name: &str, digest: &str) -> Value {
    json!({"name": name, "digest": {"sha256": digest}})
}

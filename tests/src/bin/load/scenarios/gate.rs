//! How long a gate takes: a command that verifies everything itself, the server's own verdicts, and all that is live.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use custody_tests::client::User;
use custody_tests::evidence::{artifact_hex, envelope};
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::Caller;
use custody_wire::v1::EvaluateRequest;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::report::{Table, header, ms, ratio};
use crate::sample::Sample;
use crate::scenarios::Effort;
use crate::target::{Target, log};

/// Artifacts that are live: one question is about all of them.
const LIVE: usize = 1_000;
/// How often a command is run.
const TIMES: usize = 100;
/// Callers who ask the server for verdicts at once.
const CALLERS: usize = 8;

/// Who signs.
const BUILDER: usize = 0;
const SCANNER: usize = 1;

/// Measures in turns: `custody find` about a digest, which opens the log and verifies what it shows, and `custody gate`.
pub(crate) fn measure(effort: &Effort) -> Table {
    let (live, times) = if effort.quick { (3, 2) } else { (LIVE, TIMES) };
    let runtime = Runtime::new().expect("a runtime can be made");
    let ledger = Ledger::new_in(&effort.dir, 2);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let user = User::of(&server.url(), &caller.pin(), &ledger.home().join("admin.key"));
    let policy = user.file("release.yaml", policy(&ledger));
    run(&user, &["policy", "put", policy.to_str().expect("test paths are UTF-8")]);
    fill(&caller, &ledger, live);
    let target = Arc::new(Target::ledger(&runtime, &server));
    target.wait_until_indexed(&runtime);
    let (mut found, mut gated) = (Vec::new(), Vec::new());
    for turn in 0..times {
        let digest = digest(turn % live);
        found.push(run(&user, &["find", "--subject", &digest, "--verify", "full"]));
        gated.push(run(&user, &["gate", "release", &digest, "--environment", "prod"]));
    }
    let by_server = served(&runtime, &target, live, effort.turn());
    let all = run(&user, &["gate", "release", "--environment", "prod"]);
    stopped(server);
    table(live, &sample(found), &sample(gated), &by_server, all)
}

fn sample(latencies: Vec<Duration>) -> Sample {
    Sample::new(latencies.iter().sum(), latencies)
}

fn table(live: usize, found: &Sample, gated: &Sample, served: &Sample, all: Duration) -> Table {
    let row = |name: &str, sample: &Sample, rate: String, times: String| {
        let parts = [0.5, 0.9, 0.99].map(|part| ms(sample.percentile(part)));
        [vec![name.to_owned(), rate], parts.to_vec(), vec![times]].concat()
    };
    let times = ratio(gated.percentile(0.5) / found.percentile(0.5));
    let each = all.as_secs_f64() * 1e3 / f64::from(u32::try_from(live).unwrap_or(u32::MAX));
    Table {
        name: "gate",
        header: header(["a verdict", "rate", "p50", "p90", "p99", "p50 / find"]),
        rows: vec![
            row("`custody find --verify full` about a digest", found, String::new(), "1.00".to_owned()),
            row("`custody gate` of that digest (target p50 about 60 ms)", gated, String::new(), times),
            row(
                "Evaluate, 8 callers (target 500/s)",
                served,
                format!("{:.0}/s", served.rate()),
                String::new(),
            ),
            vec![
                format!("`custody gate --environment` of {live} live digests (target about 10 s)"),
                String::new(),
                format!("{:.2} s", all.as_secs_f64()),
                String::new(),
                String::new(),
                format!("{each:.2} ms each"),
            ],
        ],
        notes: vec![
            "each digest has provenance, a scan, an SBOM of 50 components and an approval; the policy has 6 rules"
                .to_owned(),
            "every command is a process of its own, which opens the log, checks what is new, and verifies every piece of evidence"
                .to_owned(),
        ],
    }
}

fn policy(ledger: &Ledger) -> String {
    let [builder, scanner] =
        [BUILDER, SCANNER].map(|writer| ledger.writers[writer].public().id().to_string());
    format!(
        "policy: release\nversion: 1\napplies_to: {{environments: [prod]}}\nrules:\n\
         - {{id: build, require: {{predicate: provenance, count: any}}, signer: {{key: \"{builder}\"}}, source: {{repository: acme/api}}}}\n\
         - {{id: scan, require: {{predicate: scan, count: latest, max_age: 7d}}, signer: {{key: \"{scanner}\"}}, vulnerabilities: {{below: high}}}}\n\
         - {{id: sbom, require: {{predicate: cyclonedx, count: latest}}, sbom: {{ban: [\"pkg:npm/axios@1.14.1\"]}}}}\n\
         - {{id: people, approval: {{at_least: 1, not: []}}}}\n\
         - {{id: described, require: {{predicate: scan, count: any}}, assert: \"att.predicate.descriptor.name == 'grype'\"}}\n\
         - {{id: nothing.odd, absent: [tag_moved, digest_conflict]}}\n"
    )
}

fn name(number: usize) -> String {
    format!("app {number}")
}

fn digest(number: usize) -> String {
    format!("sha256:{}", artifact_hex(&name(number)))
}

/// Records the evidence of every artifact, and that all of them run.
fn fill(caller: &Caller, ledger: &Ledger, live: usize) {
    let subject =
        |number: usize| json!({"name": name(number), "digest": {"sha256": artifact_hex(&name(number))}});
    let mut envelopes = BTreeMap::new();
    let mut say = |writer: usize, predicate_type: &str, subjects: Vec<Value>, predicate: Value| {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": predicate_type, "predicate": predicate,
        });
        let tag = u64::try_from(envelopes.len()).unwrap_or(u64::MAX);
        envelopes.insert(tag, envelope(&statement, &[&ledger.writers[writer]]));
    };
    let components: Vec<Value> = (0..50)
        .map(|n| json!({"type": "library", "name": format!("lib-{n}"), "version": "1.2.3", "purl": format!("pkg:npm/lib-{n}@1.2.3")}))
        .collect();
    for number in 0..live {
        let one = || vec![subject(number)];
        let build = json!({
            "buildDefinition": {
                "buildType": "https://example.com/build/v1", "externalParameters": {"number": number},
                "resolvedDependencies": [{"uri": "git+https://github.com/acme/api@refs/heads/main", "digest": {"gitCommit": format!("{number:040x}")}}],
            },
            "runDetails": {"builder": {"id": "https://example.com/builder"}},
        });
        say(BUILDER, "https://slsa.dev/provenance/v1", one(), build);
        let scan = json!({"matches": [], "descriptor": {"name": "grype", "version": "0.90.0"}});
        say(SCANNER, "urn:custody:scan:v1", one(), scan);
        let sbom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components});
        say(BUILDER, "https://cyclonedx.org/bom", one(), sbom);
        let approval = json!({"for": "prod", "approver": "alice", "at": "2026-11-01T00:00:00Z"});
        say(SCANNER, "urn:custody:approval:v1", one(), approval);
        let deployment = json!({"environment": "prod", "workload": format!("w{number}"), "action": "start", "at": "2026-11-02T00:00:00Z"});
        say(BUILDER, "urn:custody:deployment:v1", one(), deployment);
    }
    let mut stream = caller.bulk();
    stream.header();
    drop(stream.exchange(&envelopes));
}

/// Lets callers ask for one verdict after another.
fn served(runtime: &Runtime, target: &Arc<Target>, live: usize, time: Duration) -> Sample {
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let tasks: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (mut query, next) = (target.query(), Arc::clone(&next));
            runtime.spawn(async move {
                let mut latencies = Vec::new();
                while start.elapsed() < time {
                    let number = next.fetch_add(1, Ordering::Relaxed) % live;
                    let request = EvaluateRequest {
                        log: Some(log()),
                        policy: "release".to_owned(),
                        subject: digest(number),
                        environment: "prod".to_owned(),
                        ..EvaluateRequest::default()
                    };
                    let begun = Instant::now();
                    let answer = query.evaluate(request).await.expect("a verdict is given").into_inner();
                    latencies.push(begun.elapsed());
                    let allowed = String::from_utf8_lossy(&answer.verdict).contains("\"decision\":\"ALLOW\"");
                    assert!(allowed, "an ALLOW: {}", String::from_utf8_lossy(&answer.verdict));
                }
                latencies
            })
        })
        .collect();
    let latencies =
        tasks.into_iter().flat_map(|task| runtime.block_on(task).expect("a caller ends")).collect();
    Sample::new(start.elapsed(), latencies)
}

fn run(user: &User, arguments: &[&str]) -> Duration {
    let begun = Instant::now();
    let ended = user.custody(arguments);
    assert_eq!(ended.code, Some(0), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    begun.elapsed()
}

fn stopped(server: Server) {
    server.stop();
}

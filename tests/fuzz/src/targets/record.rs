//! What `custody record` reads to make statements: workflow files of CI systems, pods, reports of scanners.

use custody_client::make::{Report, Seen, Subject, run, snapshot, with_workflow};
use custody_client::pods;
use custody_client::workflow::{self, WorkflowError};
use custody_evidence::digest_set::Digest;
use custody_evidence::fact;
use custody_evidence::predicate::Run;
use custody_evidence::statement::Statement;
use custody_log::Timestamp;

use super::{Target, texts};
use crate::claim::{Outcome, bounded, refused};
use crate::corpus::Corpus;

/// A text that no reader may let out: it stands where secrets stand.
const VALUE: &str = "hunter2";

const GITHUB: &str = "permissions: {contents: write}
env: {PASSWORD: hunter2, OTHER: '${{ secrets.A }}'}
jobs:
  a:
    container: {image: 'alpine@sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae'}
    steps:
      - &step {uses: actions/checkout@v4}
      - *step
      - run: echo ${{ secrets['B'] }}
";

const GITLAB: &str = "include: [{project: a/b, ref: v1}, https://x:hunter2@h/x.yml]
variables: {TOKEN: hunter2}
default: {image: 'node:22', id_tokens: {T: {aud: [x]}}}
.a: &a {services: ['docker:dind']}
b: {<<: *a, script: ['x $NPM_TOKEN'], secrets: {S: {vault: hunter2}}}
";

const PODS: &str = r#"{"kind":"List","items":[{"kind":"Pod","metadata":{"name":"api-5f7d-x","namespace":"shop",
"labels":{"pod-template-hash":"5f7d"},"ownerReferences":[{"kind":"ReplicaSet","name":"api-5f7d","controller":true}]},
"status":{"phase":"Running","containerStatuses":[{"name":"a","imageID":
"docker-pullable://r/x@sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae","state":{"running":{}}}]}}]}"#;

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "record.workflow",
        max: 4 << 10,
        rounds: 1500,
        words: &[
            "\njobs:\n",
            "uses: a/b@v1",
            "${{ secrets.A }}",
            "permissions: write-all",
            "image: ",
            "include:\n",
            "id_tokens: ",
            "&a ",
            "*a",
            "<<: *a",
            "\n---\n",
            "!reference [a, b]",
            "[[[[[[[[",
            "{a: {a: {a: ",
        ],
        seeds: |_| texts(&[GITHUB, GITLAB, "runs: {using: composite, steps: [{uses: a/b@v1}]}"]),
        run: workflow_file,
    },
    Target {
        name: "record.pods",
        max: 4 << 10,
        rounds: 1500,
        words: &[
            "\"items\":",
            "\"kind\":\"Pod\"",
            "\"imageID\":\"sha256:",
            "\"terminated\":{}",
            "\"containerStatuses\":[",
        ],
        seeds: |_| texts(&[PODS]),
        run: list_of_pods,
    },
    Target {
        name: "record.scan",
        max: 16 << 10,
        rounds: 600,
        words: &[
            "\"runs\":",
            "\"matches\":",
            "\"SchemaVersion\":2",
            "\"@context\":\"https://openvex.dev/ns\"",
        ],
        seeds: scans,
        run: scan,
    },
];

/// What is read makes a statement that its reader takes, and no value in it comes out.
fn workflow_file(bytes: &[u8]) -> Outcome {
    let read = match workflow::read(bytes) {
        Ok(read) => read,
        Err(error) => {
            // What is YAML of something else is told by its keys, and a change can make the text one.
            let quotes = matches!(error, WorkflowError::Yaml { .. }) && format!("{error:?}").contains(VALUE);
            assert!(!quotes, "{error:?}");
            return refused(&error);
        }
    };
    bounded(bytes.len(), &read, 200, 16 << 10);
    assert_eq!(workflow::read(bytes).as_ref(), Ok(&read), "read twice, found otherwise");
    let empty: Run = serde_json::from_str(r#"{"run":"https://ci.example/1"}"#).expect("a run");
    if let Ok(made) = with_workflow(empty, &read).map(|of_run| run(of_run, &[])) {
        interpreted(made.ok().map(|made| made.payload));
    }
    Outcome::Accepted
}

fn list_of_pods(bytes: &[u8]) -> Outcome {
    let pods = match pods::read(bytes) {
        Ok(pods) => pods,
        Err(error) => return refused(&error),
    };
    bounded(bytes.len(), &pods, 40, 4096);
    assert!(pods.containers.iter().all(|container| container.digest.usable()));
    let seen = pods.containers.into_iter().filter_map(|container| {
        let subject = Subject { name: container.image, digests: vec![container.digest] };
        Some(Seen { subject, workload: Some(container.workload.parse().ok()?), count: None })
    });
    let seen: Vec<Seen> = seen.collect();
    let at = Timestamp::parse_rfc3339("2026-11-22T20:31:24Z").expect("a time");
    let made = snapshot("prod".parse().expect("a name"), at, &seen, None);
    interpreted(made.ok().map(|made| made.payload));
    Outcome::Accepted
}

/// What is recorded as a scan is one, and holds the file byte by byte.
fn scan(bytes: &[u8]) -> Outcome {
    let app = Subject { name: "app".to_owned(), digests: vec![Digest::sha256_of(b"app")] };
    match Report::detect(bytes).and_then(|report| report.make(&[app])) {
        Ok(made) => {
            let statement = Statement::parse(&made.payload).expect("what is made is a statement");
            assert_eq!(statement.predicate_bytes(), Some(bytes.trim_ascii()));
            interpreted(Some(made.payload));
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

fn scans(corpus: &Corpus) -> Vec<Vec<u8>> {
    let own = [
        r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t"}},"results":[{"ruleId":"A"}]}]}"#,
        r#"{"matches":[{"vulnerability":{"id":"CVE-1"},"artifact":{"purl":"pkg:npm/a@1"}}],"descriptor":{"name":"grype"}}"#,
        r#"{"@context":"https://openvex.dev/ns/v0.2.0","author":"a","timestamp":"2026-11-22T20:31:24Z","statements":[]}"#,
    ];
    let mut real = corpus.documents("vuln-vex");
    real.sort_by_key(Vec::len);
    real.truncate(30);
    [texts(&own), real].concat()
}

fn interpreted(payload: Option<Vec<u8>>) {
    let Some(payload) = payload else { return };
    let statement = Statement::parse(&payload).expect("what is made is a statement");
    let facts = fact::read(&statement);
    assert!(facts.interpreted, "{:?}", facts.warnings);
}

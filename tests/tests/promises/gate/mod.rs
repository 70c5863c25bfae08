//! Gates over the real binaries: an ALLOW takes all of it, and one change is a refusal with its reason.

mod doubts;
mod evaluate;
mod fixtures;
mod outputs;
mod readme;
mod replays;
mod verdicts;

use std::path::PathBuf;

use custody_tests::client::User;
use custody_tests::evidence::{artifact_hex, envelope};
use custody_tests::server::{Ended, Ledger, Server};
use custody_tests::wire::Caller;
use serde_json::{Value, json};

const COMMIT: &str = "16d99900000000000000000000000000000000aa";
const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const REPORT: &str = "urn:custody:scan:v1";

/// A log with a policy in it, writers for each kind of evidence, and somebody who asks.
pub(super) struct Gate {
    ledger: Ledger,
    server: Server,
    administrator: User,
}

/// Who signs what, by their place among the writers.
const BUILDER: usize = 0;
const SCANNER: usize = 1;
const ALICE: usize = 2;
const STRANGER: usize = 3;

impl Gate {
    pub(super) fn new() -> Self {
        let ledger = Ledger::new(4);
        let server = ledger.serve();
        let pin = Caller::of(&server).pin();
        let administrator = User::of(&server.url(), &pin, &ledger.home().join("admin.key"));
        let gate = Self { ledger, server, administrator };
        gate.put(&gate.policy("7d"));
        gate
    }

    fn key(&self, writer: usize) -> String {
        self.ledger.writers[writer].public().id().to_string()
    }

    /// Provenance by the builder, the latest scan by the scanner, one approval, nothing odd; exceptions by Alice.
    fn policy(&self, max_age: &str) -> String {
        let (builder, scanner, alice) = (self.key(BUILDER), self.key(SCANNER), self.key(ALICE));
        format!(
            "policy: release\nversion: 1\napplies_to: {{environments: [prod]}}\nparameters: {{worst: high}}\n\
             exceptions: {{signer: {{key: \"{alice}\"}}, breakglass: {{at_least: 1, signer: {{key: \"{alice}\"}}}}}}\nrules:\n\
             - {{id: build, title: Built by the builder, require: {{predicate: provenance, count: any}}, signer: {{key: \"{builder}\"}}, source: {{repository: acme/api}}, fix: build it with the builder}}\n\
             - {{id: scan, require: {{predicate: scan, count: latest, max_age: {max_age}}}, signer: {{key: \"{scanner}\"}}, vulnerabilities: {{below: $worst}}}}\n\
             - {{id: people, approval: {{at_least: 1, signer: {{key: \"{alice}\"}}, not: []}}}}\n\
             - {{id: nothing.odd, absent: [tag_moved, digest_conflict]}}\n"
        )
    }

    fn put(&self, text: &str) {
        let path = self.administrator.file("release.yaml", text);
        let ended = self.administrator.custody(&["policy", "put", path.to_str().unwrap()]);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    }

    fn say(&self, writer: usize, predicate_type: &str, subject: &Value, predicate: &Value) -> u64 {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "subject": [subject],
            "predicateType": predicate_type, "predicate": predicate,
        });
        let envelope = envelope(&statement, &[&self.ledger.writers[writer]]);
        Caller::of(&self.server).record(&envelope).unwrap().index
    }

    fn build(&self, writer: usize, name: &str) -> u64 {
        self.say(writer, PROVENANCE, &subject(name), &provenance("https://github.com/acme/api"))
    }

    fn scan(&self, writer: usize, name: &str, severities: &[&str]) -> u64 {
        self.say(writer, REPORT, &subject(name), &report(severities))
    }

    fn approve(&self, writer: usize, name: &str) -> u64 {
        let approval = json!({"for": "prod", "approver": "Alice", "at": "2026-11-01T00:00:00Z"});
        self.say(writer, "urn:custody:approval:v1", &subject(name), &approval)
    }

    /// Records all that the policy asks for.
    fn release(&self, name: &str) {
        self.build(BUILDER, name);
        self.scan(SCANNER, name, &["Low"]);
        self.approve(ALICE, name);
    }

    fn gate(&self, flags: &[&str], name: &str) -> Ended {
        let thing = digest(name);
        let all = [&["gate", "release", &thing, "--environment", "prod"], flags].concat();
        self.administrator.custody(&all)
    }

    fn verdict(&self, flags: &[&str], name: &str) -> (Option<i32>, Value) {
        let thing = digest(name);
        self.administrator.json(&[&["gate", "release", &thing, "--environment", "prod"], flags].concat())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.administrator.home().join(name)
    }
}

fn digest(name: &str) -> String {
    format!("sha256:{}", artifact_hex(name))
}

fn subject(name: &str) -> Value {
    json!({ "name": name, "digest": { "sha256": artifact_hex(name) } })
}

fn provenance(repository: &str) -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://example.com/build/v1", "externalParameters": {},
            "resolvedDependencies": [{"uri": format!("git+{repository}@refs/heads/main"), "digest": {"gitCommit": COMMIT}}],
        },
        "runDetails": {"builder": {"id": "https://example.com/builder"}},
    })
}

fn report(severities: &[&str]) -> Value {
    let found = severities.iter().enumerate().map(|(number, severity)| {
        json!({
            "vulnerability": {"id": format!("CVE-2026-{number}"), "severity": severity},
            "artifact": {"name": "axios", "version": "1.14.1", "purl": "pkg:npm/axios@1.14.1"},
        })
    });
    json!({"matches": found.collect::<Vec<_>>(), "descriptor": {"name": "grype", "version": "0.90.0"}})
}

/// The status of each rule.
fn statuses(verdict: &Value) -> Vec<(String, String)> {
    let rules = verdict["rules"].as_array().unwrap_or_else(|| panic!("{verdict}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rules.iter().map(|rule| (text(&rule["id"]), text(&rule["status"]))).collect()
}

fn status<'v>(verdict: &'v Value, id: &str) -> &'v str {
    let rules = verdict["rules"].as_array().unwrap_or_else(|| panic!("{verdict}"));
    let rule =
        rules.iter().find(|rule| rule["id"] == id).unwrap_or_else(|| panic!("no rule {id}: {verdict}"));
    rule["status"].as_str().unwrap()
}

//! What looks wrong is found, with the entries that show it, from the command line; a quiet log prints nothing.

use custody_tests::client::User;
use custody_tests::evidence::{artifact_hex, envelope};
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::Caller;
use serde_json::{Value, json};

/// A log of services that are built and published by the first writer.
struct Company {
    ledger: Ledger,
    server: Server,
    user: User,
}

impl Company {
    fn new() -> Self {
        let ledger = Ledger::new(2);
        let server = ledger.serve();
        let user = User::of(&server.url(), &Caller::of(&server).pin(), &ledger.writer_key_file(0));
        Self { ledger, server, user }
    }

    fn say(&self, writer: usize, predicate_type: &str, subjects: &Value, predicate: &Value) -> u64 {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "subject": subjects,
            "predicateType": predicate_type, "predicate": predicate,
        });
        let envelope = envelope(&statement, &[&self.ledger.writers[writer]]);
        Caller::of(&self.server).record(&envelope).unwrap().index
    }

    fn build(&self, writer: usize, version: u64) -> u64 {
        let predicate = json!({
            "buildDefinition": { "buildType": "https://ci.test/build", "resolvedDependencies": [
                { "uri": "git+https://github.com/acme/api@refs/heads/main", "digest": { "gitCommit": &artifact_hex(&version.to_string())[..40] } },
            ] },
            "runDetails": { "builder": { "id": "https://ci.test" }, "metadata": { "invocationId": format!("https://ci.test/runs/{version}/x") } },
        });
        self.say(writer, "https://slsa.dev/provenance/v1", &image(version), &predicate)
    }

    fn publish(&self, version: u64) -> u64 {
        let predicate = json!({
            "registry": "ghcr.io", "repository": "ghcr.io/acme/api", "actor": "bot", "at": format!("2026-11-20T10:{version:02}:00Z"),
        });
        self.say(0, "urn:custody:publication:v1", &image(version), &predicate)
    }

    /// Runs `custody findings -o json`, which must end with 0.
    fn findings(&self, flags: &[&str]) -> Vec<Value> {
        let ended = self.user.custody(&[&["findings", "-o", "json"], flags].concat());
        assert_eq!(ended.code, Some(0), "{flags:?}: {}{}", ended.stdout, ended.stderr);
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn kinds(&self, flags: &[&str]) -> Vec<String> {
        let findings = self.findings(flags);
        findings.iter().map(|finding| finding["kind"].as_str().unwrap().to_owned()).collect()
    }
}

fn image(version: u64) -> Value {
    let name = format!("ghcr.io/acme/api:1.{version}.0");
    json!([{ "name": name, "digest": { "sha256": artifact_hex(&name) } }])
}

#[test]
fn what_looks_wrong_is_told_with_the_entries_that_show_it_and_as_of_any_time() {
    let company = Company::new();
    for version in 0..4 {
        company.build(0, version);
        company.publish(version);
    }
    let ended = company.user.custody(&["findings"]);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), ""),
        "a quiet log prints nothing: {}",
        ended.stderr
    );
    let stolen = company.build(1, 4);
    let published = company.publish(5);

    let findings = company.findings(&[]);
    assert_eq!(company.kinds(&[]), ["signer_change", "provenance_regression"]);
    let first = &findings[0];
    assert_eq!(first["thing"], format!("sha256:{}", artifact_hex("ghcr.io/acme/api:1.4.0")));
    assert_eq!((first["thing_kind"].as_str(), first["check"].as_str()), (Some("artifact"), Some("verified")));
    assert_eq!(first["entries"].as_array().unwrap().last(), Some(&json!(stolen)));
    assert!(
        first["message"].as_str().unwrap().contains("ghcr.io/acme/api 1.4.0 was signed by key:"),
        "{first}"
    );
    assert!(first["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(first["at"]["size"], published + 1);

    // From an entry on, compared with all before it; and as of before.
    assert_eq!(company.kinds(&["--since", &format!("index:{published}")]), ["provenance_regression"]);
    assert_eq!(company.kinds(&["--since", &format!("index:{}", published + 1)]), [""; 0]);
    assert_eq!(company.kinds(&["--since", "1h"]).len(), 2);
    assert_eq!(company.kinds(&["--at", &stolen.to_string()]), [""; 0]);
    assert_eq!(company.kinds(&["--at", &published.to_string()]), ["signer_change"]);
    let before = company.findings(&["--at", &(published + 1).to_string()]);

    // The missing provenance comes late: as of then nothing regressed, as of before it did.
    company.build(0, 5);
    assert_eq!(company.kinds(&[]), ["signer_change"]);
    assert_eq!(company.findings(&["--at", &(published + 1).to_string()]), before);

    let text = company.user.custody(&["findings"]).stdout;
    assert!(text.contains("signer_change") && text.contains("shown by"), "{text}");
    assert!(text.lines().next().unwrap().trim_start().starts_with(&stolen.to_string()), "{text}");

    // The same after a kill, and with an index that is made again.
    let Company { ledger, server, .. } = company;
    server.kill();
    std::fs::remove_dir_all(ledger.data().join("index")).unwrap();
    let server = ledger.serve();
    let user = User::of(&server.url(), &Caller::of(&server).pin(), &ledger.writer_key_file(0));
    let company = Company { ledger, server, user };
    assert_eq!(company.findings(&["--at", &(published + 1).to_string()]), before);
}

#[test]
fn a_chain_that_the_commands_record_has_no_finding_and_a_failed_run_has_one() {
    let company = Company::new();
    let user = &company.user;
    user.file("app.tar.gz", "the artifact");
    let record = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ended = user.custody(&words);
        assert_eq!(ended.code, Some(0), "{line}: {}", ended.stderr);
    };
    let run = "https://ci.example/acme/api/builds/7";
    let commit = "16d9990a7c1b6a3f1e9d2c4b5a69788f9e0d1c2b";
    record(&format!(
        "record build --artifact app.tar.gz --repo https://example.com/acme/api --commit {commit} --builder-id https://ci.example \
         --build-type https://ci.example/v1 --run-url {run}"
    ));
    record("record deploy --environment prod --workload api --subject app.tar.gz");
    record(
        "record publication --registry ghcr.io --repository ghcr.io/acme/api --actor bot --subject app.tar.gz",
    );
    assert_eq!(company.kinds(&[]), [""; 0]);
    record(&format!("record run --run-url {run} --conclusion failure --trigger push"));
    assert_eq!(company.kinds(&[]), ["failed_run"]);
    let message = company.findings(&[]).remove(0);
    let message = message["message"].as_str().unwrap();
    assert_eq!(message, format!("app.tar.gz came out of {run}, which failed"));
}

#[test]
fn fewer_records_than_a_source_should_have_made_are_told_by_the_server_and_the_statement() {
    let company = Company::new();
    company.build(0, 0);
    let key = format!("key:{}", company.ledger.writers[0].public().id());
    for count in ["1", "3"] {
        let words =
            ["record", "expected", "--source", &key, "--from", "2h", "--to", "2030-01-01", "--count", count];
        let ended = company.user.custody(&words);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    let findings = company.findings(&[]);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(
        (findings[0]["kind"].as_str(), findings[0]["thing"].as_str()),
        (Some("count_gap"), Some(key.as_str()))
    );
    assert!(findings[0]["message"].as_str().unwrap().contains("should have 3 records"), "{findings:?}");
}

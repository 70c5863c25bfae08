//! The list of what to roll back to: artifacts that nothing speaks against, the newest first, and why others are left out.

use custody_tests::client::User;
use custody_tests::evidence::{artifact_hex, envelope};
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::Caller;
use serde_json::{Value, json};

struct Service {
    ledger: Ledger,
    server: Server,
    administrator: User,
}

impl Service {
    fn new() -> Self {
        let ledger = Ledger::new(2);
        let server = ledger.serve();
        let pin = Caller::of(&server).pin();
        let administrator = User::of(&server.url(), &pin, &ledger.home().join("admin.key"));
        Self { ledger, server, administrator }
    }

    fn say(&self, writer: usize, predicate_type: &str, subjects: &Value, predicate: &Value) -> u64 {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "subject": subjects,
            "predicateType": predicate_type, "predicate": predicate,
        });
        let envelope = envelope(&statement, &[&self.ledger.writers[writer]]);
        Caller::of(&self.server).record(&envelope).unwrap().index
    }

    /// Builds a version, whose SBOM lists this version of axios.
    fn release(&self, writer: usize, version: u64, axios: &str) -> u64 {
        let predicate = json!({
            "buildDefinition": { "externalParameters": { "workflow": { "repository": "https://github.com/acme/api" } } },
            "runDetails": { "metadata": { "invocationId": run(version) } },
        });
        let built = self.say(writer, "https://slsa.dev/provenance/v1", &image(version), &predicate);
        let purl = format!("pkg:npm/axios@{axios}");
        let sbom = json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{ "type": "library", "name": "axios", "purl": purl }] });
        self.say(0, "https://cyclonedx.org/bom", &image(version), &sbom);
        built
    }

    fn clean(&self, flags: &[&str]) -> (Option<i32>, Value) {
        self.administrator.json(&[&["find", "--clean", "--predicate", "provenance"], flags].concat())
    }

    /// The versions that are clean, the newest first.
    fn versions(&self, flags: &[&str]) -> Vec<u64> {
        let (_, found) = self.clean(flags);
        let subject = |entry: &Value| entry["subjects"][0].as_str().unwrap().to_owned();
        let found: Vec<String> = found["entries"].as_array().unwrap().iter().map(subject).collect();
        let version =
            |found: &String| (0..20).find(|version| *found == format!("sha256:{}", hex(*version))).unwrap();
        found.iter().map(version).collect()
    }
}

fn run(version: u64) -> String {
    format!("https://ci.test/api/builds/{version}00")
}

fn hex(version: u64) -> String {
    artifact_hex(&format!("api {version}"))
}

fn image(version: u64) -> Value {
    json!([{ "name": format!("ghcr.io/acme/api:b{version}"), "digest": { "sha256": hex(version) } }])
}

#[test]
fn only_what_nothing_speaks_against_is_listed_and_the_rest_with_its_reason() {
    let service = Service::new();
    for version in 0..4 {
        service.release(0, version, "1.14.0");
    }
    assert_eq!(service.versions(&[]), [3, 2, 1, 0]);
    assert_eq!(service.versions(&["--limit", "1"]), [3]);
    // Built by a thief; by a run that failed, as is known later; with a bad version.
    let stolen = service.release(1, 4, "1.14.0");
    service.release(0, 5, "1.14.0");
    service.release(0, 6, "1.14.1");
    let name = run(5);
    let subjects = json!([{ "name": name, "digest": { "sha256": artifact_hex(&format!("custody/name/v1\nrun\n{name}")) } }]);
    let failed =
        service.say(0, "urn:custody:run:v1", &subjects, &json!({ "run": name, "conclusion": "failure" }));
    assert_eq!(service.versions(&[]), [6, 3, 2, 1, 0]);
    let bad = ["--except-component", "pkg:npm/axios@>=1.14.1 <1.15"];
    assert_eq!(service.versions(&bad), [3, 2, 1, 0]);
    assert_eq!(service.versions(&["--except-component", "pkg:npm/axios@1.15.0"]), [6, 3, 2, 1, 0]);
    let (code, found) = service.clean(&[&bad[..], &["--limit", "1"]].concat());
    assert_eq!((code, found["complete"].as_str()), (Some(0), Some("claimed")));
    let excluded = found["excluded"].as_array().unwrap();
    let why = |version: u64| {
        let of = |one: &&Value| one["artifact"] == format!("sha256:{}", hex(version));
        excluded.iter().find(of).map(|one| one["why"].as_str().unwrap().to_owned()).unwrap_or_default()
    };
    assert!(why(4).starts_with(&format!("signer_change in entry {stolen}")), "{}", why(4));
    assert!(why(5).starts_with(&format!("failed_run in entry {failed}")), "{}", why(5));
    assert!(why(6).contains("names component pkg:npm/axios@"), "{}", why(6));
    // As of before nobody knew of the failure.
    assert_eq!(service.versions(&["--at", &failed.to_string()]), [6, 5, 3, 2, 1, 0]);
    // The list goes on where it ended.
    let next = found["next"].to_string();
    assert_eq!(service.versions(&[&bad[..], &["--next", &next]].concat()), [2, 1, 0]);

    let signer = format!("key:{}", service.ledger.writers[0].public().id());
    let (code, found) = service.clean(&["--except-signer", &signer]);
    assert_eq!((code, found["entries"].as_array().unwrap().len()), (Some(4), 0), "{found}");
}

#[test]
fn what_is_distrusted_is_not_clean_by_artifact_nor_by_key() {
    let service = Service::new();
    service.release(0, 0, "1.14.0");
    let since = service.release(0, 1, "1.14.0");
    service.release(0, 2, "1.14.0");
    let digest = format!("sha256:{}", hex(2));
    let distrust = |words: &[&str]| {
        let ended = service.administrator.custody(&[&["distrust"], words].concat());
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    };
    distrust(&[&digest, "--since", &format!("index:{}", since + 3), "--reason", "a backdoor"]);
    assert_eq!(service.versions(&[]), [1, 0]);
    let key = format!("key:{}", service.ledger.writers[0].public().id());
    distrust(&[&key, "--since", &format!("index:{since}"), "--reason", "stolen"]);
    assert_eq!(service.versions(&[]), [0]);
    let text = service.administrator.custody(&["find", "--clean", "--predicate", "provenance"]);
    assert!(text.stderr.contains("a backdoor") && text.stderr.contains("stolen"), "{}", text.stderr);
}

#[test]
fn exceptions_belong_to_the_clean_list_and_are_read_before_a_server_is_asked() {
    let user = User::new();
    let ended = user.custody(&["find", "--except-component", "pkg:npm/axios"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let ended = user.custody(&["find", "--clean", "--except-component", "axios"]);
    assert!(ended.code == Some(2) && ended.stderr.contains("axios"), "{}", ended.stderr);
}

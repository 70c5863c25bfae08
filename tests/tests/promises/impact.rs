//! Forward from what went wrong to everything that came from it, and where that is live; and what runs without evidence.

use std::collections::BTreeSet;

use custody_tests::client::User;
use custody_tests::evidence::{artifact_hex, envelope, statement};
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::Caller;
use serde_json::{Value, json};

const COMMIT: &str = "16d9990c2f5b7a0d8e4f1b3c6a9d2e5f80714263";
const OTHER: &str = "26d9990c2f5b7a0d8e4f1b3c6a9d2e5f80714263";
const RUN: &str = "https://github.com/acme/api/actions/runs/";

/// A log with two writers, and a user who asks.
struct Place {
    ledger: Ledger,
    server: Server,
    user: User,
}

impl Place {
    fn new() -> Self {
        let ledger = Ledger::new(2);
        let server = ledger.serve();
        let pin = Caller::of(&server).pin();
        let user = User::of(&server.url(), &pin, &ledger.writer_key_file(0));
        Self { ledger, server, user }
    }

    fn record_by(&self, writer: usize, name: &str, predicate_type: &str, predicate: Value) -> u64 {
        let mut statement = statement(name);
        statement["predicateType"] = predicate_type.into();
        statement["predicate"] = predicate;
        let envelope = envelope(&statement, &[&self.ledger.writers[writer]]);
        Caller::of(&self.server).record(&envelope).unwrap().index
    }

    fn record(&self, name: &str, predicate_type: &str, predicate: Value) -> u64 {
        self.record_by(0, name, predicate_type, predicate)
    }

    /// A build by this writer, of this commit, in a run of this number, with what it used.
    fn build(&self, writer: usize, name: &str, run: u32, commit: &str, used: &[Value]) -> u64 {
        let source = json!({"uri": "git+https://github.com/acme/api@refs/heads/main", "digest": {"gitCommit": commit}});
        let resolved: Vec<Value> = [source].into_iter().chain(used.iter().cloned()).collect();
        let predicate = json!({
            "buildDefinition": {"buildType": "https://example.com/b", "resolvedDependencies": resolved},
            "runDetails": {
                "builder": {"id": "https://builder.test/hosted"},
                "metadata": {"invocationId": format!("{RUN}{run}"), "finishedOn": format!("2026-01-20T{:02}:00:00Z", run % 24)},
            },
        });
        self.record_by(writer, name, "https://slsa.dev/provenance/v1", predicate)
    }

    fn bill(&self, name: &str, purls: &[&str]) -> u64 {
        let component = |purl: &&str| json!({"type": "library", "name": "x", "purl": purl});
        let components: Vec<Value> = purls.iter().map(component).collect();
        let bill = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components});
        self.record(name, "https://cyclonedx.org/bom", bill)
    }

    fn deploy(&self, environment: &str, workload: &str, name: &str, hour: u8) -> u64 {
        let at = format!("2026-01-21T{hour:02}:00:00Z");
        let predicate =
            json!({"environment": environment, "workload": workload, "action": "start", "at": at});
        self.record(name, "urn:custody:deployment:v1", predicate)
    }

    fn impact(&self, arguments: &[&str]) -> Value {
        let (code, answer) = self.user.json(&[&["impact"], arguments].concat());
        assert_eq!(code, Some(0), "{arguments:?}: {answer}");
        answer
    }

    /// The artifacts that were reached.
    fn artifacts(&self, arguments: &[&str]) -> BTreeSet<String> {
        let answer = self.impact(arguments);
        let reached = answer["reached"].as_array().unwrap().iter();
        let artifacts = reached.filter(|reached| reached["kind"] == "artifact");
        artifacts.map(|reached| name(reached["id"].as_str().unwrap())).collect()
    }
}

const NAMES: [&str; 6] = ["base", "api-1", "api-2", "web-1", "tool", "clean"];

fn digest(name: &str) -> String {
    format!("sha256:{}", artifact_hex(name))
}

fn name(id: &str) -> String {
    let known = NAMES.into_iter().find(|name| digest(name) == id);
    known.map_or_else(|| id.to_owned(), str::to_owned)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// `base` is built from a commit by the second writer; `api-1` on it, and `api-2` from it; `web-1` ships axios; `tool` used it; `clean`
/// has nothing to do with any of it.
fn company() -> Place {
    let place = Place::new();
    place.build(1, "base", 1, COMMIT, &[]);
    let base = json!({"uri": "docker.test/base:latest", "digest": {"sha256": artifact_hex("base")}});
    place.build(0, "api-1", 2, OTHER, &[base]);
    let api = json!({"uri": "docker.test/api:latest", "digest": {"sha256": artifact_hex("api-1")}});
    place.build(0, "api-2", 3, OTHER, &[api]);
    place.build(0, "tool", 4, OTHER, &[json!({"uri": "pkg:npm/axios@1.14.1"})]);
    place.build(0, "clean", 5, OTHER, &[json!({"uri": "pkg:npm/axios@1.13.9"})]);
    place.bill("web-1", &["pkg:npm/axios@1.14.1", "pkg:npm/left-pad"]);
    place.bill("clean", &["pkg:npm/axios@1.13.9"]);
    place.deploy("prod", "api", "api-1", 1);
    place.deploy("prod", "api", "api-2", 2);
    place.deploy("prod", "web", "web-1", 3);
    place.deploy("staging", "api", "api-1", 4);
    place
}

/// More than one page of an answer holds.
#[test]
fn what_everything_was_built_with_leads_to_all_of_it() {
    let place = Place::new();
    let made = |build: usize, number: usize| format!("{:064x}", build * 10_000 + number);
    let (builds, subjects) = (9, 1_000);
    for build in 0..builds {
        let all =
            (0..subjects).map(|number| json!({"name": "file", "digest": {"sha256": made(build, number)}}));
        let mut statement = statement("unused");
        statement["subject"] = all.collect();
        statement["predicateType"] = "https://slsa.dev/provenance/v1".into();
        statement["predicate"] = json!({
            "buildDefinition": {
                "buildType": "https://example.com/b",
                "resolvedDependencies": [{"uri": "pkg:npm/axios@1.14.1"}],
            },
            "runDetails": {
                "builder": {"id": "https://builder.test/hosted"},
                "metadata": {"invocationId": format!("{RUN}{build}")},
            },
        });
        let envelope = envelope(&statement, &[&place.ledger.writers[0]]);
        Caller::of(&place.server).record(&envelope).unwrap();
    }
    let answer = place.impact(&["pkg:npm/axios@1.14.1"]);
    assert_eq!(answer["truncated"], false);
    let all = (0..builds)
        .flat_map(|build| (0..subjects).map(move |number| format!("sha256:{}", made(build, number))));
    assert_eq!(place.artifacts(&["pkg:npm/axios@1.14.1"]), all.collect());
}

#[test]
fn everything_that_came_from_something_is_found_and_nothing_else() {
    let place = company();
    assert_eq!(place.artifacts(&[COMMIT]), set(&["base", "api-1", "api-2"]));
    assert_eq!(place.artifacts(&[&digest("base")]), set(&["api-1", "api-2"]));
    assert_eq!(place.artifacts(&[&format!("{RUN}2")]), set(&["api-1", "api-2"]));
    assert_eq!(place.artifacts(&["docker.test/base:latest"]), set(&["api-1", "api-2"]));
    assert_eq!(
        place.artifacts(&["https://builder.test/hosted"]),
        set(&["base", "api-1", "api-2", "tool", "clean"])
    );
    assert_eq!(place.artifacts(&["pkg:npm/axios@>=1.14.1 <1.15"]), set(&["web-1", "tool"]));
    assert_eq!(place.artifacts(&["pkg:npm/axios@1.14.1"]), set(&["web-1", "tool"]));
    assert_eq!(place.artifacts(&["pkg:npm/axios"]), set(&["web-1", "tool", "clean"]));
    let key = format!("key:{}", place.ledger.writers[1].public().id());
    assert_eq!(place.artifacts(&[&key]), set(&["base", "api-1", "api-2"]), "what the second writer signed");

    // What ships it, and what was built with it, are told apart.
    let answer = place.impact(&["pkg:npm/axios@1.14.1"]);
    let via = |name: &str| {
        let reached = answer["reached"].as_array().unwrap();
        reached.iter().find(|reached| reached["id"] == digest(name)).unwrap()["via"].clone()
    };
    assert_eq!((via("web-1"), via("tool")), (json!(["contains"]), json!(["resolved"])));
    assert_eq!((&answer["complete"], &answer["truncated"]), (&json!("claimed"), &json!(false)));

    // Where it is live: one was replaced in prod, and runs on elsewhere.
    let answer = place.impact(&[COMMIT]);
    let live = |name: &str| -> Vec<String> {
        let reached = answer["reached"].as_array().unwrap().iter();
        let found = reached.filter(|reached| reached["id"] == digest(name));
        let live = found.flat_map(|reached| reached["live"].as_array().unwrap());
        live.map(|live| {
            let text = |member: &str| live[member].as_str().unwrap();
            format!("{} {} {}", text("environment"), text("workload"), &text("since")[11..13])
        })
        .collect()
    };
    assert_eq!(
        (live("api-1"), live("api-2")),
        (vec!["staging api 04".to_owned()], vec!["prod api 02".to_owned()])
    );
    assert_eq!(live("base"), [""; 0]);

    // As of a tree before it was deployed, and within a stretch of time.
    let before = place.impact(&[COMMIT, "--at", "7"]);
    assert!(
        before["reached"].as_array().unwrap().iter().all(|reached| reached["live"] == json!([])),
        "{before}"
    );
    let since = |time: &str| place.user.json(&["impact", "https://builder.test/hosted", "--since", time]).1;
    let count = |answer: &Value| {
        answer["reached"].as_array().unwrap().iter().filter(|r| r["kind"] == "artifact").count()
    };
    assert_eq!(count(&since("2026-01-20T04:00:00Z")), 2, "tool and clean");

    let told = place.user.custody(&["impact", COMMIT]);
    assert!(
        told.stdout.contains("LIVE") && told.stdout.contains("prod api since 2026-01-21 02:00"),
        "{}",
        told.stdout
    );
    assert!(told.stdout.lines().all(|line| line.chars().count() <= 80), "{}", told.stdout);
}

#[test]
fn what_nothing_came_from_is_no_record_and_an_environment_is_asked_otherwise() {
    let place = company();
    for (thing, code) in [
        (digest("nothing").as_str(), 4),
        ("pkg:npm/nothing@1", 4),
        (&digest("clean"), 4),
        ("prod", 2),
        ("pkg:npm/axios@^1", 2),
    ] {
        let (found, answer) = place.user.json(&["impact", thing]);
        assert_eq!(found, Some(code), "{thing}: {answer}");
    }
    let own = place.user.json(&["impact", &digest("web-1")]).1;
    assert_eq!(own["live"][0]["environment"], "prod", "where it is live itself: {own}");
}

#[test]
fn coverage_tells_what_runs_or_was_released_without_which_evidence() {
    let place = company();
    let of = |answer: &Value, name: &str| -> Value {
        let artifacts = answer["artifacts"].as_array().unwrap();
        artifacts.iter().find(|artifact| artifact["id"] == digest(name)).cloned().unwrap_or_default()
    };
    let (code, prod) = place.user.json(&["coverage", "--environment", "prod"]);
    assert_eq!(code, Some(0), "{prod}");
    assert_eq!(prod["artifacts"].as_array().unwrap().len(), 2);
    let (api, web) = (of(&prod, "api-2"), of(&prod, "web-1"));
    assert_eq!(api["have"], json!(["provenance"]));
    assert_eq!(api["missing"], json!(["source", "review", "sbom", "scan", "approval", "promotion"]));
    assert_eq!(web["have"], json!(["sbom"]));
    assert_eq!(web["missing"], json!(["source", "review", "provenance", "scan", "approval", "promotion"]));
    assert_eq!(web["blind"][0]["what"], "unknown_versions");
    assert_eq!(web["workloads"], json!(["web"]));

    let reviewed = json!({"repo": "https://github.com/acme/api", "commit": OTHER, "reviewers": ["bob"], "approved_at": "2026-01-19T00:00:00Z"});
    let mut review = statement("unused");
    review["subject"] = json!([{"digest": {"gitCommit": OTHER}}]);
    review["predicateType"] = "urn:custody:review:v1".into();
    review["predicate"] = reviewed;
    Caller::of(&place.server).record(&envelope(&review, &[&place.ledger.writers[0]])).unwrap();
    let published = json!({"registry": "docker.test", "repository": "docker.test/tool", "actor": "ci", "at": "2026-01-20T05:00:00Z"});
    place.record("tool", "urn:custody:publication:v1", published);
    let (_, all) = place.user.json(&["coverage"]);
    assert_eq!(of(&all, "api-2")["have"], json!(["review", "provenance"]));
    let tool = of(&all, "tool");
    assert_eq!((&tool["environment"], &tool["have"]), (&json!(null), &json!(["review", "provenance"])));
    assert_eq!(
        all["artifacts"].as_array().unwrap().len(),
        4,
        "two in prod, one in staging, one released: {all}"
    );
    assert_eq!(place.user.json(&["coverage", "--environment", "nowhere"]).0, Some(4));
    let told = place.user.custody(&["coverage"]);
    assert!(told.stdout.contains("without a version"), "{}", told.stdout);
}

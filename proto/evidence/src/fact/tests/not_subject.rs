//! What only a predicate of Custody names, and no subject is, gets no evidence.

use super::*;
use crate::subject_name::{NameKind, digest_of_name};

const AT: &str = "2026-11-20T14:02:00Z";

fn warned(facts: &Facts, path: &str, named: &str) {
    let problem = Problem::NotSubject { named: named.to_owned() };
    assert_eq!(facts.warnings, [Warning { path: path.to_owned(), problem }]);
    assert!(facts.interpreted, "the rest of it still counts");
}

fn of_name(kind: NameKind, name: &str) -> Value {
    json!([{"name": name, "digest": {"sha256": digest_of_name(kind, name).value()}}])
}

#[test]
fn a_digest_that_is_no_subject_runs_nowhere() {
    let other = format!("sha256:{}", "d".repeat(64));
    let running = json!([{"digest": format!("sha256:{HEX}")}, {"digest": other}]);
    let snapshot = |subjects: &Value, running: &Value| {
        facts(
            "urn:custody:snapshot:v1",
            subjects,
            &json!({"environment": "prod", "at": AT, "running": running}),
        )
    };
    let facts = snapshot(&app(), &running);
    assert_eq!(edges(&facts), [format!("artifact sha256:{HEX} runs-in environment prod")]);
    warned(&facts, "predicate.running[1].digest", &other);
    // A subject that is not said to run does not run, and neither does the name of an environment.
    for subjects in [app(), of_name(NameKind::Environment, "prod")] {
        let empty = snapshot(&subjects, &json!([]));
        assert!(empty.edges.is_empty() && empty.warnings.is_empty() && empty.interpreted);
        assert!(empty.terms().contains(&Term::parse(Field::Environment, "prod").unwrap()));
    }
}

#[test]
fn every_digest_of_a_subject_that_runs_runs() {
    let sha512 = "b".repeat(128);
    let subjects =
        json!([{"digest": {"sha256": HEX, "sha512": sha512}}, {"digest": {"sha256": "e".repeat(64)}}]);
    let running = json!([{"digest": format!("sha512:{sha512}")}]);
    let snapshot = json!({"environment": "prod", "at": AT, "running": running});
    let facts = facts("urn:custody:snapshot:v1", &subjects, &snapshot);
    assert_eq!(
        edges(&facts),
        [
            format!("artifact sha256:{HEX} runs-in environment prod"),
            format!("artifact sha256:{HEX} same-as artifact sha512:{sha512}"),
            format!("artifact sha512:{sha512} runs-in environment prod"),
        ]
    );
}

#[test]
fn a_run_that_is_no_subject_could_read_nothing() {
    let run = json!({"run": "https://ci.example/7", "at": AT, "secrets": ["TOKEN"], "resolved": [{"ref": "alpine:latest"}]});
    let subject = of_name(NameKind::Run, "https://ci.example/7");
    assert_eq!(
        edges(&facts("urn:custody:run:v1", &subject, &run)),
        [
            "run https://ci.example/7 could-read secret TOKEN",
            "run https://ci.example/7 resolved ref alpine:latest",
        ]
    );
    for subject in [
        app(),
        of_name(NameKind::Run, "https://ci.example/8"),
        of_name(NameKind::Identity, "https://ci.example/7"),
    ] {
        let facts = facts("urn:custody:run:v1", &subject, &run);
        assert!(facts.edges.is_empty(), "{:?}", facts.edges);
        assert!(!facts.terms().iter().any(|term| term.field() == Field::Run));
        assert_eq!(facts.times.len(), 1, "what it claims about time is checked all the same");
        warned(&facts, "predicate.run", "the run https://ci.example/7");
    }
}

#[test]
fn a_run_is_the_one_that_provenance_names() {
    let slashed = "https://ci.example/1/";
    let run = json!({"run": slashed, "resolved": [{"ref": "pkg:npm/axios@1.14.1", "digest": format!("sha256:{HEX}")}]});
    let run = facts("urn:custody:run:v1", &of_name(NameKind::Run, slashed), &run);
    let built = facts(slsa_v1::TYPE, &app(), &dependencies(&json!([])));
    let node = Term::parse(Field::Run, "https://ci.example/1").unwrap();
    assert!(run.terms().contains(&node) && built.terms().contains(&node));
    assert_eq!(
        edges(&run),
        [
            format!("component pkg:npm/axios@1.14.1 has-bytes artifact sha256:{HEX}"),
            format!("run https://ci.example/1 resolved artifact sha256:{HEX}"),
            "run https://ci.example/1 resolved component pkg:npm/axios@1.14.1".to_owned(),
        ]
    );
}

#[test]
fn a_tag_points_to_a_subject_or_to_nothing() {
    let other = format!("sha256:{}", "d".repeat(64));
    let tag = json!({"repository": "ghcr.io/acme/api", "tag": "1.2", "digest": other, "observed_at": AT});
    let facts = facts("urn:custody:tag:v1", &app(), &tag);
    assert!(facts.edges.is_empty());
    assert!(facts.terms().contains(&Term::parse(Field::Ref, "ghcr.io/acme/api:1.2").unwrap()));
    warned(&facts, "predicate.digest", &other);
}

#[test]
fn an_exception_for_another_digest_is_not_found_by_its_policy() {
    let other = format!("sha256:{}", "d".repeat(64));
    let exception = json!({"policy": "release", "rule": "*", "subject": other, "owner": "alice", "reason": "r", "at": AT, "until": AT});
    let facts = facts("urn:custody:exception:v1", &app(), &exception);
    assert!(!facts.terms().iter().any(|term| term.field() == Field::Policy));
    warned(&facts, "predicate.subject", &other);
}

#[test]
fn what_is_expected_of_another_source_is_not_found_by_it() {
    let period = json!({"from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z"});
    let expected = json!({"source": "ci", "period": period, "count": 0});
    let facts = facts("urn:custody:expected:v1", &of_name(NameKind::Identity, "cd"), &expected);
    assert!(!facts.terms().iter().any(|term| term.field() == Field::Identity));
    warned(&facts, "predicate.source", "the identity ci");
}

#[test]
fn what_was_pushed_by_digest_alone_was_pushed_to_its_repository() {
    let publication =
        json!({"registry": "ghcr.io", "repository": "ghcr.io/acme/api", "actor": "alice", "at": AT});
    assert_eq!(
        edges(&facts("urn:custody:publication:v1", &app(), &publication)),
        [
            format!("artifact sha256:{HEX} published identity alice"),
            format!("artifact sha256:{HEX} published ref ghcr.io/acme/api"),
        ]
    );
}

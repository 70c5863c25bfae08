//! The worked examples of docs/format.md hold, and for each predicate one change each is refused.

use serde_json::{Value, json};

use super::*;
use crate::digest_set::Digest;
use crate::statement::{Statement, StatementBuilder};

const FORMAT: &str = include_str!("../../../../docs/format.md");

/// The statement and the SHA-256 under the heading of a predicate.
fn worked(predicate_type: &str) -> (String, String) {
    let section = FORMAT.split(&format!("\n### {predicate_type}\n")).nth(1).expect(predicate_type);
    let json = section.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let sha256 = section.split("SHA-256: `").nth(1).unwrap().split('`').next().unwrap();
    (json.to_owned(), sha256.to_owned())
}

/// The example reads, and writing it again gives the bytes whose digest the document names.
fn holds<P: CustodyPredicate>() -> (P, Value) {
    let (json, sha256) = worked(P::TYPE);
    let statement = Statement::parse(json.as_bytes()).unwrap();
    assert_eq!(statement.predicate_type(), P::TYPE);
    let predicate = P::decode(statement.predicate_bytes().unwrap()).unwrap();
    let mut builder = StatementBuilder::new(P::TYPE);
    for subject in statement.subjects() {
        builder = builder.subject(subject.name().unwrap(), subject.digests().iter().cloned());
    }
    let bytes = builder.predicate(&predicate.encode()).unwrap();
    let expected: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), expected);
    assert_eq!(Digest::sha256_of(&bytes).value(), sha256, "{}", String::from_utf8(bytes).unwrap());
    (predicate, expected["predicate"].clone())
}

/// Each required member: missing, null and of another type are refused. Each optional one: missing and null are taken.
fn members<P: CustodyPredicate>(required: &[&str]) -> Value {
    let (_, predicate) = holds::<P>();
    for name in predicate.as_object().unwrap().keys() {
        let with = |value: Option<Value>| {
            let mut changed = predicate.clone();
            match value {
                Some(value) => changed[name] = value,
                None => drop(changed.as_object_mut().unwrap().remove(name)),
            }
            P::decode(changed.to_string().as_bytes())
        };
        let is_required = required.contains(&name.as_str());
        assert_eq!(with(None).is_err(), is_required, "{name} missing");
        assert_eq!(with(Some(Value::Null)).is_err(), is_required, "{name} null");
        assert!(with(Some(json!({"x": 1}))).is_err(), "{name} an object of another shape");
        assert!(with(Some(json!(-1))).is_err(), "{name} a negative number");
    }
    assert!(
        required.iter().all(|name| predicate.get(name).is_some()),
        "the example has every required member"
    );
    let mut extended = predicate.clone();
    extended["vendor_note"] = json!({"any": "thing"});
    assert!(P::decode(extended.to_string().as_bytes()).is_ok(), "unknown members are ignored");
    predicate
}

fn refuses<P: CustodyPredicate>(predicate: &Value, name: &str, values: &[Value]) {
    for value in values {
        let mut changed = predicate.clone();
        changed[name] = value.clone();
        let error =
            P::decode(changed.to_string().as_bytes()).map(drop).expect_err(&format!("{name}: {value}"));
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}

fn names() -> Vec<Value> {
    vec![
        json!(""),
        json!(" x"),
        json!("x\n"),
        json!("a\u{7}b"),
        json!("x".repeat(crate::fact::Node::ID_MAX + 1)),
    ]
}

fn times() -> Vec<Value> {
    vec![
        json!(""),
        json!("yesterday"),
        json!("2026-11-20"),
        json!("2026-11-20T10:05:00"),
        json!("2026-13-20T10:05:00Z"),
    ]
}

fn commits() -> Vec<Value> {
    vec![json!(""), json!("c".repeat(39)), json!("c".repeat(41)), json!("g".repeat(40)), json!("gitCommit:c")]
}

#[test]
fn source_holds_and_refuses_one_change_each() {
    let predicate = members::<Source>(&["repo", "commit", "author", "author_date"]);
    refuses::<Source>(&predicate, "repo", &[json!(""), json!("a b"), json!("https://")]);
    refuses::<Source>(&predicate, "commit", &commits());
    refuses::<Source>(
        &predicate,
        "parents",
        &[json!(["c"]), json!("c"), json!(vec!["c".repeat(40); LIST_MAX + 1])],
    );
    refuses::<Source>(&predicate, "author", &names());
    refuses::<Source>(&predicate, "ref", &names());
    refuses::<Source>(&predicate, "author_date", &times());
    refuses::<Source>(
        &predicate,
        "signature",
        &[json!({"kind": "ssh"}), json!({"verified": true}), json!("ssh")],
    );
}

#[test]
fn review_holds_and_refuses_one_change_each() {
    let predicate = members::<Review>(&["repo", "commit", "reviewers", "approved_at"]);
    refuses::<Review>(&predicate, "commit", &commits());
    refuses::<Review>(
        &predicate,
        "reviewers",
        &[json!([]), json!([""]), json!("bob"), json!(vec!["b"; LIST_MAX + 1])],
    );
    refuses::<Review>(&predicate, "approved_at", &times());
}

#[test]
fn approval_holds_and_refuses_one_change_each() {
    let predicate = members::<Approval>(&["for", "approver", "at"]);
    refuses::<Approval>(&predicate, "for", &names());
    refuses::<Approval>(&predicate, "approver", &names());
    refuses::<Approval>(&predicate, "at", &times());
    refuses::<Approval>(&predicate, "until", &times());
}

#[test]
fn promotion_holds_and_refuses_one_change_each() {
    let predicate = members::<Promotion>(&["from", "to", "at"]);
    refuses::<Promotion>(&predicate, "from", &names());
    refuses::<Promotion>(&predicate, "to", &names());
    refuses::<Promotion>(&predicate, "ref_after", &names());
    refuses::<Promotion>(&predicate, "at", &times());
}

#[test]
fn deployment_holds_and_refuses_one_change_each() {
    let predicate = members::<Deployment>(&["environment", "action", "at"]);
    refuses::<Deployment>(&predicate, "environment", &names());
    refuses::<Deployment>(&predicate, "action", &[json!(""), json!("Start"), json!("restart")]);
    refuses::<Deployment>(&predicate, "verdict", &[json!("1"), json!(-1), json!(u64::MAX)]);
    refuses::<Deployment>(&predicate, "at", &times());
}

fn digests() -> Vec<Value> {
    vec![
        json!(""),
        json!("a".repeat(64)),
        json!("sha256:ab"),
        json!(format!("sha1:{}", "a".repeat(40))),
        json!(format!("md5:{}", "a".repeat(32))),
        json!("foo:bar"),
    ]
}

/// The same for a member of the first element of a list.
fn refuses_in_first<P: CustodyPredicate>(predicate: &Value, list: &str, name: &str, values: &[Value]) {
    for value in values {
        let mut element = predicate[list][0].clone();
        element[name] = value.clone();
        refuses::<P>(predicate, list, &[json!([element])]);
    }
}

#[test]
fn snapshot_holds_and_refuses_one_change_each() {
    let predicate = members::<Snapshot>(&["environment", "at", "running"]);
    refuses::<Snapshot>(&predicate, "environment", &names());
    refuses::<Snapshot>(&predicate, "at", &times());
    let digest = predicate["running"][0]["digest"].clone();
    let too_many = vec![json!({"digest": digest}); LIST_MAX + 1];
    refuses::<Snapshot>(
        &predicate,
        "running",
        &[json!([{}]), json!([digest]), json!([[digest]]), json!(too_many)],
    );
    refuses_in_first::<Snapshot>(&predicate, "running", "digest", &digests());
    refuses_in_first::<Snapshot>(&predicate, "running", "workload", &names());
    let counts = [json!(0), json!(-1), json!(1.5), json!("3"), json!(1_u64 << 32)];
    refuses_in_first::<Snapshot>(&predicate, "running", "count", &counts);
    let mut empty = predicate;
    empty["running"] = json!([]);
    assert!(Snapshot::decode(empty.to_string().as_bytes()).unwrap().running.is_empty());
}

#[test]
fn what_a_snapshot_does_not_know_is_a_note_that_no_reader_stumbles_over() {
    let (snapshot, predicate) = holds::<Snapshot>();
    let with = |unknown: Value| {
        let mut changed = predicate.clone();
        changed["unknown"] = unknown;
        Snapshot::decode(changed.to_string().as_bytes()).unwrap()
    };
    let partial = Snapshot { unknown: std::num::NonZeroU32::new(3), ..snapshot.clone() };
    assert_eq!(with(json!(3)), partial);
    assert_eq!(Snapshot::decode(&partial.encode()).unwrap(), partial);
    for other in
        [json!(0), json!(-1), json!(1.5), json!("3"), json!(1_u64 << 32), json!({"x": [1]}), Value::Null]
    {
        assert_eq!(with(other), snapshot);
    }
}

#[test]
fn run_holds_and_refuses_one_change_each() {
    let predicate = members::<Run>(&["run"]);
    for name in ["run", "conclusion", "trigger"] {
        refuses::<Run>(&predicate, name, &names());
    }
    for name in ["secrets", "permissions", "audiences"] {
        refuses::<Run>(&predicate, name, &[json!([""]), json!("x"), json!([{"x": "value"}])]);
        refuses::<Run>(&predicate, name, &[json!(vec!["x"; LIST_MAX + 1])]);
    }
    refuses::<Run>(&predicate, "at", &times());
    refuses::<Run>(
        &predicate,
        "runner",
        &[json!({}), json!({"name": ""}), json!({"name": "x", "hosted": "yes"}), json!(["x"])],
    );
    refuses::<Run>(&predicate, "resolved", &[json!([{}]), json!(["alpine"]), json!([["alpine"]])]);
    refuses_in_first::<Run>(&predicate, "resolved", "ref", &names());
    refuses_in_first::<Run>(&predicate, "resolved", "digest", &digests());
}

#[test]
fn tag_holds_and_refuses_one_change_each() {
    let predicate = members::<Tag>(&["repository", "tag", "digest", "observed_at"]);
    refuses::<Tag>(&predicate, "repository", &names());
    refuses::<Tag>(&predicate, "tag", &names());
    refuses::<Tag>(&predicate, "digest", &digests());
    refuses::<Tag>(&predicate, "observed_at", &times());
}

#[test]
fn publication_holds_and_refuses_one_change_each() {
    let predicate = members::<Publication>(&["registry", "repository", "actor", "at"]);
    for name in ["registry", "repository", "ref", "actor"] {
        refuses::<Publication>(&predicate, name, &names());
    }
    refuses::<Publication>(&predicate, "at", &times());
}

#[test]
fn distribution_holds_and_refuses_one_change_each() {
    let predicate = members::<Distribution>(&["recipient", "at"]);
    refuses::<Distribution>(&predicate, "recipient", &names());
    refuses::<Distribution>(&predicate, "channel", &names());
    refuses::<Distribution>(&predicate, "at", &times());
}

#[test]
fn expected_holds_and_refuses_one_change_each() {
    let predicate = members::<Expected>(&["source", "period", "count"]);
    refuses::<Expected>(&predicate, "source", &names());
    refuses::<Expected>(&predicate, "count", &[json!("42"), json!(1.5)]);
    let (from, to) = (predicate["period"]["from"].clone(), predicate["period"]["to"].clone());
    refuses::<Expected>(
        &predicate,
        "period",
        &[
            json!({"from": from}),
            json!({"to": to}),
            json!({"from": to, "to": from}),
            json!({"from": from, "to": from}),
            json!({"from": "2026-11-20", "to": to}),
            json!([from, to]),
            from,
        ],
    );
}

#[test]
fn exception_holds_and_refuses_one_change_each() {
    let required = ["policy", "rule", "subject", "owner", "reason", "at", "until"];
    let predicate = members::<Exception>(&required);
    for name in ["policy", "rule", "owner"] {
        refuses::<Exception>(&predicate, name, &names());
    }
    refuses::<Exception>(&predicate, "subject", &digests());
    refuses::<Exception>(&predicate, "reason", &[json!(""), json!(" \n")]);
    refuses::<Exception>(&predicate, "at", &times());
    refuses::<Exception>(&predicate, "until", &times());
}

#[test]
fn a_repository_is_normalised_when_it_is_read() {
    let (_, mut predicate) = holds::<Source>();
    predicate["repo"] = json!("git@GitHub.com:acme/api.git");
    predicate["commit"] = json!(predicate["commit"].as_str().unwrap().to_uppercase());
    let source = Source::decode(predicate.to_string().as_bytes()).unwrap();
    assert_eq!(source, holds::<Source>().0);
}

#[test]
fn times_of_other_zones_are_the_same_time() {
    let (deployment, mut predicate) = holds::<Deployment>();
    predicate["at"] = json!("2026-11-20T15:02:00+01:00");
    assert_eq!(Deployment::decode(predicate.to_string().as_bytes()).unwrap(), deployment);
}

#[test]
fn a_member_that_is_there_twice_is_refused() {
    let error =
        Promotion::decode(br#"{"from":"a","to":"b","to":"c","at":"2026-11-20T14:02:00Z"}"#).unwrap_err();
    assert!(error.to_string().contains("twice"), "{error}");
}

#[test]
fn runs_get_one_id_whatever_the_version_of_the_provenance() {
    let config = r#""invocation":{"configSource":{"uri":"git+https://github.com/acme/api@refs/heads/main"}}"#;
    let v02 = |builder: &str, id: &str| {
        let json = format!(
            r#"{{"builder":{{"id":"{builder}"}},{config},"metadata":{{"buildInvocationId":"{id}"}}}}"#
        );
        slsa_v02::decode(json.as_bytes()).unwrap().run_id()
    };
    let url = "https://github.com/acme/api/actions/runs/4711/attempts/2";
    assert_eq!(v02("https://github.com/actions/runner", "4711-2").as_deref(), Some(url));
    for (builder, id, expected) in [
        ("https://github.com/actions/runner", "4711", "https://github.com/actions/runner#4711"),
        ("https://github.com/actions/runner", "4711-x", "https://github.com/actions/runner#4711-x"),
        ("https://github.com.evil.example/r", "4711-2", "https://github.com.evil.example/r#4711-2"),
        ("https://tekton.dev/chains/v2", "4711-2", "https://tekton.dev/chains/v2#4711-2"),
        ("b", "https://ci.example/run/1/", "https://ci.example/run/1"),
    ] {
        assert_eq!(v02(builder, id).as_deref(), Some(expected));
    }
    assert_eq!(v02("b", ""), None);
    let v1 = format!(r#"{{"runDetails":{{"metadata":{{"invocationId":"{url}"}}}}}}"#);
    assert_eq!(slsa_v1::decode(v1.as_bytes()).unwrap().run_id().as_deref(), Some(url));
}

#[test]
fn provenance_of_another_shape_is_an_error_that_names_the_place() {
    for (json, place) in [
        (r#"{"buildDefinition":[]}"#, "buildDefinition"),
        (r#"{"buildDefinition":{"resolvedDependencies":{}}}"#, "resolvedDependencies"),
        (r#"{"buildDefinition":{"resolvedDependencies":[{"digest":{"sha256":1}}]}}"#, "sha256"),
        (r#"{"runDetails":{"builder":{"id":1}}}"#, "id"),
    ] {
        let error = slsa_v1::decode(json.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(place), "{json}: {error}");
    }
    assert!(
        slsa_v1::decode(br#"{"buildDefinition":{"externalParameters":{"workflow":7,"source":"x"}}}"#).is_ok()
    );
    assert!(slsa_v1::decode(b"{}").is_ok() && slsa_v02::decode(b"{}").is_ok());
    assert!(slsa_v02::decode(br#"{"invocation":{"configSource":{}},"materials":null}"#).is_ok());
    assert!(slsa_v02::decode(br#"{"materials":"x"}"#).is_err());
}

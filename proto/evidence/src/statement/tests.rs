//! What a statement may look like, and what not.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::digest_set::Digest;

const HEX: &str = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

fn good() -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app", "digest": {"sha256": HEX}}],
        "predicateType": "https://example.com/p/v1",
        "predicate": {"a": 1},
    })
}

fn with(path: &str, value: &Value) -> Value {
    let mut statement = good();
    *statement.pointer_mut(path).unwrap() = value.clone();
    statement
}

fn without(name: &str) -> Value {
    let mut statement = good();
    statement.as_object_mut().unwrap().remove(name).unwrap();
    statement
}

fn parse(value: &Value) -> Result<Statement<'static>, StatementError> {
    Ok(Statement::parse(value.to_string().as_bytes())?.into_owned())
}

fn subject(value: &Value) -> Statement<'static> {
    parse(&with("/subject", &json!([value]))).unwrap()
}

#[test]
fn both_versions_of_the_layer_are_read() {
    let v01 = parse(&with("/_type", &json!("https://in-toto.io/Statement/v0.1"))).unwrap();
    assert_eq!(v01.statement_type(), StatementType::V01);
    let v1 = parse(&good()).unwrap();
    assert_eq!(v1.statement_type(), StatementType::V1);
    assert_eq!(v1.predicate_type(), "https://example.com/p/v1");
    assert_eq!(v1.subject_without_usable_digest(), None);
    assert_eq!(v1.subjects()[0].name(), Some("app"));
}

#[test]
fn refuses_one_change_each_and_says_what() {
    let renamed = |from: &str, to: &str| {
        let mut statement = without(from);
        statement[to] = good()[from].clone();
        statement
    };
    let cases = [
        (without("_type"), "no member _type"),
        (renamed("_type", "type"), "starts with an underscore"),
        (
            with("/_type", &json!("https://in-toto.io/Statement/v0.2")),
            "found \"https://in-toto.io/Statement/v0.2\"",
        ),
        (with("/_type", &json!("https://in-toto.io/StatementA/v0.1")), "found"),
        (with("/_type", &json!("link")), "found \"link\""),
        (with("/_type", &json!(1)), "_type"),
        (without("predicateType"), "no predicateType"),
        (renamed("predicateType", "predicate_type"), "no predicateType"),
        (with("/predicateType", &json!("")), "no predicateType"),
        (with("/predicateType", &json!("a b")), "white space"),
        (with("/predicateType", &json!("x".repeat(PREDICATE_TYPE_MAX + 1))), "at most 512 bytes"),
        (with("/predicate", &json!("text")), "an object, null or absent"),
        (with("/predicate", &json!([1])), "an object, null or absent"),
        (with("/subject", &json!({})), "subject"),
        (with("/subject/0", &json!("app")), "subject"),
        (with("/subject/0/digest", &json!([])), "digest"),
        (with("/subject/0/digest/sha256", &json!(1)), "sha256"),
        (with("/subject/0/digest", &json!({"": "x"})), "subject[0].digest"),
        (with("/subject/0/digest", &json!({"x": ""})), "subject[0].digest"),
        (with("/subject/0/digest", &json!({"x": "a b"})), "subject[0].digest"),
        (json!([]), "statement"),
        // The members of a statement in their order, as a list.
        (
            json!([good()["_type"], good()["subject"], good()["predicateType"], good()["predicate"]]),
            "expected an object",
        ),
        (with("/subject/0", &json!(["app", null, {"sha256": HEX}])), "expected an object"),
    ];
    for (statement, expected) in cases {
        let error = parse(&statement).expect_err(&statement.to_string()).to_string();
        assert!(error.contains(expected), "{statement}: {error}");
    }
}

#[test]
fn refuses_json_that_is_not_strict() {
    let text = good().to_string();
    let twice = text.replacen('{', r#"{"_type":"https://in-toto.io/Statement/v1","#, 1);
    for bad in [twice, format!("{text}x"), format!("{text}{text}"), text.replace('}', ""), String::new()] {
        assert!(matches!(Statement::parse(bad.as_bytes()), Err(StatementError::Json(_))), "{bad}");
    }
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let deep = text.replace(r#"{"a":1}"#, &format!(r#"{{"a":{deep}}}"#));
    assert!(matches!(Statement::parse(deep.as_bytes()), Err(StatementError::Json(_))));
    assert!(Statement::parse(format!(" {text}\n").as_bytes()).is_ok());
}

#[test]
fn what_producers_leave_out_is_left_out() {
    for name in [json!(null), json!(""), json!("_")] {
        assert_eq!(subject(&json!({"name": name, "digest": {"sha256": HEX}})).subjects()[0].name(), None);
    }
    for none in [json!({}), json!({"uri": "pkg:maven/a/b@1"}), json!({"digest": null}), json!({"digest": {}})]
    {
        let statement = subject(&none);
        assert!(statement.subjects()[0].digests().is_empty());
        assert_eq!(statement.subject_without_usable_digest(), Some(0));
    }
    for subjects in [json!([]), json!(null)] {
        assert!(parse(&with("/subject", &subjects)).unwrap().subjects().is_empty());
    }
    assert!(parse(&without("subject")).unwrap().subjects().is_empty());
}

#[test]
fn every_digest_is_kept_and_only_some_are_usable() {
    let (sha1, sha512) = ("a".repeat(40), "b".repeat(128));
    for (digest, usable) in [
        (json!({"sha256": HEX}), true),
        (json!({"sha512": sha512}), true),
        (json!({"gitCommit": sha1}), true),
        (json!({"sha1": sha1, "sha256": HEX}), true),
        (json!({"sha1": sha1}), false),
        (json!({"foo": "bar"}), false),
        (json!({"gce_image_id": "5455871037842061123"}), false),
        (json!({"gitoid:sha256": "gitoid:blob:sha256:00"}), false),
        (json!({"sha256": sha1}), false),
        (
            json!({"sha256": "not hex"})
                .as_object()
                .map_or(json!(null), |_| json!({"sha256": "x".repeat(64)})),
            false,
        ),
    ] {
        let statement = subject(&json!({"name": "x", "digest": digest}));
        assert_eq!(statement.subjects()[0].digests().len(), digest.as_object().unwrap().len(), "{digest}");
        assert_eq!(statement.subject_without_usable_digest().is_none(), usable, "{digest}");
    }
    let two =
        parse(&with("/subject", &json!([{"digest": {"sha256": HEX}}, {"digest": {"sha1": sha1}}]))).unwrap();
    assert_eq!(two.subject_without_usable_digest(), Some(1), "every subject needs one");
}

#[test]
fn a_sha1_is_a_commit_beside_what_can_only_be_a_repository_and_nowhere_else() {
    let sha1 = "a".repeat(40);
    for (key, text, commit) in [
        ("uri", "git+https://github.com/acme/api", true),
        ("name", "git://github.com/acme/api", true),
        ("uri", "https://github.com/acme/api", true),
        ("uri", "ssh://git@git.corp.test/acme/api", true),
        ("uri", "https://git.corp.test/acme/api@refs/heads/main", true),
        ("uri", "https://git.corp.test/acme/api", false),
        ("uri", "https://github.com/acme/api/releases/download/v1/app.tgz", false),
        ("uri", "https://example.com/file.tar.gz", false),
        ("uri", "pkg:npm/axios@1", false),
        ("name", "git+foo", false),
    ] {
        let statement = subject(&json!({key: text, "digest": {"sha1": sha1}}));
        let usable: Vec<Digest> = statement.subjects()[0].usable().to_vec();
        assert_eq!(usable.first().map(Digest::algorithm), commit.then_some("gitCommit"), "{text}");
    }
}

#[test]
fn limits_hold_at_their_edge() {
    let subjects = |count: usize, digests: usize| {
        let digest: Value =
            (0..digests).map(|n| (format!("x{n}"), json!("1"))).collect::<serde_json::Map<_, _>>().into();
        parse(&with("/subject", &json!(vec![json!({"digest": digest}); count])))
    };
    assert!(subjects(SUBJECTS_MAX, 1).is_ok());
    assert_eq!(
        subjects(SUBJECTS_MAX + 7, 1).unwrap_err(),
        StatementError::TooManySubjects { max: SUBJECTS_MAX, found: SUBJECTS_MAX + 7 }
    );
    assert!(subjects(SUBJECTS_MAX, 4).is_ok());
    assert_eq!(
        subjects(SUBJECTS_MAX, 5).unwrap_err(),
        StatementError::TooManyDigests { max: DIGESTS_MAX, found: SUBJECTS_MAX * 5 }
    );
    assert!(subjects(1, SUBJECT_DIGESTS_MAX).is_ok());
    assert_eq!(
        subjects(1, SUBJECT_DIGESTS_MAX + 2).unwrap_err(),
        StatementError::TooManySubjectDigests {
            subject: 0,
            max: SUBJECT_DIGESTS_MAX,
            found: SUBJECT_DIGESTS_MAX + 2
        }
    );
}

#[test]
fn predicate_bytes_are_exactly_those_that_were_signed() {
    let exact = r#"{ "b":1.0, "a" : "\u0026" ,"n":12345678901234567890123 }"#;
    let text = format!(
        "{{\"predicate\":\t\n{exact} \n,\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":\"t\"}}"
    );
    assert_eq!(Statement::parse(text.as_bytes()).unwrap().predicate_bytes(), Some(exact.as_bytes()));
    assert_eq!(parse(&with("/predicate", &json!(null))).unwrap().predicate_bytes(), None);
    assert_eq!(parse(&without("predicate")).unwrap().predicate_bytes(), None);
}

#[test]
fn what_is_built_is_read_back_and_comes_out_the_same() {
    let build = || {
        StatementBuilder::new("t")
            .subject("app", [Digest::sha256_of(b"x"), format!("sha512:{}", "b".repeat(128)).parse().unwrap()])
            .subject("", [Digest::sha256_of(b"y")])
            .predicate(b"\n { \"z\" : 1 }\n")
            .unwrap()
    };
    let bytes = build();
    let statement = Statement::parse(&bytes).unwrap();
    assert_eq!(build(), build());
    assert_eq!(
        statement.predicate_bytes(),
        Some(&b"{ \"z\" : 1 }"[..]),
        "files are embedded verbatim, trimmed"
    );
    assert_eq!(statement.subjects()[1].name(), None);
    let refused = [&b"{"[..], b"[]", br#"{"a":1,"a":2}"#, b"\xff", b""];
    for predicate in refused {
        assert!(StatementBuilder::new("t").subject("x", []).predicate(predicate).is_err(), "{predicate:?}");
    }
    assert!(StatementBuilder::new("").without_predicate().is_err());
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..300) {
        drop(Statement::parse(&bytes));
        let text = good().to_string();
        drop(Statement::parse(text.as_bytes().get(..cut).unwrap_or(text.as_bytes())));
    }
}

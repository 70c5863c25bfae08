//! What each predicate says, edge by edge, and what hostile statements do not.

mod goldens;
mod not_subject;
mod of_others;
mod packages;
mod table;
mod vulnerabilities;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::digest_set::Digest;
use crate::predicate::{CustodyPredicate as _, Deployment, Source, slsa_v1};
use crate::statement::Statement;

const HEX: &str = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
const COMMIT: &str = "16d9990c2f5b7a0d8e4f1b3c6a9d2e5f80714263";

fn statement(predicate_type: &str, subjects: &Value, predicate: &Value) -> Statement<'static> {
    let json = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": predicate_type,
        "predicate": predicate,
    });
    Statement::parse(json.to_string().as_bytes()).unwrap().into_owned()
}

fn facts(predicate_type: &str, subjects: &Value, predicate: &Value) -> Facts {
    read(&statement(predicate_type, subjects, predicate))
}

fn edges(facts: &Facts) -> Vec<String> {
    facts.edges.iter().map(ToString::to_string).collect()
}

fn app() -> Value {
    json!([{"name": "app.tar.gz", "digest": {"sha256": HEX}}])
}

fn source_predicate(repo: &str, commit: &str) -> Value {
    json!({"repo": repo, "commit": commit, "author": "Alice", "author_date": "2026-11-20T09:30:00Z"})
}

fn dependencies(list: &Value) -> Value {
    json!({"buildDefinition": {"resolvedDependencies": list}, "runDetails": {"metadata": {"invocationId": "https://ci.example/1"}}})
}

#[test]
fn a_commit_is_one_node_in_source_review_and_provenance() {
    let commits = json!([{"digest": {"gitCommit": COMMIT}}]);
    let node = Term::parse(Field::Commit, &format!("https://github.com/acme/api@{COMMIT}")).unwrap();
    let bare = Term::parse(Field::Commit, COMMIT).unwrap();
    let repository = Term::parse(Field::Repository, "git@github.com:acme/api.git").unwrap();
    let source = facts(Source::TYPE, &commits, &source_predicate("git@github.com:acme/api.git", COMMIT));
    let review = json!({"repo": "https://user:pw@GitHub.com/acme/api/", "commit": COMMIT, "reviewers": ["bob"], "approved_at": "2026-11-20T10:05:00Z"});
    let review = facts("urn:custody:review:v1", &commits, &review);
    let uri =
        json!([{"uri": "git+https://github.com/acme/api.git@refs/heads/main", "digest": {"sha1": COMMIT}}]);
    let provenance = facts(slsa_v1::TYPE, &app(), &dependencies(&uri));
    for facts in [source, review, provenance] {
        let terms = facts.terms();
        assert!(terms.contains(&node) && terms.contains(&bare) && terms.contains(&repository), "{terms:?}");
        assert!(facts.edges.iter().any(|e| [&e.from, &e.to].iter().any(|n| n.id() == node.value())));
    }
}

#[test]
fn a_commit_that_only_the_predicate_names_gets_no_evidence() {
    let other = "c".repeat(40);
    let commits = json!([{"digest": {"gitCommit": other}}]);
    let facts = facts(Source::TYPE, &commits, &source_predicate("https://github.com/acme/api", COMMIT));
    assert!(!edges(&facts).iter().any(|edge| edge.contains(COMMIT)), "{:?}", facts.edges);
    assert!(matches!(facts.warnings[0].problem, Problem::CommitNotSubject { .. }));
    assert!(!facts.terms().iter().any(|term| term.value().contains(COMMIT)));
}

#[test]
fn a_sha1_without_a_git_uri_is_no_commit_and_no_evidence() {
    for uri in ["https://git.corp.test/acme/api", "https://example.com/x.tar.gz", "pkg:npm/axios@1.14.1"] {
        let facts =
            facts(slsa_v1::TYPE, &app(), &dependencies(&json!([{"uri": uri, "digest": {"sha1": COMMIT}}])));
        assert!(!edges(&facts).iter().any(|edge| edge.contains(COMMIT)), "{uri}: {:?}", facts.edges);
    }
}

#[test]
fn malformed_digests_are_warned_of_and_make_no_nodes() {
    let subjects =
        json!([{"digest": {"sha256": "ab", "sha512": "x".repeat(128), "foo": "bar", "sha1": COMMIT}}]);
    let facts = facts(slsa_v1::TYPE, &subjects, &dependencies(&json!([{"digest": {"sha256": "cd"}}])));
    let warned: Vec<String> = facts.warnings.iter().map(|warning| warning.path.clone()).collect();
    let dependency = "predicate.buildDefinition.resolvedDependencies[0].digest";
    assert_eq!(warned, ["subject[0].digest", "subject[0].digest", dependency]);
    assert!(edges(&facts).is_empty(), "{:?}", facts.edges);
    for digest in ["foo:bar", &format!("sha1:{COMMIT}")] {
        assert!(
            facts.terms().contains(&Term::parse(Field::Subject, digest).unwrap()),
            "{digest} can be looked up"
        );
    }
}

#[test]
fn what_is_not_interpreted_is_found_by_subject_and_type_and_says_why() {
    let of = |predicate_type: &str, predicate: &Value| facts(predicate_type, &app(), predicate);
    for (facts, problem) in [
        (of("https://example.com/p", &json!({})), "not interpreted"),
        (of("https://cyclonedx.org/bomb", &json!({"bomFormat": "CycloneDX"})), "not interpreted"),
        (of("https://slsa.dev/provenance/v1.0?draft", &json!({})), "not interpreted"),
        (of(slsa_v1::TYPE, &json!(null)), "no predicate"),
        (of(slsa_v1::TYPE, &json!({"buildDefinition": 1})), "shape of its type"),
        (of(Deployment::TYPE, &json!({"environment": "prod"})), "action"),
        (of("https://spdx.dev/Document/v3", &json!({"@context": "https://spdx.org/rdf/3.0.1/x"})), "SPDX 3"),
        (
            of("https://cyclonedx.org/bom", &json!({"bomFormat": "CycloneDX", "specVersion": "1.9"})),
            "1.2 to 1.7",
        ),
    ] {
        assert!(!facts.interpreted);
        assert!(
            facts.warnings.iter().any(|w| w.to_string().contains(problem)),
            "{problem}: {:?}",
            facts.warnings
        );
        let terms = facts.terms();
        assert!(terms.iter().any(|term| term.field() == Field::Predicate));
        assert!(terms.contains(&Term::parse(Field::Subject, &format!("sha256:{HEX}")).unwrap()));
    }
}

#[test]
fn a_document_that_cannot_be_read_is_still_found_by_its_digest() {
    let predicate = json!({"spdxVersion": "SPDX-9"});
    let facts = facts("https://spdx.dev/Document", &app(), &predicate);
    let document = Digest::sha256_of(predicate.to_string().as_bytes());
    assert_eq!(edges(&facts), [format!("artifact sha256:{HEX} described-by document {document}")]);
}

#[test]
fn labels_lose_what_could_mislead_a_reader() {
    let name = format!("a\u{1b}[31mb\u{202e}c\n{}", "x".repeat(1000));
    let subjects = json!([{"name": name, "digest": {"sha256": HEX}}]);
    let facts = facts("https://example.com/p", &subjects, &json!({}));
    let label = facts.labels.values().next().unwrap();
    assert!(label.starts_with("a [31mb c x") && label.chars().count() <= LABEL_MAX, "{label:?}");
    assert!(!label.chars().any(|c| c.is_control() || c == '\u{202e}'));
}

#[test]
fn when_an_approval_ends_is_not_a_time_of_something_that_happened() {
    let predicate = json!({"for": "prod", "approver": "alice", "at": "2026-11-20T13:00:00Z", "until": "2099-01-01T00:00:00Z"});
    let facts = facts("urn:custody:approval:v1", &app(), &predicate);
    let at = Timestamp::parse_rfc3339("2026-11-20T13:00:00Z").unwrap();
    assert_eq!((facts.happened, facts.times), (Some(at), vec![("predicate.at".to_owned(), at)]));
}

#[test]
fn a_time_that_is_none_is_a_warning() {
    let predicate =
        json!({"metadata": {"buildStartedOn": "2022-05-24T12:13:35Z", "buildFinishedOn": "soon"}});
    let facts = facts("https://slsa.dev/provenance/v0.2", &app(), &predicate);
    assert_eq!(facts.warnings[0].path, "predicate.metadata.buildFinishedOn");
    assert_eq!(facts.happened, Some(facts.times[0].1), "the start is the best claim there is");
}

#[test]
fn several_digests_of_one_thing_are_tied_and_git_objects_are_not() {
    let sha512 = "b".repeat(128);
    let subjects = json!([{"digest": {"sha256": HEX, "sha512": sha512, "gitCommit": COMMIT, "gitTree": COMMIT, "sha1": COMMIT}}]);
    let facts = facts("https://example.com/p", &subjects, &json!({}));
    assert_eq!(edges(&facts), [format!("artifact sha256:{HEX} same-as artifact sha512:{sha512}")]);
}

#[test]
fn edges_and_warnings_stop_at_their_limits() {
    let subjects: Value = (0..1024).map(|n| json!({"digest": {"sha256": format!("{n:064x}")}})).collect();
    let list: Value = (0..400)
        .map(|n| json!({"uri": "git+https://github.com/acme/api", "digest": {"gitCommit": format!("{n:040x}"), "sha256": "x"}}))
        .collect();
    let facts = facts(slsa_v1::TYPE, &subjects, &dependencies(&list));
    assert_eq!(facts.edges.len(), EDGES_MAX);
    assert_eq!(facts.warnings.len(), WARNINGS_MAX);
    assert_eq!(facts.warnings.last().unwrap().problem, Problem::TooManyWarnings);
    let few: Value = (0..300).map(|n| list[n].clone()).collect();
    let many = read(&statement(slsa_v1::TYPE, &subjects, &dependencies(&few)));
    assert_eq!(many.edges.len(), EDGES_MAX);
}

#[test]
fn facts_of_a_small_hostile_statement_stay_within_their_bytes() {
    // 250,000 edges between few nodes with long ids.
    let subjects: Value = (0..1024).map(|n| json!({"digest": {"sha256": format!("{n:064x}")}})).collect();
    let path = "a".repeat(1000);
    let list: Value = (0..400)
        .map(|n| json!({"uri": format!("git+https://git.example/{path}@refs/heads/{path}"), "digest": {"gitCommit": format!("{n:040x}")}}))
        .collect();
    let statement = statement(slsa_v1::TYPE, &subjects, &dependencies(&list));
    let length = statement.predicate_bytes().unwrap().len() + subjects.to_string().len();
    assert!(length < 1_000_000, "{length}");
    let facts = read(&statement);
    assert_eq!(facts.edges.len(), EDGES_MAX);
    let ends = || facts.edges.iter().flat_map(|edge| [&edge.from, &edge.to]).chain(facts.labels.keys());
    let written_out: usize = ends().map(|node| node.id().len()).sum();
    assert!(written_out > 250_000_000, "not hostile: {written_out}");
    let held: BTreeMap<*const u8, usize> = ends().map(|node| (node.id().as_ptr(), node.id().len())).collect();
    let held: usize = held.values().sum();
    assert!(held <= 2 * length, "{held} bytes of ids for {length} bytes of statement");
    assert_eq!(size_of::<Edge>(), 56, "the arithmetic of EDGES_MAX");
    let terms: usize = facts.terms().iter().map(|term| term.value().len()).sum();
    assert!(terms <= 4 * length, "{terms} bytes of terms for {length} bytes of statement");
}

#[test]
fn words_are_read_back() {
    for kind in NodeKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    for kind in EdgeKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    for field in Field::ALL {
        assert_eq!(field.as_str().parse(), Ok(field));
    }
    for stage in Stage::ALL {
        assert_eq!(stage.as_str().parse(), Ok(stage));
    }
    assert!("Artifact".parse::<NodeKind>().is_err() && "".parse::<EdgeKind>().is_err());
    let node = Node::artifact(&Digest::sha256_of(b"x"));
    assert_eq!(Node::named(node.kind(), node.id()), Some(node));
}

#[test]
fn conditions_are_read_into_what_is_stored() {
    for (field, written, stored) in [
        (Field::Subject, format!("sha256:{}", HEX.to_uppercase()), format!("sha256:{HEX}")),
        (Field::Commit, COMMIT.to_uppercase(), COMMIT.to_owned()),
        (Field::Commit, format!("gitCommit:{COMMIT}"), COMMIT.to_owned()),
        (
            Field::Commit,
            format!("github.com/acme/api.git@{COMMIT}"),
            format!("https://github.com/acme/api@{COMMIT}"),
        ),
        (Field::Component, "pkg:npm/axios@1.14.1?x=y".to_owned(), "pkg:npm/axios".to_owned()),
        (Field::Repository, "git@github.com:acme/api".to_owned(), "https://github.com/acme/api".to_owned()),
        (Field::Environment, " prod ".to_owned(), "prod".to_owned()),
    ] {
        assert_eq!(Term::parse(field, &written).unwrap().value(), stored, "{field} {written}");
    }
    for (field, refused) in [
        (Field::Subject, "abc"),
        (Field::Commit, "16d9990"),
        (Field::Commit, "@16d9990"),
        (Field::Component, "axios"),
        (Field::Repository, "a b"),
        (Field::Environment, ""),
        (Field::Ref, "a\nb"),
    ] {
        assert!(Term::parse(field, refused).is_err(), "{field} {refused:?}");
    }
}

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "pkg:npm/axios@1",
        "git+https://github.com/a/b@refs/heads/x",
        HEX,
        COMMIT,
        "2026-11-20T13:00:00Z",
        "",
        "CycloneDX",
        "1.6",
        "SPDX-2.3",
        "start",
        "PASSED",
        "affected",
        "\u{202e}",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words.prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "buildDefinition",
        "runDetails",
        "resolvedDependencies",
        "externalParameters",
        "builder",
        "id",
        "metadata",
        "uri",
        "digest",
        "sha256",
        "gitCommit",
        "sha1",
        "name",
        "invocation",
        "configSource",
        "materials",
        "components",
        "hashes",
        "alg",
        "content",
        "bomFormat",
        "specVersion",
        "spdxVersion",
        "packages",
        "SPDXID",
        "relationships",
        "environment",
        "action",
        "at",
        "for",
        "repo",
        "commit",
        "Data",
        "component",
        "run",
        "runner",
        "resolved",
        "secrets",
        "running",
        "repository",
        "tag",
        "observed_at",
        "ref",
        "verifier",
        "policies",
        "policy",
        "verificationResult",
        "result",
        "purl",
        "attester",
        "references",
        "attributes",
        "evidence",
        "scanner",
        "statements",
        "vulnerability",
        "products",
        "status",
        "author",
        "repo_uri",
        "annotations",
        "sourceRefs",
    ]);
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(keys.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_predicate_makes_the_reader_panic_or_differ(predicate in arbitrary_json(), subjects in arbitrary_json(), which in 0_usize..29) {
        let types = [
            slsa_v1::TYPE, "https://slsa.dev/provenance/v0.2", "https://cyclonedx.org/bom", "https://spdx.dev/Document/v2.3",
            Source::TYPE, "urn:custody:review:v1", "urn:custody:approval:v1", "urn:custody:promotion:v1", Deployment::TYPE,
            "urn:custody:snapshot:v1", "urn:custody:run:v1", "urn:custody:tag:v1", "urn:custody:publication:v1",
            "urn:custody:distribution:v1", "urn:custody:expected:v1", "urn:custody:exception:v1",
            "https://slsa.dev/verification_summary/v1", "https://in-toto.io/attestation/svr/v0.2",
            "https://in-toto.io/attestation/test-result/v0.1", "https://in-toto.io/attestation/release/v0.1",
            "https://in-toto.io/attestation/reference/v0.1", "https://in-toto.io/attestation/scai/v0.3",
            "https://in-toto.io/attestation/runtime-trace/v0.1", "https://in-toto.io/attestation/link/v0.3",
            "https://in-toto.io/attestation/vulns/v0.2", "https://cosign.sigstore.dev/attestation/vuln/v1",
            "https://openvex.dev/ns", "https://cosign.sigstore.dev/attestation/v1",
            "https://github.com/slsa-framework/slsa-source-poc/tag-provenance/v1-draft",
        ];
        for subjects in [app(), json!([subjects])] {
            let json = json!({"_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": types[which], "predicate": predicate});
            if let Ok(statement) = Statement::parse(json.to_string().as_bytes()) {
                let facts = read(&statement);
                prop_assert_eq!(&facts, &read(&statement));
                prop_assert_eq!(facts.terms(), read(&statement).terms());
                prop_assert!(facts.terms().iter().all(|term| term.value().len() <= Node::ID_MAX));
                prop_assert!(facts.labels.values().all(|label| !label.chars().any(char::is_control)));
            }
        }
    }
}

//! Statements are found by ranges of the versions that they name, in the order of the ecosystem; what cannot be compared is listed
//! and told, and what has no order is refused.

use custody_tests::client::User;
use custody_tests::evidence::{envelope, statement};
use custody_tests::server::Ledger;
use custody_tests::wire::Caller;
use serde_json::{Value, json};

/// A bill of materials that lists these packages.
fn sbom(name: &str, purls: &[&str]) -> Value {
    let component = |purl: &&str| json!({ "type": "library", "name": "x", "purl": purl });
    let components: Vec<Value> = purls.iter().map(component).collect();
    let mut statement = statement(name);
    statement["predicateType"] = "https://cyclonedx.org/bom".into();
    statement["predicate"] =
        json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": components });
    statement
}

#[test]
fn a_range_finds_who_ships_a_version_of_it_and_says_what_it_cannot_compare() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let user = User::of(&server.url(), &caller.pin(), &ledger.writer_key_file(0));
    for (index, purls) in [
        ["pkg:npm/axios@1.14.0", "pkg:pypi/django@4.2"].as_slice(),
        &["pkg:npm/axios@1.14.1"],
        &["pkg:npm/axios@1.14.10", "pkg:gem/rails@7.0.0"],
        &["pkg:npm/axios@1.15.0"],
        &["pkg:npm/axios@next"],
        &["pkg:npm/axios-mock@1.14.1", "pkg:npm/%40axios/axios@1.14.1"],
    ]
    .into_iter()
    .enumerate()
    {
        let recorded = caller.record(&envelope(&sbom(&format!("app-{index}"), purls), &[&ledger.writers[0]]));
        assert_eq!(recorded.unwrap().index, index as u64 + 1);
    }
    let find = |range: &str| user.json(&["find", "--component", range]);
    let found = |range: &str| {
        let (code, answer) = find(range);
        let entries = answer["entries"].as_array().cloned().unwrap_or_default();
        assert_eq!(code, Some(if entries.is_empty() { 4 } else { 0 }), "{answer}");
        entries.iter().map(|entry| entry["index"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(found("pkg:npm/axios@>=1.14.1 <1.15"), [5, 3, 2]);
    assert_eq!(found("pkg:npm/axios@vers:npm/>=1.14.1|<1.15.0"), [5, 3, 2]);
    assert_eq!(found("pkg:npm/axios@=1.14.1"), [5, 2]);
    assert_eq!(found("pkg:npm/axios@1.14.1"), [2], "one version is no range");
    assert_eq!(found("pkg:npm/axios"), [5, 4, 3, 2, 1]);
    assert_eq!(found("pkg:pypi/Django@>=4.2rc1 <4.3"), [1]);
    assert_eq!(found("pkg:pypi/django@<4.2"), [0; 0]);
    assert_eq!(found("pkg:gem/rails@=7.0.0"), [3]);

    let (_, answer) = find("pkg:npm/axios@>=1.14.1 <1.15");
    assert_eq!(
        answer["not_comparable"],
        json!([{ "entry": 5, "component": "pkg:npm/axios@next", "why": "it is not a version of its ecosystem" }])
    );
    let told = user.custody(&["find", "--component", "pkg:npm/axios@>=1.14.1 <1.15"]);
    assert!(
        told.stderr.contains("entry 5 is listed for pkg:npm/axios@next, which may be in the range"),
        "{}",
        told.stderr
    );
    let (_, answer) = find("pkg:npm/axios@1.14.1");
    assert_eq!(answer["not_comparable"], json!([]));

    for (range, word) in [
        ("pkg:gem/rails@>=7.0", "have no order here"),
        ("pkg:npm/axios@^1.14", "found \"^1.14\""),
        ("pkg:npm/axios@>=1.14.1?arch=x64", "version of npm"),
        ("pkg:npm/axios@<=1.14", "may mean"),
        ("axios@>=1", "package URL"),
    ] {
        let ended = user.custody(&["find", "--component", range]);
        assert_eq!(ended.code, Some(2), "{range}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains(word), "{range}: {}", ended.stderr);
    }
}

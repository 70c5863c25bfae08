//! What the documentation shows is what is read.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]

use std::collections::BTreeMap;

use custody_gate::fixture::Suite;
use custody_gate::{Policy, explain};

/// Returns the policies that docs/policy.md shows.
fn shown() -> Vec<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policy.md")).unwrap();
    let blocks = text.split("```yaml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn every_policy_of_the_documentation_loads_and_explains_itself() {
    let policies = shown();
    assert!(policies.len() >= 4, "docs/policy.md shows {} policies", policies.len());
    for text in policies {
        let policy = Policy::load(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let explained = explain(&policy);
        for rule in policy.rules() {
            assert!(explained.contains(&format!("{}", rule.class())), "{explained}");
            assert!(explained.lines().any(|line| line.starts_with(rule.id())), "{explained}");
        }
    }
}

const SUITED: &str = r#"{"policy": "promotion", "version": 1, "rules": [
    {"id": "tests", "require": {"predicate": "test-result", "count": "latest", "max_age": "7d"}},
    {"id": "staging", "verdict_of": {"policy": "staging", "max_age": "30d", "signer": {"issuer": "https://login.example", "subject": "gate@example.org"}}}]}"#;

#[test]
fn the_fixtures_of_the_documentation_come_out_as_they_say() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policy.md")).unwrap();
    let suite = text.split("```yaml fixtures\n").nth(1).unwrap().split("```").next().unwrap();
    let policy = Policy::load(SUITED.as_bytes()).unwrap();
    let suite = Suite::load(suite.as_bytes(), &policy).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(suite.cases().len(), 4);
    for case in suite.cases() {
        let outcome = suite.judge(case, SUITED.as_bytes(), &BTreeMap::new()).unwrap();
        assert_eq!(outcome.differences, Vec::<String>::new(), "{}", case.name());
    }
}

#[test]
fn every_word_of_a_verdict_is_explained() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policy.md")).unwrap();
    let source =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/evaluate/why.rs")).unwrap();
    let words = source.split("=> \"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let words: Vec<&str> = words.filter(|word| word.contains('_') || *word == "malformed").collect();
    assert!(words.len() > 30, "{words:?}");
    let missing: Vec<&&str> = words.iter().filter(|word| !text.contains(&format!("`{word}"))).collect();
    assert!(missing.is_empty(), "docs/policy.md does not explain {missing:?}");
}

//! Policies are tried out, explained and compared without a server.

use custody_tests::client::User;
use serde_json::json;

const POLICY: &str = "policy: tested\nversion: 1\nrules:\n  - id: tests\n    require: {predicate: test-result, count: latest}\n    assert: \"att.predicate.result == 'PASSED'\"\n";
const FIXTURES: &str = r#"
now: 2026-11-20T12:00:00Z
evidence:
  tests:
    predicate: test-result
    signer: {key: "5555555555555555555555555555555555555555555555555555555555555555"}
    content: {result: PASSED, configuration: []}
cases:
  - {name: tests passed, expect: ALLOW}
  - {name: a test failed, change: {tests: {content: {result: FAILED, configuration: []}}}, expect: DENY, rules: {tests: FAIL}, why: assert_false}
"#;

#[test]
fn fixtures_hold_or_are_told_with_what_came_out_and_nothing_tested_is_no_success() {
    let user = User::new();
    let policy = user.file("tested.yaml", POLICY);
    let policy = policy.to_str().unwrap();
    let none = user.custody(&["policy", "test", policy]);
    assert_eq!(none.code, Some(2), "{}", none.stdout);
    assert!(none.stderr.contains("tested.test.yaml"), "{}", none.stderr);
    user.file("tested.test.yaml", FIXTURES);
    let ended = user.custody(&["policy", "test", policy]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("  ok    tests passed  ALLOW\n"), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("2 cases, all as expected\n"), "{}", ended.stdout);
    // The policy is changed, and a case that it was to refuse passes.
    user.file("tested.yaml", POLICY.replace("== 'PASSED'", "!= ''"));
    let (code, document) = user.json(&["policy", "test", user.home().to_str().unwrap()]);
    assert_eq!(
        (code, &document["failed"], &document["cases"]),
        (Some(1), &json!(1), &json!(2)),
        "{document}"
    );
    assert_eq!(document["policies"][0]["cases"][1]["differences"][0], "expected DENY, found ALLOW");
    let junit = user.custody(&["policy", "test", policy, "-o", "junit"]);
    assert!(junit.stdout.contains("tests=\"2\" failures=\"1\""), "{}", junit.stdout);
    user.file("tested.test.yaml", FIXTURES.replace("expect: DENY", "expct: DENY"));
    let misspelt = user.custody(&["policy", "test", policy]);
    assert_eq!(misspelt.code, Some(2), "{}", misspelt.stdout);
    assert!(misspelt.stderr.contains("did you mean \"expect\"?"), "{}", misspelt.stderr);
}

#[test]
fn a_policy_is_explained_rule_by_rule_and_compared_with_another() {
    let user = User::new();
    let old = user.file("old.yaml", POLICY);
    let new = user.file("new.yaml", POLICY.replace("count: latest", "count: latest, max_age: 7d"));
    let (old, new) = (old.to_str().unwrap(), new.to_str().unwrap());
    let explained = user.custody(&["policy", "explain", old]);
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
    assert!(explained.stdout.contains("tests  (complete-set)"), "{}", explained.stdout);
    assert!(explained.stdout.contains("looks at test-result of the digest"), "{}", explained.stdout);
    let (_, document) = user.json(&["policy", "explain", old]);
    assert_eq!(document["rules"][0]["class"], "complete-set");
    let compared = user.custody(&["policy", "diff", old, new]);
    assert_eq!(compared.code, Some(0), "{}", compared.stderr);
    assert!(compared.stdout.contains("tests\n  + at most 7d old\n"), "{}", compared.stdout);
    assert!(user.custody(&["policy", "diff", old, old]).stdout.contains("ask the same"));
}

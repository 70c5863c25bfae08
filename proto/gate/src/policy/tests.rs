//! Policies that load, and texts that do not: for each accept a set of refuses.

use custody_evidence::finding::FindingKind;

use super::{Class, LoadError, NODES_MAX, Policy, RULES_MAX, TEXT_MAX, YamlFault};

mod clauses;
mod schema;
mod validator;

/// A policy of one rule that asks for provenance, with more lines in the rule.
pub(super) fn with_rule(lines: &str) -> String {
    format!(
        "policy: release\nversion: 3\nrules:\n  - id: build\n    require: {{predicate: provenance, count: any}}\n{lines}"
    )
}

pub(super) fn load(text: &str) -> Result<Policy, LoadError> {
    Policy::load(text.as_bytes())
}

pub(super) fn refusal(text: &str) -> String {
    match load(text) {
        Ok(_) => panic!("it loads:\n{text}"),
        Err(error) => error.to_string(),
    }
}

const EXAMPLE: &str = r#"
policy: release
version: 3
applies_to: {environments: [prod], repositories: ["acme/*"]}    # no match is DENY, by name
parameters:
  max_cvss: 8.9
  release_workflow: "https://github.com/acme/ci/.github/workflows/release.yml"
  security_vex_key: "1111111111111111111111111111111111111111111111111111111111111111"
rules:
  - id: build.provenance
    title: Built by the release workflow from main
    require: {predicate: provenance, count: any, binding: bound, max_age: 30d}
    signer: {issuer: "https://token.actions.githubusercontent.com", workflow: "$release_workflow", ref: refs/heads/main, hosted: true}
    source: {repository: acme/api, ref: refs/heads/main}
    message: no provenance of the release workflow on main
    fix: build with the shared release workflow
  - id: scan.fresh
    effective_on: 2027-01-01          # before it a FAIL is a SOFTFAIL
    require: {predicate: scan, count: latest, max_age: 7d}
    vulnerabilities: {below: high, answered_by: {key: "$security_vex_key"}}
    assert: "att.predicate.scanner.version != ''"
"#;

#[test]
fn a_policy_with_every_kind_of_field_loads() {
    let policy = load(EXAMPLE).unwrap();
    assert_eq!((policy.name(), policy.version(), policy.rules().len()), ("release", 3, 2));
    assert_eq!(policy.digest(), custody_log::BlobDigest::of(EXAMPLE.as_bytes()));
    assert_eq!(policy.rules()[0].class(), Class::CompleteSet, "it asks for an age");
    let explained = crate::explain(&policy);
    for word in ["build.provenance", "scan.fresh", "complete-set", "acme/ci", "at most 30d old", "below high"]
    {
        assert!(explained.contains(word), "{word} in:\n{explained}");
    }
}

#[test]
fn json_and_yaml_of_one_policy_are_the_same_rules() {
    let yaml = load("policy: p\nversion: 1\nrules:\n- {id: a, require: {predicate: scan, count: latest}}\n")
        .unwrap();
    let json = load(
        r#"{"policy": "p", "version": 1, "rules": [{"id": "a", "require": {"predicate": "scan", "count": "latest"}}]}"#,
    )
    .unwrap();
    assert_eq!(yaml.rules, json.rules);
    assert_ne!(yaml.digest(), json.digest(), "the file's bytes are hashed");
}

#[test]
fn a_misspelt_name_is_refused_with_the_nearest_known() {
    for (text, place, nearest) in [
        (with_rule("").replace("rules:", "rule:"), "the top", "rules"),
        (with_rule("    mesage: x\n"), "rules[0]", "message"),
        (with_rule("").replace("count", "cuont"), "rules[0].require", "count"),
        (with_rule("").replace("provenance", "provenence"), "rules[0].require.predicate", "provenance"),
        (with_rule("").replace("count: any", "count: lastest"), "rules[0].require.count", "latest"),
        (with_rule("    signer: {keys: x}\n"), "rules[0].signer", "key"),
        (with_rule("    source: {repo: acme/api}\n"), "rules[0].source", ""),
        (with_rule("    collections: [slsa]\nexclude: [\"@sls\"]\n"), "exclude[0]", "slsa"),
        (with_rule("exclude: [biuld]\n"), "exclude[0]", "build"),
        (with_rule("include: [biuld]\n"), "include[0]", "build"),
        (with_rule("  - {id: f, absent: [tag_move]}\n"), "rules[1].absent[0]", "tag_moved"),
        (
            with_rule("    signer: {issuer: \"https://i\", claims: {source_repository_url: x}}\n"),
            "rules[0].signer.claims",
            "source_repository_uri",
        ),
        (with_rule("    signer: {key: $keyy}\nparameters: {key: x}\n"), "rules[0].signer.key", "key"),
        (with_rule("complete: prove\n"), "complete", "proven"),
        (with_rule("exceptions: {breakglas: {}}\n"), "exceptions", "breakglass"),
    ] {
        let refusal = refusal(&text);
        assert!(refusal.starts_with(place), "{refusal}\nexpected at {place}");
        if !nearest.is_empty() {
            assert!(refusal.ends_with(&format!("did you mean {nearest:?}?")), "{refusal}");
        }
    }
}

#[test]
fn what_one_line_could_mean_elsewhere_is_refused() {
    let fault = |text: &str| match load(text) {
        Err(LoadError::Yaml { fault, .. }) => fault,
        other => panic!("{other:?}\n{text}"),
    };
    let aliased = "policy: &p release\nversion: 1\nrules: []\ntitle: *p\n";
    assert_eq!(fault(aliased), YamlFault::Alias);
    assert_eq!(fault("policy: &p release\nversion: 1\n"), YamlFault::Alias);
    assert_eq!(fault("policy: p\nversion: 1\n<<: {title: x}\n"), YamlFault::Alias);
    assert_eq!(fault("policy: p\npolicy: q\nversion: 1\n"), YamlFault::Duplicate);
    assert_eq!(fault(&with_rule("    title: a\n    title: b\n")), YamlFault::Duplicate);
    assert_eq!(fault(&format!("{}---\npolicy: other\n", with_rule(""))), YamlFault::Documents);
    assert_eq!(fault(&format!("---\n{}...\n---\n", with_rule(""))), YamlFault::Documents);
    assert_eq!(fault("policy: [a\n"), YamlFault::Form);
    assert!(load(&format!("---\n{}", with_rule(""))).is_ok(), "one marker starts the one document");
    let json = r#"{"policy": "p", "policy": "q", "version": 1, "rules": []}"#;
    assert!(matches!(load(json), Err(LoadError::Json(_))));
    assert!(matches!(load("{}{}"), Err(LoadError::Json(_))));
}

#[test]
fn limits_hold() {
    let long = format!("{}# {}", with_rule(""), "x".repeat(TEXT_MAX));
    assert!(matches!(load(&long), Err(LoadError::TooLong { .. })));
    let rule = |at: usize| format!("  - {{id: r{at}, require: {{predicate: scan, count: latest}}}}\n");
    let rules =
        |count: usize| format!("policy: p\nversion: 1\nrules:\n{}", (0..count).map(rule).collect::<String>());
    assert_eq!(load(&rules(RULES_MAX)).unwrap().rules().len(), RULES_MAX);
    assert!(matches!(load(&rules(RULES_MAX + 1)), Err(LoadError::TooMany { max: RULES_MAX, .. })));
    let deep = format!("policy: p\nversion: 1\nrules: {}{}\n", "[".repeat(100), "]".repeat(100));
    assert!(matches!(load(&deep), Err(LoadError::Yaml { .. })), "{:?}", load(&deep));
    let wide = format!("policy: p\nversion: 1\nrules: [{}]\n", "a,".repeat(NODES_MAX + 1));
    assert!(matches!(load(&wide), Err(LoadError::Yaml { fault: YamlFault::TooMuch, .. })));
    assert!(matches!(Policy::load(b"policy: \xff"), Err(LoadError::Utf8 { at: 8 })));
}

#[test]
fn a_policy_that_could_not_deny_is_refused() {
    for lines in [
        "    warn: true\n",
        "    effective_on: 2027-01-01\n",
        "exclude: [build]\n",
        "    collections: [slsa]\nexclude: [\"@slsa\"]\n",
    ] {
        assert_eq!(load(&with_rule(lines)), Err(LoadError::NothingEnforced), "{lines}");
    }
    let warns = "policy: p\nversion: 1\nrules: [{id: f, absent: {warn: [tag_moved]}}]\n";
    assert_eq!(load(warns), Err(LoadError::NothingEnforced));
    assert_eq!(load("policy: p\nversion: 1\nrules: []\n"), Err(LoadError::NothingEnforced));
    assert!(load(&with_rule("  - {id: f, absent: {warn: [tag_moved]}}\n")).is_ok());
}

#[test]
fn parameters_are_put_in_whole_and_declared() {
    let key = "1".repeat(64);
    let text = format!(
        "{}parameters: {{who: [\"{key}\"], age: 7d}}\n",
        with_rule("    signer: {key: {one_of: $who}}\n")
    );
    assert!(load(&text.replace("count: any", "count: any, max_age: $age")).is_ok());
    for (bad, expected) in [
        ("parameters: {a: {b: c}}\n", "parameters.a: expected"),
        ("parameters: {a: $b}\n", "parameters.a: expected"),
        ("parameters: {A: b}\n", "parameters.A: expected"),
        ("parameters: {a: 9007199254740993}\n", "the text has"),
        ("parameters: {a: .nan}\n", ""),
    ] {
        let text = with_rule(bad);
        if expected.is_empty() {
            // YAML's words for what is no number are texts.
            assert!(load(&text).is_ok());
        } else {
            assert!(refusal(&text).starts_with(expected), "{}", refusal(&text));
        }
    }
}

#[test]
fn parameters_do_not_make_much_of_little() {
    let texts: Vec<String> = (0..200).map(|at| format!("{at}{}", "x".repeat(500))).collect();
    let pattern = "{issuer: 'https://i', subject: {one_of: $who}}";
    let policy = |times: usize| {
        let patterns = vec![pattern; times].join(", ");
        format!(
            "parameters: {{who: [{}]}}\n{}",
            texts.join(", "),
            with_rule(&format!("    signer: {{one_of: [{patterns}]}}\n"))
        )
    };
    assert!(load(&policy(5)).is_ok());
    assert_eq!(load(&policy(200)), Err(LoadError::TooMuchPutIn));
}

#[test]
fn every_known_finding_is_a_word_that_loads() {
    let all = FindingKind::ALL.map(FindingKind::as_str).join(", ");
    assert!(load(&format!("policy: p\nversion: 1\nrules: [{{id: f, absent: [{all}]}}]\n")).is_ok());
}

#[test]
fn excluded_rules_say_by_what() {
    let text = "policy: p\nversion: 1\nexclude: [\"@slsa\"]\nrules:\n  - {id: a, collections: [slsa], require: {predicate: provenance, count: any}}\n  - {id: b, require: {predicate: scan, count: latest}}\n";
    let policy = load(text).unwrap();
    assert_eq!(policy.rules[0].excluded.as_deref(), Some("@slsa"));
    assert_eq!(policy.rules[1].excluded, None);
    let included = load(&text.replace("exclude: [\"@slsa\"]", "include: [b]")).unwrap();
    assert_eq!(included.rules[0].excluded.as_deref(), Some("include"));
}

#[test]
fn changes_of_a_policy_are_told_by_rule() {
    let old = load(EXAMPLE).unwrap();
    let new =
        load(&EXAMPLE.replace("max_age: 30d", "max_age: 60d").replace("id: scan.fresh", "id: scan.new"))
            .unwrap();
    let changes = crate::explain::changes(&old, &new);
    let places: Vec<&str> = changes.iter().map(|change| change.place.as_str()).collect();
    assert_eq!(places, ["build.provenance", "scan.new", "scan.fresh"]);
    assert!(
        changes[0].old.iter().any(|line| line.contains("30d"))
            && changes[0].new.iter().any(|line| line.contains("60d"))
    );
    assert!(changes[1].old.is_empty() && changes[2].new.is_empty());
    assert!(crate::explain::changes(&old, &old).is_empty());
}

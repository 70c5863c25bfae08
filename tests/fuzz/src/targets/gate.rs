//! Policies, their expressions and licences, and verdicts that are read back.

use std::collections::{BTreeMap, BTreeSet};

use custody_evidence::Digest;
use custody_gate::cel::Expression;
use custody_gate::fixture::Suite;
use custody_gate::licence::LicenceId;
use custody_gate::verdict::Recorded;
use custody_gate::{Decision, Evidence, Policy, Question, explain, judge};

use super::{Target, texts};
use crate::claim::{Outcome, bounded, refused, same_bytes, with_text};
use crate::corpus::Corpus;

/// One of each clause.
const POLICY: &str = r#"policy: release
version: 3
applies_to: {environments: [prod], repositories: ["acme/*"]}
parameters: {max: 8.9, who: [a, b]}
exceptions: {signer: {issuer: "https://i", subject: a}, breakglass: {at_least: 2, signer: {issuer: "https://i", subject: {one_of: $who}}}}
rules:
  - id: build
    require: {predicate: provenance, count: any, binding: bound, max_age: 30d}
    signer: {issuer: "https://i", workflow: "https://w", ref: refs/heads/*, hosted: true, not: author}
    source: {repository: acme/api, ref: refs/heads/main, signed: true, asserted_by: {issuer: "https://i", subject: a}}
  - id: scan
    effective_on: 2027-01-01
    require: {predicate: [scan, vulns], count: latest}
    vulnerabilities: {below: high, max_db_age: 3d}
    assert: "att.predicate.x != '' && atts.all(a, a.index < env.max)"
  - {id: sbom, require: {predicate: cyclonedx, count: all}, sbom: {ban: ["pkg:npm/axios@<1.15"], licences: {allow: [MIT]}}}
  - {id: people, approval: {at_least: 2}}
  - {id: staging, verdict_of: {policy: staging, max_age: 30d, signer: {issuer: "https://i", subject: a}}}
  - {id: odd, absent: {fail: [tag_moved], warn: [burst]}}
"#;
const JSON: &str = r#"{"policy":"p","version":1,"rules":[{"id":"a","require":{"predicate":"scan","count":{"at_least":2,"distinct":"identity"}}}]}"#;

const SUITE: &str = r#"now: 2026-11-20T12:00:00Z
environment: prod
people: [{name: Alice, keys: ["4444444444444444444444444444444444444444444444444444444444444444"]}]
evidence:
  build: {predicate: provenance, signer: {issuer: "https://i", workflow: "https://w", ref: refs/heads/main, hosted: true}, content: {buildDefinition: {}}}
  scan: {predicate: scan, signer: {key: "5555555555555555555555555555555555555555555555555555555555555555"}, content: {matches: []}, age: 2h}
  staging: {predicate: vsa, signer: {issuer: "https://i", subject: a}, verdict: {policy: staging, decision: ALLOW}}
cases:
  - {name: all, expect: ALLOW, rules: {scan: PASS}, why: x}
  - {name: less, without: [scan], change: {build: {standing: redacted}}, findings: [tag_moved], incomplete: capped, expect: DENY}
"#;

const fn target(
    name: &'static str,
    words: &'static [&'static str],
    seeds: fn(&Corpus) -> Vec<Vec<u8>>,
    run: fn(&[u8]) -> Outcome,
) -> Target {
    Target { name, max: 8 << 10, rounds: 2500, words, seeds, run }
}

pub(super) const TARGETS: &[Target] = &[
    target(
        "gate.policy",
        &[
            "rules:",
            "- id: ",
            "require: ",
            "predicate: ",
            "count: ",
            "any",
            "{",
            "}",
            "[",
            "]",
            ": ",
            "&a",
            "*a",
            "<<: ",
            "---\n",
            "$who",
            "one_of: ",
            "\n  ",
        ],
        |_| texts(&[POLICY, JSON]),
        policy,
    ),
    target(
        "gate.expression",
        &[
            "att",
            "atts",
            ".all(",
            ".exists(",
            "x, ",
            "(",
            ")",
            "[",
            "]",
            "&&",
            "||",
            "!",
            "-",
            "?",
            ":",
            "in",
            "'a'",
            "1",
            "1.5",
            "1u",
            "0x",
            "has(",
            "env.max",
            ".of('scan')",
            "\\x41",
        ],
        |_| {
            texts(&[
                "att.predicate.x != '' && atts.all(a, a.index < env.max)",
                "1 + 2 * -3 == 7 ? 'a' in ['a'] : has(att.x)",
            ])
        },
        expression,
    ),
    target(
        "gate.licence",
        &["MIT", " OR ", " AND ", " WITH ", "(", ")", "+", "NONE", "LicenseRef-", ":"],
        |_| texts(&["MIT", "GPL-2.0+", "GPL-2.0-only WITH Classpath-exception-2.0"]),
        licence,
    ),
    target(
        "gate.verdict",
        &[
            "\"decision\":",
            "\"ALLOW\"",
            "\"DENY\"",
            "\"rules\":",
            "\"status\":",
            "\"PASS\"",
            "\"at\":",
            "\"size\":",
            "8.9",
            "1e21",
            "\"schema\":",
        ],
        |_| vec![sample().encode()],
        verdict,
    ),
    target(
        "gate.fixture",
        &[
            "evidence:",
            "cases:",
            "predicate: ",
            "content: ",
            "signer: ",
            "change: ",
            "expect: ",
            "ALLOW",
            "age: 8d",
            "{",
            "}",
        ],
        |_| vec![SUITE.as_bytes().to_vec()],
        fixture,
    ),
];

fn sample() -> custody_gate::Verdict {
    let policy = Policy::load(POLICY.as_bytes()).expect("the seed is a policy");
    judge(&policy, &Evidence::default(), &Question::sample(Digest::sha256_of(b"x")))
}

/// What loads explains itself, and denies or leaves open what has no evidence.
fn policy(bytes: &[u8]) -> Outcome {
    let policy = match Policy::load(bytes) {
        Ok(policy) => policy,
        Err(error) => return refused(&error),
    };
    // A rule of 40 bytes has fields for all clauses; a short name stands for seven types.
    bounded(bytes.len(), &policy, 200, 8192);
    assert!(explain(&policy).starts_with("policy "));
    let question = Question::sample(Digest::sha256_of(b"x"));
    let verdict = judge(&policy, &Evidence::default(), &question);
    let only_warns =
        policy.rules().iter().all(|rule| matches!(rule.asks(), custody_gate::policy::Asks::Absent(_)));
    assert!(only_warns || verdict.decision() != Decision::Allow, "no evidence, and it is allowed");
    let encoded = verdict.encode();
    let recorded = Recorded::decode(&encoded).expect("a verdict is read back");
    same_bytes("verdict", &recorded.encode(), &encoded);
    Outcome::Accepted
}

/// Whatever a suite says, each of its cases comes out, or says what it lacks.
fn fixture(bytes: &[u8]) -> Outcome {
    let policy = Policy::load(POLICY.as_bytes()).expect("the seed is a policy");
    let suite = match Suite::load(bytes, &policy) {
        Ok(suite) => suite,
        Err(error) => return refused(&error),
    };
    for case in suite.cases() {
        match suite.judge(case, POLICY.as_bytes(), &BTreeMap::new()) {
            Ok(outcome) => {
                let unexpected = outcome.verdict.decision() != case.expect();
                assert!(!(unexpected && outcome.differences.is_empty()), "what differs is told");
            }
            Err(error) => drop(refused(&error)),
        }
    }
    Outcome::Accepted
}

fn expression(bytes: &[u8]) -> Outcome {
    with_text(bytes, |text| match Expression::compile(text, &BTreeSet::from(["max"])) {
        Ok(expression) => {
            bounded(text.len(), &expression, 200, 1024);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    })
}

/// What is read is written so that it is read the same.
fn licence(bytes: &[u8]) -> Outcome {
    with_text(bytes, |text| match LicenceId::parse(text) {
        Some(licence) => {
            assert_eq!(LicenceId::parse(&licence.to_string()), Some(licence));
            Outcome::Accepted
        }
        None => Outcome::Refused("no licence".to_owned()),
    })
}

fn verdict(bytes: &[u8]) -> Outcome {
    match Recorded::decode(bytes) {
        Ok(recorded) => {
            same_bytes("verdict", &recorded.encode(), bytes);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

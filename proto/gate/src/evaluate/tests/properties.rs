//! What holds for every evidence: less of it never gives more, and a part of it is never taken for all.

use custody_evidence::admission::Binding;
use custody_evidence::finding::FindingKind;
use custody_log::LeafIndex;
use proptest::prelude::*;
use serde_json::json;

use super::made::*;
use crate::evidence::{Entry, Finding, Incomplete};
use crate::policy::Class;
use crate::verdict::{Decision, Status};

/// Rules of which a PASS on less is a PASS on more.
fn monotone() -> Vec<String> {
    let signer = format!("signer: {{issuer: \"{ISSUER}\", workflow: \"{WORKFLOW}\", ref: refs/heads/main}}");
    let of_forge = |source: &str| {
        let key = hex(0xf1);
        format!(
            "  - {{id: r, require: {{predicate: provenance, count: any}}, source: {{{source}, asserted_by: {{key: \"{key}\"}}}}}}\n"
        )
    };
    vec![
        "  - {id: r, require: {predicate: provenance, count: any}}\n".to_owned(),
        format!("  - {{id: r, require: {{predicate: provenance, count: any, binding: bound}}, {signer}}}\n"),
        "  - {id: r, require: {predicate: [scan, provenance], count: {at_least: 2, distinct: identity}}}\n".to_owned(),
        "  - {id: r, require: {predicate: provenance, count: any}, source: {repository: acme/api, ref: refs/heads/main}}\n".to_owned(),
        format!(
            "  - {{id: r, require: {{predicate: provenance, count: any}}, source: {{reviewed: {{at_least: 1, asserted_by: {{key: \"{}\"}}}}}}}}\n",
            hex(0xf1)
        ),
        of_forge("protected: true"),
        of_forge("signed: true"),
        of_forge("ref: refs/heads/release"),
        of_forge("ref: refs/heads/release, protected: true"),
        format!("  - {{id: r, require: {{predicate: provenance, count: any}}, submitter: {{issuer: \"{ISSUER}\", claims: {{source_repository_uri: \"{REPOSITORY}\"}}}}}}\n"),
        "  - {id: r, require: {predicate: cyclonedx, count: any}, sbom: {require: [\"pkg:npm/axios\"]}}\n".to_owned(),
        "  - {id: r, approval: {at_least: 2, not: []}}\n".to_owned(),
        super::matrix::verdict_of_rule(),
    ]
}

/// Good, bad and broken entries of all sorts, in one log.
fn entries() -> Vec<Entry> {
    let broken = |entry| but(entry, |entry: &mut Entry| entry.standing = crate::Standing::Malformed);
    let mut entries = vec![
        provenance(1),
        by_key(provenance(2), 0xb1),
        provenance_of(3, "https://github.com/evil/api", "refs/heads/main"),
        broken(provenance(4)),
        but(provenance(5), |entry| {
            entry.standing = crate::Standing::Distrusted { by: LeafIndex::new(900).unwrap() }
        }),
        scan(6, &[]),
        by_key(scan(7, &[("CVE-1", "Critical", "pkg:npm/axios@1.14.1")]), 0xb1),
        broken(scan(8, &[])),
        sbom(9, &[("pkg:npm/axios@1.16.0", "MIT")]),
        sbom(10, &[("pkg:npm/left-pad@1.3.0", "")]),
        approval(11, 0xa1, "prod"),
        approval(12, 0xa2, "prod"),
        approval(13, 0xb1, "prod"),
        approval(14, 0xc1, "staging"),
        review(15, &["Alice <alice@example.org>", "bob"]),
        super::matrix::recorded(16, "staging", NOW - 1),
        super::matrix::recorded(17, "staging", NOW - 60),
    ];
    // The same statement again, by another signer.
    let again = but(by_key(provenance(18), 0xa1), |entry| entry.content = provenance(1).content);
    entries.push(again);
    entries.extend([
        source_summary_of(19, "SLSA_SOURCE_LEVEL_3", &["refs/heads/release"]),
        source_summary_of(20, "SLSA_SOURCE_LEVEL_3", &["refs/heads/mine"]),
        source(21, "Carol <carol@example.org>", true),
        source(22, "Alice <alice@example.org>", false),
    ]);
    assert_eq!(entries.len(), ENTRIES);
    entries
}

/// How many they are.
const ENTRIES: usize = 22;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_pass_on_a_part_is_a_pass_on_the_whole(picked in proptest::collection::vec(any::<bool>(), ENTRIES), more in proptest::collection::vec(any::<bool>(), ENTRIES)) {
        let all = entries();
        let pick = |also: &[bool]| {
            let chosen = all.iter().zip(&picked).zip(also).filter(|((_, one), two)| **one || **two);
            Log::of(chosen.map(|((entry, _), _)| entry.clone()))
        };
        let (part, whole) = (pick(&[false; ENTRIES]), pick(&more));
        for rule in monotone() {
            let policy = policy(&rule);
            prop_assert_eq!(policy.rules()[0].class(), Class::Monotone, "{}", rule);
            let status = |log: &Log| log.judged(&policy, &question()).rules()[0].status;
            if status(&part) == Status::Pass {
                prop_assert_eq!(status(&whole), Status::Pass, "{}", rule);
            }
        }
    }

    #[test]
    fn the_order_of_what_came_makes_no_difference(seed in any::<u64>()) {
        let all = entries();
        let mut shuffled = all.clone();
        let mut state = seed | 1;
        for at in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(at, usize::try_from(state >> 33).unwrap() % (at + 1));
        }
        for rule in complete_set().iter().map(|(rule, ..)| rule).chain(&monotone()) {
            let policy = policy(rule);
            let bytes = |entries: &[Entry]| Log::of(entries.to_vec()).judged(&policy, &question()).encode();
            prop_assert_eq!(bytes(&all), bytes(&shuffled), "{}", rule);
        }
    }
}

/// Rules that need all: each with evidence that makes it FAIL, and what somebody would have to hide to make it PASS.
fn complete_set() -> Vec<(String, Vec<Entry>, Vec<u64>)> {
    let critical = |index| scan(index, &[("CVE-1", "Critical", "pkg:npm/axios@1.14.1")]);
    let old = |entry: Entry| but(entry, |entry| entry.time = day(NOW - 60));
    let answered = format!("answered_by: {{key: \"{}\"}}", hex(0xe1));
    vec![
        (
            "  - {id: r, require: {predicate: scan, count: all}, vulnerabilities: {below: high}}\n".to_owned(),
            vec![scan(1, &[]), critical(2)],
            vec![2],
        ),
        (
            "  - {id: r, require: {predicate: scan, count: latest}, vulnerabilities: {below: high}}\n".to_owned(),
            vec![scan(1, &[]), critical(2)],
            vec![2],
        ),
        (
            format!("  - {{id: r, require: {{predicate: scan, count: latest}}, vulnerabilities: {{below: high, {answered}}}}}\n"),
            vec![critical(1), vex(2, "CVE-1", "not_affected", json!([])), vex(3, "CVE-1", "affected", json!([]))],
            vec![3],
        ),
        (
            "  - {id: r, require: {predicate: cyclonedx, count: all}, sbom: {ban: [\"pkg:npm/axios\"]}}\n".to_owned(),
            vec![sbom(1, &[("pkg:npm/b@1", "MIT")]), sbom(2, &[("pkg:npm/axios@1.16.0", "MIT")])],
            vec![2],
        ),
        (
            "  - {id: r, require: {predicate: cyclonedx, count: all}, sbom: {licences: {deny: [GPL-3.0-only]}}}\n".to_owned(),
            vec![sbom(1, &[("pkg:npm/b@1", "MIT")]), sbom(2, &[("pkg:npm/axios@1.16.0", "GPL-3.0-only")])],
            vec![2],
        ),
        (
            // The first entry of a content says how old it is.
            "  - {id: r, require: {predicate: provenance, count: any, max_age: 30d}}\n".to_owned(),
            vec![old(provenance(1)), but(provenance(2), |entry| entry.content = provenance(1).content)],
            vec![1],
        ),
        (
            "  - {id: r, require: {predicate: scan, count: any}, assert: \"atts.all(a, size(a.predicate.matches) == 0)\"}\n".to_owned(),
            vec![scan(1, &[]), critical(2)],
            vec![2],
        ),
        (
            "  - {id: r, require: {predicate: test-result, count: any}, signer: {not: submitter}}\n".to_owned(),
            vec![by_key(entry(1, "test-result", &json!({})), 0xb1), provenance(2), by_key(provenance(3), 0xb1)],
            vec![3],
        ),
        (
            "  - {id: r, approval: {at_least: 1}}\n".to_owned(),
            vec![approval(1, 0xb1, "prod"), provenance(2), by_key(provenance(3), 0xb1)],
            vec![3],
        ),
        (
            "  - {id: r, approval: {at_least: 1, not: [], max_age: 30d}}\n".to_owned(),
            vec![old(approval(1, 0xb1, "prod")), but(approval(2, 0xb1, "prod"), |entry| entry.content = approval(1, 0xb1, "prod").content)],
            vec![1],
        ),
        (
            "  - {id: r, require: {predicate: test-result, count: any}, signer: {not: author}}\n".to_owned(),
            vec![
                by_key(entry(1, "test-result", &json!({})), 0xb1), provenance(2), source(3, "Carol <carol@example.org>", true),
                source(4, "Bob <bob@example.org>", true),
            ],
            vec![4],
        ),
        (
            format!(
                "  - {{id: r, require: {{predicate: provenance, count: any}}, source: {{reviewed: {{at_least: 1, not: author, asserted_by: {{key: \"{}\"}}}}}}}}\n",
                hex(0xf1)
            ),
            vec![
                provenance(1), review(2, &["alice@example.org"]), source(3, "Carol <carol@example.org>", true),
                source(4, "Alice <alice@example.org>", true),
            ],
            vec![4],
        ),
        (
            "  - {id: r, require: {predicate: scan, count: latest}}\n".to_owned(),
            vec![scan(1, &[]), but(scan(2, &[]), |entry| entry.binding = Some(Binding::Conflict))],
            vec![2],
        ),
    ]
}

#[test]
fn hiding_evidence_would_turn_each_rule_that_needs_all() {
    for (rule, entries, hidden) in complete_set() {
        let policy = policy(&rule);
        assert_eq!(policy.rules()[0].class(), Class::CompleteSet, "{rule}");
        let mut log = Log::of(entries);
        let status = |log: &Log| log.judged(&policy, &question()).rules()[0].status;
        assert_eq!(status(&log), Status::Fail, "{rule}");
        let whole = log.clone();
        log.entries.retain(|entry| !hidden.contains(&entry.index.get()));
        assert_eq!(status(&log), Status::Pass, "{rule}: hiding {hidden:?} silently makes it pass");
        // That is why it is decided over all there is, or not at all.
        for incomplete in Incomplete::ALL {
            for log in [&log, &whole] {
                let part = Log { incomplete: Some(incomplete), ..log.clone() };
                let verdict = part.judged(&policy, &question());
                assert_eq!(verdict.decision(), Decision::Indeterminate, "{rule} {incomplete}");
                assert_eq!(verdict.rules()[0].message, format!("incomplete: {incomplete}"), "{rule}");
            }
        }
    }
}

#[test]
fn findings_that_nobody_looked_for_are_not_absent() {
    let policy = policy("  - {id: r, absent: [tag_moved]}\n");
    let entries = [LeafIndex::new(5).unwrap()].into();
    let log = Log { findings: vec![Finding { kind: FindingKind::TagMoved, entries }], ..Log::default() };
    assert_eq!(log.judged(&policy, &question()).rules()[0].message, "finding: tag_moved in 5");
    let hidden = Log { incomplete: Some(Incomplete::Lagging), ..Log::default() };
    assert_eq!(hidden.judged(&policy, &question()).decision(), Decision::Indeterminate);
}

#[test]
fn no_incomplete_evidence_allows_under_a_rule_that_needs_all() {
    for incomplete in Incomplete::ALL {
        for (rule, entries, _) in complete_set() {
            for count in 0..=entries.len() {
                let log = Log { incomplete: Some(incomplete), ..Log::of(entries[..count].to_vec()) };
                assert_ne!(log.judged(&policy(&rule), &question()).decision(), Decision::Allow, "{rule}");
            }
        }
    }
}

//! What went wrong elsewhere, one test each, named after it (Kyverno, cosign, policy-controller, Conforma, Connaisseur, slsa-verifier,
//! sigstore-java).

use custody_evidence::Digest;
use custody_evidence::admission::Binding;
use custody_log::LeafIndex;
use serde_json::json;

use super::made::*;
use crate::evidence::{Ask, Entry, Evidence, Signer};
use crate::policy::LoadError;
use crate::verdict::{Decision, Status};
use crate::{Policy, Question, judge};

fn signed_by_workflow() -> String {
    format!("signer: {{issuer: \"{ISSUER}\", workflow: \"{WORKFLOW}\", ref: refs/heads/main, hosted: true}}")
}

fn build(more: &str) -> String {
    format!("  - {{id: r, require: {{predicate: provenance, count: any}}{more}}}\n")
}

/// CVE-2026-122321: a verdict cache keyed by tag let an unverified digest in when the tag moved.
#[test]
fn a_verdict_of_one_digest_says_nothing_of_another() {
    let log = Log::of([provenance(1)]);
    let policy = policy(&build(""));
    let allowed = log.judged(&policy, &question());
    let other = Question { subject: Digest::sha256_of(b"what the tag means since"), ..question() };
    let denied = log.judged(&policy, &other);
    assert_eq!((allowed.decision(), denied.decision()), (Decision::Allow, Decision::Deny));
    let bytes = String::from_utf8(allowed.encode()).unwrap();
    assert!(bytes.contains(&subject().to_string()), "the verdict names the digest: {bytes}");
    assert!(bytes.contains(&policy.digest().to_string()) && bytes.contains("\"trust_version\":4"), "{bytes}");
}

/// GHSA-m3cq-xcx9-3gvm: a registry answered twice, with two digests. Here evidence that lists two digests counts for its own only.
#[test]
fn evidence_of_another_digest_is_handed_over_and_does_not_count() {
    let mut evidence = Evidence::default();
    let other = but(provenance(1), |entry| entry.subjects = vec![Digest::sha256_of(b"x").to_string()]);
    let policy = policy(&build(""));
    for ask in policy.asks(&evidence.clone(), &question()) {
        evidence.add(ask, [other.clone()], None);
    }
    let verdict = judge(&policy, &evidence, &question());
    assert_eq!(verdict.decision(), Decision::Deny);
    assert_eq!(verdict.rules()[0].rejected[0].why, "other_subject");
}

/// GO-2025-3562: fields of a policy were read and then ignored. Each field changes what comes out.
#[test]
fn every_field_of_a_signer_is_asked() {
    let conditions = [
        ("key", format!("key: \"{}\"", hex(0xb1))),
        ("issuer", format!("issuer: \"https://other.example\", workflow: \"{WORKFLOW}\"")),
        ("subject", format!("issuer: \"{ISSUER}\", subject: somebody-else")),
        ("workflow", format!("issuer: \"{ISSUER}\", workflow: \"{WORKFLOW}.evil\"")),
        ("ref", format!("issuer: \"{ISSUER}\", workflow: \"{WORKFLOW}\", ref: refs/tags/v*")),
        ("hosted", format!("issuer: \"{ISSUER}\", workflow: \"{WORKFLOW}\", hosted: false")),
        (
            "builder",
            format!(
                "issuer: \"{ISSUER}\", workflow: \"{WORKFLOW}\", builder: \"https://evil.example/builder\""
            ),
        ),
        (
            "claims",
            format!(
                "issuer: \"{ISSUER}\", claims: {{source_repository_uri: \"https://github.com/acme/apix\"}}"
            ),
        ),
    ];
    for (field, condition) in conditions {
        let (status, message, rejected) =
            outcome(&build(&format!(", signer: {{{condition}}}")), &[provenance(1)]);
        assert_eq!((status, message.as_str()), (Status::Fail, "no_evidence"), "{field}");
        assert_eq!(rejected, ["wrong_signer"], "{field}");
    }
    let right = format!(
        ", signer: {{issuer: \"{ISSUER}\", subject: \"{WORKFLOW}@refs/heads/main\", builder: \"https://github.com/actions/runner\"}}"
    );
    assert_eq!(outcome(&build(&right), &[provenance(1)]).0, Status::Pass);
}

/// conforma/cli 1753: a misspelt rule name was ignored, and the artifact passed.
#[test]
fn a_misspelt_rule_name_does_not_load() {
    let text = format!(
        "policy: p\nversion: 1\nexclude: [build.provenence]\nrules:\n  - {{id: build.provenance, require: {{predicate: provenance, count: any}}}}\n{}",
        build("")
    );
    match Policy::load(text.as_bytes()) {
        Err(LoadError::UnknownName { nearest, .. }) => {
            assert_eq!(nearest.as_deref(), Some("build.provenance"));
        }
        other => panic!("{other:?}"),
    }
}

/// CVE-2022-35929: it passed though there was no attestation of the type at all.
#[test]
fn no_attestation_of_the_type_is_a_failure() {
    for count in ["any", "all", "latest", "{at_least: 1, distinct: identity}"] {
        let rule = format!("  - {{id: r, require: {{predicate: scan, count: {count}}}}}\n");
        let (status, message, _) = outcome(&rule, &[provenance(1)]);
        assert_eq!((status, message.as_str()), (Status::Fail, "no_evidence"), "{count}");
    }
}

/// CVE-2026-39395: it passed where a payload could not be parsed.
#[test]
fn a_payload_that_cannot_be_parsed_is_never_skipped() {
    let broken = |index| {
        but(scan(index, &[]), |entry| {
            entry.standing = crate::Standing::Malformed;
            entry.predicate = Some(b"{\"matches\":".to_vec());
        })
    };
    for count in ["all", "latest"] {
        let rule = format!("  - {{id: r, require: {{predicate: scan, count: {count}}}}}\n");
        assert_eq!(outcome(&rule, &[scan(1, &[]), broken(2)]).0, Status::Fail, "{count}");
    }
    let rule = "  - {id: r, require: {predicate: scan, count: any}}\n";
    let (status, _, rejected) = outcome(rule, &[scan(1, &[]), broken(2)]);
    assert_eq!(
        (status, rejected),
        (Status::Pass, vec!["malformed".to_owned()]),
        "under any it is a named reject"
    );
    // What is not of the accepted signer decides nothing, malformed or not.
    let rule = format!("  - {{id: r, require: {{predicate: scan, count: all}}, {}}}\n", signed_by_workflow());
    assert_eq!(outcome(&rule, &[scan(1, &[]), by_key(broken(2), 0xb1)]).0, Status::Pass);
}

/// A scan whose report nobody can read is no clean scan.
#[test]
fn a_report_that_is_no_report_is_not_clean() {
    let rule = "  - {id: r, require: {predicate: scan, count: latest}, vulnerabilities: {below: high}}\n";
    for report in [
        json!({}),
        json!({"matches": []}),
        json!({"SchemaVersion": 2}),
        json!({"version": "2.1.0", "runs": []}),
        json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}}]}),
    ] {
        let (status, message, _) = outcome(rule, &[entry(1, "scan", &report)]);
        assert_eq!((status, message.as_str()), (Status::Fail, "scan_not_readable"), "{report}");
    }
}

/// CVE-2026-22703, CVE-2022-36056, CVE-2024-53267: any valid entry was taken, though it was about something else or of somebody else.
#[test]
fn an_entry_about_something_else_is_not_joined_with_a_signature() {
    // The victim's statement without its signature, recorded again by somebody else: content is the same, the signer is not.
    let victim = but(provenance(1), |entry| entry.binding = Some(Binding::Unbound));
    let again = but(by_key(provenance(2), 0xb1), |entry| entry.content = victim.content);
    let rule = format!(
        "  - {{id: r, require: {{predicate: provenance, count: any, binding: bound}}, {}}}\n",
        signed_by_workflow()
    );
    let bound_by_other = but(again, |entry| {
        entry.binding = Some(Binding::Bound);
        entry.submitter = workflow().claims;
    });
    assert_eq!(outcome(&rule, &[victim.clone(), bound_by_other]).0, Status::Fail, "no entry has both");
    assert_eq!(outcome(&rule, &[but(victim, |entry| entry.binding = Some(Binding::Bound))]).0, Status::Pass);
}

/// GHSA-fx35-mq7g-6g98: a key that came in the bundle was believed.
#[test]
fn a_key_counts_by_its_id_alone() {
    let rule = build(&format!(", signer: {{key: \"{}\"}}", hex(0xa1)));
    assert_eq!(outcome(&rule, &[by_key(provenance(1), 0xa1)]).0, Status::Pass);
    let claimed = but(by_key(provenance(1), 0xb1), |entry| {
        entry.predicate = Some(serde_json::to_vec(&json!({"key": hex(0xa1), "keyid": hex(0xa1)})).unwrap());
    });
    assert_eq!(outcome(&rule, &[claimed]).0, Status::Fail);
}

/// cosign 2264, policy-controller 608, Kyverno 4116, 5409, 9960: what several attestations mean was implicit.
#[test]
fn how_many_must_hold_is_written_down_and_each_candidate_is_listed() {
    assert!(matches!(
        Policy::load(b"policy: p\nversion: 1\nrules: [{id: r, require: {predicate: scan}}]\n"),
        Err(LoadError::MissingField { field: "count", .. })
    ));
    let clean = scan(1, &[]);
    let critical = scan(2, &[("CVE-1", "Critical", "pkg:npm/a@1")]);
    let stranger = by_key(scan(3, &[]), 0xb1);
    let rule = format!(
        "  - {{id: r, require: {{predicate: scan, count: all}}, {}, vulnerabilities: {{below: high}}}}\n",
        signed_by_workflow()
    );
    let verdict = Log::of([clean, critical, stranger]).judged(&policy(&rule), &question());
    let result = &verdict.rules()[0];
    assert_eq!(result.evidence.iter().map(|counted| counted.index.get()).collect::<Vec<_>>(), [1]);
    let why: Vec<&str> = result.rejected.iter().map(|rejected| rejected.why.as_str()).collect();
    assert_eq!(why, ["vulnerable: CVE-1 critical pkg:npm/a@1", "wrong_signer"]);
}

/// Kyverno 3195, 4116: an old clean scan kept passing.
#[test]
fn an_old_clean_scan_stops_passing() {
    let rule = "  - {id: r, require: {predicate: scan, count: latest, max_age: 7d}, vulnerabilities: {below: high}}\n";
    let old = but(scan(1, &[]), |entry| entry.time = day(NOW - 8));
    let critical = scan(2, &[("CVE-1", "Critical", "pkg:npm/a@1")]);
    assert_eq!(outcome(rule, &[old.clone(), critical]).1, "vulnerable: CVE-1 critical pkg:npm/a@1");
    assert!(outcome(rule, std::slice::from_ref(&old)).1.starts_with("too_old"));
    // Recorded today, and done long ago.
    let late = but(scan(3, &[]), |entry| entry.happened = Some(day(NOW - 30)));
    assert!(outcome(rule, &[late]).1.starts_with("too_old"));
    // Recorded again today: the first entry of the same content counts.
    let again = but(scan(4, &[]), |entry| entry.content = old.content);
    assert!(outcome(rule, &[old, again]).1.starts_with("too_old"));
    // A claim about the future makes nothing younger.
    let future = but(scan(5, &[]), |entry| {
        entry.time = day(NOW - 8);
        entry.happened = Some(day(NOW + 30));
    });
    assert!(outcome(rule, &[future]).1.starts_with("too_old"));
}

/// Kyverno 5714, policy-controller 797, Connaisseur 1221: admission hung on services that were away.
#[test]
fn a_passed_deadline_is_an_answer_with_its_reason() {
    let late = Question { deadline_passed: true, ..question() };
    let verdict = Log::of([provenance(1)]).judged(&policy(&build("")), &late);
    assert_eq!(verdict.decision(), Decision::Indeterminate);
    assert_eq!(
        (verdict.rules()[0].id.as_str(), verdict.rules()[0].message.as_str()),
        ("custody.deadline", "deadline_passed")
    );
}

/// Kyverno 16678: signatures in a new place were not seen, and the count was zero.
#[test]
fn what_was_not_looked_up_is_told_from_what_is_not_there() {
    let policy = policy("  - {id: r, require: {predicate: scan, count: latest}}\n");
    let verdict = judge(&policy, &Evidence::default(), &question());
    assert_eq!(verdict.rules()[0].status, Status::Error);
    assert_eq!(verdict.rules()[0].message, "incomplete: not_gathered");
    let asks = policy.asks(&Evidence::default(), &question());
    assert!(matches!(asks.first(), Some(Ask::Statements { .. })), "what to look up is data: {asks:?}");
}

/// slsa-verifier: builders were compiled in, and a commit could not be asked for.
#[test]
fn trusted_builders_are_data_and_commits_are_rules() {
    let pair = |builder: &str| {
        format!(
            ", signer: {{one_of: [{{issuer: \"{ISSUER}\", workflow: \"{WORKFLOW}\", builder: \"{builder}\"}}]}}"
        )
    };
    assert_eq!(outcome(&build(&pair("https://github.com/actions/runner")), &[provenance(1)]).0, Status::Pass);
    assert_eq!(outcome(&build(&pair("https://builder.example")), &[provenance(1)]).0, Status::Fail);
    let rule = format!(
        "  - {{id: r, require: {{predicate: provenance, count: any}}, assert: \"claimed.commit == '{COMMIT}'\"}}\n"
    );
    assert_eq!(outcome(&rule, &[provenance(1)]).0, Status::Pass);
}

/// A submodule, or a folder that a Dockerfile adds, is no source: at a reviewed commit it would stand for one that nobody reviewed.
#[test]
fn a_reviewed_commit_of_something_else_that_went_in_is_not_what_was_built() {
    const OTHER: &str = "ffffffffffffffffffffffffffffffffffffffff";
    let git = |repository: &str, commit: &str| json!({"uri": format!("git+{repository}"), "digest": {"gitCommit": commit}});
    let reviewed = || git(REPOSITORY, COMMIT);
    let evil = |commit: &str| git("https://github.com/acme/evil", commit);
    let named = |repository: &str| json!({"workflow": {"repository": repository}});
    let build_of = |parameters: serde_json::Value, dependencies: serde_json::Value| json!({"buildDefinition": {"externalParameters": parameters, "resolvedDependencies": dependencies}});
    let rule = format!(
        "  - {{id: r, require: {{predicate: provenance, count: any}}, source: {{reviewed: {{at_least: 1, asserted_by: {{key: \"{}\"}}}}}}}}\n",
        hex(0xf1)
    );
    let outcome = |predicate: &serde_json::Value| {
        outcome(&rule, &[entry(1, "provenance", predicate), review(2, &["bob@example.org"])])
    };
    for (what, passes, predicate) in [
        ("the source alone", true, build_of(named(REPOSITORY), json!([reviewed()]))),
        ("the source behind another", true, build_of(named(REPOSITORY), json!([evil(OTHER), reviewed()]))),
        ("in upper case", true, build_of(named("https://github.com/ACME/API"), json!([reviewed()]))),
        ("nothing is called the source", true, build_of(json!({}), json!([reviewed()]))),
        (
            "another is built",
            false,
            build_of(named("https://github.com/acme/evil"), json!([reviewed(), evil(OTHER)])),
        ),
        ("at no commit", false, build_of(named("https://github.com/acme/evil"), json!([reviewed()]))),
        (
            "which has the commit too",
            false,
            build_of(named("https://github.com/acme/evil"), json!([reviewed(), evil(COMMIT)])),
        ),
        ("a name that cannot be read", false, build_of(named("a b"), json!([reviewed()]))),
        ("one of two", false, build_of(json!({}), json!([reviewed(), evil(OTHER)]))),
        ("at two commits", false, build_of(named(REPOSITORY), json!([reviewed(), git(REPOSITORY, OTHER)]))),
        (
            "its configuration is at another commit",
            false,
            build_of(json!({"source": evil(OTHER)}), json!([reviewed()])),
        ),
        (
            "its checkout is of another",
            false,
            json!({
                "buildDefinition": {"externalParameters": {}, "resolvedDependencies": [reviewed()]},
                "runDetails": {"metadata": {"buildkit_metadata": {"vcs": {"source": "https://github.com/acme/evil", "revision": OTHER}}}},
            }),
        ),
    ] {
        let expected = if passes { Status::Pass } else { Status::Fail };
        assert_eq!(outcome(&predicate).0, expected, "{what}");
    }
}

/// A second signature lifted what another's rule made of a statement: evidence of others passed for somebody's own word.
#[test]
fn a_signature_beside_anothers_does_not_make_the_others_word_more() {
    let signed_by = |byte: u8| format!(", signer: {{key: \"{}\"}}", hex(byte));
    let beside = |entry: Entry| {
        but(by_key(entry, 0xb1), |entry| {
            let imported =
                Signer { authority: Some(custody_evidence::trust::Authority::Imported), ..key(0xb1) };
            entry.signers = vec![imported, key(0xe5)];
        })
    };
    let (status, _, why) = outcome(&build(&signed_by(0xb1)), &[beside(provenance(1))]);
    assert_eq!((status, why.as_slice()), (Status::Fail, &["wrong_authority: imported".to_owned()][..]));
    assert_eq!(outcome(&build(&signed_by(0xe5)), &[beside(provenance(1))]).0, Status::Pass);
    let either = format!(
        "  - {{id: r, require: {{predicate: provenance, count: any, authority: [own, imported]}}{}}}\n",
        signed_by(0xb1)
    );
    assert_eq!(outcome(&either, &[beside(provenance(1))]).0, Status::Pass);
    // As a second person it does not count either.
    let two = "  - {id: r, require: {predicate: provenance, count: {at_least: 2, distinct: identity}}}\n";
    assert_eq!(outcome(two, &[beside(provenance(1))]).0, Status::Fail);
    // Everything else that people say: an approval, a review, an answer.
    let approval_rule =
        format!("  - {{id: r, approval: {{at_least: 1, signer: {{key: \"{}\"}}, not: []}}}}\n", hex(0xb1));
    assert_eq!(outcome(&approval_rule, &[approval(1, 0xb1, "prod")]).0, Status::Pass);
    assert_eq!(outcome(&approval_rule, &[beside(approval(1, 0xb1, "prod"))]).0, Status::Fail);
    let reviewed =
        build(&format!(", source: {{reviewed: {{at_least: 1, asserted_by: {{key: \"{}\"}}}}}}", hex(0xb1)));
    let review = || but(review(2, &["bob@example.org"]), |entry| entry.signers = vec![key(0xb1)]);
    assert_eq!(outcome(&reviewed, &[provenance(1), review()]).0, Status::Pass);
    assert_eq!(outcome(&reviewed, &[provenance(1), beside(review())]).0, Status::Fail);
    let answered = format!(
        "  - {{id: r, require: {{predicate: scan, count: latest}}, vulnerabilities: {{below: high, answered_by: {{key: \"{}\"}}}}}}\n",
        hex(0xb1)
    );
    let open = || scan(1, &[("CVE-1", "High", "pkg:npm/a@1")]);
    let answer = || by_key(vex(2, "CVE-1", "not_affected", json!([{"@id": "pkg:npm/a@1"}])), 0xb1);
    assert_eq!(outcome(&answered, &[open(), answer()]).0, Status::Pass);
    assert_eq!(outcome(&answered, &[open(), beside(answer())]).0, Status::Fail);
}

/// in-toto's monotonic principle: leaving evidence away must not turn a no into a yes.
#[test]
fn a_monotone_rule_is_not_turned_by_leaving_away() {
    let rule = build(&format!(", {}", signed_by_workflow()));
    assert_eq!(outcome(&rule, &[provenance(1), by_key(provenance(2), 0xb1)]).0, Status::Pass);
    assert_eq!(outcome(&rule, &[by_key(provenance(2), 0xb1)]).0, Status::Fail);
}

/// A job that runs for a stranger's change has the identity of the project.
#[test]
fn a_strangers_change_is_not_the_project() {
    let stranger: Signer = {
        let mut signer = workflow();
        signer.claims.as_mut().unwrap().build_trigger = Some("pull_request_target".to_owned());
        signer
    };
    let entry = but(provenance(1), |entry: &mut Entry| entry.signers = vec![stranger]);
    let rule = build(&format!(", {}", signed_by_workflow()));
    assert_eq!(outcome(&rule, std::slice::from_ref(&entry)).0, Status::Fail);
    let asked = format!(
        ", signer: {{issuer: \"{ISSUER}\", workflow: \"{WORKFLOW}\", claims: {{build_trigger: pull_request_target}}}}"
    );
    assert_eq!(outcome(&build(&asked), &[entry]).0, Status::Pass);
}

/// A signature from a distrusted period next to one that is not: only the other one counts.
#[test]
fn a_distrusted_signer_does_not_hide_behind_another() {
    let both = but(provenance(1), |entry| {
        let mut distrusted = workflow();
        distrusted.distrusted = LeafIndex::new(900).ok();
        entry.signers = vec![distrusted, key(0xb1)];
    });
    let rule = build(&format!(", {}", signed_by_workflow()));
    assert_eq!(outcome(&rule, std::slice::from_ref(&both)).0, Status::Fail);
    assert_eq!(outcome(&build(&format!(", signer: {{key: \"{}\"}}", hex(0xb1))), &[both]).0, Status::Pass);
}

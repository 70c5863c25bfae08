//! What rules weigh: warnings, dates, exceptions, people, and the circumstances of a question.

use custody_evidence::trust::PolicyVersion;
use custody_log::LeafIndex;
use serde_json::json;

use super::made::*;
use crate::evidence::Finding;
use crate::verdict::{Decision, Status, Verdict};
use crate::{Completeness, Freshness, Level, Policy, Question};

fn load(text: &str) -> Policy {
    Policy::load(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A policy whose one rule fails without a scan, with more lines.
fn needs_scan(more: &str) -> Policy {
    load(&format!(
        "policy: release\nversion: 1\nrules:\n  - {{id: scan, require: {{predicate: scan, count: any}}}}\n{more}"
    ))
}

fn first(verdict: &Verdict) -> (Status, &str) {
    let result = verdict.rules().iter().find(|result| !result.is_own()).unwrap();
    (result.status, &result.message)
}

#[test]
fn a_rule_that_warns_or_waits_does_not_deny() {
    let policy = load(
        "policy: p\nversion: 1\nrules:\n  - {id: b, require: {predicate: provenance, count: any}}\n  - {id: w, warn: true, require: {predicate: scan, count: any}, fix: scan it}\n  - {id: e, effective_on: 2026-12-31, require: {predicate: scan, count: any}}\n",
    );
    let at = |text: &str| Question {
        evaluated_at: custody_log::Timestamp::parse_rfc3339(text).unwrap(),
        ..question()
    };
    let log = Log::of([provenance(1)]);
    let before = log.judged(&policy, &at("2026-12-30T23:59:59Z"));
    assert_eq!(before.decision(), Decision::Allow);
    let statuses = |verdict: &Verdict| verdict.rules().iter().map(|rule| rule.status).collect::<Vec<_>>();
    assert_eq!(statuses(&before), [Status::Pass, Status::SoftFail, Status::SoftFail]);
    assert_eq!(before.rules()[1].fix.as_deref(), Some("scan it"));
    assert_eq!(
        before.valid_until().to_string(),
        "2026-12-31T00:00:00.000000Z",
        "from then on it may be a no"
    );
    let after = log.judged(&policy, &at("2026-12-31T00:00:00Z"));
    assert_eq!(statuses(&after), [Status::Pass, Status::SoftFail, Status::Fail]);
}

#[test]
fn what_the_policy_is_not_for_is_denied_by_name() {
    let policy = load(
        "policy: p\nversion: 1\napplies_to: {environments: [prod], repositories: [\"acme/*\"]}\nrules:\n  - {id: b, require: {predicate: provenance, count: any}}\n",
    );
    let own = |entries: &[crate::Entry], environment: Option<&str>| {
        let question = Question { environment: environment.map(ToOwned::to_owned), ..question() };
        let verdict = Log::of(entries.to_vec()).judged(&policy, &question);
        (verdict.decision(), verdict.rules()[0].message.clone())
    };
    assert_eq!(own(&[provenance(1)], Some("prod")), (Decision::Allow, "applies".to_owned()));
    let denied = |message: &str| (Decision::Deny, message.to_owned());
    assert_eq!(own(&[provenance(1)], Some("staging")), denied("not_for_environment: staging"));
    assert_eq!(own(&[provenance(1)], None), denied("not_for_environment: none asked about"));
    let evil = provenance_of(1, "https://github.com/acme-evil/api", "refs/heads/main");
    assert_eq!(own(&[evil], Some("prod")), denied("not_for_repository: https://github.com/acme-evil/api"));
    assert_eq!(own(&[], Some("prod")), denied("not_for_repository: no provenance names one"));
    // A second repository that is named beside the right one.
    let both = json!({
        "buildDefinition": {"externalParameters": {"workflow": {"repository": "https://github.com/acme/api"}},
            "resolvedDependencies": [{"uri": "git+https://github.com/evil/api@refs/heads/main", "digest": {"gitCommit": COMMIT}}]},
    });
    assert_eq!(own(&[entry(1, "provenance", &both)], Some("prod")).0, Decision::Deny);
}

#[test]
fn circumstances_that_make_every_answer_doubtful_leave_it_open() {
    let policy = needs_scan("max_checkpoint_age: 1h\n");
    let log = Log::of([scan(1, &[])]);
    let judged = |change: fn(&mut Question)| {
        let mut asked = question();
        change(&mut asked);
        log.judged(&policy, &asked)
    };
    assert_eq!(judged(|_| ()).decision(), Decision::Allow);
    let open = |change: fn(&mut Question), id: &str, word: &str| {
        let verdict = judged(change);
        assert_eq!(verdict.decision(), Decision::Indeterminate, "{id}");
        assert_eq!(verdict.rules()[0].id, id);
        assert!(verdict.rules()[0].message.starts_with(word), "{}", verdict.rules()[0].message);
    };
    open(
        |asked| asked.newest = Some(asked.evaluated_at.plus_micros(60_000_001)),
        "custody.time",
        "clock_behind",
    );
    open(|asked| asked.trust.expires = asked.evaluated_at, "custody.trust", "trust_expired");
    open(|asked| asked.freshness = Freshness::Unknown, "custody.freshness", "checkpoint_not_cosigned");
    open(
        |asked| asked.freshness = Freshness::Cosigned(asked.evaluated_at.plus_micros(-3_600_000_001)),
        "custody.freshness",
        "checkpoint_too_old",
    );
    open(|asked| asked.deadline_passed = true, "custody.deadline", "deadline_passed");
    let fresh =
        judged(|asked| asked.freshness = Freshness::Cosigned(asked.evaluated_at.plus_micros(-3_600_000_000)));
    assert_eq!(fresh.decision(), Decision::Allow);
    // A clock that trails a little: the newest entry's time is used.
    let close = judged(|asked| asked.newest = Some(asked.evaluated_at.plus_micros(60_000_000)));
    assert_eq!((close.decision(), close.evaluated_at()), (Decision::Allow, day(NOW).plus_micros(60_000_000)));
    // A no stays a no.
    let none = Log::default().judged(&policy, &Question { deadline_passed: true, ..question() });
    assert_eq!(none.decision(), Decision::Deny);
}

#[test]
fn a_policy_may_ask_for_proof_that_nothing_was_left_out() {
    let policy = load(
        "policy: p\nversion: 1\ncomplete: proven\nrules:\n  - {id: s, require: {predicate: scan, count: latest}}\n",
    );
    let log = Log::of([scan(1, &[])]);
    let claimed = log.judged(&policy, &question());
    assert_eq!(first(&claimed), (Status::Error, "completeness_claimed"));
    assert_eq!(claimed.decision(), Decision::Indeterminate);
    let proven = log.judged(&policy, &Question { complete: Completeness::Proven, ..question() });
    assert_eq!(proven.decision(), Decision::Allow);
    assert!(String::from_utf8(proven.encode()).unwrap().contains("\"complete\":\"proven\""));
}

const EXCEPTIONS: &str = "exceptions: {signer: {key: \"a1\"}, breakglass: {at_least: 2, signer: {one_of: [{key: \"a1\"}, {key: \"a2\"}, {key: \"b1\"}]}}}\n";

fn excepting() -> Policy {
    let text = EXCEPTIONS.replace("\"a1\"", &format!("\"{}\"", hex(0xa1)));
    needs_scan(
        &text
            .replace("\"a2\"", &format!("\"{}\"", hex(0xa2)))
            .replace("\"b1\"", &format!("\"{}\"", hex(0xb1))),
    )
}

#[test]
fn an_exception_skips_its_rule_for_its_digest_while_it_lasts() {
    let policy = excepting();
    let good = exception(5, "scan", 0xa1, NOW + 3);
    let verdict = Log::of([good.clone()]).judged(&policy, &question());
    assert_eq!(verdict.decision(), Decision::Allow);
    assert_eq!(first(&verdict), (Status::Skip, "excepted by entry 5: no_evidence"));
    assert_eq!(verdict.valid_until(), day(NOW + 3));
    let used = &verdict.exceptions()[0];
    assert_eq!((used.index.get(), used.owner.as_str(), used.reason.as_str()), (5, "team-api", "INC-1"));

    let changed = |name: &str, value: serde_json::Value| {
        let mut predicate: serde_json::Value =
            serde_json::from_slice(good.predicate.as_deref().unwrap()).unwrap();
        predicate[name] = value;
        but(good.clone(), |entry| entry.predicate = Some(serde_json::to_vec(&predicate).unwrap()))
    };
    let refused = [
        ("another signer", exception(5, "scan", 0xb1, NOW + 3)),
        ("ended", exception(5, "scan", 0xa1, NOW)),
        ("another rule", exception(5, "build", 0xa1, NOW + 3)),
        ("another policy", changed("policy", json!("staging"))),
        ("another digest in the predicate", changed("subject", json!(format!("sha256:{}", "00".repeat(32))))),
        (
            "another digest in the subject",
            but(good.clone(), |entry| entry.subjects = vec!["sha256:00".to_owned()]),
        ),
        (
            "distrusted",
            but(good.clone(), |entry| {
                entry.standing = crate::Standing::Distrusted { by: LeafIndex::new(900).unwrap() }
            }),
        ),
        (
            "imported",
            but(good.clone(), |entry| entry.authority = custody_evidence::trust::Authority::Imported),
        ),
        ("not verified", but(good.clone(), |entry| entry.level = Level::Logged)),
        ("malformed", but(good.clone(), |entry| entry.predicate = Some(b"{}".to_vec()))),
    ];
    for (what, entry) in refused {
        let verdict = Log::of([entry]).judged(&policy, &question());
        assert_eq!((verdict.decision(), verdict.exceptions().len()), (Decision::Deny, 0), "{what}");
    }
    let nobody = needs_scan("");
    assert_eq!(
        Log::of([good]).judged(&nobody, &question()).decision(),
        Decision::Deny,
        "the policy names nobody"
    );
}

#[test]
fn an_exception_that_is_not_needed_is_not_used() {
    let verdict =
        Log::of([scan(1, &[]), exception(5, "scan", 0xa1, NOW + 3)]).judged(&excepting(), &question());
    assert_eq!((first(&verdict).0, verdict.exceptions().len()), (Status::Pass, 0));
}

#[test]
fn breaking_the_glass_takes_several_people_and_lasts_a_day() {
    let policy = excepting();
    let judged = |entries: &[crate::Entry]| Log::of(entries.to_vec()).judged(&policy, &question());
    // Made a day before the judged time, which is when they end.
    let glass = |index, byte| {
        let until = day(NOW).plus_micros(-1).to_string();
        let entry = exception(index, "*", byte, NOW);
        let mut predicate: serde_json::Value =
            serde_json::from_slice(entry.predicate.as_deref().unwrap()).unwrap();
        predicate["until"] = json!(until);
        but(entry, |entry| entry.predicate = Some(serde_json::to_vec(&predicate).unwrap()))
    };
    let at = Question { evaluated_at: day(NOW).plus_micros(-2), ..question() };
    let both = Log::of([glass(5, 0xa1), glass(6, 0xb1)]).judged(&policy, &at);
    assert_eq!(both.decision(), Decision::Allow);
    assert_eq!(first(&both), (Status::Skip, "breakglass by entry 5 6: no_evidence"));
    assert_eq!(both.exceptions().len(), 2);
    assert_eq!(
        Log::of([glass(5, 0xa1), glass(6, 0xa2)]).judged(&policy, &at).decision(),
        Decision::Deny,
        "two keys of one person"
    );
    assert_eq!(Log::of([glass(5, 0xa1)]).judged(&policy, &at).decision(), Decision::Deny);
    let longer = [exception(5, "*", 0xa1, NOW + 1), exception(6, "*", 0xb1, NOW + 1)];
    assert_eq!(judged(&longer).decision(), Decision::Deny, "longer than a day");
}

#[test]
fn an_exception_turns_no_doubt_into_a_yes() {
    let policy = load(&format!(
        "policy: release\nversion: 1\nexceptions: {{signer: {{key: \"{}\"}}}}\nrules:\n  - {{id: scan, require: {{predicate: scan, count: latest}}}}\n",
        hex(0xa1)
    ));
    let mut log = Log::of([scan(1, &[]), exception(5, "scan", 0xa1, NOW + 3)]);
    log.erased = [LeafIndex::new(1).unwrap()].into();
    let verdict = log.judged(&policy, &question());
    assert_eq!(first(&verdict), (Status::Error, "incomplete: redacted: 1"));
    assert_eq!(verdict.decision(), Decision::Indeterminate);
}

#[test]
fn distinct_counts_people_and_not_keys() {
    let rule = "  - {id: r, approval: {at_least: 2, not: []}}\n";
    let (status, message, _) = outcome(rule, &[approval(1, 0xa1, "prod"), approval(2, 0xa2, "prod")]);
    assert_eq!((status, message.as_str()), (Status::Fail, "not_enough: 1 of 2"));
    assert_eq!(
        outcome(rule, &[approval(1, 0xa1, "prod"), approval(2, 0x77, "prod")]).0,
        Status::Pass,
        "a key that nobody lists is somebody"
    );
}

#[test]
fn who_is_not_known_excludes_nobody_and_passes_nobody() {
    let author = "  - {id: r, require: {predicate: test-result, count: any}, signer: {not: author}}\n";
    let result = || by_key(entry(1, "test-result", &json!({})), 0xb1);
    let said = |author: &str| vec![result(), provenance(2), source(3, author, true)];
    assert_eq!(outcome(author, &said("Carol <carol@example.org>")).0, Status::Pass);
    assert_eq!(outcome(author, &said("Bob <bob@example.org>")).1, "signer_is_author");
    assert_eq!(outcome(author, &said("Mallory <m@example.org>")).1, "author_unknown");
    assert_eq!(outcome(author, &[result(), provenance(2)]).1, "author_unknown");
    assert_eq!(outcome(author, &[result()]).1, "author_unknown");
    // A build of the same source at two commits: who wrote the other one may be anybody.
    let mut doubtful = provenance(4);
    let mut predicate: serde_json::Value =
        serde_json::from_slice(doubtful.predicate.as_deref().unwrap()).unwrap();
    let dependencies = predicate["buildDefinition"]["resolvedDependencies"].as_array_mut().unwrap();
    let mut other = dependencies[0].clone();
    other["digest"] = json!({"gitCommit": "0123456789012345678901234567890123456789"});
    dependencies.push(other);
    doubtful.predicate = Some(predicate.to_string().into_bytes());
    let mut both = said("Carol <carol@example.org>");
    both.push(doubtful);
    assert_eq!(outcome(author, &both).1, "author_unknown");
    let submitter = "  - {id: r, approval: {at_least: 1}}\n";
    assert_eq!(outcome(submitter, &[approval(1, 0xb1, "prod")]).1, "submitter_unknown");
    assert_eq!(
        outcome(submitter, &[approval(1, 0xb1, "prod"), by_key(provenance(2), 0xb1)]).1,
        "signer_is_submitter"
    );
}

#[test]
fn an_approval_holds_for_its_environment_until_it_ends() {
    let rule = "  - {id: r, approval: {at_least: 1, not: []}}\n";
    assert_eq!(outcome(rule, &[approval(1, 0xb1, "staging")]).2, ["approved_for_something_else: staging"]);
    let ended = json!({"for": "prod", "approver": "bob", "at": day(NOW - 2).to_string(), "until": day(NOW).to_string()});
    assert!(outcome(rule, &[by_key(entry(1, "approval", &ended), 0xb1)]).1.starts_with("approval_ended"));
    let verdict = Log::of([approval(1, 0xb1, "prod")]).judged(&policy(rule), &question());
    assert_eq!(verdict.valid_until(), day(NOW + 5));
    let nowhere = Question { environment: None, ..question() };
    assert_eq!(first(&Log::default().judged(&policy(rule), &nowhere)).1, "environment_unknown");
    let named = "  - {id: r, approval: {for: staging, at_least: 1, not: []}}\n";
    assert_eq!(outcome(named, &[approval(1, 0xb1, "staging")]).0, Status::Pass);
}

#[test]
fn a_finding_fails_or_warns_as_the_policy_says() {
    let policy = policy("  - {id: a, absent: {fail: [tag_moved], warn: [burst]}}\n");
    let judged = |kind: &str| {
        let entries = [LeafIndex::new(5).unwrap(), LeafIndex::new(7).unwrap()].into();
        let log = Log { findings: vec![Finding { kind: kind.parse().unwrap(), entries }], ..Log::default() };
        let verdict = log.judged(&policy, &question());
        (verdict.decision(), verdict.rules()[0].status, verdict.rules()[0].message.clone())
    };
    assert_eq!(judged("tag_moved"), (Decision::Deny, Status::Fail, "finding: tag_moved in 5 7".to_owned()));
    assert_eq!(judged("burst"), (Decision::Allow, Status::SoftFail, "finding: burst in 5 7".to_owned()));
    assert_eq!(judged("old_line").1, Status::Pass, "nobody asked");
}

#[test]
fn severities_of_scanners_are_read_and_what_is_unknown_fails() {
    let rule = |below: &str| {
        format!(
            "  - {{id: r, require: {{predicate: vulns, count: latest}}, vulnerabilities: {{below: {below}}}}}\n"
        )
    };
    let scored = |severity: serde_json::Value| {
        let predicate = json!({
            "scanner": {"uri": "https://scanner.example", "result": [{"id": "CVE-1", "severity": severity}]},
            "metadata": {"scanFinishedOn": day(NOW - 1).to_string()},
        });
        [entry(1, "vulns", &predicate)]
    };
    let score = |score: serde_json::Value| scored(json!([{"method": "nvd", "score": score}]));
    for (severity, allowed) in [
        (json!("9.8"), "none"),
        (json!(7.0), "critical"),
        (json!("6.9"), "high"),
        (json!("3.9"), "medium"),
        (json!("MEDIUM"), "high"),
        (json!("low"), "medium"),
        (json!("0.0"), "low"),
        (json!("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"), "none"),
        (json!("CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"), "critical"),
        (json!("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"), "high"),
        (json!("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N"), "low"),
    ] {
        for below in ["any", "low", "medium", "high", "critical"] {
            let order = ["any", "low", "medium", "high", "critical"];
            let passes = order.iter().position(|word| *word == below)
                >= order.iter().position(|word| *word == allowed)
                && allowed != "none";
            let expected = if passes { Status::Pass } else { Status::Fail };
            assert_eq!(
                outcome(&rule(below), &score(severity.clone())).0,
                expected,
                "{severity} below {below}"
            );
        }
    }
    // The second is of CVSS 2, the third leaves a metric out: neither is a low one.
    for unknown in [
        json!([]),
        json!([{"score": "AV:N/AC:L/Au:N/C:P/I:P/A:P"}]),
        json!([{"score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U"}]),
        json!([{"score": "11"}]),
        json!([{"score": "high"}, {"score": "?"}]),
        json!(null),
    ] {
        assert_eq!(outcome(&rule("critical"), &scored(unknown.clone())).0, Status::Fail, "{unknown}");
    }
}

#[test]
fn a_verdict_from_the_future_is_not_young_for_ever() {
    let rule = super::matrix::verdict_of_rule();
    let early = but(super::matrix::recorded(1, "staging", NOW - 1), |entry| entry.time = day(NOW - 2));
    assert!(outcome(&rule, &[early]).1.starts_with("too_old"));
}

#[test]
fn two_who_sign_the_same_statement_are_two() {
    let rule = "  - {id: r, require: {predicate: test-result, count: {at_least: 2, distinct: identity}}}\n";
    let one = by_key(entry(1, "test-result", &json!({})), 0xa1);
    let other = but(by_key(entry(2, "test-result", &json!({})), 0xb1), |entry| entry.content = one.content);
    let verdict = Log::of([one.clone(), other]).judged(&policy(rule), &question());
    assert_eq!(first(&verdict).0, Status::Pass);
    assert_eq!(
        verdict.rules()[0].evidence.iter().map(|counted| counted.index.get()).collect::<Vec<_>>(),
        [1, 2]
    );
    let again = but(by_key(entry(2, "test-result", &json!({})), 0xa2), |entry| entry.content = one.content);
    assert_eq!(outcome(rule, &[one, again]).0, Status::Fail);
}

#[test]
fn more_than_is_looked_at_is_said() {
    let policy = policy("  - {id: r, require: {predicate: scan, count: all}}\n");
    let max = u64::try_from(crate::evidence::ENTRIES_MAX).unwrap();
    let many = |count: u64| Log::of((0..count).map(|index| scan(index, &[]))).judged(&policy, &question());
    assert_eq!(many(max).decision(), Decision::Allow);
    assert_eq!(first(&many(max + 1)), (Status::Error, "incomplete: capped"));
}

/// What would say which package it is was left out of the document.
#[test]
fn a_component_without_a_package_url_may_be_the_banned_one() {
    let rule = |ban: &str| {
        format!(
            "  - {{id: r, require: {{predicate: cyclonedx, count: latest}}, sbom: {{ban: [\"{ban}\"]}}}}\n"
        )
    };
    let bom = |name: &str| {
        let component = json!({"type": "library", "name": name, "version": "1.16.0"});
        entry(
            1,
            "cyclonedx",
            &json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [component]}),
        )
    };
    let said = |ban: &str, name: &str| outcome(&rule(ban), &[bom(name)]).1;
    for ban in ["pkg:npm/axios", "pkg:npm/axios@1.14.1", "pkg:npm/axios@>=1.14.1 <1.15"] {
        assert_eq!(said(ban, "Axios"), "version_not_comparable: Axios", "{ban}");
        assert_eq!(said(ban, "axios-mock"), "counted: 1", "{ban}");
    }
    let scoped = "pkg:npm/%40acme/api";
    assert_eq!(said(scoped, "@acme/api"), "version_not_comparable: @acme/api");
    assert_eq!(said(scoped, "api"), "version_not_comparable: api");
    assert_eq!(said(scoped, "@other/api"), "counted: 1");
}

#[test]
fn a_database_from_the_future_is_as_old_as_its_scan() {
    let rule = "  - {id: r, require: {predicate: scan, count: latest}, vulnerabilities: {below: high, max_db_age: 3d}}\n";
    let scan = |recorded: i64| {
        let built = day(NOW + 400).to_string();
        let report = json!({"matches": [], "descriptor": {"name": "grype", "db": {"built": built}}});
        but(entry(1, "scan", &report), |entry| entry.time = day(recorded))
    };
    assert_eq!(outcome(rule, &[scan(NOW - 1)]).0, Status::Pass);
    assert!(outcome(rule, &[scan(NOW - 9)]).1.starts_with("database_too_old"));
}

/// A file of the same name as the policy of the gate before may ask for anything, and so may a text that administrators replaced.
#[test]
fn a_verdict_counts_only_of_the_policy_that_was_in_force() {
    let policy = policy(&super::matrix::verdict_of_rule());
    let recorded = super::matrix::recorded(1, "staging", NOW - 1);
    let summary = recorded.predicate.as_deref().unwrap();
    let read = crate::verdict::Recorded::from_summary(summary).unwrap();
    let digest = read.policy_digest().to_owned();
    assert_eq!(read.size().get(), 1043);
    let other = custody_log::BlobDigest::of(b"another text");
    let judged = |put: &[(&str, bool, u64)]| {
        let put = put.iter().map(|(name, is_it, index)| PolicyVersion {
            name: (*name).to_owned(),
            version: 1,
            digest: if *is_it { digest.parse().unwrap() } else { other },
            index: LeafIndex::new(*index).unwrap(),
        });
        let mut question = question();
        question.trust.policies = Some(put.rev().collect());
        let verdict = Log::of([recorded.clone()]).judged(&policy, &question);
        (verdict.decision(), verdict.rules()[0].message.clone())
    };
    for put in [
        &[("staging", true, 10)][..],
        &[("staging", false, 10), ("staging", true, 20)],
        &[("staging", true, 10), ("development", false, 20)],
        // What was put behind the judged tree came later.
        &[("staging", true, 10), ("staging", false, 1043)],
    ] {
        assert_eq!(judged(put).0, Decision::Allow, "{put:?}");
    }
    let not_put = (Decision::Deny, format!("policy_not_put: {digest}"));
    for put in [&[][..], &[("staging", false, 10)], &[("development", true, 10)]] {
        assert_eq!(judged(put), not_put, "{put:?}");
    }
    let replaced = (Decision::Deny, format!("policy_replaced: {digest}"));
    for put in [
        &[("staging", true, 10), ("staging", false, 20)][..],
        &[("staging", true, 10), ("staging", false, 1042)],
        &[("staging", true, 1043)],
    ] {
        assert_eq!(judged(put), replaced, "{put:?}");
    }
}

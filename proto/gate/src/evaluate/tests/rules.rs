//! What rules weigh: warnings, dates, exceptions, people, and the circumstances of a question.

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
fn answers_count_by_their_author_product_and_last_word() {
    let rule = format!(
        "  - {{id: r, require: {{predicate: scan, count: latest}}, vulnerabilities: {{below: high, answered_by: {{key: \"{}\"}}}}}}\n",
        hex(0xe1)
    );
    let found = || scan(1, &[("CVE-1", "Critical", "pkg:npm/axios@1.14.1")]);
    let with = |entry: crate::Entry| outcome(&rule, &[found(), entry]).0;
    let digest = subject().value().to_owned();
    for product in [
        json!([]),
        json!([{"@id": "pkg:npm/axios@1.14.1"}]),
        json!([{"@id": "pkg:npm/axios"}]),
        json!([{"@id": "app", "hashes": {"sha-256": digest}}]),
        json!([{"@id": format!("registry.example/app@sha256:{digest}")}]),
    ] {
        assert_eq!(with(vex(2, "CVE-1", "not_affected", product.clone())), Status::Pass, "{product}");
        assert_eq!(with(vex(2, "CVE-1", "fixed", product.clone())), Status::Pass, "{product}");
        assert_eq!(with(vex(2, "CVE-1", "affected", product)), Status::Fail);
    }
    for product in [
        json!([{"@id": "pkg:npm/axios@1.14.2"}]),
        json!([{"@id": "app", "hashes": {"sha-256": "00".repeat(32)}}]),
    ] {
        assert_eq!(with(vex(2, "CVE-1", "not_affected", product.clone())), Status::Fail, "{product}");
    }
    assert_eq!(with(vex(2, "CVE-2", "not_affected", json!([]))), Status::Fail, "another vulnerability");
    assert_eq!(
        with(by_key(vex(2, "CVE-1", "not_affected", json!([])), 0xb1)),
        Status::Fail,
        "another author"
    );
    let elsewhere = but(vex(2, "CVE-1", "not_affected", json!([])), |entry| {
        entry.subjects = vec!["sha256:00".to_owned()];
    });
    assert_eq!(with(elsewhere), Status::Fail, "about another digest");
    let unreadable =
        but(vex(3, "CVE-1", "not_affected", json!([])), |entry| entry.standing = crate::Standing::Malformed);
    let answers = [found(), vex(2, "CVE-1", "not_affected", json!([])), unreadable];
    assert_eq!(outcome(&rule, &answers).1, "malformed", "it could take the answer back");
}

/// A CycloneDX document of the author of answers, which lists axios, with what it says of a vulnerability.
fn bom(index: u64, vulnerabilities: &serde_json::Value) -> crate::Entry {
    let document = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "metadata": {"timestamp": day(NOW - 2).to_string(), "component": {"bom-ref": "app", "name": "app"}},
        "components": [{"bom-ref": "axios", "name": "axios", "purl": "pkg:npm/axios@1.14.1"}, {"bom-ref": "file", "name": "file"},
            {"bom-ref": "other", "name": "other", "purl": "pkg:npm/other@1"}],
        "vulnerabilities": vulnerabilities,
    });
    by_key(entry(index, "cyclonedx", &document), 0xe1)
}

fn analysed(state: &str, affects: &[&str]) -> serde_json::Value {
    let affects: Vec<_> = affects.iter().map(|reference| json!({"ref": reference})).collect();
    json!([{"id": "CVE-1", "analysis": {"state": state}, "affects": affects}])
}

const ANSWERED: &str =
    "require: {predicate: scan, count: latest}, vulnerabilities: {below: high, answered_by: {key: ";

#[test]
fn cyclonedx_answers_a_finding_as_openvex_does() {
    let rule = format!("  - {{id: r, {ANSWERED}\"{}\"}}}}}}\n", hex(0xe1));
    let found = || scan(1, &[("CVE-1", "Critical", "pkg:npm/axios@1.14.1")]);
    let with = |entry: crate::Entry| outcome(&rule, &[found(), entry]).0;
    for state in ["not_affected", "false_positive", "resolved", "resolved_with_pedigree"] {
        for affects in [vec![], vec!["axios"], vec!["app"], vec!["pkg:npm/axios"], vec!["other", "axios"]] {
            assert_eq!(with(bom(2, &analysed(state, &affects))), Status::Pass, "{state} {affects:?}");
        }
        for affects in [vec!["other"], vec!["file"], vec!["gone"], vec!["pkg:npm/axios@1.14.2"]] {
            assert_eq!(with(bom(2, &analysed(state, &affects))), Status::Fail, "{state} {affects:?}");
        }
    }
    for state in ["exploitable", "in_triage", "Not_Affected", ""] {
        assert_eq!(with(bom(2, &analysed(state, &[]))), Status::Fail, "{state}");
    }
    assert_eq!(with(bom(2, &json!([{"id": "CVE-1"}]))), Status::Fail, "found, and not analysed");
    assert_eq!(with(bom(2, &json!([{"id": "CVE-2", "analysis": {"state": "resolved"}}]))), Status::Fail);
    let alias = json!([{"id": "GHSA-a", "references": [{"id": "CVE-1"}], "analysis": {"state": "resolved"}}]);
    assert_eq!(with(bom(2, &alias)), Status::Pass, "another name of it");
    let good = || bom(2, &analysed("not_affected", &[]));
    assert_eq!(with(by_key(good(), 0xb1)), Status::Fail, "another author");
    let elsewhere = but(good(), |entry| entry.subjects = vec!["sha256:00".to_owned()]);
    assert_eq!(with(elsewhere), Status::Fail, "about another digest");
    let unread = |entry: &mut crate::Entry| entry.standing = crate::Standing::Malformed;
    assert_eq!(outcome(&rule, &[found(), good(), but(bom(3, &json!([])), unread)]).1, "malformed");
    let nameless = bom(3, &json!([{"analysis": {"state": "exploitable"}}]));
    assert_eq!(outcome(&rule, &[found(), good(), nameless]).1, "malformed", "it could take the answer back");
}

#[test]
fn the_last_word_counts_in_whatever_format() {
    let rule = format!("  - {{id: r, {ANSWERED}\"{}\"}}}}}}\n", hex(0xe1));
    let found = || scan(1, &[("CVE-1", "Critical", "pkg:npm/axios@1.14.1")]);
    // OpenVEX says it a day later than the document.
    let later = vex(2, "CVE-1", "affected", json!([]));
    assert_eq!(outcome(&rule, &[found(), bom(3, &analysed("resolved", &[])), later]).0, Status::Fail);
    let later = vex(2, "CVE-1", "not_affected", json!([]));
    assert_eq!(outcome(&rule, &[found(), bom(3, &analysed("exploitable", &[])), later]).0, Status::Pass);
    let of_other = bom(3, &analysed("exploitable", &["other"]));
    let early = bom(2, &analysed("resolved", &["axios"]));
    assert_eq!(outcome(&rule, &[found(), early.clone(), of_other]).0, Status::Pass, "about another package");
    let of_unknown = bom(3, &analysed("exploitable", &["file"]));
    assert_eq!(
        outcome(&rule, &[found(), early.clone(), of_unknown]).0,
        Status::Fail,
        "it may be in this one"
    );
    // What the author's scanner found takes nothing back.
    assert_eq!(outcome(&rule, &[found(), early, bom(3, &json!([{"id": "CVE-1"}]))]).0, Status::Pass);
}

#[test]
fn a_link_into_another_document_is_followed_only_where_the_author_signed_that_too() {
    let rule = format!("  - {{id: r, {ANSWERED}\"{}\"}}}}}}\n", hex(0xe1));
    let link = "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#axios";
    let answer = json!({"bomFormat": "CycloneDX", "specVersion": "1.4", "vulnerabilities": analysed("not_affected", &[link])});
    let answer = by_key(entry(3, "cyclonedx", &answer), 0xe1);
    let found = || scan(1, &[("CVE-1", "Critical", "pkg:npm/axios@1.14.1")]);
    let with = |bom: crate::Entry| outcome(&rule, &[found(), bom, answer.clone()]).0;
    assert_eq!(with(bom(2, &json!([]))), Status::Pass);
    assert_eq!(
        with(by_key(bom(2, &json!([])), 0xb1)),
        Status::Fail,
        "anybody's document could name another package"
    );
    assert_eq!(outcome(&rule, &[found(), answer.clone()]).0, Status::Fail);
}

/// Each package that a finding is in wants an answer.
#[test]
fn a_finding_of_vulns_is_answered_by_the_packages_it_names() {
    let rule = format!("  - {{id: r, {}\"{}\"}}}}}}\n", ANSWERED.replace("scan,", "vulns,"), hex(0xe1));
    let found = |packages: serde_json::Value| {
        let result = json!([{"id": "CVE-1", "severity": [{"method": "nvd", "score": "9.8"}], "annotations": packages}]);
        entry(1, "vulns", &json!({"scanner": {"uri": "https://scanner.example", "result": result}}))
    };
    let answer = || vex(2, "CVE-1", "not_affected", json!([{"@id": "pkg:npm/axios"}]));
    let with = |packages: serde_json::Value| outcome(&rule, &[found(packages), answer()]).0;
    assert_eq!(with(json!([{"purl": "pkg:npm/axios@1.14.1"}])), Status::Pass);
    assert_eq!(with(json!([{"purl": "pkg:npm/other@1"}])), Status::Fail);
    assert_eq!(with(json!([{"purl": "pkg:npm/axios@1.14.1"}, {"purl": "pkg:npm/other@1"}])), Status::Fail);
    assert_eq!(with(json!([])), Status::Fail, "in no package that is named");
}

#[test]
fn a_finding_of_osv_scanner_is_answered_by_any_of_its_names() {
    let rule = format!("  - {{id: r, {ANSWERED}\"{}\"}}}}}}\n", hex(0xe1));
    let report = json!({"results": [{"source": {}, "packages": [{
        "package": {"name": "axios", "version": "1.14.1", "ecosystem": "npm"},
        "vulnerabilities": [{"id": "GHSA-a"}],
        "groups": [{"ids": ["GHSA-a"], "aliases": ["CVE-1"], "max_severity": "9.1"}],
    }]}]});
    let found = || entry(1, "scan", &report);
    assert_eq!(outcome(&rule, &[found()]).0, Status::Fail);
    for name in ["CVE-1", "GHSA-a"] {
        let answer = vex(2, name, "not_affected", json!([{"@id": "pkg:npm/axios@1.14.1"}]));
        assert_eq!(outcome(&rule, &[found(), answer]).0, Status::Pass, "{name}");
    }
    let other = vex(2, "CVE-2", "not_affected", json!([{"@id": "pkg:npm/axios@1.14.1"}]));
    assert_eq!(outcome(&rule, &[found(), other]).0, Status::Fail);
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
    for unknown in
        [json!([]), json!([{"score": "11"}]), json!([{"score": "high"}, {"score": "?"}]), json!(null)]
    {
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

#[test]
fn a_scan_with_more_open_findings_than_are_looked_up_is_not_decided() {
    let rule = format!(
        "  - {{id: r, require: {{predicate: scan, count: latest}}, vulnerabilities: {{below: high, answered_by: {{key: \"{}\"}}}}}}\n",
        hex(0xe1)
    );
    let packages: Vec<String> = (0..257).map(|at| format!("pkg:npm/p{at}@1.0.0")).collect();
    let found = |count: usize| {
        let findings: Vec<(&str, &str, &str)> =
            packages.iter().take(count).map(|purl| ("CVE-1", "High", purl.as_str())).collect();
        outcome(&rule, &[scan(1, &findings)])
    };
    assert_eq!(found(256).0, Status::Fail);
    assert_eq!((found(257).0, found(257).1.as_str()), (Status::Error, "incomplete: capped"));
}

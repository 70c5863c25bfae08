//! The document: its one form, its summary, reading it back, and what differs when it is asked again.

use custody_evidence::Statement;
use custody_evidence::predicate::judgement::decode_vsa;
use custody_log::LeafIndex;
use serde_json::{Value as Json, json};

use super::made::*;
use crate::difference::differences;
use crate::verdict::{
    Decision, Recorded, SCHEMA, SummaryError, VERDICT_MEMBER, Verdict, VerdictError, canonical,
};
use crate::{Policy, Question};

const POLICY: &str = "policy: release\nversion: 1\nparameters: {max_cvss: 8.9, who: [a, b]}\nrules:\n  - {id: build, require: {predicate: provenance, count: any}, fix: build it, message: no build}\n  - {id: scan, require: {predicate: scan, count: latest, max_age: 7d}, vulnerabilities: {below: high}, message: no clean scan, fix: scan it}\n";

fn judged(entries: &[crate::Entry]) -> Verdict {
    Log::of(entries.to_vec()).judged(&Policy::load(POLICY.as_bytes()).unwrap(), &question())
}

fn denied() -> Verdict {
    judged(&[provenance(1), scan(2, &[("CVE-1", "Critical", "pkg:npm/axios@1.14.1")])])
}

fn allowed() -> Verdict {
    judged(&[provenance(1), scan(2, &[])])
}

#[test]
fn a_verdict_is_this_document() {
    let policy = Policy::load(POLICY.as_bytes()).unwrap();
    let expected = format!(
        concat!(
            r#"{{"at":{{"root":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":1043}},"check":"verified","#,
            r#""complete":"claimed","decision":"DENY","environment":"prod","evaluated_at":"{now}","exceptions":[],"#,
            r#""given":[],"parameters":{{"max_cvss":8.9,"who":["a","b"]}},"policy":{{"digest":"{digest}","name":"release"}},"rules":["#,
            r#"{{"evidence":[{{"index":1,"signer":"https://token.actions.githubusercontent.com#https://github.com/acme/ci/.github/workflows/release.yml@refs/heads/main","time":"{then}"}}],"#,
            r#""fix":null,"id":"build","message":"counted: 1","rejected":[],"status":"PASS"}},"#,
            r#"{{"evidence":[],"fix":"scan it","id":"scan","message":"no clean scan (vulnerable: CVE-1 critical pkg:npm/axios@1.14.1)","#,
            r#""rejected":[{{"index":2,"why":"vulnerable: CVE-1 critical pkg:npm/axios@1.14.1"}}],"status":"FAIL"}}],"#,
            r#""schema":"urn:custody:verdict:v1","subject":"{subject}","trust_version":4,"valid_until":"{end}","#,
            r#""versions":{{"cel":"1","gate":"1","reader":"{reader}","version_order":"1"}}}}"#,
        ),
        now = day(NOW),
        then = day(NOW - 1),
        end = day(1000),
        digest = policy.digest(),
        subject = subject(),
        reader = custody_evidence::fact::READER_VERSION,
    );
    assert_eq!(String::from_utf8(denied().encode()).unwrap(), expected);
}

#[test]
fn a_verdict_is_read_back_as_it_was_written() {
    for verdict in [denied(), allowed()] {
        let bytes = verdict.encode();
        let recorded = Recorded::decode(&bytes).unwrap();
        assert_eq!(recorded.encode(), bytes);
        assert_eq!(recorded.decision(), verdict.decision());
        assert_eq!((recorded.subject(), recorded.policy()), (verdict.subject(), verdict.policy()));
        assert_eq!(
            (recorded.evaluated_at(), recorded.valid_until()),
            (verdict.evaluated_at(), verdict.valid_until())
        );
        assert_eq!((recorded.size().get(), recorded.environment()), (1043, Some("prod")));
        assert!(differences(&recorded, &verdict).is_empty());
    }
}

#[test]
fn what_no_gate_wrote_is_no_verdict() {
    let bytes = allowed().encode();
    let text = String::from_utf8(bytes.clone()).unwrap();
    for (changed, said) in [
        (text.replace("\"ALLOW\"", "\"PERHAPS\""), "decision"),
        (text.replace("urn:custody:verdict:v1", "urn:custody:verdict:v2"), "schema"),
        (text.replace("\"status\":\"PASS\"", "\"status\":\"pass\""), "rules"),
        (text.replace("\"size\":1043", "\"size\":-1"), "at"),
        (text.replace("{\"at\"", "{ \"at\""), "form"),
        (text.replace("8.9", "8.90"), "form"),
        (text.replace("\"trust_version\":4", "\"trust_version\":4,\"trust_version\":4"), "twice"),
        (format!("{text}\n"), "form"),
        (text[..text.len() - 1].to_owned(), "ends"),
        (String::new(), "ends"),
    ] {
        let error = Recorded::decode(changed.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(said), "{said}: {error}");
    }
    assert!(matches!(Recorded::decode(&vec![b' '; 2 << 20]), Err(VerdictError::TooLong { .. })));
}

#[test]
fn a_summary_is_one_that_others_read() {
    for (verdict, result) in [(allowed(), "PASSED"), (denied(), "FAILED")] {
        let bytes = verdict.summary("pkg:oci/api?repository_url=registry.example/api").unwrap();
        assert_eq!(verdict.summary("pkg:oci/api?repository_url=registry.example/api").unwrap(), bytes);
        let statement = Statement::parse(&bytes).unwrap();
        let predicate = statement.predicate_bytes().unwrap();
        let vsa = decode_vsa(predicate).unwrap();
        assert_eq!(vsa.verifier, "urn:custody:gate");
        let json: Json = serde_json::from_slice(predicate).unwrap();
        assert_eq!(json["verificationResult"], result);
        assert_eq!(json["policy"]["uri"], "urn:custody:policy:release");
        let facts = custody_evidence::fact::read(&statement);
        assert!(facts.interpreted, "{:?}", facts.warnings);
        assert_eq!(facts.happened, Some(verdict.evaluated_at()));
        let recorded = Recorded::from_summary(predicate).unwrap();
        assert_eq!(recorded.encode(), verdict.encode());
    }
}

#[test]
fn what_could_not_be_found_out_is_not_recorded() {
    let late = Question { deadline_passed: true, ..question() };
    let policy = Policy::load(POLICY.as_bytes()).unwrap();
    let open = Log::of([provenance(1), scan(2, &[])]).judged(&policy, &late);
    assert_eq!(open.decision(), Decision::Indeterminate);
    assert_eq!(open.summary("pkg:oci/api"), Err(SummaryError::Indeterminate));
}

#[test]
fn a_summary_that_says_two_things_is_no_verdict() {
    let statement = denied().summary("pkg:oci/api").unwrap();
    let statement = Statement::parse(&statement).unwrap();
    let mut predicate: Json = serde_json::from_slice(statement.predicate_bytes().unwrap()).unwrap();
    predicate["verificationResult"] = json!("PASSED");
    assert!(Recorded::from_summary(&canonical(&predicate)).is_err());
    predicate.as_object_mut().unwrap().remove(VERDICT_MEMBER);
    assert_eq!(Recorded::from_summary(&canonical(&predicate)), Err(VerdictError::NoVerdict));
    assert_eq!(VERDICT_MEMBER, SCHEMA);
}

#[test]
fn asking_again_tells_what_differs() {
    let recorded = Recorded::decode(&allowed().encode()).unwrap();
    let mut log = Log::of([provenance(1), scan(2, &[])]);
    log.erased = [LeafIndex::new(2).unwrap()].into();
    let again = log.judged(&Policy::load(POLICY.as_bytes()).unwrap(), &question());
    let differences = differences(&recorded, &again);
    let places: Vec<&str> = differences.iter().map(|difference| difference.place.as_str()).collect();
    assert_eq!(
        places,
        ["decision", "rules[scan].evidence[2]", "rules[scan].message", "rules[scan].status", "valid_until"]
    );
    let decision = &differences[0];
    assert_eq!(
        (decision.recorded.as_deref(), decision.found.as_deref()),
        (Some("ALLOW"), Some("INDETERMINATE"))
    );
}

#[test]
fn the_same_rules_in_another_order_are_a_difference() {
    let verdict = allowed();
    let mut json: Json = serde_json::from_slice(&verdict.encode()).unwrap();
    json["rules"].as_array_mut().unwrap().reverse();
    let recorded = Recorded::decode(&canonical(&json)).unwrap();
    let places: Vec<String> =
        differences(&recorded, &verdict).into_iter().map(|difference| difference.place).collect();
    assert_eq!(places, ["rules"]);
}

#[test]
fn entries_that_come_later_change_nothing_at_the_judged_size() {
    // What is judged is what was gathered up to the size; a thousand entries about other things are not among it.
    let before = allowed().encode();
    let more =
        (100..1100).map(|index| but(scan(index, &[]), |entry| entry.subjects = vec!["sha256:00".to_owned()]));
    let after = judged(&[provenance(1), scan(2, &[])].into_iter().chain(more).collect::<Vec<_>>()).encode();
    assert_eq!(before, after);
}

#[test]
fn a_verdict_is_valid_until_the_first_of_what_it_rests_on_ends() {
    assert_eq!(allowed().valid_until(), day(NOW - 1 + 7), "the scan's age");
    // Of several that each would do, the last one to end counts.
    let policy = Policy::load(b"policy: p\nversion: 1\nrules: [{id: r, require: {predicate: provenance, count: any, max_age: 30d}}]\n").unwrap();
    let old = but(provenance(1), |entry| entry.time = day(NOW - 20));
    let verdict = Log::of([old.clone(), provenance(2)]).judged(&policy, &question());
    assert_eq!(verdict.valid_until(), day(NOW - 1 + 30));
    assert_eq!(Log::of([old]).judged(&policy, &question()).valid_until(), day(NOW + 10));
    // At that time it still holds, and a moment later it does not.
    let at = |micros| Question { evaluated_at: day(NOW - 1 + 30).plus_micros(micros), ..question() };
    let log = Log::of([provenance(2)]);
    assert_eq!(log.judged(&policy, &at(0)).decision(), Decision::Allow);
    assert_eq!(log.judged(&policy, &at(1)).decision(), Decision::Deny);
}

#[test]
fn values_from_outside_stay_on_their_line() {
    let evil = "CVE-1\nPASS\u{1b}[31m".to_owned() + &"x".repeat(10_000);
    let verdict = judged(&[provenance(1), scan(2, &[(&evil, "Critical", "pkg:npm/a@1")])]);
    let message = &verdict.rules()[1].message;
    assert!(!message.contains(['\n', '\u{1b}']) && message.len() < 400, "{message}");
}

#[test]
fn what_would_come_out_without_an_entry_can_be_asked() {
    let policy = Policy::load(POLICY.as_bytes()).unwrap();
    let evidence = Log::of([provenance(1), scan(2, &[])]).gathered(&policy, &question());
    let decided = |evidence: &crate::Evidence| crate::judge(&policy, evidence, &question()).decision();
    assert_eq!(decided(&evidence), Decision::Allow);
    assert_eq!(evidence.entries().count(), 2);
    let without = evidence.without(|entry| (entry.index.get() != 1).then(|| entry.clone()));
    assert_eq!((decided(&without), decided(&evidence)), (Decision::Deny, Decision::Allow));
}

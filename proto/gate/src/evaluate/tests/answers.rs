//! Answers to what a scan found: whose, about what, and which of them is the last word.

use serde_json::json;

use super::made::*;
use crate::verdict::Status;

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

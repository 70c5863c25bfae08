//! What scans and VEX say, and how none of it can be made to look clean.

use super::*;
use crate::predicate::openvex::{PARTS_MAX, VEX_MAX};
use crate::predicate::vulns::REPORT_TYPE;

const VULNS: &str = "https://in-toto.io/attestation/vulns/v0.2";
const VEX: &str = "https://openvex.dev/ns/v0.2.0";
const APP: &str = "artifact sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
const LIB: &str = "pkg:npm/axios@1.14.1";

fn scan(result: &Value) -> Value {
    json!({
        "scanner": {"uri": "pkg:github/aquasecurity/trivy@0.72", "version": "0.72", "db": {"uri": "d", "version": "2", "lastUpdate": "2026-11-20T06:00:00Z"}, "result": result},
        "metadata": {"scanStartedOn": "2026-11-20T11:10:00Z", "scanFinishedOn": "2026-11-20T11:11:00Z"},
        "invocation": {"uri": "https://ci.example/7/", "event_id": "7", "builder.id": "x"},
    })
}

fn vex(statements: &Value) -> Value {
    json!({"@context": VEX, "@id": "https://x.example/vex", "author": "Alice", "timestamp": "2026-11-20T12:00:00Z", "version": 1, "statements": statements})
}

/// Edges without those to the document itself.
fn about(facts: &Facts) -> Vec<String> {
    let edges = facts.edges.iter().filter(|edge| edge.kind != EdgeKind::DescribedBy);
    edges.map(ToString::to_string).collect()
}

fn unreadable(predicate_type: &str, predicate: &Value, place: &str) {
    let facts = facts(predicate_type, &app(), predicate);
    assert!(!facts.interpreted, "{predicate}");
    assert!(about(&facts).is_empty(), "{predicate}");
    assert!(facts.warnings.iter().any(|w| w.to_string().contains(place)), "{place}: {:?}", facts.warnings);
}

#[test]
fn a_scan_gives_an_edge_for_each_finding() {
    let result = json!([{"id": "CVE-2026-1", "severity": [{"method": "nvd", "score": "medium"}]}, {"vulnerability": {"id": "GHSA-a"}}]);
    for scan_type in
        ["https://in-toto.io/attestation/vulns/v0.1", "https://in-toto.io/attestation/vulns", VULNS]
    {
        let facts = facts(scan_type, &app(), &scan(&result));
        let document = Digest::sha256_of(scan(&result).to_string().as_bytes());
        assert_eq!(
            edges(&facts),
            [
                format!("{APP} affected-by vulnerability CVE-2026-1"),
                format!("{APP} affected-by vulnerability GHSA-a"),
                format!("{APP} described-by document {document}"),
            ]
        );
        assert!(facts.interpreted && facts.warnings.is_empty(), "{:?}", facts.warnings);
        assert_eq!(facts.happened.unwrap().to_string(), "2026-11-20T11:11:00.000000Z");
        assert_eq!(facts.times.len(), 3, "start, end and database");
        for term in [
            Term::parse(Field::Run, "https://ci.example/7"),
            Term::parse(Field::Identity, "pkg:github/aquasecurity/trivy@0.72"),
            Term::parse(Field::Vulnerability, "GHSA-a"),
        ] {
            assert!(facts.terms().contains(&term.unwrap()));
        }
    }
    for clean in [json!([]), json!(null)] {
        let facts = facts(VULNS, &app(), &scan(&clean));
        assert!(facts.interpreted && facts.warnings.is_empty() && about(&facts).is_empty());
    }
}

/// No member is meant for the package that something was found in, and scanners write it into the annotations.
#[test]
fn a_package_that_a_finding_names_is_affected_too() {
    let inner = "pkg:npm/inner@2";
    for annotations in [
        json!([{"purl": LIB}, {"path": "a/b", "n": 1, "fix": null, "ok": true, "score": -1.5}]),
        json!({"package": {"name": "axios", "purl": LIB}}),
        json!([{"key": "package", "value": "pkg:NPM/axios@1.14.1"}]),
        json!([LIB, LIB]),
    ] {
        let facts = facts(VULNS, &app(), &scan(&json!([{"id": "CVE-1", "annotations": annotations}])));
        let expected = [
            format!("{APP} affected-by vulnerability CVE-1"),
            format!("component {LIB} affected-by vulnerability CVE-1"),
        ];
        assert_eq!(about(&facts), expected, "{annotations}");
        assert!(facts.terms().contains(&Term::parse(Field::Component, LIB).unwrap()));
    }
    let several = json!([{"id": "CVE-1", "annotations": [{"purls": [LIB, inner]}], "purl": LIB, "package": {"x": inner}}]);
    assert_eq!(about(&facts(VULNS, &app(), &scan(&several))).len(), 3);
    for none in
        [json!(null), json!([]), json!("text"), json!([{"note": "see pkg:npm/axios@1.14.1"}]), json!(7)]
    {
        let facts = facts(VULNS, &app(), &scan(&json!([{"id": "CVE-1", "annotations": none}])));
        assert_eq!(about(&facts), [format!("{APP} affected-by vulnerability CVE-1")], "{none}");
    }
    let many: Vec<String> = (0..=crate::predicate::PACKAGES_MAX).map(|n| format!("pkg:npm/a@{n}")).collect();
    unreadable(VULNS, &scan(&json!([{"id": "CVE-1", "annotations": many}])), "at most 1024 packages");
}

#[test]
fn a_finding_of_osv_scanner_is_found_by_each_of_its_names() {
    let report = json!({"results": [{"source": {"path": "package-lock.json"}, "packages": [{
        "package": {"name": "axios", "version": "1.14.1", "ecosystem": "npm"},
        "vulnerabilities": [{"id": "GHSA-a"}],
        "groups": [{"ids": ["GHSA-a"], "aliases": ["CVE-2026-1", "GHSA-a"], "max_severity": "9.1"}],
    }]}]});
    let facts = facts(REPORT_TYPE, &app(), &report);
    assert!(facts.interpreted && facts.warnings.is_empty(), "{:?}", facts.warnings);
    let of = |node: &str, id: &str| format!("{node} affected-by vulnerability {id}");
    let library = format!("component {LIB}");
    let expected =
        [of(APP, "CVE-2026-1"), of(APP, "GHSA-a"), of(&library, "CVE-2026-1"), of(&library, "GHSA-a")];
    assert_eq!(about(&facts), expected);
}

#[test]
fn a_finding_that_cannot_be_read_makes_no_clean_scan() {
    for (result, place) in [
        (json!([{"id": "CVE-1"}, {"id": ""}]), "finding with an id"),
        (json!([{"id": "CVE-1"}, {"severity": []}]), "finding with an id"),
        (json!([{"id": "CVE-1"}, {"vulnerability": {}}]), "finding with an id"),
        (json!([{"id": 7}]), "id"),
        (json!(["CVE-1"]), "result"),
        (json!([["CVE-1"]]), "result"),
        (json!({"Results": []}), "result"),
        (json!("none"), "result"),
    ] {
        unreadable(VULNS, &scan(&result), place);
    }
    unreadable(VULNS, &json!({"metadata": {}}), "scanner");
    unreadable(VULNS, &json!({"scanner": []}), "scanner");
    let many: Value = vec![json!({"id": "x"}); 50_001].into();
    unreadable(VULNS, &scan(&many), "at most 50000");
}

const COSIGN: [&str; 2] =
    ["https://cosign.sigstore.dev/attestation/vuln/v1", "cosign.sigstore.dev/attestation/vuln/v1"];

/// What trivy writes, with one vulnerability.
fn trivy() -> Value {
    json!({"SchemaVersion": 2, "Results": [{"Target": "t", "Vulnerabilities": [
        {"VulnerabilityID": "CVE-2026-1", "PkgName": "axios", "InstalledVersion": "1.14.1", "PkgIdentifier": {"PURL": LIB}, "Severity": "HIGH"},
    ]}]})
}

#[test]
fn the_scanners_own_report_inside_cosigns_scan_is_read() {
    for cosign in COSIGN {
        let found = facts(cosign, &app(), &scan(&json!([{"id": "CVE-2026-1"}])));
        assert_eq!(about(&found), [format!("{APP} affected-by vulnerability CVE-2026-1")]);
        let found = facts(cosign, &app(), &scan(&trivy()));
        assert_eq!(
            about(&found),
            [
                format!("{APP} affected-by vulnerability CVE-2026-1"),
                format!("component {LIB} affected-by vulnerability CVE-2026-1"),
            ]
        );
        assert!(found.interpreted && found.warnings.is_empty(), "{:?}", found.warnings);
        assert!(found.labels.values().any(|label| label.contains("trivy")), "{:?}", found.labels);
    }
}

#[test]
fn a_report_inside_cosigns_scan_that_is_not_whole_makes_no_clean_scan() {
    let sarif = |run: Value| json!({"version": "2.1.0", "runs": [run]});
    let tool = json!({"driver": {"name": "t"}});
    for (own, place) in [
        (json!({"Results": [{"Vulnerabilities": []}]}), "not interpreted: neither"),
        (json!(null), "object"),
        (json!([{"x": 1}]), "object"),
        (json!("x"), "object"),
        (sarif(json!({"tool": tool})), "no results"),
        (sarif(json!({"tool": tool, "results": [{"message": {"text": "m"}}]})), "has no id"),
    ] {
        for cosign in COSIGN {
            let facts = facts(cosign, &app(), &scan(&own));
            assert!(!facts.interpreted && about(&facts).is_empty(), "{own}");
            let said: Vec<String> = facts.warnings.iter().map(ToString::to_string).collect();
            assert!(said.iter().any(|text| text.contains(place)), "{own}: {said:?}");
            assert_eq!(facts.edges.len(), 1, "it is found by its own digest");
            assert_eq!(facts.times.len(), 3, "and its times are checked");
        }
    }
    unreadable(COSIGN[0], &json!({"scanner": 1}), "scanner");
}

#[test]
fn a_scanners_report_is_a_predicate_and_a_document_of_its_own() {
    let mut report = trivy();
    report["CreatedAt"] = json!("2026-11-20T11:10:00Z");
    let facts = facts(REPORT_TYPE, &app(), &report);
    assert_eq!(
        about(&facts),
        [
            format!("{APP} affected-by vulnerability CVE-2026-1"),
            format!("component {LIB} affected-by vulnerability CVE-2026-1"),
        ]
    );
    let document = Digest::sha256_of(report.to_string().as_bytes());
    assert!(edges(&facts).contains(&format!("{APP} described-by document {document}")));
    assert_eq!(facts.happened, Some("2026-11-20T11:10:00.000000Z".parse().unwrap()));
    let claimed: Vec<&str> = facts.times.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(claimed, ["predicate.CreatedAt"]);
    assert!(facts.interpreted && facts.warnings.is_empty(), "{:?}", facts.warnings);
}

#[test]
fn a_report_happened_when_its_last_run_ended() {
    let run = |times: &[&str]| {
        let invocations: Vec<Value> =
            times.iter().map(|time| json!({"executionSuccessful": true, "endTimeUtc": time})).collect();
        json!({"tool": {"driver": {"name": "t"}}, "results": [], "invocations": invocations})
    };
    let runs =
        [run(&["2026-11-20T11:10:00Z", "2026-11-20T11:12:00Z"]), run(&["2026-11-20T11:11:00Z", "noon"])];
    let facts = facts(REPORT_TYPE, &app(), &json!({"version": "2.1.0", "runs": runs}));
    assert!(facts.interpreted && about(&facts).is_empty());
    assert_eq!(facts.happened, Some("2026-11-20T11:12:00.000000Z".parse().unwrap()));
    let said: Vec<String> = facts.warnings.iter().map(ToString::to_string).collect();
    assert!(
        said.len() == 1 && said[0].starts_with("predicate.runs[1].invocations[1].endTimeUtc: "),
        "{said:?}"
    );
}

#[test]
fn a_report_that_is_not_whole_makes_no_clean_scan() {
    let sarif = |run: Value| json!({"version": "2.1.0", "runs": [run]});
    let tool = json!({"driver": {"name": "t"}});
    let failed = json!({"tool": tool, "results": [], "invocations": [{"executionSuccessful": false}]});
    for (report, place) in [
        (
            json!({"Results": [{"Vulnerabilities": []}]}),
            "predicate: the scanner's own report: not interpreted: neither",
        ),
        (json!({"SchemaVersion": 2}), "predicate: Results: there are no results"),
        (json!({"SchemaVersion": 1, "Results": []}), "not interpreted: neither"),
        (json!({"matches": [], "descriptor": []}), "predicate: the scanner's own report: "),
        (json!({"version": "2.0.0", "runs": []}), "SARIF \"2.0.0\""),
        (json!({"version": "2.1.0", "runs": []}), "predicate: runs: there are no results"),
        (sarif(failed), "predicate: runs[0]: the scan failed"),
        (sarif(json!({"tool": tool})), "predicate: runs[0]: there are no results"),
        (
            sarif(json!({"tool": tool, "results": [{"message": {"text": "m"}}]})),
            "predicate: runs[0].results[0] has no id",
        ),
    ] {
        let facts = facts(REPORT_TYPE, &app(), &report);
        assert!(!facts.interpreted && about(&facts).is_empty(), "{report}");
        let said: Vec<String> = facts.warnings.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|text| text.contains(place)), "{report}: {said:?}");
    }
}

#[test]
fn a_failed_invocation_beyond_the_limit_is_no_clean_scan() {
    let mut invocations = vec![json!({"executionSuccessful": true}); crate::scan::RUNS_MAX];
    invocations.push(json!({"executionSuccessful": false}));
    let run = json!({"tool": {"driver": {"name": "t"}}, "results": [], "invocations": invocations});
    let facts = facts(REPORT_TYPE, &app(), &json!({"version": "2.1.0", "runs": [run]}));
    assert!(!facts.interpreted, "{:?}", facts.warnings);
    assert!(facts.warnings[0].to_string().contains("runs[0].invocations: at most 1024"));
}

#[test]
fn what_somebody_accepted_is_found_and_affects_nothing() {
    let suppressed = json!([{"kind": "external", "status": "accepted"}]);
    let result = json!({"ruleId": "CVE-2026-1", "message": {"text": "m"}, "suppressions": suppressed});
    let sarif =
        json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": [result]}]});
    let facts = facts(COSIGN[0], &app(), &scan(&sarif));
    assert!(facts.interpreted && about(&facts).is_empty(), "{:?}", facts.warnings);
    assert!(facts.terms().contains(&Term::parse(Field::Vulnerability, "CVE-2026-1").unwrap()));
}

#[test]
fn vex_is_about_its_products_or_else_the_subjects() {
    let statement = |status: &str, products: Value| {
        let mut statement =
            json!({"vulnerability": {"name": "CVE-2026-1", "aliases": ["GHSA-a"]}, "status": status});
        if !products.is_null() {
            statement["products"] = products;
        }
        vex(&json!([statement]))
    };
    let both = |of: &str, edge: &str| {
        vec![format!("{of} {edge} vulnerability CVE-2026-1"), format!("{of} {edge} vulnerability GHSA-a")]
    };
    for (status, products, expected) in [
        ("affected", json!(null), both(APP, "affected-by")),
        ("affected", json!([]), both(APP, "affected-by")),
        ("not_affected", json!(null), both(APP, "not-affected-by")),
        ("fixed", json!(null), both(APP, "not-affected-by")),
        ("under_investigation", json!(null), vec![]),
        ("affected", json!([LIB]), both(&format!("component {LIB}"), "affected-by")),
        (
            "affected",
            json!([{"@id": "https://x", "identifiers": {"purl": LIB}}]),
            both(&format!("component {LIB}"), "affected-by"),
        ),
        ("affected", json!([{"@id": "app.tar.gz"}]), both(APP, "affected-by")),
        ("affected", json!([{"hashes": {"sha-256": HEX}}]), both(APP, "affected-by")),
    ] {
        let facts = facts(VEX, &app(), &statement(status, products.clone()));
        assert_eq!(about(&facts), expected, "{status} {products}");
        assert!(facts.interpreted && facts.warnings.is_empty(), "{products}: {:?}", facts.warnings);
        assert!(facts.terms().contains(&Term::parse(Field::Vulnerability, "CVE-2026-1").unwrap()));
        assert!(facts.terms().contains(&Term::parse(Field::Identity, "Alice").unwrap()));
    }
    let image = format!("pkg:oci/api@sha256%3A{HEX}");
    let facts = facts(VEX, &app(), &statement("affected", json!([image])));
    assert_eq!(about(&facts).len(), 4, "the image and its bytes: {:?}", facts.edges);
}

#[test]
fn a_product_that_is_no_subject_gets_no_evidence() {
    let other = "d".repeat(64);
    for product in
        [json!("nginx"), json!({"hashes": {"sha-256": other}}), json!({}), json!({"@id": "app.tar"})]
    {
        let statements = json!([{"vulnerability": "CVE-1", "status": "not_affected", "products": [product]}]);
        let facts = facts(VEX, &app(), &vex(&statements));
        assert!(about(&facts).is_empty(), "{product}: {:?}", facts.edges);
        assert_eq!(facts.warnings[0].path, "predicate.statements[0].products[0]");
        assert!(facts.interpreted);
    }
}

#[test]
fn parts_of_a_product_are_found_and_not_judged() {
    let nested = json!([{"vulnerability": {"name": "CVE-1"}, "status": "not_affected", "products": [{"@id": LIB, "subcomponents": [{"@id": "pkg:npm/inner@1"}]}]}]);
    let beside = json!([{"vulnerability": "CVE-1", "status": "not_affected", "products": [LIB], "subcomponents": ["pkg:npm/inner@1"]}]);
    for statements in [nested, beside] {
        let facts = facts("https://openvex.dev/ns", &app(), &vex(&statements));
        assert_eq!(about(&facts), [format!("component {LIB} not-affected-by vulnerability CVE-1")]);
        assert!(facts.terms().contains(&Term::parse(Field::Component, "pkg:npm/inner").unwrap()));
    }
}

#[test]
fn the_newest_statement_about_a_product_holds() {
    let said = |status: &str, time: Option<&str>| json!({"vulnerability": "CVE-1", "status": status, "products": [LIB], "timestamp": time});
    let (early, late) = (Some("2026-11-01T00:00:00Z"), Some("2026-11-30T00:00:00Z"));
    for (statements, holds) in [
        (json!([said("not_affected", early), said("affected", late)]), Some("affected-by")),
        (json!([said("affected", late), said("not_affected", early)]), Some("affected-by")),
        // Without a time of its own, a statement has that of the document, 20 November.
        (json!([said("affected", None), said("not_affected", early)]), Some("affected-by")),
        (json!([said("affected", None), said("fixed", late)]), Some("not-affected-by")),
        (json!([said("affected", late), said("fixed", late)]), Some("not-affected-by")),
        (json!([said("not_affected", early), said("under_investigation", late)]), None),
    ] {
        let facts = facts(VEX, &app(), &vex(&statements));
        let expected: Vec<String> =
            holds.iter().map(|edge| format!("component {LIB} {edge} vulnerability CVE-1")).collect();
        assert_eq!(about(&facts), expected, "{statements}");
    }
}

#[test]
fn a_vex_statement_that_cannot_be_read_makes_the_document_unreadable() {
    let good = json!({"vulnerability": {"name": "CVE-1"}, "status": "not_affected"});
    for (name, value, place) in [
        ("vulnerability", json!(null), "text or an object"),
        ("vulnerability", json!(""), "vulnerability with a name"),
        ("vulnerability", json!({}), "vulnerability with a name"),
        ("vulnerability", json!(["CVE-1"]), "text or an object"),
        ("status", json!(null), "status"),
        ("status", json!("NOT_AFFECTED"), "status"),
        ("status", json!("safe"), "status"),
        ("timestamp", json!("soon"), "expected a time"),
        ("products", json!({}), "products"),
        ("products", json!([7]), "products"),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        let facts = facts(VEX, &app(), &vex(&json!([good, bad])));
        assert!(!facts.interpreted && facts.edges.is_empty(), "{bad}");
        let said = facts.warnings[0].to_string();
        assert!(said.contains(place) && said.contains("line 1"), "{bad}: {said}");
    }
    for (name, value) in [("author", json!("")), ("statements", json!(null)), ("statements", json!({}))] {
        let mut document = vex(&json!([good]));
        document[name] = value;
        unreadable(VEX, &document, "line 1");
    }
    assert!(facts("https://openvex.dev/nsx", &app(), &vex(&json!([good]))).edges.is_empty());
}

#[test]
fn what_a_vex_document_holds_is_bounded() {
    let one = |products: usize| json!({"vulnerability": "CVE-1", "status": "affected", "products": vec![LIB; products]});
    let facts = |statements: Vec<Value>| facts(VEX, &app(), &vex(&statements.into()));
    let most = VEX_MAX / 1000;
    assert!(facts(vec![one(998); most]).interpreted);
    assert!(!facts(vec![one(999); most]).interpreted);
    assert!(facts(vec![one(1024)]).interpreted);
    assert!(!facts(vec![one(1025)]).interpreted);
    let parts = |parts: usize| json!({"vulnerability": "CVE-1", "status": "affected", "products": [{"@id": LIB, "subcomponents": vec!["x"; parts]}]});
    assert!(facts(vec![parts(PARTS_MAX)]).interpreted);
    assert!(!facts(vec![parts(PARTS_MAX + 1)]).interpreted);
}

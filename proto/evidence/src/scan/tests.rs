use proptest::prelude::*;
use serde_json::{Value, json};

use super::junit::{JunitError, JunitFault};
use super::*;

fn scanned(report: &Value) -> Scan {
    read(report.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn sarif(run: &Value) -> Scan {
    scanned(&json!({"version": "2.1.0", "runs": [run]}))
}

/// A run whose results are of one rule.
fn run(rule: &Value, results: &Value) -> Value {
    json!({"tool": {"driver": {"name": "t", "rules": [rule]}}, "results": results})
}

fn severities(scan: &Scan) -> Vec<Severity> {
    scan.findings.iter().map(|finding| finding.severity).collect()
}

#[test]
fn a_grype_match_is_a_finding_with_its_package() {
    let scan = scanned(&json!({
        "descriptor": {"name": "grype", "version": "0.111.0"},
        "matches": [
            {"vulnerability": {"id": "GHSA-1", "severity": "Critical", "fix": {"versions": ["5.9.0"]}},
             "artifact": {"name": "pgx", "version": "v5.8.0", "purl": "pkg:golang/github.com/jackc/pgx/v5@v5.8.0"}},
            {"vulnerability": {"id": "CVE-2", "severity": "Sometimes"}, "artifact": {"name": "x", "purl": "no purl"}},
        ],
    }));
    assert_eq!(scan.tools, [Tool { name: "grype".to_owned(), version: Some("0.111.0".to_owned()) }]);
    let first = &scan.findings[0];
    assert_eq!((first.id.as_deref(), first.severity), (Some("GHSA-1"), Severity::Critical));
    assert_eq!(first.component, Some("pkg:golang/github.com/jackc/pgx/v5@v5.8.0".parse().unwrap()));
    assert_eq!(
        (first.fixed_in.as_slice(), first.path.as_str()),
        (["5.9.0".to_owned()].as_slice(), "matches[0]")
    );
    assert_eq!((scan.findings[1].severity, &scan.findings[1].component), (Severity::Unknown, &None));
    assert_eq!(scan.left_out[0].0, "matches[1].artifact.purl");
    assert_eq!(scan.counts(), [(Severity::Critical, 1), (Severity::Unknown, 1)].into());
}

#[test]
fn a_trivy_report_gives_all_of_its_lists_but_no_check_that_passed() {
    let scan = scanned(&json!({
        "SchemaVersion": 2, "Trivy": {"Version": "0.60.0"},
        "Results": [{
            "Vulnerabilities": [{"VulnerabilityID": "CVE-1", "Severity": "HIGH", "PkgName": "ssl", "InstalledVersion": "1.1",
                "FixedVersion": "1.1.1, 3.0.2", "PkgIdentifier": {"PURL": "pkg:apk/alpine/ssl@1.1"}}],
            "Misconfigurations": [{"ID": "DS001", "Severity": "LOW", "Status": "FAIL"}, {"ID": "DS002", "Status": "PASS"}],
            "Secrets": [{"RuleID": "aws-key", "Severity": "CRITICAL"}],
            "Licenses": [{"Name": "AGPL-3.0", "Severity": "MEDIUM"}],
        }, {"Target": "empty", "Vulnerabilities": null}],
    }));
    let ids: Vec<&str> = scan.findings.iter().filter_map(|finding| finding.id.as_deref()).collect();
    assert_eq!(ids, ["CVE-1", "DS001", "aws-key", "AGPL-3.0"]);
    assert_eq!(severities(&scan), [Severity::High, Severity::Low, Severity::Critical, Severity::Medium]);
    assert_eq!(scan.findings[0].fixed_in, ["1.1.1", "3.0.2"]);
    assert_eq!(scan.findings[0].component.as_ref().unwrap().name(), "ssl");
    assert_eq!(scan.findings[2].path, "Results[0].Secrets[0]");
    assert_eq!(
        (scan.incomplete.as_slice(), scan.tools[0].version.as_deref()),
        ([].as_slice(), Some("0.60.0"))
    );
}

/// One package of a report of OSV-Scanner.
fn osv(package: &Value) -> Value {
    json!({"results": [{"source": {"path": "/src/go.mod", "type": "lockfile"}, "packages": [package]}]})
}

#[test]
fn what_osv_scanner_groups_is_one_finding_with_all_of_its_names() {
    let record = |id: &str, fixed: &str| {
        json!({"id": id, "schema_version": "1.6.0", "aliases": ["CVE-2026-1"], "database_specific": {"severity": "MODERATE"},
        "affected": [
            {"package": {"name": "github.com/gogo/protobuf", "ecosystem": "Go", "purl": "pkg:golang/github.com/gogo/protobuf"},
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": fixed}]}, {"type": "GIT", "events": [{"fixed": "c0ffee"}]}]},
            {"package": {"name": "another", "ecosystem": "Go"}, "ranges": [{"type": "SEMVER", "events": [{"fixed": "9.9.9"}]}]},
        ]})
    };
    let scan = scanned(&osv(&json!({
        "package": {"name": "github.com/gogo/protobuf", "version": "1.3.1", "ecosystem": "Go"},
        "vulnerabilities": [record("GHSA-a", "1.3.2"), record("GO-2026-1", "1.3.2"), record("GO-2026-2", "1.4.0"),
            {"id": "MAL-2026-1"}, {"id": "GHSA-b", "aliases": null, "affected": null, "database_specific": null}],
        "groups": [
            {"ids": ["GHSA-a", "GO-2026-1"], "aliases": ["CVE-2026-1", "GHSA-a", "GO-2026-1"], "max_severity": "8.6"},
            {"ids": ["GO-2026-2"], "max_severity": ""},
            {"ids": ["GHSA-b"], "aliases": ["GHSA-b"], "max_severity": "9.8", "experimentalAnalysis": {"GHSA-b": {"called": false}}},
        ],
        "license_violations": ["AGPL-3.0"],
    })));
    let found: Vec<(&str, &str, Severity)> = scan
        .findings
        .iter()
        .map(|finding| (finding.path.as_str(), finding.id.as_deref().unwrap(), finding.severity))
        .collect();
    let at = |place: &str| format!("results[0].packages[0].{place}");
    assert_eq!(
        found,
        [
            (at("groups[0]").as_str(), "GHSA-a", Severity::High),
            (at("groups[1]").as_str(), "GO-2026-2", Severity::Medium),
            (at("groups[2]").as_str(), "GHSA-b", Severity::Critical),
            (at("vulnerabilities[3]").as_str(), "MAL-2026-1", Severity::Unknown),
            (at("license_violations[0]").as_str(), "AGPL-3.0", Severity::Unknown),
        ]
    );
    assert_eq!(scan.findings[0].aliases, ["GO-2026-1", "CVE-2026-1"]);
    assert_eq!(scan.findings[0].fixed_in, ["1.3.2"]);
    assert_eq!(scan.findings[1].aliases, ["CVE-2026-1"]);
    let component = Some("pkg:golang/github.com/gogo/protobuf@v1.3.1".parse().unwrap());
    assert!(scan.findings.iter().all(|finding| finding.component == component && !finding.suppressed));
    assert_eq!((scan.format.as_str(), scan.incomplete.len()), ("OSV-Scanner", 0));
}

/// Databases say a word, or a vector, or both; the word is what they made of the vector.
#[test]
fn where_no_word_is_said_the_worst_cvss_vector_tells_the_severity() {
    let high = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N";
    let critical = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";
    let old = "AV:N/AC:L/Au:N/C:P/I:P/A:P";
    let scores = |vectors: &[&str]| {
        json!(vectors.iter().map(|vector| json!({"type": "CVSS_V3", "score": vector})).collect::<Vec<_>>())
    };
    for (word, vectors, expected) in [
        (None, &[high][..], Severity::High),
        (None, &[high, critical, old], Severity::Critical),
        (None, &[old], Severity::Unknown),
        (None, &["medium", high], Severity::High),
        (None, &["medium"], Severity::Unknown),
        (None, &[], Severity::Unknown),
        (Some("LOW"), &[critical], Severity::Low),
        (Some("UNKNOWN"), &[high], Severity::High),
        (Some(""), &[high], Severity::High),
    ] {
        let scores = scores(vectors);
        let affected = json!([{"package": {"name": "p", "ecosystem": "Go"}, "severity": scores}, {"package": {"name": "another"}, "severity": [{"score": critical}]}]);
        for record in [
            json!({"id": "GHSA-a", "severity": scores, "database_specific": {"severity": word}}),
            json!({"id": "GHSA-a", "affected": affected, "database_specific": {"severity": word}}),
        ] {
            let package = json!({"package": {"name": "p", "version": "1", "ecosystem": "Go"}, "vulnerabilities": [record],
                "groups": [{"ids": ["GHSA-a"], "max_severity": ""}]});
            assert_eq!(severities(&scanned(&osv(&package))), [expected], "{record}");
        }
        let cvss: Vec<Value> =
            vectors.iter().map(|vector| json!({"version": "3.1", "vector": vector})).collect();
        let grype = json!({"descriptor": {"name": "grype"}, "matches": [
            {"vulnerability": {"id": "GHSA-a", "severity": word, "cvss": cvss}, "artifact": {"name": "p"}}]});
        assert_eq!(severities(&scanned(&grype)), [expected], "{grype}");
    }
}

/// The one that is not looked at could be the worst.
#[test]
fn more_vectors_than_are_looked_at_are_refused_with_their_place() {
    let refused = |report: &Value| read(report.to_string().as_bytes()).unwrap_err().to_string();
    let many: Vec<Value> = (0..65).map(|_| json!({"vector": "x", "score": "x"})).collect();
    let grype = json!({"descriptor": {"name": "grype"}, "matches": [{"vulnerability": {"id": "a", "cvss": many}, "artifact": {}}]});
    assert!(refused(&grype).contains("matches[0].vulnerability.cvss"), "{}", refused(&grype));
    for record in [json!({"id": "a", "severity": many}), json!({"id": "a", "affected": [{"severity": many}]})]
    {
        let report = osv(&json!({"package": {"name": "p"}, "vulnerabilities": [record]}));
        assert!(refused(&report).contains("packages[0].vulnerabilities[0].severity"), "{}", refused(&report));
    }
}

#[test]
fn packages_of_osv_get_the_package_urls_of_their_ecosystems() {
    for (ecosystem, name, version, expected) in [
        ("npm", "@babel/core", "7.0.0", Some("pkg:npm/%40babel/core@7.0.0")),
        ("PyPI", "Zope.Interface", "1.0", Some("pkg:pypi/zope-interface@1.0")),
        ("crates.io", "serde", "1.0.0+a", Some("pkg:cargo/serde@1.0.0%2Ba")),
        ("Maven", "org.apache.commons:io", "2", Some("pkg:maven/org.apache.commons/io@2")),
        ("Go", "stdlib", "1.22.1", Some("pkg:golang/stdlib@1.22.1")),
        ("Go", "golang.org/x/net", "v0.1.0", Some("pkg:golang/golang.org/x/net@v0.1.0")),
        ("Go", "golang.org/x/net", "", Some("pkg:golang/golang.org/x/net")),
        ("Debian:12", "curl", "7.88.1-10+deb12u5", Some("pkg:deb/debian/curl@7.88.1-10%2Bdeb12u5")),
        ("Alpine:v3.19", "musl", "1.2.4-r2", Some("pkg:apk/alpine/musl@1.2.4-r2")),
        ("Packagist", "laravel/framework", "8.0", Some("pkg:composer/laravel/framework@8.0")),
        ("NuGet", "Newtonsoft.Json", "12.0.1", Some("pkg:nuget/Newtonsoft.Json@12.0.1")),
        ("RubyGems", "rails", "7", Some("pkg:gem/rails@7")),
        // A name that would name another package if it were cut in a second place.
        ("npm", "a@1?x#y", "2", Some("pkg:npm/a%401%3Fx%23y@2")),
        ("npm", "", "1", None),
        ("GIT", "https://github.com/a/b", "", None),
        ("", "x", "1", None),
    ] {
        let found = ecosystem::purl(ecosystem, name, version).map(|purl| purl.to_string());
        assert_eq!(found.as_deref(), expected, "{ecosystem} {name}");
    }
}

#[test]
fn an_empty_list_of_results_is_a_clean_scan_only_if_osv_scanner_wrote_it() {
    let clean = scanned(
        &json!({"results": [], "experimental_config": {"licenses": {"summary": false, "allowlist": null}}}),
    );
    assert!(clean.findings.is_empty() && clean.incomplete.is_empty());
    let none = json!({"package": {"name": "left-pad", "version": "1", "ecosystem": "npm"}});
    assert!(scanned(&osv(&none)).findings.is_empty());
    for other in [
        json!({"results": []}),
        json!({"results": [], "errors": [], "version": "1.60.0", "paths": {"scanned": []}}),
        json!({"results": [{"check_id": "x", "path": "a.py"}], "errors": []}),
        json!({"results": {"failed_checks": []}}),
        json!({"results": [7]}),
        json!({"results": null}),
    ] {
        assert_eq!(read(other.to_string().as_bytes()), Err(ScanError::Unknown), "{other}");
    }
}

#[test]
fn a_package_of_osv_scanner_that_cannot_be_read_makes_no_clean_scan() {
    let package = json!({"name": "a", "version": "1", "ecosystem": "npm"});
    for (entry, place) in [
        (
            json!({"package": package, "vulnerabilities": [{"aliases": []}]}),
            "in results[0].packages[0].vulnerabilities[0]",
        ),
        (
            json!({"package": package, "vulnerabilities": ["CVE-1"]}),
            "in results[0].packages[0].vulnerabilities[0]",
        ),
        (json!({"package": package, "vulnerabilities": {}}), "in results[0].packages[0].vulnerabilities"),
        (json!({"package": package, "groups": [{}]}), "in results[0].packages[0].groups[0]"),
        (json!({"vulnerabilities": []}), "in results[0].packages[0]"),
    ] {
        let error = read(osv(&entry).to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.contains(place), "{entry}: {error}");
    }
    let error = read(br#"{"results":[{"packages":[]},{"source":{}}]}"#).unwrap_err().to_string();
    assert!(error.contains("in results[1]"), "{error}");
    let many = vec![json!({"id": "x"}); 30_000];
    let entry = json!({"package": package, "vulnerabilities": many});
    let report = json!({"results": [{"packages": [entry, entry]}]});
    assert!(matches!(read(report.to_string().as_bytes()), Err(ScanError::TooMany { .. })));
}

#[test]
fn the_severity_of_a_sarif_result_comes_from_the_score_then_from_the_level() {
    let scored = |score: Value| {
        severities(&sarif(&run(
            &json!({"id": "r", "properties": {"security-severity": score}}),
            &json!([{"ruleId": "r", "level": "note"}]),
        )))[0]
    };
    for (score, expected) in [
        (json!("10.0"), Severity::Critical),
        (json!("9.0"), Severity::Critical),
        (json!(8.9), Severity::High),
        (json!("7"), Severity::High),
        (json!("6.9"), Severity::Medium),
        (json!("0.1"), Severity::Low),
        // What is no score does not decide.
        (json!("0.0"), Severity::Low),
        (json!("NaN"), Severity::Low),
        (json!("bad"), Severity::Low),
        (json!([9]), Severity::Low),
        (json!(null), Severity::Low),
    ] {
        assert_eq!(scored(score.clone()), expected, "{score}");
    }
    let rule = json!({"id": "r", "defaultConfiguration": {"level": "note"}});
    let results = json!([
        {"ruleId": "r"}, {"ruleIndex": 0}, {"rule": {"index": 0}}, {"ruleId": "other"}, {"ruleIndex": -1}, {"ruleIndex": 7},
        {"ruleId": "r", "level": "error"}, {"ruleId": "r", "level": "fatal"}, {"kind": "open", "level": "none"},
    ]);
    let (note, warning, unknown) = (Severity::Low, Severity::Medium, Severity::Unknown);
    let expected = [note, note, note, warning, warning, warning, Severity::High, unknown, unknown];
    let scan = sarif(&run(&rule, &results));
    assert_eq!(severities(&scan), expected);
    assert_eq!(scan.findings[1].id.as_deref(), Some("r"));
}

#[test]
fn a_rule_of_an_extension_is_found_there() {
    let scan = sarif(&json!({
        "tool": {"driver": {"name": "t", "rules": [{"id": "a"}]}, "extensions": [
            {"name": "x", "rules": [{"id": "b", "properties": {"security-severity": "9.8"}}]}]},
        "results": [{"rule": {"index": 0, "toolComponent": {"index": 0}}}, {"rule": {"id": "b", "toolComponent": {"index": 0}}},
            {"rule": {"index": 0, "toolComponent": {"index": 3}}}],
    }));
    assert_eq!(severities(&scan), [Severity::Critical, Severity::Critical, Severity::Medium]);
    assert_eq!(scan.findings[0].id.as_deref(), Some("b"));
}

#[test]
fn what_passed_or_is_gone_is_no_finding_and_what_is_accepted_is_not_counted() {
    let results = json!([
        {"kind": "pass"}, {"kind": "notApplicable"}, {"kind": "informational"}, {"baselineState": "absent"},
        {"kind": "fail", "suppressions": [{"kind": "external"}]},
        {"suppressions": [{"status": "accepted"}, {"status": "underReview"}]},
        {"suppressions": []}, {"kind": "strange"},
    ]);
    let scan = sarif(&run(&json!({"id": "r"}), &results));
    let suppressed: Vec<bool> = scan.findings.iter().map(|finding| finding.suppressed).collect();
    assert_eq!(suppressed, [true, false, false, false]);
    assert_eq!(scan.counts(), [(Severity::Medium, 2), (Severity::Unknown, 1)].into());
}

/// No findings is clean only if the scan came to its end.
#[test]
fn a_scan_that_did_not_end_is_not_clean() {
    let tool = json!({"driver": {"name": "t"}});
    for (run, expected) in [
        (json!({"tool": tool}), Some(Incomplete::NoResults)),
        (json!({"tool": tool, "results": null}), Some(Incomplete::NoResults)),
        (
            json!({"tool": tool, "results": [], "invocations": [{"executionSuccessful": false}]}),
            Some(Incomplete::Failed),
        ),
        (
            json!({"tool": tool, "results": [], "externalPropertyFileReferences": {"results": [{}]}}),
            Some(Incomplete::Elsewhere),
        ),
        (json!({"tool": tool, "results": [], "invocations": [{"executionSuccessful": true}]}), None),
        (json!({"tool": tool, "results": []}), None),
    ] {
        let found = sarif(&run).incomplete.first().map(|(_, why)| *why);
        assert_eq!(found, expected, "{run}");
    }
    let no_run = scanned(&json!({"version": "2.1.0", "runs": []}));
    assert_eq!(no_run.incomplete, [("runs".to_owned(), Incomplete::NoResults)]);
    let no_target = scanned(&json!({"SchemaVersion": 2}));
    assert_eq!(no_target.incomplete, [("Results".to_owned(), Incomplete::NoResults)]);
}

#[test]
fn what_is_no_report_is_refused_with_the_place() {
    let refusal = |text: &str| read(text.as_bytes()).expect_err(text);
    for text in ["{}", "{\"bomFormat\":\"CycloneDX\"}", "{\"matches\":[]}", "{\"SchemaVersion\":1}"] {
        assert_eq!(refusal(text), ScanError::Unknown, "{text}");
    }
    assert_eq!(
        refusal("{\"version\":\"2.0.0\",\"runs\":[]}"),
        ScanError::SarifVersion { version: "2.0.0".to_owned() }
    );
    for (text, place) in [
        ("", "line 1 column 1"),
        ("[]", "line 1 column"),
        ("{\"version\":\"2.1.0\",\"runs\":[{}]}", "in runs[0]"),
        (
            "{\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{}},\"results\":[{\"ruleId\":7}]}]}",
            "in runs[0].results[0].ruleId",
        ),
        (
            "{\"descriptor\":{},\"matches\":[{\"vulnerability\":{},\"artifact\":{}}]}",
            "in matches[0].vulnerability",
        ),
        ("{\"SchemaVersion\":2,\"Results\":[{\"Vulnerabilities\":{}}]}", "in Results[0].Vulnerabilities"),
    ] {
        let error = refusal(text);
        assert!(matches!(error, ScanError::Json(_)) && error.to_string().contains(place), "{text}: {error}");
    }
}

#[test]
fn the_number_of_findings_is_bounded() {
    let results = |count: usize| vec!["{}"; count].join(",");
    let log = |count: usize| {
        format!(
            "{{\"version\":\"2.1.0\",\"runs\":[{{\"tool\":{{\"driver\":{{}}}},\"results\":[{}]}}]}}",
            results(count)
        )
    };
    assert_eq!(read(log(FINDINGS_MAX).as_bytes()).unwrap().findings.len(), FINDINGS_MAX);
    let expected =
        ScanError::TooMany { path: "runs[0].results".to_owned(), max: FINDINGS_MAX, found: FINDINGS_MAX + 1 };
    assert_eq!(read(log(FINDINGS_MAX + 1).as_bytes()), Err(expected));
    let two = log(FINDINGS_MAX).replace("]}]}", "]},{\"tool\":{\"driver\":{}},\"results\":[{}]}]}");
    assert!(matches!(read(two.as_bytes()), Err(ScanError::TooMany { .. })));
}

fn counts(xml: &str) -> (u64, u64, u64) {
    let report = junit::read(xml.as_bytes()).unwrap_or_else(|error| panic!("{xml}: {error}"));
    (report.passed, report.failed, report.skipped)
}

#[test]
fn test_cases_are_counted_by_what_stands_in_them() {
    let xml = "<?xml version=\"1.0\"?><testsuites><testsuite name=\"s\" tests=\"5\" failures=\"1\" errors=\"1\">\n\
        <properties><property name=\"failure\"/></properties>\
        <testcase classname=\"a.B\" name=\"passes\"><system-out><![CDATA[<failure/>]]></system-out></testcase>\
        <testcase classname=\"a.B\" name=\"fails &lt;&#x1b;>\"><failure message=\"x &amp; y\">text &lt;b&gt; &#65;</failure></testcase>\
        <testcase name=\"breaks\"><error/></testcase><testcase name=\"skipped\"><skipped/></testcase>\
        <testcase name=\"flaky\"><flakyFailure/></testcase><testsuite><testcase name=\"in\" status=\"notrun\"/></testsuite>\
        </testsuite></testsuites>";
    assert_eq!(counts(xml), (2, 2, 2));
    let report = junit::read(xml.as_bytes()).unwrap();
    assert_eq!(report.passed_names, ["a.B.passes", "flaky"]);
    assert_eq!(report.failed_names, ["a.B.fails <>", "breaks"]);
    assert_eq!(report.document, Digest::sha256_of(xml.as_bytes()));
    assert_eq!(counts("<testsuite/>"), (0, 0, 0));
    assert_eq!(counts("\u{feff}<testsuite><testcase/></testsuite>"), (1, 0, 0));
    // A test that fails, and whose end fails too, is one test.
    assert_eq!(
        counts("<testsuite failures=\"1\" errors=\"1\"><testcase><failure/><error/></testcase></testsuite>"),
        (0, 1, 0)
    );
}

#[test]
fn failures_that_a_suite_counts_but_does_not_list_are_failures() {
    assert_eq!(counts("<testsuite name=\"s\" errors=\"1\" tests=\"0\"/>"), (0, 1, 0));
    let nested = "<testsuites><testsuite failures=\"3\"><testsuite failures=\"2\"><testcase><failure/></testcase></testsuite>\
        <testcase/></testsuite></testsuites>";
    assert_eq!(counts(nested), (1, 3, 0));
    let report =
        junit::read(b"<testsuite name=\"s\" errors=\"18446744073709551615\" failures=\"9\"/>").unwrap();
    assert_eq!(
        (report.failed, report.failed_names[0].as_str()),
        (u64::MAX, "s: 18446744073709551615 not listed")
    );
}

#[test]
fn failures_that_only_suites_together_count_are_failures() {
    assert_eq!(counts("<testsuites failures=\"2\"/>"), (0, 2, 0));
    assert_eq!(counts("<testsuites errors=\"1\"><testsuite><testcase/></testsuite></testsuites>"), (1, 1, 0));
    // What a suite counts or lists is among them.
    let told = "<testsuites name=\"all\" failures=\"4\" errors=\"1\"><testsuite failures=\"2\"/><testsuite failures=\"1\">\
        <testcase><failure/></testcase></testsuite><testcase><error/></testcase></testsuites>";
    assert_eq!(counts(told), (0, 5, 0));
    assert!(junit::read(told.as_bytes()).unwrap().failed_names.contains(&"all: 1 not listed".to_owned()));
    let less = "<testsuites failures=\"0\"><testcase><failure/></testcase></testsuites>";
    assert_eq!(counts(less), (0, 1, 0));
    let found = JunitFault::Number { attribute: "errors", found: "one".to_owned() };
    let wrong = junit::read(b"<testsuites errors=\"one\"/>");
    assert_eq!(wrong, Err(JunitError { fault: found, line: 1 }));
}

#[test]
fn a_test_whose_step_fails_does_not_pass() {
    let xml = "<testsuite failures=\"1\"><testcase name=\"whole\"><testcase name=\"first\"/>\
        <testcase name=\"second\"><testcase name=\"inner\"><error/></testcase></testcase></testcase>\
        <testcase name=\"other\"><testcase name=\"left out\"><skipped/></testcase></testcase></testsuite>";
    let report = junit::read(xml.as_bytes()).unwrap();
    assert_eq!(report.failed_names, ["inner", "second", "whole"]);
    assert_eq!(report.passed_names, ["first", "other"]);
    assert_eq!((report.passed, report.failed, report.skipped), (2, 3, 1));
}

#[test]
fn what_is_no_junit_is_refused_with_its_line() {
    let deep = format!("<testsuite>{}", "<a>".repeat(junit::DEPTH_MAX));
    let attributes: Vec<String> = (0..=junit::ATTRIBUTES_MAX).map(|at| format!(" a{at}=\"\"")).collect();
    let many = format!("<testsuite{}/>", attributes.concat());
    let root = |found: &str| JunitFault::Root { found: found.to_owned() };
    for (xml, fault, line) in [
        ("", root(""), 1),
        ("\n<bom/>", root("bom"), 2),
        ("<testsuite/>\n<testsuite/>", root("testsuite"), 2),
        ("<!DOCTYPE a [<!ENTITY b \"c\">]>\n<testsuite/>", JunitFault::DocumentType, 1),
        ("<testsuite>\n&b;</testsuite>", JunitFault::Entity, 2),
        ("<testsuite name=\"&b;\"/>", JunitFault::Attributes, 1),
        ("<testsuite name=\"a\" name=\"b\"/>", JunitFault::Attributes, 1),
        ("<testsuite name=a/>", JunitFault::Attributes, 1),
        ("<testsuite>\n<testcase>", JunitFault::Truncated, 2),
        ("<testsuite>\n</testcase>", JunitFault::Xml, 2),
        ("<testsuite>\n<testcase", JunitFault::Xml, 2),
        ("text<testsuite/>", JunitFault::Xml, 1),
        ("<testsuite/>\ntext", JunitFault::Xml, 2),
        (
            "<testsuite failures=\"-1\"/>",
            JunitFault::Number { attribute: "failures", found: "-1".to_owned() },
            1,
        ),
        (deep.as_str(), JunitFault::Depth, 1),
        (many.as_str(), JunitFault::TooManyAttributes, 1),
    ] {
        assert_eq!(junit::read(xml.as_bytes()), Err(JunitError { fault, line }), "{xml:.80}");
    }
    assert_eq!(junit::read(b"<testsuite>\n\xff"), Err(JunitError { fault: JunitFault::Utf8, line: 2 }));
}

#[test]
fn tests_and_their_names_are_bounded() {
    let long = "n".repeat(junit::NAME_MAX + 1);
    let xml = format!(
        "<testsuite><testcase name=\"{long}\"/><testcase name=\"{long}\"><error/></testcase></testsuite>"
    );
    let report = junit::read(xml.as_bytes()).unwrap();
    assert_eq!(
        (report.passed_names[0].len(), report.failed_names[0].len()),
        (junit::NAME_MAX, junit::NAME_MAX)
    );
    let suite = |passed: usize, failed: usize| {
        let failed = "<testcase><failure/></testcase>".repeat(failed);
        junit::read(format!("<testsuite>{}{failed}</testsuite>", "<testcase/>".repeat(passed)).as_bytes())
    };
    let report = suite(junit::TESTS_MAX - 1, 1).unwrap();
    assert_eq!((report.passed_names.len(), report.failed_names.len()), (junit::TESTS_MAX - 1, 1));
    for (passed, failed) in [(junit::TESTS_MAX, 1), (1, junit::TESTS_MAX)] {
        assert_eq!(suite(passed, failed).unwrap_err().fault, JunitFault::TooManyTests);
    }
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(text in "[<>/a-z\"&;= !\\[\\]{}:,0-9\n-]{0,120}") {
        drop(read(text.as_bytes()));
        drop(junit::read(text.as_bytes()));
        drop(junit::read(format!("<testsuite>{text}</testsuite>").as_bytes()));
        drop(read(format!("{{\"version\":\"2.1.0\",\"runs\":[{{\"tool\":{{\"driver\":{{}}}},\"results\":[{text}]}}]}}").as_bytes()));
    }
}

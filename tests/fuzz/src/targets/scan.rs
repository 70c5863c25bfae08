//! Reports of scanners, and results of tests.

use std::collections::BTreeSet;

use custody_evidence::scan::junit::{self, NAME_MAX, TESTS_MAX};
use custody_evidence::scan::{FINDINGS_MAX, FIXED_IN_MAX, read};

use super::{Target, texts};
use crate::claim::{Outcome, bounded, refused};
use crate::corpus::Corpus;

/// One of each member that is read.
const SARIF: &str = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t","version":"1","semanticVersion":"1.0.0","rules":[{"id":"r","defaultConfiguration":{"level":"note"},"properties":{"security-severity":"9.8"}}]},"extensions":[{"name":"x","rules":[{"id":"s"}]}]},"invocations":[{"executionSuccessful":true}],"results":[{"ruleId":"r","ruleIndex":0,"rule":{"id":"r","index":0,"toolComponent":{"index":0}},"level":"error","kind":"fail","baselineState":"new","suppressions":[{"status":"accepted"}]}]}]}"#;
const GRYPE: &str = r#"{"descriptor":{"name":"grype","version":"0.111.0"},"matches":[{"vulnerability":{"id":"CVE-1","severity":"Critical","fix":{"versions":["5.9.0"]}},"artifact":{"name":"pgx","version":"v5.8.0","purl":"pkg:golang/github.com/jackc/pgx/v5@v5.8.0"}}]}"#;
const TRIVY: &str = r#"{"SchemaVersion":2,"Trivy":{"Version":"0.60.0"},"Results":[{"Vulnerabilities":[{"VulnerabilityID":"CVE-1","Severity":"HIGH","PkgName":"ssl","InstalledVersion":"1.1","FixedVersion":"1.1.1, 3.0.2","PkgIdentifier":{"PURL":"pkg:apk/alpine/ssl@1.1"}}],"Misconfigurations":[{"ID":"DS001","Status":"PASS"}],"Secrets":[{"RuleID":"k"}],"Licenses":[{"Name":"l"}]}]}"#;
const OSV: &str = r#"{"results":[{"source":{"path":"a","type":"lockfile"},"packages":[{"package":{"name":"github.com/a/b","version":"1.0.0","ecosystem":"Go"},"vulnerabilities":[{"id":"GHSA-a","aliases":["CVE-1"],"database_specific":{"severity":"HIGH"},"affected":[{"package":{"name":"github.com/a/b","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.1"}]}]}]}],"groups":[{"ids":["GHSA-a"],"aliases":["CVE-1"],"max_severity":"9.8"}],"license_violations":["GPL-3.0"]}]}],"experimental_config":{}}"#;
const JUNIT: &str = "<?xml version=\"1.0\"?>\n<testsuites><testsuite name=\"s\" failures=\"1\" errors=\"1\"><properties/><testcase classname=\"a\" name=\"b &lt; &#65;\"><failure message=\"m\">t &amp; u</failure></testcase><testcase><error/></testcase><testcase><skipped/></testcase><testsuite><testcase status=\"notrun\"><![CDATA[x]]></testcase></testsuite><!-- c --></testsuite></testsuites>";

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "scan.report",
        max: 24 << 10,
        rounds: 2500,
        words: &[
            "\"results\":",
            "\"ruleIndex\":",
            "\"security-severity\":",
            "\"level\":",
            "\"suppressions\":",
            "\"kind\":",
            "\"matches\":",
            "\"severity\":",
            "\"purl\":",
            "\"Results\":",
            "\"Vulnerabilities\":",
            "\"FixedVersion\":",
            "\"packages\":",
            "\"groups\":",
            "\"ecosystem\":",
        ],
        seeds: |corpus| seeds(corpus, &[SARIF, GRYPE, TRIVY, OSV], b"{"),
        run: report,
    },
    Target {
        name: "scan.junit",
        max: 24 << 10,
        rounds: 4000,
        words: &[
            "<testsuite ",
            "</testsuite>",
            "<testcase>",
            "</testcase>",
            "<failure/>",
            "<error/>",
            "<skipped/>",
            "<!DOCTYPE a>",
            "<![CDATA[",
            "]]>",
            "<!--",
            "-->",
            "&amp;",
            "&b;",
            "&#0;",
            " failures=\"1\"",
            " errors=\"18446744073709551615\"",
            " name=\"n\"",
        ],
        seeds: |corpus| seeds(corpus, &[JUNIT], b"<"),
        run: tests,
    },
];

fn report(bytes: &[u8]) -> Outcome {
    match read(bytes) {
        Ok(scan) => {
            // What is printed for each finding, whatever it holds, is some 200 bytes, and the shortest is two.
            bounded(bytes.len(), &scan, 160, 8192);
            assert!(scan.findings.len() <= FINDINGS_MAX);
            assert!(scan.findings.iter().all(|finding| finding.fixed_in.len() <= FIXED_IN_MAX));
            let paths: BTreeSet<&str> = scan.findings.iter().map(|finding| finding.path.as_str()).collect();
            assert_eq!(paths.len(), scan.findings.len(), "two findings in one place");
            let counted: usize = scan.counts().values().sum();
            let suppressed = scan.findings.iter().filter(|finding| finding.suppressed).count();
            assert_eq!(counted + suppressed, scan.findings.len());
            assert_eq!(read(bytes).as_ref(), Ok(&scan), "read twice, found otherwise");
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

fn tests(bytes: &[u8]) -> Outcome {
    match junit::read(bytes) {
        Ok(report) => {
            bounded(bytes.len(), &report, 8, 1000);
            assert!(report.passed_names.len() + report.failed_names.len() <= TESTS_MAX);
            let is_shown =
                |name: &String| name.len() <= 4 * NAME_MAX + 64 && !name.chars().any(char::is_control);
            assert!(report.passed_names.iter().chain(&report.failed_names).all(is_shown));
            // Each test takes an element, and what is not listed has a suite that says so.
            assert!(report.passed + report.skipped <= u64::try_from(bytes.len()).unwrap());
            assert_eq!(junit::read(bytes).as_ref(), Ok(&report), "read twice, found otherwise");
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// Our own, and those of the corpus that start so and are short.
fn seeds(corpus: &Corpus, own: &[&str], start: &[u8]) -> Vec<Vec<u8>> {
    let mut real = corpus.documents("vuln-vex");
    real.retain(|document| document.trim_ascii_start().starts_with(start));
    real.sort_by_key(Vec::len);
    real.truncate(40);
    [texts(own), real].concat()
}

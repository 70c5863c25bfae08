//! Every report of the corpus that is a scan or a result of tests reads, and gives what a look at the file gives; every
//! other document is refused.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]

mod corpus;

use std::collections::BTreeSet;

use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{self, EdgeKind, Node};
use custody_evidence::predicate::vulns::REPORT_TYPE;
use custody_evidence::scan::{ScanError, Severity, junit, read};
use custody_evidence::statement::{Statement, StatementBuilder};

const PART: &str = "vuln-vex";

/// File, format, tool with its version, and findings: critical, high, medium, low.
const SCANS: &[(&str, &str, &str, [usize; 4])] = &[
    ("sarif-2.2-comprehensive.json", "SARIF 2.2", "CodeScanner 2.1.0", [0, 0, 0, 0]),
    ("sarif-CodeFlows.sarif", "SARIF 2.1.0", "SarifSamples 1.0", [0, 0, 1, 0]),
    ("sarif-EmbeddedBinaryContent.sarif", "SARIF 2.1.0", "SarifSamples 1.0", [0, 0, 1, 0]),
    ("sarif-checkmarx-multi-run.sarif", "SARIF 2.1.0", "Checkmarx One 1.0, some-other-tool", [0, 2, 0, 0]),
    ("sarif-empty-log.sarif.json", "SARIF 2.1.0", "CodeScanner", [0, 0, 0, 0]),
    ("sarif-nginx-trivy.sarif.json", "SARIF 2.1.0", "Trivy 0.42.1", [0, 3, 21, 75]),
    ("sarif-simple-example.sarif", "SARIF 2.1.0", "ESLint", [0, 1, 0, 0]),
    ("sarif-standard-taxonomy.sarif", "SARIF 2.1.0", "CodeScanner", [0, 0, 1, 0]),
    ("scan-grype.json", "grype", "grype 0.111.0", [1, 1, 0, 0]),
    ("scan-trivy.json", "trivy", "trivy dev", [0, 0, 4, 0]),
];

/// File, and tests that passed, failed and were skipped.
const TESTS: &[(&str, [u64; 3])] =
    &[("junit-surefire-ancient.xml", [0, 0, 7]), ("junit-trivy.xml", [0, 4, 0])];

#[test]
fn every_report_of_the_corpus_reads() {
    if corpus::folder().is_none() {
        return;
    }
    for (file, format, tools, counts) in SCANS {
        let scan = read(&corpus::bytes(PART, file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let with_version =
            |name: &str, version: Option<&str>| format!("{name} {}", version.unwrap_or_default());
        let found: Vec<String> = scan
            .tools
            .iter()
            .map(|tool| with_version(&tool.name, tool.version.as_deref()).trim_end().to_owned())
            .collect();
        assert_eq!((scan.format.as_str(), found.join(", ").as_str()), (*format, *tools), "{file}");
        let of = |severity: Severity| scan.counts().get(&severity).copied().unwrap_or_default();
        let found = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low].map(of);
        assert_eq!(found, *counts, "{file}");
        assert!(scan.incomplete.is_empty() && scan.left_out.is_empty(), "{file}: {scan:?}");
        assert!(scan.findings.iter().all(|finding| finding.id.is_some()), "{file}");
    }
    for (file, counts) in TESTS {
        let report =
            junit::read(&corpus::bytes(PART, file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!([report.passed, report.failed, report.skipped], *counts, "{file}");
        assert_eq!(u64::try_from(report.failed_names.len()).unwrap(), report.failed, "{file}");
    }
}

#[test]
fn packages_and_fixed_versions_come_with_the_findings() {
    if corpus::folder().is_none() {
        return;
    }
    let grype = read(&corpus::bytes(PART, "scan-grype.json")).unwrap();
    let trivy = read(&corpus::bytes(PART, "scan-trivy.json")).unwrap();
    for (scan, id, purl, fixed) in [
        (&grype, "GHSA-9jj7-4m8r-rfcm", "pkg:golang/github.com/jackc/pgx/v5@v5.8.0", "5.9.0"),
        (
            &trivy,
            "CVE-2019-1549",
            "pkg:apk/alpine/libcrypto1.1@1.1.1c-r0?arch=x86_64&distro=3.10.2",
            "1.1.1d-r0",
        ),
    ] {
        let finding = &scan.findings[0];
        assert_eq!(finding.id.as_deref(), Some(id));
        assert_eq!(finding.component.as_ref().map(ToString::to_string).as_deref(), Some(purl));
        assert_eq!(finding.fixed_in, [fixed]);
    }
}

/// The facts of a report that is a predicate, by kinds of edges, of everything in the corpus that is a report.
#[test]
fn every_report_of_the_corpus_is_a_predicate_that_gives_its_findings() {
    if corpus::folder().is_none() {
        return;
    }
    for (file, format, ..) in SCANS {
        let bytes = corpus::bytes(PART, file);
        let report = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes).trim_ascii();
        let app = Digest::sha256_of(b"foo");
        let statement = StatementBuilder::new(REPORT_TYPE).subject("app", [app.clone()]);
        let statement = statement.predicate(report).unwrap_or_else(|error| panic!("{file}: {error}"));
        let facts = fact::read(&Statement::parse(&statement).unwrap());
        assert!(facts.interpreted && facts.warnings.is_empty(), "{file}: {:?}", facts.warnings);
        let of = |kind: EdgeKind| facts.edges.iter().filter(move |edge| edge.kind == kind);
        let documents: Vec<&str> = of(EdgeKind::DescribedBy).map(|edge| edge.to.id()).collect();
        assert_eq!(documents, [Digest::sha256_of(report).to_string()], "{file}");
        let found = read(report).unwrap();
        assert_eq!(found.format, *format, "{file}");
        let live = found.findings.iter().filter(|finding| !finding.suppressed);
        let expected: BTreeSet<&str> = live.filter_map(|finding| finding.id.as_deref()).collect();
        let artifact = Node::of_digest(&app, None);
        let affected: BTreeSet<&str> =
            of(EdgeKind::AffectedBy).filter(|edge| edge.from == artifact).map(|edge| edge.to.id()).collect();
        assert_eq!(affected, expected, "{file}");
        let components: BTreeSet<_> =
            found.findings.iter().filter_map(|finding| finding.component.as_ref()).collect();
        let from: BTreeSet<&Node> = of(EdgeKind::AffectedBy).map(|edge| &edge.from).collect();
        assert_eq!(from.len(), components.len() + usize::from(!expected.is_empty()), "{file}");
    }
}

/// Whether a document says of itself that it is a report; one that is in no table has its verdict in `manifest.rs`.
fn is_report(bytes: &[u8]) -> bool {
    let document = serde_json::from_slice::<serde_json::Value>(bytes).unwrap_or_default();
    ["runs", "matches", "SchemaVersion"].iter().any(|name| document.get(name).is_some())
        || bytes.trim_ascii_start().starts_with(b"<")
}

#[test]
fn every_other_document_is_no_scan() {
    for file in corpus::listed(PART) {
        let bytes = corpus::bytes(PART, &file);
        if is_report(&bytes) {
            continue;
        }
        let Ok(statement) = StatementBuilder::new(REPORT_TYPE)
            .subject("app", [Digest::sha256_of(b"foo")])
            .predicate(bytes.trim_ascii())
        else {
            continue;
        };
        let facts = fact::read(&Statement::parse(&statement).unwrap());
        assert!(!facts.interpreted, "{file}");
        assert!(facts.edges.iter().all(|edge| edge.kind == EdgeKind::DescribedBy), "{file}");
    }
}

#[test]
fn every_other_document_is_refused() {
    for file in &corpus::listed(PART) {
        let bytes = corpus::bytes(PART, file);
        if is_report(&bytes) {
            continue;
        }
        let error = read(&bytes).expect_err(file);
        assert!(matches!(error, ScanError::Unknown | ScanError::Json(_)), "{file}: {error}");
        assert!(junit::read(&bytes).is_err(), "{file}");
    }
}

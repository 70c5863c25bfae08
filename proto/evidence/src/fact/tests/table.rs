//! The table of docs/evidence.md says what each predicate gives, and holds: it is made from one whole example each.

use std::fmt::Write as _;

use super::*;
use crate::predicate::short_name::{SHORT_NAMES, types_of};
use crate::predicate::{judgement, link, release, report, slsa_v02, source_provenance, vulns};

const DOCUMENT: &str = include_str!("../../../../../docs/evidence.md");
const FORMAT: &str = include_str!("../../../../../docs/format.md");

/// The types of one row, and a statement of the first of them that has everything that is read.
type Row = (Vec<&'static str>, Value, Value);

fn commit() -> Value {
    json!([{"digest": {"gitCommit": COMMIT}, "annotations": {"sourceRefs": ["refs/heads/main"]}}])
}

fn provenance_rows() -> Vec<Row> {
    let git = "git+https://github.com/acme/api@refs/heads/main";
    let inputs = json!([
        {"uri": git, "digest": {"gitCommit": COMMIT}},
        {"uri": "pkg:npm/axios@1.14.1", "digest": {"sha256": "c".repeat(64)}},
        {"uri": "alpine:latest", "digest": {"sha256": "d".repeat(64)}},
    ]);
    let workflow = json!({"source": {"uri": "https://x/w.yml", "digest": {"sha256": "e".repeat(64)}}});
    let v1 = json!({
        "buildDefinition": {"externalParameters": workflow, "resolvedDependencies": inputs},
        "runDetails": {"builder": {"id": "b"}, "metadata": {"invocationId": "https://x/1"}},
    });
    let v02 = json!({
        "builder": {"id": "b"}, "materials": inputs, "metadata": {"buildInvocationId": "https://x/1"},
        "invocation": {"configSource": workflow["source"]},
    });
    let source = json!({"repo_uri": "https://github.com/acme/api", "branch": "refs/heads/main"});
    let tag = json!({"repo_uri": "https://github.com/acme/api", "tag": "refs/tags/v1"});
    vec![
        (vec![slsa_v1::TYPE], app(), v1),
        (vec![slsa_v02::TYPE], app(), v02),
        (link::TYPES.to_vec(), app(), json!({"name": "build", "materials": inputs})),
        (vec![source_provenance::SOURCE_TYPE], commit(), source),
        (vec![source_provenance::TAG_TYPE], commit(), tag),
    ]
}

fn judgement_rows() -> Vec<Row> {
    let git = "git+https://github.com/acme/api";
    let policy = json!({"uri": "p"});
    let vsa = json!({"verifier": {"id": "v"}, "policy": policy, "resourceUri": git, "verificationResult": "PASSED"});
    let svr = json!({"verifier": {"id": "v", "policies": [policy]}, "properties": ["x"]});
    let evidence = json!({"digest": {"sha256": "c".repeat(64)}, "downloadLocation": "https://x/1"});
    let trace =
        json!({"monitor": {"type": "m"}, "monitoredProcess": {"event": "https://x/1"}, "monitorLog": {}});
    let subjects = json!([app()[0], commit()[0]]);
    vec![
        (vec![judgement::VSA_TYPE], subjects, vsa),
        (judgement::SVR_TYPES.to_vec(), app(), svr),
        (vec![report::TEST_RESULT_TYPE], app(), json!({"result": "PASSED", "url": "https://x/1"})),
        (vec![report::REFERENCE_TYPE], app(), json!({"attester": {"id": "a"}, "references": [evidence]})),
        (
            report::SCAI_TYPES.to_vec(),
            app(),
            json!({"attributes": [{"attribute": "A", "evidence": evidence}]}),
        ),
        (report::RUNTIME_TRACE_TYPES.to_vec(), app(), trace),
        (report::COSIGN_TYPES.to_vec(), app(), json!({"Data": "text", "Timestamp": ""})),
        (release::RELEASE_TYPES.to_vec(), app(), json!({"purl": "pkg:npm/a@1"})),
        (
            vec![release::NPM_PUBLISH_TYPE],
            json!([{"name": "pkg:npm/a@1", "digest": {"sha256": HEX}}]),
            json!({"name": "a", "version": "1"}),
        ),
    ]
}

fn finding_rows() -> Vec<Row> {
    let scan = json!({"scanner": {"uri": "s", "result": [{"id": "CVE-1"}]}});
    let trivy = json!({"SchemaVersion": 2, "Results": [{"Target": "t", "Vulnerabilities": [
        {"VulnerabilityID": "CVE-1", "PkgName": "a", "InstalledVersion": "1", "PkgIdentifier": {"PURL": "pkg:npm/a@1"}, "Severity": "HIGH"},
    ]}]});
    let vex = json!({"author": "a", "statements": [
        {"vulnerability": "CVE-1", "status": "affected"},
        {"vulnerability": "CVE-2", "status": "fixed"},
        {"vulnerability": "CVE-1", "status": "affected", "products": ["pkg:npm/a@1"]},
        {"vulnerability": "CVE-2", "status": "not_affected", "products": ["pkg:npm/a@1"]},
    ]});
    let lib = json!({
        "bom-ref": "a", "name": "a", "purl": "pkg:npm/a@1", "hashes": [{"alg": "SHA-256", "content": "c".repeat(64)}],
        "externalReferences": [{"type": "distribution", "url": "https://x/a.tgz"}],
    });
    let cyclonedx = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "components": [lib],
        "vulnerabilities": [
            {"id": "CVE-1", "affects": [{"ref": "a"}]}, {"id": "CVE-2", "analysis": {"state": "not_affected"}},
        ],
    });
    let spdx = json!({"spdxVersion": "SPDX-2.3", "packages": [{
        "SPDXID": "SPDXRef-a", "name": "a", "downloadLocation": "https://x/a.tgz",
        "checksums": [{"algorithm": "SHA256", "checksumValue": "c".repeat(64)}],
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:npm/a@1"}],
    }]});
    vec![
        (vulns::TYPES.to_vec(), app(), scan),
        (vulns::COSIGN_TYPES.to_vec(), app(), json!({"scanner": {"result": trivy}})),
        (vec![vulns::REPORT_TYPE], app(), trivy),
        (vec!["https://openvex.dev/ns", "https://openvex.dev/ns/v0.2.0"], app(), vex),
        (vec!["https://cyclonedx.org/bom", "https://cyclonedx.org/bom/v1.6"], app(), cyclonedx),
        (vec!["https://spdx.dev/Document", "https://spdx.dev/Document/v2.3"], app(), spdx),
    ]
}

/// What the edges of a statement are, by kinds alone.
fn kinds(facts: &Facts) -> BTreeSet<String> {
    let kinds = |edge: &Edge| format!("{} {} {}", edge.from.kind(), edge.kind, edge.to.kind());
    facts.edges.iter().map(kinds).collect()
}

fn row(table: &mut String, types: &[&str], facts: &Facts) {
    assert!(facts.interpreted, "{types:?}: {:?}", facts.warnings);
    let types: Vec<String> = types.iter().map(|predicate_type| format!("`{predicate_type}`")).collect();
    let kinds: Vec<String> = kinds(facts).into_iter().collect();
    let kinds = if kinds.is_empty() { "none: it is found".to_owned() } else { kinds.join("; ") };
    writeln!(table, "| {} | {kinds} |", types.join(", ")).unwrap();
}

/// Ours, by the worked examples of docs/format.md.
fn rows_of_ours(table: &mut String) {
    let ours: Vec<&str> = FORMAT.lines().filter_map(|line| line.strip_prefix("### urn:custody:")).collect();
    assert!(ours.len() >= 12, "{ours:?}");
    for name in ours {
        let section = FORMAT.split(&format!("\n### urn:custody:{name}\n")).nth(1).unwrap();
        let json = section.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
        let facts = read(&Statement::parse(json.as_bytes()).unwrap());
        row(table, &[&format!("urn:custody:{name}")], &facts);
    }
}

/// A type that is read and has no short name could only be found by who knows its URI.
#[test]
fn every_type_that_is_read_has_one_short_name_and_every_short_name_is_read() {
    let named: Vec<&str> = SHORT_NAMES.iter().flat_map(|(_, types)| types.iter().copied()).collect();
    let once: BTreeSet<&str> = named.iter().copied().collect();
    assert_eq!(once.len(), named.len(), "a type has one short name");
    assert!(SHORT_NAMES.is_sorted_by(|a, b| a.0 < b.0), "in order, each once");
    let ours = DOCUMENT.lines().filter(|line| line.starts_with("| `"));
    let of_row = |line: &'static str| line[2..].split(" | ").next().unwrap().split(", ");
    let read: BTreeSet<&str> = ours.flat_map(of_row).map(|cell| cell.trim_matches('`')).collect();
    assert!(read.len() > 40, "{read:?}");
    assert_eq!(read.difference(&once).collect::<Vec<_>>(), Vec::<&&str>::new());
    for predicate_type in named {
        let facts = facts(predicate_type, &app(), &json!({}));
        let unknown = |warning: &Warning| matches!(warning.problem, Problem::NotInterpreted { .. });
        assert!(!facts.warnings.iter().any(unknown), "{predicate_type}");
    }
    assert_eq!(types_of("provenance"), Some(&[slsa_v1::TYPE, slsa_v02::TYPE][..]));
    for other in ["", "Scan", "aproval", slsa_v1::TYPE] {
        assert_eq!(types_of(other), None, "{other}");
    }
}

#[test]
fn the_table_of_the_document_is_what_the_reader_does() {
    let mut table = String::from("| predicate type | edges |\n|---|---|\n");
    for (types, subjects, predicate) in
        provenance_rows().into_iter().chain(judgement_rows()).chain(finding_rows())
    {
        let of = |predicate_type: &&str| facts(predicate_type, &subjects, &predicate);
        row(&mut table, &types, &of(&types[0]));
        for same in &types {
            assert_eq!(kinds(&of(same)), kinds(&of(&types[0])), "{same}");
        }
    }
    rows_of_ours(&mut table);
    let version = format!("**The reader has a version**, \"{READER_VERSION}\".");
    assert!(DOCUMENT.contains(&version), "docs/evidence.md should say: {version}");
    assert!(DOCUMENT.contains(&table), "docs/evidence.md should have this table:\n{table}");
}

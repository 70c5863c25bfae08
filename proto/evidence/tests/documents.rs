//! Every statement and every SBOM of the corpus gives its verdict. A row of the manifest that is not listed here fails.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test"
)]

mod corpus;

use std::collections::{BTreeMap, BTreeSet};

use custody_evidence::sbom::{self, NotInterpreted, SbomError};
use custody_evidence::{EdgeKind, NodeKind, Statement, fact};
use serde_json::Value;

/// Subjects, the first subject without a usable digest, whether facts were read, edges.
type Said = (usize, Option<usize>, bool, usize);

const STATEMENTS: &[(&str, Said)] = &[
    // It names its repository where source-tool does not.
    ("ampel-gitcommit-attestation.json", (1, None, false, 0)),
    ("attestation-verifier-raw-build.json", (1, None, true, 3)),
    ("attestation-verifier-raw-test.json", (1, None, true, 2)),
    ("conforma-hacbs1_invalid.json", (1, None, true, 2)),
    ("grafeas-slsa02Provenance.json", (1, None, true, 2)),
    ("guac-certify-novuln.json", (1, Some(0), true, 0)),
    ("guac-certify-vuln-v02.json", (1, Some(0), true, 0)),
    // A sha1 beside a git URI is a commit.
    ("guac-crev-review.json", (1, None, false, 0)),
    ("guac-oci-kubectl-linux-amd64-in-toto.json", (75, None, true, 68)),
    ("kube-slsa-v1.24.1.json", (113, None, true, 334)),
    ("macaron-urllib3_decoded_PASS.json", (2, None, true, 7)),
    ("macaron-vsa_payload.json", (1, Some(0), true, 0)),
    ("policies-osv-critical.intoto.json", (1, None, false, 0)),
    ("policies-slsa-buildv1.json", (1, None, true, 7)),
    ("scai-hermetic-build.json", (1, None, true, 2)),
    ("scai-tpm-ref-value.json", (1, None, true, 1)),
    ("slsa-generator-attestation1.intoto", (1, None, true, 6)),
];

/// One example a line, whole statements and bare predicates.
const EXAMPLES: &str = "in-toto-spec-predicate-examples.jsonl";

/// Edges affected-by, edges not-affected-by, warnings.
type Answers = (usize, usize, usize);

const OPENVEX: &[(&str, Answers)] = &[
    ("openvex-demo.vex.json", (0, 2, 0)),
    // Two statements about one product and vulnerability: the newer one holds, for the name and its alias.
    ("openvex-history.json", (0, 2, 0)),
    // All under investigation; two products are image references, which name no bytes.
    ("openvex-images.vex.json", (0, 0, 2)),
    ("openvex-trivy.json", (0, 57, 0)),
    ("openvex-v0.0.1-noversion.json", (0, 2, 0)),
    ("openvex-v0.0.1.json", (0, 2, 0)),
    ("openvex-v0.2.0.json", (0, 5, 0)),
    ("openvex-v020-1.vex.json", (0, 0, 0)),
];

/// Components, those with a package URL, described elements, things left out.
type Listed = (usize, usize, usize, usize);

const SBOMS: &[(&str, Listed)] = &[
    ("cdx-1.2-dropwizard.json", (167, 167, 1, 0)),
    ("cdx-1.2-keycloak-903.json", (903, 903, 1, 0)),
    ("cdx-1.3-laravel.json", (62, 62, 1, 0)),
    ("cdx-1.6-cbom-protocol.json", (8, 0, 1, 0)),
    ("cdx-1.6-quarkus-camel-1761.json", (1761, 1761, 1, 0)),
    ("cdx-hbom-pcie-sata.json", (6, 0, 1, 0)),
    ("cdx-invalid-purl.json", (1, 0, 1, 1)),
    ("cdx-loop.json", (3, 3, 1, 0)),
    ("cdx-obom-decoupled.json", (1, 0, 1, 0)),
    ("cdx-saasbom.json", (0, 0, 1, 0)),
    ("cdx-vex-bom.json", (3, 3, 1, 0)),
    ("cdx-vex-vex.json", (0, 0, 0, 0)),
    ("guac-alpine-small-spdx.json", (3, 3, 0, 0)),
    ("guac-cyclonedx-1.7.json", (1, 1, 1, 0)),
    ("guac-cyclonedx-components-nested.json", (3, 3, 1, 0)),
    // Its SPDXIDs are against the format, but name its packages all the same.
    ("guac-invalid-spdx-identifier-spdx.json", (3, 0, 3, 0)),
    ("guac-npm-cyclonedx-dependencies-missing-depends-on.json", (1, 1, 1, 0)),
    ("guac-small-legal-cyclonedx.json", (5, 5, 1, 0)),
    ("spdx-2.2-example7-bin.json", (1, 0, 1, 0)),
    ("spdx-2.2-kube-apiserver-v1.24.1.json", (4, 4, 0, 0)),
    ("spdx-2.3-example8.json", (6, 0, 1, 0)),
    ("spdx-2.3-kubernetes-425.json", (425, 425, 1, 0)),
    ("spdx-2.3-nginx-1185.json", (1185, 1137, 1, 0)),
];

/// What is recorded and not read: the word of the reason.
const NOT_READ: &[(&str, &str)] = &[
    ("bom-tool-external-references.spdx.json", "spdx version"),
    ("cdx-1.1-laravel.xml", "xml"),
    ("cdx-1.2-dropwizard.xml", "xml"),
    ("go-witness-bad.json", "shape"),
    // Compressed bytes are no JSON; decompressing is the caller's.
    ("guac-busybox-cyclonedx.json.zst", "shape"),
    ("guac-cyclonedx-vex.xml", "xml"),
    ("guac-invalid-cyclonedx.json", "unknown"),
    ("guac-invalid-spdx.json", "spdx version"),
    ("spdx-2.2-example1.spdx", "tag-value"),
    ("spdx-3.0-example14-enriched.json", "spdx 3"),
    ("spdx-3.0-example8.json", "spdx 3"),
    ("spdx-tag-value-pause.spdx", "tag-value"),
];

/// One document a line.
const SPEC_TESTS: [&str; 2] = ["cyclonedx-spec-tests.json.jsonl", "cyclonedx-spec-tests.xml.jsonl"];

fn word(error: &SbomError) -> &'static str {
    match error {
        SbomError::Shape { .. } => "shape",
        SbomError::TooManyComponents { .. } => "too many",
        SbomError::NotInterpreted(reason) => match reason {
            NotInterpreted::CycloneDxVersion { .. } => "cyclonedx version",
            NotInterpreted::SpdxVersion { .. } => "spdx version",
            NotInterpreted::Spdx3 => "spdx 3",
            NotInterpreted::SpdxTagValue => "tag-value",
            NotInterpreted::Xml => "xml",
            NotInterpreted::Unknown => "unknown",
        },
    }
}

#[test]
fn every_statement_of_the_corpus_gives_its_verdict() {
    if corpus::folder().is_none() {
        return;
    }
    let mut found_all = Vec::new();
    // What is in no table has the verdict of the manifest, in `manifest.rs`.
    let known = |file: &String| STATEMENTS.iter().any(|(name, _)| name == file);
    for file in corpus::listed("statements").into_iter().filter(known) {
        let bytes = corpus::bytes("statements", &file);
        let statement = Statement::parse(&bytes).unwrap_or_else(|e| panic!("{file}: {e}"));
        let facts = fact::read(&statement);
        let found = (
            statement.subjects().len(),
            statement.subject_without_usable_digest(),
            facts.interpreted,
            facts.edges.len(),
        );
        println!(
            "{file}: {found:?} {:?}",
            facts.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
        );
        assert_eq!(facts, fact::read(&statement), "{file} reads the same twice");
        assert!(
            facts.terms().len() > statement.subjects().iter().map(|s| s.digests().len().min(1)).sum(),
            "{file}"
        );
        found_all.push((file, found));
    }
    let expected: Vec<(String, Said)> =
        STATEMENTS.iter().map(|(file, said)| ((*file).to_owned(), *said)).collect();
    assert_eq!(found_all, expected);
}

/// A document as a predicate about an artifact that has nothing to do with it.
fn about_another(predicate_type: &str, document: &[u8]) -> fact::Facts {
    let statement = custody_evidence::StatementBuilder::new(predicate_type)
        .subject("another", [custody_evidence::Digest::sha256_of(b"another")])
        .predicate(document)
        .unwrap();
    fact::read(&Statement::parse(&statement).unwrap())
}

#[test]
fn every_openvex_document_of_the_corpus_gives_its_verdict() {
    if corpus::folder().is_none() {
        return;
    }
    let mut found_all = Vec::new();
    let known = |file: &String| OPENVEX.iter().any(|(name, _)| name == file);
    for file in corpus::listed("vuln-vex").into_iter().filter(known) {
        let facts = about_another("https://openvex.dev/ns", &corpus::bytes("vuln-vex", &file));
        let count = |kind| facts.edges.iter().filter(|edge| edge.kind == kind).count();
        let found = (count(EdgeKind::AffectedBy), count(EdgeKind::NotAffectedBy), facts.warnings.len());
        println!(
            "{file}: {found:?} {:?}",
            facts.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
        );
        assert!(facts.interpreted, "{file}");
        found_all.push((file, found));
    }
    let expected: Vec<(String, Answers)> =
        OPENVEX.iter().map(|(file, said)| ((*file).to_owned(), *said)).collect();
    assert_eq!(found_all, expected);
}

#[test]
fn examples_of_the_specification_are_statements_exactly_if_they_have_a_type() {
    if corpus::folder().is_none() {
        return;
    }
    let text = String::from_utf8(corpus::bytes("statements", EXAMPLES)).unwrap();
    let mut read = 0;
    for line in text.lines() {
        let example: Value = serde_json::from_str(line).unwrap();
        let (document, name) = (&example["doc"], format!("{} {}", example["source"], example["n"]));
        let text = document.to_string();
        let parsed = Statement::parse(text.as_bytes());
        let whole = document.get("_type").is_some()
            && document["predicateType"].as_str().is_some_and(|t| !t.is_empty());
        match parsed {
            Ok(statement) => {
                assert!(whole, "{name}");
                let facts = fact::read(&statement);
                assert!(facts.interpreted, "{name}: {:?}", facts.warnings);
                assert!(!facts.terms().is_empty(), "{name}");
                read += 1;
            }
            Err(error) => assert!(!whole, "{name}: {error}"),
        }
    }
    assert_eq!(read, 6, "statements among the examples");
}

#[test]
fn every_sbom_of_the_corpus_lists_its_components_or_names_why_not() {
    if corpus::folder().is_none() {
        return;
    }
    let lists: BTreeMap<&str, Listed> = SBOMS.iter().copied().collect();
    let reasons: BTreeMap<&str, &str> = NOT_READ.iter().copied().collect();
    for file in corpus::listed("sbom").iter().map(String::as_str).filter(|file| !SPEC_TESTS.contains(file)) {
        let document = corpus::bytes("sbom", file);
        let read = sbom::components(&document);
        let counted = read.map(|found| {
            let with_purl = found.components.iter().filter(|component| component.purl.is_some()).count();
            (found.components.len(), with_purl, found.described.len(), found.left_out.len())
        });
        match (lists.get(file), reasons.get(file)) {
            (Some(expected), None) => assert_eq!(counted.as_ref(), Ok(expected), "{file}"),
            (None, Some(expected)) => assert_eq!(word(&counted.unwrap_err()), *expected, "{file}"),
            (None, None) => println!("{file}: in no table, its verdict is in manifest.rs"),
            (Some(_), Some(_)) => panic!("{file} is listed twice in this test"),
        }
    }
}

/// Counts as plainly as can be: every object in a `components` list, at any depth.
fn naive_count(bom: &Value) -> usize {
    let nested = |component: &Value| 1 + naive_count(component);
    bom["components"].as_array().map_or(0, |list| list.iter().map(nested).sum())
}

#[test]
fn every_document_of_the_cyclonedx_specification_is_read_as_a_naive_count_reads_it() {
    if corpus::folder().is_none() {
        return;
    }
    let mut verdicts: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for file in SPEC_TESTS {
        for line in String::from_utf8(corpus::bytes("sbom", file)).unwrap().lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let raw = row["raw"].as_str().unwrap();
            let read = sbom::components(raw.as_bytes());
            if let (Ok(found), Ok(bom)) = (&read, serde_json::from_str::<Value>(raw)) {
                let expected = naive_count(&bom) + naive_count(&bom["metadata"]["component"]);
                assert_eq!(found.components.len(), expected, "{}", row["name"]);
            }
            let verdict = read.as_ref().map_or_else(word, |_| "read");
            *verdicts.entry((row["expect"].as_str().unwrap().to_owned(), verdict)).or_default() += 1;
        }
    }
    // A document that a schema refuses may still list components; one without `bomFormat` is not taken for one.
    let json_only: BTreeSet<&str> = ["read", "unknown", "xml"].into();
    assert!(verdicts.keys().all(|(_, verdict)| json_only.contains(verdict)), "{verdicts:?}");
    assert_eq!(verdicts.get(&("valid".to_owned(), "read")), Some(&133), "{verdicts:?}");
    assert_eq!(verdicts.get(&("invalid".to_owned(), "unknown")), Some(&4), "{verdicts:?}");
}

#[test]
fn a_large_sbom_gives_an_edge_for_each_component_and_each_hash() {
    if corpus::folder().is_none() {
        return;
    }
    let bom = corpus::bytes("sbom", "cdx-1.2-keycloak-903.json");
    let statement = custody_evidence::StatementBuilder::new("https://cyclonedx.org/bom")
        .subject("keycloak", [custody_evidence::Digest::sha256_of(b"keycloak")])
        .predicate(&bom)
        .unwrap();
    let facts = fact::read(&Statement::parse(&statement).unwrap());
    let count = |kind| facts.edges.iter().filter(|edge| edge.kind == kind).count();
    let components: BTreeSet<_> =
        facts.edges.iter().filter(|e| e.kind == EdgeKind::Contains).map(|edge| &edge.to).collect();
    let listed: BTreeSet<String> = sbom::components(&bom)
        .unwrap()
        .components
        .iter()
        .filter_map(|component| component.purl.as_ref().map(ToString::to_string))
        .collect();
    assert_eq!(components.len(), listed.len());
    assert!(components.iter().all(|node| node.kind() == NodeKind::Component && listed.contains(node.id())));
    assert!(count(EdgeKind::HasBytes) > components.len(), "each component has several usable hashes");
    assert_eq!(facts.components, Some(903));
    assert!(facts.interpreted && facts.warnings.is_empty(), "{:?}", facts.warnings);
}

//! Every row of the corpus's manifest in the parts that are no bundles: what the manifest says of a file, and what came out
//! here. A line is printed for each file, and the counts at the end.
//!
//! A file is looked at for what it is, never by its name, so a file that is new needs no row here: `agrees` holds the rules.
//! Where the verdict is deliberately another one, `DIFFERENT` names the file, and docs/evidence-verdicts.md says why. The
//! envelopes, their keys and the vectors of signatures are in `dsse_corpus.rs`, bundles in `bundles.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at what it does not expect"
)]

#[allow(dead_code, reason = "each test uses its own part of it")]
mod corpus;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_evidence::envelope::Envelope;
use custody_evidence::json::{self, JsonFault};
use custody_evidence::sbom::{self, SbomError};
use custody_evidence::scan::{self, ScanError, junit};
use custody_evidence::{Digest, Statement, StatementBuilder, fact};
use serde_json::Value;

/// Files whose verdict here is another one than the manifest's, and what it is.
const DIFFERENT: &[(&str, &str)] = &[
    ("statements/conforma-hacbs1_invalid.json", "read"),
    ("sbom/guac-invalid-spdx-identifier-spdx.json", "read"),
];

/// Whether a verdict agrees with what the manifest says of a row that is not in the list.
fn agrees(part: &str, says: &str, verdict: &str) -> bool {
    match (says, verdict) {
        // A format that is not read is not judged either.
        (_, NOT_INTERPRETED | COMPRESSED) => true,
        (says, verdict) if says.starts_with("valid") => verdict == "read",
        // The verdict of a schema of SBOMs is counted and gates nothing: what it refuses may still list components.
        (says, verdict) if says.starts_with("invalid") || says.starts_with("lint error") => {
            (part == "sbom" && says.contains("schema")) || verdict.starts_with("refused")
        }
        // Accept or warn, accept or refuse, parse, per line, per test.
        _ => true,
    }
}

/// Recorded as it is, found by subject and type, and nothing of it is read: an SBOM in XML or tag-value text, SPDX 3, CSAF, OSV, Scorecard.
const NOT_INTERPRETED: &str = "recorded, not interpreted";

/// zstd or gzip. Compressed bytes are no document: who has them decompresses them, within bounds of their own.
const COMPRESSED: &str = "refused: compressed";

/// Tries each row of a part, and compares what came out with the manifest. Returns the verdicts and how often each came.
fn every_row(part: &str, try_one: impl Fn(&str, &[u8]) -> String) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in corpus::rows(part) {
        let (file, says) = (row["file"].as_str().unwrap(), row["verdict"].as_str().unwrap());
        let name = file.strip_prefix(part).unwrap().trim_start_matches('/');
        let verdict = try_one(name, &corpus::bytes(part, name));
        println!("{file}: {verdict} (manifest: {says})");
        *counts.entry(verdict.split(": ").next().unwrap().to_owned()).or_default() += 1;
        let right = match DIFFERENT.iter().find(|(known, _)| *known == file) {
            // What agrees is not to be listed.
            Some((_, expected)) => verdict == *expected && !agrees(part, says, &verdict),
            None => agrees(part, says, &verdict),
        };
        if !right {
            wrong.push(format!("{file}: {verdict}, and the manifest says {says}"));
        }
    }
    println!("{part}: {counts:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    counts
}

fn skipped() -> bool {
    corpus::folder().is_none()
}

/// A statement is read, or refused with the place.
fn statement(bytes: &[u8]) -> String {
    match Statement::parse(bytes) {
        Ok(statement) => {
            let facts = fact::read(&statement);
            assert_eq!(facts, fact::read(&statement), "it reads the same twice");
            "read".to_owned()
        }
        Err(error) => format!("refused: {error}"),
    }
}

#[test]
fn every_statement_has_its_verdict() {
    if skipped() {
        return;
    }
    every_row("statements", |name, bytes| {
        if !name.contains(".jsonl") {
            return statement(bytes);
        }
        let lines = String::from_utf8(bytes.to_vec()).unwrap();
        let documents =
            lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["doc"].to_string());
        let verdicts: Vec<String> = documents.map(|document| statement(document.as_bytes())).collect();
        let read = verdicts.iter().filter(|verdict| *verdict == "read").count();
        format!("{read} read, {} refused", verdicts.len() - read)
    });
}

/// An SBOM is read, kept as it is when its format is one that is not read, or refused with the place.
fn sbom(bytes: &[u8]) -> String {
    match sbom::components(bytes) {
        Ok(found) => {
            assert_eq!(sbom::components(bytes).unwrap().components.len(), found.components.len());
            "read".to_owned()
        }
        Err(SbomError::NotInterpreted(why)) if is_sbom(bytes) => {
            assert!(!why.to_string().is_empty());
            NOT_INTERPRETED.to_owned()
        }
        Err(_) if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || bytes.starts_with(&[0x1f, 0x8b]) => {
            COMPRESSED.to_owned()
        }
        Err(error) => format!("refused: {error}"),
    }
}

/// Whether it says of itself that it is an SBOM.
fn is_sbom(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.starts_with("SPDXVersion:")
        || text.contains("cyclonedx.org/schema/bom")
        || text.contains("spdx.org/rdf/3")
        || serde_json::from_slice::<Value>(bytes)
            .is_ok_and(|bom| bom["spdxVersion"].as_str().is_some_and(|version| version.starts_with("SPDX-")))
}

#[test]
fn every_sbom_has_its_verdict() {
    if skipped() {
        return;
    }
    let counts = every_row("sbom", |name, bytes| {
        if !name.contains(".jsonl") {
            return sbom(bytes);
        }
        let mut verdicts: BTreeMap<(String, String), usize> = BTreeMap::new();
        for line in String::from_utf8(bytes.to_vec()).unwrap().lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let verdict = sbom(row["raw"].as_str().unwrap().as_bytes());
            let verdict = verdict.split(": ").next().unwrap().to_owned();
            *verdicts.entry((row["expect"].as_str().unwrap().to_owned(), verdict)).or_default() += 1;
        }
        let lines =
            verdicts.iter().map(|((expect, verdict), count)| format!("schema {expect} {verdict} {count}"));
        lines.collect::<Vec<_>>().join(", ")
    });
    assert!(counts["read"] > 20, "{counts:?}");
}

/// A report of a scanner or of tests, a VEX document, or an SBOM; any other JSON is recorded without being read.
fn report(bytes: &[u8]) -> String {
    match scan::read(bytes) {
        Ok(_) => return "read".to_owned(),
        Err(ScanError::Unknown | ScanError::Json(_)) => {}
        Err(error) => return format!("refused: {error}"),
    }
    if junit::read(bytes).is_ok() {
        return "read".to_owned();
    }
    let about = |predicate_type: &str| {
        let statement = StatementBuilder::new(predicate_type)
            .subject("another", [Digest::sha256_of(b"another")])
            .predicate(bytes)
            .ok()?;
        Some(fact::read(&Statement::parse(&statement).unwrap()).interpreted)
    };
    let is_vex = String::from_utf8_lossy(bytes).contains("openvex.dev/ns");
    match about("https://example.com/report/v1") {
        None => format!("refused: {}", json::check(bytes).unwrap_err()),
        Some(_) if is_vex => match about("https://openvex.dev/ns") {
            Some(true) => "read".to_owned(),
            _ => "refused: not OpenVEX that can be read".to_owned(),
        },
        Some(_) if sbom::components(bytes).is_ok() => "read".to_owned(),
        Some(_) if is_of_others(bytes) => NOT_INTERPRETED.to_owned(),
        Some(_) => "refused: of no known format".to_owned(),
    }
}

/// Whether it says of itself that it is CSAF, OSV or a result of Scorecard.
fn is_of_others(bytes: &[u8]) -> bool {
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return false };
    let has = |names: &[&str]| names.iter().all(|name| document.get(name).is_some());
    document["document"].get("csaf_version").is_some() || has(&["id", "modified"]) || has(&["repo", "checks"])
}

#[test]
fn every_report_has_its_verdict() {
    if skipped() {
        return;
    }
    let counts = every_row("vuln-vex", |_, bytes| report(bytes));
    assert!(counts["read"] >= 20, "{counts:?}");
}

/// Whether the strict reader refuses on purpose what the suite calls good.
fn stricter(error: &json::JsonError) -> bool {
    // Two readers could take either of two members.
    matches!(error.fault, JsonFault::Duplicate { .. })
}

#[test]
fn every_json_text_has_its_verdict() {
    if skipped() {
        return;
    }
    every_row("json", |name, bytes| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        if name.contains(".jsonl") {
            for line in String::from_utf8(bytes.to_vec()).unwrap().lines() {
                let row: Value = serde_json::from_str(line).unwrap();
                let (name, expect) = (row["name"].as_str().unwrap(), row["expect"].as_str().unwrap());
                let text = STANDARD.decode(row["b64"].as_str().unwrap()).unwrap();
                let verdict = match (expect, json::check(&text)) {
                    ("accept" | "either", Ok(())) => "read",
                    ("accept", Err(error)) => {
                        assert!(stricter(&error), "{name}: {error}");
                        "stricter"
                    }
                    (_, Err(_)) => "refused",
                    (_, Ok(())) => panic!("{name} is read, and should not be"),
                };
                *counts.entry(format!("{expect} {verdict}")).or_default() += 1;
            }
        } else {
            // Nothing here writes canonical JSON: what is hashed is hashed as it was received. Both forms are read.
            for vector in serde_json::from_slice::<Vec<Value>>(bytes).unwrap() {
                let [input, output] = ["input", "output"].map(|name| vector[name].as_str().unwrap());
                for text in [input, output] {
                    json::check(text.as_bytes())
                        .unwrap_or_else(|error| panic!("{}: {error}", vector["name"]));
                }
                *counts.entry("read in both forms".to_owned()).or_default() += 1;
            }
        }
        let lines = counts.iter().map(|(verdict, count)| format!("{verdict} {count}"));
        lines.collect::<Vec<_>>().join(", ")
    });
}

#[test]
fn no_other_envelope_is_taken_for_one() {
    if skipped() {
        return;
    }
    let counts = every_row("other-envelopes", |_, bytes| {
        match (Envelope::parse(bytes), Statement::parse(bytes), sbom::components(bytes), scan::read(bytes)) {
            (Err(error), Err(_), Err(_), Err(_)) => format!("refused: {error}"),
            _ => "read".to_owned(),
        }
    });
    assert_eq!(counts.keys().collect::<Vec<_>>(), ["refused"]);
}

/// What differs deliberately is told to people, each with its reason.
#[test]
fn what_differs_is_in_the_documentation() {
    let documentation = include_str!("../../../docs/evidence-verdicts.md");
    for (file, _) in DIFFERENT {
        assert!(documentation.contains(&format!("`{file}`")), "{file}");
    }
}

/// The parts whose rows get the manifest's verdict, and where.
const JUDGED: &[(&str, &str)] = &[
    ("bundles", "bundles.rs"),
    ("crypto", "dsse_corpus.rs"),
    ("dsse", "dsse_corpus.rs"),
    ("json", "manifest.rs"),
    ("other-envelopes", "manifest.rs"),
    ("registry-provenance", "bundles.rs"),
    ("sbom", "manifest.rs"),
    ("statements", "manifest.rs"),
    ("vuln-vex", "manifest.rs"),
];
/// The parts that hold no evidence: roots, keys, tokens, image layouts, logs. Some of their files are used in other tests.
const NO_EVIDENCE: &[&str] = &["k8s-oidc", "oci", "tlog", "trust"];

/// Every row is in a part that is known here, and what is no evidence is never taken for some.
#[test]
fn no_row_of_the_corpus_is_left_out_and_what_is_no_evidence_is_refused() {
    let Some(folder) = corpus::folder() else { return };
    let rows: Vec<Value> =
        serde_json::from_slice(&std::fs::read(folder.join("MANIFEST.json")).unwrap()).unwrap();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        let file = row["file"].as_str().unwrap();
        let part = file.split('/').next().unwrap();
        *counts.entry(part).or_default() += 1;
        if NO_EVIDENCE.contains(&part) {
            let bytes = std::fs::read(folder.join(file)).unwrap();
            for line in [bytes.as_slice()].into_iter().chain(bytes.split(|byte| *byte == b'\n')) {
                let read =
                    (Envelope::parse(line), Statement::parse(line), sbom::components(line), scan::read(line));
                assert!(matches!(read, (Err(_), Err(_), Err(_), Err(_))), "{file} is taken for evidence");
            }
        }
    }
    for (part, place) in JUDGED {
        println!("{part}: {} rows, judged in {place}", counts.remove(part).unwrap_or_default());
    }
    for part in NO_EVIDENCE {
        println!("{part}: {} rows, none taken for evidence", counts.remove(part).unwrap_or_default());
    }
    println!("all: {} rows", rows.len());
    assert!(counts.is_empty(), "parts that nobody goes through: {counts:?}");
}

/// Skipping is for those who have no corpus: where one is named, and nobody reads what a test prints, its absence is a failure.
#[test]
fn a_corpus_that_ci_names_and_that_is_not_there_is_a_failure() {
    let run = |ci: bool| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "every_report_has_its_verdict"]).env("CUSTODY_CORPUS", "/nowhere");
        if ci {
            command.env("CI", "true")
        } else {
            command.env_remove("CI")
        };
        command.output().unwrap()
    };
    let (named, skipped) = (run(true), run(false));
    let said = String::from_utf8_lossy(&named.stdout).into_owned();
    assert!(!named.status.success() && said.contains("no corpus at /nowhere"), "{said}");
    assert!(skipped.status.success());
}

//! The facts of every statement of the corpus, whole, and all that each is found by: indexes are made of them, and a reader that reads
//! something else has another version.
//!
//! `facts.txt` has a line for each file: the start of the SHA-256 of what was read, how many edges and terms that is, and the file. After
//! a change on purpose, with its new `READER_VERSION`, `CUSTODY_GOLDENS=write` writes it anew.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at what it does not expect"
)]

#[allow(dead_code, reason = "each test uses its own part of it")]
mod corpus;

use std::fmt::Write as _;
use std::path::Path;

use custody_evidence::Digest;
use custody_evidence::envelope::Envelope;
use custody_evidence::fact::{self, Facts, READER_VERSION};
use custody_evidence::statement::Statement;

/// The parts of the corpus in which statements are, signed and not.
const PARTS: [&str; 4] = ["bundles", "dsse", "registry-provenance", "statements"];

/// The facts of what is signed, or of a statement that nobody signed; none if it is neither.
fn read(bytes: &[u8]) -> Option<Facts> {
    match Envelope::parse(bytes) {
        Ok(envelope) => envelope.said().ok().map(|said| said.facts()),
        Err(_) => Statement::parse(bytes).ok().map(|statement| fact::read(&statement)),
    }
}

/// All that facts say, a line each.
fn written(facts: &Facts) -> String {
    let mut text = String::new();
    let mut line = |what: &str, said: &dyn std::fmt::Display| writeln!(text, "{what} {said}").unwrap();
    facts.edges.iter().for_each(|edge| line("edge", edge));
    facts.labels.iter().for_each(|(node, label)| line("label", &format_args!("{node} {label}")));
    facts.terms().iter().for_each(|term| line("term", term));
    facts
        .packages()
        .iter()
        .for_each(|(package, version)| line("package", &format_args!("{package} {version}")));
    facts.times.iter().for_each(|(path, time)| line("time", &format_args!("{path} {time}")));
    facts.warnings.iter().for_each(|warning| line("warning", warning));
    let Facts { happened, interpreted, components, told, observation, .. } = facts;
    line("other", &format_args!("{happened:?} {interpreted} {components:?} {told:?} {observation:?}"));
    text
}

fn line(part: &str, file: &str) -> Option<String> {
    let facts = read(&corpus::bytes(part, file))?;
    let digest = Digest::sha256_of(written(&facts).as_bytes());
    let (start, _) = digest.value().split_at(16);
    Some(format!("{start} {:>5} {:>5} {part}/{file}\n", facts.edges.len(), facts.terms().len()))
}

#[test]
fn the_facts_of_the_corpus_are_those_of_this_version_of_the_reader() {
    if corpus::folder().is_none() {
        return;
    }
    let lines = PARTS.iter().flat_map(|part| {
        corpus::listed(part).into_iter().filter_map(|file| line(part, &file)).collect::<Vec<_>>()
    });
    let found = format!("reader {READER_VERSION}\n{}", lines.collect::<String>());
    let golden = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/facts.txt"));
    if std::env::var_os("CUSTODY_GOLDENS").is_some_and(|mode| mode == "write") {
        std::fs::write(golden, &found).unwrap();
    }
    let expected = std::fs::read_to_string(golden).unwrap();
    let differ = |(found, expected): &(&str, &str)| found != expected;
    let first = found.lines().zip(expected.lines()).find(differ);
    assert!(first.is_none(), "found and expected: {first:#?}");
    assert_eq!(found.lines().count(), expected.lines().count());
}

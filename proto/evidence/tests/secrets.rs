//! Nothing in the corpus of real documents is refused by the secret screen, and what is suspected is listed.

#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]

#[allow(dead_code, reason = "each test uses its own part of it")]
mod corpus;

use std::fs;
use std::path::{Path, PathBuf};

use custody_evidence::envelope::Envelope;
use custody_evidence::secret::{Screened, screen, screen_statement};

const ORIGIN: &str = "example.com/log";

/// What is not recorded: keys, tokens of identity, trust roots and parts of logs.
const DATA: [&str; 4] = ["crypto", "k8s-oidc", "tlog", "MANIFEST.json"];

fn nothing(_: &str, _: &str) -> bool {
    false
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// A document is screened as what it is, each line of a file of lines, and text that is no JSON as one string.
fn screened(bytes: &[u8], lines: bool) -> Vec<Screened> {
    let one = |bytes: &[u8]| match Envelope::parse(bytes) {
        Ok(envelope) => screen(&envelope, ORIGIN, &nothing),
        Err(_) => screen_statement(bytes, ORIGIN, &nothing),
    };
    if lines {
        return bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(one).collect();
    }
    let json = serde_json::from_slice::<serde_json::Value>(bytes).is_ok();
    if json {
        return vec![one(bytes)];
    }
    let text = serde_json::to_vec(&[String::from_utf8_lossy(bytes)]).unwrap();
    vec![screen_statement(&text, ORIGIN, &nothing)]
}

#[test]
fn nothing_in_the_corpus_is_refused() {
    let Some(folder) = corpus::folder() else { return };
    let (mut refused, mut suspected, mut count) = (Vec::new(), 0, 0);
    for path in files(&folder) {
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        if DATA.iter().any(|data| name.starts_with(data)) || name.contains(".md") {
            continue;
        }
        count += 1;
        let found = screened(&fs::read(&path).unwrap(), name.contains(".jsonl"));
        let (mut no, mut maybe) = (0, 0);
        for found in &found {
            assert!(found.complete(), "{name}");
            refused.extend(found.refused().iter().map(|finding| format!("{name}: {finding}")));
            no += found.refused().len();
            maybe += found.suspected().len();
            for finding in found.suspected() {
                println!("  suspected: {finding}");
            }
        }
        suspected += maybe;
        println!("{name}: {no} refused, {maybe} suspected");
    }
    println!("{count} files: {} refused, {suspected} suspected", refused.len());
    assert!(count > 200, "{count}");
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

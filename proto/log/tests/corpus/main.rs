//! Vectors and logs of other projects, which this crate must agree with.
//!
//! They are read from the folder that `CUSTODY_CORPUS` names, by default `../shared/corpus` beside the
//! workspace. Where there is none, each test says that it skipped. `coverage.rs` lists what is read here, and
//! why the rest is not.

// All of this folder is tests; clippy knows only functions marked #[test] as such.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

mod coverage;
mod merkle;
mod notes;
mod tar;
mod tiles;

use std::path::PathBuf;

/// Returns the corpus' folder; none, and a line that says so, where there is none.
fn corpus() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus");
    let folder = std::env::var_os("CUSTODY_CORPUS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if folder.join("MANIFEST.json").is_file() {
        return Some(folder);
    }
    let asked = ["CI", "CUSTODY_CORPUS"].iter().all(|name| std::env::var_os(name).is_some());
    assert!(!asked, "no corpus at {}: CUSTODY_CORPUS names it, and CI skips nothing", folder.display());
    println!("skipped: no corpus at {}", folder.display());
    None
}

/// Returns the bytes of a file of the corpus; none where there is no corpus.
fn read(file: &str) -> Option<Vec<u8>> {
    assert!(coverage::COVERED.contains(&file), "{file} is not in the list of what is covered");
    corpus().map(|folder| std::fs::read(folder.join(file)).unwrap_or_else(|why| panic!("{file}: {why}")))
}

/// Returns the text of a file of the corpus; none where there is no corpus.
fn read_text(file: &str) -> Option<String> {
    read(file).map(|bytes| String::from_utf8(bytes).unwrap())
}

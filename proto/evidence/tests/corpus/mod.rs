//! The corpus of real documents: outside the project, found by `CUSTODY_CORPUS` or beside the workspace.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Where the corpus is; none, with a line that says so, if it is not there.
pub(crate) fn folder() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus");
    let folder = std::env::var_os("CUSTODY_CORPUS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if folder.join("MANIFEST.json").is_file() {
        return Some(folder);
    }
    let asked = ["CI", "CUSTODY_CORPUS"].iter().all(|name| std::env::var_os(name).is_some());
    assert!(!asked, "no corpus at {}: CUSTODY_CORPUS names it, and CI skips nothing", folder.display());
    println!("skipped: no corpus at {} (set CUSTODY_CORPUS)", folder.display());
    None
}

/// The files of one part that the manifest lists, by name.
pub(crate) fn listed(part: &str) -> BTreeSet<String> {
    let Some(folder) = folder() else { return BTreeSet::new() };
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("MANIFEST.json")).unwrap()).unwrap();
    let files = manifest.as_array().unwrap().iter().map(|row| row["file"].as_str().unwrap().to_owned());
    files.filter_map(|file| Some(file.strip_prefix(part)?.strip_prefix('/')?.to_owned())).collect()
}

/// The bytes of a file of one part.
pub(crate) fn bytes(part: &str, file: &str) -> Vec<u8> {
    let path = folder().unwrap().join(part).join(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of one part of the manifest.
#[allow(dead_code, reason = "not every test of this crate compares with the manifest")]
pub(crate) fn rows(part: &str) -> Vec<serde_json::Value> {
    let manifest = fs::read(folder().unwrap().join("MANIFEST.json")).unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&manifest).unwrap();
    let start = format!("{part}/");
    rows.into_iter().filter(|row| row["file"].as_str().unwrap().starts_with(&start)).collect()
}

//! Real files of others, which lie outside of the project: in the folder that `CUSTODY_CORPUS` names, by default
//! `shared/corpus` beside the workspace.

use std::path::PathBuf;

use crate::workspace;

/// Returns the corpus; none, with a line that says so, where it is not.
///
/// # Panics
///
/// Under `CI`, where `CUSTODY_CORPUS` names a folder that is none: what is meant to be tried is not skipped.
#[must_use]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub fn corpus() -> Option<PathBuf> {
    let beside = || workspace::root().join("../shared/corpus");
    let folder = std::env::var_os("CUSTODY_CORPUS").map_or_else(beside, PathBuf::from);
    if folder.join("MANIFEST.json").is_file() {
        return Some(folder);
    }
    let asked = ["CI", "CUSTODY_CORPUS"].iter().all(|name| std::env::var_os(name).is_some());
    assert!(!asked, "no corpus at {}: CUSTODY_CORPUS names it, and CI skips nothing", folder.display());
    println!("skipped: no corpus at {} (set CUSTODY_CORPUS)", folder.display());
    None
}

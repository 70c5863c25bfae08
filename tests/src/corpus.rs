//! Real files of others, which lie outside of the project: in the folder that `CUSTODY_CORPUS` names, by default
//! `shared/corpus` beside the workspace.

use std::path::PathBuf;

use crate::workspace;

/// Returns the corpus; none, with a line that says so, where it is not.
#[must_use]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub fn corpus() -> Option<PathBuf> {
    let beside = || workspace::root().join("../shared/corpus");
    let folder = std::env::var_os("CUSTODY_CORPUS").map_or_else(beside, PathBuf::from);
    if folder.join("MANIFEST.json").is_file() {
        return Some(folder);
    }
    println!("skipped: no corpus at {} (set CUSTODY_CORPUS)", folder.display());
    None
}

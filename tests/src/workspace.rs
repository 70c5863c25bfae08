//! Where the files of this workspace are.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the top folder of the workspace.
///
/// # Panics
///
/// Never: this crate is a folder of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests crate is a folder of the workspace").to_path_buf()
}

/// Returns the text of a file, named relative to the top folder.
///
/// # Panics
///
/// When the file cannot be read: a test then has nothing to say.
#[must_use]
pub fn read(relative: &str) -> String {
    let path = root().join(relative);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns every file that belongs to the project, relative to the top folder, in order; build output and version
/// control are not among them.
///
/// # Panics
///
/// When a folder cannot be listed.
#[must_use]
pub fn files() -> Vec<PathBuf> {
    let top = root();
    let mut found = Vec::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let entry = entry.expect("a folder that was opened can be listed");
            let path = entry.path();
            let name = entry.file_name();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if name != "target" && name != ".git" {
                    folders.push(path);
                }
            } else if name != ".git" {
                found.push(path.strip_prefix(&top).expect("found below the top folder").to_path_buf());
            }
        }
    }
    found.sort();
    found
}

/// Returns every Rust source of the project, relative to the top folder, with its text.
///
/// # Panics
///
/// When a source cannot be read.
#[must_use]
pub fn rust_sources() -> Vec<(PathBuf, String)> {
    files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let text = fs::read_to_string(root().join(&path))
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path, text)
        })
        .collect()
}

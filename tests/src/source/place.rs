//! What the place of a source says: whether it is of tests, and which module it is.

use std::path::Path;

use crate::workspace;

/// Returns whether a file belongs to a folder, or is the module file of that name (`sequencer.rs` for `sequencer`).
#[must_use]
pub fn belongs(file: &Path, folder: &str) -> bool {
    file.starts_with(folder) || file == Path::new(&format!("{folder}.rs"))
}

/// Returns whether a file holds tests: `tests.rs`, or anything in a folder `tests`.
#[must_use]
pub fn is_test_file(file: &Path) -> bool {
    file.ends_with("tests.rs") || file.iter().any(|part| part == "tests")
}

/// Returns whether a crate begins in the file, so that no `mod` names it.
#[must_use]
pub fn is_crate_root(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default();
    let folder = file.parent().and_then(Path::file_name).unwrap_or_default();
    name == "main.rs"
        || name == "lib.rs"
        || name == "build.rs"
        || (folder == "tests" || folder == "examples") && has_manifest(file, 2)
        || folder == "benches"
}

/// Whether the folder `up` levels above the file holds a manifest.
fn has_manifest(file: &Path, up: usize) -> bool {
    file.ancestors().nth(up).is_some_and(|folder| workspace::root().join(folder).join("Cargo.toml").exists())
}

/// Returns the name of the module that the file is.
#[must_use]
pub fn module_name(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if stem != "mod" {
        return stem;
    }
    file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned()
}

/// Returns whether `other` is where the module of `file` would be declared: the crate root or `mod.rs` beside it, or the
/// file named like its folder.
#[must_use]
pub fn may_declare(other: &Path, file: &Path) -> bool {
    let of_folder = if file.ends_with("mod.rs") { file.parent() } else { Some(file) };
    let Some(folder) = of_folder.and_then(Path::parent) else { return false };
    let beside = other.parent() == Some(folder) && other != file;
    beside || other == folder.with_extension("rs")
}

//! Where inputs come from: the worked example of `docs/format.md`, and the corpus of real documents, which is outside
//! the project.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use custody_tests::{example, workspace};

/// The longest file that is taken.
const FILE_MAX: u64 = 3 << 20;
/// The most files of one folder; documents of one kind are alike.
const FILES_MAX: usize = 60;

/// The inputs there are.
#[derive(Debug)]
pub struct Corpus {
    folder: Option<PathBuf>,
    example: BTreeMap<String, Vec<u8>>,
}

impl Corpus {
    /// Finds the corpus: in the folder that `CUSTODY_CORPUS` names, or beside the workspace.
    ///
    /// # Panics
    ///
    /// Under `CI`, where `CUSTODY_CORPUS` names a folder that is none.
    #[must_use]
    pub fn find() -> Self {
        let beside = workspace::root().join("../shared/corpus");
        let folder = std::env::var_os("CUSTODY_CORPUS").map_or(beside, PathBuf::from);
        let there = folder.join("MANIFEST.json").is_file();
        let asked = ["CI", "CUSTODY_CORPUS"].iter().all(|name| std::env::var_os(name).is_some());
        assert!(
            there || !asked,
            "no corpus at {}: CUSTODY_CORPUS names it, and CI skips nothing",
            folder.display()
        );
        Self { folder: there.then_some(folder), example: example::files() }
    }

    /// Returns whether real documents are there.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        self.folder.is_some()
    }

    /// Returns a file of the worked example; empty if it has none of that name.
    #[must_use]
    pub fn example(&self, name: &str) -> Vec<u8> {
        self.example.get(name).cloned().unwrap_or_default()
    }

    /// Returns the files of the worked example whose names start so.
    #[must_use]
    pub fn examples(&self, start: &str) -> Vec<Vec<u8>> {
        self.example
            .iter()
            .filter(|(name, _)| name.starts_with(start))
            .map(|(_, bytes)| bytes.clone())
            .collect()
    }

    /// Returns the documents below a folder of the corpus, in the order of their names; a file of lines gives each line.
    /// Nothing if there is no corpus.
    #[must_use]
    pub fn documents(&self, part: &str) -> Vec<Vec<u8>> {
        let Some(folder) = &self.folder else { return Vec::new() };
        let mut found = Vec::new();
        for path in files(&folder.join(part)) {
            let Ok(bytes) = fs::read(&path) else { continue };
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                found.extend(bytes.split(|byte| *byte == b'\n').take(FILES_MAX).map(<[u8]>::to_vec));
            } else {
                found.push(bytes);
            }
        }
        found
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.metadata().is_ok_and(|data| data.len() <= FILE_MAX) && !path.ends_with("README.md") {
            found.push(path);
        }
    }
    found.truncate(FILES_MAX);
    found
}

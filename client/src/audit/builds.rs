//! Which entries say whose build an artifact is: what is recorded about own builds is compared with all of them.
//!
//! Of each artifact the first eight bytes of the SHA-256 of its digest are kept, with the entry: in memory, and in a file
//! beside the state. Two artifacts with the same eight bytes cost a look at an entry that says nothing, and no more.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::PathBuf;

use custody_evidence::admission::Build;
use custody_log::{BlobDigest, LeafIndex, TreeSize};

use super::contents::append_at;
use crate::memory::MemoryError;

/// How many pairs of artifact and entry are kept: 1,048,576. In the file these are 16 MiB; in memory, where no two are of one
/// artifact, as many lists, some 100 MB. What is recorded about builds behind them is not compared, and counted.
const BUILDS_MAX: usize = 1 << 20;

/// Length of a pair in the file.
const PAIR: usize = 16;

#[derive(Debug)]
pub(super) struct Builds {
    path: PathBuf,
    by_artifact: HashMap<u64, Vec<u64>>,
    /// How many pairs are known.
    known: usize,
    /// Whether there are more than are kept.
    full: bool,
    /// Those that are not in the file yet.
    unsaved: Vec<u8>,
}

impl Builds {
    /// Starts before entry 0.
    pub(super) fn empty(path: PathBuf) -> Self {
        Self { path, by_artifact: HashMap::new(), known: 0, full: false, unsaved: Vec::new() }
    }

    /// Reads the first `pairs` of the file; none if it has fewer. What is behind was written by an audit that did not get to save
    /// its state.
    pub(super) fn load(path: PathBuf, pairs: u64, size: TreeSize) -> Result<Option<Self>, MemoryError> {
        let read = |why| MemoryError::Read { path: path.clone(), why };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(why) => return Err(read(why)),
        };
        let (found, _) = bytes.as_chunks::<PAIR>();
        let Some(found) = usize::try_from(pairs).ok().and_then(|pairs| found.get(..pairs)) else {
            return Ok(None);
        };
        let mut builds = Self::empty(path);
        for pair in found {
            let (artifact, index) = pair.split_at(8);
            let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
            builds.insert(number(artifact), number(index));
        }
        builds.unsaved.clear();
        let within = |index: &u64| LeafIndex::new(*index).is_ok_and(|index| size.contains(index));
        let whole = builds.by_artifact.values().flatten().all(within);
        Ok(whole.then_some(builds))
    }

    /// Returns how many pairs are known: as many must be in the file.
    pub(super) fn known(&self) -> u64 {
        u64::try_from(self.known).unwrap_or(u64::MAX)
    }

    /// Adds what the next entry says.
    pub(super) fn add(&mut self, index: LeafIndex, build: &Build) {
        for artifact in build.artifacts() {
            self.insert(word(artifact), index.get());
        }
    }

    /// Returns the entries that may say whose builds these are; none if not all of them are kept.
    pub(super) fn about(&self, artifacts: &BTreeSet<String>) -> Option<BTreeSet<LeafIndex>> {
        let found = artifacts.iter().filter_map(|artifact| self.by_artifact.get(&word(artifact)));
        let indexes = found.flatten().filter_map(|index| LeafIndex::new(*index).ok()).collect();
        (!self.full).then_some(indexes)
    }

    fn insert(&mut self, artifact: u64, index: u64) {
        if self.known >= BUILDS_MAX {
            self.full = true;
            return;
        }
        self.known += 1;
        self.by_artifact.entry(artifact).or_default().push(index);
        self.unsaved.extend_from_slice(&artifact.to_le_bytes());
        self.unsaved.extend_from_slice(&index.to_le_bytes());
    }

    /// Writes what is not in the file yet, and syncs it. The state is saved afterwards.
    pub(super) fn save(&mut self) -> Result<(), MemoryError> {
        let unsaved = self.unsaved.len() / PAIR;
        let written = u64::try_from(self.known.saturating_sub(unsaved) * PAIR).unwrap_or(u64::MAX);
        append_at(&self.path, written, &self.unsaved)
            .map_err(|why| MemoryError::Write { path: self.path.clone(), why })?;
        self.unsaved.clear();
        Ok(())
    }
}

fn word(artifact: &str) -> u64 {
    let digest = BlobDigest::of(artifact.as_bytes());
    digest.as_bytes().first_chunk::<8>().copied().map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_read_as_far_as_the_state_says() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("builds");
        let mut builds = Builds::empty(path.clone());
        let artifacts = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        builds.insert(word("sha256:a"), 3);
        builds.insert(word("sha256:b"), 3);
        builds.save().unwrap();
        builds.insert(word("sha256:a"), 7);
        builds.save().unwrap();
        assert_eq!(builds.known(), 3);
        let size = |size| TreeSize::new(size).unwrap();
        let at = |builds: &Builds, names: &[&str]| {
            let found = builds.about(&artifacts(names)).unwrap();
            found.into_iter().map(LeafIndex::get).collect::<Vec<_>>()
        };
        let all = Builds::load(path.clone(), 3, size(8)).unwrap().unwrap();
        assert_eq!(at(&all, &["sha256:a"]), [3, 7]);
        let mut earlier = Builds::load(path.clone(), 2, size(4)).unwrap().unwrap();
        assert_eq!(
            (at(&earlier, &["sha256:a", "sha256:c"]), at(&earlier, &["sha256:b"])),
            (vec![3], vec![3])
        );
        // What is behind is written over.
        earlier.insert(word("sha256:c"), 5);
        earlier.save().unwrap();
        let again = Builds::load(path.clone(), 3, size(6)).unwrap().unwrap();
        assert_eq!((at(&again, &["sha256:a"]), at(&again, &["sha256:c"])), (vec![3], vec![5]));
        assert!(Builds::load(path.clone(), 4, size(8)).unwrap().is_none(), "fewer than the state says");
        assert!(Builds::load(path, 3, size(5)).unwrap().is_none(), "an entry that was not replayed");
    }

    #[test]
    fn more_than_are_kept_is_said() {
        let mut builds = Builds::empty(PathBuf::new());
        for number in 0..=u64::try_from(BUILDS_MAX).unwrap() {
            assert!(builds.about(&BTreeSet::new()).is_some());
            builds.insert(number, 1);
        }
        assert!(builds.about(&BTreeSet::new()).is_none());
    }
}

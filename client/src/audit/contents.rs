//! Which contents were seen: what was said twice is looked at again.
//!
//! Of each content the first eight bytes of its digest are kept, in memory and, eight bytes an entry, in a file beside
//! the state. Two contents with the same eight bytes cost a look at both entries, and nothing else.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use custody_log::{ContentDigest, LeafIndex, TreeSize};

use crate::memory::MemoryError;

/// How many contents are kept: 4,194,304. In memory these are at most 8,388,608 places of 17 bytes, 143 MB; in the
/// file 32 MiB. Entries after them are not compared, and counted.
const CONTENTS_MAX: u64 = 4 << 20;

/// How many earlier entries of one content are looked at.
const EARLIER_MAX: usize = 32;

/// Stands for an entry without a content.
const NOTHING: u64 = 0;

#[derive(Debug)]
pub(super) struct Contents {
    path: PathBuf,
    /// The first entry of each content.
    first: HashMap<u64, u64>,
    /// The later ones; few contents have any.
    later: HashMap<u64, Vec<u64>>,
    /// How many entries are known.
    known: u64,
    /// Those that are not in the file yet.
    unsaved: Vec<u8>,
}

impl Contents {
    /// Starts before entry 0.
    pub(super) fn empty(path: PathBuf) -> Self {
        let (first, later) = (HashMap::new(), HashMap::new());
        Self { path, first, later, known: 0, unsaved: Vec::new() }
    }

    /// Reads the file up to this size; none if it ends before. What is behind was written by an audit that did not
    /// get to save its state, and is cut.
    pub(super) fn load(path: PathBuf, size: TreeSize) -> Result<Option<Self>, MemoryError> {
        let read = |why| MemoryError::Read { path: path.clone(), why };
        let expected = size.get().min(CONTENTS_MAX);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(why) => return Err(read(why)),
        };
        let (words, _) = bytes.as_chunks::<8>();
        let wanted = usize::try_from(expected).unwrap_or(usize::MAX);
        let Some(words) = words.get(..wanted) else { return Ok(None) };
        let mut contents = Self::empty(path);
        for word in words {
            contents.insert(u64::from_le_bytes(*word));
        }
        contents.unsaved.clear();
        Ok(Some(contents))
    }

    /// Adds the content of the next entry and returns the earlier entries that may have the same; none if that many
    /// are not kept.
    pub(super) fn add(&mut self, content: Option<&ContentDigest>) -> Option<Vec<LeafIndex>> {
        if self.known >= CONTENTS_MAX {
            return None;
        }
        let word = content.and_then(|content| content.as_bytes().first_chunk::<8>().copied());
        let word = word.map_or(NOTHING, u64::from_le_bytes);
        let mut earlier: Vec<u64> = self.first.get(&word).copied().into_iter().collect();
        earlier.extend(self.later.get(&word).into_iter().flatten().take(EARLIER_MAX - 1));
        self.insert(word);
        Some(earlier.into_iter().filter_map(|index| LeafIndex::new(index).ok()).collect())
    }

    /// Returns the entries that may have this content, of those that are kept.
    pub(super) fn of(&self, content: &ContentDigest) -> Vec<LeafIndex> {
        let word = content.as_bytes().first_chunk::<8>().map_or(NOTHING, |word| u64::from_le_bytes(*word));
        let indexes = self.first.get(&word).into_iter().chain(self.later.get(&word).into_iter().flatten());
        indexes.filter_map(|index| LeafIndex::new(*index).ok()).collect()
    }

    fn insert(&mut self, word: u64) {
        let index = self.known;
        self.known += 1;
        self.unsaved.extend_from_slice(&word.to_le_bytes());
        if word == NOTHING {
            return;
        }
        match self.first.entry(word) {
            std::collections::hash_map::Entry::Vacant(place) => drop(place.insert(index)),
            std::collections::hash_map::Entry::Occupied(_) => {
                let later = self.later.entry(word).or_default();
                if later.len() < EARLIER_MAX {
                    later.push(index);
                }
            }
        }
    }

    /// Writes what is not in the file yet, and syncs it. The state is saved afterwards.
    pub(super) fn save(&mut self) -> Result<(), MemoryError> {
        let written = self.known * 8 - u64::try_from(self.unsaved.len()).unwrap_or(0);
        append_at(&self.path, written, &self.unsaved)
            .map_err(|why| MemoryError::Write { path: self.path.clone(), why })?;
        self.unsaved.clear();
        Ok(())
    }
}

/// Writes behind the first `at` bytes of a file; what was there is cut.
pub(super) fn append_at(path: &Path, at: u64, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
    file.set_len(at)?;
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(at))?;
    file.write_all(bytes)?;
    file.sync_all()
}

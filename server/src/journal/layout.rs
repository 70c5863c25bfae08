//! Where things are in the data directory (`docs/format.md`, section "Journal").

use std::path::{Path, PathBuf};

use custody_log::{EnvelopeDigest, LeafIndex};

/// What unfinished work is named with.
pub(super) const NEW: &str = ".new";
pub(super) const JOURNAL: &str = "journal";
pub(super) const JOURNAL_NEW: &str = "journal.new";
pub(super) const LOCK: &str = "lock";

const SEGMENT: &str = ".segment";

/// The paths of one journal.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The data directory.
    pub(super) dir: PathBuf,
    root: PathBuf,
    segments: PathBuf,
}

impl Layout {
    /// The journal that is in use.
    pub(super) fn of(dir: &Path) -> Self {
        Self::at(dir, dir.join(JOURNAL))
    }

    /// The journal that is being made.
    pub(super) fn unfinished(dir: &Path) -> Self {
        Self::at(dir, dir.join(JOURNAL_NEW))
    }

    /// A backup: it has segments and large envelopes where a journal has them, and no journal folder, so that it is
    /// never served.
    pub(super) fn of_backup(dir: &Path) -> Self {
        Self::at(dir, dir.to_owned())
    }

    /// A folder that holds segments; large envelopes are beside it, as in a journal.
    pub(super) fn of_segments(dir: &Path) -> Self {
        let root = dir.parent().unwrap_or(dir).to_owned();
        Self { dir: root.clone(), root, segments: dir.to_owned() }
    }

    fn at(dir: &Path, root: PathBuf) -> Self {
        Self { dir: dir.to_owned(), segments: root.join("segments"), root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.dir.join(LOCK)
    }

    pub(super) fn slots(&self) -> [PathBuf; 2] {
        [self.root.join("checkpoint-a"), self.root.join("checkpoint-b")]
    }

    pub(super) fn segments(&self) -> PathBuf {
        self.segments.clone()
    }

    pub(super) fn segment(&self, first: LeafIndex) -> PathBuf {
        self.segments().join(segment_file(first))
    }

    pub(super) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// The folder of a blob: the first two hex digits of its digest.
    pub(super) fn blob_folder(&self, digest: &EnvelopeDigest) -> PathBuf {
        let folder: String = digest.to_hex().chars().take(2).collect();
        self.blobs().join(folder)
    }

    pub(super) fn blob(&self, digest: &EnvelopeDigest) -> PathBuf {
        self.blob_folder(digest).join(digest.to_hex())
    }
}

/// The name that a file has until it is whole.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(NEW);
    PathBuf::from(name)
}

/// The name of the segment file that starts with this entry.
pub(super) fn segment_file(first: LeafIndex) -> String {
    format!("{:020}{SEGMENT}", first.get())
}

/// Returns the first index that a segment's file name says; none if it is no segment's name.
pub(super) fn segment_name(name: &str) -> Option<LeafIndex> {
    let digits = name.strip_suffix(SEGMENT)?;
    if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().and_then(|first| LeafIndex::new(first).ok())
}

//! `custodyd backup`: a checked copy of what a log's newest kept checkpoint covers, taken while a server records.
//!
//! Segments are copied beside their names, synced, and checked in whole: entries, chain, records, envelopes, roots.
//! Only when all of them passed do they get their names, and the list of files is replaced last. So whatever moment
//! it is interrupted, the backup is what its list says: the one before, or the new one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use custody_log::tree::Frontier;
use custody_log::{Entry, EntryDigest, RootHash, TreeSize};

use super::chain::Chain;
use super::copying::{Aside, apart, copy_aside, copy_blob, remove_if_there};
use super::damage::Damage;
use super::directory::{DirectoryError, make_dir};
use super::files::{Files, fault, remove_unfinished};
use super::fsck::Progress;
use super::layout::{self, Layout};
use super::lock::Lock;
use super::manifest::{self, Line, Manifest, ManifestError};
use super::scan::{Broken, SegmentFile};
use super::verify::{Verifier, erased, large};
use super::view::{Covered, View, ViewError};
use super::writer::JournalFault;

/// What a backup holds now, and what it cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// The log's name.
    pub origin: String,
    /// How many entries it holds.
    pub size: TreeSize,
    /// The root at that size.
    pub root: RootHash,
    /// How many entries it held before.
    pub before: TreeSize,
    /// Files that it holds.
    pub files: usize,
    /// Files that were copied.
    pub copied: usize,
    /// Bytes that were copied.
    pub bytes: u64,
}

/// Why no backup was made. The one before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// One directory is, or is in, the other.
    #[error("{} and {} are not apart: a backup in the data directory is lost with it", data.display(), out.display())]
    NotApart {
        /// The data directory.
        data: PathBuf,
        /// Where the backup was to be.
        out: PathBuf,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Source(#[from] ViewError),
    /// What the log holds is damaged: a backup of it would not be one.
    #[error("the log is damaged: {0}; nothing was added to the backup")]
    Damaged(Box<Damage>),
    /// The target holds something else.
    #[error("{} is not empty and holds no backup (found {found:?}); name an empty directory", out.display())]
    Foreign {
        /// Where the backup was to be.
        out: PathBuf,
        /// One name that is there.
        found: String,
    },
    /// The target holds a backup of another log.
    #[error("{} holds a backup of the log with entry 0 {found}, this is the log with {expected}", out.display())]
    OtherLog {
        /// The backup.
        out: PathBuf,
        /// This log.
        expected: EntryDigest,
        /// The log of the backup.
        found: EntryDigest,
    },
    /// The backup holds more than the log.
    #[error(
        "the backup holds {backup} entries, the log only {size}: entries were lost, or this is an older copy"
    )]
    Newer {
        /// Entries in the backup.
        backup: TreeSize,
        /// Entries in the log.
        size: TreeSize,
    },
    /// The log does not continue what the backup holds.
    #[error(
        "the log's first {size} entries are not those of the backup, which have the root {root}: one of them is a fork"
    )]
    Fork {
        /// Entries in the backup.
        size: TreeSize,
        /// Their root.
        root: RootHash,
    },
    /// There is not enough room.
    #[error("{} has {available} bytes free, the backup needs {needed} more", out.display())]
    NoSpace {
        /// Where the backup was to be.
        out: PathBuf,
        /// Free bytes.
        available: u64,
        /// What it needs.
        needed: u64,
    },
    /// The list of the existing backup's files cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The target cannot be worked in.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl From<JournalFault> for BackupError {
    fn from(fault: JournalFault) -> Self {
        Self::Directory(fault.into())
    }
}

impl From<Broken> for BackupError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Damage(damage) => Self::Damaged(damage),
            Broken::Fault(fault) => fault.into(),
        }
    }
}

/// Copies what the newest kept checkpoint of the log in `data` covers to `out`: all of it, or what is new since the
/// backup that is there.
pub fn backup(
    data: &Path,
    out: &Path,
    files: &Arc<dyn Files>,
    progress: &mut dyn FnMut(Progress),
) -> Result<BackupReport, BackupError> {
    if !apart(data, out) {
        return Err(BackupError::NotApart { data: data.to_owned(), out: out.to_owned() });
    }
    let mut source = View::open(data, files)?;
    make_dir(files.as_ref(), out)?;
    let _lock = Lock::take(files.as_ref(), out)?;
    loop {
        let damage = match copied(&source, out, files.as_ref(), progress) {
            Err(BackupError::Damaged(damage)) => damage,
            copied => return copied,
        };
        // What is read while a redaction erases it is no damage. A view that is opened later knows why it is gone, and there are
        // only so many redactions.
        let later = View::open(data, files)?;
        if later.redactions == source.redactions {
            return Err(BackupError::Damaged(damage));
        }
        source = later;
    }
}

/// Copies what is new in a view, to a directory that nobody else works in.
fn copied(
    source: &View,
    out: &Path,
    files: &dyn Files,
    progress: &mut dyn FnMut(Progress),
) -> Result<BackupReport, BackupError> {
    let before = existing(files, out, source)?;
    let target = Layout::of_backup(out);
    for folder in [target.segments(), target.blobs()] {
        files.create_dir(&folder).map_err(fault("create", &folder))?;
        remove_unfinished(files, &folder)?;
    }
    files.sync_dir(out).map_err(fault("sync", out))?;
    let mut copy = Copy::new(files, source, target, before, progress)?;
    copy.check_room(out)?;
    copy.all()?;
    copy.finish(out)
}

/// Returns the list of the backup that is there already, which is one of the same log.
fn existing(files: &dyn Files, out: &Path, source: &View) -> Result<Option<Manifest>, BackupError> {
    let Some(manifest) = Manifest::of(out, files)? else {
        // An interrupted first backup leaves these.
        let ours = ["segments", "blobs", "lock", "lost+found", "manifest.json.new"];
        let names = files.list(out).map_err(fault("list", out))?;
        return match names.into_iter().filter(|name| !ours.contains(&name.as_str())).min() {
            Some(found) => Err(BackupError::Foreign { out: out.to_owned(), found }),
            None => Ok(None),
        };
    };
    let found = manifest.log()?;
    if found != source.log {
        return Err(BackupError::OtherLog { out: out.to_owned(), expected: source.log, found });
    }
    let backup = manifest.kept()?;
    if backup.size > source.size() {
        return Err(BackupError::Newer { backup: backup.size, size: source.size() });
    }
    Ok(Some(manifest))
}

/// A backup on its way.
struct Copy<'a> {
    files: &'a dyn Files,
    source: &'a View,
    target: Layout,
    before: Option<Manifest>,
    /// What must come out at the size of the backup before.
    known: Option<(TreeSize, RootHash)>,
    verifier: Verifier,
    /// The segments that the backup has already.
    kept: Vec<Covered>,
    /// Where the sealed segments end.
    edge: Frontier,
    lines: Vec<Line>,
    /// Which large envelopes have a line.
    blobs: BTreeSet<String>,
    asides: Vec<Aside>,
    copied: usize,
    progress: &'a mut dyn FnMut(Progress),
    told: Progress,
}

impl<'a> Copy<'a> {
    fn new(
        files: &'a dyn Files,
        source: &'a View,
        target: Layout,
        before: Option<Manifest>,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Result<Self, BackupError> {
        let known = before.as_ref().map(Manifest::kept).transpose()?.map(|kept| (kept.size, kept.root));
        let told = Progress { bytes: 0, bytes_total: 0, entries: 0 };
        let (edge, kept) = match &before {
            Some(manifest) => (manifest.edge()?, kept_segments(manifest, source)?),
            None => (Frontier::empty(), Vec::new()),
        };
        let mut copy = Self {
            files,
            source,
            target,
            before,
            known,
            verifier: Verifier::start(source.redactions.clone()),
            kept,
            edge: Frontier::empty(),
            lines: Vec::new(),
            blobs: BTreeSet::new(),
            asides: Vec::new(),
            copied: 0,
            progress,
            told,
        };
        if let Some(last) = copy.kept.last().filter(|last| last.size == edge.size()).cloned() {
            copy.go_on_after(&last, edge)?;
        } else {
            copy.kept.clear();
        }
        copy.told.entries = copy.verifier.size().get();
        copy.told.bytes_total = copy.to_copy().map(|segment| segment.length).sum();
        copy.check_known()?;
        Ok(copy)
    }

    /// Takes up where the sealed segments of the backup end: by its own copy of their last entry, and the edge of the
    /// tree, whose root is the one in that segment's footer.
    fn go_on_after(&mut self, last: &Covered, edge: Frontier) -> Result<(), BackupError> {
        let file = SegmentFile::open(self.files, &self.target, last.first, Some(self.source.log))?;
        let footer = file.footer()?;
        let index = footer.size.last_index().unwrap_or(footer.first);
        let (bytes, entry) = file.entry(&file.location(&footer, index)?, index)?;
        if footer.root != edge.root() {
            return Err(BackupError::Fork { size: footer.size, root: footer.root });
        }
        self.verifier = self.verifier.after(Chain::after(&entry, &bytes), edge.clone());
        self.edge = edge;
        Ok(())
    }

    fn to_copy(&self) -> impl Iterator<Item = &'a Covered> + use<'a> {
        self.source.segments.iter().skip(self.kept.len())
    }

    fn check_room(&self, out: &Path) -> Result<(), BackupError> {
        let needed = self.told.bytes_total;
        match self.files.available(out) {
            Ok(available) if available < needed => {
                Err(BackupError::NoSpace { out: out.to_owned(), available, needed })
            }
            // If the disk does not say how full it is, its own answer to the writes has to do.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn all(&mut self) -> Result<(), BackupError> {
        self.keep_lines();
        for segment in self.to_copy() {
            self.segment(segment)?;
        }
        Ok(())
    }

    /// Takes over the lines of files that stay: sealed segments, and every large envelope.
    fn keep_lines(&mut self) {
        let Some(before) = &self.before else { return };
        let kept: Vec<String> = self.kept.iter().map(path_of).collect();
        let stays = |line: &&Line| line.path.starts_with("blobs/") || kept.contains(&line.path);
        self.lines = before.files.iter().filter(stays).cloned().collect();
        self.blobs = self.lines.iter().map(|line| line.path.clone()).collect();
    }

    fn segment(&mut self, covered: &Covered) -> Result<(), BackupError> {
        let (files, log) = (self.files, Some(self.source.log));
        let from = SegmentFile::open(files, &self.source.layout, covered.first, log)?;
        let path = self.target.segment(covered.first);
        let (progress, told) = (&mut *self.progress, &mut self.told);
        let aside = copy_aside(files, &from, covered.length, path, &mut |bytes| {
            told.bytes += bytes;
            progress(*told);
        })?;
        let mut copy = SegmentFile::open_at(files, &aside.unfinished(), covered.first, log)?;
        // What is wrong with the copy is wrong with the log: it is named there.
        copy.path.clone_from(&from.path);
        let (mut lines, mut copied) = (Vec::new(), 0);
        let (source, target, known, listed) = (&self.source.layout, &self.target, self.known, &self.blobs);
        let mut forked = false;
        let passed = self.verifier.segment(&copy, covered.size, &mut |verifier, frame| {
            forked |= known
                .is_some_and(|(size, root)| size == verifier.size() && root != verifier.frontier().root());
            for entry in large(frame, verifier.redactions()) {
                if copy_blob(files, source, target, &entry)? {
                    copied += 1;
                }
                lines.push(blob_line(&entry));
            }
            for entry in erased(frame, verifier.redactions()) {
                let line = blob_line(&entry);
                if !listed.contains(&line.path) {
                    forget(files, target, &entry)?;
                }
            }
            Ok(())
        });
        let passed = match passed {
            // The first entry that is new does not follow the backup's last one.
            Err(Broken::Damage(damage))
                if !self.kept.is_empty() && damage.entry == covered.first && damage.is_chain() =>
            {
                let (size, root) = (self.edge.size(), self.edge.root());
                return Err(BackupError::Fork { size, root });
            }
            passed => passed?,
        };
        if let (true, Some((size, root))) = (forked, self.known) {
            return Err(BackupError::Fork { size, root });
        }
        if covered.sealed {
            self.verifier.seal(&copy, &passed)?;
            self.edge = self.verifier.frontier().clone();
        }
        self.copied += 1 + copied;
        for line in lines {
            // The same envelope may be recorded more than once.
            if self.blobs.insert(line.path.clone()) {
                self.lines.push(line);
            }
        }
        let sha256 = hex::encode(aside.sha256);
        self.lines.push(Line { path: path_of(covered), length: covered.length, sha256 });
        self.told.entries = self.verifier.size().get();
        self.asides.push(aside);
        Ok(())
    }

    /// Compares the tree with that of the backup before, if they meet at this size.
    fn check_known(&self) -> Result<(), BackupError> {
        match self.known {
            Some((size, root)) if size == self.verifier.size() && root != self.verifier.frontier().root() => {
                Err(BackupError::Fork { size, root })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Gives everything its name, and the list last.
    fn finish(mut self, out: &Path) -> Result<BackupReport, BackupError> {
        for aside in std::mem::take(&mut self.asides) {
            aside.name(self.files)?;
        }
        let segments = self.target.segments();
        self.files.sync_dir(&segments).map_err(fault("sync", &segments))?;
        self.lines.sort_by(|one, other| one.path.cmp(&other.path));
        let kept = &self.source.checkpoint;
        let lines = std::mem::take(&mut self.lines);
        let manifest = Manifest::new(self.source.log, kept, &self.edge, lines)?;
        manifest.write(out, self.files)?;
        Ok(BackupReport {
            origin: manifest.origin.clone(),
            size: kept.size,
            root: kept.root,
            before: self.known.map_or(TreeSize::ZERO, |(size, _)| size),
            files: manifest.files.len(),
            copied: self.copied,
            bytes: self.told.bytes,
        })
    }
}

/// The name of a segment in the backup.
fn path_of(segment: &Covered) -> String {
    format!("segments/{}", layout::segment_file(segment.first))
}

/// The segments of the source that the backup has in whole: sealed ones of the same length, from the first on.
fn kept_segments(manifest: &Manifest, source: &View) -> Result<Vec<Covered>, ManifestError> {
    let edge = manifest.edge()?.size();
    let same = |segment: &&Covered| {
        segment.sealed
            && segment.size <= edge
            && manifest.line(&path_of(segment)).is_some_and(|line| line.length == segment.length)
    };
    Ok(source.segments.iter().take_while(same).cloned().collect())
}

/// The line of a large envelope: its name is its digest.
fn blob_line(entry: &Entry) -> Line {
    let hex = entry.envelope.digest.to_hex();
    let folder: String = hex.chars().take(2).collect();
    Line { path: format!("blobs/{folder}/{hex}"), length: entry.envelope.length, sha256: hex }
}

/// Removes the copy of a large envelope that was erased since: a run that did not end made it, and no list names it.
fn forget(files: &dyn Files, target: &Layout, entry: &Entry) -> Result<(), JournalFault> {
    let digest = &entry.envelope.digest;
    let (path, folder) = (target.blob(digest), target.blob_folder(digest));
    if files.open(&path).is_err() {
        return Ok(());
    }
    remove_if_there(files, &path)?;
    files.sync_dir(&folder).map_err(fault("sync", &folder))
}

/// Whether a directory holds a backup.
#[must_use]
pub fn holds_backup(dir: &Path) -> bool {
    dir.join(manifest::FILE).is_file()
}

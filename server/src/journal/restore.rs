//! `custodyd restore`: a data directory from a backup, and newer segments from elsewhere behind it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use custody_log::tree::Frontier;
use custody_log::{Entry, EntryDigest, LeafIndex, NodeHash, RootHash, TreeSize};

use super::copying::{apart, copy_aside, copy_blob};
use super::damage::{Damage, DamageKind};
use super::directory::{DirectoryError, make_dir};
use super::fields::wide;
use super::files::{Files, fault};
use super::frame::Parts;
use super::fsck::Progress;
use super::layout::{self, Layout};
use super::lock::Lock;
use super::manifest::{Manifest, ManifestError};
use super::recovery::{OpenError, Opened, open_restored};
use super::redactions::Redactions;
use super::restored::Restored;
use super::scan::{Broken, Scanned, SegmentFile};
use super::segment::HEADER_LEN;
use super::slots::{self, Slot, Slots};
use super::verify::{Verifier, large};
use super::view::{View, ViewError, segment_names};
use super::writer::JournalFault;
use super::{AppendError, Batch, Journal, KeptCheckpoint, OpenOptions, Reader, Staged, blobs};

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// One directory is, or is in, the other.
    #[error("{} and {} are not apart", from.display(), data.display())]
    NotApart {
        /// Where it was to be restored from.
        from: PathBuf,
        /// Where it was to be restored to.
        data: PathBuf,
    },
    /// The source is no backup.
    #[error("{} holds no backup: expected what custodyd backup wrote, with manifest.json in it", from.display())]
    NoBackup {
        /// The directory.
        from: PathBuf,
    },
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] ViewError),
    /// The list of the backup's files cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A file of the backup is not the one that was written.
    #[error("{} has the SHA-256 {found}, the backup's list says {expected}", path.display())]
    OtherFile {
        /// The file.
        path: PathBuf,
        /// In the list.
        expected: String,
        /// Of the file.
        found: String,
    },
    /// Not the log signed the checkpoint of the backup.
    #[error(
        "the checkpoint of size {size} in the list of the backup {} is not signed by a key that the log's own trust documents \
         name", from.display()
    )]
    NotSigned {
        /// The backup.
        from: PathBuf,
        /// The size of the checkpoint.
        size: TreeSize,
    },
    /// What is to be restored is damaged.
    #[error("{0}; restore from another backup, or repair this one: custodyd fsck --repair")]
    Damaged(Box<Damage>),
    /// The target holds something.
    #[error("{} is not empty (found {found:?}); name a directory that is new or empty", data.display())]
    NotEmpty {
        /// The directory.
        data: PathBuf,
        /// One name that is there.
        found: String,
    },
    /// No segments are in a directory.
    #[error("{} holds no segments: name a data directory, a backup, or a folder with files named *.segment", dir.display())]
    NoSegments {
        /// The directory.
        dir: PathBuf,
    },
    /// Segments of another log.
    #[error("the segments in {} belong to the log with entry 0 {found}, this is the log with {expected}", dir.display())]
    OtherLog {
        /// The directory.
        dir: PathBuf,
        /// This log.
        expected: EntryDigest,
        /// The log of the segments.
        found: EntryDigest,
    },
    /// The segments leave out entries.
    #[error("the segments in {} start at entry {found}, and entry {expected} comes next", dir.display())]
    Gap {
        /// The directory.
        dir: PathBuf,
        /// The next entry.
        expected: LeafIndex,
        /// Where they start.
        found: LeafIndex,
    },
    /// The segments do not continue the log.
    #[error("the segments in {} do not continue the log at size {size}: {why}; one of them is a fork", dir.display())]
    Fork {
        /// The directory.
        dir: PathBuf,
        /// Where the log ended.
        size: TreeSize,
        /// What does not fit.
        why: String,
    },
    /// The restored log does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A write failed or was refused.
    #[error("{0}")]
    Append(#[from] AppendError),
    /// The target cannot be worked in.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl From<JournalFault> for RestoreError {
    fn from(fault: JournalFault) -> Self {
        Self::Directory(fault.into())
    }
}

impl From<Broken> for RestoreError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Damage(damage) => Self::Damaged(damage),
            Broken::Fault(fault) => fault.into(),
        }
    }
}

/// Makes a data directory from a backup, checked in whole and marked as restored. It appears whole or not at all.
///
/// `believed` is asked, once all entries were checked, whether this log signed the backup's checkpoint: it would be served,
/// and newer ones measured by it.
pub fn restore(
    from: &Path,
    data: &Path,
    files: &Arc<dyn Files>,
    believed: &dyn Fn(&Reader, &KeptCheckpoint) -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<TreeSize, RestoreError> {
    if !apart(from, data) {
        return Err(RestoreError::NotApart { from: from.to_owned(), data: data.to_owned() });
    }
    let disk = files.as_ref();
    let manifest =
        Manifest::of(from, disk)?.ok_or_else(|| RestoreError::NoBackup { from: from.to_owned() })?;
    let view = View::open(from, files)?;
    check_empty(disk, data)?;
    make_dir(disk, data)?;
    let _lock = Lock::take(disk, data)?;
    let (unfinished, finished) = (Layout::unfinished(data), Layout::of(data));
    if disk.list(unfinished.root()).is_ok() {
        disk.remove_dir_all(unfinished.root()).map_err(fault("remove", unfinished.root()))?;
    }
    for made in [unfinished.root().to_owned(), unfinished.segments(), unfinished.blobs()] {
        disk.create_dir(&made).map_err(fault("create", &made))?;
    }
    copy_all(disk, &view, &manifest, &unfinished, progress)?;
    if !believed(&view.reader, &view.checkpoint) {
        return Err(RestoreError::NotSigned { from: from.to_owned(), size: view.size() });
    }
    Slots::create(disk, &unfinished, &Slot::holding(view.log, view.checkpoint.clone()))?;
    let unfit = || fault("mark", unfinished.root())(io::ErrorKind::InvalidData.into());
    Restored::from_backup(&view.checkpoint).ok_or_else(unfit)?.write_to(&unfinished, disk)?;
    for made in [unfinished.segments(), unfinished.blobs(), unfinished.root().to_owned()] {
        disk.sync_dir(&made).map_err(fault("sync", &made))?;
    }
    disk.rename(unfinished.root(), finished.root()).map_err(fault("rename", unfinished.root()))?;
    disk.sync_dir(data).map_err(fault("sync", data))?;
    Ok(view.size())
}

fn check_empty(files: &dyn Files, data: &Path) -> Result<(), RestoreError> {
    let names = match files.list(data) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        result => result.map_err(fault("list", data))?,
    };
    // What an interrupted restore leaves.
    let ours = [layout::JOURNAL_NEW, layout::LOCK, "lost+found"];
    match names.into_iter().filter(|name| !ours.contains(&name.as_str())).min() {
        Some(found) => Err(RestoreError::NotEmpty { data: data.to_owned(), found }),
        None => Ok(()),
    }
}

fn copy_all(
    files: &dyn Files,
    view: &View,
    manifest: &Manifest,
    to: &Layout,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), RestoreError> {
    let bytes_total = view.segments.iter().map(|segment| segment.length).sum();
    let mut told = Progress { bytes: 0, bytes_total, entries: 0 };
    let mut verifier = Verifier::start(view.redactions.clone());
    for covered in &view.segments {
        let file = SegmentFile::open(files, &view.layout, covered.first, Some(view.log))?;
        let aside = copy_aside(files, &file, covered.length, to.segment(covered.first), &mut |bytes| {
            told.bytes += bytes;
            progress(told);
        })?;
        let path = format!("segments/{}", layout::segment_file(covered.first));
        let found = hex::encode(aside.sha256);
        // The last segment may be longer than when the list was written, and is covered up to there alone.
        if let Some(line) = manifest.line(&path)
            && line.length == covered.length
            && line.sha256 != found
        {
            // Where it is damaged says more than that it is.
            Verifier::clone(&verifier).segment(&file, covered.size, &mut |_, _| Ok(()))?;
            let expected = line.sha256.clone();
            return Err(RestoreError::OtherFile { path: file.path, expected, found });
        }
        let mut copy = SegmentFile::open_at(files, &aside.unfinished(), covered.first, Some(view.log))?;
        copy.path.clone_from(&file.path);
        let passed = verifier.segment(&copy, covered.size, &mut |verifier, frame| {
            large(frame, verifier.redactions())
                .try_for_each(|entry| copy_blob(files, &view.layout, to, &entry).map(drop))
        })?;
        if covered.sealed {
            verifier.seal(&copy, &passed)?;
        }
        aside.name(files)?;
        told.entries = verifier.size().get();
    }
    Ok(())
}

/// What newer segments brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extended {
    /// How many entries there are now.
    pub size: TreeSize,
    /// How many of them are new.
    pub added: u64,
}

/// Appends the entries that segments in `from` hold behind those of the restored log in `data`: a data directory, a
/// backup, or a folder of segments. Checkpoints kept beside them are kept here too, if `believed` says so and they are
/// of this tree. Stops at a write that did not end.
pub fn extend(
    data: &Path,
    from: &Path,
    options: &OpenOptions,
    believed: &dyn Fn(&KeptCheckpoint) -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Extended, RestoreError> {
    if !apart(from, data) {
        return Err(RestoreError::NotApart { from: from.to_owned(), data: data.to_owned() });
    }
    let files = Arc::clone(&options.files);
    let source = loose(files.as_ref(), from)?;
    let Opened { journal, reader, size: before, log, checkpoint, .. } = open_restored(data, options)?;
    let known = checkpoint.map_or(TreeSize::ZERO, |kept| kept.size);
    let mut kept = kept_beside(files.as_ref(), &source, log)?;
    kept.retain(|kept| kept.size > known && believed(kept));
    let (mut frontier, mut passed) = (Frontier::empty(), Vec::new());
    reader
        .for_each_entry_from(LeafIndex::ZERO, |_, bytes| {
            frontier.append(NodeHash::leaf(bytes));
            if kept.iter().any(|kept| kept.size == frontier.size()) {
                passed.push((frontier.size(), frontier.root()));
            }
            Ok::<_, super::ReadError>(())
        })
        .map_err(|error| RestoreError::Open(error.into()))?;
    let redactions = Redactions::gather(files.as_ref(), &source)?;
    let mut extension = Extension {
        files,
        from,
        source,
        log,
        redactions,
        journal: Some(journal),
        frontier,
        kept,
        newest: None,
    };
    // One that failed may have brought the entries, and not their checkpoint.
    passed.into_iter().try_for_each(|(size, root)| extension.reached(size, root))?;
    extension.all(progress)?;
    extension.end(before)
}

/// Finds the segments in a directory of any of the three kinds.
fn loose(files: &dyn Files, from: &Path) -> Result<Layout, RestoreError> {
    let places = [Layout::of(from), Layout::of_backup(from), Layout::of_segments(from)];
    for place in places {
        if !segment_names(files, &place)?.is_empty() {
            return Ok(place);
        }
    }
    Err(RestoreError::NoSegments { dir: from.to_owned() })
}

/// Returns the checkpoints that were kept with segments; those that are damaged, or of another log, say nothing.
fn kept_beside(
    files: &dyn Files,
    source: &Layout,
    log: EntryDigest,
) -> Result<Vec<KeptCheckpoint>, RestoreError> {
    let mut kept = Vec::new();
    match slots::read(files, source, Some(log)) {
        Ok(both) => kept.extend(both.into_iter().flatten().filter_map(|slot| slot.checkpoint)),
        Err(Broken::Damage(_)) => {}
        Err(Broken::Fault(fault)) => return Err(fault.into()),
    }
    match Manifest::of(source.root(), files) {
        Ok(Some(manifest)) => kept.push(manifest.kept()?),
        Ok(None) | Err(ManifestError::Content { .. } | ManifestError::Format { .. }) => {}
        Err(ManifestError::Disk(fault)) => return Err(fault.into()),
    }
    Ok(kept)
}

/// A restored log that is brought forward.
struct Extension<'a> {
    files: Arc<dyn Files>,
    from: &'a Path,
    source: Layout,
    log: EntryDigest,
    /// What is erased where the entries come from, or about to be.
    redactions: Redactions,
    /// None after a write that failed.
    journal: Option<Box<dyn Journal>>,
    frontier: Frontier,
    /// Believed checkpoints that may be reached.
    kept: Vec<KeptCheckpoint>,
    /// The newest of them that was reached.
    newest: Option<KeptCheckpoint>,
}

impl Extension<'_> {
    fn next(&self) -> LeafIndex {
        self.frontier.size().next_index()
    }

    fn all(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<(), RestoreError> {
        let mut firsts = segment_names(self.files.as_ref(), &self.source)?;
        let start = firsts.partition_point(|first| *first <= self.next()).saturating_sub(1);
        firsts.drain(..start);
        if let Some(found) = firsts.first().copied().filter(|first| *first > self.next()) {
            let (dir, expected) = (self.from.to_owned(), self.next());
            return Err(RestoreError::Gap { dir, expected, found });
        }
        let mut told = Progress { bytes: 0, bytes_total: 0, entries: 0 };
        for first in &firsts {
            let path = self.source.segment(*first);
            let file = self.files.open(&path).map_err(fault("open", &path))?;
            told.bytes_total += file.length().map_err(fault("read the length of", &path))?;
        }
        for (at, first) in firsts.iter().enumerate() {
            self.segment(*first, at + 1 == firsts.len(), &mut told, progress)?;
        }
        Ok(())
    }

    fn segment(
        &mut self,
        first: LeafIndex,
        last: bool,
        told: &mut Progress,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), RestoreError> {
        let files = Arc::clone(&self.files);
        let file = SegmentFile::open(files.as_ref(), &self.source, first, None)?;
        if file.header.log != self.log {
            let (expected, found) = (self.log, file.header.log);
            return Err(RestoreError::OtherLog { dir: self.from.to_owned(), expected, found });
        }
        let before = told.bytes;
        let mut offset = wide(HEADER_LEN);
        while offset < file.len && !file.ends_at(offset, file.len)? {
            let frame = match file.frame(offset, file.len, self.next()) {
                Ok(frame) => frame,
                // A write that did not end, and that nothing follows.
                Err(Broken::Damage(_)) if last && file.find(offset + 1, file.len)?.is_none() => break,
                // Something follows: it may have been written while it was read, and is whole by now.
                Err(Broken::Damage(_)) if last => file.frame(offset, file.len, self.next())?,
                Err(broken) => return Err(broken.into()),
            };
            offset = frame.end();
            if frame.head.size > self.frontier.size() {
                self.frame(&file, &frame)?;
            }
            told.bytes = before + offset;
            told.entries = self.frontier.size().get();
            progress(*told);
        }
        told.bytes = before + file.len;
        Ok(())
    }

    fn frame(&mut self, file: &SegmentFile, frame: &Scanned) -> Result<(), RestoreError> {
        let size = self.frontier.size();
        let fork = |why: String| RestoreError::Fork { dir: self.from.to_owned(), size, why };
        if frame.head.first != self.next() {
            return Err(fork(frame.head.position(self.next()).to_string()));
        }
        let mut frontier = self.frontier.clone();
        let mut entries = Vec::new();
        for (parts, bytes) in frame.entries() {
            let index = frontier.append(NodeHash::leaf(bytes));
            let at = frame.offset + parts.entry;
            let entry =
                Entry::decode(bytes).map_err(|error| file.damage(at, index, DamageKind::Entry(error)));
            let entry = entry.map_err(|damage| RestoreError::Damaged(Box::new(damage)))?;
            file.check_blobs(frame.offset, parts, &entry, &self.redactions)?;
            entries.push(self.staged(file, frame.offset, parts, (&entry, bytes))?);
        }
        if frontier.root() != frame.head.root {
            return Err(fork(format!(
                "entries with the root {}, the frame says {}",
                frontier.root(),
                frame.head.root
            )));
        }
        let batch = Batch { entries, first: frame.head.first, size: frame.head.size, root: frame.head.root };
        self.append(&batch)?;
        self.frontier = frontier;
        self.reached(frame.head.size, frame.head.root)
    }

    fn staged(
        &self,
        file: &SegmentFile,
        frame: u64,
        parts: &Parts,
        (entry, bytes): (&Entry, &[u8]),
    ) -> Result<Staged, RestoreError> {
        if self.redactions.of(entry).is_some() {
            return Ok(Staged::erased(entry, bytes, parts));
        }
        let record = file.record(frame + parts.record, entry)?;
        let envelope = match parts.envelope {
            Some(envelope) => file.inline_envelope(frame + envelope, entry)?,
            None => blobs::read(self.files.as_ref(), &self.source, &entry.envelope, entry.index)?,
        };
        let attachments = if parts.attachments.is_empty() {
            Vec::new()
        } else {
            file.attachments(frame, parts, entry, &record)?
        };
        Ok(Staged { entry: bytes.to_vec(), record, envelope, attachments, erased: false })
    }

    fn append(&mut self, batch: &Batch) -> Result<(), RestoreError> {
        let size = self.frontier.size();
        let Some(journal) = self.journal.take() else { return Ok(()) };
        match journal.append(batch) {
            Ok(journal) => {
                self.journal = Some(journal);
                Ok(())
            }
            Err(AppendError::Refused { why: why @ super::Refused::Entry { .. }, .. }) => {
                Err(RestoreError::Fork { dir: self.from.to_owned(), size, why: why.to_string() })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes over a checkpoint that was kept for this size.
    fn reached(&mut self, size: TreeSize, root: RootHash) -> Result<(), RestoreError> {
        let Some(kept) = self.kept.iter().find(|kept| kept.size == size) else { return Ok(()) };
        if kept.root != root {
            let why = format!("a kept checkpoint has the root {}, the entries have {root}", kept.root);
            return Err(RestoreError::Fork { dir: self.from.to_owned(), size, why });
        }
        self.newest = Some(kept.clone());
        Ok(())
    }

    fn end(mut self, before: TreeSize) -> Result<Extended, RestoreError> {
        let size = self.frontier.size();
        if let Some(mut journal) = self.journal.take() {
            if let Some(kept) = &self.newest {
                journal.keep_checkpoint(kept)?;
                journal.sync_checkpoint()?;
            }
            journal.erase()?;
            journal.seal()?;
        }
        Ok(Extended { size, added: size.get().saturating_sub(before.get()) })
    }
}

//! Making a new journal with its first entry.

use std::io;
use std::path::{Path, PathBuf};

use custody_log::{EntryDigest, EnvelopeDigest, LeafIndex, RootHash};

use super::chain::Chain;
use super::directory::{DirectoryError, make_dir};
use super::files::{Files, fault};
use super::layout::{self, Layout};
use super::lock::Lock;
use super::segment::Header;
use super::slots::{Slot, Slots};
use super::writer::{JournalFault, check_staged, create_segment, fresh_mark};
use super::{Batch, OpenOptions, Refused, Staged, blobs, frame};

/// Why no journal was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is a log already; a second entry 0 would fork it.
    #[error("{} holds a log already", dir.display())]
    Exists {
        /// The data directory.
        dir: PathBuf,
    },
    /// The directory holds something else.
    #[error("{} is not empty and holds no log (found {found:?})", dir.display())]
    Foreign {
        /// The data directory.
        dir: PathBuf,
        /// One name that was not expected there.
        found: String,
    },
    /// Entry 0 is not fit to be stored.
    #[error("entry 0 is refused: {0}")]
    Refused(#[source] Refused),
    /// The directory cannot be worked in; nothing of a log is there.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Makes a journal in `dir` that holds entry 0, whose tree has the root `root`. The directory is made if it
/// is absent (its parent exists), and may hold `lost+found` and the names in `beside`, nothing else. The
/// journal appears whole or not at all.
pub fn create(
    dir: &Path,
    first: &Staged,
    root: RootHash,
    beside: &[&str],
    options: &OpenOptions,
) -> Result<(), CreateError> {
    let options = options.bounded();
    let files = options.files.as_ref();
    make_dir(files, dir)?;
    check_names(files, dir, beside)?;
    let _lock = Lock::take(files, dir)?;
    // Looked at again, now that nobody else can be making one.
    check_names(files, dir, beside)?;
    write_all(dir, first, root, &options)
}

fn check_names(files: &dyn Files, dir: &Path, beside: &[&str]) -> Result<(), CreateError> {
    let names = files.list(dir).map_err(fault("list", dir))?;
    if names.iter().any(|name| name == layout::JOURNAL) {
        return Err(CreateError::Exists { dir: dir.to_owned() });
    }
    let ours = [layout::JOURNAL_NEW, layout::LOCK, "lost+found"];
    let foreign = |name: &String| !ours.contains(&name.as_str()) && !beside.contains(&name.as_str());
    match names.into_iter().filter(foreign).min() {
        Some(found) => Err(CreateError::Foreign { dir: dir.to_owned(), found }),
        None => Ok(()),
    }
}

/// Writes everything under another name, and gives it its name when it is on disk.
fn write_all(dir: &Path, first: &Staged, root: RootHash, options: &OpenOptions) -> Result<(), CreateError> {
    let files = options.files.as_ref();
    let (unfinished, finished) = (Layout::unfinished(dir), Layout::of(dir));
    let mut chain = Chain::start();
    check_staged(first, &mut chain, 1).map_err(CreateError::Refused)?;
    let size = LeafIndex::ZERO.size_through();
    let batch = Batch { entries: vec![first.clone()], first: LeafIndex::ZERO, size, root };
    let log = EntryDigest::of(&first.entry);
    let header = Header { first: LeafIndex::ZERO, mark: fresh_mark(&unfinished)?, log };
    if unfinished.root().is_dir() {
        files.remove_dir_all(unfinished.root()).map_err(fault("remove", unfinished.root()))?;
    }
    for made in [unfinished.root().to_owned(), unfinished.segments(), unfinished.blobs()] {
        files.create_dir(&made).map_err(fault("create", &made))?;
    }
    if first.envelope.len() > options.inline_bytes {
        blobs::store(files, &unfinished, &EnvelopeDigest::of(&first.envelope), &first.envelope)?;
    }
    let segment = create_segment(files, &unfinished, header)?;
    let unfit = || fault("lay out a frame for", &segment.path)(io::ErrorKind::InvalidInput.into());
    let frame = frame::encode(&batch, segment.mark(), options.inline_bytes).ok_or_else(unfit)?;
    segment.file.write_all_at(&frame.bytes, segment.len).map_err(fault("write", &segment.path))?;
    segment.file.sync().map_err(fault("sync", &segment.path))?;
    Slots::create(files, &unfinished, &Slot::first(log))?;
    for made in [unfinished.segments(), unfinished.blobs(), unfinished.root().to_owned()] {
        files.sync_dir(&made).map_err(fault("sync", &made))?;
    }
    files.rename(unfinished.root(), finished.root()).map_err(fault("rename", unfinished.root()))?;
    Ok(files.sync_dir(dir).map_err(fault("sync", dir))?)
}

impl From<JournalFault> for CreateError {
    fn from(fault: JournalFault) -> Self {
        Self::Directory(fault.into())
    }
}

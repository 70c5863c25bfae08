//! Opening a journal: what is there is checked, a torn last write is cut, and only then there is a writer.

use std::io;
use std::path::{Path, PathBuf};

use custody_log::{Entry, EntryDigest, RootHash, TreeSize};

use super::{Damage, Journal, KeptCheckpoint, OpenOptions, Reader};

/// An open journal.
#[derive(Debug)]
pub struct Opened {
    /// The one writer.
    pub journal: Box<dyn Journal>,
    /// Reads what is durable.
    pub reader: Reader,
    /// How many entries are durable; at least 1.
    pub size: TreeSize,
    /// The root that the last frame names for that size.
    pub root: RootHash,
    /// The last entry.
    pub last_entry: Entry,
    /// Digest of the last entry's exact bytes: the next entry's `previous`.
    pub last_digest: EntryDigest,
    /// The newest checkpoint that was kept; none if there never was one. Its size is at most `size`.
    pub checkpoint: Option<KeptCheckpoint>,
    /// A torn write that was cut, to be logged.
    pub cut: Option<Cut>,
}

/// The bytes of a write that did not end, which nobody was promised anything about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The segment file.
    pub segment: PathBuf,
    /// Where the cut was made.
    pub offset: u64,
    /// How many bytes were cut.
    pub bytes: u64,
}

/// Why a journal does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory is not there.
    #[error("{} does not exist; make a log with custodyd init, or mount the volume", dir.display())]
    Missing {
        /// The data directory.
        dir: PathBuf,
    },
    /// Nothing is in the directory: perhaps the volume is not mounted.
    #[error("{} is empty; make a log with custodyd init, or mount the volume", dir.display())]
    Empty {
        /// The data directory.
        dir: PathBuf,
    },
    /// Something is in the directory, but no journal.
    #[error("{} holds no log (found {found:?}); name the data directory of a log", dir.display())]
    Foreign {
        /// The data directory.
        dir: PathBuf,
        /// One name that is there.
        found: String,
    },
    /// Another process works in the directory.
    #[error("{} is in use by another server; stop that one first", dir.display())]
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// The disk is mounted read-only, or the directory may not be written.
    #[error("{} cannot be written: {source}", path.display())]
    ReadOnly {
        /// What could not be written.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A segment is gone.
    #[error(
        "{} is missing: {kind}; restore it from a backup, then run custodyd fsck --data {}",
        segment.display(), dir.display(), kind = damage.kind
    )]
    MissingSegment {
        /// The data directory.
        dir: PathBuf,
        /// The file that should be there.
        segment: PathBuf,
        /// What is known about the gap.
        damage: Box<Damage>,
    },
    /// A segment, frame or slot of a newer version of this program.
    #[error("{} has version {found}, this program reads up to {supported}; use a newer custodyd", path.display())]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u16,
        /// The newest version that is read.
        supported: u16,
    },
    /// A segment or slot of another log.
    #[error("{damage}; remove the file that does not belong here, then run custodyd fsck --data {}", dir.display())]
    OtherLog {
        /// The data directory.
        dir: PathBuf,
        /// Which file, and the two logs.
        damage: Box<Damage>,
    },
    /// Something that was on disk is no longer what was written.
    #[error("the journal is damaged: {damage}; run custodyd fsck --data {}", dir.display())]
    Damaged {
        /// The data directory.
        dir: PathBuf,
        /// What and where.
        damage: Box<Damage>,
    },
    /// The disk failed.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Opens the journal in `dir`, the data directory of a log that [`super::create`] made. Cuts a torn last write,
/// copies the open segment to a new file and syncs it, and takes the lock, which is held until the journal is dropped.
pub fn open(dir: &Path, options: &OpenOptions) -> Result<Opened, OpenError> {
    let _ = (dir, options);
    unimplemented!()
}

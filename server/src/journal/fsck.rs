//! `custodyd fsck`: reads the whole journal and says what is not as it was written. Changes nothing, needs no
//! keys, and may run while a server works in the directory.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use custody_log::{RootHash, TreeSize};

use super::check::Scanner;
use super::files::fault;
use super::layout::{self, Layout};
use super::manifest::{Manifest, ManifestError};
use super::slots::Slot;
use super::writer::JournalFault;
use super::{Damage, Files};

/// How far the scan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read so far.
    pub bytes: u64,
    /// Bytes to read in all, as far as known.
    pub bytes_total: u64,
    /// Entries read so far.
    pub entries: u64,
}

/// The end of a write that is going on, or that never ended: the next open cuts it. It is no damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedTail {
    /// The segment file.
    pub segment: PathBuf,
    /// Where the last whole frame ends.
    pub offset: u64,
    /// How many bytes follow.
    pub bytes: u64,
    /// Why they are not a frame.
    pub damage: Damage,
}

/// What the scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsckReport {
    /// Entries that were read, damaged ones included.
    pub entries: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Segments that were read.
    pub segments: usize,
    /// The size and root up to which everything is as it was written.
    pub sound: (TreeSize, RootHash),
    /// What is wrong, in the order of the log. Empty: the log is clean.
    pub findings: Vec<Damage>,
    /// A last write that did not end.
    pub unfinished: Option<UnfinishedTail>,
}

/// Why the scan could not be done. It says nothing about the log.
#[derive(Debug, thiserror::Error)]
pub enum FsckError {
    /// The directory is not there.
    #[error("{} does not exist", dir.display())]
    Missing {
        /// The data directory.
        dir: PathBuf,
    },
    /// No journal is in the directory.
    #[error("{} holds no log", dir.display())]
    NoJournal {
        /// The data directory.
        dir: PathBuf,
    },
    /// The list of a backup's files cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] JournalFault),
}

/// Scans the journal in `dir`, a data directory or a backup: frames, checksums, entries, chain, times, administrative chain, roots,
/// records, envelopes, slots. Calls `progress` now and then.
pub fn fsck(
    dir: &Path,
    files: &Arc<dyn Files>,
    progress: &mut dyn FnMut(Progress),
) -> Result<FsckReport, FsckError> {
    let names = match files.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(FsckError::Missing { dir: dir.to_owned() });
        }
        result => result.map_err(fault("list", dir))?,
    };
    if let Some(manifest) = Manifest::of(dir, files.as_ref())? {
        let slot = Slot::holding(manifest.log()?, manifest.kept()?);
        return Ok(Scanner::new(files.as_ref(), Layout::of_backup(dir), progress).run_backup(slot)?);
    }
    if !names.iter().any(|name| name == layout::JOURNAL) {
        return Err(FsckError::NoJournal { dir: dir.to_owned() });
    }
    Ok(Scanner::new(files.as_ref(), Layout::of(dir), progress).run()?)
}

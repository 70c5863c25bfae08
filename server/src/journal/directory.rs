//! What opening and creating a journal share: making its directory, and why it cannot be worked in, whatever it holds.

use std::io;
use std::path::{Path, PathBuf};

use super::files::{Files, fault};
use super::writer::JournalFault;

/// Why a data directory cannot be worked in.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
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
    /// The disk failed.
    #[error(transparent)]
    Disk(JournalFault),
}

impl From<JournalFault> for DirectoryError {
    fn from(fault: JournalFault) -> Self {
        match fault.source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly { path: fault.path, source: fault.source }
            }
            _ => Self::Disk(fault),
        }
    }
}

/// Makes a directory if it is absent. Its name is synced in any case: who made it may have failed before that.
pub(super) fn make_dir(files: &dyn Files, dir: &Path) -> Result<(), JournalFault> {
    let there = dir.is_dir();
    if !there {
        files.create_dir(dir).map_err(fault("create", dir))?;
    }
    let parent = match dir.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    };
    match files.sync_dir(parent) {
        // A folder of somebody else, in which ours was made for us.
        Err(error) if there && error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced.map_err(fault("sync", parent)),
    }
}

//! What opening and creating a journal share: why a data directory cannot be worked in, whatever it holds.

use std::io;
use std::path::PathBuf;

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

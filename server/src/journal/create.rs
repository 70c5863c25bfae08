//! Making a new journal with its first entry.

use std::io;
use std::path::{Path, PathBuf};

use custody_log::RootHash;

use super::{OpenOptions, Refused, Staged};

/// Why no journal was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is a log already; a second entry 0 would fork it.
    #[error("{} holds a log already; serve it with custodyd run", dir.display())]
    Exists {
        /// The data directory.
        dir: PathBuf,
    },
    /// The directory holds something else.
    #[error("{} is not empty and holds no log (found {found:?}); name an empty directory", dir.display())]
    Foreign {
        /// The data directory.
        dir: PathBuf,
        /// One name that was not expected there.
        found: String,
    },
    /// Another process works in the directory.
    #[error("{} is in use by another process", dir.display())]
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
    /// Entry 0 is not fit to be stored.
    #[error("entry 0 is refused: {0}")]
    Refused(#[source] Refused),
    /// The disk failed. Nothing of a log is there; try again.
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

/// Makes a journal in `dir` that holds entry 0, whose tree has the root `root`. The directory is made if it is absent
/// (its parent exists), and may hold `lost+found` and the names in `beside`, nothing else. The
/// journal appears whole or not at all.
pub fn create(
    dir: &Path,
    first: &Staged,
    root: RootHash,
    beside: &[&str],
    options: &OpenOptions,
) -> Result<(), CreateError> {
    let _ = (dir, first, root, beside, options);
    unimplemented!()
}

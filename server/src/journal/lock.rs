//! One server for one directory, by flock(2).

use std::fs::{self, TryLockError};
use std::path::Path;

use super::directory::DirectoryError;
use super::files::{Files, fault};
use super::layout::Layout;

/// Holds the directory until it is dropped. The kernel lets go of it when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: fs::File,
}

impl Lock {
    /// Takes the lock of a data directory, or answers at once that another process, or another journal of this
    /// one, holds it.
    pub(super) fn take(files: &dyn Files, dir: &Path) -> Result<Self, DirectoryError> {
        let path = Layout::of(dir).lock();
        let file = files.open_lock(&path).map_err(fault("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(DirectoryError::Locked { dir: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(fault("lock", &path)(source).into()),
        }
    }
}

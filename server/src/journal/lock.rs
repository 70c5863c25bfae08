//! One server for one directory, by flock(2).

use std::fs::{self, TryLockError};

use super::files::fault;
use super::layout::Layout;
use super::writer::JournalFault;

/// Holds the directory until it is dropped. The kernel lets go of it when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: fs::File,
}

/// Why the lock was not taken.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another process, or another journal of this one, holds it.
    Held,
    Fault(JournalFault),
}

impl Lock {
    /// Takes the lock, or answers at once that it is held.
    pub(super) fn take(layout: &Layout) -> Result<Self, LockError> {
        let path = layout.lock();
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fault("open", &path))
            .map_err(LockError::Fault)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held),
            Err(TryLockError::Error(source)) => Err(LockError::Fault(fault("lock", &path)(source))),
        }
    }
}

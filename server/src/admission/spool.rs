//! Where large uploads wait on the disk while they come in, so that slow callers hold no memory.
//!
//! The files have no names once they are open: whatever ends the server, nothing of them is left. Only a machine that
//! stops between the two calls leaves a name behind, and a start removes it. Nothing here is ever synced or believed: the
//! envelope is hashed again when it was read back.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::disk::{Disk, DiskLow, Promise};

/// The folder for uploads, beside the journal.
#[derive(Debug)]
pub struct Spool {
    dir: PathBuf,
    disk: Arc<Disk>,
    next: AtomicU64,
}

/// An upload on its way in.
#[derive(Debug)]
pub struct Upload {
    file: File,
    written: u64,
    length: u64,
    dir: PathBuf,
    room: Promise,
}

/// Why an upload cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk is nearly full.
    #[error(transparent)]
    DiskLow(#[from] DiskLow),
    /// A file could not be made, written or read.
    #[error("cannot keep the upload in {}: {source}", path.display())]
    File {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// More bytes came than were announced.
    #[error("the header declares {length} bytes, the stream holds more")]
    TooMany {
        /// What was announced.
        length: u64,
    },
    /// Fewer bytes came than were announced.
    #[error("the header declares {length} bytes, the stream ended after {found}")]
    TooFew {
        /// What was announced.
        length: u64,
        /// What came.
        found: u64,
    },
}

impl Spool {
    /// Empties the folder of what a server left there that ended badly, and opens it.
    pub fn open(data: &Path, disk: Arc<Disk>) -> io::Result<Self> {
        let dir = data.join("spool");
        let emptied = match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => fs::create_dir(&dir),
        };
        emptied?;
        Ok(Self { dir, disk, next: AtomicU64::new(0) })
    }

    /// Starts an upload of exactly this length, in bytes.
    pub fn begin(&self, length: u64) -> Result<Upload, SpoolError> {
        let room = self.disk.promise(length)?;
        let path = self.dir.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let made = File::options().read(true).write(true).create_new(true).open(&path);
        let file = made
            .and_then(|file| fs::remove_file(&path).map(|()| file))
            .map_err(|source| SpoolError::File { path: self.dir.clone(), source })?;
        Ok(Upload { file, written: 0, length, dir: self.dir.clone(), room })
    }
}

impl Upload {
    /// Adds a piece.
    pub fn add(&mut self, piece: &[u8]) -> Result<(), SpoolError> {
        let after = self.written.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if after > self.length {
            return Err(SpoolError::TooMany { length: self.length });
        }
        self.file.write_all_at(piece, self.written).map_err(|source| self.fault(source))?;
        self.written = after;
        Ok(())
    }

    /// Says whether all that was announced has come.
    pub fn whole(&self) -> Result<(), SpoolError> {
        if self.written == self.length {
            return Ok(());
        }
        Err(SpoolError::TooFew { length: self.length, found: self.written })
    }

    /// Reads the upload into memory; its room on the disk is given back with the promise.
    pub fn read(self) -> Result<(Vec<u8>, Promise), SpoolError> {
        self.whole()?;
        let mut bytes = vec![0; usize::try_from(self.length).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut bytes, 0).map_err(|source| self.fault(source))?;
        Ok((bytes, self.room))
    }

    fn fault(&self, source: io::Error) -> SpoolError {
        SpoolError::File { path: self.dir.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::DiskFiles;

    fn spool(dir: &Path, watermark: u64) -> Spool {
        let disk = Disk::new(dir.to_owned(), Arc::new(DiskFiles), 0, watermark);
        Spool::open(dir, disk).unwrap()
    }

    #[test]
    fn gives_back_what_came_in_and_leaves_no_name() {
        let dir = tempfile::tempdir().unwrap();
        let spool = spool(dir.path(), 0);
        let mut upload = spool.begin(5).unwrap();
        upload.add(b"abc").unwrap();
        assert!(matches!(upload.whole(), Err(SpoolError::TooFew { length: 5, found: 3 })));
        upload.add(b"de").unwrap();
        assert!(matches!(upload.add(b"f"), Err(SpoolError::TooMany { length: 5 })));
        assert_eq!(fs::read_dir(dir.path().join("spool")).unwrap().count(), 0);
        assert_eq!(upload.read().unwrap().0, b"abcde");
    }

    #[test]
    fn a_start_removes_what_was_left() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("spool")).unwrap();
        fs::write(dir.path().join("spool").join("7"), "left").unwrap();
        drop(spool(dir.path(), 0));
        assert_eq!(fs::read_dir(dir.path().join("spool")).unwrap().count(), 0);
    }

    #[test]
    fn nothing_is_begun_below_the_watermark() {
        let dir = tempfile::tempdir().unwrap();
        let refused = spool(dir.path(), u64::MAX).begin(1).unwrap_err();
        assert!(matches!(refused, SpoolError::DiskLow(_)), "{refused}");
    }
}

//! The few file operations that the journal is made of.
//!
//! Everything the journal does to a disk is one of these calls, so a test can record them, or let any of them
//! fail in both forms: failed and not persisted, failed but persisted.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::layout;
use super::writer::JournalFault;

/// The operations on names.
pub trait Files: Send + Sync + std::fmt::Debug {
    /// Creates a file that must not exist, for reading and writing.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Opens an existing file for reading.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Opens an existing file for reading and writing.
    fn open_writable(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Opens the file whose lock keeps other processes away, or makes it. Nothing is ever written to it.
    fn open_lock(&self, path: &Path) -> io::Result<fs::File>;
    /// Gives a file or directory another name, replacing a file of that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory with all that is in it.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Creates one directory; its parent exists. A directory that exists already is fine.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Returns the names in a directory, in any order. Names that are not UTF-8 come with replacement
    /// characters.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Returns how many bytes an unprivileged process may still write to the disk that holds the directory.
    fn available(&self, path: &Path) -> io::Result<u64>;
}

/// The operations on one open file.
pub trait File: Send + Sync + std::fmt::Debug {
    /// Fills the buffer from this offset; `UnexpectedEof` if the file ends before.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all bytes at this offset.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Returns the file's length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Makes the bytes durable, and the length (fdatasync). What it means after an error is unknown for good.
    fn sync(&self) -> io::Result<()>;
    /// Cuts the file to this length, and makes all of it durable (ftruncate, fsync). What it means after an error is unknown for good.
    fn cut(&self, length: u64) -> io::Result<()>;
}

/// The disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskFiles;

#[derive(Debug)]
struct DiskFile(fs::File);

impl Files for DiskFiles {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let file = fs::OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        Ok(Box::new(DiskFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(DiskFile(fs::File::open(path)?)))
    }

    fn open_writable(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(DiskFile(fs::OpenOptions::new().read(true).write(true).open(path)?)))
    }

    fn open_lock(&self, path: &Path) -> io::Result<fs::File> {
        fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            result => result,
        }
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        fs::read_dir(path)?.map(|found| Ok(found?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn available(&self, path: &Path) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(path)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

impl File for DiskFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)?;
        // Not only the data: whether fdatasync makes a shorter length durable is left to the file system.
        self.0.sync_all()
    }
}

/// Names the operation and the path that an error belongs to.
pub(super) fn fault(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalFault {
    let path = path.to_owned();
    move |source| JournalFault { doing, path, source }
}

/// Makes a file that appears under its name whole and synced, or not at all. A file of that name is replaced.
pub(super) fn make_whole(
    files: &dyn Files,
    path: &Path,
    write: impl FnOnce(&dyn File) -> Result<(), JournalFault>,
) -> Result<Box<dyn File>, JournalFault> {
    let unfinished = layout::unfinished(path);
    let file = files.create(&unfinished).map_err(fault("create", &unfinished))?;
    write(file.as_ref())?;
    file.sync().map_err(fault("sync", &unfinished))?;
    files.rename(&unfinished, path).map_err(fault("rename", &unfinished))?;
    let dir = path.parent().unwrap_or(path);
    files.sync_dir(dir).map_err(fault("sync", dir))?;
    Ok(file)
}

/// Removes what was never finished in a directory: nothing acknowledged is in it.
pub(super) fn remove_unfinished(files: &dyn Files, dir: &Path) -> Result<(), JournalFault> {
    for name in files.list(dir).map_err(fault("list", dir))? {
        if name.ends_with(layout::NEW) {
            let path = dir.join(name);
            files.remove_file(&path).map_err(fault("remove", &path))?;
        }
    }
    Ok(())
}

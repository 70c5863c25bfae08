//! The file that says whether the database beside it can be believed.
//!
//! ```text
//! custody/index-state/v1
//! open <boot id> <device>:<inode>        while a server has the index open
//! ```
//!
//! or `closed` in the second line, written after everything was flushed and synced. See the module above for
//! the argument.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::IndexError;

const VERSION: &str = "custody/index-state/v1";

/// The state file of one index directory.
#[derive(Debug)]
pub(crate) struct StateFile {
    dir: PathBuf,
    /// Whether the database failed since it was opened.
    doubted: AtomicBool,
}

/// What the state file says about the database.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Belief {
    /// Cleanly closed, or left by a process that died in this boot of the kernel.
    Sound,
    /// The machine may have lost power since, the directory is a copy, or nothing is known.
    Doubtful,
}

impl StateFile {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), doubted: AtomicBool::new(false) }
    }

    pub(crate) fn belief(&self) -> Result<Belief, IndexError> {
        let text = match fs::read_to_string(self.path()) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Belief::Doubtful),
            // Not UTF-8: nothing that we wrote.
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Ok(Belief::Doubtful),
            Err(source) => return Err(IndexError::File { path: self.path(), source }),
        };
        let sound = text == closed_text() || self.open_text()?.is_some_and(|open| text == open);
        Ok(if sound { Belief::Sound } else { Belief::Doubtful })
    }

    /// Says that the database is in use. Where the kernel has no boot id, nothing but a clean shutdown is
    /// believed.
    pub(crate) fn mark_open(&self) -> Result<(), IndexError> {
        let text = self.open_text()?.unwrap_or_else(doubtful_text);
        self.doubted.store(false, Ordering::SeqCst);
        self.write(&text)
    }

    /// Says that the database was flushed and synced and is no longer in use. One that failed meanwhile stays doubtful: a
    /// clean stop heals nothing.
    pub(crate) fn mark_closed(&self) -> Result<(), IndexError> {
        if self.doubted.load(Ordering::SeqCst) { Ok(()) } else { self.write(&closed_text()) }
    }

    /// Says that the database is to be thrown away when it is opened next.
    pub(crate) fn mark_doubtful(&self) -> Result<(), IndexError> {
        self.doubted.store(true, Ordering::SeqCst);
        self.write(&doubtful_text())
    }

    fn path(&self) -> PathBuf {
        self.dir.join("state")
    }

    fn open_text(&self) -> Result<Option<String>, IndexError> {
        let Ok(boot) = fs::read_to_string("/proc/sys/kernel/random/boot_id") else { return Ok(None) };
        let meta =
            fs::metadata(&self.dir).map_err(|source| IndexError::File { path: self.dir.clone(), source })?;
        Ok(Some(format!("{VERSION}\nopen {} {}:{}\n", boot.trim(), meta.dev(), meta.ino())))
    }

    /// Replaces the file so that after a power loss either the old or the new text is there.
    fn write(&self, text: &str) -> Result<(), IndexError> {
        let path = self.path();
        let new = self.dir.join("state.new");
        let replace = || {
            let mut file = File::create(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.dir)?.sync_all()
        };
        replace().map_err(|source| IndexError::File { path: path.clone(), source })
    }
}

fn closed_text() -> String {
    format!("{VERSION}\nclosed\n")
}

fn doubtful_text() -> String {
    format!("{VERSION}\ndoubtful\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn believed(file: &StateFile) -> Belief {
        file.belief().unwrap()
    }

    #[test]
    fn believes_a_clean_close_and_a_process_that_died_in_this_boot() {
        let dir = tempfile::tempdir().unwrap();
        let file = StateFile::new(dir.path());
        assert_eq!(believed(&file), Belief::Doubtful);
        file.mark_open().unwrap();
        assert_eq!(believed(&file), Belief::Sound);
        file.mark_closed().unwrap();
        assert_eq!(believed(&file), Belief::Sound);
        file.mark_doubtful().unwrap();
        assert_eq!(believed(&file), Belief::Doubtful);
    }

    #[test]
    fn a_database_that_failed_is_doubted_after_a_clean_stop_too() {
        let dir = tempfile::tempdir().unwrap();
        let file = StateFile::new(dir.path());
        file.mark_open().unwrap();
        file.mark_doubtful().unwrap();
        file.mark_closed().unwrap();
        assert_eq!(believed(&StateFile::new(dir.path())), Belief::Doubtful);
        file.mark_open().unwrap();
        file.mark_closed().unwrap();
        assert_eq!(believed(&file), Belief::Sound, "the one that was made anew");
    }

    #[test]
    fn doubts_another_boot_and_a_torn_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = StateFile::new(dir.path());
        file.mark_open().unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        let (before, rest) = text.split_at(text.find("open ").unwrap() + 5);
        let other = format!("{before}{}{}", if rest.starts_with('0') { '1' } else { '0' }, &rest[1..]);
        fs::write(file.path(), other).unwrap();
        assert_eq!(believed(&file), Belief::Doubtful);
        for torn in [&text[..text.len() - 1], "", "custody/index-state/v1\nclosed"] {
            fs::write(file.path(), torn).unwrap();
            assert_eq!(believed(&file), Belief::Doubtful, "{torn:?}");
        }
    }

    #[test]
    fn doubts_a_copied_directory_that_was_open() {
        let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = StateFile::new(dir.path());
        file.mark_open().unwrap();
        fs::copy(file.path(), copy.path().join("state")).unwrap();
        assert_eq!(believed(&StateFile::new(copy.path())), Belief::Doubtful);
    }
}

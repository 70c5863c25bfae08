//! What a client remembers of one log between runs: its trust file and the largest checkpoint seen.
//!
//! The memory is what tells a rolled-back or forked log from an honest one. A directory a log:
//!
//! ```text
//! <state>/<origin, made safe>-<first 16 hex digits of the pin>/
//!   trust.json     the trust file
//!   checkpoint     the largest checkpoint seen: a signed note, verbatim
//!   lock           held while one of them is replaced
//!   audit.json     how far the log was audited, and what was found
//!   audit-contents the contents seen by audits: eight bytes an entry
//!   audit-lock     held while an audit runs
//!   evidence-*     checkpoints that prove that the log misbehaved; never deleted
//! ```
//!
//! Files are replaced by renaming a synced new one over them: a crash leaves the old or the new one.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use custody_log::checkpoint::SignedCheckpoint;

use crate::pin::Pin;
use crate::trust::TrustFile;

/// The files of one log.
#[derive(Debug, Clone)]
pub struct Memory {
    dir: PathBuf,
}

/// Why the memory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// A file or directory cannot be read.
    #[error("cannot read {}: {why}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// A file or directory cannot be written.
    #[error("cannot write {}: {why}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
}

/// The largest trust file that is read: 64 MiB, far above any trust file of a log with thousands of
/// administrative entries.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

impl Memory {
    /// Names the directory for a log; nothing is read or made yet. The pin is part of the name: another log
    /// with the same origin, such as a development server made anew, is not a rollback of this one.
    #[must_use]
    pub fn of(state_dir: &Path, pin: &Pin) -> Self {
        let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' };
        let name: String = pin.origin.as_str().chars().take(100).map(safe).collect();
        let hex: String = pin.genesis.to_hex().chars().take(16).collect();
        Self { dir: state_dir.join(format!("{name}-{hex}")) }
    }

    /// Returns the directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the path of the trust file, whether or not it exists.
    #[must_use]
    pub fn trust_path(&self) -> PathBuf {
        self.dir.join("trust.json")
    }

    /// Returns the path of the largest checkpoint seen, whether or not it exists.
    #[must_use]
    pub fn checkpoint_path(&self) -> PathBuf {
        self.dir.join("checkpoint")
    }

    /// Returns the path of what the last audit saved, whether or not it exists.
    #[must_use]
    pub fn audit_path(&self) -> PathBuf {
        self.dir.join("audit.json")
    }

    /// Returns the path of the contents that audits have seen, whether or not it exists.
    #[must_use]
    pub fn audit_contents_path(&self) -> PathBuf {
        self.dir.join("audit-contents")
    }

    /// Returns the path of the builds that audits have seen, whether or not it exists.
    #[must_use]
    pub fn audit_builds_path(&self) -> PathBuf {
        self.dir.join("audit-builds")
    }

    /// Returns the path of the file that a running audit holds.
    #[must_use]
    pub fn audit_lock_path(&self) -> PathBuf {
        self.dir.join("audit-lock")
    }

    /// Takes the audit's lock, which is given back when the file is dropped; none if another audit has it.
    pub(crate) fn lock_audit(&self) -> Result<Option<File>, MemoryError> {
        let path = self.audit_lock_path();
        let failed = |why| MemoryError::Write { path: path.clone(), why };
        fs::create_dir_all(&self.dir).map_err(failed)?;
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(why)) => Err(failed(why)),
        }
    }

    /// Returns what the last audit saved; none if there was none.
    pub(crate) fn audit(&self) -> Result<Option<Vec<u8>>, MemoryError> {
        read(&self.audit_path())
    }

    /// Returns the checkpoints that were kept as evidence, with their files.
    pub(crate) fn evidence(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let Ok(files) = fs::read_dir(&self.dir) else { return Vec::new() };
        let paths = files.filter_map(|file| Some(file.ok()?.path()));
        let kept = paths.filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("evidence-"))
        });
        let mut kept: Vec<(PathBuf, Vec<u8>)> =
            kept.filter_map(|path| Some((path.clone(), read(&path).ok()??))).collect();
        kept.sort();
        kept
    }

    /// Returns the trust file's bytes; none if there is no file yet.
    pub fn trust(&self) -> Result<Option<Vec<u8>>, MemoryError> {
        read(&self.trust_path())
    }

    /// Returns the largest checkpoint seen, as it was written; none if there is none yet.
    pub fn checkpoint(&self) -> Result<Option<Vec<u8>>, MemoryError> {
        read(&self.checkpoint_path())
    }

    /// Replaces the trust file, unless another process wrote a longer one meanwhile: it only ever grows.
    pub fn keep_trust(&self, bytes: &[u8], entries: usize) -> Result<(), MemoryError> {
        let _lock = self.lock()?;
        let path = self.trust_path();
        let known = read(&path)?.and_then(|bytes| TrustFile::decode(&bytes).ok());
        let size = |file: &TrustFile| file.newest.signed_checkpoint().unverified().size();
        let given = TrustFile::decode(bytes).ok();
        let older = known.is_some_and(|known| {
            (known.entries.len(), Some(size(&known))) > (entries, given.as_ref().map(size))
        });
        if older { Ok(()) } else { replace(&path, bytes) }
    }

    /// Remembers a checkpoint that was verified, unless a larger one is remembered already.
    ///
    /// Returns the one that is remembered when it was not `compared` with the given one: another process learned it
    /// meanwhile, perhaps from another branch of a forked log, and nothing was written.
    pub fn keep_checkpoint(
        &self,
        signed: &SignedCheckpoint,
        compared: impl Fn(&SignedCheckpoint) -> bool,
    ) -> Result<Option<SignedCheckpoint>, MemoryError> {
        let _lock = self.lock()?;
        let path = self.checkpoint_path();
        let known = read(&path)?.and_then(|bytes| SignedCheckpoint::parse(&bytes).ok());
        match known {
            Some(known) if !compared(&known) => Ok(Some(known)),
            Some(known) if known.unverified().size() > signed.unverified().size() => Ok(None),
            Some(_) | None => replace(&path, signed.bytes()).map(|()| None),
        }
    }

    /// Writes two checkpoints that contradict each other as files of their own, and returns their paths.
    /// The name holds size and root, so the same evidence is written once.
    pub fn keep_evidence(&self, signed: &SignedCheckpoint) -> Result<PathBuf, MemoryError> {
        let _lock = self.lock()?;
        let checkpoint = signed.unverified();
        let hex: String = checkpoint.root().to_hex().chars().take(16).collect();
        let path = self.dir.join(format!("evidence-{}-{hex}", checkpoint.size()));
        replace(&path, signed.bytes())?;
        Ok(path)
    }

    /// Removes trust file and checkpoint: for a pin that the user did not confirm. Evidence stays.
    pub fn forget(&self) -> Result<(), MemoryError> {
        for path in [self.trust_path(), self.checkpoint_path(), self.dir.join("lock")] {
            match fs::remove_file(&path) {
                Err(why) if why.kind() != io::ErrorKind::NotFound => {
                    return Err(MemoryError::Write { path, why });
                }
                Ok(()) | Err(_) => {}
            }
        }
        // With evidence in it the directory is needed.
        drop(fs::remove_dir(&self.dir));
        Ok(())
    }

    /// Makes the directory and takes the lock; it is given back when the file is dropped.
    fn lock(&self) -> Result<File, MemoryError> {
        let failed = |path: &Path, why| MemoryError::Write { path: path.to_owned(), why };
        fs::create_dir_all(&self.dir).map_err(|why| failed(&self.dir, why))?;
        let path = self.dir.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        lock.and_then(|file| file.lock().map(|()| file)).map_err(|why| failed(&path, why))
    }
}

/// Reads a whole file; none if it does not exist.
fn read(path: &Path) -> Result<Option<Vec<u8>>, MemoryError> {
    let failed = |why| MemoryError::Read { path: path.to_owned(), why };
    match fs::metadata(path) {
        Ok(found) if found.len() > FILE_BYTES_MAX => Err(failed(io::ErrorKind::FileTooLarge.into())),
        Ok(_) => fs::read(path).map(Some).map_err(failed),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(failed(why)),
    }
}

/// Replaces a file so that a crash leaves the old or the new one. The caller holds the lock of the
/// directory, or is the only one who writes there.
///
/// What a process writes to under a name, such as `/dev/stdout`, is written to, also where that leads to a file: the
/// file that replaced it would not be the one that holds the rest of the output.
///
/// A symbolic link stays, and the file it leads to is replaced; the file keeps its permissions. What is no regular
/// file, such as `/dev/stdout`, is written to as it is.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), MemoryError> {
    let written = match fs::metadata(path) {
        Ok(_) if is_descriptor(path) => write_to_descriptor(path, bytes),
        Ok(found) if found.is_file() => {
            fs::canonicalize(path).and_then(|file| rename_over(&file, bytes, Some(found.permissions())))
        }
        Ok(_) => File::options().write(true).open(path).and_then(|mut file| file.write_all(bytes)),
        // A link to a file that is not there yet.
        Err(_) if fs::symlink_metadata(path).is_ok() => {
            File::create(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        }
        Err(_) => rename_over(path, bytes, None),
    };
    written.map_err(|why| MemoryError::Write { path: path.to_owned(), why })
}

/// Checks that [`replace`] could write there; makes and leaves no file.
pub fn writable(path: &Path) -> Result<(), MemoryError> {
    let failed = |why| MemoryError::Write { path: path.to_owned(), why };
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(failed(io::ErrorKind::IsADirectory.into())),
        Ok(found) if !found.is_file() || is_descriptor(path) => return Ok(()),
        Ok(_) | Err(_) => {}
    }
    // A new file is made beside it, under the name that the new content gets.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let new = beside(&target);
    File::create(&new).and_then(|_| fs::remove_file(&new)).map_err(failed)
}

/// Writes where the descriptor stands. Opened again it would stand elsewhere, so output and error output of this process
/// are used as they are, and others appended to.
fn write_to_descriptor(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = |out: &mut dyn io::Write| out.write_all(bytes).and_then(|()| out.flush());
    match Ours::of(path) {
        Some(Ours::Output) => written(&mut io::stdout().lock()),
        Some(Ours::Errors) => written(&mut io::stderr().lock()),
        None => written(&mut File::options().append(true).open(path)?),
    }
}

/// Whether a path leads to what is written anyway, or names an open descriptor, of this process or of another one:
/// `/dev/fd/N`, and anything that `/proc` has below a folder `fd`.
fn is_descriptor(path: &Path) -> bool {
    let of_process = path
        .strip_prefix("/proc")
        .is_ok_and(|path| path.parent().and_then(Path::file_name).is_some_and(|folder| folder == "fd"));
    of_process || path.starts_with("/dev/fd") || Ours::of(path).is_some()
}

/// What this process writes to.
enum Ours {
    Output,
    Errors,
}

impl Ours {
    /// Returns which of them a path leads to, by device and inode: an open file has many names, such as `/dev/stdout`,
    /// `/proc/thread-self/fd/1`, and its own. A second one that writes to it would write over what the first one wrote.
    fn of(path: &Path) -> Option<Self> {
        let place = |found: fs::Metadata| (found.dev(), found.ino());
        let asked = place(fs::metadata(path).ok()?);
        let is = |open: BorrowedFd<'_>| {
            let found = open.try_clone_to_owned().and_then(|open| File::from(open).metadata());
            found.is_ok_and(|found| place(found) == asked)
        };
        match () {
            () if is(io::stdout().as_fd()) => Some(Self::Output),
            () if is(io::stderr().as_fd()) => Some(Self::Errors),
            () => None,
        }
    }
}

/// Returns the name under which the new content of a file is written first.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

fn rename_over(path: &Path, bytes: &[u8], permissions: Option<fs::Permissions>) -> io::Result<()> {
    let new = beside(path);
    let written = (|| {
        let mut file = File::create(&new)?;
        if let Some(permissions) = permissions {
            file.set_permissions(permissions)?;
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        // The rename itself is durable once the directory is.
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    })();
    if written.is_err() {
        // What is left of it is of no use; that it cannot be removed is not the error to report.
        drop(fs::remove_file(&new));
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_forgotten_leaves_nothing_but_evidence() {
        let state = tempfile::tempdir().unwrap();
        let hex = "ab".repeat(32);
        let pin: Pin = format!("example.com/test+sha256:{hex}").parse().unwrap();
        let memory = Memory::of(state.path(), &pin);
        memory.forget().unwrap();
        memory.keep_trust(b"{}", 1).unwrap();
        fs::write(memory.checkpoint_path(), "note").unwrap();
        memory.forget().unwrap();
        assert!(!memory.dir().exists());
        memory.keep_trust(b"{}", 1).unwrap();
        fs::write(memory.dir().join("evidence-1-ab"), "note").unwrap();
        memory.forget().unwrap();
        assert_eq!(fs::read_dir(memory.dir()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_and_the_permissions_of_its_file_stay() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        symlink("file", &link).unwrap();
        replace(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(mode(&file), 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left over");
    }

    #[test]
    fn a_link_to_nothing_makes_the_file() {
        let dir = tempfile::tempdir().unwrap();
        symlink("file", dir.path().join("link")).unwrap();
        replace(&dir.path().join("link"), b"new").unwrap();
        assert_eq!(fs::read(dir.path().join("file")).unwrap(), b"new");
        assert!(fs::symlink_metadata(dir.path().join("link")).unwrap().is_symlink());
    }

    #[test]
    fn where_a_receipt_cannot_be_written_is_known_before() {
        let dir = tempfile::tempdir().unwrap();
        assert!(writable(&dir.path().join("receipt")).is_ok());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left over");
        assert!(writable(dir.path()).is_err());
        assert!(writable(&dir.path().join("absent/receipt")).is_err());
        assert!(writable(Path::new("/dev/stdout")).is_ok());
    }

    #[test]
    fn a_descriptor_is_written_to_also_where_it_is_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("output");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"first").unwrap();
        let (number, process) = (std::os::fd::AsRawFd::as_raw_fd(&file), std::process::id());
        for folder in ["self", "thread-self", &process.to_string(), &format!("{process}/task/{process}")] {
            replace(Path::new(&format!("/proc/{folder}/fd/{number}")), b" more").unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), b"first more more more more");
        assert_eq!(file.metadata().unwrap().len(), 25, "it is the same file");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn a_descriptor_of_another_process_is_written_to_and_not_taken_for_ours() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("output");
        let output = File::create(&path).unwrap();
        let mut other = std::process::Command::new("cat");
        other.stdin(std::process::Stdio::piped()).stdout(output.try_clone().unwrap());
        let mut other = other.spawn().unwrap();
        let descriptor = format!("/proc/{}/fd/1", other.id());
        writable(Path::new(&descriptor)).unwrap();
        replace(Path::new(&descriptor), b"receipt").unwrap();
        drop(other.stdin.take());
        other.wait().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"receipt");
        assert_eq!(output.metadata().unwrap().len(), 7, "it is the same file");
    }

    #[test]
    fn what_is_no_file_is_written_to_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("null");
        symlink("/dev/null", &link).unwrap();
        replace(&link, b"gone").unwrap();
        replace(Path::new("/dev/null"), b"gone").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(replace(dir.path(), b"a folder").is_err());
    }
}

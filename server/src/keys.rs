//! The log key and the freshness key: one line of text each, beside the data directory and never inside it,
//! so that whoever copies the directory cannot sign for the log.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use custody_evidence::key::SigningKey;
use custody_log::note::{Cosigner, NoteSigner};
use custody_log::{KeyName, Origin};
use zeroize::Zeroizing;

use crate::publish::LogKeys;

/// The longest key file that is read: a name of 255 bytes and a key need less than 400.
const FILE_BYTES_MAX: u64 = 1_024;

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFiles {
    /// Holds the log key.
    pub log: PathBuf,
    /// Holds the freshness key.
    pub freshness: PathBuf,
}

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file could not be read or written.
    #[error("cannot use the key file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file lies inside the data directory.
    #[error("the key file {} is inside the data directory: a copy of the directory could sign for the log", path.display())]
    InsideData {
        /// The file.
        path: PathBuf,
    },
    /// Others can read the file.
    #[error("the key file {} can be read by others: expected mode 0600, found {mode:04o}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file does not hold such a key.
    #[error("the key file {} holds no {expected}: {why}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// `log key` or `freshness key`.
        expected: &'static str,
        /// What the parser said.
        why: custody_log::SecretKeyError,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for a new key")]
    Random,
}

impl KeyFiles {
    /// Returns the places beside a data directory: `DIR.log-key` and `DIR.freshness-key`.
    #[must_use]
    pub fn beside(data: &Path) -> Self {
        // `.` and `..` have no name of their own.
        let named = data.file_name().is_none().then(|| fs::canonicalize(data).ok()).flatten();
        let data = named.as_deref().unwrap_or(data);
        let beside = |suffix: &str| {
            let mut name = data.file_name().unwrap_or_else(|| "custody".as_ref()).to_owned();
            name.push(suffix);
            data.with_file_name(name)
        };
        Self { log: beside(".log-key"), freshness: beside(".freshness-key") }
    }

    /// Refuses places inside the data directory.
    pub fn check_outside(&self, data: &Path) -> Result<(), KeyFileError> {
        // Links and `..` are resolved as far as the directories exist.
        let absolute = |path: &Path| {
            let parent =
                path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            match (fs::canonicalize(path), fs::canonicalize(parent), path.file_name()) {
                (Ok(path), _, _) => path,
                (Err(_), Ok(parent), Some(name)) => parent.join(name),
                _ => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            }
        };
        let data = absolute(data);
        match [&self.log, &self.freshness].into_iter().find(|path| absolute(path).starts_with(&data)) {
            Some(path) => Err(KeyFileError::InsideData { path: path.clone() }),
            None => Ok(()),
        }
    }

    /// Returns the place of the log key that is to follow: beside the log key, with `.next` behind its name.
    #[must_use]
    pub fn next(&self) -> PathBuf {
        behind(&self.log, ".next")
    }

    /// Returns the place where a log key is kept that signs no more.
    #[must_use]
    pub fn retired(&self) -> PathBuf {
        let numbered = |number: u32| behind(&self.log, &format!(".retired-{number}"));
        (1..=u32::MAX).map(numbered).find(|path| !path.exists()).unwrap_or_else(|| numbered(0))
    }

    /// Makes the log key that is to follow the one that is there.
    pub fn create_next(&self) -> Result<NoteSigner, KeyFileError> {
        let name = read_log_key(&self.log)?.verifier().name().clone();
        let next = NoteSigner::from_seed(name, *seed()?);
        write(&self.next(), &next.to_text())?;
        Ok(next)
    }

    /// Puts the next log key in the place of the one that signs no more, which is kept beside it. A key that is to be found
    /// nowhere is at neither moment: the second name is given before the first one goes.
    pub fn switch(&self) -> Result<PathBuf, KeyFileError> {
        let retired = self.retired();
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| KeyFileError::File { path, source }
        };
        fs::hard_link(&self.log, &retired).map_err(failed(&retired))?;
        fs::rename(self.next(), &self.log).map_err(failed(&self.log))?;
        sync_dir_of(&self.log)?;
        Ok(retired)
    }

    /// Reads the keys: the log key, the next one if there is one, and the freshness key.
    pub fn load(&self) -> Result<LogKeys, KeyFileError> {
        let log = read_log_key(&self.log)?;
        let next = if self.next().exists() { Some(read_log_key(&self.next())?) } else { None };
        let freshness = read(&self.freshness)?.parse::<Cosigner>().map_err(|why| KeyFileError::Content {
            path: self.freshness.clone(),
            expected: "freshness key",
            why,
        })?;
        let statements = SigningKey::from_seed(&log.seed());
        Ok(LogKeys { log, next, statements, freshness })
    }

    /// Reads both keys; makes those that do not exist.
    pub fn load_or_create(&self, origin: &Origin, freshness_name: &KeyName) -> Result<LogKeys, KeyFileError> {
        if !self.log.exists() {
            write(&self.log, &NoteSigner::from_seed(origin.key_name().clone(), *seed()?).to_text())?;
        }
        if !self.freshness.exists() {
            write(&self.freshness, &Cosigner::from_seed(freshness_name.clone(), *seed()?).to_text())?;
        }
        self.load()
    }
}

/// Makes a key that signs statements.
pub fn new_signing_key() -> Result<SigningKey, KeyFileError> {
    Ok(SigningKey::from_seed(&*seed()?))
}

fn seed() -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(|_| KeyFileError::Random)?;
    Ok(seed)
}

fn read(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    let failed = |source| KeyFileError::File { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(failed)?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Open { path: path.to_owned(), mode });
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "the file is too long for a key")));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
    Ok(Zeroizing::new(text.trim_end().to_owned()))
}

/// Writes a new file that only its owner reads, and makes it durable: a log whose key is lost is dead.
fn write(path: &Path, key: &str) -> Result<(), KeyFileError> {
    let failed = |source| KeyFileError::File { path: path.to_owned(), source };
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    writeln!(file, "{key}").and_then(|()| file.sync_all()).map_err(failed)?;
    sync_dir_of(path)
}

fn sync_dir_of(path: &Path) -> Result<(), KeyFileError> {
    let failed = |source| KeyFileError::File { path: path.to_owned(), source };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)
}

fn behind(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn read_log_key(path: &Path) -> Result<NoteSigner, KeyFileError> {
    let content = |why| KeyFileError::Content { path: path.to_owned(), expected: "log key", why };
    read(path)?.parse().map_err(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lie_beside_a_directory_that_is_named_by_a_dot() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        let expected = fs::canonicalize(dir.path()).unwrap().join("data.log-key");
        for named in [data.join("."), data.join("../data"), data.join("..").join("data/.")] {
            let found = KeyFiles::beside(&named).log;
            assert_eq!(fs::canonicalize(found.parent().unwrap()).unwrap(), expected.parent().unwrap());
            assert_eq!(found.file_name(), expected.file_name());
        }
    }

    #[test]
    fn refuses_keys_inside_the_data_by_whatever_way_they_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        std::os::unix::fs::symlink(&data, dir.path().join("link")).unwrap();
        for inside in ["data/log", "link/log", "data/../data/log"] {
            let files = KeyFiles { log: dir.path().join(inside), freshness: dir.path().join("f") };
            assert!(matches!(files.check_outside(&data), Err(KeyFileError::InsideData { .. })), "{inside}");
        }
        let outside = KeyFiles { log: dir.path().join("data.log-key"), freshness: dir.path().join("f") };
        outside.check_outside(&data).unwrap();
    }

    #[test]
    fn refuses_a_key_that_others_can_read_and_one_of_the_wrong_kind() {
        let dir = tempfile::tempdir().unwrap();
        let files = KeyFiles { log: dir.path().join("log"), freshness: dir.path().join("freshness") };
        let origin: Origin = "example.com/log".parse().unwrap();
        files.load_or_create(&origin, &"example.com/log/freshness".parse().unwrap()).unwrap();
        files.load().unwrap();
        let swapped = KeyFiles { log: files.freshness.clone(), freshness: files.log.clone() };
        assert!(matches!(swapped.load(), Err(KeyFileError::Content { .. })));
        fs::set_permissions(&files.log, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(files.load(), Err(KeyFileError::Open { mode: 0o644, .. })));
    }
}

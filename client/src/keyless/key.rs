//! One-time keys: made when they are needed, and of no use once the token that goes with them has ended.

use std::fs::{self, DirBuilder, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use custody_evidence::key::SigningKey;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::IdToken;
use crate::sign::{KeyStoreError, load_private_key};

/// For how many seconds after the end of its token a key is kept: a log lets clocks differ by 30 s.
const LEEWAY: u64 = 60;

/// Makes a key in memory. It is wiped when it goes.
///
/// # Errors
///
/// When the system gives no randomness.
pub fn one_time_key() -> Result<SigningKey, getrandom::Error> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut())?;
    Ok(SigningKey::from_seed(&seed))
}

/// The one-time keys of tokens that a job was given, in files that only its user can read.
///
/// A log takes such a token from the first key that uses it. So all commands of a job have to sign with one key, which
/// has to be somewhere between them. A key that follows from the token would do without a file, and would make the token all
/// that a thief needs, the log's operator first of all, who sees it. A file is read by programs of the same user on the same
/// machine, which read the token too; it ends with the token, and is removed by the next command after that.
///
/// ```text
/// <state>/one-time/                                 mode 0700
///   <end of the token>-<SHA-256 of the token>.pem   mode 0600
/// ```
#[derive(Debug, Clone)]
pub struct OneTimeKeys {
    dir: PathBuf,
}

/// The key for a token.
#[derive(Debug)]
pub struct KeyForToken {
    /// The key.
    pub key: SigningKey,
    /// Its file.
    pub path: PathBuf,
    /// Whether a command before this one made it.
    pub used_before: bool,
}

impl OneTimeKeys {
    /// Names the folder below the state directory; it need not exist.
    #[must_use]
    pub fn below(state_dir: &Path) -> Self {
        Self { dir: state_dir.join("one-time") }
    }

    /// Returns the key that signs with this token, which ends at `expires` (seconds since 1970): the one that a command
    /// before used, or a new one. Keys whose tokens have ended by `now` are removed.
    pub fn of(&self, token: &IdToken, expires: u64, now: u64) -> Result<KeyForToken, KeyStoreError> {
        let io = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| KeyStoreError::Io { doing, path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).map_err(io("create", &self.dir))?;
        // Who else may write here could lay another key in the place of one that is about to be read.
        fs::set_permissions(&self.dir, Permissions::from_mode(0o700)).map_err(io("close", &self.dir))?;
        self.remove_ended(now);
        let digest = hex::encode(Sha256::digest(token.reveal().as_bytes()));
        let path = self.dir.join(format!("{expires}-{digest}.pem"));
        // Written whole and then named, so that a command at the same time reads all of it or nothing.
        let key =
            one_time_key().map_err(|error| io("write", &path)(std::io::Error::other(error.to_string())))?;
        let mut file = tempfile::NamedTempFile::new_in(&self.dir).map_err(io("write", &self.dir))?;
        file.write_all(key.to_pem().as_bytes()).map_err(io("write", &path))?;
        let ours = file.as_file().metadata().map_err(io("read", &path))?.uid();
        match file.persist_noclobber(&path) {
            Ok(_) => Ok(KeyForToken { key, path, used_before: false }),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                // A key that another user laid here would let them sign as this job.
                let owner = fs::symlink_metadata(&path).map_err(io("read", &path))?.uid();
                if owner != ours {
                    return Err(KeyStoreError::OfOthers { path, expected: ours, found: owner });
                }
                Ok(KeyForToken { key: load_private_key(&path)?, path, used_before: true })
            }
            Err(error) => Err(io("write", &path)(error.error)),
        }
    }

    /// What cannot be removed is of no use to anybody any more.
    fn remove_ended(&self, now: u64) {
        let files = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        for file in files {
            let name = file.file_name();
            let end = name.to_str().and_then(|name| name.split_once('-')?.0.parse::<u64>().ok());
            if end.is_some_and(|end| end.saturating_add(LEEWAY) < now) {
                drop(fs::remove_file(file.path()));
            }
        }
    }
}

//! The folder of private keys.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use custody_evidence::key::{PublicKey, SigningKey};
use zeroize::Zeroizing;

use super::{KeyName, KeyStoreError};

/// The largest file that is read as a private key: an RSA key of 16,384 bits in PEM has about 12,700 bytes, and is
/// still named as what it is.
const FILE_MAX: u64 = 16 * 1024;

/// A folder of private keys.
#[derive(Debug, Clone)]
pub struct KeyStore {
    dir: PathBuf,
}

/// A key in the folder.
#[derive(Debug)]
pub struct StoredKey {
    /// What it is called.
    pub name: KeyName,
    /// The file of the private key.
    pub path: PathBuf,
    /// The public half.
    pub public: PublicKey,
}

impl KeyStore {
    /// Names the folder; it need not exist.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Returns the folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Stores a private key and, beside it, its public half. A key is never overwritten.
    pub fn add(&self, name: &KeyName, key: &SigningKey) -> Result<StoredKey, KeyStoreError> {
        let io = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| KeyStoreError::Io { doing, path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).map_err(io("create", &self.dir))?;
        let path = self.private_path(name);
        write_key(&path, key).map_err(|error| match error {
            KeyStoreError::FileExists { path } => KeyStoreError::Exists { name: name.clone(), path },
            other => other,
        })?;
        Ok(StoredKey { name: name.clone(), path, public: key.public().clone() })
    }

    /// Returns the names of the stored keys, in order; none if there is no folder.
    pub fn names(&self) -> Result<Vec<KeyName>, KeyStoreError> {
        let listing = |source| KeyStoreError::Io { doing: "list", path: self.dir.clone(), source };
        let entries = match std::fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(listing(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(listing)?.file_name();
            let name =
                file.to_str().and_then(|file| file.strip_suffix(".pem")).and_then(|name| name.parse().ok());
            names.extend(name);
        }
        names.sort();
        Ok(names)
    }

    /// Reads the private key of that name.
    pub fn load(&self, name: &KeyName) -> Result<SigningKey, KeyStoreError> {
        load_private_key(&self.private_path(name))
    }

    /// Returns the key of that name without its private half; the error is that of [`KeyStore::load`].
    pub fn show(&self, name: &KeyName) -> Result<StoredKey, KeyStoreError> {
        let public = self.load(name)?.public().clone();
        Ok(StoredKey { name: name.clone(), path: self.private_path(name), public })
    }

    fn private_path(&self, name: &KeyName) -> PathBuf {
        self.dir.join(format!("{name}.pem"))
    }
}

/// Writes a private key to a new file that only its owner can read, and its public half beside it, with the extension
/// `pub`. A file that exists is never overwritten.
pub fn write_key(path: &Path, key: &SigningKey) -> Result<(), KeyStoreError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| KeyStoreError::Io { doing: "write", path, source }
    };
    let make = |path: &Path, mode: u32| {
        let created = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        created.map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => KeyStoreError::FileExists { path: path.to_owned() },
            _ => KeyStoreError::Io { doing: "write", path: path.to_owned(), source },
        })
    };
    if path.symlink_metadata().is_ok() {
        return Err(KeyStoreError::FileExists { path: path.to_owned() });
    }
    // The public half first: another key's must not be lost, and without it there is no private one.
    let public = public_path(path);
    make(&public, 0o644)?.write_all(key.public().to_pem().as_bytes()).map_err(io(&public))?;
    // The mode is set when the file is made: a later chmod would leave a moment in which others can open it.
    let written = make(path, 0o600).and_then(|mut file| {
        file.write_all(key.to_pem().as_bytes()).and_then(|()| file.sync_all()).map_err(io(path))
    });
    if written.is_err() {
        // It was made here, and belongs to no key.
        drop(std::fs::remove_file(&public));
    }
    written
}

/// Returns where the public half of a private key's file is written: `ci.pem` has `ci.pub`, any other file gets `.pub`
/// at its end, so that no name makes both the same file.
#[must_use]
pub fn public_path(private: &Path) -> PathBuf {
    if private.extension().is_some_and(|extension| extension == "pem") {
        return private.with_extension("pub");
    }
    let mut name = private.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

/// Reads a private key from a file that only its owner can read.
pub fn load_private_key(path: &Path) -> Result<SigningKey, KeyStoreError> {
    let io = |source| KeyStoreError::Io { doing: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    // Asked of the open file, so that what is checked is what is read.
    let metadata = file.metadata().map_err(io)?;
    let mode = metadata.mode() & 0o777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(KeyStoreError::ReadableByOthers { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(FILE_MAX + 1).read_to_string(&mut text).map_err(io)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > FILE_MAX {
        return Err(KeyStoreError::TooLarge { path: path.to_owned(), max: FILE_MAX });
    }
    SigningKey::from_pem(&text)
        .map_err(|source| KeyStoreError::Key { from: path.display().to_string(), source })
}

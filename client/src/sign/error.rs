//! What can go wrong with keys.

use std::path::PathBuf;

use custody_evidence::key::{KeyId, SigningKeyError};

use super::KeyName;

/// Why there is no key to use. No variant holds a part of a private key.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// A file or folder could not be read or written.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// `read`, `write`, `list`, `create`, `close`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Others on this machine can read the private key.
    #[error("the private key {} can be read by others: expected mode 600, found {mode:o}", path.display())]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Somebody else laid the private key here.
    #[error(
        "the private key {} belongs to another user: expected the user id {expected}, found {found}",
        path.display()
    )]
    OfOthers {
        /// The file.
        path: PathBuf,
        /// The user that runs this program.
        expected: u32,
        /// The user that the file belongs to.
        found: u32,
    },
    /// Not a private key that can be used.
    #[error("{from}: {source}")]
    Key {
        /// The file or variable.
        from: String,
        /// What is wrong with it.
        source: SigningKeyError,
    },
    /// The file is larger than any private key.
    #[error("{} is larger than {max} bytes: not a private key", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        max: u64,
    },
    /// A key of that name exists.
    #[error("a key named {name} exists already: {}", path.display())]
    Exists {
        /// The name.
        name: KeyName,
        /// Its file.
        path: PathBuf,
    },
    /// The file exists.
    #[error("{} exists already", path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// The text is neither a file, nor a stored key's name, nor its id.
    #[error("no key {asked:?}: it is no file, and {} holds {}", dir.display(), listed(.stored))]
    NotFound {
        /// What was asked for.
        asked: String,
        /// The folder of keys.
        dir: PathBuf,
        /// The names in it.
        stored: Vec<KeyName>,
    },
    /// The variable is unset or empty.
    #[error("the environment variable {name} holds no private key: it is not set")]
    NoVariable {
        /// The variable.
        name: String,
    },
    /// No key was named, and there is none.
    #[error("no key to sign with: {} holds none", dir.display())]
    None {
        /// The folder of keys.
        dir: PathBuf,
    },
    /// No key was named, and there are several, none of them called `default`.
    #[error("several keys to sign with: {}", listed(.stored))]
    Several {
        /// Their names.
        stored: Vec<KeyName>,
    },
    /// The id belongs to a key whose private half is not here.
    #[error("no stored key has the id {id}")]
    NoSuchId {
        /// The id.
        id: KeyId,
    },
}

impl KeyStoreError {
    /// Returns the stable word for machines.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Io { .. } | Self::TooLarge { .. } | Self::Key { .. } => "bad_key",
            Self::ReadableByOthers { .. } | Self::OfOthers { .. } => "key_permissions",
            Self::Exists { .. } | Self::FileExists { .. } => "key_exists",
            Self::NotFound { .. } | Self::NoVariable { .. } | Self::None { .. } | Self::NoSuchId { .. } => {
                "no_key"
            }
            Self::Several { .. } => "ambiguous_key",
        }
    }

    /// Returns what the user can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "check the path and its permissions".to_owned(),
            Self::ReadableByOthers { path, .. } => format!(
                "chmod 600 {}; if others may have read it, make a new key and distrust this one",
                path.display()
            ),
            Self::OfOthers { path, .. } => {
                format!("who made it can sign as this job: remove {}, and find out who did", path.display())
            }
            Self::Key { .. } => "an unencrypted PKCS#8 key is needed: custody key new, or \
                                 openssl genpkey -algorithm ed25519 -out key.pem"
                .to_owned(),
            Self::TooLarge { .. } => "give the private key in PEM".to_owned(),
            Self::Exists { name, .. } => {
                format!("choose another name, or move {name} away: keys are never overwritten")
            }
            Self::FileExists { .. } => "choose another file: keys are never overwritten".to_owned(),
            Self::NotFound { .. } | Self::NoSuchId { .. } => {
                "custody key list shows the keys; a file is named by its path, such as ./release.pem"
                    .to_owned()
            }
            Self::NoVariable { name } => format!("put the PEM text into {name}"),
            Self::None { .. } => "make one: custody key new; or name a file: --key FILE".to_owned(),
            Self::Several { .. } => {
                "name one: --key NAME, or key = \"NAME\" in the configuration file".to_owned()
            }
        }
    }
}

fn listed(names: &[KeyName]) -> String {
    if names.is_empty() {
        return "no keys".to_owned();
    }
    names.iter().map(KeyName::as_str).collect::<Vec<_>>().join(", ")
}

//! One name for one repository, whatever way it was cloned.

use custody_evidence::Repository;

/// Where a repository lives: `https://host/path`, without user, password, `.git` and trailing slash.
///
/// `git@github.com:acme/api.git`, `ssh://git@github.com/acme/api` and `https://token@github.com/acme/api.git/`
/// are one repository, and must be one node in the graph. Leaving the user part out also keeps a token of the CI
/// system out of what is signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryUrl(Repository);

/// Why a text does not name a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// A folder of this machine, which names the repository for nobody else.
    #[error("{found:?} is a folder of this machine, not the name of a repository")]
    LocalPath {
        /// The text, cut to 200 characters.
        found: String,
    },
    /// Not `https://host/path`, `ssh://host/path` or `host:path`.
    #[error("expected a repository such as https://github.com/acme/api, found {found:?}")]
    Form {
        /// The text without its user part, cut to 200 characters.
        found: String,
    },
}

impl RepositoryUrl {
    /// Reads any form in which git names a remote.
    pub fn parse(text: &str) -> Result<Self, RemoteError> {
        let text = text.trim();
        if text.starts_with(['/', '.', '~', '\\']) || text.starts_with("file:") {
            return Err(RemoteError::LocalPath { found: text.chars().take(200).collect() });
        }
        // A query or fragment is no part of a repository's name, and is where tokens travel.
        let named = (!text.contains(['?', '#', '\\'])).then(|| Repository::parse(text)).flatten();
        let rest = named.as_ref().and_then(|name| name.as_str().strip_prefix("https://"));
        let has_path = rest.and_then(|rest| rest.split_once('/')).is_some_and(|(_, path)| !path.is_empty());
        match named {
            Some(name) if has_path => Ok(Self(name)),
            Some(_) | None => {
                Err(RemoteError::Form { found: without_user(text).chars().take(200).collect() })
            }
        }
    }

    /// Returns the name as statements carry it.
    #[must_use]
    pub fn name(&self) -> &Repository {
        &self.0
    }

    /// Returns `https://host/path`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl std::str::FromStr for RepositoryUrl {
    type Err = RemoteError;

    fn from_str(text: &str) -> Result<Self, RemoteError> {
        Self::parse(text)
    }
}

impl std::fmt::Display for RepositoryUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A password in front of `@` must not be printed.
fn without_user(text: &str) -> &str {
    text.rsplit_once('@').map_or(text, |(_, rest)| rest)
}

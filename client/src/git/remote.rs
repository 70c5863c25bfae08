//! One name for one repository, whatever way it was cloned.

/// Where a repository lives: `https://host/path`, without user, password, `.git` and trailing slash.
///
/// `git@github.com:acme/api.git`, `ssh://git@github.com/acme/api` and `https://token@github.com/acme/api.git/`
/// are one repository, and must be one node in the graph. Leaving the user part out also keeps a token of the CI
/// system out of what is signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryUrl(String);

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
        let text = text.strip_prefix("git+").unwrap_or(text);
        let bad = || RemoteError::Form { found: without_user(text).chars().take(200).collect() };
        if text.starts_with(['/', '.', '~', '\\']) || text.starts_with("file:") {
            return Err(RemoteError::LocalPath { found: text.chars().take(200).collect() });
        }
        // A query or fragment is no part of a repository's name, and is where tokens travel.
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\')) {
            return Err(bad());
        }
        let (scheme, authority, path) = parts(text).ok_or_else(bad)?;
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = match scheme {
            Scheme::Http => host.strip_suffix(":80").unwrap_or(host),
            Scheme::Https => host.strip_suffix(":443").unwrap_or(host),
            // The port of the SSH server says nothing about where the web server listens.
            Scheme::Ssh => host.split_once(':').map_or(host, |(name, _)| name),
        };
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
        if host.is_empty() || path.is_empty() {
            return Err(bad());
        }
        let prefix = if scheme == Scheme::Http { "http" } else { "https" };
        Ok(Self(format!("{prefix}://{}/{path}", host.to_ascii_lowercase())))
    }

    /// Returns `https://host/path`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
    Ssh,
}

/// Splits into scheme, authority (with user and port) and path.
fn parts(text: &str) -> Option<(Scheme, &str, &str)> {
    if let Some((scheme, rest)) = text.split_once("://") {
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "git" | "ssh" | "git+ssh" => Scheme::Ssh,
            _ => return None,
        };
        let (authority, path) = rest.split_once('/')?;
        return Some((scheme, authority, path));
    }
    // The short form of SSH: [user@]host:path. A single letter before the colon is a drive, not a host.
    let (authority, path) = text.split_once(':')?;
    (authority.len() > 1 && !authority.contains('/')).then_some((Scheme::Ssh, authority, path))
}

/// A password in front of `@` must not be printed.
fn without_user(text: &str) -> &str {
    text.rsplit_once('@').map_or(text, |(_, rest)| rest)
}

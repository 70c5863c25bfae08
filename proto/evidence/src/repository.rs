//! One name for a repository, however it is written, and git URIs (`git+https://host/o/r@refs/heads/main`).
//!
//! Source, review and provenance of one commit must meet in one node, so the repository's name loses what differs
//! between them: `git+`, `.git`, credentials, the transport (https, ssh, git), a default port, the case of the host; and, on hosts
//! that make no difference, the case of owner and name.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest_set::{Digest, is_hex};
use crate::purl::Purl;

/// A repository's one name: `https://github.com/acme/api`, or the trimmed text if it is no URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Repository(String);

/// The id of a git commit: 40 (SHA-1) or 64 (SHA-256) hex digits in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct CommitId(String);

/// Text that names no repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a repository, such as https://github.com/acme/api, found {found:?}")]
pub struct RepositoryError {
    /// The text, cut to 80 characters.
    pub found: String,
}

/// Text that is no commit's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a commit of 40 or 64 hex digits, found {found:?}")]
pub struct CommitIdError {
    /// The text, cut to 80 characters.
    pub found: String,
}

/// A repository, and the reference or commit that the URI names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitUri {
    repository: Repository,
    reference: Option<String>,
    commit: Option<String>,
    git: bool,
    hosted: bool,
    /// Whether something was cut off around the reference.
    cut: bool,
}

/// Ports that say no more than the transport does.
const DEFAULT_PORTS: &[&str] = &["22", "80", "443", "9418"];

/// Hosts of repositories, on which no images are kept: what has an owner and a name there is a repository, and no file. In upper and
/// lower case it is the same one.
pub(crate) const GIT_HOSTS: [&str; 4] = ["bitbucket.org", "codeberg.org", "github.com", "gitlab.com"];
/// Other names of these hosts: of their pages, and for SSH where only port 443 is open.
const GIT_ALIASES: [(&str, &str); 4] = [
    ("altssh.bitbucket.org", "bitbucket.org"),
    ("altssh.gitlab.com", "gitlab.com"),
    ("ssh.github.com", "github.com"),
    ("www.github.com", "github.com"),
];

impl Repository {
    /// The longest name that is read: the URL limit of common servers is 2,048, references and hex come on top.
    pub const MAX_LEN: usize = 1024;

    /// Returns the one name of what is written; none if it is empty, too long, or has white space or control
    /// characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.len() > Self::MAX_LEN || !is_unbroken(text) {
            return None;
        }
        // A name must be its own name, or one repository could have two.
        let name = Parts::of(text)?.written();
        Parts::of(&name)?.are_written(&name).then_some(Self(name))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the repository is on this host.
    #[must_use]
    pub fn is_on(&self, host: &str) -> bool {
        self.0.strip_prefix("https://").and_then(|rest| rest.split('/').next()) == Some(host)
    }
}

impl FromStr for Repository {
    type Err = RepositoryError;

    fn from_str(text: &str) -> Result<Self, RepositoryError> {
        Self::parse(text).ok_or_else(|| RepositoryError { found: text.chars().take(80).collect() })
    }
}

impl TryFrom<String> for Repository {
    type Error = RepositoryError;

    fn try_from(text: String) -> Result<Self, RepositoryError> {
        text.parse()
    }
}

impl CommitId {
    /// Returns the hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the digest that a subject of this commit has: `gitCommit:<hex>`.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::git_commit(self)
    }
}

impl FromStr for CommitId {
    type Err = CommitIdError;

    fn from_str(text: &str) -> Result<Self, CommitIdError> {
        if is_commit(text) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(CommitIdError { found: text.chars().take(80).collect() })
        }
    }
}

impl TryFrom<String> for CommitId {
    type Error = CommitIdError;

    fn try_from(text: String) -> Result<Self, CommitIdError> {
        text.parse()
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Repository {
    /// Returns this name and, if it has no host, the one on GitHub: `acme/api` is what GitHub's own tools call
    /// `https://github.com/acme/api`.
    pub fn spellings(&self) -> impl Iterator<Item = Self> {
        let short = self.0.split_once('/').filter(|(owner, name)| {
            !owner.is_empty() && !name.is_empty() && !owner.contains([':', '.']) && !name.contains('/')
        });
        let on_github = short.and_then(|_| Self::parse(&format!("https://github.com/{}", self.0)));
        std::iter::once(self.clone()).chain(on_github)
    }

    /// Whether it is an owner and a name on a host of repositories; on GitLab there may be groups between them.
    fn is_hosted(&self) -> bool {
        let mut parts = self.0.strip_prefix("https://").unwrap_or_default().split('/');
        match [parts.next(), parts.next(), parts.next()] {
            [Some("gitlab.com"), Some(_), Some(_)] => parts.all(|part| part != "-"),
            [Some(host), Some(_), Some(_)] => parts.next().is_none() && GIT_HOSTS.contains(&host),
            _ => false,
        }
    }

    /// Returns the repository that a run belongs to, by the URL that GitHub and GitLab give runs; none of any other run.
    #[must_use]
    pub fn of_run(url: &str) -> Option<Self> {
        if !url.starts_with("https://") {
            return None;
        }
        let parts = ["/actions/runs/", "/-/jobs/", "/-/pipelines/"];
        let (repository, number) = parts.iter().find_map(|part| url.split_once(part))?;
        number.starts_with(|c: char| c.is_ascii_digit()).then(|| Self::parse(repository)).flatten()
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl GitUri {
    /// Reads `[git+]<URL>[@<reference or commit>]`, or `<URL>.git#<reference or commit>` as `BuildKit` and npm write it; none if it has no
    /// scheme of a repository, or is a package URL.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let schemes = ["git+", "git:", "git@", "ssh:"];
        let scheme = schemes.iter().any(|scheme| strip_ignoring_case(text, scheme).is_some());
        let (plain, fragment) = text.split_once('#').unwrap_or((text, ""));
        let git = scheme || plain.strip_suffix(".git").is_some();
        let bare = strip_ignoring_case(text, "git+").unwrap_or(text);
        let (_, path) = authority_and_path(bare)?;
        let path_start = bare.len() - path.len();
        let (url, reference) = match path.find('@') {
            Some(at) => (bare.get(..path_start + at)?, path.get(at + 1..)),
            None => (bare, in_fragment(fragment).filter(|_| git)),
        };
        let cut = url.contains(['#', '?']) && path.contains('@')
            || reference.is_some_and(|text| text.contains(['#', '?']));
        let reference = reference.map(without_end).filter(|text| is_reference(text));
        let commit = reference.filter(|text| is_commit(text)).map(str::to_ascii_lowercase);
        let reference = reference.filter(|_| commit.is_none()).map(str::to_owned);
        let repository = Repository::parse(url)?;
        let whole = reference.as_deref().is_some_and(|reference| reference.starts_with("refs/"));
        let hosted = whole || repository.is_hosted();
        Some(Self { repository, reference, commit, git, hosted, cut })
    }

    /// Returns the repository that a package is, with its version as the reference or commit: `pkg:github/acme/api@v1`, and
    /// `pkg:githubactions/github/codeql-action/init@v3` of a part of one. None of any other package.
    #[must_use]
    pub fn of_package(purl: &Purl) -> Option<Self> {
        let host = match purl.package_type() {
            "bitbucket" => "bitbucket.org",
            "github" | "githubactions" => "github.com",
            "gitlab" => "gitlab.com",
            _ => return None,
        };
        let (namespace, name) = (purl.namespace()?, purl.name());
        // On GitHub an owner has no groups: what stands behind a name is a part of it.
        let (owner, name) = match namespace.split_once('/').filter(|_| host == "github.com") {
            Some((owner, rest)) => (owner, rest.split('/').next().unwrap_or_default()),
            None => (namespace.as_ref(), name.as_ref()),
        };
        let repository = Repository::parse(&format!("https://{host}/{owner}/{name}"))?;
        let version = purl.version().map(Cow::into_owned).filter(|text| is_reference(text));
        let (commit, reference) = version.map_or((None, None), |text| {
            if is_commit(&text) { (Some(text.to_ascii_lowercase()), None) } else { (None, Some(text)) }
        });
        Some(Self { repository, reference, commit, git: true, hosted: true, cut: false })
    }

    /// Returns the repository.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Returns the reference after `@`, as written: `refs/heads/main`, `v1.2`; none if there is none, or if it is a
    /// commit.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// Returns the reference if nothing stands behind it: of `@refs/heads/main#x` nobody can tell whether a folder of `main` is meant, or
    /// a branch that is called `main#x`.
    #[must_use]
    pub fn whole_reference(&self) -> Option<&str> {
        self.reference().filter(|_| !self.cut)
    }

    /// Returns the hex of the commit after `@`; none if there is none.
    #[must_use]
    pub fn commit(&self) -> Option<&str> {
        self.commit.as_deref()
    }

    /// Whether the URI itself says git, by its scheme (`git+https:`, `git:`) or by the end of its path (`.git`), so that a sha1 beside it is
    /// a commit.
    #[must_use]
    pub fn names_git(&self) -> bool {
        self.git
    }

    /// Whether it can be nothing but a repository, though it says so neither by its scheme nor by its end: it has a whole reference
    /// (`@refs/heads/main`), or is an owner and a name on a host of repositories. A sha1 beside it is a commit, too.
    #[must_use]
    pub fn is_repository(&self) -> bool {
        self.git || self.hosted
    }
}

/// Returns the reference in a fragment: a whole one (`refs/heads/main`), or a commit, with the folder behind a colon cut off. Any other
/// fragment may be a path within the repository.
fn in_fragment(fragment: &str) -> Option<&str> {
    let reference = fragment.split(':').next().unwrap_or_default();
    (reference.starts_with("refs/") || is_commit(reference)).then_some(reference)
}

/// Whether the text is a whole git object id: 40 (SHA-1) or 64 (SHA-256) hex digits.
pub(crate) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && is_hex(text)
}

fn is_reference(text: &str) -> bool {
    !text.is_empty() && text.len() <= Repository::MAX_LEN && is_unbroken(text)
}

/// Whether the text has neither white space nor control characters.
fn is_unbroken(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
        || !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// Splits a URL, `host.tld/path`, `user@host:path` or `host.tld:path`; none for other text.
fn authority_and_path(text: &str) -> Option<(&str, &str)> {
    if let Some((scheme, rest)) = scheme_and_rest(text) {
        let known =
            ["https", "http", "ssh", "git", "git+ssh"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        return known.then(|| rest.split_at(rest.find('/').unwrap_or(rest.len())));
    }
    let slash = text.find('/')?;
    let is_host = |host: &str| host.contains('.') && !host.starts_with('.') && !host.contains([':', '@']);
    // `git@host:owner/repo` and `host.tld:owner/repo`: the colon comes before any slash, and no port behind it.
    if let Some((authority, path)) = text.split_once(':').filter(|(authority, _)| authority.len() < slash) {
        let first = path.split('/').next().unwrap_or_default();
        let is_port = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
        let fits = authority.contains('@') || is_host(authority) && !is_port && !first.contains('@');
        return fits.then_some((authority, path));
    }
    let (host, path) = text.split_at(slash);
    is_host(host).then_some((host, path))
}

/// Splits at the first `://`.
fn scheme_and_rest(text: &str) -> Option<(&str, &str)> {
    const MARK: &[u8; 3] = b"://";
    let at = text.as_bytes().array_windows().position(|three| three == MARK)?;
    Some((text.get(..at)?, text.get(at + MARK.len()..)?))
}

/// What the name of a repository is written of.
enum Parts<'a> {
    /// The host in any case, with its port unless it is a default one; the path without slashes around it, empty if there is none.
    Url { host: &'a str, path: &'a str },
    /// What is no URL.
    Text(&'a str),
}

impl<'a> Parts<'a> {
    /// None if there is no host, or nothing at all.
    fn of(text: &'a str) -> Option<Self> {
        let text = strip_ignoring_case(text, "git+").unwrap_or(text);
        let text = without_end(text);
        let Some((authority, path)) = authority_and_path(text) else {
            return Some(trimmed(text)).filter(|text| !text.is_empty()).map(Self::Text);
        };
        Some(Self::Url { host: host(authority)?, path: trimmed(path.trim_start_matches('/')) })
    }

    fn written(&self) -> String {
        match *self {
            Self::Url { host, path } => {
                let mut name = String::with_capacity("https:///".len() + host.len() + path.len());
                name.push_str("https://");
                name.push_str(of_alias(host));
                name.make_ascii_lowercase();
                if !path.is_empty() {
                    let same = caseless(name.get("https://".len()..).unwrap_or_default(), path);
                    let (same, rest) = path.split_at(same);
                    name.push('/');
                    name.extend(same.chars().map(|letter| letter.to_ascii_lowercase()));
                    name.push_str(rest);
                }
                name
            }
            Self::Text(text) => text.to_owned(),
        }
    }

    /// Whether this is how they are written.
    fn are_written(&self, name: &str) -> bool {
        match *self {
            Self::Url { host, path } => {
                let rest = name.strip_prefix("https://").and_then(|rest| rest.strip_prefix(host));
                let path_written = |rest: &str| match rest.strip_prefix('/') {
                    Some(rest) => !path.is_empty() && rest == path,
                    None => path.is_empty() && rest.is_empty(),
                };
                let is_lower = |text: &str| !text.bytes().any(|byte| byte.is_ascii_uppercase());
                let (same, _) = path.split_at(caseless(host, path));
                rest.is_some_and(path_written) && of_alias(host) == host && is_lower(host) && is_lower(same)
            }
            Self::Text(text) => text == name,
        }
    }
}

/// The text before a fragment or query.
fn without_end(text: &str) -> &str {
    let end = text.bytes().position(|byte| matches!(byte, b'#' | b'?'));
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Returns the host, with its port unless it is a default one; none if there is no host.
fn host(authority: &str) -> Option<&str> {
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.rsplit_once(':') {
        Some((name, port)) if DEFAULT_PORTS.contains(&port) || port.is_empty() => name,
        _ => host,
    };
    (!host.is_empty()).then_some(host)
}

/// Returns the host that this one, in any case, is another name of; else the host itself.
fn of_alias(host: &str) -> &str {
    let known = GIT_ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(host));
    known.map_or(host, |(_, host)| host)
}

/// How much of a path is the name of a repository on a host that makes no difference between upper and lower case: owner and name, on
/// GitLab all groups. 0 on other hosts.
fn caseless(host: &str, path: &str) -> usize {
    match host {
        "gitlab.com" => path.find("/-/").unwrap_or(path.len()),
        _ if GIT_HOSTS.contains(&host) => path.match_indices('/').nth(1).map_or(path.len(), |(at, _)| at),
        _ => 0,
    }
}

/// Returns a URL with the name of its repository in lower case, where that makes no difference: of a page or a run on such a host.
pub(crate) fn folded(url: &str) -> Cow<'_, str> {
    let Some((host, path)) = url.strip_prefix("https://").and_then(|rest| rest.split_once('/')) else {
        return Cow::Borrowed(url);
    };
    let lower = of_alias(host).to_ascii_lowercase();
    let (name, rest) = path.split_at(caseless(&lower, without_end(path)));
    let has_upper = |text: &str| text.bytes().any(|byte| byte.is_ascii_uppercase());
    if !name.is_empty() && (lower != host || has_upper(name)) {
        Cow::Owned(format!("https://{lower}/{}{rest}", name.to_ascii_lowercase()))
    } else {
        Cow::Borrowed(url)
    }
}

/// Drops slashes and `.git` at the end.
fn trimmed(path: &str) -> &str {
    let end = path.trim_end_matches('/');
    end.strip_suffix(".git").unwrap_or(end).trim_end_matches('/')
}

fn strip_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| text.get(prefix.len()..)).flatten()
}

#[cfg(test)]
mod tests;

//! What a statement is about, as the user names it.

use std::path::PathBuf;

use custody_evidence::digest_set::Digest;
use custody_evidence::purl::Purl;
use custody_evidence::subject_name::{NameKind, digest_of_name};
use custody_evidence::thing::{Thing, ThingError};

use crate::file_digest::FileDigests;
use crate::git::{CommitId, RepositoryUrl};

/// A subject of a statement: a name for people, and the digests that count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The name; may be empty.
    pub name: String,
    /// The digests; at least one.
    pub digests: Vec<Digest>,
}

/// A subject as it was given: complete, or a file that must be read first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// The digest was given.
    Complete(Subject),
    /// A file: the caller hashes it and calls [`Subject::of_file`].
    File(PathBuf),
}

/// Why text cannot be the subject of a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// Not the shape of any thing.
    #[error(transparent)]
    Thing(#[from] ThingError),
    /// A thing that has no digest of its own.
    #[error("{found:?} is {what}, which no statement can be about")]
    NoDigest {
        /// The text.
        found: String,
        /// What it is.
        what: &'static str,
    },
    /// A digest that proves nothing.
    #[error("{found} carries no evidence")]
    Unusable {
        /// The digest.
        found: Digest,
    },
}

impl SubjectError {
    /// Returns what the user can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Thing(_) | Self::NoDigest { .. } => {
                "give a file, sha256:<hex>, <repository>@<commit>, or an image or package with its digest \
                 (name@sha256:<hex>)"
            }
            Self::Unusable { .. } => "give a sha256, sha384, sha512 or git digest",
        }
    }
}

impl Given {
    /// Reads a `--subject`. A package is `<purl>@<digest>`, an image `<reference>@<digest>`; what has no shape of its
    /// own is a file.
    pub fn parse(text: &str) -> Result<Self, SubjectError> {
        let no_digest = |what| SubjectError::NoDigest { found: text.to_owned(), what };
        if let Some((name, digest)) = package_with_digest(text) {
            return complete(name, digest);
        }
        match Thing::parse(text)? {
            Thing::Path(path) | Thing::Name(path) => Ok(Self::File(PathBuf::from(path))),
            Thing::Digest(digest) => complete(String::new(), digest),
            Thing::Image { reference, digest } => complete(reference, digest),
            Thing::Commit { repository, hex } => {
                let digest = git_commit(&hex);
                complete(repository.map(|name| name.as_str().to_owned()).unwrap_or_default(), digest)
            }
            Thing::Prefix(prefix) => match prefix.commit() {
                // 64 digits can be a SHA-256 as well; only 40 are a commit and nothing else.
                Some(hex) if hex.len() == 40 => complete(String::new(), git_commit(hex)),
                Some(_) | None => Err(no_digest("the start of a digest, or a digest without its algorithm")),
            },
            Thing::Purl(_) => Err(no_digest("a package without a digest")),
            Thing::Entry(_) => Err(no_digest("an entry of a log")),
            Thing::KeyId(_) => Err(no_digest("a key")),
            Thing::Url(_) => Err(no_digest("a URL")),
        }
    }
}

impl Subject {
    /// Returns the subject that a file is: named by its file name alone, because folders differ between machines.
    #[must_use]
    pub fn of_file(path: &std::path::Path, digests: &FileDigests) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self { name, digests: vec![digests.sha256.clone(), digests.sha512.clone()] }
    }

    /// Returns the subject that a commit of a repository is.
    #[must_use]
    pub fn of_commit(repository: &RepositoryUrl, commit: &CommitId) -> Self {
        Self { name: repository.as_str().to_owned(), digests: vec![commit.digest()] }
    }

    /// Returns the subject that a thing without bytes is: its name, and the digest of kind and name.
    #[must_use]
    pub fn of_name(kind: NameKind, name: &str) -> Self {
        Self { name: name.to_owned(), digests: vec![digest_of_name(kind, name)] }
    }
}

fn complete(name: String, digest: Digest) -> Result<Given, SubjectError> {
    if !digest.usable() {
        return Err(SubjectError::Unusable { found: digest });
    }
    Ok(Given::Complete(Subject { name, digests: vec![digest] }))
}

/// `pkg:npm/axios@1.14.1@sha512:<hex>`: a package and its digest. `pkg:oci/app@sha256:<hex>?repository_url=..`: a
/// package whose version is its digest.
fn package_with_digest(text: &str) -> Option<(String, Digest)> {
    let (package, digest) = text.strip_prefix("pkg:").and(text.rsplit_once('@'))?;
    let digest = digest.split(['?', '#']).next()?.parse().ok()?;
    let versioned = package.parse::<Purl>().ok().filter(|purl| purl.version().is_some());
    let name = versioned.or_else(|| text.parse().ok()).map(|purl| purl.as_str().to_owned())?;
    Some((name, digest))
}

fn git_commit(hex: &str) -> Digest {
    Digest::read("gitCommit", hex).expect("a commit id is the value of a git digest")
}

//! What a git repository says about a commit, read by running the `git` that the user has.
//!
//! The commit object itself is parsed (`git cat-file commit`), because it is what the commit id hashes: a shallow
//! clone, grafts, replacements and mailmaps change what other git commands print, and would make two runs of one
//! step record different statements.

mod commit;
mod gpg;
mod openpgp;
mod remote;
mod signature;
mod signed;

use std::path::{Path, PathBuf};
use std::process::Command;

pub use commit::{CommitError, CommitObject, Person, SignatureKind};
pub use custody_evidence::repository::CommitId;
pub use gpg::OPENPGP_KEYS_MAX;
pub use remote::{RemoteError, RepositoryUrl};
pub use signature::{CommitSignature, Signers, Unverified, Verdict, check_signature};
pub use signed::SignedCommit;

/// A repository that git can read.
#[derive(Debug, Clone)]
pub struct Repository {
    dir: PathBuf,
    shallow: bool,
}

/// Why git could not answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no `git` to run.
    #[error("cannot run git")]
    NotInstalled(#[source] std::io::Error),
    /// The folder is not inside a repository, or git refuses to read it.
    #[error("{} is not a git repository: {said}", dir.display())]
    NotARepository {
        /// The folder asked about.
        dir: PathBuf,
        /// What git said, its first line.
        said: String,
    },
    /// The repository does not have the commit because its history was cut.
    #[error("commit {revision} is not in {}, which is a shallow clone", dir.display())]
    Shallow {
        /// The folder asked about.
        dir: PathBuf,
        /// The commit asked for.
        revision: String,
    },
    /// The repository does not have the commit.
    #[error("{} has no commit {revision}", dir.display())]
    NoSuchCommit {
        /// The folder asked about.
        dir: PathBuf,
        /// The commit asked for.
        revision: String,
    },
    /// The commit object cannot be read.
    #[error("commit {id} cannot be read")]
    Commit {
        /// The commit.
        id: CommitId,
        /// What is wrong with it.
        #[source]
        source: CommitError,
    },
    /// The object is not the one that the id names.
    #[error("git gave another object for commit {id}: its id is {found}")]
    OtherObject {
        /// The commit asked for.
        id: CommitId,
        /// The id of what git gave.
        found: String,
    },
    /// Another git command failed.
    #[error("git {command} failed: {said}")]
    Failed {
        /// The git command.
        command: &'static str,
        /// What git said, its first line.
        said: String,
    },
}

impl GitError {
    /// Returns what the user can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotInstalled(_) => "install git, or give --repo, --commit and --ref",
            Self::NotARepository { said, .. } if said.contains("dubious ownership") => {
                "the folder belongs to another user: git config --global --add safe.directory <folder>"
            }
            Self::NotARepository { .. } => "run it inside the repository, or give --repo, --commit and --ref",
            Self::Shallow { .. } => {
                "fetch the commit (git fetch --unshallow; with actions/checkout: fetch-depth: 0)"
            }
            Self::NoSuchCommit { .. } => "fetch it first, or check --commit",
            Self::Commit { .. } | Self::OtherObject { .. } => {
                "git fsck shows what is wrong with the repository"
            }
            Self::Failed { .. } => "the same git command, run by hand, shows more",
        }
    }
}

impl Repository {
    /// Finds the repository that a folder is in.
    pub fn find(dir: &Path) -> Result<Self, GitError> {
        let answer = run(dir, &["rev-parse", "--is-shallow-repository"])?;
        if !answer.status.success() {
            return Err(GitError::NotARepository { dir: dir.to_owned(), said: first_line(&answer.stderr) });
        }
        Ok(Self { dir: dir.to_owned(), shallow: answer.stdout.starts_with(b"true") })
    }

    /// Resolves a revision (`HEAD`, a branch, an id) to the id of its commit.
    pub fn resolve(&self, revision: &str) -> Result<CommitId, GitError> {
        let spec = format!("{revision}^{{commit}}");
        let answer = run(&self.dir, &["rev-parse", "--verify", "--quiet", "--end-of-options", &spec])?;
        if !answer.status.success() {
            return Err(self.absent(revision));
        }
        text(&answer.stdout).parse().map_err(|_| self.absent(revision))
    }

    /// Reads the commit object.
    pub fn commit(&self, id: &CommitId) -> Result<CommitObject, GitError> {
        let bytes = self.commit_bytes(id)?;
        CommitObject::parse(&bytes).map_err(|source| GitError::Commit { id: id.clone(), source })
    }

    /// Reads the commit object's exact bytes, and checks that the id is their hash: git itself does not, for what is in a
    /// pack.
    pub fn commit_bytes(&self, id: &CommitId) -> Result<Vec<u8>, GitError> {
        let answer = run(&self.dir, &["cat-file", "commit", id.as_str()])?;
        if !answer.status.success() {
            return Err(self.absent(id.as_str()));
        }
        let found = signed::object_id(id, &answer.stdout);
        if found == id.as_str() {
            Ok(answer.stdout)
        } else {
            Err(GitError::OtherObject { id: id.clone(), found })
        }
    }

    /// Returns the file that a setting of git names, such as `gpg.ssh.allowedSignersFile`; none if it is not set. A relative
    /// one is taken from the folder that the repository was found from.
    pub fn file_setting(&self, name: &str) -> Result<Option<PathBuf>, GitError> {
        let answer = run(&self.dir, &["config", "--type=path", "--get", name])?;
        let path = text(&answer.stdout);
        Ok((answer.status.success() && !path.is_empty()).then(|| self.dir.join(path)))
    }

    /// Returns the full name of the branch that is checked out; none when `HEAD` is detached.
    pub fn branch(&self) -> Result<Option<String>, GitError> {
        let answer = run(&self.dir, &["symbolic-ref", "--quiet", "HEAD"])?;
        Ok(answer.status.success().then(|| text(&answer.stdout).to_owned()))
    }

    /// Returns the URL of the remote `origin`, or of the only remote, as it is configured.
    pub fn remote(&self) -> Result<Option<String>, GitError> {
        let answer = run(&self.dir, &["remote"])?;
        if !answer.status.success() {
            return Err(GitError::Failed { command: "remote", said: first_line(&answer.stderr) });
        }
        let names = text(&answer.stdout);
        let mut lines = names.lines();
        let name = match (lines.next(), lines.next()) {
            (Some(only), None) => only,
            (Some(_), Some(_)) if names.lines().any(|name| name == "origin") => "origin",
            _ => return Ok(None),
        };
        let key = format!("remote.{name}.url");
        let answer = run(&self.dir, &["config", "--get", &key])?;
        Ok(answer.status.success().then(|| text(&answer.stdout).to_owned()))
    }

    fn absent(&self, revision: &str) -> GitError {
        let (dir, revision) = (self.dir.clone(), revision.to_owned());
        if self.shallow {
            GitError::Shallow { dir, revision }
        } else {
            GitError::NoSuchCommit { dir, revision }
        }
    }
}

fn run(dir: &Path, arguments: &[&str]) -> Result<std::process::Output, GitError> {
    Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(arguments)
        // Messages are matched and shown, so they must be the untranslated ones; and reading must not write.
        .env("LC_ALL", "C")
        .env("GIT_OPTIONAL_LOCKS", "0")
        // A replacement object would be printed under the id of the commit that it replaces.
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .output()
        .map_err(GitError::NotInstalled)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default().trim_end_matches('\n')
}

fn first_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).lines().next().unwrap_or("no message").chars().take(300).collect()
}

#[cfg(test)]
mod tests;

//! Where a statement's facts come from when the user does not give them: the CI system, then the working copy.

use crate::ci::{Fact, Found, Job, looked_for};
use crate::git::{CommitId, GitError, RemoteError, Repository, RepositoryUrl};

/// What git says about the folder that the command runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingCopy {
    /// The commit that is checked out.
    pub head: CommitId,
    /// The full name of its branch; none when `HEAD` is detached.
    pub branch: Option<String>,
    /// The remote; none when there is none, or several without an `origin`.
    pub remote: Option<Result<RepositoryUrl, RemoteError>>,
}

/// What is known about the job and the folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// What the CI system says; none on a workstation.
    pub job: Option<Job>,
    /// What git says; none outside of a repository.
    pub working_copy: Option<WorkingCopy>,
}

/// A fact that a statement needs and that nothing gives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {what}: give {flag} (looked for {variables}{git})")]
pub struct Missing {
    /// What is missing.
    pub what: &'static str,
    /// The flag that gives it.
    pub flag: &'static str,
    /// The variables that were looked for.
    pub variables: String,
    /// What was looked for in the working copy, as the end of the list; may be empty.
    pub git: String,
}

impl WorkingCopy {
    /// Asks git.
    pub fn read(repository: &Repository) -> Result<Self, GitError> {
        Ok(Self {
            head: repository.resolve("HEAD")?,
            branch: repository.branch()?,
            remote: repository.remote()?.map(|url| RepositoryUrl::parse(&url)),
        })
    }
}

impl Surroundings {
    /// Returns the repository: given, or the CI system's, or the remote.
    pub fn repository(&self, given: Option<&RepositoryUrl>) -> Result<RepositoryUrl, Missing> {
        let remote = self.working_copy.as_ref().and_then(|copy| copy.remote.as_ref());
        let found = given.cloned().or_else(|| self.job(|job| job.repository.as_ref()));
        found.or_else(|| remote.and_then(|remote| remote.as_ref().ok().cloned())).ok_or_else(|| {
            let git = match remote {
                Some(Err(error)) => format!("; the git remote: {error}"),
                Some(Ok(_)) | None => ", and a git remote".to_owned(),
            };
            self.missing("repository", "--repo", Fact::Repository, &git)
        })
    }

    /// Leaves out what is known of another repository than this one: a commit of one project is none of another. The
    /// job's repository is known by its variables, the folder's by its remote; a folder without one is what the job works
    /// on. What is not known may be the same.
    #[must_use]
    pub fn of(mut self, repository: &RepositoryUrl) -> Self {
        let other = |name: &custody_evidence::repository::Repository| name != repository.name();
        let of_job = self.job.as_ref().and_then(|job| job.repository.as_ref());
        let other_job = of_job.is_some_and(|found| other(found.value.name()));
        let remote = self.working_copy.as_ref().and_then(|copy| copy.remote.as_ref()?.as_ref().ok());
        if remote.map_or(other_job, |remote| other(remote.name())) {
            self.working_copy = None;
        }
        if let Some(job) = self.job.as_mut().filter(|_| other_job) {
            job.commit = None;
            job.reference = None;
        }
        self
    }

    /// Returns the commit: given, or the CI system's, or the one that is checked out.
    pub fn commit(&self, given: Option<&CommitId>) -> Result<CommitId, Missing> {
        let found = given.cloned().or_else(|| self.job(|job| job.commit.as_ref()));
        found
            .or_else(|| self.working_copy.as_ref().map(|copy| copy.head.clone()))
            .ok_or_else(|| self.missing("commit", "--commit", Fact::Commit, ", and git HEAD"))
    }

    /// Returns the branch or tag in full: given, or the CI system's, or the branch that is checked out. The last one
    /// counts only for the commit that is checked out; of another commit it says nothing.
    #[must_use]
    pub fn reference(&self, given: Option<&str>, commit: &CommitId) -> Option<String> {
        let branch = || {
            let copy = self.working_copy.as_ref().filter(|copy| copy.head == *commit)?;
            copy.branch.clone()
        };
        let named = || {
            let job = self.job.as_ref()?;
            let same = job.commit.as_ref().is_none_or(|found| found.value == *commit);
            job.reference.as_ref().filter(|_| same).map(|found| found.value.clone())
        };
        given.map(str::to_owned).or_else(named).or_else(branch)
    }

    /// As [`Surroundings::reference`], where a statement cannot be made without one.
    pub fn required_reference(&self, given: Option<&str>, commit: &CommitId) -> Result<String, Missing> {
        self.reference(given, commit)
            .ok_or_else(|| self.missing("branch or tag", "--ref", Fact::Reference, ", and the git branch"))
    }

    /// Returns the run's URL: given, or the CI system's.
    pub fn run(&self, given: Option<&str>) -> Result<String, Missing> {
        given
            .map(str::to_owned)
            .or_else(|| self.job(|job| job.run.as_ref()))
            .ok_or_else(|| self.missing("run", "--run-url", Fact::Run, ""))
    }

    /// Returns the builder: given, or the CI system's.
    pub fn builder(&self, given: Option<&str>) -> Result<String, Missing> {
        given
            .map(str::to_owned)
            .or_else(|| self.job(|job| job.builder.as_ref()))
            .ok_or_else(|| self.missing("builder", "--builder-id", Fact::Builder, ""))
    }

    /// Returns the pull or merge request: given, or the CI system's.
    #[must_use]
    pub fn change(&self, given: Option<&str>) -> Option<String> {
        given.map(str::to_owned).or_else(|| self.job(|job| job.change.as_ref()))
    }

    fn job<T: Clone>(&self, fact: impl Fn(&Job) -> Option<&Found<T>>) -> Option<T> {
        self.job.as_ref().and_then(fact).map(|found| found.value.clone())
    }

    fn missing(&self, what: &'static str, flag: &'static str, fact: Fact, git: &str) -> Missing {
        let variables = looked_for(self.job.as_ref().map(|job| job.system), fact);
        Missing { what, flag, variables, git: git.to_owned() }
    }
}

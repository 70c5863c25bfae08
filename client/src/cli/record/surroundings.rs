//! Reads the CI environment and the working copy, and says what was detected.

use std::path::Path;

use custody_client::ci::{self, Fact, RunFacts, Variables};
use custody_client::git::{CommitId, GitError, Repository, RepositoryUrl};
use custody_client::make::{Missing, Subject, Surroundings, WorkingCopy};

use super::flags::Common;
use crate::cli::Context;
use crate::cli::failure::Failure;

/// Where a statement's source is.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The repository [default: from CI, or the git remote].
    #[arg(long, value_name = "URL")]
    pub(super) repo: Option<RepositoryUrl>,
    /// The commit [default: from CI, or git `HEAD`].
    #[arg(long, value_name = "ID")]
    pub(super) commit: Option<CommitId>,
    /// The branch or tag in full, such as `refs/heads/main` [default: from CI, or the git branch].
    #[arg(long = "ref", value_name = "REF")]
    pub(super) reference: Option<String>,
}

/// The commit that a statement is about, and what is known around it.
pub(super) struct Found {
    pub(super) around: Surroundings,
    pub(super) repository: RepositoryUrl,
    pub(super) commit: CommitId,
}

impl Place {
    /// Finds the commit that is named, or the one that CI or the working copy is at.
    pub(super) fn find(&self, context: &Context) -> Result<Found, Failure> {
        let around = read(context, self.repo.is_some(), self.commit.is_some())?;
        let repository = around.repository(self.repo.as_ref()).map_err(|error| missing(&error))?;
        let around = around.of(&repository);
        let commit = around.commit(self.commit.as_ref()).map_err(|error| missing(&error))?;
        if self.commit.is_none() && around.job.as_ref().is_none_or(|job| job.commit.is_none()) {
            // Said, as it is signed: which commit a folder is at is not in the command.
            context.output.note(format!("commit {commit} (git HEAD)"));
        }
        Ok(Found { around, repository, commit })
    }
}

impl Found {
    /// Returns the subjects of a statement about the commit: itself, and those that were given.
    pub(super) fn subjects(&self, common: &Common, context: &Context) -> Result<Vec<Subject>, Failure> {
        let mut subjects = vec![Subject::of_commit(&self.repository, &self.commit)];
        subjects.extend(common.subjects(&[], context)?);
        Ok(subjects)
    }
}

/// Reads both, and tells the user what was detected. A folder outside of git is no error: flags and CI may say enough.
/// A variable that is set and cannot be read is one, unless a flag gives what it names: that must not be taken
/// from elsewhere.
pub(super) fn read(context: &Context, repository: bool, commit: bool) -> Result<Surroundings, Failure> {
    let variables = variables(context);
    let job = ci::detect(&variables);
    let given = [(Fact::Commit, commit), (Fact::Repository, repository)];
    let needed = given.into_iter().filter_map(|(fact, given)| (!given).then_some(fact));
    if let Some((variable, value)) = job.as_ref().and_then(|job| job.unreadable(&variables, needed)) {
        return Err(Failure::usage("bad_variable", format!("{variable} cannot be read: found {value:?}"))
            .hint("correct the variable, or unset it and give the flag"));
    }
    if let Some(job) = &job {
        context.output.note(format!("detected {}", job.system));
        for line in job.summary() {
            context.output.note(format!("  {line}"));
        }
    }
    let working_copy =
        match Repository::find(Path::new(".")).and_then(|repository| WorkingCopy::read(&repository)) {
            Ok(copy) => Some(copy),
            // No repository, no git, or no commit in it yet.
            Err(GitError::NotARepository { said, .. }) if said.contains("dubious ownership") => {
                context.output.warn(format!("git refuses to read this folder: {said}"));
                None
            }
            Err(_) => None,
        };
    Ok(Surroundings { job, working_copy })
}

/// Returns what CI says about the run, and tells the user. It is about the run that CI names: of one that was given by
/// another URL nothing is known.
pub(super) fn run_facts(around: &Surroundings, given: Option<&str>, context: &Context) -> RunFacts {
    let Some(job) = &around.job else { return RunFacts::default() };
    let named = job.run.as_ref().map(|found| found.value.as_str());
    if given.is_some_and(|given| Some(given) != named) {
        return RunFacts::default();
    }
    let facts = RunFacts::of(job.system, &variables(context));
    for line in facts.summary() {
        context.output.note(format!("  {line}"));
    }
    facts
}

/// Returns who started the run, as CI says, and tells the user.
pub(super) fn actor(around: &Surroundings, context: &Context) -> Option<String> {
    let job = around.job.as_ref()?;
    let actor = RunFacts::of(job.system, &variables(context)).actor?;
    context.output.note(format!("  actor {} ({})", actor.value, actor.variable));
    Some(actor.value)
}

/// Returns the environment, as detection reads it.
pub(super) fn variables(context: &Context) -> Variables {
    context.environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Says what git could not do, with its cause.
pub(in crate::cli) fn git_failure(error: &GitError) -> Failure {
    let cause = std::error::Error::source(error).map_or_else(String::new, |source| format!(": {source}"));
    Failure::usage("git", format!("{error}{cause}")).hint(error.hint())
}

/// Says what is missing, which flag gives it, and where it was looked for.
pub(in crate::cli) fn missing(missing: &Missing) -> Failure {
    Failure::usage(
        "missing_fact",
        format!("no {}: it is neither given, nor set by a CI system, nor known to git", missing.what),
    )
    .hint(format!("give {} (looked for {}{})", missing.flag, missing.variables, missing.git))
}

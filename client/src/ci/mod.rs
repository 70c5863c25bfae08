//! What the CI system says about the job that runs this program.
//!
//! Detection is a pure function of the environment variables. A fact keeps the name of the variable that it came
//! from, so that the user can be told what was detected, and what was looked for when something is missing.
//! Variables that can hold a token (such as GitLab's `CI_REPOSITORY_URL`) are read through [`RepositoryUrl`], which
//! drops it, or not at all.
//!
//! All of this is a claim: whoever controls the job controls its variables.

mod buildkite;
mod circleci;
mod github;
mod gitlab;
mod jenkins;
mod run;

use std::collections::BTreeMap;

use custody_log::Timestamp;

use crate::git::{CommitId, RepositoryUrl};

pub use run::RunFacts;

/// Environment variables by name. An empty one counts as unset.
#[derive(Debug, Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Returns the variable; none when it is unset or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether the variable is `true` or `1`.
    fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    fn found(&self, name: &'static str) -> Option<Found<String>> {
        Some(Found { value: self.get(name)?.to_owned(), variable: name })
    }

    /// A value that does not parse is as good as none: the flag that it would fill names the variable.
    fn parsed<T: std::str::FromStr>(&self, name: &'static str) -> Option<Found<T>> {
        Some(Found { value: self.get(name)?.parse().ok()?, variable: name })
    }

    fn time(&self, name: &'static str) -> Option<Found<Timestamp>> {
        Some(Found { value: Timestamp::parse_rfc3339(self.get(name)?).ok()?, variable: name })
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

/// A fact and the variable that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// The name of the variable.
    pub variable: &'static str,
}

/// A CI system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Buildkite.
    Buildkite,
    /// CircleCI.
    CircleCi,
    /// `CI` is set, and nothing says by whom.
    Generic,
    /// GitHub Actions, and systems that imitate its variables (Gitea, Forgejo).
    GitHubActions,
    /// GitLab CI.
    GitLab,
    /// Jenkins.
    Jenkins,
}

impl std::fmt::Display for System {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Buildkite => "Buildkite",
            Self::CircleCi => "CircleCI",
            Self::Generic => "an unknown CI system",
            Self::GitHubActions => "GitHub Actions",
            Self::GitLab => "GitLab CI",
            Self::Jenkins => "Jenkins",
        })
    }
}

impl System {
    /// Returns the variable that gives a fact; none if the system is not known.
    fn variable(self, fact: Fact) -> Option<&'static str> {
        Some(match self {
            Self::Buildkite => buildkite::variable(fact),
            Self::CircleCi => circleci::variable(fact),
            Self::Generic => return None,
            Self::GitHubActions => github::variable(fact),
            Self::GitLab => gitlab::variable(fact),
            Self::Jenkins => jenkins::variable(fact),
        })
    }
}

/// What a CI system says about the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Which system.
    pub system: System,
    /// The repository.
    pub repository: Option<Found<RepositoryUrl>>,
    /// The commit that is built.
    pub commit: Option<Found<CommitId>>,
    /// The full name of the branch, tag or merge request: `refs/heads/main`.
    pub reference: Option<Found<String>>,
    /// The URL of this run, attempt included: it names the run in the graph.
    pub run: Option<Found<String>>,
    /// When the run started.
    pub started: Option<Found<Timestamp>>,
    /// What ran the job: SLSA's `builder.id`.
    pub builder: Option<Found<String>>,
    /// The build definition's file in its repository, such as `.github/workflows/release.yml`.
    pub definition: Option<Found<String>>,
    /// The pull or merge request that is built.
    pub change: Option<Found<String>>,
    /// What else the build should say, by SLSA's place for it: what the build platform set itself.
    pub internal: Vec<(&'static str, Found<String>)>,
}

impl Job {
    fn of(system: System) -> Self {
        Self {
            system,
            repository: None,
            commit: None,
            reference: None,
            run: None,
            started: None,
            builder: None,
            definition: None,
            change: None,
            internal: Vec::new(),
        }
    }

    /// Returns the first variable that should give the repository or the commit, of those that are needed,
    /// with its value, if it is set and gives none.
    #[must_use]
    pub fn unreadable<'a>(
        &self,
        variables: &'a Variables,
        needed: impl IntoIterator<Item = Fact>,
    ) -> Option<(&'static str, &'a str)> {
        let absent = |fact: &Fact| match fact {
            Fact::Commit => self.commit.is_none(),
            Fact::Repository => self.repository.is_none(),
            Fact::Builder | Fact::Change | Fact::Reference | Fact::Run => false,
        };
        let names = needed.into_iter().filter(absent).filter_map(|fact| self.system.variable(fact));
        // Buildkite names no commit by `HEAD`: the working copy says which it is.
        names.filter_map(|name| Some((name, variables.get(name)?))).find(|(_, value)| *value != "HEAD")
    }

    /// Returns what was detected, one `name value (VARIABLE)` a fact.
    #[must_use]
    pub fn summary(&self) -> Vec<String> {
        fn line<T: std::fmt::Display>(name: &str, found: Option<&Found<T>>) -> Option<String> {
            found.map(|found| format!("{name} {} ({})", found.value, found.variable))
        }
        [
            line("repo", self.repository.as_ref()),
            line("commit", self.commit.as_ref()),
            line("ref", self.reference.as_ref()),
            line("run", self.run.as_ref()),
            line("builder", self.builder.as_ref()),
            line("change", self.change.as_ref()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A fact that a CI system can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// The builder.
    Builder,
    /// The pull or merge request.
    Change,
    /// The commit.
    Commit,
    /// The branch or tag.
    Reference,
    /// The repository.
    Repository,
    /// The run.
    Run,
}

/// Returns the variables that are read for a fact, for a message that says what was looked for: those of one
/// system, or of all when it is not known.
#[must_use]
pub fn looked_for(system: Option<System>, fact: Fact) -> String {
    match system {
        Some(System::Buildkite) => buildkite::variable(fact).to_owned(),
        Some(System::CircleCi) => circleci::variable(fact).to_owned(),
        Some(System::GitHubActions) => github::variable(fact).to_owned(),
        Some(System::GitLab) => gitlab::variable(fact).to_owned(),
        Some(System::Jenkins) => jenkins::variable(fact).to_owned(),
        None | Some(System::Generic) => [
            github::variable(fact),
            gitlab::variable(fact),
            jenkins::variable(fact),
            buildkite::variable(fact),
            circleci::variable(fact),
        ]
        .join(", "),
    }
}

/// Detects the CI system; none on a developer's machine.
///
/// The systems' own marks are asked before the generic `CI`, which all of them set. Jenkins is last, because its
/// mark (`JENKINS_URL`) is also set on agents that start other tools.
#[must_use]
pub fn detect(variables: &Variables) -> Option<Job> {
    let generic = || {
        let set = variables.get("CI").is_some_and(|value| !matches!(value, "false" | "0"));
        set.then(|| Job::of(System::Generic))
    };
    github::detect(variables)
        .or_else(|| gitlab::detect(variables))
        .or_else(|| buildkite::detect(variables))
        .or_else(|| circleci::detect(variables))
        .or_else(|| jenkins::detect(variables))
        .or_else(generic)
}

/// Names a tag, else a branch, in full.
fn tag_or_branch(variables: &Variables, tag: &'static str, branch: &'static str) -> Option<Found<String>> {
    let full = |name: &'static str, prefix: &str| {
        let found = variables.found(name)?;
        let value =
            if found.value.starts_with("refs/") { found.value } else { format!("{prefix}{}", found.value) };
        Some(Found { value, variable: name })
    };
    full(tag, "refs/tags/").or_else(|| full(branch, "refs/heads/"))
}

#[cfg(test)]
mod tests;

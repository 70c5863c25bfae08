//! What a workflow file of a CI system names: actions and images, secrets, permissions, audiences of identity tokens.
//!
//! Read are workflows and actions of GitHub Actions, and pipelines of GitLab CI. Only names are taken: a value that stands
//! in the file is looked at for names in it, and is never kept, shown in an error, or recorded. What a file leads to
//! (actions, reusable workflows, includes) is named and not followed, and the reader says so. What runs of jobs
//! that a condition leaves out could have read is among the rest: a file says what may happen, not what did.

mod expression;
mod github;
mod gitlab;
#[cfg(test)]
mod tests;
mod variable;
mod yaml;

use std::collections::BTreeSet;
use std::fmt;

use custody_evidence::digest_set::Digest;

pub use yaml::{DEPTH_MAX, NODES_MAX, TEXT_MAX, YamlFault};

/// The largest workflow file: GitHub's own limit is half of it.
pub const FILE_MAX: u64 = 1024 * 1024;

/// What a file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// Whose format it is.
    pub format: Format,
    /// Actions, reusable workflows, images and includes, as written.
    pub references: BTreeSet<Reference>,
    /// Names of secrets.
    pub secrets: BTreeSet<String>,
    /// What the run's own token may do: `contents: write`, `read-all`.
    pub permissions: BTreeSet<String>,
    /// Audiences of identity tokens.
    pub audiences: BTreeSet<String>,
    /// What is not known from this file, in a sentence each.
    pub unknown: BTreeSet<String>,
}

/// Whose format a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An `action.yml` of GitHub Actions.
    GitHubAction,
    /// A workflow of GitHub Actions.
    GitHubWorkflow,
    /// A pipeline of GitLab CI.
    GitLab,
}

/// A reference that a file names, and what it means if the reference itself says so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The reference: `actions/checkout@v4`, `alpine:latest`.
    pub text: String,
    /// The commit or image that it is pinned to.
    pub digest: Option<Digest>,
}

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkflowError {
    /// Not YAML, or YAML beyond the limits.
    #[error("{fault} at line {line} column {column}")]
    Yaml {
        /// What is wrong.
        fault: YamlFault,
        /// 1-based; 0 if it is not known.
        line: u64,
        /// 1-based, in characters; 0 if it is not known.
        column: u64,
    },
    /// YAML of something else.
    #[error(
        "expected a workflow or action of GitHub Actions (jobs, runs) or a pipeline of GitLab CI (a job with script, \
         trigger or extends, or include), found {found}"
    )]
    Unknown {
        /// What it is instead: the first of its keys.
        found: String,
    },
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GitHubAction => "action of GitHub Actions",
            Self::GitHubWorkflow => "workflow of GitHub Actions",
            Self::GitLab => "pipeline of GitLab CI",
        })
    }
}

/// Reads the bytes of a file. Which format it is, its keys say.
pub fn read(bytes: &[u8]) -> Result<Workflow, WorkflowError> {
    let documents = yaml::read(bytes)?;
    let find = |holds: fn(&yaml::Yaml) -> bool| documents.iter().find(|document| holds(document));
    if let Some(workflow) = find(github::is_workflow) {
        return Ok(github::workflow(workflow));
    }
    if let Some(action) = find(github::is_action) {
        return Ok(github::action(action));
    }
    // A component of GitLab has its inputs in a document before the pipeline.
    if let Some(pipeline) = find(gitlab::is_pipeline) {
        return Ok(gitlab::pipeline(pipeline));
    }
    let found = documents.last().map_or_else(|| "nothing".to_owned(), yaml::Yaml::described);
    Err(WorkflowError::Unknown { found })
}

impl Workflow {
    fn new(format: Format) -> Self {
        Self {
            format,
            references: BTreeSet::new(),
            secrets: BTreeSet::new(),
            permissions: BTreeSet::new(),
            audiences: BTreeSet::new(),
            unknown: BTreeSet::new(),
        }
    }

    /// Adds what another file of the same run names.
    pub fn extend(&mut self, other: Self) {
        self.references.extend(other.references);
        self.secrets.extend(other.secrets);
        self.permissions.extend(other.permissions);
        self.audiences.extend(other.audiences);
        self.unknown.extend(other.unknown);
    }

    /// Adds an image, with the digest that it is pinned to.
    fn image(&mut self, text: &str) {
        let text = text.strip_prefix("docker://").unwrap_or(text);
        let digest = text.rsplit_once('@').and_then(|(_, digest)| digest.parse().ok());
        self.reference(text, digest);
    }

    /// Adds a reference. One that a variable is part of means something else in each run.
    fn reference(&mut self, text: &str, digest: Option<Digest>) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        if text.contains('$') {
            self.unknown.insert(format!("what {} is: a variable is part of it", shown(text)));
            return;
        }
        let digest = digest.filter(Digest::usable);
        self.references.insert(Reference { text: without_credentials(text), digest });
    }
}

/// A URL may carry a token before its host, or in its query.
fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let path = path.map_or_else(String::new, |path| format!("/{path}"));
    format!("{scheme}://{host}{path}")
}

/// Text of a file as a sentence shows it. Its own credentials are left out.
fn shown(text: &str) -> String {
    let clean = without_credentials(text);
    format!("{:?}", clean.chars().take(120).collect::<String>())
}

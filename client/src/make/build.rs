//! A build: SLSA provenance v1 (<https://slsa.dev/spec/v1.0/provenance>).
//!
//! For GitHub Actions the predicate is that of GitHub's own provenance, so that its verifiers can read it. The other
//! systems have no build type that describes what we write; theirs are ours, with `source`, `definition` and
//! `parameters` as external parameters.

use std::collections::BTreeMap;

use custody_evidence::digest_set::Digest;
use custody_evidence::purl::Purl;
use custody_log::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Made, MakeError, Subject, statement};
use crate::ci::{Job, System};
use crate::git::{CommitId, RepositoryUrl};

/// The predicate type.
const TYPE: &str = "https://slsa.dev/provenance/v1";

/// GitHub's build type for workflows.
const GITHUB: &str = "https://actions.github.io/buildtypes/workflow/v1";

/// How artifacts were built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// What ran it: SLSA's `builder.id`.
    pub builder: String,
    /// How to read the parameters; none: as the CI system's build type says.
    pub build_type: Option<String>,
    /// The repository.
    pub repository: RepositoryUrl,
    /// The commit.
    pub commit: CommitId,
    /// The branch or tag.
    pub reference: Option<String>,
    /// The run's URL: SLSA's `invocationId`.
    pub run: String,
    /// When it started.
    pub started: Option<Timestamp>,
    /// When it finished.
    pub finished: Option<Timestamp>,
    /// What the caller of the build set.
    pub parameters: BTreeMap<String, String>,
    /// What the build took in, beside the source.
    pub dependencies: Vec<Dependency>,
    /// What the CI system says about the job.
    pub job: Option<Job>,
}

/// Something that a build took in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    uri: String,
    digest: Option<Digest>,
}

/// Text that names no dependency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected <package URL or URI>[=<algorithm>:<hex>], such as pkg:npm/axios@1.14.1=sha512:<hex>, found {found:?}: {why}"
)]
pub struct DependencyError {
    /// The text, cut to 200 characters.
    pub found: String,
    /// What is wrong with it.
    pub why: String,
}

/// Parses `<uri>` and `<uri>=<digest>`. A package URL is written in its canonical form.
impl std::str::FromStr for Dependency {
    type Err = DependencyError;

    fn from_str(text: &str) -> Result<Self, DependencyError> {
        let bad = |why: String| DependencyError { found: text.chars().take(200).collect(), why };
        // Qualifiers of a package URL hold `=` too, so only what stands behind the last one can be a digest.
        let (uri, digest) = match text.rsplit_once('=') {
            Some((uri, digest)) if digest.contains(':') && !digest.contains(['/', '&', '@']) => {
                (uri, Some(digest.parse::<Digest>().map_err(|error| bad(error.to_string()))?))
            }
            Some(_) | None => (text, None),
        };
        let uri = if uri.starts_with("pkg:") {
            uri.parse::<Purl>().map_err(|error| bad(error.to_string()))?.as_str().to_owned()
        } else if uri.contains(':') && !uri.chars().any(|c| c.is_whitespace() || c.is_control()) {
            uri.to_owned()
        } else {
            return Err(bad("not a URI".to_owned()));
        };
        Ok(Self { uri, digest })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    build_definition: Definition,
    run_details: RunDetails,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    build_type: String,
    external_parameters: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    internal_parameters: Map<String, Value>,
    resolved_dependencies: Vec<Descriptor>,
}

#[derive(Serialize)]
struct Descriptor {
    uri: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    digest: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct RunDetails {
    builder: Builder,
    metadata: Metadata,
}

#[derive(Serialize)]
struct Builder {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    invocation_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_on: Option<String>,
}

impl Build {
    /// Makes the statement about the artifacts that were built.
    ///
    /// # Panics
    ///
    /// Never: maps with text keys have a JSON form.
    pub fn make(&self, artifacts: &[Subject]) -> Result<Made, MakeError> {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        let predicate = Predicate {
            build_definition: Definition {
                build_type: self.build_type(),
                external_parameters: self.external_parameters(),
                internal_parameters: self.internal_parameters(),
                resolved_dependencies: self.resolved_dependencies(),
            },
            run_details: RunDetails {
                builder: Builder { id: self.builder.clone() },
                metadata: Metadata {
                    invocation_id: self.run.clone(),
                    started_on: time(self.started),
                    finished_on: time(self.finished),
                },
            },
        };
        let bytes = serde_json::to_vec(&predicate).expect("maps with text keys have a JSON form");
        statement(TYPE, artifacts, &bytes)
    }

    fn system(&self) -> System {
        self.job.as_ref().map_or(System::Generic, |job| job.system)
    }

    fn build_type(&self) -> String {
        let own = || match self.system() {
            System::Buildkite => "urn:custody:build:buildkite:v1",
            System::CircleCi => "urn:custody:build:circleci:v1",
            System::Generic => "urn:custody:build:generic:v1",
            System::GitHubActions => GITHUB,
            System::GitLab => "urn:custody:build:gitlab:v1",
            System::Jenkins => "urn:custody:build:jenkins:v1",
        };
        self.build_type.clone().unwrap_or_else(|| own().to_owned())
    }

    /// What the caller of the build could choose.
    fn external_parameters(&self) -> Map<String, Value> {
        let definition =
            self.job.as_ref().and_then(|job| job.definition.as_ref()).map(|found| found.value.as_str());
        let reference = self.reference.as_deref();
        let mut parameters = Map::new();
        if self.build_type() == GITHUB {
            let workflow = without_null(json!({
                "ref": reference, "repository": self.repository.as_str(), "path": definition,
            }));
            parameters.insert("workflow".to_owned(), workflow);
        } else {
            let source = without_null(json!({ "repository": self.repository.as_str(), "ref": reference }));
            parameters.insert("source".to_owned(), source);
            if let Some(definition) = definition {
                parameters.insert("definition".to_owned(), json!(definition));
            }
        }
        if !self.parameters.is_empty() {
            let name = if self.build_type() == GITHUB { "inputs" } else { "parameters" };
            parameters.insert(name.to_owned(), json!(self.parameters));
        }
        parameters
    }

    /// What the build platform set.
    fn internal_parameters(&self) -> Map<String, Value> {
        let facts = self.job.iter().flat_map(|job| &job.internal);
        let facts: Map<String, Value> =
            facts.map(|(member, found)| ((*member).to_owned(), json!(found.value))).collect();
        let system = match self.system() {
            System::Buildkite => "buildkite",
            System::CircleCi => "circleci",
            System::Generic => "generic",
            System::GitHubActions => "github",
            System::GitLab => "gitlab",
            System::Jenkins => "jenkins",
        };
        let filled = (!facts.is_empty()).then(|| (system.to_owned(), Value::Object(facts)));
        filled.into_iter().collect()
    }

    /// The source first, as GitHub writes it; then the others in order, each once.
    fn resolved_dependencies(&self) -> Vec<Descriptor> {
        let at = self.reference.as_ref().map_or_else(String::new, |reference| format!("@{reference}"));
        let source = Descriptor {
            uri: format!("git+{}{at}", self.repository),
            digest: BTreeMap::from([("gitCommit".to_owned(), self.commit.to_string())]),
        };
        let others: std::collections::BTreeSet<&Dependency> = self.dependencies.iter().collect();
        let others = others.into_iter().map(|dependency| Descriptor {
            uri: dependency.uri.clone(),
            digest: dependency
                .digest
                .iter()
                .map(|d| (d.algorithm().to_owned(), d.value().to_owned()))
                .collect(),
        });
        std::iter::once(source).chain(others).collect()
    }
}

fn without_null(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        other => other,
    }
}

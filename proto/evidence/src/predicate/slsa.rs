//! What SLSA provenance of every version says, in one shape.

use serde::Deserialize;

use crate::capped::Capped;
use crate::digest_set::Digest;
use crate::object::{self, Object};
use crate::repository::GitUri;
use crate::statement::{Descriptor, RawDescriptor};
use crate::text::Text;

/// The most dependencies that are read: as many as components of a document, since builds resolve what documents list.
pub const DEPENDENCIES_MAX: usize = crate::sbom::COMPONENTS_MAX;

/// The longest word for what started a run: far longer than GitHub's longest, `pull_request_review_comment`.
pub(super) const TRIGGER_MAX: usize = 64;

/// How something was built. Texts stand as they were written; nothing in them has been checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The kind of build: a URI that says what the parameters mean.
    pub build_type: Option<String>,
    /// Who or what ran the build.
    pub builder: Option<String>,
    /// The run, by an id that is unique wherever it is used: see [`Provenance::run_id`].
    pub invocation: Option<String>,
    /// When the build started, with the path of the member.
    pub started: Option<(String, String)>,
    /// When it finished, with the path of the member.
    pub finished: Option<(String, String)>,
    /// The workflow or build definition file, as a path or URL.
    pub entry_point: Option<String>,
    /// What started the run, as the CI system calls it: `push`, `pull_request`.
    pub trigger: Option<String>,
    /// The repository that the workflow is in, as written.
    pub repository: Option<String>,
    /// The repositories that parameters call the source by their names alone, as written: those of GitLab's build type and of
    /// Custody's own.
    pub sources: Vec<String>,
    /// Where the build definition came from, with the path of the member: a repository, or a file with a digest.
    pub config: Option<(String, Descriptor)>,
    /// The checkout that `BuildKit` was run in, with the path of the member: the repository and the commit, as git said them. Files may
    /// have differed from the commit where the build says nothing of it.
    pub checkout: Option<(String, Descriptor)>,
    /// What went into the build, with the path of each member. The source repository is among it.
    pub dependencies: Vec<(String, Descriptor)>,
    /// How many dependencies there are beyond the first [`DEPENDENCIES_MAX`].
    pub more_dependencies: usize,
    /// Digests that were dropped because they cannot be kept.
    pub dropped: Vec<(String, crate::digest_set::DigestError)>,
}

impl Provenance {
    /// Returns the text that identifies the run; none if the provenance does not name it.
    ///
    /// A URL stands as it is. GitHub's `<run>-<attempt>` of SLSA v0.2 becomes the URL that v1 writes for the same run, and the number of
    /// GitLab's runner that of the job. Any other id is unique only for its builder, so it becomes `<builder>#<id>`.
    #[must_use]
    pub fn run_id(&self) -> Option<String> {
        let id = self.invocation.as_deref().map(str::trim).filter(|id| !id.is_empty())?;
        if id.contains("://") {
            return Some(one_run(id).to_owned());
        }
        if let Some(url) = self.github_run(id).or_else(|| self.gitlab_job(id)) {
            return Some(url);
        }
        Some(match self.builder.as_deref() {
            Some(builder) => format!("{builder}#{id}"),
            None => id.to_owned(),
        })
    }

    /// Returns the URL of the run; none if the provenance does not name it by one.
    #[must_use]
    pub fn run_url(&self) -> Option<String> {
        let id = self.invocation.as_deref().map(str::trim)?;
        if id.contains("://") {
            return Some(one_run(id).to_owned());
        }
        self.github_run(id).or_else(|| self.gitlab_job(id))
    }

    fn github_run(&self, id: &str) -> Option<String> {
        let (run, attempt) = id.split_once('-')?;
        let on_github = self.builder.as_deref()?.starts_with("https://github.com/");
        if !(on_github && is_decimal(run) && is_decimal(attempt)) {
            return None;
        }
        let repository = self.config.as_ref().and_then(|(_, config)| config.git_uri())?.repository();
        repository.is_on("github.com").then(|| format!("{repository}/actions/runs/{run}/attempts/{attempt}"))
    }

    /// The URL of a job of GitLab, as the job itself has it in `CI_JOB_URL`.
    fn gitlab_job(&self, id: &str) -> Option<String> {
        let source = self.sources.first().filter(|_| self.is_of_gitlab() && is_decimal(id))?;
        source.starts_with("https://").then(|| format!("{}/-/jobs/{id}", source.trim_end_matches('/')))
    }

    fn is_of_gitlab(&self) -> bool {
        let build_type = self.build_type.as_deref().unwrap_or_default();
        build_type.starts_with("https://gitlab.com/gitlab-org/gitlab-runner/")
    }

    /// Returns the git URI of the source: of the configuration, or else of the checkout, or else of the first dependency that has one.
    #[must_use]
    pub fn source(&self) -> Option<&GitUri> {
        let named = self.config.iter().chain(&self.checkout).filter_map(|(_, named)| named.git_uri());
        named.chain(self.dependencies.iter().filter_map(|(_, dependency)| dependency.git_uri())).next()
    }

    pub(super) fn descriptor(&mut self, path: &str, raw: RawDescriptor) -> (String, Descriptor) {
        let descriptor = raw.tolerant(|error| self.dropped.push((format!("{path}.digest"), error)));
        let descriptor = if self.is_of_gitlab() { descriptor.with_commit_of_gitlab() } else { descriptor };
        (path.to_owned(), descriptor)
    }

    pub(super) fn dependencies(&mut self, path: &str, raw: Capped<Object<RawDescriptor>, DEPENDENCIES_MAX>) {
        self.more_dependencies = raw.total - raw.items.len();
        for (position, Object(raw)) in raw.items.into_iter().enumerate() {
            let dependency = self.descriptor(&format!("{path}[{position}]"), raw);
            self.dependencies.push(dependency);
        }
    }
}

/// What `BuildKit` says of a build beside SLSA's members, in both versions.
#[derive(Deserialize)]
pub(super) struct BuildKit {
    #[serde(deserialize_with = "object::optional", default)]
    vcs: Option<Vcs>,
}

impl BuildKit {
    pub(super) fn checkout(self) -> Option<Descriptor> {
        self.vcs?.checkout()
    }
}

/// What `BuildKit` was told of the checkout around a local folder (`vcs` in its metadata).
#[derive(Deserialize)]
struct Vcs {
    #[serde(default)]
    source: Text,
    #[serde(default)]
    revision: Text,
}

impl Vcs {
    /// The repository, and the commit as it is written: where files differed from it there is `-dirty` behind it, and what is no commit
    /// carries no evidence.
    fn checkout(self) -> Option<Descriptor> {
        let uri = self.source.filled().map(|source| match source.split_once("://") {
            Some((scheme, _)) if !scheme.starts_with("git") => format!("git+{source}"),
            _ => source,
        });
        let commit = self.revision.filled().and_then(|revision| Digest::read("gitCommit", &revision).ok());
        (uri.is_some() || commit.is_some()).then(|| Descriptor::new(uri, commit))
    }
}

fn is_decimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the one form of a run's id: that of a URL has no slash at its end.
pub(crate) fn one_run(id: &str) -> &str {
    if id.contains("://") { id.trim_end_matches('/') } else { id }
}

#[derive(Deserialize, Default)]
pub(super) struct Builder {
    #[serde(default)]
    id: Option<String>,
}

impl Builder {
    /// The id; none if it is empty, as `BuildKit` writes it where nobody gave it one.
    pub(super) fn named(self) -> Option<String> {
        self.id.filter(|id| !id.trim().is_empty())
    }
}

/// A time with the path of its member, if it is there and says something: Go writes a time that was never set as year 1.
pub(super) fn time(path: &str, text: Option<String>) -> Option<(String, String)> {
    let said = |text: &String| !text.is_empty() && !text.starts_with("0001-01-01T00:00:00");
    text.filter(said).map(|text| (path.to_owned(), text))
}

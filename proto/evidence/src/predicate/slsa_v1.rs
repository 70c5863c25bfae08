//! SLSA provenance v1 (<https://slsa.dev/spec/v1.0/provenance>), with the parameters of the build types that GitHub, GitLab, Google,
//! `BuildKit` and slsa-github-generator write.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::slsa::{BuildKit, Builder, DEPENDENCIES_MAX, Provenance, TRIGGER_MAX, time};
use crate::capped::Capped;
use crate::json::{self, JsonError};
use crate::object::{self, Object};
use crate::statement::RawDescriptor;

/// The predicate type.
pub const TYPE: &str = "https://slsa.dev/provenance/v1";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    #[serde(deserialize_with = "object::optional", default)]
    build_definition: Option<BuildDefinition>,
    #[serde(deserialize_with = "object::optional", default)]
    run_details: Option<RunDetails>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition {
    #[serde(default)]
    build_type: Option<String>,
    #[serde(default)]
    external_parameters: Option<Box<RawValue>>,
    #[serde(default)]
    internal_parameters: Option<Box<RawValue>>,
    #[serde(default)]
    resolved_dependencies: Option<Capped<Object<RawDescriptor>, DEPENDENCIES_MAX>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct RunDetails {
    #[serde(deserialize_with = "object::optional", default)]
    builder: Option<Builder>,
    #[serde(deserialize_with = "object::optional", default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default, alias = "invocationID")]
    invocation_id: Option<String>,
    #[serde(default)]
    started_on: Option<String>,
    #[serde(default)]
    finished_on: Option<String>,
    #[serde(rename = "buildkit_metadata", deserialize_with = "object::optional", default)]
    buildkit: Option<BuildKit>,
}

/// `https://actions.github.io/buildtypes/workflow/v1` and its older name under `slsa-framework.github.io`; Google Cloud Build calls the same
/// `buildConfigSource`.
#[derive(Deserialize)]
struct WorkflowParameters {
    #[serde(alias = "buildConfigSource")]
    workflow: Object<Workflow>,
}

#[derive(Deserialize)]
struct Workflow {
    #[serde(default)]
    repository: Option<String>,
    #[serde(default)]
    path: Option<String>,
}

/// What GitHub's build types say beside the parameters.
#[derive(Deserialize)]
struct GitHubInternals {
    github: Object<GitHubEvent>,
}

#[derive(Deserialize)]
struct GitHubEvent {
    event_name: String,
}

/// `source` is slsa-github-generator's container-based build, `configSource` is BuildKit's.
#[derive(Deserialize)]
struct SourceParameters {
    #[serde(deserialize_with = "object::optional", default)]
    source: Option<RawDescriptor>,
    #[serde(rename = "configSource", deserialize_with = "object::optional", default)]
    config_source: Option<RawDescriptor>,
}

/// GitLab's runner writes the repository's URL; Custody writes it as a member.
#[derive(Deserialize)]
struct NamedSource {
    source: Name,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Url(String),
    Repository { repository: String },
}

/// Reads the exact bytes of a predicate.
pub fn decode(bytes: &[u8]) -> Result<Provenance, JsonError> {
    let Object(predicate): Object<Predicate> = json::from_slice(bytes)?;
    let definition = predicate.build_definition.unwrap_or_default();
    let details = predicate.run_details.unwrap_or_default();
    let metadata = details.metadata.unwrap_or_default();
    let mut provenance = Provenance {
        build_type: definition.build_type,
        builder: details.builder.unwrap_or_default().named(),
        invocation: metadata.invocation_id,
        started: time("predicate.runDetails.metadata.startedOn", metadata.started_on),
        finished: time("predicate.runDetails.metadata.finishedOn", metadata.finished_on),
        ..Provenance::default()
    };
    if let Some(parameters) = definition.external_parameters {
        parameters_of(&mut provenance, parameters.get());
    }
    if let Some(internals) = definition.internal_parameters
        && let Ok(Object(GitHubInternals { github: Object(event) })) = serde_json::from_str(internals.get())
    {
        provenance.trigger = Some(event.event_name).filter(|name| name.len() <= TRIGGER_MAX);
    }
    if let Some(checkout) = metadata.buildkit.and_then(BuildKit::checkout) {
        let path = "predicate.runDetails.metadata.buildkit_metadata.vcs";
        provenance.checkout = Some((path.to_owned(), checkout));
    }
    let dependencies = definition.resolved_dependencies.unwrap_or_default();
    provenance.dependencies("predicate.buildDefinition.resolvedDependencies", dependencies);
    Ok(provenance)
}

/// What parameters mean is up to each build type, so parameters of another shape say nothing here.
fn parameters_of(provenance: &mut Provenance, json: &str) {
    if let Ok(Object(WorkflowParameters { workflow: Object(workflow) })) = serde_json::from_str(json) {
        provenance.repository = workflow.repository;
        provenance.entry_point = workflow.path.filter(|path| !path.is_empty());
    }
    if let Ok(Object(NamedSource { source })) = serde_json::from_str(json) {
        let (Name::Url(named) | Name::Repository { repository: named }) = source;
        provenance.sources.push(named);
    }
    if let Ok(Object(SourceParameters { source, config_source })) = serde_json::from_str(json) {
        let path = "predicate.buildDefinition.externalParameters";
        let named =
            source.map(|raw| ("source", raw)).or_else(|| config_source.map(|raw| ("configSource", raw)));
        if let Some((name, raw)) = named {
            let config = provenance.descriptor(&format!("{path}.{name}"), raw);
            provenance.config = Some(config);
        }
    }
}

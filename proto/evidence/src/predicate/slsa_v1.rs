//! SLSA provenance v1 (<https://slsa.dev/spec/v1.0/provenance>), with the parameters of the build types that GitHub, GitLab, Google,
//! `BuildKit` and slsa-github-generator write.

use serde::{Deserialize, Deserializer};
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
struct Predicate<'a> {
    #[serde(borrow, deserialize_with = "object::optional", default)]
    build_definition: Option<BuildDefinition<'a>>,
    #[serde(deserialize_with = "object::optional", default)]
    run_details: Option<RunDetails>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition<'a> {
    #[serde(default)]
    build_type: Option<String>,
    #[serde(borrow, default)]
    external_parameters: Option<&'a RawValue>,
    #[serde(borrow, default)]
    internal_parameters: Option<&'a RawValue>,
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

/// The parameters that a build type may mean something by, as they are written: what each means is up to the build type, and all others
/// may take megabytes.
#[derive(Deserialize)]
struct Parameters<'a> {
    #[serde(borrow, deserialize_with = "written", default)]
    workflow: Option<&'a RawValue>,
    #[serde(rename = "buildConfigSource", borrow, deserialize_with = "written", default)]
    build_config_source: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "written", default)]
    source: Option<&'a RawValue>,
    #[serde(rename = "configSource", borrow, deserialize_with = "written", default)]
    config_source: Option<&'a RawValue>,
}

/// A value that is there, null or not.
fn written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// `workflow` of `https://actions.github.io/buildtypes/workflow/v1` and its older name under `slsa-framework.github.io`; Google Cloud Build
/// calls the same `buildConfigSource`.
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

/// What is called the source by its name: GitLab's runner writes the repository's URL; Custody writes it as a member.
#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Url(String),
    Repository { repository: String },
}

/// Reads the exact bytes of a predicate.
pub fn decode(bytes: &[u8]) -> Result<Provenance, JsonError> {
    json::from_slice(bytes).map(|Object(predicate)| provenance(predicate))
}

/// The same of a predicate whose statement was read strictly.
pub(crate) fn decode_part(text: &str) -> Result<Provenance, JsonError> {
    json::from_part(text).map(|Object(predicate)| provenance(predicate))
}

fn provenance(predicate: Predicate<'_>) -> Provenance {
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
    provenance
}

/// What parameters mean is up to each build type, so parameters of another shape say nothing here.
fn parameters_of(provenance: &mut Provenance, json: &str) {
    let Ok(Object(parameters)) = serde_json::from_str(json) else { return };
    let Parameters { workflow, build_config_source, source, config_source } = parameters;
    // Of both nothing says which one was built by.
    if let Some(Workflow { repository, path }) = workflow.xor(build_config_source).and_then(object) {
        provenance.repository = repository;
        provenance.entry_point = path.filter(|path| !path.is_empty());
    }
    if let Some(Ok(named)) = source.map(|source| serde_json::from_str(source.get())) {
        let (Name::Url(named) | Name::Repository { repository: named }) = named;
        provenance.sources.push(named);
    }
    if let (Ok(source), Ok(config_source)) = (descriptor(source), descriptor(config_source)) {
        let path = "predicate.buildDefinition.externalParameters";
        let named =
            source.map(|raw| ("source", raw)).or_else(|| config_source.map(|raw| ("configSource", raw)));
        if let Some((name, raw)) = named {
            let config = provenance.descriptor(&format!("{path}.{name}"), raw);
            provenance.config = Some(config);
        }
    }
}

/// `source` of slsa-github-generator's container-based build, or `configSource` of `BuildKit`, which may be absent or null; an error if it
/// is something else.
fn descriptor(written: Option<&RawValue>) -> Result<Option<RawDescriptor>, ()> {
    let written = written.filter(|written| written.get() != "null");
    written.map(|written| object(written).ok_or(())).transpose()
}

/// Reads an object; none if it is none, or of another shape. What is no object is told by its first character, without an error that
/// quotes it.
fn object<'a, T: Deserialize<'a>>(written: &'a RawValue) -> Option<T> {
    let text = Some(written.get()).filter(|text| text.starts_with('{'))?;
    serde_json::from_str(text).ok().map(|Object(read)| read)
}

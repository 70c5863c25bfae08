//! SLSA provenance v0.2 (<https://slsa.dev/spec/v0.2/provenance>).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::slsa::{BuildKit, Builder, DEPENDENCIES_MAX, Provenance, TRIGGER_MAX, time};
use crate::capped::Capped;
use crate::json::{self, JsonError};
use crate::object::{self, Object};
use crate::statement::RawDescriptor;

/// The predicate type.
pub const TYPE: &str = "https://slsa.dev/provenance/v0.2";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Predicate<'a> {
    #[serde(deserialize_with = "object::optional", default)]
    builder: Option<Builder>,
    #[serde(default)]
    build_type: Option<String>,
    #[serde(borrow, deserialize_with = "object::optional", default)]
    invocation: Option<Invocation<'a>>,
    #[serde(deserialize_with = "object::optional", default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    materials: Option<Capped<Object<RawDescriptor>, DEPENDENCIES_MAX>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Invocation<'a> {
    #[serde(deserialize_with = "object::optional", default)]
    config_source: Option<ConfigSource>,
    #[serde(borrow, default)]
    environment: Option<&'a RawValue>,
}

/// What slsa-github-generator notes of the run. An environment may be anything, so whatever has another shape says nothing.
#[derive(Deserialize)]
struct GitHubEnvironment {
    github_event_name: String,
}

#[derive(Deserialize)]
struct ConfigSource {
    #[serde(flatten)]
    descriptor: RawDescriptor,
    #[serde(rename = "entryPoint", default)]
    entry_point: Option<String>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    // The specification writes `Id`; slsa-github-generator and krel write `ID`.
    #[serde(rename = "buildInvocationId", alias = "buildInvocationID", default)]
    invocation_id: Option<String>,
    #[serde(rename = "buildStartedOn", default)]
    started_on: Option<String>,
    #[serde(rename = "buildFinishedOn", default)]
    finished_on: Option<String>,
    #[serde(
        rename = "https://mobyproject.org/buildkit@v1#metadata",
        deserialize_with = "object::optional",
        default
    )]
    buildkit: Option<BuildKit>,
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
    let metadata = predicate.metadata.unwrap_or_default();
    let mut provenance = Provenance {
        build_type: predicate.build_type,
        builder: predicate.builder.unwrap_or_default().named(),
        invocation: metadata.invocation_id,
        started: time("predicate.metadata.buildStartedOn", metadata.started_on),
        finished: time("predicate.metadata.buildFinishedOn", metadata.finished_on),
        ..Provenance::default()
    };
    let invocation = predicate.invocation.unwrap_or_default();
    if let Some(environment) = invocation.environment
        && let Ok(Object(GitHubEnvironment { github_event_name })) = serde_json::from_str(environment.get())
    {
        provenance.trigger = Some(github_event_name).filter(|name| name.len() <= TRIGGER_MAX);
    }
    if let Some(source) = invocation.config_source {
        provenance.entry_point = source.entry_point.filter(|entry_point| !entry_point.is_empty());
        let config = provenance.descriptor("predicate.invocation.configSource", source.descriptor);
        provenance.config = Some(config);
    }
    if let Some(checkout) = metadata.buildkit.and_then(BuildKit::checkout) {
        let path = "predicate.metadata.https://mobyproject.org/buildkit@v1#metadata.vcs";
        provenance.checkout = Some((path.to_owned(), checkout));
    }
    provenance.dependencies("predicate.materials", predicate.materials.unwrap_or_default());
    provenance
}

//! Provenance of source and of tags as slsa-framework/source-tool writes it (`pkg/provenance`): who moved a branch or
//! tag to a commit. SLSA itself leaves the format open.

use serde::Deserialize;

use super::slsa::time;
use super::text;
use crate::json::{self, JsonError};
use crate::object::Object;
use crate::repository::Repository;

/// The type that says who moved a branch.
pub const SOURCE_TYPE: &str = "https://github.com/slsa-framework/slsa-source-poc/source-provenance/v1-draft";
/// The type that says who made a tag.
pub const TAG_TYPE: &str = "https://github.com/slsa-framework/slsa-source-poc/tag-provenance/v1-draft";

/// A branch or tag was at the subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceProvenance {
    /// The repository.
    pub repository: Repository,
    /// The branch or tag, as written: `refs/heads/main`; none for a source without a branch.
    pub reference: Option<String>,
    /// Who moved it; none if that is not said.
    pub actor: Option<String>,
    /// When, with the path of the member.
    pub created: Option<(String, String)>,
}

/// Producers write the names of protobuf or those of its JSON.
#[derive(Deserialize)]
struct BranchMoved {
    #[serde(alias = "repoUri")]
    repo_uri: Repository,
    #[serde(default)]
    branch: Option<String>,
    #[serde(default)]
    actor: Option<String>,
    #[serde(alias = "createdOn", default)]
    created_on: Option<String>,
}

#[derive(Deserialize)]
struct TagMade {
    #[serde(alias = "repoUri")]
    repo_uri: Repository,
    #[serde(deserialize_with = "text::filled")]
    tag: String,
    #[serde(default)]
    actor: Option<String>,
    #[serde(alias = "createdOn", default)]
    created_on: Option<String>,
}

/// Reads the exact bytes of provenance of a branch.
pub fn decode_source(bytes: &[u8]) -> Result<SourceProvenance, JsonError> {
    let Object(source): Object<BranchMoved> = json::from_slice(bytes)?;
    Ok(provenance(source.repo_uri, source.branch, source.actor, source.created_on))
}

/// Reads the exact bytes of provenance of a tag.
pub fn decode_tag(bytes: &[u8]) -> Result<SourceProvenance, JsonError> {
    let Object(tag): Object<TagMade> = json::from_slice(bytes)?;
    Ok(provenance(tag.repo_uri, Some(tag.tag), tag.actor, tag.created_on))
}

fn provenance(
    repository: Repository,
    reference: Option<String>,
    actor: Option<String>,
    created: Option<String>,
) -> SourceProvenance {
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    SourceProvenance {
        repository,
        reference: filled(reference),
        actor: filled(actor),
        created: time("predicate.created_on", created),
    }
}

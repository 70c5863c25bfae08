//! The stages of a chain of custody, in the order in which people read them, and which of them are missing.
//!
//! What is missing is worked out here from the edges that were checked: a server must not be able to hide a gap
//! by not naming it.

use custody_evidence::fact::{EdgeKind, Node, NodeKind};

use super::CheckedEdge;

/// A stage of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Source,
    Review,
    Build,
    Sbom,
    Scan,
    Approval,
    Promotion,
    Deployment,
    Other,
}

/// The stages that a complete chain has, with their words.
const EXPECTED: [(Stage, &str); 8] = [
    (Stage::Source, "source"),
    (Stage::Review, "review"),
    (Stage::Build, "build"),
    (Stage::Sbom, "sbom"),
    (Stage::Scan, "scan"),
    (Stage::Approval, "approval"),
    (Stage::Promotion, "promotion"),
    (Stage::Deployment, "deployment"),
];

impl Stage {
    /// Returns the stage of an edge; `sbom` says that its entry is a bill of materials.
    pub(super) const fn of(kind: EdgeKind, sbom: bool) -> Self {
        match kind {
            EdgeKind::OnRef | EdgeKind::AuthoredBy => Self::Source,
            EdgeKind::Reviewed => Self::Review,
            EdgeKind::BuiltBy
            | EdgeKind::BuiltFrom
            | EdgeKind::CouldRead
            | EdgeKind::DefinedBy
            | EdgeKind::RanOn
            | EdgeKind::Resolved => Self::Build,
            EdgeKind::Contains | EdgeKind::FetchedFrom | EdgeKind::HasBytes => Self::Sbom,
            EdgeKind::DescribedBy if sbom => Self::Sbom,
            EdgeKind::AffectedBy | EdgeKind::DescribedBy | EdgeKind::NotAffectedBy | EdgeKind::Tested => {
                Self::Scan
            }
            EdgeKind::Approved | EdgeKind::Judged => Self::Approval,
            EdgeKind::Promoted => Self::Promotion,
            EdgeKind::RunsIn | EdgeKind::StoppedIn => Self::Deployment,
            EdgeKind::PointsTo | EdgeKind::Published | EdgeKind::Received | EdgeKind::SameAs => Self::Other,
        }
    }
}

/// Whether a predicate is a bill of materials.
pub(super) fn is_sbom(predicate: &str) -> bool {
    ["https://cyclonedx.org/bom", "https://spdx.dev/Document"].iter().any(|base| {
        predicate.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with("/v"))
    })
}

/// Returns the words of the stages that no edge is evidence of. Only what is built and shipped has a chain that
/// can lack something: a component or an environment is shown with what names it.
pub(super) fn missing(node: &Node, edges: &[CheckedEdge]) -> Vec<&'static str> {
    if !matches!(node.kind(), NodeKind::Artifact | NodeKind::Commit | NodeKind::Run) {
        return Vec::new();
    }
    let has = |stage: Stage| edges.iter().any(|edge| edge.stage == stage && is_evidence(edge.edge.kind));
    EXPECTED.into_iter().filter(|(stage, _)| !has(*stage)).map(|(_, word)| word).collect()
}

/// Whether the edge is what its stage is named for: a build that only names its commit is no source record, a test
/// result no scan, a verdict no approval.
const fn is_evidence(kind: EdgeKind) -> bool {
    !matches!(
        kind,
        EdgeKind::BuiltFrom
            | EdgeKind::CouldRead
            | EdgeKind::DefinedBy
            | EdgeKind::RanOn
            | EdgeKind::Resolved
            | EdgeKind::FetchedFrom
            | EdgeKind::HasBytes
            | EdgeKind::Tested
            | EdgeKind::Judged
    )
}

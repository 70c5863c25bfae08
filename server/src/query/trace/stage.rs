//! The order in which a person reads a chain, and what it lacks.

use custody_evidence::fact::EdgeKind;

/// The stages of a chain of custody, in the order in which they are read.
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
    /// Evidence that is no stage: other digests, names, recipients.
    Other,
}

impl Stage {
    /// What a complete chain has, with the word that says that it is missing.
    const EXPECTED: [(Self, &'static str); 8] = [
        (Self::Source, "source"),
        (Self::Review, "review"),
        (Self::Build, "build"),
        (Self::Sbom, "sbom"),
        (Self::Scan, "scan"),
        (Self::Approval, "approval"),
        (Self::Promotion, "promotion"),
        (Self::Deployment, "deployment"),
    ];

    /// Returns where an edge belongs. `bill` says that its entry is a bill of materials.
    pub(super) const fn of(kind: EdgeKind, bill: bool) -> Self {
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
            EdgeKind::DescribedBy if bill => Self::Sbom,
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

/// Whether an edge is the evidence that its stage is named for: a build that only names its commit is no source
/// record, a test result no scan, a verdict no approval.
const fn is_proof(kind: EdgeKind) -> bool {
    matches!(
        kind,
        EdgeKind::OnRef
            | EdgeKind::AuthoredBy
            | EdgeKind::Reviewed
            | EdgeKind::BuiltBy
            | EdgeKind::Contains
            | EdgeKind::DescribedBy
            | EdgeKind::AffectedBy
            | EdgeKind::NotAffectedBy
            | EdgeKind::Approved
            | EdgeKind::Promoted
            | EdgeKind::RunsIn
            | EdgeKind::StoppedIn
    )
}

/// Returns the words of the stages that none of these edges is evidence of, in reading order.
pub(super) fn missing(edges: &[(Stage, EdgeKind)]) -> Vec<&'static str> {
    let lacks = |stage: Stage| !edges.iter().any(|(has, kind)| *has == stage && is_proof(*kind));
    Stage::EXPECTED.into_iter().filter(|(stage, _)| lacks(*stage)).map(|(_, word)| word).collect()
}

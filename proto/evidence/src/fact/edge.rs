//! Edges: what a statement says about two nodes.

use std::fmt;
use std::str::FromStr;

use super::node::{Node, UnknownWord, word};

/// What an edge says, read from its first node to its second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    /// Artifact, component -> vulnerability: a scan or VEX says that it is affected.
    AffectedBy,
    /// Artifact, commit -> environment, identity: may pass, says this person.
    Approved,
    /// Commit -> identity: who wrote it.
    AuthoredBy,
    /// Artifact -> run: the build that made it.
    BuiltBy,
    /// Artifact, run -> commit: the source that was built.
    BuiltFrom,
    /// Artifact -> component: what it ships.
    Contains,
    /// Run -> secret: what the run could read.
    CouldRead,
    /// Run -> artifact: the workflow or build definition.
    DefinedBy,
    /// Artifact -> document: an SBOM, scan or report about it.
    DescribedBy,
    /// Component -> ref: where its bytes come from.
    FetchedFrom,
    /// Component -> artifact: the bytes of this version.
    HasBytes,
    /// Artifact -> policy: a verification summary.
    Judged,
    /// Artifact, component -> vulnerability: VEX says that it is not affected.
    NotAffectedBy,
    /// Commit -> ref: the branch or tag it was on.
    OnRef,
    /// Ref -> artifact: what a mutable name meant.
    PointsTo,
    /// Artifact, commit -> environment: moved on to it.
    Promoted,
    /// Artifact -> ref, identity: pushed to a registry.
    Published,
    /// Run -> builder: what ran it.
    RanOn,
    /// Artifact -> identity: who was given it.
    Received,
    /// Run -> ref, artifact, component: what the build used.
    Resolved,
    /// Commit, artifact -> identity: who looked at it.
    Reviewed,
    /// Artifact -> environment: started running there.
    RunsIn,
    /// Artifact -> artifact: one descriptor gives both digests. People may follow it; gates do not.
    SameAs,
    /// Artifact -> environment: stopped running there.
    StoppedIn,
    /// Artifact, commit -> identity, environment: a test result.
    Tested,
}

/// What a statement says about two nodes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// What the edge starts at.
    pub from: Node,
    /// What it says.
    pub kind: EdgeKind,
    /// What it leads to.
    pub to: Node,
}

impl EdgeKind {
    /// All kinds.
    pub const ALL: [Self; 25] = [
        Self::AffectedBy,
        Self::Approved,
        Self::AuthoredBy,
        Self::BuiltBy,
        Self::BuiltFrom,
        Self::Contains,
        Self::CouldRead,
        Self::DefinedBy,
        Self::DescribedBy,
        Self::FetchedFrom,
        Self::HasBytes,
        Self::Judged,
        Self::NotAffectedBy,
        Self::OnRef,
        Self::PointsTo,
        Self::Promoted,
        Self::Published,
        Self::RanOn,
        Self::Received,
        Self::Resolved,
        Self::Reviewed,
        Self::RunsIn,
        Self::SameAs,
        Self::StoppedIn,
        Self::Tested,
    ];

    /// Returns the kind's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AffectedBy => "affected-by",
            Self::Approved => "approved",
            Self::AuthoredBy => "authored-by",
            Self::BuiltBy => "built-by",
            Self::BuiltFrom => "built-from",
            Self::Contains => "contains",
            Self::CouldRead => "could-read",
            Self::DefinedBy => "defined-by",
            Self::DescribedBy => "described-by",
            Self::FetchedFrom => "fetched-from",
            Self::HasBytes => "has-bytes",
            Self::Judged => "judged",
            Self::NotAffectedBy => "not-affected-by",
            Self::OnRef => "on-ref",
            Self::PointsTo => "points-to",
            Self::Promoted => "promoted",
            Self::Published => "published",
            Self::RanOn => "ran-on",
            Self::Received => "received",
            Self::Resolved => "resolved",
            Self::Reviewed => "reviewed",
            Self::RunsIn => "runs-in",
            Self::SameAs => "same-as",
            Self::StoppedIn => "stopped-in",
            Self::Tested => "tested",
        }
    }
}

impl fmt::Display for EdgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EdgeKind {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        word(&Self::ALL, Self::as_str, text)
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.from, self.kind, self.to)
    }
}

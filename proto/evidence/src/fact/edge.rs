//! Edges: what a statement says about two nodes.

use std::fmt;

use super::node::Node;
use super::word::words;

words! {
    /// What an edge says, read from its first node to its second.
    pub enum EdgeKind {
        /// Artifact, component -> vulnerability: a scan or VEX says that it is affected.
        AffectedBy = "affected-by",
        /// Artifact, commit -> environment, identity: may pass, says this person.
        Approved = "approved",
        /// Commit -> identity: who wrote it.
        AuthoredBy = "authored-by",
        /// Artifact -> run: the build that made it.
        BuiltBy = "built-by",
        /// Artifact, run -> commit: the source that was built.
        BuiltFrom = "built-from",
        /// Artifact -> component: what it ships.
        Contains = "contains",
        /// Run -> secret: what the run could read.
        CouldRead = "could-read",
        /// Run -> artifact: the workflow or build definition.
        DefinedBy = "defined-by",
        /// Artifact -> document: an SBOM, scan or report about it.
        DescribedBy = "described-by",
        /// Component -> ref: where its bytes come from.
        FetchedFrom = "fetched-from",
        /// Component -> artifact: the bytes of this version.
        HasBytes = "has-bytes",
        /// Artifact -> policy: a verification summary.
        Judged = "judged",
        /// Artifact, component -> vulnerability: VEX says that it is not affected.
        NotAffectedBy = "not-affected-by",
        /// Commit -> ref: the branch or tag it was on.
        OnRef = "on-ref",
        /// Ref -> artifact: what a mutable name meant.
        PointsTo = "points-to",
        /// Artifact, commit -> environment: moved on to it.
        Promoted = "promoted",
        /// Artifact -> ref, identity: pushed to a registry.
        Published = "published",
        /// Run -> builder: what ran it.
        RanOn = "ran-on",
        /// Artifact -> identity: who was given it.
        Received = "received",
        /// Run -> ref, artifact, component: what the build used.
        Resolved = "resolved",
        /// Commit, artifact -> identity: who looked at it.
        Reviewed = "reviewed",
        /// Artifact -> environment: started running there.
        RunsIn = "runs-in",
        /// Artifact -> artifact: one descriptor gives both digests. People may follow it; gates do not.
        SameAs = "same-as",
        /// Artifact -> environment: stopped running there.
        StoppedIn = "stopped-in",
        /// Artifact, commit -> identity, environment: a test result.
        Tested = "tested",
    }
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

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.from, self.kind, self.to)
    }
}

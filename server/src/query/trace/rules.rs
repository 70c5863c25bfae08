//! Which edges a trace follows, and which nodes it walks through.
//!
//! A trace tells one story: where the thing came from, and what was then said about it and done with it. It
//! must not drag in what only shares something with it. So nodes that many unrelated things share are shown and
//! never walked through: **component, identity, builder, environment, ref, document, vulnerability, secret and
//! policy are leaves**. Everything a company ships meets in them: through `builder` or `prod` every artifact
//! would be reached from every other.
//!
//! Walked through are **artifact, run and commit**, each in one of two roles:
//!
//! - [`Role::Traced`]: the thing that was asked about, other digests of it (`same-as`), and what was made from it
//!   when it is a commit or run. Its origin is followed, and all evidence about it is shown.
//! - [`Role::Origin`]: what a traced thing came from. Only its own origin is followed, with reviews and the like of
//!   a commit; not what else was built from that commit or by that run, and not what became of a base image.
//!
//! What an artifact went into (`resolved` and `defined-by`, read backwards) is the question of impact, not of a
//! trace. Edges `contains` of an artifact are counted, not listed: an SBOM has thousands; the document it
//! stands in is shown with the count. Asked about a component, the trace shows the artifacts that contain it.

use custody_evidence::fact::{Edge, EdgeKind, Node, NodeKind};

/// Why a node is in the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Something that a traced thing came from.
    Origin,
    /// The thing asked about, or what was made from it.
    Traced,
}

/// What to do with an edge of a node that is being walked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Not part of this trace.
    Skip,
    /// Counted with the document that it stands in.
    Count,
    /// Shown, and the other node is a leaf.
    Leaf,
    /// Shown, and the other node is walked through in this role.
    Walk(Role),
}

/// Decides about one edge of `node`, which is in the trace with `role`.
pub(super) fn step(node: &Node, role: Role, edge: &Edge) -> Step {
    match (node.kind(), role) {
        (NodeKind::Artifact, Role::Traced) if edge.from == *node => from_artifact(edge),
        (NodeKind::Artifact, Role::Traced) => to_artifact(edge),
        (NodeKind::Artifact, Role::Origin) if edge.from == *node => from_base(edge),
        (NodeKind::Run, _) if edge.from == *node => from_run(edge),
        (NodeKind::Commit, _) if edge.from == *node => Step::Leaf,
        (NodeKind::Run | NodeKind::Commit, Role::Traced) => to_source(edge),
        (NodeKind::Artifact | NodeKind::Run | NodeKind::Commit, Role::Origin) => Step::Skip,
        // All others are leaves: they are only here when they were asked about.
        (
            NodeKind::Builder
            | NodeKind::Component
            | NodeKind::Document
            | NodeKind::Environment
            | NodeKind::Identity
            | NodeKind::Policy
            | NodeKind::Ref
            | NodeKind::Secret
            | NodeKind::Vulnerability,
            _,
        ) => Step::Leaf,
    }
}

/// What is said about an artifact, and where it came from.
const fn from_artifact(edge: &Edge) -> Step {
    match edge.kind {
        EdgeKind::BuiltBy | EdgeKind::BuiltFrom => Step::Walk(Role::Origin),
        EdgeKind::SameAs => Step::Walk(Role::Traced),
        EdgeKind::Contains => Step::Count,
        _ => Step::Leaf,
    }
}

/// What points at an artifact: other digests of it, mutable names, the component whose bytes it is.
const fn to_artifact(edge: &Edge) -> Step {
    match edge.kind {
        EdgeKind::SameAs => Step::Walk(Role::Traced),
        EdgeKind::PointsTo | EdgeKind::HasBytes => Step::Leaf,
        _ => Step::Skip,
    }
}

/// A base image or other input: only where it came from itself.
const fn from_base(edge: &Edge) -> Step {
    match edge.kind {
        EdgeKind::BuiltBy | EdgeKind::BuiltFrom => Step::Walk(Role::Origin),
        _ => Step::Skip,
    }
}

/// A run's source and inputs.
fn from_run(edge: &Edge) -> Step {
    match (edge.kind, edge.to.kind()) {
        (EdgeKind::BuiltFrom, _) | (EdgeKind::Resolved, NodeKind::Artifact | NodeKind::Commit) => {
            Step::Walk(Role::Origin)
        }
        _ => Step::Leaf,
    }
}

/// What was made from a commit or by a run that was asked about.
const fn to_source(edge: &Edge) -> Step {
    match edge.kind {
        EdgeKind::BuiltFrom | EdgeKind::BuiltBy => Step::Walk(Role::Traced),
        _ => Step::Skip,
    }
}

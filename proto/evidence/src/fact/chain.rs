//! Which edges the chain of custody of a node is made of: what is followed, and what is walked through.
//!
//! The server finds the edges by these rules; who asked walks over them again ([`unreached`]), so that no edge of
//! another thing's chain can be slipped in.
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

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Edge, EdgeKind, Node, NodeKind};

/// Why a node is in the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Something that a traced thing came from.
    Origin,
    /// The thing asked about, or what was made from it.
    Traced,
}

/// What to do with an edge of a node that is being walked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Not part of this trace.
    Skip,
    /// Counted with the document that it stands in.
    Count,
    /// Shown, and the other node is a leaf.
    Leaf,
    /// Shown, and the other node is walked through in this role.
    Walk(Role),
}

/// Returns what to do with one edge of `node`, which is in the trace with `role`.
#[must_use]
pub fn step(node: &Node, role: Role, edge: &Edge) -> Step {
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

/// Returns the first of these edges that no walk from `start` over at most `depth` edges reaches; none if all belong
/// to its chain. With each edge goes whether it is in conflict with others: a `same-as` that is is not walked through. Whose build
/// something is may be in conflict, too; then each side's origin is shown.
///
/// A path alone is not enough: everything meets in an environment. Each step must be one that [`step`] allows.
pub fn unreached<'e>(
    start: &Node,
    depth: u32,
    edges: impl IntoIterator<Item = (&'e Edge, bool)>,
) -> Option<&'e Edge> {
    all_unreached(start, depth, edges).into_iter().next()
}

/// Returns all of these edges that no walk from `start` reaches, as [`unreached`] walks.
pub fn all_unreached<'e>(
    start: &Node,
    depth: u32,
    edges: impl IntoIterator<Item = (&'e Edge, bool)>,
) -> BTreeSet<&'e Edge> {
    let mut missing = BTreeSet::new();
    let mut at: BTreeMap<&Node, Vec<(&Edge, bool)>> = BTreeMap::new();
    for (edge, conflict) in edges {
        missing.insert(edge);
        for node in BTreeSet::from([&edge.from, &edge.to]) {
            at.entry(node).or_default().push((edge, conflict));
        }
    }
    let mut walked: BTreeMap<&Node, Role> = BTreeMap::new();
    let mut queue = VecDeque::from([(start, Role::Traced, depth)]);
    while let Some((node, role, depth)) = queue.pop_front() {
        // A node that was walked as an origin and turns out to be traced shows more edges.
        if walked.get(node).is_some_and(|walked| *walked >= role) || depth == 0 {
            continue;
        }
        walked.insert(node, role);
        for (edge, conflict) in at.get(node).into_iter().flatten() {
            let step = step(node, role, edge);
            if !matches!(step, Step::Skip | Step::Count) {
                missing.remove(edge);
            }
            let parted = *conflict && edge.kind == EdgeKind::SameAs;
            if let (Step::Walk(role), false) = (step, parted) {
                let other = if edge.from == *node { &edge.to } else { &edge.from };
                queue.push_back((other, role, depth.saturating_sub(1)));
            }
        }
    }
    missing
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

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: NodeKind, id: &str) -> Node {
        Node::named(kind, id).unwrap()
    }

    fn artifact(id: &str) -> Node {
        node(NodeKind::Artifact, id)
    }

    fn edge(from: Node, kind: EdgeKind, to: Node) -> Edge {
        Edge { from, kind, to }
    }

    /// A run built it from a commit that alice reviewed; it runs in prod.
    fn chain(of: &str) -> Vec<Edge> {
        let (run, commit) =
            (node(NodeKind::Run, &format!("run of {of}")), node(NodeKind::Commit, &format!("{of}@1")));
        vec![
            edge(artifact(of), EdgeKind::BuiltBy, run.clone()),
            edge(run, EdgeKind::BuiltFrom, commit.clone()),
            edge(commit, EdgeKind::Reviewed, node(NodeKind::Identity, "alice")),
            edge(artifact(of), EdgeKind::RunsIn, node(NodeKind::Environment, "prod")),
        ]
    }

    fn first_unreached(start: &Node, depth: u32, edges: &[Edge]) -> Option<String> {
        unreached(start, depth, edges.iter().map(|edge| (edge, false))).map(ToString::to_string)
    }

    #[test]
    fn a_whole_chain_is_reached_within_its_depth_and_no_less() {
        assert_eq!(first_unreached(&artifact("a"), 3, &chain("a")), None);
        assert_eq!(first_unreached(&artifact("a"), u32::MAX, &chain("a")), None);
        assert_eq!(
            first_unreached(&artifact("a"), 2, &chain("a")).as_deref(),
            Some("commit a@1 reviewed identity alice")
        );
        assert!(first_unreached(&artifact("a"), 0, &chain("a")).is_some());
        assert_eq!(first_unreached(&artifact("a"), 3, &[]), None);
    }

    #[test]
    fn the_chain_of_another_artifact_is_not_reached_though_both_meet_in_prod_and_alice() {
        let other = chain("b");
        assert!(first_unreached(&artifact("a"), u32::MAX, &other).is_some());
        for slipped_in in &other {
            let mut edges = chain("a");
            edges.push(slipped_in.clone());
            assert_eq!(first_unreached(&artifact("a"), u32::MAX, &edges), Some(slipped_in.to_string()));
        }
        // Asked about prod itself, both belong to the answer, and what led to them does not.
        let runs: Vec<Edge> = [chain("a"), other].iter().map(|chain| chain[3].clone()).collect();
        let prod = node(NodeKind::Environment, "prod");
        assert_eq!(first_unreached(&prod, u32::MAX, &runs), None);
        assert!(first_unreached(&prod, u32::MAX, &chain("a")).is_some());
    }

    #[test]
    fn what_became_of_an_input_is_not_reached_through_it() {
        let (run, base) = (node(NodeKind::Run, "run of a"), artifact("base"));
        let mut edges = chain("a");
        edges.push(edge(run, EdgeKind::Resolved, base.clone()));
        edges.push(edge(base.clone(), EdgeKind::BuiltBy, node(NodeKind::Run, "run of base")));
        assert_eq!(first_unreached(&artifact("a"), u32::MAX, &edges), None);
        edges.push(edge(base, EdgeKind::RunsIn, node(NodeKind::Environment, "lab")));
        assert_eq!(
            first_unreached(&artifact("a"), u32::MAX, &edges).as_deref(),
            Some("artifact base runs-in environment lab")
        );
    }

    #[test]
    fn other_digests_are_walked_through_unless_they_conflict() {
        let mut edges = chain("a");
        edges.push(edge(artifact("a"), EdgeKind::SameAs, artifact("long")));
        assert_eq!(first_unreached(&artifact("long"), u32::MAX, &edges), None);
        let conflicting = edges.iter().map(|edge| (edge, edge.kind == EdgeKind::SameAs));
        assert!(unreached(&artifact("long"), u32::MAX, conflicting).is_some());
    }

    #[test]
    fn components_are_counted_and_never_listed() {
        let edges =
            [edge(artifact("a"), EdgeKind::Contains, node(NodeKind::Component, "pkg:npm/axios@1.14.1"))];
        assert!(first_unreached(&artifact("a"), u32::MAX, &edges).is_some());
        assert_eq!(first_unreached(&node(NodeKind::Component, "pkg:npm/axios@1.14.1"), 1, &edges), None);
    }
}

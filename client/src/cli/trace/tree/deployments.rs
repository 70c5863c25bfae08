//! What runs where: the starts and stops of each artifact in each place, and what holds after the last of them.
//!
//! A stop says that one artifact stopped. What else runs in the same place is not touched by it, so starts and stops
//! are put together by artifact as well as by place.

use std::collections::{BTreeMap, BTreeSet};

use custody_client::Checked;
use custody_evidence::fact::{Edge, EdgeKind, Node, NodeKind, Stage};
use custody_evidence::predicate::{CustodyPredicate as _, Deployment, Name};
use custody_log::LeafIndex;

use super::{Chain, CheckedEdge, Line, groups, minute};

/// The digits of an artifact that was not asked about: as many as fit beside `stopped`, and enough to ask about it.
const DIGITS: usize = 12;

/// Returns a line for each artifact in each place; first what runs.
pub(super) fn deployments(chain: &Chain) -> Vec<Line> {
    let artifacts = Artifacts::of(chain);
    let traced = artifacts.first(chain.start());
    let of_stage = |edge: &CheckedEdge| edge.stage == Stage::Deployment;
    let draw = |((artifact, environment, place), edges): ((&Node, &Node, Place), Vec<&CheckedEdge>)| {
        let name = if artifact == traced { String::new() } else { name(artifact) };
        let seen = Seen::of(chain, &artifacts, artifact, &edges);
        line(environment, &place, &name, seen, &edges)
    };
    let groups = groups(chain, of_stage, |edge| {
        (artifacts.first(&edge.edge.from), &edge.edge.to, Place::of(chain, edge.entry))
    });
    let mut lines: Vec<Line> = groups.into_iter().map(draw).collect();
    // Few lines are shown, and what runs must be among them.
    lines.sort_by_key(|line| !line.live);
    lines
}

/// How much is known of the starts and stops of one artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// All that the answer is about, each with its statement.
    All,
    /// Statements were not read. Which workload started or stopped stands in them.
    Unread,
    /// There are more. Starts and stops are cut off apart from each other, so the last one may be among what is missing.
    Part,
}

impl Seen {
    fn of(chain: &Chain, artifacts: &Artifacts<'_>, artifact: &Node, edges: &[&CheckedEdge]) -> Self {
        // With `--depth`, the other digests of an artifact may lie too far away for what is said of them to be seen.
        // An environment has all of its starts and stops one edge away.
        let cut = chain.cut && chain.start().kind() != NodeKind::Environment && artifacts.several(artifact);
        match () {
            () if edges.iter().any(|edge| !edge.verified) => Self::Unread,
            () if chain.answer.truncated || cut => Self::Part,
            () => Self::All,
        }
    }
}

fn line(environment: &Node, place: &Place, artifact: &str, seen: Seen, edges: &[&CheckedEdge]) -> Line {
    if seen != Seen::All {
        return counts(environment, place, artifact, seen, edges);
    }
    // The latest by when it happened says what holds; the same time, the later entry.
    let last = edges.iter().max_by_key(|edge| (edge.time, edge.entry));
    let live = last.is_some_and(|edge| edge.edge.kind == EdgeKind::RunsIn);
    let time = last.map_or_else(String::new, |edge| minute(edge.time));
    let (state, word) = if live { ("LIVE", "since") } else { ("stopped", "until") };
    let what = format!("{}{}  {word} {time}", environment.id(), place.text());
    let who = format!("{state} {artifact}").trim_end().to_owned();
    Line { live, ..Line::new(what, who, edges) }
}

/// What runs is not known: how often it is said to have started and stopped.
fn counts(environment: &Node, place: &Place, artifact: &str, seen: Seen, edges: &[&CheckedEdge]) -> Line {
    let starts = edges.iter().filter(|edge| edge.edge.kind == EdgeKind::RunsIn).count();
    let stops = edges.len().saturating_sub(starts);
    let what = format!("{}{}  starts: {starts}, stops: {stops}", environment.id(), place.text());
    let who = match (seen, artifact.is_empty()) {
        (Seen::Part, true) => "not all shown".to_owned(),
        (Seen::Part, false) => format!("{artifact} partial"),
        (Seen::All | Seen::Unread, true) => "--verify full tells".to_owned(),
        (Seen::All | Seen::Unread, false) => format!("{artifact} unread"),
    };
    Line::new(what, who, edges)
}

/// The first digits of a digest; of anything else its whole name.
fn name(node: &Node) -> String {
    match (node.kind(), node.id().split_once(':')) {
        (NodeKind::Artifact, Some((_, hex))) => hex.chars().take(DIGITS).collect(),
        _ => super::node_text(node),
    }
}

/// The cluster and workload that a checked deployment names.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    cluster: Option<Name>,
    workload: Option<Name>,
}

impl Place {
    fn of(chain: &Chain, entry: LeafIndex) -> Self {
        let verified = chain.entries.get(&entry).and_then(Checked::verified);
        let deployment =
            verified.and_then(|verified| Deployment::decode(verified.statement()?.predicate_bytes()?).ok());
        let (cluster, workload) = deployment.map_or((None, None), |named| (named.cluster, named.workload));
        Self { cluster, workload }
    }

    fn text(&self) -> String {
        let cluster = self.cluster.as_ref().map_or_else(String::new, |cluster| format!("/{cluster}"));
        let workload = self.workload.as_ref().map_or_else(String::new, |workload| format!(" {workload}"));
        format!("{cluster}{workload}")
    }
}

/// Which nodes are digests of the same bytes: each leads to another one, and in the end to the first of them.
struct Artifacts<'a>(BTreeMap<&'a Node, &'a Node>);

impl<'a> Artifacts<'a> {
    /// What was traced is the same bytes, and what statements say is the same. Digests that statements pair so that
    /// two of one algorithm would be the same bytes contradict each other, and each stands alone.
    fn of(chain: &'a Chain) -> Self {
        let mut artifacts = Self(BTreeMap::new());
        let pairs = pairs(chain);
        for (one, other) in &pairs {
            artifacts.join(one, other);
        }
        let contradicted = artifacts.contradicted();
        let pairs = pairs.iter().filter(|(one, _)| !contradicted.contains(artifacts.first(one)));
        let mut sound = Self(BTreeMap::new());
        for (one, other) in pairs {
            sound.join(one, other);
        }
        // These were hashed here, or asked for.
        for start in &chain.starts {
            sound.join(chain.start(), start);
        }
        sound
    }

    fn join(&mut self, one: &'a Node, other: &'a Node) {
        let (one, other) = (self.first(one), self.first(other));
        if one != other {
            self.0.insert(one.max(other), one.min(other));
        }
    }

    fn first(&self, node: &'a Node) -> &'a Node {
        let mut first = node;
        while let Some(next) = self.0.get(first) {
            first = next;
        }
        first
    }

    /// Whether an artifact, given by its first digest, has others.
    fn several(&self, first: &Node) -> bool {
        self.0.values().any(|node| *node == first)
    }

    /// Returns the first digests of those that hold two of one algorithm.
    fn contradicted(&self) -> BTreeSet<&'a Node> {
        let firsts = self.0.values().copied().filter(|node| !self.0.contains_key(node));
        let digests: BTreeSet<&Node> = firsts.chain(self.0.keys().copied()).collect();
        let mut seen = BTreeSet::new();
        let placed = digests.into_iter().map(|digest| (self.first(digest), algorithm(digest)));
        placed.filter(|place| !seen.insert(*place)).map(|(first, _)| first).collect()
    }
}

/// Returns which digests are said to be of the same bytes: by the chain, and by all that its statements say besides, as
/// the chain of an environment has no such edge. What the server knows to be contradicted is left out.
fn pairs(chain: &Chain) -> BTreeSet<(&Node, &Node)> {
    let statements = chain.entries.values().filter_map(Checked::verified);
    let said = statements.flat_map(|verified| &verified.facts().edges);
    let drawn = chain.edges.iter().map(|edge| &edge.edge);
    let contradicted: BTreeSet<&Edge> =
        chain.edges.iter().filter(|edge| edge.conflict).map(|edge| &edge.edge).collect();
    let same = |edge: &&Edge| edge.kind == EdgeKind::SameAs && !contradicted.contains(edge);
    said.chain(drawn).filter(same).map(|edge| (&edge.from, &edge.to)).collect()
}

fn algorithm(digest: &Node) -> &str {
    digest.id().split(':').next().unwrap_or_default()
}

//! What runs where: the starts and stops of each artifact in each place, and what holds after the last of them.
//!
//! A stop says that one artifact stopped. What else runs in the same place is not touched by it, so starts and stops
//! are put together by artifact as well as by place.

use std::collections::BTreeMap;

use custody_client::Checked;
use custody_evidence::fact::{EdgeKind, Node, NodeKind, Stage};
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
        line(environment, &place, &name, &edges)
    };
    let groups = groups(chain, of_stage, |edge| {
        (artifacts.first(&edge.edge.from), &edge.edge.to, Place::of(chain, edge.entry))
    });
    let mut lines: Vec<Line> = groups.into_iter().map(draw).collect();
    // Few lines are shown, and what runs must be among them.
    lines.sort_by_key(|line| !line.live);
    lines
}

fn line(environment: &Node, place: &Place, artifact: &str, edges: &[&CheckedEdge]) -> Line {
    if edges.iter().any(|edge| !edge.verified) {
        return unread(environment, artifact, edges);
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

/// Which workload started or stopped stands in statements that were not read, so what runs now is not known.
fn unread(environment: &Node, artifact: &str, edges: &[&CheckedEdge]) -> Line {
    let starts = edges.iter().filter(|edge| edge.edge.kind == EdgeKind::RunsIn).count();
    let stops = edges.len().saturating_sub(starts);
    let what = format!("{}  starts: {starts}, stops: {stops}", environment.id());
    let who =
        if artifact.is_empty() { "--verify full tells".to_owned() } else { format!("{artifact} unread") };
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
            verified.and_then(|verified| Deployment::decode(verified.statement().predicate_bytes()?).ok());
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
    /// What was traced is the same bytes, and what statements say is the same; not where others contradict them.
    fn of(chain: &'a Chain) -> Self {
        let mut artifacts = Self(BTreeMap::new());
        for start in &chain.starts {
            artifacts.join(chain.start(), start);
        }
        let same = |edge: &&CheckedEdge| edge.edge.kind == EdgeKind::SameAs && !edge.conflict;
        for edge in chain.edges.iter().filter(same) {
            artifacts.join(&edge.edge.from, &edge.edge.to);
        }
        artifacts
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
}

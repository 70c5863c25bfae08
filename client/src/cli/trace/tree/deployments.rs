//! What runs where: each artifact in each place, as the records of the environment say, of which the chain holds but those
//! that name the artifact. What else started under its workload may have ended it.

use std::collections::{BTreeMap, BTreeSet};

use custody_client::{Checked, Verified};
use custody_evidence::digest_set::Digest;
use custody_evidence::environment::Said;
use custody_evidence::fact::{Edge, EdgeKind, Node, NodeKind, Stage};
use custody_evidence::predicate::Name;

use super::{Chain, CheckedEdge, Line, Runs, groups, minute};
use crate::cli::live::{Live, digest};

/// The digits of an artifact that was not asked about: as many as fit beside `stopped`, and enough to ask about it.
const DIGITS: usize = 12;

/// Returns a line for each artifact in each place; first what runs.
pub(super) fn deployments(chain: &Chain) -> Vec<Line> {
    let artifacts = Artifacts::of(chain);
    let traced = artifacts.first(chain.start());
    let of_stage = |edge: &CheckedEdge| edge.stage == Stage::Deployment;
    let groups = groups(chain, of_stage, |edge| (artifacts.first(&edge.edge.from), &edge.edge.to));
    let mut lines = Vec::new();
    let mut drawn = Vec::new();
    for ((artifact, environment), edges) in groups {
        let name = if artifact == traced { String::new() } else { name(artifact) };
        let digests: BTreeSet<Digest> = edges.iter().filter_map(|edge| digest(&edge.edge.from)).collect();
        let mut live = live_in(chain, environment);
        live.retain(|live| live.running.artifact.digests().any(|digest| digests.contains(digest)));
        drawn.extend(live.iter().map(|live| live.running));
        lines.extend(of_artifact(chain, environment, &name, &live, &edges));
    }
    // What the chain of an environment was cut off before, runs all the same.
    if chain.start().kind() == NodeKind::Environment {
        let others = live_in(chain, chain.start());
        let others = others.into_iter().filter(|live| !drawn.contains(&live.running));
        lines.extend(others.map(|live| {
            let name = name(&Node::of_digest(live.running.artifact.digest(), None));
            line(chain.start(), &name, &live, &[])
        }));
    }
    // Few lines are shown, and what runs must be among them.
    lines.sort_by_key(|line| line.runs == Runs::No);
    lines
}

fn live_in<'a>(chain: &'a Chain, environment: &Node) -> Vec<Live<'a>> {
    let name = environment.id().parse::<Name>();
    name.map(|name| chain.environments.live_in(&name)).unwrap_or_default()
}

/// A line for each place in which an artifact runs, and one for each in which it does not, though it once started or stopped
/// there.
fn of_artifact(
    chain: &Chain,
    environment: &Node,
    name: &str,
    live: &[Live<'_>],
    edges: &[&CheckedEdge],
) -> Vec<Line> {
    let mut lines = Vec::new();
    for live in live {
        let of_it: Vec<&CheckedEdge> = edges
            .iter()
            .copied()
            .filter(|edge| places(chain, edge).iter().any(|place| place.fits(live)))
            .collect();
        lines.push(line(environment, name, live, &of_it));
    }
    let mut ended: BTreeMap<Place, Vec<&CheckedEdge>> = BTreeMap::new();
    for edge in edges {
        let places = places(chain, edge);
        if !live.iter().any(|live| places.iter().any(|place| place.fits(live))) {
            ended.entry(places.into_iter().next().unwrap_or_default()).or_default().push(edge);
        }
    }
    let known = environment.id().parse().is_ok_and(|name| chain.environments.knows(&name));
    lines.extend(ended.into_iter().map(|(place, edges)| {
        if known {
            stopped(environment, &place, name, &edges)
        } else {
            counts(environment, &place, name, &edges)
        }
    }));
    lines
}

/// It runs.
fn line(environment: &Node, artifact: &str, live: &Live<'_>, edges: &[&CheckedEdge]) -> Line {
    let running = live.running;
    let place = Place { cluster: running.cluster.clone(), workload: running.workload.clone() };
    let mark = if live.since_known { "" } else { "*" };
    let what = format!("{}{}  since {}{mark}", environment.id(), place.text(), minute(running.since));
    let who = format!("LIVE {artifact}").trim_end().to_owned();
    let mut drawn = Line::new(what, who, edges);
    drawn.entries.insert(running.entry);
    let runs = if live.since_known { Runs::Yes } else { Runs::OrEarlier };
    Line { runs, distrusted: !running.counts, redacted: false, ..drawn }
}

/// It does not run, whatever ended it: that may be a record of something else.
fn stopped(environment: &Node, place: &Place, artifact: &str, edges: &[&CheckedEdge]) -> Line {
    let starts = edges.iter().filter(|edge| edge.edge.kind == EdgeKind::RunsIn);
    let last = starts.map(|edge| edge.time).max();
    let started = last.map_or_else(String::new, |time| format!("  started {}", minute(time)));
    let what = format!("{}{}{started}", environment.id(), place.text());
    Line::new(what, format!("stopped {artifact}").trim_end().to_owned(), edges)
}

/// Whether it runs is not known: how often it is said to have started and stopped.
fn counts(environment: &Node, place: &Place, artifact: &str, edges: &[&CheckedEdge]) -> Line {
    let starts = edges.iter().filter(|edge| edge.edge.kind == EdgeKind::RunsIn).count();
    let stops = edges.len().saturating_sub(starts);
    let what = format!("{}{}  starts: {starts}, stops: {stops}", environment.id(), place.text());
    Line::new(what, format!("unknown {artifact}").trim_end().to_owned(), edges)
}

/// The first digits of a digest; of anything else its whole name.
fn name(node: &Node) -> String {
    match (node.kind(), node.id().split_once(':')) {
        (NodeKind::Artifact, Some((_, hex))) => hex.chars().take(DIGITS).collect(),
        _ => super::node_text(node),
    }
}

/// The cluster and workload that a record names.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    cluster: Option<Name>,
    workload: Option<Name>,
}

impl Place {
    fn text(&self) -> String {
        let cluster = self.cluster.as_ref().map_or_else(String::new, |cluster| format!("/{cluster}"));
        let workload = self.workload.as_ref().map_or_else(String::new, |workload| format!(" {workload}"));
        format!("{cluster}{workload}")
    }

    /// Whether who names this place may speak of something that runs.
    fn fits(&self, live: &Live<'_>) -> bool {
        let fits = |named: &Option<Name>, runs: &Option<Name>| named.is_none() || named == runs;
        fits(&self.cluster, &live.running.cluster) && fits(&self.workload, &live.running.workload)
    }
}

/// Returns where an entry says that something started, stopped or was seen; a statement that was not read says nothing of that.
fn places(chain: &Chain, edge: &CheckedEdge) -> Vec<Place> {
    let verified = chain.entries.get(&edge.entry).and_then(Checked::verified);
    let said = verified.map(Verified::facts).and_then(|facts| facts.observation.as_ref());
    match said.map(|observation| &observation.said) {
        None => vec![Place::default()],
        Some(Said::Started { cluster, workload, .. } | Said::Stopped { cluster, workload, .. }) => {
            vec![Place { cluster: cluster.clone(), workload: workload.clone() }]
        }
        Some(Said::Snapshot { running, .. }) => {
            let digest = digest(&edge.edge.from);
            let seen = running.iter().filter(|seen| digest.as_ref() == Some(&seen.digest));
            seen.map(|seen| Place { cluster: None, workload: seen.workload.clone() }).collect()
        }
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

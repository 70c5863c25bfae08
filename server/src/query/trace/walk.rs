//! The walk over the graph: breadth first, each node once in each role, within bounds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use custody_evidence::fact::{Edge, EdgeKind, Node, Term};
use custody_log::{LeafIndex, TreeSize};

use super::rules::{Role, Step, step};
use super::stage::{self, Stage};
use super::{
    EDGES_MAX, EDGES_OF_A_KIND_MAX, ENTRIES_MAX, ENVELOPE_BYTES_MAX, Status, Trace, TracedEdge, TracedNode,
};
use crate::index::Reading;
use crate::query::error::QueryError;
use crate::query::evidence::Evidence;

/// Candidates fetched at once for one node.
const FETCH: usize = 64;

/// What was found so far, and what is left of the bounds.
pub(super) struct Walk<'a, E: ?Sized> {
    evidence: &'a E,
    size: TreeSize,
    queue: VecDeque<(Node, Role, u32)>,
    walked: BTreeMap<Node, Role>,
    /// What was found, in reading order: stage, entry, edge.
    edges: BTreeMap<(Stage, LeafIndex, Edge), TracedEdge>,
    labels: BTreeMap<Node, (LeafIndex, String)>,
    entries: BTreeSet<LeafIndex>,
    envelope_bytes: u64,
    truncated: bool,
}

impl<'a, E: Evidence + ?Sized> Walk<'a, E> {
    pub(super) fn new(evidence: &'a E, size: TreeSize) -> Self {
        Self {
            evidence,
            size,
            queue: VecDeque::new(),
            walked: BTreeMap::new(),
            edges: BTreeMap::new(),
            labels: BTreeMap::new(),
            entries: BTreeSet::new(),
            envelope_bytes: 0,
            truncated: false,
        }
    }

    pub(super) fn run(&mut self, start: &Node, depth: u32) -> Result<(), QueryError> {
        self.queue.push_back((start.clone(), Role::Traced, depth));
        while let Some((node, role, depth)) = self.queue.pop_front() {
            // A node that was walked as an origin and turns out to be traced shows more edges.
            if self.walked.get(&node).is_some_and(|walked| *walked >= role) {
                continue;
            }
            self.walked.insert(node.clone(), role);
            if depth > 0 {
                self.visit(&node, role, depth.saturating_sub(1))?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(self, start: &Node) -> Trace {
        let kinds: Vec<_> = self.edges.iter().map(|((stage, _, edge), _)| (*stage, edge.kind)).collect();
        let edges: Vec<_> = self.edges.into_values().collect();
        let mut seen = BTreeSet::new();
        let ends = edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
        let nodes = std::iter::once(start)
            .chain(ends)
            .filter(|node| seen.insert((*node).clone()))
            .map(|node| {
                let label = self.labels.get(node).map(|(_, label)| label.clone()).unwrap_or_default();
                TracedNode { node: node.clone(), label }
            })
            .collect();
        Trace { nodes, edges, missing: stage::missing(&kinds), truncated: self.truncated }
    }

    /// Takes the edges of one node that belong to the trace.
    fn visit(&mut self, node: &Node, role: Role, depth: u32) -> Result<(), QueryError> {
        let readings = self.readings(node)?;
        let conflicts = self.conflicts(node, role, &readings)?;
        let mut shown: BTreeMap<(EdgeKind, bool), usize> = BTreeMap::new();
        for reading in &readings {
            for edge in edges_of(reading, node) {
                let step = step(node, role, edge);
                self.label(reading, edge, step);
                if matches!(step, Step::Skip | Step::Count) {
                    continue;
                }
                let count = shown.entry((edge.kind, edge.from == *node)).or_default();
                if *count >= EDGES_OF_A_KIND_MAX || self.edges.len() >= EDGES_MAX {
                    self.truncated = true;
                    continue;
                }
                *count = count.saturating_add(1);
                let other = if edge.from == *node { &edge.to } else { &edge.from };
                let conflict = edge.kind == EdgeKind::SameAs && conflicts.contains(other);
                self.keep(reading, edge, if conflict { Status::Conflict } else { Status::Claimed });
                if let (Step::Walk(role), false) = (step, conflict) {
                    self.queue.push_back((other.clone(), role, depth));
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, reading: &Reading, edge: &Edge, status: Status) {
        let stage = Stage::of(edge.kind, reading.facts.components.is_some());
        let traced = TracedEdge {
            from: edge.from.clone(),
            to: edge.to.clone(),
            kind: edge.kind,
            entry: reading.entry.index,
            status,
            claimed: reading.facts.happened,
        };
        self.edges.insert((stage, reading.entry.index, edge.clone()), traced);
    }

    /// Keeps the newest label of both ends of an edge.
    fn label(&mut self, reading: &Reading, edge: &Edge, step: Step) {
        if matches!(step, Step::Skip | Step::Count) {
            return;
        }
        for node in [&edge.from, &edge.to] {
            let given = reading.facts.labels.get(node).cloned();
            let bill = (edge.kind == EdgeKind::DescribedBy && *node == edge.to)
                .then_some(reading.facts.components)
                .flatten()
                .map(|count| format!("{count} components"));
            let parts: Vec<_> = given.into_iter().chain(bill).collect();
            let newer = self.labels.get(node).is_none_or(|(index, _)| *index < reading.entry.index);
            if newer && !parts.is_empty() {
                self.labels.insert(node.clone(), (reading.entry.index, parts.join(", ")));
            }
        }
    }

    /// The other digests that a traced artifact is paired with although one of the two is also paired with a
    /// different digest of the same algorithm.
    fn conflicts(
        &mut self,
        node: &Node,
        role: Role,
        readings: &[Arc<Reading>],
    ) -> Result<BTreeSet<Node>, QueryError> {
        let pairs = pairs(node, readings);
        let mut conflicts = BTreeSet::new();
        if role != Role::Traced {
            return Ok(conflicts);
        }
        for other in &pairs {
            let from_here = pairs.iter().filter(|pair| algorithm(pair) == algorithm(other)).count();
            let theirs = self.readings(other)?;
            let back = self::pairs(other, &theirs);
            let from_there = back.iter().filter(|pair| algorithm(pair) == algorithm(node)).count();
            if from_here > 1 || from_there > 1 {
                conflicts.insert(other.clone());
            }
        }
        Ok(conflicts)
    }

    /// The entries with edges of a node, newest first, as far as the bounds allow.
    fn readings(&mut self, node: &Node) -> Result<Vec<Arc<Reading>>, QueryError> {
        let Some(term) = most_specific(node) else { return Ok(Vec::new()) };
        let mut readings = Vec::new();
        let mut below = self.size;
        loop {
            let candidates = self.evidence.by_term(&term, below, FETCH)?;
            let Some(last) = candidates.last() else { return Ok(readings) };
            below = TreeSize::new(last.get()).unwrap_or(TreeSize::ZERO);
            for index in candidates {
                if !self.may_read(index) {
                    return Ok(readings);
                }
                let reading = self.evidence.reading(index)?;
                if self.entries.insert(index) {
                    self.envelope_bytes = self.envelope_bytes.saturating_add(reading.entry.envelope_bytes);
                }
                readings.push(reading);
            }
        }
    }

    /// Whether the bounds allow to read this entry.
    fn may_read(&mut self, index: LeafIndex) -> bool {
        let within = self.entries.len() < ENTRIES_MAX && self.envelope_bytes < ENVELOPE_BYTES_MAX;
        let allowed = within || self.entries.contains(&index);
        self.truncated |= !allowed;
        allowed
    }
}

/// The term by which the fewest other entries are found: a node's first.
fn most_specific(node: &Node) -> Option<Term> {
    node.terms().into_iter().next()
}

fn edges_of<'r>(reading: &'r Reading, node: &Node) -> impl Iterator<Item = &'r Edge> {
    let node = node.clone();
    reading.facts.edges.iter().filter(move |edge| edge.from == node || edge.to == node)
}

/// The digests that some statement pairs with this one.
fn pairs(node: &Node, readings: &[Arc<Reading>]) -> BTreeSet<Node> {
    let edges = readings.iter().flat_map(|reading| edges_of(reading, node));
    edges
        .filter(|edge| edge.kind == EdgeKind::SameAs)
        .map(|edge| if edge.from == *node { edge.to.clone() } else { edge.from.clone() })
        .collect()
}

fn algorithm(node: &Node) -> &str {
    node.id().split(':').next().unwrap_or_default()
}

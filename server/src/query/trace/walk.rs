//! The walk over the graph: breadth first, each node once in each role, within bounds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use custody_evidence::admission::SourceRepository;
use custody_evidence::fact::chain::{Role, Step, step};
use custody_evidence::fact::{Edge, EdgeKind, Field, Node, Stage};
use custody_evidence::predicate::Name;
use custody_log::{LeafIndex, Timestamp, TreeSize};

use super::{
    ANSWER_BYTES_MAX, EDGES_MAX, EDGES_OF_A_KIND_MAX, ENTRIES_MAX, ENVELOPE_BYTES_MAX, Status, Trace,
    TracedEdge, TracedNode,
};
use crate::index::Reading;
use crate::query::ahead::Ahead;
use crate::query::error::QueryError;
use crate::query::evidence::Evidence;
use crate::query::mentions::{self, Mentions, PASSED_MAX, STEPS_MAX};

/// Bytes of an edge in an answer beside its ids, at most: the words for three kinds and the status (54), two numbers
/// (22), and tags and lengths (30).
const EDGE_BYTES: usize = 128;
/// Bytes of a node in an answer beside its id and label, at most: its kind (13), tags and lengths (15).
const NODE_BYTES: usize = 32;

/// Bytes of a number in an answer, at most.
const NUMBER_BYTES: usize = 10;

/// What was found so far, and what is left of the bounds.
pub(super) struct Walk<'a, E: ?Sized> {
    evidence: &'a E,
    size: TreeSize,
    queue: VecDeque<(Node, Role, u32)>,
    ahead: Ahead,
    walked: BTreeMap<Node, Role>,
    /// What was found, in reading order: stage, entry, edge.
    edges: BTreeMap<(Stage, LeafIndex, Edge), TracedEdge>,
    /// The ends of the edges.
    nodes: BTreeSet<Node>,
    labels: BTreeMap<Node, (LeafIndex, String)>,
    /// What the answer takes so far; no less than its encoded form.
    answer_bytes: usize,
    entries: BTreeSet<LeafIndex>,
    envelope_bytes: u64,
    /// Entries that named a node of the chain, and were erased.
    redacted: BTreeSet<LeafIndex>,
    /// How many snapshots may still be passed over.
    passes: usize,
    /// How many looks at lists of snapshots are left.
    steps: usize,
    /// The names of environments, once they were asked for.
    environments: Option<Vec<Name>>,
    truncated: bool,
}

impl<'a, E: Evidence + ?Sized> Walk<'a, E> {
    pub(super) fn new(evidence: &'a E, size: TreeSize) -> Self {
        Self {
            evidence,
            size,
            queue: VecDeque::new(),
            ahead: Ahead::default(),
            walked: BTreeMap::new(),
            edges: BTreeMap::new(),
            nodes: BTreeSet::new(),
            labels: BTreeMap::new(),
            answer_bytes: 0,
            entries: BTreeSet::new(),
            envelope_bytes: 0,
            redacted: BTreeSet::new(),
            passes: PASSED_MAX,
            steps: STEPS_MAX,
            environments: None,
            truncated: false,
        }
    }

    pub(super) fn run(&mut self, start: &Node, depth: u32) -> Result<(), QueryError> {
        self.queue.push_back((start.clone(), Role::Traced, depth));
        // It is in the answer twice: as what was resolved, and as the first node.
        self.nodes.insert(start.clone());
        self.answer_bytes = node_bytes(start).saturating_mul(2);
        while let Some((node, role, depth)) = self.queue.pop_front() {
            // A node that was walked as an origin and turns out to be traced shows more edges.
            if self.walked.get(&node).is_some_and(|walked| *walked >= role) {
                continue;
            }
            self.walked.insert(node.clone(), role);
            if depth > 0 {
                let walks =
                    |(node, _, depth): &&(Node, Role, u32)| *depth > 0 && !self.walked.contains_key(node);
                let behind = self.queue.iter().filter(walks).map(|(node, ..)| node);
                self.ahead.look(self.evidence, &node, behind, self.size)?;
                self.visit(&node, role, depth.saturating_sub(1))?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(self, start: &Node) -> Trace {
        let kinds = self.edges.keys().map(|(stage, _, edge)| (*stage, edge.kind));
        let missing = Stage::missing(start.kind(), kinds);
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
        Trace {
            nodes,
            edges,
            missing,
            redacted: self.redacted.into_iter().collect(),
            truncated: self.truncated,
        }
    }

    /// Takes the edges of one node that belong to the trace.
    fn visit(&mut self, node: &Node, role: Role, depth: u32) -> Result<(), QueryError> {
        let said = self.said(node, role)?;
        let conflicts = self.conflicts(node, role, &said)?;
        let disputed = is_disputed(&said);
        let mut shown: BTreeMap<(EdgeKind, bool), usize> = BTreeMap::new();
        for (said, (edge, step)) in
            said.iter().flat_map(|said| said.edges.iter().map(move |edge| (said, edge)))
        {
            let count = shown.entry((edge.kind, edge.from == *node)).or_default();
            if *count >= EDGES_OF_A_KIND_MAX || self.edges.len() >= EDGES_MAX {
                self.truncated = true;
                continue;
            }
            let parted = edge.kind == EdgeKind::SameAs && conflicts.contains(other(edge, node));
            let conflict = parted || disputed && said.builder.is_some() && is_built(edge);
            if !self.keep(said, edge, if conflict { Status::Conflict } else { Status::Claimed }) {
                self.truncated = true;
                continue;
            }
            *count = count.saturating_add(1);
            self.label(said, edge);
            if let (Step::Walk(role), false) = (step, parted) {
                self.queue.push_back((other(edge, node).clone(), *role, depth));
            }
        }
        Ok(())
    }

    /// Takes an edge into the answer; false if it has no room there.
    fn keep(&mut self, said: &Said, edge: &Edge, status: Status) -> bool {
        let place = (Stage::of(edge.kind, &said.predicate_type), said.entry, edge.clone());
        let ends = BTreeSet::from([&edge.from, &edge.to]);
        let added = ends.into_iter().filter(|node| !self.nodes.contains(node)).map(node_bytes);
        let edge_bytes = if self.edges.contains_key(&place) { 0 } else { edge_bytes(edge) };
        let answer_bytes = added.fold(self.answer_bytes.saturating_add(edge_bytes), usize::saturating_add);
        if answer_bytes > ANSWER_BYTES_MAX {
            return false;
        }
        self.answer_bytes = answer_bytes;
        self.nodes.extend([edge.from.clone(), edge.to.clone()]);
        let traced = TracedEdge {
            from: edge.from.clone(),
            to: edge.to.clone(),
            kind: edge.kind,
            entry: said.entry,
            status,
            claimed: said.claimed,
        };
        self.edges.insert(place, traced);
        true
    }

    /// Keeps the newest label of both ends of an edge; that of a bill of materials has its size behind it.
    fn label(&mut self, said: &Said, edge: &Edge) {
        for node in [&edge.from, &edge.to] {
            let is_bill = edge.kind == EdgeKind::DescribedBy && *node == edge.to;
            let size = said.components.filter(|_| is_bill).map(|count| format!("{count} components"));
            let parts: Vec<_> = said.labels.get(node).cloned().into_iter().chain(size).collect();
            let newer = self.labels.get(node).is_none_or(|(entry, _)| *entry < said.entry);
            if newer && !parts.is_empty() {
                let label = parts.join(", ");
                self.answer_bytes = self.answer_bytes.saturating_add(label.len());
                self.labels.insert(node.clone(), (said.entry, label));
            }
        }
    }

    /// The other digests that a traced artifact is paired with although one of the two is also paired with a
    /// different digest of the same algorithm.
    fn conflicts(&mut self, node: &Node, role: Role, said: &[Said]) -> Result<BTreeSet<Node>, QueryError> {
        let mut conflicts = BTreeSet::new();
        if role != Role::Traced {
            return Ok(conflicts);
        }
        let paired = pairs(node, said);
        for other in &paired {
            let back = pairs(other, &self.said(other, role)?);
            let of = |pairs: &BTreeSet<Node>, like: &Node| {
                pairs.iter().filter(|pair| algorithm(pair) == algorithm(like)).count()
            };
            if of(&paired, other) > 1 || of(&back, node) > 1 {
                conflicts.insert(other.clone());
            }
        }
        Ok(conflicts)
    }

    /// What the entries say about a node in this role, newest first, as far as the bounds allow. Only this is held: an
    /// SBOM is read and dropped.
    fn said(&mut self, node: &Node, role: Role) -> Result<Vec<Said>, QueryError> {
        let mentions = Mentions::of(node, self.size, self.passes, &mut self.ahead)?;
        let Some(mentions) = mentions else { return Ok(Vec::new()) };
        let mut mentions = if role == Role::Origin { mentions.of_origin(node)? } else { mentions };
        let (mut said, mut seen) = (Vec::new(), BTreeSet::new());
        while let Some(index) = mentions.next(self.evidence)? {
            let Some(reading) = self.read(index, &mentions)? else { return Ok(said) };
            mentions.saw(&reading);
            seen.insert(index);
            said.extend(Said::about(node, role, &reading));
        }
        self.passes = mentions.left();
        self.truncated |= mentions.is_cut();
        let (erased, whole) = mentions.erased_of_passed(self.evidence, self.size)?;
        self.truncated |= !whole;
        for index in erased {
            self.redact(index);
        }
        if role == Role::Traced && mentions.oldest_passed().is_some() {
            let environments = self.environments()?;
            let (newest, whole) =
                mentions.newest_in(self.evidence, &environments, self.size, &mut self.steps)?;
            self.truncated |= !whole;
            for index in newest.into_iter().filter(|index| !seen.contains(index)) {
                let Some(reading) = self.read(index, &mentions)? else { return Ok(said) };
                said.extend(Said::about(node, role, &reading));
            }
        }
        Ok(said)
    }

    /// Reads an entry that may name a node; none if the bounds do not allow it.
    fn read(&mut self, index: LeafIndex, mentions: &Mentions) -> Result<Option<Arc<Reading>>, QueryError> {
        if !self.may_read(index) {
            return Ok(None);
        }
        let reading = self.evidence.reading(index)?;
        if self.entries.insert(index) {
            self.envelope_bytes = self.envelope_bytes.saturating_add(reading.entry.envelope_bytes);
        }
        if reading.erased.is_some() && reading.has(mentions.term()) {
            self.redact(index);
        }
        Ok(Some(reading))
    }

    fn redact(&mut self, index: LeafIndex) {
        if self.redacted.insert(index) {
            self.answer_bytes = self.answer_bytes.saturating_add(NUMBER_BYTES);
        }
    }

    /// The environments, in any of which a node may have been seen.
    fn environments(&mut self) -> Result<Vec<Name>, QueryError> {
        if let Some(known) = &self.environments {
            return Ok(known.clone());
        }
        let (names, truncated) = mentions::environments(self.evidence, self.size)?;
        self.truncated |= truncated;
        self.environments = Some(names.clone());
        Ok(names)
    }

    /// Whether the bounds allow to read this entry.
    fn may_read(&mut self, index: LeafIndex) -> bool {
        let within = self.entries.len() < ENTRIES_MAX && self.envelope_bytes < ENVELOPE_BYTES_MAX;
        let allowed = within || self.entries.contains(&index);
        self.truncated |= !allowed;
        allowed
    }
}

/// What one entry says about a node, as far as it belongs to the trace.
struct Said {
    entry: LeafIndex,
    claimed: Option<Timestamp>,
    predicate_type: String,
    components: Option<usize>,
    edges: Vec<(Edge, Step)>,
    labels: BTreeMap<Node, String>,
    /// Whose build the node is, by a provenance that is bound to a job.
    builder: Option<SourceRepository>,
}

impl Said {
    /// None if there is no such edge.
    fn about(node: &Node, role: Role, reading: &Reading) -> Option<Self> {
        let facts = &reading.facts;
        let edges: Vec<_> = facts
            .edges
            .iter()
            .filter(|edge| edge.from == *node || edge.to == *node)
            .map(|edge| (edge, step(node, role, edge)))
            .filter(|(_, step)| !matches!(step, Step::Skip | Step::Count))
            // One more than are shown, so that leaving some out is noticed.
            .take(EDGES_MAX.saturating_add(1))
            .map(|(edge, step)| (edge.clone(), step))
            .collect();
        let ends = edges.iter().flat_map(|(edge, _)| [&edge.from, &edge.to]);
        let label = |node: &Node| facts.labels.get(node).map(|label| (node.clone(), label.clone()));
        let labels = ends.filter_map(label).collect();
        let predicate_type = reading.terms.iter().find(|term| term.field() == Field::Predicate);
        let predicate_type = predicate_type.map(|term| term.value().to_owned()).unwrap_or_default();
        let Reading { entry, .. } = reading;
        let (entry, claimed, components) = (entry.index, facts.happened, facts.components);
        let build = reading.build.as_ref().filter(|build| build.names(node.id()));
        let builder = build.map(|build| build.repository().clone());
        (!edges.is_empty()).then_some(Self {
            entry,
            claimed,
            predicate_type,
            components,
            edges,
            labels,
            builder,
        })
    }
}

/// Whether two repositories say that something is their build.
fn is_disputed(said: &[Said]) -> bool {
    let builders: BTreeSet<&SourceRepository> =
        said.iter().filter_map(|said| said.builder.as_ref()).collect();
    builders.len() > 1
}

const fn is_built(edge: &Edge) -> bool {
    matches!(edge.kind, EdgeKind::BuiltBy | EdgeKind::BuiltFrom)
}

fn edge_bytes(edge: &Edge) -> usize {
    EDGE_BYTES.saturating_add(edge.from.id().len()).saturating_add(edge.to.id().len())
}

fn node_bytes(node: &Node) -> usize {
    NODE_BYTES.saturating_add(node.id().len())
}

fn other<'e>(edge: &'e Edge, node: &Node) -> &'e Node {
    if edge.from == *node { &edge.to } else { &edge.from }
}

/// The digests that some statement pairs with this one.
fn pairs(node: &Node, said: &[Said]) -> BTreeSet<Node> {
    let edges = said.iter().flat_map(|said| &said.edges);
    let same = edges.filter(|(edge, _)| edge.kind == EdgeKind::SameAs);
    same.map(|(edge, _)| other(edge, node).clone()).collect()
}

fn algorithm(node: &Node) -> &str {
    node.id().split(':').next().unwrap_or_default()
}

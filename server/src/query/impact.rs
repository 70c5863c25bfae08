//! `impact`: everything that came from a thing.
//!
//! [`custody_evidence::fact::reach`] says which edges lead on; they are followed here within bounds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use custody_evidence::digest_set::Digest;
use custody_evidence::fact::reach::{Onward, is_another, onward};
use custody_evidence::fact::{Edge, EdgeKind, Field, Node, NodeKind, Package, Term};
use custody_evidence::predicate::Name;
use custody_log::{LeafIndex, Timestamp, TreeSize};

use super::ahead::Ahead;
use super::error::QueryError;
use super::evidence::Evidence;
use super::mentions::{self, Mentions, PASSED_MAX, STEPS_MAX};
use crate::index::Reading;

mod page;

pub use self::page::{PAGE_BYTES_MAX, PAGE_MAX, PARTS_MAX};
use self::page::{Page, Place};

/// Entries that say the same of two nodes: the newest. More show no more.
pub const ENTRIES_OF_AN_EDGE_MAX: usize = 4;
/// Entries that are read for one question.
pub const ENTRIES_MAX: usize = 65_536;
/// Bytes of envelopes that are read for one question: 512 MiB, so some 4,000 SBOMs, which take some ten seconds. What is kept of snapshots among
/// them counts in it too.
pub const ENVELOPE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Looks at entries for one question, those looked at again included: snapshots name the same artifacts again and again. At 1 us
/// where an entry was read for this question before, 0.8 seconds.
pub const LOOKS_MAX: usize = 800_000;

/// Bytes of an edge in an answer beside its ids, at most: the words for three kinds and the status (54), two numbers
/// (22), and tags and lengths (30).
const EDGE_BYTES: usize = 128;
/// Bytes of a number in an answer, at most.
const NUMBER_BYTES: usize = 10;

/// A question.
#[derive(Debug, Clone)]
pub struct Impact {
    /// What is asked about.
    pub of: Of,
    /// Only by what happened at or after this time does anything come from it.
    pub since: Option<Timestamp>,
    /// And before this one.
    pub until: Option<Timestamp>,
    /// How many parts of the answer are left out: those of the pages before.
    pub after: usize,
}

/// What impact is asked of.
#[derive(Debug, Clone)]
pub enum Of {
    /// Nodes that are one thing: the digests of a file.
    Nodes(Vec<Node>),
    /// A package in one version, in a range, or in any.
    Package(Package),
}

/// A page of an answer. Its parts are edges, signed subjects and erased entries, in the order in which the walk finds them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Impacted {
    /// The edges that lead on, as they were found.
    pub edges: Vec<ImpactedEdge>,
    /// Subjects of entries that the identity asked about signed or submitted.
    pub signed: Vec<(LeafIndex, Node)>,
    /// Entries that named what was reached, and were erased since, in order.
    pub redacted: BTreeSet<LeafIndex>,
    /// Whether a bound was hit, or there is another page.
    pub truncated: bool,
    /// How many parts there are on this page and before; none if it is the last.
    pub next: Option<usize>,
    /// Stands for all parts before this page: the page before ends with it, or is of another answer.
    pub begins: u64,
    /// The same with the parts of this page.
    pub ends: u64,
}

/// An edge by which something was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImpactedEdge {
    /// The edge.
    pub edge: Edge,
    /// The entry that says it.
    pub entry: LeafIndex,
    /// When it happened, as claimed.
    pub claimed: Option<Timestamp>,
}

/// Returns what came from a thing, by the entries below `size`. Each page is walked to from the start: the walk goes the same way, as long
/// as nothing is erased meanwhile, and no names of versions are learned that another page did without.
pub fn impact<E: Evidence + ?Sized>(
    evidence: &E,
    question: &Impact,
    size: TreeSize,
) -> Result<Impacted, QueryError> {
    let mut walk = Walk::new(evidence, question, size);
    match &question.of {
        Of::Nodes(nodes) => {
            for node in nodes {
                walk.push(node.clone(), true, None);
            }
            for node in nodes.iter().filter(|node| node.kind() == NodeKind::Identity) {
                walk.signed_by(node)?;
            }
        }
        Of::Package(package) => walk.package(package)?,
    }
    while !walk.page.is_full()
        && let Some(Way { node, asked, from }) = walk.queue.pop_front()
    {
        walk.look_ahead(&node)?;
        walk.visit(&node, asked, from.as_ref())?;
    }
    let (next, truncated) = (walk.page.next(), walk.answer.truncated || walk.page.is_full());
    let (begins, ends) = walk.page.marks();
    Ok(Impacted { truncated, next, begins, ends, ..walk.answer })
}

/// What an entry is to an edge of it.
#[derive(Debug, Clone, Copy)]
struct Said {
    entry: LeafIndex,
    claimed: Option<Timestamp>,
    /// Whether it happened in the stretch of time that is asked about.
    within: bool,
}

/// A node to walk through.
struct Way {
    node: Node,
    /// Whether it is what was asked about.
    asked: bool,
    /// Of a package the bytes, or the place where they are, that it was reached from: what has others did not come from these.
    from: Option<Node>,
}

struct Walk<'a, E: ?Sized> {
    evidence: &'a E,
    question: &'a Impact,
    size: TreeSize,
    /// What is to be walked through.
    queue: VecDeque<Way>,
    ahead: Ahead,
    /// Nodes, each with what it was reached from if that makes a difference; without it all its edges were followed.
    walked: BTreeSet<(Node, Option<Node>)>,
    /// The entries of each edge that are in the answer.
    edges: BTreeMap<Edge, BTreeSet<LeafIndex>>,
    answer: Impacted,
    page: Page,
    /// The erased entries of this page and those before.
    redacted: BTreeSet<LeafIndex>,
    read: BTreeSet<LeafIndex>,
    /// Deployments and snapshots that were read: all that they say was taken at once, and is not looked for again.
    observed: BTreeSet<LeafIndex>,
    /// What they say of each node: by each edge the newest of them.
    seen: BTreeMap<Node, BTreeMap<Edge, Said>>,
    envelope_bytes: u64,
    looks: usize,
    /// How many snapshots may still be passed over.
    passes: usize,
    /// How many looks at lists of snapshots are left.
    steps: usize,
    /// The names of environments, once they were asked for.
    environments: Option<Vec<Name>>,
}

impl<'a, E: Evidence + ?Sized> Walk<'a, E> {
    fn new(evidence: &'a E, question: &'a Impact, size: TreeSize) -> Self {
        Self {
            evidence,
            question,
            size,
            queue: VecDeque::new(),
            ahead: Ahead::default(),
            walked: BTreeSet::new(),
            edges: BTreeMap::new(),
            answer: Impacted::default(),
            page: Page::after(question.after),
            redacted: BTreeSet::new(),
            read: BTreeSet::new(),
            observed: BTreeSet::new(),
            seen: BTreeMap::new(),
            envelope_bytes: 0,
            looks: 0,
            passes: PASSED_MAX,
            steps: STEPS_MAX,
            environments: None,
        }
    }

    fn push(&mut self, node: Node, asked: bool, from: Option<&Node>) {
        let from = from.filter(|_| node.kind() == NodeKind::Component).cloned();
        if self.walked.contains(&(node.clone(), None)) {
            return;
        }
        if self.walked.insert((node.clone(), from.clone())) {
            self.queue.push_back(Way { node, asked, from });
        }
    }

    /// Looks up where a node is named, and with it those that come next.
    fn look_ahead(&mut self, node: &Node) -> Result<(), QueryError> {
        let behind = self.queue.iter().map(|way| &way.node);
        self.ahead.look(self.evidence, node, behind, self.size)
    }

    fn visit(&mut self, node: &Node, asked: bool, from: Option<&Node>) -> Result<(), QueryError> {
        let mentions = Mentions::of(node, self.size, self.passes, &mut self.ahead)?;
        let Some(mut mentions) = mentions else { return Ok(()) };
        self.each(&mut mentions, |walk, reading| {
            if walk.observes(reading) {
                return;
            }
            if from.is_some_and(|from| is_another(node, from, &reading.facts.edges)) {
                return;
            }
            let edges = reading.facts.edges.iter().filter(|edge| edge.from == *node || edge.to == *node);
            let said = walk.said(reading);
            for edge in edges {
                walk.follow(node, asked, edge, said);
            }
        })?;
        self.passes = mentions.left();
        self.answer.truncated |= mentions.is_cut();
        let (erased, whole) = mentions.erased_of_passed(self.evidence, self.size)?;
        self.answer.truncated |= !whole;
        for index in erased {
            self.redact(index);
        }
        if mentions.oldest_passed().is_some() {
            self.observe_elsewhere(node, &mentions)?;
        }
        for (edge, said) in self.seen.get(node).cloned().unwrap_or_default() {
            self.follow(node, asked, &edge, said);
        }
        Ok(())
    }

    /// Reads of each environment in which a node is not known to have run the newest snapshot that names it: others were passed over.
    fn observe_elsewhere(&mut self, node: &Node, mentions: &Mentions) -> Result<(), QueryError> {
        let names = if let Some(names) = &self.environments {
            names.clone()
        } else {
            let (names, truncated) = mentions::environments(self.evidence, self.size)?;
            self.answer.truncated |= truncated;
            self.environments.insert(names).clone()
        };
        let known = self.seen.get(node).into_iter().flat_map(|seen| seen.keys());
        // That it stopped there does not tell since when it ran.
        let known = known.filter(|edge| edge.kind == EdgeKind::RunsIn).map(|edge| edge.to.id());
        let known: BTreeSet<&str> = known.collect();
        let others: Vec<Name> = names.into_iter().filter(|name| !known.contains(name.as_str())).collect();
        let (newest, whole) = mentions.newest_in(self.evidence, &others, self.size, &mut self.steps)?;
        self.answer.truncated |= !whole;
        for index in newest {
            if !self.may_read(index) {
                self.answer.truncated = true;
                return Ok(());
            }
            if !self.observed.contains(&index) {
                let reading = self.read(index)?;
                self.observes(&reading);
            }
        }
        Ok(())
    }

    /// Takes at once what a deployment or snapshot says of everything that it names: it may name hundreds of artifacts, and each of
    /// them is named by thousands of snapshots. Returns whether it is one.
    fn observes(&mut self, reading: &Reading) -> bool {
        if reading.facts.observation.is_none() {
            return false;
        }
        let said = self.said(reading);
        self.observed.insert(said.entry);
        for edge in &reading.facts.edges {
            for node in [&edge.from, &edge.to].into_iter().filter(|node| node.kind() != NodeKind::Environment)
            {
                let newest = self.seen.entry(node.clone()).or_default().entry(edge.clone()).or_insert(said);
                if newest.entry < said.entry {
                    *newest = said;
                }
            }
        }
        true
    }

    fn said(&self, reading: &Reading) -> Said {
        let (entry, claimed) = (reading.entry.index, reading.facts.happened);
        Said { entry, claimed, within: self.is_within(reading) }
    }

    fn package(&mut self, package: &Package) -> Result<(), QueryError> {
        self.each(&mut Mentions::of_package(self.evidence, package, self.size)?, |walk, reading| {
            let said = walk.said(reading);
            for edge in &reading.facts.edges {
                for node in [&edge.from, &edge.to] {
                    if package.may_be(node) {
                        walk.walked.insert((node.clone(), None));
                        walk.follow(node, true, edge, said);
                    }
                }
            }
        })
    }

    /// Takes the subjects of what an identity signed or submitted. Where something ran is told by other means: who records that
    /// did not make it.
    fn signed_by(&mut self, identity: &Node) -> Result<(), QueryError> {
        for field in [Field::Signer, Field::Submitter] {
            let Ok(term) = Term::parse(field, identity.id()) else { continue };
            self.each(&mut Mentions::all(term, self.size), |walk, reading| {
                let administrative = reading.entry.administrative;
                if administrative || reading.facts.observation.is_some() || !walk.is_within(reading) {
                    return;
                }
                for node in subjects(reading) {
                    let bytes = NUMBER_BYTES.saturating_add(node_bytes(&node));
                    match walk.page.place(bytes, (reading.entry.index, &node)) {
                        Place::Behind => return,
                        Place::Before => {}
                        Place::Here => walk.answer.signed.push((reading.entry.index, node.clone())),
                    }
                    walk.push(node, false, None);
                }
            })?;
        }
        Ok(())
    }

    /// Takes an edge into the answer, if it leads on.
    fn follow(&mut self, node: &Node, asked: bool, edge: &Edge, said: Said) {
        let onward = onward(node, asked, edge);
        // Where it runs it may run since before.
        let here = onward != Onward::Walk || !asked || said.within;
        if onward == Onward::Nowhere || !here {
            return;
        }
        let most = if edge.kind == EdgeKind::RunsIn { 1 } else { ENTRIES_OF_AN_EDGE_MAX };
        let known = self.edges.entry(edge.clone()).or_default();
        if known.len() >= most || known.contains(&said.entry) {
            return;
        }
        let bytes = [EDGE_BYTES, edge.from.id().len(), edge.to.id().len()];
        let bytes = bytes.into_iter().fold(0, usize::saturating_add);
        let (entry, claimed) = (said.entry, said.claimed);
        match self.page.place(bytes, (entry, edge)) {
            Place::Behind => return,
            Place::Before => {}
            Place::Here => self.answer.edges.push(ImpactedEdge { edge: edge.clone(), entry, claimed }),
        }
        self.edges.entry(edge.clone()).or_default().insert(entry);
        let other = if edge.from == *node { &edge.to } else { &edge.from };
        match onward {
            Onward::Walk => self.push(other.clone(), false, Some(node)),
            Onward::Same => self.push(other.clone(), true, None),
            Onward::Leaf | Onward::Nowhere => {}
        }
    }

    /// Whether what an entry says happened in the stretch of time that is asked about.
    fn is_within(&self, reading: &Reading) -> bool {
        let happened = reading.happened();
        self.question.since.is_none_or(|since| happened >= since)
            && self.question.until.is_none_or(|until| happened < until)
    }

    /// Calls `each` with the entries that name something, newest first, as far as the bounds allow.
    fn each(
        &mut self,
        mentions: &mut Mentions,
        mut each: impl FnMut(&mut Self, &Reading),
    ) -> Result<(), QueryError> {
        while !self.page.is_full()
            && let Some(index) = mentions.next(self.evidence)?
        {
            if !self.may_read(index) {
                self.answer.truncated = true;
                return Ok(());
            }
            if self.observed.contains(&index) {
                mentions.saw_snapshot();
                continue;
            }
            let reading = self.read(index)?;
            mentions.saw(&reading);
            if reading.erased.is_some() && reading.has(mentions.term()) {
                self.redact(index);
            }
            each(self, &reading);
        }
        Ok(())
    }

    fn redact(&mut self, index: LeafIndex) {
        if !self.redacted.contains(&index) {
            match self.page.place(NUMBER_BYTES, index) {
                Place::Behind => return,
                Place::Before => {}
                Place::Here => drop(self.answer.redacted.insert(index)),
            }
            self.redacted.insert(index);
        }
    }

    fn read(&mut self, index: LeafIndex) -> Result<Arc<Reading>, QueryError> {
        let reading = self.evidence.reading(index)?;
        if self.read.insert(index) {
            self.envelope_bytes = self.envelope_bytes.saturating_add(reading.entry.envelope_bytes);
        }
        Ok(reading)
    }

    fn may_read(&mut self, index: LeafIndex) -> bool {
        self.looks = self.looks.saturating_add(1);
        let within = self.read.len() < ENTRIES_MAX && self.envelope_bytes < ENVELOPE_BYTES_MAX;
        self.looks <= LOOKS_MAX && (within || self.read.contains(&index))
    }
}

/// What the statement of an entry is about: commits in their repository, where the statement names one.
fn subjects(reading: &Reading) -> BTreeSet<Node> {
    let ends = || reading.facts.edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
    let mut nodes = BTreeSet::new();
    for term in reading.terms.iter().filter(|term| term.field() == Field::Subject) {
        let Some(digest) = term.value().parse::<Digest>().ok().filter(Digest::usable) else { continue };
        let commits: BTreeSet<Node> = digest.commit_hex().map_or_else(BTreeSet::new, |hex| {
            let is = |node: &&Node| node.kind() == NodeKind::Commit && node.id().ends_with(hex);
            ends().filter(is).cloned().collect()
        });
        if commits.is_empty() {
            nodes.insert(Node::of_digest(&digest, None));
        }
        nodes.extend(commits);
    }
    nodes
}

fn node_bytes(node: &Node) -> usize {
    node.id().len().saturating_add(32)
}

#[cfg(test)]
mod tests;

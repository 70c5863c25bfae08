//! [`Walk`]: the way from a thing to what came from it, one entry a step.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use custody_evidence::digest_set::Digest;
use custody_evidence::fact::reach::{Onward, is_another, onward};
use custody_evidence::fact::{Edge, EdgeKind, Field, Node, NodeKind, Package, Term};
use custody_evidence::predicate::Name;
use custody_log::{LeafIndex, Timestamp, TreeSize};

use super::page::{Page, Place};
use super::part::Part;
use super::{Impact, Impacted, ImpactedEdge, Of, PARTS_BYTES_MAX, PARTS_MAX};
use crate::index::Reading;
use crate::query::ahead::Ahead;
use crate::query::error::QueryError;
use crate::query::evidence::Evidence;
use crate::query::mentions::{self, Mentions, PASSED_MAX, STEPS_MAX};

/// Entries that say the same of two nodes: the newest. More show no more.
pub(super) const ENTRIES_OF_AN_EDGE_MAX: usize = 4;
/// Entries that are read for one question.
pub(super) const ENTRIES_MAX: usize = 65_536;
/// Bytes of envelopes that are read for one question: 512 MiB, so some 4,000 SBOMs, which take some ten seconds.
pub(super) const ENVELOPE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Looks at entries for one question, those looked at again included: snapshots name the same artifacts again and again. At 1 us
/// where an entry was read for this question before, 0.8 seconds.
pub(super) const LOOKS_MAX: usize = 800_000;
/// What is kept of deployments and snapshots: 65,536 nodes and edges, such as 8,192 artifacts in eight environments. At some 290 bytes
/// each, 19 MB. What has no room is read again for what it is about.
pub(super) const SEEN_MAX: usize = 65_536;

/// A walk, between two of its pages or before the first.
///
/// It holds the parts that it found, at most [`super::PARTS_MAX`] of at most [`super::PARTS_BYTES_MAX`], and what it knows of where artifacts
/// run: some 80 MB at most.
#[derive(Debug)]
pub struct Walk {
    /// Without the place of a page.
    question: Impact,
    size: TreeSize,
    /// What is to be walked through.
    queue: VecDeque<Task>,
    current: Option<Current>,
    ahead: Ahead,
    /// Nodes, each with what it was reached from if that makes a difference; without it all its edges were followed.
    walked: BTreeSet<(Node, Option<Node>)>,
    /// The entries of each edge that are in the answer.
    edges: BTreeMap<Edge, BTreeSet<LeafIndex>>,
    /// The erased entries of the answer.
    redacted: BTreeSet<LeafIndex>,
    /// Parts of the answer that were found, and are on no page yet.
    waiting: VecDeque<Part>,
    page: Page,
    /// How many parts were found, and their bytes.
    found: (usize, usize),
    /// Whether there are more parts than there may be.
    is_over: bool,
    /// Whether a bound was hit.
    truncated: bool,
    /// How many redactions the log had when it began.
    redactions: Option<usize>,
    read: BTreeSet<LeafIndex>,
    /// Deployments and snapshots that were read: all that they say was taken at once, and is not looked for again.
    observed: BTreeSet<LeafIndex>,
    /// What they say of each node: by each edge the newest of them. No edge comes before all of a node's.
    seen: BTreeMap<(Node, Option<Edge>), Said>,
    envelope_bytes: u64,
    looks: usize,
    /// How many snapshots may still be passed over.
    passes: usize,
    /// How many looks at lists of snapshots are left.
    steps: usize,
    /// The names of environments, once they were asked for.
    environments: Option<Vec<Name>>,
}

/// What is to be done.
#[derive(Debug)]
enum Task {
    /// To follow the edges of a node.
    Node(Way),
    /// To follow the edges of the versions of a package that are meant.
    Package(Package),
    /// To take the subjects of the entries with this term: an identity signed or submitted them. Where something ran is told by other
    /// means: who records that did not make it.
    Signed(Term),
}

/// A node to walk through.
#[derive(Debug)]
struct Way {
    node: Node,
    /// Whether it is what was asked about.
    asked: bool,
    /// Of a package the bytes, or the place where they are, that it was reached from: what has others did not come from these.
    from: Option<Node>,
}

/// What is done now: some of the entries were read.
#[derive(Debug)]
struct Current {
    task: Task,
    mentions: Mentions,
}

/// What an entry is to an edge of it.
#[derive(Debug, Clone, Copy)]
struct Said {
    entry: LeafIndex,
    claimed: Option<Timestamp>,
    /// Whether it happened in the stretch of time that is asked about.
    within: bool,
}

impl Walk {
    /// Stands at the start, in front of the page that the question asks for.
    pub fn begin(question: &Impact, size: TreeSize) -> Self {
        let mut walk = Self {
            question: Impact { after: 0, ..question.clone() },
            size,
            queue: VecDeque::new(),
            current: None,
            ahead: Ahead::default(),
            walked: BTreeSet::new(),
            edges: BTreeMap::new(),
            redacted: BTreeSet::new(),
            waiting: VecDeque::new(),
            page: Page::after(question.after),
            found: (0, 0),
            is_over: false,
            truncated: false,
            redactions: None,
            read: BTreeSet::new(),
            observed: BTreeSet::new(),
            seen: BTreeMap::new(),
            envelope_bytes: 0,
            looks: 0,
            passes: PASSED_MAX,
            steps: STEPS_MAX,
            environments: None,
        };
        match &question.of {
            Of::Nodes(nodes) => {
                for node in nodes.iter().filter(|node| node.kind() == NodeKind::Identity) {
                    let terms = [Field::Signer, Field::Submitter].map(|field| Term::parse(field, node.id()));
                    walk.queue.extend(terms.into_iter().flatten().map(Task::Signed));
                }
                for node in nodes {
                    walk.push(node.clone(), true, None);
                }
            }
            Of::Package(package) => walk.queue.push_back(Task::Package(package.clone())),
        }
        walk
    }

    /// Whether the next page is the one that the question asks for, as of this size.
    #[must_use]
    pub fn leads_to(&self, question: &Impact, size: TreeSize) -> bool {
        let of = Impact { after: self.question.after, ..question.clone() };
        self.size == size && self.page.after_parts() == question.after && self.question == of
    }

    /// Returns how many entries were read to get here.
    #[must_use]
    pub fn read_so_far(&self) -> usize {
        self.read.len()
    }

    /// Whether both have the same page in front of them.
    #[must_use]
    pub fn is_where(&self, other: &Self) -> bool {
        self.leads_to(&Impact { after: other.page.after_parts(), ..other.question.clone() }, other.size)
    }

    /// Walks to the end of the next page. Returns it, and the walk if there may be another page. A page that is not full ends with the first
    /// step after `is_late`; the first one once it has a part. One that was not reached by then says that it is ahead, and the walk goes on to it.
    ///
    /// What was erased since the walk began is not shown: then it begins again, and the page does not follow those that showed it.
    pub fn page<E: Evidence + ?Sized>(
        mut self,
        evidence: &E,
        is_late: impl Fn() -> bool,
    ) -> Result<(Impacted, Option<Self>), QueryError> {
        let redactions = evidence.redactions();
        if self.redactions.is_some_and(|known| known != redactions) {
            let question = Impact { after: self.page.after_parts(), ..self.question };
            self = Self::begin(&question, self.size);
        }
        self.redactions = Some(redactions);
        let mut answer = Impacted::default();
        let mut goes = false;
        loop {
            while let Some(part) = self.waiting.pop_front() {
                match self.page.place(part.bytes(), &part) {
                    Place::Before => {}
                    Place::Here => part.put_into(&mut answer),
                    Place::Behind => {
                        self.waiting.push_front(part);
                        break;
                    }
                }
            }
            // Each page goes at least one step, however late it is.
            if self.page.ends_early(|| goes && is_late()) || !self.step(evidence)? {
                break;
            }
            goes = true;
        }
        (answer.next, answer.is_ahead) = (self.page.next(), self.page.is_ahead());
        if !answer.is_ahead {
            (answer.begins, answer.ends) = self.page.marks();
        }
        answer.truncated = self.truncated || answer.next.is_some();
        self.page.turn();
        let goes_on = answer.next.is_some();
        Ok((answer, goes_on.then_some(self)))
    }

    /// Reads one more entry, or turns to the next task. Returns whether there was anything to do.
    fn step<E: Evidence + ?Sized>(&mut self, evidence: &E) -> Result<bool, QueryError> {
        if self.is_over {
            return Ok(false);
        }
        let Some(mut current) = self.current.take() else { return self.start(evidence) };
        match (self.next(evidence, &mut current.mentions)?, &current.task) {
            (None, Task::Node(way)) => self.end(evidence, way, &current.mentions)?,
            (None, Task::Package(_) | Task::Signed(_)) => {}
            (Some(reading), task) => {
                match task {
                    Task::Node(way) => self.take_of_node(way, &reading),
                    Task::Package(package) => self.take_of_package(package, &reading),
                    Task::Signed(_) => self.take_subjects(&reading),
                }
                self.current = Some(current);
            }
        }
        Ok(true)
    }

    /// Turns to the next task, if there is one.
    fn start<E: Evidence + ?Sized>(&mut self, evidence: &E) -> Result<bool, QueryError> {
        let Some(task) = self.queue.pop_front() else { return Ok(false) };
        let mentions = match &task {
            Task::Node(way) => {
                // With it those that come next are looked up.
                let behind = self.queue.iter().filter_map(|task| match task {
                    Task::Node(way) => Some(&way.node),
                    Task::Package(_) | Task::Signed(_) => None,
                });
                self.ahead.look(evidence, &way.node, behind, self.size)?;
                Mentions::of(&way.node, self.size, self.passes, &mut self.ahead)?
            }
            Task::Package(package) => Some(Mentions::of_package(evidence, package, self.size)?),
            Task::Signed(term) => Some(Mentions::all(term.clone(), self.size)),
        };
        self.current = mentions.map(|mentions| Current { task, mentions });
        Ok(true)
    }

    /// Reads the next entry that names something, newest first, as far as the bounds allow.
    fn next<E: Evidence + ?Sized>(
        &mut self,
        evidence: &E,
        mentions: &mut Mentions,
    ) -> Result<Option<Arc<Reading>>, QueryError> {
        while let Some(index) = mentions.next(evidence)? {
            if !self.may_read(index) {
                self.truncated = true;
                return Ok(None);
            }
            if self.observed.contains(&index) {
                mentions.saw_snapshot();
                continue;
            }
            let reading = self.read(evidence, index)?;
            mentions.saw(&reading);
            if reading.erased.is_some() && reading.has(mentions.term()) {
                self.redact(index);
            }
            return Ok(Some(reading));
        }
        Ok(None)
    }

    fn take_of_node(&mut self, way: &Way, reading: &Reading) {
        let Way { node, asked, from } = way;
        if self.observes(node, reading) {
            return;
        }
        if from.as_ref().is_some_and(|from| is_another(node, from, &reading.facts.edges)) {
            return;
        }
        let edges = reading.facts.edges.iter().filter(|edge| edge.from == *node || edge.to == *node);
        let said = self.said(reading);
        for edge in edges {
            self.follow(node, *asked, edge, said);
        }
    }

    fn take_of_package(&mut self, package: &Package, reading: &Reading) {
        let said = self.said(reading);
        for edge in &reading.facts.edges {
            for node in [&edge.from, &edge.to] {
                if package.may_be(node) && !self.is_over {
                    self.walked.insert((node.clone(), None));
                    self.follow(node, true, edge, said);
                }
            }
        }
    }

    fn take_subjects(&mut self, reading: &Reading) {
        let administrative = reading.entry.administrative;
        if administrative || reading.facts.observation.is_some() || !self.is_within(reading) {
            return;
        }
        for node in subjects(reading) {
            if self.tell(Part::Signed(reading.entry.index, node.clone())) {
                self.push(node, false, None);
            }
        }
    }

    /// Takes what is left of a node once the entries that name it were read: what was passed over, and what deployments and snapshots say.
    fn end<E: Evidence + ?Sized>(
        &mut self,
        evidence: &E,
        Way { node, asked, .. }: &Way,
        mentions: &Mentions,
    ) -> Result<(), QueryError> {
        self.passes = mentions.left();
        self.truncated |= mentions.is_cut();
        let (erased, whole) = mentions.erased_of_passed(evidence, self.size)?;
        self.truncated |= !whole;
        for index in erased {
            self.redact(index);
        }
        if mentions.oldest_passed().is_some() {
            self.observe_elsewhere(evidence, node, mentions)?;
        }
        for (edge, said) in self.seen_of(node).map(|(edge, said)| (edge.clone(), said)).collect::<Vec<_>>() {
            self.follow(node, *asked, &edge, said);
        }
        Ok(())
    }

    /// Reads of each environment in which a node is not known to have run the newest snapshot that names it: others were passed over.
    fn observe_elsewhere<E: Evidence + ?Sized>(
        &mut self,
        evidence: &E,
        node: &Node,
        mentions: &Mentions,
    ) -> Result<(), QueryError> {
        let names = if let Some(names) = &self.environments {
            names.clone()
        } else {
            let (names, truncated) = mentions::environments(evidence, self.size)?;
            self.truncated |= truncated;
            self.environments.insert(names).clone()
        };
        // That it stopped there does not tell since when it ran.
        let known = self.seen_of(node).filter(|(edge, _)| edge.kind == EdgeKind::RunsIn);
        let known: BTreeSet<&str> = known.map(|(edge, _)| edge.to.id()).collect();
        let others: Vec<Name> = names.into_iter().filter(|name| !known.contains(name.as_str())).collect();
        let (newest, whole) = mentions.newest_in(evidence, &others, self.size, &mut self.steps)?;
        self.truncated |= !whole;
        for index in newest {
            if !self.may_read(index) {
                self.truncated = true;
                return Ok(());
            }
            if !self.observed.contains(&index) {
                let reading = self.read(evidence, index)?;
                self.observes(node, &reading);
            }
        }
        Ok(())
    }

    /// Returns what deployments and snapshots that were read say of a node.
    fn seen_of(&self, node: &Node) -> impl Iterator<Item = (&Edge, Said)> {
        let all = self.seen.range((node.clone(), None)..);
        let of = all.take_while(move |((of, _), _)| of == node);
        of.filter_map(|((_, edge), said)| Some((edge.as_ref()?, *said)))
    }

    /// Takes at once what a deployment or snapshot says of everything that it names: it may name hundreds of artifacts, and each of
    /// them is named by thousands of snapshots. Returns whether it is one. Where there is no room for all of it, what it says of `about` is
    /// taken, and it is read again for the others.
    fn observes(&mut self, about: &Node, reading: &Reading) -> bool {
        if reading.facts.observation.is_none() {
            return false;
        }
        let said = self.said(reading);
        let mut whole = true;
        for edge in &reading.facts.edges {
            for node in [&edge.from, &edge.to] {
                if [true, false].into_iter().all(|asked| onward(node, asked, edge) == Onward::Nowhere) {
                    continue;
                }
                let has_room = self.seen.len() < SEEN_MAX || node == about;
                match self.seen.entry((node.clone(), Some(edge.clone()))) {
                    Entry::Occupied(mut newest) if newest.get().entry < said.entry => {
                        newest.insert(said);
                    }
                    Entry::Occupied(_) => {}
                    Entry::Vacant(vacant) if has_room => {
                        vacant.insert(said);
                    }
                    Entry::Vacant(_) => whole = false,
                }
            }
        }
        if whole {
            self.observed.insert(said.entry);
        }
        true
    }

    fn said(&self, reading: &Reading) -> Said {
        let (entry, claimed) = (reading.entry.index, reading.facts.happened);
        Said { entry, claimed, within: self.is_within(reading) }
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
        let known = self.edges.get(edge);
        if known.is_some_and(|known| known.len() >= most || known.contains(&said.entry)) {
            return;
        }
        let (entry, claimed) = (said.entry, said.claimed);
        if !self.tell(Part::Edge(ImpactedEdge { edge: edge.clone(), entry, claimed })) {
            return;
        }
        self.edges.entry(edge.clone()).or_default().insert(entry);
        let other = if edge.from == *node { &edge.to } else { &edge.from };
        match onward {
            Onward::Walk => self.push(other.clone(), false, Some(node)),
            Onward::Same => self.push(other.clone(), true, None),
            Onward::Leaf | Onward::Nowhere => {}
        }
    }

    fn push(&mut self, node: Node, asked: bool, from: Option<&Node>) {
        let from = from.filter(|_| node.kind() == NodeKind::Component).cloned();
        if self.walked.contains(&(node.clone(), None)) {
            return;
        }
        if self.walked.insert((node.clone(), from.clone())) {
            self.queue.push_back(Task::Node(Way { node, asked, from }));
        }
    }

    fn redact(&mut self, index: LeafIndex) {
        if !self.redacted.contains(&index) && self.tell(Part::Redacted(index)) {
            self.redacted.insert(index);
        }
    }

    /// Takes a part into the answer, unless there are as many as may be: then the walk is over.
    fn tell(&mut self, part: Part) -> bool {
        let (parts, bytes) = (self.found.0 + 1, self.found.1.saturating_add(part.bytes()));
        self.is_over |= parts > PARTS_MAX || bytes > PARTS_BYTES_MAX;
        if self.is_over {
            self.truncated = true;
            return false;
        }
        self.found = (parts, bytes);
        self.waiting.push_back(part);
        true
    }

    /// Whether what an entry says happened in the stretch of time that is asked about.
    fn is_within(&self, reading: &Reading) -> bool {
        let happened = reading.happened();
        self.question.since.is_none_or(|since| happened >= since)
            && self.question.until.is_none_or(|until| happened < until)
    }

    fn read<E: Evidence + ?Sized>(
        &mut self,
        evidence: &E,
        index: LeafIndex,
    ) -> Result<Arc<Reading>, QueryError> {
        let reading = evidence.reading(index)?;
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

//! Gathers facts, within their limits.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use custody_log::Timestamp;

use super::{
    Called, EDGES_MAX, Edge, EdgeKind, Facts, Field, LABEL_MAX, Meant, Node, NodeKind, Problem, TOLD_MAX,
    Term, Told, WARNINGS_MAX, Warning,
};
use crate::digest_set::{Digest, Standing};
use crate::environment::{Artifact, Observation, Said};
use crate::predicate::Name;
use crate::repository::{GitUri, Repository};
use crate::statement::{Descriptor, Statement};
use crate::subject_name::{NameKind, digest_of_name};

/// Facts that are being gathered.
#[derive(Default)]
pub(super) struct Gather {
    facts: Facts,
    edges: Edges,
    /// Of several names of a node the first counts.
    labels: Vec<(Node, String)>,
    /// The nodes of each subject, in the order of the statement. A commit is in the repository that its subject names.
    subjects: Vec<BTreeSet<Node>>,
}

/// Edges that are being gathered. So few that they cannot be too many are put in order at the end, all at once.
enum Edges {
    /// Fewer than [`EDGES_MAX`], each as often as it was added.
    Listed(Vec<Edge>),
    /// Each once.
    Counted(BTreeSet<Edge>),
}

impl Default for Edges {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl Edges {
    fn add(&mut self, edge: Edge) {
        match self {
            Self::Counted(set) => {
                set.insert(edge);
            }
            Self::Listed(list) => {
                list.push(edge);
                if list.len() >= EDGES_MAX {
                    *self = Self::Counted(std::mem::take(list).into_iter().collect());
                }
            }
        }
    }

    fn full(&self) -> bool {
        matches!(self, Self::Counted(set) if set.len() >= EDGES_MAX)
    }

    fn in_order(self) -> BTreeSet<Edge> {
        match self {
            Self::Listed(list) => list.into_iter().collect(),
            Self::Counted(set) => set,
        }
    }
}

impl Gather {
    /// Adds an edge, unless there are too many: then the first that is left out is a warning, and [`Self::full`] holds.
    pub(super) fn edge(&mut self, from: &Node, kind: EdgeKind, to: &Node) {
        if !self.full() {
            self.edges.add(Edge { from: from.clone(), kind, to: to.clone() });
            if self.full() {
                self.warn("predicate", Problem::TooManyEdges);
            }
        }
    }

    /// Adds an edge from each node to each. Both are sets, or one node, so the work is bounded by the edges there can be.
    pub(super) fn edges<'n>(
        &mut self,
        from: impl IntoIterator<Item = &'n Node>,
        kind: EdgeKind,
        to: impl IntoIterator<Item = &'n Node, IntoIter: Clone>,
    ) {
        let to = to.into_iter();
        for from in from {
            for to in to.clone() {
                if self.full() {
                    return;
                }
                self.edge(from, kind, to);
            }
        }
    }

    /// Whether no edge can be added any more.
    pub(super) fn full(&self) -> bool {
        self.edges.full()
    }

    pub(super) fn term(&mut self, term: Term) {
        self.facts.terms.insert(term);
    }

    pub(super) fn term_all(&mut self, terms: impl IntoIterator<Item = Term>) {
        self.facts.terms.extend(terms);
    }

    pub(super) fn warn(&mut self, path: &str, problem: impl Into<Problem>) {
        let warnings = &mut self.facts.warnings;
        match warnings.len() {
            // One place is left for the warning that says that there are more.
            0..WARNINGS_LAST => warnings.push(Warning { path: path.to_owned(), problem: problem.into() }),
            WARNINGS_LAST => {
                warnings.push(Warning { path: String::new(), problem: Problem::TooManyWarnings });
            }
            _ => {}
        }
    }

    /// Names a node for people; the first name stays.
    pub(super) fn label(&mut self, node: &Node, text: &str) {
        let plain = text.len() <= LABEL_MAX && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let label = if plain { Cow::Borrowed(text) } else { Cow::Owned(shown(text)) };
        if !label.trim().is_empty() {
            self.labels.push((node.clone(), label.trim().to_owned()));
        }
    }

    /// Returns the node with this name; a name that cannot be one is a warning.
    pub(super) fn named(&mut self, path: &str, kind: NodeKind, text: &str) -> Option<Node> {
        let node = Node::named(kind, text);
        if node.is_none() {
            self.warn(path, Problem::Name { found: text.chars().take(80).collect() });
        }
        node
    }

    /// Adds a claimed time; returns it if it is one.
    pub(super) fn time(&mut self, path: &str, text: &str) -> Option<Timestamp> {
        match Timestamp::parse_rfc3339(text) {
            Ok(time) => {
                self.claimed(path, time);
                Some(time)
            }
            Err(error) => {
                self.warn(path, error);
                None
            }
        }
    }

    pub(super) fn claimed(&mut self, path: &str, time: Timestamp) {
        self.facts.times.push((path.to_owned(), time));
    }

    /// Says when it happened.
    pub(super) fn happened(&mut self, time: Option<Timestamp>) {
        self.facts.happened = time;
    }

    /// Whether it is said when it happened.
    pub(super) fn has_happened(&self) -> bool {
        self.facts.happened.is_some()
    }

    /// Returns what is told beside the edges.
    pub(super) const fn told(&mut self) -> &mut Told {
        &mut self.facts.told
    }

    /// Says what some bytes are called; the entry is found by the name.
    pub(super) fn called(&mut self, called: Option<Called>) {
        let Some(called) = called.filter(|_| self.facts.told.called.len() < TOLD_MAX) else { return };
        self.term(Term::of(Field::Name, called.name.clone()));
        self.facts.told.called.push(called);
    }

    /// Says what each subject is called, by its own name.
    pub(super) fn called_by_subjects(&mut self, statement: &Statement<'_>, repository: Option<&str>) {
        for (position, subject) in statement.subjects().iter().enumerate() {
            let name = subject.name().unwrap_or_default();
            self.called(Called::subject(name, repository, self.subject(position)));
        }
    }

    /// Says what a reference meant. A commit is one whatever its repository is called.
    pub(super) fn meant(&mut self, reference: &Node, digest: &Digest) {
        if self.facts.told.meant.len() < TOLD_MAX {
            let bytes = Node::of_digest(digest, None);
            self.facts.told.meant.insert(Meant { reference: reference.clone(), bytes });
        }
    }

    /// Says what the statement says of an environment.
    pub(super) fn observed(&mut self, environment: &Name, said: Said) {
        self.facts.observation = Some(Arc::new(Observation { environment: environment.clone(), said }));
    }

    /// Returns what the subjects are: each by its usable digests.
    #[expect(clippy::unused_self, reason = "reads like the other ways to subjects")]
    pub(super) fn artifacts(&self, statement: &Statement<'_>) -> Vec<Artifact> {
        Artifact::distinct(
            statement.subjects().iter().filter_map(|subject| Artifact::new(subject.usable().iter().cloned())),
        )
    }

    pub(super) fn components(&mut self, count: usize) {
        self.facts.components = Some(count);
    }

    /// Warns of digests that are kept but carry no evidence because their value does not fit.
    pub(super) fn malformed(&mut self, path: &str, descriptor: &Descriptor) {
        for digest in descriptor.digests() {
            self.malformed_digest(format_args!("{path}.digest"), digest);
        }
    }

    /// The same of one digest. The path is written for those that do not fit alone: hardly any.
    pub(super) fn malformed_digest(&mut self, path: fmt::Arguments<'_>, digest: &Digest) {
        if digest.standing() == Standing::Malformed {
            self.warn(&path.to_string(), Problem::MalformedDigest { digest: digest.clone() });
        }
    }

    /// Returns the nodes of a descriptor's usable digests. A commit is in the repository given, or else in that of the
    /// descriptor's git URI.
    #[expect(clippy::unused_self, reason = "reads like the other ways to nodes")]
    pub(super) fn nodes(&self, descriptor: &Descriptor, repository: Option<&Repository>) -> BTreeSet<Node> {
        let repository = repository.or(descriptor.git_uri().map(GitUri::repository));
        descriptor.usable().iter().map(|digest| Node::of_digest(digest, repository)).collect()
    }

    /// Takes the next subject of the statement in, and returns its nodes.
    pub(super) fn add_subject(&mut self, subject: &Descriptor) -> BTreeSet<Node> {
        let nodes = self.nodes(subject, None);
        self.subjects.push(nodes.clone());
        nodes
    }

    /// Returns the nodes of the subject at this position.
    pub(super) fn subject(&self, position: usize) -> BTreeSet<Node> {
        self.subjects.get(position).cloned().unwrap_or_default()
    }

    /// Returns the nodes of all subjects.
    pub(super) fn subjects(
        &self,
        statement: &Statement<'_>,
        repository: Option<&Repository>,
    ) -> BTreeSet<Node> {
        match repository {
            None => self.subjects.iter().flatten().cloned().collect(),
            Some(_) => {
                statement.subjects().iter().flat_map(|subject| self.nodes(subject, repository)).collect()
            }
        }
    }

    /// Returns the nodes of the subjects that have this digest; that there is none is a warning. Evidence counts only
    /// for what the statement lists.
    pub(super) fn subjects_with(
        &mut self,
        statement: &Statement<'_>,
        path: &str,
        digest: &Digest,
    ) -> BTreeSet<Node> {
        let subjects = statement.subjects().iter().zip(&self.subjects);
        let subjects = subjects.filter(|(subject, _)| subject.usable().contains(digest));
        let nodes: BTreeSet<Node> = subjects.flat_map(|(_, nodes)| nodes).cloned().collect();
        if nodes.is_empty() {
            self.warn(path, Problem::NotSubject { named: digest.to_string() });
        }
        nodes
    }

    /// Whether a subject is what has this name and no bytes; that none is a warning.
    pub(super) fn is_subject(
        &mut self,
        statement: &Statement<'_>,
        path: &str,
        kind: NameKind,
        name: &str,
    ) -> bool {
        let digest = digest_of_name(kind, name);
        let listed = statement.subjects().iter().any(|subject| subject.digests().contains(&digest));
        if !listed {
            self.warn(path, Problem::NotSubject { named: format!("the {kind} {name}") });
        }
        listed
    }

    /// Several usable digests of one thing are the same thing.
    pub(super) fn same(&mut self, descriptor: &Descriptor) {
        if let [_, _, ..] = descriptor.usable() {
            let nodes: BTreeSet<Node> = descriptor.usable().iter().map(Node::artifact).collect();
            self.same_bytes(&nodes);
        }
    }

    /// An edge from the first of the nodes of usable digests, given in order, to each other. Git objects are left out: a commit and its tree
    /// are two things.
    pub(super) fn same_bytes<'n>(&mut self, nodes: impl IntoIterator<Item = &'n Node>) {
        let mut nodes = nodes.into_iter().filter(|node| !node.id().starts_with("git"));
        if let Some(first) = nodes.next() {
            nodes.for_each(|other| self.edge(first, EdgeKind::SameAs, other));
        }
    }

    pub(super) fn done(self, interpreted: bool) -> Facts {
        let Self { facts, edges, mut labels, .. } = self;
        // In their order where they are equal, so that the first is kept.
        labels.sort_by(|(one, _), (other, _)| one.cmp(other));
        labels.dedup_by(|(later, _), (first, _)| later == first);
        let labels = labels.into_iter().collect();
        Facts { edges: edges.in_order(), labels, interpreted, ..facts }
    }
}

const WARNINGS_LAST: usize = WARNINGS_MAX - 1;

/// The start of a text on one line, without what is not seen.
fn shown(text: &str) -> String {
    let spaced = |c: char| if c.is_control() || is_invisible(c) { ' ' } else { c };
    text.chars().take(LABEL_MAX).map(spaced).collect()
}

/// Characters that change how the text around them is shown (Unicode's bidirectional and zero-width ones): with them, a
/// name could look like another.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

//! `resolve`: which nodes a person's text stands for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{Field, Node, NodeKind, Term};
use custody_evidence::purl::Purl;
use custody_evidence::repository::Repository;
use custody_evidence::thing::{HexPrefix, Thing};
use custody_log::{LeafIndex, TreeSize};

use super::error::QueryError;
use super::evidence::Evidence;
use super::postings::Newest;
use crate::index::Reading;

/// Nodes in one answer: more candidates help nobody to choose. With ids of 2 KB they are below 40 KB.
pub const NODES_MAX: usize = 16;
/// Texts in one question: the two digests of a file and of the file trimmed, and room.
pub const THINGS_MAX: usize = 16;
/// Entries that are read for one question, to find the nodes behind its terms: the versions of a package, the
/// repositories of a commit.
const ENTRIES_MAX: usize = 1_024;
/// Bytes of their envelopes: at 15 to 80 ns a byte, half a second to three. The envelope that goes beyond it, of at
/// most 64 MiB, is read to its end.
const ENVELOPE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Looks at entries for one question, those looked at again included: at about 20 us each, and 20 to 30 us for a look-up in a
/// log of a million entries, of which 64 entries come: 0.4 seconds, or one where each look-up names but one.
const LOOKS_MAX: usize = 20_000;

/// The kinds of node that are named by free text.
const NAMED: [NodeKind; 8] = [
    NodeKind::Builder,
    NodeKind::Environment,
    NodeKind::Identity,
    NodeKind::Policy,
    NodeKind::Ref,
    NodeKind::Run,
    NodeKind::Secret,
    NodeKind::Vulnerability,
];

/// Returns the nodes that the first of `things` to fit anything stands for: they are texts for one thing, such as the
/// digests of a file. None: nothing is known. More than one: the text is ambiguous. At most [`NODES_MAX`], and those
/// that the newest entries name, as far as the bounds allow to read.
pub fn resolve<E: Evidence + ?Sized>(
    evidence: &E,
    things: &[Thing],
    size: TreeSize,
) -> Result<Vec<Node>, QueryError> {
    let mut search =
        Search { evidence, size, read: BTreeMap::new(), envelope_bytes: 0, looks: 0, spent: false };
    for thing in things.iter().take(THINGS_MAX) {
        let nodes = search.nodes(thing)?;
        if !nodes.is_empty() {
            return Ok(nodes.into_iter().take(NODES_MAX).collect());
        }
    }
    if search.spent {
        let (entries, bytes) = (search.read.len(), search.envelope_bytes);
        return Err(QueryError::TooMuch { entries, bytes });
    }
    Ok(Vec::new())
}

struct Search<'a, E: ?Sized> {
    evidence: &'a E,
    size: TreeSize,
    /// What was read, so that nothing is read twice. The bounds below are bounds of this memory too.
    read: BTreeMap<LeafIndex, Arc<Reading>>,
    envelope_bytes: u64,
    looks: usize,
    /// Whether a bound was hit.
    spent: bool,
}

type Nodes = BTreeSet<Node>;

impl<E: Evidence + ?Sized> Search<'_, E> {
    fn nodes(&mut self, thing: &Thing) -> Result<Nodes, QueryError> {
        match thing {
            Thing::Commit { repository: None, hex } => self.commits(hex),
            Thing::Commit { repository: Some(repository), hex } => {
                let mut nodes = self.commits(hex)?;
                nodes.retain(|node| node.id().starts_with("gitCommit:") || is_in(node, repository));
                Ok(nodes)
            }
            Thing::Digest(digest) | Thing::Image { digest, .. } => self.digest(digest),
            Thing::Entry(index) => self.subjects(*index),
            Thing::KeyId(key) => self.key(&format!("key:{key}")),
            // Files are hashed by whoever has them; a name may still look like one.
            Thing::Name(text) | Thing::Path(text) | Thing::Url(text) => self.named(NAMED, text),
            Thing::Prefix(prefix) => self.prefix(prefix),
            Thing::Purl(purl) => self.components(purl),
        }
    }

    /// Bytes: an artifact, a document, or both.
    fn digest(&mut self, digest: &Digest) -> Result<Nodes, QueryError> {
        if let Some(hex) = digest.commit_hex() {
            return self.commits(hex);
        }
        let text = digest.to_string();
        let mut nodes = Nodes::new();
        if self.any(Field::Artifact, &text)? || self.any(Field::Subject, &text)? {
            nodes.insert(Node::artifact(digest));
        }
        if self.any(Field::Document, &text)? {
            nodes.insert(Node::document(digest));
        }
        Ok(nodes)
    }

    /// The commit in each repository that has it, and as statements name it without one: the digits say which commit it is.
    fn commits(&mut self, hex: &str) -> Result<Nodes, QueryError> {
        let mut nodes = Nodes::new();
        self.look(&Term::parse(Field::Commit, hex)?, |reading| {
            let commits = ends(reading).filter(|node| node.kind() == NodeKind::Commit);
            nodes.extend(commits.filter(|node| digits(node.id()) == hex).cloned());
            nodes.len() <= NODES_MAX
        })?;
        let bare = format!("gitCommit:{hex}");
        if nodes.is_empty() && self.any(Field::Subject, &bare)? {
            nodes.extend(Node::named(NodeKind::Commit, &bare));
        }
        Ok(nodes)
    }

    fn key(&mut self, text: &str) -> Result<Nodes, QueryError> {
        let known = self.any(Field::Identity, text)? || self.any(Field::Signer, text)?;
        Ok(known.then(|| Node::named(NodeKind::Identity, text)).flatten().into_iter().collect())
    }

    /// The nodes of these kinds with this text.
    fn named(&mut self, kinds: impl IntoIterator<Item = NodeKind>, text: &str) -> Result<Nodes, QueryError> {
        let (mut nodes, mut spelled) = (Nodes::new(), Nodes::new());
        for node in kinds.into_iter().filter_map(|kind| Node::named(kind, text)) {
            if matches!(node.kind(), NodeKind::Ref | NodeKind::Run) {
                spelled.extend(self.spelled(&node)?);
                continue;
            }
            // Who signed or submitted is an identity whether or not a statement names it.
            let mut terms: Vec<(Field, String)> =
                node.terms().iter().take(1).map(|term| (term.field(), term.value().to_owned())).collect();
            if node.kind() == NodeKind::Identity {
                terms.extend([Field::Signer, Field::Submitter].map(|field| (field, node.id().to_owned())));
            }
            for (field, value) in terms {
                if self.any(field, &value)? {
                    nodes.insert(node.clone());
                    break;
                }
            }
        }
        // An environment `staging` is meant before a branch of that name in some repository.
        if nodes.is_empty() || spelled.iter().any(|node| node.id() == text.trim()) {
            nodes.extend(spelled);
        }
        Ok(nodes)
    }

    /// The references with any spelling of this one, and the attempts of this run, as entries name them.
    fn spelled(&mut self, asked: &Node) -> Result<Nodes, QueryError> {
        let mut nodes = Nodes::new();
        let Some(term) = asked.asked_by() else { return Ok(nodes) };
        self.look(&term, |reading| {
            let same =
                ends(reading).filter(|node| node.kind() == asked.kind() && node.terms().contains(&term));
            nodes.extend(same.cloned());
            nodes.len() <= NODES_MAX
        })?;
        // What is named without an edge is known all the same.
        if nodes.is_empty() && self.any(term.field(), term.value())? {
            nodes.insert(asked.clone());
        }
        Ok(nodes)
    }

    /// What the statement of an entry is about.
    fn subjects(&mut self, index: LeafIndex) -> Result<Nodes, QueryError> {
        if !self.size.contains(index) {
            return Ok(Nodes::new());
        }
        let mut nodes = Nodes::new();
        let Some(reading) = self.reading(index)? else { return Ok(nodes) };
        for term in reading.terms.iter().filter(|term| term.field() == Field::Subject) {
            let Ok(digest) = term.value().parse::<Digest>() else { continue };
            let commits: Nodes = digest.commit_hex().map_or_else(Nodes::new, |hex| {
                let commits = ends(&reading).filter(|node| node.kind() == NodeKind::Commit);
                commits.filter(|node| digits(node.id()) == hex).cloned().collect()
            });
            if commits.is_empty() {
                nodes.insert(Node::of_digest(&digest, None));
            }
            nodes.extend(commits);
        }
        Ok(nodes)
    }

    /// Digests, commits and keys that start with these digits.
    fn prefix(&mut self, prefix: &HexPrefix) -> Result<Nodes, QueryError> {
        let mut nodes = Nodes::new();
        let limit = NODES_MAX.saturating_add(1);
        for index in self.evidence.by_digest_prefix(prefix, self.size, limit)? {
            let Some(reading) = self.reading(index)? else { break };
            let fits = |term: &&Term| digits(term.value()).starts_with(prefix.as_str());
            for term in reading.terms.iter().filter(fits) {
                if nodes.len() > NODES_MAX || self.spent {
                    return Ok(nodes);
                }
                match (term.field(), term.value().parse::<Digest>()) {
                    (Field::Artifact | Field::Document | Field::Subject, Ok(digest)) => {
                        nodes.extend(self.digest(&digest)?);
                    }
                    (Field::Commit, _) => nodes.extend(self.commits(digits(term.value()))?),
                    (Field::Identity | Field::Signer, _) if term.value().starts_with("key:") => {
                        nodes.extend(self.key(term.value())?);
                    }
                    _ => {}
                }
            }
        }
        Ok(nodes)
    }

    /// The component with exactly this text; else those of this package and, if it is given, this version.
    fn components(&mut self, purl: &Purl) -> Result<Nodes, QueryError> {
        let exact = Node::component(purl);
        let mut nodes = Nodes::new();
        let complete = self.look(&Term::parse(Field::Component, purl.as_str())?, |reading| {
            let components = ends(reading).filter(|node| node.kind() == NodeKind::Component);
            let fit = components.filter(|node| node.id().parse().is_ok_and(|found| purl.includes(&found)));
            nodes.extend(fit.cloned());
            !nodes.contains(&exact) && nodes.len() <= NODES_MAX
        })?;
        // Not found among the newest of very many is not unknown.
        if nodes.contains(&exact) || (nodes.is_empty() && !complete && purl.version().is_some()) {
            return Ok(Nodes::from([exact]));
        }
        Ok(nodes)
    }

    /// Whether an entry has this term.
    fn any(&mut self, field: Field, text: &str) -> Result<bool, QueryError> {
        let Ok(term) = Term::parse(field, text) else { return Ok(false) };
        let mut found = false;
        self.look(&term, |_| {
            found = true;
            false
        })?;
        Ok(found)
    }

    /// Calls `each` with the entries that have the term, newest first, until it returns false. Returns whether there
    /// are no others: false if it was stopped, or a bound was hit.
    fn look(&mut self, term: &Term, mut each: impl FnMut(&Reading) -> bool) -> Result<bool, QueryError> {
        for index in Newest::of(self.evidence, term.clone(), self.size) {
            let Some(reading) = self.reading(index?)? else { return Ok(false) };
            if reading.has(term) && !each(&reading) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What an entry says; none when the bounds do not allow to read it.
    fn reading(&mut self, index: LeafIndex) -> Result<Option<Arc<Reading>>, QueryError> {
        self.looks = self.looks.saturating_add(1);
        let known = self.read.get(&index).cloned();
        let within = self.read.len() < ENTRIES_MAX && self.envelope_bytes < ENVELOPE_BYTES_MAX;
        if self.looks > LOOKS_MAX || (known.is_none() && !within) {
            self.spent = true;
            return Ok(None);
        }
        if known.is_some() {
            return Ok(known);
        }
        let reading = self.evidence.reading(index)?;
        self.envelope_bytes = self.envelope_bytes.saturating_add(reading.entry.envelope_bytes);
        self.read.insert(index, Arc::clone(&reading));
        Ok(Some(reading))
    }
}

/// Whether a commit is named in this repository, which may be written as GitHub's own tools do: `acme/api`.
fn is_in(commit: &Node, repository: &Repository) -> bool {
    let named = commit.id().rsplit_once('@').map(|(named, _)| named);
    named.is_some_and(|named| repository.spellings().any(|spelling| spelling.as_str() == named))
}

/// The nodes of all edges of an entry.
fn ends(reading: &Reading) -> impl Iterator<Item = &Node> {
    reading.facts.edges.iter().flat_map(|edge| [&edge.from, &edge.to])
}

/// What stands after the last `:` or `@`: the hex digits of a digest, a commit or a key.
fn digits(text: &str) -> &str {
    text.rsplit([':', '@']).next().unwrap_or(text)
}

#[cfg(test)]
mod tests;

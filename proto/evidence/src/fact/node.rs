//! Nodes: what facts are about, each with one text that identifies it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::reference;
use super::term::{Field, Term};
use super::word::words;
use crate::digest_set::Digest;
use crate::predicate::one_run;
use crate::purl::Purl;
use crate::repository::{GitUri, Repository, folded};

words! {
    /// What kind of thing a node is.
    pub enum NodeKind {
        /// Bytes, by digest: `sha256:<hex>`. Two digests are two nodes, always.
        Artifact = "artifact",
        /// Who or what ran a build: the builder's URI.
        Builder = "builder",
        /// A commit: `<repository>@<hex>`, or `gitCommit:<hex>` if no repository is named.
        Commit = "commit",
        /// A package: its canonical package URL.
        Component = "component",
        /// An SBOM or report, by the digest of its own bytes: `sha256:<hex>`.
        Document = "document",
        /// Where artifacts run, or a gate they pass: its name.
        Environment = "environment",
        /// A person, a service or a key, as the statement writes it.
        Identity = "identity",
        /// A gate's policy.
        Policy = "policy",
        /// A mutable name: `<repository>@refs/heads/main`, `alpine:latest`, a download URL.
        Ref = "ref",
        /// One run of a build.
        Run = "run",
        /// A secret, by name.
        Secret = "secret",
        /// A vulnerability, by id.
        Vulnerability = "vulnerability",
    }
}

/// A thing that facts are about. Copies share the id: one node is in up to [`super::EDGES_MAX`] edges.
#[derive(Clone)]
pub struct Node {
    kind: NodeKind,
    /// How much of a package URL is type, namespace and name; 0 if that is not known. It follows from the id.
    versionless: u16,
    id: Arc<str>,
}

impl Node {
    /// The longest text that identifies a node: a repository ([`Repository::MAX_LEN`]) with a reference of the same
    /// length, and a package URL ([`Purl::MAX_LEN`]).
    pub const ID_MAX: usize = 2 * Repository::MAX_LEN + 1;

    fn of(kind: NodeKind, id: &str) -> Self {
        Self { kind, versionless: 0, id: id.into() }
    }

    /// Returns the node of bytes, or of a git object that is no commit.
    #[must_use]
    pub fn artifact(digest: &Digest) -> Self {
        Self::of(NodeKind::Artifact, &[digest.algorithm(), ":", digest.value()].concat())
    }

    /// Returns the node of a digest: a commit for `gitCommit`, else an artifact.
    #[must_use]
    pub fn of_digest(digest: &Digest, repository: Option<&Repository>) -> Self {
        match (digest.commit_hex(), repository) {
            (Some(hex), Some(repository)) => Self::of(NodeKind::Commit, &format!("{repository}@{hex}")),
            (Some(_), None) => Self::of(NodeKind::Commit, &digest.to_string()),
            (None, _) => Self::artifact(digest),
        }
    }

    /// Returns the node of a package.
    #[must_use]
    pub fn component(purl: &Purl) -> Self {
        let versionless = u16::try_from(purl.versionless().len()).unwrap_or(0);
        Self { versionless, ..Self::of(NodeKind::Component, purl.as_str()) }
    }

    /// Returns a package as its URL without version, qualifiers and subpath, and its version as it is written in the URL, empty if there is
    /// none; none of what is no package.
    #[must_use]
    pub fn package(&self) -> Option<(&str, &str)> {
        let length = match (self.kind, usize::from(self.versionless)) {
            (NodeKind::Component, 0) => self.id().parse::<Purl>().ok()?.versionless().len(),
            (NodeKind::Component, length) => length,
            _ => return None,
        };
        let (name, rest) = self.id().split_at_checked(length)?;
        let version = rest.strip_prefix('@').unwrap_or_default();
        Some((name, version.split(['?', '#']).next().unwrap_or_default()))
    }

    /// Returns the node of a document, by the digest of its bytes.
    #[must_use]
    pub fn document(digest: &Digest) -> Self {
        Self::of(NodeKind::Document, &digest.to_string())
    }

    /// Returns the node of a run that no one named: `unnamed:sha256:<hex>` of the predicate that describes it.
    #[must_use]
    pub fn unnamed_run(predicate: &[u8]) -> Self {
        Self::of(NodeKind::Run, &format!("unnamed:{}", Digest::sha256_of(predicate)))
    }

    /// Returns the node of a reference in a repository.
    #[must_use]
    pub fn git_ref(repository: &Repository, reference: &str) -> Option<Self> {
        Self::named(NodeKind::Ref, &format!("{repository}@{reference}"))
    }

    /// Returns the node of the branch or tag that a URI names; none if it names none.
    #[must_use]
    pub(super) fn ref_of(uri: &GitUri) -> Option<Self> {
        Self::git_ref(uri.repository(), uri.reference()?)
    }

    /// Returns the node with this kind and text, trimmed; none if the text is empty, longer than [`Self::ID_MAX`], or
    /// has control characters. Reads back what [`Self::id`] gave.
    #[must_use]
    pub fn named(kind: NodeKind, text: &str) -> Option<Self> {
        let id = match kind {
            NodeKind::Run => folded(text.trim()),
            NodeKind::Vulnerability => vulnerability(text.trim()),
            _ => Cow::Borrowed(text.trim()),
        };
        Self::can_be_named(text).then(|| Self::of(kind, &id))
    }

    /// Returns whether [`Self::named`] makes a node of this text.
    #[must_use]
    pub(super) fn can_be_named(text: &str) -> bool {
        let id = text.trim();
        !id.is_empty() && id.len() <= Self::ID_MAX && !id.chars().any(char::is_control)
    }

    /// Returns the kind.
    #[must_use]
    pub const fn kind(&self) -> NodeKind {
        self.kind
    }

    /// Returns the text that identifies the node among those of its kind.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the terms by which entries with this node are found. Everything that has an edge with the node has each
    /// of these terms; some of them (bare hex of a commit, a component without version) also find others.
    #[must_use]
    pub fn terms(&self) -> Vec<Term> {
        let mut terms = Vec::new();
        self.each_term(&mut |field, value| terms.push(Term::of(field, value.to_owned())));
        terms
    }

    /// Hands out the same terms, each as its field and its value.
    pub(super) fn each_term(&self, each: &mut dyn FnMut(Field, &str)) {
        match self.kind {
            NodeKind::Artifact => each(Field::Artifact, &self.id),
            NodeKind::Builder => each(Field::Builder, &self.id),
            NodeKind::Commit => self.commit_terms(each),
            NodeKind::Component => {
                let name = self.package().map_or(self.id(), |(name, _)| name);
                each(Field::Component, name);
            }
            NodeKind::Document => each(Field::Document, &self.id),
            NodeKind::Environment => each(Field::Environment, &self.id),
            NodeKind::Identity => each(Field::Identity, &self.id),
            NodeKind::Policy => each(Field::Policy, &self.id),
            NodeKind::Ref => reference::names_asked(&self.id).iter().for_each(|name| each(Field::Ref, name)),
            NodeKind::Run => self.run_terms(each),
            NodeKind::Secret => each(Field::Secret, &self.id),
            NodeKind::Vulnerability => each(Field::Vulnerability, &self.id),
        }
    }

    /// Whether two references are of one repository, or are one image: both were asked for by one text then.
    #[must_use]
    pub fn shares_place(&self, other: &Self) -> bool {
        self == other
            || reference::place(self.id()).is_some_and(|place| Some(place) == reference::place(other.id()))
    }

    /// Returns the one term by which everything is found that a person means who names this node; none for a kind whose own term does
    /// not say that.
    #[must_use]
    pub fn asked_by(&self) -> Option<Term> {
        let field = match self.kind {
            NodeKind::Ref => Field::Ref,
            NodeKind::Run => Field::Run,
            _ => return None,
        };
        Term::parse(field, self.id()).ok()
    }

    /// `<repository>@<hex>`, the bare hex, and the repository; of `gitCommit:<hex>` only the bare hex.
    fn commit_terms(&self, each: &mut dyn FnMut(Field, &str)) {
        if let Some(hex) = self.id.strip_prefix("gitCommit:") {
            return each(Field::Commit, hex);
        }
        let (repository, hex) = self.id.rsplit_once('@').unwrap_or(("", &self.id));
        each(Field::Commit, &self.id);
        each(Field::Commit, hex);
        if !repository.is_empty() {
            each(Field::Repository, repository);
        }
    }

    /// The run, and the whole of it where it is one of its attempts.
    fn run_terms(&self, each: &mut dyn FnMut(Field, &str)) {
        let asked = asked_run(self.id());
        each(Field::Run, &self.id);
        if asked != self.id() {
            each(Field::Run, &asked);
        }
        if let Some(whole) = whole_run(&asked) {
            each(Field::Run, whole);
        }
    }
}

/// Returns the run that a person means by the address of one of its pages: GitHub and GitLab put a job, a step or a line behind it
/// (`.../actions/runs/4711/job/991#step:4:12`, `.../-/jobs/5#L20`). Any other text is itself.
pub(super) fn asked_run(text: &str) -> Cow<'_, str> {
    match folded(one_run(text)) {
        Cow::Borrowed(text) => Cow::Borrowed(of_page(text)),
        Cow::Owned(text) => Cow::Owned(of_page(&text).to_owned()),
    }
}

fn of_page(text: &str) -> &str {
    let parts = ["/actions/runs/", "/-/jobs/", "/-/pipelines/"];
    let Some(part) = parts.iter().find(|part| text.contains(**part)) else { return text };
    let start = text.find(part).map_or(0, |at| at + part.len());
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.bytes().take_while(u8::is_ascii_digit).count()
    };
    let number = digits(start);
    let behind = |from: usize| text.get(from..).unwrap_or_default();
    let attempt = behind(number).strip_prefix("/attempts/").map(|_| digits(number + "/attempts/".len()));
    let end = attempt.unwrap_or(number);
    let is_page = ["?", "#", "/job/"].iter().any(|mark| behind(end).starts_with(mark));
    let complete = number > start && !behind(end.saturating_sub(1)).starts_with('/');
    text.get(..end).filter(|_| is_page && complete).unwrap_or(text)
}

/// Returns the run that this is an attempt of: the URL before `/attempts/<number>`; none if it is no attempt.
pub(crate) fn whole_run(run: &str) -> Option<&str> {
    let (whole, attempt) = run.rsplit_once("/attempts/")?;
    (attempt.bytes().all(|byte| byte.is_ascii_digit()) && !attempt.is_empty()).then_some(whole)
}

/// The id of a vulnerability as its database writes it: people write it in any case.
fn vulnerability(id: &str) -> Cow<'_, str> {
    let starts = |prefix: &str| id.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    if starts("CVE-") {
        return Cow::Owned(id.to_ascii_uppercase());
    }
    match id.get("GHSA-".len()..).filter(|_| starts("GHSA-")) {
        Some(rest) => Cow::Owned(format!("GHSA-{}", rest.to_ascii_lowercase())),
        None => Cow::Borrowed(id),
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Node {}

impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Node {
    fn cmp(&self, other: &Self) -> Ordering {
        // Edges are sorted, and most of those side by side share their nodes: then no text is read.
        let id = || if Arc::ptr_eq(&self.id, &other.id) { Ordering::Equal } else { self.id.cmp(&other.id) };
        self.kind.cmp(&other.kind).then_with(id)
    }
}

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
        self.id.hash(state);
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_meant_by_each_of_its_pages_and_by_no_other_text() {
        let run = "https://github.com/acme/api/actions/runs/4711";
        for (page, meant) in [
            ("", ""),
            ("/", ""),
            ("?pr=7", ""),
            ("#artifacts", ""),
            ("/job/991", ""),
            ("/job/991?pr=7#step:4:12", ""),
            ("/attempts/2", "/attempts/2"),
            ("/attempts/2#summary-1", "/attempts/2"),
            ("/attempts/2/job/991", "/attempts/2"),
            ("/attempts/", "/attempts"),
            ("/attempts/#x", "/attempts/#x"),
            ("/usage", "/usage"),
            ("x#y", "x#y"),
        ] {
            assert_eq!(asked_run(&format!("{run}{page}")), format!("{run}{meant}"), "{page}");
        }
        for (text, meant) in [
            ("https://gitlab.com/acme/api/-/jobs/5#L20", "https://gitlab.com/acme/api/-/jobs/5"),
            ("https://GitLab.com/acme/api/-/jobs/5", "https://gitlab.com/acme/api/-/jobs/5"),
            (
                "https://github.com/Acme/API/actions/runs/5/job/7",
                "https://github.com/acme/api/actions/runs/5",
            ),
            ("https://www.github.com/acme/api/actions/runs/5", "https://github.com/acme/api/actions/runs/5"),
            ("https://github.com/acme/API?Query#Part", "https://github.com/acme/api?Query#Part"),
            ("https://ci.corp.test/job/API/12", "https://ci.corp.test/job/API/12"),
            ("https://builder.test#12", "https://builder.test#12"),
            ("https://ci.test/job/api/12/", "https://ci.test/job/api/12"),
            ("https://github.com/acme/api/actions/runs/#x", "https://github.com/acme/api/actions/runs/#x"),
            ("", ""),
        ] {
            assert_eq!(asked_run(text), meant, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_run_finds_itself(text in "(https://)?[a-z.]{1,8}(/actions/runs/|/-/jobs/|/job/)[0-9]{0,3}(/attempts/[0-9]{0,2})?(/job/|[?#])?[a-z0-9:/]{0,6}") {
            let node = Node::named(NodeKind::Run, &text).unwrap();
            let asked = Term::parse(Field::Run, &text).unwrap();
            proptest::prop_assert!(node.terms().contains(&asked), "{:?} {:?}", node.terms(), asked);
        }
    }
}

//! Facts: what a statement asserts, as edges between nodes, read once at admission.
//!
//! The reader is pure and total: whatever a statement holds, it gives facts, and what it cannot read is a warning. A
//! change of what it reads is a new [`READER_VERSION`]: indexes are rebuilt, and answers name the version.

mod called;
pub mod chain;
mod custody;
mod edge;
mod gather;
mod inventory;
mod judgement;
mod known_vulnerabilities;
mod node;
mod package;
mod provenance;
pub mod reach;
mod read;
pub(crate) mod reference;
mod release;
mod report;
mod run;
mod source_provenance;
mod stage;
mod term;
#[cfg(test)]
mod tests;
mod told;
mod vulnerability;
pub(crate) mod word;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use custody_log::Timestamp;

use crate::environment::Observation;

pub use called::Called;
pub use edge::{Edge, EdgeKind};
pub(crate) use node::whole_run;
pub use node::{Node, NodeKind};
pub use package::{Doubt, Package, PackageError};
pub use read::{read, signed, signed_image};
pub use stage::Stage;
pub use term::{Field, Term, TermError};
pub use told::{Conclusion, ExpectedTold, Meant, RunTold, RunnerTold, Series, TOLD_MAX, Told, is_request};
pub use word::UnknownWord;

/// The version of this reader, as answers and admission records name it.
pub const READER_VERSION: &str = "5";

/// The most edges of one statement: 50,000 components ([`crate::sbom::COMPONENTS_MAX`]) with four digests each.
///
/// An [`Edge`] is 56 bytes, and up to twice that in a tree that is half full: 28 MB. The ids come on top, and edges share
/// them: each is a text of the statement, or a few, so all of them together are at most a few times its length, however
/// many edges they are in.
pub const EDGES_MAX: usize = 250_000;
/// The most warnings that are kept; how many there were is counted.
pub const WARNINGS_MAX: usize = 100;
/// The longest label, in characters: a line of a terminal, twice.
pub const LABEL_MAX: usize = 160;

/// What a statement asserts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The edges, each once, in order.
    pub edges: BTreeSet<Edge>,
    /// Names for people: the name of a subject or component. Without control characters, at most [`LABEL_MAX`]
    /// characters. They identify nothing.
    pub labels: BTreeMap<Node, String>,
    /// When it happened, as claimed: a build's end, an approval, a commit's author date. None if nothing is claimed.
    pub happened: Option<Timestamp>,
    /// Every claimed time of something that has happened, with the path of its member. (When an approval expires is no
    /// such time.)
    pub times: Vec<(String, Timestamp)>,
    /// Whether the predicate's type is understood and the predicate was read. Facts of what is not interpreted are the
    /// subjects and the predicate type.
    pub interpreted: bool,
    /// Why it is not interpreted, or what was left out; at most [`WARNINGS_MAX`].
    pub warnings: Vec<Warning>,
    /// How many components a software bill of materials lists; none if it is no such document.
    pub components: Option<usize>,
    /// What it tells beside the edges: names, what references meant, how a run went.
    pub told: Told,
    /// What a deployment or snapshot says of an environment, which the edges cannot: as what, where, how many. Nothing is
    /// found by it that its edges do not name.
    pub observation: Option<Arc<Observation>>,
    terms: BTreeSet<Term>,
}

/// Something that the reader left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The member, such as `predicate.components[3].purl`.
    pub path: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// Why the reader left something out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A digest that cannot be kept.
    #[error(transparent)]
    Digest(#[from] crate::digest_set::DigestError),
    /// A known algorithm whose value does not fit it: kept, but it carries no evidence.
    #[error("{digest} is not a {} digest: it is kept, but carries no evidence", .digest.algorithm())]
    MalformedDigest {
        /// The digest as written.
        digest: crate::digest_set::Digest,
    },
    /// A package URL that does not parse.
    #[error(transparent)]
    Purl(#[from] crate::purl::PurlError),
    /// A time that is not RFC 3339.
    #[error(transparent)]
    Time(#[from] custody_log::TimestampError),
    /// A name that is empty, longer than [`Node::ID_MAX`], or has control characters.
    #[error("expected a name of 1 to {} bytes without control characters, found {found:?}", Node::ID_MAX)]
    Name {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// The predicate is not what its type says.
    #[error("the predicate does not have the shape of its type: {0}")]
    Predicate(#[from] crate::json::JsonError),
    /// A software bill of materials that was not read.
    #[error(transparent)]
    Sbom(#[from] crate::sbom::SbomError),
    /// A component that is not of the shape of its format.
    #[error("not a component: {why}")]
    Component {
        /// What the reader says.
        why: String,
    },
    /// A vulnerability of a bill of materials that cannot be read, or all of them.
    #[error("not a vulnerability that can be read: {why}")]
    Vulnerability {
        /// What the reader says.
        why: String,
    },
    /// A relationship of a bill of materials that cannot be read.
    #[error("not a relationship that can be read")]
    Relationship,
    /// More than [`crate::predicate::DEPENDENCIES_MAX`] dependencies.
    #[error("more than {max} dependencies: the rest was left out")]
    TooManyDependencies {
        /// The limit.
        max: usize,
    },
    /// The predicate names a commit that is no subject: only subjects get evidence.
    #[error("the predicate names commit {named}, which is no subject of the statement")]
    CommitNotSubject {
        /// The commit that the predicate names.
        named: String,
    },
    /// The predicate names something else that is no subject: a digest, or what has no bytes by its name.
    #[error("the predicate names {named}, which is no subject of the statement")]
    NotSubject {
        /// What the predicate names.
        named: String,
    },
    /// A product of VEX that is no package and no subject.
    #[error("{named:?} is no package URL, and no subject of the statement")]
    NoProduct {
        /// What names it, cut to 80 characters.
        named: String,
    },
    /// A release of a package without a version.
    #[error("expected a package URL with a version, found {found:?}")]
    NoVersion {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// The scanner's own report is in a shape that is not read.
    #[error("the scanner's own report: {0}")]
    ScannerReport(Box<crate::scan::ScanError>),
    /// A scan that did not come to an end.
    #[error("{path}: {why}")]
    IncompleteScan {
        /// Where the scanner's report says so.
        path: String,
        /// What it says.
        why: crate::scan::Incomplete,
    },
    /// The scanner found something and did not name it.
    #[error("{path} has no id")]
    NamelessFinding {
        /// Where it stands in the scanner's report.
        path: String,
    },
    /// Nothing reads predicates of this type.
    #[error("predicates of type {predicate_type} are not interpreted")]
    NotInterpreted {
        /// The predicate type.
        predicate_type: String,
    },
    /// The predicate is null or absent.
    #[error("there is no predicate")]
    NoPredicate,
    /// More than [`EDGES_MAX`] edges.
    #[error("more than {EDGES_MAX} edges: the rest was left out")]
    TooManyEdges,
    /// More than [`WARNINGS_MAX`] warnings.
    #[error("more than {WARNINGS_MAX} warnings: the rest was left out")]
    TooManyWarnings,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

impl Facts {
    /// Returns the predicate type of the statement; none if it is not known.
    #[must_use]
    pub fn predicate_type(&self) -> Option<&str> {
        let first = Term::of(Field::Predicate, String::new());
        let found = self.terms.range(first..).next()?;
        (found.field() == Field::Predicate).then(|| found.value())
    }

    /// Returns everything that the statement can be found by: subjects, nodes of edges, repository, predicate type.
    /// Signer and submitter are not in the statement; they come from the admission record.
    #[must_use]
    pub fn terms(&self) -> BTreeSet<Term> {
        // A set that is made of all at once is sorted once.
        self.terms.iter().cloned().chain(self.nodes().into_iter().flat_map(Node::terms)).collect()
    }

    /// Hands out the same as fields and values, in no order and some more than once: for who hashes them, and keeps no text.
    pub fn each_term(&self, each: &mut dyn FnMut(Field, &str)) {
        for term in &self.terms {
            each(term.field(), term.value());
        }
        for node in self.nodes() {
            node.each_term(each);
        }
    }

    /// The nodes of the edges, each once: an SBOM's artifact is in thousands of edges.
    fn nodes(&self) -> Vec<&Node> {
        let mut nodes: Vec<&Node> = self.edges.iter().map(|edge| &edge.from).collect();
        nodes.dedup();
        nodes.extend(self.edges.iter().map(|edge| &edge.to));
        nodes.sort();
        nodes.dedup();
        nodes
    }

    /// Returns the packages that the statement names, each with its version as [`Node::package`] has it.
    #[must_use]
    pub fn packages(&self) -> BTreeSet<(&str, &str)> {
        self.edges.iter().flat_map(|edge| [&edge.from, &edge.to]).filter_map(Node::package).collect()
    }
}

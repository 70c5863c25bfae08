//! Packages as they are searched for: in any version, in one, or in a range of them.

use super::term::{Field, Term, TermError};
use super::{Facts, Node, NodeKind};
use crate::purl::Purl;
use crate::version::{Incomparable, Match, PurlRange, PurlRangeError};

/// A package, and the versions of it that are meant.
///
/// The search term of a package lacks the version, so all versions of a package are found by one term, and compared here.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    term: Term,
    versions: Versions,
}

#[derive(Debug, Clone, PartialEq)]
enum Versions {
    /// Any version, or the one that the package URL has.
    Purl(Purl),
    Range(PurlRange),
}

/// Why text is no package that can be searched for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// Not a package URL.
    #[error(transparent)]
    Term(#[from] TermError),
    /// Not a range of versions.
    #[error(transparent)]
    Range(#[from] PurlRangeError),
    /// A version that other tools take for several: `1.x`, `1.2 - 1.4`, `1.2 || 1.4`. Taken as it stands it would be found nowhere.
    #[error("expected one version, or a range of =, !=, <, <=, > and >=, found {found:?}")]
    Pattern {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// A range over versions that have no order.
    #[error(
        "versions of {package_type} packages have no order here, only = and != are compared: found {range:?}"
    )]
    NotOrdered {
        /// The package type.
        package_type: String,
        /// The range.
        range: String,
    },
}

/// Whether a text that stands for a version is a pattern of versions to npm, Maven or pip: no version has white space, bars or
/// brackets, nor `*` or `x` for a number.
fn is_pattern(version: &str) -> bool {
    let wild = |part: &str| matches!(part, "*" | "x" | "X");
    version.contains([' ', '|', '[', ']', '(', ')', ',']) || version.split('.').any(wild)
}

/// A package that is named and may be meant: its version cannot be compared with the range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The package, as the statement names it.
    pub package: String,
    /// Why it cannot be said.
    pub why: Incomparable,
}

impl Package {
    /// Reads `pkg:npm/axios`, `pkg:npm/axios@1.14.1` or `pkg:npm/axios@>=1.14.1 <1.15`.
    pub fn parse(text: &str) -> Result<Self, PackageError> {
        let text = text.trim();
        // The same limits as for every condition.
        if text.len() > Node::ID_MAX || text.chars().any(char::is_control) || !PurlRange::is_written(text) {
            let term = Term::parse(Field::Component, text)?;
            let purl: Purl = text.parse().map_err(TermError::from)?;
            if purl.version().is_some_and(|version| is_pattern(&version)) {
                return Err(PackageError::Pattern { found: text.chars().take(80).collect() });
            }
            return Ok(Self { term, versions: Versions::Purl(purl) });
        }
        let range: PurlRange = text.parse()?;
        if range.needs_order() && !range.has_order() {
            let package_type = range.package().package_type().to_owned();
            return Err(PackageError::NotOrdered { package_type, range: range.range().as_str().to_owned() });
        }
        let term = Term::parse(Field::Component, range.package().as_str())?;
        Ok(Self { term, versions: Versions::Range(range) })
    }

    /// Any version of the package, or the one that the package URL has.
    pub fn of(purl: &Purl) -> Result<Self, TermError> {
        let term = Term::parse(Field::Component, purl.as_str())?;
        Ok(Self { term, versions: Versions::Purl(purl.clone()) })
    }

    /// Returns what every entry is found by that names the package in any version.
    #[must_use]
    pub const fn term(&self) -> &Term {
        &self.term
    }

    /// Whether any version is meant, also none.
    #[must_use]
    pub fn is_any_version(&self) -> bool {
        matches!(&self.versions, Versions::Purl(purl) if purl.version().is_none())
    }

    /// Whether a version of the package, as [`Node::package`] has it, is meant, or it cannot be said whether it is.
    #[must_use]
    pub fn may_mean(&self, version: &str) -> bool {
        let purl = match version {
            "" => self.term.value().parse(),
            version => format!("{}@{version}", self.term.value()).parse(),
        };
        purl.is_ok_and(|purl| self.matches(&purl) != Match::No)
    }

    /// Whether a statement names the package in a version that is meant, or in one of which that cannot be said: who looks for
    /// what is affected must not miss it.
    #[must_use]
    pub fn may_be_in(&self, facts: &Facts) -> bool {
        self.named_in(facts).any(|purl| self.matches(&purl) != Match::No)
    }

    /// Whether a node is the package in a version that is meant, or in one of which that cannot be said.
    #[must_use]
    pub fn may_be(&self, node: &Node) -> bool {
        let near = node.kind() == NodeKind::Component && node.id().starts_with(self.term.value());
        near && node.id().parse().is_ok_and(|purl| self.matches(&purl) != Match::No)
    }

    /// Returns the packages of a statement of which it cannot be said whether they are meant; none if any surely is.
    #[must_use]
    pub fn doubts(&self, facts: &Facts) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        for purl in self.named_in(facts) {
            match self.matches(&purl) {
                Match::Yes => return Vec::new(),
                Match::No => {}
                Match::NotComparable(why) => doubts.push(Doubt { package: purl.to_string(), why }),
            }
        }
        doubts
    }

    /// Returns the versions of the package that a statement names, and perhaps others.
    fn named_in<'a>(&'a self, facts: &'a Facts) -> impl Iterator<Item = Purl> + 'a {
        let nodes = facts.edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
        // Ids are canonical, so those of other packages need not be read.
        let near =
            |node: &&Node| node.kind() == NodeKind::Component && node.id().starts_with(self.term.value());
        nodes.filter(near).filter_map(|node| node.id().parse().ok())
    }

    fn matches(&self, purl: &Purl) -> Match {
        match &self.versions {
            Versions::Purl(asked) if asked.includes(purl) => Match::Yes,
            Versions::Purl(_) => Match::No,
            Versions::Range(range) => range.matches(purl),
        }
    }
}

/// Writes what was asked for, in the form that [`Package::parse`] reads.
impl std::fmt::Display for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.versions {
            Versions::Purl(purl) => purl.fmt(f),
            Versions::Range(range) => range.fmt(f),
        }
    }
}

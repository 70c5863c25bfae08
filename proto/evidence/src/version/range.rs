//! Ranges of versions, as they are written on the command line: `>=1.14.1 <1.15`, or as a `vers:` URI.

use std::cmp::Ordering;
use std::fmt;

use super::vers::{self, Intervals, VersError};
use super::{Scheme, Version, VersionError, cut};

/// A set of versions of one package type.
///
/// Written as comparators (`=`, `!=`, `<`, `<=`, `>`, `>=`, each with a version) between spaces or commas, all
/// of which must hold; or as a `vers:` URI. Where a scheme has three numbers, `>=` and `<` take fewer
/// (`<1.15`), the others being zero.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionRange {
    text: String,
    scheme: Option<Scheme>,
    set: Set,
}

#[derive(Debug, Clone, PartialEq)]
enum Set {
    /// What all comparators hold for.
    All(Vec<Comparator>),
    Vers(Intervals),
}

/// How a version stands to the version of a comparator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `!=`
    NotEqual,
}

/// An operator and a version.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparator {
    pub(super) operator: Operator,
    pub(super) bound: Bound,
}

/// The version of a comparator, as written and, if its scheme has an order, as read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bound {
    pub(super) text: String,
    pub(super) version: Option<Version>,
}

/// Whether a version is in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// This cannot be said: it may be in the range. Who lists what is affected lists it too.
    NotComparable(Incomparable),
}

/// Why it cannot be said whether a version is in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Incomparable {
    /// The order of versions of this package type is not known.
    #[error("versions of this package type are not ordered, only compared for equality")]
    NotOrdered,
    /// The version is not one of its ecosystem, so it has no place in the order.
    #[error("it is not a version of its ecosystem")]
    NotAVersion,
    /// The package has no version.
    #[error("it has no version")]
    NoVersion,
}

/// Why text is not a range of versions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Holds a control character.
    #[error("a range has no control characters: {found:?}")]
    Control {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// Empty, or nothing between two commas.
    #[error("expected comparators such as \">=1.14.1 <1.15\", found nothing")]
    Empty,
    /// A comparator that does not start with an operator that is known.
    #[error("expected =, !=, <, <=, > or >= and a version, found {found:?}")]
    Operator {
        /// What stands there, cut to 80 characters.
        found: String,
    },
    /// A version that is cut short, where it is not clear what is meant: for npm `<=1.15` is all of 1.15, by
    /// the order it is 1.15.0.
    #[error(
        "{operator}{found} may mean {found}.0 or all of {found}: write all numbers, or use >= or <, which take fewer"
    )]
    Short {
        /// The operator.
        operator: Operator,
        /// The version.
        found: String,
    },
    /// Longer than [`VersionRange::MAX_LEN`].
    #[error("a range is at most {} bytes, found {found}", VersionRange::MAX_LEN)]
    TooLong {
        /// The length.
        found: usize,
    },
    /// More than [`VersionRange::COMPARATORS_MAX`].
    #[error("a range has at most {} comparators", VersionRange::COMPARATORS_MAX)]
    TooMany,
    /// A `vers:` URI that is not read.
    #[error(transparent)]
    Vers(#[from] VersError),
    /// Not a version of the package type.
    #[error(transparent)]
    Version(#[from] VersionError),
}

impl VersionRange {
    /// The longest range: as long as the longest package URL, which may stand in front of it.
    pub const MAX_LEN: usize = crate::Purl::MAX_LEN;
    /// The most comparators: advisories list some ten intervals.
    pub const COMPARATORS_MAX: usize = 64;

    /// Reads a range for versions of a package type, such as `npm`.
    pub fn parse(package_type: &str, text: &str) -> Result<Self, RangeError> {
        if text.len() > Self::MAX_LEN {
            return Err(RangeError::TooLong { found: text.len() });
        }
        if text.chars().any(char::is_control) {
            return Err(RangeError::Control { found: cut(text) });
        }
        let text = text.trim();
        let scheme = Scheme::of_type(package_type);
        if let Some(rest) = text.strip_prefix("vers:") {
            let set = Set::Vers(vers::parse(package_type, rest)?);
            return Ok(Self { text: text.to_owned(), scheme, set });
        }
        let comparators = comparators(scheme, text)?;
        let written: Vec<String> = comparators.iter().map(ToString::to_string).collect();
        Ok(Self { text: written.join(" "), scheme, set: Set::All(comparators) })
    }

    /// Returns the text: a `vers:` URI as it was written, comparators with one space between them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it asks which of two versions comes first.
    pub(super) fn needs_order(&self) -> bool {
        match &self.set {
            Set::All(comparators) => comparators.iter().any(Comparator::needs_order),
            Set::Vers(intervals) => intervals.needs_order(),
        }
    }

    /// Returns whether a version is in the range.
    ///
    /// What can be compared decides first: a version that one comparator rules out is not in the range, whatever is
    /// unknown about the others.
    #[must_use]
    pub fn matches(&self, version: Option<&str>) -> Match {
        let Some(text) = version else { return Match::NotComparable(Incomparable::NoVersion) };
        let candidate = Candidate::of(self.scheme, text);
        match &self.set {
            Set::All(comparators) => {
                let matches = comparators.iter().map(|comparator| candidate.satisfies(comparator));
                matches.fold(Match::Yes, Match::and)
            }
            Set::Vers(intervals) => intervals.hold(&candidate),
        }
    }
}

impl Comparator {
    /// Whether it asks which of two versions comes first.
    pub(super) const fn needs_order(&self) -> bool {
        !matches!(self.operator, Operator::Equal | Operator::NotEqual)
    }
}

impl Match {
    /// Returns whether both hold: a no is a no, whatever is not known of the other.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, other) => other,
            (unknown, _) => unknown,
        }
    }
}

/// A version that may be in a range.
pub(super) struct Candidate<'a> {
    text: &'a str,
    /// None if its scheme is not known, or it is no version.
    version: Result<Version, Incomparable>,
}

impl<'a> Candidate<'a> {
    fn of(scheme: Option<Scheme>, text: &'a str) -> Self {
        let read = |scheme| Version::parse(scheme, text).map_err(|_| Incomparable::NotAVersion);
        Self { text, version: scheme.ok_or(Incomparable::NotOrdered).and_then(read) }
    }

    /// Where it stands to a bound. What has the same text is equal, ordered or not.
    pub(super) fn against(&self, bound: &Bound) -> Result<Ordering, Incomparable> {
        if self.text == bound.text {
            return Ok(Ordering::Equal);
        }
        let version = self.version.as_ref().map_err(|why| *why)?;
        let bound = bound.version.as_ref().ok_or(Incomparable::NotOrdered)?;
        version.against(bound).ok_or(Incomparable::NotOrdered)
    }

    fn satisfies(&self, comparator: &Comparator) -> Match {
        let operator = comparator.operator;
        match self.against(&comparator.bound) {
            Ok(order) if operator.holds(order) => Match::Yes,
            Ok(_) => Match::No,
            // Without an order, another text is another version.
            Err(Incomparable::NotOrdered) if operator == Operator::Equal => Match::No,
            Err(Incomparable::NotOrdered) if operator == Operator::NotEqual => Match::Yes,
            Err(why) => Match::NotComparable(why),
        }
    }
}

impl Operator {
    /// The operators as they are written, longer ones first.
    const WRITTEN: [(&'static str, Self); 6] = [
        ("!=", Self::NotEqual),
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("<", Self::Less),
        (">", Self::Greater),
        ("=", Self::Equal),
    ];

    /// Cuts off the operator in front.
    pub(super) fn cut_off(text: &str) -> Option<(Self, &str)> {
        Self::WRITTEN.iter().find_map(|(written, operator)| Some((*operator, text.strip_prefix(written)?)))
    }

    /// Whether the operator holds for a version that stands so to its bound.
    pub(super) const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::NotEqual => order.is_ne(),
        }
    }
}

impl fmt::Display for Comparator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.operator, self.bound.text)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = Self::WRITTEN.iter().find(|(_, operator)| operator == self);
        f.write_str(written.map_or("", |(written, _)| written))
    }
}

/// Reads comparators between white space or single commas. White space between operator and version is let through.
fn comparators(scheme: Option<Scheme>, text: &str) -> Result<Vec<Comparator>, RangeError> {
    let mut found = Vec::new();
    for part in text.split(',') {
        let mut rest = part.trim();
        if rest.is_empty() {
            return Err(RangeError::Empty);
        }
        while !rest.is_empty() {
            let unknown = || RangeError::Operator { found: cut(rest) };
            let (operator, after) = Operator::cut_off(rest).ok_or_else(unknown)?;
            let after = after.trim_start();
            let (version, after) = after.split_at(version_end(after));
            if version.is_empty() {
                return Err(unknown());
            }
            if found.len() == VersionRange::COMPARATORS_MAX {
                return Err(RangeError::TooMany);
            }
            found.push(Comparator { operator, bound: Bound::read(scheme, operator, version)? });
            rest = after.trim_start();
        }
    }
    Ok(found)
}

/// Where a version ends. A `!` alone is part of it: `1!2.0` of Python has an epoch.
fn version_end(text: &str) -> usize {
    let ends = [text.find(|c: char| c.is_whitespace() || "<>=".contains(c)), text.find("!=")];
    ends.into_iter().flatten().min().unwrap_or(text.len())
}

impl Bound {
    pub(super) fn read(scheme: Option<Scheme>, operator: Operator, text: &str) -> Result<Self, RangeError> {
        let version = match scheme {
            None => None,
            Some(scheme) => Some(read_version(scheme, operator, text)?),
        };
        Ok(Self { text: text.to_owned(), version })
    }
}

fn read_version(scheme: Scheme, operator: Operator, text: &str) -> Result<Version, RangeError> {
    let Some(short) = Version::parse_short(scheme, text) else { return Ok(Version::parse(scheme, text)?) };
    match operator {
        Operator::GreaterOrEqual | Operator::Less => Ok(short),
        _ => Err(RangeError::Short { operator, found: cut(text) }),
    }
}

//! `vers:` URIs (VERS, the version range specifier): `vers:npm/1.2.3|>=2.0.0|<5.0.0`.
//!
//! The constraints stand in the order of their versions and cut the line of versions into intervals. A version
//! is in the range if it is in one of them, or is named, and is not excluded with `!=`.

use std::cmp::Ordering;

use super::range::{Bound, Candidate, Comparator, Incomparable, Match, Operator, RangeError, VersionRange};
use super::{Scheme, cut};

/// A range of VERS.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Intervals {
    /// `=` and `!=`.
    named: Vec<Comparator>,
    /// The ends of intervals, in their order: upper and lower ones in turn.
    ends: Vec<Comparator>,
}

/// Why a `vers:` URI is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersError {
    /// Not `vers:<type>/<constraints>`, or a constraint is empty, starts with `=`, has white space, or is
    /// percent-encoded badly.
    #[error("expected vers:<type>/<constraints>, such as vers:npm/>=1.14.1|<1.15.0, found {found:?}")]
    Form {
        /// What is not understood, cut to 80 characters.
        found: String,
    },
    /// Two constraints whose versions are not in order, or are equal.
    #[error(
        "the versions of a vers: URI stand in their order, each once: {found:?} does not come after the one before it"
    )]
    Order {
        /// The second one, cut to 80 characters.
        found: String,
    },
    /// Two lower or two upper ends with nothing in between.
    #[error("lower and upper ends come in turn in a vers: URI, that at {found:?} does not")]
    Turn {
        /// The version of the second one, cut to 80 characters.
        found: String,
    },
    /// For packages of another type.
    #[error("expected versions of {expected:?}, found those of {found:?}")]
    Type {
        /// The package type, cut to 80 characters.
        expected: String,
        /// The type of the URI, cut to 80 characters.
        found: String,
    },
}

/// Reads what stands behind `vers:`, for versions of a package type.
pub(super) fn parse(package_type: &str, text: &str) -> Result<Intervals, RangeError> {
    let form = |found: &str| VersError::Form { found: cut(found) };
    let (found, constraints) = text.split_once('/').ok_or_else(|| form(text))?;
    let scheme = Scheme::of_type(package_type);
    if !is_for(found, package_type, scheme) {
        return Err(VersError::Type { expected: cut(package_type), found: cut(found) }.into());
    }
    if constraints == "*" {
        return Ok(Intervals::all());
    }
    let mut all = Vec::new();
    for constraint in constraints.split('|') {
        if all.len() == VersionRange::COMPARATORS_MAX {
            return Err(RangeError::TooMany);
        }
        all.push(read(scheme, constraint)?);
    }
    in_order(scheme, &all)?;
    let (ends, named): (Vec<_>, Vec<_>) = all.into_iter().partition(Comparator::needs_order);
    in_turn(&ends)?;
    Ok(Intervals { named, ends })
}

impl Intervals {
    fn all() -> Self {
        Self { named: Vec::new(), ends: Vec::new() }
    }

    /// Whether there are ends of intervals.
    pub(super) fn needs_order(&self) -> bool {
        !self.ends.is_empty()
    }

    /// Whether the version is in the range.
    pub(super) fn hold(&self, candidate: &Candidate<'_>) -> Match {
        for Comparator { operator, bound } in &self.named {
            match candidate.against(bound) {
                Ok(Ordering::Equal) if *operator == Operator::Equal => return Match::Yes,
                Ok(Ordering::Equal) => return Match::No,
                // Another text of what has no order is another version.
                Ok(_) | Err(Incomparable::NotOrdered) => {}
                Err(why) => return Match::NotComparable(why),
            }
        }
        match self.between(candidate) {
            Ok(true) => Match::Yes,
            Ok(false) => Match::No,
            Err(why) => Match::NotComparable(why),
        }
    }

    /// Whether the version is in an interval. Without any, exclusions leave all the rest, and names leave nothing.
    fn between(&self, candidate: &Candidate<'_>) -> Result<bool, Incomparable> {
        if self.ends.is_empty() {
            return Ok(self.named.iter().all(|named| named.operator == Operator::NotEqual));
        }
        let mut inside = !self.ends.first().is_some_and(is_lower);
        for end in &self.ends {
            let order = candidate.against(&end.bound)?;
            // Ends are in order: the first one that the version does not pass says whether it is inside.
            if end.operator.holds(order) != is_lower(end) {
                return Ok(inside);
            }
            inside = is_lower(end);
        }
        Ok(inside)
    }
}

/// Whether an end is where an interval begins.
fn is_lower(end: &Comparator) -> bool {
    matches!(end.operator, Operator::Greater | Operator::GreaterOrEqual)
}

fn is_for(found: &str, package_type: &str, scheme: Option<Scheme>) -> bool {
    found == package_type || (found == "semver" && scheme == Some(Scheme::SemVer))
}

fn read(scheme: Option<Scheme>, constraint: &str) -> Result<Comparator, RangeError> {
    let form = || VersError::Form { found: cut(constraint) };
    let (operator, version) = match Operator::cut_off(constraint) {
        // A version alone says that it is equal.
        Some((Operator::Equal, _)) => return Err(form().into()),
        Some(cut) => cut,
        None => (Operator::Equal, constraint),
    };
    let is_plain = |c: char| c.is_ascii_graphic() && !"<>=!*|".contains(c);
    if version.is_empty() || !version.chars().all(is_plain) {
        return Err(form().into());
    }
    let version = crate::purl::decode(version).map_err(|_| form())?;
    Ok(Comparator { operator, bound: Bound::read(scheme, operator, &version)? })
}

/// Checks that each version comes after the one before it; where there is no order, that no two are the same.
fn in_order(scheme: Option<Scheme>, all: &[Comparator]) -> Result<(), VersError> {
    for (at, comparator) in all.iter().enumerate() {
        let bound = &comparator.bound;
        let before = all.iter().take(at).map(|comparator| &comparator.bound);
        let follows = |before: &Bound| match scheme {
            None => before.text != bound.text,
            Some(_) => before.version < bound.version,
        };
        if !before.clone().all(follows) {
            return Err(VersError::Order { found: cut(&bound.text) });
        }
    }
    Ok(())
}

fn in_turn(ends: &[Comparator]) -> Result<(), VersError> {
    let mut pairs = ends.iter().zip(ends.iter().skip(1));
    match pairs.find(|(first, second)| is_lower(first) == is_lower(second)) {
        Some((_, second)) => Err(VersError::Turn { found: cut(&second.bound.text) }),
        None => Ok(()),
    }
}

//! `find`: the entries that meet every condition, newest first.

use std::ops::Range;

use custody_evidence::fact::{Field, Package, Term};
use custody_log::{LeafIndex, Timestamp, TreeSize};

use super::as_of::first_at;
use super::error::QueryError;
use super::evidence::Evidence;
use super::postings::{Common, Search, Sought};
use super::versions::{self, LEARNING_BYTES};
use crate::index::Reading;

/// Entries in one answer when the question does not say.
pub const LIMIT_DEFAULT: usize = 100;
/// The most entries in one answer.
pub const LIMIT_MAX: usize = 1_000;
/// Conditions in one question at most: far more than there are fields, and few enough that each page gets further
/// within `STEPS_MAX`.
pub const CONDITIONS_MAX: usize = 64;
/// Candidates that one question may read. Behind it the answer ends early, with the place to go on from: at
/// about 20 us each for the smallest statements, and at worst 30 us for a look-up that names no other one, one second.
const CANDIDATES_MAX: usize = 20_000;
/// Bytes of envelopes that one question may read: at 15 ns a byte for SBOMs as tools write them half a second, at 80
/// ns for SBOMs of nothing but short components three. The envelope that goes beyond it, of at most 64 MiB, is read
/// to its end, so that each page gets further.
const ENVELOPE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Looks at the lists of terms that one question may take. Where lists alternate, each look is one at the index, of 20 to
/// 30 us in a log of a million entries: 1.2 seconds at worst. Where they run along, 64 entries come with one.
const STEPS_MAX: usize = 40_000;

/// The longest envelope that is read to compare what it says with the question: 64 KiB. A longer one, such as an SBOM of thousands of
/// packages, takes milliseconds to read, and is found by its rows alone where they say all that is asked: whoever gets it reads it.
const COMPARED_BYTES_MAX: u64 = 64 * 1024;

/// One condition: an entry has this term, and for a package also a version that is meant. The cost of a range grows with the entries that
/// name a version in it, and with the number of versions; of a package with more than
/// 256 (`versions.rs`) with the entries that name the package.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    term: Term,
    package: Option<Package>,
}

/// A question.
#[derive(Debug, Clone, Default)]
pub struct Find {
    /// All hold. None: every entry.
    pub conditions: Vec<Condition>,
    /// When it happened (claimed, capped by ledger time): inclusive.
    pub since: Option<Timestamp>,
    /// Exclusive.
    pub until: Option<Timestamp>,
    /// When the ledger learned it, by position: inclusive.
    pub recorded_since: Option<LeafIndex>,
    /// Exclusive.
    pub recorded_until: Option<LeafIndex>,
    /// When the ledger learned it, by its time: inclusive.
    pub recorded_since_time: Option<Timestamp>,
    /// Exclusive.
    pub recorded_until_time: Option<Timestamp>,
    /// At most [`LIMIT_MAX`] are returned; none: [`LIMIT_DEFAULT`].
    pub limit: Option<usize>,
    /// [`Found::next`] of the answer before; none: from the newest.
    pub next: Option<TreeSize>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Newest first.
    pub indexes: Vec<LeafIndex>,
    /// Where to go on: entries below this size were not looked at. None: all were. Work is bounded, so a page may
    /// be short or empty and still not be the last.
    pub next: Option<TreeSize>,
}

impl Condition {
    /// Reads a condition as a person writes it.
    pub fn parse(field: &str, value: &str) -> Result<Self, QueryError> {
        let field: Field = field.parse()?;
        if field == Field::Component {
            let package = Package::parse(value)?;
            return Ok(Self { term: package.term().clone(), package: Some(package) });
        }
        Ok(Self { term: Term::parse(field, value)?, package: None })
    }

    fn holds(&self, reading: &Reading) -> bool {
        let names = |package: &Package| package.may_be_in(&reading.facts);
        // Which version an erased entry named is not known any more: it is shown, as what it is.
        reading.has(&self.term) && (reading.erased.is_some() || self.package.as_ref().is_none_or(names))
    }
}

/// Returns the entries below `size` that meet every condition.
pub fn find<E: Evidence + ?Sized>(
    evidence: &E,
    question: &Find,
    size: TreeSize,
) -> Result<Found, QueryError> {
    let window = window(evidence, question, size)?;
    let limit = question.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
    let (sought, in_rows) = sought(evidence, question, window.end)?;
    let mut common = Common::new(sought);
    let mut steps = STEPS_MAX;
    let mut indexes = Vec::new();
    let mut below = window.end;
    let mut envelope_bytes = 0_u64;
    for _ in 0..CANDIDATES_MAX {
        if envelope_bytes >= ENVELOPE_BYTES_MAX {
            break;
        }
        let index = match common.newest(evidence, below, &mut steps)? {
            Search::Candidate(index) if window.start.contains(index) => {
                return Ok(Found { indexes, next: None });
            }
            Search::Candidate(index) => index,
            Search::Exhausted => return Ok(Found { indexes, next: None }),
            Search::Stopped { below } => return Ok(Found { indexes, next: Some(below) }),
        };
        if indexes.len() == limit {
            return Ok(Found { indexes, next: Some(index.size_through()) });
        }
        let length = evidence.envelope_bytes(index)?;
        below = size_before(index);
        if in_rows && length > COMPARED_BYTES_MAX {
            indexes.push(index);
            continue;
        }
        let reading = evidence.reading(index)?;
        envelope_bytes = envelope_bytes.saturating_add(length);
        if question.holds(&reading, evidence.looked_up_by(index, reading.entry.time, size)) {
            indexes.push(index);
        }
    }
    Ok(Found { indexes, next: Some(below).filter(|below| *below > window.start) })
}

impl Find {
    fn holds(&self, reading: &Reading, recorded: Timestamp) -> bool {
        let happened = reading.happened().min(recorded);
        self.since.is_none_or(|since| happened >= since)
            && self.until.is_none_or(|until| happened < until)
            && self.conditions.iter().all(|condition| condition.holds(reading))
    }
}

/// Returns what the index is asked for, and whether its rows say all that the question asks.
fn sought<E: Evidence + ?Sized>(
    evidence: &E,
    question: &Find,
    below: TreeSize,
) -> Result<(Vec<Sought>, bool), QueryError> {
    let mut in_rows = question.since.is_none() && question.until.is_none();
    let mut left = LEARNING_BYTES;
    let mut sought = Vec::new();
    for Condition { term, package } in &question.conditions {
        sought.push(Sought::Term(term.clone()));
        let Some(package) = package else { continue };
        // Also where any version is meant: a report of vulnerabilities has the package's term, and does not name it as its own.
        match versions::meant(evidence, package, below, &mut left)? {
            Some(versions) => sought.push(Sought::Versions(versions)),
            None => in_rows = false,
        }
    }
    Ok((sought, in_rows))
}

/// The entries from `start` on and below `end` that a question is about.
fn window<E: Evidence + ?Sized>(
    evidence: &E,
    question: &Find,
    size: TreeSize,
) -> Result<Range<TreeSize>, QueryError> {
    let from_index = |index: LeafIndex| size_before(index);
    let mut start = question.recorded_since.map_or(TreeSize::ZERO, from_index);
    let mut end = question.recorded_until.map_or(size, from_index).min(size);
    // Nothing happened later than the ledger learned of it: what was recorded before `since` happened before.
    for since in [question.recorded_since_time, question.since].into_iter().flatten() {
        start = start.max(first_at(evidence, size, |time| time >= since)?);
    }
    if let Some(until) = question.recorded_until_time {
        end = end.min(first_at(evidence, size, |time| time >= until)?);
    }
    Ok(start..question.next.map_or(end, |next| end.min(next)))
}

/// The size of the tree that ends before this entry.
pub(super) fn size_before(index: LeafIndex) -> TreeSize {
    TreeSize::new(index.get()).unwrap_or(TreeSize::ZERO)
}

#[cfg(test)]
mod tests;

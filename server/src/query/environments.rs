//! `environments`: where something was deployed or seen.

use std::collections::BTreeSet;

use custody_evidence::fact::{Field, Term};
use custody_evidence::predicate::Name;
use custody_log::{LeafIndex, TreeSize};

use super::error::QueryError;
use super::evidence::Evidence;
use super::postings::Newest;

/// Environments in one answer: with names of 2 KB below 0.6 MB.
pub const ENVIRONMENTS_MAX: usize = 256;
/// Names that are looked at, gates and stages that approvals and promotions name included.
const NAMES_MAX: usize = 1_024;
/// Entries that one question reads at most: at about 20 us each 0.4 seconds.
const ENTRIES_MAX: usize = 20_000;
/// Entries of one name that are read before it is taken for one where nothing runs.
const ENTRIES_OF_ONE_MAX: usize = 1_024;

/// The environments, each with the newest entry that tells what runs there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environments {
    /// In the order of their names.
    pub known: Vec<(Name, LeafIndex)>,
    /// Whether a bound was hit, and there may be others.
    pub truncated: bool,
}

/// Returns the environments that a deployment or snapshot below `size` names.
pub fn environments<E: Evidence + ?Sized>(evidence: &E, size: TreeSize) -> Result<Environments, QueryError> {
    let (names, mut truncated) = names(evidence, size)?;
    let (mut known, mut left) = (Vec::new(), ENTRIES_MAX);
    for name in names {
        if left == 0 || known.len() >= ENVIRONMENTS_MAX {
            truncated = true;
            break;
        }
        let (entry, cut) = newest_of(evidence, &name, size, &mut left)?;
        truncated |= cut;
        known.extend(entry.map(|entry| (name, entry)));
    }
    Ok(Environments { known, truncated })
}

/// Returns the names that entries below `size` call an environment, and whether there may be others.
pub(super) fn names<E: Evidence + ?Sized>(
    evidence: &E,
    size: TreeSize,
) -> Result<(BTreeSet<Name>, bool), QueryError> {
    let newest = evidence.each_of(Field::Environment, size, NAMES_MAX)?;
    let truncated = newest.len() >= NAMES_MAX;
    let mut names = BTreeSet::new();
    for index in newest {
        let reading = evidence.reading(index)?;
        let terms = reading.terms.iter().filter(|term| term.field() == Field::Environment);
        names.extend(terms.filter_map(|term| term.value().parse::<Name>().ok()));
    }
    Ok((names, truncated))
}

/// Returns the newest entry that tells what runs in an environment, and whether the bounds cut the search for it.
fn newest_of<E: Evidence + ?Sized>(
    evidence: &E,
    name: &Name,
    size: TreeSize,
    left: &mut usize,
) -> Result<(Option<LeafIndex>, bool), QueryError> {
    let term = Term::parse(Field::Environment, name.as_str())?;
    let mut read = 0_usize;
    for index in Newest::of(evidence, term, size) {
        let index = index?;
        if *left == 0 || read >= ENTRIES_OF_ONE_MAX {
            return Ok((None, true));
        }
        (*left, read) = (left.saturating_sub(1), read.saturating_add(1));
        let reading = evidence.reading(index)?;
        let observation = reading.facts.observation.as_ref();
        if observation.is_some_and(|observation| observation.environment == *name) {
            return Ok((Some(index), false));
        }
    }
    Ok((None, false))
}

//! Gap in the numbers of runs: a run that is not recorded, among others of its pipeline that are.
//!
//! Only pipelines whose runs are numbered one by one have such gaps. GitHub's ids are of the whole site: few of a window are there,
//! and nothing is found.

use std::collections::{BTreeMap, BTreeSet};

use super::bounds::{GAP_DENSE, GAP_LOOKED_AT, GAP_SETTLED, GAP_WINDOW, LOOK_BACK};
use super::need::{Need, term};
use super::seen::{Kind, Known, Seen};
use super::{Finding, FindingKind, finding};
use crate::fact::{Field, Node, NodeKind, Series};

pub(super) fn needs(new: &Seen<'_>, known: &Known<'_>, needs: &mut BTreeSet<Need>) {
    let Some(own) = series(new) else { return };
    needs.insert(Need::before([term(Field::Name, &own.name)], GAP_LOOKED_AT));
    if known.rounds > 0 && may_miss(new, own, known) {
        needs.insert(Need::anywhere([term(Field::Name, &own.name)], LOOK_BACK));
    }
}

/// Whether a run may be missing, by the records before: it is not among them.
fn may_miss(new: &Seen<'_>, own: &Series, known: &Known<'_>) -> bool {
    let Some(missing) = own.number.checked_sub(GAP_SETTLED) else { return false };
    let mut of_series = known.earlier(new).filter_map(series).filter(|series| series.name == own.name);
    of_series.all(|series| series.number != missing)
}

pub(super) fn find(new: &Seen<'_>, known: &Known<'_>) -> Vec<Finding> {
    let Some(own) = series(new) else { return Vec::new() };
    let mut numbers: BTreeMap<u64, &Seen<'_>> = BTreeMap::new();
    for seen in known.entries.values() {
        let number = series(seen).filter(|series| series.name == own.name).map(|series| series.number);
        if let Some(number) = number {
            // A run that was repeated stands where it was first recorded.
            numbers.entry(number).or_insert(seen);
        }
    }
    // Only the first record of a number tells that the ones before it are settled.
    if numbers.get(&own.number).is_some_and(|seen| seen.index < new.index) {
        return Vec::new();
    }
    let Some(missing) = own.number.checked_sub(GAP_SETTLED).filter(|missing| !numbers.contains_key(missing))
    else {
        return Vec::new();
    };
    let window = missing.saturating_sub(GAP_WINDOW)..missing;
    let there: Vec<&Seen<'_>> =
        numbers.range(window).map(|(_, seen)| *seen).filter(|seen| seen.index < new.index).collect();
    // Whole runs behind it must be there: the pipeline is recorded, and went on.
    let behind = numbers.range(missing..own.number).filter(|(_, seen)| seen.index < new.index);
    let behind: Vec<&Seen<'_>> = behind.map(|(_, seen)| *seen).collect();
    let settled = usize::try_from(GAP_SETTLED.saturating_sub(1)).unwrap_or(usize::MAX);
    if there.len() < GAP_DENSE || behind.len().saturating_add(GAP_TOLERATED) < settled {
        return Vec::new();
    }
    let message = format!("run {missing} of {} is not recorded, and those around it are", own.name);
    let thing = Node::named(NodeKind::Run, &format!("{}/{missing}", own.name));
    let shown = || there.iter().chain(&behind).copied();
    thing
        .into_iter()
        .map(|thing| finding(FindingKind::CountGap, thing, new, shown(), message.clone()))
        .collect()
}

/// Of the runs behind a missing one another one or two may be missing.
const GAP_TOLERATED: usize = 2;

fn series<'a>(seen: &Seen<'a>) -> Option<&'a Series> {
    let run = seen.facts.told.run.as_ref().filter(|_| seen.kind() == Kind::Run)?;
    run.series.as_ref().filter(|_| !seen.is_history())
}

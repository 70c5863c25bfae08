//! First seen: a builder in a repository, a machine in a pipeline.
//!
//! Where every run has another machine (runners that live for one job), nothing is new about a new one. Machines of the CI system
//! are one: which of them a run gets says nothing. Neither does which of a pool it gets: a machine that ran another pipeline is of the
//! pool if that one also ran on a machine of this pipeline. That it ran anything else before says nothing for it: a thief's machine
//! may run something of the thief's first.

use std::collections::{BTreeMap, BTreeSet};

use super::bounds::{ABOUT_ARTIFACT, HISTORY_MIN, LOOK_BACK, SHOWN};
use super::need::{Need, term};
use super::seen::{Kind, Known, Seen, lasting};
use super::{Finding, FindingKind, changes, finding, usual};
use crate::fact::{EdgeKind, Field, Node, NodeKind};
use crate::predicate::{slsa_v1, slsa_v02};

pub(super) fn needs(new: &Seen<'_>, known: &Known<'_>, needs: &mut BTreeSet<Need>) {
    let Some(own) = Used::by(new).filter(|_| !new.is_history()) else { return };
    let same = term(Field::Builder, own.builder.id());
    let settled = known.earlier(new).any(|seen| own.same(seen));
    for place in own.places() {
        // Nearly always it was used there before, and lately.
        needs.insert(if own.exact {
            Need::before([same.clone()].into_iter().chain(place.clone()), 1)
        } else {
            Need::before(place.clone(), HISTORY_MIN)
        });
        if known.rounds > 0 && !settled {
            needs.insert(Need::before(place, LOOK_BACK));
            needs.extend(own.exact.then(|| Need::before([same.clone()], ABOUT_ARTIFACT)));
            let others = own.elsewhere(new, known);
            let places = others.values().take(SHOWN).flat_map(Used::places);
            needs.extend(places.map(|place| Need::before(place, ABOUT_ARTIFACT)));
        }
    }
}

pub(super) fn find(new: &Seen<'_>, known: &Known<'_>) -> Vec<Finding> {
    let Some(own) = Used::by(new).filter(|_| !new.is_history()) else { return Vec::new() };
    let history: Vec<(&Seen<'_>, Used<'_>)> = known
        .earlier(new)
        .filter_map(|seen| Some((seen, Used::by(seen)?)))
        .filter(|(_, used)| used.kind == own.kind && used.name == own.name)
        .collect();
    let names: BTreeSet<&str> = history.iter().map(|(_, used)| used.what).collect();
    if history.len() < HISTORY_MIN || names.contains(own.what) || changes(names.len(), history.len()) {
        return Vec::new();
    }
    let others = own.elsewhere(new, known);
    let of_pool = |used: &Used<'_>| {
        used.kind == own.kind && others.contains_key(used.name) && names.contains(used.what)
    };
    if known.earlier(new).filter_map(Used::by).any(|used| of_pool(&used)) {
        return Vec::new();
    }
    let (kind, used) = match own.kind {
        Kind::Run => (FindingKind::NewRunner, "ran on"),
        _ => (FindingKind::NewBuilder, "was built by"),
    };
    let message =
        format!("{} {used} {} for the first time, before by {}", own.name, own.what, listed(&names));
    let history: Vec<(&Seen<'_>, BTreeSet<&str>)> =
        history.iter().map(|(seen, used)| (*seen, BTreeSet::from([used.what]))).collect();
    let shown = usual(&history);
    vec![finding(kind, own.builder.clone(), new, shown, message)]
}

/// A builder or machine, and where it was used.
struct Used<'a> {
    kind: Kind,
    /// The repository or pipeline.
    name: &'a str,
    builder: &'a Node,
    /// What does not change with each run.
    what: &'a str,
    /// Whether it is found by its own text.
    exact: bool,
}

impl<'a> Used<'a> {
    fn by(seen: &Seen<'a>) -> Option<Self> {
        let told = seen.facts.told.run.as_ref()?;
        let builder = seen.ends(&told.run, EdgeKind::RanOn).find(|node| node.kind() == NodeKind::Builder)?;
        let (kind, exact) = (seen.kind(), true);
        match kind {
            Kind::Provenance => {
                let name = seen.facts.told.repository.as_deref()?;
                Some(Self { kind, name, builder, what: lasting(builder.id()), exact })
            }
            Kind::Run => {
                let name = told.series.as_ref()?.name.as_str();
                let hosted = told.runner.as_ref()?.hosted;
                let what = if hosted { "the CI system's machines" } else { builder.id() };
                Some(Self { kind, name, builder, what, exact: !hosted })
            }
            _ => None,
        }
    }

    /// Where else it was used before, by name.
    fn elsewhere(&self, new: &Seen<'_>, known: &Known<'a>) -> BTreeMap<&'a str, Self> {
        let used = known.earlier(new).filter_map(Used::by);
        let same =
            used.filter(|used| used.kind == self.kind && used.what == self.what && used.name != self.name);
        same.map(|used| (used.name, used)).collect()
    }

    /// The terms of the entries that it is compared with.
    fn places(&self) -> Vec<Vec<crate::fact::Term>> {
        if self.kind == Kind::Run {
            return vec![vec![term(Field::Name, self.name)]];
        }
        let of =
            |predicate_type| vec![term(Field::Repository, self.name), term(Field::Predicate, predicate_type)];
        vec![of(slsa_v1::TYPE), of(slsa_v02::TYPE)]
    }

    fn same(&self, seen: &Seen<'_>) -> bool {
        Used::by(seen)
            .is_some_and(|used| used.kind == self.kind && used.name == self.name && used.what == self.what)
    }
}

fn listed(names: &BTreeSet<&str>) -> String {
    let first: Vec<&str> = names.iter().take(SHOWN).copied().collect();
    let more = names.len().saturating_sub(first.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", first.join(", "))
}

//! Output of a run that failed, was cancelled, or was started by a pull or merge request.
//!
//! It is found in whichever is recorded later: the artifact's provenance, or what the run says of itself. Of several statements
//! about one run the newest says how it ended: it may have been repeated. What is said of a whole run holds for those of its attempts
//! of which nothing is said.

use std::collections::BTreeSet;

use super::bounds::ABOUT_ARTIFACT;
use super::need::{Need, term};
use super::seen::{Kind, Known, Seen};
use super::{Finding, FindingKind, finding};
use crate::fact::{Conclusion, EdgeKind, Field, Node, RunTold, Term, whole_run};
use crate::predicate::{CustodyPredicate as _, Run, slsa_v1, slsa_v02};

pub(super) fn needs(new: &Seen<'_>, _: &Known<'_>, needs: &mut BTreeSet<Need>) {
    let Some(told) = &new.facts.told.run else { return };
    let runs: Vec<Term> = std::iter::once(told.run.id())
        .chain(whole_run(told.run.id()))
        .map(|run| term(Field::Run, run))
        .collect();
    let types: &[&str] = match new.kind() {
        Kind::Provenance => &[Run::TYPE],
        Kind::Run if wrong(told).is_some() => &[slsa_v1::TYPE, slsa_v02::TYPE, Run::TYPE],
        _ => return,
    };
    for (run, predicate_type) in runs.iter().flat_map(|run| types.iter().map(move |of| (run, of))) {
        needs.insert(Need::anywhere([run.clone(), term(Field::Predicate, predicate_type)], ABOUT_ARTIFACT));
    }
}

pub(super) fn find(new: &Seen<'_>, known: &Known<'_>) -> Vec<Finding> {
    let Some(told) = &new.facts.told.run else { return Vec::new() };
    let others = || known.entries.values().filter(|seen| seen.index != new.index);
    let newest = |run: &str| {
        let of = others().filter(|seen| seen.kind() == Kind::Run && is_of(seen, run));
        of.max_by_key(|seen| seen.index)
    };
    let run = told.run.id();
    // What is said of the attempt tells more than what is said of the whole run.
    let about = |run: &str| newest(run).or_else(|| whole_run(run).and_then(newest));
    match new.kind() {
        Kind::Provenance => {
            let Some(run) = about(run) else {
                // Nobody else tells of the run; the provenance itself may.
                return output(new, told, new, None);
            };
            // What is recorded later is found there.
            let Some(other) = run.facts.told.run.as_ref().filter(|_| run.index < new.index) else {
                return Vec::new();
            };
            output(new, other, new, Some(run))
        }
        Kind::Run if newest(run).is_none_or(|run| run.index < new.index) => {
            let of_run = |seen: &&Seen<'_>| {
                let built = seen.facts.told.run.as_ref().map_or("", |other| other.run.id());
                built == run || whole_run(built) == Some(run) && newest(built).is_none()
            };
            let provenances = others()
                .filter(|seen| seen.kind() == Kind::Provenance && seen.index < new.index)
                .filter(of_run);
            let again = newest(run).and_then(|run| wrong(run.facts.told.run.as_ref()?));
            // It was told when the same was said before.
            if again == wrong(told) {
                return Vec::new();
            }
            provenances.flat_map(|seen| output(seen, told, new, Some(seen))).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether an entry tells of a run by this id.
fn is_of(seen: &Seen<'_>, run: &str) -> bool {
    seen.facts.told.run.as_ref().is_some_and(|other| other.run.id() == run)
}

/// What `provenance` says came out of a run, which `told` tells went wrong.
fn output(provenance: &Seen<'_>, told: &RunTold, new: &Seen<'_>, also: Option<&Seen<'_>>) -> Vec<Finding> {
    let Some(kind) = wrong(told) else { return Vec::new() };
    let edges = provenance.facts.edges.iter().filter(|edge| edge.kind == EdgeKind::BuiltBy);
    // Several digests of one file are one output.
    let same: BTreeSet<&Node> = provenance
        .facts
        .edges
        .iter()
        .filter(|edge| edge.kind == EdgeKind::SameAs)
        .map(|edge| &edge.to)
        .collect();
    let outputs = edges.map(|edge| &edge.from).filter(|node| !same.contains(node));
    let how = match (kind, told.outcome) {
        (FindingKind::FailedRun, Some(Conclusion::Cancelled)) => "was cancelled".to_owned(),
        (FindingKind::FailedRun, _) => "failed".to_owned(),
        _ => format!("was started by {}", told.trigger.as_deref().unwrap_or("a request")),
    };
    let of = |output: &Node| {
        let label = provenance.facts.labels.get(output).map_or(output.id(), String::as_str);
        let message = format!("{label} came out of {}, which {how}", told.run.id());
        finding(kind, output.clone(), new, also, message)
    };
    outputs.map(of).collect()
}

/// What is wrong with a run, by what it tells; none if nothing is.
fn wrong(told: &RunTold) -> Option<FindingKind> {
    match told.outcome {
        Some(Conclusion::Cancelled | Conclusion::Failed) => Some(FindingKind::FailedRun),
        Some(Conclusion::Succeeded) | None if told.by_request => Some(FindingKind::ForkRun),
        Some(Conclusion::Succeeded) | None => None,
    }
}

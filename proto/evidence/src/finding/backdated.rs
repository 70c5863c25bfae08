//! Back-dated: a signer claims a time long before the ledger, and before what it claimed itself earlier.
//!
//! Who never signed before contradicts no claim of its own, and what it dates back far enough is history to every other rule. That
//! shows where such a build goes out as something new: an import brings what ran long ago.
//!
//! What somebody else claims or proves is left out: a commit's author date, a reviewer's approval, the date in a document, evidence
//! of others that was brought in, and signatures whose time is proven.

use std::collections::BTreeSet;

use super::bounds::{ABOUT_ARTIFACT, BACKDATED_MICROS, HISTORY_MIN, LOOK_BACK, SHOWN};
use super::need::{Need, term};
use super::provenance::{about, subjects, went_before};
use super::seen::{GOES_OUT, Known, PROVENANCE, Seen, micros_between};
use super::signer::{same_name, signers_of};
use super::{Finding, FindingKind, changes, finding, usual};
use crate::fact::{Called, Field, Node, NodeKind, Term};
use crate::predicate::{CustodyPredicate as _, Review, Source, openvex};
use crate::sbom;

pub(super) fn needs(new: &Seen<'_>, known: &Known<'_>, needs: &mut BTreeSet<Need>) {
    builds_needs(new, known, needs);
    if is_late(new) {
        for signer in &new.by.signers {
            let signer = term(Field::Signer, signer);
            needs.insert(Need::claimed([signer.clone()]));
            // The same statement may be there already.
            needs.extend(subject(new).map(|subject| Need::claimed([subject, signer.clone()])));
        }
    }
}

pub(super) fn find<'a>(new: &Seen<'a>, known: &Known<'a>) -> Vec<Finding> {
    let mut found = own_claim(new, known);
    for called in new.called() {
        let one = went_out(new, called, known);
        // Two names of the same bytes are told once.
        found.extend(one.filter(|one| found.iter().all(|other| other.thing != one.thing)));
    }
    found
}

fn own_claim(new: &Seen<'_>, known: &Known<'_>) -> Vec<Finding> {
    let earlier = || known.earlier(new);
    if !is_late(new) || earlier().any(|seen| seen.content == new.content) {
        return Vec::new();
    }
    let of = |signer: &String| {
        let own = earlier().filter(|seen| seen.by.signers.contains(signer) && is_claimed(seen));
        let newest = own.max_by_key(|seen| (seen.happened(), seen.index))?;
        if micros_between(new.happened(), newest.happened()) <= BACKDATED_MICROS {
            return None;
        }
        let message = format!(
            "{signer} claims {} for what was recorded at {}, and had claimed {} before",
            new.happened(),
            new.time,
            newest.happened()
        );
        let thing = artifact(new).or_else(|| Node::named(NodeKind::Identity, signer))?;
        Some(finding(FindingKind::Backdated, thing, new, [newest], message))
    };
    // Several signers of one statement claim one time.
    new.by.signers.iter().find_map(of).into_iter().collect()
}

fn is_late(new: &Seen<'_>) -> bool {
    is_claimed(new) && micros_between(new.happened(), new.known_since()) > BACKDATED_MICROS
}

/// The builds of what goes out first here, and others of their names.
fn builds_needs(new: &Seen<'_>, known: &Known<'_>, needs: &mut BTreeSet<Need>) {
    if new.is_history() || !new.goes_out() {
        return;
    }
    for called in new.called() {
        for subject in subjects(&called.artifacts) {
            let own = term(Field::Predicate, new.facts.predicate_type().unwrap_or_default());
            needs.insert(Need::before([subject, own], 1));
        }
        if known.rounds == 0 || went_before(new, called, known) {
            continue;
        }
        let before = |types: &[&str]| {
            let terms = about(&called.artifacts, types).into_iter();
            terms.map(|terms| Need::before(terms, ABOUT_ARTIFACT)).collect::<Vec<_>>()
        };
        // Not the newest alone: one that is new, or that comes later, must not stand before the old one.
        needs.extend(before(&PROVENANCE));
        let builds = old_builds(new, called, known);
        if !builds.is_empty() {
            needs.extend(before(&GOES_OUT));
        }
        for (build, own) in builds {
            let of = term(Field::Predicate, build.facts.predicate_type().unwrap_or_default());
            needs.insert(Need::before([term(Field::Name, &own.name), of], LOOK_BACK));
        }
    }
}

/// The builds of artifacts that are history to other rules, each with what it calls them; none if there is one that is not, or that
/// somebody brought in who may bring in evidence of others.
fn old_builds<'a>(new: &Seen<'_>, called: &Called, known: &Known<'a>) -> Vec<(Seen<'a>, &'a Called)> {
    let builds: Vec<&Seen<'a>> =
        known.earlier(new).filter(|seen| seen.builds_any(&called.artifacts)).collect();
    if !builds.iter().all(|build| build.is_history() && !build.by.imported) {
        return Vec::new();
    }
    let own = |build: &Seen<'a>| {
        build.called().iter().find(|other| !other.artifacts.is_disjoint(&called.artifacts))
    };
    builds.into_iter().filter_map(|build| Some((*build, own(build)?))).collect()
}

/// What went out, if its builds are old by the claims of those alone who never signed a new one of its name.
fn went_out<'a>(new: &Seen<'a>, called: &Called, known: &Known<'a>) -> Option<Finding> {
    if new.is_history() || !new.goes_out() || went_before(new, called, known) {
        return None;
    }
    let builds = old_builds(new, called, known);
    let mut strange = None;
    for (build, own) in &builds {
        let is_other = |seen: &&Seen<'a>| {
            same_name(seen, build, own) && !seen.is_history() && !seen.builds_any(&called.artifacts)
        };
        let others: Vec<&Seen<'a>> = known.earlier(new).filter(is_other).collect();
        let all: BTreeSet<&str> = others.iter().flat_map(|seen| signers_of(seen, known)).collect();
        let few = others.len() < HISTORY_MIN || changes(all.len(), others.len());
        if few || !signers_of(build, known).is_disjoint(&all) {
            return None;
        }
        strange = strange.or(Some((build, own, others, all)));
    }
    let (build, own, others, all) = strange?;
    let list = |names: &BTreeSet<&str>| names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    let message = format!(
        "{} of {} went out first at {}; {} claimed at {} to have built it at {}, and all new builds of that name are by {}",
        called.artifacts.first()?.id(),
        own.name,
        new.happened(),
        list(&signers_of(build, known)),
        build.time,
        build.happened(),
        list(&all)
    );
    let history: Vec<(&Seen<'a>, BTreeSet<&str>)> =
        others.iter().map(|seen| (*seen, signers_of(seen, known))).collect();
    let shown = usual(&history).into_iter().chain([build]);
    Some(finding(FindingKind::Backdated, called.artifacts.first()?.clone(), new, shown, message))
}

/// Whether the signer itself says when it happened.
fn is_claimed(seen: &Seen<'_>) -> bool {
    seen.facts.happened.is_some() && !seen.by.imported && seen.facts.predicate_type().is_some_and(claims)
}

/// Whether the time in a statement of this type is its signer's claim, and not somebody else's.
pub(super) fn claims(predicate_type: &str) -> bool {
    let others = [Source::TYPE, Review::TYPE].contains(&predicate_type)
        || sbom::is_type(predicate_type)
        || openvex::is_type(predicate_type);
    !others
}

/// The first artifact that the statement is about; none if it is about a name.
fn artifact(seen: &Seen<'_>) -> Option<Node> {
    let called = seen.called().first().and_then(|called| called.artifacts.first());
    let from =
        || seen.facts.edges.iter().map(|edge| &edge.from).find(|node| node.kind() == NodeKind::Artifact);
    called.or_else(from).cloned()
}

fn subject(seen: &Seen<'_>) -> Option<Term> {
    seen.facts.terms().into_iter().find(|term| term.field() == Field::Subject)
}

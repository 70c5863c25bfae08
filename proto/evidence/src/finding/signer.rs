//! Signer change: a build, release or publication under a name is signed or published by somebody else than all before. People are
//! compared, and not their keys, as far as trust documents say whose a key is.

use std::collections::BTreeSet;

use super::bounds::{HISTORY_MIN, LOOK_BACK, SHOWN};
use super::need::{Need, term};
use super::seen::{Kind, Known, Seen, lasting};
use super::{Finding, FindingKind, changes, finding, usual};
use crate::fact::{Called, Field, Node};

pub(super) fn needs(new: &Seen<'_>, known: &Known<'_>, needs: &mut BTreeSet<Need>) {
    let Some(predicate_type) = compared(new) else { return };
    for called in new.called() {
        let (name, kind) = (term(Field::Name, &called.name), term(Field::Predicate, predicate_type));
        for signer in &new.by.signers {
            let signer = term(Field::Signer, signer);
            needs.insert(Need::before([name.clone(), kind.clone(), signer], 1));
        }
        let shares = |seen: &Seen<'_>| !signers_of(seen, known).is_disjoint(&signers_of(new, known));
        let settled = known.earlier(new).any(|seen| same_name(seen, new, called) && shares(seen));
        // Who published is no signer, and is found in the history alone.
        if known.rounds > 0 && !settled || new.kind() == Kind::Publication {
            needs.insert(Need::before([name, kind], LOOK_BACK));
        }
    }
}

pub(super) fn find<'a>(new: &Seen<'a>, known: &Known<'a>) -> Vec<Finding> {
    if compared(new).is_none() {
        return Vec::new();
    }
    let before: Vec<&Seen<'a>> = known.earlier(new).collect();
    // The same once more, with another signature: whoever signed it first is told of there.
    let again = before.iter().any(|seen| seen.content == new.content);
    let mut found: Vec<Finding> = Vec::new();
    for called in new.called().iter().filter(|_| !again) {
        let history: Vec<&Seen<'a>> =
            before.iter().copied().filter(|seen| same_name(seen, new, called)).collect();
        let signers = |seen: &Seen<'a>| signers_of(seen, known);
        let one = change(new, called, &history, &signers, "signed")
            .or_else(|| change(new, called, &history, &actors_of, "published"));
        found.extend(one.filter(|one| found.iter().all(|other| other.thing != one.thing)));
    }
    found
}

/// The predicate type of an entry whose signer is compared.
fn compared<'a>(new: &Seen<'a>) -> Option<&'a str> {
    let kinds = [Kind::Provenance, Kind::Publication, Kind::Release];
    new.facts.predicate_type().filter(|_| kinds.contains(&new.kind()) && !new.is_history())
}

pub(super) fn same_name(seen: &Seen<'_>, new: &Seen<'_>, called: &Called) -> bool {
    seen.facts.predicate_type() == new.facts.predicate_type()
        && seen.called().iter().any(|other| other.name == called.name)
}

pub(super) fn signers_of<'a>(seen: &Seen<'a>, known: &Known<'a>) -> BTreeSet<&'a str> {
    seen.by.lasting(known.people)
}

/// Who pushed it, as a publication says.
fn actors_of<'a>(seen: &Seen<'a>) -> BTreeSet<&'a str> {
    seen.actors().map(lasting).collect()
}

fn change<'a>(
    new: &Seen<'a>,
    called: &Called,
    history: &[&Seen<'a>],
    of: &dyn Fn(&Seen<'a>) -> BTreeSet<&'a str>,
    what: &str,
) -> Option<Finding> {
    let now = of(new);
    let with: Vec<&Seen<'a>> = history.iter().copied().filter(|seen| !of(seen).is_empty()).collect();
    let all: BTreeSet<&str> = with.iter().flat_map(|seen| of(seen)).collect();
    // Where it is somebody else each time, nothing differs.
    let changes = changes(all.len(), with.len());
    if now.is_empty() || with.len() < HISTORY_MIN || !now.is_disjoint(&all) || changes {
        return None;
    }
    let list = |names: &BTreeSet<&str>| names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    let version = called.version.as_deref().map_or_else(String::new, |version| format!(" {version}"));
    let message =
        format!("{}{version} was {what} by {}, all before it by {}", called.name, list(&now), list(&all));
    let history: Vec<(&Seen<'a>, BTreeSet<&str>)> = with.iter().map(|seen| (*seen, of(seen))).collect();
    let shown = usual(&history);
    let thing: Node = called.artifacts.first()?.clone();
    Some(finding(FindingKind::SignerChange, thing, new, shown, message))
}

//! Back-dated: a signer claims a time long before the ledger, and before what it claimed itself earlier.
//!
//! What somebody else claims or proves is left out: a commit's author date, a reviewer's approval, the date in a document, evidence
//! of others that was brought in, and signatures whose time is proven.

use std::collections::BTreeSet;

use super::bounds::{BACKDATED_MICROS, SIGNER_LOOK_BACK};
use super::need::{Need, term};
use super::seen::{Known, Seen, micros_between};
use super::{Finding, FindingKind, finding};
use crate::fact::{Field, Node, NodeKind, Term};
use crate::predicate::{CustodyPredicate as _, Review, Source, openvex};
use crate::sbom;

pub(super) fn needs(new: &Seen<'_>, _: &Known<'_>, needs: &mut BTreeSet<Need>) {
    if is_late(new) {
        for signer in &new.by.signers {
            let signer = term(Field::Signer, signer);
            needs.insert(Need::before([signer.clone()], SIGNER_LOOK_BACK));
            // The same statement may be there already.
            needs.extend(
                subject(new).map(|subject| Need::before([subject, signer.clone()], SIGNER_LOOK_BACK)),
            );
        }
    }
}

pub(super) fn find(new: &Seen<'_>, known: &Known<'_>) -> Vec<Finding> {
    let earlier = || known.entries.range(..new.index).map(|(_, seen)| seen);
    if !is_late(new) || earlier().any(|seen| seen.content == new.content) {
        return Vec::new();
    }
    let of = |signer: &String| {
        let own = earlier().filter(|seen| seen.by.signers.contains(signer) && claims(seen));
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
    claims(new) && micros_between(new.happened(), new.time) > BACKDATED_MICROS
}

/// Whether the signer itself says when it happened.
fn claims(seen: &Seen<'_>) -> bool {
    let others = |predicate_type: &str| {
        [Source::TYPE, Review::TYPE].contains(&predicate_type)
            || sbom::is_type(predicate_type)
            || openvex::is_type(predicate_type)
    };
    seen.facts.happened.is_some()
        && !seen.by.imported
        && !seen.by.proven
        && !seen.facts.predicate_type().is_none_or(others)
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

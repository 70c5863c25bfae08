//! Evidence for a gate from a pack: what somebody else chose to put into it.
//!
//! Every entry is checked as online. That something was left out nobody would see, so no rule that needs all evidence can be decided by a
//! pack.

use custody_evidence::fact::{Field, Term};
use custody_gate::evidence::ROUNDS_MAX;
use custody_gate::{Ask, Evidence, Freshness, Incomplete, Policy, Position, Question, TrustView};
use custody_log::Timestamp;
use custody_log::checkpoint::VerifiedCheckpoint;

use super::CheckedPack;
use crate::check::Checked;
use crate::freshness::cosigned_at;
use crate::ledger::gate::condition;
use crate::ledger::{Circumstances, Condition, Gathered, seen};
use crate::trust::Trust;

/// Returns the state of the log that a pack shows: the largest tree that its receipts lead to. None if no entry of it holds.
#[must_use]
pub fn circumstances(
    pack: &CheckedPack,
    trust: &Trust,
    effective: Option<Timestamp>,
    now: Timestamp,
) -> Option<Circumstances> {
    let held = pack.all_held();
    let newest =
        held.values().map(|checked| checkpoint(checked)).max_by_key(|found| found.checkpoint().size())?;
    let (size, root) = (newest.checkpoint().size(), *newest.checkpoint().root());
    let known = held.values().map(|checked| trust.looked_up_by(checked.entry(), size)).max();
    let freshness = cosigned_at(newest, trust, now).map_or(Freshness::Unknown, Freshness::Cosigned);
    let view = TrustView::from(&trust.as_of(size).state);
    Some(Circumstances::of_pack(Position { size, root }, effective.unwrap_or(now), known, freshness, view))
}

/// Takes what a policy asks for from the entries of a pack.
#[must_use]
pub fn gather(pack: &CheckedPack, trust: &Trust, policy: &Policy, question: Question) -> Gathered {
    let held = pack.all_held();
    let mut evidence = Evidence::default();
    for _ in 0..=ROUNDS_MAX {
        let asks = policy.new_asks(&evidence, &question);
        if asks.is_empty() {
            break;
        }
        for ask in asks {
            if let Ask::Statements { .. } = ask {
                let meant = held.values().filter(|checked| is_meant(&ask, checked));
                let entries: Vec<_> = meant.map(|checked| seen(checked, trust, question.at.size)).collect();
                evidence.add(ask, entries, Some(Incomplete::Supplied));
            } else {
                evidence.add_findings(ask, [], Some(Incomplete::Supplied));
            }
        }
    }
    Gathered { evidence, question, not_yet: std::collections::BTreeMap::new() }
}

/// Whether an entry surely is what is asked for. Of an erased one nobody can say.
fn is_meant(ask: &Ask, checked: &Checked) -> bool {
    let Ask::Statements { about, types } = ask else { return false };
    let is_type = types.iter().any(|of| {
        let term = Term::parse(Field::Predicate, of).map(Condition::from);
        term.is_ok_and(|term| term.is_met_by(checked) == Some(true))
    });
    is_type && condition(about).is_ok_and(|about| about.is_met_by(checked) == Some(true))
}

fn checkpoint(checked: &Checked) -> &VerifiedCheckpoint {
    match checked {
        Checked::Logged(logged) => logged.receipt().checkpoint(),
        Checked::Redacted(erased) => erased.receipt().checkpoint(),
        Checked::Verified(verified) => verified.logged().receipt().checkpoint(),
    }
}

//! Exceptions: what lets a rule not hold for this digest for a while. Nothing else turns a FAIL into a pass.

use std::collections::BTreeSet;

use custody_evidence::predicate::{CustodyPredicate as _, Exception as Statement};
use custody_evidence::trust::Authority;
use custody_log::Timestamp;

use super::Case;
use super::candidate::no_evidence;
use super::who::{PersonName, persons, signers, with_authority};
use crate::evidence::{Ask, Entry, Standing};
use crate::policy::{Breakglass, Level, Span, Who};
use crate::verdict::{RuleResult, Status, UsedException};

/// The rule that an exception from all of them names.
const EVERY_RULE: &str = "*";
/// The longest that breaking the glass lasts.
const BREAKGLASS_MAX: Span = Span::hours(24);

/// An exception that holds, and who signed it.
struct Holding<'e> {
    entry: &'e Entry,
    statement: Statement,
    signer: String,
    persons: BTreeSet<PersonName>,
}

impl Case<'_> {
    /// Skips the rules that fail and are excepted; returns the exceptions that did it, in index order.
    pub(super) fn except(&self, rules: &mut [RuleResult]) -> Vec<UsedException> {
        let Some(exceptions) = &self.policy.exceptions else { return Vec::new() };
        let mut used = Vec::new();
        // An exception for one rule comes first: breaking the glass is for what nothing else lets pass.
        let single = exceptions.signer.as_ref().map(|who| self.holding(who, |rule| rule != EVERY_RULE));
        for holding in single.iter().flatten() {
            let fails = |rule: &&mut RuleResult| {
                rule.status == Status::Fail && rule.id == holding.statement.rule.as_str() && !rule.is_own()
            };
            for rule in rules.iter_mut().filter(fails) {
                rule.skip(&format!("excepted by entry {}", holding.entry.index));
                used.push(holding.used());
            }
        }
        let broken = exceptions.breakglass.as_ref().map(|glass| self.breakglass(glass)).unwrap_or_default();
        if !broken.is_empty() {
            let mut skipped = false;
            for rule in rules.iter_mut().filter(|rule| rule.status == Status::Fail && !rule.is_own()) {
                let entries: Vec<String> =
                    broken.iter().map(|holding| holding.entry.index.to_string()).collect();
                rule.skip(&format!("breakglass by entry {}", entries.join(" ")));
                skipped = true;
            }
            used.extend(broken.iter().filter(|_| skipped).map(Holding::used));
        }
        used.sort_by_key(|exception| exception.index);
        used.dedup_by_key(|exception| exception.index);
        used
    }

    /// Returns the exceptions by those whom the policy names that hold for this policy and digest now.
    fn holding(&self, who: &Who, rule: impl Fn(&str) -> bool) -> Vec<Holding<'_>> {
        let ask = Ask::of_subject(&self.question.subject, [Statement::TYPE]);
        let holding = self.evidence.answer(&ask).filter_map(|entry| {
            let sound = no_evidence(entry).is_none()
                && entry.standing == Standing::Sound
                && entry.level == Level::Verified
                && entry.is_about(&self.question.subject);
            let accepted = with_authority(entry, signers(entry, Some(who)), &[Authority::Own]).ok()?;
            let signer = accepted.first().filter(|_| sound)?.identity.to_string();
            let statement = Statement::decode(entry.predicate.as_deref()?).ok()?;
            let holds = statement.policy.as_str() == self.policy.name
                && *statement.subject.digest() == self.question.subject
                && statement.until > self.now
                && rule(statement.rule.as_str());
            let persons = persons(&self.question.trust.people, accepted);
            holds.then_some(Holding { entry, statement, signer, persons })
        });
        holding.collect()
    }

    /// Returns the exceptions from every rule, if enough people signed such.
    fn breakglass(&self, glass: &Breakglass) -> Vec<Holding<'_>> {
        let short = |holding: &Holding<'_>| {
            let from = holding.statement.at.min(holding.entry.time);
            holding.statement.until <= BREAKGLASS_MAX.after(from)
        };
        let mut holding = self.holding(&glass.signer, |rule| rule == EVERY_RULE);
        holding.retain(short);
        let people: BTreeSet<&PersonName> = holding.iter().flat_map(|one| &one.persons).collect();
        if people.len() < glass.at_least { Vec::new() } else { holding }
    }
}

impl Holding<'_> {
    fn used(&self) -> UsedException {
        let until: Timestamp = self.statement.until;
        UsedException {
            index: self.entry.index,
            rule: self.statement.rule.to_string(),
            owner: self.statement.owner.to_string(),
            reason: self.statement.reason.clone(),
            signer: self.signer.clone(),
            until,
        }
    }
}

//! `verdict_of`: another gate has let the digest pass.

use custody_evidence::predicate::judgement::VSA_TYPE;
use custody_evidence::trust::Authority;

use super::Case;
use super::candidate::{Candidate, Outcome, candidates, no_evidence};
use super::require::at_least;
use super::rule::Found;
use super::who::{signers, with_authority};
use super::why::Why;
use crate::evidence::{Ask, Entry, Standing};
use crate::policy::{Level, Value, VerdictOf};
use crate::verdict::{Decision, Recorded, canonical};

impl Case<'_> {
    pub(super) fn verdict_of(&self, asked: &VerdictOf) -> Found {
        let ask = Ask::of_subject(&self.question.subject, [VSA_TYPE]);
        let candidates = candidates(self.evidence.answer(&ask));
        let judged = |candidate: &Candidate<'_>| candidate.best(|entry| self.allowed(asked, entry));
        let outcomes: Vec<Outcome> = candidates.iter().map(judged).collect();
        let (failure, until) = at_least(&outcomes, 1);
        Found { failure, until, ..Found::of(&outcomes) }
    }

    /// Its age is that of the verdict itself, which is in what was signed: no other entry can make it older.
    fn allowed(&self, asked: &VerdictOf, entry: &Entry) -> Outcome {
        let refused = |why| Outcome::Refused(entry.index, why);
        let fails = |why| Outcome::Fails(entry.index, why);
        if let Some(why) = no_evidence(entry) {
            return refused(why);
        }
        if !entry.is_about(&self.question.subject) {
            return refused(Why::OtherSubject);
        }
        let accepted = signers(entry, Some(&asked.signer));
        if accepted.is_empty() {
            return refused(Why::Signer);
        }
        let accepted = match with_authority(entry, accepted, &[Authority::Own]) {
            Ok(accepted) => accepted,
            Err(why) => return refused(why),
        };
        if entry.standing == Standing::Malformed {
            return fails(Why::Malformed);
        }
        if entry.level == Level::Logged {
            return fails(Why::NotVerified { level: entry.level });
        }
        let Some(recorded) = entry.predicate.as_deref().and_then(|bytes| Recorded::from_summary(bytes).ok())
        else {
            return refused(Why::Policy { found: "no verdict of a gate".to_owned() });
        };
        if recorded.policy() != asked.policy {
            return refused(Why::Policy { found: recorded.policy().to_owned() });
        }
        // A file of the same name may ask for anything, and so may a text that another one had replaced.
        let (digest, size) = (recorded.policy_digest(), recorded.size());
        if let Some(why) = self.question.trust.other_policy(recorded.policy(), digest, size) {
            return fails(why);
        }
        if !self.is_meant(asked, &recorded) {
            return refused(Why::VerdictFor { target: recorded.environment().map(ToOwned::to_owned) });
        }
        if recorded.subject() != self.question.subject.to_string() {
            return refused(Why::OtherSubject);
        }
        if recorded.decision() != Decision::Allow {
            return fails(Why::VerdictNotAllow);
        }
        if let Some(why) = other_parameter(asked, &recorded) {
            return fails(why);
        }
        // A verdict from the future would be young for ever.
        let since = recorded.evaluated_at();
        let end = asked.max_age.after(since);
        if end < self.now || since > entry.time {
            return fails(Why::TooOld { since, max: asked.max_age });
        }
        // What an exception let pass for a day is not let pass for a month by whoever trusts the verdict.
        if let Some(until) = recorded.excepted_until().filter(|until| *until <= self.now) {
            return fails(Why::ExceptionEnded { until });
        }
        let until = recorded.excepted_until().into_iter().chain([end]).min();
        Outcome::Counts(self.counting(entry, &accepted, until))
    }

    /// Whether the verdict was for the environment that is meant. One for none in particular is for none other.
    fn is_meant(&self, asked: &VerdictOf, recorded: &Recorded) -> bool {
        match (&asked.target, recorded.environment()) {
            (Some(target), found) => found == Some(target.as_str()),
            (None, None) => true,
            (None, found) => found == self.question.environment.as_deref(),
        }
    }
}

/// Why the verdict was given by other values of parameters than are meant: those that are named, and for the rest the policy's own.
fn other_parameter(asked: &VerdictOf, recorded: &Recorded) -> Option<Why> {
    let value = |name: &str| recorded.parameters().get(name).map(canonical);
    let wanted = |(name, wanted): &(&String, &Value)| value(name) != Some(canonical(&wanted.json()));
    let named = asked.parameters.iter().find(wanted).map(|(name, _)| name);
    let given = || recorded.given().iter().find(|name| !asked.parameters.contains_key(*name));
    let name = named.or_else(given)?;
    let found = value(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Some(Why::Parameter { name: name.clone(), value: found.unwrap_or_else(|| "none".to_owned()) })
}

//! `approval`: people who let the digest pass.

use custody_evidence::predicate::{Approval as Statement, CustodyPredicate as _};
use custody_evidence::trust::Authority;
use custody_log::Timestamp;

use super::Case;
use super::candidate::{Candidate, Outcome, candidates, no_evidence};
use super::require::at_least;
use super::rule::Found;
use super::who::{signers, with_authority};
use super::why::Why;
use crate::evidence::{Ask, Entry, Standing};
use crate::policy::{Approval, Level};

impl Case<'_> {
    pub(super) fn approval(&self, asked: &Approval) -> Found {
        let Some(target) = asked.target.as_ref().or(self.question.environment.as_ref()) else {
            return Found { failure: Some(Why::EnvironmentUnknown), ..Found::default() };
        };
        let ask = Ask::of_subject(&self.question.subject, [Statement::TYPE]);
        let candidates = candidates(self.evidence.answer(&ask));
        let judged = |candidate: &Candidate<'_>| {
            candidate.best(|entry| self.approved(asked, target, entry, candidate.since))
        };
        let outcomes: Vec<Outcome> = candidates.iter().map(judged).collect();
        let (failure, until) = at_least(&outcomes, asked.at_least);
        Found { failure, until, ..Found::of(&outcomes) }
    }

    fn approved(&self, asked: &Approval, target: &str, entry: &Entry, since: Timestamp) -> Outcome {
        let refused = |why| Outcome::Refused(entry.index, why);
        let fails = |why| Outcome::Fails(entry.index, why);
        if let Some(why) = no_evidence(entry) {
            return refused(why);
        }
        if !entry.is_about(&self.question.subject) {
            return refused(Why::OtherSubject);
        }
        let accepted = signers(entry, asked.signer.who.as_ref());
        if accepted.is_empty() {
            return refused(Why::Signer);
        }
        let accepted = match with_authority(entry, accepted, &[Authority::Own]) {
            Ok(accepted) => accepted,
            Err(why) => return refused(why),
        };
        let statement = entry.predicate.as_deref().and_then(|bytes| Statement::decode(bytes).ok());
        let Some(statement) = statement.filter(|_| entry.standing == Standing::Sound) else {
            return fails(Why::Malformed);
        };
        if entry.level == Level::Logged {
            return fails(Why::NotVerified { level: entry.level });
        }
        if statement.target.as_str() != target {
            return refused(Why::Approval { target: statement.target.to_string() });
        }
        if let Some(until) = statement.until.filter(|until| *until <= self.now) {
            return fails(Why::ApprovalEnded { until });
        }
        let end = asked.max_age.map(|max| (max, max.after(since)));
        if let Some((max, _)) = end.filter(|(_, end)| *end < self.now) {
            return fails(Why::TooOld { since, max });
        }
        match self.not_excluded(&asked.signer, accepted) {
            Err(why) => fails(why),
            Ok(accepted) => {
                let until = statement.until.into_iter().chain(end.map(|(_, end)| end)).min();
                Outcome::Counts(self.counting(entry, &accepted, until))
            }
        }
    }
}

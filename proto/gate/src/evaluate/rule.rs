//! One rule: whether enough is there to say, what came out, and how much it weighs.

use custody_log::Timestamp;

use super::candidate::Outcome;
use super::why::Why;
use super::{Case, Completeness};
use crate::cel::{Fault, Fuel};
use crate::policy::{Asks, Class, Rule};
use crate::verdict::{Counted, Rejected, RuleResult, Status};

/// What came out of a rule's clauses.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Why it does not hold; none if it does.
    pub(super) failure: Option<Why>,
    /// What only warns.
    pub(super) warning: Option<Why>,
    /// Why it could not be decided.
    pub(super) error: Option<Fault>,
    pub(super) evidence: Vec<Counted>,
    pub(super) rejected: Vec<Rejected>,
    /// Until when it holds; none: without an end.
    pub(super) until: Option<Timestamp>,
}

impl Found {
    /// Lists what counts and what does not, in index order.
    pub(super) fn of(outcomes: &[Outcome]) -> Self {
        let counted = outcomes.iter().filter_map(Outcome::counting);
        let mut evidence: Vec<Counted> = counted.flat_map(|counting| counting.counted.clone()).collect();
        let mut rejected: Vec<Rejected> = outcomes.iter().filter_map(Outcome::rejected).collect();
        evidence.sort_by_key(|counted| counted.index);
        rejected.sort_by_key(|rejected| rejected.index);
        Self { evidence, rejected, ..Self::default() }
    }
}

impl Case<'_> {
    /// Judges a rule.
    pub(super) fn rule(&self, rule: &Rule, fuel: &mut Fuel) -> RuleResult {
        if let Some(by) = &rule.excluded {
            return RuleResult::of(rule, Status::Skip, format!("excluded: {by}"));
        }
        if let Some(why) = self.undecidable(rule) {
            return RuleResult::of(rule, Status::Error, why);
        }
        let found = match &rule.asks {
            Asks::Absent(absent) => self.absent(absent),
            Asks::Approval(approval) => self.approval(approval),
            Asks::Evidence(asked) => self.evidence_rule(asked, fuel),
            Asks::VerdictOf(verdict) => self.verdict_of(verdict),
        };
        if let Some(why) = found.failure.as_ref().and_then(|_| self.unanswered(rule)) {
            let evidence = (found.evidence, found.rejected);
            let result = RuleResult::of(rule, Status::Error, why);
            return RuleResult { evidence: evidence.0, rejected: evidence.1, ..result };
        }
        let soft = rule.warn || rule.effective_on.is_some_and(|from| from > self.now);
        let (status, message) = match (&found.error, &found.failure, &found.warning) {
            (Some(fault), ..) => (Status::Error, Why::AssertFault(*fault).to_string()),
            (None, Some(why), _) if soft => (Status::SoftFail, said(rule, why)),
            (None, Some(why), _) => (Status::Fail, said(rule, why)),
            (None, None, Some(why)) => (Status::SoftFail, said(rule, why)),
            (None, None, None) => (Status::Pass, format!("counted: {}", found.evidence.len())),
        };
        let until = found.until.filter(|_| status == Status::Pass);
        let RuleResult { id, fix, .. } = RuleResult::of(rule, status, String::new());
        RuleResult { id, status, message, fix, evidence: found.evidence, rejected: found.rejected, until }
    }

    /// Why what would let a rule hold may be there all the same: it was not looked at. What is not found in all that there is fails.
    fn unanswered(&self, rule: &Rule) -> Option<String> {
        let asks = self.asks_of(rule);
        let cut_short = asks.iter().find_map(|ask| self.evidence.cut_short(ask));
        cut_short.map(|why| format!("incomplete: {why}"))
    }

    /// Why a complete-set rule cannot be decided: something that it names may be missing. A PASS on a part would be a guess.
    fn undecidable(&self, rule: &Rule) -> Option<String> {
        if rule.class() == Class::Monotone {
            return None;
        }
        let missing = self.asks_of(rule).iter().find_map(|ask| self.evidence.incomplete(ask));
        let unproven = self.policy.proven && self.question.complete == Completeness::Claimed;
        missing
            .map(|why| format!("incomplete: {why}"))
            .or_else(|| self.too_many_answers(rule).then(|| "incomplete: capped".to_owned()))
            .or_else(|| unproven.then(|| "completeness_claimed".to_owned()))
    }
}

/// The policy's own sentence, then the word and its values.
fn said(rule: &Rule, why: &Why) -> String {
    rule.message.as_ref().map_or_else(|| why.to_string(), |message| format!("{message} ({why})"))
}

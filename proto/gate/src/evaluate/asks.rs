//! What a policy needs to see, given what is there already.

use std::collections::BTreeSet;

use custody_evidence::predicate::judgement::VSA_TYPE;
use custody_evidence::predicate::{Approval, CustodyPredicate as _, Exception, Review};

use super::built::PROVENANCE;
use super::commit::OF_COMMIT;
use super::vex::{self, COMPONENTS_ASKED_MAX, ask_of_component};
use super::{Case, Question};
use crate::evidence::{Ask, Evidence};
use crate::policy::{Asks, EvidenceRule, Excluded, Policy, Rule};

impl Policy {
    /// Returns what to look up. Whoever gathers asks again with what came, until nothing new is asked: at most
    /// [`crate::evidence::ROUNDS_MAX`] rounds, since every answer leads at most one step further (digest, commit, its reviews;
    /// digest, scan, answers).
    #[must_use]
    pub fn asks(&self, evidence: &Evidence, question: &Question) -> BTreeSet<Ask> {
        let case = Case::new(self, evidence, question, question.evaluated_at);
        let subject = &question.subject;
        let mut asks: BTreeSet<Ask> = BTreeSet::new();
        for rule in self.rules.iter().filter(|rule| rule.excluded.is_none()) {
            asks.extend(case.asks_of(rule));
        }
        if !self.applies_to.repositories.is_empty() {
            asks.insert(Ask::of_subject(subject, PROVENANCE));
        }
        if self.exceptions.is_some() {
            asks.insert(Ask::of_subject(subject, [Exception::TYPE]));
        }
        asks
    }

    /// Returns what is to be looked up and was not yet; nothing once all is there.
    #[must_use]
    pub fn new_asks(&self, evidence: &Evidence, question: &Question) -> Vec<Ask> {
        self.asks(evidence, question).into_iter().filter(|ask| !evidence.has(ask)).collect()
    }
}

impl Case<'_> {
    /// Returns everything that a rule looks at.
    pub(super) fn asks_of(&self, rule: &Rule) -> BTreeSet<Ask> {
        let subject = &self.question.subject;
        match &rule.asks {
            Asks::Absent(absent) => {
                BTreeSet::from([Ask::Findings { about: subject.clone(), kinds: absent.kinds() }])
            }
            Asks::Approval(approval) => {
                let mut asks = BTreeSet::from([Ask::of_subject(subject, [Approval::TYPE])]);
                let not = &approval.signer.not;
                asks.extend(
                    self.asks_of_excluded(
                        not.contains(&Excluded::Submitter),
                        not.contains(&Excluded::Author),
                    ),
                );
                asks
            }
            Asks::Evidence(rule) => self.asks_of_evidence(rule),
            Asks::VerdictOf(_) => BTreeSet::from([Ask::of_subject(subject, [VSA_TYPE])]),
        }
    }

    fn asks_of_evidence(&self, rule: &EvidenceRule) -> BTreeSet<Ask> {
        let subject = &self.question.subject;
        let types = rule.require.types.iter().map(String::as_str);
        let mut asks = BTreeSet::from([Ask::of_subject(subject, types)]);
        asks.extend(
            self.asks_of_excluded(rule.excludes(Excluded::Submitter), rule.excludes(Excluded::Author)),
        );
        if let Some(source) = rule.source.as_ref().filter(|source| source.asks_of_commit()) {
            asks.insert(Ask::of_subject(subject, PROVENANCE));
            for commit in self.commits() {
                asks.insert(Ask::of_subject(&commit, OF_COMMIT));
                if source.reviewed.is_some() {
                    asks.insert(Ask::of_subject(&commit, [Review::TYPE]));
                }
            }
        }
        if rule.vulnerabilities.as_ref().is_some_and(|asked| asked.answered_by.is_some()) {
            asks.insert(Ask::of_subject(subject, vex::types()));
            asks.extend(self.components_to_ask(rule).iter().take(COMPONENTS_ASKED_MAX).map(ask_of_component));
        }
        asks
    }

    fn asks_of_excluded(&self, submitter: bool, author: bool) -> BTreeSet<Ask> {
        let mut asks = BTreeSet::new();
        if submitter || author {
            asks.insert(Ask::of_subject(&self.question.subject, PROVENANCE));
        }
        if author {
            asks.extend(self.commits().iter().map(|commit| Ask::of_subject(commit, OF_COMMIT)));
        }
        asks
    }
}

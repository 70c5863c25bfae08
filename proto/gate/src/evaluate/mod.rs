//! Judging: every rule over the evidence, and what follows from all of them.

mod absent;
mod approval;
mod asks;
mod attestation;
mod built;
mod candidate;
mod commit;
mod exception;
mod require;
mod rule;
mod sbom;
mod scan;
mod scope;
#[cfg(test)]
mod tests;
mod verdict_of;
mod vex;
mod who;
mod why;

use std::cell::OnceCell;
use std::collections::BTreeSet;

use custody_evidence::Digest;
use custody_evidence::trust::{Person, PolicyVersion, TrustState};
use custody_log::{RootHash, Timestamp, TreeSize};

use who::PersonName;
use why::Why;

use crate::cel::Fuel;
use crate::evidence::Evidence;
use crate::policy::{Level, Policy};
use crate::verdict::{Decision, RuleResult, Status, Verdict};

/// What is asked, and under which circumstances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The digest that is judged; nothing else is.
    pub subject: Digest,
    /// Where it is to go.
    pub environment: Option<String>,
    /// The time that ages are counted to.
    pub evaluated_at: Timestamp,
    /// The state of the log.
    pub at: Position,
    /// What administrators say in it.
    pub trust: TrustView,
    /// When the newest entry of it was recorded; none in an empty log.
    pub newest: Option<Timestamp>,
    /// How fresh it is.
    pub freshness: Freshness,
    /// Whether whoever judges ran out of time before everything was there.
    pub deadline_passed: bool,
    /// What vouches for nothing having been left out.
    pub complete: Completeness,
    /// How far the entries were checked.
    pub level: Level,
}

/// A state of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// How many entries.
    pub size: TreeSize,
    /// What they hash to.
    pub root: RootHash,
}

/// What of the trust document plays a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustView {
    /// Its version.
    pub version: u64,
    /// When administrators must have signed a next one.
    pub expires: Timestamp,
    /// Which identities are one person.
    pub people: Vec<Person>,
    /// The policies that were put by then, the newest first; none where there is no log that keeps any (fixtures): then every policy is
    /// one.
    pub policies: Option<Vec<PolicyVersion>>,
}

/// How fresh the state of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// The caller chose a state of the past: nobody claims that it is fresh.
    AsOf,
    /// The freshness key, or a witness, cosigned it then.
    Cosigned(Timestamp),
    /// Nobody did.
    Unknown,
}

crate::words::words! {
    /// What vouches for nothing having been left out.
    pub enum Completeness {
        /// The server says so.
        Claimed = "claimed",
        /// A proof does.
        Proven = "proven",
    }
}

/// How far the clock of whoever judges may trail the newest entry: a minute, which is more than clocks that are kept right differ.
const CLOCK_TOLERANCE_MICROS: i64 = 60 * 1_000_000;

/// Everything that rules look at.
struct Case<'a> {
    policy: &'a Policy,
    evidence: &'a Evidence,
    question: &'a Question,
    /// The judged time.
    now: Timestamp,
    /// Found once: rules with thousands of candidates ask it of each.
    found: Found,
}

/// What several candidates ask for.
#[derive(Default)]
struct Found {
    authors: OnceCell<Option<BTreeSet<PersonName>>>,
    submitters: OnceCell<BTreeSet<PersonName>>,
}

impl<'a> Case<'a> {
    fn new(policy: &'a Policy, evidence: &'a Evidence, question: &'a Question, now: Timestamp) -> Self {
        Self { policy, evidence, question, now, found: Found::default() }
    }
}

impl From<&TrustState> for TrustView {
    fn from(state: &TrustState) -> Self {
        let members = state.document().members();
        Self {
            version: members.version,
            expires: members.expires,
            people: members.people.clone(),
            policies: Some(state.policies().cloned().collect()),
        }
    }
}

impl TrustView {
    /// Why a verdict by a policy of this digest, as of this tree, is none of the policy of this name: nobody put such a text, or another
    /// one had taken its place.
    fn other_policy(&self, name: &str, digest: &str, size: TreeSize) -> Option<Why> {
        let put = self.policies.as_ref()?.iter().filter(|policy| policy.name == name);
        let is_it = |policy: &&PolicyVersion| policy.digest.to_string() == digest;
        let newest = put.clone().find(|policy| size.contains(policy.index));
        if newest.as_ref().is_some_and(is_it) {
            return None;
        }
        let digest = digest.to_owned();
        let replaced = put.clone().any(|policy| is_it(&policy));
        Some(if replaced { Why::PolicyReplaced { digest } } else { Why::PolicyNotPut { digest } })
    }
}

impl Question {
    /// Makes a question about an empty log in which nothing is missing: for examples and tests of policies.
    ///
    /// # Panics
    ///
    /// Never: its numbers are in range.
    #[must_use]
    pub fn sample(subject: Digest) -> Self {
        let time = |micros| Timestamp::from_micros(micros).expect("between 1970 and 9999");
        Self {
            subject,
            environment: None,
            evaluated_at: time(1_800_000_000_000_000),
            at: Position { size: TreeSize::ZERO, root: RootHash::empty() },
            trust: TrustView {
                version: 1,
                expires: time(4_000_000_000_000_000),
                people: Vec::new(),
                policies: None,
            },
            newest: None,
            freshness: Freshness::AsOf,
            deadline_passed: false,
            complete: Completeness::Claimed,
            level: Level::Verified,
        }
    }
}

/// Judges a digest by a policy over what was gathered.
#[must_use]
pub fn judge(policy: &Policy, evidence: &Evidence, question: &Question) -> Verdict {
    let newest = question.newest.unwrap_or(question.evaluated_at);
    let now = question.evaluated_at.max(newest);
    let case = Case::new(policy, evidence, question, now);
    let mut fuel = Fuel::full();
    let mut rules = case.circumstances();
    rules.extend(case.applies());
    rules.extend(policy.rules.iter().map(|rule| case.rule(rule, &mut fuel)));
    let exceptions = case.except(&mut rules);
    let valid_until = case.valid_until(&rules, &exceptions);
    Verdict {
        decision: decision(&rules),
        subject: question.subject.to_string(),
        environment: question.environment.clone(),
        policy: policy.name.clone(),
        policy_digest: policy.digest.to_string(),
        size: question.at.size,
        root: question.at.root,
        trust_version: question.trust.version,
        evaluated_at: now,
        valid_until,
        parameters: crate::verdict::parameters(&policy.parameters),
        given: policy.given.clone(),
        versions: crate::verdict::Versions::current(),
        level: question.level,
        complete: question.complete,
        rules,
        exceptions,
    }
}

/// Any FAIL denies; without one, any ERROR leaves it open.
fn decision(rules: &[RuleResult]) -> Decision {
    let any = |status| rules.iter().any(|rule| rule.status == status);
    if any(Status::Fail) {
        Decision::Deny
    } else if any(Status::Error) {
        Decision::Indeterminate
    } else {
        Decision::Allow
    }
}

impl Case<'_> {
    /// What makes every answer doubtful, each as a result of the gate's own.
    fn circumstances(&self) -> Vec<RuleResult> {
        let Question { evaluated_at, newest, trust, freshness, deadline_passed, .. } = self.question;
        let mut results = Vec::new();
        if let Some(newest) = newest
            && newest.as_micros() - evaluated_at.as_micros() > CLOCK_TOLERANCE_MICROS
        {
            let message = format!("clock_behind: {evaluated_at} is before the newest entry, {newest}");
            results.push(RuleResult::own("time", Status::Error, message));
        }
        if trust.expires <= self.now {
            let message = format!("trust_expired: {}", trust.expires);
            results.push(RuleResult::own("trust", Status::Error, message));
        }
        let max = self.policy.max_checkpoint_age;
        let stale = match freshness {
            Freshness::AsOf => None,
            Freshness::Cosigned(time) if max.after(*time) >= self.now => None,
            Freshness::Cosigned(time) => Some(format!("checkpoint_too_old: {time} + {max}")),
            Freshness::Unknown => Some("checkpoint_not_cosigned".to_owned()),
        };
        results.extend(stale.map(|message| RuleResult::own("freshness", Status::Error, message)));
        if *deadline_passed {
            results.push(RuleResult::own("deadline", Status::Error, "deadline_passed".to_owned()));
        }
        results
    }

    /// The earliest time at which something that the verdict rests on ends.
    fn valid_until(&self, rules: &[RuleResult], exceptions: &[crate::verdict::UsedException]) -> Timestamp {
        let rests = rules.iter().filter_map(|rule| rule.until);
        let excepted = exceptions.iter().map(|exception| exception.until);
        let effective = self.policy.rules.iter().filter_map(|rule| rule.effective_on);
        let effective = effective.filter(|from| *from > self.now);
        let all = rests.chain(excepted).chain(effective).chain([self.question.trust.expires]);
        all.min().unwrap_or(self.now)
    }
}

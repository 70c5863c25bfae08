//! `require` and its clauses: which statements count, and whether there are enough.

use std::collections::BTreeSet;

use custody_evidence::admission::Binding;
use custody_log::Timestamp;

use super::Case;
use super::attestation::attestation;
use super::candidate::{Candidate, Counting, Outcome, candidates, no_evidence};
use super::rule::Found;
use super::vex::Answers;
use super::who::{PersonName, person, persons, signers, submitted_by, with_authority};
use super::why::Why;
use crate::cel::{Environment, Fault, Fuel};
use crate::evidence::{Ask, Entry, Signer, Standing};
use crate::policy::{Count, EvidenceRule, Excluded, Level, Require, Signer as Wanted};
use crate::verdict::Counted;

/// What the named authors of VEX say, or why nobody can tell.
pub(super) type Said = Result<Option<Answers>, Why>;

impl Case<'_> {
    pub(super) fn evidence_rule(&self, rule: &EvidenceRule, fuel: &mut Fuel) -> Found {
        let types = rule.require.types.iter().map(String::as_str);
        let ask = Ask::of_subject(&self.question.subject, types);
        let named = |entry: &&Entry| {
            rule.require.types.contains(&entry.predicate_type)
                || matches!(entry.standing, Standing::Redacted { .. })
        };
        let candidates = candidates(self.evidence.answer(&ask).filter(named));
        let answers = rule.vulnerabilities.as_ref().map(|asked| self.answers(asked)).transpose();
        let judged = |candidate: &Candidate<'_>| {
            candidate.best(|entry| self.candidate(rule, &answers, entry, candidate.since))
        };
        let mut outcomes: Vec<Outcome> = candidates.iter().map(judged).collect();
        if let Err(fault) = self.assert(rule, &candidates, &mut outcomes, fuel) {
            return Found { error: Some(fault), ..Found::of(&outcomes) };
        }
        let since: Vec<Timestamp> = candidates.iter().map(|candidate| candidate.since).collect();
        counted(&rule.require, outcomes, &since)
    }

    /// Judges one entry. Who says it comes first: what others say never decides anything.
    fn candidate(&self, rule: &EvidenceRule, answers: &Said, entry: &Entry, since: Timestamp) -> Outcome {
        let refused = |why| Outcome::Refused(entry.index, why);
        let fails = |why| Outcome::Fails(entry.index, why);
        if let Some(why) = no_evidence(entry) {
            return refused(why);
        }
        if !entry.is_about(&self.question.subject) {
            return refused(Why::OtherSubject);
        }
        let who = rule.signer.as_ref().and_then(|signer| signer.who.as_ref());
        let accepted = signers(entry, who);
        if accepted.is_empty() {
            return refused(Why::Signer);
        }
        if rule.submitter.as_ref().is_some_and(|who| !submitted_by(entry, who)) {
            return refused(Why::Submitter);
        }
        let accepted = match with_authority(entry, accepted, &rule.require.authority) {
            Ok(accepted) => accepted,
            Err(why) => return refused(why),
        };
        let end = rule.require.max_age.map(|max| (max, max.after(since)));
        if let Some((max, end)) = end
            && end < self.now
        {
            let why = Why::TooOld { since, max };
            // What is too old is not among all that there is; as the latest, it says that nothing newer came.
            return if rule.require.count == Count::All { refused(why) } else { fails(why) };
        }
        let held = self.holds(rule, answers, entry, accepted);
        let (accepted, ends) = match held {
            Ok(held) => held,
            Err(why) => return fails(why),
        };
        let until = end.map(|(_, end)| end).into_iter().chain(ends).min();
        Outcome::Counts(self.counting(entry, &accepted, until))
    }

    /// Whether what the entry says holds; returns whose signatures count then, and when that ends.
    fn holds<'e>(
        &self,
        rule: &EvidenceRule,
        answers: &Said,
        entry: &'e Entry,
        accepted: Vec<&'e Signer>,
    ) -> Result<(Vec<&'e Signer>, Option<Timestamp>), Why> {
        if entry.standing == Standing::Malformed {
            return Err(Why::Malformed);
        }
        if rule.require.level == Level::Verified && entry.level == Level::Logged {
            return Err(Why::NotVerified { level: entry.level });
        }
        let bound = match rule.require.binding {
            Some(Binding::Bound) => entry.binding == Some(Binding::Bound),
            _ => entry.binding != Some(Binding::Conflict),
        };
        if !bound {
            return Err(Why::Binding(entry.binding));
        }
        let accepted = match &rule.signer {
            Some(wanted) => self.not_excluded(wanted, accepted)?,
            None => accepted,
        };
        if let Some(source) = &rule.source {
            self.source(source, entry, &accepted)?;
        }
        if let Some(sbom) = &rule.sbom {
            super::sbom::holds(sbom, entry)?;
        }
        let ends = match &rule.vulnerabilities {
            Some(asked) => self.vulnerabilities(asked, answers, entry)?,
            None => None,
        };
        Ok((accepted, ends))
    }

    /// Takes away the signers that must not be it.
    pub(super) fn not_excluded<'e>(
        &self,
        wanted: &Wanted,
        accepted: Vec<&'e Signer>,
    ) -> Result<Vec<&'e Signer>, Why> {
        let mut left = accepted;
        for whom in &wanted.not {
            let excluded = self.excluded(*whom)?;
            left.retain(|signer| !excluded.contains(&person(&self.question.trust.people, &signer.identity)));
            if left.is_empty() {
                return Err(Why::Excluded(*whom));
            }
        }
        Ok(left)
    }

    /// Returns who is meant; what is not known is no exclusion, but a refusal.
    pub(super) fn excluded(&self, whom: Excluded) -> Result<&BTreeSet<PersonName>, Why> {
        match whom {
            Excluded::Author => {
                let authors = self.found.authors.get_or_init(|| self.authors());
                authors.as_ref().ok_or(Why::AuthorUnknown)
            }
            Excluded::Submitter => {
                let submitters = self.found.submitters.get_or_init(|| self.submitters());
                if submitters.is_empty() { Err(Why::SubmitterUnknown) } else { Ok(submitters) }
            }
        }
    }

    pub(super) fn counting(&self, entry: &Entry, accepted: &[&Signer], until: Option<Timestamp>) -> Counting {
        let people = &self.question.trust.people;
        let signer = accepted.first().map(|signer| signer.identity.to_string()).unwrap_or_default();
        Counting {
            index: entry.index,
            counted: vec![Counted { index: entry.index, signer, time: entry.time }],
            persons: persons(people, accepted.iter().copied()),
            until,
        }
    }

    /// Evaluates the expression for each candidate that counts so far.
    fn assert(
        &self,
        rule: &EvidenceRule,
        candidates: &[Candidate<'_>],
        outcomes: &mut [Outcome],
        fuel: &mut Fuel,
    ) -> Result<(), Fault> {
        let Some(expression) = &rule.assert else { return Ok(()) };
        let subject = self.subject_json();
        let parameters = crate::verdict::parameters(&self.policy.parameters);
        let mut attestations = Vec::new();
        let mut counting = Vec::new();
        for (candidate, outcome) in candidates.iter().zip(outcomes.iter_mut()) {
            let Some(index) = outcome.counting().map(|counting| counting.index) else { continue };
            let Some(entry) = candidate.entries.iter().find(|entry| entry.index == index) else { continue };
            attestations.push(attestation(entry, candidate.first));
            counting.push((outcome, index));
        }
        for (current, (outcome, index)) in counting.into_iter().enumerate() {
            let environment = Environment {
                subject: &subject,
                parameters: &parameters,
                now: self.now,
                attestations: &attestations,
                current,
            };
            match expression.holds(&environment, fuel) {
                Ok(true) => {}
                Ok(false) => *outcome = Outcome::Fails(index, Why::AssertFalse),
                Err(Fault::TooMuch) => return Err(Fault::TooMuch),
                Err(fault) => *outcome = Outcome::Fails(index, Why::AssertFault(fault)),
            }
        }
        Ok(())
    }
}

/// Whether enough of the candidates, which are in the order of their first index and happened since then, count.
fn counted(require: &Require, mut outcomes: Vec<Outcome>, since: &[Timestamp]) -> Found {
    let (failure, until) = match require.count {
        Count::Any => any(&outcomes),
        Count::AtLeast(wanted) => at_least(&outcomes, wanted),
        Count::All => all(&outcomes),
        Count::Latest => latest(&mut outcomes, since),
    };
    Found { failure, until, ..Found::of(&outcomes) }
}

type Verdict = (Option<Why>, Option<Timestamp>);

/// Returns why nothing counts: the first reason, or that there is nothing at all.
fn nothing(outcomes: &[Outcome]) -> Why {
    let failed = outcomes.iter().find_map(Outcome::failure).cloned();
    failed.unwrap_or(Why::NoEvidence)
}

fn any(outcomes: &[Outcome]) -> Verdict {
    let ends: Vec<_> = outcomes.iter().filter_map(Outcome::counting).map(|counting| counting.until).collect();
    let failure = ends.is_empty().then(|| nothing(outcomes));
    (failure, longest(&ends))
}

/// Returns the end of what lasts longest; none if it has no end.
fn longest(ends: &[Option<Timestamp>]) -> Option<Timestamp> {
    if ends.contains(&None) { None } else { ends.iter().copied().flatten().max() }
}

/// Counts people, and says until when there are enough: those whose evidence lasts longest.
pub(super) fn at_least(outcomes: &[Outcome], wanted: usize) -> Verdict {
    let counting: Vec<&Counting> = outcomes.iter().filter_map(Outcome::counting).collect();
    let people: BTreeSet<&PersonName> = counting.iter().flat_map(|counting| &counting.persons).collect();
    let found = people.len();
    if found < wanted {
        let none = found == 0;
        return (Some(if none { nothing(outcomes) } else { Why::NotEnough { found, wanted } }), None);
    }
    let of = |who: &&PersonName| {
        let theirs = counting.iter().filter(|counting| counting.persons.contains(*who));
        longest(&theirs.map(|counting| counting.until).collect::<Vec<_>>())
    };
    let mut ends: Vec<Option<Timestamp>> = people.iter().map(of).collect();
    // Those without an end last.
    ends.sort_by_key(|end| (end.is_none(), *end));
    (None, ends.get(found - wanted).copied().flatten())
}

fn all(outcomes: &[Outcome]) -> Verdict {
    if let Some(why) = outcomes.iter().find_map(Outcome::failure) {
        return (Some(why.clone()), None);
    }
    let counting: Vec<&Counting> = outcomes.iter().filter_map(Outcome::counting).collect();
    let failure = counting.is_empty().then(|| nothing(outcomes));
    (failure, counting.iter().filter_map(|counting| counting.until).min())
}

/// The last one decides: that which the log learned of last, and where another one happened later, that too. Who kept an old clean report
/// back and records it today does not make it the latest. What they replace does not count.
fn latest(outcomes: &mut [Outcome], since: &[Timestamp]) -> Verdict {
    let decides =
        |at: &usize| outcomes.get(*at).is_some_and(|outcome| !matches!(outcome, Outcome::Refused(..)));
    let deciding = || (0..outcomes.len()).filter(decides);
    let (Some(learned), Some(happened)) =
        (deciding().next_back(), deciding().max_by_key(|at| (since.get(*at).copied(), *at)))
    else {
        return (Some(Why::NoEvidence), None);
    };
    for (at, outcome) in outcomes.iter_mut().enumerate() {
        if let Some(counting) = outcome.counting().filter(|_| at != learned && at != happened) {
            *outcome = Outcome::Refused(counting.index, Why::NotLatest);
        }
    }
    let last: Vec<&Outcome> = [learned, happened].iter().filter_map(|at| outcomes.get(*at)).collect();
    if let Some(why) = last.iter().find_map(|outcome| outcome.failure()) {
        return (Some(why.clone()), None);
    }
    (None, last.iter().filter_map(|outcome| outcome.counting()?.until).min())
}

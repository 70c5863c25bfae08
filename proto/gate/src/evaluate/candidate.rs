//! Candidates: statements that a rule might count, each with what came out.

use std::collections::{BTreeMap, BTreeSet};

use custody_log::{ContentDigest, LeafIndex, Timestamp};

use super::who::PersonName;
use super::why::Why;
use crate::evidence::{Entry, Standing};
use crate::verdict::{Counted, Rejected};

/// All entries of one statement.
#[derive(Debug)]
pub(super) struct Candidate<'e> {
    /// In index order.
    pub(super) entries: Vec<&'e Entry>,
    /// When the log first learned of it, and what it claims, whichever is earlier: an old scan recorded today is old.
    pub(super) since: Timestamp,
    pub(super) first: LeafIndex,
}

/// What came out for a candidate.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// It counts.
    Counts(Counting),
    /// It is of whom the policy accepts, and does not hold.
    Fails(LeafIndex, Why),
    /// It is no evidence here, whatever it says.
    Refused(LeafIndex, Why),
}

/// What counts, by whom, and until when.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Counting {
    /// The first entry that counts.
    pub(super) index: LeafIndex,
    /// Each entry that does: somebody else may have signed the same.
    pub(super) counted: Vec<Counted>,
    pub(super) persons: BTreeSet<PersonName>,
    pub(super) until: Option<Timestamp>,
}

/// Groups entries by what was signed, in the order of their first index.
pub(super) fn candidates<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> Vec<Candidate<'e>> {
    let mut groups: BTreeMap<ContentDigest, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        groups.entry(entry.content).or_default().push(entry);
    }
    let mut found: Vec<Candidate<'_>> = groups.into_values().filter_map(Candidate::new).collect();
    found.sort_by_key(|candidate| candidate.first);
    found
}

impl<'e> Candidate<'e> {
    fn new(mut entries: Vec<&'e Entry>) -> Option<Self> {
        entries.sort_by_key(|entry| entry.index);
        let first = entries.first()?;
        let ledger = entries.iter().map(|entry| entry.time).min()?;
        let claimed = entries.iter().filter_map(|entry| entry.happened).min();
        let since = claimed.map_or(ledger, |claimed| claimed.min(ledger));
        Some(Self { first: first.index, since, entries })
    }

    /// Returns the best that comes out of its entries, each judged by itself: nobody's signature is joined with another's
    /// submission.
    pub(super) fn best(&self, judge: impl FnMut(&'e Entry) -> Outcome) -> Outcome {
        let outcomes = self.entries.iter().copied().map(judge);
        let best = outcomes.reduce(|best, next| match (best, next) {
            (Outcome::Counts(best), Outcome::Counts(next)) => Outcome::Counts(best.and(next)),
            (best, next) if next.rank() > best.rank() => next,
            (best, _) => best,
        });
        best.unwrap_or(Outcome::Refused(self.first, Why::NoEvidence))
    }
}

impl Outcome {
    const fn rank(&self) -> u8 {
        match self {
            Self::Counts(_) => 2,
            Self::Fails(..) => 1,
            Self::Refused(..) => 0,
        }
    }

    pub(super) const fn counting(&self) -> Option<&Counting> {
        match self {
            Self::Counts(counting) => Some(counting),
            Self::Fails(..) | Self::Refused(..) => None,
        }
    }

    pub(super) const fn failure(&self) -> Option<&Why> {
        match self {
            Self::Fails(_, why) => Some(why),
            Self::Counts(_) | Self::Refused(..) => None,
        }
    }

    pub(super) fn rejected(&self) -> Option<Rejected> {
        match self {
            Self::Counts(_) => None,
            Self::Fails(index, why) | Self::Refused(index, why) => {
                Some(Rejected { index: *index, why: why.to_string() })
            }
        }
    }
}

impl Counting {
    /// Joins what counts of one statement, whose age is the same in all its entries.
    fn and(mut self, other: Self) -> Self {
        self.counted.extend(other.counted);
        self.persons.extend(other.persons);
        self
    }
}

/// Returns why an entry is no evidence of anything; none if it may be.
pub(super) fn no_evidence(entry: &Entry) -> Option<Why> {
    match entry.standing {
        Standing::Distrusted { by } => Some(Why::Distrusted { by }),
        Standing::Redacted { by } => Some(Why::Redacted { by }),
        // Some signed it, and each of them is from a distrusted period.
        Standing::Malformed | Standing::Sound if entry.trusted_signers().next().is_none() => {
            let by = entry.signers.iter().find_map(|signer| signer.distrusted);
            Some(by.map_or(Why::Signer, |by| Why::Distrusted { by }))
        }
        Standing::Malformed | Standing::Sound => None,
    }
}

//! [`Mentions`]: the entries that name a thing, newest first; of the snapshots that name it the newest few.
//!
//! What runs for a month is seen by ten thousand snapshots. All of them say the same of it, and all are newer than what was said
//! of it where it was built: a question that read them would not get there. So behind a few snapshots the others are passed over. They
//! are those that the list of all snapshots has too, and nothing is read to know that.
//!
//! What everything is built with, an action or a base image, is named by each of ten thousand builds. Where only its own origin is asked for,
//! they say nothing of it, and are passed over in the same way.

use std::collections::BTreeSet;

use custody_evidence::environment::Said;
use custody_evidence::fact::{Field, Node, NodeKind, Package, Term};
use custody_evidence::predicate::{CustodyPredicate as _, Name, Run, Snapshot, slsa_v1, slsa_v02};
use custody_log::{LeafIndex, TreeSize};

use super::ahead::Ahead;
use super::environments::names;
use super::error::QueryError;
use super::evidence::Evidence;
use super::postings::{Common, Postings, Search, Sought};
use super::versions::{self, LEARNING_BYTES, Version};
use crate::index::Reading;

/// Snapshots of one thing that are read: that it runs where it runs, one of each environment tells.
const SNAPSHOTS_READ: usize = 16;
/// Snapshots that one question passes over: a snapshot every five minutes of ten environments are a million in a year. At
/// about 1 us each, of which 64 come with two looks at the index, one second.
pub(super) const PASSED_MAX: usize = 1_000_000;
/// For how many snapshots a build counts that is passed over where an origin is asked for: 16. Where few builds use it, each costs up to
/// three looks of some 5 us.
const ORIGIN_COSTS: usize = 16;
/// Erased entries that are looked at for one thing, the newest: at about 20 us each, 20 ms.
const ERASED_MAX: usize = 1_024;
/// Looks at lists of terms to find the newest snapshots of environments that name something, for one question. Where it was never seen
/// in one, the lists alternate: at 1 us each where 64 entries come with one look, one second.
pub(super) const STEPS_MAX: usize = 1_000_000;

/// The entries that name a thing.
#[derive(Debug)]
pub(super) struct Mentions {
    term: Term,
    named: Common,
    /// The kinds of statements that are passed over.
    passed: Vec<Postings>,
    /// Of these, those that are about the thing are read.
    about: Vec<Postings>,
    /// Whether each entry that is read counts, and not snapshots alone.
    counts_all: bool,
    /// Of the snapshots those that pair the thing with another digest, and how many more of them are read that would be passed over.
    pairs: Option<(Postings, usize)>,
    below: TreeSize,
    read: usize,
    /// How many more may be passed over.
    left: usize,
    oldest: Option<LeafIndex>,
}

impl Mentions {
    /// All entries that name something, snapshots like others.
    pub(super) fn all(term: Term, size: TreeSize) -> Self {
        let named = Common::new([Sought::Term(term.clone())]);
        Self {
            term,
            named,
            passed: Vec::new(),
            about: Vec::new(),
            counts_all: false,
            pairs: None,
            below: size,
            read: 0,
            left: PASSED_MAX,
            oldest: None,
        }
    }

    /// The entries that name a package in a version that is meant, or may be. Those that name others are not read, where these are not
    /// too many.
    pub(super) fn of_package<E: Evidence + ?Sized>(
        evidence: &E,
        package: &Package,
        size: TreeSize,
    ) -> Result<Self, QueryError> {
        let versions =
            versions::meant(evidence, package, size, &mut { LEARNING_BYTES })?.map(Sought::Versions);
        let sought = std::iter::once(Sought::Term(package.term().clone())).chain(versions);
        Ok(Self { named: Common::new(sought), ..Self::all(package.term().clone(), size) })
    }

    /// The entries that name some bytes; at most `left` snapshots are passed over.
    pub(super) fn of_bytes(term: Term, size: TreeSize, left: usize) -> Result<Self, QueryError> {
        let passed = vec![Postings::new(snapshot()?)];
        let pairs = Term::parse(Field::Pair, term.value()).ok();
        let pairs = pairs.map(|pair| (Postings::new(pair), SNAPSHOTS_READ));
        Ok(Self { passed, pairs, left, ..Self::all(term, size) })
    }

    /// The same where only the origin of a node is asked for: builds and runs that used it are passed over, too.
    pub(super) fn of_origin(mut self, node: &Node) -> Result<Self, QueryError> {
        if !matches!(node.kind(), NodeKind::Artifact | NodeKind::Commit) {
            return Ok(self);
        }
        for kind in [Run::TYPE, slsa_v1::TYPE, slsa_v02::TYPE] {
            self.passed.push(Postings::new(Term::parse(Field::Predicate, kind)?));
        }
        self.about = subjects(node).into_iter().map(Postings::new).collect();
        self.counts_all = true;
        Ok(self)
    }

    /// The entries that name a node, by its own term, and a package by its version; none if it has none. Only what runs is named by snapshots
    /// without an end. `ahead` has what was looked up of it already.
    pub(super) fn of(
        node: &Node,
        size: TreeSize,
        left: usize,
        ahead: &mut Ahead,
    ) -> Result<Option<Self>, QueryError> {
        let Some(term) = node.terms().into_iter().next() else { return Ok(None) };
        // Documents that name a package in other versions are thousands.
        if let Some((package, version)) = node.package() {
            let named = Common::new([Sought::Versions(vec![Version::of(package, version)])]);
            return Ok(Some(Self { named, left, ..Self::all(term, size) }));
        }
        let fetched = ahead.take(&term);
        let runs = matches!(node.kind(), NodeKind::Artifact | NodeKind::Commit);
        let mentions = if runs {
            Self::of_bytes(term.clone(), size, left)?
        } else {
            Self { left, ..Self::all(term.clone(), size) }
        };
        let named = fetched.map(|fetched| Common::one(Postings::fetched(term, fetched)));
        Ok(Some(Self { named: named.unwrap_or(mentions.named), ..mentions }))
    }

    /// Returns the term that they have.
    pub(super) const fn term(&self) -> &Term {
        &self.term
    }

    /// Returns the next entry that may have the term, newest first; none if there is no other, or none that may be looked at
    /// ([`Self::is_cut`]).
    pub(super) fn next<E: Evidence + ?Sized>(
        &mut self,
        evidence: &E,
    ) -> Result<Option<LeafIndex>, QueryError> {
        // What is read of them is bounded by who asks.
        let mut steps = usize::MAX;
        while let Search::Candidate(index) = self.named.newest(evidence, self.below, &mut steps)? {
            let passes = self.read >= SNAPSHOTS_READ
                && has(&mut self.passed, evidence, index)?
                && !has(&mut self.about, evidence, index)?
                && !self.pairs_at(evidence, index)?;
            if passes && self.left == 0 {
                return Ok(None);
            }
            self.below = TreeSize::new(index.get()).unwrap_or(TreeSize::ZERO);
            if !passes {
                return Ok(Some(index));
            }
            self.left = self.left.saturating_sub(if self.counts_all { ORIGIN_COSTS } else { 1 });
            self.oldest = Some(index);
        }
        Ok(None)
    }

    /// Whether a snapshot is read because it pairs the thing with another digest.
    fn pairs_at<E: Evidence + ?Sized>(&mut self, evidence: &E, index: LeafIndex) -> Result<bool, QueryError> {
        let Some((pairs, left)) = self.pairs.as_mut().filter(|(_, left)| *left > 0) else { return Ok(false) };
        let pairs = pairs.newest(evidence, index.size_through())? == Some(index);
        *left = left.saturating_sub(usize::from(pairs));
        Ok(pairs)
    }

    /// Takes down what an entry is that was read.
    pub(super) fn saw(&mut self, reading: &Reading) {
        let observation = reading.facts.observation.as_ref();
        let is_snapshot =
            observation.is_some_and(|observation| matches!(observation.said, Said::Snapshot { .. }));
        if self.counts_all || is_snapshot {
            self.saw_snapshot();
        }
    }

    /// The same of one that is known to be a snapshot.
    pub(super) const fn saw_snapshot(&mut self) {
        self.read = self.read.saturating_add(1);
    }

    /// Returns the oldest snapshot that was passed over; none if none was.
    pub(super) const fn oldest_passed(&self) -> Option<LeafIndex> {
        self.oldest
    }

    /// Returns those that were passed over and are erased, and whether the bounds allowed to find them all: that something was erased is
    /// told, whatever it said.
    pub(super) fn erased_of_passed<E: Evidence + ?Sized>(
        &self,
        evidence: &E,
        size: TreeSize,
    ) -> Result<(BTreeSet<LeafIndex>, bool), QueryError> {
        // What only used an origin says nothing of it, erased or not.
        let oldest = self.oldest.filter(|_| !self.counts_all);
        let Some(oldest) = oldest else { return Ok((BTreeSet::new(), true)) };
        let mut all = evidence.erased(size)?;
        all.retain(|index| *index >= oldest);
        let whole = all.len() <= ERASED_MAX;
        let mut found = BTreeSet::new();
        for index in all.into_iter().rev().take(ERASED_MAX) {
            let reading = evidence.reading(index)?;
            if reading.erased.is_some() && reading.has(&self.term) {
                found.insert(index);
            }
        }
        Ok((found, whole))
    }

    /// Returns how many more may be passed over.
    pub(super) const fn left(&self) -> usize {
        self.left
    }

    /// Whether it ended because no more may be passed over.
    pub(super) const fn is_cut(&self) -> bool {
        self.left == 0
    }

    /// Returns the newest snapshot of each of these environments that has the term and is not erased, and whether the bounds allowed
    /// to find them all: `steps` looks at lists.
    pub(super) fn newest_in<E: Evidence + ?Sized>(
        &self,
        evidence: &E,
        environments: &[Name],
        size: TreeSize,
        steps: &mut usize,
    ) -> Result<(BTreeSet<LeafIndex>, bool), QueryError> {
        let (mut found, mut whole) = (BTreeSet::new(), true);
        for name in environments {
            let environment = Term::parse(Field::Environment, name.as_str())?;
            let terms = [self.term.clone(), environment, snapshot()?];
            let mut common = Common::new(terms.map(Sought::Term));
            let mut below = size;
            loop {
                match common.newest(evidence, below, steps)? {
                    Search::Exhausted => break,
                    Search::Stopped { .. } => {
                        whole = false;
                        break;
                    }
                    Search::Candidate(index) if evidence.reading(index)?.erased.is_some() => {
                        below = TreeSize::new(index.get()).unwrap_or(TreeSize::ZERO);
                    }
                    Search::Candidate(index) => {
                        found.insert(index);
                        break;
                    }
                }
            }
        }
        Ok((found, whole))
    }
}

/// Returns the names of environments, in any of which something may have been seen, and whether there are others: with one for each
/// change that is reviewed there are too many to ask for.
pub(super) fn environments<E: Evidence + ?Sized>(
    evidence: &E,
    size: TreeSize,
) -> Result<(Vec<Name>, bool), QueryError> {
    match names(evidence, size) {
        Ok((names, more)) => Ok((names.into_iter().collect(), more)),
        Err(QueryError::TooMuch { .. }) => Ok((Vec::new(), true)),
        Err(error) => Err(error),
    }
}

/// Whether one of these lists has an entry. They are asked for entries that come one before the other.
fn has<E: Evidence + ?Sized>(
    lists: &mut [Postings],
    evidence: &E,
    index: LeafIndex,
) -> Result<bool, QueryError> {
    for list in lists {
        if list.newest(evidence, index.size_through())? == Some(index) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The terms of entries whose subject is a node.
fn subjects(node: &Node) -> Vec<Term> {
    let hex = node.id().rsplit(['@', ':']).next().unwrap_or_default();
    let texts = match node.kind() {
        // Producers write a commit as either.
        NodeKind::Commit => vec![format!("gitCommit:{hex}"), format!("sha1:{hex}")],
        _ => vec![node.id().to_owned()],
    };
    texts.into_iter().filter_map(|text| Term::parse(Field::Subject, &text).ok()).collect()
}

fn snapshot() -> Result<Term, QueryError> {
    Ok(Term::parse(Field::Predicate, Snapshot::TYPE)?)
}

#[cfg(test)]
mod tests;

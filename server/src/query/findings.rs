//! `findings`: what looks wrong in the entries of a window, the oldest first.
//!
//! Each entry is read once, and what the rules need to see besides it is looked up by the index ([`needs`]): the work grows with the
//! entries that are asked about, and not with the log.

mod lists;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{ExpectedTold, Field, Term};
use custody_evidence::finding::bounds::{COUNTED_MAX, FOUND_MAX};
use custody_evidence::finding::{
    self, Counted, Finding, FindingKind, Known, Need, ROUNDS_MAX, STAGES, Seen, Wanted, needs, needs_of,
};
use custody_evidence::predicate::{CustodyPredicate as _, Run};
use custody_evidence::trust::People;
use custody_log::{LeafIndex, Timestamp, TreeSize};

use self::lists::{Lists, below};
use super::as_of::first_at;
use super::error::QueryError;
use super::evidence::Evidence;
use super::postings::{Common, Search, Sought};
use crate::index::Reading;

/// The most findings in one answer.
pub const FINDINGS_MAX: usize = 256;
/// Entries that one question may read before it ends with the place to go on from: at about 20 us each, half a second.
const READS_MAX: usize = 20_000;
/// Bytes of envelopes that one question may read, as in `find`.
const ENVELOPE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// What an entry counts as that is passed over because of its type: 16 KiB, so that a question passes over 2,048.
const PASSED_BYTES: u64 = 16 * 1024;
/// Looks at the lists of terms that one question may take, as in `find`.
const STEPS_MAX: usize = 40_000;
/// Entries that are read to compare one entry with, each once: a document whose 4,096 components all have releases is compared with the
/// first of them.
const READS_OF_ONE_MAX: usize = 5_000;
/// Looks at the lists of terms for one entry: each component of a document is one, and each thing that a snapshot sees first some 21, or some
/// 200 where nobody built it. A snapshot that sees 3,000 first, or 300 that nobody built, is compared as far as that goes.
const STEPS_OF_ONE_MAX: usize = 65_536;

/// Entries about one digest, or one run, that are looked at: with more nothing is found, and that is said.
const ABOUT_MAX: usize = 1_000;

/// A question.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// The first entry that is looked at.
    pub since: Option<LeafIndex>,
    /// The first ledger time that is looked at.
    pub since_time: Option<Timestamp>,
    /// [`FindingsPage::next`] of the answer before.
    pub next: Option<LeafIndex>,
    /// Only entries about any of these are looked at, and what the runs that built them say of themselves. None: all entries.
    pub about: Vec<Digest>,
    /// Only these kinds are told; none: all.
    pub kinds: BTreeSet<FindingKind>,
    /// Whose keys and identities are, as of the tree that is asked about.
    pub people: Arc<People>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FindingsPage {
    /// By the entry that they were found in, each with what was counted for it.
    pub findings: Vec<(Finding, Option<Counted>)>,
    /// Where to go on; none: all was looked at.
    pub next: Option<LeafIndex>,
    /// Entries for which there was too much to count; of a question about digests, those too for which there was too much to compare
    /// with, or in which more was found than is told.
    pub uncounted: Vec<LeafIndex>,
    /// Of a question about digests: entries that were erased, and that are about them, about the runs that built them, or of what they are
    /// compared with. What they said could show something, or be what a finding is shown by. At most [`FINDINGS_MAX`], the newest.
    pub erased: BTreeSet<LeafIndex>,
}

/// Returns what looks wrong in entries below `size`, compared with all below it.
pub fn findings<E: Evidence + ?Sized>(
    evidence: &E,
    question: &Findings,
    size: TreeSize,
) -> Result<FindingsPage, QueryError> {
    let mut page = FindingsPage::default();
    let mut work = Work::new(evidence, question, size);
    let first = first(evidence, question, size)?;
    let about =
        if question.about.is_empty() { None } else { Some(work.about(&question.about, &mut page.erased)?) };
    let all = (first..size.get()).map_while(|number| LeafIndex::new(number).ok());
    let looked_at: Box<dyn Iterator<Item = LeafIndex>> = match about {
        None => Box::new(all),
        Some(about) => Box::new(about.into_iter().filter(move |index| index.get() >= first)),
    };
    // What it took to find them is not counted against looking at them: each page gets further.
    work.spend_nothing();
    for index in looked_at {
        if work.is_spent() || page.findings.len() >= FINDINGS_MAX || page.uncounted.len() >= FINDINGS_MAX {
            page.next = Some(index);
            return Ok(page);
        }
        let reading = work.read(index)?;
        if reading.erased.is_none() {
            work.look(&reading, &mut page)?;
        }
    }
    Ok(page)
}

fn first<E: Evidence + ?Sized>(evidence: &E, question: &Findings, size: TreeSize) -> Result<u64, QueryError> {
    let mut first = question.since.map_or(0, LeafIndex::get);
    if let Some(since) = question.since_time {
        first = first.max(first_at(evidence, size, |time| time >= since)?.get());
    }
    Ok(first.max(question.next.map_or(0, LeafIndex::get)))
}

/// What one question has read so far.
struct Work<'e, E: ?Sized> {
    evidence: &'e E,
    people: &'e People,
    kinds: BTreeSet<FindingKind>,
    /// Whether it is told what could not be seen.
    strict: bool,
    size: TreeSize,
    reads: usize,
    envelope_bytes: u64,
    steps: usize,
}

/// What was not seen while something was looked for.
#[derive(Default)]
struct Unseen {
    erased: BTreeSet<LeafIndex>,
    /// There may be more: the work was too much.
    cut_short: bool,
}

impl<'e, E: Evidence + ?Sized> Work<'e, E> {
    fn new(evidence: &'e E, question: &'e Findings, size: TreeSize) -> Self {
        let all = || FindingKind::ALL.into_iter().collect();
        let kinds = if question.kinds.is_empty() { all() } else { question.kinds.clone() };
        let (people, strict) = (question.people.as_ref(), !question.about.is_empty());
        Self { evidence, people, kinds, strict, size, reads: 0, envelope_bytes: 0, steps: 0 }
    }

    const fn is_spent(&self) -> bool {
        self.reads >= READS_MAX || self.envelope_bytes >= ENVELOPE_BYTES_MAX || self.steps >= STEPS_MAX
    }

    const fn spend_nothing(&mut self) {
        (self.reads, self.envelope_bytes, self.steps) = (0, 0, 0);
    }

    /// Returns the entries about any of these digests, and the statements about the runs that built them. Of those that were erased
    /// nothing is known but that they are there, which is told.
    fn about(
        &mut self,
        digests: &[Digest],
        erased: &mut BTreeSet<LeafIndex>,
    ) -> Result<BTreeSet<LeafIndex>, QueryError> {
        let mut found = BTreeSet::new();
        let mut runs = BTreeSet::new();
        for digest in digests {
            // Snapshots too: in each of them something may be told that a gate must not pass over.
            let subject = Term::parse(Field::Subject, &digest.to_string())?;
            for reading in self.having(&[subject], erased)? {
                found.insert(reading.entry.index);
                runs.extend(reading.facts.told.run.as_ref().map(|told| told.run.id().to_owned()));
            }
        }
        for run in runs {
            let terms = [Term::parse(Field::Run, &run)?, Term::parse(Field::Predicate, Run::TYPE)?];
            found.extend(self.having(&terms, erased)?.iter().map(|reading| reading.entry.index));
        }
        keep_newest(erased);
        Ok(found)
    }

    const fn too_much(&self) -> QueryError {
        QueryError::TooMuch { entries: self.reads, bytes: self.envelope_bytes }
    }

    /// Returns all entries with these terms that were not erased; that they are too many is an error.
    fn having(
        &mut self,
        terms: &[Term],
        erased: &mut BTreeSet<LeafIndex>,
    ) -> Result<Vec<Arc<Reading>>, QueryError> {
        let mut common = Common::new(terms.iter().cloned().map(Sought::Term));
        let (mut below, mut steps) = (self.size, STEPS_MAX);
        let mut found = Vec::new();
        loop {
            match common.newest(self.evidence, below, &mut steps)? {
                Search::Exhausted => return Ok(found),
                Search::Candidate(index) if found.len() < ABOUT_MAX && !self.is_spent() => {
                    below = size_before(index);
                    let reading = self.read(index)?;
                    // A collision of hashes has something else.
                    if !terms.iter().all(|term| reading.has(term)) {
                        continue;
                    }
                    if reading.erased.is_some() {
                        erased.insert(index);
                    } else {
                        found.push(reading);
                    }
                }
                Search::Candidate(_) | Search::Stopped { .. } => return Err(self.too_much()),
            }
        }
    }

    fn read(&mut self, index: LeafIndex) -> Result<Arc<Reading>, QueryError> {
        let reading = self.evidence.reading(index)?;
        self.reads = self.reads.saturating_add(1);
        self.envelope_bytes = self.envelope_bytes.saturating_add(reading.entry.envelope_bytes);
        Ok(reading)
    }

    fn read_if(&mut self, index: LeafIndex, wanted: Wanted) -> Result<Option<Arc<Reading>>, QueryError> {
        let reading = self.evidence.reading_if(index, wanted)?;
        // What is passed over was read, too: the envelope of a small one, the record of a large one.
        let bytes = reading.as_ref().map_or(PASSED_BYTES, |reading| reading.entry.envelope_bytes);
        self.reads = self.reads.saturating_add(1);
        self.envelope_bytes = self.envelope_bytes.saturating_add(bytes);
        Ok(reading)
    }

    fn look(&mut self, reading: &Arc<Reading>, page: &mut FindingsPage) -> Result<(), QueryError> {
        let new = seen(reading);
        let (mut counted, mut unseen) = (None, Unseen::default());
        if let Some(expected) = reading.facts.told.expected.as_ref() {
            let mut erased = BTreeSet::new();
            counted = self.count(expected, &mut erased)?;
            if counted.is_none() {
                page.uncounted.push(new.index);
            }
            if self.kinds.contains(&FindingKind::CountGap) {
                unseen.erased.append(&mut erased);
            }
        }
        let mut held: BTreeMap<LeafIndex, Arc<Reading>> = BTreeMap::new();
        let mut asked: BTreeMap<Need, Unseen> = BTreeMap::new();
        let (mut reads, mut steps) = (READS_OF_ONE_MAX, STEPS_OF_ONE_MAX);
        let mut lists = Lists::default();
        for round in 0..ROUNDS_MAX {
            let wanted = needs(&new, &known(&held, self.people, counted, round));
            let fresh: Vec<Need> = wanted.into_iter().filter(|need| !asked.contains_key(need)).collect();
            if fresh.is_empty() && round >= STAGES {
                break;
            }
            lists.look(self.evidence, &fresh, new.index, self.size, steps)?;
            for need in fresh {
                let unseen = self.fetch(&need, new.index, &lists, &mut held, &mut reads, &mut steps)?;
                asked.insert(need, unseen);
            }
        }
        let known = known(&held, self.people, counted, ROUNDS_MAX);
        // What is not needed any more, given what is known, could show nothing.
        for need in needs_of(&self.kinds, &new, &known) {
            let met = asked.get(&need);
            unseen.erased.extend(met.into_iter().flat_map(|met| &met.erased));
            unseen.cut_short |= met.is_none_or(|met| met.cut_short);
        }
        let found = finding::of(&new, &known);
        unseen.cut_short |= found.len() >= FOUND_MAX;
        let of_kinds = found.into_iter().filter(|finding| self.kinds.contains(&finding.kind));
        page.findings.extend(of_kinds.map(|finding| (finding, counted)));
        if self.strict {
            page.erased.append(&mut unseen.erased);
            keep_newest(&mut page.erased);
            if unseen.cut_short && page.uncounted.last() != Some(&new.index) {
                page.uncounted.push(new.index);
            }
        }
        Ok(())
    }

    /// Looks up what is needed. What was erased among it is told, unless one entry was enough and is there.
    fn fetch(
        &mut self,
        need: &Need,
        about: LeafIndex,
        lists: &Lists,
        held: &mut BTreeMap<LeafIndex, Arc<Reading>>,
        reads: &mut usize,
        steps: &mut usize,
    ) -> Result<Unseen, QueryError> {
        let mut below = below(need.side, about, self.size);
        let mut common = lists.common(need);
        let (mut found, mut unseen) = (0, Unseen::default());
        while found < need.limit {
            let before = *steps;
            let search = common.newest(self.evidence, below, steps)?;
            self.steps = self.steps.saturating_add(before.saturating_sub(*steps));
            let index = match search {
                Search::Exhausted => return Ok(unseen),
                Search::Candidate(index) if *reads > 0 => index,
                Search::Candidate(_) | Search::Stopped { .. } => {
                    unseen.cut_short = true;
                    return Ok(unseen);
                }
            };
            below = size_before(index);
            // What is held was read: a hundred names of a snapshot have the same snapshots before it.
            let reading = if let Some(held) = held.get(&index) {
                Some(Arc::clone(held))
            } else {
                *reads = reads.saturating_sub(1);
                self.read_if(index, need.wanted)?
            };
            let Some(reading) = reading else {
                found = found.saturating_add(1);
                continue;
            };
            // A collision of hashes has something else.
            if !need.terms.iter().all(|term| reading.has(term)) {
                continue;
            }
            if reading.erased.is_some() {
                unseen.erased.insert(index);
            } else {
                found = found.saturating_add(1);
                held.insert(index, reading);
            }
        }
        Ok(if need.limit == 1 { Unseen::default() } else { unseen })
    }

    /// Counts what a source recorded of what happened in a time; none if that is more than can be looked at. When something happened that
    /// was erased, and by which rule it was recorded, nobody knows.
    fn count(
        &mut self,
        expected: &ExpectedTold,
        erased: &mut BTreeSet<LeafIndex>,
    ) -> Result<Option<Counted>, QueryError> {
        // Nothing happened later than the ledger learned of it.
        let start = first_at(self.evidence, self.size, |time| time >= expected.period.from())?;
        let (mut contents, mut runs) = (BTreeSet::new(), BTreeSet::new());
        let terms = expected.terms();
        let lists: Vec<Vec<_>> = if terms.is_empty() {
            vec![Vec::new()]
        } else {
            terms.into_iter().map(|term| vec![term]).collect()
        };
        let (mut reads, mut steps) = (COUNTED_MAX, usize::MAX);
        for terms in lists {
            let mut common = Common::new(terms.iter().cloned().map(Sought::Term));
            let mut below = self.size;
            while let Search::Candidate(index) = common.newest(self.evidence, below, &mut steps)? {
                if start.contains(index) {
                    break;
                }
                if reads == 0 {
                    return Ok(None);
                }
                reads = reads.saturating_sub(1);
                below = size_before(index);
                let reading = self.read(index)?;
                if reading.erased.is_some() && terms.iter().all(|term| reading.has(term)) {
                    erased.insert(index);
                }
                let named = match terms.as_slice() {
                    [] => reading.said_by.rules.contains(&expected.source),
                    terms => terms.iter().all(|term| reading.has(term)),
                };
                let happened = reading.happened();
                let within = happened >= expected.period.from() && happened < expected.period.to();
                if named && within && reading.facts.told.expected.is_none() {
                    contents.insert(reading.entry.content);
                    let run = reading.facts.told.run.as_ref().filter(|_| expected.counts_runs());
                    runs.extend(run.map(|run| run.counted_as().to_owned()));
                }
            }
        }
        // What tells of no run at all is no pipeline: its records are counted.
        let counted = if runs.is_empty() { contents.len() } else { runs.len() };
        Ok(u64::try_from(counted).ok().map(|records| Counted { records }))
    }
}

fn keep_newest(erased: &mut BTreeSet<LeafIndex>) {
    while erased.len() > FINDINGS_MAX {
        erased.pop_first();
    }
}

fn seen(reading: &Reading) -> Seen<'_> {
    let entry = &reading.entry;
    Seen::new(entry.index, entry.time, entry.content, &reading.facts, &reading.said_by)
}

fn known<'a>(
    held: &'a BTreeMap<LeafIndex, Arc<Reading>>,
    people: &'a People,
    counted: Option<Counted>,
    rounds: usize,
) -> Known<'a> {
    let entries = held.iter().map(|(index, reading)| (*index, seen(reading))).collect();
    Known { entries, people: Some(people), counted, rounds }
}

fn size_before(index: LeafIndex) -> TreeSize {
    TreeSize::new(index.get()).unwrap_or(TreeSize::ZERO)
}

#[cfg(test)]
mod tests;

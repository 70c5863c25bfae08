//! Evidence for a gate: gathered to a fixpoint, and every piece of it verified here.
//!
//! The policy says what is to be looked up, the server says where it is, and nothing of what comes is believed before it was checked:
//! each entry is proven to be in the log, admitted again, and meets what was asked. What a server leaves out cannot be seen, so what
//! rests on that is `complete: claimed`; what it cannot answer whole (a cap, an index that is behind, a deadline) is said, and never
//! taken for what is not there.

use std::collections::{BTreeMap, BTreeSet};

use custody_evidence::Digest;
use custody_evidence::fact::{Facts, Field, Package, Term};
use custody_evidence::finding::FindingKind;
use custody_evidence::predicate::judgement::VSA_TYPE;
use custody_evidence::purl::Purl;
use custody_evidence::trust::{FirstSigned, TrustState};
use custody_gate::evidence::{Admitted, ENTRIES_MAX, ROUNDS_MAX};
use custody_gate::{
    About, Ask, Completeness, Entry, Evidence, Finding, Freshness, Incomplete, Policy, Position,
};
use custody_gate::{Level as GateLevel, Question, TrustView};
use custody_log::{LeafIndex, Timestamp, TreeSize};
use custody_wire::Reason;
use custody_wire::limits::FIND_LIMIT_MAX;
use tokio::time::Instant;

use super::query::At;
use super::{Condition, FindingsQuery, Kept, Ledger, LedgerError, ProtocolError, Query};
use crate::check::{Checked, Level, Verified};
use crate::connection::CallError;
use crate::freshness::cosigned_at;
use crate::trust::Trust;

/// Entries that are verified at once: their envelopes are in memory meanwhile.
const AT_ONCE: usize = 32;
/// Up to so many entries about a digest are fetched together, whatever they say: 64, one search and two fetches. Of a digest with more
/// (each snapshot of where it runs is one) only those of the types that are asked for are.
const TOGETHER_MAX: usize = 64;
/// The predicates that one verdict's evidence may hold: 64 MiB. What is beyond is not taken, and said to be capped.
const PREDICATE_BYTES_MAX: usize = 64 << 20;

/// The state of the log that digests are judged at, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circumstances {
    /// The tree.
    pub at: Position,
    /// The time that ages are counted to.
    pub evaluated_at: Timestamp,
    newest: Option<Timestamp>,
    freshness: Freshness,
    trust: TrustView,
}

/// What was gathered for a question.
#[derive(Debug, Clone)]
pub struct Gathered {
    /// The evidence.
    pub evidence: Evidence,
    /// The question, which says whether the deadline passed before all of it was there.
    pub question: Question,
    /// Entries whose submitter is the log's word: the token that says so is given out at this time.
    pub not_yet: BTreeMap<LeafIndex, Timestamp>,
}

/// What is known of one digest's entries while they are gathered.
#[derive(Default)]
struct Collected {
    seen: BTreeMap<LeafIndex, Piece>,
    /// All entries about a digest; none if there are more than are fetched together.
    about: BTreeMap<Digest, Option<BTreeSet<LeafIndex>>>,
    bytes: usize,
    not_yet: BTreeMap<LeafIndex, Timestamp>,
}

/// What the token of who submitted an entry says.
enum Shown {
    /// The same as the record; or the entry was recorded without one.
    Checked,
    /// It has not ended: until then who submitted it is the log's word.
    NotYet(Timestamp),
    /// The log does not show it, and has no reason not to: nobody can tell who submitted the entry.
    Withheld,
}

/// An entry that was checked, or has no room.
enum Piece {
    Entry(Box<Entry>),
    NoRoom,
}

impl Circumstances {
    /// The state that the entries of a pack show.
    pub(crate) const fn of_pack(
        at: Position,
        evaluated_at: Timestamp,
        newest: Option<Timestamp>,
        freshness: Freshness,
        trust: TrustView,
    ) -> Self {
        Self { at, evaluated_at, newest, freshness, trust }
    }

    /// Returns the question about a digest.
    #[must_use]
    pub fn question(&self, subject: Digest, environment: Option<String>) -> Question {
        Question {
            subject,
            environment,
            evaluated_at: self.evaluated_at,
            at: self.at,
            trust: self.trust.clone(),
            newest: self.newest,
            freshness: self.freshness,
            deadline_passed: false,
            complete: Completeness::Claimed,
            level: GateLevel::Verified,
        }
    }
}

impl Ledger {
    /// Finds the tree to judge at. As of a tree of the past the time is that of its last entry unless one is given: then nobody claims
    /// that the tree is fresh. `now` is the clock of whoever judges.
    pub async fn circumstances(
        &mut self,
        at: At,
        effective: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Circumstances, LedgerError> {
        let newest = self.checkpoint().checkpoint().clone();
        let position = match at {
            At::Newest => Position { size: newest.size(), root: *newest.root() },
            At::Size(_) | At::Time(_) => {
                let found = self.find(&anything(at)?).await?;
                Position { size: found.as_of.size, root: found.as_of.root }
            }
        };
        let last: Vec<LeafIndex> = position.size.last_index().into_iter().collect();
        let last = self.entries(&last, Level::Logged, &|_| {}).await?;
        let last = last.first().map(|checked| self.trust().looked_up_by(checked.entry(), position.size));
        let freshness = match at {
            At::Newest => cosigned_at(self.checkpoint(), self.trust(), now)
                .map_or(Freshness::Unknown, Freshness::Cosigned),
            At::Size(_) | At::Time(_) => Freshness::AsOf,
        };
        let of_tree = (at != At::Newest).then_some(last).flatten();
        let trust = &self.trust().as_of(position.size).state;
        Ok(Circumstances {
            at: position,
            evaluated_at: effective.or(of_tree).unwrap_or(now),
            newest: last,
            freshness,
            trust: TrustView::from(trust),
        })
    }

    /// Gathers what a policy asks for, round by round until nothing new is asked, or until the deadline.
    pub async fn gather(
        &mut self,
        policy: &Policy,
        question: Question,
        until: Instant,
    ) -> Result<Gathered, LedgerError> {
        let (mut evidence, mut collected, mut question) =
            (Evidence::default(), Collected::default(), question);
        'rounds: for _ in 0..=ROUNDS_MAX {
            let asks = policy.new_asks(&evidence, &question);
            if asks.is_empty() {
                break;
            }
            for ask in asks {
                let answer = self.answer(ask, question.at.size, &mut collected, &mut evidence);
                match tokio::time::timeout_at(until, Box::pin(answer)).await {
                    Ok(Ok(())) => {}
                    Err(_) => {
                        question.deadline_passed = true;
                        break 'rounds;
                    }
                    // What a call waits for is not waited for twice.
                    Ok(Err(LedgerError::Call(CallError::TimedOut { .. }))) if Instant::now() >= until => {
                        question.deadline_passed = true;
                        break 'rounds;
                    }
                    Ok(Err(error)) => return Err(error),
                }
            }
        }
        Ok(Gathered { evidence, question, not_yet: collected.not_yet })
    }

    async fn answer(
        &mut self,
        ask: Ask,
        size: TreeSize,
        collected: &mut Collected,
        evidence: &mut Evidence,
    ) -> Result<(), LedgerError> {
        match &ask {
            Ask::Findings { about, kinds } => {
                let (found, incomplete) = match self.findings_about(about, kinds, size).await {
                    Err(error) => (BTreeSet::new(), Some(unanswered(error)?)),
                    Ok(answer) => answer,
                };
                evidence.add_findings(ask, found, incomplete);
            }
            Ask::Statements { about, types } => {
                let (indexes, mut incomplete) = match self.indexes(about, types, size, collected).await {
                    Err(error) => (BTreeSet::new(), Some(unanswered(error)?)),
                    Ok(answer) => answer,
                };
                self.collect_all(&indexes, size, collected).await?;
                let mut entries = Vec::with_capacity(indexes.len());
                for index in &indexes {
                    match collected.seen.get(index) {
                        Some(Piece::Entry(entry)) => entries.push(entry.as_ref().clone()),
                        Some(Piece::NoRoom) | None => incomplete = Some(Incomplete::Capped),
                    }
                }
                evidence.add(ask, entries, incomplete);
            }
        }
        Ok(())
    }

    /// Finds the entries that a question means, and whether these are all.
    async fn indexes(
        &mut self,
        about: &About,
        types: &BTreeSet<String>,
        size: TreeSize,
        collected: &mut Collected,
    ) -> Result<(BTreeSet<LeafIndex>, Option<Incomplete>), LedgerError> {
        if let About::Subject(digest) = about {
            if !collected.about.contains_key(digest) {
                let all = self.together(digest, size, collected).await?;
                collected.about.insert(digest.clone(), all);
            }
            if let Some(Some(all)) = collected.about.get(digest) {
                let is_type = |index: &&LeafIndex| match collected.seen.get(index) {
                    Some(Piece::Entry(entry)) => types.contains(&entry.predicate_type),
                    Some(Piece::NoRoom) | None => true,
                };
                let erased = all.iter().any(|index| collected.is_erased(*index));
                // What an erased one was of is known to the index alone.
                if !erased {
                    return Ok((all.iter().filter(is_type).copied().collect(), None));
                }
            }
        }
        let question = |of: &String| -> Result<Query, LedgerError> {
            let is_type = Term::parse(Field::Predicate, of).map_err(|_| unasked())?;
            Ok(query(vec![condition(about)?, is_type.into()], size))
        };
        let questions = types.iter().map(question).collect::<Result<Vec<_>, _>>()?;
        let (indexes, incomplete) = self.all(questions.clone()).await?;
        self.collect_for(&indexes, &questions, size, collected).await?;
        Ok((indexes, incomplete))
    }

    /// Finds the entries that meet any of these questions: all, or the newest of too many.
    async fn all(
        &mut self,
        mut questions: Vec<Query>,
    ) -> Result<(BTreeSet<LeafIndex>, Option<Incomplete>), LedgerError> {
        let mut indexes = BTreeSet::new();
        loop {
            let found = self.find_any(&questions).await?;
            indexes.extend(found.indexes);
            let Some(next) = found.next else { return Ok((indexes, None)) };
            if indexes.len() >= ENTRIES_MAX {
                return Ok((indexes, Some(Incomplete::Capped)));
            }
            for question in &mut questions {
                question.next = Some(next);
            }
        }
    }

    /// Fetches all entries about a digest; none if there are too many.
    async fn together(
        &mut self,
        digest: &Digest,
        size: TreeSize,
        collected: &mut Collected,
    ) -> Result<Option<BTreeSet<LeafIndex>>, LedgerError> {
        let limit = u32::try_from(TOGETHER_MAX).unwrap_or(FIND_LIMIT_MAX);
        let question = Query { limit, ..query(vec![condition(&About::Subject(digest.clone()))?], size) };
        let found = self.find(&question).await?;
        if found.next.is_some() {
            return Ok(None);
        }
        let indexes: BTreeSet<LeafIndex> = found.indexes.into_iter().collect();
        self.collect_for(&indexes, std::slice::from_ref(&question), size, collected).await?;
        Ok(Some(indexes))
    }

    async fn collect_all(
        &mut self,
        indexes: &BTreeSet<LeafIndex>,
        size: TreeSize,
        collected: &mut Collected,
    ) -> Result<(), LedgerError> {
        self.collect_for(indexes, &[], size, collected).await
    }

    /// Fetches and verifies entries that are not there yet. Each meets one of the questions that it is an answer to, if there are any.
    async fn collect_for(
        &mut self,
        indexes: &BTreeSet<LeafIndex>,
        questions: &[Query],
        size: TreeSize,
        collected: &mut Collected,
    ) -> Result<(), LedgerError> {
        let new: Vec<LeafIndex> = indexes
            .iter()
            .rev()
            .filter(|index| !collected.seen.contains_key(index))
            .take(ENTRIES_MAX)
            .copied()
            .collect();
        for some in new.chunks(AT_ONCE) {
            let mut checked = self.as_far_as_possible(some).await?;
            self.find_first_signed(&mut checked).await?;
            for entry in &checked {
                let index = entry.entry().index;
                if !questions.is_empty() {
                    let recorded = self.trust().looked_up_by(entry.entry(), size);
                    super::check_any(questions, entry, recorded)?;
                }
                let mut seen = seen(entry, self.trust(), size);
                if let Some(verified) = entry.verified() {
                    match self.token_of(verified).await? {
                        Shown::Checked => {}
                        Shown::NotYet(after) => _ = collected.not_yet.insert(index, after),
                        Shown::Withheld => seen.level = GateLevel::Logged,
                    }
                }
                collected.put(seen);
            }
        }
        Ok(())
    }

    /// Verifies entries; those that are too large together one by one, and one that is too large alone is logged.
    async fn as_far_as_possible(&mut self, indexes: &[LeafIndex]) -> Result<Vec<Checked>, LedgerError> {
        match self.entries(indexes, Level::Verified, &|_| {}).await {
            Err(LedgerError::TooMuch { .. }) => {}
            entries => return entries,
        }
        let mut checked = Vec::with_capacity(indexes.len());
        for index in indexes {
            match self.entries(&[*index], Level::Verified, &|_| {}).await {
                Err(LedgerError::TooMuch { .. }) => {
                    checked.extend(self.entries(&[*index], Level::Logged, &|_| {}).await?);
                }
                entries => checked.extend(entries?),
            }
        }
        Ok(checked)
    }

    /// Checks who submitted an entry by the token that says so. A token that still holds is nobody's to hand out; and one is erased with
    /// its entry, so that of an entry which can be read is there.
    async fn token_of(&self, verified: &Verified) -> Result<Shown, LedgerError> {
        let Some(proof) = &verified.logged().record().token else { return Ok(Shown::Checked) };
        Ok(match self.token(verified).await? {
            Some(Kept::Bytes(_)) => Shown::Checked,
            Some(Kept::NotYet(after)) if after == proof.ends() => Shown::NotYet(after),
            Some(Kept::NotYet(_) | Kept::Erased) | None => Shown::Withheld,
        })
    }

    async fn findings_about(
        &mut self,
        about: &Digest,
        kinds: &BTreeSet<FindingKind>,
        size: TreeSize,
    ) -> Result<(BTreeSet<Finding>, Option<Incomplete>), LedgerError> {
        let mut question = FindingsQuery {
            at: At::Size(size),
            about: vec![about.clone()],
            kinds: kinds.clone(),
            ..FindingsQuery::default()
        };
        let (mut found, mut incomplete) = (BTreeSet::new(), None);
        loop {
            let page = self.findings(&question).await?;
            let next = page.next;
            if !page.uncounted.is_empty() {
                incomplete = Some(Incomplete::Capped);
            } else if !page.erased.is_empty() {
                incomplete = incomplete.or(Some(Incomplete::Redacted));
            }
            for checked in self.check_findings(&question, size, page.findings, &|_| {}).await? {
                if let Some(shown) = &checked.shown {
                    found.insert(Finding::from(shown));
                } else {
                    incomplete = incomplete.or(Some(Incomplete::Redacted));
                }
            }
            match next {
                Some(next) => question.next = Some(next),
                None => return Ok((found, incomplete)),
            }
        }
    }
}

impl Collected {
    fn is_erased(&self, index: LeafIndex) -> bool {
        let entry = self.seen.get(&index);
        matches!(entry, Some(Piece::Entry(entry)) if matches!(entry.standing, custody_gate::Standing::Redacted { .. }))
    }

    fn put(&mut self, entry: Entry) {
        let length = entry.predicate.as_ref().map_or(0, Vec::len);
        let bytes = self.bytes.saturating_add(length);
        let index = entry.index;
        if bytes > PREDICATE_BYTES_MAX {
            self.seen.insert(index, Piece::NoRoom);
            return;
        }
        self.bytes = bytes;
        self.seen.insert(index, Piece::Entry(Box::new(entry)));
    }
}

/// Returns what a gate sees of an entry that was checked here, as of a tree.
#[must_use]
pub fn seen(checked: &Checked, trust: &Trust, size: TreeSize) -> Entry {
    let entry = checked.entry();
    let (index, time) = (entry.index, trust.looked_up_by(entry, size));
    let state: &TrustState = &trust.as_of(size).state;
    // Of what was not read nothing is known; that it may be well formed is not for a gate to doubt, which does not count it anyway.
    let mut unread = Facts::default();
    unread.interpreted = true;
    let (logged, facts, statement, level) = match checked {
        Checked::Redacted(erased) => {
            return Entry::redacted(index, time, entry.content, erased.redacted().by);
        }
        Checked::Logged(logged) => (logged.as_ref(), &unread, None, GateLevel::Logged),
        Checked::Verified(verified) => {
            (verified.logged(), verified.facts(), verified.statement(), GateLevel::Verified)
        }
    };
    let earlier: &FirstSigned = logged.first_signed();
    let admitted =
        Admitted { index, time, content: entry.content, record: logged.record(), statement, facts, level };
    Entry::new(&admitted, state, earlier)
}

/// Why an answer is none, where that is no lie: then it is not all that there is.
fn unanswered(error: LedgerError) -> Result<Incomplete, LedgerError> {
    match error {
        LedgerError::Protocol(ProtocolError::NotCovered { .. }) => Ok(Incomplete::Lagging),
        LedgerError::Call(CallError::Refused(refusal)) => match refusal.reason() {
            Some(Reason::Behind) => Ok(Incomplete::Lagging),
            Some(Reason::TooMuch) => Ok(Incomplete::Capped),
            _ => Err(CallError::Refused(refusal).into()),
        },
        error => Err(error),
    }
}

/// The condition that an entry is about what a question names.
pub(crate) fn condition(about: &About) -> Result<Condition, LedgerError> {
    match about {
        About::Subject(digest) => {
            Term::parse(Field::Subject, &digest.to_string()).map(Condition::from).map_err(|_| unasked())
        }
        About::Component(purl) => {
            let purl: Purl = purl.parse().map_err(|_| unasked())?;
            Package::of(&purl).map(Condition::component).map_err(|_| unasked())
        }
    }
}

fn query(conditions: Vec<Condition>, size: TreeSize) -> Query {
    Query { conditions, at: At::Size(size), limit: FIND_LIMIT_MAX, ..Query::default() }
}

/// Any question: the answer says which tree it is about.
fn anything(at: At) -> Result<Query, LedgerError> {
    let term = Term::parse(Field::Predicate, VSA_TYPE).map_err(|_| unasked())?;
    Ok(Query { conditions: vec![term.into()], at, limit: 1, ..Query::default() })
}

/// What a policy names can be asked for, since it was read so.
fn unasked() -> LedgerError {
    ProtocolError::Unexpected { found: "a question that cannot be asked" }.into()
}

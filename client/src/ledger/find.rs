//! Which entries meet conditions.

use custody_log::{LeafIndex, Timestamp, TreeSize};
use custody_wire::convert::leaf_index;
use custody_wire::v1;
use tokio::time::Instant;

use super::query::{AsOf, At, at_fields, too_many};
use super::{Condition, Ledger, LedgerError, ProtocolError};
use crate::check::{Checked, Level};
use crate::connection::request;

/// The conditions that entries must meet, all of them.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// The conditions.
    pub conditions: Vec<Condition>,
    /// When it happened, inclusive.
    pub since: Option<Timestamp>,
    /// When it happened, exclusive.
    pub until: Option<Timestamp>,
    /// When the ledger learned it, inclusive.
    pub recorded_since: Option<Moment>,
    /// When the ledger learned it, exclusive.
    pub recorded_until: Option<Moment>,
    /// As of when.
    pub at: At,
    /// The most entries to give.
    pub limit: u32,
    /// Where the page starts; none: at the newest.
    pub next: Option<u64>,
}

/// A point in the life of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The entry at this index.
    Index(LeafIndex),
    /// A ledger time.
    Time(Timestamp),
}

/// The entries that meet the conditions, as the server claims; check them with [`Ledger::entries`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Newest first.
    pub indexes: Vec<LeafIndex>,
    /// The tree that the answer is about.
    pub as_of: AsOf,
    /// Where the next page starts; none: this was the last one.
    pub next: Option<u64>,
}

/// The most pages that are read for one question. Before it gives fewer entries than were asked for, a server reads
/// 20,000 entries or 32 MiB of envelopes: 256 pages are 5 million entries, or 8 GiB.
const PAGES_MAX: usize = 256;

impl Ledger {
    /// Asks for the entries that meet all conditions of any of these questions, newest first. The questions differ in
    /// nothing but their conditions. All of them together take no longer than [`Self::find`] may.
    pub async fn find_any(&mut self, questions: &[Query]) -> Result<Found, LedgerError> {
        let end = self.end_of_search();
        let mut questions = questions.iter();
        let first = questions.next().cloned().unwrap_or_default();
        let mut found = self.find_until(&first, end).await?;
        for question in questions {
            // All answers are of one tree.
            let question = Query { at: At::Size(found.as_of.size), ..question.clone() };
            let more = match tokio::time::timeout_at(end, self.find_until(&question, end)).await {
                Ok(more) => more?,
                Err(_) => Found::nothing(&question, found.as_of.clone()),
            };
            found = found.merged(more, first.limit);
        }
        Ok(found)
    }

    /// Asks for the entries that meet all conditions, until there are as many as the limit says, or no more, or 256
    /// pages were read, or the time of one call with its retries is over: then `next` says where to go on. What a server
    /// reads for one answer is bounded: a page with none says nothing about the rest.
    pub async fn find(&mut self, question: &Query) -> Result<Found, LedgerError> {
        let end = self.end_of_search();
        self.find_until(question, end).await
    }

    /// Who waits for an answer must not wait for a server that always has another page, each a little later.
    fn end_of_search(&self) -> Instant {
        Instant::now() + self.connection.longest()
    }

    /// The first page has the time of any call: without it there is no answer.
    async fn find_until(&mut self, question: &Query, end: Instant) -> Result<Found, LedgerError> {
        let mut page = question.clone();
        let mut found = self.find_page(&page).await?;
        let (size, limit) = (found.as_of.size, usize::try_from(question.limit).unwrap_or(usize::MAX));
        // All pages are of one tree.
        page.at = At::Size(size);
        for _ in 1..PAGES_MAX {
            let Some(next) = found.next.filter(|_| found.indexes.len() < limit) else { break };
            page.next = Some(next);
            page.limit = u32::try_from(limit.saturating_sub(found.indexes.len())).unwrap_or(question.limit);
            let Ok(more) = tokio::time::timeout_at(end, self.find_page(&page)).await else { break };
            let more = more?;
            found.indexes.extend(more.indexes);
            found.next = more.next;
        }
        Ok(found)
    }

    async fn find_page(&mut self, question: &Query) -> Result<Found, LedgerError> {
        self.check_at(question.at).await?;
        let message = self.find_request(question);
        let call = |left| self.connection.one(request(message.clone(), left));
        let answer = self.connection.call(call).await?.into_inner();
        let as_of = self.check_as_of(answer.as_of, question.at).await?;
        self.check_time(question.at, &as_of).await?;
        let most = usize::try_from(question.limit).unwrap_or(usize::MAX);
        too_many("indexes", answer.indexes.len(), most)?;
        let indexes = answer.indexes.iter().map(|index| leaf_index("indexes", *index));
        let indexes: Vec<LeafIndex> = indexes.collect::<Result<_, _>>().map_err(ProtocolError::Field)?;
        let newest_first = indexes.windows(2).all(|pair| matches!(pair, [a, b] if a > b));
        let start = question.start(as_of.size);
        if !newest_first || indexes.first().is_some_and(|index| index.get() >= start) {
            return Err(ProtocolError::Unexpected { found: "entries out of order" }.into());
        }
        // Each page lies below the last entry of the one before, or below its start if it has none: so walks end.
        let end = indexes.last().map_or(start, |last| last.get().saturating_add(1));
        if answer.next >= end.max(1) {
            return Err(ProtocolError::Unexpected { found: "a page that leads nowhere" }.into());
        }
        Ok(Found { indexes, as_of, next: (answer.next != 0).then_some(answer.next) })
    }

    fn find_request(&self, question: &Query) -> v1::FindRequest {
        let index = |moment: Option<Moment>| match moment {
            Some(Moment::Index(index)) => Some(index.get()),
            Some(Moment::Time(_)) | None => None,
        };
        let micros = |moment: Option<Moment>| match moment {
            Some(Moment::Time(time)) => Some(time.as_micros()),
            Some(Moment::Index(_)) | None => None,
        };
        let condition = |condition: &Condition| v1::Condition {
            field: condition.field().to_string(),
            value: condition.value().to_owned(),
        };
        let (at, at_micros) = at_fields(question.at);
        v1::FindRequest {
            log: Some(self.log()),
            conditions: question.conditions.iter().map(condition).collect(),
            since_micros: question.since.map(Timestamp::as_micros),
            until_micros: question.until.map(Timestamp::as_micros),
            recorded_since_index: index(question.recorded_since),
            recorded_until_index: index(question.recorded_until),
            recorded_since_micros: micros(question.recorded_since),
            recorded_until_micros: micros(question.recorded_until),
            at,
            at_micros,
            limit: question.limit,
            next: question.next.unwrap_or(0),
        }
    }
}

impl Found {
    /// An answer that was not waited for.
    fn nothing(question: &Query, as_of: AsOf) -> Self {
        let start = question.start(as_of.size);
        Self { indexes: Vec::new(), as_of, next: (start != 0).then_some(start) }
    }

    /// Puts two answers about the same tree together. Below where one of them ends nothing is known of it.
    fn merged(mut self, other: Self, limit: u32) -> Self {
        self.indexes.extend(other.indexes);
        self.indexes.sort_unstable_by(|one, two| two.cmp(one));
        self.indexes.dedup();
        self.next = self.next.max(other.next);
        if let Some(next) = self.next {
            self.indexes.retain(|index| index.get() >= next);
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if self.indexes.len() > limit {
            self.indexes.truncate(limit);
            self.next = self.indexes.last().map(|index| index.get());
        }
        self
    }
}

/// Checks that an entry meets one of the questions; without a question nothing is asked of it. `recorded` is the time by which it is
/// looked up in the tree of the answer ([`crate::trust::Trust::looked_up_by`]).
pub fn check_any(questions: &[Query], entry: &Checked, recorded: Timestamp) -> Result<(), LedgerError> {
    let mut refused = None;
    for question in questions {
        match question.check(entry, recorded) {
            Ok(()) => return Ok(()),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    refused.map_or(Ok(()), Err)
}

impl Query {
    /// Returns the index below which the entries of the answer lie.
    fn start(&self, size: TreeSize) -> u64 {
        self.next.map_or(size.get(), |next| next.min(size.get()))
    }

    /// Checks what can be checked of the server's claim that an entry meets the conditions: all of a verified entry;
    /// of one that is logged only, what its admission record says. `recorded` is as in [`check_any`].
    pub fn check(&self, entry: &Checked, recorded: Timestamp) -> Result<(), LedgerError> {
        let missed = self.conditions.iter().find(|condition| condition.is_met_by(entry) == Some(false));
        let condition = missed.map(ToString::to_string).or_else(|| self.missed_bound(entry, recorded));
        match condition {
            Some(condition) => Err(LedgerError::NotAsked { entry: entry.entry().index, condition }),
            None => Ok(()),
        }
    }

    /// Returns the conditions that stay the server's claim for entries checked to this level.
    #[must_use]
    pub fn claimed(&self, level: Level) -> Vec<&'static str> {
        if level == Level::Verified {
            return Vec::new();
        }
        let unread = self.conditions.iter().filter(|condition| !condition.is_in_record());
        let times = [("since", self.since.is_some()), ("until", self.until.is_some())];
        let times = times.into_iter().filter_map(|(word, given)| given.then_some(word));
        let mut claimed: Vec<_> = unread.map(|condition| condition.field().as_str()).chain(times).collect();
        claimed.dedup();
        claimed
    }

    /// Returns the bound in time that an entry does not keep. When something happened is known of verified entries;
    /// of the others, that it was not later than the ledger learned it.
    fn missed_bound(&self, checked: &Checked, recorded: Timestamp) -> Option<String> {
        let index = checked.entry().index;
        let claimed = checked.verified().map(|verified| verified.facts().happened);
        let happened = claimed.map(|claimed| claimed.map_or(recorded, |time| time.min(recorded)));
        let not_before = |moment| match moment {
            Moment::Index(first) => index >= first,
            Moment::Time(time) => recorded >= time,
        };
        let bounds = [
            ("since", self.since.is_none_or(|since| happened.unwrap_or(recorded) >= since)),
            ("until", self.until.is_none_or(|until| happened.is_none_or(|happened| happened < until))),
            ("recorded-since", self.recorded_since.is_none_or(not_before)),
            ("recorded-until", self.recorded_until.is_none_or(|until| !not_before(until))),
            ("at", !matches!(self.at, At::Time(time) if recorded > time)),
        ];
        bounds.into_iter().find(|(_, kept)| !kept).map(|(bound, _)| format!("--{bound}"))
    }
}

//! `environment`: the records from which follows what runs in an environment.
//!
//! [`custody_evidence::environment`] says what follows from which records. Here they are read, newest first, and no
//! further back than the answer needs.
//!
//! Nothing happened later than the ledger learned of it, by the times by which entries are looked up in the tree: these never step
//! back, also where a clock repair does. So once every record is read back to a ledger time, everything that
//! happened since then is known, however late it was told; and once that time is not after a snapshot, the picture is. The
//! cost grows with the records of the environment since that snapshot, whatever the log holds besides.

use std::collections::BTreeSet;
use std::sync::Arc;

use custody_evidence::digest_set::Digest;
use custody_evidence::environment::{
    Event, From, Needed, Observation, Said, Timeline, Until, Window, needed,
};
use custody_evidence::fact::{Field, Term};
use custody_evidence::predicate::{CustodyPredicate as _, Deployment, Name, Snapshot};
use custody_log::{LeafIndex, Timestamp, TreeSize};

use super::error::QueryError;
use super::evidence::Evidence;
use super::postings::Newest;
use crate::index::Reading;

/// Entries that one question reads at most: at about 20 us each 0.4 seconds.
pub const ENTRIES_MAX: usize = 20_000;
/// Bytes of envelopes that one question reads at most: 32 MiB are 150,000 things in snapshots, at 80 ns a byte three seconds.
/// What is kept of them is smaller.
pub const ENVELOPE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Entries that are read behind a picture that is known, to see when what runs started: two weeks of a snapshot every five
/// minutes.
pub const LOOK_BACK_MAX: usize = 4_096;
/// Bytes of what an answer says of parts of entries at most, beside 20,000 numbers of 10 bytes each.
pub const PARTS_BYTES_MAX: usize = 1_024 * 1024;

/// Parts in an answer at most.
pub const PARTS_MAX: usize = 16_384;

/// Bytes of a part in an answer beside its digest and workload, at most: a number, tags and lengths.
const PART_BYTES: usize = 24;

/// What leads to the answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The entries, and parts of older ones.
    pub needed: Needed,
    /// Deployments and snapshots that were erased.
    pub redacted: BTreeSet<LeafIndex>,
    /// What started then or before may have started earlier; none: all was read.
    pub known_from: Option<Timestamp>,
    /// Whether a bound was hit before the picture at the start of the window was known.
    pub truncated: bool,
}

/// Returns the entries below `size` from which follows what ran in the environment at the start of a window, and changed in it.
pub fn environment<E: Evidence + ?Sized>(
    evidence: &E,
    name: &Name,
    window: Window,
    size: TreeSize,
) -> Result<Found, QueryError> {
    let mut walk = Walk::new(name, window);
    let term = Term::parse(Field::Environment, name.as_str())?;
    for index in Newest::of(evidence, term.clone(), size) {
        let index = index?;
        if walk.is_over() {
            return Ok(walk.finish(false));
        }
        let reading = evidence.reading(index)?;
        let learned = evidence.looked_up_by(index, reading.entry.time, size);
        walk.take(&reading, learned, &term);
    }
    Ok(walk.finish(true))
}

/// What was read so far.
struct Walk<'a> {
    name: &'a Name,
    window: Window,
    events: Vec<Event>,
    redacted: BTreeSet<LeafIndex>,
    /// When the ledger learned of the last entry that was read: all that happened since is known.
    horizon: Option<Timestamp>,
    /// When the newest snapshot before the window's start was taken, of those read.
    snapshot: Option<Timestamp>,
    /// The number of records at which the steps are counted next.
    count_at: usize,
    read: usize,
    envelope_bytes: u64,
    state: State,
}

/// How far the walk is.
enum State {
    /// The picture at the start of the window is not known yet.
    Unsettled,
    /// It is. These digests run, and ran in every older snapshot read since.
    Settled { ran: BTreeSet<Digest>, looked_back: usize },
}

impl<'a> Walk<'a> {
    const fn new(name: &'a Name, window: Window) -> Self {
        Self {
            name,
            window,
            events: Vec::new(),
            redacted: BTreeSet::new(),
            horizon: None,
            snapshot: None,
            count_at: 1,
            read: 0,
            envelope_bytes: 0,
            state: State::Unsettled,
        }
    }

    /// Whether nothing more is to be read: all is known, or the bounds are reached.
    fn is_over(&self) -> bool {
        let known = match &self.state {
            State::Unsettled => false,
            State::Settled { ran, looked_back } => ran.is_empty() || *looked_back >= LOOK_BACK_MAX,
        };
        known || self.read >= ENTRIES_MAX || self.envelope_bytes >= ENVELOPE_BYTES_MAX
    }

    fn take(&mut self, reading: &Reading, learned: Timestamp, term: &Term) {
        self.read = self.read.saturating_add(1);
        self.envelope_bytes = self.envelope_bytes.saturating_add(reading.entry.envelope_bytes);
        self.horizon = Some(learned);
        if reading.erased.is_some() && reading.has(term) && was_observation(reading) {
            self.redacted.insert(reading.entry.index);
        }
        if let Some(observation) = self.observed(reading) {
            self.add(Event {
                entry: reading.entry.index,
                time: reading.happened().min(learned),
                counts: true,
                observation,
            });
        }
        if let State::Settled { looked_back, .. } = &mut self.state {
            *looked_back = looked_back.saturating_add(1);
        } else if self.is_settled() {
            self.state = State::Settled { ran: self.ran_before(), looked_back: 0 };
        }
    }

    fn observed(&self, reading: &Reading) -> Option<Arc<Observation>> {
        let observation = reading.facts.observation.as_ref();
        observation.filter(|observation| observation.environment == *self.name).cloned()
    }

    fn add(&mut self, event: Event) {
        if let Said::Snapshot { running, .. } = &event.observation.said {
            if let State::Settled { ran, .. } = &mut self.state {
                let seen: BTreeSet<&Digest> = running.iter().map(|seen| &seen.digest).collect();
                ran.retain(|digest| seen.contains(digest));
            }
            if self.is_before(event.time) {
                self.snapshot = self.snapshot.max(Some(event.time));
            }
        }
        self.events.push(event);
    }

    /// Whether what happened at this time may lead to the picture at the start of the window.
    fn is_before(&self, time: Timestamp) -> bool {
        let within = self.window.until.is_none_or(|until| time <= until);
        within && !matches!(self.window.from, From::Time(from) if time >= from)
    }

    /// Whether the picture at the start of the window is known.
    fn is_settled(&mut self) -> bool {
        match self.window.from {
            From::End | From::Time(_) => {
                self.horizon.zip(self.snapshot).is_some_and(|(horizon, snapshot)| horizon <= snapshot)
            }
            // Each count replays all: with twice as many each time, all of them cost twice the last.
            From::Steps(steps) if self.events.len() >= self.count_at => {
                self.count_at = self.events.len().saturating_mul(2);
                self.steps_known().is_some_and(|known| known >= steps)
            }
            From::Steps(_) | From::First => false,
        }
    }

    /// How many steps of the window are known: those behind the first snapshot since the horizon. None if there is no such one
    /// in it.
    fn steps_known(&self) -> Option<usize> {
        let timeline = self.timeline(false);
        let first = first_snapshot(&timeline).filter(|(time, _)| self.is_before(*time))?;
        let steps = timeline.replay(self.window.end()).steps;
        Some(steps.iter().filter(|step| (step.time, step.entry) > first).count())
    }

    /// What runs at the start of the window, and may have run before all that is known.
    fn ran_before(&self) -> BTreeSet<Digest> {
        let timeline = self.timeline(false);
        let Some((first, _)) = first_snapshot(&timeline) else { return BTreeSet::new() };
        let until = match self.window.from {
            From::Steps(steps) => {
                let all = timeline.replay(self.window.end()).steps.len();
                Until::Steps(all.saturating_sub(steps))
            }
            From::Time(time) => Until::Time(time),
            From::End | From::First => self.window.end(),
        };
        let running = timeline.replay(until).picture.running;
        let early = running.into_iter().filter(|running| running.since <= first);
        early.flat_map(|running| running.artifact.digests().cloned().collect::<Vec<_>>()).collect()
    }

    /// Puts what is known in order; of what happened before the horizon not all is known, so it is left out.
    fn timeline(&self, complete: bool) -> Timeline {
        let known = |event: &&Event| complete || self.horizon.is_none_or(|horizon| event.time >= horizon);
        Timeline::of(self.events.iter().filter(known).cloned())
    }

    fn finish(self, complete: bool) -> Found {
        let timeline = self.timeline(complete);
        let mut needed = needed(&timeline, self.window);
        let cut = cut(&mut needed);
        let first = first_snapshot(&timeline).map(|(time, _)| time);
        Found {
            needed,
            redacted: self.redacted,
            known_from: first.or(self.horizon).filter(|_| !complete),
            truncated: cut || (!complete && matches!(self.state, State::Unsettled)),
        }
    }
}

/// Whether an entry that was erased was a deployment or a snapshot.
fn was_observation(reading: &Reading) -> bool {
    let types = [Deployment::TYPE, Snapshot::TYPE];
    let terms = types.iter().filter_map(|of| Term::parse(Field::Predicate, of).ok());
    terms.into_iter().any(|term| reading.has(&term))
}

fn first_snapshot(timeline: &Timeline) -> Option<(Timestamp, LeafIndex)> {
    let is = |event: &&Event| matches!(event.observation.said, Said::Snapshot { .. });
    timeline.events().iter().find(is).map(|event| (event.time, event.entry))
}

/// Leaves out the parts for which an answer has no room, and returns whether there are any.
fn cut(needed: &mut Needed) -> bool {
    let all = needed.parts.len();
    let (mut bytes, mut kept) = (0_usize, 0_usize);
    needed.parts.retain(|part| {
        let workload = part.workload.as_ref().map_or(0, |name| name.as_str().len());
        let (algorithm, value) = (part.digest.algorithm().len(), part.digest.value().len());
        bytes = [PART_BYTES, workload, algorithm, value].into_iter().fold(bytes, usize::saturating_add);
        kept = kept.saturating_add(1);
        bytes <= PARTS_BYTES_MAX && kept <= PARTS_MAX
    });
    needed.parts.len() < all
}

#[cfg(test)]
mod tests;

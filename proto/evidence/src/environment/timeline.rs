//! [`Timeline`]: what happened in an environment, in order, and what it led to.

use std::sync::Arc;

use custody_log::{LeafIndex, Timestamp};

use super::observation::Observation;
use super::picture::{Change, Picture};

/// One record of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The entry.
    pub entry: LeafIndex,
    /// When it happened: claimed, and never later than the ledger learned of it.
    pub time: Timestamp,
    /// Whether it is evidence; not if it is distrusted.
    pub counts: bool,
    /// What it says.
    pub observation: Arc<Observation>,
}

/// What happened in one environment, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timeline {
    events: Vec<Event>,
}

/// How much of a timeline is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Until {
    /// All of it.
    #[default]
    Newest,
    /// What happened at this time or before.
    Time(Timestamp),
    /// This record and those before it.
    Through(Timestamp, LeafIndex),
    /// So many steps, and all that changed nothing before the next one.
    Steps(usize),
}

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay {
    /// What runs at its end.
    pub picture: Picture,
    /// The records that changed what runs, in order; those that changed nothing are left out.
    pub steps: Vec<Step>,
    /// The records that gave what runs a workload or a cluster, in order.
    pub(super) named: Vec<(Timestamp, LeafIndex)>,
}

/// A record that changed what runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The entry.
    pub entry: LeafIndex,
    /// When it happened.
    pub time: Timestamp,
    /// What stopped, then what started.
    pub changes: Vec<Change>,
}

impl Timeline {
    /// Puts records in order: by when they happened, those of the same time in the order of the log. Each entry counts once.
    #[must_use]
    pub fn of(events: impl IntoIterator<Item = Event>) -> Self {
        let mut events: Vec<Event> = events.into_iter().collect();
        events.sort_by_key(|event| (event.time, event.entry));
        events.dedup_by_key(|event| event.entry);
        Self { events }
    }

    /// Returns the records, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Returns the last record up to here; none if there is none.
    #[must_use]
    pub fn last(&self, until: Until) -> Option<LeafIndex> {
        self.up_to(until).last().map(|event| event.entry)
    }

    /// Returns the records up to here, in order.
    pub(super) fn up_to(&self, until: Until) -> &[Event] {
        self.events.get(..self.count(until)).unwrap_or_default()
    }

    /// Replays the records up to one step after the other.
    pub(super) fn pause(&self) -> Paused<'_> {
        Paused { left: &self.events, picture: Picture::default() }
    }

    /// Replays the records.
    #[must_use]
    pub fn replay(&self, until: Until) -> Replay {
        self.replay_first(self.count(until))
    }

    /// Returns how many of the records lie before an end.
    fn count(&self, until: Until) -> usize {
        let before = |ends: &dyn Fn(&Event) -> bool| self.events.partition_point(|event| !ends(event));
        match until {
            Until::Newest => self.events.len(),
            Until::Time(time) => before(&|event| event.time > time),
            Until::Through(time, entry) => before(&|event| (event.time, event.entry) > (time, entry)),
            Until::Steps(steps) => match self.replay_first(self.events.len()).steps.get(steps) {
                Some(next) => before(&|event| (event.time, event.entry) >= (next.time, next.entry)),
                None => self.events.len(),
            },
        }
    }

    fn replay_first(&self, count: usize) -> Replay {
        let mut replay = Replay::default();
        for event in self.events.iter().take(count) {
            let taken = replay.picture.take(event);
            if taken.named {
                replay.named.push((event.time, event.entry));
            }
            if !taken.changes.is_empty() {
                replay.steps.push(Step { entry: event.entry, time: event.time, changes: taken.changes });
            }
        }
        replay
    }
}

/// A replay that goes on step by step.
pub(super) struct Paused<'a> {
    left: &'a [Event],
    picture: Picture,
}

impl Paused<'_> {
    /// Goes on, and returns what ran before a step; all records up to it are replayed, whether or not it is among them.
    pub(super) fn before(&mut self, step: &Step) -> &Picture {
        while let [event, left @ ..] = self.left {
            if (event.time, event.entry) >= (step.time, step.entry) {
                break;
            }
            self.picture.take(event);
            self.left = left;
        }
        &self.picture
    }
}

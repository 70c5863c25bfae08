//! [`needed`]: the entries that lead to the same answer as all of them.
//!
//! Most snapshots change nothing, and most deployments were followed by another. Who asks what runs needs neither: a
//! picture follows from its newest snapshot, from what changed since, and from the entries in which what runs started.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use custody_log::LeafIndex;

use super::observation::Observation;
use super::picture::{Picture, Running};
use super::timeline::{Event, Replay, Step, Timeline, Until};
use super::window::Window;
use crate::digest_set::Digest;
use crate::predicate::Name;

/// What leads to the same answer as a whole timeline.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needed {
    /// Records that are replayed as they are.
    pub whole: BTreeSet<LeafIndex>,
    /// Older records, of which only what they say of one thing is.
    pub parts: BTreeSet<Part>,
}

/// One thing of which a record says that it runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// The entry.
    pub entry: LeafIndex,
    /// The digest by which the record names it.
    pub digest: Digest,
    /// The workload, as the record names it.
    pub workload: Option<Name>,
}

/// Returns the entries of a timeline from which the same follows for this window: the picture at its start and when that came
/// to be, each step in the window, and so the picture at its end.
///
/// What is chosen is replayed, and what it tells is compared with what all records tell. Where few do not tell the same,
/// all are taken since the newest snapshot before the window, and where these do not either, all there are.
#[must_use]
pub fn needed(timeline: &Timeline, window: Window) -> Needed {
    let choice = Choice::of(timeline, window);
    let few = choice.few();
    if choice.suffices(&few) {
        return few;
    }
    let since = choice.since_snapshot(few).filter(|since| choice.suffices(since));
    since.unwrap_or_else(|| choice.all())
}

impl Needed {
    /// Takes from a timeline what is needed of it, as who asked does; none if a record does not say what it is needed for.
    pub(super) fn of(&self, timeline: &Timeline) -> Option<Timeline> {
        let mut parts: BTreeMap<LeafIndex, Vec<(Digest, Option<Name>)>> = BTreeMap::new();
        for part in &self.parts {
            parts.entry(part.entry).or_default().push((part.digest.clone(), part.workload.clone()));
        }
        let mut events = Vec::new();
        for event in timeline.events() {
            if self.whole.contains(&event.entry) {
                events.push(event.clone());
            } else if let Some(things) = parts.get(&event.entry) {
                let observation = Arc::new(event.observation.part(things)?);
                events.push(Event { observation, ..event.clone() });
            }
        }
        Some(Timeline::of(events))
    }

    /// Leaves out parts of what is replayed whole.
    fn without_repeats(mut self) -> Self {
        self.parts.retain(|part| !self.whole.contains(&part.entry));
        self
    }
}

/// What there is to choose from, and what must follow from the choice.
pub(super) struct Choice<'a> {
    timeline: &'a Timeline,
    window: Window,
    /// All that happened up to the end of the window.
    replay: Replay,
    /// How many of the steps come before the window.
    start: usize,
}

impl<'a> Choice<'a> {
    pub(super) fn of(timeline: &'a Timeline, window: Window) -> Self {
        let replay = timeline.replay(window.end());
        let start = window.start(&replay.steps);
        Self { timeline, window, replay, start }
    }

    /// Whether these records tell the same as all.
    pub(super) fn suffices(&self, needed: &Needed) -> bool {
        let Some(chosen) = needed.of(self.timeline) else { return false };
        let replay = chosen.replay(self.window.end());
        let (before, within) = self.steps(self.start);
        let start = replay.steps.len().checked_sub(within.len());
        let Some((earlier, later)) = start.and_then(|start| replay.steps.split_at_checked(start)) else {
            return false;
        };
        let changed = |steps: &[Step]| steps.last().map(|step| step.time);
        let (mut all, mut of_chosen) = (self.timeline.pause(), chosen.pause());
        let asked = self.window.asked(within);
        later == within
            && changed(earlier) == changed(before)
            && replay.picture == self.replay.picture
            && asked.iter().all(|step| all.before(step) == of_chosen.before(step))
    }

    /// Returns the records that suffice but for rare cases.
    pub(super) fn few(&self) -> Needed {
        // The step before the window tells when the picture at its start came to be.
        let (before, within) = self.steps(self.start.saturating_sub(1));
        let paused = within.first().map(|step| self.timeline.pause().before(step).clone());
        let picture = paused.as_ref().unwrap_or(&self.replay.picture);
        let mut needed =
            Needed { whole: after_snapshot(picture, before), parts: starts(self.timeline, picture) };
        if let Some((entry, time)) = picture.snapshot {
            // A snapshot may leave out names that are known: under these it must be seen to stop.
            let seen = self.timeline.replay(Until::Through(time, entry)).picture;
            needed.parts.extend(starts(self.timeline, &seen));
        }
        needed.whole.extend(within.iter().map(|step| step.entry));
        // What got its name since must be seen to stop under it.
        let last = before.last().map(|step| (step.time, step.entry));
        let since = picture.snapshot.map(|(entry, time)| (time, entry)).or(last);
        let named = self.replay.named.iter().filter(|named| Some(**named) > since);
        needed.whole.extend(named.map(|(_, entry)| *entry));
        // How many run, and of what nobody knows, stands in the newest snapshot alone.
        needed.whole.extend(self.snapshots());
        // The last record shows that there is one, if nothing runs any more.
        needed.whole.extend(self.timeline.last(self.window.end()));
        needed.without_repeats()
    }

    /// Returns the few, and all since the newest snapshot before the window; none if there is none.
    fn since_snapshot(&self, mut few: Needed) -> Option<Needed> {
        let first = self.steps(self.start).1.first();
        let paused = first.map(|step| self.timeline.pause().before(step).snapshot);
        let (entry, time) = paused.unwrap_or(self.replay.picture.snapshot)?;
        let since = self.events().filter(|event| (event.time, event.entry) >= (time, entry));
        few.whole.extend(since.map(|event| event.entry));
        Some(few.without_repeats())
    }

    fn all(&self) -> Needed {
        Needed { whole: self.events().map(|event| event.entry).collect(), parts: BTreeSet::new() }
    }

    /// Returns the newest snapshot at each moment at which it is asked what ran.
    fn snapshots(&self) -> BTreeSet<LeafIndex> {
        let mut paused = self.timeline.pause();
        let asked = self.window.asked(self.steps(self.start).1);
        let snapshots = asked.iter().map(|step| paused.before(step).snapshot);
        snapshots.chain([self.replay.picture.snapshot]).flatten().map(|(entry, _)| entry).collect()
    }

    /// Returns the first steps, and those behind them.
    fn steps(&self, count: usize) -> (&[Step], &[Step]) {
        self.replay.steps.split_at_checked(count).unwrap_or((&self.replay.steps, &[]))
    }

    fn events(&self) -> impl Iterator<Item = &'a Event> {
        self.timeline.up_to(self.window.end()).iter()
    }
}

/// The newest snapshot, and what changed since: what it shows must be seen to stop. Without one there is nothing that must, as
/// only what still runs is taken from older records.
fn after_snapshot(picture: &Picture, before: &[Step]) -> BTreeSet<LeafIndex> {
    let Some((entry, time)) = picture.snapshot else { return BTreeSet::new() };
    let since = before.iter().filter(|step| (step.time, step.entry) > (time, entry));
    since.map(|step| step.entry).chain([entry]).collect()
}

/// Where what runs started, and got its name.
fn starts(timeline: &Timeline, picture: &Picture) -> BTreeSet<Part> {
    let observations: BTreeMap<LeafIndex, &Observation> =
        timeline.events().iter().map(|event| (event.entry, event.observation.as_ref())).collect();
    let part = |running: &Running, entry: LeafIndex, workload: Option<&Name>| {
        let (digest, workload) = observations.get(&entry)?.names(&running.artifact, workload)?;
        Some(Part { entry, digest: digest.clone(), workload: workload.cloned() })
    };
    let of = |running: &Running| {
        let workload = running.workload.as_ref();
        // What got its name later started without one, whatever else its record says of the same bytes.
        let first = workload.filter(|_| running.named_by.is_none());
        let later = [running.named_by, running.placed_by];
        let later = later.map(|entry| part(running, entry?, workload));
        [part(running, running.entry, first)].into_iter().chain(later)
    };
    picture.running.iter().flat_map(of).flatten().collect()
}

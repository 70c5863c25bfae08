//! [`needed`]: the entries that lead to the same answer as all of them.
//!
//! Most snapshots change nothing, and most deployments were followed by another. Who asks what runs needs neither: a
//! picture follows from its newest snapshot, from what changed since, and from the entries in which what runs started.

use std::collections::{BTreeMap, BTreeSet};

use custody_log::{LeafIndex, Timestamp};

use super::observation::Observation;
use super::picture::{Picture, Running};
use super::timeline::{Step, Timeline, Until};
use crate::digest_set::Digest;
use crate::predicate::Name;

/// What is asked about an environment: what ran at the start of a stretch of time, and all that changed in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// Where the stretch starts.
    pub from: From,
    /// Where it ends, inclusive; none: at the newest record.
    pub until: Option<Timestamp>,
}

/// Where a stretch of time starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum From {
    /// At its end: only what runs then is asked for.
    #[default]
    End,
    /// Before what happened at this time.
    Time(Timestamp),
    /// So many steps before its end.
    Steps(usize),
    /// With the first record.
    First,
}

impl Window {
    /// How much of a timeline it covers.
    #[must_use]
    pub fn end(&self) -> Until {
        self.until.map_or(Until::Newest, Until::Time)
    }
}

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

/// Returns the entries of a timeline, all of whose records count, from which the same follows for this window: the picture at
/// its start, each step in it, and so the picture at its end.
#[must_use]
pub fn needed(timeline: &Timeline, window: Window) -> Needed {
    let all = timeline.replay(window.end());
    let start = match window.from {
        From::End => all.steps.len(),
        From::Time(time) => all.steps.partition_point(|step| step.time < time),
        From::Steps(steps) => all.steps.len().saturating_sub(steps),
        From::First => 0,
    };
    let (before, within) = all.steps.split_at_checked(start).unwrap_or((&all.steps, &[]));
    // Snapshots behind the last step count what runs, too.
    let earlier = (!within.is_empty()).then(|| timeline.replay(Until::Steps(start)).picture);
    let picture = earlier.as_ref().unwrap_or(&all.picture);
    let mut needed = Needed { whole: after_snapshot(picture, before), parts: starts(timeline, picture) };
    if let Some((entry, time)) = picture.snapshot {
        // A snapshot may leave out names that are known: under these it must be seen to stop.
        let seen = timeline.replay(Until::Through(time, entry)).picture;
        needed.parts.extend(starts(timeline, &seen));
    }
    needed.whole.extend(within.iter().map(|step| step.entry));
    // What got its name since must be seen to stop under it.
    let last = before.last().map(|step| (step.time, step.entry));
    let since = picture.snapshot.map(|(entry, time)| (time, entry)).or(last);
    needed.whole.extend(all.named.iter().filter(|named| Some(**named) > since).map(|(_, entry)| *entry));
    // How many run, and of what nobody knows, stands in the newest snapshot alone.
    needed.whole.extend(all.picture.snapshot.map(|(entry, _)| entry));
    // The last record shows that there is one, if nothing runs any more.
    needed.whole.extend(timeline.last(window.end()));
    needed.parts.retain(|part| !needed.whole.contains(&part.entry));
    needed
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
    let part = |entry: LeafIndex, running: &Running| {
        let (digest, workload) =
            observations.get(&entry)?.names(&running.artifact, running.workload.as_ref())?;
        Some(Part { entry, digest: digest.clone(), workload: workload.cloned() })
    };
    let of = |running: &Running| {
        [Some(running.entry), running.named_by, running.placed_by].map(|entry| part(entry?, running))
    };
    picture.running.iter().flat_map(of).flatten().collect()
}

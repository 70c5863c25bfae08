//! [`Picture`]: what runs at one time, and how one record changes it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use custody_log::{LeafIndex, Timestamp};

use super::artifact::Artifact;
use super::observation::{Said, Seen};
use super::timeline::Event;
use crate::digest_set::Digest;
use crate::predicate::{Action, Name};

/// All that is known to run at one time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Picture {
    /// What runs, in the order in which it started.
    pub running: Vec<Running>,
    /// The newest snapshot that counts, and when it was taken; none if there is none.
    pub snapshot: Option<(LeafIndex, Timestamp)>,
    /// How many more things ran at that snapshot of which nobody knows what they are.
    pub unknown: Option<NonZeroU32>,
}

/// Something that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// What.
    pub artifact: Artifact,
    /// As what; none if nobody said.
    pub workload: Option<Name>,
    /// Where in the environment; none if nobody said.
    pub cluster: Option<Name>,
    /// How many, as the newest snapshot counted; none if it did not, or if they are in several clusters.
    pub count: Option<u64>,
    /// Since when without a break, as far as is known.
    pub since: Timestamp,
    /// The entry that says so.
    pub entry: LeafIndex,
    /// The later entry that gave it its workload, if one did.
    pub named_by: Option<LeafIndex>,
    /// The later entry that gave it its cluster, if one did.
    pub placed_by: Option<LeafIndex>,
    /// Whether a record says so that is evidence; else only distrusted ones do.
    pub counts: bool,
}

/// That one thing started or stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Started or stopped.
    pub action: Action,
    /// What.
    pub artifact: Artifact,
    /// As what.
    pub workload: Option<Name>,
    /// Where in the environment.
    pub cluster: Option<Name>,
}

/// What one record did to a picture.
pub(super) struct Taken {
    /// What stopped, then what started.
    pub(super) changes: Vec<Change>,
    /// Whether it gave what runs a workload or a cluster.
    pub(super) named: bool,
}

impl Picture {
    /// Takes in what happened next, and returns what it changed: first what stopped, then what started.
    pub(super) fn take(&mut self, event: &Event) -> Taken {
        let mut changes = self.changes(event);
        // In one order, whether or not it is known when what stops has started.
        changes.sort_by(|one, two| one.place().cmp(&two.place()));
        self.order();
        let by = |running: &Running| [running.named_by, running.placed_by].contains(&Some(event.entry));
        Taken { changes, named: self.running.iter().any(by) }
    }

    /// Returns what runs under one of the digests of an artifact.
    pub fn of<'a>(&'a self, digest: &'a Digest) -> impl Iterator<Item = &'a Running> {
        self.running.iter().filter(move |running| running.artifact.has(digest))
    }

    fn changes(&mut self, event: &Event) -> Vec<Change> {
        match &event.observation.said {
            Said::Started { cluster, workload, artifacts, whole } => {
                let (cluster, workload) = (cluster.as_ref(), workload.as_ref());
                let mut changes = Vec::new();
                if *whole {
                    changes = self.replace(event, cluster, workload, artifacts);
                }
                changes.extend(self.started(event, cluster, workload, artifacts));
                changes
            }
            Said::Stopped { cluster, workload, artifacts } => {
                let stopped = |running: &Running| {
                    within(running, cluster.as_ref())
                        && workload.as_ref().is_none_or(|name| running.workload.as_ref() == Some(name))
                        && artifacts.iter().any(|artifact| artifact.is(&running.artifact))
                };
                self.end(event, stopped)
            }
            Said::Snapshot { running, unknown, whole } => {
                if event.counts && *whole {
                    self.snapshot = Some((event.entry, event.time));
                    self.unknown = *unknown;
                }
                self.seen(event, running, *whole)
            }
        }
    }

    /// Ends what else ran as a workload that starts something.
    fn replace(
        &mut self,
        event: &Event,
        cluster: Option<&Name>,
        workload: Option<&Name>,
        artifacts: &[Artifact],
    ) -> Vec<Change> {
        let replaced = |running: &Running| {
            workload.is_some()
                && running.workload.as_ref() == workload
                && within(running, cluster)
                && !artifacts.iter().any(|artifact| artifact.is(&running.artifact))
        };
        self.end(event, replaced)
    }

    fn started(
        &mut self,
        event: &Event,
        cluster: Option<&Name>,
        workload: Option<&Name>,
        artifacts: &[Artifact],
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        for artifact in artifacts {
            let mut known = false;
            for running in &mut self.running {
                let same = running.artifact.includes(artifact) && running.workload.as_ref() == workload;
                // A snapshot does not say where it saw something; the first deployment that does is taken to be about it.
                let place = within(running, cluster) || running.cluster.is_none();
                if !(same && place) {
                    continue;
                }
                known = true;
                if event.counts && running.cluster.is_none() && cluster.is_some() {
                    running.cluster = cluster.cloned();
                    running.placed_by = Some(event.entry);
                }
                changes.extend(running.confirm(event));
            }
            if !known {
                changes.push(self.begin(event, artifact.clone(), workload, cluster, None));
            }
        }
        changes
    }

    fn seen(&mut self, event: &Event, seen: &[Seen], whole: bool) -> Vec<Change> {
        let mut before = std::mem::take(&mut self.running);
        let mut fates = vec![Fate::Gone; before.len()];
        let mut starts = Vec::new();
        let places = places(&before);
        let (unnamed, named): (Vec<_>, Vec<_>) =
            counted(seen).into_iter().partition(|((_, workload), _)| workload.is_none());
        // What has a name first: what ran without one may be it.
        for ((digest, workload), count) in named.into_iter().chain(unnamed) {
            let of_digest = places.get(digest).map_or(&[][..], Vec::as_slice);
            let named = |place: &usize, name: Option<&Name>| {
                before.get(*place).is_some_and(|running| running.workload.as_ref() == name)
            };
            let same: Vec<usize> = of_digest
                .iter()
                .copied()
                .filter(|place| workload.is_none() || named(place, workload))
                .collect();
            let unnamed: Vec<usize> = of_digest.iter().copied().filter(|place| named(place, None)).collect();
            if same.is_empty() && unnamed.is_empty() {
                starts.push(self.begin(event, digest.clone().into(), workload, None, count));
            }
            // What ran without a name has one now.
            for place in unnamed.iter().filter(|_| same.is_empty()) {
                let count = count.filter(|_| unnamed.len() == 1);
                starts.extend(self.rename(event, before.get(*place), workload, count));
                set(&mut fates, *place, if event.counts { Fate::Renamed } else { Fate::Stays });
            }
            for place in &same {
                if matches!(fates.get(*place), Some(Fate::Renamed)) {
                    continue;
                }
                set(&mut fates, *place, Fate::Stays);
                let Some(running) = before.get_mut(*place) else { continue };
                if event.counts {
                    // How many there are in each of several clusters a snapshot does not tell.
                    running.count = count.filter(|_| same.len() == 1);
                }
                starts.extend(running.confirm(event));
            }
        }
        let mut changes = Vec::new();
        for (running, fate) in before.into_iter().zip(fates) {
            match fate {
                Fate::Gone if whole && (event.counts || !running.counts) => {
                    changes.push(running.change(Action::Stop));
                }
                Fate::Gone | Fate::Stays => self.running.push(running),
                Fate::Renamed => {}
            }
        }
        changes.append(&mut starts);
        changes
    }

    /// Goes on with what ran without a name under the one that a snapshot gives it.
    fn rename(
        &mut self,
        event: &Event,
        unnamed: Option<&Running>,
        workload: Option<&Name>,
        count: Option<u64>,
    ) -> Option<Change> {
        let unnamed = unnamed.filter(|_| event.counts)?.clone();
        let mut named =
            Running { workload: workload.cloned(), count, named_by: Some(event.entry), ..unnamed };
        let change = named.confirm(event);
        self.running.push(named);
        change
    }

    /// Ends what fits; a record that does not count ends only what others like it began.
    fn end(&mut self, event: &Event, fits: impl Fn(&Running) -> bool) -> Vec<Change> {
        let ends = |running: &mut Running| fits(running) && (event.counts || !running.counts);
        self.running.extract_if(.., ends).map(|running| running.change(Action::Stop)).collect()
    }

    fn begin(
        &mut self,
        event: &Event,
        artifact: Artifact,
        workload: Option<&Name>,
        cluster: Option<&Name>,
        count: Option<u64>,
    ) -> Change {
        let running = Running {
            artifact,
            workload: workload.cloned(),
            cluster: cluster.cloned(),
            count,
            since: event.time,
            entry: event.entry,
            named_by: None,
            placed_by: None,
            counts: event.counts,
        };
        let change = running.change(Action::Start);
        self.running.push(running);
        change
    }

    /// Puts what runs in one order, whatever was left out that changes nothing.
    fn order(&mut self) {
        self.running.sort_by(|one, two| one.place().cmp(&two.place()));
    }
}

impl Running {
    /// Takes in that it runs. What only distrusted records said is evidence from the first record on that is.
    fn confirm(&mut self, event: &Event) -> Option<Change> {
        if self.counts || !event.counts {
            return None;
        }
        (self.counts, self.since, self.entry) = (true, event.time, event.entry);
        (self.named_by, self.placed_by) = (None, None);
        Some(self.change(Action::Start))
    }

    fn change(&self, action: Action) -> Change {
        Change {
            action,
            artifact: self.artifact.clone(),
            workload: self.workload.clone(),
            cluster: self.cluster.clone(),
        }
    }

    fn place(&self) -> (Timestamp, LeafIndex, Option<&Name>, Option<&Name>, &Artifact) {
        (self.since, self.entry, self.workload.as_ref(), self.cluster.as_ref(), &self.artifact)
    }
}

impl Change {
    fn place(&self) -> (bool, Option<&Name>, Option<&Name>, &Artifact) {
        let starts = self.action == Action::Start;
        (starts, self.workload.as_ref(), self.cluster.as_ref(), &self.artifact)
    }
}

/// What a snapshot says of something that ran.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// Nothing: it has stopped.
    Gone,
    /// It still runs.
    Stays,
    /// It still runs, under a name of its own.
    Renamed,
}

fn set(fates: &mut [Fate], place: usize, fate: Fate) {
    if let Some(kept) = fates.get_mut(place) {
        *kept = fate;
    }
}

/// The places of what runs, by each of its digests.
fn places(running: &[Running]) -> BTreeMap<Digest, Vec<usize>> {
    let mut places: BTreeMap<Digest, Vec<usize>> = BTreeMap::new();
    for (place, running) in running.iter().enumerate() {
        for digest in running.artifact.digests() {
            places.entry(digest.clone()).or_default().push(place);
        }
    }
    places
}

/// Whether a record that names this cluster, or none, speaks of it.
fn within(running: &Running, cluster: Option<&Name>) -> bool {
    cluster.is_none() || running.cluster.as_ref() == cluster
}

/// What a snapshot saw, each thing once. How many there are is known where each count is.
fn counted(seen: &[Seen]) -> BTreeMap<(&Digest, Option<&Name>), Option<u64>> {
    let mut counted = BTreeMap::new();
    for seen in seen {
        let count = seen.count.map(|count| u64::from(count.get()));
        let more = counted.entry((&seen.digest, seen.workload.as_ref())).or_insert(Some(0));
        *more = more.zip(count).map(|(have, more): (u64, u64)| have.saturating_add(more));
    }
    counted
}

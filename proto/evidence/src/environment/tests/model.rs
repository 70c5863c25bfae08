//! The naive model: each rule of the module's list as one question about one thing that runs, without any shared state.

use std::collections::BTreeSet;

use super::super::{Event, Said};
use crate::digest_set::Digest;

/// Cluster, workload, digests, since, and whether it is evidence that it runs.
pub(super) type Runs = (Option<String>, Option<String>, BTreeSet<String>, i64, bool);

fn text(name: Option<&crate::predicate::Name>) -> Option<String> {
    name.map(ToString::to_string)
}

fn digests<'a>(digests: impl IntoIterator<Item = &'a Digest>) -> BTreeSet<String> {
    digests.into_iter().map(ToString::to_string).collect()
}

/// Returns all that runs after these records, whatever their order.
pub(super) fn model(events: &[Event]) -> BTreeSet<Runs> {
    let mut events = events.to_vec();
    events.sort_by_key(|event| (event.time, event.entry));
    events.iter().fold(BTreeSet::new(), |before, event| after(&before, event))
}

fn after(before: &BTreeSet<Runs>, event: &Event) -> BTreeSet<Runs> {
    let time = event.time.as_micros();
    let mut after = BTreeSet::new();
    // A record that is no evidence leaves all that is.
    let untouchable = |runs: &Runs| runs.4 && !event.counts;
    let confirmed = |runs: &Runs| {
        let mut runs = runs.clone();
        if event.counts && !runs.4 {
            (runs.3, runs.4) = (time, true);
        }
        runs
    };
    match &event.observation.said {
        Said::Stopped { cluster, workload, artifacts } => {
            let (cluster, workload) = (text(cluster.as_ref()), text(workload.as_ref()));
            let stops = |runs: &Runs| {
                artifacts.iter().any(|artifact| !digests(artifact.digests()).is_disjoint(&runs.2))
                    && (cluster.is_none() || runs.0 == cluster)
                    && (workload.is_none() || runs.1 == workload)
            };
            after.extend(before.iter().filter(|runs| untouchable(runs) || !stops(runs)).cloned());
        }
        Said::Started { cluster, workload, artifacts, .. } => {
            let (cluster, workload) = (text(cluster.as_ref()), text(workload.as_ref()));
            let started: Vec<BTreeSet<String>> =
                artifacts.iter().map(|artifact| digests(artifact.digests())).collect();
            let here = |runs: &Runs| cluster.is_none() || runs.0 == cluster;
            for runs in before {
                let again = started.iter().any(|digests| !digests.is_disjoint(&runs.2));
                let replaced = workload.is_some() && runs.1 == workload && here(runs) && !again;
                let all = started.iter().any(|digests| digests.is_subset(&runs.2));
                let same = all && runs.1 == workload && (here(runs) || runs.0.is_none());
                match (same, replaced) {
                    (true, _) => {
                        let mut runs = confirmed(runs);
                        if event.counts && runs.0.is_none() {
                            runs.0.clone_from(&cluster);
                        }
                        after.insert(runs);
                    }
                    (false, true) if !untouchable(runs) => {}
                    (false, _) => {
                        after.insert(runs.clone());
                    }
                }
            }
            for digests in started {
                let known = before.iter().any(|runs| {
                    digests.is_subset(&runs.2) && runs.1 == workload && (here(runs) || runs.0.is_none())
                });
                if !known {
                    after.insert((cluster.clone(), workload.clone(), digests, time, event.counts));
                }
            }
        }
        Said::Snapshot { running, .. } => {
            let seen: BTreeSet<(String, Option<String>)> =
                running.iter().map(|seen| (seen.digest.to_string(), text(seen.workload.as_ref()))).collect();
            for runs in before {
                let names: BTreeSet<&Option<String>> =
                    seen.iter().filter(|(digest, _)| runs.2.contains(digest)).map(|(_, name)| name).collect();
                let as_it_was = names.contains(&runs.1) || names.contains(&None);
                // Names under which nothing of these bytes ran: what ran without a name has them.
                let new = |(digest, name): &&(String, Option<String>)| {
                    let ran = |other: &Runs| other.1 == *name && other.2.contains(digest);
                    name.is_some() && runs.2.contains(digest) && !before.iter().any(ran)
                };
                let new_names: BTreeSet<&Option<String>> =
                    seen.iter().filter(new).map(|(_, name)| name).collect();
                if runs.1.is_none() && !new_names.is_empty() {
                    if event.counts {
                        for name in new_names {
                            let mut renamed = confirmed(runs);
                            renamed.1.clone_from(name);
                            after.insert(renamed);
                        }
                    } else {
                        after.insert(runs.clone());
                    }
                } else if as_it_was {
                    after.insert(confirmed(runs));
                } else if untouchable(runs) {
                    after.insert(runs.clone());
                }
            }
            for (digest, name) in &seen {
                let known = before.iter().any(|runs| {
                    runs.2.contains(digest) && (runs.1 == *name || runs.1.is_none() || name.is_none())
                });
                if !known {
                    after.insert((None, name.clone(), BTreeSet::from([digest.clone()]), time, event.counts));
                }
            }
        }
    }
    after
}

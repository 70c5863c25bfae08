//! [`difference`]: what sets two pictures apart.

use std::collections::{BTreeMap, BTreeSet};

use super::artifact::Artifact;
use super::picture::{Picture, Running};
use crate::predicate::Name;

/// What sets one picture apart from another, whatever the clusters and how many run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference<'a> {
    /// What runs in the second alone.
    pub added: Vec<&'a Running>,
    /// What runs in the first alone.
    pub removed: Vec<&'a Running>,
    /// Workloads that run one thing in the first, and another one in the second.
    pub replaced: Vec<Replaced<'a>>,
}

/// A workload that runs something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced<'a> {
    /// The workload.
    pub workload: &'a Name,
    /// What it runs in the first.
    pub before: &'a Running,
    /// What it runs in the second.
    pub after: &'a Running,
}

/// Compares what runs, workload by workload. Where a workload runs exactly one thing less and one thing more, the one was replaced
/// by the other.
#[must_use]
pub fn difference<'a>(before: &'a Picture, after: &'a Picture) -> Difference<'a> {
    let (mut removed, mut added) = (only(before, after), only(after, before));
    let mut replaced = Vec::new();
    let workloads: BTreeSet<&Name> = removed.keys().copied().flatten().collect();
    for workload in workloads {
        let ends = (removed.get(&Some(workload)), added.get(&Some(workload)));
        let (Some([before]), Some([after])) = (ends.0.map(Vec::as_slice), ends.1.map(Vec::as_slice)) else {
            continue;
        };
        replaced.push(Replaced { workload, before, after });
        removed.remove(&Some(workload));
        added.remove(&Some(workload));
    }
    let flat = |of: BTreeMap<_, Vec<&'a Running>>| of.into_values().flatten().collect();
    Difference { added: flat(added), removed: flat(removed), replaced }
}

/// What runs in one picture alone, by workload; what runs in several clusters once.
fn only<'a>(one: &'a Picture, other: &Picture) -> BTreeMap<Option<&'a Name>, Vec<&'a Running>> {
    let runs = |running: &Running, artifact: &Artifact, workload: Option<&Name>| {
        running.workload.as_ref() == workload && running.artifact.is(artifact)
    };
    let mut only: BTreeMap<Option<&Name>, Vec<&Running>> = BTreeMap::new();
    for running in &one.running {
        let workload = running.workload.as_ref();
        let listed = only.entry(workload).or_default();
        let known = listed.iter().any(|listed| listed.artifact.is(&running.artifact));
        if !known && !other.running.iter().any(|other| runs(other, &running.artifact, workload)) {
            listed.push(running);
        }
    }
    only.retain(|_, listed| !listed.is_empty());
    only
}

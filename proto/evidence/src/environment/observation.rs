//! What one statement says about an environment.

use std::num::NonZeroU32;

use super::artifact::Artifact;
use crate::digest_set::Digest;
use crate::predicate::Name;

/// What one deployment or snapshot says, about subjects of its statement alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Where.
    pub environment: Name,
    /// What.
    pub said: Said,
}

/// What happened there, or was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// These started.
    Started {
        /// Where in the environment; none: wherever it has the workload.
        cluster: Option<Name>,
        /// As what.
        workload: Option<Name>,
        /// What.
        artifacts: Vec<Artifact>,
        /// Whether this is all that started, so that what else ran as the workload is replaced: not of a part of a deployment.
        whole: bool,
    },
    /// These stopped.
    Stopped {
        /// Where in the environment; none: everywhere in it.
        cluster: Option<Name>,
        /// As what; none: whatever it ran as.
        workload: Option<Name>,
        /// What.
        artifacts: Vec<Artifact>,
    },
    /// This runs.
    Snapshot {
        /// What.
        running: Vec<Seen>,
        /// How many more things run of which nobody knows what they are; none if this is all.
        unknown: Option<NonZeroU32>,
        /// Whether nothing else does: not of a part of a snapshot.
        whole: bool,
    },
}

/// One thing that a snapshot saw.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// What.
    pub digest: Digest,
    /// As what.
    pub workload: Option<Name>,
    /// How many of it.
    pub count: Option<NonZeroU32>,
}

impl Observation {
    /// Returns what it says of these things alone, each running as this workload; none if of one of them it says nothing, or that
    /// it stopped.
    #[must_use]
    pub fn part(&self, things: &[(Digest, Option<Name>)]) -> Option<Self> {
        let said = match &self.said {
            Said::Started { cluster, workload, artifacts, .. } => {
                let find = |(digest, name): &(Digest, Option<Name>)| {
                    artifacts.iter().find(|artifact| name == workload && artifact.has(digest)).cloned()
                };
                let artifacts = things.iter().map(find).collect::<Option<Vec<Artifact>>>()?;
                let (cluster, workload) = (cluster.clone(), workload.clone());
                Said::Started { cluster, workload, artifacts, whole: false }
            }
            Said::Stopped { .. } => return None,
            Said::Snapshot { running, .. } => {
                let is = |seen: &Seen, (digest, name): &(Digest, Option<Name>)| {
                    seen.digest == *digest && seen.workload == *name
                };
                if !things.iter().all(|thing| running.iter().any(|seen| is(seen, thing))) {
                    return None;
                }
                let asked = |seen: &&Seen| things.iter().any(|thing| is(seen, thing));
                let running = running.iter().filter(asked).cloned().collect();
                Said::Snapshot { running, unknown: None, whole: false }
            }
        };
        Some(Self { environment: self.environment.clone(), said })
    }

    /// Returns a digest of this artifact by which it is named as running, and as what; none if it is not. Of several workloads
    /// the one asked for, or one without a name.
    pub(super) fn names(
        &self,
        artifact: &Artifact,
        workload: Option<&Name>,
    ) -> Option<(&Digest, Option<&Name>)> {
        match &self.said {
            Said::Started { workload, artifacts, .. } => {
                let mut digests = artifacts.iter().flat_map(Artifact::digests);
                digests.find(|digest| artifact.has(digest)).map(|digest| (digest, workload.as_ref()))
            }
            Said::Stopped { .. } => None,
            Said::Snapshot { running, .. } => {
                let fits = |name: Option<&Name>| {
                    let seen = running.iter().filter(|seen| artifact.has(&seen.digest));
                    seen.map(|seen| (&seen.digest, seen.workload.as_ref())).find(|(_, found)| *found == name)
                };
                fits(workload).or_else(|| fits(None))
            }
        }
    }

    /// About the bytes of memory that it takes: for each thing its digest, its workload's name and its place.
    #[must_use]
    pub fn weight(&self) -> usize {
        const EACH: usize = 192;
        let count = match &self.said {
            Said::Started { artifacts, .. } | Said::Stopped { artifacts, .. } => {
                artifacts.iter().map(|artifact| artifact.digests().count()).sum()
            }
            Said::Snapshot { running, .. } => running.len(),
        };
        count.saturating_add(1).saturating_mul(EACH)
    }
}

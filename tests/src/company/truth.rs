//! What is true of a world: each question answered by looking at all of it.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{Run, Time, World};

impl World {
    /// Returns what runs in an environment at a time, one artifact for each workload.
    #[must_use]
    pub fn live(&self, environment: &str, at: Time) -> BTreeSet<usize> {
        let mut live = BTreeSet::new();
        for moved in self.moves.iter().filter(|moved| moved.environment == environment && moved.at <= at) {
            if moved.start {
                live.insert(moved.artifact);
            } else {
                live.remove(&moved.artifact);
            }
        }
        live
    }

    /// Returns where an artifact runs at a time, and since when.
    #[must_use]
    pub fn where_live(&self, artifact: usize, at: Time) -> BTreeMap<&'static str, Time> {
        let mut live = BTreeMap::new();
        for moved in self.moves.iter().filter(|moved| moved.artifact == artifact && moved.at <= at) {
            if moved.start {
                live.insert(moved.environment, moved.at);
            } else {
                live.remove(moved.environment);
            }
        }
        live
    }

    /// Returns the artifacts that ship a version of a package that `wanted` holds of.
    #[must_use]
    pub fn ship(&self, package: usize, wanted: impl Fn([u32; 3]) -> bool) -> BTreeSet<usize> {
        let versions = &self.packages[package].versions;
        let has = |place: &usize| {
            let mut components = self.artifacts[*place].components.iter();
            components.any(|(found, version)| *found == package && wanted(versions[*version]))
        };
        (0..self.artifacts.len()).filter(has).collect()
    }

    /// Returns the runs that `wanted` holds of.
    #[must_use]
    pub fn runs_that(&self, wanted: impl Fn(&Run) -> bool) -> BTreeSet<usize> {
        (0..self.runs.len()).filter(|run| wanted(&self.runs[*run])).collect()
    }

    /// Returns the runs that resolved a reference, in a time.
    #[must_use]
    pub fn resolved(&self, reference: &str, (from, to): (Time, Time)) -> BTreeSet<usize> {
        self.runs_that(|run| {
            (from..to).contains(&run.at) && run.resolved.iter().any(|(used, _)| used == reference)
        })
    }

    /// Returns the runs in which a reference meant this.
    #[must_use]
    pub fn meant_this(&self, reference: &str, digest: &str) -> BTreeSet<usize> {
        self.runs_that(|run| run.resolved.iter().any(|(used, meant)| used == reference && meant == digest))
    }

    /// Returns the runs that could read a secret.
    #[must_use]
    pub fn could_read(&self, secret: &str) -> BTreeSet<usize> {
        self.runs_that(|run| self.services[run.service].secrets.iter().any(|name| name == secret))
    }

    /// Returns the artifacts that these runs made.
    #[must_use]
    pub fn made_by(&self, runs: &BTreeSet<usize>) -> BTreeSet<usize> {
        (0..self.artifacts.len()).filter(|place| runs.contains(&self.artifacts[*place].run)).collect()
    }

    /// Returns the artifacts whose provenance a team's key signed.
    #[must_use]
    pub fn signed_by(&self, team: usize) -> BTreeSet<usize> {
        let signed = |place: &usize| {
            let made = &self.artifacts[*place];
            made.provenance && self.services[made.service].team == team
        };
        (0..self.artifacts.len()).filter(signed).collect()
    }

    /// Returns the newest release of a service that is none of these.
    #[must_use]
    pub fn newest_but(&self, service: usize, bad: &BTreeSet<usize>) -> Option<usize> {
        let made = (0..self.artifacts.len()).filter(|place| self.artifacts[*place].service == service);
        let mut newest = None;
        for place in made {
            let later =
                newest.is_none_or(|newest: usize| self.artifacts[newest].at <= self.artifacts[place].at);
            if later && !bad.contains(&place) {
                newest = Some(place);
            }
        }
        newest
    }

    /// Returns the digests of artifacts.
    #[must_use]
    pub fn digests(&self, artifacts: &BTreeSet<usize>) -> BTreeSet<String> {
        artifacts.iter().map(|place| format!("sha256:{}", self.artifacts[*place].digest)).collect()
    }

    /// Returns the URLs of runs.
    #[must_use]
    pub fn urls(&self, runs: &BTreeSet<usize>) -> BTreeSet<String> {
        runs.iter().map(|run| self.run_url(&self.runs[*run])).collect()
    }
}

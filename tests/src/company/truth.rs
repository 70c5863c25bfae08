//! What is true of a world: each question answered by looking at all of it.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{PROD, Run, Time, World};

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

    /// Returns the commit that an artifact was built from and who reviewed it, as far as somebody says so.
    #[must_use]
    pub fn reviewed(&self, artifact: usize) -> Option<(String, BTreeSet<String>)> {
        let made = &self.artifacts[artifact];
        let run = &self.runs[made.run];
        // The thief does not say what it was built from.
        if !made.provenance || artifact == self.planted.stolen_build {
            return None;
        }
        let reviewer = format!("reviewer{}@acme.example", run.number % 3);
        // What was back-dated comes from a commit that nobody looked at.
        let somebody = (artifact != self.planted.backdated).then_some(reviewer);
        Some((self.commit(run), somebody.into_iter().collect()))
    }

    /// Returns the evidence that there is of an artifact: the words of `custody coverage`, in its order.
    #[must_use]
    pub fn evidence(&self, artifact: usize) -> Vec<&'static str> {
        let made = &self.artifacts[artifact];
        let stolen = artifact == self.planted.stolen_build;
        let reviewed = self.reviewed(artifact).is_some_and(|(_, reviewers)| !reviewers.is_empty());
        let to_prod = |moved: &&super::world::Move| {
            moved.artifact == artifact && moved.start && moved.environment == PROD
        };
        let passed = !stolen && self.moves.iter().any(|moved| to_prod(&moved));
        let stages = [
            ("source", reviewed),
            ("review", reviewed),
            ("provenance", made.provenance),
            ("sbom", !made.components.is_empty()),
            ("scan", !stolen),
            ("approval", passed),
            ("promotion", passed),
        ];
        stages.into_iter().filter(|(_, there)| *there).map(|(stage, _)| stage).collect()
    }

    /// Returns who was given an artifact.
    #[must_use]
    pub fn received(&self, artifact: usize) -> BTreeSet<String> {
        let deliveries = self.deliveries.iter().filter(|delivery| delivery.artifact == artifact);
        deliveries.map(|delivery| delivery.recipient.to_owned()).collect()
    }

    /// Returns the releases of a service of which nothing went wrong, that did not come from the moved tag, and have provenance.
    #[must_use]
    pub fn clean(&self, service: usize, since_the_tag_moved: &BTreeSet<usize>) -> BTreeSet<usize> {
        let planted = &self.planted;
        let bad = [
            planted.stolen_build,
            planted.backdated,
            planted.failed_artifact,
            planted.swapped,
            planted.excepted[1],
        ];
        let made =
            (0..self.artifacts.len()).filter(|place| self.artifacts[*place].service == service).filter(
                |place| !bad.contains(place) && !since_the_tag_moved.contains(&self.artifacts[*place].run),
            );
        made.filter(|place| self.artifacts[*place].provenance).collect()
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

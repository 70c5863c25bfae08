//! Makes a world from dice: ordinary weeks, and what is planted in the last one.

use std::collections::BTreeMap;

use super::world::{
    Artifact, DAY, Delivery, HOUR, MOVED_ACTION, Move, PROD, Package, Planted, RECIPIENTS, Run, STAGING,
    STRANGE_RUNNER, Service, Size, Snapshot, TEAMS, Time, WEEKS, World, commit_of,
};
use crate::dice::Dice;
use crate::evidence::artifact_hex;

/// Of so many runs of a service the last one makes a release.
const RUNS_A_RELEASE: u32 = 4;

/// How many versions of a package came out over the weeks.
const VERSIONS: usize = 6;

impl World {
    /// Makes a world whose last week ends at midnight before `now`; the same dice, size and day make the same one.
    ///
    /// # Panics
    ///
    /// When the size is too small for what is planted.
    #[must_use]
    pub fn new(dice: &mut Dice, size: Size, now: Time) -> Self {
        let mut world = Self {
            begin: now / DAY * DAY - WEEKS * 7 * DAY,
            services: (0..size.services).map(|number| service(dice, number)).collect(),
            packages: (0..size.components.1 + 100).map(|number| package(dice, number)).collect(),
            ..Self::default()
        };
        world.planted = plan(world.last_week());
        let takes: Vec<(usize, usize)> =
            world.services.iter().map(|_| takes(dice, size, world.packages.len())).collect();
        world.work(dice, size, &takes);
        world.plant(&takes);
        world.runs_in_order();
        world.deploy();
        world.look_around();
        world.deliver();
        world
    }

    /// Every run of every pipeline, with what it made.
    fn work(&mut self, dice: &mut Dice, size: Size, takes: &[(usize, usize)]) {
        let step = WEEKS * 7 * DAY / Time::try_from(size.runs).expect("a number of runs");
        let mut at = self.begin;
        for count in 0..size.runs {
            let service = count % size.services;
            let number = u32::try_from(count / size.services + 1).expect("a number of runs");
            let release = number.is_multiple_of(RUNS_A_RELEASE);
            let (trigger, conclusion) = if release { ("push", "success") } else { ordinary(dice) };
            let run = self.run((service, number), at, (trigger, conclusion));
            self.runs.push(run);
            if release {
                self.release(self.runs.len() - 1, at, takes[service]);
            }
            at += step;
        }
    }

    fn run(&self, (service, number): (usize, u32), at: Time, how: (&'static str, &'static str)) -> Run {
        let (trigger, conclusion) = how;
        let runner = format!("hosted-{}", number % 3 + 1);
        let name = &self.services[service].name;
        let commit = commit_of(&format!("{name} {number}"));
        let resolved = self.services[service].refs.iter();
        let resolved = resolved.map(|used| (used.clone(), self.meant(used, at))).collect();
        Run { service, number, at, conclusion, trigger, runner, hosted: true, commit, resolved }
    }

    /// Returns what a reference meant at a time.
    fn meant(&self, reference: &str, at: Time) -> String {
        let (from, to) = self.planted.moved;
        if reference == MOVED_ACTION && (from..to).contains(&at) {
            return self.planted.evil_commit.clone();
        }
        if reference == MOVED_ACTION { self.planted.good_commit.clone() } else { commit_of(reference) }
    }

    fn release(&mut self, run: usize, at: Time, takes: (usize, usize)) {
        let service = self.runs[run].service;
        let version = self.artifacts.iter().filter(|made| made.service == service).count();
        let version = u32::try_from(version + 1).expect("a number of releases");
        let name = format!("{} 1.0.{version}", self.services[service].name);
        let age = usize::try_from((at - self.begin) * 100 / (WEEKS * 7 * DAY)).expect("a percentage");
        let (first, count) = takes;
        let components = (first..first + count).map(|package| {
            let package = package % self.packages.len();
            // The newest version that is out; those of some packages come a little earlier.
            (package, ((age + package % 10) * VERSIONS / 110).min(VERSIONS - 1))
        });
        self.artifacts.push(Artifact {
            service,
            run,
            version,
            digest: artifact_hex(&name),
            at,
            components: components.collect(),
            provenance: true,
            published: true,
        });
    }

    fn plant(&mut self, takes: &[(usize, usize)]) {
        let since = self.planted.stolen_since;
        let victim = 1;
        let mut run = self.run((victim, 0), since, ("push", "success"));
        STRANGE_RUNNER.clone_into(&mut run.runner);
        run.hosted = false;
        run.resolved = Vec::new();
        self.planted.stolen_build = self.plant_build(run, (0, 0));
        let other = victim + TEAMS;
        let run = self.run((other, 9_999), since + HOUR, ("push", "success"));
        self.planted.backdated = self.plant_build(run, takes[other]);
        self.artifacts[self.planted.backdated].at = since - 10 * DAY;

        let saturday = self.last_week() + 5 * DAY;
        let without = self.first_release(saturday, &[victim, other]);
        self.planted.regression = without;
        self.artifacts[without].provenance = false;
        let third = self.artifacts[without].service;
        self.planted.failed_artifact = self.first_release(saturday, &[victim, other, third]);
        self.planted.failed_run = self.artifacts[self.planted.failed_artifact].run;
        self.runs[self.planted.failed_run].conclusion = "failure";
        let mut done = vec![victim, other, third, self.artifacts[self.planted.failed_artifact].service];
        self.planted.swapped = self.first_release(saturday, &done);
        let swapped = &self.artifacts[self.planted.swapped];
        let mut components = swapped.components.iter();
        self.planted.swapped_package =
            *components.find(|(package, _)| Self::has_bytes(*package)).expect("one in thirty has");
        done.push(swapped.service);
        self.planted.unversioned = self.first_release(saturday, &done);
        done.push(self.artifacts[self.planted.unversioned].service);
        let passed = self.first_release(saturday, &done);
        self.planted.excepted = [without, passed];
        self.planted.gap_service = 3;
        // What the newest release of the first service has, so that somebody still has it.
        let newest =
            self.artifacts.iter().rfind(|made| made.service == 0).expect("each service has releases");
        let middle = newest.components.len() / 2;
        let mut later = newest.components[middle..].iter();
        self.planted.deleted =
            *later.find(|(package, _)| !Self::has_bytes(*package)).expect("most have none");
        self.planted.unknown_digest = artifact_hex("nobody knows");
    }

    /// Adds a build that no pipeline made; returns its place among the artifacts.
    fn plant_build(&mut self, run: Run, takes: (usize, usize)) -> usize {
        let at = run.at;
        self.runs.push(run);
        self.release(self.runs.len() - 1, at, takes);
        self.artifacts.len() - 1
    }

    fn first_release(&self, since: Time, taken: &[usize]) -> usize {
        let mut made = self.artifacts.iter();
        let found = made.position(|made| made.at >= since && !taken.contains(&made.service));
        found.expect("there are releases on the last weekend")
    }

    /// Puts the runs in the order of their time, those that were planted too.
    fn runs_in_order(&mut self) {
        let mut order: Vec<usize> = (0..self.runs.len()).collect();
        order.sort_by_key(|run| self.runs[*run].at);
        let places: BTreeMap<usize, usize> = order.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        self.runs = order.iter().map(|old| self.runs[*old].clone()).collect();
        for artifact in &mut self.artifacts {
            artifact.run = places[&artifact.run];
        }
        self.planted.failed_run = places[&self.planted.failed_run];
        self.number_releases();
    }

    /// Counts the releases of each service in the order of their runs.
    fn number_releases(&mut self) {
        let mut order: Vec<usize> = (0..self.artifacts.len()).collect();
        order.sort_by_key(|place| self.artifacts[*place].run);
        let mut counts = vec![0; self.services.len()];
        for place in order {
            let made = &mut self.artifacts[place];
            counts[made.service] += 1;
            made.version = counts[made.service];
        }
    }

    /// Every release goes to staging; every other one, and what was made with the stolen key, a day later to production.
    fn deploy(&mut self) {
        let mut starts: Vec<(Time, &'static str, usize)> = Vec::new();
        for (place, made) in self.artifacts.iter().enumerate() {
            let done = self.runs[made.run].at;
            starts.push((done + HOUR / 6, STAGING, place));
            let stolen = place == self.planted.stolen_build;
            if stolen || made.version.is_multiple_of(2) {
                starts.push((done + if stolen { HOUR } else { DAY }, PROD, place));
            }
        }
        let end = self.end();
        starts.retain(|(at, ..)| *at < end);
        starts.sort_unstable();
        let mut live: BTreeMap<(&'static str, usize), usize> = BTreeMap::new();
        for (at, environment, artifact) in starts {
            let workload = (environment, self.artifacts[artifact].service);
            if let Some(before) = live.insert(workload, artifact) {
                self.moves.push(Move { artifact: before, environment, at, start: false });
            }
            self.moves.push(Move { artifact, environment, at, start: true });
        }
    }

    /// Somebody looks into both environments twice a day.
    fn look_around(&mut self) {
        let mut at = self.begin + DAY / 4;
        while at < self.end() {
            for environment in [STAGING, PROD] {
                let running = self.live(environment, at).into_iter().map(|artifact| {
                    let made = &self.artifacts[artifact];
                    (self.services[made.service].name.clone(), made.digest.clone())
                });
                let mut running: Vec<(String, String)> = running.collect();
                if environment == PROD && at >= self.last_week() + 6 * DAY {
                    running.push(("debug-shell".to_owned(), self.planted.unknown_digest.clone()));
                }
                self.snapshots.push(Snapshot { environment, at, running });
            }
            at += DAY / 2;
        }
    }

    /// What customers run is given to them: each release of the first service that goes to production.
    fn deliver(&mut self) {
        let to_prod = self.moves.iter().filter(|moved| moved.start && moved.environment == PROD);
        let of_first = to_prod.filter(|moved| self.artifacts[moved.artifact].service == 0);
        let deliveries = of_first.enumerate().flat_map(|(count, moved)| {
            let to = RECIPIENTS.iter().take(1 + count % RECIPIENTS.len());
            to.map(|recipient| Delivery { artifact: moved.artifact, recipient, at: moved.at + HOUR / 2 })
        });
        self.deliveries = deliveries.collect();
        let end = self.end();
        self.deliveries.retain(|delivery| delivery.at < end);
    }
}

fn plan(last_week: Time) -> Planted {
    let moved = last_week + 2 * DAY + HOUR;
    Planted {
        moved: (moved, moved + 13 * HOUR),
        evil_commit: commit_of("somebody else"),
        good_commit: commit_of(MOVED_ACTION),
        stolen_team: 1,
        stolen_since: last_week + 3 * DAY + 3 * HOUR,
        ..Planted::default()
    }
}

fn service(dice: &mut Dice, number: usize) -> Service {
    let mut secrets = vec!["REGISTRY_TOKEN".to_owned()];
    if dice.roll(3) == 0 {
        secrets.push("SIGNING_CERT".to_owned());
    }
    let mut refs = vec!["actions/checkout@v4".to_owned(), "docker.io/library/alpine:3.20".to_owned()];
    if number.is_multiple_of(2) {
        refs.push(MOVED_ACTION.to_owned());
    }
    Service { name: format!("svc-{number:03}"), team: number % TEAMS, secrets, refs }
}

fn package(dice: &mut Dice, number: usize) -> Package {
    let kind = ["npm", "pypi", "golang"][number % 3];
    let name = match kind {
        "golang" => format!("github.com/oss/lib-{number}"),
        _ => format!("lib-{number}"),
    };
    let mut version = [u32::try_from(dice.roll(3)).expect("small") + 1, 8, 9];
    let mut versions = Vec::new();
    for _ in 0..VERSIONS {
        versions.push(version);
        // 1.9 comes before 1.10: who compares texts is wrong.
        version = if dice.roll(2) == 0 {
            [version[0], version[1] + 1, 0]
        } else {
            [version[0], version[1], version[2] + 1]
        };
    }
    Package { kind, name, versions }
}

/// Which packages the releases of a service have: the first, and how many.
fn takes(dice: &mut Dice, size: Size, packages: usize) -> (usize, usize) {
    let (fewest, most) = size.components;
    (dice.roll(packages), fewest + dice.roll(most - fewest + 1))
}

fn ordinary(dice: &mut Dice) -> (&'static str, &'static str) {
    let trigger = ["push", "push", "schedule", "pull_request"][dice.roll(4)];
    let conclusion = match dice.roll(12) {
        0 => "failure",
        1 => "cancelled",
        _ => "success",
    };
    (trigger, conclusion)
}

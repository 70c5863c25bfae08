//! What happened, as plain data. Positions in the lists are how one thing names another.

use crate::evidence::artifact_hex;

/// Seconds since 1970.
pub type Time = i64;

/// An hour.
pub const HOUR: Time = 3_600;

/// A day.
pub const DAY: Time = 24 * HOUR;

/// How many weeks there are. Only the last one has anything planted in it.
pub const WEEKS: Time = 4;

/// Where artifacts run.
pub const STAGING: &str = "staging";
/// Where customers are.
pub const PROD: &str = "prod";

/// The action whose tag is moved.
pub const MOVED_ACTION: &str = "acme/scan-action@v2";
/// The machine of whoever stole the key.
pub const STRANGE_RUNNER: &str = "build-7f3a";

/// How large the company is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// How many services it has: 12 or more, one team each four. So many are needed for what is planted.
    pub services: usize,
    /// How many runs its CI systems make over all weeks.
    pub runs: usize,
    /// The fewest and the most components of an artifact.
    pub components: (usize, usize),
}

impl Size {
    /// What continuous integration can afford: 1,000 runs.
    pub const SMALL: Self = Self { services: 20, runs: 1_000, components: (50, 400) };
    /// A company: 20,000 runs.
    pub const WHOLE: Self = Self { services: 100, runs: 20_000, components: (50, 2_000) };
}

/// Everything that happened.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// When the quiet weeks begin, at midnight UTC.
    pub begin: Time,
    /// What the company makes.
    pub services: Vec<Service>,
    /// What others make.
    pub packages: Vec<Package>,
    /// In the order of their time.
    pub runs: Vec<Run>,
    /// In the order in which they were made; behind them those that no pipeline made.
    pub artifacts: Vec<Artifact>,
    /// In the order of their time.
    pub moves: Vec<Move>,
    /// In the order of their time.
    pub snapshots: Vec<Snapshot>,
    /// Who was given what, in the order of time.
    pub deliveries: Vec<Delivery>,
    /// What went wrong.
    pub planted: Planted,
}

/// Something that the company makes.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name, which is also that of its repository and its workload.
    pub name: String,
    /// Whose key signs its builds: one of [`TEAMS`].
    pub team: usize,
    /// The secrets that its runs can read.
    pub secrets: Vec<String>,
    /// The actions and images that its runs use.
    pub refs: Vec<String>,
}

/// How many teams there are. Each has a key.
pub const TEAMS: usize = 4;

/// Something that others make.
#[derive(Debug, Clone)]
pub struct Package {
    /// `npm`, `pypi` or `golang`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its versions, the oldest first.
    pub versions: Vec<[u32; 3]>,
}

/// A run of a pipeline.
#[derive(Debug, Clone)]
pub struct Run {
    /// Whose.
    pub service: usize,
    /// Counts from 1 for each service.
    pub number: u32,
    /// When it ended.
    pub at: Time,
    /// `success`, `failure` or `cancelled`.
    pub conclusion: &'static str,
    /// `push`, `schedule`, `pull_request`.
    pub trigger: &'static str,
    /// The machine.
    pub runner: String,
    /// Whether the CI system provides the machine.
    pub hosted: bool,
    /// What it built from.
    pub commit: String,
    /// Each reference with the commit or digest that it meant.
    pub resolved: Vec<(String, String)>,
}

/// Something that was built.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Whose.
    pub service: usize,
    /// The run that made it.
    pub run: usize,
    /// Its version: the third number counts releases.
    pub version: u32,
    /// SHA-256 in hex.
    pub digest: String,
    /// When it was finished, as is claimed.
    pub at: Time,
    /// Which package and which of its versions. Of a build on somebody else's machine there is none.
    pub components: Vec<(usize, usize)>,
    /// Whether there is provenance.
    pub provenance: bool,
    /// Whether it was pushed to the registry.
    pub published: bool,
}

/// Something started or stopped.
#[derive(Debug, Clone)]
pub struct Move {
    /// What.
    pub artifact: usize,
    /// Where.
    pub environment: &'static str,
    /// When.
    pub at: Time,
    /// Whether it started; else it stopped.
    pub start: bool,
}

/// What was seen in an environment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Where.
    pub environment: &'static str,
    /// When.
    pub at: Time,
    /// Each workload with its digest.
    pub running: Vec<(String, String)>,
}

/// Somebody was given an artifact.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// What.
    pub artifact: usize,
    /// Who.
    pub recipient: &'static str,
    /// When.
    pub at: Time,
}

/// What went wrong, by its place in the world.
#[derive(Debug, Clone, Default)]
pub struct Planted {
    /// When the tag meant the commit of somebody else: from, and up to.
    pub moved: (Time, Time),
    /// That commit.
    pub evil_commit: String,
    /// What it means else.
    pub good_commit: String,
    /// Whose key was stolen.
    pub stolen_team: usize,
    /// Since when.
    pub stolen_since: Time,
    /// The artifact that it was used for, on a strange machine.
    pub stolen_build: usize,
    /// The artifact whose provenance claims to be 10 days old.
    pub backdated: usize,
    /// The version that was deleted upstream: a package, and which of its versions.
    pub deleted: (usize, usize),
    /// The artifact that was published without provenance.
    pub regression: usize,
    /// The run that failed, and the artifact that it published.
    pub failed_run: usize,
    /// That artifact.
    pub failed_artifact: usize,
    /// The digest of which nobody knows what it is.
    pub unknown_digest: String,
    /// The service whose pipeline made more runs than were recorded.
    pub gap_service: usize,
    /// The artifact that ships other bytes of a package than upstream published.
    pub swapped: usize,
    /// That package: which, and which of its versions.
    pub swapped_package: (usize, usize),
    /// The artifact whose bill of materials lists a package without a version.
    pub unversioned: usize,
    /// The artifacts that somebody let pass without a scan, and without all that is required.
    pub excepted: [usize; 2],
}

/// Whoever gets what the company makes.
pub const RECIPIENTS: [&str; 2] = ["customer-a", "mirror.example.org"];

/// The policy of which rules are waived.
pub const POLICY: &str = "release";

/// What the host of the repositories checks of a branch.
pub const BRANCH_POLICY: &str = "https://source.acme.example/policy";
/// What it found: the branch is protected, and changes are reviewed (SLSA source track).
pub const BRANCH_LEVEL: &str = "SLSA_SOURCE_LEVEL_3";

/// Of so many packages one has bytes that bills of materials list, and that upstream publishes. They are of npm, of which a version is
/// one file.
const WITH_BYTES: usize = 30;

impl Service {
    /// Returns its repository.
    #[must_use]
    pub fn repository(&self) -> String {
        format!("https://github.com/acme/{}", self.name)
    }

    /// Returns its image in the registry, without a tag.
    #[must_use]
    pub fn image(&self) -> String {
        format!("registry.acme.example/{}", self.name)
    }

    /// Returns one of its versions, as references write it.
    #[must_use]
    pub fn reference(&self, version: u32) -> String {
        format!("{}:1.0.{version}", self.image())
    }

    /// Returns the workflow that builds it, as provenance names it.
    #[must_use]
    pub fn builder(&self) -> String {
        format!("{}/.github/workflows/release.yml@refs/heads/main", self.repository())
    }
}

impl Package {
    /// Returns the package URL of one of its versions.
    #[must_use]
    pub fn purl(&self, version: usize) -> String {
        format!("{}@{}", self.versionless(), self.version(version))
    }

    /// Returns the package URL without a version.
    #[must_use]
    pub fn versionless(&self) -> String {
        format!("pkg:{}/{}", self.kind, self.name)
    }

    /// Returns the SHA-512 of a version as upstream publishes it.
    #[must_use]
    pub fn bytes(&self, version: usize) -> String {
        let half = |which: &str| artifact_hex(&format!("{which} half of {}", self.purl(version)));
        half("first") + &half("second")
    }

    /// Returns where its source is.
    #[must_use]
    pub fn source(&self) -> String {
        format!("git+https://github.com/oss/{}", self.name)
    }

    /// Returns a version as its ecosystem writes it.
    #[must_use]
    pub fn version(&self, version: usize) -> String {
        let [major, minor, patch] = self.versions[version];
        let v = if self.kind == "golang" { "v" } else { "" };
        format!("{v}{major}.{minor}.{patch}")
    }
}

impl World {
    /// Returns when the last week begins.
    #[must_use]
    pub const fn last_week(&self) -> Time {
        self.begin + (WEEKS - 1) * 7 * DAY
    }

    /// Returns when it ends.
    #[must_use]
    pub const fn end(&self) -> Time {
        self.begin + WEEKS * 7 * DAY
    }

    /// Returns the URL of a run.
    #[must_use]
    pub fn run_url(&self, run: &Run) -> String {
        let repository = self.services[run.service].repository();
        format!(
            "{repository}/actions/runs/{}/attempts/1",
            1_000_000 * (run.service + 1) + run.number as usize
        )
    }

    /// Returns the archive that the swapped package was fetched from.
    #[must_use]
    pub fn archive(&self) -> String {
        let (package, version) = self.planted.swapped_package;
        let package = &self.packages[package];
        format!("https://downloads.example.net/{}-{}.tgz", package.name, package.version(version))
    }

    /// Returns the SHA-512 of that archive.
    #[must_use]
    pub fn archive_bytes(&self) -> String {
        artifact_hex("other bytes") + &artifact_hex("and other bytes")
    }

    /// Whether bills of materials list the bytes of a package.
    #[must_use]
    pub const fn has_bytes(package: usize) -> bool {
        package.is_multiple_of(WITH_BYTES)
    }

    /// Whether the branch that an artifact was built from was protected, as the host of the repository says.
    #[must_use]
    pub fn is_protected(&self, artifact: usize) -> bool {
        let planted = &self.planted;
        ![planted.stolen_build, planted.backdated, planted.excepted[1]].contains(&artifact)
    }

    /// Returns when a version of a package came out.
    ///
    /// # Panics
    ///
    /// When a package has more versions than there are seconds.
    #[must_use]
    pub fn came_out(&self, package: usize, version: usize) -> Time {
        let week = 7 * DAY * WEEKS / Time::try_from(self.packages[package].versions.len()).expect("a few");
        self.begin + 2 * HOUR + week * Time::try_from(version).expect("a few")
    }

    /// Returns a commit as Custody writes it: repository and digits.
    #[must_use]
    pub fn commit(&self, run: &Run) -> String {
        format!("{}@{}", self.services[run.service].repository(), run.commit)
    }
}

/// Returns 40 digits that stand for a commit.
#[must_use]
pub fn commit_of(text: &str) -> String {
    artifact_hex(&format!("commit of {text}"))[..40].to_owned()
}

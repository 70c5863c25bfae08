//! The numbers of all rules. docs/findings.md has them in its table, and a test holds the two together.

/// What was recorded later than this after it happened is history, and never new: 30 days, in microseconds. A year of old records is
/// imported in silence, a spool that waited for a week is not.
pub const HISTORY_AGE_MICROS: i64 = 30 * DAY;

/// How much earlier than the ledger, and than the signer's own newest claim before, a claimed time must be: 24 hours.
pub const BACKDATED_MICROS: i64 = DAY;

/// The earlier entries of a signer whose claims are compared.
pub const SIGNER_LOOK_BACK: usize = 64;

/// The earlier entries of a name, or of a repository, that are compared.
pub const LOOK_BACK: usize = 64;

/// The fewest earlier entries of a name by which a signer, a builder or a runner is new.
pub const HISTORY_MIN: usize = 3;

/// Names that a finding lists of what was usual: so many.
pub const SHOWN: usize = 3;

/// Different versions of one name within [`BURST_WINDOW_MICROS`] that are a burst.
pub const BURST_VERSIONS: usize = 5;

/// In which time: an hour.
pub const BURST_WINDOW_MICROS: i64 = DAY / 24;

/// Releases on newer lines before one by which its line is old.
pub const OLD_LINE_RELEASES: usize = 5;

/// How long the line must have been silent: 30 days.
pub const OLD_LINE_SILENCE_MICROS: i64 = 30 * DAY;

/// Artifacts of a name whose own evidence is looked for.
pub const ARTIFACTS_LOOKED_AT: usize = 8;

/// Entries about one artifact that are looked at.
pub const ABOUT_ARTIFACT: usize = 16;

/// Components of one document whose releases are looked for.
pub const COMPONENTS_LOOKED_AT: usize = 4_096;

/// References, and pairs of digests, of one entry that are looked for.
pub const PAIRS_LOOKED_AT: usize = 256;

/// A run is missing once so many later ones are recorded.
pub const GAP_SETTLED: u64 = 8;

/// Of how many runs before the missing one..
pub const GAP_WINDOW: u64 = 16;

/// ..so many must be recorded, by which one can tell that all are.
pub const GAP_DENSE: usize = 12;

/// Records of a pipeline before a run that are looked at first. Where the run that may be missing is among them, as it nearly always is,
/// no more are.
pub const GAP_LOOKED_AT: usize = 32;

/// The most that is found in one entry.
pub const FOUND_MAX: usize = 256;

/// The most records that are counted for one `expected` statement.
pub const COUNTED_MAX: usize = 20_000;

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

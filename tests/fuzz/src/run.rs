//! The short run: no coverage, a fixed seed, a number of rounds. What is new in the answers guides it a little: an
//! input that is accepted, or refused with words not seen before, is kept and changed further.

use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use custody_tests::workspace;

use crate::claim::Outcome;
use crate::corpus::Corpus;
use crate::mutate::Mutator;
use crate::random::Random;
use crate::targets::Target;

/// The seed of a run that names none.
pub const SEED: u64 = 20_261_122;
/// The most inputs that are changed further.
const POOL_MAX: usize = 512;

/// How a run is made.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the random numbers start.
    pub seed: u64,
    /// How many times the rounds of each target.
    pub times: usize,
    /// The folder for inputs that fail; made when it is needed.
    pub failures: PathBuf,
}

/// What a run of one target did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Inputs that failed once and were tried again.
    pub regressions: usize,
    /// Inputs that the run started from.
    pub seeds: usize,
    /// How many of these are of the format.
    pub accepted_seeds: usize,
    /// Changed inputs.
    pub rounds: usize,
    /// How many of those are of the format.
    pub accepted: usize,
    /// How many different refusals there were, numbers and quoted text left aside.
    pub refusals: usize,
}

/// An input that breaks a claim.
#[derive(Debug)]
pub struct Failure {
    /// The target's name.
    pub target: &'static str,
    /// What the broken claim says.
    pub why: String,
    /// Where the input is.
    pub file: PathBuf,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (target, file) = (self.target, self.file.display());
        writeln!(f, "{target}: {}", self.why)?;
        writeln!(f, "  again: cargo run -p custody-fuzz --bin fuzz -- replay {target} {file}")?;
        write!(f, "  once it holds: keep the file in tests/fuzz/regressions/{target}/")
    }
}

/// Runs one target: what failed once, the seeds, then changed ones.
pub fn run(target: &Target, corpus: &Corpus, plan: &Plan) -> Result<Report, Failure> {
    let mut run =
        Run { target, plan, known: HashSet::new(), pool: Vec::new(), started: 0, report: Report::default() };
    for input in regressions(target.name) {
        run.report.regressions += 1;
        run.once(&input)?;
    }
    for input in (target.seeds)(corpus) {
        run.report.seeds += 1;
        run.report.accepted_seeds += usize::from(run.once(&input)?);
        if input.len() <= target.max {
            run.pool.push(input);
        }
    }
    run.started = run.pool.len();
    let mut random = Random::of(plan.seed, target.name);
    for _ in 0..target.rounds * plan.times {
        let input = run.change(&mut random);
        run.report.rounds += 1;
        let known = run.known.len();
        let accepted = run.once(&input)?;
        run.report.accepted += usize::from(accepted);
        if (accepted || run.known.len() > known) && run.pool.len() < POOL_MAX {
            run.pool.push(input);
        }
    }
    run.report.refusals = run.known.len();
    Ok(run.report)
}

/// Tries one input, and says what it broke.
pub fn attempt(target: &Target, input: &[u8]) -> Result<Outcome, String> {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
    })
}

/// Returns the inputs that broke a claim of the target once.
#[must_use]
pub fn regressions(name: &str) -> Vec<Vec<u8>> {
    let folder = workspace::root().join("tests/fuzz/regressions").join(name);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths.iter().filter_map(|path| fs::read(path).ok()).collect()
}

struct Run<'a> {
    target: &'a Target,
    plan: &'a Plan,
    known: HashSet<String>,
    pool: Vec<Vec<u8>>,
    /// How many of the pool are seeds: every second change starts from one.
    started: usize,
    report: Report,
}

impl Run<'_> {
    /// Tries one input; whether it is of the format.
    fn once(&mut self, input: &[u8]) -> Result<bool, Failure> {
        match attempt(self.target, input) {
            Ok(Outcome::Accepted) => Ok(true),
            Ok(Outcome::Refused(text)) => {
                self.known.insert(kind(&text));
                Ok(false)
            }
            Err(why) => {
                let file = write(&self.plan.failures, self.target.name, input);
                Err(Failure { target: self.target.name, why, file })
            }
        }
    }

    fn change(&self, random: &mut Random) -> Vec<u8> {
        let mutator = Mutator { pool: &self.pool, words: self.target.words, max: self.target.max };
        let from = if random.below(2) == 0 { &self.pool[..self.started] } else { &self.pool[..] };
        let input = random.pick(from).map_or(&[][..], Vec::as_slice);
        mutator.mutate(input, random)
    }
}

/// The kind of a refusal: its words without numbers and quoted text.
fn kind(text: &str) -> String {
    let unquoted: String = text.split('"').step_by(2).collect();
    unquoted.chars().filter(|c| !c.is_ascii_digit()).take(200).collect()
}

fn write(folder: &Path, target: &str, input: &[u8]) -> PathBuf {
    let hash = Random::of(0, &String::from_utf8_lossy(input)).number();
    let file = folder.join(format!("{target}-{hash:016x}"));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, input))
        .expect("the input that fails can be kept");
    file
}

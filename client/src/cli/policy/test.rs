//! `custody policy test`: the fixtures beside policies, judged without a server.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use custody_gate::Policy;
use custody_gate::fixture::{Case, FixtureError, Outcome as Judged, Suite};
use serde_json::{Value, json};

use super::{Text, bad_policy};
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::{Format, counted, escape_line};
use crate::cli::{file, junit};

/// What policies and their fixtures are written in.
const WRITTEN_IN: [&str; 3] = ["yaml", "yml", "json"];
/// The largest file that a piece of evidence names: 4 MiB, a large SBOM.
const EVIDENCE_BYTES_MAX: u64 = 4 << 20;

/// A policy, with what came out of each of its cases.
struct Tested {
    file: PathBuf,
    policy: Policy,
    cases: Vec<(Case, Judged)>,
}

/// Judges the fixtures of a policy, or of all policies of a directory.
pub(super) fn run(path: &Path, context: &Context) -> Result<Outcome, Failure> {
    let mut tested = Vec::new();
    for file in policies(path)? {
        if let Some(fixtures) = fixtures_of(&file) {
            tested.push(test(&file, &fixtures)?);
            continue;
        }
        let expected = fixtures_path(&file, "yaml");
        let message = format!("{} has no fixtures: there is no {}", file.display(), expected.display());
        if !path.is_dir() {
            return Err(no_fixtures(message));
        }
        // It is read all the same: a policy that does not load is no policy.
        Text::of_file(&file)?.load(&custody_gate::Given::default())?;
        context.output.warn(message);
    }
    if tested.is_empty() {
        return Err(no_fixtures(format!("{} holds no policy with fixtures", path.display())));
    }
    let cases = tested.iter().flat_map(|tested| &tested.cases);
    let (count, failed) = cases.fold((0_usize, 0_usize), |(count, failed), (_, judged)| {
        (count.saturating_add(1), failed.saturating_add(usize::from(!judged.differences.is_empty())))
    });
    match context.output.format() {
        Format::Json => context.output.print_json(&json!({
            "policies": tested.iter().map(Tested::json).collect::<Vec<_>>(), "cases": count, "failed": failed,
        }))?,
        Format::Junit => context.output.print_bytes(report(&tested).as_bytes())?,
        Format::Github | Format::Markdown | Format::Dot | Format::Mermaid | Format::Text => {
            let text: String = tested.iter().map(Tested::text).collect();
            let failed = if failed == 0 { "all as expected".to_owned() } else { format!("{failed} failed") };
            context.output.print(format!("{text}{}, {failed}\n", counted(count, "case", "cases")))?;
        }
    }
    Ok(if failed == 0 { Outcome::Yes } else { Outcome::No })
}

fn no_fixtures(message: String) -> Failure {
    Failure::usage("no_fixtures", message)
        .hint("nothing was tested; the fixtures of NAME.yaml are in NAME.test.yaml beside it, and docs/policy.md draws them")
}

/// Returns the policies that a path means, in the order of their names.
fn policies(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error: std::io::Error| {
        Failure::usage("unreadable", format!("cannot read {}: {error}", path.display()))
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let written = file.extension().is_some_and(|found| WRITTEN_IN.iter().any(|known| found == *known));
        let fixtures =
            file.file_stem().is_some_and(|stem| Path::new(stem).extension().is_some_and(|x| x == "test"));
        if file.is_file() && written && !fixtures {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}

fn fixtures_path(policy: &Path, extension: &str) -> PathBuf {
    policy.with_extension(format!("test.{extension}"))
}

fn fixtures_of(policy: &Path) -> Option<PathBuf> {
    WRITTEN_IN.iter().map(|extension| fixtures_path(policy, extension)).find(|path| path.is_file())
}

fn test(path: &Path, fixtures: &Path) -> Result<Tested, Failure> {
    let text = Text::of_file(path)?;
    let policy = text.load(&custody_gate::Given::default())?;
    let suite = Text::of_file(fixtures)?;
    let called = &suite.called;
    let suite = Suite::load(suite.text.as_bytes(), &policy).map_err(|error| bad_policy(called, &error))?;
    let mut files = BTreeMap::new();
    for name in suite.files() {
        let beside = fixtures.with_file_name(name);
        files.insert(name.clone(), file::read(&beside, EVIDENCE_BYTES_MAX)?);
    }
    let judge = |case: &Case| {
        let judged = suite.judge(case, text.text.as_bytes(), &files);
        judged.map(|judged| (case.clone(), judged)).map_err(|error| bad_fixture(called, case, &error))
    };
    let cases = suite.cases().iter().map(judge).collect::<Result<_, _>>()?;
    Ok(Tested { file: path.to_owned(), policy, cases })
}

fn bad_fixture(called: &str, case: &Case, error: &FixtureError) -> Failure {
    Failure::usage("bad_policy", format!("{called}: the case {:?}: {error}", case.name()))
        .hint("docs/policy.md draws what fixtures may say")
}

impl Tested {
    fn text(&self) -> String {
        let file = escape_line(&self.file.display().to_string());
        let mut text = format!("{file}  {} version {}\n", self.policy.name(), self.policy.version());
        for (case, judged) in &self.cases {
            let name = escape_line(case.name());
            let found = judged.verdict.decision();
            let _ = if judged.differences.is_empty() {
                writeln!(text, "  ok    {name}  {found}")
            } else {
                writeln!(text, "  FAIL  {name}")
            };
            for difference in &judged.differences {
                let _ = writeln!(text, "          {}", escape_line(difference));
            }
        }
        text
    }

    fn json(&self) -> Value {
        let case = |(case, judged): &(Case, Judged)| {
            json!({
                "name": case.name(),
                "passed": judged.differences.is_empty(),
                "expected": case.expect().as_str(),
                "found": judged.verdict.decision().as_str(),
                "differences": judged.differences,
            })
        };
        json!({
            "file": self.file.display().to_string(),
            "policy": self.policy.name(),
            "version": self.policy.version(),
            "digest": self.policy.digest().to_string(),
            "cases": self.cases.iter().map(case).collect::<Vec<_>>(),
        })
    }
}

/// A suite a policy, a case each.
fn report(tested: &[Tested]) -> String {
    let suites = tested.iter().map(|tested| junit::Suite {
        name: tested.file.display().to_string(),
        cases: tested.cases.iter().map(reported).collect(),
    });
    junit::document(&suites.collect::<Vec<_>>())
}

fn reported((case, judged): &(Case, Judged)) -> junit::Case {
    let result = if judged.differences.is_empty() {
        junit::Result::Passed
    } else {
        junit::Result::Failed { message: judged.differences.join("; ") }
    };
    junit::Case { name: case.name().to_owned(), result, said: String::new() }
}

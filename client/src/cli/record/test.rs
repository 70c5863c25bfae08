//! `custody record test`: results of tests.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueEnum;
use custody_client::make::{Configuration, TestOutcome, TestResult, TestResultError};
use custody_evidence::predicate::report::TEST_RESULT_TYPE;
use custody_evidence::scan::junit;

use super::flags::{Common, read_document, thing, unmade};
use super::send;
use super::surroundings;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::counted;

/// Results of tests (in-toto test-result v0.1), from `JUnit` XML or from flags. The subject is what was tested.
///
/// One failed test makes the result `failed`. Skipped tests are counted on stderr and not recorded: in-toto has no place
/// for them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Reports in `JUnit` XML.
    #[arg(value_name = "JUNIT", conflicts_with_all = ["result", "passed", "warned", "failed", "predicate"])]
    reports: Vec<PathBuf>,
    /// The result, where there is no report.
    #[arg(long, value_enum, value_name = "RESULT")]
    result: Option<ResultFlag>,
    /// A test that passed. Can be given several times.
    #[arg(long = "passed-test", id = "passed", value_name = "NAME", requires = "result")]
    passed: Vec<String>,
    /// A test that passed with warnings. Can be given several times.
    #[arg(long = "warned-test", id = "warned", value_name = "NAME", requires = "result")]
    warned: Vec<String>,
    /// A test that failed. Can be given several times.
    #[arg(long = "failed-test", id = "failed", value_name = "NAME", requires = "result")]
    failed: Vec<String>,
    /// What the tests ran with: a file, or what else `--subject` takes. Can be given several times [default: the commit
    /// that CI builds].
    #[arg(long = "configuration", value_name = "THING")]
    configuration: Vec<OsString>,
    /// Where the results can be read [default: the run, from CI].
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// `--result`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ResultFlag {
    /// All tests passed.
    Passed,
    /// All passed, some with warnings.
    Warned,
    /// One failed.
    Failed,
}

/// Runs `custody record test`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let subjects = args.common.subjects(&[], context)?;
    let made = if let Some(made) = args.common.given(TEST_RESULT_TYPE, &subjects)? {
        made
    } else {
        let mut result = result(&args, context)?;
        let around = surroundings::read(context, true, true)?;
        result.url = args.url.clone().or_else(|| around.run(None).ok());
        for typed in &args.configuration {
            result.configuration.push(Configuration::Thing(thing("--configuration", typed, context)?));
        }
        if result.configuration.is_empty() {
            result.configuration.extend(around.job.as_ref().and_then(Configuration::of_job));
        }
        result.make(&subjects).map_err(|error| unmade(&error, None))?
    };
    send::statement(&made, &args.common.sending, context).await
}

/// Reads the reports, or the flags.
fn result(args: &Args, context: &Context) -> Result<TestResult, Failure> {
    let Some(outcome) = args.result else { return of_reports(&args.reports, context) };
    let result = TestResult {
        outcome: match outcome {
            ResultFlag::Passed => TestOutcome::Passed,
            ResultFlag::Warned => TestOutcome::Warned,
            ResultFlag::Failed => TestOutcome::Failed,
        },
        configuration: Vec::new(),
        url: None,
        passed: args.passed.clone(),
        warned: args.warned.clone(),
        failed: args.failed.clone(),
    };
    result.check().map_err(|error| unfit(&error))?;
    Ok(result)
}

fn of_reports(paths: &[PathBuf], context: &Context) -> Result<TestResult, Failure> {
    if paths.is_empty() {
        return Err(Failure::usage("missing_flag", "nothing says what came of the tests").hint(
            "give the files in JUnit XML, --result RESULT, or the whole predicate with --predicate FILE",
        ));
    }
    let mut reports = Vec::new();
    for path in paths {
        let bytes = read_document(path)?;
        let report = junit::read(&bytes).map_err(|error| {
            Failure::usage("not_junit", format!("{}: not JUnit XML: {error}", path.display())).hint(
                "give what the test runner writes as JUnit XML; `custody record scan` records reports of scanners",
            )
        })?;
        context.output.note(format!(
            "{}: {} passed, {} failed, {} skipped",
            path.display(),
            report.passed,
            report.failed,
            report.skipped
        ));
        reports.push(report);
    }
    let skipped: u64 = reports.iter().map(|report| report.skipped).sum();
    if skipped > 0 {
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        let skipped = counted(skipped, "skipped test is", "skipped tests are");
        context.output.note(format!("{skipped} not recorded"));
    }
    TestResult::of_reports(&reports).map_err(|error| unfit(&error))
}

fn unfit(error: &TestResultError) -> Failure {
    let failure = Failure::usage("bad_result", error.to_string());
    failure.hint(match error {
        TestResultError::NoTests { .. } => "run the tests first, or say what came of them with --result",
        TestResultError::Contradiction { .. } => {
            "give the result that the tests have, or leave out those that contradict it"
        }
    })
}

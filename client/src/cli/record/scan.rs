//! `custody record scan`: what a scanner found.

use std::path::PathBuf;

use custody_client::make::Report;

use super::flags::{Common, read_document, unmade};
use super::send;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::escape_line;

/// What a scanner found: its report in SARIF, or that of grype, trivy or OSV-Scanner in JSON, or an `OpenVEX` document, embedded as it
/// is. The subject is what was scanned.
///
/// A report of a scanner that failed is refused: it would look cleaner than what was scanned is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The report; the same as `--predicate`.
    #[arg(value_name = "REPORT", conflicts_with = "predicate")]
    report: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// Runs `custody record scan`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let subjects = args.common.subjects(&[], context)?;
    // With --type the user says what the document is.
    let typed = args.common.predicate_type.is_some();
    let made = match (&args.report, &args.common.predicate) {
        (None, Some(_)) if typed => args.common.given("", &subjects)?,
        (Some(path), _) | (None, Some(path)) => {
            let bytes = read_document(path)?;
            let report = Report::detect(&bytes).map_err(|error| unmade(&error, Some(path)))?;
            let made = report.make(&subjects).map_err(|error| match error {
                custody_client::make::MakeError::NoSubject => unmade(&error, None),
                other => unmade(&other, Some(path)),
            })?;
            context.output.note(format!("{}: {}", path.display(), escape_line(report.summary())));
            Some(made)
        }
        (None, None) => None,
    };
    let made = made.ok_or_else(|| {
        Failure::usage("missing_flag", "no report was given").hint("give the file that the scanner wrote")
    })?;
    send::statement(&made, &args.common.sending, context).await
}

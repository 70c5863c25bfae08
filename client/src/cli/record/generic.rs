//! `custody record generic`: any predicate, or a statement that somebody else made.

use std::path::{Path, PathBuf};

use custody_client::make::{Made, MakeError, relayed};

use super::flags::{Common, read_document, unmade};
use super::send;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};

/// Any other predicate, embedded as it is: `--type URI --predicate FILE --subject THING`.
///
/// Or a whole in-toto statement that nobody signed, such as `BuildKit` keeps beside an image: `--statement FILE`. It is signed as
/// it stands, and says whatever it says in the name of the key: a writer rule with `--authority relayed` tells readers so.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Sign this in-toto statement exactly as it stands, without the white space around it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["subjects", "predicate", "predicate_type"])]
    statement: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// Runs `custody record generic`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    if let Some(path) = &args.statement {
        return send::statement(&statement(path)?, &args.common.sending, context).await;
    }
    let Some(predicate_type) = &args.common.predicate_type else {
        return Err(Failure::usage("missing_flag", "nothing says what the predicate is")
            .hint("give --type URI and --predicate FILE; or --statement FILE, a whole in-toto statement"));
    };
    let subjects = args.common.subjects(&[], context)?;
    let made = args.common.given(predicate_type, &subjects)?;
    let made = made.ok_or_else(|| {
        Failure::usage("missing_flag", "there is no predicate to record").hint("give --predicate FILE")
    })?;
    send::statement(&made, &args.common.sending, context).await
}

fn statement(path: &Path) -> Result<Made, Failure> {
    relayed(&read_document(path)?).map_err(|error| match error {
        MakeError::NoSubject => Failure::usage("no_subject", format!("{}: {error}", path.display()))
            .hint("a statement that is about nothing is found by nobody: give it a subject"),
        error => unmade(&error, Some(path)),
    })
}

//! `custody record source`: a commit and its place.

use custody_client::make::{custody, source};
use custody_evidence::predicate::{CustodyPredicate as _, Source};

use super::flags::{Common, name, unmade};
use super::send;
use super::surroundings::{self, Found, Place};
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};

/// A commit and its place: parents, branch, author. The subject is the commit.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    common: Common,
}

/// Runs `custody record source`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let found = args.place.find(context)?;
    let subjects = found.subjects(&args.common, context)?;
    let made = if let Some(made) = args.common.given(Source::TYPE, &subjects)? {
        made
    } else {
        let Found { around, repository, commit } = found;
        let reference = around
            .required_reference(args.place.reference.as_deref(), &commit)
            .map_err(|error| surroundings::missing(&error))?;
        let object = surroundings::commit_object(&commit)?;
        let predicate = source(&repository, &commit, &object, name("--ref", &reference)?)
            .map_err(|error| Failure::usage("git", format!("commit {commit}: {error}")))?;
        custody(&predicate, &subjects).map_err(|error| unmade(&error, None))?
    };
    send::statement(&made, &args.common.sending, context).await
}

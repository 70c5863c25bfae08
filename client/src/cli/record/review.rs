//! `custody record review`: who reviewed a commit.

use custody_client::make::custody;
use custody_evidence::predicate::{CustodyPredicate as _, Name, Review};

use super::flags::{Common, When, name, time, unmade};
use super::send;
use super::surroundings::{Found, Place};
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};

/// Who reviewed a commit. The subject is the commit.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Who reviewed it, such as `key:<hex>` or a mail address. Can be given several times.
    #[arg(long = "reviewer", value_name = "WHO")]
    reviewers: Vec<Name>,
    /// When the last of them approved it, as the review tool says.
    #[arg(long, value_name = "TIME", value_parser = time)]
    approved_at: Option<When>,
    /// Where the review can be read [default: the pull or merge request that CI builds].
    #[arg(long, value_name = "URL")]
    change_url: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// Runs `custody record review`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let found = args.place.find(context)?;
    let subjects = found.subjects(&args.common, context)?;
    let made = match (
        args.common.given(Review::TYPE, &subjects)?,
        args.approved_at.map(|when| when.before(context.clock)),
    ) {
        (Some(made), _) => made,
        (None, None) => {
            return Err(Failure::usage("missing_flag", "a review needs --approved-at TIME")
                .hint("give --approved-at, or the whole predicate with --predicate FILE"));
        }
        (None, Some(_)) if args.reviewers.is_empty() => {
            return Err(Failure::usage("missing_flag", "a review needs --reviewer WHO")
                .hint("give --reviewer, or the whole predicate with --predicate FILE"));
        }
        (None, Some(approved_at)) => {
            let Found { around, repository, commit } = found;
            let reference = around.reference(args.place.reference.as_deref(), &commit);
            let change = around.change(args.change_url.as_deref());
            let mut reviewers = args.reviewers;
            // In whatever order a review tool lists them, it is the same review.
            reviewers.sort();
            reviewers.dedup();
            let predicate = Review {
                repo: repository.name().clone(),
                commit,
                reference: reference.map(|text| name("--ref", &text)).transpose()?,
                reviewers,
                approved_at,
                change_url: change.map(|text| name("--change-url", &text)).transpose()?,
            };
            custody(&predicate, &subjects).map_err(|error| unmade(&error, None))?
        }
    };
    send::statement(&made, &args.common.sending, context).await
}

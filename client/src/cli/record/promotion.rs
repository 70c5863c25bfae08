//! `custody record promotion`: a subject moved between stages.

use custody_client::make::custody;
use custody_evidence::predicate::{CustodyPredicate as _, Name, Promotion};

use super::flags::{Common, When, time, unmade};
use super::send;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};

/// A subject moved from one stage to another.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The stage it came from.
    #[arg(long, value_name = "NAME")]
    from: Option<Name>,
    /// The stage it went to.
    #[arg(long, value_name = "NAME")]
    to: Option<Name>,
    /// What it was called before, such as an image reference.
    #[arg(long, value_name = "REF")]
    ref_before: Option<Name>,
    /// What it is called now.
    #[arg(long, value_name = "REF")]
    ref_after: Option<Name>,
    /// When it moved [default: now]. A step that may run again gives it, so that it records the same content.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<When>,
    #[command(flatten)]
    common: Common,
}

/// Runs `custody record promotion`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let subjects = args.common.subjects(&[], context)?;
    let made = match (args.common.given(Promotion::TYPE, &subjects)?, args.from, args.to) {
        (Some(made), _, _) => made,
        (None, Some(from), Some(to)) => {
            let at = args.at.map_or_else(|| context.clock.now(), |at| at.before(context.clock));
            let predicate =
                Promotion { from, to, at, ref_before: args.ref_before, ref_after: args.ref_after };
            custody(&predicate, &subjects).map_err(|error| unmade(&error, None))?
        }
        (None, ..) => {
            return Err(Failure::usage("missing_flag", "a promotion needs --from NAME and --to NAME")
                .hint("give both, or the whole predicate with --predicate FILE"));
        }
    };
    send::statement(&made, &args.common.sending, context).await
}

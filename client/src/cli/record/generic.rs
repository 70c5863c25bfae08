//! `custody record generic`: any predicate.

use super::flags::Common;
use super::send;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};

/// Any other predicate, embedded as it is: `--type URI --predicate FILE --subject THING`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
}

/// Runs `custody record generic`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let Some(predicate_type) = &args.common.predicate_type else {
        return Err(Failure::usage("missing_flag", "nothing says what the predicate is")
            .hint("give --type URI and --predicate FILE"));
    };
    let subjects = args.common.subjects(&[], context)?;
    let made = args.common.given(predicate_type, &subjects)?;
    let made = made.ok_or_else(|| {
        Failure::usage("missing_flag", "there is no predicate to record").hint("give --predicate FILE")
    })?;
    send::statement(&made, &args.common.sending, context).await
}

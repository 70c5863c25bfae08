//! `custody record distribution`: who received a subject.

use custody_client::make::custody;
use custody_evidence::predicate::{CustodyPredicate as _, Distribution, Name};

use super::flags::{Common, When, time, unmade};
use super::send;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};

/// Who received a subject: a customer, a partner, a mirror.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Who received it.
    #[arg(long, value_name = "WHO")]
    recipient: Option<Name>,
    /// The way it went, such as `portal` or a URL.
    #[arg(long, value_name = "NAME")]
    channel: Option<Name>,
    /// When [default: now]. A step that may run again gives it, so that it records the same content.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<When>,
    #[command(flatten)]
    common: Common,
}

/// Runs `custody record distribution`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let subjects = args.common.subjects(&[], context)?;
    let made = match (args.common.given(Distribution::TYPE, &subjects)?, args.recipient) {
        (Some(made), _) => made,
        (None, None) => {
            return Err(Failure::usage("missing_flag", "a distribution needs --recipient WHO")
                .hint("give --recipient, or the whole predicate with --predicate FILE"));
        }
        (None, Some(recipient)) => {
            let at = args.at.map_or_else(|| context.clock.now(), |at| at.before(context.clock));
            let predicate = Distribution { recipient, channel: args.channel, at };
            custody(&predicate, &subjects).map_err(|error| unmade(&error, None))?
        }
    };
    send::statement(&made, &args.common.sending, context).await
}

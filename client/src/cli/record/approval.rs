//! `custody record approval`: somebody approves a subject.

use custody_client::make::custody;
use custody_evidence::predicate::{Approval, CustodyPredicate as _, Name};

use super::flags::{Common, When, time, unmade};
use super::send;
use super::signer::Signer;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};

/// Somebody approves a subject for an environment or gate.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment or gate that the subject may pass to.
    #[arg(long = "for", value_name = "NAME")]
    target: Option<Name>,
    /// Who approves [default: the key that signs].
    #[arg(long, value_name = "WHO")]
    approver: Option<Name>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// When the approval ends [default: never].
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<When>,
    /// When it was given [default: now]. A step that may run again gives it, so that it records the same content.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<When>,
    #[command(flatten)]
    common: Common,
}

/// Runs `custody record approval`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let subjects = args.common.subjects(&[], context)?;
    let made = match (args.common.given(Approval::TYPE, &subjects)?, args.target) {
        (Some(made), _) => made,
        (None, None) => {
            return Err(Failure::usage("missing_flag", "an approval needs --for NAME")
                .hint("give --for, or the whole predicate with --predicate FILE"));
        }
        (None, Some(target)) => {
            let approver = match args.approver {
                Some(approver) => approver,
                None => Signer::author("--approver", &args.common.sending, context)?,
            };
            let at = args.at.map_or_else(|| context.clock.now(), |at| at.before(context.clock));
            let until = args.until.map(|until| until.ahead(context.clock));
            if until.is_some_and(|until| until <= at) {
                return Err(Failure::usage(
                    "bad_time",
                    "--until is not later than --at: the approval would never hold",
                )
                .hint("give a later --until, or leave it out"));
            }
            let predicate = Approval { target, approver, at, reason: args.reason, until };
            custody(&predicate, &subjects).map_err(|error| unmade(&error, None))?
        }
    };
    send::statement(&made, &args.common.sending, context).await
}

//! `custody record deploy`: a subject started or stopped running.

use clap::ValueEnum;
use custody_client::make::custody;
use custody_evidence::predicate::{self, CustodyPredicate as _, Deployment, Name};
use custody_log::LeafIndex;

use super::flags::{Common, When, time, unmade};
use super::send;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};

/// A subject started or stopped running.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where it runs, such as `prod` or `prod/eu-1`.
    #[arg(long, value_name = "NAME")]
    environment: Option<Name>,
    /// What runs there, by the name that stays over versions.
    #[arg(long, value_name = "NAME")]
    workload: Option<Name>,
    /// The cluster or machine.
    #[arg(long, value_name = "NAME")]
    cluster: Option<Name>,
    /// Whether it started or stopped.
    #[arg(long, value_enum, default_value_t = Action::Start)]
    action: Action,
    /// The entry of the verdict that let it pass.
    #[arg(long, value_name = "INDEX")]
    verdict_entry: Option<LeafIndex>,
    /// When [default: now]. A step that may run again gives it, so that it records the same content.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<When>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Action {
    /// It runs from now on.
    Start,
    /// It runs no more.
    Stop,
}

impl From<Action> for predicate::Action {
    fn from(action: Action) -> Self {
        match action {
            Action::Start => Self::Start,
            Action::Stop => Self::Stop,
        }
    }
}

/// Runs `custody record deploy`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let subjects = args.common.subjects(&[], context)?;
    let made = match (args.common.given(Deployment::TYPE, &subjects)?, args.environment) {
        (Some(made), _) => made,
        (None, None) => {
            return Err(Failure::usage("missing_flag", "a deployment needs --environment NAME")
                .hint("give --environment, or the whole predicate with --predicate FILE"));
        }
        (None, Some(environment)) => {
            let predicate = Deployment {
                environment,
                workload: args.workload,
                cluster: args.cluster,
                action: args.action.into(),
                at: args.at.map_or_else(|| context.clock.now(), |at| at.before(context.clock)),
                verdict: args.verdict_entry,
            };
            custody(&predicate, &subjects).map_err(|error| unmade(&error, None))?
        }
    };
    send::statement(&made, &args.common.sending, context).await
}

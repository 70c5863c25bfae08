//! `custody trust`: the trust document, its versions, and how administrators change it.

pub(crate) mod administrative;
mod allow;
mod clock_repair;
mod edit;
mod issuers;
mod lines;
mod log;
mod people;
mod propose;
mod show;
mod sign;

use super::Context;
use super::failure::{Failure, Outcome};

/// Show and change who may record what, and who administers the log.
///
/// A change is a new version of the trust document: propose it, let the administrators sign it, and record it
/// with `custody record envelope FILE`. The server keeps no half-signed document.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the trust document that holds now.
    Show(show::Args),
    /// Write the next version of the trust document, for the administrators to sign.
    Propose(propose::Args),
    /// Add a signature to a proposed trust document.
    Sign(sign::Args),
    /// Let what the secret screen found pass, by rule and fingerprint.
    Allow(allow::Args),
    /// Let ledger time step back to the server's clock, which was ahead before.
    ClockRepair(clock_repair::Args),
    /// List all versions of the trust document, with entry, time and signers.
    Log(log::Args),
}

/// Runs `custody trust`.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    match args.command {
        Command::Show(args) => show::run(args, context).await,
        Command::Propose(args) => Box::pin(propose::run(args, context)).await,
        Command::Sign(args) => sign::run(&args, context),
        Command::Allow(args) => Box::pin(allow::run(args, context)).await,
        Command::ClockRepair(args) => Box::pin(clock_repair::run(args, context)).await,
        Command::Log(args) => log::run(args, context).await,
    }
}

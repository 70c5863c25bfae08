//! `custody policy`: what gates are to require: tried out, explained, compared, and kept in the log.

mod diff;
mod explain;
mod named;
mod put;
mod stored;
mod test;

use std::path::PathBuf;

use super::failure::{Failure, Outcome};
use super::trust::administrative::Signing;
use super::{Context, session};

pub(crate) use named::{Text, bad_policy, in_log};

/// Try out policies, explain them, keep them in the log, and read them.
///
/// A policy is kept as its exact text, by name and version. The threshold of the rules role puts it. What it may say is in
/// docs/policy.md.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Judge the fixtures beside policies, without a server
    Test {
        /// A policy, or a directory of them. The fixtures of NAME.yaml are in NAME.test.yaml.
        path: PathBuf,
    },
    /// Say what a policy asks, rule by rule, and which rules need all evidence
    Explain {
        /// A file, or a policy of the log: NAME, or NAME@VERSION.
        policy: String,
    },
    /// Say what another policy asks for that this one does not
    Diff(Box<diff::Args>),
    /// Put the next version of a policy
    Put {
        /// The policy: YAML or JSON, at most 256 KiB.
        file: PathBuf,
        /// Its name [default: the one in the file; another one is refused].
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        signing: Signing,
    },
    /// Print the exact text of a policy
    Show {
        /// Its name: the newest version, or NAME@VERSION.
        name: String,
    },
    /// List all policies with their versions
    List,
}

/// Runs `custody policy`.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    match args.command {
        Command::Test { path } => test::run(&path, context),
        Command::Explain { policy } => explain::run(&policy, context).await,
        Command::Diff(args) => Box::pin(diff::run(*args, context)).await,
        Command::Put { file, name, signing } => put::run(&file, name.as_deref(), &signing, context).await,
        Command::Show { name } => stored::show(&session::open(context).await?, &name, context),
        Command::List => stored::list(&session::open(context).await?, context),
    }
}

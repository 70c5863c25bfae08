//! The command line of `custodyd`. One file a command; errors end as a message, a hint and an exit code.

mod backup;
mod explain;
mod failure;
mod fsck;
mod init;
mod opening;
mod predecessor;
mod progress;
mod rebuild_index;
mod restore;
mod run;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use self::failure::{Exit, Failure};
use crate::config::Environment;

/// Keeps a Custody log: an append-only ledger of signed supply-chain evidence.
#[derive(Debug, Parser)]
#[command(name = "custodyd", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new log: its keys and its first trust document.
    Init(Box<init::Args>),
    /// Serve an existing log, or with --dev one for trying out.
    Run(run::Args),
    /// Read all of a log's files and name everything that is not as it was written.
    Fsck(fsck::Args),
    /// Copy a log, checked, while a server records; again brings the copy up to date.
    Backup(backup::Args),
    /// Make a data directory from a backup; it is read-only until the newest known checkpoint is reached.
    Restore(restore::Args),
    /// Throw the index away and make it again from the log.
    RebuildIndex(rebuild_index::Args),
}

/// Runs one command and returns the exit code.
pub fn main(arguments: impl Iterator<Item = OsString>, environment: &Environment) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help that cannot be printed is not worth another error.
            drop(error.print());
            return if error.use_stderr() { Exit::Usage } else { Exit::Yes }.into();
        }
    };
    let ended = match cli.command {
        Command::Init(args) => init::run(&args),
        Command::Run(args) => run::run(args, environment),
        Command::Fsck(args) => fsck::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Restore(args) => restore::run(&args),
        Command::RebuildIndex(args) => rebuild_index::run(&args),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print();
            failure.exit().into()
        }
    }
}

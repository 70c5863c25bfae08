//! The command line of `custodyd`. One file a command; errors end as a message, a hint and an exit code.

mod backup;
mod completions;
mod explain;
mod failure;
mod fsck;
mod init;
mod log_key;
mod man;
mod opening;
mod predecessor;
mod progress;
mod rebuild_index;
mod restore;
mod run;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

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
    Run(Box<run::Args>),
    /// Read all of a log's files and name everything that is not as it was written.
    Fsck(fsck::Args),
    /// Copy a log, checked, while a server records; again brings the copy up to date.
    Backup(backup::Args),
    /// Make a data directory from a backup; it is read-only until the newest known checkpoint is reached.
    Restore(restore::Args),
    /// Show, make, sign with and switch to the key that signs the log's checkpoints.
    LogKey(log_key::Args),
    /// Throw the index away and make it again from the log.
    RebuildIndex(rebuild_index::Args),
    /// Print the completions for a shell.
    Completions(completions::Args),
    /// Print the manual page, or write a page for each command.
    Man(man::Args),
}

/// Runs one command and returns the exit code.
pub fn main(arguments: impl Iterator<Item = OsString>, environment: &Environment) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let json = asks_for_json(&arguments);
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) if json && error.use_stderr() => return fail(&misused(&error), json),
        Err(error) => {
            // Help that cannot be printed is not worth another error.
            drop(error.print());
            return if error.use_stderr() { Exit::Usage } else { Exit::Yes }.into();
        }
    };
    let ended = match cli.command {
        Command::Init(args) => init::run(&args),
        Command::Run(args) => run::run(*args, environment),
        Command::Fsck(args) => fsck::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Restore(args) => restore::run(&args),
        Command::LogKey(args) => log_key::run(&args),
        Command::RebuildIndex(args) => rebuild_index::run(&args),
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => fail(&failure, json),
    }
}

/// Tells a failure in the form that was asked for. Nothing is left to tell it to when that fails; the exit code still says it.
fn fail(failure: &Failure, json: bool) -> ExitCode {
    if json {
        drop(print_bytes(failure.json().as_bytes()));
    } else {
        anstream::eprint!("{}", failure.text());
    }
    failure.exit().into()
}

/// Whether results are asked for as JSON: known before the flags are read, since errors in flags are told so too.
fn asks_for_json(arguments: &[OsString]) -> bool {
    let flags: Vec<_> =
        arguments.iter().map(|argument| argument.to_string_lossy()).take_while(|flag| flag != "--").collect();
    let joined = |flag: &str| matches!(flag, "-ojson" | "-o=json" | "--output=json");
    let apart =
        flags.windows(2).any(|pair| matches!(pair, [flag, value] if is_output(flag) && value == "json"));
    apart || flags.iter().any(|flag| joined(flag))
}

fn is_output(flag: &str) -> bool {
    matches!(flag, "-o" | "--output")
}

/// Says what is wrong with the flags.
fn misused(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let (message, hint) = text.split_once("\n\n").unwrap_or((&text, ""));
    let failure = Failure::usage(message.trim().trim_start_matches("error: "));
    if hint.trim().is_empty() { failure } else { failure.hint(hint.trim()) }
}

fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| output_failed(&error))
}

fn output_failed(error: &std::io::Error) -> Failure {
    let failure = Failure::new(Exit::Unknown, error).code("output");
    failure.hint("look at what stdout is connected to: a full disk, or a program that ended")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_asked_for_in_every_form_of_the_flag_and_in_no_other() {
        let asks = |line: &str| asks_for_json(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        for line in
            ["fsck -o json", "fsck -ojson", "fsck -o=json", "fsck --output json", "fsck --output=json"]
        {
            assert!(asks(line), "{line}");
        }
        for line in ["fsck", "fsck -o text", "fsck json", "fsck --data json", "fsck -- -o json", "fsck -o"] {
            assert!(!asks(line), "{line}");
        }
    }
}

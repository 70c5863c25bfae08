//! `custodyd completions`: what a shell needs to complete commands and flags.

use clap::Command;
use clap_complete::Shell;

use super::{Exit, Failure, print_bytes};

/// Print the completions for a shell.
///
/// bash: custodyd completions bash > ~/.local/share/bash-completion/completions/custodyd
///
/// zsh: custodyd completions zsh > a folder of `$fpath`/_custodyd
///
/// fish: custodyd completions fish > ~/.config/fish/completions/custodyd.fish
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args, mut command: Command) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "custodyd", &mut script);
    print_bytes(&script)?;
    Ok(Exit::Yes)
}

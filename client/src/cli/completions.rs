//! `custody completions`: what a shell needs to complete commands and flags.

use clap::Command;
use clap_complete::Shell;

use super::Context;
use super::failure::{Failure, Outcome};

/// Print the completions for a shell.
///
/// bash: custody completions bash > ~/.local/share/bash-completion/completions/custody
///
/// zsh: custody completions zsh > a folder of `$fpath`/_custody
///
/// fish: custody completions fish > ~/.config/fish/completions/custody.fish
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints completions.
pub(crate) fn run(args: &Args, mut command: Command, context: &Context) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "custody", &mut script);
    context.output.print_bytes(&script)?;
    Ok(Outcome::Yes)
}

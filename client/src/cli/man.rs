//! `custody man`: manual pages, made from the same text as the help.

use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::Man;
use custody_client::memory::replace;

use super::Context;
use super::failure::{Failure, Outcome};

/// Print the manual page, or write a page for each command.
///
/// custody man | man -l -
///
/// custody man --out ~/.local/share/man/man1
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write `custody.1`, `custody-record.1`, `custody-record-build.1` and so on into this directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints or writes pages.
pub(crate) fn run(args: &Args, mut command: Command, context: &Context) -> Result<Outcome, Failure> {
    // Gives every command its whole name, as in `custody record build`.
    command.build();
    let Some(dir) = &args.out else {
        context.output.print_bytes(&page(&command)?)?;
        return Ok(Outcome::Yes);
    };
    std::fs::create_dir_all(dir)
        .map_err(|error| Failure::unwritable(format!("cannot make {}: {error}", dir.display())))?;
    let written = write(&command, "custody", dir)?;
    context.output.note(format!("{written} pages written to {}", dir.display()));
    Ok(Outcome::Yes)
}

fn write(command: &Command, name: &str, dir: &Path) -> Result<usize, Failure> {
    let command = command.clone().name(name.to_owned());
    let path = dir.join(format!("{name}.1"));
    replace(&path, &page(&command)?).map_err(|error| Failure::unwritable(error.to_string()))?;
    let subs = command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set());
    let mut written = 1;
    for sub in subs {
        written += write(sub, &format!("{name}-{}", sub.get_name()), dir)?;
    }
    Ok(written)
}

fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    Man::new(command.clone())
        .render(&mut bytes)
        .map_err(|error| Failure::unknown("output", format!("cannot write the page: {error}")))?;
    Ok(bytes)
}

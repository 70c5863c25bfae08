//! `custodyd man`: manual pages, made from the same text as the help.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::Man;

use super::{Exit, Failure, output_failed, print_bytes};

/// Print the manual page, or write a page for each command.
///
/// custodyd man | man -l -
///
/// custodyd man --out ~/.local/share/man/man1
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write `custodyd.1`, `custodyd-run.1` and so on into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, mut command: Command) -> Result<Exit, Failure> {
    // Gives every command its whole name, as in `custodyd run`.
    command.build();
    let Some(dir) = &args.out else {
        print_bytes(&page(&command)?)?;
        return Ok(Exit::Yes);
    };
    fs::create_dir_all(dir).map_err(|error| unwritable(format!("cannot make {}: {error}", dir.display())))?;
    let written = write(&command, "custodyd", dir)?;
    anstream::eprintln!("{written} pages written to {}", dir.display());
    Ok(Exit::Yes)
}

fn write(command: &Command, name: &str, dir: &Path) -> Result<usize, Failure> {
    let command = command.clone().name(name.to_owned());
    let path = dir.join(format!("{name}.1"));
    fs::write(&path, page(&command)?)
        .map_err(|error| unwritable(format!("cannot write {}: {error}", path.display())))?;
    let subs = command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set());
    let mut written = 1;
    for sub in subs {
        written += write(sub, &format!("{name}-{}", sub.get_name()), dir)?;
    }
    Ok(written)
}

fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    Man::new(command.clone()).render(&mut bytes).map_err(|error| output_failed(&error))?;
    Ok(bytes)
}

fn unwritable(why: String) -> Failure {
    Failure::usage(why)
        .code("unwritable")
        .hint("name a place that this user may write, in a directory that exists")
}

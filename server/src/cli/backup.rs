//! `custodyd backup`: a checked copy of a log, taken while a server records.

use std::path::PathBuf;
use std::sync::Arc;

use anstream::println;
use serde_json::json;

use super::fsck::Output;
use super::progress::Bar;
use super::{Exit, Failure};
use crate::journal::{self, BackupError, BackupReport, DiskFiles, Files};

/// The flags of `custodyd backup`. A server may run meanwhile.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory that holds the log
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Directory for the backup: new, empty, or a backup of the same log, which is brought up to date
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Form of the result on stdout
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let files: Arc<dyn Files> = Arc::new(DiskFiles);
    let bar = Bar::of_bytes();
    let report = journal::backup(&args.data, &args.out, &files, &mut |progress| {
        bar.show("backup", progress.bytes, progress.bytes_total);
    });
    bar.finish();
    let report = report.map_err(|error| failure(&error, args))?;
    match args.output {
        Output::Json => println!("{}", to_json(&report)),
        Output::Text => print(&report, args),
    }
    Ok(Exit::Yes)
}

fn print(report: &BackupReport, args: &Args) {
    let new = report.size.get().saturating_sub(report.before.get());
    println!("{} in {}: tree size {}, {new} entries new", report.origin, args.out.display(), report.size);
    println!("root {}", report.root);
    println!(
        "{} of {} files copied, {} bytes; everything copied was checked",
        report.copied, report.files, report.bytes
    );
    println!("the log key and the freshness key are not in it: keep copies of them elsewhere");
}

fn to_json(report: &BackupReport) -> serde_json::Value {
    json!({
        "origin": report.origin,
        "size": report.size.get(),
        "root": report.root.to_string(),
        "before": report.before.get(),
        "files": report.files,
        "copied": report.copied,
        "bytes": report.bytes,
    })
}

fn failure(error: &BackupError, args: &Args) -> Failure {
    let data = args.data.display();
    match error {
        BackupError::Damaged(_) => Failure::new(Exit::No, error)
            .code("damaged")
            .hint(format!("see all that is damaged: custodyd fsck --data {data}")),
        BackupError::Source(source) => super::explain::view(source, &args.data),
        BackupError::Fork { .. } | BackupError::Newer { .. } => Failure::new(Exit::No, error)
            .code("fork")
            .hint("keep both, and back up to another directory: they tell what happened"),
        BackupError::OtherLog { .. } | BackupError::Foreign { .. } | BackupError::NotApart { .. } => {
            Failure::new(Exit::Usage, error).hint("name another directory with --out")
        }
        BackupError::NoSpace { .. } => Failure::new(Exit::Usage, error)
            .code("disk_full")
            .hint("make room there; nothing was added to the backup"),
        BackupError::Manifest(_) => Failure::new(Exit::Usage, error).code("damaged").hint(
            "back up to another directory with --out: the list of the files in this one cannot be used",
        ),
        BackupError::Directory(_) => Failure::new(Exit::Usage, error)
            .code("disk")
            .hint("check the disk, and that this user may write the directory given with --out"),
    }
}

//! `custodyd fsck`: reads all of a log's files and names everything that is not as it was written.

use std::path::PathBuf;
use std::sync::Arc;

use anstream::println;
use clap::ValueEnum;
use serde_json::json;

use super::progress::Bar;
use super::{Exit, Failure};
use crate::journal::{self, Damage, DiskFiles, Files, FsckReport};

/// The flags of `custodyd fsck`. It only reads; a server may run meanwhile.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory that holds the log
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Form of the result on stdout
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

/// The form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// One JSON document.
    Json,
    /// Lines for people.
    Text,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let bar = Bar::of_bytes();
    let files: Arc<dyn Files> = Arc::new(DiskFiles);
    let report = journal::fsck(&args.data, &files, &mut |progress| {
        bar.show("fsck", progress.bytes, progress.bytes_total);
    });
    bar.finish();
    let report = report.map_err(|error| Failure::new(Exit::Usage, &error))?;
    match args.output {
        Output::Json => println!("{}", to_json(&report)),
        Output::Text => print(&report),
    }
    Ok(if report.findings.is_empty() { Exit::Yes } else { Exit::No })
}

fn print(report: &FsckReport) {
    println!("read {} entries, {} bytes in {} segments", report.entries, report.bytes, report.segments);
    for damage in &report.findings {
        println!("DAMAGED  segment {}", damage.file.display());
        println!("         offset  {}", damage.offset);
        println!("         entry   {}", damage.entry);
        println!("         {}", damage.kind);
    }
    if let Some(tail) = &report.unfinished {
        println!(
            "the last write did not end: {} bytes at offset {} of {}; no kept checkpoint covers it, and the next start cuts it",
            tail.bytes,
            tail.offset,
            tail.segment.display()
        );
    }
    let (size, root) = report.sound;
    if report.findings.is_empty() {
        println!("sound: tree size {size}, root {root}");
    } else {
        let found = match report.findings.len() {
            1 => "1 finding".to_owned(),
            more => format!("{more} findings"),
        };
        println!("{found}; sound up to tree size {size}, root {root}");
    }
}

fn to_json(report: &FsckReport) -> serde_json::Value {
    let finding = |damage: &Damage| {
        json!({
            "segment": damage.file.display().to_string(),
            "offset": damage.offset,
            "entry": damage.entry.get(),
            "message": damage.kind.to_string(),
        })
    };
    let (size, root) = report.sound;
    json!({
        "entries": report.entries,
        "bytes": report.bytes,
        "segments": report.segments,
        "sound": {"size": size.get(), "root": root.to_string()},
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "unfinished": report.unfinished.as_ref().map(|tail| json!({
            "segment": tail.segment.display().to_string(),
            "offset": tail.offset,
            "bytes": tail.bytes,
        })),
    })
}

//! `custodyd fsck`: reads all of a log's files and names everything that is not as it was written.

use std::path::PathBuf;
use std::sync::Arc;

use anstream::{print, println};
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
    let report = report?;
    match args.output {
        Output::Json => println!("{}", to_json(&report)),
        Output::Text => print!("{}", text(&report)),
    }
    Ok(if report.findings.is_empty() { Exit::Yes } else { Exit::No })
}

/// Returns the lines that people read.
pub(super) fn text(report: &FsckReport) -> String {
    let mut lines = vec![format!(
        "read {} entries, {} bytes in {} segments",
        report.entries, report.bytes, report.segments
    )];
    for damage in &report.findings {
        lines.push(format!("DAMAGED  segment {}", damage.file.display()));
        lines.push(format!("         offset  {}", damage.offset));
        lines.push(format!("         entry   {}", damage.entry));
        lines.push(format!("         {}", damage.kind));
    }
    if let Some(tail) = &report.unfinished {
        lines.push(format!(
            "the last write did not end: {} bytes at offset {} of {}; no kept checkpoint covers it, and the next start cuts it",
            tail.bytes,
            tail.offset,
            tail.segment.display()
        ));
    }
    let (size, root) = report.sound;
    lines.push(match report.findings.len() {
        0 => format!("sound: tree size {size}, root {root}"),
        1 => format!("1 finding; sound up to tree size {size}, root {root}"),
        more => format!("{more} findings; sound up to tree size {size}, root {root}"),
    });
    lines.join("\n") + "\n"
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

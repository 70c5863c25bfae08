//! `custodyd fsck`: reads all of a log's files, names everything that is not as it was written, and repairs it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anstream::{print, println};
use clap::ValueEnum;
use serde_json::json;

use super::opening::journal_failure;
use super::progress::Bar;
use super::{Exit, Failure};
use crate::journal::{
    self, Damage, DamageKind, DiskFiles, Files, FsckReport, RepairError, RepairReport, Repaired, View,
    ViewError,
};
use crate::publish::Tree;

/// The flags of `custodyd fsck`. Without --repair it only reads, and a server may run meanwhile.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory that holds the log
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Repair what can be repaired, and check again; no server may run meanwhile. Damaged files are kept
    #[arg(long)]
    repair: bool,
    /// Take what cannot be computed from a good copy: a backup, or another data directory of the same log
    #[arg(long, value_name = "BACKUP", requires = "repair")]
    from: Option<PathBuf>,
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
    let files: Arc<dyn Files> = Arc::new(DiskFiles);
    let bar = Bar::of_bytes();
    let mut show = |progress: journal::Progress| bar.show("fsck", progress.bytes, progress.bytes_total);
    let (repaired, report) = if args.repair {
        let repair = journal::repair(&args.data, args.from.as_deref(), &files, &mut show);
        let RepairReport { mut repaired, after } =
            repair.map_err(|error| repair_failure(&error, &args.data))?;
        if after.findings.is_empty() {
            repaired.extend(tiles(&args.data, &files)?);
        }
        (Some(repaired), after)
    } else {
        let report = journal::fsck(&args.data, &files, &mut show);
        (None, report?)
    };
    bar.finish();
    match args.output {
        Output::Json => println!("{}", to_json(&report, repaired.as_deref(), args)),
        Output::Text => {
            print_repaired(repaired.as_deref().unwrap_or_default());
            print!("{}", text(&report, &|damage| remedy(damage, args)));
        }
    }
    Ok(if report.findings.is_empty() { Exit::Yes } else { Exit::No })
}

/// Makes tiles again that are not those of the log.
fn tiles(data: &Path, files: &Arc<dyn Files>) -> Result<Vec<Repaired>, Failure> {
    let view = match View::open(data, files) {
        Ok(view) => view,
        // Nothing was served yet, so there are none.
        Err(ViewError::NoCheckpoint { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(Failure::new(Exit::Unknown, &error)),
    };
    let made = Tree::repair_tiles(data, view.size(), &view.reader);
    let made = made.map_err(|error| Failure::new(Exit::Unknown, &error))?;
    Ok(made.into_iter().map(|file| Repaired { file, how: "from the entries", kept: None }).collect())
}

fn repair_failure(error: &RepairError, data: &Path) -> Failure {
    match error {
        RepairError::Open(open) => journal_failure(open, data),
        RepairError::Source(_) | RepairError::OtherLog { .. } | RepairError::NotApart { .. } => {
            Failure::new(Exit::Usage, error).hint(
                "name a backup or another data directory of the same log with --from; nothing was changed",
            )
        }
    }
}

fn print_repaired(repaired: &[Repaired]) {
    for one in repaired {
        println!("REPAIRED {} ({})", one.file.display(), one.how);
        if let Some(kept) = &one.kept {
            println!("         the damaged one is kept as {}", kept.display());
        }
    }
}

/// What repairs a finding.
fn remedy(damage: &Damage, args: &Args) -> String {
    let data = args.data.display();
    if journal::holds_backup(&args.data) {
        return format!("make a new backup, or restore from another one: {data} is not repaired");
    }
    if let DamageKind::OtherLog { .. } = damage.kind {
        return "remove the file that does not belong here".to_owned();
    }
    if let DamageKind::Version { .. } = damage.kind {
        return "use a newer custodyd".to_owned();
    }
    if let (DamageKind::NotErased { .. }, false) = (&damage.kind, args.repair) {
        return format!("a start of the server erases it, and so does custodyd fsck --data {data} --repair");
    }
    match (args.repair, journal::is_computed(damage)) {
        (false, true) => format!("custodyd fsck --data {data} --repair makes it again"),
        (false, false) => {
            format!("custodyd fsck --data {data} --repair --from BACKUP takes it from a good copy")
        }
        (true, _) if args.from.is_none() => {
            format!(
                "it cannot be computed: custodyd fsck --data {data} --repair --from BACKUP takes it from a good copy"
            )
        }
        (true, _) => "the copy does not have it either: name another one, or custodyd restore an older state"
            .to_owned(),
    }
}

/// Returns the lines that people read.
pub(super) fn text(report: &FsckReport, remedy: &dyn Fn(&Damage) -> String) -> String {
    let mut lines = vec![format!(
        "read {} entries, {} bytes in {} segments",
        report.entries, report.bytes, report.segments
    )];
    for damage in &report.findings {
        lines.push(format!("DAMAGED  segment {}", damage.file.display()));
        lines.push(format!("         offset  {}", damage.offset));
        lines.push(format!("         entry   {}", damage.entry));
        lines.push(format!("         {}", damage.kind));
        lines.push(format!("         {}", remedy(damage)));
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

fn to_json(report: &FsckReport, repaired: Option<&[Repaired]>, args: &Args) -> serde_json::Value {
    let finding = |damage: &Damage| {
        json!({
            "segment": damage.file.display().to_string(),
            "offset": damage.offset,
            "entry": damage.entry.get(),
            "message": damage.kind.to_string(),
            "remedy": remedy(damage, args),
        })
    };
    let (size, root) = report.sound;
    json!({
        "repaired": repaired.map(|all| all.iter().map(|one| json!({
            "file": one.file.display().to_string(),
            "how": one.how,
            "kept": one.kept.as_ref().map(|kept| kept.display().to_string()),
        })).collect::<Vec<_>>()),
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

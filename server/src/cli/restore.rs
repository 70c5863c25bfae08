//! `custodyd restore`: a data directory from a backup, read-only until the newest known checkpoint is reached.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anstream::println;
use serde_json::json;

use super::fsck::Output;
use super::opening::{journal_failure, open_failure};
use super::progress::Bar;
use super::{Exit, Failure};
use crate::clock::SystemClock;
use crate::journal::{
    self, DiskFiles, Files, KeptCheckpoint, OpenOptions, Opened, Reader, RestoreError, Restored,
};
use crate::ledger::{LedgerError, Settings, replay_trust};
use crate::newest::{self, Standing};

/// The flags of `custodyd restore`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Backup to restore; not needed to bring a restored log in --data forward
    #[arg(long, value_name = "BACKUP")]
    from: Option<PathBuf>,
    /// Directory to restore to: new or empty
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Newer segments to append: the dead machine's data directory, a newer backup, a folder of segments [repeatable]
    #[arg(long, value_name = "DIR")]
    segments: Vec<PathBuf>,
    /// File with the newest checkpoint known: a signed note, a receipt, or what a client remembers [repeatable]
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Form of the result on stdout
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let files: Arc<dyn Files> = Arc::new(DiskFiles);
    let given = args.checkpoint.iter().map(|path| newest::read(path)).collect::<Result<Vec<_>, _>>()?;
    let bar = Bar::of_bytes();
    if let Some(from) = &args.from {
        let believed = |reader: &Reader, kept: &KeptCheckpoint| {
            replay_trust(reader, kept.size).is_ok_and(|trust| newest::is_ours(kept, &trust))
        };
        let copied = journal::restore(from, &args.data, &files, &believed, &mut |progress| {
            bar.show("restore", progress.bytes, progress.bytes_total);
        });
        copied.map_err(|error| failure(&error, from))?;
    } else {
        check_restored(&args.data, files.as_ref())?;
    }
    let added = extend(args, &bar)?;
    bar.finish();
    let journal = OpenOptions { reserve_bytes: 0, ..OpenOptions::default() };
    let settings = Settings { dir: args.data.clone(), journal, clock: Arc::new(SystemClock), newest: given };
    let standing = newest::settle(&settings).map_err(|error| open_failure(&error, &args.data))?;
    report(args, standing, added)?;
    Ok(Exit::Yes)
}

/// Without a backup, only a log that is restored already is brought forward.
fn check_restored(data: &Path, files: &dyn Files) -> Result<(), Failure> {
    match Restored::of(data, files) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Failure::usage(format!("{} holds no restored log", data.display()))
            .hint("name the backup to restore with --from BACKUP")),
        Err(error) => Err(Failure::new(Exit::Usage, &error)),
    }
}

/// Appends what the named directories hold; returns how many entries that were.
fn extend(args: &Args, bar: &Bar) -> Result<u64, Failure> {
    let options = OpenOptions::default();
    let mut added = 0;
    for from in &args.segments {
        let open = || -> Result<_, LedgerError> {
            let Opened { reader, size, .. } = journal::open_restored(&args.data, &options)?;
            replay_trust(&reader, size)
        };
        let trust = open().map_err(|error| open_failure(&error, &args.data))?;
        let believed = |kept: &KeptCheckpoint| newest::is_ours(kept, &trust);
        let extended = journal::extend(&args.data, from, &options, &believed, &mut |progress| {
            bar.show("segments", progress.bytes, progress.bytes_total);
        });
        added += extended.map_err(|error| failure(&error, from))?.added;
    }
    Ok(added)
}

fn report(args: &Args, standing: Standing, added: u64) -> Result<(), Failure> {
    let (size, needed, read_only) = match standing {
        Standing::Restored { size, needed } => (size.get(), needed, true),
        Standing::Whole => {
            let opened = journal::open(&args.data, &OpenOptions::default());
            let opened = opened.map_err(|error| journal_failure(&error, &args.data))?;
            (opened.size.get(), None, false)
        }
    };
    let data = args.data.display();
    if args.output == Output::Json {
        let needed = needed.map(custody_log::TreeSize::get);
        println!("{}", json!({"size": size, "added": added, "read_only": read_only, "needed": needed}));
        return Ok(());
    }
    println!("restored to {data}: tree size {size}, {added} entries from --segments; everything was checked");
    match (read_only, needed) {
        (false, _) => {
            println!("the newest checkpoint known is reached: custodyd run --data {data} records again");
        }
        (true, Some(needed)) => {
            println!("READ-ONLY: the log had at least {needed} entries; bring the newer ones:");
            println!("  custodyd restore --data {data} --segments DIR");
        }
        (true, None) => {
            println!(
                "READ-ONLY until the newest checkpoint known is given, by a client's state, a receipt or a note:"
            );
            println!("  custodyd run --data {data} --checkpoint FILE");
        }
    }
    Ok(())
}

fn failure(error: &RestoreError, from: &Path) -> Failure {
    let named = from.display();
    match error {
        RestoreError::Damaged(_) | RestoreError::OtherFile { .. } => Failure::new(Exit::No, error)
            .code("damaged")
            .hint(format!("see all that is damaged: custodyd fsck --data {named}")),
        RestoreError::Open(open) => journal_failure(open, from),
        RestoreError::Source(source) => super::explain::view(source, from),
        RestoreError::Fork { .. } => Failure::new(Exit::No, error)
            .code("fork")
            .hint("keep both: they tell what happened; ask who ran the newest one"),
        RestoreError::NotEmpty { .. } => Failure::new(Exit::Usage, error)
            .code("exists")
            .hint("to bring a restored log forward, leave --from out and give --segments or --checkpoint"),
        RestoreError::NotApart { .. } => {
            Failure::new(Exit::Usage, error).hint("name another directory with --data")
        }
        RestoreError::NoBackup { .. } => Failure::new(Exit::Usage, error)
            .code("no_log")
            .hint("name the directory that custodyd backup --out wrote with --from"),
        RestoreError::Manifest(_) => {
            Failure::new(Exit::No, error).code("damaged").hint("use another backup: this one is not whole")
        }
        RestoreError::NotSigned { .. } => Failure::new(Exit::No, error).code("bad_checkpoint").hint(
            "use another backup: someone or something changed the list of this one; nothing was restored",
        ),
        RestoreError::NoSegments { .. } | RestoreError::OtherLog { .. } => Failure::new(Exit::Usage, error)
            .hint("name what is left of this log's data directory, or another backup of it, with --segments"),
        RestoreError::Gap { .. } => Failure::new(Exit::Usage, error)
            .hint("give the segments in between first: --segments can be given several times"),
        RestoreError::Append(_) | RestoreError::Directory(_) => Failure::new(Exit::Usage, error).code("disk").hint(
            "check the disk and its room, and that this user may write the data directory; then try again",
        ),
    }
}

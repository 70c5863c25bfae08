//! `custodyd rebuild-index`: throws the index away and makes it again from the journal.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anstream::println;
use serde_json::json;

use super::fsck::Output;
use super::opening::open_failure;
use super::progress::Bar;
use super::{Exit, Failure};
use crate::index::Index;
use crate::journal::{self, OpenOptions};
use crate::ledger::{INDEX_DIR, LedgerError};

/// The flags of `custodyd rebuild-index`. The log must not be served meanwhile.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory that holds the log
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Form of the result on stdout
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let failed = |error: LedgerError| open_failure(&error, &args.data);
    let start = Instant::now();
    // Opened as a server opens it: the lock keeps a server away, and the index is made of what one would serve.
    let opened = journal::open(&args.data, &OpenOptions::default()).map_err(|error| failed(error.into()))?;
    let bar = Bar::counting();
    let index = Index::rebuild(&args.data.join(INDEX_DIR), Arc::new(opened.reader), &mut |step| {
        bar.show("entries", step.done.get(), step.total.get());
    });
    bar.finish();
    let index = index.map_err(|error| failed(error.into()))?;
    let (entries, rows) = (index.covered(), index.rows());
    index.close().map_err(|error| failed(error.into()))?;
    let took = start.elapsed();
    match args.output {
        Output::Json => {
            println!("{}", json!({"entries": entries.get(), "rows": rows, "seconds": took.as_secs_f64()}));
        }
        Output::Text => {
            println!("indexed {entries} entries in {rows} rows, in {:.1} s", took.as_secs_f64());
        }
    }
    Ok(Exit::Yes)
}

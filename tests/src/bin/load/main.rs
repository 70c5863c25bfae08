//! The load generator: ratios within one run, and `docs/benchmarks.md`.
//!
//! Every figure is compared with something bare that is measured in the same run, in turns with it: an echo over the
//! same transport, a plain write and fdatasync, plain inserts of the same keys. So a slow or busy machine moves both.
//!
//! ```text
//! cargo run --release -p custody-tests --bin load                        what takes minutes, all of it
//! cargo run --release -p custody-tests --bin load -- --scenario bulk     one of them
//! cargo run --release -p custody-tests --bin load -- --write docs/benchmarks.md
//! cargo run --release -p custody-tests --bin load -- --benches target/criterion     what `cargo bench` found
//! ```

#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a measurement that meets the unexpected is none, and a panic says so"
)]
#![allow(clippy::print_stdout, reason = "the figures are the output")]

mod callers;
mod criterion;
mod disk;
mod echo;
mod fixture;
mod inventory;
mod machine;
mod prepared;
mod process;
mod report;
mod sample;
mod scenarios;
mod target;

use std::path::PathBuf;

use clap::{Parser, ValueEnum as _};

use self::report::Report;
use self::scenarios::{Effort, Scenario};

/// Measures Custody and prints ratios within one run.
#[derive(Debug, Parser)]
#[command(name = "load")]
struct Args {
    /// What to measure; may be repeated [default: all but those that need a large log]
    #[arg(long, value_enum)]
    scenario: Vec<Scenario>,
    /// A few calls of each, to see that everything runs: the figures mean nothing
    #[arg(long)]
    quick: bool,
    /// Seconds of each measured turn
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Turns of each measurement; the median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Entries of the large log, which `rebuild`, `size`, `open` and `audit` share
    #[arg(long, default_value_t = 1_000_000)]
    entries: u64,
    /// Folder for data directories, on the disk to be measured; prepared logs stay in it and are used again [default: a temporary one]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Make a table of what `cargo bench` found in this folder, and measure only what `--scenario` names
    #[arg(long, value_name = "FOLDER")]
    benches: Option<PathBuf>,
    /// Replace the tables of this file, each between its markers
    #[arg(long)]
    write: Option<PathBuf>,
    /// Serve the bare echo on this port: what this program starts itself
    #[arg(long, hide = true)]
    echo: Option<u16>,
}

fn main() {
    let args = Args::parse();
    if let Some(port) = args.echo {
        echo::serve(port);
        return;
    }
    let temporary = tempfile::tempdir().expect("a temporary folder can be made");
    let dir = args.dir.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&dir).expect("the folder can be made");
    let effort = if args.quick {
        Effort::quick(dir)
    } else {
        Effort { seconds: args.seconds, rounds: args.rounds, entries: args.entries, dir, quick: false }
    };
    let chosen = if args.scenario.is_empty() && args.benches.is_none() {
        let all = Scenario::value_variants().iter().copied();
        all.filter(|scenario| args.quick || !scenario.needs_large_log()).collect()
    } else {
        args.scenario.clone()
    };
    let mut report = Report::new(machine::statement(&effort.dir));
    println!("{}\n", report.machine());
    let measured = chosen.into_iter().map(|scenario: Scenario| scenario.measure(&effort));
    for table in measured.chain(args.benches.as_deref().map(criterion::table)) {
        println!("{}", table.text());
        report.add(table);
        // After each: what was measured is kept when a later scenario cannot be.
        if let Some(path) = &args.write {
            report.write(path);
        }
    }
}

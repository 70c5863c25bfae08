//! How long a start takes: after a clean stop, and after `kill -9`, of a small and a large log.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use custody_tests::server::Server;
use tokio::runtime::Runtime;

use crate::callers::unary;
use crate::fixture::Fixture;
use crate::prepared;
use crate::report::{Table, ms, target};
use crate::sample::median;
use crate::scenarios::Effort;
use crate::target::Target;

/// Recorded before each kill: the same unsealed tail at both sizes.
const TAIL_ENTRIES: usize = 2_000;

/// Measures in pairs: the small log, then the large one.
pub(crate) fn measure(effort: &Effort) -> Table {
    let runtime = Runtime::new().expect("a runtime can be made");
    let small = prepared::log(&runtime, &effort.dir, effort.few());
    let large = prepared::log(&runtime, &effort.dir, effort.entries);
    let copy = prepared::copy(&small, &effort.dir, "small");
    let mut fixture = Fixture::new(&small.writers[0], 1 << 36);
    let mut found = [const { Vec::new() }; 4];
    for _ in 0..effort.rounds {
        for (at, data) in [&copy, &large.data()].into_iter().enumerate() {
            found[at].push(clean(data));
            found[at + 2].push(killed(&runtime, data, &mut fixture, effort));
        }
    }
    let [small_clean, large_clean, small_killed, large_killed] = found.map(median);
    let clean_ratio = large_clean / small_clean;
    let row = |name: &str, small: f64, large: f64, ratio: String| {
        vec![name.to_owned(), ms(small), ms(large), ratio]
    };
    let mut large_header = "large log";
    if effort.entries == 1_000_000 {
        large_header = "1,000,000 entries";
    }
    Table {
        name: "open",
        header: vec!["from the start to the first answer", "10,000 entries", large_header, "ratio"],
        rows: vec![
            row(
                "after a clean stop",
                small_clean,
                large_clean,
                target(clean_ratio, "<= 3", clean_ratio <= 3.0),
            ),
            row("after kill -9", small_killed, large_killed, format!("{:.2}", large_killed / small_killed)),
        ],
        notes: vec![format!(
            "median of {} pairs; before each kill {TAIL_ENTRIES} entries were recorded, which are the unsealed tail; \
             the files were in the page cache",
            effort.rounds,
        )],
    }
}

/// Returns the milliseconds of a start after a clean stop.
fn clean(data: &Path) -> f64 {
    Server::start(data).stop();
    let (server, took) = started(data);
    server.stop();
    took
}

/// Returns the milliseconds of a start after a kill under load.
fn killed(runtime: &Runtime, data: &Path, fixture: &mut Fixture, effort: &Effort) -> f64 {
    let server = Server::start(data);
    let target = Target::ledger(runtime, &server);
    let envelopes = Arc::new(fixture.take(if effort.quick { 50 } else { TAIL_ENTRIES }));
    unary(runtime, &target, 64, &envelopes, Duration::MAX);
    server.kill();
    let (server, took) = started(data);
    // The facts of the tail are applied behind: not part of the next measurement.
    Target::ledger(runtime, &server).wait_until_indexed(runtime);
    server.stop();
    took
}

fn started(data: &Path) -> (Server, f64) {
    let begun = Instant::now();
    let server = Server::start(data);
    (server, begun.elapsed().as_secs_f64() * 1e3)
}

//! How long a start takes: after a clean stop, and after `kill -9`, of a small and a large log.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use custody_tests::server::{Ledger, Server};
use tokio::runtime::Runtime;

use crate::callers::unary;
use crate::prepared;
use crate::report::{Table, count, header, ms, target};
use crate::sample::median;
use crate::scenarios::Effort;
use crate::target::Target;

/// Recorded before each kill: the same unsealed tail at both sizes.
const TAIL_ENTRIES: usize = 2_000;
/// The most that a clean start of the large log may take, in starts of the small one.
const RATIO_MAX: f64 = 3.0;

/// Measures in pairs: the small log, then the large one.
pub(crate) fn measure(effort: &Effort) -> Table {
    let runtime = Runtime::new().expect("a runtime can be made");
    let small = prepared::log(&runtime, &effort.dir, effort.few());
    let large = prepared::log(&runtime, &effort.dir, effort.entries);
    let copy = prepared::copy(&small, &effort.dir, "small");
    let mut found = [const { Vec::new() }; 4];
    for _ in 0..effort.rounds {
        for (at, (ledger, data)) in [(&small, &copy), (&large, &large.data())].into_iter().enumerate() {
            found[at].push(clean(data));
            found[at + 2].push(killed(&runtime, ledger, data, effort));
        }
    }
    let [small_clean, large_clean, small_killed, large_killed] = found.map(median);
    let ratio = large_clean / small_clean;
    let row = |entries: u64, clean: f64, ratio: String, killed: f64, killed_ratio: String| {
        vec![count(entries), ms(clean), ratio, ms(killed), killed_ratio]
    };
    let ratio = target(ratio, &format!("<= {RATIO_MAX}"), ratio <= RATIO_MAX);
    let killed_ratio = format!("{:.2}", large_killed / small_killed);
    Table {
        name: "open",
        header: header(["entries", "after a clean stop", "/ small log's", "after kill -9", "/ small log's"]),
        rows: vec![
            row(effort.few(), small_clean, String::new(), small_killed, String::new()),
            row(effort.entries, large_clean, ratio, large_killed, killed_ratio),
        ],
        notes: vec![
            format!(
                "from the start of the process to an open port; median of {} pairs; the files were in the page cache",
                effort.rounds
            ),
            format!(
                "before each kill {TAIL_ENTRIES} entries were recorded: the unsealed tail is the same at both sizes"
            ),
        ],
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
fn killed(runtime: &Runtime, ledger: &Ledger, data: &Path, effort: &Effort) -> f64 {
    let server = Server::start(data);
    let target = Target::ledger(runtime, &server);
    let mut fixture = prepared::more(runtime, ledger, &target);
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
    prepared::settle();
    let begun = Instant::now();
    let server = Server::start(data);
    (server, begun.elapsed().as_secs_f64() * 1e3)
}

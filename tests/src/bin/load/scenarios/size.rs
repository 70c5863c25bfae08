//! Whether a large log is slower than a small one, and how much more memory its server needs.

use std::sync::Arc;

use custody_tests::server::Server;
use tokio::runtime::Runtime;

use crate::callers::unary;
use crate::fixture::Fixture;
use crate::prepared;
use crate::process::Process;
use crate::report::{Table, rate, target};
use crate::sample::median;
use crate::scenarios::Effort;
use crate::target::Target;

const CALLERS: usize = 128;
/// Entries of one measured turn: few, so that the small log stays one.
const TURN_ENTRIES: usize = 4_000;
/// What the index is configured to keep in memory, and what is granted beside it, in MiB.
const CACHE: f64 = 64.0;
const GROWTH_MAX: f64 = 64.0 + CACHE;

/// Measures in pairs: the small log, then the large one, each just started.
pub(crate) fn measure(effort: &Effort) -> Table {
    let runtime = Runtime::new().expect("a runtime can be made");
    let small = prepared::log(&runtime, &effort.dir, effort.few());
    let large = prepared::log(&runtime, &effort.dir, effort.entries);
    let (mut pairs, mut memory) = (Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        // A new copy each time: it would grow, and the large one does not notice.
        let copy = prepared::copy(&small, &effort.dir, "small");
        let mut fixture = Fixture::new(&small.writers[0], (1 << 32) + (round as u64) * (1 << 24));
        let (small_rate, small_memory) = turn(&runtime, &copy, &mut fixture, effort);
        let (large_rate, large_memory) = turn(&runtime, &large.data(), &mut fixture, effort);
        pairs.push((small_rate, large_rate));
        memory.push((small_memory, large_memory));
    }
    let ratio = median(pairs.iter().map(|(small, large)| large / small));
    let growth = median(memory.iter().map(|(small, large)| large - small));
    let miss = if growth <= GROWTH_MAX { "" } else { ", missed" };
    let row = |entries: u64, at: f64, mib: f64, ratio: String, growth: String| {
        vec![format!("{entries} entries"), rate(at), ratio, format!("{mib:.0} MiB"), growth]
    };
    Table {
        name: "size",
        header: vec!["log of", "rate, 128 callers", "rate / small log's", "memory", "more memory"],
        rows: vec![
            row(
                effort.few(),
                median(pairs.iter().map(|pair| pair.0)),
                median(memory.iter().map(|pair| pair.0)),
                String::new(),
                String::new(),
            ),
            row(
                effort.entries,
                median(pairs.iter().map(|pair| pair.1)),
                median(memory.iter().map(|pair| pair.1)),
                target(ratio, ">= 0.75", ratio >= 0.75),
                format!("{growth:.0} MiB (target <= {GROWTH_MAX:.0} MiB{miss})"),
            ),
        ],
        notes: vec![format!(
            "median of {} interleaved pairs of {TURN_ENTRIES} entries, after as many that are not counted; rates are to \
             the receipt, memory is resident after the turn, once the facts index has caught up",
            effort.rounds,
        )],
    }
}

/// Starts a server, records once to warm up and once to measure; returns the rate and the memory in MiB.
fn turn(runtime: &Runtime, data: &std::path::Path, fixture: &mut Fixture, effort: &Effort) -> (f64, f64) {
    let server = Server::start(data);
    let target = Target::ledger(runtime, &server);
    let count = if effort.quick { 100 } else { TURN_ENTRIES };
    let mut sample = None;
    for _ in 0..2 {
        let envelopes = Arc::new(fixture.take(count));
        sample = Some(unary(runtime, &target, CALLERS, &envelopes, std::time::Duration::MAX));
        target.wait_until_indexed(runtime);
    }
    let memory = Process(server.id()).resident();
    server.stop();
    (sample.expect("two turns were made").rate(), memory)
}

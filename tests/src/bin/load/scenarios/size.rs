//! Whether a large log is slower than a small one, and how much more memory its server needs.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use custody_tests::server::{Ledger, Server};
use tokio::runtime::Runtime;

use crate::callers::unary;
use crate::prepared;
use crate::process::Process;
use crate::report::{Table, count, header, rate, target};
use crate::sample::median;
use crate::scenarios::Effort;
use crate::target::Target;

const CALLERS: usize = 128;
/// Entries of one measured turn: few, so that the small log stays one and the facts index lags by less than it may.
const TURN_ENTRIES: usize = 4_000;
/// The least part of the small log's rate.
const RATIO_MIN: f64 = 0.75;
/// What the index is configured to keep in memory, and what is granted beside it, in MiB.
const CACHE: f64 = 64.0;
const GROWTH_MAX: f64 = 64.0 + CACHE;

/// What one turn found.
struct Turn {
    /// Entries a second, to the receipt.
    rate: f64,
    /// Entries a second, until the facts index had them too.
    searched: f64,
    /// Microseconds of the server's processor time an entry, facts index included.
    processor: f64,
    /// MiB.
    memory: f64,
}

/// Measures in pairs, each log just started: the small one first in one pair, the large one in the next.
pub(crate) fn measure(effort: &Effort) -> Table {
    let runtime = Runtime::new().expect("a runtime can be made");
    let small = prepared::log(&runtime, &effort.dir, effort.few());
    let large = prepared::log(&runtime, &effort.dir, effort.entries);
    let (mut smalls, mut larges) = (Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        // A new copy each time: it would grow, and the large one does not notice.
        let copy = prepared::copy(&small, &effort.dir, "small");
        let mut small_turn = || smalls.push(turn(&runtime, &small, &copy, effort));
        let mut large_turn = || larges.push(turn(&runtime, &large, &large.data(), effort));
        if round % 2 == 0 {
            small_turn();
            large_turn();
        } else {
            large_turn();
            small_turn();
        }
    }
    let pairs = || smalls.iter().zip(&larges);
    let ratio = median(pairs().map(|(small, large)| large.rate / small.rate));
    let searched = median(pairs().map(|(small, large)| large.searched / small.searched));
    let growth = median(pairs().map(|(small, large)| large.memory - small.memory));
    let miss = if growth <= GROWTH_MAX { "" } else { ", missed" };
    let row = |entries: u64, turns: &[Turn], ratio: String, searched: String, growth: String| {
        let of = |figure: fn(&Turn) -> f64| median(turns.iter().map(figure));
        vec![
            count(entries),
            rate(of(|turn| turn.rate)),
            ratio,
            rate(of(|turn| turn.searched)),
            searched,
            format!("{:.0} us", of(|turn| turn.processor)),
            format!("{:.0} MiB", of(|turn| turn.memory)),
            growth,
        ]
    };
    let ratio = target(ratio, &format!(">= {RATIO_MIN}"), ratio >= RATIO_MIN);
    let growth = format!("{growth:.0} MiB (target <= {GROWTH_MAX:.0} MiB{miss})");
    Table {
        name: "size",
        header: header([
            "entries",
            "rate, 128 callers",
            "rate / small log's",
            "until searched",
            "/ small log's",
            "processor an entry",
            "memory",
            "more memory",
        ]),
        rows: vec![
            row(effort.few(), &smalls, String::new(), String::new(), String::new()),
            row(effort.entries, &larges, ratio, format!("{searched:.2}"), growth),
        ],
        notes: vec![
            format!(
                "median of {} interleaved pairs of {TURN_ENTRIES} entries, after as many that are not counted",
                effort.rounds
            ),
            "the rate is to the receipt, while the facts index follows; a turn begins when it has caught up, and is \
             shorter than it may lag"
                .to_owned(),
            "memory is resident after the turn, once the facts index has caught up".to_owned(),
        ],
    }
}

/// Starts a server, records once to warm up and once to measure.
fn turn(runtime: &Runtime, ledger: &Ledger, data: &Path, effort: &Effort) -> Turn {
    let server = Server::start(data);
    let target = Target::ledger(runtime, &server);
    let mut fixture = prepared::more(runtime, ledger, &target);
    let count = if effort.quick { 100 } else { TURN_ENTRIES };
    let process = Process(server.id());
    let mut record = || {
        let envelopes = Arc::new(fixture.take(count));
        prepared::settle();
        let (begun, before) = (Instant::now(), process.processor());
        let sample = unary(runtime, &target, CALLERS, &envelopes, Duration::MAX);
        target.wait_until_indexed(runtime);
        (sample, begun.elapsed(), process.processor().saturating_sub(before))
    };
    record();
    let (sample, searched, processor) = record();
    let turn = Turn {
        rate: sample.rate(),
        searched: count as f64 / searched.as_secs_f64(),
        processor: processor.as_secs_f64() * 1e6 / count as f64,
        memory: process.resident(),
    };
    server.stop();
    turn
}

//! One caller: the wait for a durable receipt, beside an echo and one synced write.

use crate::callers::unary;
use crate::disk;
use crate::report::{Table, header, ms, rate, target};
use crate::sample::{Sample, median};
use crate::scenarios::{Bench, Effort};

/// More than a lone caller is answered in a second.
const RATE_MAX: f64 = 6_000.0;

/// Measures in turns: echo, disk, ledger.
pub(crate) fn measure(effort: &Effort) -> Table {
    let mut bench = Bench::new(effort);
    let (mut echo, mut disk, mut ledger) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let envelopes = bench.envelopes(effort.enough(RATE_MAX));
        let turn = effort.turn();
        echo.push(unary(&bench.runtime, &bench.echo, 1, &envelopes, turn));
        disk.push(disk::writes(&effort.dir, turn.min(std::time::Duration::from_secs(1))));
        ledger.push(unary(&bench.runtime, &bench.ledger, 1, &envelopes, turn));
        bench.ledger.wait_until_indexed(&bench.runtime);
    }
    let p50 = |turns: &[Sample], turn: usize| turns[turn].percentile(0.5);
    let turns = 0..effort.rounds;
    let ratio = median(turns.map(|turn| p50(&ledger, turn) / (p50(&echo, turn) + p50(&disk, turn))));
    let row = |name: &str, turns: &[Sample], ratio: String| {
        let all = Sample::pooled(turns);
        let percentiles = [0.5, 0.9, 0.99].map(|part| ms(all.percentile(part)));
        [vec![name.to_owned(), rate(all.rate())], percentiles.to_vec(), vec![ratio]].concat()
    };
    Table {
        name: "lone",
        header: header(["one caller", "rate", "p50", "p90", "p99", "p50 / (echo + disk)"]),
        rows: vec![
            row("echo", &echo, String::new()),
            row("4 KB write and fdatasync", &disk, String::new()),
            row("ledger", &ledger, target(ratio, "<= 1.8", ratio <= 1.8)),
        ],
        notes: vec![format!("median of {} turns of {} s each", effort.rounds, effort.seconds)],
    }
}

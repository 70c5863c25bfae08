//! One stream of many envelopes, each answered, beside the same stream of an echo.

use std::time::Instant;

use crate::callers::stream;
use crate::process::Process;
use crate::report::{Table, header, ms, rate};
use crate::sample::{Sample, median};
use crate::scenarios::{Bench, Effort};

/// What a stream must reach, on two cores.
const RATE_MIN: f64 = 9_000.0;

/// Measures in turns: echo, ledger. A turn is a number of envelopes: about as many as are recorded in its time.
pub(crate) fn measure(effort: &Effort) -> Table {
    let mut bench = Bench::new(effort);
    let (mut echo, mut ledger, mut facts) = (Vec::new(), Vec::new(), Vec::new());
    let (server, client) = (Process(bench.server.id()), Process::this());
    let mut busy = 0.0;
    for _ in 0..effort.rounds {
        let envelopes = bench.envelopes(effort.enough(RATE_MIN));
        echo.push(stream(&bench.runtime, &bench.echo, &envelopes));
        let before = server.processor() + client.processor();
        let begun = Instant::now();
        let turn = stream(&bench.runtime, &bench.ledger, &envelopes);
        busy += (server.processor() + client.processor()).saturating_sub(before).as_secs_f64();
        bench.ledger.wait_until_indexed(&bench.runtime);
        facts.push(turn.answers() as f64 / begun.elapsed().as_secs_f64());
        ledger.push(turn);
    }
    let ratio = median(ledger.iter().zip(&echo).map(|(ledger, echo)| ledger.rate() / echo.rate()));
    let reached = median(ledger.iter().map(Sample::rate));
    let (all, bare) = (Sample::pooled(&ledger), Sample::pooled(&echo));
    let miss = if reached >= RATE_MIN { "" } else { ", missed" };
    let percentiles = |sample: &Sample| [0.5, 0.99].map(|part| ms(sample.percentile(part))).to_vec();
    Table {
        name: "bulk",
        header: header(["one stream", "rate", "p50", "p99", "rate / echo"]),
        rows: vec![
            [vec!["echo".to_owned(), rate(bare.rate())], percentiles(&bare), vec![String::new()]].concat(),
            [
                vec!["ledger".to_owned(), format!("{} (target >= {}{miss})", rate(reached), rate(RATE_MIN))],
                percentiles(&all),
                vec![format!("{ratio:.3}")],
            ]
            .concat(),
        ],
        notes: vec![
            format!("median of {} turns of {} envelopes each", effort.rounds, effort.enough(RATE_MIN)),
            format!("until the facts index had caught up as well: {}", rate(median(facts))),
            format!("{:.2} cores busy while recording, both processes", busy / all.took.as_secs_f64()),
        ],
    }
}

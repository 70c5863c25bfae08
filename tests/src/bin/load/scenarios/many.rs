//! Many callers, each waiting for its receipt before it calls again, beside the same callers of an echo.

use std::time::Duration;
use std::time::Instant;

use crate::callers::unary;
use crate::process::Process;
use crate::report::{Table, header, ms, rate, target};
use crate::sample::{Sample, median};
use crate::scenarios::{Bench, Effort};

/// How many callers, and what is wanted of them.
pub(crate) struct Callers {
    name: &'static str,
    at_once: usize,
    /// The least part of the echo's rate.
    ratio: f64,
    /// The longest wait of 99 in 100, in milliseconds.
    p99: Option<f64>,
}

pub(crate) const CALLERS_64: Callers = Callers { name: "callers-64", at_once: 64, ratio: 0.12, p99: None };
pub(crate) const CALLERS_128: Callers =
    Callers { name: "callers-128", at_once: 128, ratio: 0.25, p99: Some(60.0) };

/// More than two cores answer in a second.
const RATE_MAX: f64 = 12_000.0;

/// Measures in turns: echo, ledger; before each turn of the echo the facts index has caught up.
pub(crate) fn measure(effort: &Effort, wanted: &Callers) -> Table {
    let mut bench = Bench::new(effort);
    let (mut echo, mut ledger, mut facts) = (Vec::new(), Vec::new(), Vec::new());
    let (server, client) = (Process(bench.server.id()), Process::this());
    let (mut server_time, mut client_time) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..effort.rounds {
        let envelopes = bench.envelopes(effort.enough(RATE_MAX));
        echo.push(unary(&bench.runtime, &bench.echo, wanted.at_once, &envelopes, effort.turn()));
        let before = (server.processor(), client.processor());
        let begun = Instant::now();
        let turn = unary(&bench.runtime, &bench.ledger, wanted.at_once, &envelopes, effort.turn());
        server_time += server.processor().saturating_sub(before.0);
        client_time += client.processor().saturating_sub(before.1);
        bench.ledger.wait_until_indexed(&bench.runtime);
        facts.push(turn.answers() as f64 / begun.elapsed().as_secs_f64());
        ledger.push(turn);
    }
    let ratio = median(ledger.iter().zip(&echo).map(|(ledger, echo)| ledger.rate() / echo.rate()));
    let (all, bare) = (Sample::pooled(&ledger), Sample::pooled(&echo));
    let per_entry = |time: Duration| time.as_secs_f64() * 1e6 / all.answers() as f64;
    let p99 = all.percentile(0.99);
    let p99_text = match wanted.p99 {
        Some(max) if p99 >= max => format!("{} (target < {max} ms, missed)", ms(p99)),
        Some(max) => format!("{} (target < {max} ms)", ms(p99)),
        None => ms(p99),
    };
    let row = |name: &str, sample: &Sample, p99: String, ratio: String| {
        let percentiles = [0.5, 0.9].map(|part| ms(sample.percentile(part)));
        [vec![name.to_owned(), rate(sample.rate())], percentiles.to_vec(), vec![p99, ratio]].concat()
    };
    Table {
        name: wanted.name,
        header: header(["callers", "rate", "p50", "p90", "p99", "rate / echo"]),
        rows: vec![
            row(&format!("echo, {}", wanted.at_once), &bare, ms(bare.percentile(0.99)), String::new()),
            row(
                &format!("ledger, {}", wanted.at_once),
                &all,
                p99_text,
                target(ratio, &format!(">= {}", wanted.ratio), ratio >= wanted.ratio),
            ),
        ],
        notes: vec![
            format!(
                "median of {} turns of {} s each; rates are to the receipt",
                effort.rounds, effort.seconds
            ),
            format!("until the facts index had caught up as well: {}", rate(median(facts))),
            format!(
                "processor time an entry while recording: server {:.0} us, facts index included; generator {:.0} us; {:.2} cores busy",
                per_entry(server_time),
                per_entry(client_time),
                (server_time + client_time).as_secs_f64() / all.took.as_secs_f64(),
            ),
        ],
    }
}

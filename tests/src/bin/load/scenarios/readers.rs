//! Whether those who ask hold up those who record.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use custody_tests::evidence::artifact_hex;
use custody_wire::v1::{Condition, FindRequest};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::callers::unary;
use crate::report::{Table, header, ms, rate, target};
use crate::sample::{Sample, median};
use crate::scenarios::{Bench, Effort};
use crate::target::{Target, log};

const READERS: usize = 16;
const RECORDERS: usize = 16;
/// Builds that are asked about.
const ASKED_ABOUT: usize = 2_000;
/// The most that a record may take beside readers, at the 99th percentile, in records without.
const RATIO_MAX: f64 = 3.0;

/// Measures in turns: recording without anybody who asks, then with readers who ask half as often as they could alone.
pub(crate) fn measure(effort: &Effort) -> Table {
    let mut bench = Bench::new(effort);
    let known = bench.envelopes(if effort.quick { 50 } else { ASKED_ABOUT });
    let known_count = known.len();
    unary(&bench.runtime, &bench.ledger, RECORDERS, &known, Duration::MAX);
    bench.ledger.wait_until_indexed(&bench.runtime);
    let (mut alone, mut without, mut with, mut asked) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut guess = 2_000.0;
    for _ in 0..effort.rounds {
        let readers = Readers::start(&bench.runtime, &bench.ledger, known_count, None);
        std::thread::sleep(effort.turn());
        alone.push(readers.stop(&bench.runtime));
        without.push(record(&mut bench, effort, &mut guess));
        let pace = Duration::from_secs_f64(READERS as f64 / (median(alone.iter().copied()) / 2.0));
        let readers = Readers::start(&bench.runtime, &bench.ledger, known_count, Some(pace));
        with.push(record(&mut bench, effort, &mut guess));
        asked.push(readers.stop(&bench.runtime));
    }
    let [without, with] = [without, with].map(|turns| Sample::pooled(&turns));
    let ratio = with.percentile(0.99) / without.percentile(0.99);
    let row = |name: &str, sample: &Sample, asked: String, ratio: String| {
        let parts = [0.5, 0.9, 0.99].map(|part| ms(sample.percentile(part)));
        [vec![name.to_owned(), rate(sample.rate())], parts.to_vec(), vec![ratio, asked]].concat()
    };
    let asked = format!("{} of {} alone", rate(median(asked)), rate(median(alone)));
    let ratio = target(ratio, &format!("<= {RATIO_MAX}"), ratio <= RATIO_MAX);
    Table {
        name: "readers",
        header: header(["recording", "rate", "p50", "p90", "p99", "p99 / without", "answers to readers"]),
        rows: vec![
            row("nobody asks", &without, String::new(), String::new()),
            row(&format!("{READERS} readers ask"), &with, asked, ratio),
        ],
        notes: vec![format!(
            "{RECORDERS} callers record, as fast as they are answered; readers ask for builds by digest, each at a pace that makes half of what \
             all reach alone; {} turns",
            effort.rounds
        )],
    }
}

fn record(bench: &mut Bench, effort: &Effort, guess: &mut f64) -> Sample {
    let envelopes = bench.envelopes(effort.enough(*guess * 1.5));
    let sample = unary(&bench.runtime, &bench.ledger, RECORDERS, &envelopes, effort.turn());
    *guess = guess.max(sample.rate());
    sample
}

/// Tasks that ask until they are stopped.
struct Readers {
    tasks: Vec<JoinHandle<()>>,
    answers: Arc<AtomicUsize>,
    begun: Instant,
}

impl Readers {
    /// Starts them, each over the one connection; with a pace, each asks once in that time, and at once if it is late.
    fn start(runtime: &Runtime, target: &Arc<Target>, known: usize, pace: Option<Duration>) -> Self {
        let answers = Arc::new(AtomicUsize::new(0));
        let reader = |number: usize| {
            let (mut query, answers) = (target.query(), Arc::clone(&answers));
            runtime.spawn(async move {
                let begun = Instant::now();
                for turn in 0_u32.. {
                    let name = format!("artifact-{:012}", 1 + (number * 7_919 + turn as usize * 31) % known);
                    let value = format!("sha256:{}", artifact_hex(&name));
                    let conditions = vec![Condition { field: "subject".to_owned(), value }];
                    let request = FindRequest { log: Some(log()), conditions, ..FindRequest::default() };
                    let found = query.find(request).await.expect("an answer").into_inner();
                    assert_eq!(found.indexes.len(), 1, "the build is found");
                    answers.fetch_add(1, Ordering::Relaxed);
                    if let Some(pace) = pace {
                        let due = begun + pace * (turn + 1);
                        tokio::time::sleep_until(due.into()).await;
                    }
                }
            })
        };
        let tasks = (0..READERS).map(reader).collect();
        Self { tasks, answers, begun: Instant::now() }
    }

    /// Stops them, and returns how many answers there were a second.
    fn stop(self, runtime: &Runtime) -> f64 {
        let found = self.answers.load(Ordering::Relaxed) as f64 / self.begun.elapsed().as_secs_f64();
        for task in self.tasks {
            task.abort();
            let ended = runtime.block_on(task);
            assert!(ended.is_err_and(|error| error.is_cancelled()), "a reader asks until it is stopped");
        }
        found
    }
}

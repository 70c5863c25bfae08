//! How long it takes from the command of a responder until another client sees it, beside a plain `custody record`.

use std::time::{Duration, Instant};

use custody_evidence::trust::DISTRUST_TYPE;
use custody_tests::client::User;
use custody_tests::evidence::artifact_hex;
use custody_tests::wire::Caller;
use serde_json::Value;

use crate::report::{Table, header, ms, ratio};
use crate::sample::Sample;
use crate::scenarios::{Bench, Effort};

/// How often an artifact is distrusted, half of them looked for with `find` and half with `trace`: some 0.3 s each, most of it processes
/// that start.
const TIMES: usize = 100;

/// What was measured, each from the start of the command.
#[derive(Default)]
struct Found {
    recorded: Vec<Duration>,
    distrusted: Vec<Duration>,
    by_find: Vec<Duration>,
    by_trace: Vec<Duration>,
}

/// Measures in turns: an approval that is recorded, then an artifact that is distrusted and looked for by another client.
pub(crate) fn measure(effort: &Effort) -> Table {
    let mut bench = Bench::new(effort);
    let (url, pin) = (bench.server.url(), Caller::of(&bench.server).pin());
    let home = bench.log.home().to_owned();
    let responder = User::of(&url, &pin, &home.join("admin.key"));
    let (writer, other) = [(); 2].map(|()| User::of(&url, &pin, &bench.log.writer_key_file(0))).into();
    let mut found = Found::default();
    for turn in 0..if effort.quick { 2 } else { TIMES } {
        let envelope = bench.envelopes(1);
        Caller::of(&bench.server).record(&envelope[0]).expect("an envelope can be recorded");
        bench.ledger.wait_until_indexed(&bench.runtime);
        let artifact = format!("sha256:{}", artifact_hex(&format!("artifact-{:012}", turn + 1)));
        found.recorded.push(record(&writer, &artifact));
        let begun = Instant::now();
        run(&responder, &["distrust", &artifact, "--since", "unknown", "--reason", "it steals tokens"]);
        found.distrusted.push(begun.elapsed());
        if turn % 2 == 0 {
            until(|| shown(&other, &["find", "--subject", &artifact], "entries", "check"));
            found.by_find.push(begun.elapsed());
        } else {
            until(|| shown(&other, &["trace", &artifact], "edges", "status"));
            found.by_trace.push(begun.elapsed());
        }
    }
    table(found)
}

fn table(found: Found) -> Table {
    let sample = |latencies: Vec<Duration>| Sample::new(latencies.iter().sum(), latencies);
    let recorded = sample(found.recorded);
    let row = |name: &str, sample: &Sample| {
        let parts = [0.5, 0.9, 0.99].map(|part| ms(sample.percentile(part)));
        let times = ratio(sample.percentile(0.5) / recorded.percentile(0.5));
        [vec![name.to_owned()], parts.to_vec(), vec![times]].concat()
    };
    let times = recorded.answers();
    Table {
        name: "distrust",
        header: header(["from the start of the command", "p50", "p90", "p99", "p50 / record"]),
        rows: vec![
            row("`custody record approval` ends", &recorded),
            row("`custody distrust` ends", &sample(found.distrusted)),
            row("`custody find` of another client shows it", &sample(found.by_find)),
            row("`custody trace` of another client shows it", &sample(found.by_trace)),
        ],
        notes: vec![
            format!("{times} artifacts distrusted, half looked for with each; the other client asks once the command has ended, and again until it sees it"),
            "every command is a process of its own, which opens the log, checks what is new, and verifies what it shows".to_owned(),
        ],
    }
}

fn record(writer: &User, artifact: &str) -> Duration {
    let begun = Instant::now();
    run(writer, &["record", "approval", "--for", "prod", "--subject", artifact, "--approver", "alice"]);
    begun.elapsed()
}

fn run(user: &User, arguments: &[&str]) {
    let ended = user.custody(arguments);
    assert_eq!(ended.code, Some(0), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
}

/// Whether all that an answer lists is distrusted, but for the distrust itself.
fn shown(user: &User, arguments: &[&str], list: &str, member: &str) -> bool {
    let (_, answer) = user.json(arguments);
    let listed: &[Value] = answer[list].as_array().map_or(&[], Vec::as_slice);
    let mut said = listed.iter().filter(|one| one["predicate"] != DISTRUST_TYPE).peekable();
    said.peek().is_some() && said.all(|one| one[member] == "distrusted")
}

fn until(mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it is not shown as distrusted");
    }
}

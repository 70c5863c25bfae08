//! Whether an answer costs as much in a large log as in one of a tenth of its size.

use std::path::Path;
use std::time::{Duration, Instant};

use custody_tests::dice::Dice;
use custody_tests::evidence::artifact_hex;
use custody_tests::server::{Ledger, Server};
use custody_wire::v1::query_client::QueryClient;
use custody_wire::v1::{Condition, FindRequest, ImpactRequest, Node, TraceRequest};
use tokio::runtime::Runtime;
use tonic::transport::Channel;

use crate::inventory::{self, KINDS, PARTS, Planted};
use crate::prepared;
use crate::process::Process;
use crate::report::{Table, count, header, ms, target};
use crate::sample::Sample;
use crate::scenarios::Effort;
use crate::target::{Target, log};

/// How often each question is asked of each log, after as many as there are kinds of it that are not counted.
const TIMES: usize = 400;
/// The most that an answer of the large log may take, in answers of the small one.
const RATIO_MAX: f64 = 1.5;

/// What is asked.
struct Question {
    name: &'static str,
    /// Milliseconds that 99 of 100 answers of the large log may take.
    limit: f64,
    ask: fn(&mut Dice, u64) -> Asked,
    /// How much of [`TIMES`]: a large answer is asked for less often.
    share: usize,
}

/// One question, and its terms.
enum Asked {
    Find(FindRequest),
    Trace(TraceRequest),
    Impact(ImpactRequest),
}

const QUESTIONS: [Question; 5] = [
    Question { name: "find, by digest", limit: 10.0, ask: by_digest, share: 1 },
    Question { name: "find, by exact purl", limit: 10.0, ask: by_purl, share: 1 },
    Question { name: "find, by version range", limit: 50.0, ask: by_range, share: 2 },
    Question { name: "trace of a chain", limit: 20.0, ask: trace, share: 1 },
    Question { name: "impact of a dependency", limit: 300.0, ask: impact, share: 4 },
];

/// A log that is asked, with how many things answers had.
struct Side {
    entries: u64,
    server: Server,
    query: QueryClient<Channel>,
    dice: Dice,
}

/// Measures in turns: each question to the small log, then to the large one.
pub(crate) fn measure(effort: &Effort) -> Table {
    let runtime = Runtime::new().expect("a runtime can be made");
    let planted = if effort.quick { Planted::QUICK } else { Planted::WHOLE };
    let few = effort.entries / 10;
    let ledgers =
        [few, effort.entries].map(|entries| inventory::log(&runtime, &effort.dir, entries, planted));
    let mut sides = [(few, &ledgers[0]), (effort.entries, &ledgers[1])].map(|(entries, ledger)| {
        let server = ledger.serve();
        let target = Target::ledger(&runtime, &server);
        // An index of another format is made again, and answers as far as it got.
        target.wait_until_indexed(&runtime);
        let query = target.query();
        Side { entries, server, query, dice: Dice::of(7) }
    });
    let rows = QUESTIONS.map(|question| row(&runtime, &question, &mut sides, effort));
    let memory = Process(sides[1].server.id()).resident();
    for side in sides {
        side.server.stop();
    }
    let components = effort.entries * 10 + planted.sboms * inventory::COMPONENTS as u64;
    Table {
        name: "answers",
        header: header([
            "question",
            "in an answer",
            "small log, p50",
            "large log, p50",
            "large / small",
            "large log, p99",
        ]),
        rows: rows.into(),
        notes: vec![
            format!(
                "{} and {} builds, and ten edges to components for each of them in SBOMs of {}; what is asked about is spread over the log, and \
                 is there as often in both",
                count(few),
                count(effort.entries),
                count(inventory::COMPONENTS as u64)
            ),
            "one caller, from the question to the whole answer of the server; in turns, small log and large"
                .to_owned(),
            format!("memory of the large log's server afterwards: {memory:.0} MiB"),
            disk(&runtime, effort, &ledgers, [few * 10, components]),
        ],
    }
}

fn row(runtime: &Runtime, question: &Question, sides: &mut [Side; 2], effort: &Effort) -> Vec<String> {
    let times = if effort.quick { 3 } else { TIMES / question.share };
    let mut latencies = [Vec::new(), Vec::new()];
    let mut answered = [0, 0];
    for turn in 0..times + KINDS as usize {
        for (at, side) in sides.iter_mut().enumerate() {
            let asked = (question.ask)(&mut side.dice, side.entries);
            let (took, things) = runtime.block_on(answer(&mut side.query, asked));
            assert!(things > 0, "{}: nothing is found", question.name);
            if turn >= KINDS as usize {
                latencies[at].push(took);
                answered[at] = things;
            }
        }
    }
    assert_eq!(answered[0], answered[1], "{}: as much in both logs", question.name);
    let [small, large] = latencies.map(|all| Sample::new(all.iter().sum(), all));
    let (p50, p99) = (large.percentile(0.5), large.percentile(0.99));
    let ratio = p50 / small.percentile(0.5);
    let miss = if p99 <= question.limit { "" } else { ", missed" };
    vec![
        question.name.to_owned(),
        answered[1].to_string(),
        ms(small.percentile(0.5)),
        ms(p50),
        target(ratio, &format!("<= {RATIO_MAX}"), ratio <= RATIO_MAX),
        format!("{} (target <= {:.0} ms{miss})", ms(p99), question.limit),
    ]
}

/// Returns how long an answer took, and how many entries, edges or artifacts are in it.
async fn answer(query: &mut QueryClient<Channel>, asked: Asked) -> (Duration, usize) {
    let begun = Instant::now();
    let things = match asked {
        Asked::Find(mut request) => {
            let mut found = 0;
            loop {
                let page = query.find(request.clone()).await.expect("an answer").into_inner();
                found += page.indexes.len();
                if page.next == 0 {
                    break found;
                }
                request.next = page.next;
            }
        }
        Asked::Trace(request) => query.trace(request).await.expect("an answer").into_inner().edges.len(),
        Asked::Impact(request) => {
            let answer = query.impact(request).await.expect("an answer").into_inner();
            assert!(!answer.truncated, "all that came from it");
            let mut reached: Vec<&str> = answer
                .edges
                .iter()
                .flat_map(|edge| [&edge.from, &edge.to])
                .flatten()
                .filter(|node| node.kind == "artifact")
                .map(|node| node.id.as_str())
                .collect();
            reached.sort_unstable();
            reached.dedup();
            reached.len()
        }
    };
    (begun.elapsed(), things)
}

fn find(field: &str, value: String) -> Asked {
    let conditions = vec![Condition { field: field.to_owned(), value }];
    Asked::Find(FindRequest { log: Some(log()), conditions, limit: 1_000, ..FindRequest::default() })
}

fn by_digest(dice: &mut Dice, entries: u64) -> Asked {
    let name = format!("artifact-{:012}", 1 + dice.roll(entries as usize) as u64);
    find("subject", format!("sha256:{}", artifact_hex(&name)))
}

fn by_purl(dice: &mut Dice, _: u64) -> Asked {
    find("component", inventory::exact(dice.roll(KINDS as usize) as u64))
}

fn by_range(dice: &mut Dice, _: u64) -> Asked {
    find("component", inventory::range(dice.roll(KINDS as usize) as u64))
}

fn trace(dice: &mut Dice, _: u64) -> Asked {
    let node = artifact(&inventory::chained(dice.roll(PARTS as usize) as u64));
    Asked::Trace(TraceRequest { log: Some(log()), node: Some(node), ..TraceRequest::default() })
}

fn impact(dice: &mut Dice, _: u64) -> Asked {
    let node = artifact(&inventory::dependency(dice.roll(KINDS as usize) as u64));
    Asked::Impact(ImpactRequest { log: Some(log()), nodes: vec![node], ..ImpactRequest::default() })
}

fn artifact(hex: &str) -> Node {
    Node { kind: "artifact".to_owned(), id: format!("sha256:{hex}"), label: String::new() }
}

/// Says what the index takes on the disk. A log with builds alone tells what an entry takes, and the rest is the components'.
fn disk(runtime: &Runtime, effort: &Effort, ledgers: &[Ledger; 2], components: [u64; 2]) -> String {
    let plain_entries = if effort.quick { effort.few() } else { effort.entries / 10 };
    let plain = prepared::log(runtime, &effort.dir, plain_entries).data();
    let [_, large] = ledgers.each_ref().map(Ledger::data);
    let of = |data: &Path, part: &str| bytes_in(&data.join(part)) as f64;
    let an_entry = of(&plain, "index") / plain_entries as f64;
    let index = of(&large, "index");
    let a_component = (index - an_entry * effort.entries as f64).max(0.0) / components[1] as f64;
    let journal = of(&large, "journal");
    let ratio = bytes_in(&large) as f64 / journal;
    format!(
        "the index takes {an_entry:.0} bytes an entry of builds, and {a_component:.1} bytes an edge to a component; all files take {} of the \
         journal, which is envelopes, admission records and entries, and 1 % more",
        target(ratio, "<= 1.5", ratio <= 1.5)
    )
}

fn bytes_in(folder: &Path) -> u64 {
    let listed = std::fs::read_dir(folder).expect("a folder can be listed").flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(known) if known.is_dir() => bytes_in(&entry.path()),
        Ok(known) => known.len(),
        Err(_) => 0,
    };
    listed.map(size).sum()
}

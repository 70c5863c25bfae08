//! What can be measured, one file a question.

mod answers;
mod audit;
mod bulk;
mod distrust;
mod gate;
mod lone;
mod many;
mod open;
mod readers;
mod rebuild;
mod size;
mod uploads;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use custody_tests::server::{Ledger, Server};
use prost::bytes::Bytes;
use tokio::runtime::Runtime;

use crate::echo::Echo;
use crate::fixture::Fixture;
use crate::report::Table;
use crate::target::Target;

/// How much is measured, and where.
#[derive(Debug, Clone)]
pub(crate) struct Effort {
    pub(crate) seconds: f64,
    pub(crate) rounds: usize,
    pub(crate) entries: u64,
    pub(crate) dir: PathBuf,
    pub(crate) quick: bool,
}

impl Effort {
    /// The least that shows that everything runs.
    pub(crate) fn quick(dir: PathBuf) -> Self {
        Self { seconds: 0.1, rounds: 1, entries: 600, dir, quick: true }
    }

    fn turn(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// The entries of the small log.
    fn few(&self) -> u64 {
        if self.quick { 200 } else { 10_000 }
    }

    /// Envelopes for one turn, if so many are answered a second.
    fn enough(&self, rate: f64) -> usize {
        (rate * self.seconds) as usize + 64
    }
}

/// A question that this program answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// One caller: how long it waits.
    Lone,
    /// 64 callers at once.
    Callers64,
    /// 128 callers at once.
    Callers128,
    /// One stream of many envelopes.
    Bulk,
    /// Four uploads of 64 MiB at once.
    Uploads,
    /// From a distrust until others see it.
    Distrust,
    /// Verdicts: of a command, of the server, of all that is live.
    Gate,
    /// Recording while others ask.
    Readers,
    /// The index made again, beside plain inserts.
    Rebuild,
    /// A large log beside a small one: rate and memory.
    Size,
    /// The start of a large log beside that of a small one.
    Open,
    /// A large log audited from its first entry.
    Audit,
    /// Questions to a large log beside one of a tenth of its size.
    Answers,
}

impl Scenario {
    pub(crate) fn needs_large_log(self) -> bool {
        matches!(self, Self::Rebuild | Self::Size | Self::Open | Self::Audit | Self::Answers)
    }

    pub(crate) fn measure(self, effort: &Effort) -> Table {
        match self {
            Self::Lone => lone::measure(effort),
            Self::Callers64 => many::measure(effort, &many::CALLERS_64),
            Self::Callers128 => many::measure(effort, &many::CALLERS_128),
            Self::Bulk => bulk::measure(effort),
            Self::Uploads => uploads::measure(effort),
            Self::Distrust => distrust::measure(effort),
            Self::Rebuild => rebuild::measure(effort),
            Self::Size => size::measure(effort),
            Self::Open => open::measure(effort),
            Self::Audit => audit::measure(effort),
            Self::Gate => gate::measure(effort),
            Self::Answers => answers::measure(effort),
            Self::Readers => readers::measure(effort),
        }
    }
}

/// A new log and an echo, each with a server of its own and one connection.
struct Bench {
    runtime: Runtime,
    fixture: Fixture,
    ledger: Arc<Target>,
    echo: Target,
    server: Server,
    log: Ledger,
    _echo: Echo,
}

impl Bench {
    fn new(effort: &Effort) -> Self {
        let runtime = Runtime::new().expect("a runtime can be made");
        let log = Ledger::new_in(&effort.dir, 1);
        let (server, echo_server) = (log.serve(), Echo::start());
        Self {
            fixture: Fixture::new(&log.writers[0], 1),
            ledger: Arc::new(Target::ledger(&runtime, &server)),
            echo: Target::echo(&runtime, &echo_server),
            runtime,
            server,
            log,
            _echo: echo_server,
        }
    }

    fn envelopes(&mut self, count: usize) -> Arc<Vec<Bytes>> {
        Arc::new(self.fixture.take(count))
    }
}

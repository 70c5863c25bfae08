//! Logs that are filled before anything is measured.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use custody_tests::server::Ledger;
use tokio::runtime::Runtime;

use crate::callers;
use crate::fixture::Fixture;
use crate::target::Target;

/// How many envelopes are signed and sent at a time while a log is filled.
const CHUNK: u64 = 20_000;

/// Returns a log with this many entries and their facts in `dir`, and makes it if it is not there. It was closed
/// cleanly.
pub(crate) fn log(runtime: &Runtime, dir: &Path, entries: u64) -> Ledger {
    let home = dir.join(format!("log-{entries}"));
    let whole = home.join("whole");
    if whole.exists() {
        return Ledger::at(&home, 1);
    }
    if home.exists() {
        std::fs::remove_dir_all(&home).expect("a half-made log can be removed");
    }
    let ledger = Ledger::at(&home, 1);
    let server = ledger.serve();
    let target = Target::ledger(runtime, &server);
    let mut fixture = Fixture::new(&ledger.writers[0], 1);
    let mut done = 1;
    while done < entries {
        let count = CHUNK.min(entries - done);
        let envelopes = Arc::new(fixture.take(count as usize));
        callers::unary(runtime, &target, 128, &envelopes, Duration::MAX);
        done += count;
        eprintln!("filling a log: {done} of {entries} entries");
        target.wait_until_indexed(runtime);
    }
    drop(target);
    server.stop();
    std::fs::write(whole, "").expect("a file can be written");
    ledger
}

/// Returns a copy of a log, to be written to.
pub(crate) fn copy(ledger: &Ledger, dir: &Path, name: &str) -> PathBuf {
    let to = dir.join(name);
    if to.exists() {
        std::fs::remove_dir_all(&to).expect("an old copy can be removed");
    }
    custody_tests::server::copy_folder(ledger.home(), &to);
    to.join("data")
}

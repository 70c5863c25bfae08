//! Logs that are filled before anything is measured.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use custody_tests::server::Ledger;
use tokio::runtime::Runtime;

use crate::callers;
use crate::fixture::Fixture;
use crate::target::Target;

/// How many envelopes are signed and sent at a time while a log is filled: 80 MiB of memory.
const CHUNK: u64 = 20_000;

/// Returns a log with at least this many entries and their facts in `dir`, and makes it over one stream if it is not
/// there. It was closed cleanly. What was recorded into it after it was filled is still there.
pub(crate) fn log(runtime: &Runtime, dir: &Path, entries: u64) -> Ledger {
    kept(runtime, &dir.join(format!("log-{entries}")), |ledger, target| {
        let mut fixture = Fixture::new(&ledger.writers[0], 1);
        let begun = Instant::now();
        let mut done = 1;
        while done < entries {
            let count = CHUNK.min(entries - done);
            callers::stream(runtime, target, &Arc::new(fixture.take(count as usize)));
            done += count;
            // The index never lags by more than a chunk, so the whole of it is there at the end.
            target.wait_until_indexed(runtime);
            let seconds = begun.elapsed().as_secs_f64();
            eprintln!("filling a log: {done} of {entries} entries after {seconds:.0} s");
        }
    })
}

/// Returns the log in this folder, and fills it if it is not there; one whose filling was interrupted is filled anew.
pub(crate) fn kept(runtime: &Runtime, home: &Path, fill: impl FnOnce(&Ledger, &Target)) -> Ledger {
    let whole = home.join("whole");
    if whole.exists() {
        return Ledger::at(home, 1);
    }
    if home.exists() {
        std::fs::remove_dir_all(home).expect("a half-made log can be removed");
    }
    let ledger = Ledger::at(home, 1);
    let server = ledger.serve();
    let target = Target::ledger(runtime, &server);
    fill(&ledger, &target);
    drop(target);
    server.stop();
    std::fs::write(whole, "").expect("a file can be written");
    settle();
    ledger
}

/// Returns envelopes that a prepared log does not have yet, whatever was recorded into it: each is numbered above the
/// tree size that it finds.
pub(crate) fn more(runtime: &Runtime, ledger: &Ledger, target: &Target) -> Fixture {
    const FIRST: u64 = 1 << 32;
    Fixture::new(&ledger.writers[0], FIRST + target.wait_until_indexed(runtime))
}

/// Returns a copy of a log, to be written to.
pub(crate) fn copy(ledger: &Ledger, dir: &Path, name: &str) -> PathBuf {
    let to = dir.join(name);
    if to.exists() {
        std::fs::remove_dir_all(&to).expect("an old copy can be removed");
    }
    custody_tests::server::copy_folder(ledger.home(), &to);
    settle();
    to.join("data")
}

/// Waits until the disk has what was written, so that the next measurement does not wait for it.
pub(crate) fn settle() {
    let synced = Command::new("sync").status();
    assert!(synced.is_ok_and(|status| status.success()), "the disk can be synced");
}

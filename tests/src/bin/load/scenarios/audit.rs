//! A whole log audited by `custody audit`, beside the bare check of its signatures.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use custody_evidence::dsse::Envelope;
use custody_tests::binaries::Binaries;
use custody_tests::client::User;
use custody_tests::server::Ledger;
use custody_tests::wire::Caller;
use tokio::runtime::Runtime;

use crate::fixture::Fixture;
use crate::prepared;
use crate::process::{Process, Ran};
use crate::report::{Table, count, header, rate, ratio};
use crate::sample::median;
use crate::scenarios::Effort;

/// Entries for each second of the client's processor time.
const RATE_MIN: f64 = 8_000.0;

/// What one turn found, in entries a second.
struct Turn {
    /// One signature of one envelope after the other, on one core.
    signatures: f64,
    /// Of the clock.
    wall: f64,
    /// Of the client's processor time.
    client: f64,
    /// Of the server's.
    server: f64,
}

/// Measures in turns: signatures alone, then the audit of a user who has never seen the log.
pub(crate) fn measure(effort: &Effort) -> Table {
    let runtime = Runtime::new().expect("a runtime can be made");
    let ledger = prepared::log(&runtime, &effort.dir, effort.entries);
    let server = ledger.serve();
    let pin = Caller::of(&server).pin();
    let (mut turns, mut entries) = (Vec::new(), 0);
    for _ in 0..effort.rounds.min(3) {
        let signatures = signatures(&ledger, if effort.quick { 100 } else { 10_000 });
        let user = User::of(&server.url(), &pin, &ledger.writer_key_file(0));
        let before = Process(server.id()).processor();
        let ran = audit(user.home());
        let serving = Process(server.id()).processor().saturating_sub(before);
        entries = audited(&ran);
        let each = |time: std::time::Duration| entries as f64 / time.as_secs_f64().max(0.01);
        turns.push(Turn {
            signatures,
            wall: each(ran.took),
            client: each(ran.processor),
            server: each(serving),
        });
    }
    server.stop();
    table(&turns, entries)
}

fn table(turns: &[Turn], entries: u64) -> Table {
    let of = |figure: fn(&Turn) -> f64| median(turns.iter().map(figure));
    let client = of(|turn| turn.client);
    let miss = if client >= RATE_MIN { "" } else { ", missed" };
    let row = |name: &str, figure: String, part: String| vec![name.to_owned(), figure, part];
    let part =
        |figure: fn(&Turn) -> f64| ratio(median(turns.iter().map(|turn| figure(turn) / turn.signatures)));
    Table {
        name: "audit",
        header: header(["custody audit", "entries", "/ signatures alone"]),
        rows: vec![
            row("signatures alone, a core", rate(of(|turn| turn.signatures)), String::new()),
            row(
                "a second of the client's processor time",
                format!("{} (target >= {}{miss})", rate(client), rate(RATE_MIN)),
                part(|turn| turn.client),
            ),
            row(
                "a second of the server's processor time",
                rate(of(|turn| turn.server)),
                part(|turn| turn.server),
            ),
            row("a second of the clock", rate(of(|turn| turn.wall)), part(|turn| turn.wall)),
        ],
        notes: vec![format!(
            "{} entries of a server on the same cores, from entry 0, median of {} turns; signatures alone is the check \
             of the Ed25519 signature of such an envelope that was read before",
            count(entries),
            turns.len(),
        )],
    }
}

/// Returns how many signatures are checked in a second of processor time.
fn signatures(ledger: &Ledger, checks: usize) -> f64 {
    let key = &ledger.writers[0];
    let envelope = Fixture::new(key, 1).take(1).remove(0);
    let envelope = Envelope::parse(&envelope).expect("a fixture is an envelope");
    let keys = [key.public().clone()];
    let before = Process::this().processor();
    for _ in 0..checks {
        black_box(&envelope).require(&keys, 1).expect("it was signed by this key");
    }
    let took = Process::this().processor().saturating_sub(before);
    checks as f64 / took.as_secs_f64().max(0.01)
}

fn audit(home: &Path) -> Ran {
    let mut command = Command::new(Binaries::built().custody());
    command.args(["audit", "-o", "json"]).env_clear().env("HOME", home).current_dir(home);
    Ran::of(command)
}

/// Returns how many entries were audited; all of them were found sound.
fn audited(ran: &Ran) -> u64 {
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("its result is JSON");
    assert_eq!(document["sound"], true, "{document}");
    document["at"]["size"].as_u64().expect("a tree size")
}

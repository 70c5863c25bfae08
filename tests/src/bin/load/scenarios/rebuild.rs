//! The index made again from the journal, beside plain inserts of the same rows into a new database, a key each.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use custody_evidence::dsse::Envelope;
use custody_evidence::fact;
use custody_evidence::statement::Statement;
use custody_tests::binaries::Binaries;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Runtime;

use crate::fixture::Fixture;
use crate::prepared;
use crate::process::{Process, Ran};
use crate::report::{Table, count, header, rate, target};
use crate::sample::median;
use crate::scenarios::Effort;

/// Keys in one batch of the plain inserts: larger ones cost memory out of proportion.
const BATCH_KEYS: usize = 256;
/// Entries whose rows are inserted plainly. Inserts get slower as a database grows, so fewer flatter them.
const BARE_ENTRIES: u64 = 100_000;
/// The cache of the server's index.
const CACHE_BYTES: u64 = 64 << 20;
/// The least part of the rate of plain inserts.
const RATIO_MIN: f64 = 0.6;

/// Measures in turns: plain inserts, `custodyd rebuild-index` in place.
pub(crate) fn measure(effort: &Effort) -> Table {
    let runtime = Runtime::new().expect("a runtime can be made");
    let log = prepared::log(&runtime, &effort.dir, effort.entries);
    let bare_entries = effort.entries.min(BARE_ENTRIES);
    let keys = Keys::of(&mut Fixture::new(&log.writers[0], 1), bare_entries);
    let (mut bare, mut rebuilt, mut entries, mut rows) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..effort.rounds.min(3) {
        prepared::settle();
        bare.push(insert(&keys, &effort.dir.join("bare-keys")));
        prepared::settle();
        let mut command = Command::new(Binaries::built().custodyd());
        command.args(["rebuild-index", "-o", "json", "--data"]).arg(log.data()).env_clear();
        let ran = Ran::of(command);
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("its result is JSON");
        entries = document["entries"].as_u64().expect("a number of entries");
        rows = document["rows"].as_u64().expect("a number of rows");
        rebuilt.push(Cost { wall: ran.took, processor: ran.processor });
    }
    let bare_rate = |cost: &Cost| keys.len() as f64 / seconds(cost.wall);
    let rebuilt_rate = |cost: &Cost| rows as f64 / seconds(cost.wall);
    let ratio =
        median(bare.iter().zip(&rebuilt).map(|(bare, rebuilt)| rebuilt_rate(rebuilt) / bare_rate(bare)));
    let row = |name: &str, costs: &[Cost], entries: u64, rows: f64, ratio: String| {
        let wall = median(costs.iter().map(|cost| seconds(cost.wall)));
        let processor = median(costs.iter().map(|cost| seconds(cost.processor)));
        vec![
            name.to_owned(),
            count(entries),
            format!("{wall:.2} s"),
            rate(rows / wall),
            rate(entries as f64 / wall),
            format!("{:.2} us", processor * 1e6 / rows),
            ratio,
        ]
    };
    Table {
        name: "rebuild",
        header: header(["index", "of entries", "took", "rows", "entries", "processor a row", "rows / bare inserts"]),
        rows: vec![
            row("bare inserts", &bare, bare_entries, keys.len() as f64, String::new()),
            row(
                "custodyd rebuild-index",
                &rebuilt,
                entries,
                rows as f64,
                target(ratio, &format!(">= {RATIO_MIN}"), ratio >= RATIO_MIN),
            ),
        ],
        notes: vec![
            format!(
                "{:.1} rows an entry, {:.1} inserted; median of {} turns; the bare inserts are in the order in which the \
                 entries bring the rows, a key of 21 bytes each, in batches of {BATCH_KEYS}, with the cache of the server",
                rows as f64 / entries as f64,
                keys.len() as f64 / bare_entries as f64,
                bare.len(),
            ),
            "both end on the same disk; the rebuild opens and checks the journal, reads and parses every envelope, and \
             syncs at its end"
                .to_owned(),
        ],
    }
}

/// What a turn took.
struct Cost {
    wall: Duration,
    processor: Duration,
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64().max(1e-9)
}

/// Keys in the order in which entries brought them, in one piece of memory.
struct Keys {
    bytes: Vec<u8>,
    /// Where each key ends.
    ends: Vec<usize>,
}

impl Keys {
    /// Makes the rows of so many entries as the index does (`server/src/index/keys.rs`): of content and envelope, of each
    /// term and of each digest 12 bytes, behind a byte that says which, and the entry behind them.
    fn of(fixture: &mut Fixture, entries: u64) -> Self {
        let mut all = Self { bytes: Vec::new(), ends: Vec::new() };
        for index in 1..=entries {
            let bytes = fixture.take(1).remove(0);
            let envelope = Envelope::parse(&bytes).expect("an envelope that was just made");
            let statement = Statement::parse(envelope.payload()).expect("a statement that was just made");
            let terms = fact::read(&statement).terms();
            let signer = envelope.signatures()[0].keyid();
            let mut add = |kind: u8, value: &[u8]| {
                all.bytes.push(kind);
                all.bytes.extend_from_slice(&value[..12]);
                all.bytes.extend_from_slice(&index.to_be_bytes());
                all.ends.push(all.bytes.len());
            };
            add(b'C', envelope.content().as_bytes());
            add(b'V', envelope.digest().as_bytes());
            add(b'k', &Sha256::digest(signer));
            let mut digests = BTreeSet::from([signer.to_owned()]);
            for term in &terms {
                add(term.field().to_string().as_bytes()[0], &Sha256::digest(term.value()));
                let last = term.value().rsplit([':', '@']).next().unwrap_or_default();
                if last.len() >= 40 && last.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    digests.insert(last.to_owned());
                }
            }
            for digest in digests {
                // Random either way.
                add(b'D', &Sha256::digest(digest));
            }
        }
        all
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }
}

/// Inserts keys into a new database, and closes it.
fn insert(keys: &Keys, dir: &Path) -> Cost {
    std::fs::remove_dir_all(dir).ok();
    let (begun, before) = (std::time::Instant::now(), Process::this().processor());
    let database = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).open().expect("a new database");
    let mut batch = sled::Batch::default();
    for (number, key) in keys.iter().enumerate() {
        batch.insert(key, &[]);
        if (number + 1) % BATCH_KEYS == 0 || number + 1 == keys.len() {
            database.apply_batch(std::mem::take(&mut batch)).expect("keys can be inserted");
        }
    }
    database.flush().expect("a database can be flushed");
    drop(database);
    let cost = Cost { wall: begun.elapsed(), processor: Process::this().processor().saturating_sub(before) };
    std::fs::remove_dir_all(dir).expect("a database can be removed");
    cost
}

//! The index made again from the journal, beside plain inserts of the same keys into a new database.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use custody_tests::binaries::Binaries;
use tokio::runtime::Runtime;

use crate::prepared;
use crate::process::{Process, Ran};
use crate::report::{Table, count, header, rate, target};
use crate::sample::median;
use crate::scenarios::Effort;

/// Keys in one batch of the plain inserts: as many as the server writes at once.
const BATCH_KEYS: usize = 256;
/// The cache of the server's index.
const CACHE_BYTES: u64 = 64 << 20;
/// The least part of the rate of plain inserts.
const RATIO_MIN: f64 = 0.6;

/// Measures in turns: plain inserts, `custodyd rebuild-index` in place.
pub(crate) fn measure(effort: &Effort) -> Table {
    let runtime = Runtime::new().expect("a runtime can be made");
    let log = prepared::log(&runtime, &effort.dir, effort.entries);
    let keys = Keys::of(&log.data().join("index").join("sled"));
    let (mut bare, mut rebuilt, mut entries) = (Vec::new(), Vec::new(), 0);
    for _ in 0..effort.rounds.min(3) {
        prepared::settle();
        bare.push(insert(&keys, &effort.dir.join("bare-keys")));
        prepared::settle();
        let mut command = Command::new(Binaries::built().custodyd());
        command.args(["rebuild-index", "-o", "json", "--data"]).arg(log.data()).env_clear();
        let ran = Ran::of(command);
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("its result is JSON");
        entries = document["entries"].as_u64().expect("a number of entries");
        rebuilt.push(Cost { wall: ran.took, processor: ran.processor });
    }
    let keys_count = keys.len() as f64;
    let ratio =
        median(bare.iter().zip(&rebuilt).map(|(bare, rebuilt)| seconds(bare.wall) / seconds(rebuilt.wall)));
    let row = |name: &str, costs: &[Cost], ratio: String| {
        let wall = median(costs.iter().map(|cost| seconds(cost.wall)));
        let processor = median(costs.iter().map(|cost| seconds(cost.processor)));
        vec![
            name.to_owned(),
            format!("{wall:.2} s"),
            rate(keys_count / wall),
            rate(entries as f64 / wall),
            format!("{:.1} us", processor * 1e6 / keys_count),
            ratio,
        ]
    };
    Table {
        name: "rebuild",
        header: header(["index", "took", "keys", "entries", "processor a key", "rate / bare inserts"]),
        rows: vec![
            row("bare inserts", &bare, String::new()),
            row("custodyd rebuild-index", &rebuilt, target(ratio, &format!(">= {RATIO_MIN}"), ratio >= RATIO_MIN)),
        ],
        notes: vec![
            format!(
                "{} entries, {:.1} keys an entry, median of {} turns; the bare inserts are in the order in which the \
                 entries brought the keys, in batches of {BATCH_KEYS}, with the cache of the server",
                count(entries),
                keys_count / entries as f64,
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
    /// Reads the keys of an index. The last 8 bytes of a key are its entry.
    fn of(database: &Path) -> Self {
        let config = sled::Config::new().path(database).cache_capacity(CACHE_BYTES);
        let database = config.open().expect("the index can be opened");
        let mut keys: Vec<sled::IVec> =
            database.iter().keys().map(|key| key.expect("a key can be read")).collect();
        keys.sort_by(|a, b| entry_of(a).cmp(entry_of(b)).then_with(|| a.cmp(b)));
        let mut all = Self { bytes: Vec::new(), ends: Vec::new() };
        for key in keys {
            all.bytes.extend_from_slice(&key);
            all.ends.push(all.bytes.len());
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

fn entry_of(key: &[u8]) -> &[u8] {
    &key[key.len().saturating_sub(8)..]
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

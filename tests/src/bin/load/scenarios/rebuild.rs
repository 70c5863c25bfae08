//! The index made again from the journal, beside plain inserts of the same keys into a new database.

use std::path::{Path, PathBuf};
use std::time::Instant;

use custody_tests::server::custodyd;
use tokio::runtime::Runtime;

use crate::prepared;
use crate::report::{Table, rate, target};
use crate::sample::median;
use crate::scenarios::Effort;

/// Keys in one batch of the plain inserts: as many as the server writes at once.
const BATCH_KEYS: usize = 256;
/// Entries of the log: enough that the database is larger than its cache.
const ENTRIES: u64 = 100_000;
const CACHE_BYTES: u64 = 64 << 20;

/// Measures in turns: plain inserts, `custodyd rebuild-index`.
pub(crate) fn measure(effort: &Effort) -> Table {
    let runtime = Runtime::new().expect("a runtime can be made");
    let entries = if effort.quick { effort.few() } else { ENTRIES };
    let log = prepared::log(&runtime, &effort.dir, entries);
    let data = prepared::copy(&log, &effort.dir, "rebuild");
    let keys = keys(&data.join("index").join("sled"));
    let (mut bare, mut rebuilt) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds.min(3) {
        bare.push(keys.len() as f64 / insert(&keys, &effort.dir.join("bare-keys")));
        let begun = Instant::now();
        let ended = custodyd(&["rebuild-index".into(), PathBuf::from("--data"), data.clone()]);
        assert_eq!(ended.code, Some(0), "custodyd rebuild-index: {}{}", ended.stdout, ended.stderr);
        rebuilt.push(keys.len() as f64 / begun.elapsed().as_secs_f64());
    }
    let ratio = median(rebuilt.iter().zip(&bare).map(|(rebuilt, bare)| rebuilt / bare));
    let (rebuilt, bare) = (median(rebuilt), median(bare));
    let per_entry = keys.len() as f64 / entries as f64;
    Table {
        name: "rebuild",
        header: vec!["index of", "keys an entry", "bare inserts, keys", "rebuild-index, keys", "rebuild-index, entries", "rebuild / bare"],
        rows: vec![vec![
            format!("{entries} entries"),
            format!("{per_entry:.1}"),
            rate(bare),
            rate(rebuilt),
            rate(rebuilt / per_entry),
            target(ratio, ">= 0.6", ratio >= 0.6),
        ]],
        notes: vec![
            "both ends on the same disk; the rebuild reads, checks and parses every envelope, and syncs at its end"
                .to_owned(),
        ],
    }
}

/// Returns the keys of an index in the order in which entries brought them: the last 8 bytes are the entry.
fn keys(database: &Path) -> Vec<Vec<u8>> {
    let database = sled::open(database).expect("the index can be opened");
    let mut keys: Vec<Vec<u8>> =
        database.iter().keys().map(|key| key.expect("a key can be read").to_vec()).collect();
    keys.sort_by_cached_key(|key| key[key.len().saturating_sub(8)..].to_vec());
    keys
}

/// Inserts keys into a new database and returns the seconds that it took.
fn insert(keys: &[Vec<u8>], dir: &Path) -> f64 {
    std::fs::remove_dir_all(dir).ok();
    let begun = Instant::now();
    let database = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).open().expect("a new database");
    for chunk in keys.chunks(BATCH_KEYS) {
        let mut batch = sled::Batch::default();
        for key in chunk {
            batch.insert(key.as_slice(), &[]);
        }
        database.apply_batch(batch).expect("keys can be inserted");
    }
    database.flush().expect("a database can be flushed");
    drop(database);
    let took = begun.elapsed().as_secs_f64();
    std::fs::remove_dir_all(dir).expect("a database can be removed");
    took
}

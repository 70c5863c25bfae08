//! What the index costs: processor time and disk for each entry, and time for each look-up.
//!
//! ```sh
//! cargo run --release -p custody-server --example index_cost -- 300000
//! ```
//!
//! Each entry is the provenance of one artifact, read as the server reads it. Reading is timed apart from the index.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a program for people who measure: what goes wrong ends it"
)]

use std::path::Path;
use std::sync::Arc;

use custody_evidence::digest_set::Digest;
use custody_evidence::dsse::{Envelope, IN_TOTO};
use custody_evidence::fact::{Field, Term};
use custody_log::{
    ContentDigest, Entry, EntryDigest, EnvelopeDigest, LeafIndex, Measured, RecordDigest, Timestamp, TreeSize,
};
use custody_server::index::{EntryKeys, FactRows, Index, Scrubbed, Source, SourceError, Stored, read};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

/// Entries that are made when they are read.
#[derive(Debug)]
struct Made(u64);

impl Source for Made {
    fn erased(&self) -> Result<Vec<LeafIndex>, SourceError> {
        Ok(Vec::new())
    }

    fn redactions(&self) -> usize {
        0
    }

    fn redacted(&self, _: &ContentDigest) -> bool {
        false
    }

    fn spare(&self) -> u64 {
        u64::MAX
    }

    fn size(&self) -> TreeSize {
        TreeSize::new(self.0).unwrap()
    }

    fn entry(&self, index: LeafIndex) -> Result<Vec<u8>, SourceError> {
        Ok(entry(index, EnvelopeDigest::of(&index.get().to_be_bytes())).encode())
    }

    fn record(&self, _index: LeafIndex) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(None)
    }

    fn stored(&self, index: LeafIndex) -> Result<Stored, SourceError> {
        let envelope = Envelope::from_parts(
            IN_TOTO,
            statement(index.get()).as_bytes(),
            &[("k".to_owned(), vec![7; 64])],
        );
        let (entry, envelope) = (self.entry(index)?, envelope.unwrap().bytes().to_vec());
        Ok(Stored { entry, record: None, envelope: Some(envelope), erased: None })
    }
}

fn entry(index: LeafIndex, envelope: EnvelopeDigest) -> Entry {
    Entry {
        index,
        time: Timestamp::from_micros(1_000_000 + i64::try_from(index.get()).unwrap()).unwrap(),
        previous: index.get().checked_sub(1).map(|before| EntryDigest::of(&before.to_be_bytes())),
        admin: index.get().checked_sub(1).map(|_| LeafIndex::ZERO),
        administrative: index == LeafIndex::ZERO,
        envelope: Measured { digest: envelope, length: 4_096 },
        content: content(index.get()),
        record: Measured { digest: RecordDigest::of(b"{}"), length: 2 },
    }
}

fn content(number: u64) -> ContentDigest {
    ContentDigest::of(&number.to_le_bytes())
}

fn hex(text: &str) -> String {
    Digest::sha256_of(text.as_bytes()).value().to_owned()
}

/// Provenance of two artifacts, from a commit and three packages.
fn statement(number: u64) -> String {
    let repository = format!("git+https://git.example.com/acme/shop-{}", number % 50);
    let subjects: Vec<_> = ["image", "archive"]
        .iter()
        .map(|kind| json!({"name": kind, "digest": {"sha256": hex(&format!("{kind} {number}"))}}))
        .collect();
    let mut materials =
        vec![json!({"uri": repository, "digest": {"gitCommit": &hex(&format!("commit {number}"))[..40]}})];
    for at in 0..3 {
        let package = (number * 7 + at) % 2_000;
        let uri = format!("pkg:npm/package-{package}@1.{at}.0");
        materials.push(json!({"uri": uri, "digest": {"sha256": hex(&uri)}}));
    }
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://ci.example.com/buildtypes/pipeline/v1",
                "externalParameters": {"source": repository, "filler": "x".repeat(1_000)},
                "resolvedDependencies": materials,
            },
            "runDetails": {
                "builder": {"id": "https://ci.example.com/runners/7"},
                "metadata": {"invocationId": format!("https://ci.example.com/runs/{number:012}")},
            },
        },
    })
    .to_string()
}

/// Processor time of all threads of this process, in microseconds.
fn processor_us() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// Adds what `what` takes to `total`.
fn timed<T>(total: &mut f64, what: impl FnOnce() -> T) -> T {
    let start = processor_us();
    let result = what();
    *total += processor_us() - start;
    result
}

fn disk(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    files.map(|path| if path.is_dir() { disk(&path) } else { path.metadata().unwrap().len() }).sum()
}

fn main() {
    let entries: u64 = std::env::args().nth(1).map_or(100_000, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let index = recorded(dir.path(), entries);
    look_up(&index, entries);
    let rows = index.rows();
    println!("disk: {:.0} bytes an entry before it is closed", disk(dir.path()) as f64 / entries as f64);
    index.close().unwrap();
    let bytes = disk(dir.path());
    println!(
        "disk: {:.0} bytes an entry, {:.2} of the {} bytes of its rows",
        bytes as f64 / entries as f64,
        bytes as f64 / (rows * 21) as f64,
        rows * 21 / entries
    );
    rebuilt(dir.path(), entries);
}

/// Applies entries as a server does, and says what it takes.
fn recorded(dir: &Path, entries: u64) -> Index {
    let index = Index::open(dir, Arc::new(Made(1)), &mut |_| {}).unwrap();
    let source = Made(entries);
    let (mut made, mut parsed, mut collected, mut entry_rows, mut fact_rows, mut behind) =
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for first in (1..entries).step_by(64) {
        let indexes = (first..entries.min(first + 64)).map(|at| LeafIndex::new(at).unwrap());
        let stored: Vec<_> =
            timed(&mut made, || indexes.map(|at| (at, source.stored(at).unwrap())).collect());
        let readings: Vec<_> =
            timed(&mut parsed, || stored.into_iter().map(|(at, stored)| read(at, stored).unwrap()).collect());
        let applied: Vec<EntryKeys> =
            readings.iter().map(|reading| EntryKeys::of(&reading.entry, reading.build.as_ref())).collect();
        let facts: Vec<FactRows> = timed(&mut collected, || readings.iter().map(FactRows::of).collect());
        timed(&mut entry_rows, || index.apply_entries(&applied).unwrap());
        if first == 1 {
            let first = read(LeafIndex::ZERO, source.stored(LeafIndex::ZERO).unwrap()).unwrap();
            index.apply_facts(&[FactRows::of(&first)]).unwrap();
        }
        timed(&mut fact_rows, || index.apply_facts(&facts).unwrap());
        timed(&mut behind, || index.tidy_once().unwrap());
    }
    timed(&mut behind, || index.tidy().unwrap());
    let each = |total: f64| total / entries as f64;
    println!(
        "{entries} entries, {:.1} rows each; microseconds of processor time an entry:",
        index.rows() as f64 / entries as f64
    );
    println!("  making the statement {:.1}, reading it {:.1}", each(made), each(parsed));
    println!("  working out the rows {:.1}", each(collected));
    println!("  to memory: entry index {:.2}, facts index {:.1}", each(entry_rows), each(fact_rows));
    println!("  sealing, merging, removing {:.1}", each(behind));
    println!(
        "  together, without making and reading: {:.1}",
        each(collected + entry_rows + fact_rows + behind)
    );
    index
}

fn look_up(index: &Index, entries: u64) {
    let count = 20_000;
    let each = |what: &dyn Fn(u64)| {
        let mut total = 0.0;
        timed(&mut total, || (0..count).for_each(what));
        total / count as f64
    };
    let size = index.covered();
    let term = |field, text: &str| Term::parse(field, text).unwrap();
    let subject = |number: u64| term(Field::Subject, &format!("sha256:{}", hex(&format!("image {number}"))));
    let none = each(&|at| {
        assert!(index.by_envelope(&EnvelopeDigest::of(&(at + entries).to_be_bytes())).unwrap().is_none());
    });
    let since = each(&|at| {
        assert!(index.by_content_since(&content(at + entries), size).unwrap().is_empty());
    });
    println!(
        "look-ups, microseconds: an envelope that is not there {none:.2}, a content among the newest {since:.2}"
    );
    let hash = each(&|at| drop(subject(at)));
    let absent =
        each(&|at| assert!(index.by_term(&subject(at + entries), size, 64).unwrap().is_empty())) - hash;
    let there =
        each(&|at| assert_eq!(index.by_term(&subject(at * 7 % entries), size, 64).unwrap().len(), 1)) - hash;
    let builder = term(Field::Builder, "https://ci.example.com/runners/7");
    let frequent =
        each(&|at| assert!(index.by_term(&builder, TreeSize::new(at * 13 % entries).unwrap(), 64).is_ok()));
    println!(
        "  a subject that is not there {absent:.1}, one that is {there:.1}, 64 entries of a builder {frequent:.1}"
    );
}

/// Checks the closed index, then makes it again.
fn rebuilt(dir: &Path, entries: u64) {
    let mut opening = 0.0;
    let index = timed(&mut opening, || Index::open(dir, Arc::new(Made(entries)), &mut |_| {}).unwrap());
    assert_eq!(index.indexed_to(), index.covered());
    let mut scrubbing = 0.0;
    let scrubbed = timed(&mut scrubbing, || index.scrub(&|_| std::ops::ControlFlow::Continue(())).unwrap());
    assert_eq!(scrubbed, Scrubbed::Sound { rows: index.rows() });
    println!("opening {:.1} ms, comparing all rows {:.2} s", opening / 1e3, scrubbing / 1e6);
    let rows = index.rows();
    drop(index);
    let (mut processor, start) = (0.0, std::time::Instant::now());
    let index = timed(&mut processor, || Index::rebuild(dir, Arc::new(Made(entries)), &mut |_| {}).unwrap());
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(index.rows(), rows);
    assert!(matches!(index.scrub(&|_| std::ops::ControlFlow::Continue(())).unwrap(), Scrubbed::Sound { .. }));
    println!(
        "rebuilding: {:.0} entries a second, {:.1} microseconds of processor time an entry, statements made again",
        entries as f64 / seconds,
        processor / entries as f64
    );
}

//! The database, the journal and the disk fail under the index: nothing wrong is answered, and it heals without a restart.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use custody_log::{ContentDigest, LeafIndex, TreeSize};

use super::super::block::{self, BlockBuilder};
use super::super::database::Database;
use super::super::follower::step;
use super::super::keys::{Prefix, Row, SHORT_LEN};
use super::super::manifest::Record;
use super::super::piece::{self, Kind};
use super::super::reading::FactRows;
use super::super::run::RunError;
use super::super::state::{Belief, StateFile};
use super::super::{Able, Follower, Index, IndexError, Scrubbed, Shape, Source, SourceError, Stored};
use super::runs::runs;
use super::written::{Rotten, Written, busy, index, size};
use super::{GO_ON, assert_answers_like_the_journal, caught_up, copy, open, silent, small, source, subject};

/// What sled answers for ever after a write to a full disk.
fn disk_full() -> IndexError {
    IndexError::Database(sled::Error::Io(io::ErrorKind::StorageFull.into()))
}

fn fail(index: &Index, error: IndexError) {
    index.doubted::<()>(Err(error)).unwrap_err();
}

/// Whether what is asked is refused, and in the way that is tried again.
fn refused(index: &Index, written: &Written) -> bool {
    let content = written.reading(self::index(1)).entry.content;
    match index.by_content(&content) {
        Ok(found) => {
            assert!(found.contains(&self::index(1)));
            false
        }
        Err(error) => {
            assert!(matches!(error, IndexError::Healing | IndexError::Shut { .. }), "{error}");
            true
        }
    }
}

fn live(index: &Index) -> Vec<u64> {
    let runs = [index.entries.runs().to_vec(), index.facts.runs().to_vec()].concat();
    let mut live: Vec<u64> = runs.iter().map(|run| run.record().run).collect();
    live.sort_unstable();
    live
}

#[test]
fn a_database_that_refused_a_write_is_opened_again_and_is_whole() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(50));
    let index = caught_up(dir.path(), &written);
    let before = live(&index);
    for _ in 0..3 {
        fail(&index, disk_full());
        assert_eq!(
            StateFile::new(dir.path()).belief().unwrap(),
            Belief::Doubtful,
            "until it is opened again"
        );
        written.record("https://a.test/p", &["while the disk is full"], false);
        index.catch_up_entries(&mut silent).unwrap();
        index.catch_up_facts_once(100).unwrap();
        index.tidy_once().unwrap();
        assert_eq!(StateFile::new(dir.path()).belief().unwrap(), Belief::Sound);
        assert!(!refused(&index, &written));
    }
    assert_eq!(live(&index)[..before.len()], before, "nothing was made again");
    assert_answers_like_the_journal(&index, &written);
    index.close().unwrap();
    assert_eq!(open(dir.path(), &written).indexed_to(), size(53), "it is believed at the next start");
}

/// What sled had not written yet is gone: its files are as they were some steps before.
#[test]
fn runs_that_a_failed_database_lost_are_made_again_and_nothing_is_answered_without_them() {
    for (then, now) in [(20_usize, 21_u64), (20, 24), (24, 40), (60, 64), (8, 110)] {
        let (dir, early, written) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), busy(now));
        let part = Arc::new(Written::of(written.entries.lock().unwrap()[..then].to_vec()));
        let index = caught_up(dir.path(), &part);
        index.database.flush();
        copy(&dir.path().join("sled"), early.path());
        drop(index);
        let index = caught_up(dir.path(), &written);
        let expected = runs(&index);

        index.database.shut();
        assert!(refused(&index, &written), "shut");
        fs::remove_dir_all(dir.path().join("sled")).unwrap();
        copy(early.path(), &dir.path().join("sled"));
        fail(&index, disk_full());
        index.reopen_if_in_doubt(&mut index.upkeep()).unwrap();
        let lost = index.entries.damaged().len() + index.facts.damaged().len();
        assert_eq!(lost > 0, now > 21, "{then} {now}");
        assert_eq!(refused(&index, &written), index.entries.whole().is_err());
        index.tidy().unwrap();
        assert_answers_like_the_journal(&index, &written);
        assert_eq!(runs(&index), expected, "{then} {now}");
        assert_eq!(index.database.runs().unwrap(), live(&index), "nothing else is left");
        assert_eq!(
            index.scrub(&|_| GO_ON).unwrap(),
            Scrubbed::Sound { rows: expected.iter().map(|r| r.rows).sum() }
        );

        index.close().unwrap();
        let again = open(dir.path(), &written);
        assert_eq!(again.indexed_to(), size(now), "the manifest names the runs that were made again");
    }
}

/// Tells those who ask to end, however this one ends.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[test]
fn while_the_disk_takes_nothing_what_there_is_answers() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(50));
    let index = caught_up(dir.path(), &written);
    let before = live(&index);
    fail(&index, disk_full());
    // Where it is tried whether the disk takes writes.
    let room = dir.path().join("room");
    fs::create_dir(&room).unwrap();
    for _ in 0..3 {
        assert!(matches!(index.tidy_once().unwrap_err(), IndexError::File { path, .. } if path == room));
        assert_answers_like_the_journal(&index, &written);
        // What sled fails with afterwards is no reason to throw it away.
        index.doubted(index.database.panic()).unwrap_err();
        assert_eq!(*index.watch_able().borrow(), Able { recording: true, questions: true });
    }
    fs::remove_dir(&room).unwrap();
    index.tidy().unwrap();
    assert_eq!(live(&index), before, "nothing was made again");
    assert_answers_like_the_journal(&index, &written);
}

#[test]
fn a_snapshot_that_the_full_disk_cut_costs_nothing() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(50));
    let index = caught_up(dir.path(), &written);
    let before = live(&index);
    fail(&index, disk_full());
    fs::write(dir.path().join("sled/snap.00000000000000FF.generating"), b"torn").unwrap();
    index.tidy().unwrap();
    assert_eq!(live(&index), before, "nothing was made again");
    assert_answers_like_the_journal(&index, &written);
}

#[tokio::test]
async fn nobody_waits_for_facts_that_stand_still() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(50));
    let index = Arc::new(caught_up(dir.path(), &written));
    let (_committed, sizes) = tokio::sync::watch::channel(size(50));
    // The database cannot be opened again.
    fail(&index, disk_full());
    fs::create_dir(dir.path().join("room")).unwrap();
    let follower = Follower::start(Arc::clone(&index), sizes);
    index.indexed_or_still(size(51)).await;
    assert_eq!(index.indexed_to(), size(50));
    index.indexed_or_still(size(50)).await;
    fs::remove_dir(dir.path().join("room")).unwrap();
    let mut still = index.still.subscribe();
    still.wait_for(|still| !still).await.unwrap();
    follower.stop().await;
    assert_answers_like_the_journal(&index, &written);
}

#[test]
fn what_can_be_answered_is_told() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(50));
    let index = caught_up(dir.path(), &written);
    let mut able = index.watch_able();
    let mut told = |recording, questions| {
        assert_eq!(*able.borrow_and_update(), Able { recording, questions });
    };
    told(true, true);
    for (rows, recording, questions) in [(&index.entries, false, true), (&index.facts, true, false)] {
        let run = rows.runs()[0].record().run;
        index.answered::<()>(rows, Err(RunError::Damaged { run })).unwrap_err();
        told(recording, questions);
        index.tidy().unwrap();
        told(true, true);
    }
    let sled = dir.path().join("sled");
    fail(&index, disk_full());
    fs::rename(&sled, dir.path().join("away")).unwrap();
    fs::write(&sled, b"not a directory").unwrap();
    index.tidy_once().unwrap_err();
    told(false, false);
    fs::remove_file(&sled).unwrap();
    index.tidy().unwrap();
    told(true, true);
}

#[test]
fn after_a_panic_the_index_is_made_again_while_it_is_asked() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(70));
    let index = caught_up(dir.path(), &written);
    let expected = runs(&index);
    let asking = AtomicBool::new(true);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while asking.load(Ordering::Relaxed) {
                    refused(&index, &written);
                    match index.by_term(&subject("artifact 3"), size(70), 100) {
                        Ok(found) => assert_eq!(found.len(), 10),
                        Err(error) => {
                            assert!(
                                matches!(error, IndexError::Healing | IndexError::Shut { .. }),
                                "{error}"
                            );
                        }
                    }
                }
            });
        }
        let _ended = Ended(&asking);
        for _ in 0..3 {
            let panicked = index.doubted(index.database.panic()).unwrap_err();
            assert!(matches!(panicked, IndexError::Panicked { .. }), "{panicked}");
            assert_eq!(StateFile::new(dir.path()).belief().unwrap(), Belief::Doubtful);
            index.tidy().unwrap();
        }
    });
    assert_eq!(runs(&index), expected);
    assert_answers_like_the_journal(&index, &written);
}

#[test]
fn a_database_that_cannot_be_opened_yet_is_tried_again_and_memory_goes_on() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(30));
    let index = caught_up(dir.path(), &written);
    fail(&index, disk_full());
    let (sled, away) = (dir.path().join("sled"), dir.path().join("away"));
    fs::rename(&sled, &away).unwrap();
    fs::write(&sled, b"not a directory").unwrap();
    for _ in 0..2 {
        assert!(matches!(index.tidy_once().unwrap_err(), IndexError::File { .. }));
        assert!(refused(&index, &written));
    }
    let new = written.record("https://a.test/p", &["meanwhile"], false);
    index.apply_entries(&[written.indexed(new)]).unwrap();
    fs::remove_file(&sled).unwrap();
    fs::rename(&away, &sled).unwrap();
    index.catch_up_facts(&mut silent).unwrap();
    assert!(!refused(&index, &written));
    assert_answers_like_the_journal(&index, &written);
}

/// Overwrites a part of sled's file, as rot of a disk block does.
fn rot(dir: &Path, part: usize, parts: usize) {
    let path = dir.join("sled/db");
    let mut bytes = fs::read(&path).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0);
    let length = 64.min(used);
    let at = (used - length) * part / parts;
    bytes[at..at + length].iter_mut().for_each(|byte| *byte ^= 0xa5);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_rotten_leaf_met_when_runs_are_numbered_does_not_stop_the_start() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(40));
    let index = caught_up(dir.path(), &written);
    // As a process leaves them that died while it wrote runs: several segments of sled's, of which an open reads the last.
    for run in 1_000..1_400 {
        index.database.put(run, Kind::Block, (&Row::MIN, &Row::MAX), &[run.to_be_bytes()[7]; 4_000]).unwrap();
    }
    index.close().unwrap();
    let hands = Arc::default();
    Database::open(&hands, &dir.path().join("sled")).unwrap().unwrap().close().unwrap();
    let (parts, mut numbering) = (30, 0);
    for part in 0..parts {
        let left = tempfile::tempdir().unwrap();
        copy(dir.path(), left.path());
        rot(left.path(), part, parts);
        let numbered = Database::open(&hands, &left.path().join("sled")).unwrap();
        let numbered = numbered.map(|database| database.ask(Database::runs));
        match numbered {
            None | Some(Ok(_)) => {}
            Some(Err(IndexError::Database(_) | IndexError::Panicked { .. } | IndexError::Stuck { .. })) => {
                numbering += 1;
            }
            Some(Err(error)) => panic!("{error}"),
        }
        let index = caught_up(left.path(), &written);
        println!("part {part}");
        assert_answers_like_the_journal(&index, &written);
    }
    println!("{numbering} of {parts} were met when runs were numbered");
    assert!(numbering > 0);
}

/// Rows of an entry that can be found by very many things; the journal's has none of them.
fn many_rows(number: u64, rows: u64) -> FactRows {
    let prefix = |row| many(row ^ number);
    FactRows { index: index(number), rows: (0..rows).map(|row| prefix(row).row(index(number))).collect() }
}

fn many(row: u64) -> Prefix {
    let mut short = [0; SHORT_LEN];
    short[..8].copy_from_slice(&row.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Prefix::leading(short)
}

#[test]
fn a_rotten_leaf_met_by_a_question_is_no_panic_and_the_index_is_made_again() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(4));
    let index = open(dir.path(), &written);
    let none = |number| FactRows { index: self::index(number), rows: vec![] };
    index.apply_facts(&[none(0), many_rows(1, 30_000), none(2), none(3)]).unwrap();
    index.tidy().unwrap();
    index.close().unwrap();
    let (parts, mut met) = (16, 0);
    for part in 0..parts {
        let left = tempfile::tempdir().unwrap();
        copy(dir.path(), left.path());
        let index = open(left.path(), &written);
        let state = StateFile::new(left.path());
        // Below the running process, which has read little of it yet.
        let path = left.path().join("sled/db");
        let used = fs::read(&path).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.write_all_at(&vec![0xa5; used / parts], u64::try_from(used / parts * part).unwrap()).unwrap();
        let mut failed = false;
        for row in (0..30_000).step_by(100) {
            let found = index.facts.newest(&index.database, &many(row ^ 1), size(4), 9);
            match index.answered(&index.facts, found) {
                Ok(found) => assert_eq!(found, [self::index(1)], "part {part}"),
                Err(IndexError::Healing) => {}
                Err(IndexError::Database(_) | IndexError::Panicked { .. }) => failed = true,
                Err(error) => panic!("part {part}: {error}"),
            }
        }
        if failed {
            met += 1;
            assert_eq!(state.belief().unwrap(), Belief::Doubtful);
            index.tidy().unwrap();
            assert_eq!(state.belief().unwrap(), Belief::Sound);
            assert_answers_like_the_journal(&index, &written);
        }
    }
    println!("{met} of {parts} were met by a question");
    assert!(met > 0);
}

#[test]
fn a_scrub_ends_at_the_step_at_which_it_is_told_to() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(110));
    let index = caught_up(dir.path(), &written);
    let steps = AtomicUsize::new(0);
    index
        .scrub(&|_| {
            steps.fetch_add(1, Ordering::Relaxed);
            GO_ON
        })
        .unwrap();
    let all = steps.into_inner();
    assert!(all >= 8, "{all} steps");
    for end in 1..=all {
        let steps = AtomicUsize::new(0);
        let pace = |_| match steps.fetch_add(1, Ordering::Relaxed) + 1 {
            step if step < end => GO_ON,
            _ => ControlFlow::Break(()),
        };
        assert_eq!(index.scrub(&pace).unwrap(), Scrubbed::Ended);
        assert_eq!(steps.into_inner(), end, "nothing was read after it was told");
    }
    assert!(index.entries.whole().is_ok() && index.facts.whole().is_ok(), "a run half read is not damaged");
}

/// Puts other rows into a block, with a checksum that fits: only the digest of the run tells.
fn exchange_rows(index: &Index, record: &Record) {
    let of_run = |key: &[u8]| piece::run_of(key) == Some(record.run) && key[9] == b'b';
    let (key, value) = index.database.pieces().into_iter().find(|(key, _)| of_run(key)).unwrap();
    let (end, payload) = piece::read(&key, &value).unwrap();
    let mut rows = block::decode(record.span, payload).unwrap();
    let at = (1..rows.len() - 1).find(|at| rows[*at].number() != record.span.first()).unwrap();
    let mut other = *rows[at].as_bytes();
    other[20] ^= 1;
    rows[at] = Row::from_bytes(other);
    rows.sort_unstable();
    let mut block = BlockBuilder::new(record.span);
    assert!(rows.iter().all(|row| block.push(row)));
    index.database.spoil(&key, Some(&piece::value(&key, &end, &block.take())));
}

#[test]
fn rot_that_fits_its_checksum_is_never_merged_into_a_run_that_looks_sound() {
    let (dir, other, written) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), busy(16));
    let expected = runs(&caught_up(other.path(), &written));
    for spoiled in 0..4 {
        let dir = dir.path().join(spoiled.to_string());
        let index = open(&dir, &written);
        index.catch_up_facts_once(100).unwrap();
        index.seal(&index.facts, &index.upkeep()).unwrap();
        exchange_rows(&index, index.facts.runs()[spoiled].record());
        index.tidy().unwrap();
        assert_eq!(runs(&index), expected, "run {spoiled}");
        assert_answers_like_the_journal(&index, &written);
    }
}

#[test]
fn a_merge_under_way_ends_when_one_of_its_runs_is_found_to_be_damaged() {
    let (dir, written) = (tempfile::tempdir().unwrap(), super::kills::large(8));
    let index = open(dir.path(), &written);
    index.catch_up_facts_once(100).unwrap();
    index.seal(&index.facts, &index.upkeep()).unwrap();
    index.start_merge(&index.facts, &mut index.upkeep()).unwrap();
    let [first, second] = [0, 1].map(|at| index.facts.runs()[at].record().run);
    assert!(index.upkeep().is_merging(second));
    index.facts.damaged().insert(second);
    index.tidy_once().unwrap();
    assert!(!index.upkeep().is_merging(first), "it would go on over what is damaged");
    assert!(index.facts.runs().iter().any(|run| run.record().run == first), "nothing was made of them");
    index.tidy().unwrap();
    assert_answers_like_the_journal(&index, &written);
}

fn opened(dir: &Path, rotten: &Arc<Rotten>) -> Index {
    let source: Arc<dyn Source> = Arc::<Rotten>::clone(rotten);
    Index::open_in(small(), dir, source, &mut silent).unwrap()
}

#[test]
fn a_run_that_cannot_be_made_again_keeps_no_other_from_it() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(110));
    let rotten = Rotten::new(&written);
    let index = opened(dir.path(), &rotten);
    index.catch_up_facts(&mut silent).unwrap();
    let spans: Vec<_> = index.facts.runs().iter().map(|run| *run.record()).collect();
    assert!(spans.len() > 3, "{spans:?}");
    for stuck in 0..spans.len() {
        rotten.at([spans[stuck].span.end_number() - 1]);
        let damaged: Vec<u64> = index.facts.runs().iter().map(|run| run.record().run).collect();
        index.facts.damaged().extend(&damaged);
        index.entries.damaged().insert(index.entries.runs()[0].record().run);
        index.tidy().unwrap();
        let left: Vec<u64> = index.facts.damaged().iter().copied().collect();
        assert_eq!(left, [damaged[stuck]], "all others were made again");
        let entries = index.entries.whole().is_ok();
        assert_eq!(entries, stuck > 0, "recording goes on unless its own run is in the same place");
        assert_eq!(index.indexed_to(), size(0), "and nothing is answered without it");
        rotten.at([]);
        index.heal_again();
        index.tidy().unwrap();
        assert_answers_like_the_journal(&index, &written);
    }
}

#[test]
fn a_run_whose_last_part_could_not_be_sealed_is_never_half_a_run() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(40));
    let rotten = Rotten::new(&written);
    let index = opened(dir.path(), &rotten);
    index.catch_up_facts(&mut silent).unwrap();
    let expected = runs(&index);
    let record = *index.facts.runs()[0].record();
    assert!(record.span.entries() > 8, "several segments");
    // Their rows can be read, and what the seal needs cannot.
    let end = record.span.end_number();
    *rotten.unnamed.lock().unwrap() = [end - 1, end].into();
    index.facts.damaged().insert(record.run);
    for _ in 0..3 {
        index.heal_again();
        index.tidy().unwrap();
        assert!(index.facts.whole().is_err());
        assert!(index.facts.runs().iter().any(|run| *run.record() == record), "nothing counts instead");
    }
    rotten.unnamed.lock().unwrap().clear();
    index.heal_again();
    index.tidy().unwrap();
    assert_eq!(runs(&index), expected);
    assert_answers_like_the_journal(&index, &written);
}

#[test]
fn a_run_whose_last_entry_cannot_be_read_is_named_by_the_one_behind_it() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(9));
    let expected = runs(&caught_up(tempfile::tempdir().unwrap().path(), &written));
    let rotten = Rotten::new(&written);
    let index = opened(dir.path(), &rotten);
    rotten.unnamed.lock().unwrap().insert(7);
    index.catch_up_facts(&mut silent).unwrap();
    rotten.unnamed.lock().unwrap().clear();
    assert_eq!(runs(&index), expected);
    assert_answers_like_the_journal(&index, &written);
}

/// A journal that panics where an entry is read in whole.
#[derive(Debug)]
struct Panicking(Arc<Written>, AtomicBool);

impl Source for Panicking {
    fn size(&self) -> TreeSize {
        self.0.size()
    }

    fn entry(&self, index: LeafIndex) -> Result<Vec<u8>, SourceError> {
        self.0.entry(index)
    }

    fn record(&self, index: LeafIndex) -> Result<Option<Vec<u8>>, SourceError> {
        Source::record(self.0.as_ref(), index)
    }

    fn stored(&self, index: LeafIndex) -> Result<Stored, SourceError> {
        assert!(index.get() != 20 || !self.1.load(Ordering::Relaxed), "a bug");
        self.0.stored(index)
    }

    fn redacted(&self, content: &ContentDigest) -> bool {
        self.0.redacted(content)
    }

    fn erased(&self) -> Result<Vec<LeafIndex>, SourceError> {
        self.0.erased()
    }

    fn redactions(&self) -> usize {
        self.0.redactions()
    }

    fn spare(&self) -> u64 {
        self.0.spare()
    }
}

#[tokio::test]
async fn a_panic_outside_the_database_says_nothing_against_what_is_in_it() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(30));
    let source = Arc::new(Panicking(Arc::clone(&written), AtomicBool::new(true)));
    let read: Arc<dyn Source> = Arc::<Panicking>::clone(&source);
    let index = Arc::new(Index::open_in(small(), dir.path(), read, &mut silent).unwrap());
    index.catch_up_facts_once(20).unwrap();
    index.tidy().unwrap();
    let before = live(&index);
    for _ in 0..3 {
        assert!(matches!(step(&index, true).await.unwrap_err(), IndexError::Unexpected));
        assert_eq!(StateFile::new(dir.path()).belief().unwrap(), Belief::Sound);
        assert!(!refused(&index, &written), "recording goes on");
    }
    assert_eq!(live(&index), before, "nothing was thrown away");
    source.1.store(false, Ordering::Relaxed);
    while step(&index, true).await.unwrap() {}
    assert_answers_like_the_journal(&index, &written);
}

#[test]
fn merges_wait_for_room_beyond_what_is_kept_for_the_journal() {
    let (dir, other, written) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), busy(100));
    let expected = runs(&caught_up(other.path(), &written));
    let rotten = Rotten::new(&written);
    *rotten.spare.lock().unwrap() = 0;
    let index = opened(dir.path(), &rotten);
    index.catch_up_facts(&mut silent).unwrap();
    for rows in [&index.entries, &index.facts] {
        assert_eq!(rows.runs().len(), 25, "sealed, and nothing is merged");
    }
    assert_answers_like_the_journal(&index, &written);
    let first_two = index.facts.runs()[..2].iter().map(|run| run.record().rows).sum::<u64>();
    *rotten.spare.lock().unwrap() = first_two * 21;
    index.tidy().unwrap();
    assert!(index.facts.runs()[0].record().span.entries() == 4, "it would not fit");
    *rotten.spare.lock().unwrap() = u64::MAX;
    index.tidy().unwrap();
    assert_eq!(runs(&index), expected);
    assert_answers_like_the_journal(&index, &written);
}

#[test]
fn entries_before_one_that_cannot_be_read_are_applied() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(30));
    let rotten = Rotten::new(&written);
    let index = opened(dir.path(), &rotten);
    rotten.at([17]);
    for _ in 0..2 {
        let error = index.catch_up_facts_once(100).unwrap_err();
        assert_eq!(error.unread(), Some(self::index(17)), "{error}");
        assert_eq!(index.indexed_to(), size(17));
    }
    rotten.at([]);
    index.catch_up_facts(&mut silent).unwrap();
    assert_answers_like_the_journal(&index, &written);
}

#[tokio::test]
async fn facts_are_not_taken_into_memory_while_nothing_can_be_sealed() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(1_000));
    let rotten = Rotten::new(&written);
    let index = Arc::new(opened(dir.path(), &rotten));
    index.tidy().unwrap();
    // Facts of entries come from whoever recorded them: only the seal reads the journal.
    index.offer_facts(written.readings_below(size(1_000)).iter().map(FactRows::of));
    rotten.at([3, 4]);
    for _ in 0..20 {
        let error = step(&index, true).await.unwrap_err();
        assert_eq!(error.unread(), Some(self::index(3)), "{error}");
    }
    assert!(index.indexed_to() <= size(64), "{} entries are in memory", index.indexed_to());
    rotten.at([]);
    while step(&index, true).await.unwrap() {}
    assert_answers_like_the_journal(&index, &written);
}

#[tokio::test]
async fn facts_go_on_while_a_damaged_run_cannot_be_made_again() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(900));
    let rotten = Rotten::new(&written);
    let index = Arc::new(opened(dir.path(), &rotten));
    index.catch_up_facts_once(8).unwrap();
    index.tidy().unwrap();
    rotten.at([0]);
    index.facts.damaged().insert(index.facts.runs()[0].record().run);
    while step(&index, true).await.unwrap() && index.facts.end() < size(900) {}
    assert_eq!((index.facts.end(), index.indexed_to()), (size(900), size(0)));
    assert!(!index.is_unsealed(), "recording does not wait for what cannot be read");
}

#[test]
fn a_cover_of_several_spans_writes_nothing_where_the_journal_fails() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(8));
    let rotten = Rotten::new(&written);
    // Eight entries a run, and all seven spans of fewer where rows are many.
    let shape = Shape::new(1, 3, 30);
    let source: Arc<dyn Source> = Arc::<Rotten>::clone(&rotten);
    let index = Index::open_in(shape, dir.path(), source, &mut silent).unwrap();
    index.catch_up_facts_once(7).unwrap();
    index.facts.close_segment();
    rotten.at([6, 7]);
    let pieces = index.database.pieces().len();
    for _ in 0..5 {
        index.seal(&index.facts, &index.upkeep()).unwrap_err();
        assert_eq!(index.database.pieces().len(), pieces);
    }
    rotten.at([]);
    index.catch_up_facts(&mut silent).unwrap();
    assert_answers_like_the_journal(&index, &written);
}

#[test]
fn merges_keep_up_with_a_steady_load_of_very_large_entries() {
    const ROWS: u64 = 20_000;
    let (dir, written) = (tempfile::tempdir().unwrap(), Written::new());
    let index = Index::open_in(Shape::new(1, 1, 20_000), dir.path(), source(&written), &mut silent).unwrap();
    let mut most = 0;
    for number in 1..28_u64 {
        written.record("https://a.test/sbom", &[], false);
        let first = (number == 1).then(|| FactRows { index: self::index(0), rows: vec![] });
        let facts: Vec<_> = first.into_iter().chain([many_rows(number, ROWS)]).collect();
        index.apply_facts(&facts).unwrap();
        index.tidy_once().unwrap();
        most = most.max(index.facts.runs().len());
    }
    // One of each size, and what the step at hand has not merged yet.
    assert!(most <= 7, "{most} runs");
}

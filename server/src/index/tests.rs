pub(crate) mod written;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{Field, Term};
use custody_evidence::thing::HexPrefix;
use custody_log::{ContentDigest, EnvelopeDigest, LeafIndex, RootHash};
use tokio::sync::watch;

use self::written::{Written, busy, index, size};
use super::state::StateFile;
use super::{Follower, Index, IndexError, Progress, Reading, Scrubbed, Source, Stored};
use super::{keys, rows};
use crate::journal::{self, Batch, OpenOptions, Staged};

fn silent(_: Progress) {}

fn source(written: &Arc<Written>) -> Arc<dyn Source> {
    Arc::<Written>::clone(written)
}

fn open(dir: &Path, written: &Arc<Written>) -> Index {
    Index::open(dir, source(written), &mut silent).unwrap()
}

fn caught_up(dir: &Path, written: &Arc<Written>) -> Index {
    let index = open(dir, written);
    index.catch_up_facts(&mut silent).unwrap();
    index
}

fn subject(text: &str) -> Term {
    Term::parse(Field::Subject, &Digest::sha256_of(text.as_bytes()).to_string()).unwrap()
}

fn predicate(text: &str) -> Term {
    Term::parse(Field::Predicate, text).unwrap()
}

/// Compares every answer with a walk over the whole journal.
fn assert_answers_like_the_journal(index: &Index, written: &Written) {
    let size = written.size();
    assert_eq!((index.covered(), index.indexed_to()), (size, size));
    let readings = written.readings_below(size);
    let terms: BTreeSet<_> = readings.iter().flat_map(|reading| reading.terms.clone()).collect();
    for term in &terms {
        let expected: Vec<_> = readings
            .iter()
            .rev()
            .filter(|reading| reading.terms.contains(term))
            .map(|r| r.entry.index)
            .collect();
        assert_eq!(index.by_term(term, size, usize::MAX).unwrap(), expected, "{term}");
    }
    for reading in &readings {
        let same = |other: &&Reading| other.entry.content == reading.entry.content;
        let expected: Vec<_> = readings.iter().filter(same).map(|other| other.entry.index).collect();
        assert_eq!(index.by_content(&reading.entry.content).unwrap(), expected);
        let first = readings.iter().find(|other| other.entry.envelope == reading.entry.envelope);
        assert_eq!(index.by_envelope(&reading.entry.envelope).unwrap(), first.map(|first| first.entry.index));
    }
    let administrative: Vec<_> =
        readings.iter().filter(|reading| reading.entry.administrative).map(|r| r.entry.index).collect();
    assert_eq!(index.administrative(LeafIndex::ZERO, size, usize::MAX).unwrap(), administrative);
}

#[test]
fn answers_like_the_journal_and_so_does_a_rebuilt_one() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(150));
    let index = caught_up(dir.path(), &written);
    assert_answers_like_the_journal(&index, &written);
    index.close().unwrap();
    let mut stages = Vec::new();
    let index = Index::rebuild(dir.path(), source(&written), &mut |progress| stages.push(progress)).unwrap();
    assert_answers_like_the_journal(&index, &written);
    assert!(stages.iter().all(|progress| progress.total == size(150) && progress.done <= progress.total));
}

#[test]
fn a_closed_index_is_used_as_it_is_and_caught_up() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(20));
    caught_up(dir.path(), &written).close().unwrap();
    written.record("https://a.test/p", &["late"], false);
    let index = open(dir.path(), &written);
    assert_eq!((index.covered(), index.indexed_to()), (size(21), size(20)));
    index.catch_up_facts(&mut silent).unwrap();
    assert_answers_like_the_journal(&index, &written);
}

#[test]
fn lost_and_foreign_rows_are_found_and_put_right() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(300));
    let index = caught_up(dir.path(), &written);
    let sound = Scrubbed::Sound { rows: index.rows() };
    assert_eq!(index.scrub(&|_| ()).unwrap(), sound);
    let mut keys = Vec::new();
    index.rows.each(&mut |key| keys.push(key.to_vec())).unwrap();
    let rows: Vec<_> = keys.into_iter().filter(|key| b"acvtd".contains(&key[0])).collect();
    for (step, lost) in rows.iter().step_by(rows.len() / 7).enumerate() {
        index.rows.remove(std::slice::from_ref(lost)).unwrap();
        let mut expected = Scrubbed::Healed { lost: 1, extra: 0 };
        if step % 2 == 0 && lost.len() > 17 {
            // One bit of a key: one row is lost and another is there.
            let mut foreign = lost.clone();
            foreign[5] ^= 1;
            index.rows.add(&[foreign]).unwrap();
            expected = Scrubbed::Healed { lost: 1, extra: 1 };
        }
        assert_eq!(index.scrub(&|_| ()).unwrap(), expected, "{lost:?}");
        assert_eq!(index.scrub(&|_| ()).unwrap(), sound);
        assert_answers_like_the_journal(&index, &written);
    }
}

#[test]
fn nothing_is_answered_as_whole_while_rows_are_put_right() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(20));
    let index = caught_up(dir.path(), &written);
    index.healing.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(index.indexed_to(), size(0));
    let refused = index.by_content(&ContentDigest::of(b"x")).unwrap_err();
    assert!(matches!(refused, IndexError::Healing), "{refused}");
    assert!(matches!(index.by_envelope(&EnvelopeDigest::of(b"x")), Err(IndexError::Healing)));
}

#[test]
fn an_index_left_by_a_process_that_died_is_used() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(20));
    drop(caught_up(dir.path(), &written));
    assert_eq!(open(dir.path(), &written).indexed_to(), size(20));
}

#[test]
fn applying_again_changes_nothing_and_a_gap_is_refused() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(10));
    let index = caught_up(dir.path(), &written);
    let again: Vec<_> = (3..10).map(|at| written.indexed(self::index(at))).collect();
    index.apply_entries(&again).unwrap();
    assert_answers_like_the_journal(&index, &written);
    for text in ["x", "y"] {
        written.record("https://a.test/p", &[text], false);
    }
    let refused = index.apply_entries(&[written.indexed(self::index(11))]).unwrap_err();
    assert!(matches!(refused, IndexError::Gap { expected, .. } if expected == self::index(10)), "{refused}");
    assert_eq!(index.covered(), size(10));
}

#[test]
fn content_that_is_recorded_twice_is_found_oldest_first() {
    let (dir, written) = (tempfile::tempdir().unwrap(), Written::new());
    let content = ContentDigest::of(b"same");
    for envelope in [b"one", b"two"] {
        written.record_bytes(envelope.to_vec(), content, false);
    }
    let index = open(dir.path(), &written);
    assert_eq!(index.by_content(&content).unwrap(), [self::index(1), self::index(2)]);
    assert_eq!(index.by_envelope(&EnvelopeDigest::of(b"two")).unwrap(), Some(self::index(2)));
    assert_eq!(index.by_envelope(&EnvelopeDigest::of(b"three")).unwrap(), None);
    assert_eq!(index.by_content(&ContentDigest::of(b"other")).unwrap(), []);
}

#[test]
fn the_journal_of_file_segments_is_indexed_like_one_in_memory() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(60));
    let staged = |at| {
        let Stored { entry, record, envelope } = written.stored(index(at)).unwrap();
        Staged { entry, record: record.unwrap(), envelope: envelope.unwrap() }
    };
    let (data, options, root) = (dir.path().join("data"), OpenOptions::default(), RootHash::empty());
    journal::create(&data, &staged(0), root, &[], &options).unwrap();
    let opened = journal::open(&data, &options).unwrap();
    let index = Index::open(&dir.path().join("index"), Arc::new(opened.reader), &mut silent).unwrap();
    let mut journal = opened.journal;
    for at in 1..60 {
        let first = self::index(at);
        let batch = Batch { entries: vec![staged(at)], first, size: first.size_through(), root };
        journal = journal.append(&batch).unwrap();
    }
    index.catch_up_entries(&mut silent).unwrap();
    index.catch_up_facts(&mut silent).unwrap();
    assert_answers_like_the_journal(&index, &written);
    let refused = index.source().stored(self::index(60)).unwrap_err();
    assert_eq!(refused.index, self::index(60));
}

/// What happens to a directory between two runs.
type Damage = fn(&Path);

#[test]
fn damaged_or_lost_files_cost_a_rebuild_and_no_answer() {
    let damages: [(&str, Damage); 8] = [
        ("whole directory deleted", |dir| fs::remove_dir_all(dir).unwrap()),
        ("database deleted", |dir| fs::remove_dir_all(dir.join("sled")).unwrap()),
        ("state deleted", |dir| fs::remove_file(dir.join("state")).unwrap()),
        ("database cut to half", |dir| {
            let file = fs::File::options().write(true).open(dir.join("sled/db")).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        }),
        ("database emptied", |dir| fs::write(dir.join("sled/db"), b"").unwrap()),
        ("configuration is noise", |dir| fs::write(dir.join("sled/conf"), b"\xff\x00noise").unwrap()),
        ("snapshot was being written", |dir| {
            fs::write(dir.join("sled/snap.00000000000000FF.generating"), b"torn").unwrap();
        }),
        ("database is noise", |dir| fs::write(dir.join("sled/db"), vec![0xa5; 100_000]).unwrap()),
    ];
    for (name, damage) in damages {
        let (dir, written) = (tempfile::tempdir().unwrap(), busy(30));
        let dir = dir.path().join("index");
        caught_up(&dir, &written).close().unwrap();
        damage(&dir);
        let index = caught_up(&dir, &written);
        println!("{name}");
        assert_answers_like_the_journal(&index, &written);
    }
}

#[test]
fn an_index_of_another_log_or_of_more_than_the_journal_is_thrown_away() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(30));
    caught_up(dir.path(), &written).close().unwrap();

    // The same entry 0, and then others: as after a restored backup that went on.
    let other = Arc::new(Written { entries: Mutex::new(written.entries.lock().unwrap()[..10].to_vec()) });
    let index = open(dir.path(), &other);
    assert_eq!((index.covered(), index.indexed_to()), (size(10), size(0)), "marker beyond the journal");
    index.catch_up_facts(&mut silent).unwrap();
    assert_answers_like_the_journal(&index, &other);
    index.close().unwrap();

    for number in 0..30 {
        other.record("https://c.test/p", &[&format!("other {number}")], false);
    }
    caught_up(dir.path(), &other).close().unwrap();
    let index = open(dir.path(), &written);
    assert_eq!(index.indexed_to(), size(0), "marker over another entry");
    index.close().unwrap();

    let foreign = Arc::new(Written::default());
    foreign.record("custody:other", &["origin"], true);
    let index = caught_up(dir.path(), &foreign);
    assert_answers_like_the_journal(&index, &foreign);
}

#[test]
fn an_empty_journal_and_a_second_process_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let empty = source(&Arc::new(Written::default()));
    assert!(matches!(Index::open(dir.path(), empty, &mut silent).unwrap_err(), IndexError::Empty));
    let written = busy(3);
    let _first = open(dir.path(), &written);
    let refused = Index::open(dir.path(), written, &mut silent).unwrap_err();
    assert!(matches!(refused, IndexError::InUse { .. }), "{refused}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy(&file.path(), &target);
        } else {
            fs::copy(file.path(), target).unwrap();
        }
    }
}

/// The files as a killed process leaves them: what sled still had in memory is not there.
#[test]
fn a_kill_between_batches_loses_no_answer() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(5));
    let running = caught_up(dir.path(), &written);
    for round in 0..8 {
        for number in 0..40 {
            written.record("https://a.test/p", &[&format!("{round} {number}")], false);
        }
        running.catch_up_entries(&mut silent).unwrap();
        running.catch_up_facts_once(round * 9).unwrap();
        let left = tempfile::tempdir().unwrap();
        copy(dir.path(), left.path());
        StateFile::new(left.path()).mark_open().unwrap();
        let index = open(left.path(), &written);
        assert!(index.indexed_to() <= running.indexed_to());
        index.catch_up_facts(&mut silent).unwrap();
        assert_answers_like_the_journal(&index, &written);
    }
}

#[test]
fn a_copied_directory_is_rebuilt() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(30));
    let _running = caught_up(dir.path(), &written);
    let left = tempfile::tempdir().unwrap();
    copy(dir.path(), left.path());
    let index = open(left.path(), &written);
    assert_eq!(index.indexed_to(), size(0));
    index.catch_up_facts(&mut silent).unwrap();
    assert_answers_like_the_journal(&index, &written);
}

#[test]
fn what_is_added_later_never_changes_an_answer_as_of_a_size() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(40));
    let index = caught_up(dir.path(), &written);
    let prefix = HexPrefix::parse(&Digest::sha256_of(b"artifact 3").value()[..5]).unwrap();
    let answers = |index: &Index| {
        let mut answers = Vec::new();
        for below in 0..=40 {
            for term in [subject("artifact 3"), predicate("https://a.test/p")] {
                answers.push(index.by_term(&term, size(below), 7).unwrap());
            }
            answers.push(index.by_digest_prefix(&prefix, size(below), 7).unwrap().unwrap());
            answers.push(index.administrative(LeafIndex::ZERO, size(below), 7).unwrap());
        }
        answers
    };
    let before = answers(&index);
    for number in 0..60 {
        written.record("https://a.test/p", &["artifact 3"], number % 9 == 0);
    }
    index.catch_up_entries(&mut silent).unwrap();
    index.catch_up_facts(&mut silent).unwrap();
    assert_eq!(answers(&index), before);
}

#[test]
fn a_prefix_of_too_many_digests_is_no_empty_answer() {
    let dir = tempfile::tempdir().unwrap();
    let rows = rows::Rows::open(dir.path()).unwrap().unwrap();
    let leading = |byte| [byte; keys::SHORT_LEN];
    let keys: Vec<_> = (0..10).map(|byte| keys::Prefix::leading(&leading(byte)).key(index(5))).collect();
    rows.add(&keys).unwrap();
    let ask = |below, limit, steps| {
        rows.leading((&leading(0), &leading(9)), size(below), limit, steps).unwrap().map(|found| found.len())
    };
    assert_eq!((ask(6, 20, 20), ask(3, 20, 20)), (Some(10), Some(0)));
    assert_eq!(ask(6, 4, 4), None, "whether these are all is not known");
    assert_eq!(ask(6, 3, 4), Some(3));
    assert_eq!(ask(3, 20, 5), None, "later entries take all steps");
}

#[test]
fn finds_digests_by_any_number_of_leading_digits() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(60));
    let newest = written.record("https://a.test/p", &["artifact 3"], false);
    let index = caught_up(dir.path(), &written);
    let whole = Digest::sha256_of(b"artifact 3").value().to_owned();
    for digits in [5, 6, 7, 31, 32, 33, 63, 64] {
        let found = index
            .by_digest_prefix(&HexPrefix::parse(&whole[..digits]).unwrap(), size(61), 9)
            .unwrap()
            .unwrap();
        assert_eq!(found, [newest], "{digits}");
    }
    for below in [4, 3] {
        let found =
            index.by_digest_prefix(&HexPrefix::parse(&whole[..5]).unwrap(), size(below), 9).unwrap().unwrap();
        assert_eq!(found, if below == 4 { vec![self::index(3)] } else { vec![] });
    }
    // One nibble off on each side.
    for (end, digit) in [(5, '0'), (6, '0'), (5, 'f'), (6, 'f')] {
        let other = format!("{}{digit}", &whole[..end - 1]);
        let found = index.by_digest_prefix(&HexPrefix::parse(&other).unwrap(), size(61), 9).unwrap().unwrap();
        assert_eq!(found.contains(&newest), whole.starts_with(&other), "{other}");
    }
}

/// xorshift64*: repeatable, and good enough to choose operations.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % bound
    }
}

#[test]
fn random_operations_answer_like_a_walk_over_the_journal() {
    for seed in 1..=6 {
        println!("seed {seed}");
        let mut random = Random(seed * 0x9E37_79B9);
        let (dir, written) = (tempfile::tempdir().unwrap(), Written::new());
        let mut index = open(dir.path(), &written);
        for _ in 0..200 {
            match random.below(40) {
                0 => {
                    index.close().unwrap();
                    index = open(dir.path(), &written);
                }
                1 => {
                    drop(index);
                    index = open(dir.path(), &written);
                }
                2..12 => drop(index.catch_up_facts_once(random.below(9)).unwrap()),
                12..25 => {
                    let about: Vec<_> =
                        (0..=random.below(3)).map(|_| format!("a{}", random.below(20))).collect();
                    let about: Vec<_> = about.iter().map(String::as_str).collect();
                    let kind = format!("https://p.test/{}", random.below(3));
                    let at = written.record(&kind, &about, random.below(9) == 0);
                    index.apply_entries(&[written.indexed(at)]).unwrap();
                }
                _ => ask_at_random(&index, &written, &mut random),
            }
        }
        index.catch_up_facts(&mut silent).unwrap();
        assert_answers_like_the_journal(&index, &written);
    }
}

fn ask_at_random(index: &Index, written: &Written, random: &mut Random) {
    let below = size(random.below(written.size().get() + 1));
    let limit = usize::try_from(random.below(6)).unwrap();
    let term = if random.below(2) == 0 {
        subject(&format!("a{}", random.below(20)))
    } else {
        predicate(&format!("https://p.test/{}", random.below(3)))
    };
    let readings = written.readings_below(below.min(index.indexed_to()));
    let has = readings.iter().rev().filter(|reading| reading.terms.contains(&term));
    let expected: Vec<_> = has.map(|reading| reading.entry.index).take(limit).collect();
    assert_eq!(index.by_term(&term, below, limit).unwrap(), expected);
}

#[tokio::test]
async fn the_follower_indexes_what_is_committed_and_stops_when_told() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(300));
    let index = Arc::new(open(dir.path(), &written));
    let (committed, watched) = watch::channel(written.size());
    let mut indexed_to = index.watch_indexed_to();
    let follower = Follower::start(Arc::clone(&index), watched);
    indexed_to.wait_for(|reached| *reached == size(300)).await.unwrap();
    written.record("https://a.test/p", &["late"], false);
    committed.send_replace(written.size());
    indexed_to.wait_for(|reached| *reached == size(301)).await.unwrap();
    assert_eq!(index.by_term(&subject("late"), size(301), 9).unwrap(), [self::index(300)]);
    follower.stop().await;
    written.record("https://a.test/p", &["after"], false);
    committed.send_replace(written.size());
    assert_eq!(index.indexed_to(), size(301));
}

mod damage;
mod failing;
mod kills;
mod model;
mod runs;
mod stuck;
pub(crate) mod written;

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{Field, Term};
use custody_evidence::thing::HexPrefix;
use custody_log::{ContentDigest, EnvelopeDigest, LeafIndex, RootHash};
use tokio::sync::watch;

use self::written::{Written, busy, index, size};
use super::{Follower, Index, IndexError, Progress, Shape, Source, Stored};
use crate::journal::{self, Batch, OpenOptions, Staged};

fn silent(_: Progress) {}

/// The pace of a scrub that nobody ends.
const GO_ON: ControlFlow<()> = ControlFlow::Continue(());

fn source(written: &Arc<Written>) -> Arc<dyn Source> {
    Arc::<Written>::clone(written)
}

/// Runs of 4 entries, merged two at a time: a hundred entries have five levels.
fn small() -> Shape {
    Shape::new(1, 2, 1_000)
}

fn open(dir: &Path, written: &Arc<Written>) -> Index {
    Index::open_in(small(), dir, source(written), &mut silent).unwrap()
}

fn rebuilt(dir: &Path, written: &Arc<Written>) -> Index {
    Index::rebuild_in(small(), dir, source(written), &mut silent).unwrap()
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
        let (content, envelope) = (&reading.entry.content, &reading.entry.envelope);
        let same = readings.iter().map(|other| &other.entry);
        let with_content: Vec<_> = same.clone().filter(|other| other.content == *content).collect();
        let with_envelope: Vec<_> = same.filter(|other| other.envelope == *envelope).collect();
        let indexes = |from: u64| {
            let from = with_content.iter().map(|other| other.index).filter(move |at| at.get() >= from);
            from.collect::<Vec<_>>()
        };
        assert_eq!(index.by_content(content).unwrap(), indexes(0));
        assert_eq!(index.by_envelope(envelope).unwrap(), with_envelope.first().map(|first| first.index));
        for since in [size.get() / 2, size.get()] {
            let since = self::size(since);
            assert_eq!(index.by_content_since(content, since).unwrap(), indexes(since.get()));
            let first = with_envelope.iter().map(|other| other.index).find(|at| !since.contains(*at));
            assert_eq!(index.by_envelope_since(envelope, since).unwrap(), first);
        }
    }
}

#[test]
fn answers_like_the_journal_and_so_does_a_rebuilt_one() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(150));
    let index = caught_up(dir.path(), &written);
    assert_answers_like_the_journal(&index, &written);
    index.close().unwrap();
    let mut stages = Vec::new();
    let index =
        Index::rebuild_in(small(), dir.path(), source(&written), &mut |progress| stages.push(progress))
            .unwrap();
    assert_answers_like_the_journal(&index, &written);
    assert!(stages.iter().all(|progress| progress.total == size(150) && progress.done <= progress.total));
}

#[test]
fn a_closed_index_is_used_as_it_is_and_caught_up() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(20));
    caught_up(dir.path(), &written).close().unwrap();
    written.record("https://a.test/p", &["late"], false);
    let index = open(dir.path(), &written);
    assert_eq!((index.covered(), index.indexed_to()), (size(21), size(20)), "what was in memory was sealed");
    index.catch_up_facts(&mut silent).unwrap();
    assert_answers_like_the_journal(&index, &written);
}

#[test]
fn an_index_left_by_a_process_that_died_is_used() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(22));
    drop(caught_up(dir.path(), &written));
    let index = open(dir.path(), &written);
    assert_eq!((index.covered(), index.indexed_to()), (size(22), size(20)), "what was sealed is there");
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
        let Stored { entry, record, envelope, .. } = written.stored(index(at)).unwrap();
        let (record, envelope) = (record.unwrap(), envelope.unwrap());
        Staged { entry, record, envelope, attachments: Vec::new(), erased: false }
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
    let other = Arc::new(Written::of(written.entries.lock().unwrap()[..10].to_vec()));
    let index = open(dir.path(), &other);
    assert_eq!((index.covered(), index.indexed_to()), (size(10), size(0)), "runs beyond the journal");
    index.catch_up_facts(&mut silent).unwrap();
    assert_answers_like_the_journal(&index, &other);
    index.close().unwrap();

    for number in 0..30 {
        other.record("https://c.test/p", &[&format!("other {number}")], false);
    }
    caught_up(dir.path(), &other).close().unwrap();
    let index = open(dir.path(), &written);
    assert_eq!(index.indexed_to(), size(0), "runs over another entry");
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

#[test]
fn builds_are_found_by_their_artifact_also_when_the_index_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let written = busy(40);
    let artifact = format!("sha256:{}", "ab".repeat(32));
    let bound = format!(
        r#"{{"format":"custody/record/v1","crit":[],"salt":"{}","media_type":"x","predicate_type":"https://slsa.dev/provenance/v1",
        "subjects":["{artifact}"],"signers":[{{"signature":0,"status":"verified","key":null,"spki":null,"rule":"ci","hint":"","why":null,
        "identity":"https://token.test#job"}}],
        "submitter":{{"issuer":"https://token.test","token_subject":"","source_repository_identifier":"42"}},
        "binding":"bound","authority":"own","checks":[],"trust":{{"index":0,"version":1}},"reader":"3","attachments":[],"marks":[]}}"#,
        "00".repeat(32)
    );
    for at in [7, 30] {
        written.entries.lock().unwrap()[at].record = Some(bound.clone().into_bytes());
    }
    let source: Arc<dyn Source> = Arc::<Written>::clone(&written);
    let found = |index: &Index, since| {
        let found = index.by_build(&artifact, size(since)).unwrap();
        assert!(index.by_build("sha256:other", size(0)).unwrap().is_empty());
        found.into_iter().map(LeafIndex::get).collect::<Vec<_>>()
    };
    let opened = Index::open(dir.path(), Arc::clone(&source), &mut |_| {}).unwrap();
    assert_eq!((found(&opened, 0), found(&opened, 8), found(&opened, 31)), (vec![7, 30], vec![30], vec![]));
    opened.close().unwrap();
    let again = Index::open(dir.path(), Arc::clone(&source), &mut |_| {}).unwrap();
    assert_eq!(found(&again, 0), [7, 30], "from its runs");
    again.close().unwrap();
    let rebuilt = Index::rebuild(dir.path(), source, &mut |_| {}).unwrap();
    assert_eq!(found(&rebuilt, 0), [7, 30]);
}

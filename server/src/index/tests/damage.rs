//! Damaged, lost and foreign pieces are found, and made again from the journal without being asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use custody_evidence::fact::Term;
use custody_log::LeafIndex;
use tokio::sync::watch;

use super::super::piece;
use super::super::rows::Rows;
use super::super::{Follower, Index, IndexError, Scrubbed, Source};
use super::runs::runs;
use super::written::{Written, busy, size};
use super::{GO_ON, assert_answers_like_the_journal, caught_up, open};

/// What is done to one piece.
#[derive(Debug, Clone, Copy)]
enum Rot {
    Lost,
    Flipped,
    /// The value of another piece.
    Swapped,
}

fn spoil(index: &Index, at: usize, rot: Rot) {
    spoil_of(index, &index.database.pieces(), at, rot);
}

/// Spoils one of these, which were read before: beside a follower a second list can be another one.
fn spoil_of(index: &Index, pieces: &[(Vec<u8>, Vec<u8>)], at: usize, rot: Rot) {
    let (key, value) = &pieces[at];
    match rot {
        Rot::Lost => index.database.spoil(key, None),
        Rot::Flipped => {
            let mut value = value.clone();
            let place = (at * 31) % value.len();
            value[place] ^= 1;
            index.database.spoil(key, Some(&value));
        }
        Rot::Swapped => index.database.spoil(key, Some(&pieces[(at + 1) % pieces.len()].1)),
    }
}

/// What each term should find.
fn expected(written: &Written) -> BTreeMap<Term, Vec<LeafIndex>> {
    let mut expected = BTreeMap::<_, Vec<_>>::new();
    for reading in written.readings_below(written.size()).into_iter().rev() {
        for term in reading.terms {
            expected.entry(term).or_default().push(reading.entry.index);
        }
    }
    expected
}

#[test]
fn a_run_whose_pieces_are_all_lost_never_gives_its_number_to_another() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(110));
    let index = caught_up(dir.path(), &written);
    let named = [&index.entries, &index.facts]
        .map(|rows| rows.runs().iter().map(|run| run.record().run).max().unwrap())
        .into_iter()
        .max()
        .unwrap();
    for (key, _) in index.database.pieces() {
        index.database.spoil(&key, None);
    }
    index.close().unwrap();
    let again = open(dir.path(), &written);
    assert!(again.database.new_run() > named, "the manifest names run {named}");
}

#[test]
fn a_scrub_finds_every_damage_and_it_is_made_again() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(110));
    let index = caught_up(dir.path(), &written);
    let (expected, sound) = (runs(&index), Scrubbed::Sound { rows: sealed(&index) });
    assert_eq!(index.scrub(&|_| GO_ON).unwrap(), sound);
    let pieces = index.database.pieces().len();
    assert!(pieces > 12, "{pieces} pieces");
    for at in 0..pieces {
        for rot in [Rot::Lost, Rot::Flipped, Rot::Swapped] {
            // Filters that were asked are kept: opened anew, nothing is.
            spoil(&index, at, rot);
            assert_eq!(index.scrub(&|_| GO_ON).unwrap(), Scrubbed::Damaged { runs: 1 }, "{rot:?} {at}");
            assert!(index.entries.whole().is_err() != index.facts.whole().is_err());
            index.tidy().unwrap();
            assert_eq!(index.scrub(&|_| GO_ON).unwrap(), sound, "{rot:?} {at}");
            assert_eq!(runs(&index), expected);
        }
    }
    assert_answers_like_the_journal(&index, &written);
}

fn sealed(index: &Index) -> u64 {
    runs(index).iter().map(|run| run.rows).sum()
}

#[test]
fn whoever_meets_a_damage_gets_no_wrong_answer() {
    let written = busy(50);
    let (terms, readings) = (expected(&written), written.readings_below(size(50)));
    for (at, rot) in (0..10).flat_map(|at| [Rot::Lost, Rot::Flipped, Rot::Swapped].map(|rot| (at, rot))) {
        let dir = tempfile::tempdir().unwrap();
        caught_up(dir.path(), &written).close().unwrap();
        let index = open(dir.path(), &written);
        let pieces = index.database.pieces().len();
        spoil(&index, at * pieces / 10, rot);
        for reading in &readings {
            match index.by_content(&reading.entry.content) {
                Ok(found) => assert!(found.contains(&reading.entry.index), "{rot:?} {at}"),
                Err(error) => assert!(matches!(error, IndexError::Healing), "{rot:?} {at}: {error}"),
            }
        }
        for (term, expected) in &terms {
            match index.by_term(term, size(50), usize::MAX) {
                Ok(found) => assert_eq!(found, *expected, "{rot:?} {at}"),
                Err(error) => assert!(matches!(error, IndexError::Healing), "{rot:?} {at}: {error}"),
            }
        }
        index.scrub(&|_| GO_ON).unwrap();
        index.tidy().unwrap();
        for (term, expected) in &terms {
            assert_eq!(index.by_term(term, size(50), usize::MAX).unwrap(), *expected, "{rot:?} {at}");
        }
    }
}

#[test]
fn nothing_is_answered_as_whole_while_a_run_is_made_again() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(20));
    let index = caught_up(dir.path(), &written);
    let first = written.reading(super::index(1));
    let [entries, facts] = [&index.entries, &index.facts].map(|rows| rows.runs()[0].record().run);
    index.facts.damaged().insert(facts);
    assert_eq!(index.indexed_to(), size(0));
    let term = first.terms.first().unwrap();
    assert!(matches!(index.by_term(term, size(20), 9), Err(IndexError::Healing)));
    assert!(index.by_content(&first.entry.content).is_ok(), "recording goes on");
    index.entries.damaged().insert(entries);
    let refused = index.by_content(&first.entry.content).unwrap_err();
    assert!(matches!(refused, IndexError::Healing), "{refused}");
    assert!(matches!(index.by_envelope(&first.entry.envelope), Err(IndexError::Healing)));
    index.tidy().unwrap();
    assert_answers_like_the_journal(&index, &written);
}

#[test]
fn damage_below_a_merge_is_made_again_and_merged() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(8));
    let index = open(dir.path(), &written);
    index.catch_up_facts_once(100).unwrap();
    index.seal(&index.facts, &index.upkeep()).unwrap();
    let runs: Vec<u64> = index.facts.runs().iter().map(|run| run.record().run).collect();
    assert_eq!(runs.len(), 2);
    for (key, _) in index.database.pieces() {
        if runs.contains(&piece::run_of(&key).unwrap()) {
            index.database.spoil(&key, None);
        }
    }
    index.tidy().unwrap();
    assert_eq!(index.facts.runs().len(), 1);
    assert_answers_like_the_journal(&index, &written);
}

#[tokio::test]
async fn the_follower_makes_damaged_runs_again_without_being_asked() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(40));
    let index = Arc::new(caught_up(dir.path(), &written));
    // No merge is due, which would meet the damage before the scrub.
    index.tidy().unwrap();
    let (_committed, watched) = watch::channel(written.size());
    let follower = Follower::start(Arc::clone(&index), watched);
    for rot in [Rot::Lost, Rot::Flipped] {
        for part in 0..3 {
            let pieces = counting(&index);
            spoil_of(&index, &pieces, (pieces.len() - 1) * part / 2, rot);
            let scrubbed = Arc::clone(&index);
            let scrubbed = tokio::task::spawn_blocking(move || scrubbed.scrub(&|_| GO_ON)).await;
            assert_eq!(scrubbed.unwrap().unwrap(), Scrubbed::Damaged { runs: 1 }, "{rot:?} {part}");
            while index.entries.whole().is_err() || index.facts.whole().is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
    }
    follower.stop().await;
    assert_answers_like_the_journal(&index, &written);
}

/// The pieces of the runs that count: those of others are being removed.
fn counting(index: &Index) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pieces = index.database.pieces();
    let runs = [&index.entries, &index.facts].map(Rows::runs);
    let counts = |number: u64| runs.iter().any(|runs| runs.iter().any(|run| run.record().run == number));
    pieces.retain(|(key, _)| piece::run_of(key).is_some_and(counts));
    pieces
}

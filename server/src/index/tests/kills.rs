//! A process that dies between any two steps loses no answer, and leaves nothing that counts.

use std::path::Path;
use std::sync::Arc;

use super::super::build::Build;
use super::super::manifest::Part;
use super::super::merge::{Merge, Step, due};
use super::super::piece;
use super::super::seal::Works;
use super::super::state::StateFile;
use super::super::{Index, Source};
use super::runs::runs;
use super::written::{Written, busy};
use super::{GO_ON, assert_answers_like_the_journal, caught_up, copy, open, silent, small};

/// Opens the files as a killed process leaves them, and compares all answers, and in the end all runs.
fn survives(dir: &Path, written: &Arc<Written>, expected: &[super::super::manifest::Record]) {
    let left = tempfile::tempdir().unwrap();
    copy(dir, left.path());
    StateFile::new(left.path()).mark_open().unwrap();
    let index = open(left.path(), written);
    index.catch_up_facts(&mut silent).unwrap();
    assert_answers_like_the_journal(&index, written);
    assert_eq!(runs(&index), expected);
    let live = index.entries.runs().len() + index.facts.runs().len();
    assert_eq!(index.database.runs().unwrap().len(), live, "nothing else is left");
}

/// Statements that name many digests: runs of more than one block.
pub(super) fn large(entries: u64) -> Arc<Written> {
    let written = Written::new();
    for number in 1..entries {
        let about: Vec<String> = (0..40).map(|at| format!("{} {at}", number % 3)).collect();
        let about: Vec<&str> = about.iter().map(String::as_str).collect();
        written.record(&format!("https://a.test/{number}"), &about, false);
    }
    written
}

fn works(index: &Index) -> Works<'_> {
    Works { database: &index.database, source: index.source.as_ref(), shape: small() }
}

#[test]
fn a_kill_at_any_step_of_a_merge_loses_no_answer() {
    let (dir, other, written) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), large(8));
    let expected = runs(&caught_up(other.path(), &written));
    let index = open(dir.path(), &written);
    index.catch_up_facts_once(100).unwrap();
    index.seal(&index.facts, &index.upkeep()).unwrap();
    let children = due(small(), &index.facts.runs(), &|_| false).unwrap();
    let mut merge = Merge::new(&index.database, small(), Part::Facts, &children).unwrap().unwrap();
    let mut steps = 0;
    let record = loop {
        index.database.flush();
        survives(dir.path(), &written, &expected);
        steps += 1;
        match merge.step(&index.database, 1).unwrap() {
            Step::Under(under) => merge = *under,
            Step::Done(record) => break record,
        }
    };
    assert!(steps > 2, "{steps} steps");
    index.database.flush();
    survives(dir.path(), &written, &expected);
    let replaced: Vec<_> = children.iter().map(|child| *child.record()).collect();
    for some in 0..=replaced.len() {
        index.database.switch(&[record], &replaced[..some]).unwrap();
        index.database.flush();
        survives(dir.path(), &written, &expected);
    }
    for child in replaced {
        loop {
            index.database.flush();
            survives(dir.path(), &written, &expected);
            if !index.database.remove_some(child.run, 1).unwrap() {
                break;
            }
        }
    }
}

#[test]
fn a_kill_at_any_step_of_making_a_run_again_loses_no_answer() {
    let (dir, written) = (tempfile::tempdir().unwrap(), large(16));
    let index = caught_up(dir.path(), &written);
    let expected = runs(&index);
    let run = Arc::clone(&index.facts.runs()[0]);
    let mut pieces = index.database.pieces().into_iter();
    let (key, _) = pieces.find(|(key, _)| piece::run_of(key) == Some(run.record().run)).unwrap();
    index.database.spoil(&key, None);
    let mut build = Build::new(Part::Facts, run.record().span);
    let mut steps = 0;
    loop {
        let made = build.step(works(&index)).unwrap();
        index.database.flush();
        if steps % 3 == 0 {
            // The damage is still there, and found when it is met.
            let left = tempfile::tempdir().unwrap();
            copy(dir.path(), left.path());
            StateFile::new(left.path()).mark_open().unwrap();
            let index = open(left.path(), &written);
            index.catch_up_facts(&mut silent).unwrap();
            index.scrub(&|_| GO_ON).unwrap();
            index.tidy().unwrap();
            assert_answers_like_the_journal(&index, &written);
            assert_eq!(runs(&index), expected);
        }
        steps += 1;
        if made.is_some() {
            break;
        }
    }
    assert!(steps > 5, "{steps} steps");
}

/// What sled still had in memory is not there.
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
        running.tidy_once().unwrap();
        let left = tempfile::tempdir().unwrap();
        copy(dir.path(), left.path());
        StateFile::new(left.path()).mark_open().unwrap();
        let index = open(left.path(), &written);
        assert!(index.indexed_to() <= running.indexed_to());
        assert_eq!(index.covered(), written.size());
        index.catch_up_facts(&mut silent).unwrap();
        assert_answers_like_the_journal(&index, &written);
    }
}

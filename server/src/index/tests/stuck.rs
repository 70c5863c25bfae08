//! A look into the database does not end: nobody waits for it for ever, and the index goes on without it.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use custody_evidence::thing::HexPrefix;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::super::follower::step;
use super::super::hands::LOOK_MAX;
use super::super::state::{Belief, StateFile};
use super::super::{Able, Index, IndexError, Scrubbed};
use super::runs::runs;
use super::written::{Written, busy, index, size};
use super::{GO_ON, assert_answers_like_the_journal, caught_up, open, silent, subject};

type Asked = Result<(), IndexError>;
type Ask<'a> = &'a (dyn Fn(&Index, &Written) -> Asked + Sync);

/// Asks, by a look that stands still until the sender is dropped, and gives it up. No other look may be under way.
fn stuck(index: &Index, ask: impl FnOnce(&Index) -> Asked + Send) -> (Asked, Sender<()>) {
    let (go_on, begun) = index.database.stall();
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask(index));
        begun.recv().expect("it looks into the database");
        index.database.hands().set_patience(Duration::ZERO);
        asking.join().unwrap()
    });
    index.database.hands().set_patience(LOOK_MAX);
    (asked, go_on)
}

fn left(index: &Index) -> usize {
    index.watch_left().borrow().hands
}

fn is_stuck(asked: &Asked) -> bool {
    matches!(asked, Err(error @ IndexError::Stuck { .. }) if error.is_healed_soon())
}

fn by_content(index: &Index, written: &Written) -> Asked {
    index.by_content(&written.reading(self::index(1)).entry.content).map(drop)
}

fn by_term(index: &Index) -> Asked {
    index.by_term(&subject("nothing has it"), index.indexed_to(), 9).map(drop)
}

fn by_digits(index: &Index) -> Asked {
    index.by_digest_prefix(&HexPrefix::parse("abcde").unwrap(), index.indexed_to(), 9).map(drop)
}

#[test]
fn whoever_looks_is_told_in_time_and_the_index_is_made_again_without_him() {
    let written = busy(50);
    let asks: [(&str, Ask<'_>); 4] = [
        ("who records", &by_content),
        ("who asks", &|index, _| by_term(index)),
        ("who asks by digits", &|index, _| by_digits(index)),
        ("the scrub", &|index, _| index.scrub(&|_| GO_ON).map(drop)),
    ];
    for (name, ask) in asks {
        let dir = tempfile::tempdir().unwrap();
        let index = caught_up(dir.path(), &written);
        let expected = runs(&index);
        let (asked, go_on) = stuck(&index, |index| ask(index, &written));
        assert!(is_stuck(&asked), "{name}: {asked:?}");
        assert_eq!(left(&index), 1, "{name}");
        assert_eq!(*index.watch_able().borrow(), Able { recording: false, questions: false }, "{name}");
        assert_eq!(StateFile::new(dir.path()).belief().unwrap(), Belief::Doubtful, "{name}");
        for asked in [by_content(&index, &written), by_term(&index)] {
            assert!(matches!(asked, Err(IndexError::Shut { .. })), "nobody else waits: {asked:?}");
        }
        index.tidy().unwrap();
        assert_answers_like_the_journal(&index, &written);
        assert_eq!(runs(&index), expected, "{name}");
        assert_eq!(StateFile::new(dir.path()).belief().unwrap(), Belief::Sound, "{name}");
        // It ends after all, and changes nothing.
        drop(go_on);
        assert_answers_like_the_journal(&index, &written);
        assert_eq!(left(&index), 1, "{name}");
        index.close().unwrap();
        assert_eq!(open(dir.path(), &written).indexed_to(), size(50), "{name}: it was closed");
    }
}

#[test]
fn the_work_behind_goes_on_without_the_look_that_it_was_at() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(50));
    let index = caught_up(dir.path(), &written);
    for round in 0..3 {
        for number in 0..4 {
            written.record("https://a.test/p", &[&format!("{round} {number}")], false);
        }
        index.catch_up_entries(&mut silent).unwrap();
        let (asked, go_on) = stuck(&index, |index| index.catch_up_facts(&mut silent));
        assert!(is_stuck(&asked), "{asked:?}");
        index.catch_up_facts(&mut silent).unwrap();
        // What was left behind while it wrote a run does not go on writing.
        let pieces = index.database.pieces();
        drop(go_on);
        assert_answers_like_the_journal(&index, &written);
        assert_eq!(index.database.pieces(), pieces);
    }
    assert_eq!(left(&index), 3);
    let rows = runs(&index).iter().map(|run| run.rows).sum();
    assert_eq!(index.scrub(&|_| GO_ON).unwrap(), Scrubbed::Sound { rows });
}

#[test]
fn after_a_refused_write_too_the_files_of_who_does_not_end_are_not_opened_again() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(50));
    let index = caught_up(dir.path(), &written);
    let full = IndexError::Database(sled::Error::Io(std::io::ErrorKind::StorageFull.into()));
    index.doubted::<()>(Err(full)).unwrap_err();
    let (asked, _waits) = stuck(&index, by_term);
    assert!(is_stuck(&asked), "{asked:?}");
    index.tidy().unwrap();
    assert_answers_like_the_journal(&index, &written);
}

#[test]
fn an_open_that_does_not_end_is_given_up_and_the_index_is_made_again() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(50));
    let index = caught_up(dir.path(), &written);
    let expected = runs(&index);
    let full = IndexError::Database(sled::Error::Io(std::io::ErrorKind::StorageFull.into()));
    index.doubted::<()>(Err(full)).unwrap_err();
    // Who opens a pipe that nobody writes to waits without an end. No program makes it: until it runs, a new process holds the locks of all
    // other tests.
    let conf = dir.path().join("sled").join("conf");
    std::fs::remove_file(&conf).unwrap();
    mknodat(CWD, conf.as_path(), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    index.database.hands().set_time(Some(Duration::from_secs(5)));
    // One that is opened in its place may be slow on a busy machine: then it is tried again.
    assert!((0..20).any(|_| index.tidy().is_ok()));
    index.database.hands().set_time(None);
    assert!(left(&index) >= 1, "its thread is left behind");
    assert_answers_like_the_journal(&index, &written);
    assert_eq!(runs(&index), expected);
    assert_eq!(StateFile::new(dir.path()).belief().unwrap(), Belief::Sound);
    index.close().unwrap();
    assert_eq!(open(dir.path(), &written).indexed_to(), size(50), "it was closed");
}

#[tokio::test]
async fn the_follower_goes_on_and_can_be_stopped() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(50));
    let index = Arc::new(caught_up(dir.path(), &written));
    for number in 0..4 {
        written.record("https://a.test/p", &[&format!("{number}")], false);
    }
    index.catch_up_entries(&mut silent).unwrap();
    let (go_on, begun) = index.database.stall();
    let stepping = tokio::spawn({
        let index = Arc::clone(&index);
        async move { step(&index, false).await }
    });
    tokio::task::spawn_blocking(move || begun.recv()).await.unwrap().unwrap();
    index.database.hands().set_patience(Duration::ZERO);
    let stepped = stepping.await.unwrap().map(drop);
    index.database.hands().set_patience(LOOK_MAX);
    assert!(is_stuck(&stepped), "{stepped:?}");
    while step(&index, true).await.unwrap() {}
    assert_eq!(index.indexed_to(), size(54));
    assert_answers_like_the_journal(&index, &written);
    // A thread that is left behind keeps no process from its end.
    assert!(Arc::into_inner(index).is_some_and(|index| index.close().is_ok()));
    drop(go_on);
}

//! Every flipped bit is repaired from a good copy, and what can be computed without one.

use std::fs;
use std::path::{Path, PathBuf};

use super::damage::{copy, fast, files, small};
use super::*;

fn mended(dir: &Path, from: Option<&Path>) -> RepairReport {
    repair(dir, from, &fast().files, &mut |_| ()).unwrap()
}

/// A copy of the small log in which the byte at `place` of one file has another bit.
fn flipped(dir: &Path, file: &Path, place: usize) -> TempDir {
    let broken = tempfile::tempdir().unwrap();
    copy(dir, broken.path());
    let path = broken.path().join(file.strip_prefix(dir).unwrap());
    let mut bytes = fs::read(&path).unwrap();
    bytes[place] ^= 0x04;
    fs::write(&path, bytes).unwrap();
    broken
}

fn journal_files(dir: &Path) -> Vec<PathBuf> {
    files(&dir.join("journal"))
}

#[test]
fn a_flipped_bit_anywhere_is_repaired_from_a_good_copy() {
    let (dir, log, _) = small(0);
    let (mut broken_ones, mut kept) = (0, 0);
    for file in journal_files(dir.path()) {
        let length = fs::read(&file).unwrap().len();
        for place in (0..length).step_by(5) {
            let broken = flipped(dir.path(), &file, place);
            let before = fsck(broken.path(), &fast().files, &mut |_| ()).unwrap();
            let report = mended(broken.path(), Some(dir.path()));
            let named = format!("byte {place} of {}: {before:?}\n{report:?}", file.display());
            assert_eq!(report.after.findings, [], "{named}");
            assert_eq!(report.after.sound, (log.size(), log.root()), "{named}");
            if !before.findings.is_empty() {
                broken_ones += 1;
                assert!(!report.repaired.is_empty(), "{named}");
            }
            kept += report.repaired.iter().filter(|repaired| repaired.kept.is_some()).count();
            log.check(&open(broken.path(), &fast()).unwrap().reader, log.size());
        }
    }
    assert!(broken_ones > 500 && kept >= broken_ones, "{broken_ones} {kept}");
}

#[test]
fn without_a_copy_it_repairs_what_it_says_and_leaves_the_rest_as_it_was() {
    let (dir, log, _) = small(0);
    let (mut computed, mut left) = (0, 0);
    for file in journal_files(dir.path()) {
        let length = fs::read(&file).unwrap().len();
        for place in (0..length).step_by(5) {
            let broken = flipped(dir.path(), &file, place);
            let before = fsck(broken.path(), &fast().files, &mut |_| ()).unwrap();
            let bytes: Vec<Vec<u8>> =
                journal_files(broken.path()).iter().map(|file| fs::read(file).unwrap()).collect();
            let report = mended(broken.path(), None);
            let named = format!("byte {place} of {}: {before:?}\n{report:?}", file.display());
            if before.findings.iter().all(is_computed) {
                assert_eq!(report.after.findings, [], "{named}");
                log.check(&open(broken.path(), &fast()).unwrap().reader, log.size());
                computed += usize::from(!before.findings.is_empty());
            } else if !report.after.findings.is_empty() {
                left += 1;
                let now: Vec<Vec<u8>> =
                    journal_files(broken.path()).iter().map(|file| fs::read(file).unwrap()).collect();
                assert_eq!(now, bytes, "{named}");
            }
        }
    }
    assert!(computed > 100 && left > 300, "{computed} {left}");
}

#[test]
fn a_missing_segment_and_a_missing_envelope_come_from_the_copy() {
    let (dir, log, _) = small(0);
    for file in journal_files(dir.path()) {
        let broken = tempfile::tempdir().unwrap();
        copy(dir.path(), broken.path());
        fs::remove_file(broken.path().join(file.strip_prefix(dir.path()).unwrap())).unwrap();
        let report = mended(broken.path(), Some(dir.path()));
        assert_eq!(report.after.findings, [], "{}: {report:?}", file.display());
        assert!(report.repaired.iter().all(|repaired| repaired.kept.is_none()), "{report:?}");
        log.check(&open(broken.path(), &fast()).unwrap().reader, log.size());
    }
}

#[test]
fn two_damaged_segments_are_repaired_at_once() {
    let (dir, log, _) = small(0);
    let broken = tempfile::tempdir().unwrap();
    copy(dir.path(), broken.path());
    for path in files(&broken.path().join("journal/segments")) {
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 40].fill(0);
        fs::write(&path, bytes).unwrap();
    }
    let report = mended(broken.path(), Some(dir.path()));
    assert_eq!(report.after.findings, [], "{report:?}");
    log.check(&open(broken.path(), &fast()).unwrap().reader, log.size());
}

#[test]
fn a_torn_tail_that_nobody_was_promised_is_cut_and_kept() {
    let (dir, log, kept) = small(1);
    let path = files(&dir.path().join("journal/segments")).pop().unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    let report = mended(dir.path(), None);
    assert_eq!((report.after.findings.len(), report.after.unfinished), (0, None), "{:?}", report.repaired);
    let [repaired] = &report.repaired[..] else { panic!("{:?}", report.repaired) };
    assert_eq!(fs::read(repaired.kept.as_ref().unwrap()).unwrap(), &bytes[..bytes.len() - 3]);
    log.check(&open(dir.path(), &fast()).unwrap().reader, kept);
}

#[test]
fn promised_entries_that_were_cut_come_from_the_copy() {
    let (dir, log, _) = small(0);
    let path = files(&dir.path().join("journal/segments")).pop().unwrap();
    let place = path.strip_prefix(dir.path()).unwrap();
    let bytes = fs::read(&path).unwrap();
    for from in [None, Some(dir.path())] {
        let cut = tempfile::tempdir().unwrap();
        copy(dir.path(), cut.path());
        let short = &bytes[..damage::last_frame(&bytes)];
        fs::write(cut.path().join(place), short).unwrap();
        let report = mended(cut.path(), from);
        if from.is_some() {
            assert_eq!(report.after.findings, [], "{report:?}");
            log.check(&open(cut.path(), &fast()).unwrap().reader, log.size());
        } else {
            assert_eq!((report.after.findings.len(), report.repaired.len()), (1, 0), "{report:?}");
            assert_eq!(fs::read(cut.path().join(place)).unwrap(), short, "left as it was");
        }
    }
}

#[test]
fn a_sound_log_is_left_alone() {
    let (dir, _, _) = small(0);
    let before: Vec<Vec<u8>> = journal_files(dir.path()).iter().map(|file| fs::read(file).unwrap()).collect();
    let report = mended(dir.path(), None);
    assert_eq!((report.repaired.len(), report.after.findings.len()), (0, 0));
    let after: Vec<Vec<u8>> = journal_files(dir.path()).iter().map(|file| fs::read(file).unwrap()).collect();
    assert_eq!(before, after);
}

#[test]
fn a_copy_of_another_log_is_refused_and_so_is_the_log_itself() {
    let (dir, _, _) = small(0);
    let (other, mut log) = created();
    let mut journal = reopen(&other).journal;
    log.stage(b"r", b"e");
    log.truncate(TreeSize::new(1).unwrap());
    journal.keep_checkpoint(&log.checkpoint()).unwrap();
    drop(journal);
    // The same entry 0 is the same log: another one has another first entry.
    let mut foreign = Log::new();
    let third = tempfile::tempdir().unwrap();
    let first = foreign.stage(b"record 0", b"another trust document");
    create(third.path(), &first, foreign.root(), &[], &fast()).unwrap();
    let mut journal = open(third.path(), &fast()).unwrap().journal;
    journal.keep_checkpoint(&foreign.checkpoint()).unwrap();
    drop(journal);
    let refused = repair(dir.path(), Some(third.path()), &fast().files, &mut |_| ()).unwrap_err();
    assert!(matches!(refused, RepairError::OtherLog { .. }), "{refused}");
    let refused = repair(dir.path(), Some(dir.path()), &fast().files, &mut |_| ()).unwrap_err();
    assert!(matches!(refused, RepairError::NotApart { .. }), "{refused}");
    let nowhere = dir.path().with_extension("nowhere");
    let refused = repair(dir.path(), Some(&nowhere), &fast().files, &mut |_| ()).unwrap_err();
    assert!(matches!(refused, RepairError::Source(_)), "{refused}");
    let held = open(dir.path(), &fast()).unwrap();
    let refused = repair(dir.path(), None, &fast().files, &mut |_| ()).unwrap_err();
    assert!(
        matches!(refused, RepairError::Open(OpenError::Directory(DirectoryError::Locked { .. }))),
        "{refused}"
    );
    drop(held);
}

/// Cuts a few bytes off the last segment: a torn write, if nobody was promised what it held.
fn cut_tail(dir: &Path) {
    let segment = files(&dir.join("journal/segments")).pop().unwrap();
    let length = fs::metadata(&segment).unwrap().len();
    fs::File::options().write(true).open(&segment).unwrap().set_len(length - 3).unwrap();
}

fn slots_of(dir: &Path) -> Vec<PathBuf> {
    let journal = dir.join("journal");
    let slots = files(&journal).into_iter();
    let slots: Vec<_> =
        slots.filter(|path| path.parent() == Some(&journal) && path.extension().is_none()).collect();
    assert_eq!(slots.len(), 2, "{slots:?}");
    slots
}

#[test]
fn nothing_is_cut_while_nobody_knows_what_was_promised() {
    let (dir, _, _) = small(0);
    let (other, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    create(other.path(), &log.stage(b"record 0", b"another log"), log.root(), &[], &fast()).unwrap();
    let foreign = |dir: &Path| {
        fs::copy(&slots_of(other.path())[0], &slots_of(dir)[0]).unwrap();
    };
    let unreadable = |dir: &Path| slots_of(dir).iter().for_each(|slot| fs::write(slot, b"noise").unwrap());
    for (what, is_foreign) in [("a slot of another log", true), ("no slot", false)] {
        let broken = tempfile::tempdir().unwrap();
        copy(dir.path(), broken.path());
        cut_tail(broken.path());
        if is_foreign {
            foreign(broken.path());
        } else {
            unreadable(broken.path());
        }
        let segments = broken.path().join("journal/segments");
        let before: Vec<_> = files(&segments).iter().map(|path| fs::read(path).unwrap()).collect();
        let refused = repair(broken.path(), None, &fast().files, &mut |_| ()).unwrap_err();
        println!("{what}: {refused}");
        assert!(
            matches!(&refused, RepairError::Open(OpenError::OtherLog { .. } | OpenError::Damaged { .. })),
            "{what}: {refused:?}"
        );
        let after: Vec<_> = files(&segments).iter().map(|path| fs::read(path).unwrap()).collect();
        assert_eq!(after, before, "{what}");
    }
}

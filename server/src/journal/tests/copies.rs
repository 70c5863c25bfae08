//! Backups of a log that grows, and data directories from backups.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::damage::{copy, fast, files, small};
use super::traced::Traced;
use super::*;

fn backed_up(data: &Path, out: &Path) -> Result<BackupReport, BackupError> {
    backup(data, out, &fast().files, &mut |_| ())
}

fn restored(from: &Path, data: &Path) -> Result<TreeSize, RestoreError> {
    restore(from, data, &fast().files, &|_, _| true, &mut |_| ())
}

fn believe_all(_: &KeptCheckpoint) -> bool {
    true
}

fn extended(data: &Path, from: &Path) -> Result<Extended, RestoreError> {
    extend(data, from, &fast(), &believe_all, &mut |_| ())
}

/// Grows the log in `dir` by some batches; keeps a checkpoint after each.
pub(super) fn grow(dir: &Path, log: &mut Log, batches: usize) {
    let mut journal = open(dir, &fast()).unwrap().journal;
    for batch in 0..batches {
        let envelopes =
            [envelope(log.stored.len(), 150), envelope(log.stored.len() + 1, 290 + 40 * (batch % 2))];
        journal = journal.append(&log.batch(&envelopes)).unwrap();
        journal.keep_checkpoint(&log.checkpoint()).unwrap();
    }
    journal.seal().unwrap();
}

/// Two places that do not exist yet.
fn places() -> (TempDir, std::path::PathBuf, std::path::PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let (out, data) = (home.path().join("backup"), home.path().join("data"));
    (home, out, data)
}

#[test]
fn a_backup_grows_with_the_log_and_restores_to_the_same_entries() {
    let (dir, mut log, _) = small(0);
    let (_home, out, _) = places();
    for round in 0..5 {
        let report = backed_up(dir.path(), &out).unwrap();
        assert_eq!((report.size, report.root), (log.size(), log.root()));
        let (_other, _, data) = places();
        assert_eq!(restored(&out, &data).unwrap(), log.size());
        let report = fsck(&data, &fast().files, &mut |_| ()).unwrap();
        assert_eq!((report.findings, report.sound), (Vec::new(), (log.size(), log.root())), "round {round}");
        assert!(matches!(open(&data, &fast()).map(drop).unwrap_err(), OpenError::Restored { .. }));
        let viewed = open_read_only(&data, &fast().files).unwrap();
        log.check(&viewed.view.reader, log.size());
        drop(viewed);
        grow(dir.path(), &mut log, round * 3 + 1);
    }
}

#[test]
fn a_backup_again_copies_only_what_is_new() {
    let (dir, mut log, _) = small(0);
    let (_home, out, _) = places();
    let first = backed_up(dir.path(), &out).unwrap();
    let again = backed_up(dir.path(), &out).unwrap();
    assert_eq!((first.size, first.files), (again.size, again.files));
    assert!(again.copied <= 1 && again.bytes < first.bytes, "{first:?} {again:?}");
    grow(dir.path(), &mut log, 1);
    let grown = backed_up(dir.path(), &out).unwrap();
    assert_eq!((grown.before, grown.size), (first.size, log.size()));
    assert!(grown.copied < grown.files, "{grown:?}");
    assert_eq!(fsck(&out, &fast().files, &mut |_| ()).unwrap().findings, []);
}

#[test]
fn a_backup_holds_no_more_than_a_kept_checkpoint_covers() {
    let (dir, log, kept) = small(2);
    let (_home, out, data) = places();
    assert_eq!(backed_up(dir.path(), &out).unwrap().size, kept);
    restored(&out, &data).unwrap();
    log.check(&open_read_only(&data, &fast().files).unwrap().view.reader, kept);
}

#[test]
fn a_damaged_log_is_not_backed_up_and_the_backup_before_stays() {
    let (dir, mut log, _) = small(0);
    let (_home, out, data) = places();
    backed_up(dir.path(), &out).unwrap();
    let before = log.size();
    grow(dir.path(), &mut log, 4);
    let path = files(&dir.path().join("journal/segments")).pop().unwrap();
    let all = files(&dir.path().join("journal/segments"));
    let damaged = all.iter().rev().find(|path| fs::read(path).unwrap().len() > 300).unwrap_or(&path);
    let mut bytes = fs::read(damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(damaged, bytes).unwrap();
    let refused = backed_up(dir.path(), &out).unwrap_err();
    assert!(matches!(refused, BackupError::Damaged(_) | BackupError::Source(_)), "{refused}");
    assert_eq!(restored(&out, &data).unwrap(), before);
}

#[test]
fn a_fork_another_log_and_an_older_copy_are_refused() {
    let (dir, mut log, _) = small(0);
    let older = tempfile::tempdir().unwrap();
    copy(dir.path(), older.path());
    let fork = tempfile::tempdir().unwrap();
    copy(dir.path(), fork.path());
    let mut forked = log.clone();
    let (_home, out, _) = places();
    grow(dir.path(), &mut log, 3);
    backed_up(dir.path(), &out).unwrap();
    let refused = backed_up(older.path(), &out).unwrap_err();
    assert!(matches!(refused, BackupError::Newer { .. }), "{refused}");
    forked.batch(&[b"what the other one never saw".to_vec()]);
    forked.truncate(TreeSize::new(forked.size().get() - 1).unwrap());
    let mut journal = open(fork.path(), &fast()).unwrap().journal;
    for _ in 0..12 {
        journal = journal.append(&forked.batch(&[b"another history".to_vec()])).unwrap();
        journal.keep_checkpoint(&forked.checkpoint()).unwrap();
    }
    drop(journal);
    let refused = backed_up(fork.path(), &out).unwrap_err();
    assert!(matches!(refused, BackupError::Fork { .. }), "{refused}");
    let (foreign, _) = foreign();
    let refused = backed_up(foreign.path(), &out).unwrap_err();
    assert!(matches!(refused, BackupError::OtherLog { .. }), "{refused}");
    assert_eq!(backed_up(dir.path(), &out).unwrap().size, log.size(), "refusals leave the backup as it was");
}

/// A log with another entry 0.
fn foreign() -> (TempDir, Log) {
    let (dir, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    let first = log.stage(b"record 0", b"another trust document");
    create(dir.path(), &first, log.root(), &[], &fast()).unwrap();
    let mut journal = open(dir.path(), &fast()).unwrap().journal;
    journal.keep_checkpoint(&log.checkpoint()).unwrap();
    drop(journal);
    (dir, log)
}

#[test]
fn wrong_places_are_refused_and_nothing_is_left_there() {
    let (dir, _, _) = small(0);
    let (home, out, data) = places();
    let refused = |result: Result<BackupReport, BackupError>| result.unwrap_err();
    for inside in [dir.path().to_owned(), dir.path().join("backup"), dir.path().join("journal")] {
        assert!(matches!(refused(backed_up(dir.path(), &inside)), BackupError::NotApart { .. }));
    }
    assert!(!dir.path().join("backup").exists());
    fs::write(home.path().join("note.txt"), "mine").unwrap();
    assert!(matches!(refused(backed_up(dir.path(), home.path())), BackupError::Foreign { .. }));
    let missing = home.path().join("missing");
    assert!(matches!(
        refused(backed_up(&missing, &out)),
        BackupError::Source(ViewError::Open(OpenError::Missing { .. }))
    ));
    let (unserved, _) = created();
    assert!(matches!(
        refused(backed_up(unserved.path(), &out)),
        BackupError::Source(ViewError::NoCheckpoint { .. })
    ));
    assert!(!out.exists());
    let full: Arc<dyn Files> = Arc::new(Traced::with_available(10));
    let no_space = backup(dir.path(), &out, &full, &mut |_| ());
    assert!(matches!(refused(no_space), BackupError::NoSpace { available: 10, .. }));

    backed_up(dir.path(), &out).unwrap();
    let refused = |result: Result<TreeSize, RestoreError>| result.unwrap_err();
    assert!(matches!(refused(restored(dir.path(), &data)), RestoreError::NoBackup { .. }));
    assert!(matches!(refused(restored(&out, &out.join("data"))), RestoreError::NotApart { .. }));
    assert!(matches!(refused(restored(&out, dir.path())), RestoreError::NotEmpty { .. }));
    assert!(!data.exists() && !out.join("data").exists());
}

#[test]
fn a_flipped_bit_in_a_backup_is_found_before_anything_is_restored() {
    let (dir, _, _) = small(0);
    let (_home, out, _) = places();
    backed_up(dir.path(), &out).unwrap();
    for file in files(&out) {
        let whole = fs::read(&file).unwrap();
        for place in (0..whole.len()).step_by(whole.len() / 20 + 1) {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            fs::write(&file, bytes).unwrap();
            let (_other, _, data) = places();
            // Of the list, many bits say nothing that is needed; what they do not say comes out the same.
            match restored(&out, &data) {
                Err(_) => assert!(!data.join("journal").exists()),
                Ok(_) => assert_eq!(file.file_name().unwrap(), "manifest.json", "byte {place}"),
            }
        }
        fs::write(&file, whole).unwrap();
    }
}

#[test]
fn newer_segments_are_appended_behind_an_old_backup() {
    let (dir, mut log, _) = small(0);
    let (_home, out, data) = places();
    backed_up(dir.path(), &out).unwrap();
    grow(dir.path(), &mut log, 7);
    let newest = log.size();
    restored(&out, &data).unwrap();
    let loose = tempfile::tempdir().unwrap();
    copy(&dir.path().join("journal/segments"), &loose.path().join("segments"));
    copy(&dir.path().join("journal/blobs"), &loose.path().join("blobs"));
    for from in [dir.path().to_owned(), loose.path().to_owned(), loose.path().join("segments")] {
        let (_other, _, data) = places();
        restored(&out, &data).unwrap();
        let extended = extended(&data, &from).unwrap();
        assert_eq!(extended.size, newest, "{}", from.display());
        let report = fsck(&data, &fast().files, &mut |_| ()).unwrap();
        assert_eq!((report.findings, report.sound), (Vec::new(), (log.size(), log.root())));
    }
    // The dead machine's own newest checkpoint came along.
    extended(&data, dir.path()).unwrap();
    assert_eq!(open_read_only(&data, &fast().files).unwrap().view.size(), newest);
    assert_eq!(extended(&data, dir.path()).unwrap().added, 0, "again adds nothing");
}

#[test]
fn segments_that_do_not_continue_the_log_are_refused() {
    let (dir, mut log, _) = small(0);
    let fork = tempfile::tempdir().unwrap();
    copy(dir.path(), fork.path());
    let mut forked = log.clone();
    grow(dir.path(), &mut log, 3);
    let (home, out, data) = places();
    backed_up(dir.path(), &out).unwrap();
    restored(&out, &data).unwrap();
    let mut journal = open(fork.path(), &fast()).unwrap().journal;
    for _ in 0..9 {
        journal = journal.append(&forked.batch(&[b"another history".to_vec()])).unwrap();
    }
    drop(journal);
    let refused = extended(&data, fork.path()).unwrap_err();
    assert!(matches!(refused, RestoreError::Fork { .. }), "{refused}");
    let (foreign, _) = foreign();
    let refused = extended(&data, foreign.path()).unwrap_err();
    assert!(matches!(refused, RestoreError::OtherLog { .. }), "{refused}");
    let empty = home.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let refused = extended(&data, &empty).unwrap_err();
    assert!(matches!(refused, RestoreError::NoSegments { .. }), "{refused}");
    log.check(&open_read_only(&data, &fast().files).unwrap().view.reader, log.size());
}

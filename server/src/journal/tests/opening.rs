//! What is refused, and what the user reads then.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::traced::{Fails, Traced};
use super::*;

fn open_error(dir: &Path) -> OpenError {
    open(dir, &options()).map(|_| ()).unwrap_err()
}

#[test]
fn a_directory_without_a_log_is_told_apart_from_a_broken_one() {
    let dir = tempfile::tempdir().unwrap();
    let error = open_error(&dir.path().join("absent"));
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
    let error = open_error(dir.path());
    assert!(matches!(error, OpenError::Empty { .. }), "{error}");
    assert!(error.to_string().ends_with("is empty"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "a refused open leaves nothing behind");
    fs::write(dir.path().join("holiday.jpg"), b"x").unwrap();
    let error = open_error(dir.path());
    assert!(matches!(&error, OpenError::Foreign { found, .. } if found == "holiday.jpg"), "{error}");
}

#[test]
fn a_log_is_never_made_where_something_else_is() {
    let (dir, log) = created();
    let again = |dir: &Path, beside: &[&str]| create(dir, &log.stored[0], log.root(), beside, &options());
    assert!(matches!(again(dir.path(), &[]), Err(CreateError::Exists { .. })));
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("dev.key"), b"x").unwrap();
    let found = again(dir.path(), &[]);
    assert!(matches!(&found, Err(CreateError::Foreign { found, .. }) if found == "dev.key"));
    again(dir.path(), &["dev.key"]).unwrap();
    again(&dir.path().join("new"), &[]).unwrap();
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let (dir, _) = created();
    let first = reopen(&dir);
    assert!(matches!(open_error(dir.path()), OpenError::Directory(DirectoryError::Locked { .. })));
    drop(first.journal);
    reopen(&dir);
}

/// Two logs of several segments: a directory, and the first index of its second and last segment.
fn segments() -> (TempDir, Log, Vec<std::path::PathBuf>) {
    let (dir, mut log) = created();
    let mut journal = reopen(&dir).journal;
    for step in 0..30 {
        journal = journal.append(&log.batch(&[envelope(step, 700)])).unwrap();
        journal.keep_checkpoint(&log.checkpoint()).unwrap();
    }
    drop(journal);
    let mut paths: Vec<_> = fs::read_dir(dir.path().join("journal/segments"))
        .unwrap()
        .map(|found| found.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 3);
    (dir, log, paths)
}

#[test]
fn a_missing_segment_is_named_wherever_it_was() {
    for missing in [0, 1, 2] {
        let (dir, _, paths) = segments();
        fs::remove_file(&paths[missing]).unwrap();
        let error = open_error(dir.path());
        let named = matches!(&error, OpenError::MissingSegment { segment, .. } if *segment == paths[missing]);
        assert!(named, "{error}");
        let report = fsck(dir.path(), &options().files, &mut |_| ()).unwrap();
        assert_eq!(report.findings[0].file, paths[missing], "{:?}", report.findings);
    }
    let (dir, _, paths) = segments();
    fs::remove_file(paths.last().unwrap()).unwrap();
    let error = open_error(dir.path());
    assert!(
        matches!(&error, OpenError::Damaged { damage, .. } if matches!(damage.kind, DamageKind::Shorter { .. })),
        "{error}"
    );
    assert!(error.to_string().starts_with("the journal is damaged"), "{error}");
}

#[test]
fn a_segment_of_another_log_is_refused() {
    let (dir, _, paths) = segments();
    let other = tempfile::tempdir().unwrap();
    let mut log = Log::new();
    let first = log.stage(b"record 0", b"another trust document");
    create(other.path(), &first, log.root(), &[], &options()).unwrap();
    let mut journal = reopen(&other).journal;
    for step in 0..30 {
        journal = journal.append(&log.batch(&[envelope(step, 700)])).unwrap();
    }
    drop(journal);
    let name = paths[1].file_name().unwrap();
    fs::copy(other.path().join("journal/segments").join(name), &paths[1]).unwrap();
    let error = open_error(dir.path());
    assert!(matches!(error, OpenError::OtherLog { .. }), "{error}");
    assert!(!fsck(dir.path(), &options().files, &mut |_| ()).unwrap().findings.is_empty());
}

#[test]
fn a_segment_of_a_newer_version_is_refused() {
    let (dir, _, paths) = segments();
    let mut bytes = fs::read(&paths[1]).unwrap();
    bytes[9] = 2;
    fs::write(&paths[1], bytes).unwrap();
    let error = open_error(dir.path());
    assert!(matches!(error, OpenError::NewerVersion { found: 2, supported: 1, .. }), "{error}");
}

#[test]
fn a_checkpoint_that_is_torn_is_taken_from_the_other_slot_and_made_whole() {
    let (dir, log, _) = segments();
    let slot = dir.path().join("journal/checkpoint-a");
    let whole = fs::read(&slot).unwrap();
    for length in [0, 50, 99, whole.len() - 1] {
        fs::write(&slot, &whole[..length]).unwrap();
        // The other slot is as old as the last sync: the open before.
        let opened = reopen(&dir);
        assert_eq!(opened.size, log.size());
        drop(opened);
        assert_eq!(fsck(dir.path(), &options().files, &mut |_| ()).unwrap().findings, []);
    }
    for name in ["checkpoint-a", "checkpoint-b"] {
        fs::write(dir.path().join("journal").join(name), b"torn").unwrap();
    }
    let error = open_error(dir.path());
    assert!(
        matches!(&error, OpenError::Damaged { damage, .. } if damage.kind == DamageKind::Slots),
        "{error}"
    );
}

#[test]
fn a_read_only_disk_is_named() {
    #[derive(Debug)]
    struct ReadOnly;
    impl Files for ReadOnly {
        fn create(&self, _: &Path) -> io::Result<Box<dyn File>> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
        fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
            DiskFiles.open(path)
        }
        fn open_writable(&self, _: &Path) -> io::Result<Box<dyn File>> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
        fn open_lock(&self, path: &Path) -> io::Result<fs::File> {
            DiskFiles.open_lock(path)
        }
        fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
        fn remove_file(&self, _: &Path) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
        fn remove_dir_all(&self, _: &Path) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
        fn create_dir(&self, _: &Path) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
        fn sync_dir(&self, path: &Path) -> io::Result<()> {
            DiskFiles.sync_dir(path)
        }
        fn list(&self, path: &Path) -> io::Result<Vec<String>> {
            DiskFiles.list(path)
        }
        fn available(&self, path: &Path) -> io::Result<u64> {
            DiskFiles.available(path)
        }
    }
    let (dir, log) = created();
    let options = OpenOptions { files: Arc::new(ReadOnly), ..options() };
    let error = open(dir.path(), &options).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Directory(DirectoryError::ReadOnly { .. })), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = create(empty.path(), &log.stored[0], log.root(), &[], &options).unwrap_err();
    assert!(matches!(error, CreateError::Directory(DirectoryError::ReadOnly { .. })), "{error}");
    // What only reads does not mind.
    assert_eq!(fsck(dir.path(), &options.files, &mut |_| ()).unwrap().findings, []);
}

/// Appends what must be refused, and gives back why; the journal goes on afterwards.
fn refusal(change: impl FnOnce(&mut Batch), options: &OpenOptions) -> Refused {
    let (dir, mut log) = created();
    let mut batch = log.clone().batch(&[vec![1; 10], vec![2; 10]]);
    change(&mut batch);
    let opened = open(dir.path(), options).unwrap();
    match opened.journal.append(&batch) {
        Err(AppendError::Refused { journal, why }) => {
            if !matches!(why, Refused::DiskFull { .. }) {
                journal.append(&log.batch(&[vec![3; 10]])).unwrap();
            }
            why
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_batch_that_does_not_fit_the_log_is_refused_and_the_journal_goes_on() {
    let refused = |change: fn(&mut Batch)| refusal(change, &options());
    let inside = |change: fn(&mut Batch)| match refused(change) {
        Refused::Entry { kind, .. } => kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(|batch| batch.entries.clear()), Refused::Empty);
    assert!(matches!(refused(|batch| batch.first = batch.first.next()), Refused::Position { .. }));
    assert!(matches!(refused(|batch| batch.size = batch.first.size_through()), Refused::Position { .. }));
    assert!(matches!(
        refused(|batch| batch.entries[0].record = vec![0; MAX_RECORD_BYTES + 1]),
        Refused::RecordTooLarge { .. }
    ));
    assert!(matches!(inside(|batch| batch.entries[0].record.push(0)), DamageKind::Record { .. }));
    assert!(matches!(inside(|batch| batch.entries[1].envelope[0] ^= 1), DamageKind::Envelope { .. }));
    assert!(matches!(inside(|batch| batch.entries[1].entry.push(b'\n')), DamageKind::Entry(_)));
    assert!(matches!(inside(|batch| batch.entries.swap(0, 1)), DamageKind::Chain(ChainError::Index { .. })));
    let changed = |change: fn(&mut Entry)| {
        refusal(
            |batch| {
                let mut entry = Entry::decode(&batch.entries[1].entry).unwrap();
                change(&mut entry);
                batch.entries[1].entry = entry.encode();
            },
            &options(),
        )
    };
    let chain = |change| match changed(change) {
        Refused::Entry { kind: DamageKind::Chain(error), .. } => error,
        other => panic!("{other:?}"),
    };
    assert!(matches!(
        chain(|entry| entry.previous = Some(EntryDigest::of(b""))),
        ChainError::Previous { .. }
    ));
    assert!(matches!(chain(|entry| entry.admin = LeafIndex::new(1).ok()), ChainError::Admin { .. }));
    assert!(matches!(changed(|entry| entry.admin = None), Refused::Entry { kind: DamageKind::Entry(_), .. }));
    assert!(matches!(chain(|entry| entry.administrative = true), ChainError::NotAlone { found: 2 }));
    assert!(matches!(
        chain(|entry| entry.time = Timestamp::from_micros(5).unwrap()),
        ChainError::Time { .. }
    ));
    assert!(matches!(
        changed(|entry| entry.record.length += 1),
        Refused::Entry { kind: DamageKind::Number { .. }, .. }
    ));
}

/// A clock repair alone steps back: an entry that administers something else is refused by the writer, and where it stands on disk it is
/// damage to the open and to the check.
#[test]
fn an_administrative_entry_steps_back_in_time_only_if_it_repairs_the_clock() {
    let told = |kind: &DamageKind| matches!(kind, DamageKind::Chain(ChainError::Time { .. }));
    let later = clock_repair_from(2, "2100-01-01T00:00:00.000000Z".parse().unwrap());
    let cases = [
        ("a repair", clock_repair(2)),
        ("one for another place", clock_repair(1)),
        ("one that holds from later on", later),
        ("none", b"{}".to_vec()),
    ];
    for (what, envelope) in cases {
        for sealed in [false, true] {
            let (dir, mut log) = created();
            let mut journal = reopen(&dir).journal;
            journal = journal.append(&log.batch(&[vec![1; 10], vec![2; 10]])).unwrap();
            if sealed {
                journal.seal().unwrap();
                journal = reopen(&dir).journal;
            }
            let batch = log.step_back(&envelope);
            match (journal.append(&batch), what) {
                (Ok(journal), "a repair") => {
                    let behind = log.batch(&[vec![3; 10]]);
                    let journal = journal.append(&behind).unwrap();
                    if sealed {
                        journal.seal().unwrap();
                    } else {
                        drop(journal);
                    }
                    log.check(&reopen(&dir).reader, log.size());
                    assert!(fsck(dir.path(), &options().files, &mut |_| {}).unwrap().findings.is_empty());
                    continue;
                }
                (Err(AppendError::Refused { journal, why: Refused::Entry { kind, .. } }), _) => {
                    assert!(told(&kind), "{what}: {kind}");
                    drop(journal);
                }
                (other, _) => panic!("{what}: {other:?}"),
            }
            // The same on the disk, as a server that does not look would have written it.
            let segments = fs::read_dir(dir.path().join("journal/segments")).unwrap();
            let path = segments.map(|segment| segment.unwrap().path()).max().unwrap();
            let mut bytes = fs::read(&path).unwrap();
            let mark = segment::Mark(bytes[24..32].try_into().unwrap());
            bytes.extend(frame::encode(&batch, mark, 64 << 10).unwrap().bytes);
            fs::write(&path, bytes).unwrap();
            match open(dir.path(), &options()) {
                Err(OpenError::Damaged { damage, .. }) => assert!(told(&damage.kind), "{what}: {damage}"),
                other => panic!("{what}: {other:?}"),
            }
            let report = fsck(dir.path(), &options().files, &mut |_| {}).unwrap();
            assert!(report.findings.iter().any(|damage| told(&damage.kind)), "{what}: {:?}", report.findings);
        }
    }
}

#[test]
fn a_batch_above_the_limit_is_refused() {
    let (dir, mut log) = created();
    let records: Vec<_> = (0..70_u8).map(|at| vec![at; MAX_RECORD_BYTES]).collect();
    let first = log.size().next_index();
    let entries: Vec<_> = records.iter().map(|record| log.stage(record, b"x")).collect();
    let bytes: usize = 84 + entries.iter().map(|staged| staged.frame_bytes(1 << 10)).sum::<usize>();
    let batch = Batch { entries, first, size: log.size(), root: log.root() };
    match reopen(&dir).journal.append(&batch) {
        Err(AppendError::Refused { why, .. }) => {
            assert_eq!(why, Refused::TooLarge { bytes, max: MAX_BATCH_BYTES });
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_nearly_full_disk_is_refused_before_it_is_full() {
    let disk = Traced::with_available(100_000);
    let with = |reserve_bytes| OpenOptions { reserve_bytes, files: Arc::new(disk.clone()), ..options() };
    let why = refusal(|_| (), &with(99_900));
    assert!(matches!(why, Refused::DiskFull { available: 100_000, reserve: 99_900, .. }), "{why}");
    let (dir, mut log) = created();
    open(dir.path(), &with(90_000)).unwrap().journal.append(&log.batch(&[vec![1; 10]])).unwrap();
}

#[test]
fn a_checkpoint_beyond_the_log_is_not_kept() {
    let (dir, mut log) = created();
    let mut journal = reopen(&dir).journal;
    log.batch(&[vec![1; 10]]);
    assert!(journal.keep_checkpoint(&log.checkpoint()).is_err());
    let too_long = KeptCheckpoint {
        size: LeafIndex::ZERO.size_through(),
        root: log.roots[0],
        signed: vec![b'x'; MAX_CHECKPOINT_BYTES + 1],
    };
    assert!(journal.keep_checkpoint(&too_long).is_err());
    drop(journal);
    assert_eq!(reopen(&dir).checkpoint, None);
}

#[test]
fn a_checkpoint_whose_write_failed_never_takes_the_place_of_the_one_that_is_synced() {
    let (dir, mut log) = created();
    for how in [Fails::NotPersisted, Fails::ButPersisted] {
        let disk = Traced::default();
        let files: Arc<dyn Files> = Arc::new(disk.clone());
        let Opened { mut journal, .. } =
            open(dir.path(), &OpenOptions { files: Arc::clone(&files), ..options() }).unwrap();
        journal = journal.append(&log.batch(&[envelope(1, 10)])).unwrap();
        let good = log.checkpoint();
        journal.keep_checkpoint(&good).unwrap();
        journal.sync_checkpoint().unwrap();
        journal = journal.append(&log.batch(&[envelope(2, 10)])).unwrap();
        disk.fail_next(how);
        journal.keep_checkpoint(&log.checkpoint()).unwrap_err();
        journal.sync_checkpoint().unwrap();
        // Until this one is synced too, the good one must still be there.
        journal = journal.append(&log.batch(&[envelope(3, 10)])).unwrap();
        journal.keep_checkpoint(&log.checkpoint()).unwrap();
        let both = slots::read(files.as_ref(), &layout::Layout::of(dir.path()), None);
        let both = both.unwrap_or_else(|_| panic!("the slots can be read"));
        let kept: Vec<_> = both.into_iter().map(|slot| slot.unwrap().checkpoint).collect();
        assert!(kept.contains(&Some(good)), "{how:?}: {kept:?}");
        assert!(kept.contains(&Some(log.checkpoint())), "{how:?}: {kept:?}");
    }
}

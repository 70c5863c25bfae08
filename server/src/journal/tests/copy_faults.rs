//! Steps of the disk fail under backup, restore and repair, one at a time and in every form.
//!
//! What must hold is checked on what the failed command leaves, and on what a power failure right after the failed step leaves:
//! what was read is untouched, a half-made copy is never taken for a whole one, and the same command run again ends as it would
//! have ended.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use custody_tests::threads::for_all;

use super::damage::{fast, files, small};
use super::traced::{Fails, Op, Traced, after_power_failure};
use super::*;

/// Places of their own, and the disk that they are on. The folder itself is always there.
struct Place {
    home: TempDir,
    disk: Traced,
}

impl Place {
    fn new(plan: Option<(usize, Fails)>) -> Self {
        Self { home: folder(), disk: Traced::failing(plan) }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn files(&self) -> Arc<dyn Files> {
        Arc::new(self.disk.clone())
    }

    fn options(&self) -> OpenOptions {
        OpenOptions { files: self.files(), ..fast() }
    }

    /// Writes what is left when the power goes after so many operations.
    fn after_power_failure(&self, ops: usize) -> TempDir {
        let left = folder();
        after_power_failure(&self.disk.ops()[..ops], 0, self.home.path(), left.path());
        left
    }

    /// How many operations were done when the step failed that was to.
    fn failed_at(&self) -> usize {
        let ops = self.disk.ops();
        ops.iter().rposition(|op| matches!(op, Op::Failed(_))).map_or(ops.len(), |at| at + 1)
    }
}

/// In memory, if the machine has such a place: thousands of them are made.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory).unwrap() } else { TempDir::new().unwrap() }
}

/// Every byte below a directory; a lock says nothing.
fn bytes(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let whole = files(dir).into_iter().filter(|path| path.file_name().unwrap() != "lock");
    whole.map(|path| (path.strip_prefix(dir).unwrap().to_owned(), fs::read(path).unwrap())).collect()
}

fn healthy() -> Arc<dyn Files> {
    fast().files
}

/// Lets each step of a command fail in every form: those that a disk without failures did, from the `first` on.
fn each_failure(first: usize, disk: &Traced, trial: impl Fn(usize, Fails) + Sync) {
    let kinds = disk.kinds();
    let steps = kinds.iter().enumerate().skip(first);
    let all: Vec<_> =
        steps.flat_map(|(step, kind)| kind.forms().iter().map(move |how| (step, *how))).collect();
    println!("{} steps, {} failures", kinds.len() - first, all.len());
    assert!(all.len() > 20, "{} failures", all.len());
    for_all(&all, |(step, how)| trial(*step, *how));
}

/// The log as a backup of it restores: none if it is refused as no backup or as no whole one.
fn restored(out: &Path) -> Option<TreeSize> {
    let place = folder();
    let data = place.path().join("data");
    match restore(out, &data, &healthy(), &|_, _| true, &mut |_| ()) {
        Ok(size) => {
            assert_eq!(fsck(&data, &healthy(), &mut |_| ()).unwrap().findings, []);
            Some(size)
        }
        Err(RestoreError::NoBackup { .. } | RestoreError::Source(_)) => {
            assert!(!data.join("journal").exists());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_backup_goes_on_after_any_failed_step_and_is_never_half_a_backup() {
    let (dir, mut log, _) = small(0);
    let first = folder();
    damage::copy(dir.path(), first.path());
    let small = log.size();
    copies::grow(dir.path(), &mut log, 3);
    let untouched = [bytes(first.path()), bytes(dir.path())];

    // One of nothing, and one behind a backup that is there.
    let take = |place: &Place, from: &Path| backup(from, &place.at("out"), &place.files(), &mut |_| ());
    for again in [false, true] {
        let run = |plan| {
            let place = Place::new(plan);
            let before = if again { take(&place, first.path()).unwrap().size } else { TreeSize::ZERO };
            let steps = place.disk.kinds().len();
            let made = take(&place, dir.path());
            (place, before, steps, made)
        };
        let (place, before, steps, made) = run(None);
        assert_eq!((made.unwrap().size, before), (log.size(), if again { small } else { TreeSize::ZERO }));
        let left = place.after_power_failure(place.disk.ops().len());
        assert_eq!(
            restored(&left.path().join("out")),
            Some(log.size()),
            "what was told survives a power loss"
        );

        each_failure(steps, &place.disk, |step, how| {
            let what = format!("again {again}, step {step} {how:?}");
            let (place, before, _, made) = run(Some((step, how)));
            assert_eq!(place.disk.failed(), 1, "{what}");
            let out = place.at("out");
            // What was told to be there is there; a command that failed has done nothing behind the step that did.
            let ops = if made.is_ok() { place.disk.ops().len() } else { place.failed_at() };
            let left = place.after_power_failure(ops);
            for out in [out.clone(), left.path().join("out")] {
                let size = restored(&out).unwrap_or(TreeSize::ZERO);
                assert!(size == before || size == log.size(), "{what}: {size} in {}", out.display());
                assert!(made.is_err() || size == log.size(), "{what}");
                // Run again it ends as it would have.
                let here = out.starts_with(place.home.path());
                let files = if here { place.files() } else { healthy() };
                let taken = backup(dir.path(), &out, &files, &mut |_| ())
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                if here {
                    let left = place.after_power_failure(place.disk.ops().len());
                    let left = restored(&left.path().join("out"));
                    assert_eq!(
                        left,
                        Some(log.size()),
                        "{what}: what the second run told survives a power loss"
                    );
                }
                assert_eq!(taken.size, log.size(), "{what}");
                assert_eq!(restored(&out), Some(log.size()), "{what}");
            }
            assert_eq!([bytes(first.path()), bytes(dir.path())], untouched, "{what}");
        });
    }
}

/// A directory that a restore was made in is served by nobody unless it is whole, and written by nobody.
fn never_half(log: &Log, data: &Path, what: &str) -> bool {
    assert!(open(data, &fast()).map(drop).is_err(), "{what}");
    match open_read_only(data, &healthy()) {
        Ok(opened) => {
            log.check(&opened.view.reader, log.size());
            assert!(
                Restored::of(data, healthy().as_ref()).unwrap().is_some(),
                "{what}: not marked as restored"
            );
            true
        }
        Err(_) => false,
    }
}

#[test]
fn a_restore_that_failed_is_never_served_in_half_and_is_done_by_running_it_again() {
    let (dir, log, _) = small(0);
    let source = folder();
    let out = source.path().join("out");
    backup(dir.path(), &out, &healthy(), &mut |_| ()).unwrap();
    let untouched = bytes(&out);
    let run = |plan| {
        let place = Place::new(plan);
        let made = restore(&out, &place.at("data"), &place.files(), &|_, _| true, &mut |_| ());
        (place, made)
    };
    let (place, made) = run(None);
    assert_eq!(made.unwrap(), log.size());
    let left = place.after_power_failure(place.disk.ops().len());
    assert!(never_half(&log, &left.path().join("data"), "what was told survives a power loss"));

    each_failure(0, &place.disk, |step, how| {
        let what = format!("step {step} {how:?}");
        let (place, made) = run(Some((step, how)));
        let ops = if made.is_ok() { place.disk.ops().len() } else { place.failed_at() };
        let left = place.after_power_failure(ops);
        for data in [place.at("data"), left.path().join("data")] {
            let whole = never_half(&log, &data, &what);
            assert!(whole || made.is_err(), "{what}");
            match restore(&out, &data, &healthy(), &|_, _| true, &mut |_| ()) {
                Ok(size) => assert_eq!((size, whole), (log.size(), false), "{what}"),
                Err(RestoreError::NotEmpty { .. }) => assert!(whole, "{what}"),
                Err(error) => panic!("{what}: {error}"),
            }
            assert!(never_half(&log, &data, &what), "{what}");
        }
        assert_eq!(bytes(&out), untouched, "{what}");
    });
}

#[test]
fn newer_segments_are_brought_by_running_it_again_after_any_failed_step() {
    let (dir, mut log, _) = small(0);
    let source = folder();
    let out = source.path().join("out");
    backup(dir.path(), &out, &healthy(), &mut |_| ()).unwrap();
    let before = log.size();
    copies::grow(dir.path(), &mut log, 3);
    let untouched = bytes(dir.path());
    let run = |plan| {
        let place = Place::new(plan);
        let data = place.at("data");
        restore(&out, &data, &place.files(), &|_, _| true, &mut |_| ()).unwrap();
        let steps = place.disk.kinds().len();
        let made = extend(&data, dir.path(), &place.options(), &|_| true, &mut |_| ());
        (place, steps, made)
    };
    let (place, steps, made) = run(None);
    assert_eq!(made.unwrap().size, log.size());

    each_failure(steps, &place.disk, |step, how| {
        let what = format!("step {step} {how:?}");
        let (place, _, made) = run(Some((step, how)));
        assert_eq!(place.disk.failed(), 1, "{what}");
        if made.is_ok() {
            let opened = open_read_only(&place.at("data"), &healthy()).unwrap();
            assert_eq!(opened.view.checkpoint.size, log.size(), "{what}: the newest checkpoint is kept");
        }
        let left = place.after_power_failure(place.failed_at());
        for data in [place.at("data"), left.path().join("data")] {
            assert!(matches!(open(&data, &fast()).map(drop), Err(OpenError::Restored { .. })), "{what}");
            let made = extend(&data, dir.path(), &fast(), &|_| true, &mut |_| ());
            let made = made.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(made.size == log.size() && made.added <= log.size().get() - before.get(), "{what}");
            let opened = open_read_only(&data, &healthy()).unwrap();
            log.check(&opened.view.reader, log.size());
            drop(opened);
            assert_eq!(fsck(&data, &healthy(), &mut |_| ()).unwrap().findings, [], "{what}");
        }
        assert_eq!(bytes(dir.path()), untouched, "{what}");
    });
}

/// What is damaged before a repair.
#[derive(Debug, Clone, Copy)]
enum Harm {
    Slot,
    Table,
    Frame,
    /// The last frame, which a checkpoint covers.
    Tail,
    /// Two segments and a large envelope.
    Much,
}

/// Makes the small log and damages it, all on the disk of this place.
fn harmed(place: &Place, harm: Harm) -> (PathBuf, Log) {
    let (data, mut log) = (place.at("data"), Log::new());
    place.disk.create_dir(&data).unwrap();
    place.disk.sync_dir(place.home.path()).unwrap();
    let first = log.stage(b"record 0", b"trust document");
    create(&data, &first, log.root(), &[], &place.options()).unwrap();
    let mut journal = open(&data, &place.options()).unwrap().journal;
    for lengths in [&[200_usize][..], &[100, 100], &[400], &[50], &[20], &[6, 9]] {
        let seeded: Vec<_> = lengths.iter().map(|length| envelope(log.stored.len(), *length)).collect();
        journal = journal.append(&log.batch(&seeded)).unwrap();
        journal.keep_checkpoint(&log.checkpoint()).unwrap();
        journal.sync_checkpoint().unwrap();
    }
    drop(journal);
    let journal = data.join("journal");
    let segments = files(&journal.join("segments"));
    let blob = files(&journal.join("blobs")).remove(0);
    let slot = files(&journal)
        .into_iter()
        .find(|path| path.parent().unwrap() == journal && path.extension().is_none());
    let middle = |path: &Path| fs::read(path).unwrap().len() / 2;
    let end = |path: &Path| fs::read(path).unwrap().len() - 12;
    let harms = match harm {
        Harm::Slot => vec![(slot.clone().unwrap(), middle(&slot.unwrap()))],
        Harm::Table => vec![(segments[0].clone(), end(&segments[0]))],
        Harm::Frame => vec![(segments[0].clone(), middle(&segments[0]))],
        Harm::Tail => {
            let last = segments.last().unwrap();
            vec![(last.clone(), damage::last_frame(&fs::read(last).unwrap()) + 20)]
        }
        Harm::Much => vec![
            (segments[0].clone(), middle(&segments[0])),
            (segments[1].clone(), middle(&segments[1])),
            (blob.clone(), middle(&blob)),
        ],
    };
    for (path, at) in harms {
        let file = place.disk.open_writable(&path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at as u64).unwrap();
        file.write_all_at(&[byte[0] ^ 4], at as u64).unwrap();
        file.sync().unwrap();
    }
    // A power failure takes what the repair did, and nothing before it.
    for file in files(&data).into_iter().filter(|path| path.file_name().unwrap() != "lock") {
        place.disk.open_writable(&file).unwrap().sync().unwrap();
    }
    (data, log)
}

#[test]
fn a_repair_that_failed_is_done_by_running_it_again_and_loses_nothing() {
    let good = folder();
    let good = {
        let place = Place { home: good, disk: Traced::default() };
        // Made in the same way, and damaged where a repair sets it right by what is beside it.
        let (data, _) = harmed(&place, Harm::Table);
        repair(&data, None, &healthy(), &mut |_| ()).unwrap();
        place
    };
    let copy = good.at("data");
    let untouched = bytes(&copy);
    for (harm, from) in [
        (Harm::Slot, None),
        (Harm::Table, None),
        (Harm::Frame, Some(copy.as_path())),
        (Harm::Much, Some(copy.as_path())),
        (Harm::Tail, Some(copy.as_path())),
        // What cannot be repaired is left as it was, and above all not cut.
        (Harm::Tail, None),
        (Harm::Much, None),
    ] {
        let run = |plan| {
            let place = Place::new(plan);
            let (data, log) = harmed(&place, harm);
            let (steps, before) = (place.disk.kinds().len(), bytes(&data));
            let made = repair(&data, from, &place.files(), &mut |_| ());
            (place, log, steps, before, made)
        };
        let (place, log, steps, _, made) = run(None);
        let expected = made.unwrap();
        assert_eq!(
            expected.after.findings.is_empty(),
            from.is_some() || matches!(harm, Harm::Slot | Harm::Table),
            "{harm:?}"
        );

        each_failure(steps, &place.disk, |step, how| {
            let what = format!("{harm:?} {}, step {step} {how:?}", from.is_some());
            let (place, _, _, before, _) = run(Some((step, how)));
            assert_eq!(place.disk.failed(), 1, "{what}");
            let left = place.after_power_failure(place.failed_at());
            for data in [place.at("data"), left.path().join("data")] {
                // Each file is there as it was, or repaired with the damaged one beside it.
                let now = bytes(&data);
                for (path, old) in &before {
                    let kept = |(other, bytes): (&PathBuf, &Vec<u8>)| {
                        other.to_string_lossy().starts_with(&*path.to_string_lossy()) && bytes == old
                    };
                    assert!(now.iter().any(kept), "{what}: {} is lost in {}", path.display(), data.display());
                }
                let again = repair(&data, from, &healthy(), &mut |_| ());
                let again = again.unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(again.after.findings.len(), expected.after.findings.len(), "{what}: {again:?}");
                assert_eq!(again.after.sound, expected.after.sound, "{what}");
                if again.after.findings.is_empty() {
                    log.check(&open(&data, &fast()).unwrap().reader, log.size());
                }
            }
            assert_eq!(bytes(&copy), untouched, "{what}");
        });
    }
}

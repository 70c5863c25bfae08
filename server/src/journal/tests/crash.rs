//! Killed, cut off from power, or failed by the disk at every single step.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use custody_tests::oracle::journal;

use super::traced::{Fails, Kind, Op, Traced, after_kill, after_power_failure};
use super::*;

/// What the caller does until the disk fails: several segments, large envelopes, a clean shutdown in the
/// middle.
fn story(dir: &Path, disk: &Traced) -> Log {
    let options = OpenOptions { segment_bytes: 4 << 10, files: Arc::new(disk.clone()), ..options() };
    let mut log = Log::new();
    let first = log.stage(b"record 0", b"trust document");
    if create(dir, &first, log.root(), &[], &options).is_err() {
        return log;
    }
    disk.acknowledged(1);
    for round in 0..3 {
        let Ok(Opened { mut journal, .. }) = open(dir, &options) else { return log };
        for step in 0..4_usize {
            let lengths = if step == 2 { vec![1500, 10, 0] } else { vec![900, 200] };
            let envelopes: Vec<_> =
                lengths.into_iter().map(|length| envelope(round * 10 + step, length)).collect();
            let Ok(appended) = journal.append(&log.batch(&envelopes)) else { return log };
            journal = appended;
            if journal.keep_checkpoint(&log.checkpoint()).is_err() {
                return log;
            }
            disk.acknowledged(log.size().get());
            // Before a frame that fits in, and before one that goes beyond or makes the next segment.
            if step % 2 == 0 && journal.make_room().is_err() {
                return log;
            }
            if step != 1 {
                continue;
            }
            if journal.sync_checkpoint().is_err() {
                return log;
            }
            let Ok(appended) = journal.append(&log.redact(round as u64 * 2 + 1)) else { return log };
            journal = appended;
            if journal.keep_checkpoint(&log.checkpoint()).is_err() || journal.erase().is_err() {
                return log;
            }
            disk.acknowledged(log.size().get());
        }
        if round == 1 && journal.seal().is_err() {
            return log;
        }
    }
    log
}

fn plain() -> OpenOptions {
    OpenOptions { files: Arc::new(Traced::default()), ..options() }
}

/// Opens what is left: nothing acknowledged is lost, what is there is what was appended, and the scan finds
/// nothing. Then it goes on from there.
pub(super) fn check_left(dir: &Path, log: &Log, acknowledged: u64, what: &str) {
    let Some(mut opened) = open_left(dir, log, acknowledged, what) else { return };
    let size = opened.size;
    log.check(&opened.reader, size);
    // What a server does when it starts.
    opened.journal.keep_checkpoint(&log.checkpoint_at(size)).unwrap();
    opened.journal.erase().unwrap();
    let report = fsck(dir, &plain().files, &mut |_| ()).unwrap();
    assert_eq!((report.findings.as_slice(), &report.unfinished), ([].as_slice(), &None), "{what}");
    assert_eq!(report.sound, (size, opened.root), "{what}");
    check_again(dir, log, size, what);
    let mut log = log.clone();
    log.truncate(size);
    let journal = opened.journal.append(&log.batch(&[b"afterwards".to_vec()])).unwrap();
    drop(journal);
    log.check(&open(dir, &plain()).unwrap().reader, log.size());
}

/// The same without the scan and without going on.
pub(super) fn check_opened(dir: &Path, log: &Log, acknowledged: u64, what: &str) {
    if let Some(opened) = open_left(dir, log, acknowledged, what) {
        check_again(dir, log, opened.size, what);
    }
}

/// Opens what is left; none if there is no log yet.
fn open_left(dir: &Path, log: &Log, acknowledged: u64, what: &str) -> Option<Opened> {
    let opened = match open(dir, &plain()) {
        Ok(opened) => opened,
        Err(OpenError::Empty { .. } | OpenError::Missing { .. }) if acknowledged == 0 => return None,
        Err(error) => panic!("{what}: {acknowledged} acknowledged, and {error}"),
    };
    let size = opened.size;
    assert!(size.get() >= acknowledged, "{what}: {size} of {acknowledged} acknowledged");
    assert_eq!(opened.root, log.roots[size.get() as usize - 1], "{what}");
    Some(opened)
}

/// The same, by a decoder that shares no code with the journal.
fn check_again(dir: &Path, log: &Log, size: TreeSize, what: &str) {
    let again = journal::read(dir).unwrap_or_else(|why| panic!("{what}: {why}"));
    assert_eq!(again.kept.len() as u64, size.get(), "{what}");
    for ((at, kept), meant) in (0..).zip(&again.kept).zip(&log.stored) {
        let held = kept.record == meant.record && kept.envelope == meant.envelope;
        // An erasure may be under way, or at its end.
        let same = kept.entry == meant.entry && (held || log.is_redacted(at, size));
        assert!(same, "{what}: {}", String::from_utf8_lossy(&kept.entry));
    }
}

pub(super) fn acknowledged(ops: &[Op]) -> u64 {
    ops.iter()
        .rev()
        .find_map(|op| if let Op::Acknowledged(size) = op { Some(*size) } else { None })
        .unwrap_or(0)
}

#[test]
fn loses_nothing_acknowledged_when_killed_at_any_step() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Traced::default();
    let log = story(dir.path(), &disk);
    let ops = disk.ops();
    assert!(ops.len() > 100);
    for steps in 0..=ops.len() {
        let left = tempfile::tempdir().unwrap();
        after_kill(&ops[..steps], dir.path(), left.path());
        check_left(left.path(), &log, acknowledged(&ops[..steps]), &format!("killed after step {steps}"));
    }
}

#[test]
fn loses_nothing_acknowledged_when_the_power_fails_at_any_step() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Traced::default();
    let log = story(dir.path(), &disk);
    let ops = disk.ops();
    for steps in 0..=ops.len() {
        for torn in [0, 1, 300, 999, 1000] {
            if torn > 0 && !matches!(ops[..steps].last(), Some(Op::Write(..))) {
                continue;
            }
            let left = tempfile::tempdir().unwrap();
            after_power_failure(&ops[..steps], torn, dir.path(), left.path());
            let what = format!("power lost after step {steps} of which {torn} thousandths got through");
            check_left(left.path(), &log, acknowledged(&ops[..steps]), &what);
        }
    }
}

#[test]
fn a_failed_sync_consumes_the_journal_and_nothing_is_written_after_it() {
    let (dir, mut log) = created();
    let steps_to_open = {
        let plain = Traced::default();
        let options = OpenOptions { files: Arc::new(plain.clone()), ..options() };
        drop(open(dir.path(), &options).unwrap());
        plain.kinds().len()
    };
    // After the open the free space is asked for, the frame is written and synced.
    let disk = Traced::failing([(steps_to_open + 2, Fails::NotPersisted)]);
    let options = OpenOptions { files: Arc::new(disk.clone()), ..options() };
    let opened = open(dir.path(), &options).unwrap();
    let before = opened.size;
    let result = opened.journal.append(&log.batch(&[vec![1; 10]]));
    assert!(matches!(result, Err(AppendError::Unknown(JournalFault { doing: "sync", .. }))));
    assert_eq!(opened.reader.size(), before);
    let ops = disk.ops();
    assert!(matches!(ops.last(), Some(Op::Failed(Kind::Sync))), "{ops:?}");
    // The lock went with the journal, so that the same process can recover.
    let size = open(dir.path(), &options).unwrap().size;
    assert_eq!(size, log.size());
}

/// A write over other bytes may be torn by a power loss until it is synced; one over the same bytes changes nothing.
#[test]
fn at_every_moment_one_slot_is_on_the_disk_in_whole() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Traced::default();
    story(dir.path(), &disk);
    let (mut synced, mut written) = (HashMap::new(), HashMap::new());
    let mut in_doubt_at_an_open = 0;
    for (at, op) in disk.ops().iter().enumerate() {
        match op {
            Op::Write(id, 0, bytes) if bytes.starts_with(b"CUSTSLOT") => {
                written.insert(*id, bytes.clone());
            }
            Op::Sync(id) => drop(written.remove(id).map(|bytes| synced.insert(*id, bytes))),
            Op::List(listed) if listed == dir.path() => in_doubt_at_an_open += written.len(),
            _ => {}
        }
        let whole = |(id, bytes): &(&usize, &Vec<u8>)| written.get(id).is_none_or(|over| over == *bytes);
        assert!(synced.len() < 2 || synced.iter().any(|slot| whole(&slot)), "operation {at}: {op:?}");
    }
    assert_eq!(synced.len(), 2);
    assert!(in_doubt_at_an_open > 0, "a log was opened whose newest checkpoint was not synced");
}

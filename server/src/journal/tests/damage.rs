//! Torn tails, and flipped bits everywhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::traced::Traced;
use super::*;

pub(super) fn fast() -> OpenOptions {
    OpenOptions { segment_bytes: 2 << 10, inline_bytes: 300, files: Arc::new(Traced::default()), ..options() }
}

/// A log of three segments with a large envelope; the last frame has two entries. The newest kept checkpoint
/// is as old as said: by how many frames.
pub(super) fn small(behind: usize) -> (TempDir, Log, TreeSize) {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new();
    let first = log.stage(b"record 0", b"trust document");
    create(dir.path(), &first, log.root(), &[], &fast()).unwrap();
    let mut journal = open(dir.path(), &fast()).unwrap().journal;
    let batches: [&[usize]; 6] = [&[200], &[100, 100], &[400], &[50], &[20], &[6, 9]];
    let mut kept = TreeSize::ZERO;
    for (step, lengths) in batches.iter().enumerate() {
        let seeded = |(at, length): (usize, &usize)| envelope(step * 10 + at, *length);
        let envelopes: Vec<_> = lengths.iter().enumerate().map(seeded).collect();
        journal = journal.append(&log.batch(&envelopes)).unwrap();
        if step + behind < batches.len() {
            journal.keep_checkpoint(&log.checkpoint()).unwrap();
            journal.sync_checkpoint().unwrap();
            kept = log.size();
        }
    }
    (dir, log, kept)
}

pub(super) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(dir).unwrap().map(|found| found.unwrap().path()) {
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

pub(super) fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let place = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(file, place).unwrap();
    }
}

fn last_segment(dir: &Path) -> PathBuf {
    files(&dir.join("journal/segments")).pop().unwrap()
}

/// Where the last frame of the last segment starts: found by its magic.
pub(super) fn last_frame(bytes: &[u8]) -> usize {
    let frames: Vec<usize> = bytes
        .windows(6)
        .enumerate()
        .filter(|(_, window)| *window == b"CFRM\0\x01")
        .map(|(at, _)| at)
        .collect();
    *frames.last().unwrap()
}

#[test]
fn a_torn_last_frame_is_cut_at_every_length_if_no_checkpoint_covers_it() {
    let (dir, log, kept) = small(1);
    let path = last_segment(dir.path());
    let bytes = fs::read(&path).unwrap();
    let start = last_frame(&bytes);
    let before = TreeSize::new(log.size().get() - 2).unwrap();
    assert_eq!(kept, before);
    for length in start..bytes.len() {
        let left = tempfile::tempdir().unwrap();
        copy(dir.path(), left.path());
        fs::write(last_segment(left.path()), &bytes[..length]).unwrap();
        let report = fsck(left.path(), &fast().files, &mut |_| ()).unwrap();
        assert_eq!(report.findings, [], "{length}");
        assert_eq!(report.unfinished.is_some(), length > start, "{length}");
        assert_eq!(report.sound, (before, log.roots[before.get() as usize - 1]));
        let opened = open(left.path(), &fast()).unwrap();
        assert_eq!(opened.size, before);
        assert_eq!(
            opened.cut.map_or((start, 0), |cut| (cut.offset as usize, cut.bytes as usize)),
            (start, length - start)
        );
        log.check(&opened.reader, before);
        drop(opened.journal);
        // What was cut is gone for good.
        assert_eq!(fs::read(last_segment(left.path())).unwrap(), bytes[..start]);
    }
}

#[test]
fn a_torn_frame_that_a_kept_checkpoint_covers_is_damage_at_every_length() {
    let (dir, log, kept) = small(0);
    assert_eq!(kept, log.size());
    let path = last_segment(dir.path());
    let bytes = fs::read(&path).unwrap();
    for length in last_frame(&bytes)..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = open(dir.path(), &fast()).map(|_| ()).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{length}: {error}");
        assert_eq!(fsck(dir.path(), &fast().files, &mut |_| ()).unwrap().findings.len(), 1, "{length}");
    }
    fs::write(&path, &bytes).unwrap();
    open(dir.path(), &fast()).unwrap();
}

#[test]
fn a_broken_frame_with_a_good_one_behind_it_is_damage_even_if_no_checkpoint_covers_it() {
    let (dir, mut log) = created();
    let mut journal = reopen(&dir).journal;
    for step in 0..2 {
        journal = journal.append(&log.batch(&[envelope(step, 50), envelope(step, 60)])).unwrap();
    }
    drop(journal);
    let path = last_segment(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    let last = last_frame(&bytes);
    let start = last_frame(&bytes[..last]);
    bytes[start + 100] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = open(dir.path(), &fast()).map(|_| ()).unwrap_err();
    let OpenError::Damaged { damage, .. } = error else { panic!("{error}") };
    assert_eq!(damage.kind, DamageKind::FrameBehind { next: last as u64 });
    assert_eq!((damage.offset, damage.entry.get()), (start as u64, 1));
    assert_eq!(damage.file, path);
}

/// Reads everything that a reader can, and compares it with what was appended: none if any of it is refused.
fn answers(log: &Log, opened: &Opened) -> Option<TreeSize> {
    for at in 0..opened.size.get() {
        let index = LeafIndex::new(at).unwrap();
        let expected = &log.stored[at as usize];
        let bytes = opened.reader.entry(index).ok()?;
        // Wrong entry bytes of a sealed segment are told by the proof, which is made against the tree.
        if bytes != expected.entry {
            return None;
        }
        let stored = opened.reader.stored(index).ok()?;
        assert_eq!((stored.record, stored.envelope), (expected.record.clone(), expected.envelope.clone()));
    }
    Some(opened.size)
}

#[test]
fn every_flipped_byte_is_found_or_changes_no_answer() {
    // The newest frame is beyond the kept checkpoint: the one window that docs/format.md states.
    let (dir, log, kept) = small(1);
    let (mut found, mut unfinished) = (0, 0);
    for file in files(dir.path()) {
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(&file, &bytes).unwrap();
            let what = format!("{} byte {at}", file.display());
            let report = fsck(dir.path(), &fast().files, &mut |_| ()).unwrap();
            match (&report.findings[..], &report.unfinished) {
                // The end of a slot that a longer note left would be one; there is none here.
                ([], None) => panic!("{what} is not found"),
                ([], Some(tail)) => {
                    unfinished += 1;
                    assert!(tail.segment == file && at as u64 >= tail.offset, "{what}");
                }
                (findings, _) => {
                    found += 1;
                    assert!(findings.iter().any(|damage| damage.file == file), "{what}: {findings:?}");
                    assert!(findings.len() <= 2, "{what}: {findings:?}");
                }
            }
            if at % 7 == 0 {
                check_open(dir.path(), &log, &report, kept, &what);
            }
        }
        fs::write(&file, &whole).unwrap();
    }
    println!("{found} found, {unfinished} in the window");
    assert!(found > 3000 && unfinished > 500, "{found} {unfinished}");
}

/// Opens a copy: refused, or the answers are the same, or wrong bytes are told by what reads them. Only the
/// last frame may be gone, and the scan said so.
fn check_open(dir: &Path, log: &Log, report: &FsckReport, kept: TreeSize, what: &str) {
    let left = tempfile::tempdir().unwrap();
    copy(dir, left.path());
    match open(left.path(), &fast()) {
        Err(OpenError::Damaged { .. } | OpenError::OtherLog { .. } | OpenError::NewerVersion { .. }) => {
            assert!(!report.findings.is_empty(), "{what}");
        }
        Err(error) => panic!("{what}: {error}"),
        Ok(opened) => match answers(log, &opened) {
            None => assert!(!report.findings.is_empty(), "{what}"),
            Some(size) if size == log.size() => {}
            Some(size) => assert!(size >= kept && report.unfinished.is_some(), "{what}: {size}"),
        },
    }
}

#[test]
fn the_scan_names_the_very_entry_that_is_broken() {
    let (dir, log, _) = small(0);
    for (index, staged) in log.stored.iter().enumerate() {
        for (kind, needle) in
            [("entry", &staged.entry), ("record", &staged.record), ("envelope", &staged.envelope)]
        {
            let holds = |file: &&PathBuf| {
                let bytes = fs::read(file).unwrap();
                bytes.windows(needle.len()).any(|window| window == needle.as_slice())
            };
            let all = files(&dir.path().join("journal"));
            let file = all.iter().find(holds).unwrap();
            let mut bytes = fs::read(file).unwrap();
            let at = bytes.windows(needle.len()).position(|window| window == needle.as_slice()).unwrap();
            let middle = at + needle.len() / 2;
            bytes[middle] ^= 1;
            fs::write(file, &bytes).unwrap();
            let report = fsck(dir.path(), &fast().files, &mut |_| ()).unwrap();
            bytes[middle] ^= 1;
            fs::write(file, &bytes).unwrap();
            let [damage] = report.findings.as_slice() else {
                panic!("{kind} {index}: {:?}", report.findings)
            };
            assert_eq!(
                (damage.entry.get(), damage.offset),
                (index as u64, at as u64),
                "{kind} {index}: {damage}"
            );
            assert_eq!(damage.file, *file);
        }
    }
    assert_eq!(fsck(dir.path(), &fast().files, &mut |_| ()).unwrap().findings, []);
}

#[test]
fn an_entry_that_cannot_be_read_is_one_finding_and_the_next_is_taken_as_it_is() {
    let (dir, mut log) = created();
    let mut batch = log.batch(&[vec![1; 10], vec![2; 10], vec![3; 10]]);
    batch.entries[1].entry.push(b'\n');
    // Its checksum holds: a server wrote it like this.
    let path = last_segment(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    let mark = segment::Mark(bytes[24..32].try_into().unwrap());
    bytes.extend(frame::encode(&batch, mark, 64 << 10).unwrap().bytes);
    fs::write(&path, bytes).unwrap();
    let report = fsck(dir.path(), &options().files, &mut |_| ()).unwrap();
    let unread = batch.first.next();
    let of_entries: Vec<_> = report
        .findings
        .iter()
        .filter(|damage| matches!(damage.kind, DamageKind::Entry(_) | DamageKind::Chain(_)))
        .map(|damage| (damage.entry, matches!(damage.kind, DamageKind::Entry(_))))
        .collect();
    assert_eq!(of_entries, [(unread, true)], "{:?}", report.findings);
    match open(dir.path(), &options()) {
        Err(OpenError::Damaged { damage, .. }) => {
            assert!(matches!(damage.kind, DamageKind::Entry(_)) && damage.entry == unread, "{damage}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reader_refuses_what_is_not_what_was_written() {
    let (dir, log, _) = small(0);
    let opened = open(dir.path(), &fast()).unwrap();
    let (index, staged) = (LeafIndex::new(1).unwrap(), &log.stored[1]);
    for needle in [&staged.record, &staged.envelope] {
        let file = &files(&dir.path().join("journal/segments"))[0];
        let mut bytes = fs::read(file).unwrap();
        let at = bytes.windows(needle.len()).position(|window| window == needle.as_slice()).unwrap();
        bytes[at] ^= 1;
        fs::write(file, &bytes).unwrap();
        match opened.reader.stored(index) {
            Err(ReadError::Damaged(damage)) => assert_eq!((damage.offset, damage.entry), (at as u64, index)),
            other => panic!("{other:?}"),
        }
        bytes[at] ^= 1;
        fs::write(file, &bytes).unwrap();
    }
    let large = log.stored.iter().position(|staged| staged.envelope.len() > 300).unwrap();
    let blob = files(&dir.path().join("journal/blobs")).pop().unwrap();
    fs::remove_file(blob).unwrap();
    let missing = opened.reader.envelope(LeafIndex::new(large as u64).unwrap());
    assert!(
        matches!(missing, Err(ReadError::Damaged(damage)) if matches!(damage.kind, DamageKind::BlobMissing { .. }))
    );
}

#[test]
fn the_scan_runs_beside_a_server() {
    let (dir, mut log) = created();
    let mut journal = reopen(&dir).journal;
    let scan = std::thread::spawn({
        let path = dir.path().to_owned();
        move || (0..40).map(|_| fsck(&path, &options().files, &mut |_| ()).unwrap()).collect::<Vec<_>>()
    });
    for step in 0..150 {
        journal = journal.append(&log.batch(&[envelope(step, 500)])).unwrap();
        journal.keep_checkpoint(&log.checkpoint()).unwrap();
    }
    for report in scan.join().unwrap() {
        assert_eq!(report.findings, []);
    }
}

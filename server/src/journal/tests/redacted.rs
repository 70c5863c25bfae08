//! What redactions erase: gone from the disk, and everything else sound.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use custody_tests::oracle::journal;

use super::damage::{fast, files};
use super::traced::{Op, Traced, after_kill, after_power_failure};
use super::*;

/// Whether these bytes are anywhere below a directory.
fn holds(dir: &Path, bytes: &[u8]) -> Option<PathBuf> {
    files(dir)
        .into_iter()
        .find(|path| fs::read(path).unwrap().windows(bytes.len()).any(|found| found == bytes))
}

fn is_gone(dir: &Path, staged: &Staged) {
    for (what, bytes) in [("envelope", &staged.envelope), ("record", &staged.record)] {
        assert_eq!(holds(dir, bytes), None, "the {what} is still there");
    }
}

/// Redacts an entry and keeps the checkpoint, as the sequencer does.
fn redacted(journal: Box<dyn Journal>, log: &mut Log, index: u64) -> Box<dyn Journal> {
    let mut journal = journal.append(&log.redact(index)).unwrap();
    journal.keep_checkpoint(&log.checkpoint()).unwrap();
    journal.erase().unwrap();
    journal
}

/// A log with envelopes in the frames and in files, in sealed segments and in the open one. The same content is there twice.
fn logged() -> (TempDir, Log) {
    let (dir, mut log) = created();
    let mut journal = open(dir.path(), &fast()).unwrap().journal;
    for lengths in [&[200, 250][..], &[400], &[150, 900], &[260]] {
        let envelopes: Vec<_> =
            lengths.iter().map(|length| envelope(log.stored.len() + length, *length)).collect();
        journal = journal.append(&log.batch(&envelopes)).unwrap();
        journal.keep_checkpoint(&log.checkpoint()).unwrap();
    }
    // With another record, as by another signer.
    let again = log.stored[1].envelope.clone();
    journal = journal.append(&log.batch(&[again])).unwrap();
    journal.keep_checkpoint(&log.checkpoint()).unwrap();
    journal.sync_checkpoint().unwrap();
    drop(journal);
    (dir, log)
}

fn sound(dir: &Path, log: &Log) {
    let report = fsck(dir, &fast().files, &mut |_| ()).unwrap();
    assert_eq!((report.findings.as_slice(), report.sound), ([].as_slice(), (log.size(), log.root())));
    let again = journal::read(dir).unwrap();
    assert_eq!(again.kept.len() as u64, log.size().get());
}

#[test]
fn every_place_of_an_entry_is_erased_and_everything_else_stays() {
    let (dir, mut log) = logged();
    let mut journal = open(dir.path(), &fast()).unwrap().journal;
    // Inline in a sealed segment and again in the open one; a file; the last entry of all.
    for index in [1, 3, 6] {
        let held = log.stored[index as usize].clone();
        assert!(holds(dir.path(), &held.envelope).is_some());
        journal = redacted(journal, &mut log, index);
        is_gone(dir.path(), &held);
        sound(dir.path(), &log);
    }
    is_gone(dir.path(), &log.stored[7]);
    drop(journal);
    let opened = open(dir.path(), &fast()).unwrap();
    log.check(&opened.reader, log.size());
    for index in 1..8 {
        let at = LeafIndex::new(index).unwrap();
        let erased = log.is_redacted(index, log.size());
        assert_eq!(erased, [1, 3, 6, 7].contains(&index), "{index}");
        assert_eq!(opened.reader.is_erased(at).unwrap(), erased, "{index}");
        assert_eq!(opened.reader.record(at).is_err(), erased);
        assert_eq!(opened.reader.envelope(at).is_err(), erased);
        assert_eq!(opened.reader.stored_up_to(at, 10).is_err(), erased);
    }
    // It says what it erased, and where the index has that.
    let erased = opened.reader.erased_by(LeafIndex::new(8).unwrap()).unwrap();
    assert_eq!(erased.iter().map(|erased| erased.index.get()).collect::<Vec<_>>(), [1, 7]);
    assert_eq!(erased[0].keys, [[b's'; KEY_LEN], [b'x'; KEY_LEN]]);
    opened.journal.seal().unwrap();
    sound(dir.path(), &log);
}

#[test]
fn nothing_is_erased_before_the_entry_that_says_so_can_no_longer_be_lost() {
    let (dir, mut log) = logged();
    let disk = Traced::default();
    let options = OpenOptions { files: Arc::new(disk.clone()), ..fast() };
    let mut journal = open(dir.path(), &options).unwrap().journal;
    let held = log.stored[3].clone();
    journal = journal.append(&log.redact(3)).unwrap();
    journal.erase().unwrap();
    assert!(holds(dir.path(), &held.envelope).is_some(), "no kept checkpoint covers it");
    journal.keep_checkpoint(&log.checkpoint()).unwrap();
    let before = disk.ops().len();
    journal.erase().unwrap();
    is_gone(dir.path(), &held);
    let ops = disk.ops();
    let synced = ops[before..].iter().position(|op| matches!(op, Op::Sync(_))).unwrap();
    let erased = ops[before..]
        .iter()
        .position(|op| matches!(op, Op::Write(_, _, bytes) if bytes.iter().all(|b| *b == 0)));
    assert!(synced < erased.unwrap(), "the checkpoint is synced before the first byte is erased");
    let done = disk.ops().len();
    journal.erase().unwrap();
    assert_eq!(disk.ops().len(), done, "and nothing is done twice");
}

#[test]
fn an_erasure_is_ended_after_a_kill_or_a_loss_of_power_at_any_step() {
    let (source, mut log) = logged();
    let disk = Traced::default();
    let dir = tempfile::tempdir().unwrap();
    // Made again on a disk that remembers, so that it can be cut at each step.
    let options = OpenOptions { files: Arc::new(disk.clone()), ..fast() };
    create(dir.path(), &log.stored[0], log.roots[0], &[], &options).unwrap();
    let mut journal = open(dir.path(), &options).unwrap().journal;
    for index in 1..log.stored.len() {
        let staged = log.stored[index].clone();
        let (first, size) = (LeafIndex::new(index as u64).unwrap(), TreeSize::new(index as u64 + 1).unwrap());
        let batch = Batch { entries: vec![staged], first, size, root: log.roots[index] };
        journal = journal.append(&batch).unwrap();
        journal.keep_checkpoint(&log.checkpoint_at(size)).unwrap();
    }
    drop(source);
    let started = disk.ops().len();
    let mut ends = Vec::new();
    for index in [1, 3] {
        journal = redacted(journal, &mut log, index);
        ends.push((disk.ops().len(), index));
    }
    drop(journal);
    let ops = disk.ops();
    for steps in started..=ops.len() {
        for power in [false, true] {
            let left = tempfile::tempdir().unwrap();
            if power {
                after_power_failure(&ops[..steps], 0, dir.path(), left.path());
            } else {
                after_kill(&ops[..steps], dir.path(), left.path());
            }
            let what = format!("after step {steps}, power lost: {power}");
            // What was told to be erased is, before anybody opens it.
            for (end, index) in ends.iter().filter(|(end, _)| *end <= steps) {
                assert_eq!(holds(left.path(), &log.stored[*index as usize].envelope), None, "{what}, {end}");
            }
            let plain = fast();
            let mut opened = open(left.path(), &plain).unwrap_or_else(|error| panic!("{what}: {error}"));
            let size = opened.size;
            log.check(&opened.reader, size);
            opened.journal.keep_checkpoint(&log.checkpoint_at(size)).unwrap();
            opened.journal.erase().unwrap();
            for index in [1, 3].into_iter().filter(|index| log.is_redacted(*index, size)) {
                is_gone(left.path(), &log.stored[index as usize]);
            }
            let report = fsck(left.path(), &plain.files, &mut |_| ()).unwrap();
            assert_eq!((report.findings.as_slice(), report.sound.0), ([].as_slice(), size), "{what}");
        }
    }
}

#[test]
fn what_is_erased_without_a_redaction_is_damage_and_what_came_back_is_told() {
    let (dir, mut log) = logged();
    let held: Vec<(PathBuf, Vec<u8>)> = files(&dir.path().join("journal"))
        .into_iter()
        .map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect();
    // Zeros alone say nothing.
    let segment = files(&dir.path().join("journal/segments")).remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(200).position(|found| found == log.stored[1].envelope).unwrap();
    bytes[at..at + 200].fill(0);
    fs::write(&segment, &bytes).unwrap();
    let report = fsck(dir.path(), &fast().files, &mut |_| ()).unwrap();
    assert!(
        matches!(report.findings[..], [Damage { kind: DamageKind::Envelope { .. }, .. }]),
        "{:?}",
        report.findings
    );

    let (dir, mut again) = (dir, log.clone());
    for (path, bytes) in &held {
        fs::write(path, bytes).unwrap();
    }
    let journal = redacted(open(dir.path(), &fast()).unwrap().journal, &mut again, 3);
    let journal = redacted(journal, &mut again, 1);
    journal.seal().unwrap();
    log = again;
    sound(dir.path(), &log);
    // The old bytes are put back, in the frame and as a file.
    let mut bytes = fs::read(&segment).unwrap();
    bytes[at..at + 200].copy_from_slice(&log.stored[1].envelope);
    fs::write(&segment, &bytes).unwrap();
    let (blob, content) = held.iter().find(|(_, bytes)| *bytes == log.stored[3].envelope).unwrap();
    fs::write(blob, content).unwrap();
    let report = fsck(dir.path(), &fast().files, &mut |_| ()).unwrap();
    let told: Vec<u64> = report.findings.iter().map(|damage| damage.entry.get()).collect();
    assert!(
        report.findings.iter().all(|damage| matches!(damage.kind, DamageKind::NotErased { .. })),
        "{:?}",
        report.findings
    );
    assert_eq!(told, [1, 3]);
    // They are never shown, and a repair erases them again; so does a start.
    let opened = open(dir.path(), &fast()).unwrap();
    log.check(&opened.reader, log.size());
    assert!(!opened.reader.is_erased(LeafIndex::new(1).unwrap()).unwrap());
    drop(opened);
    let repaired = repair(dir.path(), None, &fast().files, &mut |_| ()).unwrap();
    assert_eq!((repaired.after.findings.as_slice(), repaired.repaired.len()), ([].as_slice(), 2));
    is_gone(dir.path(), &log.stored[1]);
    is_gone(dir.path(), &log.stored[3]);
    fs::write(&segment, &bytes).unwrap();
    let mut opened = open(dir.path(), &fast()).unwrap();
    opened.journal.keep_checkpoint(&log.checkpoint()).unwrap();
    opened.journal.erase().unwrap();
    is_gone(dir.path(), &log.stored[1]);
}

/// Whatever the copy has reached when the server erases: what is read then is no damage, and nothing of it stays in the backup that no
/// list names.
#[test]
fn a_backup_that_is_made_while_something_is_erased_is_whole() {
    let mut anew = 0;
    for at in 0..3_u32 {
        for index in [1, 3, 6] {
            let (dir, mut log) = logged();
            let mut journal = Some(open(dir.path(), &fast()).unwrap().journal);
            let home = tempfile::tempdir().unwrap();
            let (out, files) = (home.path().join("out"), fast().files);
            let mut told = 0;
            let mut erase = |_| {
                if told == at {
                    journal = journal.take().map(|journal| redacted(journal, &mut log, index));
                }
                told += 1;
            };
            let report = backup(dir.path(), &out, &files, &mut erase);
            assert!(told > at, "{told} steps");
            let report = report.unwrap_or_else(|error| panic!("{index} at step {at}: {error}"));
            assert_eq!(fsck(&out, &files, &mut |_| ()).unwrap().findings, [], "{index} at step {at}");
            if report.size == log.size() {
                anew += 1;
                is_gone(&out, &log.stored[index as usize]);
            }
        }
    }
    assert!(anew > 0, "none met what was erased");
}

#[test]
fn backups_and_repairs_hold_nothing_of_what_was_erased_before_and_an_old_backup_is_erased_when_it_is_restored()
 {
    let (dir, mut log) = logged();
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let files = fast().files;
    backup(dir.path(), &at("old"), &files, &mut |_| ()).unwrap();
    let journal = redacted(open(dir.path(), &fast()).unwrap().journal, &mut log, 3);
    let journal = redacted(journal, &mut log, 1);
    journal.seal().unwrap();
    let held = [log.stored[1].clone(), log.stored[3].clone()];
    backup(dir.path(), &at("new"), &files, &mut |_| ()).unwrap();
    for staged in &held {
        assert!(holds(&at("old"), &staged.envelope).is_some());
        is_gone(&at("new"), staged);
    }
    assert_eq!(fsck(&at("new"), &files, &mut |_| ()).unwrap().findings, []);

    // The new one comes back as it is.
    restore(&at("new"), &at("same"), &files, &|_, _| true, &mut |_| ()).unwrap();
    assert_eq!(fsck(&at("same"), &files, &mut |_| ()).unwrap().findings, []);
    log.check(&open_read_only(&at("same"), &files).unwrap().view.reader, log.size());

    // The old one holds it, until the newer segments bring the redactions: erased entries come with them.
    restore(&at("old"), &at("older"), &files, &|_, _| true, &mut |_| ()).unwrap();
    assert!(holds(&at("older"), &held[0].envelope).is_some());
    let extended = extend(&at("older"), dir.path(), &fast(), &|_| true, &mut |_| ()).unwrap();
    assert_eq!(extended.size, log.size());
    for staged in &held {
        is_gone(&at("older"), staged);
    }
    assert_eq!(fsck(&at("older"), &files, &mut |_| ()).unwrap().findings, []);

    // A repair with a copy from before does not bring it back.
    let segment = damage::files(&dir.path().join("journal/segments")).remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[100] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let repaired = repair(dir.path(), Some(&at("old")), &files, &mut |_| ()).unwrap();
    assert_eq!(repaired.after.findings, []);
    for staged in &held {
        is_gone(dir.path(), staged);
    }
}

#[test]
fn a_log_that_is_extended_by_erased_entries_has_them_erased() {
    let (dir, mut log) = logged();
    let home = tempfile::tempdir().unwrap();
    let (out, data) = (home.path().join("backup"), home.path().join("data"));
    backup(dir.path(), &out, &fast().files, &mut |_| ()).unwrap();
    restore(&out, &data, &fast().files, &|_, _| true, &mut |_| ()).unwrap();
    let before = log.size().get();
    let mut journal = open(dir.path(), &fast()).unwrap().journal;
    journal = journal.append(&log.batch(&[envelope(90, 100), envelope(91, 700)])).unwrap();
    journal.keep_checkpoint(&log.checkpoint()).unwrap();
    for index in [before, before + 1] {
        journal = redacted(journal, &mut log, index);
    }
    journal.seal().unwrap();
    extend(&data, dir.path(), &fast(), &|_| true, &mut |_| ()).unwrap();
    for index in [before, before + 1] {
        is_gone(&data, &log.stored[index as usize]);
    }
    let report = fsck(&data, &fast().files, &mut |_| ()).unwrap();
    assert_eq!((report.findings, report.sound), (Vec::new(), (log.size(), log.root())));
    log.check(&open_read_only(&data, &fast().files).unwrap().view.reader, log.size());
}

#[test]
fn attachments_that_rot_are_damage() {
    let (dir, mut log) = logged();
    let mut journal = redacted(open(dir.path(), &fast()).unwrap().journal, &mut log, 3);
    // Into the next segment, so that the redaction is in a sealed one.
    for seed in 0..3 {
        journal = journal.append(&log.batch(&[envelope(seed + 70, 280), envelope(seed + 80, 290)])).unwrap();
    }
    journal.keep_checkpoint(&log.checkpoint()).unwrap();
    drop(journal);
    let attachment = log.stored[8].attachments[0].clone();
    let path = holds(dir.path(), &attachment).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(attachment.len()).position(|found| found == attachment).unwrap();
    bytes[at + 30] ^= 1;
    fs::write(&path, bytes).unwrap();
    let report = fsck(dir.path(), &fast().files, &mut |_| ()).unwrap();
    assert!(
        matches!(report.findings[..], [Damage { kind: DamageKind::Attachment { .. }, .. }]),
        "{:?}",
        report.findings
    );
    assert_eq!(report.findings[0].entry.get(), 8);
}

//! Room behind the last frame: zeros, which are nothing.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::{fs, io};

use super::traced::{Op, Traced};
use super::*;

/// A log with one segment that has room behind its frames, the path of the segment, and where the last frame starts and ends.
fn roomy() -> (TempDir, Log, PathBuf, [u64; 2]) {
    let (dir, mut log) = created();
    let Opened { mut journal, .. } = reopen(&dir);
    let segment = dir.path().join("journal/segments/00000000000000000000.segment");
    let length = || fs::metadata(&segment).unwrap().len();
    journal = journal.append(&log.batch(&[envelope(1, 300)])).unwrap();
    let start = length();
    journal = journal.append(&log.batch(&[envelope(2, 300)])).unwrap();
    let end = length();
    journal.keep_checkpoint(&log.checkpoint()).unwrap();
    journal.sync_checkpoint().unwrap();
    journal.make_room().unwrap();
    assert_eq!(length(), end + options().room_bytes);
    (dir, log, segment, [start, end])
}

fn checked(dir: &TempDir) -> FsckReport {
    fsck(dir.path(), &options().files, &mut |_| ()).unwrap()
}

#[test]
fn room_is_no_write_that_did_not_end() {
    let (dir, log, segment, [_, end]) = roomy();
    let report = checked(&dir);
    assert_eq!((report.findings.as_slice(), report.unfinished), ([].as_slice(), None));
    assert_eq!(report.sound, (log.size(), log.root()));
    assert_eq!(custody_tests::oracle::journal::read(dir.path()).unwrap().kept.len(), 3);
    let opened = reopen(&dir);
    assert_eq!((opened.size, opened.cut), (log.size(), None));
    log.check(&opened.reader, log.size());
    assert_eq!(fs::metadata(&segment).unwrap().len(), end, "the copy of an open has none");
}

#[test]
fn frames_go_into_the_room_and_beyond_it() {
    let (dir, mut log, segment, _) = roomy();
    drop(reopen(&dir));
    let mut journal = reopen(&dir).journal;
    journal.make_room().unwrap();
    for step in 0..20 {
        let before = fs::metadata(&segment).unwrap().len();
        journal = journal.append(&log.batch(&[envelope(step, 250)])).unwrap();
        if step < 5 {
            assert_eq!(fs::metadata(&segment).unwrap().len(), before, "it was there already");
        }
    }
    drop(journal);
    assert_eq!(checked(&dir).findings, []);
    log.check(&reopen(&dir).reader, log.size());
}

#[test]
fn a_seal_ends_the_file_where_it_would_without_room() {
    let sealed = |room: bool| {
        let (dir, mut log) = created();
        let mut journal = reopen(&dir).journal.append(&log.batch(&[envelope(1, 300)])).unwrap();
        if room {
            journal.make_room().unwrap();
        }
        journal = journal.append(&log.batch(&[envelope(2, 300)])).unwrap();
        journal.seal().unwrap();
        assert_eq!(checked(&dir).findings, []);
        log.check(&reopen(&dir).reader, log.size());
        fs::metadata(dir.path().join("journal/segments/00000000000000000000.segment")).unwrap().len()
    };
    assert_eq!(sealed(true), sealed(false));
}

#[test]
fn zeros_where_something_was_promised_are_damage() {
    let (dir, log, segment, [start, _]) = roomy();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[start as usize..].fill(0);
    fs::write(&segment, bytes).unwrap();
    let error = open(dir.path(), &options()).unwrap_err();
    let shorter = DamageKind::Shorter {
        what: "the kept checkpoint",
        expected: log.size(),
        found: TreeSize::new(log.size().get() - 1).unwrap(),
    };
    assert!(matches!(&error, OpenError::Damaged { damage, .. } if damage.kind == shorter), "{error}");
    assert!(!checked(&dir).findings.is_empty());
}

#[test]
fn anything_else_in_the_room_is_what_it_was_without_room() {
    for at in [0, 8, 16, 100, 4_000] {
        let (dir, log, segment, [_, end]) = roomy();
        let mut bytes = fs::read(&segment).unwrap();
        bytes[end as usize + at] = 1;
        let length = bytes.len() as u64;
        fs::write(&segment, bytes).unwrap();
        assert_eq!(checked(&dir).unfinished.unwrap().bytes, length - end, "a one {at} bytes behind");
        let opened = reopen(&dir);
        let cut = Cut { segment: segment.clone(), offset: end, bytes: length - end };
        assert_eq!((opened.size, opened.cut), (log.size(), Some(cut)), "a one {at} bytes behind");
    }
    // A whole frame behind it cannot be: then the zeros are one that was lost.
    let (dir, _, segment, [start, end]) = roomy();
    let mut bytes = fs::read(&segment).unwrap();
    let frame = bytes[start as usize..end as usize].to_vec();
    bytes[end as usize + 1_000..][..frame.len()].copy_from_slice(&frame);
    fs::write(&segment, bytes).unwrap();
    let error = open(dir.path(), &options()).unwrap_err();
    let behind = |damage: &Damage| matches!(damage.kind, DamageKind::FrameBehind { .. });
    assert!(matches!(&error, OpenError::Damaged { damage, .. } if behind(damage)), "{error}");
}

#[test]
fn no_room_is_made_of_what_the_disk_keeps_free() {
    let (dir, mut log) = created();
    let disk = Traced::with_available(9_000);
    let options = OpenOptions { reserve_bytes: 5_000, files: Arc::new(disk.clone()), ..options() };
    let mut journal = open(dir.path(), &options).unwrap().journal;
    let writes = || disk.ops().iter().filter(|op| matches!(op, Op::Write(..))).count();
    let before = writes();
    journal.make_room().unwrap();
    assert_eq!(writes(), before, "8 KiB would leave less than the reserve");
    journal = journal.append(&log.batch(&[envelope(1, 300)])).unwrap();
    drop(journal);
    log.check(&reopen(&dir).reader, log.size());
}

/// A disk on which one look at a place in a segment shows another byte, as while it is being written.
#[derive(Debug)]
struct Late {
    at: u64,
    /// How many looks at it come before that one; less than 0 when it is over.
    before: Arc<AtomicIsize>,
}

#[derive(Debug)]
struct LateFile {
    file: Box<dyn File>,
    at: Option<u64>,
    before: Arc<AtomicIsize>,
}

impl Files for Late {
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let at = path.extension().is_some_and(|kind| kind == "segment").then_some(self.at);
        Ok(Box::new(LateFile { file: DiskFiles.open(path)?, at, before: Arc::clone(&self.before) }))
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        DiskFiles.create(path)
    }
    fn open_writable(&self, path: &Path) -> io::Result<Box<dyn File>> {
        DiskFiles.open_writable(path)
    }
    fn open_lock(&self, path: &Path) -> io::Result<fs::File> {
        DiskFiles.open_lock(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        DiskFiles.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        DiskFiles.remove_file(path)
    }
    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        DiskFiles.remove_dir_all(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        DiskFiles.create_dir(path)
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

impl File for LateFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)?;
        let place = self.at.and_then(|at| at.checked_sub(offset)).map(|at| at as usize);
        if let Some(byte) = place.and_then(|at| buffer.get_mut(at))
            && self.before.fetch_sub(1, Ordering::SeqCst) == 0
        {
            *byte ^= 0xff;
        }
        Ok(())
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
    fn cut(&self, length: u64) -> io::Result<()> {
        self.file.cut(length)
    }
}

#[test]
fn a_frame_that_was_read_while_it_was_written_is_no_damage_once_another_is_behind_it() {
    let (dir, mut log, segment, [start, end]) = roomy();
    let mut journal = reopen(&dir).journal;
    journal.make_room().unwrap();
    let before = fs::metadata(&segment).unwrap().len();
    journal = journal.append(&log.batch(&[envelope(3, 300)])).unwrap();
    assert_eq!(fs::metadata(&segment).unwrap().len(), before, "it is in the room");
    // Its head, its index, and what is beside its entry.
    for at in [start, start + 40, start + 100, end - 1] {
        let mut looks = 0;
        loop {
            let before = Arc::new(AtomicIsize::new(looks));
            let files: Arc<dyn Files> = Arc::new(Late { at, before: Arc::clone(&before) });
            let report = fsck(dir.path(), &files, &mut |_| ()).unwrap();
            let found = (report.findings.as_slice(), report.unfinished);
            assert_eq!(found, ([].as_slice(), None), "byte {at}, look {looks}");
            if before.load(Ordering::SeqCst) >= 0 {
                break;
            }
            looks += 1;
        }
        assert!(looks > 0, "byte {at} is looked at");
    }
    drop(journal);
    // And where it stays like that, it is.
    let mut bytes = fs::read(&segment).unwrap();
    bytes[end as usize - 1] ^= 0xff;
    fs::write(&segment, bytes).unwrap();
    assert_eq!(checked(&dir).findings.len(), 1);
}

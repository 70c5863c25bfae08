//! Steps of the disk fail, one or two of them, at work and in the recovery from it, and the work goes on.
//!
//! What must hold is checked on what is left, on what a power failure right after each failed step leaves, and on what
//! one at the end leaves: by the journal itself, by its full scan, and by a second decoder that shares no code with it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use custody_tests::dice::Dice;
use custody_tests::threads::for_all;

use super::crash::{acknowledged, check_left, check_opened};
use super::traced::{Fails, Kind, Op, Traced, after_power_failure};
use super::*;

/// One thing that the caller does.
#[derive(Debug, Clone, Copy)]
enum Work {
    /// Appends one batch with envelopes of these lengths.
    Append(&'static [usize]),
    /// Redacts the entry at this place.
    Redact(u64),
    Keep,
    Sync,
    Room,
    Seal,
    /// Lets go of the journal and opens it again.
    Reopen,
}

use Work::{Append, Keep, Redact, Reopen, Room, Seal, Sync};

/// A large envelope, a full segment, a slot.
const SHORT: &[Work] = &[Append(&[1500, 10]), Keep, Append(&[900]), Keep, Sync];

/// Several segments, clean shutdowns and others in the middle.
const LONG: &[Work] = &[
    Append(&[900, 200]),
    Keep,
    Room,
    Append(&[900, 200]),
    Keep,
    Sync,
    Append(&[1500, 10, 0]),
    Keep,
    Room,
    Reopen,
    Append(&[900, 200]),
    Keep,
    Room,
    Append(&[2000, 1500]),
    Keep,
    Sync,
    Seal,
    Append(&[50]),
    Append(&[900]),
    Keep,
    Reopen,
    Append(&[1500]),
    Sync,
    Keep,
    Append(&[30, 20, 10]),
    Seal,
];

/// An entry in the frame and one in a file are erased, in the open segment and in a sealed one.
const ERASING: &[Work] =
    &[Append(&[900, 1500]), Keep, Redact(2), Append(&[1000, 1000]), Keep, Redact(1), Append(&[40]), Keep];

/// What was meant to be in the log, up to each step after which something else was meant.
struct Meant {
    before: Vec<(usize, Log)>,
    log: Log,
}

impl Meant {
    /// Returns what was meant when so many operations were done.
    fn after(&self, ops: usize) -> &Log {
        self.before.iter().find(|(until, _)| ops <= *until).map_or(&self.log, |(_, log)| log)
    }
}

/// One caller, who goes on after every failure as the sequencer does.
struct Caller<'a> {
    dir: &'a Path,
    disk: &'a Traced,
    options: OpenOptions,
    meant: Meant,
    safe: u64,
}

impl Caller<'_> {
    /// Makes the log, and tries again until it is there.
    fn create(&mut self) {
        let first = self.meant.log.stage(b"record 0", b"trust document");
        loop {
            match create(self.dir, &first, self.meant.log.root(), &[], &self.options) {
                Ok(()) | Err(CreateError::Exists { .. }) => break,
                Err(CreateError::Directory(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn told(&mut self, size: TreeSize) {
        self.safe = size.get();
        self.disk.acknowledged(self.safe);
    }

    /// Opens until it succeeds. What a reader may see from then on is as good as acknowledged.
    fn open(&mut self) -> Opened {
        loop {
            let failed = self.disk.failed();
            match open(self.dir, &self.options) {
                Ok(opened) => {
                    assert!(opened.size.get() >= self.safe, "{} of {} are left", opened.size, self.safe);
                    assert!(opened.size <= self.meant.log.size());
                    if opened.size < self.meant.log.size() {
                        let meant = self.meant.log.clone();
                        self.meant.before.push((self.disk.ops().len(), meant));
                        self.meant.log.truncate(opened.size);
                    }
                    self.look(&opened.reader);
                    self.told(opened.size);
                    return opened;
                }
                Err(OpenError::Directory(DirectoryError::Disk(_))) if self.disk.failed() > failed => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Reads the first and the last entry: right, or an error of the disk, and never taken for damage.
    fn look(&self, reader: &Reader) {
        for index in [LeafIndex::ZERO, reader.size().last_index().unwrap()] {
            match reader.stored(index) {
                Err(ReadError::Redacted { .. }) if self.meant.log.is_redacted(index.get(), reader.size()) => {
                }
                Ok(stored) => {
                    let meant = &self.meant.log.stored[index.get() as usize];
                    assert_eq!((&stored.bytes, &stored.envelope), (&meant.entry, &meant.envelope));
                }
                Err(ReadError::Io { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Appends until it is there; each try is of other entries.
    fn append(&mut self, opened: Opened, lengths: &[usize]) -> Opened {
        self.append_each(opened, &|log, tried| {
            let envelopes: Vec<_> = lengths.iter().map(|length| envelope(tried + length, *length)).collect();
            log.batch(&envelopes)
        })
    }

    /// Redacts until it is committed, and erases until that is done.
    fn redact(&mut self, opened: Opened, index: u64) -> Opened {
        let mut opened = self.append_each(opened, &|log, _| log.redact(index));
        loop {
            let kept = opened.journal.keep_checkpoint(&self.meant.log.checkpoint());
            if kept.and_then(|()| opened.journal.erase()).is_ok() {
                return opened;
            }
            drop(opened.journal);
            opened = self.open();
        }
    }

    fn append_each(&mut self, mut opened: Opened, make: &dyn Fn(&mut Log, usize) -> Batch) -> Opened {
        loop {
            let tried = self.disk.ops().len();
            let batch = make(&mut self.meant.log, tried);
            match opened.journal.append(&batch) {
                Ok(journal) => {
                    self.told(batch.size);
                    opened.journal = journal;
                    self.look(&opened.reader);
                    return opened;
                }
                Err(AppendError::Unknown(_)) => {}
                Err(AppendError::Refused { why, .. }) => panic!("{why}"),
            }
            assert_eq!(opened.reader.size().get(), self.safe, "what is not safe is not shown");
            opened = self.open();
            if opened.size == batch.size {
                return opened;
            }
        }
    }

    fn live(&mut self, story: &[Work]) {
        self.create();
        let mut opened = self.open();
        for work in story {
            opened = match work {
                Append(lengths) => self.append(opened, lengths),
                Redact(index) => self.redact(opened, *index),
                Keep if opened.journal.keep_checkpoint(&self.meant.log.checkpoint()).is_ok() => opened,
                Sync if opened.journal.sync_checkpoint().is_ok() => opened,
                Seal => {
                    drop(opened.journal.seal());
                    self.open()
                }
                Room if opened.journal.make_room().is_ok() => opened,
                Keep | Sync | Room | Reopen => {
                    drop(opened.journal);
                    self.open()
                }
            };
        }
    }
}

/// A folder in memory, where there is one: a disk is slow, and simulated here anyway.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Lives the story on a disk that fails as planned, and checks all that is left.
fn trial(story: &[Work], plan: &[(usize, Fails)]) -> Traced {
    let what = format!("{plan:?}");
    let dir = folder();
    let disk = Traced::failing(plan.iter().copied());
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let options = OpenOptions { segment_bytes: 3 << 10, files, ..options() };
    let meant = Meant { before: Vec::new(), log: Log::new() };
    let mut caller = Caller { dir: dir.path(), disk: &disk, options, meant, safe: 0 };
    caller.live(story);
    let (ops, meant) = (disk.ops(), caller.meant);
    nothing_is_written_before_recovery(&ops, dir.path(), &what);
    // There are many pairs: of them, the full scan and the going on are left to what is tried alone.
    let check = if plan.len() < 2 { check_left } else { check_opened };
    // What the power leaves after the first of two failures is seen when that one is tried alone.
    let last_failed = ops.iter().rposition(|op| matches!(op, Op::Failed(_)));
    for cut in last_failed.map(|at| at + 1).into_iter().chain([ops.len()]) {
        let left = folder();
        after_power_failure(&ops[..cut], 0, dir.path(), left.path());
        let what = format!("{what}, power lost after operation {cut} of {}", ops.len());
        check(left.path(), meant.after(cut), acknowledged(&ops[..cut]), &what);
    }
    check(dir.path(), &meant.log, acknowledged(&ops), &what);
    disk
}

/// After a sync or a change of a name that failed, the next write is behind the start of a recovery.
fn nothing_is_written_before_recovery(ops: &[Op], dir: &Path, what: &str) {
    let mut failed = false;
    for op in ops {
        match op {
            Op::List(listed) if listed == dir => failed = false,
            Op::Failed(Kind::Sync | Kind::Name) => failed = true,
            // Making the log begins above its folder.
            Op::SyncDir(above) if !above.starts_with(dir) => {}
            op => assert!(!(failed && op.writes()), "{what}: {op:?} before recovery"),
        }
    }
}

/// Returns every way in which one step from `first` on can fail.
fn failures(kinds: &[Kind], first: usize) -> impl Iterator<Item = (usize, Fails)> {
    let steps = kinds.iter().enumerate().skip(first);
    steps.flat_map(|(step, kind)| kind.forms().iter().map(move |how| (step, *how)))
}

#[test]
fn goes_on_after_any_one_failed_step() {
    for story in [SHORT, LONG, ERASING] {
        let kinds = trial(story, &[]).kinds();
        let all: Vec<_> = failures(&kinds, 0).collect();
        println!("{} steps, {} failures", kinds.len(), all.len());
        for_all(&all, |failure| assert_eq!(trial(story, &[*failure]).failed(), 1, "{failure:?}"));
    }
}

#[test]
fn goes_on_after_any_two_failed_steps_of_a_short_story() {
    let tried = AtomicUsize::new(0);
    let disk = trial(SHORT, &[]);
    // From the first open on: a log that is being made has nothing to lose.
    let made = disk.steps_before(|op| matches!(op, Op::Acknowledged(_)));
    let all: Vec<_> = failures(&disk.kinds(), made).collect();
    for_all(&all, |first| {
        // The steps after the first failure are others: a recovery is among them.
        let kinds = trial(SHORT, &[*first]).kinds();
        let only_reads = |step: usize| kinds[first.0] == Kind::Read && kinds[step] == Kind::Read;
        for second in failures(&kinds, first.0 + 1).filter(|(step, _)| !only_reads(*step)) {
            trial(SHORT, &[*first, second]);
            tried.fetch_add(1, Ordering::Relaxed);
        }
    });
    println!("{} pairs", tried.into_inner());
}

#[test]
fn goes_on_after_two_failed_steps_of_a_long_story() {
    let mut dice = Dice::seeded();
    let kinds = trial(LONG, &[]).kinds();
    let all: Vec<_> = failures(&kinds, 0).collect();
    let draws: Vec<_> = (0..400).map(|_| (all[dice.roll(all.len())], dice.roll(1 << 30))).collect();
    for_all(&draws, |(first, draw)| {
        let seconds: Vec<_> = failures(&trial(LONG, &[*first]).kinds(), first.0 + 1).collect();
        // Half of them are close to the first: in the recovery from it.
        let among = if draw % 2 == 0 { seconds.len().min(120) } else { seconds.len() };
        if let Some(second) = seconds.get(draw / 2 % among.max(1)) {
            trial(LONG, &[*first, *second]);
        }
    });
    println!("{} pairs, the first of {} failures", draws.len(), all.len());
}

//! The log under load on a disk that fails as planned: receipts and checkpoints that were handed out stay true.

use custody_log::Receipt;
use custody_tests::dice::Dice;
use custody_tests::oracle::{self, journal};
use custody_tests::threads::for_all;

use super::*;
use crate::journal::tests::traced::{Fails, Kind, Op, Traced};

/// How many envelopes one trial records; the third is kept in a file of its own.
const ENVELOPES: u64 = 5;

/// Seven envelopes of one kilobyte fill a segment, so one trial sees a new one.
fn options(disk: &Traced) -> OpenOptions {
    OpenOptions {
        segment_bytes: 6 << 10,
        inline_bytes: 2 << 10,
        files: Arc::new(disk.clone()),
        ..OpenOptions::default()
    }
}

fn numbered(number: u64) -> Envelope {
    let length = if number == 3 { 4_000 } else { 600 };
    let text = String::from_utf8(statement(number)).unwrap();
    let filled =
        text.replace("\"predicate\":{}", &format!("\"predicate\":{{\"f\":\"{}\"}}", "x".repeat(length)));
    sign(filled.as_bytes(), &[&key(WRITER)])
}

/// What callers hold in their hands.
#[derive(Default)]
struct HandedOut {
    receipts: Vec<(u64, Receipt)>,
    checkpoints: Vec<(TreeSize, [u8; 32])>,
}

/// Opens until it succeeds: only a disk that failed just now may prevent it.
fn open(log: &Log, disk: &Traced) -> (Arc<Ledger>, Sequencer, oneshot::Sender<()>) {
    loop {
        let failed = disk.failed();
        match log.try_open(options(disk)) {
            Ok(opened) => return opened,
            Err(_) if disk.failed() > failed => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Records until it is answered, as a client does, and takes the receipt.
async fn record(running: &Running, disk: &Traced, number: u64, told: &mut HandedOut) {
    for _ in 0..400 {
        let failed = disk.failed();
        match running.record(&numbered(number)).await {
            Ok(recorded) => {
                let head = running.ledger.head();
                assert!(head.size.contains(recorded.index), "acknowledged and not shown");
                disk.acknowledged(recorded.index.size_through().get());
                match head.receipt(recorded.index) {
                    Ok(receipt) => return told.receipts.push((number, receipt)),
                    Err(error) => assert!(disk.failed() > failed, "{error}"),
                }
            }
            Err(RecordError::OutcomeUnknown | RecordError::NotWriting) => {}
            Err(error) => assert!(disk.failed() > failed, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the log does not go on");
}

/// One log from its first open to its end on a disk that fails as planned.
async fn life(plan: &[(usize, Fails)]) -> Traced {
    let log = Log::with_options(&options(&Traced::default()));
    let disk = Traced::failing(plan.iter().copied());
    let (ledger, sequencer, stop) = open(&log, &disk);
    let mut heads = ledger.watch();
    let running = log.run(ledger, sequencer, stop);
    let mut told = HandedOut::default();
    for number in 1..=ENVELOPES {
        record(&running, &disk, number, &mut told).await;
        let head = heads.borrow_and_update().clone();
        let checkpoint = head.checkpoint.unverified();
        told.checkpoints.push((checkpoint.size(), *checkpoint.root().as_bytes()));
    }
    running.stop_unchecked().await;
    every_answer_is_behind_its_checkpoint(&disk.ops(), &format!("{plan:?}"));
    // The seal may have failed, too: the next open makes the log whole again.
    drop(open(&log, &Traced::default()));
    check(&log, &told, &format!("{plan:?}"));
    disk
}

/// Compares what was handed out with what is on disk, read by another decoder.
fn check(log: &Log, held: &HandedOut, what: &str) {
    let disk = journal::read(log.dir.path()).unwrap_or_else(|why| panic!("{what}: {why}"));
    let at = |size: TreeSize| disk.roots[usize::try_from(size.get()).unwrap() - 1];
    let origin = "example.com/log".parse().unwrap();
    for (number, receipt) in &held.receipts {
        let verified = receipt.verify(&origin, &[log_keys().log.verifier()]).unwrap();
        let index = usize::try_from(verified.entry().index.get()).unwrap();
        let kept = &disk.kept[index];
        assert_eq!(kept.entry, verified.entry_bytes(), "{what}: entry {index}");
        assert_eq!(kept.envelope, numbered(*number).bytes(), "{what}: envelope {index}");
        let checkpoint = verified.checkpoint().checkpoint();
        assert_eq!(at(checkpoint.size()), *checkpoint.root().as_bytes(), "{what}: receipt of {index}");
    }
    for (size, root) in &held.checkpoints {
        assert_eq!(at(*size), *root, "{what}: the checkpoint of size {size}");
    }
    let mut contents: Vec<_> = disk
        .kept
        .iter()
        .map(|kept| oracle::entry_line(std::str::from_utf8(&kept.entry).unwrap(), "content").unwrap())
        .collect();
    contents.sort_unstable();
    contents.dedup();
    assert_eq!(disk.kept.len(), contents.len(), "{what}: a content is there twice");
    assert_eq!(u64::try_from(contents.len()).unwrap(), ENVELOPES + 1, "{what}");
}

/// Before anybody is told of an entry, a checkpoint that covers it was written to its slot without an error.
fn every_answer_is_behind_its_checkpoint(ops: &[Op], what: &str) {
    let mut kept = 0;
    // What fails behind a slot is the slot if the log recovers then, and else the room that is made once it is told.
    let failed = |at: usize| {
        let next = ops[at..].iter().find(|op| matches!(op, Op::List(_) | Op::Acknowledged(_)));
        matches!(ops.get(at), Some(Op::Failed(_))) && matches!(next, Some(Op::List(_)))
    };
    for (at, op) in ops.iter().enumerate() {
        match op {
            Op::Write(_, 0, bytes) if !failed(at + 1) => {
                kept = kept.max(slot_size(bytes).unwrap_or(0));
            }
            Op::Acknowledged(size) => assert!(*size <= kept, "{what}: {size} acknowledged, {kept} kept"),
            _ => {}
        }
    }
}

/// Returns the tree size of a slot, if these are the bytes of one (docs/format.md, "Slot").
fn slot_size(bytes: &[u8]) -> Option<u64> {
    let size = bytes.get(24..32)?.try_into().ok()?;
    bytes.starts_with(b"CUSTSLOT").then(|| u64::from_be_bytes(size))
}

fn failures(kinds: &[Kind], first: usize) -> Vec<(usize, Fails)> {
    let steps = kinds.iter().enumerate().skip(first);
    steps.flat_map(|(step, kind)| kind.forms().iter().map(move |how| (step, *how))).collect()
}

#[test]
fn what_was_handed_out_stays_true_whatever_the_disk_does() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut dice = Dice::seeded();
    let kinds = runtime.block_on(life(&[])).kinds();
    let all = failures(&kinds, 0);
    // Every write, sync and change of a name alone; of the reads, and of all pairs, a sample.
    let (reads, changes): (Vec<_>, Vec<_>) = all.iter().partition(|(step, _)| kinds[*step] == Kind::Read);
    let mut plans: Vec<Vec<_>> = changes.iter().map(|change| vec![*change]).collect();
    plans.extend((0..30).map(|_| vec![reads[dice.roll(reads.len())]]));
    plans.extend((0..60).map(|_| {
        let first: (usize, Fails) = changes[dice.roll(changes.len())];
        // The second is often in the recovery from the first.
        vec![first, (first.0 + 1 + dice.roll(60), [Fails::NotPersisted, Fails::ButPersisted][dice.roll(2)])]
    }));
    println!("{} steps, {} failures of changes, {} plans", kinds.len(), changes.len(), plans.len());
    for_all(&plans, |plan| drop(runtime.block_on(life(plan))));
}

#[tokio::test]
async fn a_kept_checkpoint_that_cannot_be_synced_makes_the_log_recover_before_it_writes() {
    let disk = Traced::default();
    let log = Log::with_options(&options(&disk));
    let (ledger, mut sequencer, _stop) = open(&log, &disk);
    let before = disk.ops().len();
    sequencer.sync_at = Some(Instant::now());
    disk.fail_next(Fails::Forgotten);
    sequencer.keep_time();
    assert!(sequencer.position.is_some(), "it recovered at once");
    assert!(*ledger.writing().borrow());
    let ops = disk.ops().split_off(before);
    let failed = ops.iter().position(|op| matches!(op, Op::Failed(Kind::Sync))).unwrap();
    let next = ops[failed + 1..].iter().find(|op| op.writes() || matches!(op, Op::List(_)));
    assert!(matches!(next, Some(Op::List(dir)) if dir == log.dir.path()), "{next:?}");
}

#[tokio::test]
async fn the_checkpoint_that_a_recovery_kept_is_synced_on_a_quiet_log_too() {
    let disk = Traced::default();
    let log = Log::with_options(&options(&disk));
    let (_ledger, mut sequencer, _stop) = open(&log, &disk);
    sequencer.sync_at = Some(Instant::now());
    sequencer.keep_time();
    assert_eq!(sequencer.sync_at, None, "all is synced");
    // As after a write whose outcome is unknown.
    sequencer.position = None;
    sequencer.recover_at = Instant::now();
    sequencer.recover_in_time();
    assert!(sequencer.position.is_some(), "it recovered");
    let ops = disk.ops();
    let slot = ops.iter().rev().find_map(|op| match op {
        Op::Write(id, 0, bytes) if slot_size(bytes).is_some() => Some(*id),
        _ => None,
    });
    let due = sequencer.sync_at.expect("a sync is due");
    assert!(due <= Instant::now() + SYNC_AFTER);
    sequencer.sync_at = Some(Instant::now());
    sequencer.keep_time();
    let synced = disk.ops().split_off(ops.len());
    assert!(synced.iter().any(|op| matches!(op, Op::Sync(id) if Some(*id) == slot)), "{synced:?}");
}

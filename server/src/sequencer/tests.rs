use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use custody_evidence::dsse::{self, IN_TOTO};
use custody_evidence::key::SigningKey;
use custody_evidence::trust::{ClockRepair, LogKey, TrustDocument, WriterRule, statement_of};
use custody_log::note::{Cosigner, NoteSigner};
use custody_log::{Entry, EntryDigest, Frontier, NodeHash, Timestamp, TreeSize};

mod admitting;
mod earlier;
mod faults;
mod findable;
mod issuers;
mod seat;
mod tokens;
mod trust;

use super::*;
use crate::admission::{self, Recording};
use crate::clock::{Clock, Reading};
use crate::genesis::{self, Founders};
use crate::index::{EntryKeys, IndexedEntry};
use crate::journal::{DiskFiles, File, Files, OpenOptions};
use crate::publish::LogKeys;

/// A clock that shows what it is told.
struct SetClock(Mutex<Reading>);

impl SetClock {
    fn at(seconds: i64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(reading(seconds))))
    }

    fn set(&self, seconds: i64) {
        *self.0.lock().unwrap() = reading(seconds);
    }
}

impl Clock for SetClock {
    fn read(&self) -> Result<Reading, ClockError> {
        Ok(*self.0.lock().unwrap())
    }
}

fn reading(seconds: i64) -> Reading {
    let wall = Timestamp::from_micros(1_800_000_000_000_000 + seconds * 1_000_000).unwrap();
    Reading { wall, since_boot: Duration::from_secs(seconds.unsigned_abs()) }
}

/// A disk whose next sync of a file fails when it is told so, after or before the bytes are on disk.
#[derive(Debug, Default)]
struct FailingSync {
    fail: AtomicBool,
    /// Every sync fails, until it is told otherwise.
    broken: AtomicBool,
    /// Every write behind what a file holds fails; what is written anew, as an open does, is written.
    appends_fail: AtomicBool,
    /// Every sync panics.
    panics: AtomicBool,
}

#[derive(Debug)]
struct FailingFile {
    inner: Box<dyn File>,
    disk: Arc<FailingSync>,
}

#[derive(Debug)]
struct FailingFiles(Arc<FailingSync>);

impl FailingFiles {
    fn wrap(&self, file: std::io::Result<Box<dyn File>>) -> std::io::Result<Box<dyn File>> {
        Ok(Box::new(FailingFile { inner: file?, disk: Arc::clone(&self.0) }))
    }
}

impl Files for FailingFiles {
    fn create(&self, path: &Path) -> std::io::Result<Box<dyn File>> {
        self.wrap(DiskFiles.create(path))
    }
    fn open(&self, path: &Path) -> std::io::Result<Box<dyn File>> {
        self.wrap(DiskFiles.open(path))
    }
    fn open_writable(&self, path: &Path) -> std::io::Result<Box<dyn File>> {
        self.wrap(DiskFiles.open_writable(path))
    }
    fn open_lock(&self, path: &Path) -> std::io::Result<std::fs::File> {
        DiskFiles.open_lock(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        DiskFiles.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> std::io::Result<()> {
        DiskFiles.remove_file(path)
    }
    fn remove_dir_all(&self, path: &Path) -> std::io::Result<()> {
        DiskFiles.remove_dir_all(path)
    }
    fn create_dir(&self, path: &Path) -> std::io::Result<()> {
        DiskFiles.create_dir(path)
    }
    fn sync_dir(&self, path: &Path) -> std::io::Result<()> {
        DiskFiles.sync_dir(path)
    }
    fn list(&self, path: &Path) -> std::io::Result<Vec<String>> {
        DiskFiles.list(path)
    }
    fn available(&self, path: &Path) -> std::io::Result<u64> {
        DiskFiles.available(path)
    }
}

impl File for FailingFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.inner.read_exact_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        if offset > 0 && self.disk.appends_fail.load(Ordering::SeqCst) {
            return Err(std::io::Error::other("the disk failed as it was told"));
        }
        self.inner.write_all_at(bytes, offset)
    }
    fn length(&self) -> std::io::Result<u64> {
        self.inner.length()
    }
    fn sync(&self) -> std::io::Result<()> {
        assert!(!self.disk.panics.load(Ordering::SeqCst), "a sync that panics, as planned");
        if self.disk.fail.swap(false, Ordering::SeqCst) || self.disk.broken.load(Ordering::SeqCst) {
            return Err(std::io::Error::other("the disk failed as it was told"));
        }
        self.inner.sync()
    }
    fn cut(&self, length: u64) -> std::io::Result<()> {
        self.inner.cut(length)
    }
}

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

fn log_keys() -> LogKeys {
    LogKeys {
        log: NoteSigner::from_seed("example.com/log".parse().unwrap(), [100; 32]),
        next: None,
        statements: SigningKey::from_seed(&[100; 32]),
        freshness: Cosigner::from_seed("example.com/log/freshness".parse().unwrap(), [101; 32]),
    }
}

const ADMIN: u8 = 1;
const WRITER: u8 = 2;
const SECOND_WRITER: u8 = 3;

/// A log in a directory of its own, whose sequencer may run.
struct Log {
    dir: tempfile::TempDir,
    clock: Arc<SetClock>,
    disk: Arc<FailingSync>,
}

struct Running {
    recording: Recording,
    ledger: Arc<Ledger>,
    queue: mpsc::Sender<Submission>,
    thread: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Log {
    fn new() -> Self {
        Self::with_options(&OpenOptions::default())
    }

    fn with_options(options: &OpenOptions) -> Self {
        let (dir, clock) = (tempfile::tempdir().unwrap(), SetClock::at(0));
        let founders = Founders {
            administrators: vec![key(ADMIN).public().clone()],
            threshold: 1,
            writers: vec![key(WRITER).public().clone(), key(SECOND_WRITER).public().clone()],
            predecessor: None,
        };
        let keys = log_keys();
        let now = clock.read().unwrap().wall;
        let origin = "example.com/log".parse().unwrap();
        let document = genesis::first_document(&origin, &keys, &founders, now).unwrap();
        let envelope = genesis::sign_document(&document, &keys, &[key(ADMIN)]).unwrap();
        genesis::create(dir.path(), &envelope, &keys, clock.as_ref(), options).unwrap();
        Self { dir, clock, disk: Arc::default() }
    }

    fn open(&self) -> (Arc<Ledger>, Sequencer, oneshot::Sender<()>) {
        let files: Arc<dyn Files> = Arc::new(FailingFiles(Arc::clone(&self.disk)));
        // Without room, whose sync would be the next one that fails.
        self.try_open(OpenOptions { files, room_bytes: 0, ..OpenOptions::default() }).unwrap()
    }

    fn try_open(
        &self,
        journal: OpenOptions,
    ) -> Result<(Arc<Ledger>, Sequencer, oneshot::Sender<()>), LedgerError> {
        let clock: Arc<dyn Clock> = Arc::<SetClock>::clone(&self.clock);
        let settings = Settings { dir: self.dir.path().to_owned(), journal, clock, newest: Vec::new() };
        let (ledger, position, publisher) = Ledger::open(&settings, log_keys(), &mut |_, _, _| {})?;
        let (stop, stopped) = oneshot::channel();
        Ok((Arc::clone(&ledger), Sequencer::new(ledger, settings, position, publisher, stopped), stop))
    }

    fn start(&self) -> Running {
        let (ledger, sequencer, stop) = self.open();
        self.run(ledger, sequencer, stop)
    }

    fn run(&self, ledger: Arc<Ledger>, sequencer: Sequencer, stop: oneshot::Sender<()>) -> Running {
        let (queue, submissions) = mpsc::channel(64);
        let runtime = Handle::current();
        let seat = Seat::new(sequencer, submissions);
        let clock: Arc<dyn Clock> = Arc::<SetClock>::clone(&self.clock);
        let recording = Recording::new(Arc::clone(&ledger), Some(queue.clone()), clock);
        let recording = recording.with_seat(seat.clone());
        let thread = std::thread::spawn(move || seat.serve(&runtime));
        Running { recording, ledger, queue, thread, stop }
    }
}

impl Running {
    async fn record(&self, envelope: &Envelope) -> Result<Recorded, RecordError> {
        Ok(self.recording.record(envelope.bytes().to_vec()).await?.recorded)
    }

    async fn stop(self) {
        let ledger = Arc::clone(&self.ledger);
        self.stop_unchecked().await;
        check_whole(&ledger);
    }

    /// Waits until the writer has ended by itself.
    async fn ended(self) {
        let limit = Instant::now() + Duration::from_mins(1);
        while !self.thread.is_finished() {
            assert!(Instant::now() < limit, "the writer goes on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.stop_unchecked().await;
    }

    /// Stops without a look at the log, whose disk may still fail.
    async fn stop_unchecked(self) {
        let Self { recording, ledger: _, queue, thread, stop } = self;
        drop((recording, queue));
        drop(stop);
        tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
    }
}

/// Checks chain, tree and administrative links of everything in the log.
fn check_whole(ledger: &Ledger) {
    let head = ledger.head();
    let (mut tree, mut previous, mut admin) = (Frontier::empty(), None, None);
    for index in 0..head.size.get() {
        let bytes = head.journal.entry(LeafIndex::new(index).unwrap()).unwrap();
        let entry = Entry::decode(&bytes).unwrap();
        assert_eq!((entry.previous, entry.admin), (previous, admin), "entry {index}");
        previous = Some(EntryDigest::of(&bytes));
        admin = Some(newest_admin(&entry));
        tree.append(NodeHash::leaf(&bytes));
    }
    assert_eq!(tree.root(), head.root);
    assert_eq!(head.checkpoint.unverified().size(), head.size);
}

fn statement(number: u64) -> Vec<u8> {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{number:064x}"}}}}],"predicateType":"https://example.com/note/v1","predicate":{{}}}}"#
    )
    .into_bytes()
}

fn sign(payload: &[u8], keys: &[&SigningKey]) -> Envelope {
    dsse::Envelope::sign(IN_TOTO, payload, keys).unwrap().into()
}

fn envelope(number: u64, signers: &[u8]) -> Envelope {
    let keys: Vec<SigningKey> = signers.iter().map(|number| key(*number)).collect();
    sign(&statement(number), &keys.iter().collect::<Vec<_>>())
}

/// Most tests ask where an envelope is, and not what was written.
impl PartialEq<Recorded> for Answered {
    fn eq(&self, other: &Recorded) -> bool {
        self.recorded == *other
    }
}

fn at(index: u64) -> Recorded {
    Recorded { index: LeafIndex::new(index).unwrap(), duplicate: false }
}

fn duplicate(index: u64) -> Recorded {
    Recorded { duplicate: true, ..at(index) }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_carries_the_bytes_of_its_own_entry_and_a_duplicate_none() {
    let log = Log::new();
    let running = log.start();
    let mut answers = Vec::new();
    for number in [1, 2, 1, 3] {
        let bytes = envelope(number, &[WRITER]).into_bytes();
        answers.push(running.recording.record(bytes).await.unwrap());
    }
    let head = running.ledger.head();
    for answer in answers {
        let Some(written) = answer.written else {
            assert!(answer.recorded.duplicate);
            continue;
        };
        let index = answer.recorded.index;
        assert_eq!(written.entry, head.journal.entry(index).unwrap(), "entry {index}");
        assert_eq!(written.record, head.journal.record(index).unwrap(), "record of {index}");
        assert_eq!(head.receipt_at_hand(index, written.entry).unwrap(), head.receipt(index).unwrap());
        assert_eq!(head.receipt_at_hand(index, written.record), None, "bytes that are not in the tree");
    }
    running.stop().await;
}

#[tokio::test]
async fn only_what_adds_something_gets_an_entry() {
    let log = Log::new();
    let running = log.start();
    let first = envelope(1, &[WRITER]);
    assert_eq!(running.record(&first).await.unwrap(), at(1));
    assert_eq!(running.record(&first).await.unwrap(), duplicate(1));
    let mut spaced = first.bytes().to_vec();
    spaced.insert(1, b' ');
    assert_eq!(running.recording.record(spaced).await.unwrap(), duplicate(1), "other outer JSON");
    assert_eq!(running.record(&envelope(1, &[WRITER, SECOND_WRITER])).await.unwrap(), at(2), "a new signer");
    assert_eq!(
        running.record(&envelope(1, &[SECOND_WRITER])).await.unwrap(),
        duplicate(1),
        "known by entry 2"
    );
    assert_eq!(running.record(&envelope(2, &[SECOND_WRITER])).await.unwrap(), at(3));
    running.stop().await;
}

#[tokio::test]
async fn the_same_content_twice_in_one_batch_is_one_entry() {
    let log = Log::new();
    let (ledger, sequencer, _stop) = log.open();
    let (queue, submissions) = mpsc::channel(64);
    let head = ledger.head();
    let now = log.clock.read().unwrap().wall;
    let mut answers = Vec::new();
    for number in [1, 1, 2, 1] {
        let envelope = envelope(number, &[WRITER]);
        let admitted = admission::admit(&head, ledger.index(), &envelope, None, &[], now).unwrap();
        let (answer, answered) = oneshot::channel();
        queue.send(Submission { envelope, admitted, answer }).await.unwrap();
        answers.push(answered);
    }
    drop(queue);
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || sequencer.run(submissions, &runtime)).await.unwrap();
    let mut found = Vec::new();
    for answer in answers {
        found.push(answer.await.unwrap().unwrap());
    }
    assert_eq!(found, [at(1), duplicate(1), at(2), duplicate(1)]);
    assert_eq!(ledger.head().size.get(), 3);
    check_whole(&ledger);
}

#[tokio::test]
async fn a_failed_sync_is_answered_as_unknown_and_the_log_goes_on_whole() {
    let log = Log::new();
    let running = log.start();
    running.record(&envelope(1, &[WRITER])).await.unwrap();
    log.disk.fail.store(true, Ordering::SeqCst);
    let refused = running.record(&envelope(2, &[WRITER])).await.unwrap_err();
    assert!(matches!(refused, RecordError::OutcomeUnknown), "{refused}");
    // The bytes had been written before the sync failed, so recovery finds them: recording again is safe.
    let again = running.record(&envelope(2, &[WRITER])).await.unwrap();
    assert_eq!(again.index.get(), 2);
    assert_eq!(running.record(&envelope(3, &[WRITER])).await.unwrap().index.get(), 3);
    assert_eq!(running.ledger.head().size.get(), 4);
    running.stop().await;
    let running = log.start();
    assert_eq!(running.ledger.head().size.get(), 4);
    assert_eq!(running.record(&envelope(3, &[WRITER])).await.unwrap(), duplicate(3));
    running.stop().await;
}

#[tokio::test]
async fn a_journal_that_lost_what_is_indexed_ends_the_writer_and_the_next_start_goes_on() {
    let log = Log::new();
    let running = log.start();
    let recorded = running.record(&envelope(1, &[WRITER])).await.unwrap();
    // As if more had been applied, and the disk had lost one of them.
    let ledger = Arc::clone(&running.ledger);
    let bytes = ledger.head().journal.entry(recorded.index).unwrap();
    let next = recorded.index.next();
    let lost = [next, next.next()].map(|index| Entry { index, ..Entry::decode(&bytes).unwrap() });
    let keys = |entry: Entry| EntryKeys::of(&IndexedEntry::of(&entry, EntryDigest::of(b"")), None);
    ledger.index().apply_entries(&lost.map(keys)).unwrap();
    log.disk.broken.store(true, Ordering::SeqCst);
    running.record(&envelope(2, &[WRITER])).await.unwrap_err();
    log.disk.broken.store(false, Ordering::SeqCst);
    running.ended().await;
    assert!(!*ledger.writing().borrow());
    assert_eq!(ledger.head().size.get(), 2, "nothing was written in its place");
    drop(ledger);
    let running = log.start();
    running.record(&envelope(3, &[WRITER])).await.unwrap();
    running.stop().await;
}

/// Waits until the server says whether it can write.
async fn until_writing(ledger: &Ledger, expected: bool) {
    let mut writing = ledger.writing();
    let said = writing.wait_for(|writing| *writing == expected);
    tokio::time::timeout(Duration::from_secs(20), said).await.expect("it changes in time").unwrap();
}

#[tokio::test]
async fn a_disk_that_works_again_is_found_without_anybody_recording() {
    let log = Log::new();
    let running = log.start();
    running.record(&envelope(1, &[WRITER])).await.unwrap();
    log.disk.broken.store(true, Ordering::SeqCst);
    running.record(&envelope(2, &[WRITER])).await.unwrap_err();
    until_writing(&running.ledger, false).await;
    let refused = running.record(&envelope(3, &[WRITER])).await.unwrap_err();
    assert!(matches!(refused, RecordError::NotWriting), "{refused}");
    log.disk.broken.store(false, Ordering::SeqCst);
    until_writing(&running.ledger, true).await;
    running.record(&envelope(3, &[WRITER])).await.unwrap();
    running.stop().await;
}

/// Stops a log in whose queue many batches wait, each of one entry, on a disk that fails, and returns the answers.
async fn stopped_on(fail: impl Fn(&FailingSync)) -> Vec<RecordError> {
    let log = Log::new();
    let (ledger, sequencer, stop) = log.open();
    let (queue, submissions) = mpsc::channel(256);
    let head = ledger.head();
    let now = log.clock.read().unwrap().wall;
    let mut answers = Vec::new();
    for _ in 0..200 {
        let envelope = next_document(head.trust.document(), |_| {});
        let admitted = admission::admit(&head, ledger.index(), &envelope, None, &[], now).unwrap();
        let (answer, answered) = oneshot::channel();
        queue.send(Submission { envelope, admitted, answer }).await.unwrap();
        answers.push(answered);
    }
    fail(&log.disk);
    stop.send(()).unwrap();
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || sequencer.run(submissions, &runtime)).await.unwrap();
    let mut refused = Vec::new();
    for answer in answers {
        refused.push(answer.await.unwrap().unwrap_err());
    }
    refused
}

#[tokio::test]
async fn a_stop_with_a_disk_that_fails_refuses_what_waits_at_once() {
    let refused = stopped_on(|disk| disk.broken.store(true, Ordering::SeqCst)).await;
    assert!(matches!(refused.first(), Some(RecordError::OutcomeUnknown)));
    assert!(refused.iter().skip(1).all(|error| matches!(error, RecordError::NotWriting)));
}

#[tokio::test]
async fn a_stop_with_a_disk_that_opens_and_takes_no_write_recovers_once() {
    let refused = stopped_on(|disk| disk.appends_fail.store(true, Ordering::SeqCst)).await;
    let (tried, waited) = refused.split_at(2);
    assert!(tried.iter().all(|error| matches!(error, RecordError::OutcomeUnknown)), "{tried:?}");
    assert!(waited.iter().all(|error| matches!(error, RecordError::NotWriting)), "{waited:?}");
}

/// Returns the next trust document, with the writer rules changed.
fn next_document(before: &TrustDocument, change: impl Fn(&mut Vec<WriterRule>)) -> Envelope {
    let mut members = before.members().clone();
    members.version += 1;
    change(&mut members.writers);
    let document = TrustDocument::new(members).unwrap();
    sign(&statement_of(&document), &[&key(ADMIN)])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_no_room_in_the_queue_waits_for_it_and_is_recorded() {
    let log = Log::new();
    let (ledger, sequencer, _stop) = log.open();
    let (queue, submissions) = mpsc::channel(1);
    let clock: Arc<dyn Clock> = Arc::<SetClock>::clone(&log.clock);
    let recording = Recording::new(Arc::clone(&ledger), Some(queue.clone()), clock);
    let sent = (1..=8).map(|number| {
        let recording = recording.clone();
        tokio::spawn(async move { recording.record(envelope(number, &[WRITER]).bytes().to_vec()).await })
    });
    let sent: Vec<_> = sent.collect();
    while queue.capacity() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let runtime = Handle::current();
    let thread = std::thread::spawn(move || sequencer.run(submissions, &runtime));
    let mut indexes = Vec::new();
    for sent in sent {
        indexes.push(sent.await.unwrap().unwrap().recorded.index.get());
    }
    indexes.sort_unstable();
    assert_eq!(indexes, [1, 2, 3, 4, 5, 6, 7, 8]);
    drop((queue, recording));
    tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
    check_whole(&ledger);
}

#[tokio::test]
async fn an_administrative_entry_is_alone_in_its_batch() {
    let log = Log::new();
    let (ledger, sequencer, _stop) = log.open();
    let head = ledger.head();
    let now = log.clock.read().unwrap().wall;
    let document = next_document(head.trust.document(), |_| {});
    let (queue, submissions) = mpsc::channel(64);
    let mut answers = Vec::new();
    for envelope in [envelope(1, &[WRITER]), document, envelope(2, &[WRITER])] {
        let admitted = admission::admit(&head, ledger.index(), &envelope, None, &[], now).unwrap();
        let (answer, answered) = oneshot::channel();
        queue.send(Submission { envelope, admitted, answer }).await.unwrap();
        answers.push(answered);
    }
    drop(queue);
    let mut heads = ledger.watch();
    let sizes = tokio::spawn(async move {
        let mut sizes = vec![heads.borrow_and_update().size.get()];
        while sizes.last() != Some(&4) && heads.changed().await.is_ok() {
            sizes.push(heads.borrow_and_update().size.get());
        }
        sizes
    });
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || sequencer.run(submissions, &runtime)).await.unwrap();
    for (index, answer) in (1..).zip(answers) {
        assert_eq!(answer.await.unwrap().unwrap(), at(index));
    }
    assert_eq!(ledger.head().admin.get(), 2);
    assert_eq!(sizes.await.unwrap().last(), Some(&4));
    check_whole(&ledger);
}

#[tokio::test]
async fn a_clock_that_trails_the_log_refuses_and_writes_nothing() {
    let log = Log::new();
    log.clock.set(100);
    let running = log.start();
    running.record(&envelope(1, &[WRITER])).await.unwrap();
    log.clock.set(90);
    let refused = running.record(&envelope(2, &[WRITER])).await.unwrap_err();
    assert!(matches!(refused, RecordError::Clock(ClockError::Trails { .. })), "{refused}");
    assert_eq!(running.ledger.head().size.get(), 2);
    log.clock.set(101);
    assert_eq!(running.record(&envelope(2, &[WRITER])).await.unwrap(), at(2));
    running.stop().await;
}

/// A repair of the clock after this entry, signed by the administrator.
fn clock_repair(running: &Running, after: u64) -> Envelope {
    clock_repair_from(running, after, reading(0).wall)
}

/// The same, which may not step behind this time.
fn clock_repair_from(running: &Running, after: u64, not_before: Timestamp) -> Envelope {
    let (after, reason) = (LeafIndex::new(after).unwrap(), "the clock was ahead".to_owned());
    let said = ClockRepair { after, not_before, reason };
    let head = running.ledger.head();
    let statement = said.statement(head.trust.document().origin().as_str());
    dsse::Envelope::sign(IN_TOTO, &statement, &[&key(ADMIN)]).unwrap().into()
}

#[tokio::test]
async fn a_clock_repair_steps_back_once_and_only_while_the_clock_trails() {
    let log = Log::new();
    log.clock.set(100);
    let running = log.start();
    running.record(&envelope(1, &[WRITER])).await.unwrap();
    let early = running.record(&clock_repair(&running, 1)).await.unwrap_err();
    assert!(
        matches!(&early, RecordError::Refused(Refusal::Trust(TrustError::ClockRight { .. }))),
        "nothing to repair: {early}"
    );
    log.clock.set(50);
    assert!(running.record(&envelope(2, &[WRITER])).await.is_err());
    let elsewhere = running.record(&clock_repair(&running, 0)).await.unwrap_err();
    assert!(
        matches!(&elsewhere, RecordError::Refused(Refusal::Trust(TrustError::RepairPlace { found: 0 }))),
        "{elsewhere}"
    );
    // Not even by a microsecond behind the time that administrators said.
    let too_far = clock_repair_from(&running, 1, reading(50).wall.plus_micros(1));
    let too_far = running.record(&too_far).await.unwrap_err();
    assert!(
        matches!(&too_far, RecordError::Refused(Refusal::Trust(TrustError::RepairTime { .. }))),
        "{too_far}"
    );
    let repair = clock_repair_from(&running, 1, reading(50).wall);
    assert_eq!(running.record(&repair).await.unwrap(), at(2));
    assert_eq!(running.record(&envelope(2, &[WRITER])).await.unwrap(), at(3), "its time is the new floor");
    // Said again it is the entry there is, also when the clock trails again.
    log.clock.set(20);
    assert_eq!(running.record(&repair).await.unwrap(), duplicate(2));
    assert!(running.record(&envelope(3, &[WRITER])).await.is_err());
    running.stop().await;
    let head = log.open().0.head();
    let time =
        |index| Entry::decode(&head.journal.entry(LeafIndex::new(index).unwrap()).unwrap()).unwrap().time;
    assert_eq!(
        [time(1), time(2), time(3)],
        [reading(100).wall, reading(50).wall, reading(50).wall.plus_micros(1)]
    );
}

#[tokio::test]
async fn a_clock_that_steps_refuses_until_it_was_steady_and_nothing_of_it_is_in_the_log() {
    let log = Log::new();
    let running = log.start();
    let step = |wall: i64, since_boot: u64| {
        *log.clock.0.lock().unwrap() =
            Reading { since_boot: Duration::from_secs(since_boot), ..reading(wall) };
    };
    step(100, 100);
    assert_eq!(running.record(&envelope(1, &[WRITER])).await.unwrap(), at(1));
    // An hour forth, where it would be believed only after a minute, and back before that: by 3,600 s again.
    for (wall, since_boot) in [(3_701, 101), (3_730, 130), (131, 131), (189, 189)] {
        step(wall, since_boot);
        let refused = running.record(&envelope(2, &[WRITER])).await.unwrap_err();
        assert!(matches!(refused, RecordError::Clock(ClockError::Jumped { by_seconds: 3_600 })), "{refused}");
        assert_eq!(running.ledger.head().size.get(), 2, "nothing was written");
    }
    // Steady for a minute since the last step.
    step(191, 191);
    assert_eq!(running.record(&envelope(2, &[WRITER])).await.unwrap(), at(2));
    // Back by less than a minute: no jump, but the clock trails the log by more than five seconds.
    step(180, 192);
    let refused = running.record(&envelope(3, &[WRITER])).await.unwrap_err();
    assert!(matches!(refused, RecordError::Clock(ClockError::Trails { .. })), "{refused}");
    step(186, 198);
    assert_eq!(running.record(&envelope(3, &[WRITER])).await.unwrap(), at(3), "five seconds are believed");
    running.stop().await;
    let head = log.open().0.head();
    let times: Vec<_> = (1..4)
        .map(|index| {
            Entry::decode(&head.journal.entry(LeafIndex::new(index).unwrap()).unwrap()).unwrap().time
        })
        .collect();
    assert_eq!(times, [reading(100).wall, reading(191).wall, reading(191).wall.plus_micros(1)]);
}

#[tokio::test]
async fn a_stop_takes_what_waits_and_nothing_after_it() {
    let log = Log::new();
    let (ledger, sequencer, stop) = log.open();
    let (queue, submissions) = mpsc::channel(64);
    let head = ledger.head();
    let now = log.clock.read().unwrap().wall;
    let mut answers = Vec::new();
    for number in 1..=3 {
        let envelope = envelope(number, &[WRITER]);
        let admitted = admission::admit(&head, ledger.index(), &envelope, None, &[], now).unwrap();
        let (answer, answered) = oneshot::channel();
        queue.send(Submission { envelope, admitted, answer }).await.unwrap();
        answers.push(answered);
    }
    stop.send(()).unwrap();
    let runtime = Handle::current();
    // The queue's sender is still there: a connection that hangs keeps no one from stopping.
    tokio::task::spawn_blocking(move || sequencer.run(submissions, &runtime)).await.unwrap();
    for answer in answers {
        assert!(!answer.await.unwrap().unwrap().recorded.duplicate);
    }
    assert!(queue.is_closed());
    assert_eq!(ledger.head().size.get(), 4);
    check_whole(&ledger);
}

#[tokio::test]
async fn a_quiet_log_is_cosigned_again_with_the_time() {
    let log = Log::new();
    let (ledger, mut sequencer, _stop) = log.open();
    let seconds = |ledger: &Ledger| {
        let keys = [log_keys().freshness.verifier()];
        let cosignatures = ledger.head().checkpoint.cosignatures(&keys);
        assert_eq!(cosignatures.len(), 1);
        cosignatures.first().unwrap().seconds()
    };
    let before = seconds(&ledger);
    log.clock.set(60);
    sequencer.cosign_at = Instant::now();
    sequencer.keep_time();
    assert_eq!(seconds(&ledger), before + 60);
    assert_eq!(ledger.head().size, TreeSize::new(1).unwrap());
}

#[tokio::test]
async fn an_old_copy_of_the_log_cannot_sign_again_beside_a_newer_checkpoint() {
    let log = Log::new();
    let running = log.start();
    running.record(&envelope(1, &[WRITER])).await.unwrap();
    let newest = running.ledger.head().checkpoint.clone();
    running.stop().await;
    let fresh = Log::new();
    let (ledger, sequencer, _stop) = fresh.open();
    let mut publisher = Publisher::new(ledger.origin().clone(), log_keys(), Some(newest.unverified()));
    let head = ledger.head();
    let now = fresh.clock.read().unwrap().wall;
    let refused =
        publisher.sign(head.size, head.root, now, &head.tree, &head.journal, &head.trust).unwrap_err();
    assert!(matches!(refused, crate::publish::PublishError::Shrunk { .. }), "{refused}");
    drop(sequencer);
}

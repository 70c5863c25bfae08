//! Who sits in the seat of the writer: its thread, or whoever checked an envelope and is alone.

use super::*;

/// An envelope that was checked, and where its answer comes.
fn checked(
    log: &Log,
    ledger: &Ledger,
    number: u64,
) -> (Submission, oneshot::Receiver<Result<Answered, RecordError>>) {
    let envelope = envelope(number, &[WRITER]);
    let now = log.clock.read().unwrap().wall;
    let admitted = admission::admit(&ledger.head(), ledger.index(), &envelope, None, &[], now).unwrap();
    let (answer, answered) = oneshot::channel();
    (Submission { envelope, admitted, answer }, answered)
}

/// A log with a seat, the way into its queue, and what stops its thread.
struct Seated {
    log: Log,
    ledger: Arc<Ledger>,
    seat: Seat,
    queue: mpsc::Sender<Submission>,
    stop: oneshot::Sender<()>,
}

impl Seated {
    fn new() -> Self {
        let log = Log::new();
        let (ledger, sequencer, stop) = log.open();
        let (queue, submissions) = mpsc::channel(64);
        Self { log, ledger, seat: Seat::new(sequencer, submissions), queue, stop }
    }

    /// Starts the thread.
    fn served(&self) -> JoinHandle<()> {
        let (seat, runtime) = (self.seat.clone(), Handle::current());
        std::thread::spawn(move || seat.serve(&runtime))
    }

    fn take(&self, number: u64) -> Result<oneshot::Receiver<Result<Answered, RecordError>>, Box<Submission>> {
        let (submission, answered) = checked(&self.log, &self.ledger, number);
        self.seat.take(submission, &Handle::current()).map(|()| answered)
    }
}

impl Seated {
    /// Sits down once the thread has risen: it may be there for a moment after it has answered.
    async fn taken(&self, number: u64) -> oneshot::Receiver<Result<Answered, RecordError>> {
        let limit = Instant::now() + Duration::from_mins(1);
        loop {
            if let Ok(answered) = self.take(number) {
                return answered;
            }
            assert!(Instant::now() < limit, "the seat is not free");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn ended(thread: JoinHandle<()>) {
    tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
}

#[tokio::test]
async fn who_is_alone_is_answered_before_he_rises_without_the_thread() {
    let seated = Seated::new();
    for number in 1..=3 {
        let mut answered = seated.take(number).ok().unwrap();
        assert_eq!(answered.try_recv().unwrap().unwrap(), at(number));
        assert_eq!(seated.ledger.head().size.get(), number + 1);
    }
    let mut answered = seated.take(2).ok().unwrap();
    assert_eq!(answered.try_recv().unwrap().unwrap(), duplicate(2));
    check_whole(&seated.ledger);
}

#[tokio::test]
async fn nobody_sits_down_while_others_come_or_wait() {
    let seated = Seated::new();
    let coming = seated.seat.coming();
    let own = coming.one();
    let other = coming.one();
    assert!(seated.take(1).is_err(), "another one is on his way");
    drop(other);
    let (waits, answered) = checked(&seated.log, &seated.ledger, 2);
    seated.queue.send(waits).await.unwrap();
    assert!(seated.take(1).is_err(), "one came before");
    let thread = seated.served();
    assert_eq!(answered.await.unwrap().unwrap(), at(1));
    assert_eq!(seated.taken(3).await.await.unwrap().unwrap(), at(2));
    drop(own);
    seated.stop.send(()).unwrap();
    ended(thread).await;
    check_whole(&seated.ledger);
}

#[tokio::test]
async fn nobody_sits_down_once_the_log_is_closed() {
    let seated = Seated::new();
    let thread = seated.served();
    assert_eq!(seated.taken(1).await.await.unwrap().unwrap(), at(1));
    let Seated { log, ledger, seat, queue, stop } = seated;
    stop.send(()).unwrap();
    ended(thread).await;
    let (late, mut answered) = checked(&log, &ledger, 2);
    let late = seat.take(late, &Handle::current()).unwrap_err();
    assert!(matches!(queue.try_send(*late), Err(mpsc::error::TrySendError::Closed(_))));
    assert!(answered.try_recv().is_err());
    assert_eq!(ledger.head().size.get(), 2);
    drop((ledger, seat));
    // It was sealed: another one opens it at once.
    assert_eq!(log.open().0.head().size.get(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_thread_does_in_time_what_who_sat_there_left() {
    let seated = Seated::new();
    let thread = seated.served();
    // It sleeps until the next cosignature, a minute away, once the first checkpoint is synced.
    tokio::time::sleep(SYNC_AFTER * 2).await;
    assert_eq!(seated.taken(1).await.await.unwrap().unwrap(), at(1));
    seated.log.disk.fail.store(true, Ordering::SeqCst);
    // The sync of the kept checkpoint fails, which nothing else asks for; and the log recovers.
    let limit = Instant::now() + Duration::from_secs(30);
    while seated.log.disk.fail.load(Ordering::SeqCst) {
        assert!(Instant::now() < limit, "the checkpoint is not synced");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let answered = seated.taken(2).await;
    assert_eq!(answered.await.unwrap().unwrap(), at(2));
    seated.stop.send(()).unwrap();
    ended(thread).await;
    check_whole(&seated.ledger);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_the_seat_is_told_at_once_and_the_thread_recovers() {
    let seated = Seated::new();
    seated.log.disk.fail.store(true, Ordering::SeqCst);
    let mut answered = seated.take(1).ok().unwrap();
    assert!(matches!(answered.try_recv().unwrap(), Err(RecordError::OutcomeUnknown)));
    let again = seated.take(1).unwrap_err();
    let (answer, answered) = oneshot::channel();
    seated.queue.send(Submission { answer, ..*again }).await.ok().unwrap();
    let thread = seated.served();
    assert!(
        answered.await.unwrap().unwrap().recorded.duplicate,
        "it was written, and the log recovered first"
    );
    assert_eq!(seated.taken(2).await.await.unwrap().unwrap(), at(2));
    seated.stop.send(()).unwrap();
    ended(thread).await;
    check_whole(&seated.ledger);
}

#[tokio::test]
async fn what_one_left_waiting_is_taken_before_all_others_by_whoever_comes_and_at_a_stop() {
    let documents = |ledger: &Ledger, log: &Log| {
        let envelope = next_document(ledger.head().trust.document(), |_| {});
        let now = log.clock.read().unwrap().wall;
        let admitted = admission::admit(&ledger.head(), ledger.index(), &envelope, None, &[], now).unwrap();
        let (answer, answered) = oneshot::channel();
        (Submission { envelope, admitted, answer }, answered)
    };
    for stopped in [false, true] {
        let seated = Seated::new();
        // One that administers ends the batch of an ordinary one, and waits behind it.
        let (ordinary, first) = checked(&seated.log, &seated.ledger, 1);
        let (document, second) = documents(&seated.ledger, &seated.log);
        let (behind, third) = checked(&seated.log, &seated.ledger, 2);
        for submission in [document, behind] {
            seated.queue.send(submission).await.unwrap();
        }
        seated.seat.work_as_thread(ordinary, &Handle::current());
        assert_eq!(first.await.unwrap().unwrap(), at(1));
        assert!(seated.take(3).is_err(), "two wait");
        let Seated { log: _log, ledger, seat, queue, stop } = seated;
        // Its queue ends with a stop, or with the last who could send.
        if stopped {
            stop.send(()).unwrap();
        } else {
            drop(queue);
        }
        let runtime = Handle::current();
        ended(std::thread::spawn(move || seat.serve(&runtime))).await;
        assert_eq!(second.await.unwrap().unwrap(), at(2));
        assert_eq!(third.await.unwrap().unwrap(), at(3));
        check_whole(&ledger);
    }
}

#[tokio::test]
async fn a_panic_in_the_seat_ends_the_writer_and_loses_nothing() {
    let seated = Seated::new();
    let thread = seated.served();
    assert_eq!(seated.taken(1).await.await.unwrap().unwrap(), at(1));
    seated.log.disk.panics.store(true, Ordering::SeqCst);
    let mut answered = seated.taken(2).await;
    assert!(answered.try_recv().is_err(), "nobody answers");
    ended(thread).await;
    seated.log.disk.panics.store(false, Ordering::SeqCst);
    assert!(seated.take(3).is_err());
    let Seated { log, ledger, seat, .. } = seated;
    drop((ledger, seat));
    let (ledger, ..) = log.open();
    assert!(ledger.head().size.get() >= 2);
    check_whole(&ledger);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_who_come_and_go_are_all_answered_whoever_sits_there() {
    let log = Log::new();
    let running = Arc::new(log.start());
    let callers = (0..8_u64).map(|caller| {
        let running = Arc::clone(&running);
        tokio::spawn(async move {
            let mut found = Vec::new();
            for number in 0..40 {
                // Some are alone for a while.
                if (number + caller) % 7 == 0 {
                    tokio::time::sleep(Duration::from_millis(caller)).await;
                }
                let envelope = envelope(1_000 * caller + number, &[WRITER]);
                found.push(running.record(&envelope).await.unwrap().index.get());
            }
            found
        })
    });
    let mut found = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        found.extend(caller.await.unwrap());
    }
    found.sort_unstable();
    assert_eq!(found, (1..=320).collect::<Vec<_>>());
    Arc::into_inner(running).unwrap().stop().await;
}

//! How many envelopes are checked at once.

use std::sync::Condvar;
use std::sync::atomic::AtomicUsize;

use super::*;

/// A clock that nobody can read until it is let go: whoever is checked stands there.
#[derive(Default)]
struct HeldClock {
    reading: AtomicUsize,
    most: AtomicUsize,
    go: Mutex<bool>,
    gone: Condvar,
}

impl Clock for HeldClock {
    fn read(&self) -> Result<Reading, ClockError> {
        let reading = self.reading.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(reading, Ordering::SeqCst);
        // A test that fails lets nobody go, and ends all the same.
        let held = self.go.lock().unwrap();
        drop(self.gone.wait_timeout_while(held, Duration::from_mins(2), |go| !*go).unwrap());
        self.reading.fetch_sub(1, Ordering::SeqCst);
        Ok(super::reading(0))
    }
}

impl HeldClock {
    /// Waits until so many stand there at once.
    async fn until(&self, checked: usize) {
        let reached = async {
            while self.reading.load(Ordering::SeqCst) < checked {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_mins(1), reached).await;
        in_time.unwrap_or_else(|_| panic!("{checked} are not checked at once"));
    }

    fn let_go(&self) {
        *self.go.lock().unwrap() = true;
        self.gone.notify_all();
    }
}

#[tokio::test]
async fn a_check_keeps_its_place_when_its_caller_leaves() {
    let log = Log::new();
    let running = log.start();
    let clock = Arc::new(HeldClock::default());
    let read: Arc<dyn Clock> = Arc::<HeldClock>::clone(&clock);
    let recording = Recording::new(Arc::clone(&running.ledger), Some(running.queue.clone()), read);
    let places = std::thread::available_parallelism().unwrap().get() * admission::CHECKED_AT_ONCE;
    for round in 0..3 {
        let callers: Vec<_> = (0..u64::try_from(places).unwrap() + 5)
            .map(|number| {
                let (recording, bytes) = (recording.clone(), usual(round * 1_000 + number));
                tokio::spawn(async move { recording.record(bytes.bytes().to_vec()).await })
            })
            .collect();
        clock.until(places).await;
        // Those that find no place would take one now.
        tokio::time::sleep(Duration::from_millis(200)).await;
        for caller in callers {
            caller.abort();
        }
    }
    assert_eq!(clock.most.load(Ordering::SeqCst), places);
    clock.let_go();
    let last = recording.record(envelope(9_999, &[WRITER]).bytes().to_vec()).await.unwrap();
    assert!(!last.recorded.duplicate, "those who left hold it up no more");
    drop(recording);
    running.stop().await;
}

#[tokio::test]
async fn small_envelopes_of_one_caller_hold_up_no_other() {
    let log = Log::new();
    let running = log.start();
    let (door, clock) = held(&running);
    let (crowd, other) = (door.of_some_caller(), door.of_some_caller());
    let many: Vec<_> = (0..200).map(|number| crowd.sends(number)).collect();
    clock.until(processors()).await;
    let few = other.sends(1_000);
    // More would be checked now, if they were.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(clock.most.load(Ordering::SeqCst), processors());
    clock.let_go();
    let index = few.await.unwrap().unwrap().recorded.index.get();
    // In a line without turns he would be behind all 200.
    assert!(index < 100, "entry {index}");
    for one in many {
        one.await.unwrap().unwrap();
    }
    drop((door, crowd, other));
    running.stop().await;
}

#[tokio::test]
async fn a_small_envelope_is_not_checked_when_its_caller_has_left() {
    let log = Log::new();
    let running = log.start();
    let (door, clock) = held(&running);
    let caller = door.of_some_caller();
    let many: Vec<_> = (0..200).map(|number| caller.sends(number)).collect();
    clock.until(processors()).await;
    for one in many {
        one.abort();
        assert!(one.await.unwrap_err().is_cancelled());
    }
    clock.let_go();
    // Behind all that would be checked, were it still there.
    let last = caller.sends(1_000).await.unwrap().unwrap().recorded.index.get();
    assert!(last < 100, "entry {last}");
    drop((door, caller));
    running.stop().await;
}

/// A door whose checks stand at its clock.
struct Held(Recording);

fn held(running: &Running) -> (Held, Arc<HeldClock>) {
    let clock = Arc::new(HeldClock::default());
    let read: Arc<dyn Clock> = Arc::<HeldClock>::clone(&clock);
    (Held(Recording::new(Arc::clone(&running.ledger), Some(running.queue.clone()), read)), clock)
}

impl Held {
    /// The door for one connection from an address of its own.
    fn of_some_caller(&self) -> Self {
        Self(self.0.of(&[&admission::Share::of_connection(), &admission::Share::of_address()]))
    }

    fn sends(&self, number: u64) -> tokio::task::JoinHandle<Result<Answered, RecordError>> {
        let (door, bytes) = (self.0.clone(), envelope(number, &[WRITER]).bytes().to_vec());
        tokio::spawn(async move { door.record(bytes).await })
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().unwrap().get()
}

/// Returns an envelope that is larger than what one message holds.
fn large(number: u64) -> Envelope {
    padded(number, custody_wire::limits::UNARY_ENVELOPE_BYTES_MAX)
}

/// Returns an envelope that is too large to be checked quickly.
fn usual(number: u64) -> Envelope {
    padded(number, admission::QUICK_MAX)
}

fn padded(number: u64, bytes: usize) -> Envelope {
    let text = String::from_utf8(statement(number)).unwrap();
    let padding = "x".repeat(bytes);
    let filled = text.replace("\"predicate\":{}", &format!("\"predicate\":{{\"f\":\"{padding}\"}}"));
    sign(filled.as_bytes(), &[&key(WRITER)])
}

#[tokio::test]
async fn large_envelopes_wait_for_each_other_and_hold_up_no_small_one() {
    let log = Log::new();
    let running = log.start();
    let clock = Arc::new(HeldClock::default());
    let read: Arc<dyn Clock> = Arc::<HeldClock>::clone(&clock);
    let door = Recording::new(Arc::clone(&running.ledger), Some(running.queue.clone()), read);
    let sent = |envelope: Envelope| {
        let door = door.clone();
        tokio::spawn(async move { door.record(envelope.bytes().to_vec()).await })
    };
    let places = std::thread::available_parallelism().unwrap().get() * admission::CHECKED_AT_ONCE;
    let large: Vec<_> = (0..3).map(|number| sent(large(number))).collect();
    clock.until(1).await;
    let small: Vec<_> =
        (100..100 + u64::try_from(places).unwrap()).map(|number| sent(usual(number))).collect();
    clock.until(places + 1).await;
    assert_eq!(clock.most.load(Ordering::SeqCst), places + 1, "and one large one beside them");
    clock.let_go();
    for small in small {
        small.await.unwrap().unwrap();
    }
    assert!(large.into_iter().next().unwrap().await.unwrap().is_ok());
    drop(door);
    running.stop().await;
}

#[tokio::test]
async fn one_caller_has_half_of_the_line_whatever_he_sends() {
    let share = admission::Share::of_connection;
    line_is_shared(&[&[&share()]], 2).await;
}

#[tokio::test]
async fn callers_of_one_address_have_three_quarters_of_the_line() {
    let (share, address) = (admission::Share::of_connection, admission::Share::of_address());
    line_is_shared(&[&[&share(), &address], &[&share(), &address]], 3).await;
}

/// Sends more than there are places for over doors with these shares: so many of the 4 places for each processor are taken, and one
/// who comes from elsewhere is checked.
async fn line_is_shared(shares: &[&[&admission::Share]], of_four: usize) {
    let log = Log::new();
    let running = log.start();
    let clock = Arc::new(HeldClock::default());
    let read: Arc<dyn Clock> = Arc::<HeldClock>::clone(&clock);
    let door = Recording::new(Arc::clone(&running.ledger), Some(running.queue.clone()), read);
    let sent = |door: &Recording, number: u64| {
        let (door, bytes) = (door.clone(), usual(number).bytes().to_vec());
        tokio::spawn(async move { door.record(bytes).await })
    };
    let processors = std::thread::available_parallelism().unwrap().get();
    let (places, taken) = (processors * admission::CHECKED_AT_ONCE, processors * of_four);
    let crowd: Vec<Recording> = shares.iter().map(|shares| door.of(shares)).collect();
    let other = door.of(&[&admission::Share::of_connection(), &admission::Share::of_address()]);
    let sent_by = |number: usize| sent(&crowd[number % crowd.len()], number.try_into().unwrap());
    let many: Vec<_> = (0..(places + 5) * crowd.len()).map(sent_by).collect();
    clock.until(taken).await;
    let few = sent(&other, 100_000);
    clock.until(taken + 1).await;
    // More of the many would be checked now.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(clock.most.load(Ordering::SeqCst), taken + 1);
    clock.let_go();
    few.await.unwrap().unwrap();
    for caller in many {
        caller.abort();
    }
    drop((door, crowd, other));
    running.stop().await;
}

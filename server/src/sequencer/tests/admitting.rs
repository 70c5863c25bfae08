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
        drop(self.gone.wait_while(self.go.lock().unwrap(), |go| !*go).unwrap());
        self.reading.fetch_sub(1, Ordering::SeqCst);
        Ok(super::reading(0))
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
                let (recording, bytes) = (recording.clone(), envelope(round * 1_000 + number, &[WRITER]));
                tokio::spawn(async move { recording.record(bytes.bytes().to_vec()).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        for caller in callers {
            caller.abort();
        }
    }
    assert_eq!(clock.most.load(Ordering::SeqCst), places);
    *clock.go.lock().unwrap() = true;
    clock.gone.notify_all();
    assert_eq!(recording.record(envelope(1, &[WRITER]).bytes().to_vec()).await.unwrap(), at(1));
    drop(recording);
    running.stop().await;
}

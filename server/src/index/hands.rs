//! Hands: threads that look into a database, so that nobody waits for ever for a look that does not end.
//!
//! sled 0.34.7 knows looks that do not end: it goes round and round in pages of which one is missing, or waits, without a limit,
//! for a thread of its own that has failed (`database.rs` says where). Nothing ends such a thread. So who asks waits beside a
//! hand, and no longer than a look may take; then the hand is left behind. It reaches nothing any more: the look that it is at
//! is refused when it ends, and every later one before it begins.
//!
//! A hand that was left behind is not free of charge. It may use a processor, and while it looks, sled gives back nothing of what
//! it throws away, in any database of the process. So there are limits, behind which the server has to be started again.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// How long one look may take: 1 minute. It reads or writes some pages of 4 KB, so this is a disk that stands still, or no end.
pub const LOOK_MAX: Duration = Duration::from_mins(1);

/// How many hands may be left behind: 64, as many as questions are worked on at once. One database that has to be given up costs
/// those who look into it at that time.
pub(crate) const LEFT_MAX: usize = 64;

/// What may be written to the index once a hand is left behind: 256 MiB, of which sled keeps some three times as much in memory.
const LEFT_BYTES_MAX: u64 = 256 << 20;

/// How often who waits looks at the time.
const TICK: Duration = Duration::from_millis(200);

type Job = Box<dyn FnOnce() + Send>;

/// The hands of one index.
#[derive(Debug)]
pub(crate) struct Hands {
    idle: Mutex<Vec<Hand>>,
    /// How long a look may take, in milliseconds.
    patience: AtomicU64,
    left: watch::Sender<Left>,
    /// How long work on a thread of its own may take instead.
    #[cfg(test)]
    shorter: Mutex<Option<Duration>>,
}

/// What was left behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    /// How many hands.
    pub hands: usize,
    /// Bytes that were written to the index since the first one.
    pub bytes: u64,
}

impl Left {
    /// Whether the process has to end: it would keep more than it may.
    #[must_use]
    pub const fn is_too_much(&self) -> bool {
        self.hands >= LEFT_MAX || self.bytes >= LEFT_BYTES_MAX
    }
}

/// A thread that waits for jobs, as long as there is who sends them.
#[derive(Debug)]
struct Hand {
    jobs: mpsc::Sender<Job>,
    look: Arc<Look>,
}

/// The look that a hand is at.
#[derive(Debug, Default)]
struct Look(Mutex<At>);

#[derive(Debug, Clone, Copy, Default)]
enum At {
    #[default]
    None,
    Since(Instant),
    /// The hand was left behind.
    Left,
}

thread_local! {
    /// The look of this thread, if it is a hand.
    static LOOK: OnceCell<Arc<Look>> = const { OnceCell::new() };
}

/// Looks on this thread; none if it is a hand that was left behind meanwhile.
pub(crate) fn look<T>(look: impl FnOnce() -> T) -> Option<T> {
    let Some(own) = LOOK.with(|own| own.get().cloned()) else { return Some(look()) };
    if !own.change(At::Since(Instant::now())) {
        return None;
    }
    let found = look();
    own.change(At::None).then_some(found)
}

impl Default for Hands {
    fn default() -> Self {
        let patience = AtomicU64::new(u64::try_from(LOOK_MAX.as_millis()).unwrap_or(u64::MAX));
        Self {
            idle: Mutex::default(),
            patience,
            left: watch::channel(Left::default()).0,
            #[cfg(test)]
            shorter: Mutex::default(),
        }
    }
}

impl Hands {
    /// Lets a hand work, and returns what it brings; none if one of its looks took too long. Who is a hand works itself: it is waited for
    /// already.
    ///
    /// # Panics
    ///
    /// When the work does.
    pub(crate) fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        if LOOK.with(|own| own.get().is_some()) {
            return Some(work());
        }
        let idle = self.idle().pop();
        // Where the system gives no thread, who asks looks for himself.
        let Some(hand) = idle.or_else(Hand::start) else { return Some(work()) };
        let (done, ended) = mpsc::sync_channel(1);
        let job = move || drop(done.send(catch_unwind(AssertUnwindSafe(work))));
        if let Err(mpsc::SendError(job)) = hand.jobs.send(Box::new(job)) {
            job();
        }
        loop {
            match ended.recv_timeout(TICK) {
                Ok(worked) => {
                    self.idle().push(hand);
                    return Some(worked.unwrap_or_else(|panic| resume_unwind(panic)));
                }
                Err(RecvTimeoutError::Timeout) if !hand.look.leave(self.patience()) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    self.leave();
                    return None;
                }
            }
        }
    }

    /// Works on a thread of its own; none if that takes longer than it may: the thread is left behind.
    pub(crate) fn in_time<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        #[cfg(test)]
        let patience = self.shorter.lock().unwrap().unwrap_or(patience);
        let done = in_time(patience, work);
        if done.is_none() {
            self.leave();
        }
        done
    }

    /// Returns a receiver of what was left behind.
    pub(crate) fn watch_left(&self) -> watch::Receiver<Left> {
        self.left.subscribe()
    }

    /// Counts what is written to the index.
    pub(crate) fn wrote(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if self.left.borrow().hands > 0 {
            self.left.send_modify(|left| left.bytes = left.bytes.saturating_add(bytes));
        }
    }

    fn leave(&self) {
        self.left.send_modify(|left| left.hands = left.hands.saturating_add(1));
        tracing::error!(
            left = self.left.borrow().hands,
            "a look into the index database did not end; its thread is left behind, may use a processor and keeps memory: \
             start the server again when nobody minds"
        );
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Hand>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(self.patience.load(Ordering::Relaxed))
    }
}

impl Hand {
    fn start() -> Option<Self> {
        let (jobs, sent) = mpsc::channel::<Job>();
        let look = Arc::new(Look::default());
        let own = Arc::clone(&look);
        let thread = std::thread::Builder::new().name("index".to_owned()).spawn(move || {
            LOOK.with(|look| drop(look.set(own)));
            for job in sent {
                job();
            }
        });
        thread.ok().map(|_| Self { jobs, look })
    }
}

impl Look {
    /// Says what the hand is at; false if it was left behind.
    fn change(&self, to: At) -> bool {
        let mut at = self.at();
        let kept = !matches!(*at, At::Left);
        if kept {
            *at = to;
        }
        kept
    }

    /// Leaves the hand behind if it is at a look that is older than it may be. Behind the same lock as its end: a look that ended
    /// in time counts.
    fn leave(&self, patience: Duration) -> bool {
        let mut at = self.at();
        let overdue = matches!(*at, At::Since(since) if since.elapsed() >= patience);
        if overdue {
            *at = At::Left;
        }
        overdue
    }

    fn at(&self) -> MutexGuard<'_, At> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works on a thread of its own; none if that did not end in time, or could not begin.
pub(crate) fn in_time<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, ended) = mpsc::sync_channel(1);
    std::thread::Builder::new().spawn(move || drop(done.send(work()))).ok()?;
    ended.recv_timeout(patience).ok()
}

/// What tests do to time.
#[cfg(test)]
impl Hands {
    /// From now on a look may take this long.
    pub(crate) fn set_patience(&self, patience: Duration) {
        self.patience.store(u64::try_from(patience.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// From now on work on a thread of its own may take this long, whoever asks for it.
    pub(crate) fn set_time(&self, time: Option<Duration>) {
        *self.shorter.lock().unwrap() = time;
    }

    /// As if a look did not end.
    pub(crate) fn leave_behind(&self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn what_a_hand_brings_comes_back_and_the_hand_works_again() {
        let hands = Hands::default();
        let thread = || std::thread::current().id();
        let first = hands.work(thread).unwrap();
        assert_ne!(first, thread(), "nobody looks for himself");
        assert_eq!(hands.work(thread), Some(first));
        let panicked = catch_unwind(AssertUnwindSafe(|| hands.work(|| panic!("a bug"))));
        assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"a bug"));
        assert_eq!(hands.work(thread), Some(first), "a panic is no reason to leave it");
        assert_eq!(*hands.watch_left().borrow(), Left::default());
    }

    #[test]
    fn work_that_is_long_is_waited_for_as_long_as_its_looks_are_short() {
        let hands = Arc::new(Hands::default());
        hands.set_patience(Duration::ZERO);
        let working = Arc::clone(&hands);
        let worked = hands.work(move || {
            std::thread::sleep(TICK * 3);
            working.set_patience(LOOK_MAX);
            look(|| 7)
        });
        assert_eq!(worked, Some(Some(7)));
    }

    #[test]
    fn a_look_that_does_not_end_is_left_behind_and_its_hand_reaches_nothing_any_more() {
        let hands = Arc::new(Hands::default());
        let (tell, told) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let (later, after) = mpsc::channel();
        let reached = Arc::new(AtomicBool::new(false));
        let (asking, second_look) = (Arc::clone(&hands), Arc::clone(&reached));
        let asked = std::thread::spawn(move || {
            asking.work(move || {
                let first = look(|| {
                    begun.send(()).unwrap();
                    let _told = told.recv();
                });
                let second = look(|| second_look.store(true, Ordering::SeqCst));
                later.send((first, second)).unwrap();
            })
        });
        begins.recv().unwrap();
        hands.set_patience(Duration::ZERO);
        assert_eq!(asked.join().unwrap(), None);
        hands.set_patience(LOOK_MAX);
        assert_eq!(hands.watch_left().borrow().hands, 1);
        assert_eq!(hands.work(|| look(|| 7)), Some(Some(7)), "others go on");
        drop(tell);
        assert_eq!(after.recv().unwrap(), (None, None));
        assert!(!reached.load(Ordering::SeqCst));
    }

    #[test]
    fn what_is_left_behind_is_counted_up_to_its_limits() {
        let hands = Hands::default();
        hands.wrote(1 << 40);
        assert_eq!(*hands.watch_left().borrow(), Left::default(), "nobody is left behind");
        assert_eq!(hands.in_time(Duration::from_mins(1), || 7), Some(7));
        let (tell, told) = mpsc::channel::<()>();
        assert_eq!(hands.in_time(Duration::ZERO, move || told.recv()), None);
        drop(tell);
        assert_eq!(*hands.watch_left().borrow(), Left { hands: 1, bytes: 0 });
        for (bytes, too_much) in [(LEFT_BYTES_MAX - 1, false), (1, true)] {
            hands.wrote(usize::try_from(bytes).unwrap());
            assert_eq!(hands.watch_left().borrow().is_too_much(), too_much);
        }
        for (hands, too_much) in [(LEFT_MAX - 1, false), (LEFT_MAX, true)] {
            assert_eq!(Left { hands, bytes: 0 }.is_too_much(), too_much);
        }
    }
}

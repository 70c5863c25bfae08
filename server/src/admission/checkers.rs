//! The threads that check small envelopes: one for each processor, and never more at once.
//!
//! A check computes for a fifth of a millisecond. On threads that come and go as there is work, as those of the runtime's pool do, each
//! costs two changes of thread beside: an eighth of what recording an entry costs. Here a thread that ends a check takes the
//! next one that waits, and only a thread that found nothing to do sleeps.

use std::collections::VecDeque;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// What is to be run.
type Check = Box<dyn FnOnce() + Send>;

/// A line of checks, and the threads that take from it, the oldest first. When its last handle is dropped, what waits is
/// checked and the threads end.
#[derive(Clone)]
pub(super) struct Checkers(Arc<Owner>);

struct Owner {
    line: Arc<Line>,
    /// As many as the system gave.
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Line {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Check>,
    /// How many threads wait for more.
    asleep: usize,
    closed: bool,
}

impl Checkers {
    /// Starts a thread for each processor.
    pub(super) fn start() -> Self {
        let line = Arc::new(Line::default());
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let started = (0..processors).filter_map(|_| {
            let line = Arc::clone(&line);
            let thread = std::thread::Builder::new().name("check".to_owned());
            thread.spawn(move || line.work()).ok()
        });
        let threads = started.collect();
        Self(Arc::new(Owner { line, threads }))
    }

    /// Runs a check on one of the threads, after those that wait. How many wait is bounded by who may send any: each has a place. One
    /// that panics takes no thread away.
    pub(super) fn run(&self, check: impl FnOnce() + Send + 'static) {
        if self.0.threads.is_empty() {
            // The system is short of threads: then as everything else that blocks.
            tokio::task::spawn_blocking(check);
            return;
        }
        let mut state = self.0.line.state();
        state.waiting.push_back(Box::new(check));
        let sleeps = state.asleep > 0;
        drop(state);
        if sleeps {
            self.0.line.more.notify_one();
        }
    }
}

impl Line {
    fn work(&self) {
        while let Some(check) = self.next() {
            drop(catch_unwind(AssertUnwindSafe(check)));
        }
    }

    fn next(&self) -> Option<Check> {
        let mut state = self.state();
        loop {
            if let Some(check) = state.waiting.pop_front() {
                return Some(check);
            }
            if state.closed {
                return None;
            }
            state.asleep = state.asleep.saturating_add(1);
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.asleep = state.asleep.saturating_sub(1);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.line.state().closed = true;
        self.line.more.notify_all();
        // Whoever opens the log again must not find a check that goes on. No check holds the door, so none waits for itself here.
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn each_processor_checks_at_once_and_what_is_more_waits_its_turn() {
        let checkers = Checkers::start();
        let threads = checkers.0.threads.len();
        let (met, together) = (Arc::new(Barrier::new(threads + 1)), mpsc::channel());
        for _ in 0..threads {
            let met = Arc::clone(&met);
            checkers.run(move || {
                met.wait();
            });
        }
        for number in 0..100 {
            let told = together.0.clone();
            checkers.run(move || told.send((number, std::thread::current().id())).unwrap());
        }
        assert!(together.1.try_recv().is_err(), "all threads are taken");
        met.wait();
        drop(together.0);
        let (numbers, on): (Vec<_>, std::collections::HashSet<_>) =
            (0..100).map(|_| together.1.recv().unwrap()).unzip();
        assert!(on.len() <= threads);
        assert_eq!(numbers.iter().max(), Some(&99));
    }

    #[test]
    fn a_check_that_panics_takes_no_thread_away() {
        let checkers = Checkers::start();
        let (told, heard) = mpsc::channel();
        for number in 0..20 {
            let told = told.clone();
            checkers.run(move || {
                assert!(number % 2 != 0, "a check that panics, as planned");
                told.send(number).unwrap();
            });
        }
        drop(told);
        let mut heard: Vec<_> = heard.iter().collect();
        heard.sort_unstable();
        assert_eq!(heard, (0..20).filter(|number| number % 2 == 1).collect::<Vec<_>>());
    }

    #[test]
    fn who_drops_the_last_handle_waits_for_what_waits() {
        let checkers = Checkers::start();
        let (told, heard) = mpsc::channel();
        for number in 0..1_000 {
            let told = told.clone();
            checkers.run(move || told.send(number).unwrap());
        }
        drop(checkers);
        assert_eq!(heard.try_iter().count(), 1_000);
    }
}

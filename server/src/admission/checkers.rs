//! The threads that check small envelopes: one for each processor, and never more at once.
//!
//! A check computes for a fifth of a millisecond; for a lone caller the commit comes with it. On threads that come and go as
//! there is work, as those of the runtime's pool do, each costs two changes of thread beside: an eighth of what recording an
//! entry costs. Here a thread that ends a check takes the next one that waits, and only a thread that found nothing to do sleeps.
//! What waits stands in the line, and not in tasks that would have to be woken one by one.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::line::{self, Line, Standing};

/// What is to be run.
type Check = Box<dyn FnOnce() + Send>;

/// The line of checks, and the threads that take from it. When its last handle is dropped, what waits is checked and the threads end.
#[derive(Clone)]
pub(super) struct Checkers(Arc<Owner>);

struct Owner {
    work: Arc<Work>,
    /// As many as the system gave.
    threads: Vec<JoinHandle<()>>,
}

/// A check that waits, or had its turn. When this is dropped it does not wait any more.
#[must_use]
pub(super) struct Ticket {
    work: Arc<Work>,
    ticket: line::Ticket,
}

#[derive(Default)]
struct Work {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    line: Line<Check>,
    /// How many threads wait for more.
    asleep: usize,
    closed: bool,
}

impl Checkers {
    /// Starts a thread for each processor.
    pub(super) fn start() -> Self {
        let work = Arc::new(Work::default());
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let started = (0..processors).filter_map(|_| {
            let work = Arc::clone(&work);
            let thread = std::thread::Builder::new().name("check".to_owned());
            thread.spawn(move || work.go_on()).ok()
        });
        let threads = started.collect();
        Self(Arc::new(Owner { work, threads }))
    }

    /// Runs a check on one of the threads, when it is its turn. It waits no longer than the ticket is kept, so what waits is bounded by
    /// what callers wait for. One that panics takes no thread away.
    pub(super) fn run(&self, standing: Standing, check: impl FnOnce() + Send + 'static) -> Option<Ticket> {
        if self.0.threads.is_empty() {
            // The system is short of threads: then as everything else that blocks.
            tokio::task::spawn_blocking(check);
            return None;
        }
        let mut state = self.0.work.state();
        let ticket = state.line.push(standing, Box::new(check));
        let sleeps = state.asleep > 0;
        drop(state);
        if sleeps {
            self.0.work.more.notify_one();
        }
        Some(Ticket { work: Arc::clone(&self.0.work), ticket })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let check = self.work.state().line.remove(self.ticket);
        // Not under the lock: it holds what its caller sent.
        drop(check);
    }
}

impl Work {
    fn go_on(&self) {
        while let Some(check) = self.next() {
            drop(catch_unwind(AssertUnwindSafe(check)));
        }
    }

    fn next(&self) -> Option<Check> {
        let mut state = self.state();
        loop {
            if let Some(check) = state.line.pop() {
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
        self.work.state().closed = true;
        self.work.more.notify_all();
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
        let (checkers, mut tickets) = (Checkers::start(), Vec::new());
        let threads = checkers.0.threads.len();
        let (met, together) = (Arc::new(Barrier::new(threads + 1)), mpsc::channel());
        for _ in 0..threads {
            let met = Arc::clone(&met);
            tickets.extend(checkers.run(Standing::default(), move || {
                met.wait();
            }));
        }
        for number in 0..100 {
            let told = together.0.clone();
            let tell = move || told.send((number, std::thread::current().id())).unwrap();
            tickets.extend(checkers.run(Standing::default(), tell));
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
        let (checkers, mut tickets) = (Checkers::start(), Vec::new());
        let (told, heard) = mpsc::channel();
        for number in 0..20 {
            let told = told.clone();
            tickets.extend(checkers.run(Standing::default(), move || {
                assert!(number % 2 != 0, "a check that panics, as planned");
                told.send(number).unwrap();
            }));
        }
        drop(told);
        let mut heard: Vec<_> = heard.iter().collect();
        heard.sort_unstable();
        assert_eq!(heard, (0..20).filter(|number| number % 2 == 1).collect::<Vec<_>>());
    }

    #[test]
    fn what_nobody_waits_for_is_not_checked() {
        let (checkers, mut tickets) = (Checkers::start(), Vec::new());
        let held = Arc::new(Barrier::new(checkers.0.threads.len() + 1));
        for _ in 0..checkers.0.threads.len() {
            let held = Arc::clone(&held);
            tickets.extend(checkers.run(Standing::default(), move || {
                held.wait();
            }));
        }
        let (told, heard) = mpsc::channel();
        for number in 0..10 {
            let told = told.clone();
            let ticket = checkers.run(Standing::default(), move || told.send(number).unwrap());
            if number % 2 == 0 {
                tickets.extend(ticket);
            }
        }
        drop(told);
        held.wait();
        assert_eq!(heard.iter().collect::<std::collections::BTreeSet<_>>(), [0, 2, 4, 6, 8].into());
    }

    #[test]
    fn who_drops_the_last_handle_waits_for_what_waits() {
        let (checkers, mut tickets) = (Checkers::start(), Vec::new());
        let (told, heard) = mpsc::channel();
        for number in 0..1_000 {
            let told = told.clone();
            tickets.extend(checkers.run(Standing::default(), move || told.send(number).unwrap()));
        }
        drop(checkers);
        assert_eq!(heard.try_iter().count(), 1_000);
    }
}

//! The seat of the single writer: a thread sits in it, or for one envelope whoever has just checked it.
//!
//! A lone caller would wait for another thread to wake. So who has checked an envelope, and finds that no other small one is on
//! its way and nobody writes, gives it its place himself. With many callers the thread is awake anyway, and takes what waits in batches.
//! Whoever sits here holds the one [`Sequencer`], so there is one writer at any moment. What takes long, a recovery, is left to the thread.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::{Coming, Sequencer, Stopping, Submission};

/// The seat. Whoever has it may sit down in it.
#[derive(Clone)]
pub struct Seat(Arc<Shared>);

struct Shared {
    coming: Coming,
    /// None: nobody writes any more.
    held: Mutex<Option<Held>>,
    /// Something is left to do for the thread, and it may sleep.
    left: Notify,
}

/// What one holds who sits here.
struct Held {
    sequencer: Sequencer,
    queue: mpsc::Receiver<Submission>,
    /// When the thread wakes by itself.
    wakes: Instant,
}

/// What the thread goes on with.
enum Next {
    Envelope(Box<Submission>),
    /// Something else is due.
    Time,
    /// No envelope will come.
    End,
}

impl Seat {
    /// Makes the seat of a sequencer, with the queue of those who cannot sit down.
    #[must_use]
    pub fn new(sequencer: Sequencer, queue: mpsc::Receiver<Submission>) -> Self {
        let coming = sequencer.coming();
        let held = Mutex::new(Some(Held { sequencer, queue, wakes: Instant::now() }));
        Self(Arc::new(Shared { coming, held, left: Notify::new() }))
    }

    /// Returns where those who are about to bring an envelope say so.
    #[must_use]
    pub fn coming(&self) -> Coming {
        self.0.coming.clone()
    }

    /// Records an envelope on this thread, and answers, if at most one is on its way and nobody sits here; else gives it back. It
    /// blocks.
    pub fn take(&self, submission: Submission, runtime: &Handle) -> Result<(), Box<Submission>> {
        if !self.0.coming.is_alone() {
            return Err(Box::new(submission));
        }
        let Ok(mut seat) = self.0.held.try_lock() else { return Err(Box::new(submission)) };
        let Some(held) = seat.as_mut().filter(|held| held.is_free()) else {
            return Err(Box::new(submission));
        };
        held.sequencer.lent = true;
        let worked = catch_unwind(AssertUnwindSafe(|| held.work(submission, runtime)));
        held.sequencer.lent = false;
        let left = worked.is_err() || held.leaves_something();
        if worked.is_err() {
            // As if the thread had panicked: nobody knows what is true of the state.
            *seat = None;
        }
        drop(seat);
        if left {
            self.0.left.notify_one();
        }
        Ok(())
    }

    /// Works on an envelope as the thread does.
    #[cfg(test)]
    pub(super) fn work_as_thread(&self, submission: Submission, runtime: &Handle) {
        self.hold(|held| held.work(submission, runtime));
    }

    /// Works until it is stopped or the queue is closed, empties the queue, then seals the journal. It blocks: the thread is its own.
    pub fn serve(&self, runtime: &Handle) {
        let stop = self.hold(|held| held.sequencer.stop.take());
        let Some(mut stop) = stop.flatten() else { return };
        let worked = catch_unwind(AssertUnwindSafe(|| {
            while let Some(next) = self.next(&mut stop, runtime)
                && let Some(true) = self.hold(|held| held.go_on(next, runtime))
            {}
        }));
        let held = self.seat().take();
        if let Err(panic) = worked {
            // Who waits is told so: the queue goes with what was held.
            drop(held);
            resume_unwind(panic);
        }
        let Some(Held { sequencer, .. }) = held else {
            tracing::error!("who wrote the log panicked");
            return;
        };
        if !sequencer.lost
            && let Some(position) = sequencer.position
            && let Err(error) = position.journal.seal()
        {
            tracing::warn!(%error, "the journal was not sealed; the next start checks its tail");
        }
    }

    /// Waits for an envelope, or for the time when something else is to be done. A stop closes the queue: what
    /// waits in it is still taken. None if nobody writes any more.
    fn next(&self, stop: &mut oneshot::Receiver<()>, runtime: &Handle) -> Option<Next> {
        let sleep = self.hold(|held| {
            held.wakes = held.sequencer.wakes_at();
            (held.wakes, held.queue.is_closed())
        });
        let (wakes, closed) = sleep?;
        let came = || poll_fn(|context| self.poll(context));
        let came = runtime.block_on(async {
            if !closed {
                tokio::select! {
                    // A stop is seen at once, however much waits.
                    biased;
                    _ = stop => drop(self.hold(|held| held.queue.close())),
                    () = self.0.left.notified() => return Next::Time,
                    next = timeout_at(wakes, came()) => return next.map_or(Next::Time, Next::of),
                }
            }
            Next::of(came().await)
        });
        Some(came)
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Submission>> {
        let came = self.hold(|held| match held.sequencer.waiting.take() {
            Some(waiting) => Poll::Ready(Some(waiting)),
            None => held.queue.poll_recv(context),
        });
        came.unwrap_or(Poll::Ready(None))
    }

    /// Sits down, for as long as `work` takes; none if nobody writes any more.
    fn hold<T>(&self, work: impl FnOnce(&mut Held) -> T) -> Option<T> {
        self.seat().as_mut().map(work)
    }

    fn seat(&self) -> MutexGuard<'_, Option<Held>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Next {
    fn of(came: Option<Submission>) -> Self {
        came.map_or(Self::End, |submission| Self::Envelope(Box::new(submission)))
    }
}

impl Held {
    /// Whether nothing waits here, and nothing else is to be done first. One may be in the thread's hand on its way here: the two are in
    /// no order.
    fn is_free(&self) -> bool {
        let Sequencer { position, waiting, stopping, .. } = &self.sequencer;
        let waits = waiting.is_some() || !self.queue.is_empty();
        !waits && position.is_some() && *stopping == Stopping::No && !self.queue.is_closed()
    }

    fn work(&mut self, submission: Submission, runtime: &Handle) {
        self.sequencer.work(submission, &mut self.queue, runtime);
        self.sequencer.make_room(&self.queue);
    }

    /// Whether the thread, which sleeps, has to do something before it wakes.
    fn leaves_something(&self) -> bool {
        let Sequencer { waiting, lost, .. } = &self.sequencer;
        waiting.is_some() || *lost || self.sequencer.wakes_at() < self.wakes
    }

    /// Does what is due; returns whether there may be more.
    fn go_on(&mut self, next: Next, runtime: &Handle) -> bool {
        if self.queue.is_closed() && self.sequencer.stopping == Stopping::No {
            self.sequencer.stopping = Stopping::Yes;
        }
        // Before an envelope that came meanwhile: what failed in the seat is left to be recovered here.
        self.recover_in_time();
        match next {
            Next::Envelope(first) => self.work(*first, runtime),
            Next::Time => {}
            Next::End => return false,
        }
        self.sequencer.keep_time();
        self.recover_in_time();
        !self.sequencer.lost
    }

    fn recover_in_time(&mut self) {
        // A stop does not wait for a disk that fails: what is left in the queue is refused.
        if !self.queue.is_closed() {
            self.sequencer.recover_in_time();
        }
    }
}

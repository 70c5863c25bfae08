//! Bytes on their way out of a connection: answers that are ready at about the same time leave together.
//!
//! HTTP/2 hands out each answer as soon as it is made. A batch of the sequencer answers a hundred calls at once, and a write to the
//! system for each of them, with a read and a wake of the peer, costs a tenth of what recording an entry does. So what several calls of a
//! connection wait for is kept back until its thread has nothing else to do, [`GATHER_MAX`] at most. Where one answer is
//! waited for nothing is kept back: a lone caller waits for nobody.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker, ready};

use tokio::io::AsyncWrite;

/// The most bytes that are kept back for a connection: 32 KiB, some 16 answers to who records. With the 1,024 connections that may be
/// open these are 32 MiB, while all of them are answered at once; a quiet one holds nothing.
pub(super) const GATHER_MAX: usize = 32 << 10;

/// What was handed out and is not written yet.
#[derive(Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    /// How many of them are written already.
    written: usize,
    /// Set while it is waited until the thread has nothing else to do.
    kept_back: Option<Arc<Turn>>,
}

/// Wakes a connection when all others had their turn, and says that it did.
struct Turn {
    came: AtomicBool,
    connection: Waker,
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.came.store(true, Ordering::Release);
        self.connection.wake_by_ref();
    }
}

impl Outgoing {
    /// Takes bytes, as many as there is room for; where there is none, writes first.
    pub(super) fn poll_take(
        &mut self,
        mut out: Pin<&mut impl AsyncWrite>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        if self.bytes.is_empty() && offered >= GATHER_MAX {
            return out.poll_write_vectored(context, slices);
        }
        if self.bytes.len() >= GATHER_MAX {
            ready!(self.poll_write(out.as_mut(), context))?;
        }
        let before = self.bytes.len();
        // By powers of two, of which the limit is one: by itself it would grow beyond.
        let needed = before.saturating_add(offered).min(GATHER_MAX).next_power_of_two();
        self.bytes.reserve_exact(needed.saturating_sub(before));
        for slice in slices {
            let room = GATHER_MAX.saturating_sub(self.bytes.len());
            self.bytes.extend_from_slice(slice.get(..room).unwrap_or(slice));
        }
        Poll::Ready(Ok(self.bytes.len().saturating_sub(before)))
    }

    /// Writes all that was taken; or keeps it back if others come (`more`), and says that it is flushed: the connection is woken for it.
    pub(super) fn poll_flush(
        &mut self,
        mut out: Pin<&mut impl AsyncWrite>,
        context: &mut Context<'_>,
        more: bool,
    ) -> Poll<io::Result<()>> {
        if more && self.keeps_back(context) {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_write(out.as_mut(), context))?;
        out.poll_flush(context)
    }

    /// Writes what was kept back, if its time has come. Called wherever the connection is woken: nobody else knows what for.
    pub(super) fn poll_turn(
        &mut self,
        out: Pin<&mut impl AsyncWrite>,
        context: &mut Context<'_>,
    ) -> io::Result<()> {
        if !self.kept_back.as_ref().is_some_and(|turn| turn.came.load(Ordering::Acquire)) {
            return Ok(());
        }
        // What the peer does not take yet goes when it does, for which the connection is woken.
        match self.poll_flush(out, context, false) {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Ok(()),
        }
    }

    /// Writes all that was taken.
    pub(super) fn poll_write(
        &mut self,
        mut out: Pin<&mut impl AsyncWrite>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.bytes.get(self.written..).filter(|rest| !rest.is_empty()) {
            let written = ready!(out.as_mut().poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written = self.written.saturating_add(written);
        }
        // Gives the memory back, too.
        *self = Self::default();
        Poll::Ready(Ok(()))
    }

    /// Whether what was taken may wait. The first time it asks to be woken when all others had their turn.
    fn keeps_back(&mut self, context: &mut Context<'_>) -> bool {
        if self.bytes.is_empty() || self.written > 0 {
            return false;
        }
        if let Some(turn) = &self.kept_back {
            return !turn.came.load(Ordering::Acquire);
        }
        let turn = Arc::new(Turn { came: AtomicBool::new(false), connection: context.waker().clone() });
        let waker = Waker::from(Arc::clone(&turn));
        // Its first look asks the runtime for a wake behind all that can go on now.
        let _pending = pin!(tokio::task::yield_now()).poll(&mut Context::from_waker(&waker));
        self.kept_back = Some(turn);
        true
    }
}

#[cfg(test)]
mod tests;

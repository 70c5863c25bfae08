//! Whose turn it is in a stream each way: who waits for answers does not stand still.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::Frame;
use prost::bytes::Bytes;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;

use super::patience::Patience;

/// The patience with who sends a stream, shared by the stream, which says what came, and its service, which says whose
/// turn it is.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<Mutex<Patience>>);

/// The body of a stream whose bytes buy back time.
struct Counted {
    body: Body,
    turns: Turns,
}

impl Turns {
    /// Begins with the service's turn.
    pub(super) fn new(stall: Duration) -> Self {
        Self(Arc::new(Mutex::new(Patience::new(stall))))
    }

    /// Counts what comes in a body.
    pub(super) fn of(body: Body, stall: Duration) -> (Body, Self) {
        let turns = Self::new(stall);
        (Body::new(Counted { body, turns: turns.clone() }), turns)
    }

    /// It is the sender's turn: resolves when its time is over. Whoever stops waiting for that says [`Turns::rest`].
    pub(super) async fn over(&self) {
        loop {
            let now = Instant::now();
            let end = self.with(|patience| {
                patience.wait(now);
                patience.ends()
            });
            match end {
                Some(end) if end > now => tokio::time::sleep_until(end).await,
                _ => return,
            }
        }
    }

    /// It is the service's turn.
    pub(super) fn rest(&self) {
        self.with(|patience| patience.rest(Instant::now()));
    }

    fn moved(&self, bytes: usize) {
        self.with(|patience| patience.moved(bytes, Instant::now()));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Patience) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.turns.moved(frame.data_ref().map_or(0, Bytes::len));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

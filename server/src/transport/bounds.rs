//! What a service is asked at once. This stands before each service; health shares nothing with the others, so it
//! answers when they are busy.
//!
//! ```text
//! request  -> arrives: counted by what came, at most 16 of a connection; half a request has no place in the service
//!          -> place in its service
//! answer   -> counted until it is taken, a share for each connection and for each service; then the place is free
//! ```
//!
//! Whoever stands still for too long is cut off: [`super::arriving`] refuses the request, [`super::incoming`] ends the
//! connection of an answer that nobody takes.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use custody_wire::{Reason, Refusal};
use http::{Request, Response};
use http_body_util::Full;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tower::{Layer, Service};

use super::answer::Answer;
use super::arriving::{self, Arriving};
use super::peer::{Peer, UNIT};

/// How long a request may take until its answer begins: 5 minutes, so an upload of 64 MiB needs 220 KB a second.
const REQUEST_TIME_MAX: Duration = Duration::from_mins(5);

/// The most requests that are open at once, over all connections: 8,192. Each has headers of at most 8 KiB: 64 MiB.
const CALLS_MAX: usize = 8_192;

/// What requests hold that arrive or are worked on: 256 MiB, so 128 of 1 MiB, each of which is held twice for a moment.
const ARRIVED_MAX: usize = 256 << 20;

/// The most uploads and other streams of requests that are open at once: 64. Each holds at most a message of 4 MiB that
/// has not come to its end: 256 MiB. Few of them get a place for what they collect.
const STREAMS_MAX: usize = 64;

/// The most health checks that are open at once: 256, so that those who watch never have all connections.
const HEALTH_CALLS_MAX: usize = 256;

/// What health checks hold that arrive or are worked on: 4 MiB.
const HEALTH_ARRIVED_MAX: usize = 4 << 20;

/// What services share.
pub(super) struct Shared {
    calls: Arc<Semaphore>,
    arrived: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

/// The bounds of one service: a layer for it.
#[derive(Clone)]
pub(super) struct Bounds {
    shared: Arc<Shared>,
    /// Requests that are worked on.
    places: Arc<Semaphore>,
    /// Answers that are not taken yet, in units.
    answers: Arc<Semaphore>,
    /// The calls whose requests are streams.
    streams: &'static [RequestStream],
}

/// A call whose request is a stream.
#[derive(Debug)]
pub(super) struct RequestStream {
    /// Its path.
    pub(super) path: &'static str,
    /// Whether the caller may wait for answers before it sends more: then only the service can tell who stands still.
    pub(super) answered_meanwhile: bool,
}

/// A service within its bounds.
#[derive(Clone)]
pub(super) struct Bounded<S> {
    inner: S,
    bounds: Bounds,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        Self::of(CALLS_MAX, ARRIVED_MAX, STREAMS_MAX)
    }

    pub(super) fn for_health() -> Arc<Self> {
        Self::of(HEALTH_CALLS_MAX, HEALTH_ARRIVED_MAX, 0)
    }

    fn of(calls: usize, arrived: usize, streams: usize) -> Arc<Self> {
        let places = |number| Arc::new(Semaphore::new(number));
        Arc::new(Self { calls: places(calls), arrived: places(arrived / UNIT), streams: places(streams) })
    }

    /// Bounds a service to so many requests at once, and so many bytes of answers that are not taken. `streams` are
    /// the calls whose requests are streams.
    pub(super) fn bounds(
        self: &Arc<Self>,
        places: usize,
        answer_bytes: usize,
        streams: &'static [RequestStream],
    ) -> Bounds {
        let places = Arc::new(Semaphore::new(places));
        let answers = Arc::new(Semaphore::new(answer_bytes / UNIT));
        Bounds { shared: Arc::clone(self), places, answers, streams }
    }
}

impl Bounds {
    async fn serve<S>(self, mut inner: S, request: Request<Body>) -> Result<Response<Body>, Refusal>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let peer = request.extensions().get::<Peer>().cloned().ok_or_else(excluded)?;
        let call = peer.call(now("requests", &self.shared.calls)?);
        let (parts, body) = request.into_parts();
        let stream = self.streams.iter().find(|stream| stream.path == parts.uri.path());
        let (body, counted, place) = if let Some(stream) = stream {
            let place = now("streams of requests", &self.shared.streams)?;
            let alone = !stream.answered_meanwhile;
            (if alone { Body::new(Arriving::new(body, peer.stall())) } else { body }, None, place)
        } else {
            let arrived = arriving::whole(body, &peer, &self.shared.arrived).await?;
            let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| excluded())?;
            (Body::new(Full::new(arrived.bytes)), arrived.counted, place)
        };
        let Ok(response) = inner.call(Request::from_parts(parts, body)).await;
        drop(counted);
        Ok(response.map(|body| Body::new(Answer::new(body, call, self.answers, place))))
    }
}

/// Takes a place if there is one.
fn now(of: &str, places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refusal> {
    let place = Arc::clone(places).try_acquire_owned();
    place.map_err(|_| Refusal::new(Reason::Busy, format!("too many {of} are open")))
}

impl<S> Layer<S> for Bounds {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Bounded<S> {
        Bounded { inner, bounds: self.clone() }
    }
}

impl<S> Service<Request<Body>> for Bounded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that is ready is called, the copy has to become so.
        let copy = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, copy);
        let served = self.bounds.clone().serve(inner, request);
        Box::pin(async move {
            let refused = match tokio::time::timeout(REQUEST_TIME_MAX, served).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(refusal)) => refusal,
                Err(_) => {
                    let message = format!("the request took {} seconds", REQUEST_TIME_MAX.as_secs());
                    Refusal::new(Reason::Stalled, message)
                }
            };
            Ok(Status::from(refused).into_http())
        })
    }
}

fn excluded() -> Refusal {
    Refusal::new(Reason::Internal, "the server met a state that it excludes")
}

//! What a service is asked at once. This stands before each service; health shares nothing with the others, so it
//! answers when they are busy.
//!
//! ```text
//! request  -> arrives: counted by what came, and by what it announces in its connection's share; half a request has no
//!             place in the service
//!          -> room for its answer in its connection's share
//!          -> place in its connection's share of the service, then among all
//! answer   -> counted until it is taken, a share for each connection and for each service; then the place is free
//! ```
//!
//! What a connection has too little of, it waits for before it has a place that others wait for. A request that waits is
//! here in whole, and counted: so it waits a few seconds for room, and is refused. Nothing waits unread: it would fill the
//! connection's window, and hold up what is read. So a stream of requests takes a place of its connection, and the room for
//! its answer, at once or is refused, and a place among all when its header is here ([`super::opening`]). A stream of
//! answers takes no place, since its messages are counted before they are made ([`super::messages`]).
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

use super::answer::{Answer, Held};
use super::arriving::{self, Arriving, Counted};
use super::door::Bill;
use super::opening::Opening;
use super::peer::{Peer, UNIT};
use super::places::{Desk, Places};
use super::turns::Turns;

/// How long a request may take until its answer begins: 5 minutes, so an upload of 64 MiB needs 220 KB a second.
const REQUEST_TIME_MAX: Duration = Duration::from_mins(5);

/// The most requests that are open at once, over all connections: 8,192. Each has headers of at most 8 KiB: 64 MiB.
const CALLS_MAX: usize = 8_192;

/// What requests hold that arrive or are worked on: 256 MiB, so 128 of 1 MiB, each of which is held twice for a moment.
pub(super) const ARRIVED_MAX: usize = 256 << 20;

/// The most uploads and other streams of requests that are open at once: 64. Each holds at most a message of 4 MiB that
/// has not come to its end: 256 MiB. Few of them get a place for what they collect.
pub(super) const STREAMS_MAX: usize = 64;

/// The most health checks that are open at once: 256, so that those who watch never have all connections. One connection
/// has 4.
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
    places: Places,
    /// Answers that are not taken yet, in units.
    answers: Arc<Semaphore>,
    /// By the path of a call.
    shape: fn(&str) -> Shape,
}

/// What a call takes and gives.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// One message each way. The answer has at most so many bytes, for a request of so many.
    Messages(fn(usize) -> usize),
    /// A stream of requests, and one message at its end of at most so many bytes.
    Upload(usize),
    /// A stream each way. The caller may wait for answers before it sends more: only the service can tell who stands still,
    /// and finds the request's [`Turns`] with it.
    Exchange,
    /// One message, and a stream of answers that its service counts.
    Download,
}

/// A request that may be worked on, what is counted of it, and what its call holds.
type Admitted = (Request<Body>, Counted, Option<Held>);

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

    /// Bounds a service to its places, and to its bytes of answers that are not taken. `shape` is told the path of a call.
    pub(super) fn bounds(self: &Arc<Self>, desk: Desk, shape: fn(&str) -> Shape) -> Bounds {
        let answers = Arc::new(Semaphore::new(desk.answer_bytes() / UNIT));
        Bounds { shared: Arc::clone(self), places: Places::of(desk), answers, shape }
    }
}

impl Bounds {
    async fn serve<S>(self, mut inner: S, request: Request<Body>) -> Result<Response<Body>, Refusal>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let peer = request.extensions().get::<Peer>().cloned().ok_or_else(excluded)?;
        let desk = self.places.desk();
        let bill = request.extensions().get::<Bill>().cloned();
        let own = (desk == Desk::Health)
            .then(|| now("health checks of this connection", &peer.health()))
            .transpose()?;
        let call = peer.call(now("requests", &self.shared.calls)?, own);
        let (request, counted, held) = self.admit(&peer, request).await?;
        let Ok(response) = inner.call(request).await;
        drop(counted);
        Ok(response.map(|body| Body::new(Answer::new(body, call, (desk, self.answers), held, bill))))
    }

    /// Waits until a request may be worked on, and returns it with what is counted of it and what its call holds.
    async fn admit(&self, peer: &Peer, request: Request<Body>) -> Result<Admitted, Refusal> {
        let (parts, body) = request.into_parts();
        match (self.shape)(parts.uri.path()) {
            Shape::Messages(answer_max) => {
                let arrived = arriving::whole(body, peer, &self.shared.arrived).await?;
                let room = peer.room(answer_max(arrived.bytes.len())).await.ok_or_else(unread)?;
                let place = self.places.take(peer).await.ok_or_else(excluded)?;
                let request = Request::from_parts(parts, Body::new(Full::new(arrived.bytes)));
                Ok((request, arrived.counted, Some(Held { room, place: Some(place) })))
            }
            Shape::Download => {
                let arrived = arriving::whole(body, peer, &self.shared.arrived).await?;
                let request = Request::from_parts(parts, Body::new(Full::new(arrived.bytes)));
                Ok((request, arrived.counted, None))
            }
            Shape::Upload(answer_max) => {
                let turn = now("streams of requests of this connection", &peer.streams())?;
                let room = peer.room_now(answer_max).ok_or_else(unread)?;
                let body = Body::new(Arriving::new(body, peer.stall()));
                let body = Opening::new(body, turn, peer.opened(&self.shared.streams));
                let held = Held { room, place: None };
                Ok((Request::from_parts(parts, Body::new(body)), Counted::default(), Some(held)))
            }
            Shape::Exchange => {
                let turn = now("streams of requests of this connection", &peer.streams())?;
                let (body, turns) = Turns::of(body, peer.stall());
                let body = Opening::new(body, turn, peer.opened(&self.shared.streams));
                let mut request = Request::from_parts(parts, Body::new(body));
                request.extensions_mut().insert(turns);
                Ok((request, Counted::default(), None))
            }
        }
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

fn unread() -> Refusal {
    Refusal::new(Reason::Busy, "too many answers wait for this connection")
}

pub(super) fn excluded() -> Refusal {
    Refusal::new(Reason::Internal, "the server met a state that it excludes")
}

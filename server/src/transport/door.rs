//! Who comes in: this stands before each service but health, and before its bounds.
//!
//! ```text
//! call -> the caller's budget: over_budget
//!      -> may it read?         no_certificate, bad_certificate, not_a_reader
//!      -> the bounds of the service
//! ```
//!
//! Recording asks for no name: signatures say who may record. Where not everybody may read, who recorded something on a connection
//! sees that there ([`super::sight`]). What is asked at the door is asked again for each message of an answer: a stream may be open
//! for longer than its caller is a reader.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use custody_wire::{Reason, Refusal};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use prost::bytes::Bytes;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tower::{Layer, Service};

use super::bounds::excluded;
use super::budget::{Account, Budgets, Payer};
use super::peer::Peer;
use super::sight::{self, Sight};
use super::tls::{Presented, Tls};

/// The way into a service: a layer for it.
#[derive(Clone)]
pub(super) struct Door {
    way: Way,
    budgets: Arc<Budgets>,
    /// Knows who may read, if not everybody may.
    tls: Option<Tls>,
}

/// What a service is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Read,
    Record,
}

/// A service behind its door.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    door: Door,
}

/// What a call costs its caller. Shared by its request and its answer.
#[derive(Clone)]
pub(super) struct Bill {
    account: Arc<Account>,
    bytes: Arc<std::sync::atomic::AtomicU64>,
    reader: Option<Reader>,
}

/// Somebody who reads where not everybody may.
#[derive(Clone)]
struct Reader {
    tls: Tls,
    peer: Peer,
}

impl Door {
    /// A way in; `tls` knows who may read.
    pub(super) fn new(way: Way, budgets: &Arc<Budgets>, tls: Option<&Tls>) -> Self {
        Self { way, budgets: Arc::clone(budgets), tls: tls.cloned() }
    }

    /// Lets a call in, opens its bill and says what its caller sees.
    fn admit(&self, request: &Request<Body>) -> Result<(Bill, Sight), Refusal> {
        let peer = request.extensions().get::<Peer>().ok_or_else(excluded)?;
        let now = Instant::now();
        let payer = peer.payer();
        let account = self.budgets.of(&payer, now);
        account.call(now).map_err(|wait| over_budget(&payer, wait))?;
        let bill = |reader| Bill { account: Arc::clone(&account), bytes: Arc::default(), reader };
        let Some(tls) = &self.tls else { return Ok((bill(None), Sight::All)) };
        let own = || Sight::Own(peer.clone());
        let reads_own = peer.recorded().any() && sight::shows_own(request.uri().path());
        match (may_read(tls, peer.presented().as_deref()), self.way) {
            (Ok(()), Way::Read) => {
                let reader = Reader { tls: tls.clone(), peer: peer.clone() };
                Ok((bill(Some(reader)), Sight::All))
            }
            (Ok(()), Way::Record) => Ok((bill(None), Sight::All)),
            (Err(_), Way::Record) => Ok((bill(None), own())),
            (Err(_), Way::Read) if reads_own => Ok((bill(None), own())),
            (Err(refusal), Way::Read) => Err(refusal),
        }
    }
}

/// Says why a caller may not read.
fn may_read(tls: &Tls, presented: Option<&Presented>) -> Result<(), Refusal> {
    tls.with_readers(|readers| {
        let Some(readers) = readers else { return Ok(()) };
        let client = match presented {
            Some(Presented::Client(client)) => client,
            Some(Presented::Nothing) | None => {
                let message = "this log is read by those with a client certificate on its list of readers: none was shown";
                return Err(Refusal::new(Reason::NoCertificate, message));
            }
            Some(Presented::Refused(why)) => {
                return Err(Refusal::new(Reason::BadCertificate, format!("the client certificate is refused: {why}")));
            }
        };
        let refused = |why: String| {
            Refusal::new(Reason::BadCertificate, format!("the client certificate is refused: {why}"))
        };
        let now = tls.now().map_err(|error| refused(error.to_string()))?;
        if now > client.not_after() {
            let ended = client.not_after();
            return Err(refused(format!("it ended at {ended} while it was in use, and it is {now}")));
        }
        if readers.hold(client) {
            return Ok(());
        }
        let names: Vec<String> = client.identities().iter().map(ToString::to_string).collect();
        let message = format!("{} is not on this log's list of readers", names.join(" or "));
        Err(Refusal::new(Reason::NotAReader, message))
    })
}

fn over_budget(payer: &Payer, wait: Duration) -> Refusal {
    let millis = wait.as_millis().saturating_add(1);
    let message = format!("{payer} has used up what it may ask in a minute; there is more in {millis} ms");
    Refusal::new(Reason::OverBudget, message).value(Refusal::RETRY_MS, millis)
}

impl Bill {
    /// Charges bytes that moved, or are to be sent to who reads: if they may no longer be, the stream ends.
    pub(super) fn charge(&self, bytes: usize) -> Result<(), Refusal> {
        if let Some(Reader { tls, peer }) = &self.reader {
            may_read(tls, peer.presented().as_deref())?;
        }
        let wide = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes.fetch_add(wide, std::sync::atomic::Ordering::Relaxed);
        if self.account.bytes(bytes, Instant::now()) {
            return Ok(());
        }
        let message = "the caller has moved two minutes' worth of bytes in one: this stream ends here";
        Err(Refusal::new(Reason::OverBudget, message).value(Refusal::RETRY_MS, 60_000))
    }

    /// The call ended with the status in these headers or trailers, if they hold one. Our faults cost nothing: those that we name.
    /// A request that cannot be decoded ends with INTERNAL too, in words that are none of ours.
    fn ended(&self, headers: &HeaderMap) {
        let refusal = Status::from_header_map(headers).and_then(|status| Refusal::from_status(&status));
        if refusal.and_then(|refusal| refusal.reason()).is_some_and(is_ours) {
            let bytes = self.bytes.swap(0, std::sync::atomic::Ordering::Relaxed);
            self.account.refund(bytes);
        }
    }
}

/// Whether the server is at fault, or its disk or clock.
const fn is_ours(reason: Reason) -> bool {
    match reason {
        Reason::Behind
        | Reason::ClockUnsteady
        | Reason::Damaged
        | Reason::DiskFull
        | Reason::Internal
        | Reason::NotWriting
        | Reason::OutcomeUnknown
        | Reason::ShuttingDown => true,
        Reason::BadCertificate
        | Reason::Busy
        | Reason::DigestMismatch
        | Reason::InvalidField
        | Reason::IssuerUnreachable
        | Reason::KeysNotHeld
        | Reason::NoCertificate
        | Reason::NoSuchAttachment
        | Reason::NoSuchEntry
        | Reason::NotAReader
        | Reason::NotYet
        | Reason::OverBudget
        | Reason::ReadOnly
        | Reason::Redacted
        | Reason::Stalled
        | Reason::StreamOrder
        | Reason::TokenKeyNotSeen
        | Reason::TooLarge
        | Reason::TooMuch
        | Reason::WrongOrigin => false,
    }
}

impl<S> Layer<S> for Door {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, door: self.clone() }
    }
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (bill, sight) = match self.door.admit(&request) {
            Ok(admitted) => admitted,
            Err(refusal) => return Box::pin(async move { Ok(Status::from(refusal).into_http()) }),
        };
        let (mut parts, body) = request.into_parts();
        // The answer charges each message before it is sent.
        parts.extensions.insert(bill.clone());
        parts.extensions.insert(sight);
        let request = Request::from_parts(parts, Body::new(Charged { body, bill: bill.clone() }));
        let served = self.inner.call(request);
        Box::pin(async move {
            let Ok(response) = served.await;
            bill.ended(response.headers());
            Ok(response.map(|body| Body::new(Watched { body, bill })))
        })
    }
}

/// The body of a request, charged as it comes.
struct Charged {
    body: Body,
    bill: Bill,
}

/// The body of an answer, watched for how it ends.
struct Watched {
    body: Body,
    bill: Bill,
}

impl http_body::Body for Charged {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
            && let Err(refusal) = self.bill.charge(data.len())
        {
            return Poll::Ready(Some(Err(refusal.into())));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            self.bill.ended(trailers);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

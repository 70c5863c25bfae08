//! Who comes in: this stands before each service but health, and before its bounds.
//!
//! ```text
//! call -> the caller's budget: over_budget
//!      -> may it read?         no_certificate, bad_certificate, not_a_reader
//!      -> the bounds of the service
//! ```
//!
//! Recording asks for no name: signatures say who may record.

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
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::bounds::excluded;
use super::budget::{Account, Budgets, Payer};
use super::peer::Peer;
use super::tls::{Presented, Tls};

/// The way into a service: a layer for it.
#[derive(Clone)]
pub(super) struct Door {
    budgets: Arc<Budgets>,
    /// Who may read, if this is a service that reads and not everybody may.
    reading: Option<Tls>,
}

/// A service behind its door.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    door: Door,
}

/// What a call costs its caller. Shared by its request and its answer.
#[derive(Debug, Clone)]
pub(super) struct Bill {
    account: Arc<Account>,
    bytes: Arc<std::sync::atomic::AtomicU64>,
}

impl Door {
    /// The way in for those who read.
    pub(super) fn for_readers(budgets: &Arc<Budgets>, tls: Option<&Tls>) -> Self {
        Self { budgets: Arc::clone(budgets), reading: tls.cloned() }
    }

    /// The way in for everybody.
    pub(super) fn open(budgets: &Arc<Budgets>) -> Self {
        Self { budgets: Arc::clone(budgets), reading: None }
    }

    /// Lets a call in, and opens its bill.
    fn admit(&self, request: &Request<Body>) -> Result<Bill, Refusal> {
        let peer = request.extensions().get::<Peer>().ok_or_else(excluded)?;
        let now = Instant::now();
        let payer = peer.payer();
        let account = self.budgets.of(&payer, now);
        account.call(now).map_err(|wait| over_budget(&payer, wait))?;
        if let Some(tls) = &self.reading {
            may_read(tls, peer.presented())?;
        }
        Ok(Bill { account, bytes: Arc::default() })
    }
}

/// Says why a caller may not read.
fn may_read(tls: &Tls, presented: &Presented) -> Result<(), Refusal> {
    tls.with_readers(|readers| {
        let Some(readers) = readers else { return Ok(()) };
        let client = match presented {
            Presented::Client(client) => client,
            Presented::Nothing => {
                let message = "this log is read by those with a client certificate on its list of readers: none was shown";
                return Err(Refusal::new(Reason::NoCertificate, message));
            }
            Presented::Refused(why) => {
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
    /// Charges bytes that moved.
    pub(super) fn charge(&self, bytes: usize) -> Result<(), Refusal> {
        let wide = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes.fetch_add(wide, std::sync::atomic::Ordering::Relaxed);
        if self.account.bytes(bytes, Instant::now()) {
            return Ok(());
        }
        let message = "the caller has moved two minutes' worth of bytes in one: this stream ends here";
        Err(Refusal::new(Reason::OverBudget, message).value(Refusal::RETRY_MS, 60_000))
    }

    /// The call ended with the status in these headers or trailers, if they hold one. Our faults cost nothing.
    fn ended(&self, headers: &HeaderMap) {
        let code = Status::from_header_map(headers).map(|status| status.code());
        let ours = [Code::Unavailable, Code::Internal, Code::DataLoss, Code::Unknown];
        if code.is_some_and(|code| ours.contains(&code)) {
            let bytes = self.bytes.swap(0, std::sync::atomic::Ordering::Relaxed);
            self.account.refund(bytes);
        }
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
        let bill = match self.door.admit(&request) {
            Ok(bill) => bill,
            Err(refusal) => return Box::pin(async move { Ok(Status::from(refusal).into_http()) }),
        };
        let (mut parts, body) = request.into_parts();
        // The answer charges each message before it is sent.
        parts.extensions.insert(bill.clone());
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

//! The way to the server: one channel, deadlines, and retries of what is safe to repeat.
//!
//! Every call of Custody is safe to repeat: reads change nothing, and recording the same content again
//! gives the first entry.

mod counted;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use custody_wire::convert::FieldError;
use custody_wire::v1::reader_client::ReaderClient;
use custody_wire::v1::recorder_client::RecorderClient;
use custody_wire::{Reason, Refusal, limits};
use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status, Streaming};

use counted::Counted;

use crate::tls::{Connector, MetTls, Protocol, TlsFileError, TlsRefusal, TlsSettings};

/// The first pause between two attempts; each next one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(100);

/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// A channel to one server.
#[derive(Debug, Clone)]
pub struct Connection {
    channel: Channel,
    met_tls: MetTls,
    server: String,
    patience: Patience,
    on_retry: Option<OnRetry>,
}

/// Is told of each pause before a call is tried again.
#[derive(Clone)]
pub struct OnRetry(Arc<dyn Fn(&Retry<'_>) + Send + Sync>);

/// A pause before a call is tried again.
#[derive(Debug)]
pub struct Retry<'a> {
    /// Why the last attempt failed.
    pub error: &'a CallError,
    /// How long the call has taken so far.
    pub waited: Duration,
    /// For how long it is tried again.
    pub left: Duration,
}

impl OnRetry {
    /// Wraps what is to be called.
    #[must_use]
    pub fn new(tell: impl Fn(&Retry<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

impl std::fmt::Debug for OnRetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnRetry")
    }
}

/// How long calls may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The deadline of one call, its retries included, unless `retry_for` is longer; then it is the deadline of
    /// one attempt.
    pub timeout: Duration,
    /// How long a server that cannot be reached is tried again. A reader at a terminal wants to know soon
    /// that the address is wrong; a CI job that records wants to outlive a restart of the server.
    pub retry_for: Duration,
}

/// Why a server's address is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a URL with `https://` or `http://` and a host.
    #[error("expected a server address like https://custody.example.com:4600, found {found:?}")]
    Form {
        /// The address given.
        found: String,
    },
    /// A scheme other than `https` and `http`.
    #[error("the scheme {scheme:?} is not supported, in the server address {found:?}")]
    Scheme {
        /// The scheme.
        scheme: String,
        /// The address given.
        found: String,
    },
    /// TLS cannot be used as the settings say.
    #[error(transparent)]
    Tls(#[from] TlsFileError),
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The server refused, with a stable reason word.
    #[error("the server refused: {}", .0.message())]
    Refused(Box<Refusal>),
    /// Nothing answered at the address.
    #[error("cannot reach the server at {server}: {why}")]
    Unreachable {
        /// The address.
        server: String,
        /// What the network said.
        why: String,
    },
    /// TLS says that the server is not to be spoken to.
    #[error("no TLS with the server at {server}: {why}")]
    Tls {
        /// The address.
        server: String,
        /// What was expected, and what was found.
        why: TlsRefusal,
    },
    /// The deadline passed.
    #[error("the server at {server} did not answer within {} s", .after.as_secs_f32())]
    TimedOut {
        /// The address.
        server: String,
        /// The deadline.
        after: Duration,
    },
    /// An answer holds more of something than any answer may.
    #[error("the server broke the protocol: {0}")]
    TooMany(FieldError),
    /// Something answered that is not a Custody server: a proxy, or another service.
    #[error("what answers at {server} does not behave like a Custody server: {code:?}: {why}")]
    Foreign {
        /// The address.
        server: String,
        /// The gRPC status.
        code: Code,
        /// The text that came with it.
        why: String,
    },
}

impl Connection {
    /// Makes a channel; the network is used by the first call.
    ///
    /// The files of TLS are read for an `https://` address.
    pub fn new(server: &str, patience: Patience, tls: &TlsSettings) -> Result<Self, AddressError> {
        let form = || AddressError::Form { found: server.to_owned() };
        let endpoint = Endpoint::from_shared(server.to_owned()).map_err(|_| form())?;
        let secure = match endpoint.uri().scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(scheme) => {
                return Err(AddressError::Scheme { scheme: scheme.to_owned(), found: server.to_owned() });
            }
            None => return Err(form()),
        };
        let host = endpoint.uri().host().filter(|host| !host.is_empty()).ok_or_else(form)?;
        let connector = if secure {
            Connector::secure(tls.load(Protocol::Http2)?, Protocol::Http2, host).ok_or_else(form)?
        } else {
            Connector::plain()
        };
        let endpoint = endpoint
            .connect_timeout(Duration::from_secs(5).min(patience.timeout))
            .http2_keep_alive_interval(Duration::from_secs(20))
            .user_agent(concat!("custody/", env!("CARGO_PKG_VERSION")))
            .map_err(|_| form())?;
        let met_tls = connector.met_tls();
        let channel = endpoint.connect_with_connector_lazy(connector);
        Ok(Self { channel, met_tls, server: server.to_owned(), patience, on_retry: None })
    }

    /// Returns the same connection, telling of retries.
    pub(crate) fn telling(self, on_retry: Option<OnRetry>) -> Self {
        Self { on_retry, ..self }
    }

    /// Returns the address.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    pub(crate) fn reader(&self) -> ReaderClient<Channel> {
        ReaderClient::new(self.channel.clone()).max_decoding_message_size(limits::MESSAGE_BYTES_MAX)
    }

    /// Makes a call with one answer, which may hold something many times.
    pub(crate) fn one<R: Counted>(
        &self,
        request: Request<R>,
    ) -> impl Future<Output = Result<Response<R::Answer>, Status>> + Send + use<R> {
        counted::one(self.channel.clone(), request)
    }

    /// Makes a call that is answered by a stream of messages, which may hold something many times.
    pub(crate) fn stream<R: Counted>(
        &self,
        request: Request<R>,
    ) -> impl Future<Output = Result<Response<Streaming<R::Answer>>, Status>> + Send + use<R> {
        counted::stream(self.channel.clone(), request)
    }

    pub(crate) fn recorder(&self) -> RecorderClient<Channel> {
        RecorderClient::new(self.channel.clone())
            .max_decoding_message_size(limits::MESSAGE_BYTES_MAX)
            .max_encoding_message_size(limits::MESSAGE_BYTES_MAX)
    }

    /// Runs a call until it has an answer, a refusal that stays, or no time left. `attempt` gets the time
    /// that is left, to send it along as the request's deadline.
    pub(crate) async fn call<T, F, Fut>(&self, attempt: F) -> Result<T, CallError>
    where
        F: Fn(Duration) -> Fut,
        Fut: Future<Output = Result<T, Status>>,
    {
        let start = Instant::now();
        let mut pause = PAUSE_FIRST;
        // What the server said last is a better answer than that the last attempt ran out of time.
        let mut said = None;
        loop {
            let left = self.patience.timeout.min(self.longest().saturating_sub(start.elapsed()));
            let status = match tokio::time::timeout(left, attempt(left)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(status)) => status,
                Err(_) => return Err(said.unwrap_or_else(|| self.timed_out(self.patience.timeout))),
            };
            let error = match (self.explain(&status), said.take()) {
                (CallError::TimedOut { .. }, Some(said)) => return Err(said),
                (error, _) => error,
            };
            let Some(patience) = self.retries(&error) else { return Err(error) };
            pause = pause.max(asked_for(&error));
            if start.elapsed() + pause >= patience {
                return Err(error);
            }
            tracing::debug!(%error, ?pause, "trying again");
            let waited = start.elapsed();
            if let Some(OnRetry(tell)) = &self.on_retry {
                tell(&Retry { error: &error, waited, left: patience.saturating_sub(waited) });
            }
            said = Some(error);
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Explains why a stream broke: Ok when another one may do better.
    pub(crate) fn broken(&self, status: &Status) -> Result<CallError, CallError> {
        let error = self.explain(status);
        let again = self.retries(&error).is_some() || matches!(error, CallError::TimedOut { .. });
        if again { Ok(error) } else { Err(error) }
    }

    /// Returns how long calls may take.
    pub(crate) const fn patience(&self) -> Patience {
        self.patience
    }

    /// Whether the same call may succeed later.
    pub(crate) fn goes_away(&self, error: &CallError) -> bool {
        self.retries(error).is_some()
    }

    /// Returns until when to try again after this error; none if it will not go away.
    fn retries(&self, error: &CallError) -> Option<Duration> {
        match error {
            CallError::Unreachable { .. } => Some(self.patience.retry_for),
            CallError::Refused(refusal) => match refusal.reason()? {
                Reason::Behind
                | Reason::Busy
                | Reason::NotWriting
                | Reason::ShuttingDown
                | Reason::Stalled
                | Reason::OutcomeUnknown
                | Reason::ClockUnsteady
                | Reason::IssuerUnreachable
                | Reason::TokenKeyNotSeen
                | Reason::OverBudget => Some(self.longest()),
                _ => None,
            },
            CallError::TimedOut { .. }
            | CallError::TooMany(_)
            | CallError::Foreign { .. }
            | CallError::Tls { .. } => None,
        }
    }

    /// Returns how long one call may take with all its retries.
    pub(crate) fn longest(&self) -> Duration {
        self.patience.timeout.max(self.patience.retry_for)
    }

    fn explain(&self, status: &Status) -> CallError {
        if let Some(refusal) = Refusal::from_status(status) {
            return CallError::Refused(Box::new(refusal));
        }
        if let Some(error) = counted::refusal(status) {
            return CallError::TooMany(error.clone());
        }
        if let Some(why) = tls_refusal(status) {
            return CallError::Tls { server: self.server.clone(), why };
        }
        let why = root_cause(status);
        if self.met_tls.get() {
            return CallError::Tls { server: self.server.clone(), why: TlsRefusal::SpeaksTls };
        }
        match status.code() {
            Code::Unavailable => CallError::Unreachable { server: self.server.clone(), why },
            Code::DeadlineExceeded | Code::Cancelled => self.timed_out(self.patience.timeout),
            // A connection that breaks in the middle of an answer is reported by the client itself.
            Code::Unknown if std::error::Error::source(status).is_some() => {
                CallError::Unreachable { server: self.server.clone(), why }
            }
            code => CallError::Foreign { server: self.server.clone(), code, why },
        }
    }

    /// Says that the server did not answer for so long.
    pub(crate) fn timed_out(&self, after: Duration) -> CallError {
        CallError::TimedOut { server: self.server.clone(), after }
    }
}

/// Returns how long the server asked us to wait.
fn asked_for(error: &CallError) -> Duration {
    match error {
        // What is waited is between half of a pause and all of it, and must not be too short.
        CallError::Refused(refusal) => refusal.retry_after().map_or(Duration::ZERO, |wait| wait * 2),
        _ => Duration::ZERO,
    }
}

/// Returns between half of a pause and all of it: callers whom one server left at once must not come back at once.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness the pause is a whole one.
    let filled = getrandom::fill(&mut byte).is_ok();
    let [random] = byte;
    let part = if filled { u32::from(random) } else { 255 };
    pause / 2 + pause * part / 510
}

/// Makes a request that carries its deadline, so that the server stops when nobody waits any more.
pub(crate) fn request<T>(message: T, deadline: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}

/// Finds what TLS refused among the causes.
fn tls_refusal(status: &Status) -> Option<TlsRefusal> {
    let first = std::error::Error::source(status);
    std::iter::successors(first, |error| error.source())
        .find_map(|error| error.downcast_ref::<TlsRefusal>())
        .cloned()
}

/// The network's own words are at the end of the chain of causes: "Connection refused".
fn root_cause(status: &Status) -> String {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(status);
    let mut text = status.message().to_owned();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    text
}

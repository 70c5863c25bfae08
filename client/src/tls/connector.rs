//! Makes the connections of a channel, plain or inside TLS.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, Error};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use super::{Protocol, TlsRefusal};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Connector {
    tcp: HttpConnector,
    /// None for `http://`.
    tls: Option<(TlsConnector, ServerName<'static>, Protocol)>,
    /// Whether a server answered in TLS where none was expected. HTTP/2 does not always hand on why a connection ended.
    met_tls: MetTls,
}

/// Whether TLS was met where none was expected.
#[derive(Debug, Clone, Default)]
pub(crate) struct MetTls(Arc<AtomicBool>);

impl MetTls {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection.
pub(crate) enum Stream {
    /// Without TLS.
    Plain(Plain),
    /// With TLS.
    Secure(Box<TlsStream<TcpStream>>),
}

/// A connection without TLS.
pub(crate) struct Plain {
    stream: TcpStream,
    /// Whether anything came yet.
    begun: bool,
    met_tls: MetTls,
}

impl Connector {
    /// Makes connections without TLS.
    pub(crate) fn plain() -> Self {
        Self { tcp: tcp(), tls: None, met_tls: MetTls::default() }
    }

    /// Makes connections with TLS to a host of this name; none if it can be no name.
    pub(crate) fn secure(config: Arc<ClientConfig>, protocol: Protocol, host: &str) -> Option<Self> {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let host = ServerName::try_from(host).ok()?;
        let tls = Some((TlsConnector::from(config), host, protocol));
        Some(Self { tcp: tcp(), tls, met_tls: MetTls::default() })
    }

    /// Returns what its connections will have met.
    pub(crate) fn met_tls(&self) -> MetTls {
        self.met_tls.clone()
    }
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, tls, met_tls) = (self.tcp.call(uri), self.tls.clone(), self.met_tls());
        Box::pin(async move {
            let stream = connecting.await?.into_inner();
            let Some((tls, host, protocol)) = tls else {
                return Ok(TokioIo::new(Stream::Plain(Plain { stream, begun: false, met_tls })));
            };
            let stream = tls.connect(host, stream).await.map_err(refusal)?;
            let agreed = stream.get_ref().1.alpn_protocol();
            if protocol == Protocol::Http2 && agreed != Some(protocol.alpn()) {
                return Err(TlsRefusal::NoHttp2.into());
            }
            Ok(TokioIo::new(Stream::Secure(Box::new(stream))))
        })
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// Tells what will not go away from what the network did.
fn refusal(error: io::Error) -> BoxError {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return error.into();
    };
    let why = tls.to_string();
    let refused = match tls {
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            other.0.downcast_ref::<TlsRefusal>().cloned()
        }
        Error::InvalidMessage(_) => Some(TlsRefusal::NotTls { why: why.clone() }),
        Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol) => Some(TlsRefusal::NoHttp2),
        Error::AlertReceived(_) => Some(TlsRefusal::Ended { why: why.clone() }),
        _ => None,
    };
    refused.unwrap_or(TlsRefusal::Certificate { why }).into()
}

/// The first bytes of an alert of TLS (RFC 8446 section 5.1): what a server with TLS says to a caller without it.
const ALERT: [u8; 2] = [21, 3];

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Secure(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Plain(Plain { stream, begun, met_tls }) => {
                let before = buffer.filled().len();
                let polled = Pin::new(stream).poll_read(context, buffer);
                let came = buffer.filled().get(before..).unwrap_or_default();
                if !*begun && came.starts_with(&ALERT) {
                    met_tls.0.store(true, Ordering::Relaxed);
                    return Poll::Ready(Err(io::Error::other(TlsRefusal::SpeaksTls)));
                }
                *begun |= !came.is_empty();
                polled
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(plain) => Pin::new(&mut plain.stream).poll_write(context, bytes),
            Self::Secure(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(plain) => Pin::new(&mut plain.stream).poll_flush(context),
            Self::Secure(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(plain) => Pin::new(&mut plain.stream).poll_shutdown(context),
            Self::Secure(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(plain) => Pin::new(&mut plain.stream).poll_write_vectored(context, slices),
            Self::Secure(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(plain) => plain.stream.is_write_vectored(),
            Self::Secure(stream) => stream.is_write_vectored(),
        }
    }
}

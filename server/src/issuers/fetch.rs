//! One small document over HTTPS, with bounds: what is fetched from an issuer is believed for what it is, and nothing more.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The longest head of an answer: 16 KiB.
const HEAD_MAX: usize = 16 << 10;

/// Why a document could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not a URL that is fetched.
    #[error("expected an https:// URL, or an http:// one of this machine")]
    Url,
    /// The name leads nowhere, or nobody takes the connection.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// An http:// URL of this machine whose name leads to another one.
    #[error("the name leads to {0}, which is not this machine: use https")]
    Elsewhere(SocketAddr),
    /// No authority of this system vouches for the other side, or it does not speak TLS.
    #[error("no TLS connection: {0}")]
    Tls(String),
    /// Not HTTP, or it ended early.
    #[error("the answer cannot be read: {0}")]
    Http(String),
    /// Another status than 200. A redirection is not followed.
    #[error("expected the status 200, found {0}")]
    Status(u16),
    /// Another type than JSON.
    #[error("expected JSON, found the content type {0:?}")]
    ContentType(String),
    /// Longer than is read.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    /// Not there in time.
    #[error("nothing came within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// Fetches documents.
#[derive(Clone)]
pub(super) struct Client {
    tls: Arc<ClientConfig>,
    timeout: Duration,
}

trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

impl Client {
    /// Believes the authorities that this system does. A document is there within `timeout`, or not at all.
    pub(super) fn new(timeout: Duration) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self { tls: Arc::new(tls), timeout }
    }

    /// Returns the JSON document at a URL, if it has at most `max` bytes.
    pub(super) async fn get(&self, url: &str, max: usize) -> Result<Vec<u8>, FetchError> {
        let fetched = tokio::time::timeout(self.timeout, self.fetch(url, max)).await;
        fetched.unwrap_or(Err(FetchError::TimedOut(self.timeout)))
    }

    async fn fetch(&self, url: &str, max: usize) -> Result<Vec<u8>, FetchError> {
        let uri: Uri = url.parse().map_err(|_| FetchError::Url)?;
        let authority = uri.authority().ok_or(FetchError::Url)?.clone();
        let connection = self.connect(&uri).await?;
        let read = |error: hyper::Error| FetchError::Http(error.to_string());
        let (mut sender, exchange) = http1::Builder::new()
            .max_buf_size(HEAD_MAX)
            .handshake(TokioIo::new(connection))
            .await
            .map_err(read)?;
        // Ends with the answer, or when the sender is dropped.
        let exchange = AbortOnDrop(tokio::spawn(exchange));
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let request = Request::get(path)
            .header(HOST, authority.as_str())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, "custodyd")
            .body(Empty::<Bytes>::new())
            .map_err(|_| FetchError::Url)?;
        let response = sender.send_request(request).await.map_err(read)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        check_type(response.headers())?;
        let body = Limited::new(response.into_body(), max).collect().await.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                FetchError::TooLong(max)
            } else {
                FetchError::Http(error.to_string())
            }
        })?;
        drop(exchange);
        Ok(body.to_bytes().to_vec())
    }

    async fn connect(&self, uri: &Uri) -> Result<Box<dyn Connection>, FetchError> {
        let host = uri.host().ok_or(FetchError::Url)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let encrypted = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let failed = |error: std::io::Error| FetchError::Connect(error.to_string());
        let stream = TcpStream::connect((host, port)).await.map_err(failed)?;
        if !encrypted {
            let peer = stream.peer_addr().map_err(failed)?;
            if !peer.ip().is_loopback() {
                return Err(FetchError::Elsewhere(peer));
            }
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| FetchError::Url)?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream =
            connector.connect(name, stream).await.map_err(|error| FetchError::Tls(error.to_string()))?;
        Ok(Box::new(stream))
    }
}

/// Whoever answers with a page for people is not the one who was asked.
fn check_type(headers: &http::HeaderMap) -> Result<(), FetchError> {
    let found = headers.get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?"));
    let essence = found.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    Err(FetchError::ContentType(found.chars().take(80).collect()))
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

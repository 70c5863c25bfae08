//! HTTP/1.1 as far as an issuer needs it: `GET`, one request a connection.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::Authority;

/// How long a caller may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server on a free port of loopback; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Http {
    url: String,
    address: std::net::SocketAddr,
    over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

/// What was asked for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Without the query.
    pub(super) path: String,
    query: String,
    headers: Vec<(String, String)>,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// None: the connection ends without a word.
    status: Option<u16>,
    content_type: &'static str,
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(value: &Value) -> Self {
        Self::typed("application/json; charset=utf-8", &value.to_string())
    }

    pub(super) fn typed(content_type: &'static str, body: &str) -> Self {
        Self { status: Some(200), content_type, location: None, body: body.as_bytes().to_vec() }
    }

    pub(super) fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::typed("text/plain", "") }
    }

    pub(super) fn none() -> Self {
        Self { status: None, ..Self::typed("text/plain", "") }
    }

    fn write(&self, stream: &mut impl Write) -> io::Result<()> {
        let Some(status) = self.status else { return Ok(()) };
        let location = self.location.as_ref().map_or_else(String::new, |url| format!("location: {url}\r\n"));
        let head = format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: {}\r\ncontent-length: {}\r\n{location}connection: close\r\n\r\n",
            self.content_type,
            self.body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(&self.body)?;
        stream.flush()
    }
}

impl Request {
    fn read(stream: impl Read) -> Option<Self> {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let first = lines.next()?;
        let target = first.strip_prefix("GET ")?.split(' ').next()?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let header = |line: String| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let headers = lines.take_while(|line| !line.is_empty()).filter_map(header).collect();
        Some(Self { path: path.to_owned(), query: query.to_owned(), headers })
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn query(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| decoded(value))
    }
}

/// Undoes the encoding of RFC 3986 section 2.1.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, others @ ..] = rest {
        let escaped = (*first == b'%').then(|| others.get(..2)).flatten();
        let byte = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &others[2..] } else { others };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Http {
    /// Answers each request in a thread of its own.
    pub(super) fn serve(
        authority: Option<&Authority>,
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let tls = authority.map(|authority| Arc::new(config(authority)));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let host = if tls.is_some() { "localhost" } else { "127.0.0.1" };
        let (over, answer) = (Arc::new(AtomicBool::new(false)), Arc::new(answer));
        let ends = Arc::clone(&over);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), answer, tls) = (stream, Arc::clone(&answer), tls.clone()) else { continue };
                // Who hangs up in the middle is answered no more.
                thread::spawn(move || talk(stream, tls, &*answer).ok());
            }
        });
        let url = format!("{scheme}://{host}:{}", address.port());
        Self { url, address, over, accepting: Some(accepting) }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // The listener wakes up for one more connection, and sees that it is over.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().ok();
        }
    }
}

fn talk(
    mut stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    answer: &dyn Fn(&Request) -> Answer,
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    if let Some(config) = tls {
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        let Some(request) = Request::read(&mut stream) else { return Ok(()) };
        answer(&request).write(&mut stream)?;
        stream.conn.send_close_notify();
        stream.flush()
    } else {
        let Some(request) = Request::read(&mut stream) else { return Ok(()) };
        answer(&request).write(&mut stream)
    }
}

fn config(authority: &Authority) -> ServerConfig {
    let issued = authority.server();
    let certificate = CertificateDer::from_pem_slice(issued.cert.as_bytes()).expect("a certificate in PEM");
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).expect("a key in PEM");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("versions of TLS").with_no_client_auth();
    builder.with_single_cert(vec![certificate], key).expect("a certificate and its key")
}

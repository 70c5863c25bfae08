//! A peer that stands still where no library of the protocol would: in the middle of a request, or with an answer that
//! it never reads.

use std::net::Ipv4Addr;
use std::time::Duration;

use custody_wire::v1::Log;
use h2::SendStream;
use h2::client::{ResponseFuture, SendRequest};
use prost::Message;
use prost::bytes::Bytes;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::server::{ORIGIN, Server};

/// One connection, and the requests on it.
#[derive(Debug)]
pub struct Peer {
    runtime: Runtime,
    requests: SendRequest<Bytes>,
    connection: JoinHandle<()>,
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    answer: Option<ResponseFuture>,
    body: SendStream<Bytes>,
}

impl Peer {
    /// Connects to a server, and lets it send no byte of any answer before it is read, which it never is.
    ///
    /// # Panics
    ///
    /// When the server cannot be reached.
    #[must_use]
    pub fn of(server: &Server) -> Self {
        Self::from(Ipv4Addr::LOCALHOST, server)
    }

    /// The same from this address of the loopback network, such as 127.0.0.2.
    ///
    /// # Panics
    ///
    /// When the server cannot be reached.
    #[must_use]
    pub fn from(address: Ipv4Addr, server: &Server) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let (requests, connection) = runtime.block_on(async {
            let socket = TcpSocket::new_v4().expect("there are sockets");
            socket.bind((address, 0).into()).expect("an address of this machine");
            let server = (Ipv4Addr::LOCALHOST, server.port()).into();
            let stream = socket.connect(server).await.expect("the server listens");
            let mut builder = h2::client::Builder::new();
            builder.initial_window_size(0);
            builder.handshake::<_, Bytes>(stream).await.expect("the server speaks HTTP/2")
        });
        let connection = runtime.spawn(async move { connection.await.unwrap_or_default() });
        Self { runtime, requests, connection, open: Vec::new() }
    }

    /// Returns the log that requests name.
    #[must_use]
    pub fn log() -> Option<Log> {
        Some(Log { origin: ORIGIN.to_owned(), min_size: 0 })
    }

    /// Sends a request to this path, but for so many bytes at its end; none missing ends the request. Keeps it open.
    ///
    /// # Panics
    ///
    /// When the connection is gone.
    pub fn ask(&mut self, path: &str, message: &impl Message, missing: usize) {
        let mut bytes = framed(message);
        bytes.truncate(bytes.len().saturating_sub(missing));
        self.send(path, bytes, missing == 0);
    }

    /// Begins a stream of requests to this path with a whole message, and sends nothing after it.
    ///
    /// # Panics
    ///
    /// When the connection is gone.
    pub fn begin(&mut self, path: &str, message: &impl Message) {
        self.send(path, framed(message), false);
    }

    fn send(&mut self, path: &str, bytes: Vec<u8>, ends: bool) {
        let open = self.runtime.block_on(async {
            let mut requests = self.requests.clone().ready().await.expect("the connection is there");
            let request = http::Request::post(format!("http://localhost{path}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(())
                .expect("a request can be made");
            let (answer, mut body) = requests.send_request(request, false).expect("a request can be sent");
            // One that is refused for its headers is answered already, and nobody takes its bytes.
            body.send_data(bytes.into(), ends).ok();
            Open { answer: Some(answer), body }
        });
        self.open.push(open);
    }

    /// Sends more of the newest request; false if nobody takes it any more.
    pub fn send_more(&mut self, bytes: &[u8]) -> bool {
        let bytes = Bytes::copy_from_slice(bytes);
        let runtime = &self.runtime;
        self.open.last_mut().is_some_and(|open| {
            let _inside = runtime.enter();
            open.body.send_data(bytes, false).is_ok()
        })
    }

    /// Returns how many requests have got an answer, or at least its beginning, within so long.
    pub fn answered(&mut self, within: Duration) -> usize {
        let Self { runtime, open, .. } = self;
        runtime.block_on(async {
            let end = tokio::time::Instant::now() + within;
            let mut answered = 0;
            for open in open {
                let Some(answer) = open.answer.as_mut() else {
                    answered += 1;
                    continue;
                };
                if let Ok(Ok(_)) = tokio::time::timeout_at(end, answer).await {
                    open.answer = None;
                    answered += 1;
                }
            }
            answered
        })
    }

    /// Returns whether the server has ended the connection.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.connection.is_finished()
    }
}

/// Returns a message as gRPC frames it.
fn framed(message: &impl Message) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    let length = u32::try_from(bytes.len()).expect("a request is small");
    [&[0][..], &length.to_be_bytes()[..], &bytes[..]].concat()
}

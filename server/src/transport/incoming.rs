//! Connections as they come: no more at once than there is room for, and none longer than its peer has use for it.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use tokio_stream::Stream;
use tonic::transport::server::Connected;

use super::address::{Addresses, Network};
use super::link::Link;
use super::outgoing::Outgoing;
use super::peer::{PREFACE_LEN, Peer};
use super::tls::Tls;

/// How long nothing is accepted after the system refused to: it is out of files or memory, and asking at once would
/// only keep a processor busy.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// How often it is said that connections were closed: each minute one line, however many there were.
const SAY_EVERY: Duration = Duration::from_mins(1);

/// How often a connection is looked at, as a part of the time that a peer may stand still: every 3 s of 30.
const LOOKS: u32 = 10;

/// A connection that counts against the limit as long as it lives. It ends with an error when its peer is overdue.
pub(super) struct Connection {
    link: Link,
    outgoing: Outgoing,
    peer: Peer,
    made: Instant,
    /// Bytes that came, up to those of the preface. With TLS those inside it, so a handshake has no more time than a preface.
    read: usize,
    /// When it is looked at again.
    look: Pin<Box<Sleep>>,
    every: Duration,
    places: Arc<Semaphore>,
    _place: OwnedSemaphorePermit,
    _of_address: OwnedSemaphorePermit,
}

/// Accepts at most `connections` at once, each when a place is free. Their peers may stand still for `stall`. An address that
/// has its part of them is served no more: a connection that waited for its neighbours would keep others from the next one.
pub(super) fn accept(
    listener: TcpListener,
    connections: usize,
    stall: Duration,
    tls: Option<Tls>,
) -> impl Stream<Item = std::io::Result<Connection>> {
    let places = Arc::new(Semaphore::new(connections));
    let addresses = Addresses::new(connections);
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let mut failing = false;
        let mut crowd = Crowd::default();
        // Ends when the server no longer takes connections.
        while let Ok(place) = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = sender.closed() => return,
        } {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = sender.closed() => return,
            };
            // Without nodelay, the second packet of each answer waits 40 ms for a delayed acknowledgement.
            let stream =
                accepted.and_then(|(stream, from)| stream.set_nodelay(true).map(|()| (stream, from.ip())));
            match stream {
                Ok((stream, from)) => {
                    failing = false;
                    let address = addresses.of(from);
                    let Ok(of_address) = Arc::clone(&address.connections).try_acquire_owned() else {
                        crowd.closed(address.network);
                        continue;
                    };
                    let connection = Connection {
                        link: Link::new(stream, tls.as_ref()),
                        outgoing: Outgoing::default(),
                        peer: Peer::new(stall, address, Instant::now()),
                        made: Instant::now(),
                        read: 0,
                        look: Box::pin(tokio::time::sleep(stall / LOOKS)),
                        every: stall / LOOKS,
                        places: Arc::clone(&places),
                        _place: place,
                        _of_address: of_address,
                    };
                    if sender.send(Ok(connection)).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "connections cannot be accepted; trying on");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    });
    tokio_stream::wrappers::ReceiverStream::new(receiver)
}

/// Connections that were closed because their address has its part.
#[derive(Default)]
struct Crowd {
    count: u64,
    said: Option<Instant>,
}

impl Crowd {
    /// Tells of it, once a minute.
    fn closed(&mut self, from: Network) {
        self.count = self.count.saturating_add(1);
        let now = Instant::now();
        if self.said.is_none_or(|said| now >= said + SAY_EVERY) {
            let count = std::mem::take(&mut self.count);
            tracing::warn!(count, %from, "closed connections of an address that has its part; count is since the last such line");
            self.said = Some(now);
        }
    }
}

impl Connection {
    /// Goes on with the handshake of TLS, if there is one.
    fn begin(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.look(context)?;
        if let Some(standing) = ready!(self.link.begin(context))? {
            self.peer.shows(standing);
        }
        Poll::Ready(Ok(()))
    }

    /// Fails when the peer is overdue. Every read and write looks, so whatever the connection waits for, it is woken.
    fn look(&mut self, context: &mut Context<'_>) -> std::io::Result<()> {
        while self.look.as_mut().poll(context).is_ready() {
            let now = Instant::now();
            let crowded = self.places.available_permits() == 0;
            if let Some(overdue) = self.peer.overdue(self.made, self.read, crowded, now) {
                tracing::debug!(?overdue, peer = ?self.link.peer(), "a connection is cut off");
                self.link.overdue();
                return Err(std::io::ErrorKind::TimedOut.into());
            }
            self.look.as_mut().reset(now + self.every);
        }
        Ok(())
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        ready!(self.begin(context))?;
        let this = &mut *self;
        this.outgoing.poll_turn(Pin::new(&mut this.link), context)?;
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.link).poll_read(context, buffer);
        let came = buffer.filled().len().saturating_sub(before);
        self.read = self.read.saturating_add(came).min(PREFACE_LEN);
        polled
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.poll_write_vectored(context, &[std::io::IoSlice::new(bytes)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        ready!(self.begin(context))?;
        let this = &mut *self;
        this.outgoing.poll_flush(Pin::new(&mut this.link), context, this.peer.awaits_several())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.look(context)?;
        let this = &mut *self;
        ready!(this.outgoing.poll_write(Pin::new(&mut this.link), context))?;
        Pin::new(&mut this.link).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        ready!(self.begin(context))?;
        let this = &mut *self;
        this.outgoing.poll_take(Pin::new(&mut this.link), context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

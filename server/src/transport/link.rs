//! The bytes of a connection, plain or inside TLS. The handshake is part of the first read: so whoever reads sees to it, and
//! the time that a peer has to begin runs for both.

use std::future::Future as _;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::tls::{Standing, Tls};

/// A connection as it comes from the network.
pub(super) enum Link {
    /// Without TLS.
    Plain(TcpStream),
    /// A handshake under way.
    Shaking(Box<Shaking>),
    /// With TLS.
    Secure(Box<TlsStream<TcpStream>>),
    /// The handshake failed.
    Failed,
}

/// A handshake under way.
pub(super) struct Shaking {
    tls: Tls,
    accept: tokio_rustls::Accept<TcpStream>,
    from: Option<SocketAddr>,
}

impl Link {
    pub(super) fn new(stream: TcpStream, tls: Option<&Tls>) -> Self {
        let Some(tls) = tls else { return Self::Plain(stream) };
        let from = stream.peer_addr().ok();
        Self::Shaking(Box::new(Shaking { tls: tls.clone(), accept: tls.acceptor().accept(stream), from }))
    }

    /// Goes on with the handshake; says who the peer is once it is done, and nothing if it was done before.
    pub(super) fn begin(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Standing>>> {
        let Self::Shaking(shaking) = self else {
            let failed = matches!(self, Self::Failed);
            return Poll::Ready(if failed { Err(ErrorKind::ConnectionAborted.into()) } else { Ok(None) });
        };
        let done = ready!(Pin::new(&mut shaking.accept).poll(context));
        let (tls, from) = (shaking.tls.clone(), shaking.from);
        *self = Self::Failed;
        let stream = match done {
            Ok(stream) => stream,
            Err(error) => {
                // Who only looks whether the port is open leaves without a word: nothing failed.
                if error.kind() != ErrorKind::UnexpectedEof {
                    tls.failed(from, &error);
                }
                return Poll::Ready(Err(error));
            }
        };
        let (_, session) = stream.get_ref();
        if !Tls::speaks(session.alpn_protocol()) {
            let error =
                io::Error::new(ErrorKind::InvalidData, "expected HTTP/2 (ALPN h2), found no word of it");
            tls.failed(from, &error);
            return Poll::Ready(Err(error));
        }
        let standing = Standing::new(&tls, session.peer_certificates());
        *self = Self::Secure(Box::new(stream));
        Poll::Ready(Ok(Some(standing)))
    }

    /// The peer was too slow: counts a handshake that did not come to its end.
    pub(super) fn overdue(&self) {
        if let Self::Shaking(shaking) = self {
            shaking.tls.failed(shaking.from, &"it did not come to its end in time");
        }
    }

    pub(super) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Plain(stream) => stream.peer_addr().ok(),
            Self::Shaking(shaking) => shaking.from,
            Self::Secure(stream) => stream.get_ref().0.peer_addr().ok(),
            Self::Failed => None,
        }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut dyn ReadWrite>> {
        match self {
            Self::Plain(stream) => Ok(Pin::new(stream)),
            Self::Secure(stream) => Ok(Pin::new(stream.as_mut())),
            // Nobody comes here before the handshake.
            Self::Shaking(_) | Self::Failed => Err(ErrorKind::NotConnected.into()),
        }
    }
}

trait ReadWrite: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> ReadWrite for T {}

impl AsyncRead for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Link {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().stream()?.poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            // There is nothing to take leave of.
            Self::Shaking(_) | Self::Failed => Poll::Ready(Ok(())),
            link => link.stream()?.poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().stream()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            // Records of TLS are made of what is copied in any case.
            Self::Shaking(_) | Self::Secure(_) | Self::Failed => true,
        }
    }
}

//! Answers of many messages: what they hold before HTTP/2 takes them over.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use custody_wire::{Reason, Refusal};
use prost::bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::PATIENCE;
use super::peer::Peer;

/// How many messages of a stream wait for the reader.
const AHEAD: usize = 2;

/// What all streams hold at most: 512 MiB, so 56 streams of entries, or 8 of the largest envelopes, at once.
pub(super) const MEMORY_MAX: u64 = 512 << 20;

/// What memory is counted in: 1 MiB.
const MEMORY_UNIT: u64 = 1 << 20;

/// What streams may hold, in units. Taken before anything is read for them.
#[derive(Debug, Clone)]
pub(super) struct StreamMemory(Arc<Semaphore>);

/// What one stream holds: of its connection's memory, of its address's, and of that of all.
#[derive(Debug)]
pub(super) struct Place {
    _own: OwnedSemaphorePermit,
    _address: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

/// Where the messages of a stream go.
pub(super) type Sender<T> = mpsc::Sender<Result<T, Status>>;

/// Messages that are made when there is room for them. They hold their place until the last one is handed on, or
/// nobody wants them.
pub(super) struct Messages<T> {
    receiver: ReceiverStream<Result<T, Status>>,
    _place: Arc<Place>,
}

impl StreamMemory {
    /// What all streams may hold.
    pub(super) fn new() -> Self {
        Self::of(MEMORY_MAX)
    }

    /// So many bytes.
    pub(super) fn of(bytes: u64) -> Self {
        let units = usize::try_from(bytes / MEMORY_UNIT).unwrap_or(Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(units)))
    }

    /// Takes the memory that a stream to this peer holds; waits for it as long as for a size. First comes what the peer
    /// itself has to give: a connection that stands still takes no more than its share.
    pub(super) async fn place(&self, peer: &Peer, bytes: u64) -> Result<Place, Refusal> {
        let busy = || Refusal::new(Reason::Busy, "too much is being read at once");
        let units = u32::try_from(bytes.div_ceil(MEMORY_UNIT)).map_err(|_| busy())?;
        let place = async {
            let [own, address] = peer.memory();
            let own = own.take(units).await?;
            let address = address.take(units).await?;
            Some(Place { _own: own, _address: address, _all: self.take(units).await? })
        };
        tokio::time::timeout(PATIENCE, place).await.ok().flatten().ok_or_else(busy)
    }

    async fn take(&self, units: u32) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).acquire_many_owned(units).await.ok()
    }
}

impl<T: Send + 'static> Messages<T> {
    /// Starts to make messages. Who makes them stops when one cannot be delivered: the reader has gone, or was cut off.
    pub(super) fn made_by<F>(place: Place, make: impl FnOnce(Sender<T>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let place = Arc::new(place);
        let (held, work) = (Arc::clone(&place), make(sender));
        tokio::spawn(async move {
            work.await;
            drop(held);
        });
        Self { receiver: ReceiverStream::new(receiver), _place: place }
    }
}

impl<T> Stream for Messages<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.receiver).poll_next(context)
    }
}

/// Hands a message to the reader; false if it has gone, or was cut off.
pub(super) async fn deliver<T>(sender: &Sender<T>, message: Result<T, Status>) -> bool {
    sender.send(message).await.is_ok()
}

/// Returns bytes that hold a place, as do all pieces of them, until the last one is dropped.
pub(super) fn placed(bytes: Vec<u8>, place: Place) -> Bytes {
    Bytes::from_owner(Placed { bytes, _place: place })
}

struct Placed {
    bytes: Vec<u8>,
    _place: Place,
}

impl AsRef<[u8]> for Placed {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

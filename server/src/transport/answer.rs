//! Answers on their way out.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::HeaderMap;
use http_body::Frame;
use prost::bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;

use super::door::Bill;
use super::peer::{Call, UNIT};
use super::places::{Desk, Place};
use super::portion::Taken;

/// The largest piece that is handed on at once: what a peer takes is noticed in such steps.
const PIECE_MAX: usize = 64 << 10;

/// What a message on its way out is counted by: its connection's share, and that of its address and its service.
type Counted = Option<(OwnedSemaphorePermit, Taken)>;

/// What a call has until its answer is counted, if that is one message.
pub(super) struct Held {
    /// The part of its connection's share that the largest answer takes. Taken before the place: a connection that stands
    /// still waits for itself where nobody waits for it.
    pub(super) room: OwnedSemaphorePermit,
    /// The place in its service. None for a stream of requests: that has one among all streams, as long as it is read.
    pub(super) place: Option<Place>,
}

type Counting = Pin<Box<dyn Future<Output = Counted> + Send>>;

/// The body of an answer. Each message is counted before it is handed on, and until HTTP/2 has given its last byte to
/// the network or lost the connection: the bytes themselves hold the count.
pub(super) struct Answer {
    body: Body,
    call: Arc<Call>,
    desk: Desk,
    counts: Arc<Semaphore>,
    /// What its caller pays; nothing for health.
    bill: Option<Bill>,
    counting: Option<Counting>,
    /// What is left of the message at hand, and its count.
    message: Bytes,
    counted: Arc<Counted>,
    /// None once the answer is counted, and for streams of answers.
    held: Option<Held>,
}

/// A piece of a message. Dropping it says that it was taken.
struct Piece {
    bytes: Bytes,
    call: Arc<Call>,
    _counted: Arc<Counted>,
}

impl Answer {
    /// Counts the answer to a call of this service, whose answers are counted in `counts`.
    pub(super) fn new(
        body: Body,
        call: Arc<Call>,
        (desk, counts): (Desk, Arc<Semaphore>),
        held: Option<Held>,
        bill: Option<Bill>,
    ) -> Self {
        let (message, counted) = (Bytes::new(), Arc::new(None));
        Self { body, call, desk, counts, bill, counting: None, message, counted, held }
    }

    /// Starts to count a message.
    fn count(&mut self, message: Bytes) {
        let units = message.len().div_ceil(UNIT);
        let peer = self.call.peer();
        let (own, of_all) = (peer.answers(), peer.answered(self.desk, &self.counts));
        let held = self.held.take();
        self.message = message;
        self.counting = Some(Box::pin(async move {
            let (room, _place) = held.map_or((None, None), |held| (Some(held.room), held.place));
            // One after the other: a connection that waits for itself takes nothing from the others.
            let own = fit(room, units, own).await?;
            Some((own, of_all.take(narrow(units)).await?))
        }));
    }

    fn next_piece(&mut self) -> Bytes {
        let bytes = self.message.split_to(self.message.len().min(PIECE_MAX));
        self.call.sent(bytes.len());
        let (call, counted) = (Arc::clone(&self.call), Arc::clone(&self.counted));
        Bytes::from_owner(Piece { bytes, call, _counted: counted })
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if let Some(counting) = self.counting.as_mut() {
                let Poll::Ready(counted) = counting.as_mut().poll(context) else {
                    self.call.ours();
                    return Poll::Pending;
                };
                self.counting = None;
                self.counted = Arc::new(counted);
            }
            if !self.message.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(self.next_piece()))));
            }
            // The pieces hold it from here on.
            self.counted = Arc::new(None);
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => {
                    self.call.ours();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(message) if message.is_empty() => {}
                    Ok(message) => match self.bill.as_ref().map_or(Ok(()), |bill| bill.charge(message.len()))
                    {
                        Ok(()) => self.count(message),
                        // Between two messages a stream can be ended with a status.
                        Err(refusal) => {
                            self.body = Body::empty();
                            let mut trailers = HeaderMap::new();
                            return Poll::Ready(match Status::from(refusal).add_header(&mut trailers) {
                                Ok(()) => Some(Ok(Frame::trailers(trailers))),
                                Err(status) => Some(Err(status)),
                            });
                        }
                    },
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                ended @ Poll::Ready(_) => return ended,
            }
        }
    }
}

/// Makes the room that is there as large as the message: what is too much goes back, what lacks is waited for.
async fn fit(
    room: Option<OwnedSemaphorePermit>,
    units: usize,
    own: Arc<Semaphore>,
) -> Option<OwnedSemaphorePermit> {
    let Some(mut room) = room else { return own.acquire_many_owned(narrow(units)).await.ok() };
    let have = room.num_permits();
    drop(room.split(have.saturating_sub(units)));
    if have < units {
        room.merge(own.acquire_many_owned(narrow(units - have)).await.ok()?);
    }
    Some(room)
}

fn narrow(units: usize) -> u32 {
    u32::try_from(units).unwrap_or(u32::MAX)
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.call.taken(self.bytes.len());
    }
}

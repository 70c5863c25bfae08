//! Requests on their way in.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use custody_wire::limits::MESSAGE_BYTES_MAX;
use custody_wire::{Reason, Refusal};
use http_body::Frame;
use http_body_util::BodyExt as _;
use prost::bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use tonic::Status;
use tonic::body::Body;

use super::PATIENCE;
use super::patience::Patience;
use super::peer::{Peer, UNIT};
use super::portion::{Portion, Taken};

/// Length of what precedes a gRPC message: whether it is compressed, and its length.
pub(super) const PREFIX_LEN: usize = 5;

/// How often an arriving byte is held at once: as it came, and as the message that it is part of.
const COPIES: usize = 2;

/// A request that is here, and counted as long as this is kept.
pub(super) struct Arrived {
    pub(super) bytes: Bytes,
    pub(super) counted: Counted,
}

/// What a request takes of what its connection may send at once, and of what its address and all may.
#[derive(Default)]
pub(super) struct Counted {
    own: Option<OwnedSemaphorePermit>,
    came: Option<Taken>,
}

/// Waits for all of a request of one message. What came so far is counted in `arrived`; what did not come yet costs
/// others nothing. Of its connection's share it takes all that it announces, or is refused: if it waited instead, what its
/// sender has on the way would fill the window of the connection, and those that do not wait would never come to their
/// end.
pub(super) async fn whole(body: Body, peer: &Peer, arrived: &Arc<Semaphore>) -> Result<Arrived, Refusal> {
    let mut body = Arriving::new(body, peer.stall());
    let mut bytes = BytesMut::new();
    let mut counted = Counted::default();
    let places = peer.arrived(arrived);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|status| interrupted(&status))?.into_data() else { continue };
        counted.add(bytes.len().saturating_add(data.len()), &places).await?;
        bytes.extend_from_slice(&data);
        let Some(length) = announced(&bytes) else { continue };
        if length > MESSAGE_BYTES_MAX {
            let message = format!("a message has at most {MESSAGE_BYTES_MAX} bytes");
            return Err(Refusal::new(Reason::TooLarge, message).value("max", MESSAGE_BYTES_MAX));
        }
        if bytes.len() > PREFIX_LEN.saturating_add(length) {
            return Err(Refusal::new(Reason::StreamOrder, "a request of this call is one message"));
        }
        if counted.own.is_none() {
            let own = peer.arriving().try_acquire_many_owned(units(PREFIX_LEN.saturating_add(length)));
            counted.own = Some(own.map_err(|_| busy(" on this connection"))?);
        }
    }
    Ok(Arrived { bytes: bytes.freeze(), counted })
}

/// Returns the length that a message announces, once that is here.
fn announced(bytes: &[u8]) -> Option<usize> {
    let (prefix, _) = bytes.split_first_chunk::<PREFIX_LEN>()?;
    Some(message_length(*prefix))
}

/// Returns the length that the prefix of a message says.
pub(super) fn message_length([_, length @ ..]: [u8; PREFIX_LEN]) -> usize {
    usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX)
}

impl Counted {
    /// Counts a request of which so many bytes came.
    async fn add(&mut self, length: usize, places: &Portion) -> Result<(), Refusal> {
        let have = self.came.as_ref().map_or(0, Taken::units);
        let more = units(length).saturating_sub(u32::try_from(have).unwrap_or(u32::MAX));
        let more = places.take(more);
        let Ok(Some(more)) = tokio::time::timeout(PATIENCE, more).await else { return Err(busy("")) };
        match self.came.as_mut() {
            Some(came) => came.merge(more),
            None => self.came = Some(more),
        }
        Ok(())
    }
}

/// What so many bytes of a request are counted as.
fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.saturating_mul(COPIES).div_ceil(UNIT)).unwrap_or(u32::MAX)
}

/// The body of a request whose peer may not stand still for long.
pub(super) struct Arriving {
    body: Body,
    stall: Duration,
    patience: Patience,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Arriving {
    pub(super) fn new(body: Body, stall: Duration) -> Self {
        Self { body, stall, patience: Patience::new(stall), alarm: None }
    }

    /// Sees to it that the body is asked again when the peer's time is over; true if it is.
    fn overdue(&mut self, context: &mut Context<'_>) -> bool {
        self.patience.wait(Instant::now());
        let Some(end) = self.patience.ends() else { return false };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        if alarm.deadline() != end {
            alarm.as_mut().reset(end);
        }
        alarm.as_mut().poll(context).is_ready()
    }
}

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_pending() {
            if !self.overdue(context) {
                return Poll::Pending;
            }
            let message = format!("what was sent stood still for {} seconds", self.stall.as_secs());
            return Poll::Ready(Some(Err(Refusal::new(Reason::Stalled, message).into())));
        }
        let now = Instant::now();
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.patience.moved(frame.data_ref().map_or(0, Bytes::len), now);
        }
        self.patience.rest(now);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

/// Says why a request did not come to its end: our own refusal, or what the network met.
pub(super) fn interrupted(status: &Status) -> Refusal {
    Refusal::from_status(status).unwrap_or_else(|| {
        let message = format!("the request did not arrive: {}", status.message());
        Refusal::with_word(tonic::Code::Cancelled, "interrupted", message)
    })
}

fn busy(place: &str) -> Refusal {
    Refusal::new(Reason::Busy, format!("too much is being sent at once{place}"))
}

//! Streams of requests: none has a place among all before its header is here.

use std::pin::Pin;
use std::task::{Context, Poll};

use custody_wire::{Reason, Refusal};
use http_body::Frame;
use prost::bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;
use tonic::body::Body;

use super::arriving::{PREFIX_LEN, message_length};
use super::portion::{Portion, Taken};

/// The largest header of a stream: 20 KiB. It names the log, in at most 255 bytes, a digest and a length, and may hold an identity
/// token of 16 KiB and a key. Four of a connection may be half here: with 1,024 connections they are 80 MiB.
const HEADER_MAX: usize = 20 << 10;

/// The body of a stream of requests. It takes a place among all streams with the last byte of its header, and keeps it, and
/// its turn on its connection, until nobody reads it any more.
pub(super) struct Opening {
    body: Body,
    header: Header,
    places: Portion,
    place: Option<Taken>,
    _turn: OwnedSemaphorePermit,
}

/// How far the first message has come.
#[derive(Default)]
struct Header {
    prefix: [u8; PREFIX_LEN],
    came: usize,
}

impl Opening {
    pub(super) fn new(body: Body, turn: OwnedSemaphorePermit, places: Portion) -> Self {
        Self { body, header: Header::default(), places, place: None, _turn: turn }
    }

    fn came(&mut self, data: &[u8]) -> Result<(), Refusal> {
        if self.place.is_none() && self.header.is_whole_with(data)? {
            let busy = || Refusal::new(Reason::Busy, "too many streams of requests are open");
            self.place = Some(self.places.take_now(1).ok_or_else(busy)?);
        }
        Ok(())
    }
}

impl Header {
    /// Takes what came next of the stream, and says whether the first message is here in whole.
    fn is_whole_with(&mut self, data: &[u8]) -> Result<bool, Refusal> {
        for (place, byte) in self.prefix.iter_mut().skip(self.came).zip(data) {
            *place = *byte;
        }
        self.came = self.came.saturating_add(data.len());
        if self.came < PREFIX_LEN {
            return Ok(false);
        }
        let length = message_length(self.prefix);
        if length > HEADER_MAX {
            let message =
                format!("the first message must be the header, of at most {HEADER_MAX} bytes, not {length}");
            return Err(Refusal::new(Reason::StreamOrder, message));
        }
        Ok(self.came >= PREFIX_LEN.saturating_add(length))
    }
}

impl http_body::Body for Opening {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
            && let Err(refusal) = self.came(data)
        {
            return Poll::Ready(Some(Err(refusal.into())));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(length: usize) -> Vec<u8> {
        [&[0][..], &u32::try_from(length).unwrap().to_be_bytes(), &vec![7; length]].concat()
    }

    #[test]
    fn a_header_is_whole_with_its_last_byte_however_it_comes() {
        for length in [0, 1, 300, HEADER_MAX] {
            let bytes = header(length);
            for piece in [1, 2, 4, 5, 7, bytes.len()] {
                let mut header = Header::default();
                let mut came = 0;
                for data in bytes.chunks(piece) {
                    came += data.len();
                    assert_eq!(
                        header.is_whole_with(data).unwrap(),
                        came == bytes.len(),
                        "{came} of {length}"
                    );
                }
            }
            assert!(Header::default().is_whole_with(&[&bytes[..], b"more"].concat()).unwrap());
        }
    }

    #[test]
    fn what_is_too_long_for_a_header_is_refused_by_its_length() {
        let refused = Header::default().is_whole_with(&header(HEADER_MAX + 1)[..PREFIX_LEN]);
        assert_eq!(refused.unwrap_err().reason(), Some(Reason::StreamOrder));
    }
}

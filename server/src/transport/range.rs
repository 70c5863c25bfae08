//! A range of the log as a stream: what an auditor reads from one end to the other.
//!
//! Each message is made when there is room for it, so a slow reader holds two messages and no thread. An envelope
//! above the unary limit is read whole, to check its digest, and holds its own place in the memory of all streams.

use std::sync::Arc;

use custody_log::{LeafIndex, TreeSize};
use custody_wire::Refusal;
use custody_wire::limits::{PIECE_BYTES_MAX, RANGE_BYTES, RANGE_ENTRIES_MAX, UNARY_ENVELOPE_BYTES_MAX};
use custody_wire::v1::get_range_response::Part;
use custody_wire::v1::{GetRangeResponse, RangeEntries, RangeEntry};
use prost::bytes::Bytes;

use super::messages::{self, Messages, Place, StreamMemory, deliver, placed};
use super::peer::Peer;
use super::{blocking, status};
use crate::journal::{self, ReadError};
use crate::ledger::Head;

type Sender = messages::Sender<GetRangeResponse>;

/// Sends the checkpoint, then the entries from `first` up to `end`, which is not larger than the head.
pub(super) fn stream(
    head: Arc<Head>,
    first: LeafIndex,
    end: TreeSize,
    (memory, peer): (StreamMemory, Peer),
    place: Place,
) -> Messages<GetRangeResponse> {
    Messages::made_by(place, |sender| async move {
        if let Err(refusal) = send(&head, first, end, (&memory, &peer), &sender).await {
            deliver(&sender, Err(refusal.into())).await;
        }
    })
}

/// Ends early, without an error, when the reader is gone or was cut off.
async fn send(
    head: &Arc<Head>,
    first: LeafIndex,
    end: TreeSize,
    memory: (&StreamMemory, &Peer),
    sender: &Sender,
) -> Result<(), Refusal> {
    let mut goes_on = put(sender, Part::Checkpoint(Bytes::copy_from_slice(head.checkpoint_bytes()))).await;
    let mut next = first;
    while goes_on && end.contains(next) {
        let reader = head.journal.clone();
        let read = blocking(move || read(&reader, next, end)).await?;
        next = read.next;
        goes_on = put(sender, Part::Entries(RangeEntries { entries: read.entries })).await;
        if let Some((index, length)) = read.large.filter(|_| goes_on) {
            goes_on = send_large(head, index, length, memory, sender).await?;
        }
    }
    Ok(())
}

/// Sends an envelope in pieces; false if the reader is gone.
async fn send_large(
    head: &Arc<Head>,
    index: LeafIndex,
    length: u64,
    memory: (&StreamMemory, &Peer),
    sender: &Sender,
) -> Result<bool, Refusal> {
    let (memory, peer) = memory;
    let place = memory.place(peer, length).await?;
    let reader = head.journal.clone();
    let bytes = blocking(move || reader.envelope(index).map_err(|error| status::read(&error))).await?;
    let mut rest = placed(bytes, place);
    while !rest.is_empty() {
        let piece = rest.split_to(rest.len().min(PIECE_BYTES_MAX));
        if !put(sender, Part::Envelope(piece)).await {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn put(sender: &Sender, part: Part) -> bool {
    deliver(sender, Ok(GetRangeResponse { part: Some(part) })).await
}

/// What one message takes.
struct Read {
    entries: Vec<RangeEntry>,
    /// The first entry of the next message.
    next: LeafIndex,
    /// The last entry, if its envelope follows in pieces, and how long that is.
    large: Option<(LeafIndex, u64)>,
}

/// Reads entries until a message is full, or the envelope of the last one follows in pieces.
fn read(journal: &journal::Reader, first: LeafIndex, end: TreeSize) -> Result<Read, Refusal> {
    let mut read = Read { entries: Vec::new(), next: first, large: None };
    let mut bytes = 0;
    while end.contains(read.next)
        && bytes < RANGE_BYTES
        && read.entries.len() < RANGE_ENTRIES_MAX
        && read.large.is_none()
    {
        let stored = match journal.stored_up_to(read.next, UNARY_ENVELOPE_BYTES_MAX) {
            Err(ReadError::Redacted { index, .. }) => {
                let entry = journal.entry(index).map_err(|error| status::read(&error))?;
                bytes += entry.len();
                read.entries.push(RangeEntry {
                    entry: entry.into(),
                    record: Bytes::new(),
                    envelope: Bytes::new(),
                    record_erased: true,
                    envelope_erased: true,
                });
                read.next = index.next();
                continue;
            }
            stored => stored.map_err(|error| status::read(&error))?,
        };
        if stored.envelope.is_none() {
            read.large = Some((read.next, stored.entry.envelope.length));
        }
        let envelope = stored.envelope.unwrap_or_default();
        bytes += stored.bytes.len() + stored.record.len() + envelope.len();
        read.entries.push(RangeEntry {
            entry: stored.bytes.into(),
            record: stored.record.into(),
            envelope: envelope.into(),
            record_erased: false,
            envelope_erased: false,
        });
        read.next = read.next.next();
    }
    Ok(read)
}

//! The service that hands out entries, envelopes, proofs and checkpoints.

use std::sync::Arc;

use custody_evidence::admission::AdmissionRecord;
use custody_log::{BlobDigest, Entry, LeafIndex, TilePath, Timestamp, TreeSize};
use custody_wire::convert::{blob_digest, hashes_to_wire, leaf_index, optional_size, tree_size};
use custody_wire::limits::{ENTRIES_MAX, PIECE_BYTES_MAX, UNARY_ENVELOPE_BYTES_MAX};
use custody_wire::v1::get_entries_response::Part;
use custody_wire::v1::reader_server::Reader;
use custody_wire::v1::{
    EntryEvidence, GetAdminChainRequest, GetAttachmentRequest, GetAttachmentResponse, GetCheckpointRequest,
    GetCheckpointResponse, GetConsistencyRequest, GetConsistencyResponse, GetEntriesRequest,
    GetEntriesResponse, GetEnvelopeRequest, GetEnvelopeResponse, GetLogRequest, GetLogResponse,
    GetRangeRequest, GetRangeResponse, GetReceiptRequest, GetReceiptResponse, GetTileRequest,
    GetTileResponse,
};
use custody_wire::{Reason, Refusal};
use prost::bytes::Bytes;
use tonic::{Request, Response, Status};

use super::bounds::{Shape, excluded};
use super::messages::{Messages, Place, StreamMemory, deliver, placed};
use super::peer::Peer;
use super::sight::Sight;
use super::{behind, blocking, head, range, status};
use crate::clock::Clock;
use crate::journal::{self, ReadError};
use crate::ledger::{Head, Ledger};

/// What a stream of entries holds at most: two messages that wait, one that is made and one that is sent, each at
/// most 2.1 MiB (`custody_wire::limits::MESSAGE_BYTES_MAX`).
const ENTRIES_MEMORY: u64 = 9 << 20;

/// The largest answer of one message: 256 KiB. A bundle of 256 entries at 514 bytes is 129 KiB; a receipt or a proof with
/// its checkpoint is less than 16 KiB, as is an identity token.
const ANSWER_MAX: usize = 256 << 10;

/// The longest attachment that is sent: 128 KiB. An identity token has at most 16; what a redaction erased is the index's own, and
/// of no use to others.
const ATTACHMENT_MAX: u64 = 128 << 10;

/// Returns what a call takes and gives.
pub(super) fn shape(path: &str) -> Shape {
    match path {
        "/custody.v1.Reader/GetEntries"
        | "/custody.v1.Reader/GetEnvelope"
        | "/custody.v1.Reader/GetAdminChain"
        | "/custody.v1.Reader/GetRange" => Shape::Download,
        _ => Shape::Messages(|_| ANSWER_MAX),
    }
}

/// Reads the log. Every answer is of one state of it.
pub(super) struct ReaderService {
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
    memory: StreamMemory,
}

impl ReaderService {
    pub(super) fn new(ledger: Arc<Ledger>, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, clock, memory: StreamMemory::new() }
    }
}

type Pieces = Box<dyn Iterator<Item = Result<GetEnvelopeResponse, Status>> + Send>;

#[tonic::async_trait]
impl Reader for ReaderService {
    async fn get_log(&self, _: Request<GetLogRequest>) -> Result<Response<GetLogResponse>, Status> {
        Ok(Response::new(GetLogResponse {
            origin: self.ledger.origin().to_string(),
            genesis: self.ledger.genesis().as_bytes().to_vec().into(),
        }))
    }

    async fn get_checkpoint(
        &self,
        request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        let head = head(&self.ledger, request.into_inner().log.as_ref()).await?;
        Ok(Response::new(GetCheckpointResponse {
            checkpoint: Bytes::copy_from_slice(head.checkpoint_bytes()),
        }))
    }

    async fn get_consistency(
        &self,
        request: Request<GetConsistencyRequest>,
    ) -> Result<Response<GetConsistencyResponse>, Status> {
        let request = request.into_inner();
        let head = head(&self.ledger, request.log.as_ref()).await?;
        let old = tree_size("old_size", request.old_size).map_err(status::field)?;
        let new = optional_size("new_size", request.new_size).map_err(status::field)?.unwrap_or(head.size);
        if old > new {
            let message = format!("old_size {old} is larger than new_size {new}");
            return Err(Refusal::new(Reason::InvalidField, message).into());
        }
        if new > head.size {
            return Err(behind(new, head.size).into());
        }
        let response = blocking(move || {
            let proof = head.consistency(old, new).map_err(|error| status::tree(&error))?;
            let proof = proof.map(|proof| hashes_to_wire(proof.hashes())).unwrap_or_default();
            Ok(GetConsistencyResponse { checkpoint: Bytes::copy_from_slice(head.checkpoint_bytes()), proof })
        });
        Ok(Response::new(response.await?))
    }

    type GetEntriesStream = Messages<GetEntriesResponse>;

    async fn get_entries(
        &self,
        request: Request<GetEntriesRequest>,
    ) -> Result<Response<Self::GetEntriesStream>, Status> {
        let sight = sight(&request)?;
        let (peer, request) = asked(request)?;
        let head = head(&self.ledger, request.log.as_ref()).await?;
        if request.indexes.len() > ENTRIES_MAX {
            let message = format!("indexes: at most {ENTRIES_MAX} values, found {}", request.indexes.len());
            return Err(Refusal::new(Reason::InvalidField, message).into());
        }
        let indexes = request.indexes.iter().map(|index| position(*index, head.size));
        let indexes: Vec<LeafIndex> = indexes.collect::<Result<_, _>>()?;
        let place = self.memory.place(&peer, ENTRIES_MEMORY).await?;
        Ok(Response::new(stream_entries(head, indexes, (request.envelopes, sight), place)))
    }

    type GetEnvelopeStream = tokio_stream::Iter<Pieces>;

    async fn get_envelope(
        &self,
        request: Request<GetEnvelopeRequest>,
    ) -> Result<Response<Self::GetEnvelopeStream>, Status> {
        let sight = sight(&request)?;
        let (peer, request) = asked(request)?;
        let head = head(&self.ledger, request.log.as_ref()).await?;
        let index = position(request.index, head.size)?;
        sight.sees(index)?;
        let journal = head.journal.clone();
        let length = blocking(move || envelope_length(&journal, index)).await?;
        let place = self.memory.place(&peer, length).await?;
        let read = move || head.journal.envelope(index).map_err(|error| status::read(&error));
        let (bytes, place) = keeping(place, read).await?;
        // The pieces share the bytes, and the bytes hold the place: until the last piece is sent, or nobody wants it.
        let mut rest = placed(bytes, place);
        let pieces: Pieces = Box::new(std::iter::from_fn(move || {
            let data = rest.split_to(rest.len().min(PIECE_BYTES_MAX));
            (!data.is_empty()).then_some(Ok(GetEnvelopeResponse { data }))
        }));
        Ok(Response::new(tokio_stream::iter(pieces)))
    }

    async fn get_attachment(
        &self,
        request: Request<GetAttachmentRequest>,
    ) -> Result<Response<GetAttachmentResponse>, Status> {
        let request = request.into_inner();
        let head = head(&self.ledger, request.log.as_ref()).await?;
        let index = position(request.index, head.size)?;
        let digest = blob_digest("digest", &request.digest).map_err(status::field)?;
        let now =
            self.clock.read().map_err(|error| Refusal::new(Reason::ClockUnsteady, error.to_string()))?;
        let data = blocking(move || attachment(&head, index, &digest, now.wall)).await?;
        Ok(Response::new(GetAttachmentResponse { data: data.into() }))
    }

    async fn get_receipt(
        &self,
        request: Request<GetReceiptRequest>,
    ) -> Result<Response<GetReceiptResponse>, Status> {
        let sight = sight(&request)?;
        let request = request.into_inner();
        let head = head(&self.ledger, request.log.as_ref()).await?;
        let index = position(request.index, head.size)?;
        sight.sees(index)?;
        let receipt = blocking(move || head.receipt(index).map_err(|error| status::tree(&error))).await?;
        Ok(Response::new(GetReceiptResponse { receipt: receipt.encode().into() }))
    }

    type GetAdminChainStream = Messages<GetEntriesResponse>;

    async fn get_admin_chain(
        &self,
        request: Request<GetAdminChainRequest>,
    ) -> Result<Response<Self::GetAdminChainStream>, Status> {
        let (peer, request) = asked(request)?;
        let head = head(&self.ledger, request.log.as_ref()).await?;
        let since = leaf_index("since", request.since).map_err(status::field)?;
        let place = self.memory.place(&peer, ENTRIES_MEMORY).await?;
        let chain = Arc::clone(&head);
        let (indexes, place) =
            keeping(place, move || chain.admin_chain(since).map_err(|error| status::ledger(&error))).await?;
        // What administrators say is for everybody who has to believe the log.
        Ok(Response::new(stream_entries(head, indexes, (true, Sight::All), place)))
    }

    type GetRangeStream = Messages<GetRangeResponse>;

    async fn get_range(
        &self,
        request: Request<GetRangeRequest>,
    ) -> Result<Response<Self::GetRangeStream>, Status> {
        let (peer, request) = asked(request)?;
        let head = head(&self.ledger, request.log.as_ref()).await?;
        let first = leaf_index("first", request.first).map_err(status::field)?;
        let end = optional_size("end", request.end).map_err(status::field)?.unwrap_or(head.size);
        if end > head.size {
            return Err(behind(end, head.size).into());
        }
        if first.get() > end.get() {
            let message = format!("first {first} is larger than end {end}");
            return Err(Refusal::new(Reason::InvalidField, message).into());
        }
        let place = self.memory.place(&peer, ENTRIES_MEMORY).await?;
        Ok(Response::new(range::stream(head, first, end, (self.memory.clone(), peer), place)))
    }

    async fn get_tile(&self, request: Request<GetTileRequest>) -> Result<Response<GetTileResponse>, Status> {
        let request = request.into_inner();
        let head = head(&self.ledger, request.log.as_ref()).await?;
        let path: TilePath = request
            .path
            .parse()
            .map_err(|error| Refusal::new(Reason::InvalidField, format!("path: {error}")))?;
        let response = blocking(move || {
            let data = head.tile(&path).map_err(|error| status::tree(&error))?;
            let missing = || {
                let message = format!("there is no {path}: the log has {} entries", head.size);
                Refusal::new(Reason::NoSuchEntry, message).value("size", head.size)
            };
            Ok(GetTileResponse { data: data.ok_or_else(missing)?.into() })
        });
        Ok(Response::new(response.await?))
    }
}

/// Returns what is asked, and by whom.
fn asked<T>(request: Request<T>) -> Result<(Peer, T), Refusal> {
    let peer = request.extensions().get::<Peer>().cloned().ok_or_else(excluded)?;
    Ok((peer, request.into_inner()))
}

/// Returns what the caller sees.
fn sight<T>(request: &Request<T>) -> Result<Sight, Refusal> {
    request.extensions().get::<Sight>().cloned().ok_or_else(excluded)
}

/// Runs work that keeps a place: it goes on when its caller is gone, and what it reads is held until it ends.
async fn keeping<T: Send + 'static, P: Send + 'static>(
    place: P,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<(T, P), Refusal> {
    blocking(move || work().map(|worked| (worked, place))).await
}

/// Sends the checkpoint, then the entries. Each is made when there is room for it: no thread is held for those who do
/// not read.
fn stream_entries(
    head: Arc<Head>,
    indexes: Vec<LeafIndex>,
    (envelopes, sight): (bool, Sight),
    place: Place,
) -> Messages<GetEntriesResponse> {
    Messages::made_by(place, |sender| async move {
        let checkpoint = Bytes::copy_from_slice(head.checkpoint_bytes());
        let first = GetEntriesResponse { part: Some(Part::Checkpoint(checkpoint)) };
        let mut goes_on = deliver(&sender, Ok(first)).await;
        for index in indexes {
            if !goes_on {
                break;
            }
            let (head, whole) = (Arc::clone(&head), sight.holds(index));
            let evidence =
                blocking(
                    move || {
                        if whole { evidence(&head, index, envelopes) } else { bare_entry(&head, index) }
                    },
                );
            let evidence = evidence.await;
            let good = evidence.is_ok();
            let message = evidence.map(|evidence| GetEntriesResponse { part: Some(Part::Entry(evidence)) });
            goes_on = deliver(&sender, message.map_err(Status::from)).await && good;
        }
    })
}

/// Returns an attachment. A token that has not ended could be used by whoever reads it.
fn attachment(
    head: &Head,
    index: LeafIndex,
    digest: &BlobDigest,
    now: Timestamp,
) -> Result<Vec<u8>, Refusal> {
    let record = head.journal.record(index).map_err(|error| status::read(&error))?;
    let record = AdmissionRecord::decode(&record).map_err(|error| status::damaged(&error))?;
    let missing = || {
        let message = format!("entry {index} has no attachment with the digest {digest}");
        Refusal::new(Reason::NoSuchAttachment, message)
    };
    let at = record.attachments.iter().position(|named| named.digest == *digest).ok_or_else(missing)?;
    let length = record.attachments.get(at).map_or(0, |named| named.length);
    if length > ATTACHMENT_MAX {
        let message = format!("the attachment has {length} bytes, at most {ATTACHMENT_MAX} are sent");
        return Err(Refusal::new(Reason::TooLarge, message).value("max", ATTACHMENT_MAX));
    }
    if let Some(ends) = record.token.map(|proof| proof.ends()).filter(|ends| *ends > now) {
        let message = format!("the identity token of entry {index} ends at {ends}, and is not shown before");
        return Err(Refusal::new(Reason::NotYet, message).value("after_micros", ends.as_micros()));
    }
    let kept = head.journal.attachments(index).map_err(|error| status::read(&error))?;
    kept.into_iter().nth(at).ok_or_else(missing)
}

fn envelope_length(journal: &journal::Reader, index: LeafIndex) -> Result<u64, Refusal> {
    let bytes = journal.entry(index).map_err(|error| status::read(&error))?;
    let entry = Entry::decode(&bytes).map_err(|error| status::damaged(&error))?;
    Ok(entry.envelope.length)
}

fn evidence(head: &Head, index: LeafIndex, envelopes: bool) -> Result<EntryEvidence, Refusal> {
    let entry = head.journal.entry(index).map_err(|error| status::read(&error))?;
    let length = Entry::decode(&entry).ok().and_then(|entry| usize::try_from(entry.envelope.length).ok());
    let record = unless_erased(head.journal.record(index))?;
    let proof = head.inclusion(index).map_err(|error| status::tree(&error))?;
    let small = length.is_some_and(|length| length <= UNARY_ENVELOPE_BYTES_MAX);
    let envelope = if envelopes && small { unless_erased(head.journal.envelope(index))? } else { Vec::new() };
    Ok(EntryEvidence {
        index: index.get(),
        entry: entry.into(),
        record: record.into(),
        proof: hashes_to_wire(proof.hashes()),
        envelope: envelope.into(),
    })
}

/// Returns an entry without what is said in it: it proves which administrative entry is the newest.
fn bare_entry(head: &Head, index: LeafIndex) -> Result<EntryEvidence, Refusal> {
    let entry = head.journal.entry(index).map_err(|error| status::read(&error))?;
    let proof = head.inclusion(index).map_err(|error| status::tree(&error))?;
    Ok(EntryEvidence {
        index: index.get(),
        entry: entry.into(),
        proof: hashes_to_wire(proof.hashes()),
        ..EntryEvidence::default()
    })
}

/// What is erased is empty in an answer: the asker knows the redaction, and the entry and its proof are there.
fn unless_erased(read: Result<Vec<u8>, ReadError>) -> Result<Vec<u8>, Refusal> {
    match read {
        Err(ReadError::Redacted { .. }) => Ok(Vec::new()),
        read => read.map_err(|error| status::read(&error)),
    }
}

/// Reads a position that must be in the log.
fn position(index: u64, size: TreeSize) -> Result<LeafIndex, Refusal> {
    let index = leaf_index("index", index).map_err(status::field)?;
    if size.contains(index) {
        return Ok(index);
    }
    let message = format!("there is no entry {index}: the log has {size} entries");
    Err(Refusal::new(Reason::NoSuchEntry, message).value("size", size))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::{Semaphore, mpsc, oneshot};

    use super::*;

    #[tokio::test]
    async fn work_keeps_its_place_when_its_caller_leaves() {
        let places = Arc::new(Semaphore::new(1));
        let place = Arc::clone(&places).try_acquire_owned().unwrap();
        let (started, begun) = oneshot::channel();
        let (go_on, mut told) = mpsc::channel::<()>(1);
        let request = tokio::spawn(keeping(place, move || {
            started.send(()).unwrap();
            told.blocking_recv();
            Ok(())
        }));
        begun.await.unwrap();
        request.abort();
        assert!(request.await.is_err_and(|error| error.is_cancelled()));
        assert_eq!(places.available_permits(), 0, "the work goes on");
        drop(go_on);
        let given_back = tokio::time::timeout(Duration::from_secs(30), places.acquire()).await;
        assert!(given_back.unwrap().is_ok());
    }
}

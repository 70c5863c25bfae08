//! The service that hands out entries, envelopes, proofs and checkpoints.

use std::sync::Arc;

use custody_log::{Entry, LeafIndex, TreeSize};
use custody_wire::convert::{hashes_to_wire, leaf_index, optional_size, tree_size};
use custody_wire::limits::{ENTRIES_MAX, PIECE_BYTES_MAX, UNARY_ENVELOPE_BYTES_MAX};
use custody_wire::v1::get_entries_response::Part;
use custody_wire::v1::reader_server::Reader;
use custody_wire::v1::{
    EntryEvidence, GetAdminChainRequest, GetCheckpointRequest, GetCheckpointResponse, GetConsistencyRequest,
    GetConsistencyResponse, GetEntriesRequest, GetEntriesResponse, GetEnvelopeRequest, GetEnvelopeResponse,
    GetLogRequest, GetLogResponse, GetReceiptRequest, GetReceiptResponse,
};
use custody_wire::{Reason, Refusal};
use prost::bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{behind, blocking, head, status};
use crate::ledger::{Head, Ledger};

/// How many messages of a stream are made ahead of the reader: at most 2 x 4 MiB of memory a stream.
const AHEAD: usize = 2;

/// Reads the log. Every answer is of one state of it.
pub(super) struct ReaderService {
    ledger: Arc<Ledger>,
}

impl ReaderService {
    pub(super) const fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger }
    }
}

type Stream<T> = ReceiverStream<Result<T, Status>>;

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
        if new > head.size || old > new {
            return Err(behind(old.max(new), head.size).into());
        }
        let response = blocking(move || {
            let proof = head.consistency(old, new).map_err(|error| status::tree(&error))?;
            let proof = proof.map(|proof| hashes_to_wire(proof.hashes())).unwrap_or_default();
            Ok(GetConsistencyResponse { checkpoint: Bytes::copy_from_slice(head.checkpoint_bytes()), proof })
        });
        Ok(Response::new(response.await?))
    }

    type GetEntriesStream = Stream<GetEntriesResponse>;

    async fn get_entries(
        &self,
        request: Request<GetEntriesRequest>,
    ) -> Result<Response<Self::GetEntriesStream>, Status> {
        let request = request.into_inner();
        let head = head(&self.ledger, request.log.as_ref()).await?;
        if request.indexes.len() > ENTRIES_MAX {
            let message = format!("indexes: at most {ENTRIES_MAX} values, found {}", request.indexes.len());
            return Err(Refusal::new(Reason::InvalidField, message).into());
        }
        let indexes = request.indexes.iter().map(|index| position(*index, head.size));
        let indexes: Vec<LeafIndex> = indexes.collect::<Result<_, _>>()?;
        let envelopes = request.envelopes;
        Ok(Response::new(stream_entries(head, move |head, send| {
            indexes.iter().all(|index| send(evidence(head, *index, envelopes)))
        })))
    }

    type GetEnvelopeStream = Stream<GetEnvelopeResponse>;

    async fn get_envelope(
        &self,
        request: Request<GetEnvelopeRequest>,
    ) -> Result<Response<Self::GetEnvelopeStream>, Status> {
        let request = request.into_inner();
        let head = head(&self.ledger, request.log.as_ref()).await?;
        let index = position(request.index, head.size)?;
        let bytes =
            blocking(move || head.journal.envelope(index).map_err(|error| status::read(&error))).await?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            for piece in bytes.chunks(PIECE_BYTES_MAX) {
                if sender.send(Ok(GetEnvelopeResponse { data: piece.to_vec().into() })).await.is_err() {
                    break;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn get_receipt(
        &self,
        request: Request<GetReceiptRequest>,
    ) -> Result<Response<GetReceiptResponse>, Status> {
        let request = request.into_inner();
        let head = head(&self.ledger, request.log.as_ref()).await?;
        let index = position(request.index, head.size)?;
        let receipt = blocking(move || head.receipt(index).map_err(|error| status::tree(&error))).await?;
        Ok(Response::new(GetReceiptResponse { receipt: receipt.encode().into() }))
    }

    type GetAdminChainStream = Stream<GetEntriesResponse>;

    async fn get_admin_chain(
        &self,
        request: Request<GetAdminChainRequest>,
    ) -> Result<Response<Self::GetAdminChainStream>, Status> {
        let request = request.into_inner();
        let head = head(&self.ledger, request.log.as_ref()).await?;
        let since = leaf_index("since", request.since).map_err(status::field)?;
        Ok(Response::new(stream_entries(head, move |head, send| match head.admin_chain(since) {
            Ok(indexes) => indexes.iter().all(|index| send(evidence(head, *index, true))),
            Err(error) => send(Err(status::ledger(&error))),
        })))
    }
}

/// Sends the checkpoint, then what `produce` sends, until the reader has gone.
fn stream_entries(
    head: Arc<Head>,
    produce: impl FnOnce(&Head, &mut dyn FnMut(Result<EntryEvidence, Refusal>) -> bool) -> bool + Send + 'static,
) -> Stream<GetEntriesResponse> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let first = GetEntriesResponse {
            part: Some(Part::Checkpoint(Bytes::copy_from_slice(head.checkpoint_bytes()))),
        };
        if sender.blocking_send(Ok(first)).is_err() {
            return;
        }
        let mut send = |evidence: Result<EntryEvidence, Refusal>| {
            let good = evidence.is_ok();
            let message = evidence.map(|evidence| GetEntriesResponse { part: Some(Part::Entry(evidence)) });
            sender.blocking_send(message.map_err(Status::from)).is_ok() && good
        };
        produce(&head, &mut send);
    });
    ReceiverStream::new(receiver)
}

fn evidence(head: &Head, index: LeafIndex, envelopes: bool) -> Result<EntryEvidence, Refusal> {
    let entry = head.journal.entry(index).map_err(|error| status::read(&error))?;
    let length = Entry::decode(&entry).ok().and_then(|entry| usize::try_from(entry.envelope.length).ok());
    let record = head.journal.record(index).map_err(|error| status::read(&error))?;
    let proof = head.inclusion(index).map_err(|error| status::tree(&error))?;
    let small = length.is_some_and(|length| length <= UNARY_ENVELOPE_BYTES_MAX);
    let envelope = if envelopes && small {
        head.journal.envelope(index).map_err(|error| status::read(&error))?
    } else {
        Vec::new()
    };
    Ok(EntryEvidence {
        index: index.get(),
        entry: entry.into(),
        record: record.into(),
        proof: hashes_to_wire(proof.hashes()),
        envelope: envelope.into(),
    })
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

//! Calls whose answers repeat something: how often is counted in the bytes, before anything is made of them.
//!
//! An element without content is two bytes of a message and up to 210 bytes of memory ([`v1::Edge`]), so 4 MiB of a
//! lying server would become more than 400. What no honest answer holds is refused while it is bytes.

use std::marker::PhantomData;
use std::sync::Arc;

use custody_wire::convert::FieldError;
use custody_wire::{limits, v1};
use prost::DecodeError;
use prost::Message;
use prost::bytes::Buf as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

/// How often a message may hold a field.
pub(crate) struct Most {
    /// The field's number, behind those of the messages that it is in.
    path: &'static [u32],
    /// What errors call it.
    field: &'static str,
    max: usize,
    /// Whether it is a list of numbers, which can stand behind one key.
    numbers: bool,
}

/// A request whose answers are counted.
pub(crate) trait Counted: Message + Send + Sync + 'static {
    /// One message of the answer.
    type Answer: Message + Default + Send + Sync + 'static;
    /// The method.
    const PATH: &'static str;
    /// The fields that are counted: all that repeat.
    const MOST: &'static [Most];
}

/// The hashes of an inclusion proof: one for each of the 63 levels below the root of the largest tree.
const PROOF_HASHES_MAX: usize = 64;

/// The hashes of a consistency proof: at most two for each level.
const CONSISTENCY_HASHES_MAX: usize = 126;

/// The kinds of evidence that a chain can lack. There are 9 stages: a server that knows more of them is newer, and does
/// not lie.
const MISSING_MAX: usize = 64;

/// The indexes in one answer to `Find`, whatever its limit was.
#[expect(clippy::as_conversions, reason = "1,000 fits; a constant has no other conversion")]
const INDEXES_MAX: usize = limits::FIND_LIMIT_MAX as usize;

const fn most(path: &'static [u32], field: &'static str, max: usize) -> Most {
    Most { path, field, max, numbers: false }
}

const fn most_numbers(path: &'static [u32], field: &'static str, max: usize) -> Most {
    Most { numbers: true, ..most(path, field, max) }
}

impl Counted for v1::GetEntriesRequest {
    type Answer = v1::GetEntriesResponse;
    const PATH: &'static str = "/custody.v1.Reader/GetEntries";
    const MOST: &'static [Most] = &[most(&[2, 4], "proof", PROOF_HASHES_MAX)];
}

impl Counted for v1::GetAdminChainRequest {
    type Answer = v1::GetEntriesResponse;
    const PATH: &'static str = "/custody.v1.Reader/GetAdminChain";
    const MOST: &'static [Most] = v1::GetEntriesRequest::MOST;
}

impl Counted for v1::GetRangeRequest {
    type Answer = v1::GetRangeResponse;
    const PATH: &'static str = "/custody.v1.Reader/GetRange";
    const MOST: &'static [Most] = &[most(&[2, 1], "entries", limits::RANGE_ENTRIES_MAX)];
}

impl Counted for v1::GetConsistencyRequest {
    type Answer = v1::GetConsistencyResponse;
    const PATH: &'static str = "/custody.v1.Reader/GetConsistency";
    const MOST: &'static [Most] = &[most(&[2], "proof", CONSISTENCY_HASHES_MAX)];
}

impl Counted for v1::ResolveRequest {
    type Answer = v1::ResolveResponse;
    const PATH: &'static str = "/custody.v1.Query/Resolve";
    const MOST: &'static [Most] = &[
        most(&[1], "nodes", limits::RESOLVE_NODES_MAX),
        most(&[2, 4], "as_of.consistency", CONSISTENCY_HASHES_MAX),
    ];
}

impl Counted for v1::FindRequest {
    type Answer = v1::FindResponse;
    const PATH: &'static str = "/custody.v1.Query/Find";
    const MOST: &'static [Most] = &[
        most_numbers(&[1], "indexes", INDEXES_MAX),
        most(&[2, 4], "as_of.consistency", CONSISTENCY_HASHES_MAX),
    ];
}

impl Counted for v1::TraceRequest {
    type Answer = v1::TraceResponse;
    const PATH: &'static str = "/custody.v1.Query/Trace";
    const MOST: &'static [Most] = &[
        most(&[2], "nodes", limits::TRACE_NODES_MAX),
        most(&[3], "edges", limits::TRACE_EDGES_MAX),
        most(&[4], "missing", MISSING_MAX),
        most(&[5, 4], "as_of.consistency", CONSISTENCY_HASHES_MAX),
    ];
}

impl Counted for v1::FindingsRequest {
    type Answer = v1::FindingsResponse;
    const PATH: &'static str = "/custody.v1.Query/Findings";
    const MOST: &'static [Most] = &[
        most(&[1], "findings", limits::FINDINGS_MAX),
        most_numbers(&[1, 3], "findings.entries", limits::FINDING_ENTRIES_MAX),
        most(&[2, 4], "as_of.consistency", CONSISTENCY_HASHES_MAX),
        most_numbers(&[4], "uncounted", limits::FINDINGS_MAX),
        most_numbers(&[5], "erased", limits::FINDINGS_MAX),
    ];
}

impl Counted for v1::EnvironmentsRequest {
    type Answer = v1::EnvironmentsResponse;
    const PATH: &'static str = "/custody.v1.Query/Environments";
    const MOST: &'static [Most] = &[
        most(&[1], "environments", limits::ENVIRONMENTS_MAX),
        most(&[2, 4], "as_of.consistency", CONSISTENCY_HASHES_MAX),
    ];
}

impl Counted for v1::EnvironmentRequest {
    type Answer = v1::EnvironmentResponse;
    const PATH: &'static str = "/custody.v1.Query/Environment";
    const MOST: &'static [Most] = &[
        most_numbers(&[1], "whole", limits::ENVIRONMENT_ENTRIES_MAX),
        most(&[2], "parts", limits::ENVIRONMENT_PARTS_MAX),
        most(&[3, 4], "as_of.consistency", CONSISTENCY_HASHES_MAX),
        most_numbers(&[6], "redacted", limits::ENVIRONMENT_ENTRIES_MAX),
    ];
}

/// The entries in one answer to `Evidence`: 64 of each of 256 artifacts.
#[expect(clippy::as_conversions, reason = "64 fits; a constant has no other conversion")]
const EVIDENCE_INDEXES_MAX: usize = limits::EVIDENCE_ARTIFACTS_MAX * limits::EVIDENCE_LIMIT_MAX as usize;

impl Counted for v1::EvidenceRequest {
    type Answer = v1::EvidenceResponse;
    const PATH: &'static str = "/custody.v1.Query/Evidence";
    const MOST: &'static [Most] = &[
        most(&[1], "artifacts", limits::EVIDENCE_ARTIFACTS_MAX),
        most_numbers(&[1, 1], "indexes", EVIDENCE_INDEXES_MAX),
        most(&[2, 4], "as_of.consistency", CONSISTENCY_HASHES_MAX),
    ];
}

impl Counted for v1::ImpactRequest {
    type Answer = v1::ImpactResponse;
    const PATH: &'static str = "/custody.v1.Query/Impact";
    const MOST: &'static [Most] = &[
        most(&[1], "edges", limits::IMPACT_PAGE_MAX),
        most(&[2], "signed", limits::IMPACT_PAGE_MAX),
        most(&[3, 4], "as_of.consistency", CONSISTENCY_HASHES_MAX),
        most_numbers(&[5], "redacted", limits::IMPACT_PAGE_MAX),
    ];
}

/// Makes a call with one answer.
pub(super) async fn one<R: Counted>(
    channel: Channel,
    request: Request<R>,
) -> Result<Response<R::Answer>, Status> {
    let mut grpc = ready(channel).await?;
    grpc.unary(request, PathAndQuery::from_static(R::PATH), Counting::<R>(PhantomData)).await
}

/// Makes a call whose answer is a stream; each message is counted.
pub(super) async fn stream<R: Counted>(
    channel: Channel,
    request: Request<R>,
) -> Result<Response<Streaming<R::Answer>>, Status> {
    let mut grpc = ready(channel).await?;
    grpc.server_streaming(request, PathAndQuery::from_static(R::PATH), Counting::<R>(PhantomData)).await
}

async fn ready(channel: Channel) -> Result<Grpc<Channel>, Status> {
    let mut grpc = Grpc::new(channel).max_decoding_message_size(limits::MESSAGE_BYTES_MAX);
    let ready = grpc.ready().await;
    ready.map_err(|error| Status::unknown(format!("Service was not ready: {error}")))?;
    Ok(grpc)
}

/// Returns the refusal of an answer that has too much of something, if this is one.
pub(super) fn refusal(status: &Status) -> Option<&FieldError> {
    std::error::Error::source(status)?.downcast_ref()
}

/// Writes requests as they are, and counts in answers before it reads them.
struct Counting<R>(PhantomData<fn() -> R>);

impl<R: Counted> Codec for Counting<R> {
    type Encode = R;
    type Decode = R::Answer;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self(PhantomData)
    }

    fn decoder(&mut self) -> Self {
        Self(PhantomData)
    }
}

impl<R: Counted> Encoder for Counting<R> {
    type Item = R;
    type Error = Status;

    fn encode(&mut self, request: R, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        request.encode(out).map_err(|error| Status::internal(error.to_string()))
    }
}

impl<R: Counted> Decoder for Counting<R> {
    type Item = R::Answer;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<R::Answer>, Status> {
        let bytes = bytes.copy_to_bytes(bytes.remaining());
        read::<R>(&bytes).map(Some)
    }
}

/// Counts in the bytes of an answer, and reads them. Each field gets memory of its own: a part of the bytes would keep
/// all of them, and what else came with them, such as fields that nobody knows, is not counted where answers are kept.
fn read<R: Counted>(bytes: &[u8]) -> Result<R::Answer, Status> {
    let malformed = |error: DecodeError| Status::internal(format!("not a message: {error}"));
    for most in R::MOST {
        let found = count(bytes, most.path, most.numbers).map_err(malformed)?;
        if found > most.max {
            let error = FieldError::TooMany { field: most.field, max: most.max, found };
            let mut status = Status::data_loss(error.to_string());
            status.set_source(Arc::new(error));
            return Err(status);
        }
    }
    R::Answer::decode(bytes).map_err(malformed)
}

/// Counts how often a message holds the field at a path. A message that stands in it several times is merged when it
/// is read, so all of them count together.
fn count(mut bytes: &[u8], path: &[u32], numbers: bool) -> Result<usize, DecodeError> {
    let Some((number, inner)) = path.split_first() else { return Ok(0) };
    let mut found = 0_usize;
    while !bytes.is_empty() {
        let (field, wire_type) = decode_key(&mut bytes)?;
        let last = inner.is_empty() && !numbers;
        if field != *number || wire_type != WireType::LengthDelimited || last {
            found += usize::from(field == *number);
            skip_field(wire_type, field, &mut bytes, DecodeContext::default())?;
            continue;
        }
        let length = usize::try_from(decode_varint(&mut bytes)?).unwrap_or(usize::MAX);
        // What is cut off is an error of the whole message, which is read after this.
        let (content, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
        let inside = if inner.is_empty() { varints(content) } else { count(content, inner, numbers)? };
        found = found.saturating_add(inside);
        bytes = rest;
    }
    Ok(found)
}

/// Counts numbers that stand side by side: the last byte of each has its highest bit clear.
fn varints(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte < 0x80).count()
}

#[cfg(test)]
mod tests;

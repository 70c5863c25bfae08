//! Sends an envelope: at once, or in pieces where it is large.

use std::sync::Arc;

use custody_evidence::envelope::Envelope;
use custody_evidence::oidc::Credential;
use custody_wire::limits::{ENVELOPE_BYTES_MAX, PIECE_BYTES_MAX, UNARY_ENVELOPE_BYTES_MAX};
use custody_wire::v1 as wire;
use custody_wire::v1::record_stream_request::Part;
use custody_wire::v1::{Log, RecordHeader, RecordRequest, RecordResponse, RecordStreamRequest};
use prost::bytes::Bytes;

use super::record::{Progress, RecordError};
use crate::connection::{CallError, Connection, request};

/// What is sent: an envelope, and who sends it, where no key says it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) envelope: &'a Envelope,
    pub(super) credential: Option<&'a Credential>,
}

/// Sends an envelope to this log, and returns what the server says of it: nothing of that is verified.
pub(super) async fn envelope(
    connection: &Connection,
    log: Log,
    Sent { envelope, credential }: Sent<'_>,
    progress: &Progress,
) -> Result<RecordResponse, RecordError> {
    let bytes = Bytes::copy_from_slice(envelope.bytes());
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > ENVELOPE_BYTES_MAX {
        return Err(RecordError::TooLarge { max: ENVELOPE_BYTES_MAX, found: length });
    }
    let credential = credential.map(|credential| wire::Credential {
        token: Bytes::copy_from_slice(credential.token()),
        key: Bytes::copy_from_slice(credential.key().spki_der()),
    });
    if bytes.len() > UNARY_ENVELOPE_BYTES_MAX {
        let header = RecordHeader {
            log: Some(log),
            digest: Bytes::copy_from_slice(envelope.digest().as_bytes()),
            length,
            credential,
        };
        return Ok(in_pieces(connection, header, bytes, progress).await?);
    }
    let response = at_once(connection, RecordRequest { log: Some(log), envelope: bytes, credential }).await?;
    progress(length);
    Ok(response)
}

async fn at_once(connection: &Connection, message: RecordRequest) -> Result<RecordResponse, CallError> {
    let call = |left| {
        let (mut recorder, message) = (connection.recorder(), message.clone());
        async move { recorder.record(request(message, left)).await }
    };
    Ok(connection.call(call).await?.into_inner())
}

async fn in_pieces(
    connection: &Connection,
    header: RecordHeader,
    envelope: Bytes,
    progress: &Progress,
) -> Result<RecordResponse, CallError> {
    let call = |left| {
        let mut recorder = connection.recorder();
        let pieces = pieces(header.clone(), envelope.clone(), Arc::clone(progress));
        async move { recorder.record_stream(request(tokio_stream::iter(pieces), left)).await }
    };
    Ok(connection.call(call).await?.into_inner())
}

/// Cuts an envelope into the messages of a stream, without copying it.
fn pieces(
    header: RecordHeader,
    envelope: Bytes,
    progress: Progress,
) -> impl Iterator<Item = RecordStreamRequest> + Send + 'static {
    let length = envelope.len();
    let data = (0..length).step_by(PIECE_BYTES_MAX).map(move |from| {
        let to = length.min(from + PIECE_BYTES_MAX);
        progress(u64::try_from(to).unwrap_or(u64::MAX));
        RecordStreamRequest { part: Some(Part::Data(envelope.slice(from..to))) }
    });
    std::iter::once(RecordStreamRequest { part: Some(Part::Header(header)) }).chain(data)
}

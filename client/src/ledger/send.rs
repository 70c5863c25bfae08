//! Sends an envelope: at once, or in pieces where it is large.

use std::convert::Infallible;

use custody_evidence::envelope::Envelope;
use custody_evidence::oidc::Credential;
use custody_wire::limits::{ENVELOPE_BYTES_MAX, PIECE_BYTES_MAX, UNARY_ENVELOPE_BYTES_MAX};
use custody_wire::v1 as wire;
use custody_wire::v1::record_stream_request::Part;
use custody_wire::v1::{Log, RecordHeader, RecordRequest, RecordResponse, RecordStreamRequest};
use prost::bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::record::{Progress, RecordError};
use crate::connection::{CallError, Connection, request};

/// How many pieces are copied for the transport before it takes them: 4 MiB.
const AHEAD: usize = 4;

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
    let bytes = envelope.bytes();
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
    let envelope = Bytes::copy_from_slice(bytes);
    let response = at_once(connection, RecordRequest { log: Some(log), envelope, credential }).await?;
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
    envelope: &[u8],
    progress: &Progress,
) -> Result<RecordResponse, CallError> {
    let call = |left| {
        let (mut recorder, header) = (connection.recorder(), header.clone());
        async move {
            let (pieces, messages) = mpsc::channel(AHEAD);
            let answer = recorder.record_stream(request(ReceiverStream::new(messages), left));
            tokio::select! {
                answer = answer => answer,
                never = feed(pieces, header, envelope, progress) => match never {},
            }
        }
    };
    Ok(connection.call(call).await?.into_inner())
}

/// Cuts an envelope into the messages of a stream, each copied when there is room for it, and waits for good after the last one: the
/// answer ends it.
async fn feed(
    pieces: mpsc::Sender<RecordStreamRequest>,
    header: RecordHeader,
    envelope: &[u8],
    progress: &Progress,
) -> Infallible {
    // Nobody takes a message any more: the answer says why.
    let mut taken = pieces.send(RecordStreamRequest { part: Some(Part::Header(header)) }).await.is_ok();
    let mut sent = 0;
    for piece in envelope.chunks(PIECE_BYTES_MAX) {
        if !taken {
            break;
        }
        let part = Part::Data(Bytes::copy_from_slice(piece));
        taken = pieces.send(RecordStreamRequest { part: Some(part) }).await.is_ok();
        sent += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        progress(sent);
    }
    // Without a sender the server sees the end of the stream.
    drop(pieces);
    std::future::pending().await
}

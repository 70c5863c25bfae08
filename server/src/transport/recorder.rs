//! The service that records.

use std::sync::Arc;

use custody_evidence::admission::{self as rules, MAX_RECORD};
use custody_evidence::key::PublicKey;
use custody_evidence::oidc::{Credential, MAX_TOKEN, TokenError};
use custody_log::EnvelopeDigest;
use custody_wire::convert::envelope_digest;
use custody_wire::limits::{ENVELOPE_BYTES_MAX, PIECE_BYTES_MAX, UNARY_ENVELOPE_BYTES_MAX};
use custody_wire::v1;
use custody_wire::v1::record_stream_request::Part;
use custody_wire::v1::recorder_server::Recorder;
use custody_wire::v1::{RecordBulkRequest, RecordHeader, RecordRequest, RecordResponse, RecordStreamRequest};
use custody_wire::{Reason, Refusal};
use tokio::sync::Semaphore;
use tonic::{Code, Request, Response, Status, Streaming};

use super::arriving::interrupted;
use super::bounds::{Shape, excluded};
use super::bulk::{self, Bulk};
use super::peer::Peer;
use super::sight::Sight;
use super::turns::Turns;
use super::{PATIENCE, blocking, head, status};
use crate::admission::{Recording, SMALL_MAX, Spool, Upload};
use crate::ledger::Ledger;
use crate::sequencer::{Answered, RecordError, Recorded, Written};

// Who sends one message is checked in the line of all.
const _: () = assert!(SMALL_MAX == UNARY_ENVELOPE_BYTES_MAX);

/// The most envelopes above the unary limit that are received at once: 8. They come in on the disk: 512 MiB, and as
/// much again in the journal.
pub(super) const LARGE_UPLOADS_MAX: usize = 8;

/// The largest receipt of this server: 8 KiB. An entry of 512 bytes, 63 hashes in base64, and a checkpoint with two
/// signatures, whose names have at most 255 bytes.
const RECEIPT_MAX: usize = 8 << 10;

/// The most bytes that an admission record has beside what its statement says: 64 KiB, of which 24 KiB are for 16 signers
/// ([`MAX_RECORD`]), and 32 KiB for a submitter and its token.
const RECORD_REST: usize = 64 << 10;

/// Returns what a call takes and gives.
pub(super) fn shape(path: &str) -> Shape {
    match path {
        "/custody.v1.Recorder/RecordStream" => Shape::Upload(answer_max(usize::MAX)),
        "/custody.v1.Recorder/RecordBulk" => Shape::Exchange,
        _ => Shape::Messages(answer_max),
    }
}

/// Returns the length of the largest answer to a request of this length. A record holds the digests of its statement, a
/// `sha1` twice; so 128 callers on one connection with envelopes of 64 KiB have less than its share.
fn answer_max(request: usize) -> usize {
    RECEIPT_MAX + request.saturating_mul(2).saturating_add(RECORD_REST).min(MAX_RECORD)
}

/// Records envelopes, one or many a call.
#[derive(Clone)]
pub(super) struct RecorderService {
    pub(super) ledger: Arc<Ledger>,
    pub(super) recording: Recording,
    spool: Arc<Spool>,
    /// Bounds what uploads take of the disk; taken before the first byte of an upload is read.
    large_uploads: Arc<Semaphore>,
    /// Held while a large envelope is in memory, from its last byte to its commit: one at a time. It is there as
    /// received (64 MiB) and as it was signed (48 MiB); with base64 in JSON escapes, which is unescaped first, another
    /// 64 MiB while it is parsed. The facts index reads one more, beside it.
    large_in_memory: Arc<Semaphore>,
    bulk: Bulk,
    /// What the caller sees of what others recorded.
    sight: Sight,
}

impl RecorderService {
    pub(super) fn new(ledger: Arc<Ledger>, recording: Recording, spool: Spool, bulk: Bulk) -> Self {
        Self {
            ledger,
            recording,
            spool: Arc::new(spool),
            large_uploads: Arc::new(Semaphore::new(LARGE_UPLOADS_MAX)),
            large_in_memory: Arc::new(Semaphore::new(1)),
            bulk,
            sight: Sight::All,
        }
    }

    pub(super) async fn record_bytes(
        &self,
        bytes: Vec<u8>,
        credential: Option<Credential>,
    ) -> Result<RecordResponse, Refusal> {
        let answered =
            self.recording.record_as(bytes, credential).await.map_err(|error| status::record(&error))?;
        self.answer(answered).await
    }

    /// The same service for a call, and the connection that it came on.
    fn of<T>(&self, request: &Request<T>) -> Result<(Self, Peer), Refusal> {
        let peer = request.extensions().get::<Peer>().cloned().ok_or_else(excluded)?;
        let sight = request.extensions().get::<Sight>().cloned().ok_or_else(excluded)?;
        Ok((Self { recording: self.recording.of(&peer.checks()), sight, ..self.clone() }, peer))
    }

    async fn answer(&self, answered: Answered) -> Result<RecordResponse, Refusal> {
        let index = answered.recorded.index;
        let answer = self.proven(answered).await?;
        // The bytes were sent, so what is answered is no news; and it has to be believed, for which the log is asked next.
        self.sight.recorded(index);
        Ok(answer)
    }

    async fn proven(&self, answered: Answered) -> Result<RecordResponse, Refusal> {
        let Answered { recorded: Recorded { index, duplicate }, written } = answered;
        // Someone else's entry may be in the index a moment before its checkpoint is signed.
        let size = index.size_through();
        let reached = self.ledger.at_least(size, PATIENCE).await;
        let head = reached.map_err(|behind| super::behind(size, behind.size))?;
        if let Some(Written { entry, record }) = written
            && let Some(receipt) = head.receipt_at_hand(index, entry)
        {
            let (receipt, record) = (receipt.encode().into(), record.into());
            return Ok(RecordResponse { duplicate, index: index.get(), receipt, record });
        }
        blocking(move || {
            let receipt = head.receipt(index).map_err(|error| status::tree(&error))?;
            let record = head.journal.record(index).map_err(|error| status::read(&error))?;
            Ok(RecordResponse {
                duplicate,
                index: index.get(),
                receipt: receipt.encode().into(),
                record: record.into(),
            })
        })
        .await
    }

    async fn receive(
        &self,
        mut stream: Streaming<RecordStreamRequest>,
        peer: &Peer,
    ) -> Result<RecordResponse, Refusal> {
        let header = match next(&mut stream).await? {
            Some(Part::Header(header)) => header,
            Some(Part::Data(_)) | None => return Err(order("the first message must be the header")),
        };
        let digest = self.check_header(&header).await?;
        let credential = credential(header.credential)?;
        // Who shows a token may add an identity to what is there.
        if credential.is_none()
            && let Some(known) = self.known(digest).await?
        {
            return self.answer(known.into()).await;
        }
        let Some(place) = peer.uploads(&self.large_uploads).take_now(1) else {
            return Err(Refusal::new(Reason::Busy, "too many large envelopes are being received"));
        };
        let upload = collect(&mut stream, self.begin(header.length).await?).await?;
        // The work goes on when the caller leaves, so the places are kept by the work and not by the call.
        let this = self.clone();
        let work = tokio::spawn(async move {
            let recorded = this.record_upload(upload, digest, credential).await;
            drop(place);
            recorded
        });
        let failed = |_| Err(status::record(&RecordError::Internal));
        self.answer(work.await.unwrap_or_else(failed)?).await
    }

    /// Returns where the envelope of this digest is. Who may not read gets no answer for a digest, which others may have told him:
    /// he sends the bytes.
    async fn known(&self, digest: EnvelopeDigest) -> Result<Option<Recorded>, Refusal> {
        if matches!(self.sight, Sight::Own(_)) {
            return Ok(None);
        }
        let recording = self.recording.clone();
        blocking(move || recording.known(&digest).map_err(|error| status::record(&error))).await
    }

    async fn begin(&self, length: u64) -> Result<Upload, Refusal> {
        let spool = Arc::clone(&self.spool);
        blocking(move || spool.begin(length).map_err(|error| status::spool(&error))).await
    }

    async fn record_upload(
        &self,
        upload: Upload,
        digest: EnvelopeDigest,
        credential: Option<Credential>,
    ) -> Result<Answered, Refusal> {
        let memory = Arc::clone(&self.large_in_memory).acquire_owned().await;
        let (bytes, room) = blocking(move || {
            let (bytes, room) = upload.read().map_err(|error| status::spool(&error))?;
            let found = EnvelopeDigest::of(&bytes);
            if found != digest {
                let message = format!("the header declares {digest}, the bytes received have {found}");
                return Err(Refusal::new(Reason::DigestMismatch, message));
            }
            Ok((bytes, room))
        })
        .await?;
        let recorded =
            self.recording.record_as(bytes, credential).await.map_err(|error| status::record(&error));
        drop((memory, room));
        recorded
    }

    async fn check_header(&self, header: &RecordHeader) -> Result<EnvelopeDigest, Refusal> {
        head(&self.ledger, header.log.as_ref()).await?;
        if header.length > ENVELOPE_BYTES_MAX {
            return Err(too_large(header.length, ENVELOPE_BYTES_MAX));
        }
        envelope_digest("header.digest", &header.digest).map_err(status::field)
    }
}

#[tonic::async_trait]
impl Recorder for RecorderService {
    async fn record(&self, request: Request<RecordRequest>) -> Result<Response<RecordResponse>, Status> {
        let (this, _) = self.of(&request)?;
        let request = request.into_inner();
        if request.envelope.len() > UNARY_ENVELOPE_BYTES_MAX {
            return Err(too_large(request.envelope.len(), UNARY_ENVELOPE_BYTES_MAX).into());
        }
        head(&self.ledger, request.log.as_ref()).await?;
        let credential = credential(request.credential)?;
        Ok(Response::new(this.record_bytes(request.envelope.into(), credential).await?))
    }

    async fn record_stream(
        &self,
        request: Request<Streaming<RecordStreamRequest>>,
    ) -> Result<Response<RecordResponse>, Status> {
        let (this, peer) = self.of(&request)?;
        Ok(Response::new(this.receive(request.into_inner(), &peer).await?))
    }

    type RecordBulkStream = bulk::Answers;

    async fn record_bulk(
        &self,
        request: Request<Streaming<RecordBulkRequest>>,
    ) -> Result<Response<Self::RecordBulkStream>, Status> {
        let turns = request.extensions().get::<Turns>().cloned().ok_or_else(excluded)?;
        let (this, peer) = self.of(&request)?;
        Ok(Response::new(self.bulk.serve(this, request.into_inner(), (&peer, turns))))
    }
}

/// Reads what a caller shows. No text says a part of the token.
pub(super) fn credential(shown: Option<v1::Credential>) -> Result<Option<Credential>, Refusal> {
    let Some(v1::Credential { token, key }) = shown else { return Ok(None) };
    if token.len() > MAX_TOKEN {
        let error = TokenError::TooLong { max: MAX_TOKEN, found: token.len() };
        return Err(status::record(&rules::Refusal::from(error).into()));
    }
    let key = PublicKey::from_spki_der(&key)
        .map_err(|error| Refusal::new(Reason::InvalidField, format!("credential.key: {error}")))?;
    Ok(Some(Credential::new(token.into(), key)))
}

/// Collects exactly the declared number of bytes on the disk; more or fewer are refused, and no more are ever held.
async fn collect(stream: &mut Streaming<RecordStreamRequest>, mut upload: Upload) -> Result<Upload, Refusal> {
    loop {
        let data = match next(stream).await? {
            Some(Part::Data(data)) => data,
            Some(Part::Header(_)) => return Err(order("only the first message may be a header")),
            None => break,
        };
        if data.is_empty() {
            return Err(order("a piece without data"));
        }
        if data.len() > PIECE_BYTES_MAX {
            let message = format!("a piece has {} bytes, at most {PIECE_BYTES_MAX} are taken", data.len());
            return Err(order(&message));
        }
        upload = blocking(move || match upload.add(&data) {
            Ok(()) => Ok(upload),
            Err(error) => Err(status::spool(&error)),
        })
        .await?;
    }
    upload.whole().map_err(|error| status::spool(&error))?;
    Ok(upload)
}

async fn next(stream: &mut Streaming<RecordStreamRequest>) -> Result<Option<Part>, Refusal> {
    match stream.message().await.map_err(|status| refused_message(&status))? {
        None => Ok(None),
        Some(RecordStreamRequest { part: Some(part) }) => Ok(Some(part)),
        Some(RecordStreamRequest { part: None }) => Err(order("a message holds neither header nor data")),
    }
}

/// A message that tonic does not take, or that did not come.
pub(super) fn refused_message(status: &Status) -> Refusal {
    match status.code() {
        Code::OutOfRange => Refusal::new(Reason::TooLarge, status.message()),
        Code::Internal if Refusal::from_status(status).is_none() => order(status.message()),
        _ => interrupted(status),
    }
}

pub(super) fn order(message: &str) -> Refusal {
    Refusal::new(Reason::StreamOrder, message)
}

pub(super) fn too_large<T: std::fmt::Display>(length: T, max: T) -> Refusal {
    let message = format!("the envelope has {length} bytes, this call takes at most {max}");
    Refusal::new(Reason::TooLarge, message).value("max", max)
}

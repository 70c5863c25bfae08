//! Recording many envelopes over one stream, each answer checked as for one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use custody_evidence::envelope::Envelope;
use custody_log::{SignedCheckpoint, TreeSize, VerifiedCheckpoint};
use custody_wire::Refusal;
use custody_wire::limits::UNARY_ENVELOPE_BYTES_MAX;
use custody_wire::v1::record_bulk_request::Part;
use custody_wire::v1::record_bulk_response::Answer;
use custody_wire::v1::{BulkEnvelope, BulkHeader, RecordBulkRequest, RecordBulkResponse, RecordResponse};
use prost::bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Streaming};

use super::record::{Progress, RecordError, Recorded};
use super::send::Sent;
use super::{Ledger, LedgerError, ProtocolError};
use crate::connection::CallError;

/// How many envelopes are copied for the transport before it takes them.
const AHEAD: usize = 4;

/// How many trees of a stream are remembered as checked: a server has at most 256 envelopes of it under way, so older
/// ones come no more.
const CHECKED_MAX: usize = 256;

/// Is told what became of each envelope, by its position, and says whether to go on.
pub type Outcome<'a> = &'a mut dyn FnMut(usize, Result<Recorded, RecordError>) -> ControlFlow<()>;

/// What is still to be done.
#[derive(Default)]
struct Left {
    /// Goes over the next stream.
    stream: BTreeSet<usize>,
    /// Goes alone: it is large, or was refused for a reason that goes away.
    alone: BTreeSet<usize>,
}

impl Ledger {
    /// Records envelopes and verifies each receipt as [`Ledger::record`] does. `outcome` is told of each one once, in
    /// the order of the answers; a refused one does not stop the others.
    ///
    /// Envelopes of at most 1 MiB go over one stream. When it breaks, another one goes on; larger envelopes, and those
    /// refused for a reason that goes away, are sent alone after that, with the retries of [`Ledger::record`]. An
    /// envelope that `outcome` was not told of may or may not be recorded: recording it again is safe.
    pub async fn record_all(
        &mut self,
        envelopes: &[&Envelope],
        outcome: Outcome<'_>,
    ) -> Result<(), LedgerError> {
        let mut left = Left::default();
        for (at, envelope) in envelopes.iter().enumerate() {
            let small = envelope.bytes().len() <= UNARY_ENVELOPE_BYTES_MAX;
            if small {
                left.stream.insert(at)
            } else {
                left.alone.insert(at)
            };
        }
        // A stream that brought nothing would not the next time either.
        let mut before = usize::MAX;
        while (1..before).contains(&left.stream.len()) {
            before = left.stream.len();
            if self.record_over_stream(envelopes, &mut left, outcome).await?.is_break() {
                return Ok(());
            }
        }
        for at in left.stream.into_iter().chain(left.alone) {
            let Some(envelope) = envelopes.get(at) else { continue };
            let progress: Progress = Arc::new(|_| {});
            let result = self.record(envelope, progress).await;
            if outcome(at, result).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Sends what is left over one stream until it ends or breaks.
    async fn record_over_stream(
        &mut self,
        envelopes: &[&Envelope],
        left: &mut Left,
        outcome: Outcome<'_>,
    ) -> Result<ControlFlow<()>, LedgerError> {
        let Some((requests, mut answers)) = self.open_stream().await? else {
            return Ok(ControlFlow::Continue(()));
        };
        let wanted: Vec<usize> = left.stream.iter().copied().collect();
        let send = async move {
            for at in wanted {
                let Some(envelope) = envelopes.get(at) else { continue };
                let tag = u64::try_from(at).unwrap_or(u64::MAX);
                let envelope = Bytes::copy_from_slice(envelope.bytes());
                let part = Part::Envelope(BulkEnvelope { tag, envelope });
                // Nobody takes it any more: the answers say why.
                if requests.send(RecordBulkRequest { part: Some(part) }).await.is_err() {
                    return;
                }
            }
        };
        let patience = self.connection.patience().timeout;
        let read = async move {
            let mut checked = BTreeMap::new();
            // However it ends, what has no answer is left.
            while let Ok(Ok(Some(answer))) = tokio::time::timeout(patience, answers.message()).await {
                if self.take_answer(answer, envelopes, left, &mut checked, outcome).await?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        };
        let ((), ended) = tokio::join!(send, read);
        ended
    }

    /// Opens a stream; none if the server does not know such streams.
    async fn open_stream(
        &self,
    ) -> Result<Option<(mpsc::Sender<RecordBulkRequest>, Streaming<RecordBulkResponse>)>, LedgerError> {
        let header = RecordBulkRequest {
            part: Some(Part::Header(BulkHeader { log: Some(self.log()), credential: None })),
        };
        let call = |_left| {
            let (mut recorder, header) = (self.connection.recorder(), header.clone());
            async move {
                let (requests, messages) = mpsc::channel(AHEAD);
                // There is room: the channel is new.
                let _sent = requests.try_send(header);
                // No deadline: a stream lasts as long as it brings answers.
                let answers = recorder.record_bulk(Request::new(ReceiverStream::new(messages))).await?;
                Ok((requests, answers.into_inner()))
            }
        };
        match self.connection.call(call).await {
            Ok(stream) => Ok(Some(stream)),
            Err(CallError::Foreign { code: tonic::Code::Unimplemented, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn take_answer(
        &mut self,
        answer: RecordBulkResponse,
        envelopes: &[&Envelope],
        left: &mut Left,
        checked: &mut BTreeMap<TreeSize, VerifiedCheckpoint>,
        outcome: Outcome<'_>,
    ) -> Result<ControlFlow<()>, LedgerError> {
        let at = usize::try_from(answer.tag).ok().filter(|at| left.stream.remove(at));
        let Some((at, envelope)) = at.and_then(|at| Some((at, *envelopes.get(at)?))) else {
            return Err(ProtocolError::Unexpected { found: "a tag that waits for no answer" }.into());
        };
        let result = match answer.answer {
            Some(Answer::Recorded(response)) => {
                self.check_among(Sent { envelope, credential: None }, &response, checked).await
            }
            Some(Answer::Refused(refused)) => {
                let refused = CallError::Refused(Box::new(Refusal::from(refused)));
                if self.connection.goes_away(&refused) {
                    left.alone.insert(at);
                    return Ok(ControlFlow::Continue(()));
                }
                Err(refused.into())
            }
            None => return Err(ProtocolError::Ended { expected: "its result" }.into()),
        };
        Ok(outcome(at, result))
    }

    pub(super) async fn check_among(
        &mut self,
        sent: Sent<'_>,
        response: &RecordResponse,
        checked: &mut BTreeMap<TreeSize, VerifiedCheckpoint>,
    ) -> Result<Recorded, RecordError> {
        let receipt = Self::receipt_of(response)?;
        let checkpoint = self.accept_among(receipt.signed_checkpoint(), checked).await?;
        self.check_recorded(sent, response, &receipt, &checkpoint).await
    }

    /// Checks the checkpoint of one answer of many, which do not come in the order of their trees: an older tree than
    /// the newest known must be the beginning of it. Each tree is asked about once.
    async fn accept_among(
        &mut self,
        signed: &SignedCheckpoint,
        checked: &mut BTreeMap<TreeSize, VerifiedCheckpoint>,
    ) -> Result<VerifiedCheckpoint, LedgerError> {
        let size = signed.unverified().size();
        if let Some(known) = checked.get(&size).filter(|known| known.signed() == signed) {
            return Ok(known.clone());
        }
        let verified = if size < self.checkpoint().checkpoint().size() {
            let keys = self.trust().log_keys_at(size);
            let verified =
                signed.verify(&self.trust().pin().origin, &keys).map_err(LedgerError::Checkpoint)?;
            self.contains(&verified).await?;
            verified
        } else {
            self.accept(signed).await?
        };
        if checked.len() >= CHECKED_MAX {
            checked.pop_first();
        }
        checked.insert(size, verified.clone());
        Ok(verified)
    }
}

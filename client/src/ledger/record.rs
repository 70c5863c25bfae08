//! Recording an envelope, and checking that the receipt is for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use custody_evidence::admission::Addition;
use custody_evidence::envelope::Envelope;
use custody_evidence::oidc::Credential;
use custody_log::receipt::{Receipt, VerifiedReceipt};
use custody_log::{ContentDigest, EnvelopeDigest, LeafIndex, TreeSize, VerifiedCheckpoint};
use custody_wire::convert::leaf_index;
use custody_wire::v1::RecordResponse;

use super::send::{self, Sent};
use super::{Ledger, LedgerError, Options, ProtocolError};
use crate::check::Logged;
use crate::connection::CallError;

/// An envelope that is in the log, with the receipt that proves it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The entry, its receipt and its admission record.
    pub logged: Logged,
    /// True when the log already held this content, and the envelope added nothing: the entry is the first
    /// one, and may be of another envelope with the same content.
    pub duplicate: bool,
    /// Other entries with this content, which have what the envelope would add to this one: signatures that count, an
    /// earlier proof of time, a stronger authority. Only of a duplicate.
    pub also: Vec<LeafIndex>,
}

/// Is told how many bytes of the envelope have been sent; again from zero when sending is tried again.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// Why an envelope is not known to be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The envelope is longer than any log takes.
    #[error("the envelope is {found} bytes, at most {max} can be recorded")]
    TooLarge {
        /// The largest length.
        max: u64,
        /// The length given.
        found: u64,
    },
    /// The log refused the envelope, with the stable word of the admission rule.
    #[error("not recorded: {message}")]
    Refused {
        /// The stable word.
        word: String,
        /// What the server says about it: text from outside.
        message: String,
    },
    /// There is no answer, or none to believe.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The receipt is for another envelope than the one sent.
    #[error("the receipt is for the envelope {found}, sent was {sent}")]
    OtherEnvelope {
        /// The envelope sent.
        sent: EnvelopeDigest,
        /// The envelope of the entry.
        found: EnvelopeDigest,
    },
    /// The receipt is for other content than that of the envelope sent.
    #[error("the receipt is for the content {found}, sent was {sent}")]
    OtherContent {
        /// The content sent.
        sent: ContentDigest,
        /// The content of the entry.
        found: ContentDigest,
    },
    /// The log says that it holds the content already, and has no entry with what the envelope would add now.
    #[error(
        "the server says that entry {index} is this content already, but neither it nor another entry found \
         {adds}"
    )]
    NotADuplicate {
        /// The entry that the server named.
        index: LeafIndex,
        /// What the envelope sent has, and no entry.
        adds: Addition,
    },
}

impl From<CallError> for RecordError {
    fn from(error: CallError) -> Self {
        match error {
            // A reason that this version knows is about the server; all others are about the envelope.
            CallError::Refused(refusal) if refusal.reason().is_none() => {
                Self::Refused { word: refusal.word().to_owned(), message: refusal.message().to_owned() }
            }
            other => Self::Ledger(other.into()),
        }
    }
}

impl Ledger {
    /// Records an envelope and verifies its receipt: the entry is in the tree that the log signed, that tree
    /// extends the newest one known, and the entry is for this envelope, which was admitted as it would be here, or
    /// for the same content.
    ///
    /// To repeat it is safe, also when the outcome of an attempt is unknown: the same content gives the same
    /// entry.
    pub async fn record(&mut self, envelope: &Envelope, progress: Progress) -> Result<Recorded, RecordError> {
        self.record_as(envelope, None, progress).await
    }

    /// Records an envelope as [`Ledger::record`] does, as the job that a token speaks for, if there is one.
    pub async fn record_as(
        &mut self,
        envelope: &Envelope,
        credential: Option<&Credential>,
        progress: Progress,
    ) -> Result<Recorded, RecordError> {
        let sent = Sent { envelope, credential };
        let response = send::envelope(&self.connection, self.log(), sent, &progress).await?;
        let receipt = Self::receipt_of(&response)?;
        let checkpoint = self.accept(receipt.signed_checkpoint()).await?;
        self.check_recorded(sent, &response, &receipt, &checkpoint).await
    }

    /// Records an envelope and opens the log after that, for somebody who may record and not read: such a log tells what proves
    /// a receipt on the connection on which something was recorded. It is checked as by [`Ledger::open`] and [`Ledger::record_as`].
    pub async fn open_by_recording(
        options: Options,
        envelope: &Envelope,
        credential: Option<&Credential>,
        progress: Progress,
    ) -> Result<(Self, Recorded), RecordError> {
        let connection = options.connection().map_err(LedgerError::from)?;
        // Nothing is known of the log yet that it could be behind of: what is remembered is compared next.
        let log = super::log(&options.pin, TreeSize::ZERO);
        let sent = Sent { envelope, credential };
        let response = send::envelope(&connection, log, sent, &progress).await?;
        let mut ledger = Self::open_over(connection, options).await?;
        let recorded = ledger.check_among(sent, &response, &mut BTreeMap::new()).await?;
        Ok((ledger, recorded))
    }

    /// Reads the receipt of an answer: for the entry that the answer names, and not verified.
    pub(super) fn receipt_of(response: &RecordResponse) -> Result<Receipt, LedgerError> {
        let index = leaf_index("index", response.index).map_err(ProtocolError::from)?;
        decoded(index, &response.receipt)
    }

    /// Verifies an answer against a checkpoint that is believed: the receipt's own.
    pub(super) async fn check_recorded(
        &mut self,
        Sent { envelope, credential }: Sent<'_>,
        response: &RecordResponse,
        receipt: &Receipt,
        checkpoint: &VerifiedCheckpoint,
    ) -> Result<Recorded, RecordError> {
        let receipt = self.proven(receipt, checkpoint)?;
        let entry = receipt.entry();
        let (sent, found) = (envelope.content(), entry.content);
        if sent != found {
            return Err(RecordError::OtherContent { sent, found });
        }
        let (sent, found) = (envelope.digest(), entry.envelope.digest);
        if sent != found && !response.duplicate {
            return Err(RecordError::OtherEnvelope { sent, found });
        }
        let logged = Logged::new(receipt, response.record.to_vec()).map_err(LedgerError::Check)?;
        let also = if sent == found {
            // The envelope is at hand: that the log admitted it by the rules, and nothing else, costs no call.
            let known =
                Box::pin(self.rests_on(logged.entry().index, logged.record())).await?.unwrap_or_default();
            logged.check(envelope, &self.trust, &known).map_err(LedgerError::Check)?;
            Vec::new()
        } else {
            // Rare, and large as a future.
            Box::pin(self.check_duplicate(envelope, credential, logged.entry())).await?
        };
        Ok(Recorded { logged, duplicate: response.duplicate, also })
    }

    /// Checks a receipt that the server sent: for this index, and in a tree that extends the newest known.
    pub(super) async fn check_receipt(
        &mut self,
        index: LeafIndex,
        bytes: &[u8],
    ) -> Result<VerifiedReceipt, LedgerError> {
        let receipt = decoded(index, bytes)?;
        let checkpoint = self.accept(receipt.signed_checkpoint()).await?;
        self.proven(&receipt, &checkpoint)
    }

    fn proven(
        &self,
        receipt: &Receipt,
        checkpoint: &VerifiedCheckpoint,
    ) -> Result<VerifiedReceipt, LedgerError> {
        let index = receipt.unverified_entry().index;
        let keys = self.trust.log_keys_at(checkpoint.checkpoint().size());
        let verified = receipt.verify(&self.trust.pin().origin, &keys);
        Ok(verified.map_err(|source| ProtocolError::Receipt { index, source })?)
    }
}

fn decoded(index: LeafIndex, bytes: &[u8]) -> Result<Receipt, LedgerError> {
    let receipt = Receipt::decode(bytes).map_err(ProtocolError::BadReceipt)?;
    let found = receipt.unverified_entry().index;
    if found != index {
        return Err(ProtocolError::WrongEntry { expected: index, found }.into());
    }
    Ok(receipt)
}

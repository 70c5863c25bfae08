//! From received bytes to a submission: known already, or admitted by the rules that hold now.
//!
//! The rules themselves are pure and live in `custody_evidence::admission`, so that a client can run them again.

use std::sync::Arc;

use custody_evidence::admission::{Admission, AdmissionRecord, Refusal};
use custody_evidence::dsse::Envelope;
use custody_evidence::trust::TrustState;
use custody_log::{ContentDigest, EnvelopeDigest, LeafIndex, Timestamp};
use tokio::sync::{mpsc, oneshot};

use crate::ledger::{Head, Ledger};
use crate::sequencer::{RecordError, Recorded, Submission};

/// The door to the log for everyone who records.
#[derive(Clone)]
pub struct Recording {
    ledger: Arc<Ledger>,
    queue: mpsc::Sender<Submission>,
    clock: Arc<dyn crate::clock::Clock>,
}

impl Recording {
    /// Opens the door to a sequencer's queue.
    #[must_use]
    pub fn new(
        ledger: Arc<Ledger>,
        queue: mpsc::Sender<Submission>,
        clock: Arc<dyn crate::clock::Clock>,
    ) -> Self {
        Self { ledger, queue, clock }
    }

    /// Returns where exactly these bytes are in the log, if they are.
    ///
    /// Nobody is asked who they are yet, so the same bytes from anyone add nothing to what is there.
    pub fn known(&self, digest: &EnvelopeDigest) -> Result<Option<Recorded>, RecordError> {
        let index =
            self.ledger.index().by_envelope(digest).map_err(|error| RecordError::Index(Arc::new(error)))?;
        Ok(index.map(|index| Recorded { index, duplicate: true }))
    }

    /// Admits an envelope and waits until it is committed, or found to add nothing.
    pub async fn record(&self, bytes: Vec<u8>) -> Result<Recorded, RecordError> {
        if let Some(known) = self.known(&EnvelopeDigest::of(&bytes))? {
            return Ok(known);
        }
        // Parsing and signatures take milliseconds for a large envelope: not on the threads that serve.
        let this = self.clone();
        let admitted = tokio::task::spawn_blocking(move || this.admit(bytes)).await;
        let (envelope, admission, admitted_at) = admitted.map_err(|_| RecordError::Internal)??;
        let (answer, answered) = oneshot::channel();
        let submission = Submission { envelope, admission, admitted_at, answer };
        self.queue.send(submission).await.map_err(|_| RecordError::ShuttingDown)?;
        answered.await.map_err(|_| RecordError::OutcomeUnknown)?
    }

    fn admit(&self, bytes: Vec<u8>) -> Result<(Envelope, Admission, LeafIndex), RecordError> {
        let envelope = Envelope::from_vec(bytes).map_err(Refusal::from)?;
        let head = self.ledger.head();
        let now = self.clock.read()?.wall;
        let admission = admit(&head.trust, &envelope, now)?;
        Ok((envelope, admission, head.admin))
    }
}

/// Runs the rules with a fresh salt.
pub(crate) fn admit(
    trust: &TrustState,
    envelope: &Envelope,
    now: Timestamp,
) -> Result<Admission, RecordError> {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|_| RecordError::NoRandomness)?;
    Ok(custody_evidence::admission::admit(trust, envelope, now, salt)?)
}

/// Returns the entries of a content with their admission records, the oldest first. An erased record counts as
/// one that nothing can be added to, since that content is never stored again.
pub(crate) fn records_of(
    ledger: &Ledger,
    head: &Head,
    content: &ContentDigest,
) -> Result<Vec<(LeafIndex, AdmissionRecord)>, RecordError> {
    let indexes = ledger.index().by_content(content).map_err(|error| RecordError::Index(Arc::new(error)))?;
    let read = |index| {
        let bytes = head.journal.record(index).map_err(|error| RecordError::Damaged(Arc::new(error)))?;
        let record = AdmissionRecord::decode(&bytes)
            .map_err(|source| RecordError::DamagedRecord { index, source: Arc::new(source) })?;
        Ok((index, record))
    };
    indexes.into_iter().map(read).collect()
}

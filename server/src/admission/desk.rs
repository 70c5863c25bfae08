//! The desk: where one envelope is checked, and given on to the sequencer.

use std::sync::Arc;

use custody_evidence::admission::{Admission, Refusal};
use custody_evidence::envelope::{Envelope, Received};
use custody_evidence::oidc::Credential;
use custody_evidence::trust::holds_said_once;
use custody_log::{EnvelopeDigest, LeafIndex};
use tokio::sync::mpsc;

use super::earlier::Earlier;
use super::pace::Pace;
use super::{Admitted, admit, record_of};
use crate::clock::Clock;
use crate::ledger::{Head, Ledger};
use crate::sequencer::{RecordError, Recorded, Submission};

/// All that a check needs. Whoever checks shares it, and nothing else of the door.
pub(super) struct Desk {
    pub(super) ledger: Arc<Ledger>,
    /// None: the log is read-only.
    pub(super) queue: Option<mpsc::Sender<Submission>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pace: Pace,
}

/// What a check of an envelope found.
pub(super) enum Checked {
    /// It is in the log, and adds nothing to it.
    There(LeafIndex),
    /// It is admitted.
    Admitted {
        /// What the log gets.
        new: (Envelope, Box<Admitted>),
        /// What it waits for first, where the facts index is too far behind.
        behind: Option<Pace>,
    },
}

impl Desk {
    /// Returns where the entry is, if it was recorded under the trust that holds: then nothing could come of checking it again.
    pub(super) fn settled(&self, recorded: Option<LeafIndex>) -> Result<Option<Recorded>, RecordError> {
        let Some(index) = recorded else { return Ok(None) };
        let head = self.ledger.head();
        if !head.size.contains(index) {
            // A recovery found it and is not over: the sequencer knows when it is.
            return Ok(None);
        }
        let trust = record_of(&head, index)?.trust.index;
        Ok((trust == head.trust.index().get()).then_some(Recorded { index, duplicate: true }))
    }

    /// Checks an envelope under the rules that hold.
    pub(super) fn check(
        &self,
        bytes: Vec<u8>,
        credential: Option<Credential>,
    ) -> Result<Checked, RecordError> {
        let index = self.ledger.index();
        let size = index.covered();
        let received = Received::new(bytes);
        let same = self.recorded(&received.digest())?;
        // Who shows a token may add an identity to what is there.
        if credential.is_none()
            && let Some(known) = self.settled(same)?
        {
            return Ok(Checked::There(known.index));
        }
        let envelope = Envelope::from_received(received).map_err(Refusal::from)?;
        let head = self.ledger.head();
        let now = self.clock.read()?.wall;
        match admit(&head, index, &envelope, credential, &[], now) {
            Ok(admitted) => match same {
                // A retry must find its entry also while nothing can be written.
                Some(index) if self.adds_nothing(&admitted.admission, &head)? => Ok(Checked::There(index)),
                _ => {
                    if let Some(proof) = &admitted.admission.record().token {
                        // Here and not where one writes for all: after a start it may be hours of entries.
                        self.ledger.first_uses().learn(&self.ledger, proof)?;
                    }
                    let earlier = Earlier::look(index, size, &envelope, same)?;
                    let new = (envelope, admitted.knowing(earlier));
                    // No more of the ledger goes on than is needed: who is answered may close the log.
                    let behind = (!self.pace.lets_in()).then(|| self.pace.clone());
                    Ok(Checked::Admitted { new, behind })
                }
            },
            // What the rules let in once is there, whatever they say today.
            Err(error @ RecordError::Refused(_)) => {
                self.let_in_before(&envelope)?.map(Checked::There).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Says whether what is recorded of the content leaves nothing to add. What a recovery found that is not over is the
    /// sequencer's to compare.
    fn adds_nothing(&self, admission: &Admission, head: &Head) -> Result<bool, RecordError> {
        let indexes = self.ledger.index().by_content(&admission.content());
        let indexes = indexes.map_err(|error| RecordError::Index(Arc::new(error)))?;
        if indexes.iter().any(|index| !head.size.contains(*index)) {
            return Ok(false);
        }
        let records = indexes.into_iter().map(|index| record_of(head, index));
        let records = records.collect::<Result<Vec<_>, _>>()?;
        Ok(!admission.record().adds_to(&records.iter().collect::<Vec<_>>()))
    }

    /// Returns the entry of these bytes; of a statement that can be true once only, that of the same content in whatever bytes: a
    /// retry that is signed anew is refused, and is no new trust document and no second redaction.
    fn let_in_before(&self, envelope: &Envelope) -> Result<Option<LeafIndex>, RecordError> {
        let same = self.recorded(&envelope.digest())?;
        if same.is_some() || !envelope.dsse().is_some_and(holds_said_once) {
            return Ok(same);
        }
        let indexes = self.ledger.index().by_content(&envelope.content());
        Ok(indexes.map_err(|error| RecordError::Index(Arc::new(error)))?.first().copied())
    }

    /// Returns the entry of exactly these bytes.
    pub(super) fn recorded(&self, digest: &EnvelopeDigest) -> Result<Option<LeafIndex>, RecordError> {
        self.ledger.index().by_envelope(digest).map_err(|error| RecordError::Index(Arc::new(error)))
    }
}

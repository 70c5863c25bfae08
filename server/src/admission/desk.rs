//! The desk: where one envelope is checked, and given on to the sequencer.

use std::sync::Arc;

use custody_evidence::admission::{Admission, Refusal};
use custody_evidence::envelope::Envelope;
use custody_evidence::oidc::Credential;
use custody_evidence::trust::holds_said_once;
use custody_log::{EnvelopeDigest, LeafIndex};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::earlier::Earlier;
use super::pace::Pace;
use super::{Admitted, admit, record_of};
use crate::clock::Clock;
use crate::ledger::{Head, Ledger};
use crate::sequencer::{Answered, RecordError, Recorded, Submission};

/// All that a check needs. Whoever checks shares it, and nothing else of the door.
pub(super) struct Desk {
    pub(super) ledger: Arc<Ledger>,
    /// None: the log is read-only.
    pub(super) queue: Option<mpsc::Sender<Submission>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pace: Pace,
}

/// What a look at an envelope found.
enum Looked {
    /// It is in the log, and adds nothing to it.
    There(LeafIndex),
    /// It is admitted.
    Admitted(Box<(Envelope, Admitted)>),
}

/// What became of an envelope that was looked at.
pub(super) enum Handed {
    /// It is in the log, and adds nothing to it.
    There(LeafIndex),
    /// The sequencer has it, or will have it when there is room; the answer comes here.
    Admitted { waiting: Option<Box<Submission>>, answered: oneshot::Receiver<Result<Answered, RecordError>> },
}

impl Desk {
    /// Checks an envelope, and gives what is admitted to the sequencer.
    pub(super) fn check(
        &self,
        bytes: Vec<u8>,
        credential: Option<Credential>,
    ) -> Result<Handed, RecordError> {
        self.hand_on(self.look(bytes, credential)?)
    }

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

    fn look(&self, bytes: Vec<u8>, credential: Option<Credential>) -> Result<Looked, RecordError> {
        let index = self.ledger.index();
        let size = index.covered();
        let same = self.recorded(&EnvelopeDigest::of(&bytes))?;
        // Who shows a token may add an identity to what is there.
        if credential.is_none()
            && let Some(known) = self.settled(same)?
        {
            return Ok(Looked::There(known.index));
        }
        let envelope = Envelope::from_vec(bytes).map_err(Refusal::from)?;
        let head = self.ledger.head();
        let now = self.clock.read()?.wall;
        match admit(&head, index, &envelope, credential, &[], now) {
            Ok(admitted) => match same {
                // A retry must find its entry also while nothing can be written.
                Some(index) if self.adds_nothing(&admitted.admission, &head)? => Ok(Looked::There(index)),
                _ => {
                    if let Some(proof) = &admitted.admission.record().token {
                        // Here and not where one writes for all: after a start it may be hours of entries.
                        self.ledger.first_uses().learn(&self.ledger, proof)?;
                    }
                    let earlier = Earlier::look(index, size, &envelope, same)?;
                    Ok(Looked::Admitted(Box::new((envelope, Admitted { earlier, ..admitted }))))
                }
            },
            // What the rules let in once is there, whatever they say today.
            Err(error @ RecordError::Refused(_)) => {
                self.let_in_before(&envelope)?.map(Looked::There).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives what is admitted to the sequencer, if it need not wait: from this thread, since to wake one that serves, which wakes
    /// the sequencer, costs a lone caller a twentieth of his time.
    fn hand_on(&self, looked: Looked) -> Result<Handed, RecordError> {
        let (envelope, admitted) = match looked {
            Looked::There(index) => return Ok(Handed::There(index)),
            Looked::Admitted(new) => *new,
        };
        let queue = self.queue.as_ref().ok_or(RecordError::ReadOnly)?;
        let (answer, answered) = oneshot::channel();
        let submission = Submission { envelope, admitted, answer };
        let waiting = if self.pace.lets_in() {
            match queue.try_send(submission) {
                Ok(()) => None,
                Err(TrySendError::Full(submission)) => Some(Box::new(submission)),
                Err(TrySendError::Closed(_)) => return Err(RecordError::ShuttingDown),
            }
        } else {
            Some(Box::new(submission))
        };
        Ok(Handed::Admitted { waiting, answered })
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

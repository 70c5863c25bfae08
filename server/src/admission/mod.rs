//! From received bytes to a submission: known already, or admitted by the rules that hold now.
//!
//! The rules themselves are pure and live in `custody_evidence::admission`, so that a client can run them again.

mod builds;
mod earlier;
mod pace;
mod share;
mod spool;

use std::sync::Arc;
use std::time::Duration;

use custody_evidence::admission::{self as rules, Admission, AdmissionRecord, Refusal};
use custody_evidence::envelope::Envelope;
use custody_evidence::oidc::Credential;
use custody_evidence::trust::holds_said_once;
use custody_log::{EnvelopeDigest, LeafIndex, Timestamp, TreeSize};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use self::pace::Pace;
use crate::clock::Clock;
use crate::index::{Findable, Index, Remains};
use crate::issuers::Issuers;
use crate::journal::ReadError;
use crate::ledger::{Head, Ledger};
use crate::sequencer::{Answered, RecordError, Recorded, Submission};

pub(crate) use builds::moved;
pub use earlier::Earlier;
pub use pace::{Behind, FACTS_LAG_MAX};
pub use share::Share;
pub use spool::{Spool, SpoolError, Upload};

/// How long an envelope waits until it is checked: 5 s.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most envelopes that are checked at once, for each processor. A check computes, and reads a little: more at once
/// would only hold more memory. An envelope of 1 MiB whose signatures are all wrong costs up to 512 MiB of hashing
/// (`custody_evidence::dsse::HASHED_MAX`), whether or not its sender still waits.
pub(crate) const CHECKED_AT_ONCE: usize = 4;

/// The longest envelope that is checked in the line of all: 1 MiB, what one message holds.
pub(crate) const SMALL_MAX: usize = 1 << 20;

/// The door to the log for everyone who records.
#[derive(Clone)]
pub struct Recording {
    ledger: Arc<Ledger>,
    /// None: the log is read-only.
    queue: Option<mpsc::Sender<Submission>>,
    clock: Arc<dyn Clock>,
    /// For those that are checked; kept by the work, since it goes on when the caller leaves.
    places: Arc<Semaphore>,
    /// The same for large ones, which take long: one has a place of its own, and holds up no small one.
    large_place: Arc<Semaphore>,
    /// What the caller may have of the places, where it is not all: the smallest share first.
    shares: Vec<Share>,
    pace: Pace,
    issuers: Option<Arc<Issuers>>,
}

/// A place of an envelope that is checked.
struct Place {
    _own: Vec<OwnedSemaphorePermit>,
    _all: OwnedSemaphorePermit,
}

/// What a look at an envelope found.
enum Looked {
    /// It is in the log, and adds nothing to it.
    There(LeafIndex),
    /// It is admitted.
    Admitted(Box<(Envelope, Admitted)>),
}

/// What became of an envelope that was looked at.
enum Handed {
    /// It is in the log, and adds nothing to it.
    There(LeafIndex),
    /// The sequencer has it, or will have it when there is room; the answer comes here.
    Admitted { waiting: Option<Box<Submission>>, answered: oneshot::Receiver<Result<Answered, RecordError>> },
}

impl Recording {
    /// Opens the door to a sequencer's queue; without one it leads to what is recorded already, and no further.
    #[must_use]
    pub fn new(ledger: Arc<Ledger>, queue: Option<mpsc::Sender<Submission>>, clock: Arc<dyn Clock>) -> Self {
        let places = Arc::new(Semaphore::new(share::places()));
        let large_place = Arc::new(Semaphore::new(1));
        let pace = Pace::new(Arc::clone(&ledger), FACTS_LAG_MAX);
        let shares = Vec::new();
        Self { ledger, queue, clock, places, large_place, shares, pace, issuers: None }
    }

    /// Returns the clock by which envelopes are admitted.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Returns the door for a caller who has no more than these shares of the places, the smallest first.
    #[must_use]
    pub fn of(&self, shares: &[&Share]) -> Self {
        Self { shares: shares.iter().copied().cloned().collect(), ..self.clone() }
    }

    /// Returns where exactly these bytes are in the log, if they are and nothing could come of checking them again.
    ///
    /// Nobody is asked who they are yet, so the same bytes from anyone add nothing, while the trust holds under which
    /// they were recorded. Under newer trust another of their signatures may count.
    pub fn known(&self, digest: &EnvelopeDigest) -> Result<Option<Recorded>, RecordError> {
        self.settled(self.recorded(digest)?)
    }

    fn settled(&self, recorded: Option<LeafIndex>) -> Result<Option<Recorded>, RecordError> {
        let Some(index) = recorded else { return Ok(None) };
        let head = self.ledger.head();
        if !head.size.contains(index) {
            // A recovery found it and is not over: the sequencer knows when it is.
            return Ok(None);
        }
        let trust = record_of(&head, index)?.trust.index;
        Ok((trust == head.trust.index().get()).then_some(Recorded { index, duplicate: true }))
    }

    /// The same door, with somebody who looks after the keys of issuers. Without, tokens are checked with those that the log knows.
    #[must_use]
    pub fn with_issuers(self, issuers: Arc<Issuers>) -> Self {
        Self { issuers: Some(issuers), ..self }
    }

    /// Admits an envelope and waits until it is committed, or found to add nothing.
    pub async fn record(&self, bytes: Vec<u8>) -> Result<Answered, RecordError> {
        self.record_as(bytes, None).await
    }

    /// The same for a caller who shows an identity token.
    pub async fn record_as(
        &self,
        bytes: Vec<u8>,
        credential: Option<Credential>,
    ) -> Result<Answered, RecordError> {
        if let (Some(credential), Some(issuers)) = (&credential, &self.issuers) {
            issuers.prepare(credential).await?;
        }
        let place = tokio::time::timeout(PATIENCE, self.place(bytes.len() > SMALL_MAX)).await;
        let Ok(Some(place)) = place else { return Err(RecordError::Busy) };
        // Parsing and signatures take milliseconds for a large envelope: not on the threads that serve.
        let this = self.clone();
        let handed = tokio::task::spawn_blocking(move || {
            let handed = this.look(bytes, credential).and_then(|looked| this.hand_on(looked));
            drop(place);
            handed
        });
        let (waiting, answered) = match handed.await.map_err(|_| RecordError::Internal)?? {
            Handed::There(index) => return Ok(Recorded { index, duplicate: true }.into()),
            Handed::Admitted { waiting, answered } => (waiting, answered),
        };
        if let Some(submission) = waiting {
            self.pace.wait_a_while().await?;
            let queue = self.queue.as_ref().ok_or(RecordError::ReadOnly)?;
            queue.send(*submission).await.map_err(|_| RecordError::ShuttingDown)?;
        }
        answered.await.map_err(|_| RecordError::OutcomeUnknown)?
    }

    /// Waits until the facts index is not too far behind for more entries, for as long as it takes: for callers who
    /// send without asking first.
    pub async fn wait_for_room(&self) {
        self.pace.wait().await;
    }

    /// Waits for a place to be checked. First come those of the caller: who sends too much waits for himself.
    async fn place(&self, large: bool) -> Option<Place> {
        let mut own = Vec::new();
        for share in self.shares.iter().filter(|_| !large) {
            own.push(share.take().await?);
        }
        let all = Arc::clone(if large { &self.large_place } else { &self.places });
        Some(Place { _own: own, _all: all.acquire_owned().await.ok()? })
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

    fn recorded(&self, digest: &EnvelopeDigest) -> Result<Option<LeafIndex>, RecordError> {
        self.ledger.index().by_envelope(digest).map_err(|error| RecordError::Index(Arc::new(error)))
    }
}

/// An envelope that may enter the log, and what was known of it then.
pub struct Admitted {
    /// What was checked.
    pub admission: Admission,
    /// What its entry can be found by; none if that is too much to wait in memory.
    pub findable: Option<Findable>,
    /// The newest administrative entry: that of the rules that let it in.
    pub at: LeafIndex,
    /// What the log had of it.
    pub earlier: Earlier,
    /// How much of the log was looked at for builds.
    pub builds_to: TreeSize,
    /// What its sender showed.
    pub credential: Option<Credential>,
}

/// Runs the rules that hold, with a fresh salt; `brought` is what a batch has of builds that the log has not yet. What the log has
/// of the envelope itself is not looked at.
pub(crate) fn admit(
    head: &Head,
    index: &Index,
    envelope: &Envelope,
    credential: Option<Credential>,
    brought: &[(LeafIndex, &AdmissionRecord)],
    now: Timestamp,
) -> Result<Admitted, RecordError> {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|_| RecordError::NoRandomness)?;
    let builds = builds::look(head, index, envelope, brought)?;
    let mut admission = match &credential {
        Some(credential) => rules::admit_as(&head.trust, envelope, credential, &builds, now, salt)?,
        None => rules::admit_knowing(&head.trust, envelope, &builds, now, salt)?,
    };
    // The facts can be much larger than the statement, and do not wait with it.
    let findable = Findable::of(&admission.take_facts(), admission.record());
    let (at, earlier, builds_to) = (head.admin, Earlier::UNKNOWN, head.size);
    Ok(Admitted { admission, findable, at, earlier, builds_to, credential })
}

/// Returns what the redaction `by` kept of an entry.
pub(crate) fn remains(head: &Head, index: LeafIndex, by: LeafIndex) -> Result<Remains, RecordError> {
    let erased = head.journal.erased_by(by).map_err(|error| RecordError::Damaged(Arc::new(error)))?;
    let keys = erased.into_iter().find(|erased| erased.index == index).map(|erased| erased.keys);
    Ok(Remains::kept(&keys.unwrap_or_default()))
}

/// Returns the admission record of an entry.
pub(crate) fn record_of(head: &Head, index: LeafIndex) -> Result<AdmissionRecord, RecordError> {
    let bytes = head.journal.record(index).map_err(|error| match error {
        // The same content again, which is not kept again.
        ReadError::Redacted { by, .. } => Refusal::Redacted { index: by }.into(),
        error => RecordError::Damaged(Arc::new(error)),
    })?;
    AdmissionRecord::decode(&bytes)
        .map_err(|source| RecordError::DamagedRecord { index, source: Arc::new(source) })
}

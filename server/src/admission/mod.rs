//! From received bytes to a submission: known already, or admitted by the rules that hold now.
//!
//! The rules themselves are pure and live in `custody_evidence::admission`, so that a client can run them again.

mod builds;
mod checkers;
mod desk;
mod earlier;
mod hand_over;
mod line;
mod pace;
mod share;
mod spool;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use custody_evidence::admission::{self as rules, Admission, AdmissionRecord, Refusal};
use custody_evidence::envelope::Envelope;
use custody_evidence::oidc::Credential;
use custody_log::{EnvelopeDigest, LeafIndex, Timestamp, TreeSize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use self::checkers::Checkers;
use self::desk::Desk;
use self::hand_over::HandOver;
use self::line::Standing;
use self::pace::Pace;
use crate::clock::Clock;
use crate::index::{Findable, Index, Remains};
use crate::issuers::Issuers;
use crate::journal::ReadError;
use crate::ledger::{Head, Ledger};
use crate::sequencer::{Answered, Coming, RecordError, Recorded, Seat, Submission};

pub(crate) use builds::moved;
pub use earlier::Earlier;
pub use pace::{Behind, FACTS_LAG_MAX};
pub use share::Share;
pub use spool::{Spool, SpoolError, Upload};

/// How long an envelope waits until it is checked: 5 s.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most envelopes that are checked at once or next, for each processor. A check computes, and reads a little: more at once
/// would only hold more memory. An envelope of 1 MiB whose signatures are all wrong costs up to 512 MiB of hashing
/// (`custody_evidence::dsse::HASHED_MAX`), whether or not its sender still waits.
pub(crate) const CHECKED_AT_ONCE: usize = 4;

/// The longest envelope that is checked in the line of all: 1 MiB, what one message holds.
pub(crate) const SMALL_MAX: usize = 1 << 20;

/// The longest envelope that is checked by the [`Checkers`]: 32 KiB, which most provenance and no large SBOM fits. At worst each of 16
/// signatures is tried with 64 keys (`custody_evidence::dsse`) and holds for none: 1,024 checks, some 50 ms with Ed25519 and more with larger
/// curves. Addresses take turns, so who sends such ones holds up himself. With an identity token nothing is checked there, since it may
/// have to be looked up in hours of entries.
pub(crate) const QUICK_MAX: usize = 32 << 10;

/// The door to the log for everyone who records.
#[derive(Clone)]
pub struct Recording {
    desk: Arc<Desk>,
    /// For those that are checked; kept by the work, since it goes on when the caller leaves.
    places: Arc<Semaphore>,
    /// The same for large ones, which take long: one has a place of its own, and holds up no small one.
    large_place: Arc<Semaphore>,
    /// What the caller may have of the places, where it is not all: the smallest share first.
    shares: Vec<Share>,
    checkers: Checkers,
    /// Where the sequencer sees who comes.
    coming: Coming,
    /// Where who checked may do its work.
    seat: Option<Seat>,
    issuers: Option<Arc<Issuers>>,
}

/// A place of an envelope that is checked.
struct Place {
    _own: Vec<OwnedSemaphorePermit>,
    _all: OwnedSemaphorePermit,
}

impl Recording {
    /// Opens the door to a sequencer's queue; without one it leads to what is recorded already, and no further.
    #[must_use]
    pub fn new(ledger: Arc<Ledger>, queue: Option<mpsc::Sender<Submission>>, clock: Arc<dyn Clock>) -> Self {
        let places = Arc::new(Semaphore::new(share::places()));
        let large_place = Arc::new(Semaphore::new(1));
        let pace = Pace::new(Arc::clone(&ledger), FACTS_LAG_MAX);
        let shares = Vec::new();
        let checkers = Checkers::start();
        let desk = Arc::new(Desk { ledger, queue, clock, pace });
        let coming = Coming::default();
        Self { desk, places, large_place, shares, checkers, coming, seat: None, issuers: None }
    }

    /// Returns the clock by which envelopes are admitted.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.desk.clock)
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
        self.desk.settled(self.desk.recorded(digest)?)
    }

    /// The same door, with somebody who looks after the keys of issuers. Without, tokens are checked with those that the log knows.
    #[must_use]
    pub fn with_issuers(self, issuers: Arc<Issuers>) -> Self {
        Self { issuers: Some(issuers), ..self }
    }

    /// The same door, whose sequencer is told who comes, and whose lone callers may sit down in its seat. Without, it takes only what
    /// waits already.
    #[must_use]
    pub fn with_seat(self, seat: Seat) -> Self {
        Self { coming: seat.coming(), seat: Some(seat), ..self }
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
        let quick = bytes.len() <= QUICK_MAX && credential.is_none();
        let on_the_way = quick.then(|| self.coming.one());
        let came = Instant::now();
        let place = if quick { None } else { Some(self.place(bytes.len() > SMALL_MAX).await?) };
        // Parsing and signatures take milliseconds for a large envelope: not on the threads that serve.
        let desk = Arc::clone(&self.desk);
        let hand_over = HandOver::new(desk.queue.clone(), self.seat.clone());
        let (answer, answered) = oneshot::channel();
        let check = move || {
            let checked = if came.elapsed() > PATIENCE {
                Err(RecordError::Busy)
            } else {
                let checked = catch_unwind(AssertUnwindSafe(|| desk.check(bytes, credential)));
                checked.unwrap_or(Err(RecordError::Internal))
            };
            // Before the answer: who has it may close the log.
            drop((desk, place));
            hand_over.give(checked, answer);
            // When it is in the queue: the sequencer counts it there.
            drop(on_the_way);
        };
        // What is small waits in the line for as long as its caller does, and holds what his call does.
        let _ticket = if quick {
            self.checkers.run(self.standing(), check)
        } else {
            tokio::task::spawn_blocking(check);
            None
        };
        answered.await.map_err(|_| RecordError::OutcomeUnknown)?
    }

    /// Waits until the facts index is not too far behind for more entries, for as long as it takes: for callers who
    /// send without asking first.
    pub async fn wait_for_room(&self) {
        self.desk.pace.wait().await;
    }

    /// Waits for a place to be checked. First come those of the caller: who sends too much waits for himself.
    async fn place(&self, large: bool) -> Result<Place, RecordError> {
        let place = async {
            let mut own = Vec::new();
            for share in self.shares.iter().filter(|_| !large) {
                own.push(share.take().await?);
            }
            let all = Arc::clone(if large { &self.large_place } else { &self.places });
            Some(Place { _own: own, _all: all.acquire_owned().await.ok()? })
        };
        tokio::time::timeout(PATIENCE, place).await.ok().flatten().ok_or(RecordError::Busy)
    }

    /// Returns where the caller stands in the line: his connection has the smallest share, and his address the next one.
    fn standing(&self) -> Standing {
        let mut members = self.shares.iter().map(Share::member);
        let connection = members.next().unwrap_or_default();
        Standing { connection, address: members.next().unwrap_or_default() }
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

impl Admitted {
    /// The same, with what the log had of it.
    pub(crate) fn knowing(mut self: Box<Self>, earlier: Earlier) -> Box<Self> {
        self.earlier = earlier;
        self
    }
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
) -> Result<Box<Admitted>, RecordError> {
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
    Ok(Box::new(Admitted { admission, findable, at, earlier, builds_to, credential }))
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

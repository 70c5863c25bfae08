//! The single writer: takes admitted envelopes, gives them their place, commits them in batches.
//!
//! ```text
//! submissions -> wait for who comes, gather -> admit again if trust moved, drop what adds nothing -> encode
//!             -> journal: one write, one fsync                                <== THE COMMIT POINT
//!             -> entry index, tree, checkpoint, head -> answers
//! ```
//!
//! While one batch is being synced the next one gathers in the queue. Before the commit point a failure is
//! harmless. At it the outcome is unknown: the position in the log is gone by type, and only opening the log
//! again yields a new one. After it everything can be derived again, and recovery runs the same code.

mod batch;
mod coming;
mod seat;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use custody_evidence::admission::{self as rules, Refusal};
use custody_evidence::envelope::Envelope;
use custody_evidence::trust::{CLOCK_REPAIR_TYPE, ClockRepair, TrustError};
use custody_log::{LeafIndex, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use self::batch::Draft;
pub use self::coming::{Coming, OnTheWay, WAIT_MAX};
pub use self::seat::Seat;
use crate::admission::Admitted;
use crate::clock::{ClockError, Reading, Steadiness};
use crate::first_uses::FirstUseError;
use crate::index::IndexError;
use crate::journal::{self, AppendError, Batch, Journal, ReadError};
use crate::ledger::{Head, Ledger, LedgerError, Position, Settings, keep, newest_admin};
use crate::publish::Publisher;

/// The most entries of one batch. 512 of them are less than 1 MiB of entries and keep one index update small.
pub const BATCH_ENTRIES_MAX: usize = 512;

/// The most bytes of envelopes and admission records of one batch, if it has more than one entry: 16 MiB.
pub const BATCH_BYTES_MAX: usize = 16 << 20;

/// How often a quiet log gets a new cosignature of the freshness key.
pub const FRESHNESS_EVERY: Duration = Duration::from_mins(1);

/// How long a kept checkpoint may wait for its sync: half a second, less than the second that is promised.
const SYNC_AFTER: Duration = Duration::from_millis(500);

/// How long to wait after a recovery that failed before the next one. It doubles with each failure.
const RECOVERY_PAUSE: Duration = Duration::from_millis(500);

/// The longest wait between two recoveries. Opening the journal again costs about what a start does.
const RECOVERY_PAUSE_MAX: Duration = Duration::from_secs(16);

/// An admitted envelope on its way into the log.
pub struct Submission {
    /// The envelope.
    pub envelope: Envelope,
    /// What admission found.
    pub admitted: Box<Admitted>,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<Answered, RecordError>>,
}

/// What the sequencer says to a submission that is in the log.
#[derive(Debug)]
pub struct Answered {
    /// Where it is.
    pub recorded: Recorded,
    /// What was written, if it is new: a receipt is made of it, and nothing is read from the disk for that.
    pub written: Option<Written>,
}

/// A new entry.
#[derive(Debug)]
pub struct Written {
    /// The entry's exact bytes.
    pub entry: Vec<u8>,
    /// The admission record's exact bytes.
    pub record: Vec<u8>,
}

impl From<Recorded> for Answered {
    /// An answer with what was in the log before.
    fn from(recorded: Recorded) -> Self {
        Self { recorded, written: None }
    }
}

/// Where an envelope is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// The entry.
    pub index: LeafIndex,
    /// Whether the entry was there before, because the envelope added nothing.
    pub duplicate: bool,
}

/// Why an envelope was not recorded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    /// The rules refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No time can be given to it.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The journal refused the write before it wrote anything.
    #[error(transparent)]
    Journal(#[from] journal::Refused),
    /// As many envelopes are being checked as may be.
    #[error("too many envelopes are being checked at once")]
    Busy,
    /// Whether it was written is unknown. Recording it again is safe.
    #[error("the disk failed while writing; whether the envelope is recorded is unknown, record it again")]
    OutcomeUnknown,
    /// Bytes on disk are damaged.
    #[error(transparent)]
    Damaged(Arc<ReadError>),
    /// An admission record on disk does not decode.
    #[error("the admission record of entry {index} is damaged: {source}; run custodyd fsck")]
    DamagedRecord {
        /// Its entry.
        index: LeafIndex,
        /// Why.
        source: Arc<rules::RecordError>,
    },
    /// The index failed.
    #[error(transparent)]
    Index(Arc<IndexError>),
    /// The first uses of a token cannot be read.
    #[error(transparent)]
    FirstUse(Arc<FirstUseError>),
    /// The system gave no random bytes for the salt of the admission record.
    #[error("the system gave no random bytes")]
    NoRandomness,
    /// No key of the token's issuer is known, or not the one that it is signed with, and the issuer does not answer.
    #[error("the keys of the issuer {issuer} could not be had: {why}")]
    IssuerUnreachable {
        /// The issuer.
        issuer: String,
        /// What went wrong.
        why: String,
        /// When it is asked again.
        retry: Duration,
    },
    /// The issuer was asked a moment ago, and did not publish the key that the token is signed with.
    #[error(
        "the issuer {issuer} did not publish the key of this identity token a moment ago, and is not asked again yet"
    )]
    KeyNotSeen {
        /// The issuer.
        issuer: String,
        /// When it is asked again.
        retry: Duration,
    },
    /// The trust document changed after keys of an issuer were admitted, and may mean other ones.
    #[error("the trust document changed while the keys of an issuer were on their way into the log")]
    KeysMoved,
    /// As many tokens wait for keys of their issuers as may.
    #[error(
        "the keys of the issuer {issuer} are not known yet, and too many identity tokens wait for keys already"
    )]
    KeysAwaited {
        /// The issuer.
        issuer: String,
        /// When to come again.
        retry: Duration,
    },
    /// Recovery after a failed write has not succeeded yet; nothing was written. It is tried again by itself.
    #[error("the disk failed and the server has not recovered yet; nothing was written")]
    NotWriting,
    /// A trust document would have others sign for the log than this server can.
    #[error(
        "the trust document's {role} keys are not those that this server signs with; \
         its checkpoints would not be believed"
    )]
    KeysNotHeld {
        /// `log` or `freshness`.
        role: &'static str,
    },
    /// The server met a state that it excludes: a bug.
    #[error("the server met a state that it excludes")]
    Internal,
    /// The log was restored from a backup, and may lack what was recorded later.
    #[error(
        "the log was restored from a backup that may lack what was recorded later: it is read-only until an administrator \
         brings the newest checkpoint known"
    )]
    ReadOnly,
    /// The facts index is too far behind.
    #[error(transparent)]
    IndexBehind(#[from] crate::admission::Behind),
    /// The server shuts down.
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// The owner of the log's end.
pub struct Sequencer {
    ledger: Arc<Ledger>,
    settings: Settings,
    publisher: Publisher,
    steadiness: Steadiness,
    coming: Coming,
    /// None after a write whose outcome is unknown, until recovery succeeded.
    position: Option<Position>,
    /// When recovery is tried again, if there is no position, and how long to wait after it fails once more.
    recover_at: Instant,
    recovery_pause: Duration,
    /// An administrative entry is alone in its batch: one that came after others waits here.
    waiting: Option<Submission>,
    /// When the kept checkpoint must be synced, if it is not.
    sync_at: Option<Instant>,
    /// When the newest checkpoint is cosigned again.
    cosign_at: Instant,
    stopping: Stopping,
    /// Whether somebody works with it who is not its own thread: then nothing that takes long is done.
    lent: bool,
    /// Whether room cannot be made: the disk failed at it once.
    cramped: bool,
    /// Whether only a start can go on.
    lost: bool,
    /// Resolves when no more envelopes are to be taken than those that wait already. None once it is waited for.
    stop: Option<oneshot::Receiver<()>>,
}

/// Whether no more envelopes come than those that wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopping {
    No,
    Yes,
    /// And the log was recovered since.
    Recovered,
}

impl Sequencer {
    /// Takes over the end of an opened log.
    #[must_use]
    pub fn new(
        ledger: Arc<Ledger>,
        settings: Settings,
        position: Position,
        publisher: Publisher,
        stop: oneshot::Receiver<()>,
    ) -> Self {
        Self {
            stop: Some(stop),
            stopping: Stopping::No,
            lent: false,
            cramped: false,
            lost: false,
            ledger,
            settings,
            publisher,
            steadiness: Steadiness::default(),
            coming: Coming::default(),
            position: Some(position),
            recover_at: Instant::now(),
            recovery_pause: RECOVERY_PAUSE,
            waiting: None,
            sync_at: Some(Instant::now() + SYNC_AFTER),
            cosign_at: Instant::now() + FRESHNESS_EVERY,
        }
    }

    /// Returns where those who are about to give it an envelope say so.
    #[must_use]
    pub fn coming(&self) -> Coming {
        self.coming.clone()
    }

    /// Works until it is stopped or the queue is closed, empties the queue, then seals the journal. Runs on its
    /// own thread: it blocks.
    pub fn run(self, queue: mpsc::Receiver<Submission>, runtime: &Handle) {
        Seat::new(self, queue).serve(runtime);
    }

    /// When something is to be done, whether or not an envelope comes.
    fn wakes_at(&self) -> Instant {
        let recovery = self.position.is_none().then_some(self.recover_at);
        [self.sync_at, recovery].into_iter().flatten().fold(self.cosign_at, Instant::min)
    }

    fn work(&mut self, first: Submission, queue: &mut mpsc::Receiver<Submission>, runtime: &Handle) {
        let Some(position) = self.position.take() else {
            drop(first.answer.send(Err(RecordError::NotWriting)));
            return;
        };
        // Nobody comes into a queue that is full.
        let waits = !self.lent && !queue.is_closed() && queue.len() < queue.max_capacity();
        if waits && !first.admitted.admission.administrative() {
            self.coming.wait(queue.len().saturating_add(1));
        }
        let ledger = Arc::clone(&self.ledger);
        let head = ledger.head();
        let keys = self.publisher.verifiers();
        let mut draft = Draft::new(&ledger, &head, &keys, &position.last, position.last_digest);
        let reading = self.settings.clock.read();
        for submission in self.gather(first, queue) {
            let last = draft.last().time;
            match self.time_of(&submission, reading.clone(), last) {
                Ok(time) => draft.add(submission, time),
                Err(error) => drop(submission.answer.send(Err(error))),
            }
        }
        match draft.batch(&head.tree) {
            None => {
                draft.succeed(runtime);
                self.position = Some(position);
            }
            Some(batch) => self.position = self.commit(position.journal, &head, &batch, draft, runtime),
        }
    }

    /// Returns the time of the next entry: of a clock repair what the clock shows, though it trails the log.
    fn time_of(
        &mut self,
        submission: &Submission,
        reading: Result<Reading, ClockError>,
        last: Timestamp,
    ) -> Result<Timestamp, RecordError> {
        let now = reading?;
        if submission.admitted.admission.record().predicate_type != CLOCK_REPAIR_TYPE {
            return Ok(self.steadiness.next_time(now, Some(last))?);
        }
        let time = self.steadiness.repair_time(now, last)?;
        let time = time.ok_or(TrustError::ClockRight { now: now.wall, last }).map_err(Refusal::from)?;
        let repair = ClockRepair::in_envelope(submission.envelope.bytes()).ok_or(RecordError::Internal)?;
        if time < repair.not_before {
            let (now, not_before) = (time, repair.not_before);
            return Err(Refusal::from(TrustError::RepairTime { now, not_before }).into());
        }
        Ok(time)
    }

    /// Takes what waits, up to the limits of a batch. An administrative entry ends the batch before it and is
    /// the next one's only entry.
    fn gather(&mut self, first: Submission, queue: &mut mpsc::Receiver<Submission>) -> Vec<Submission> {
        let mut bytes = first.size();
        let alone = first.admitted.admission.administrative();
        let mut batch = vec![first];
        while !alone && batch.len() < BATCH_ENTRIES_MAX {
            // What waits from a batch before came before all in the queue.
            let Some(next) = self.waiting.take().or_else(|| queue.try_recv().ok()) else { break };
            bytes = bytes.saturating_add(next.size());
            if next.admitted.admission.administrative() || bytes > BATCH_BYTES_MAX {
                self.waiting = Some(next);
                break;
            }
            batch.push(next);
        }
        batch
    }

    fn commit(
        &mut self,
        journal: Box<dyn Journal>,
        head: &Head,
        batch: &Batch,
        draft: Draft<'_>,
        runtime: &Handle,
    ) -> Option<Position> {
        // THE COMMIT POINT. When append returns the batch is on disk; before, nobody was told anything.
        match journal.append(batch) {
            Ok(journal) => match self.derive(journal, head, batch, &draft) {
                Ok(position) => {
                    draft.succeed(runtime);
                    Some(position)
                }
                Err(error) => {
                    tracing::error!(%error, "a committed batch could not be applied: recovering");
                    draft.fail(&RecordError::OutcomeUnknown);
                    self.recover()
                }
            },
            Err(AppendError::Refused { journal, why }) => {
                let position = draft.position_before(journal);
                draft.fail(&RecordError::Journal(why));
                Some(position)
            }
            Err(AppendError::Unknown(error)) => {
                tracing::error!(%error, "a write failed and its outcome is unknown: recovering");
                draft.fail(&RecordError::OutcomeUnknown);
                self.recover()
            }
        }
    }

    /// Derives everything from a committed batch. If that fails, nothing is lost: recovery derives it again.
    fn derive(
        &mut self,
        mut journal: Box<dyn Journal>,
        head: &Head,
        batch: &Batch,
        draft: &Draft<'_>,
    ) -> Result<Position, LedgerError> {
        let last = draft.last().clone();
        let index = self.ledger.index();
        index.apply_entries(&draft.indexed())?;
        index.offer_facts(draft.findable());
        head.tree.append(&draft.leaves());
        let trust = draft.trust();
        let checkpoint =
            self.publisher.sign(batch.size, batch.root, last.time, &head.tree, &head.journal, &trust)?;
        keep(journal.as_mut(), &checkpoint)?;
        if last.administrative {
            journal.erase().map_err(LedgerError::Erase)?;
        }
        self.sync_at.get_or_insert_with(|| Instant::now() + SYNC_AFTER);
        self.ledger.publish(Head {
            size: batch.size,
            root: batch.root,
            checkpoint,
            trust,
            admin: newest_admin(&last),
            journal: head.journal.clone(),
            tree: Arc::clone(&head.tree),
        });
        Ok(Position { journal, last, last_digest: draft.last_digest() })
    }

    /// Syncs the kept checkpoint and cosigns the newest one again, when their times have come.
    fn keep_time(&mut self) {
        let now = Instant::now();
        if self.sync_at.is_some_and(|at| at <= now) {
            self.sync_at = None;
            if let Some(position) = self.position.as_mut()
                && let Err(error) = position.journal.sync_checkpoint()
            {
                tracing::error!(%error, "the kept checkpoint was not synced: recovering");
                self.position = None;
                self.position = self.recover();
            }
        }
        if self.cosign_at <= now {
            self.cosign_at = now + FRESHNESS_EVERY;
            self.cosign_again();
        }
    }

    /// Makes room for the next entry, if nobody waits.
    fn make_room(&mut self, queue: &mpsc::Receiver<Submission>) {
        if !self.cramped
            && self.coming.is_alone()
            && queue.is_empty()
            && let Some(position) = self.position.as_mut()
            && let Err(error) = position.journal.make_room()
        {
            // Some disks say only here that they are full, and take what is smaller.
            tracing::error!(%error, "the room behind the journal was not synced: recovering, and making none again");
            self.cramped = true;
            self.position = None;
            self.position = self.recover();
        }
    }

    /// Signs the same tree with a new time, so that a client sees that the log is quiet and not frozen.
    fn cosign_again(&mut self) {
        let head = self.ledger.head();
        let signed = self.settings.clock.read().map_err(LedgerError::from).and_then(|now| {
            Ok(self.publisher.sign(head.size, head.root, now.wall, &head.tree, &head.journal, &head.trust)?)
        });
        match signed {
            Ok(checkpoint) => self.ledger.publish(Head { checkpoint, ..Head::clone(&head) }),
            Err(error) => tracing::error!(%error, "the newest checkpoint was not cosigned again"),
        }
    }

    /// Tries to recover again when it is time, whether or not anybody records: probes are told not to send any.
    fn recover_in_time(&mut self) {
        if self.position.is_none() && self.recover_at <= Instant::now() {
            self.position = self.recover();
        }
    }

    fn recover(&mut self) -> Option<Position> {
        if self.lent {
            self.recover_at = Instant::now();
            return None;
        }
        match self.stopping {
            Stopping::No => {}
            Stopping::Yes => self.stopping = Stopping::Recovered,
            // A disk may open and then fail every write: a stop does not recover once for each batch that waits.
            Stopping::Recovered => {
                tracing::error!("the disk failed again during the stop; what still waits is refused");
                self.ledger.set_writing(false);
                return None;
            }
        }
        match self.ledger.recover(&self.settings, &mut self.publisher) {
            Ok(position) => {
                tracing::info!(size = %position.last.index.size_through(), "recovered");
                self.ledger.set_writing(true);
                self.recovery_pause = RECOVERY_PAUSE;
                // Recovery kept a checkpoint: on a quiet log nothing else would have it synced.
                self.sync_at.get_or_insert_with(|| Instant::now() + SYNC_AFTER);
                Some(position)
            }
            Err(error) => {
                tracing::error!(%error, "recovery failed; writes are refused until it succeeds");
                self.ledger.set_writing(false);
                self.lost = matches!(error, LedgerError::IndexAhead { .. });
                self.recover_at = Instant::now() + self.recovery_pause;
                self.recovery_pause = RECOVERY_PAUSE_MAX.min(self.recovery_pause.saturating_mul(2));
                None
            }
        }
    }
}

impl From<FirstUseError> for RecordError {
    fn from(error: FirstUseError) -> Self {
        Self::FirstUse(Arc::new(error))
    }
}

impl Submission {
    fn size(&self) -> usize {
        let token = self.admitted.credential.as_ref().map_or(0, |credential| credential.token().len());
        self.envelope
            .bytes()
            .len()
            .saturating_add(self.admitted.admission.record_bytes().len())
            .saturating_add(token)
    }
}

#[cfg(test)]
mod tests;

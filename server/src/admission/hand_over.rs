//! From who checked an envelope to the sequencer, which answers.
//!
//! The thread that checked hands over itself, and the caller sleeps until the answer is there: to wake him in between costs a lone
//! caller a twentieth of his time. If nobody else records, it does the sequencer's work, too.

use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::desk::Checked;
use super::pace::Pace;
use crate::sequencer::{Answered, RecordError, Recorded, Seat, Submission};

/// Where the answer to one envelope goes.
type Answer = oneshot::Sender<Result<Answered, RecordError>>;

/// The way to the sequencer, of one envelope.
pub(super) struct HandOver {
    /// None: the log is read-only.
    queue: Option<mpsc::Sender<Submission>>,
    /// Where who checked may do the sequencer's work.
    seat: Option<Seat>,
    /// Where it is waited for room.
    runtime: Handle,
}

impl HandOver {
    /// From the runtime that this is called on.
    pub(super) fn new(queue: Option<mpsc::Sender<Submission>>, seat: Option<Seat>) -> Self {
        Self { queue, seat, runtime: Handle::current() }
    }

    /// Answers what is in the log or refused, and gives the rest to the sequencer: at once if there is room, and else as soon as
    /// there is. A lone one is recorded here.
    pub(super) fn give(self, checked: Result<Checked, RecordError>, answer: Answer) {
        let Self { queue, seat, runtime } = self;
        let (submission, behind) = match checked {
            Ok(Checked::Admitted { new, behind }) => {
                let (envelope, admitted) = new;
                (Submission { envelope, admitted, answer }, behind)
            }
            Ok(Checked::There(index)) => {
                return drop(answer.send(Ok(Recorded { index, duplicate: true }.into())));
            }
            Err(error) => return drop(answer.send(Err(error))),
        };
        let Some(queue) = queue else { return drop(submission.answer.send(Err(RecordError::ReadOnly))) };
        if behind.is_some() {
            runtime.spawn(bring(submission, behind, queue));
            return;
        }
        let taken = match seat {
            Some(seat) => seat.take(submission, &runtime),
            None => Err(Box::new(submission)),
        };
        if let Err(submission) = taken
            && let Err(TrySendError::Full(submission) | TrySendError::Closed(submission)) =
                queue.try_send(*submission)
        {
            runtime.spawn(bring(submission, None, queue));
        }
    }
}

/// Waits until there is room, for as long as the caller does.
async fn bring(mut submission: Submission, behind: Option<Pace>, queue: mpsc::Sender<Submission>) {
    let room = async move {
        if let Some(pace) = behind {
            pace.wait_a_while().await?;
        }
        queue.reserve_owned().await.map_err(|_| RecordError::ShuttingDown)
    };
    let room = tokio::select! {
        room = room => room,
        () = submission.answer.closed() => return,
    };
    match room {
        Ok(room) => drop(room.send(submission)),
        Err(error) => drop(submission.answer.send(Err(error))),
    }
}

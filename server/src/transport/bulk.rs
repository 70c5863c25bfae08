//! Many envelopes over one call: read as fast as they can be recorded, answered as they become durable.

use std::sync::Arc;
use std::time::Duration;

use custody_evidence::oidc::Credential;
use custody_wire::limits::{BULK_UNDER_WAY_MAX, UNARY_ENVELOPE_BYTES_MAX};
use custody_wire::v1::record_bulk_request::Part;
use custody_wire::v1::record_bulk_response::Answer;
use custody_wire::v1::{BulkEnvelope, RecordBulkRequest, RecordBulkResponse};
use custody_wire::{Reason, Refusal};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::head;
use super::peer::{BULK_BYTES, Peer, UNIT};
use super::portion::{Portion, Taken};
use super::recorder::{RecorderService, credential, order, refused_message, too_large};
use super::turns::Turns;

/// The most bulk streams at once, from their headers on: 16. Beside what is under way each holds one message of at most 4 MiB, the next one
/// to be looked at: 64 MiB.
pub(super) const STREAMS_MAX: usize = 16;

/// The most envelopes under way over all bulk streams, in bytes: 64 MiB as received, and 48 MiB as signed. The answers
/// are smaller: a receipt of about 2 KB and an admission record, which says less than its envelope.
pub(super) const UNDER_WAY_BYTES: usize = 64 << 20;

/// How many answers are made before the caller has taken them: the rest wait in their tasks, and hold their places.
const ANSWERS_AHEAD: usize = 32;

pub(super) type Answers = ReceiverStream<Result<RecordBulkResponse, Status>>;

/// What all bulk streams share.
#[derive(Clone)]
pub(super) struct Bulk {
    streams: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    /// Turns true when the server is to stop.
    stopping: watch::Receiver<bool>,
    /// How long a caller may stand still.
    stall: Duration,
}

impl Bulk {
    pub(super) fn new(stopping: watch::Receiver<bool>, stall: Duration) -> Self {
        let bytes = Semaphore::new(UNDER_WAY_BYTES / UNIT);
        Self { streams: Arc::new(Semaphore::new(STREAMS_MAX)), bytes: Arc::new(bytes), stopping, stall }
    }

    /// Starts to read a stream of this peer, and returns its answers.
    pub(super) fn serve(
        &self,
        service: RecorderService,
        requests: Streaming<RecordBulkRequest>,
        (peer, turns): (&Peer, Turns),
    ) -> Answers {
        let (answers, taken) = mpsc::channel(ANSWERS_AHEAD);
        let stream = Stream {
            service,
            bulk: self.clone(),
            answers,
            turns,
            under_way: Arc::new(Semaphore::new(BULK_UNDER_WAY_MAX)),
            streams: peer.bulk_streams(&self.streams),
            own_bytes: peer.bulk(),
            all_bytes: peer.bulk_of_all(&self.bytes),
            not_taken: Arc::default(),
        };
        tokio::spawn(stream.run(requests));
        ReceiverStream::new(taken)
    }
}

/// One stream.
#[derive(Clone)]
struct Stream {
    service: RecorderService,
    bulk: Bulk,
    answers: mpsc::Sender<Result<RecordBulkResponse, Status>>,
    turns: Turns,
    under_way: Arc<Semaphore>,
    /// The streams of its address, and all.
    streams: Portion,
    /// What is under way of its connection.
    own_bytes: Arc<Semaphore>,
    /// What is under way of its address, and of all.
    all_bytes: Portion,
    /// Woken when the caller took no answer for too long.
    not_taken: Arc<Notify>,
}

/// What an envelope holds until its answer is taken.
struct Places {
    _one: OwnedSemaphorePermit,
    _own_bytes: OwnedSemaphorePermit,
    _bytes: Taken,
}

impl Stream {
    /// Reads until the caller, the server or a fault ends it. Every envelope that was read is answered first.
    async fn run(mut self, mut requests: Streaming<RecordBulkRequest>) {
        let ended = self.read(&mut requests).await;
        let all = u32::try_from(BULK_UNDER_WAY_MAX).unwrap_or(u32::MAX);
        let _answered = self.under_way.acquire_many(all).await;
        if let Err(refusal) = ended {
            deliver(&self.answers, Err(refusal.into()), self.bulk.stall).await;
        }
    }

    async fn read(&mut self, requests: &mut Streaming<RecordBulkRequest>) -> Result<(), Refusal> {
        let header = match self.next(requests).await? {
            None => return Ok(()),
            Some(Part::Header(header)) => header,
            Some(Part::Envelope(_)) => return Err(order("the first message must be the header")),
        };
        head(&self.service.ledger, header.log.as_ref()).await?;
        let credential = credential(header.credential)?;
        let Some(_place) = self.streams.take_now(1) else {
            return Err(Refusal::new(Reason::Busy, "too many bulk streams are open"));
        };
        loop {
            // Taken before the next message is read, so that no more are held than there are places for.
            let one = self.place(Arc::clone(&self.under_way).acquire_owned()).await?;
            let recording = self.service.recording.clone();
            let room = async move {
                recording.wait_for_room().await;
                Ok::<(), ()>(())
            };
            self.place(room).await?;
            match self.next(requests).await? {
                None => return Ok(()),
                Some(Part::Header(_)) => return Err(order("only the first message may be a header")),
                Some(Part::Envelope(BulkEnvelope { tag, envelope })) => {
                    let units = envelope.len().min(BULK_BYTES).div_ceil(UNIT).max(1);
                    let units = u32::try_from(units).unwrap_or(u32::MAX);
                    // First its connection's: who takes no answers holds up nobody else.
                    let own = self.place(Arc::clone(&self.own_bytes).acquire_many_owned(units)).await?;
                    let bytes = self.place(taken(self.all_bytes.clone(), units)).await?;
                    let places = Places { _one: one, _own_bytes: own, _bytes: bytes };
                    tokio::spawn(self.clone().record(tag, envelope.into(), credential.clone(), places));
                }
            }
        }
    }

    /// Records one envelope and answers it.
    async fn record(self, tag: u64, envelope: Vec<u8>, credential: Option<Credential>, places: Places) {
        let recorded = if envelope.len() > UNARY_ENVELOPE_BYTES_MAX {
            Err(too_large(envelope.len(), UNARY_ENVELOPE_BYTES_MAX))
        } else {
            self.service.record_bytes(envelope, credential).await
        };
        let answer = match recorded {
            Ok(recorded) => Answer::Recorded(recorded),
            Err(refusal) => Answer::Refused(refusal.into()),
        };
        if !deliver(&self.answers, Ok(RecordBulkResponse { tag, answer: Some(answer) }), self.bulk.stall)
            .await
        {
            self.not_taken.notify_one();
        }
        drop(places);
    }

    /// Waits for a place, which comes with the next answer that is taken, or for the end of the stream.
    async fn place<T, E>(&mut self, place: impl Future<Output = Result<T, E>>) -> Result<T, Refusal> {
        tokio::select! {
            place = place => place.map_err(|_| shutting_down()),
            ended = ended(&mut self.bulk.stopping, &self.not_taken, self.bulk.stall) => Err(ended),
        }
    }

    /// Returns the next message; none when the caller has sent all.
    async fn next(&mut self, requests: &mut Streaming<RecordBulkRequest>) -> Result<Option<Part>, Refusal> {
        let stall = self.bulk.stall;
        let message = tokio::select! {
            message = requests.message() => message,
            () = stands_still(&self.under_way, &self.turns) => return Err(stalled(stall)),
            ended = ended(&mut self.bulk.stopping, &self.not_taken, stall) => return Err(ended),
        };
        self.turns.rest();
        match message {
            Ok(None) => Ok(None),
            Ok(Some(RecordBulkRequest { part: Some(part) })) => Ok(Some(part)),
            Ok(Some(RecordBulkRequest { part: None })) => {
                Err(order("a message holds neither header nor envelope"))
            }
            Err(status) => Err(refused_message(&status)),
        }
    }
}

async fn taken(portion: Portion, units: u32) -> Result<Taken, ()> {
    portion.take(units).await.ok_or(())
}

/// Resolves when the caller's time is over. It runs only while nothing is under way: a caller may well wait for answers
/// before it sends more.
async fn stands_still(under_way: &Semaphore, turns: &Turns) {
    // One place is held for the message that is waited for, but for the header.
    let others = u32::try_from(BULK_UNDER_WAY_MAX - 1).unwrap_or(u32::MAX);
    let _none_under_way = under_way.acquire_many(others).await;
    turns.over().await;
}

/// Resolves when a stream has to end although its caller has not ended it.
async fn ended(stopping: &mut watch::Receiver<bool>, not_taken: &Notify, stall: Duration) -> Refusal {
    tokio::select! {
        // An error means that the server is gone, so to speak: the same.
        _ = stopping.wait_for(|stopping| *stopping) => shutting_down(),
        () = not_taken.notified() => stalled(stall),
    }
}

/// Hands an answer to the caller; false if it has gone, or took nothing for too long. It cannot be told from here whether
/// the caller does not read, or its answer waits for those of others in what all share.
async fn deliver<T>(
    answers: &mpsc::Sender<Result<T, Status>>,
    answer: Result<T, Status>,
    stall: Duration,
) -> bool {
    matches!(tokio::time::timeout(stall, answers.send(answer)).await, Ok(Ok(())))
}

fn shutting_down() -> Refusal {
    Refusal::new(Reason::ShuttingDown, "the server is shutting down")
}

fn stalled(after: Duration) -> Refusal {
    let message = format!("nothing was sent or taken for {} seconds", after.as_secs());
    Refusal::new(Reason::Stalled, message)
}

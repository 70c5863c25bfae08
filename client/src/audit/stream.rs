//! The entries as they come from the server: in order, in batches, never more in memory than said here.

use std::sync::Arc;
use std::time::Duration;

use custody_log::{Entry, LeafIndex, TreeSize};
use custody_wire::limits::ENVELOPE_BYTES_MAX;
use custody_wire::v1::get_range_response::Part;
use custody_wire::v1::{GetRangeRequest, GetRangeResponse, Log, RangeEntry};
use prost::bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tonic::{Status, Streaming};

use super::examine::Raw;
use crate::connection::{Connection, request};
use crate::ledger::{LedgerError, ProtocolError};

/// How many MiB of entries are in memory at once, from the network until they are examined: 128. The largest entry
/// needs 66: an envelope of 64 MiB, an admission record of 1 MiB, and the entry. Each field has memory of its own, so an
/// entry does not hold the rest of the message that it came in, of at most 4 MiB.
const MEMORY_MIB: usize = 128;

/// How many batches wait for a core.
const AHEAD: usize = 4;

/// How often a stream may end or break without having brought an entry.
const FRUITLESS_MAX: usize = 3;

/// The pause before a stream is opened again.
const PAUSE: Duration = Duration::from_millis(500);

/// How long the next message may take.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// Entries that follow each other.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) first: LeafIndex,
    pub(super) raws: Vec<Raw>,
    /// The memory it takes; given back once it is examined.
    pub(super) memory: OwnedSemaphorePermit,
}

pub(super) type Batches = mpsc::Receiver<Result<Batch, LedgerError>>;

/// Fetches the entries from `first` up to `end`; ends after the last one, or after an error.
pub(super) fn fetch(connection: Connection, log: Log, first: LeafIndex, end: TreeSize) -> Batches {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let memory = Arc::new(Semaphore::new(MEMORY_MIB));
    let mut fetcher = Fetcher { connection, log, next: first, end, memory, sender };
    tokio::spawn(async move {
        if let Err(error) = fetcher.run().await {
            drop(fetcher.sender.send(Err(error)).await);
        }
    });
    receiver
}

struct Fetcher {
    connection: Connection,
    log: Log,
    /// The first entry that was not handed on.
    next: LeafIndex,
    end: TreeSize,
    memory: Arc<Semaphore>,
    sender: mpsc::Sender<Result<Batch, LedgerError>>,
}

/// Why one stream was left.
enum Left {
    /// It broke; perhaps the next one does not.
    Broken(Status),
    /// It says what it must not.
    Refused(LedgerError),
    /// Nobody wants more.
    Done,
}

/// An envelope that comes in pieces.
struct Large {
    raw: Raw,
    length: u64,
    bytes: Vec<u8>,
    memory: OwnedSemaphorePermit,
}

impl Fetcher {
    async fn run(&mut self) -> Result<(), LedgerError> {
        let mut fruitless = 0;
        while self.end.contains(self.next) {
            let before = self.next;
            let broken = match self.one_stream().await {
                Ok(()) => None,
                Err(Left::Broken(status)) => Some(self.connection.broken(&status)),
                Err(Left::Refused(error)) => return Err(error),
                Err(Left::Done) => return Ok(()),
            };
            fruitless = if self.next > before { 0 } else { fruitless + 1 };
            match broken {
                Some(Err(error)) => return Err(error.into()),
                Some(Ok(error)) if fruitless >= FRUITLESS_MAX => return Err(error.into()),
                None if fruitless >= FRUITLESS_MAX => {
                    let (next, size) = (self.next, self.end);
                    return Err(ProtocolError::Truncated { next, size }.into());
                }
                _ if self.end.contains(self.next) => tokio::time::sleep(PAUSE).await,
                _ => {}
            }
        }
        Ok(())
    }

    async fn one_stream(&mut self) -> Result<(), Left> {
        let message =
            GetRangeRequest { log: Some(self.log.clone()), first: self.next.get(), end: self.end.get() };
        let call = |left| self.connection.stream(request(message.clone(), left));
        let mut stream = self.connection.call(call).await.map_err(|e| Left::Refused(e.into()))?.into_inner();
        let mut large: Option<Large> = None;
        let mut begun = false;
        while let Some(part) = next_part(&mut stream).await? {
            match part {
                Part::Checkpoint(_) if !begun => begun = true,
                Part::Checkpoint(_) => return Err(unexpected("a second checkpoint")),
                Part::Entries(_) | Part::Envelope(_) if !begun => {
                    return Err(unexpected("an entry before its checkpoint"));
                }
                Part::Entries(entries) => {
                    // What came of a large envelope is examined; that it is short is a finding.
                    if let Some(large) = large.take() {
                        self.hand_on_large(large).await?;
                    }
                    large = self.entries(entries.entries).await?;
                }
                Part::Envelope(data) => {
                    let Some(mut coming) = large.take() else {
                        return Err(unexpected("a piece of no envelope"));
                    };
                    coming.take(&data);
                    if coming.complete() {
                        self.hand_on_large(coming).await?;
                    } else {
                        large = Some(coming);
                    }
                }
            }
        }
        Ok(())
    }

    /// Hands on the entries of one message, but for the last one if its envelope is still to come.
    async fn entries(&mut self, entries: Vec<RangeEntry>) -> Result<Option<Large>, Left> {
        let mut raws: Vec<Raw> = entries.into_iter().map(raw_of).collect();
        let left = self.end.get().saturating_sub(self.next.get());
        if u64::try_from(raws.len()).unwrap_or(u64::MAX) > left {
            return Err(unexpected("an entry that was not asked for"));
        }
        let length = raws.last().map_or(0, length_to_come);
        let last = if length > 0 { raws.pop() } else { None };
        if !raws.is_empty() {
            let bytes = raws.iter().map(|raw| raw.entry.len() + raw.record.len() + raw.envelope.len()).sum();
            let memory = self.memory(bytes).await?;
            self.hand_on(raws, memory).await?;
        }
        let Some(raw) = last else { return Ok(None) };
        let bytes =
            usize::try_from(length).unwrap_or(usize::MAX).saturating_add(raw.record.len() + raw.entry.len());
        let memory = self.memory(bytes).await?;
        Ok(Some(Large { raw, length, bytes: Vec::new(), memory }))
    }

    async fn hand_on_large(&mut self, large: Large) -> Result<(), Left> {
        let raw = Raw { envelope: large.bytes.into(), ..large.raw };
        self.hand_on(vec![raw], large.memory).await
    }

    async fn hand_on(&mut self, raws: Vec<Raw>, memory: OwnedSemaphorePermit) -> Result<(), Left> {
        let first = self.next;
        for _ in &raws {
            self.next = self.next.next();
        }
        self.sender.send(Ok(Batch { first, raws, memory })).await.map_err(|_| Left::Done)
    }

    async fn memory(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Left> {
        let units = (bytes >> 20).saturating_add(1).min(MEMORY_MIB);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        Arc::clone(&self.memory).acquire_many_owned(units).await.map_err(|_| Left::Done)
    }
}

impl Large {
    /// Takes a piece. What is more than the entry says only has to be enough to see that it is.
    fn take(&mut self, data: &[u8]) {
        let room = usize::try_from(self.length).unwrap_or(usize::MAX).saturating_add(1);
        let room = room.saturating_sub(self.bytes.len()).min(data.len());
        self.bytes.extend_from_slice(data.get(..room).unwrap_or_default());
    }

    fn complete(&self) -> bool {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX) >= self.length
    }
}

async fn next_part(stream: &mut Streaming<GetRangeResponse>) -> Result<Option<Part>, Left> {
    let message = tokio::time::timeout(SILENCE_MAX, stream.message()).await;
    let message = message.unwrap_or_else(|_| Err(Status::deadline_exceeded("nothing came")));
    match message.map_err(Left::Broken)? {
        None => Ok(None),
        Some(GetRangeResponse { part: Some(part) }) => Ok(Some(part)),
        Some(GetRangeResponse { part: None }) => Err(unexpected("a message without a part")),
    }
}

fn unexpected(found: &'static str) -> Left {
    Left::Refused(ProtocolError::Unexpected { found }.into())
}

fn raw_of(entry: RangeEntry) -> Raw {
    Raw {
        entry: entry.entry,
        record: entry.record,
        envelope: entry.envelope,
        record_erased: entry.record_erased,
        envelope_erased: entry.envelope_erased,
    }
}

/// Returns how long the envelope is that follows an entry in pieces; 0 if none does.
fn length_to_come(raw: &Raw) -> u64 {
    if raw.envelope_erased || raw.envelope != Bytes::new() {
        return 0;
    }
    let length = Entry::decode(&raw.entry).map_or(0, |entry| entry.envelope.length);
    if length > ENVELOPE_BYTES_MAX { 0 } else { length }
}

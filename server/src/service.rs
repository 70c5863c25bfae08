//! A running server: the parts, started in order and stopped in the reverse order.

use std::future::Future;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use custody_evidence::key::SigningKey;
use custody_log::TreeSize;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::admission::{Recording, Spool};
use crate::disk::Disk;
use crate::index::{Follower, Left};
use crate::issuers::{Cadence, Issuers};
use crate::ledger::{Ledger, LedgerError, Progress, Settings};
use crate::newest::{self, Standing};
use crate::publish::LogKeys;
use crate::scrub::Scrub;
use crate::sequencer::{Seat, Sequencer, Submission};
use crate::transport::{self, Hospitality, ServeError, Tls};

/// How many admitted envelopes wait for the sequencer. Each holds its place from admission to commit; at 1 MiB an
/// envelope, the unary limit, and three quarters of it as signed, these are 448 MiB.
const QUEUE_LENGTH: usize = 256;

/// How long requests may take to end after the server was asked to stop, beyond what a peer may stand still: 5 s, so 35 s
/// unless something else is said. What is acknowledged is on disk, however the server ends.
const GRACE: Duration = Duration::from_secs(5);

/// How often a server of a restored log says that it is read-only.
const SAY_EVERY: Duration = Duration::from_mins(10);

/// Why a server ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The network failed.
    #[error(transparent)]
    Transport(#[from] ServeError),
    /// The thread that writes the log ended: a bug. What was acknowledged is on disk.
    #[error("the thread that writes the log ended: {why}")]
    Sequencer {
        /// What it said when it ended.
        why: String,
    },
    /// Looks into the index did not end, and what they keep is as much as it may be. The log was closed as by a stop.
    #[error(
        "looks into the index database that did not end: {hands}; bytes written to it since: {bytes}; their threads keep more \
         memory than they may"
    )]
    LeftBehind {
        /// How many.
        hands: usize,
        /// Bytes that were written to the index since the first one.
        bytes: u64,
    },
}

impl ServiceError {
    fn sequencer(ended: Result<std::thread::Result<()>, tokio::task::JoinError>) -> Self {
        let why = match ended {
            Ok(Ok(())) => "it cannot go on, and the log says why".to_owned(),
            Ok(Err(panic)) => panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
                .unwrap_or_else(|| "it panicked".to_owned()),
            Err(error) => error.to_string(),
        };
        tracing::error!(why, "the sequencer ended; the next start recovers");
        Self::Sequencer { why }
    }
}

/// Where uploads are kept on their way in, and the disk that they must not fill.
#[derive(Debug)]
pub struct Uploads {
    /// The folder.
    pub spool: Spool,
    /// The disk that holds it.
    pub disk: Arc<Disk>,
}

/// A log that is open and takes envelopes.
pub struct Service {
    ledger: Arc<Ledger>,
    /// None: the log was restored, and is served without being written.
    writer: Option<Writer>,
    follower: Follower,
    scrub: Option<Scrub>,
    clock: Arc<dyn crate::clock::Clock>,
}

/// The thread that writes, and how it is reached.
struct Writer {
    queue: mpsc::Sender<Submission>,
    seat: Seat,
    /// Looks after the keys of issuers.
    issuers: Arc<Issuers>,
    sequencer: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Service {
    /// Opens the log and starts its single writer and the follower of the facts index. Call it on a runtime.
    ///
    /// `scrub_rate` is how many bytes a second are read again in the background; 0 for none.
    pub fn start(
        settings: Settings,
        keys: LogKeys,
        scrub_rate: u64,
        progress: Progress<'_>,
    ) -> Result<Self, LedgerError> {
        let data = settings.dir.display().to_string();
        let clock = Arc::clone(&settings.clock);
        let (ledger, writer) = match newest::settle(&settings)? {
            Standing::Whole => {
                let own = keys.signers().map(|key| SigningKey::from_seed(&key.seed())).collect();
                let (ledger, position, publisher) = Ledger::open(&settings, keys, progress)?;
                let (queue, submissions) = mpsc::channel(QUEUE_LENGTH);
                let (stop, stopped) = oneshot::channel();
                let (to_queue, clock) = (queue.clone(), Arc::clone(&clock));
                let issuers = Issuers::new(Arc::clone(&ledger), to_queue, clock, own, Cadence::default());
                let sequencer = Sequencer::new(Arc::clone(&ledger), settings, position, publisher, stopped);
                let seat = Seat::new(sequencer, submissions);
                let (runtime, own) = (tokio::runtime::Handle::current(), seat.clone());
                let sequencer = std::thread::spawn(move || own.serve(&runtime));
                (ledger, Some(Writer { queue, seat, issuers, sequencer, stop }))
            }
            Standing::Restored { needed, .. } => {
                let ledger = Ledger::open_read_only(&settings, progress)?;
                tokio::spawn(say_read_only(ledger.head().size, needed));
                (ledger, None)
            }
        };
        let follower = Follower::start(Arc::clone(ledger.index()), sizes(&ledger));
        let scrub = Scrub::start(Arc::clone(&ledger), scrub_rate, data);
        Ok(Self { ledger, writer, follower, scrub, clock })
    }

    /// Returns the log.
    #[must_use]
    pub const fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Serves until `stop` resolves, finishes what was accepted, and seals the journal.
    pub async fn serve(
        self,
        listener: TcpListener,
        (hospitality, tls): (Hospitality, Option<Tls>),
        uploads: Uploads,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServiceError> {
        let Self { ledger, writer, follower, scrub, clock } = self;
        let (recording, sequencer, stop_sequencer) = match writer {
            Some(Writer { queue, seat, issuers, sequencer, stop }) => {
                let recording = Recording::new(Arc::clone(&ledger), Some(queue), clock);
                (recording.with_issuers(issuers).with_seat(seat), Some(sequencer), Some(stop))
            }
            None => (Recording::new(Arc::clone(&ledger), None, clock), None, None),
        };
        let disk = tokio::spawn(Arc::clone(&uploads.disk).watch());
        let mut sequencer = sequencer.map(|sequencer| tokio::task::spawn_blocking(move || sequencer.join()));
        let stopping = Arc::new(Notify::new());
        let asked = Arc::clone(&stopping);
        let left = ledger.index().watch_left();
        let mut leaving = left.clone();
        let stop = async move {
            tokio::select! {
                () = stop => {}
                Ok(_) = leaving.wait_for(Left::is_too_much) => tracing::error!(
                    "looks into the index database did not end, and keep more memory than they may: the server ends, and is \
                     to be started again"
                ),
            }
            asked.notify_one();
        };
        let overdue = async {
            stopping.notified().await;
            tokio::time::sleep(hospitality.stall + GRACE).await;
        };
        let served = tokio::select! {
            served = transport::serve(listener, (hospitality, tls), Arc::clone(&ledger), recording, uploads, stop) => served,
            () = overdue => {
                tracing::warn!("a request did not end in time and is cut off");
                Ok(())
            }
            // Without it nothing can be recorded: a server that goes on would only look alive.
            ended = ended(&mut sequencer) => return Err(ServiceError::sequencer(ended)),
        };
        disk.abort();
        tracing::info!("finishing what was accepted");
        // It may have stopped already, with the last sender of its queue.
        let _stopped = stop_sequencer.map(|stop| stop.send(()));
        if let Some(sequencer) = sequencer {
            match sequencer.await {
                Ok(Ok(())) => {}
                ended => return Err(ServiceError::sequencer(ended)),
            }
        }
        follower.stop().await;
        if let Some(scrub) = scrub {
            // It naps for a tenth of a second at most.
            drop(tokio::task::spawn_blocking(move || scrub.stop()).await);
        }
        close_index(ledger);
        served?;
        let Left { hands, bytes } = *left.borrow();
        if (Left { hands, bytes }).is_too_much() {
            return Err(ServiceError::LeftBehind { hands, bytes });
        }
        Ok(())
    }
}

/// Resolves when the thread that writes has ended; never if there is none.
async fn ended(sequencer: &mut Option<Ended>) -> Result<std::thread::Result<()>, tokio::task::JoinError> {
    match sequencer {
        Some(sequencer) => sequencer.await,
        None => std::future::pending().await,
    }
}

type Ended = tokio::task::JoinHandle<std::thread::Result<()>>;

/// Says again and again that nothing is recorded, so that nobody finds out by what is missing.
async fn say_read_only(size: TreeSize, needed: Option<TreeSize>) {
    loop {
        if let Some(needed) = needed {
            tracing::error!(
                %size, %needed,
                "READ-ONLY: this log was restored from a backup and lacks entries that it is known to have had; bring them \
                 with custodyd restore --segments"
            );
        } else {
            tracing::error!(
                %size,
                "READ-ONLY: this log was restored from a backup, and nobody has shown that it holds all that was recorded; \
                 give the newest checkpoint known with custodyd run --checkpoint"
            );
        }
        tokio::time::sleep(SAY_EVERY).await;
    }
}

/// How long the facts index lets the log grow before it looks at what is new: 2 ms. Whoever was answered sends the next one by then, so
/// what a lone caller waits for does not share the processors with the index; and of several callers it takes some entries at a time.
const REST: Duration = Duration::from_millis(2);

/// Follows the sizes of the committed states.
fn sizes(ledger: &Arc<Ledger>) -> watch::Receiver<TreeSize> {
    let mut heads = ledger.watch();
    let (sender, receiver) = watch::channel(ledger.head().size);
    tokio::spawn(async move {
        while heads.changed().await.is_ok() {
            tokio::time::sleep(REST).await;
            let size = heads.borrow_and_update().size;
            if sender.send(size).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Closes the index cleanly if nothing uses it any more; else the next start looks at it more closely.
fn close_index(ledger: Arc<Ledger>) {
    let index = Arc::into_inner(ledger).map(Ledger::into_index).and_then(Arc::into_inner);
    match index.map(crate::index::Index::close) {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::warn!(%error, "the index was not closed; it may be rebuilt"),
        None => tracing::warn!("the index is still in use and was not closed; it may be rebuilt"),
    }
}

#[cfg(test)]
mod tests;

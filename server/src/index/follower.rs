//! Keeps the facts index behind the journal, in small batches, and does what is to be done behind for both indexes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use custody_log::{LeafIndex, TreeSize};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::error::IndexError;
use super::store::Index;

/// Entries between two looks at whether to stop, and the most that a query's answer lags by a batch.
const BATCH_ENTRIES: u64 = 64;
/// The journal or the database failed: it is tried again after this long, for ever. It doubles with each failure.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The longest wait. Opening the database again reads all of its log.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(16);

/// The task that reads new entries and applies their facts, seals, merges, and makes again what is damaged.
#[derive(Debug)]
pub struct Follower {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Follower {
    /// Starts following. `committed` sees the size of the journal grow; when its sender is gone, the follower
    /// finishes what is committed and ends.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(index: Arc<Index>, committed: watch::Receiver<TreeSize>) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { task: tokio::spawn(follow(index, committed, stopped)), stop }
    }

    /// Stops after the batch at hand, and waits for it. What is left is applied at the next start.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the follower of the facts index ended badly");
        }
    }
}

async fn follow(
    index: Arc<Index>,
    mut committed: watch::Receiver<TreeSize>,
    mut stopped: watch::Receiver<bool>,
) {
    let (mut healing, mut failing) = (Pause::new(), Pause::new());
    let (mut healed, mut said) = (Instant::now(), None);
    while !*stopped.borrow() {
        // Marked before the work: a change during the work wakes the wait below.
        committed.borrow_and_update();
        if !index.is_healing() {
            healing = Pause::new();
        }
        let again = healed.elapsed() >= healing.0;
        if again {
            healed = Instant::now();
            healing.double();
        }
        let done = step(&index, again).await;
        index.set_still(done.is_err());
        match done {
            Ok(more) => {
                (failing, said) = (Pause::new(), None);
                if !more {
                    tokio::select! {
                        changed = committed.changed() => if changed.is_err() { return },
                        () = index.woken() => {}
                        () = tokio::time::sleep(healing.0), if index.is_healing() => {}
                        _ = stopped.changed() => return,
                    }
                }
            }
            Err(error) => {
                let news = Some(error.chain());
                if said != news {
                    let entry = error.unread().map(LeafIndex::get);
                    tracing::error!(
                        entry,
                        error = news,
                        indexed_to = %index.indexed_to(),
                        "the work behind the index stands still; it is tried again until it goes on"
                    );
                    said = news;
                }
                tokio::select! {
                    () = tokio::time::sleep(failing.0) => failing.double(),
                    _ = stopped.changed() => return,
                }
            }
        }
    }
}

/// How long to wait before what failed is tried again.
struct Pause(Duration);

impl Pause {
    const fn new() -> Self {
        Self(RETRY_AFTER)
    }

    fn double(&mut self) {
        self.0 = RETRY_AFTER_MAX.min(self.0.saturating_mul(2));
    }
}

/// Reads some entries and does what is to be done behind; returns whether there is more. `again` tries what could not be
/// made again before. Where something fails the rest is done, and the first error comes back.
///
/// Reading and sled block: never on a thread that serves. A panic that comes out here is none of sled's, and says nothing
/// against what is in the index: thrown away, the same would be met again.
pub(super) async fn step(index: &Arc<Index>, again: bool) -> Result<bool, IndexError> {
    let working = Arc::clone(index);
    let work = tokio::task::spawn_blocking(move || {
        if again {
            working.heal_again();
        }
        let before = working.tidy_once();
        // Where nothing can be sealed, nothing more is taken into memory, and recording waits for the facts.
        let read = if working.is_unsealed() { Ok(false) } else { working.catch_up_facts_once(BATCH_ENTRIES) };
        // What was read is sealed and merged, or the memory would fill. It says again what is wrong.
        let after = before.is_ok().then(|| working.tidy_once()).transpose();
        before?;
        Ok(read? | after?.unwrap_or(false))
    });
    work.await.unwrap_or(Err(IndexError::Unexpected))
}

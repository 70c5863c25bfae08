//! The line of envelopes that are checked, and what one caller may have of it.

use std::num::NonZero;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::CHECKED_AT_ONCE;

/// What one caller may have in the line, over all that he sends. Envelopes that are dear to check, and all of whose signatures are
/// wrong, hold up their sender, and leave the rest of the line to others.
#[derive(Debug, Clone)]
pub struct Share(Arc<Semaphore>);

impl Share {
    /// The share of one connection: half, so 2 for each processor.
    #[must_use]
    pub fn of_connection() -> Self {
        Self(Arc::new(Semaphore::new(places() / 2)))
    }

    /// The share of all connections of one address: three quarters, so 3 for each processor.
    #[must_use]
    pub fn of_address() -> Self {
        Self(Arc::new(Semaphore::new(places() / 4 * 3)))
    }

    /// Waits for one of its places; none is never returned.
    pub(super) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}

/// How many envelopes are checked at once.
pub(super) fn places() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    processors.saturating_mul(CHECKED_AT_ONCE)
}

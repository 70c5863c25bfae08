//! The places of envelopes that are checked, and what one caller may have of them.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::CHECKED_AT_ONCE;
use super::line::Member;

/// What one caller may have of the places, over all that he sends. Envelopes that are dear to check, and all of whose signatures are
/// wrong, hold up their sender, and leave the rest to others.
#[derive(Debug, Clone)]
pub struct Share {
    places: Arc<Semaphore>,
    member: Member,
}

impl Share {
    /// The share of one connection: half, so 2 for each processor.
    #[must_use]
    pub fn of_connection() -> Self {
        Self::new(places() / 2)
    }

    /// The share of all connections of one address: three quarters, so 3 for each processor.
    #[must_use]
    pub fn of_address() -> Self {
        Self::new(places() / 4 * 3)
    }

    /// Waits for one of its places; none is never returned.
    pub(super) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Returns who it is in the line of small envelopes.
    pub(super) const fn member(&self) -> Member {
        self.member
    }

    fn new(places: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            places: Arc::new(Semaphore::new(places)),
            member: Member(NEXT.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

/// How many envelopes are checked at once.
pub(super) fn places() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    processors.saturating_mul(CHECKED_AT_ONCE)
}

//! The line of envelopes that are checked, and what one caller may have of it.

use std::num::NonZero;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::CHECKED_AT_ONCE;

/// The part of the line that one caller has: half, so 2 for each processor. Envelopes that are dear to check, and all of
/// whose signatures are wrong, hold up their sender, and leave the other half to others.
const SHARE_PART: usize = 2;

/// What one caller may have in the line, over all that he sends.
#[derive(Debug, Clone)]
pub struct Share(Arc<Semaphore>);

impl Share {
    /// A whole share.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(places() / SHARE_PART)))
    }

    /// Waits for one of its places; none is never returned.
    pub(super) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}

impl Default for Share {
    fn default() -> Self {
        Self::new()
    }
}

/// How many envelopes are checked at once.
pub(super) fn places() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    processors.saturating_mul(CHECKED_AT_ONCE)
}

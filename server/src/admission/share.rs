//! The places of envelopes that are checked or wait for it, and what one caller may have of them.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::line::Member;
use super::{CHECKED_AT_ONCE, QUICK_WAITING_MAX};

/// What one caller may have of the places, over all that he sends. Envelopes that are dear to check, and all of whose signatures are
/// wrong, hold up their sender, and leave the rest to others.
#[derive(Debug, Clone)]
pub struct Share {
    places: Arc<Places>,
    member: Member,
}

/// The places of all, or those of one share.
#[derive(Debug)]
pub(super) struct Places {
    checked: Arc<Semaphore>,
    quick: Arc<Semaphore>,
}

/// Which places an envelope needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One of those that stand in the line of the checkers.
    Quick,
    /// One of those that are checked at once.
    Usual,
}

impl Share {
    /// The share of one connection: half, so 2 for each processor, and half of the line.
    #[must_use]
    pub fn of_connection() -> Self {
        Self::part(1, 2)
    }

    /// The share of all connections of one address: three quarters, so 3 for each processor, and three quarters of the line.
    #[must_use]
    pub fn of_address() -> Self {
        Self::part(3, 4)
    }

    /// Waits for one of its places; none is never returned.
    pub(super) async fn take(&self, kind: Kind) -> Option<OwnedSemaphorePermit> {
        self.places.take(kind).await
    }

    /// Returns who it is in the line of the checkers.
    pub(super) const fn member(&self) -> Member {
        self.member
    }

    fn part(of: usize, all: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let places = Places::new(checked_at_once() / all * of, QUICK_WAITING_MAX / all * of);
        Self { places: Arc::new(places), member: Member(NEXT.fetch_add(1, Ordering::Relaxed)) }
    }
}

impl Places {
    /// Those that all share.
    pub(super) fn of_all() -> Self {
        Self::new(checked_at_once(), QUICK_WAITING_MAX)
    }

    /// Waits for one of them; none is never returned.
    pub(super) async fn take(&self, kind: Kind) -> Option<OwnedSemaphorePermit> {
        let places = match kind {
            Kind::Quick => &self.quick,
            Kind::Usual => &self.checked,
        };
        Arc::clone(places).acquire_owned().await.ok()
    }

    fn new(checked: usize, quick: usize) -> Self {
        Self { checked: Arc::new(Semaphore::new(checked)), quick: Arc::new(Semaphore::new(quick)) }
    }
}

/// How many envelopes are checked at once.
fn checked_at_once() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    processors.saturating_mul(CHECKED_AT_ONCE)
}

//! The places of the services: how many requests each works on at once, and the half of them that one connection may have.
//!
//! A request may keep its place for seconds: it waits for a size that the log does not have, or asks a long question.
//! Without a share, one connection would have all places as long as it likes.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::peer::Peer;

/// The part of a service's places that one connection has: half.
const SHARE_PART: usize = 2;

/// A service with places of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Desk {
    Recorder,
    Reader,
    Query,
    Health,
}

/// The places of a service, for all connections.
#[derive(Debug, Clone)]
pub(super) struct Places {
    desk: Desk,
    all: Arc<Semaphore>,
}

/// What one connection may have of the places of each service.
#[derive(Debug)]
pub(super) struct Shares {
    recorder: Arc<Semaphore>,
    reader: Arc<Semaphore>,
    query: Arc<Semaphore>,
    health: Arc<Semaphore>,
}

/// A place in a service, and in the share of a connection.
#[derive(Debug)]
pub(super) struct Place {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Desk {
    /// The most requests that are worked on at once. Those to record wait for the disk most of the time: 128 callers on
    /// one connection share each sync of it. What they hold is counted elsewhere, by its bytes.
    pub(super) const fn places(self) -> usize {
        match self {
            Self::Recorder => 256,
            Self::Reader => 64,
            Self::Query | Self::Health => 16,
        }
    }

    fn share(self) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(self.places() / SHARE_PART))
    }
}

impl Places {
    pub(super) fn of(desk: Desk) -> Self {
        Self { desk, all: Arc::new(Semaphore::new(desk.places())) }
    }

    pub(super) const fn desk(&self) -> Desk {
        self.desk
    }

    /// Waits for a place; none is never returned while the server is there. First comes that of the connection: what it
    /// has too much of waits for itself.
    pub(super) async fn take(&self, peer: &Peer) -> Option<Place> {
        let own = peer.shares().of(self.desk).acquire_owned().await.ok()?;
        Some(Place { _own: own, _all: Arc::clone(&self.all).acquire_owned().await.ok()? })
    }
}

impl Shares {
    pub(super) fn new() -> Self {
        Self {
            recorder: Desk::Recorder.share(),
            reader: Desk::Reader.share(),
            query: Desk::Query.share(),
            health: Desk::Health.share(),
        }
    }

    fn of(&self, desk: Desk) -> Arc<Semaphore> {
        Arc::clone(match desk {
            Desk::Recorder => &self.recorder,
            Desk::Reader => &self.reader,
            Desk::Query => &self.query,
            Desk::Health => &self.health,
        })
    }
}

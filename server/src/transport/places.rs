//! The places of the services: how many requests each works on at once, the half of them that one connection may have, and
//! the three quarters that all connections of one address may have.
//!
//! A request may keep its place for seconds: it waits for a size that the log does not have, or asks a long question.
//! Without a share, one connection would have all places as long as it likes, and two would without one of their address.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::peer::Peer;
use super::portion::Taken;

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

/// Counts of each service.
#[derive(Debug)]
pub(super) struct OfDesks {
    recorder: Arc<Semaphore>,
    reader: Arc<Semaphore>,
    query: Arc<Semaphore>,
    health: Arc<Semaphore>,
}

/// A place in a service, and in the shares of a connection and its address.
#[derive(Debug)]
pub(super) struct Place {
    _own: OwnedSemaphorePermit,
    _of_all: Taken,
}

impl Desk {
    /// Every service.
    #[cfg(test)]
    pub(super) const ALL: [Self; 4] = [Self::Recorder, Self::Reader, Self::Query, Self::Health];

    /// The most requests that are worked on at once. Those to record wait for the disk most of the time: 128 callers on
    /// one connection share each sync of it. What they hold is counted elsewhere, by its bytes.
    pub(super) const fn places(self) -> usize {
        match self {
            Self::Recorder => 256,
            Self::Reader => 64,
            Self::Query | Self::Health => 16,
        }
    }

    /// What answers hold that are not taken yet: 64, 256 and 64 MiB, and 1 MiB of health checks. The largest is less than
    /// 2.1 MiB.
    pub(super) const fn answer_bytes(self) -> usize {
        match self {
            Self::Recorder | Self::Query => 64 << 20,
            Self::Reader => 256 << 20,
            Self::Health => 1 << 20,
        }
    }

    /// How many of the places one connection has.
    pub(super) const fn share(self) -> usize {
        self.places() / SHARE_PART
    }
}

impl Places {
    pub(super) fn of(desk: Desk) -> Self {
        Self { desk, all: Arc::new(Semaphore::new(desk.places())) }
    }

    pub(super) const fn desk(&self) -> Desk {
        self.desk
    }

    /// Waits for a place; none is never returned while the server is there. First come those of the connection and its
    /// address: what they have too much of waits for itself.
    pub(super) async fn take(&self, peer: &Peer) -> Option<Place> {
        let own = peer.places(self.desk).acquire_owned().await.ok()?;
        Some(Place { _own: own, _of_all: peer.placed(self.desk, &self.all).take(1).await? })
    }
}

impl OfDesks {
    /// Makes a count of this many for each service.
    pub(super) fn new(count: impl Fn(Desk) -> usize) -> Self {
        let places = |desk| Arc::new(Semaphore::new(count(desk)));
        Self {
            recorder: places(Desk::Recorder),
            reader: places(Desk::Reader),
            query: places(Desk::Query),
            health: places(Desk::Health),
        }
    }

    pub(super) const fn of(&self, desk: Desk) -> &Arc<Semaphore> {
        match desk {
            Desk::Recorder => &self.recorder,
            Desk::Reader => &self.reader,
            Desk::Query => &self.query,
            Desk::Health => &self.health,
        }
    }
}

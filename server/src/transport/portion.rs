//! What all connections of one address may have of something that all share.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Two counts, each of which bounds what is taken: that of the address comes first, so one that waits for itself takes nothing
/// from others. What only one connection holds, and what it has announced and not sent, is counted by its own share alone: its
/// neighbours do not wait for that.
#[derive(Debug, Clone)]
pub(super) struct Portion {
    address: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// So much of both.
#[derive(Debug)]
pub(super) struct Taken {
    address: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
}

impl Portion {
    pub(super) fn new(address: &Arc<Semaphore>, all: &Arc<Semaphore>) -> Self {
        Self { address: Arc::clone(address), all: Arc::clone(all) }
    }

    /// Waits for so many; none is never returned while the server is there.
    pub(super) async fn take(&self, units: u32) -> Option<Taken> {
        let address = Arc::clone(&self.address).acquire_many_owned(units).await.ok()?;
        Some(Taken { address, all: Arc::clone(&self.all).acquire_many_owned(units).await.ok()? })
    }

    /// Takes so many if they are there.
    pub(super) fn take_now(&self, units: u32) -> Option<Taken> {
        let address = Arc::clone(&self.address).try_acquire_many_owned(units).ok()?;
        Some(Taken { address, all: Arc::clone(&self.all).try_acquire_many_owned(units).ok()? })
    }
}

impl Taken {
    pub(super) fn units(&self) -> usize {
        self.address.num_permits()
    }

    /// Adds what was taken of the same portion.
    pub(super) fn merge(&mut self, more: Self) {
        self.address.merge(more.address);
        self.all.merge(more.all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_counts_twice_and_comes_back_twice() {
        let places = |number| Arc::new(Semaphore::new(number));
        let (address, other, all) = (places(6), places(6), places(8));
        let (portion, neighbour) = (Portion::new(&address, &all), Portion::new(&other, &all));
        let mut taken = portion.take_now(5).unwrap();
        assert!(portion.take_now(2).is_none(), "those of the address are too few");
        assert!(neighbour.take_now(4).is_none(), "those of all are too few");
        assert_eq!((other.available_permits(), all.available_permits()), (6, 3), "a refusal takes nothing");
        taken.merge(portion.take_now(1).unwrap());
        assert_eq!((taken.units(), address.available_permits(), all.available_permits()), (6, 0, 2));
        assert!(neighbour.take_now(2).is_some(), "a quarter is left to others");
        drop(taken);
        assert_eq!((address.available_permits(), all.available_permits()), (6, 8));
    }
}

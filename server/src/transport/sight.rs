//! What a caller sees of the log: all of it, or what it recorded itself.
//!
//! Where not everybody may read, a job that records still gets its receipt, and has to believe it. So on a connection on which it
//! recorded something it may ask what proves that: the log's keys and checkpoints, and its own entries. Who recorded nothing is told
//! nothing, and who knows only the digest of an envelope must send its bytes before it is told where they are.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use custody_log::LeafIndex;
use custody_wire::{Reason, Refusal};

use super::peer::Peer;

/// The newest entries of a connection that it may read: 1,024, so 8 KiB.
const OWN_MAX: usize = 1_024;

/// What a caller sees.
#[derive(Debug, Clone)]
pub(super) enum Sight {
    /// Everything.
    All,
    /// What this connection recorded.
    Own(Peer),
}

/// The entries that a connection recorded, or sent the envelopes of when they were there already.
#[derive(Debug, Default)]
pub(super) struct Recorded(Mutex<VecDeque<LeafIndex>>);

impl Recorded {
    pub(super) fn add(&self, index: LeafIndex) {
        let mut indexes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if indexes.len() >= OWN_MAX {
            indexes.pop_front();
        }
        indexes.push_back(index);
    }

    /// Whether there is any.
    pub(super) fn any(&self) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn holds(&self, index: LeafIndex) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&index)
    }
}

impl Sight {
    /// An envelope of the caller is at this index.
    pub(super) fn recorded(&self, index: LeafIndex) {
        if let Self::Own(peer) = self {
            peer.recorded().add(index);
        }
    }

    /// Whether what is said in this entry may be read. The text of an entry alone says nothing that anybody could know again: digests
    /// of salted and of unknown texts, and which administrative entry is the newest.
    pub(super) fn holds(&self, index: LeafIndex) -> bool {
        match self {
            Self::All => true,
            Self::Own(peer) => peer.recorded().holds(index),
        }
    }

    /// Refuses an entry that may not be read.
    pub(super) fn sees(&self, index: LeafIndex) -> Result<(), Refusal> {
        if self.holds(index) {
            return Ok(());
        }
        let message = format!(
            "this log is read by those on its list of readers; others read what they recorded on the same connection, \
             which entry {index} is not"
        );
        Err(Refusal::new(Reason::NotAReader, message))
    }
}

/// Whether somebody who sees only what it recorded may make this call.
pub(super) fn shows_own(path: &str) -> bool {
    matches!(
        path,
        "/custody.v1.Reader/GetLog"
            | "/custody.v1.Reader/GetCheckpoint"
            | "/custody.v1.Reader/GetConsistency"
            | "/custody.v1.Reader/GetAdminChain"
            | "/custody.v1.Reader/GetReceipt"
            | "/custody.v1.Reader/GetEntries"
            | "/custody.v1.Reader/GetEnvelope"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered() {
        let recorded = Recorded::default();
        assert!(!recorded.any());
        let index = |number: usize| LeafIndex::new(u64::try_from(number).unwrap()).unwrap();
        for number in 0..=OWN_MAX {
            recorded.add(index(number));
        }
        assert!(recorded.any() && !recorded.holds(index(0)));
        assert!(recorded.holds(index(1)) && recorded.holds(index(OWN_MAX)));
    }
}

//! Which key used a token first, where the token does not say whose it is.
//!
//! A CI that does not let a job choose the audience gives out tokens that name no key. Such a token belongs to the first key that
//! uses it, until it ends; who saw it on its way cannot use it with a key of their own. The uses are in the admission records (of an
//! entry that is erased, in the redaction's attachment), so they outlive a restart, and nothing is kept beside the log.
//!
//! A token that was issued before this process began is looked for in the entries since then, which is minutes to hours of them. That
//! happens where envelopes are admitted, so that only who shows such a token waits for it, and not the one who writes for all; and of
//! what was read once nothing is read again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use custody_evidence::admission::{AdmissionRecord, BoundBy, RecordError, TokenProof};
use custody_evidence::key::KeyId;
use custody_evidence::oidc::{LEEWAY_MICROS, TokenId};
use custody_log::{Entry, EntryError, LeafIndex, Timestamp};

use crate::journal::{FirstUse, ReadError};
use crate::ledger::{Head, Ledger};

/// How many uses there are before those of tokens that ended are taken out: 4,096 of about 100 bytes, or twice as many as were left
/// then. A token lives a day at most.
const MANY: usize = if cfg!(test) { 4 } else { 4096 };

/// How many entries are read before others may look at what was found.
const AT_ONCE: u64 = if cfg!(test) { 3 } else { 1024 };

/// How a record says that its token names no key. In JSON these bytes stand nowhere else, since quotes in texts are escaped.
const FIRST_USE: &[u8] = br#""bound_by":"first_use""#;

/// Why the uses of a token cannot be known.
#[derive(Debug, thiserror::Error)]
pub enum FirstUseError {
    /// An entry, or what is kept beside it, cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An entry does not decode.
    #[error("entry {index} is damaged: {source}")]
    Entry {
        /// Its index.
        index: LeafIndex,
        /// Why.
        source: EntryError,
    },
    /// An admission record does not decode.
    #[error("the admission record of entry {index} is damaged: {source}")]
    Record {
        /// Its entry.
        index: LeafIndex,
        /// Why.
        source: RecordError,
    },
}

/// The first uses of tokens that may still be used.
#[derive(Debug, Default)]
pub struct FirstUses(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    first: HashMap<TokenId, (KeyId, Timestamp)>,
    /// The first entry from which on all uses are known. None: nothing was read yet, and what is added is known.
    from: Option<LeafIndex>,
    /// How often everything was forgotten.
    round: u64,
    /// How many uses were left when those of tokens that ended were taken out.
    left: usize,
}

/// What was read of the entries before some entry, from the newest to the oldest.
struct Read {
    from: LeafIndex,
    uses: Vec<FirstUse>,
    /// Whether there is no more to read.
    whole: bool,
}

impl FirstUses {
    /// Makes sure that all uses of a token are known: reads the records of entries that were made since it was issued, and were not
    /// read yet. Takes its time.
    pub fn learn(&self, ledger: &Ledger, proof: &TokenProof) -> Result<(), FirstUseError> {
        if proof.bound_by == BoundBy::FirstUse {
            let since = proof.issued.plus_micros(-LEEWAY_MICROS);
            while !self.learn_some(ledger, since)? {}
        }
        Ok(())
    }

    /// Returns the key that used a token first, by what is known.
    pub fn of(&self, token: &TokenId) -> Option<KeyId> {
        self.known().first.get(token).map(|(key, _)| *key)
    }

    /// Adds what a batch brought into the log, whose last entry this is. Called once it is committed.
    pub fn add<'a>(&self, new: impl Iterator<Item = &'a TokenProof>, last: &Entry) {
        let mut known = self.known();
        for proof in new.filter(|proof| proof.bound_by == BoundBy::FirstUse) {
            known.first.entry(proof.id).or_insert((proof.key, proof.ends()));
        }
        // Not in each batch: where many tokens live, the one who writes for all would go over all of them.
        if known.first.len() > MANY.max(known.left.saturating_mul(2)) {
            known.first.retain(|_, (_, ends)| *ends > last.time);
            known.left = known.first.len();
        }
    }

    /// Forgets everything, to read it again when it is asked for: when the log has other entries than were added, and when its time
    /// stepped back, so that tokens which had ended hold again.
    pub fn forget(&self) {
        let mut known = self.known();
        *known = Known { round: known.round.wrapping_add(1), ..Known::default() };
    }

    /// Returns the first entry from which on all uses are known, if any was read.
    #[cfg(test)]
    pub(crate) fn known_from(&self) -> Option<LeafIndex> {
        self.known().from
    }

    /// Reads some entries more; returns whether all since this time are read.
    fn learn_some(&self, ledger: &Ledger, since: Timestamp) -> Result<bool, FirstUseError> {
        let (head, from, round) = self.next(ledger);
        let read = Read::before(&head, from, since)?;
        let mut known = self.known();
        if (known.from, known.round) != (Some(from), round) {
            // Somebody else read the same, or it was forgotten meanwhile.
            return Ok(false);
        }
        for FirstUse { token, key, ends } in read.uses {
            // An older use than those that were known.
            known.first.insert(token, (key, ends));
        }
        known.from = Some(read.from);
        Ok(read.whole)
    }

    /// Returns a state of the log, and from where on nothing needs to be read. The state is taken under the lock, so it is no older
    /// than what was forgotten.
    fn next(&self, ledger: &Ledger) -> (Arc<Head>, LeafIndex, u64) {
        let mut known = self.known();
        let head = ledger.head();
        let from = *known.from.get_or_insert(head.size.next_index());
        (head, from, known.round)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read {
    fn before(head: &Head, end: LeafIndex, since: Timestamp) -> Result<Self, FirstUseError> {
        let mut read = Self { from: end, uses: Vec::new(), whole: false };
        for _ in 0..AT_ONCE {
            let before = read.from.get().checked_sub(1).and_then(|index| LeafIndex::new(index).ok());
            let Some(index) = before else { return Ok(Self { whole: true, ..read }) };
            let entry = Entry::decode(&head.journal.entry(index)?);
            let entry = entry.map_err(|source| FirstUseError::Entry { index, source })?;
            if entry.time < since {
                return Ok(Self { whole: true, ..read });
            }
            read.uses.extend(use_in(head, index)?);
            read.from = index;
        }
        Ok(read)
    }
}

/// Returns the use of a token that names no key, in an entry.
fn use_in(head: &Head, index: LeafIndex) -> Result<Option<FirstUse>, FirstUseError> {
    let bytes = match head.journal.record(index) {
        // What it said is gone, but for this: the token is no more anybody's than before.
        Err(ReadError::Redacted { by, .. }) => {
            let erased = head.journal.erased_by(by)?.into_iter().find(|erased| erased.index == index);
            return Ok(erased.and_then(|erased| erased.first_use));
        }
        bytes => bytes?,
    };
    // Most records have none, and are not decoded.
    if !bytes.windows(FIRST_USE.len()).any(|some| some == FIRST_USE) {
        return Ok(None);
    }
    let record = AdmissionRecord::decode(&bytes).map_err(|source| FirstUseError::Record { index, source })?;
    let proof = record.token.filter(|proof| proof.bound_by == BoundBy::FirstUse);
    Ok(proof.map(|proof| FirstUse { token: proof.id, key: proof.key, ends: proof.ends() }))
}

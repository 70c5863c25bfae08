//! Which key used a token first, where the token does not say whose it is.
//!
//! A CI that does not let a job choose the audience gives out tokens that name no key. Such a token belongs to the first key that
//! uses it, until it ends; who saw it on its way cannot use it with a key of their own. The bindings are in the admission
//! records, so they outlive a restart, and nothing is kept beside the log: a token that is not known is looked for in the entries
//! since it was issued, which is minutes to hours of them, and of what was read once nothing is read again.

use std::collections::HashMap;
use std::sync::Arc;

use custody_evidence::admission::{AdmissionRecord, BoundBy, Refusal, TokenProof};
use custody_evidence::key::KeyId;
use custody_evidence::oidc::{LEEWAY_MICROS, TokenId};
use custody_log::{Entry, LeafIndex, Timestamp};

use super::RecordError;
use crate::admission::record_of;
use crate::journal::{FirstUse, ReadError};
use crate::ledger::Head;

/// How many bindings there are before those that ended are taken out: 4,096 of about 100 bytes.
const MANY: usize = 4096;

/// How a record says that its token names no key. In JSON these bytes stand nowhere else, since quotes in texts are escaped.
const FIRST_USE: &[u8] = br#""bound_by":"first_use""#;

/// The bindings of tokens that may still be used.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    bound: HashMap<TokenId, (KeyId, Timestamp)>,
    /// The first entry from which on all bindings are known. None: nothing was read yet.
    from: Option<LeafIndex>,
}

impl Tokens {
    /// Refuses a token that another key used first, in the log or among `new`, or that has ended by this time.
    pub(super) fn check<'a>(
        &mut self,
        proof: &TokenProof,
        head: &Head,
        new: impl Iterator<Item = &'a TokenProof>,
        time: Timestamp,
    ) -> Result<(), RecordError> {
        if proof.ends() <= time {
            let ended = custody_evidence::oidc::TokenError::Expired { expires: proof.expires, now: time };
            return Err(Refusal::from(ended).into());
        }
        if proof.bound_by != BoundBy::FirstUse {
            return Ok(());
        }
        self.read_back(head, proof.issued.plus_micros(-LEEWAY_MICROS))?;
        let of_log = self.bound.get(&proof.id).map(|(key, _)| *key);
        let first = of_log.or_else(|| new.into_iter().find(|new| is_binding(new, proof)).map(|new| new.key));
        match first {
            Some(key) if key != proof.key => Err(Refusal::TokenReused { until: proof.ends() }.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Adds what a batch brought into the log. Called once it is committed. Behind a clock repair tokens are good again that had
    /// ended by the clock before, and were forgotten: all is read again.
    pub(super) fn add<'a>(
        &mut self,
        new: impl Iterator<Item = &'a TokenProof>,
        last: &Entry,
        repaired: bool,
    ) {
        if repaired {
            *self = Self::default();
            return;
        }
        for proof in new {
            self.bind(proof);
        }
        if self.bound.len() > MANY {
            self.bound.retain(|_, (_, ends)| *ends > last.time);
        }
    }

    fn bind(&mut self, proof: &TokenProof) {
        if proof.bound_by == BoundBy::FirstUse {
            self.bound.entry(proof.id).or_insert((proof.key, proof.ends()));
        }
    }

    /// Reads the records of entries that were made since this time, and were not read yet.
    fn read_back(&mut self, head: &Head, since: Timestamp) -> Result<(), RecordError> {
        let end = self.from.map_or(head.size.get(), LeafIndex::get);
        for index in (0..end).rev() {
            let Ok(index) = LeafIndex::new(index) else { break };
            let damaged = |error: ReadError| RecordError::Damaged(Arc::new(error));
            let bytes = head.journal.entry(index).map_err(damaged)?;
            let entry = Entry::decode(&bytes).map_err(|_| RecordError::Internal)?;
            if entry.time < since {
                break;
            }
            let record = match head.journal.record(index) {
                // What it said is gone, but for this: the token is no more anybody's than before.
                Err(ReadError::Redacted { by, .. }) => {
                    let mut erased = head.journal.erased_by(by).map_err(damaged)?.into_iter();
                    let erased = erased.find(|erased| erased.index == index);
                    if let Some(FirstUse { token, key, ends }) = erased.and_then(|erased| erased.first_use) {
                        self.bound.insert(token, (key, ends));
                    }
                    Vec::new()
                }
                record => record.map_err(damaged)?,
            };
            if record.windows(FIRST_USE.len()).any(|bytes| bytes == FIRST_USE) {
                let record: AdmissionRecord = record_of(head, index)?;
                // From the newest to the oldest, so the first use comes last.
                if let Some(proof) = record.token.filter(|proof| proof.bound_by == BoundBy::FirstUse) {
                    self.bound.insert(proof.id, (proof.key, proof.ends()));
                }
            }
            self.from = Some(index);
        }
        // Nothing was read at all: from here on what is added is known.
        self.from.get_or_insert(head.size.next_index());
        Ok(())
    }
}

fn is_binding(new: &TokenProof, proof: &TokenProof) -> bool {
    new.id == proof.id && new.bound_by == BoundBy::FirstUse
}

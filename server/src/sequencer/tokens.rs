//! Whether a token may still be used, and by this key.

use custody_evidence::admission::{BoundBy, Refusal, TokenProof};
use custody_evidence::oidc::TokenError;
use custody_log::Timestamp;

use super::RecordError;
use crate::ledger::Ledger;

/// Refuses a token that another key used first, in the log or among `new`, or that has ended by this time.
pub(super) fn check<'a>(
    ledger: &Ledger,
    proof: &TokenProof,
    new: impl IntoIterator<Item = &'a TokenProof>,
    time: Timestamp,
) -> Result<(), RecordError> {
    if proof.ends() <= time {
        let ended = TokenError::Expired { expires: proof.expires, now: time };
        return Err(Refusal::from(ended).into());
    }
    if proof.bound_by != BoundBy::FirstUse {
        return Ok(());
    }
    // Who admitted it has read the log for it: nothing is left, unless a recovery came between.
    ledger.first_uses().learn(ledger, proof)?;
    let same = |new: &&TokenProof| new.id == proof.id && new.bound_by == BoundBy::FirstUse;
    let first = ledger.first_uses().of(&proof.id);
    let first = first.or_else(|| new.into_iter().find(same).map(|new| new.key));
    match first {
        Some(key) if key != proof.key => Err(Refusal::TokenReused { until: proof.ends() }.into()),
        Some(_) | None => Ok(()),
    }
}

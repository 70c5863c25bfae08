//! Which keys are tried for which signatures, and how much is hashed for it.
//!
//! P-256 and RSA sign a SHA-256 that is the same for every key: it is made once. Ed25519 hashes key, signature and all of
//! the message anew for each pair (RFC 8032 section 5.1.7), and P-384 and P-521 have hashes of their own, so a sender could ask for 16 signatures x 64 keys x 48 MiB =
//! 48 GiB of hashing with one upload. [`HASHED_MAX`] bounds that.

use std::collections::BTreeSet;

use super::{HASHED_MAX, MAX_KEYS_TRIED, Signature};
use crate::key::{KeyId, PublicKey};

/// What came of trying keys for one signature.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    /// The key that made it.
    pub(super) made_by: Option<KeyId>,
    /// How many keys were tried.
    pub(super) tried: usize,
    /// Whether a key was passed over, because too much was hashed already.
    pub(super) passed_over: bool,
}

/// Tries keys until one made the signature, within the hashing that is left for the envelope.
struct Checks<F> {
    message: usize,
    left: usize,
    check: F,
}

/// Tries the keys for each signature: `check` says whether a key made these bytes over the message, which has this
/// length. The first pass tries for every signature the key that its hint names, the second one all other keys. So up to
/// 32 MiB of message, where 16 first tries cost at most [`HASHED_MAX`], signatures that are wrong cannot spend what a
/// signature needs whose hint is right. Of a longer message they can: then the envelope is refused, and its sender
/// leaves the wrong ones out.
pub(super) fn attempts(
    signatures: &[Signature],
    keys: &[&PublicKey],
    message: usize,
    check: impl FnMut(&PublicKey, &[u8]) -> bool,
) -> Vec<Attempt> {
    let mut checks = Checks { message, left: HASHED_MAX, check };
    let mut seen = BTreeSet::new();
    let keys: Vec<&PublicKey> = keys.iter().copied().filter(|key| seen.insert(key.id())).collect();
    let mut attempts = Vec::new();
    for signature in signatures {
        let mut attempt = Attempt::default();
        checks.run(&mut attempt, signature, keys.iter().filter(|key| signature.hints_at(key.id())));
        attempts.push(attempt);
    }
    for (attempt, signature) in attempts.iter_mut().zip(signatures) {
        if attempt.made_by.is_none() {
            let hinted = keys.iter().filter(|key| signature.hints_at(key.id())).count();
            let others = keys.iter().filter(|key| !signature.hints_at(key.id()));
            checks.run(attempt, signature, others.take(MAX_KEYS_TRIED.saturating_sub(hinted)));
        }
    }
    attempts
}

impl<F: FnMut(&PublicKey, &[u8]) -> bool> Checks<F> {
    fn run<'a>(
        &mut self,
        attempt: &mut Attempt,
        signature: &Signature,
        keys: impl Iterator<Item = &'a &'a PublicKey>,
    ) {
        let Ok(bytes) = signature.bytes() else { return };
        for key in keys {
            let hashed = if key.hashes_message_for(bytes) { self.message } else { 0 };
            let Some(left) = self.left.checked_sub(hashed) else {
                // A key that costs nothing is still tried.
                attempt.passed_over = true;
                continue;
            };
            self.left = left;
            attempt.tried += 1;
            if (self.check)(key, bytes) {
                attempt.made_by = Some(key.id());
                return;
            }
        }
    }
}

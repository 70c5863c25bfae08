//! Which signatures hold, and by whose keys.

use std::borrow::Borrow;
use std::collections::BTreeSet;

use super::attempt::{Attempt, attempts};
use super::{Base64Error, Envelope, HASHED_MAX, MAX_KEYS_TRIED, Signature};
use crate::key::{KeyId, PublicKey};

/// What came out of checking one signature. "Failed" and "not checked" never look alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureVerdict {
    /// Made by this key over the envelope's PAE.
    Verified(KeyId),
    /// Checked, and it does not hold.
    Failed(Failure),
    /// Nobody knows whether it holds.
    NotChecked(NotChecked),
    /// Made in a way that is not supported, so not checked.
    Unsupported {
        /// Its name, such as `X.509 certificate`.
        algorithm: String,
    },
}

/// Why a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Its base64 cannot be read.
    #[error("its base64 cannot be read: {0}")]
    Undecodable(Base64Error),
    /// The hint names one of the keys, and that key did not make it, nor any other.
    #[error("key {key}, which its keyid names, did not make it over this payload")]
    NotByHintedKey {
        /// The key that the hint names.
        key: KeyId,
    },
    /// None of the keys made it: another key did, or the payload was changed.
    #[error("none of the {tried} keys made it over this payload")]
    NoKey {
        /// How many keys were tried.
        tried: usize,
    },
}

/// Why a signature was not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotChecked {
    /// There was no key to check it with.
    #[error("there was no key to check it with")]
    NoKeys,
    /// More keys than are tried for one signature; those that were tried did not make it.
    #[error("the first {tried} of {keys} keys did not make it, and more are not tried")]
    TooManyKeys {
        /// [`MAX_KEYS_TRIED`].
        tried: usize,
        /// How many there are.
        keys: usize,
    },
    /// The payload is so large that not every key is tried; those that were tried did not make it.
    #[error(
        "{tried} of {keys} keys were tried and did not make it; the payload is too large to try them all (at most \
         {} MiB are hashed for the signatures of one envelope)",
        HASHED_MAX >> 20
    )]
    TooMuchToHash {
        /// How many were tried.
        tried: usize,
        /// How many there are.
        keys: usize,
    },
}

/// Fewer distinct keys signed than are needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected signatures by {needed} distinct keys, found {}", .signed.len())]
pub struct ThresholdError {
    /// How many distinct keys must sign.
    pub needed: usize,
    /// The keys that did.
    pub signed: BTreeSet<KeyId>,
    /// What came out for each signature, in the envelope's order.
    pub verdicts: Vec<SignatureVerdict>,
}

/// Something that enough distinct keys signed. Only [`Envelope::require`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T> {
    value: T,
    signers: BTreeSet<KeyId>,
}

impl<T> Verified<T> {
    /// Returns what was signed.
    pub const fn get(&self) -> &T {
        &self.value
    }

    /// Returns the distinct keys that signed it.
    pub const fn signers(&self) -> &BTreeSet<KeyId> {
        &self.signers
    }

    /// Gives up the proof and returns what was signed.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl Envelope {
    /// Proves that at least `threshold` distinct keys of these signed the envelope (DSSE protocol, "(t, n)-DSSE").
    ///
    /// Keys are counted by the ids that we compute: one key counts once, however often and under whatever
    /// `keyid` it signs. A threshold of 0 is taken as 1.
    pub fn require<'a>(
        &'a self,
        keys: &[PublicKey],
        threshold: usize,
    ) -> Result<Verified<&'a Self>, ThresholdError> {
        let verdicts = verify_signatures(self, keys);
        let signers: BTreeSet<_> = verdicts.iter().filter_map(SignatureVerdict::signer).collect();
        let needed = threshold.max(1);
        if signers.len() < needed {
            return Err(ThresholdError { needed, signed: signers, verdicts });
        }
        Ok(Verified { value: self, signers })
    }
}

impl SignatureVerdict {
    /// Returns the key that made it, if that was verified.
    #[must_use]
    pub const fn signer(&self) -> Option<KeyId> {
        match self {
            Self::Verified(key) => Some(*key),
            Self::Failed(_) | Self::NotChecked(_) | Self::Unsupported { .. } => None,
        }
    }
}

/// Says what was found, as a predicate of "the signature".
impl std::fmt::Display for SignatureVerdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Verified(key) => write!(f, "verified: made by key {key}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::NotChecked(why) => write!(f, "not checked: {why}"),
            Self::Unsupported { algorithm } => write!(f, "not checked: {algorithm} is not supported"),
        }
    }
}

/// Checks each signature with the keys; answers one verdict a signature, in the envelope's order.
///
/// The `keyid` only decides which keys are tried first. At most [`MAX_KEYS_TRIED`] are tried for one signature, and at
/// most [`HASHED_MAX`] bytes are hashed for all of them.
#[must_use]
pub fn verify_signatures<K: Borrow<PublicKey>>(envelope: &Envelope, keys: &[K]) -> Vec<SignatureVerdict> {
    verdicts(envelope, keys, |key, signature| {
        key.made_over(envelope.pae(), || *envelope.content().as_bytes(), signature)
    })
}

/// Like [`verify_signatures`], with `check` in the place of the check of one key and one signature.
pub(super) fn verdicts<K: Borrow<PublicKey>>(
    envelope: &Envelope,
    keys: &[K],
    check: impl FnMut(&PublicKey, &[u8]) -> bool,
) -> Vec<SignatureVerdict> {
    let keys: Vec<&PublicKey> = keys.iter().map(Borrow::borrow).collect();
    let attempts = attempts(envelope.signatures(), &keys, envelope.pae().len(), check);
    let signatures = envelope.signatures().iter().zip(&attempts);
    signatures.map(|(signature, attempt)| verdict(signature, attempt, &keys)).collect()
}

fn verdict(signature: &Signature, attempt: &Attempt, keys: &[&PublicKey]) -> SignatureVerdict {
    if let Err(problem) = signature.bytes() {
        return SignatureVerdict::Failed(Failure::Undecodable(problem));
    }
    if let Some(key) = attempt.made_by {
        return SignatureVerdict::Verified(key);
    }
    if attempt.passed_over {
        let (tried, keys) = (attempt.tried, keys.len());
        return SignatureVerdict::NotChecked(NotChecked::TooMuchToHash { tried, keys });
    }
    if let Some(key) = keys.iter().find(|key| signature.hints_at(key.id())) {
        return SignatureVerdict::Failed(Failure::NotByHintedKey { key: key.id() });
    }
    if signature.certificate().is_some() {
        return SignatureVerdict::Unsupported { algorithm: "X.509 certificate".to_owned() };
    }
    match keys.len() {
        0 => SignatureVerdict::NotChecked(NotChecked::NoKeys),
        tried if tried <= MAX_KEYS_TRIED => SignatureVerdict::Failed(Failure::NoKey { tried }),
        keys => SignatureVerdict::NotChecked(NotChecked::TooManyKeys { tried: MAX_KEYS_TRIED, keys }),
    }
}

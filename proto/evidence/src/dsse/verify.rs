//! Which signatures hold, and by whose keys.

use std::borrow::Borrow;
use std::collections::BTreeSet;

use super::{Base64Error, Envelope, MAX_KEYS_TRIED, Signature};
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
}

/// Fewer distinct keys signed than are needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} of the {needed} signatures needed are there, by distinct keys", .signed.len())]
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
/// The `keyid` only decides which keys are tried first. At most [`MAX_KEYS_TRIED`] are tried for one signature.
#[must_use]
pub fn verify_signatures<K: Borrow<PublicKey>>(envelope: &Envelope, keys: &[K]) -> Vec<SignatureVerdict> {
    let keys: Vec<&PublicKey> = keys.iter().map(Borrow::borrow).collect();
    envelope.signatures().iter().map(|signature| verdict(envelope.pae(), signature, &keys)).collect()
}

fn verdict(pae: &[u8], signature: &Signature, keys: &[&PublicKey]) -> SignatureVerdict {
    let bytes = match signature.bytes() {
        Ok(bytes) => bytes,
        Err(problem) => return SignatureVerdict::Failed(Failure::Undecodable(problem)),
    };
    let hinted = |key: &&PublicKey| hint_names(signature.keyid(), key.id());
    let (first, rest): (Vec<_>, Vec<_>) = keys.iter().copied().partition(hinted);
    let tried = first.iter().chain(&rest).take(MAX_KEYS_TRIED);
    if let Some(key) = tried.clone().find(|key| key.verify(pae, bytes).is_ok()) {
        return SignatureVerdict::Verified(key.id());
    }
    if let Some(key) = first.first() {
        return SignatureVerdict::Failed(Failure::NotByHintedKey { key: key.id() });
    }
    if signature.has_certificate() {
        return SignatureVerdict::Unsupported { algorithm: "X.509 certificate".to_owned() };
    }
    match keys.len() {
        0 => SignatureVerdict::NotChecked(NotChecked::NoKeys),
        tried if tried <= MAX_KEYS_TRIED => SignatureVerdict::Failed(Failure::NoKey { tried }),
        keys => SignatureVerdict::NotChecked(NotChecked::TooManyKeys { tried: MAX_KEYS_TRIED, keys }),
    }
}

/// Whether the hint is the key id as we write it, bare or as an identity.
pub(crate) fn hint_names(keyid: &str, key: KeyId) -> bool {
    keyid.strip_prefix("key:").unwrap_or(keyid).parse() == Ok(key)
}

//! Keys that sign notes and cosign checkpoints. Their secrets are never shown, and wiped when dropped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use super::key::{self, KeyAlgorithm, KeyHash, VerifierKey, VerifierKeyError};
use super::line::SignatureLine;
use super::name::{KeyName, KeyNameError};
use super::{Note, NoteError};
use crate::checkpoint::Checkpoint;
use crate::time::Timestamp;

/// An Ed25519 key (0x01) that signs notes: a log's key.
pub struct NoteSigner(SecretKey);

/// An Ed25519 key (0x04) that cosigns checkpoints with a time: a witness, or a log's freshness key.
///
/// What is signed does not carry the cosigner's name, so each name needs its own key, and neither may be a
/// log's key (c2sp.org/tlog-cosignature).
pub struct Cosigner(SecretKey);

/// Why a text is not a secret key. The text itself is in no variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretKeyError {
    /// Not `PRIVATE+KEY+` and three parts with `+` between.
    #[error("expected PRIVATE+KEY+<name>+<8 hex digits>+<base64>")]
    Form,
    /// The name is none.
    #[error(transparent)]
    Name(#[from] KeyNameError),
    /// The last part is not base64 of a type byte and a seed of 32 bytes.
    #[error("expected the base64 of a type byte and 32 bytes of seed")]
    Seed,
    /// The key is of another type.
    #[error("expected key type {expected:#04x}, found {found:#04x}")]
    Algorithm {
        /// The type byte of the key asked for.
        expected: u8,
        /// The type byte there is.
        found: u8,
    },
    /// The hash is not 8 hex digits, or not that of this name and key.
    #[error(transparent)]
    Hash(#[from] VerifierKeyError),
}

impl NoteSigner {
    /// Returns the seed: the log key also signs the first trust document, as a DSSE envelope.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.key.to_bytes())
    }

    /// Makes the key of this seed. The seed must come from a good source of randomness.
    #[must_use]
    pub fn from_seed(name: KeyName, seed: [u8; 32]) -> Self {
        Self(SecretKey::from_seed(name, KeyAlgorithm::Ed25519, seed))
    }

    /// Returns `PRIVATE+KEY+<name>+<hash>+<base64(0x01 || seed)>`, as Go's note tools write it.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        self.0.to_text()
    }

    /// Returns the key that verifies what this one signs.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        self.0.verifier()
    }

    /// Signs a text and returns its signature line. The text ends in a line feed.
    #[must_use]
    pub fn sign(&self, text: &str) -> SignatureLine {
        self.0.sign(text.as_bytes(), &[])
    }

    /// Signs a text and returns the note.
    pub fn note(&self, text: &str) -> Result<Note, NoteError> {
        Note::new(text.to_owned(), vec![self.sign(text)])
    }
}

impl Cosigner {
    /// Makes the key of this seed. The seed must come from a good source of randomness.
    #[must_use]
    pub fn from_seed(name: KeyName, seed: [u8; 32]) -> Self {
        Self(SecretKey::from_seed(name, KeyAlgorithm::Cosignature, seed))
    }

    /// Returns `PRIVATE+KEY+<name>+<hash>+<base64(0x04 || seed)>`.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        self.0.to_text()
    }

    /// Returns the key that verifies what this one cosigns.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        self.0.verifier()
    }

    /// Cosigns a checkpoint: "at this time this was the largest consistent tree that I knew of this log".
    ///
    /// The time is written in whole seconds.
    #[must_use]
    pub fn cosign(&self, checkpoint: &Checkpoint, time: Timestamp) -> SignatureLine {
        let seconds = time.as_seconds();
        // A Timestamp ends in the year 9999, far below the limit of 2^63 seconds.
        let message = key::cosigned_message(checkpoint.text(), seconds).unwrap_or_default();
        self.0.sign(&message, &seconds.to_be_bytes())
    }
}

impl std::str::FromStr for NoteSigner {
    type Err = SecretKeyError;

    fn from_str(text: &str) -> Result<Self, SecretKeyError> {
        SecretKey::parse(text, KeyAlgorithm::Ed25519).map(Self)
    }
}

impl std::str::FromStr for Cosigner {
    type Err = SecretKeyError;

    fn from_str(text: &str) -> Result<Self, SecretKeyError> {
        SecretKey::parse(text, KeyAlgorithm::Cosignature).map(Self)
    }
}

/// Shows the public key only.
impl std::fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NoteSigner({})", self.verifier())
    }
}

/// Shows the public key only.
impl std::fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cosigner({})", self.verifier())
    }
}

/// A secret key of either type; [`SigningKey`] wipes itself when dropped.
struct SecretKey {
    name: KeyName,
    algorithm: KeyAlgorithm,
    key: SigningKey,
}

const PREFIX: &str = "PRIVATE+KEY+";

impl SecretKey {
    fn from_seed(name: KeyName, algorithm: KeyAlgorithm, seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        Self { name, algorithm, key: SigningKey::from_bytes(&seed) }
    }

    fn parse(text: &str, algorithm: KeyAlgorithm) -> Result<Self, SecretKeyError> {
        let parts = text.strip_prefix(PREFIX).and_then(key::split);
        let (name, hash, secret) = parts.ok_or(SecretKeyError::Form)?;
        let name: KeyName = name.parse()?;
        let found = KeyHash::from_hex(hash)?;
        let bytes = Zeroizing::new(STANDARD.decode(secret).map_err(|_| SecretKeyError::Seed)?);
        let (byte, seed) = bytes.split_first().ok_or(SecretKeyError::Seed)?;
        if *byte != algorithm.byte() {
            return Err(SecretKeyError::Algorithm { expected: algorithm.byte(), found: *byte });
        }
        let key = SigningKey::from_bytes(seed.try_into().map_err(|_| SecretKeyError::Seed)?);
        let secret = Self { name, algorithm, key };
        let computed = secret.verifier().key_hash();
        if computed != found {
            return Err(VerifierKeyError::HashMismatch { found, computed }.into());
        }
        Ok(secret)
    }

    fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([self.algorithm.byte(); 33]);
        for (to, from) in bytes.iter_mut().skip(1).zip(self.key.as_bytes()) {
            *to = *from;
        }
        let secret = Zeroizing::new(STANDARD.encode(*bytes));
        let verifier = self.verifier();
        Zeroizing::new(format!("{PREFIX}{}+{}+{}", self.name, verifier.key_hash(), *secret))
    }

    fn verifier(&self) -> VerifierKey {
        VerifierKey::of_signer(self.name.clone(), self.algorithm, self.key.verifying_key())
    }

    /// Signs a message; `before` stands between key hash and signature.
    fn sign(&self, message: &[u8], before: &[u8]) -> SignatureLine {
        let signature = self.key.sign(message).to_bytes();
        SignatureLine::new(&self.verifier(), [before, &signature].concat())
    }
}

//! Keys that verify signatures of notes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::line::SignatureLine;
use super::name::{KeyName, KeyNameError};

/// What a key signs, and how (the type byte of c2sp.org/signed-note).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyAlgorithm {
    /// 0x04: Ed25519 over a time and a checkpoint (c2sp.org/tlog-cosignature).
    Cosignature,
    /// 0x01: Ed25519 over the text.
    Ed25519,
}

/// The first four bytes of SHA-256(name || 0x0A || type || public key): a hint, not an identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash(u32);

/// A key that verifies signatures, with the name it signs under: `name+hash+base64(type || public key)`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    algorithm: KeyAlgorithm,
    public: VerifyingKey,
}

/// Why a text is not a verifier key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifierKeyError {
    /// Not three parts with `+` between.
    #[error("expected <name>+<8 hex digits>+<base64>")]
    Form,
    /// The name is none.
    #[error(transparent)]
    Name(#[from] KeyNameError),
    /// The second part is not 8 lower-case hex digits.
    #[error("expected a key hash of 8 lower-case hex digits, found {found:?}")]
    Hash {
        /// The second part.
        found: String,
    },
    /// The third part is not standard base64 with padding.
    #[error("the key is not standard base64 with padding")]
    Base64,
    /// A type that we do not verify.
    #[error("expected key type 0x01 (Ed25519) or 0x04 (cosignature), found {}", type_byte(.found.as_ref()))]
    Algorithm {
        /// The type byte; none if there are no bytes at all.
        found: Option<u8>,
    },
    /// An Ed25519 key of another length.
    #[error("expected a public key of {expected} bytes, found {found}")]
    Length {
        /// Always 32.
        expected: usize,
        /// The length given.
        found: usize,
    },
    /// The hash is not that of this name and key: a typing error, or parts of two keys.
    #[error("the key hash is {found}, but name and key give {computed}")]
    HashMismatch {
        /// The second part.
        found: KeyHash,
        /// The hash of what is there.
        computed: KeyHash,
    },
    /// Bytes that are no point of the curve, not its one encoding, or a point under which anything verifies.
    #[error("the public key is not a usable Ed25519 key")]
    Point,
}

/// A signature is not by the key in whose name it stands.
pub(crate) struct NotVerified;

impl KeyAlgorithm {
    /// Returns the type byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Cosignature => 0x04,
            Self::Ed25519 => 0x01,
        }
    }

    pub(super) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Ed25519),
            0x04 => Some(Self::Cosignature),
            _ => None,
        }
    }
}

impl KeyHash {
    /// Returns the hash of a key with this name.
    #[must_use]
    pub fn of(name: &KeyName, algorithm: KeyAlgorithm, public: &[u8; 32]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(name.as_str());
        hasher.update([b'\n', algorithm.byte()]);
        hasher.update(public);
        let digest: [u8; 32] = hasher.finalize().into();
        let [a, b, c, d, ..] = digest;
        Self::from_bytes([a, b, c, d])
    }

    pub(super) const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(bytes))
    }

    pub(super) const fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    /// Parses 8 lower-case hex digits.
    pub(super) fn from_hex(text: &str) -> Result<Self, VerifierKeyError> {
        let mut bytes = [0; 4];
        match base16ct::lower::decode(text, &mut bytes) {
            Ok([_, _, _, _]) => Ok(Self::from_bytes(bytes)),
            Ok(_) | Err(_) => Err(VerifierKeyError::Hash { found: text.chars().take(40).collect() }),
        }
    }
}

impl VerifierKey {
    /// Takes a public key of 32 bytes; refuses what is no point, or one of small order.
    pub fn new(name: KeyName, algorithm: KeyAlgorithm, public: &[u8; 32]) -> Result<Self, VerifierKeyError> {
        let bytes = public;
        let public = VerifyingKey::from_bytes(bytes).map_err(|_| VerifierKeyError::Point)?;
        // RFC 8032 section 5.1.3 has one encoding for each point; the library also takes others.
        let canonical = public.to_edwards().compress().to_bytes() == *bytes;
        if public.is_weak() || !canonical {
            return Err(VerifierKeyError::Point);
        }
        Ok(Self { name, algorithm, public })
    }

    /// For a key that was just computed from a secret one.
    pub(super) const fn of_signer(name: KeyName, algorithm: KeyAlgorithm, public: VerifyingKey) -> Self {
        Self { name, algorithm, public }
    }

    /// Returns the name the key signs under.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// Returns what the key signs.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Returns the Ed25519 public key.
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        self.public.as_bytes()
    }

    /// Returns the hash that signature lines carry.
    #[must_use]
    pub fn key_hash(&self) -> KeyHash {
        KeyHash::of(&self.name, self.algorithm, self.public.as_bytes())
    }

    /// Checks one signature and returns the time of a cosignature, in seconds.
    pub(crate) fn verify(&self, text: &str, line: &SignatureLine) -> Result<Option<u64>, NotVerified> {
        let (message, seconds, signature) = match self.algorithm {
            KeyAlgorithm::Ed25519 => (text.as_bytes().to_vec(), None, line.signature()),
            KeyAlgorithm::Cosignature => {
                let (time, signature) = line.signature().split_first_chunk().ok_or(NotVerified)?;
                let seconds = u64::from_be_bytes(*time);
                (cosigned_message(text, seconds).ok_or(NotVerified)?, Some(seconds), signature)
            }
        };
        let signature = Signature::from_bytes(signature.try_into().map_err(|_| NotVerified)?);
        // Strict: no small-order point and no second encoding of the same signature.
        self.public.verify_strict(&message, &signature).map(|()| seconds).map_err(|_| NotVerified)
    }
}

/// Returns what a 0x04 key signs; none above 2^63-1 seconds (c2sp.org/tlog-cosignature).
pub(super) fn cosigned_message(text: &str, seconds: u64) -> Option<Vec<u8>> {
    let in_range = seconds <= i64::MAX.unsigned_abs();
    in_range.then(|| format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes())
}

/// Splits `name+hash+base64`; base64 may itself contain `+`.
pub(super) fn split(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('+')?;
    let (hash, key) = rest.split_once('+')?;
    Some((name, hash, key))
}

impl std::str::FromStr for VerifierKey {
    type Err = VerifierKeyError;

    fn from_str(text: &str) -> Result<Self, VerifierKeyError> {
        let (name, hash, key) = split(text).ok_or(VerifierKeyError::Form)?;
        let name: KeyName = name.parse()?;
        let found = KeyHash::from_hex(hash)?;
        let key = STANDARD.decode(key).map_err(|_| VerifierKeyError::Base64)?;
        let (byte, public) = key.split_first().ok_or(VerifierKeyError::Algorithm { found: None })?;
        let algorithm =
            KeyAlgorithm::from_byte(*byte).ok_or(VerifierKeyError::Algorithm { found: Some(*byte) })?;
        let public = <&[u8; 32]>::try_from(public)
            .map_err(|_| VerifierKeyError::Length { expected: 32, found: public.len() })?;
        let computed = KeyHash::of(&name, algorithm, public);
        if computed != found {
            return Err(VerifierKeyError::HashMismatch { found, computed });
        }
        Self::new(name, algorithm, public)
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut key = vec![self.algorithm.byte()];
        key.extend_from_slice(self.public_key());
        write!(f, "{}+{}+{}", self.name, self.key_hash(), STANDARD.encode(key))
    }
}

impl std::fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

/// Writes 8 lower-case hex digits.
impl std::fmt::Display for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl std::fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyHash({self})")
    }
}

fn type_byte(found: Option<&u8>) -> String {
    found.map_or_else(|| "no byte at all".to_owned(), |byte| format!("{byte:#04x}"))
}

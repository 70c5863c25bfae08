//! One signature line of a note.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::{KeyHash, VerifierKey};
use super::name::{self, KeyNameError};

/// One signature line, as read; nothing is checked but its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    name: String,
    hash: KeyHash,
    signature: Vec<u8>,
}

/// Why a text is not a signature line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not a dash, a name and base64 with one space between.
    #[error("expected an em dash, a name and base64, with one space between")]
    Form,
    /// The name is none.
    #[error(transparent)]
    Name(#[from] KeyNameError),
    /// The last part is not standard base64 with padding.
    #[error("the signature is not standard base64 with padding")]
    Base64,
    /// Too short for a key hash and a signature.
    #[error("a signature is at least {min} bytes with its key hash, found {found}")]
    TooShort {
        /// Five: four of key hash, one of signature.
        min: usize,
        /// The length given.
        found: usize,
    },
}

/// U+2014 and a space.
const DASH: &str = "\u{2014} ";

const MIN_LEN: usize = 5;

impl SignatureLine {
    pub(super) fn new(key: &VerifierKey, signature: Vec<u8>) -> Self {
        Self { name: key.name().to_string(), hash: key.key_hash(), signature }
    }

    /// A line in this key's name, whatever signed it.
    #[cfg(test)]
    pub(crate) fn forged(key: &VerifierKey, signature: Vec<u8>) -> Self {
        Self::new(key, signature)
    }

    /// Returns the name of the key that the line says it is by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the hash of the key that the line says it is by.
    #[must_use]
    pub const fn key_hash(&self) -> KeyHash {
        self.hash
    }

    /// Returns the bytes after the key hash: for a cosignature, eight of time and then the signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Whether the line says it is by this key.
    #[must_use]
    pub fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name().as_str() && self.hash == key.key_hash()
    }

    /// Returns `name+hash` for a message. Anyone can write a name here, of any length.
    pub(super) fn signer(&self) -> String {
        format!("{}+{}", self.name.chars().take(80).collect::<String>(), self.hash)
    }
}

/// Parses a line without its line feed.
impl std::str::FromStr for SignatureLine {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        let (name, base64) =
            text.strip_prefix(DASH).and_then(|rest| rest.split_once(' ')).ok_or(LineError::Form)?;
        name::check(name)?;
        let bytes = STANDARD.decode(base64).map_err(|_| LineError::Base64)?;
        let short = LineError::TooShort { min: MIN_LEN, found: bytes.len() };
        match bytes.split_first_chunk() {
            Some((hash, signature)) if !signature.is_empty() => {
                let hash = KeyHash::from_bytes(*hash);
                Ok(Self { name: name.to_owned(), hash, signature: signature.to_vec() })
            }
            Some(_) | None => Err(short),
        }
    }
}

/// Writes the line without its line feed.
impl std::fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = self.hash.to_bytes().to_vec();
        bytes.extend_from_slice(&self.signature);
        write!(f, "{DASH}{} {}", self.name, STANDARD.encode(bytes))
    }
}

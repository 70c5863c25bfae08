//! Digests typed by what they are the digest of.
//!
//! All are SHA-256. A digest of an entry can therefore not be passed where a digest of an envelope is
//! expected, and a leaf hash (RFC 6962 section 2.1, with its 0x00 prefix) is never mistaken for the plain
//! digest of the same bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// What is wrong with the text or bytes of a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The text does not start with `sha256:`.
    #[error("expected sha256:<64 hex digits>, found {found:?}")]
    Algorithm {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// The part after the colon is not 64 lower-case hex digits.
    #[error("expected 64 lower-case hex digits, found {found:?}")]
    Hex {
        /// The part after the colon, cut to 80 characters.
        found: String,
    },
    /// The text is not standard base64 with padding.
    #[error("expected 44 characters of standard base64, found {found:?}")]
    Base64 {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// Bytes of another length.
    #[error("expected {expected} bytes, found {found}")]
    Length {
        /// Always 32.
        expected: usize,
        /// The length given.
        found: usize,
    },
}

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; Self::LEN]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = 32;

            /// Wraps 32 bytes that are known to be such a digest.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
                Self(bytes)
            }

            /// Returns the 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
                &self.0
            }

            /// Returns 64 lower-case hex digits, without the algorithm.
            #[must_use]
            pub fn to_hex(&self) -> String {
                hex(&self.0, &mut [0; 2 * Self::LEN]).to_owned()
            }

            /// Returns standard base64 with padding, as checkpoints and proofs write hashes.
            #[must_use]
            pub fn to_base64(&self) -> String {
                STANDARD.encode(self.0)
            }

            /// Parses standard base64 with padding.
            pub fn from_base64(text: &str) -> Result<Self, DigestError> {
                let bytes = STANDARD
                    .decode(text)
                    .map_err(|_| DigestError::Base64 { found: cut(text) })?;
                Self::try_from(bytes.as_slice())
            }

            /// Parses 64 lower-case hex digits, without the algorithm.
            pub fn from_hex(text: &str) -> Result<Self, DigestError> {
                let mut bytes = [0; Self::LEN];
                // Lower-case digits alone, and an error unless they fill all bytes.
                match base16ct::lower::decode(text, &mut bytes) {
                    Ok(decoded) if decoded.len() == Self::LEN => Ok(Self(bytes)),
                    Ok(_) | Err(_) => Err(DigestError::Hex { found: cut(text) }),
                }
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = DigestError;

            fn try_from(bytes: &[u8]) -> Result<Self, DigestError> {
                <[u8; Self::LEN]>::try_from(bytes)
                    .map(Self)
                    .map_err(|_| DigestError::Length { expected: Self::LEN, found: bytes.len() })
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        /// Parses `sha256:<64 lower-case hex digits>`.
        impl std::str::FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, DigestError> {
                let hex = text
                    .strip_prefix("sha256:")
                    .ok_or_else(|| DigestError::Algorithm { found: cut(text) })?;
                Self::from_hex(hex)
            }
        }

        /// Writes `sha256:<64 lower-case hex digits>`.
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("sha256:")?;
                f.write_str(hex(&self.0, &mut [0; 2 * Self::LEN]))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.to_hex())
            }
        }
    };
}

digest_type! {
    /// SHA-256 of an entry's exact bytes: what the next entry names as `previous`.
    EntryDigest
}
digest_type! {
    /// SHA-256 of an envelope's bytes as received.
    EnvelopeDigest
}
digest_type! {
    /// SHA-256 of exactly what was signed (DSSE: the PAE bytes).
    ContentDigest
}
digest_type! {
    /// SHA-256 of an admission record's bytes.
    RecordDigest
}
digest_type! {
    /// SHA-256 of any other bytes kept beside an envelope (an attachment), or of a document or file.
    BlobDigest
}
digest_type! {
    /// A hash in the Merkle tree: SHA-256(0x00 || entry) for a leaf, SHA-256(0x01 || left || right) above
    /// (RFC 6962 section 2.1).
    NodeHash
}
digest_type! {
    /// The Merkle tree hash of a whole tree (RFC 6962 section 2.1); SHA-256 of nothing for the empty tree.
    RootHash
}

impl EntryDigest {
    /// Returns the digest of an entry's exact bytes.
    #[must_use]
    pub fn of(entry: &[u8]) -> Self {
        Self(sha256(&[entry]))
    }
}

impl EnvelopeDigest {
    /// Returns the digest of an envelope's bytes as received.
    #[must_use]
    pub fn of(envelope: &[u8]) -> Self {
        Self(sha256(&[envelope]))
    }
}

impl ContentDigest {
    /// Returns the digest of the signed bytes.
    #[must_use]
    pub fn of(signed: &[u8]) -> Self {
        Self(sha256(&[signed]))
    }
}

impl RecordDigest {
    /// Returns the digest of an admission record's bytes.
    #[must_use]
    pub fn of(record: &[u8]) -> Self {
        Self(sha256(&[record]))
    }
}

impl BlobDigest {
    /// Returns the digest of the bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha256(&[bytes]))
    }
}

impl NodeHash {
    /// Returns the leaf hash of an entry: SHA-256(0x00 || entry) (RFC 6962 section 2.1).
    #[must_use]
    pub fn leaf(entry: &[u8]) -> Self {
        Self(sha256(&[&[0x00], entry]))
    }

    /// Returns the hash of an inner node: SHA-256(0x01 || left || right) (RFC 6962 section 2.1).
    #[must_use]
    pub fn inner(left: &Self, right: &Self) -> Self {
        Self(sha256(&[&[0x01], &left.0, &right.0]))
    }
}

impl RootHash {
    /// Returns the root of the empty tree: SHA-256 of the empty string (RFC 6962 section 2.1).
    #[must_use]
    pub fn empty() -> Self {
        Self(sha256(&[]))
    }
}

impl From<NodeHash> for RootHash {
    /// The hash of the topmost node is the root.
    fn from(node: NodeHash) -> Self {
        Self(node.0)
    }
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Writes lower-case hex digits into `room`, which fits them, and returns them.
fn hex<'a>(bytes: &[u8; 32], room: &'a mut [u8; 64]) -> &'a str {
    // An error says that there is no room.
    base16ct::lower::encode_str(bytes, room).unwrap_or_default()
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests;

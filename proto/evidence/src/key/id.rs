//! The name of a key.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// SHA-256 of a key's `SubjectPublicKeyInfo` in DER.
///
/// Displayed as 64 lower-case hex digits; as an identity it is written `key:<hex>` ([`crate::identity`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KeyId::LEN]);

/// The text is not a key id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a key id of 64 lower-case hex digits, found {found:?}")]
pub struct KeyIdError {
    /// The text, cut to 80 characters.
    pub found: String,
}

impl KeyId {
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
}

impl std::str::FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let mut bytes = [0; Self::LEN];
        match base16ct::lower::decode(text, &mut bytes) {
            Ok(decoded) if decoded.len() == Self::LEN => Ok(Self(bytes)),
            Ok(_) | Err(_) => Err(KeyIdError { found: text.chars().take(80).collect() }),
        }
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut room = [0; 2 * Self::LEN];
        f.write_str(base16ct::lower::encode_str(&self.0, &mut room).map_err(|_| std::fmt::Error)?)
    }
}

impl std::fmt::Debug for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

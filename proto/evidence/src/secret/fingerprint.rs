//! What a finding is named by: never by the value.

use aws_lc_rs::hmac;

/// What the key of fingerprints starts with; the origin of the log follows.
const KEY_PREFIX: &str = "custody/secret/v1 ";

/// HMAC-SHA-256 of a value that was found.
///
/// Its key is the name of the log, which everybody knows: whoever has the value can tell which finding is about it, and an
/// administrator can allow it, without anyone writing it down. In another log the same value has another fingerprint, so that
/// logs cannot be compared. It is no protection for a value that can be guessed, such as a short password: whoever sees the
/// fingerprint can try guesses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    pub(super) fn of(value: &[u8], origin: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, format!("{KEY_PREFIX}{origin}").as_bytes());
        Self(hex::encode(hmac::sign(&key, value)))
    }

    /// Returns it as 64 hex digits in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

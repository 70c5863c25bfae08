//! What a key is called on this machine.

/// The name of a stored key: 1 to 64 of `a-z A-Z 0-9 . _ -`, starting with a letter or digit.
///
/// A name is a file name on every system, and never looks like a path, a key id, or a flag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// Text that cannot name a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a name of 1 to 64 letters, digits, dots, dashes or underscores that is not a key id, found {found:?}"
)]
pub struct KeyNameError {
    /// The text, cut to 80 characters.
    pub found: String,
}

impl KeyName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 64;

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for KeyName {
    type Err = KeyNameError;

    fn from_str(text: &str) -> Result<Self, KeyNameError> {
        let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        // `release.pem` is the file, and must not also be the name of a key `release.pem.pem`.
        let extension = [".pem", ".pub"].iter().any(|end| text.ends_with(end));
        let key_id = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if starts && plain && text.len() <= Self::MAX_LEN && !extension && !key_id {
            Ok(Self(text.to_owned()))
        } else {
            Err(KeyNameError { found: text.chars().take(80).collect() })
        }
    }
}

impl std::fmt::Display for KeyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

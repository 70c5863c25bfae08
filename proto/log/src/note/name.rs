//! Names of keys and logs.

/// The name of a key (c2sp.org/signed-note): no Unicode space, no `+`, no control character, not empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// The name of a log, the first line of its checkpoints. Here it is also the name of the log's keys.
///
/// By convention a URL without a scheme: `example.com/log`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(KeyName);

/// Why a text cannot name a key or a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyNameError {
    /// The text is empty.
    #[error("a name cannot be empty")]
    Empty,
    /// Longer than other implementations carry.
    #[error("a name is at most {max} bytes, found {found}")]
    TooLong {
        /// [`KeyName::MAX_LEN`].
        max: usize,
        /// The length given.
        found: usize,
    },
    /// A character that would break the lines that names stand in.
    #[error("a name has no spaces, no + and no control characters, found {found:?}")]
    Character {
        /// The first such character.
        found: char,
    },
}

impl KeyName {
    /// The most bytes a name may have (c2sp.org/tlog-cosignature writes its length in one byte).
    pub const MAX_LEN: usize = 255;

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Origin {
    /// Returns the origin as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the name that this log's keys have.
    #[must_use]
    pub const fn key_name(&self) -> &KeyName {
        &self.0
    }
}

impl std::str::FromStr for KeyName {
    type Err = KeyNameError;

    fn from_str(text: &str) -> Result<Self, KeyNameError> {
        if text.len() > Self::MAX_LEN {
            return Err(KeyNameError::TooLong { max: Self::MAX_LEN, found: text.len() });
        }
        check(text)?;
        match text.chars().find(|c| c.is_control()) {
            Some(found) => Err(KeyNameError::Character { found }),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl std::str::FromStr for Origin {
    type Err = KeyNameError;

    fn from_str(text: &str) -> Result<Self, KeyNameError> {
        text.parse().map(Self)
    }
}

impl std::fmt::Display for KeyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl AsRef<str> for KeyName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Origin {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// Checks what the specification asks of every name. Our own are held to more; a name that we do not know and
/// will ignore must not make us refuse the note.
pub(super) fn check(text: &str) -> Result<(), KeyNameError> {
    let forbidden = |c: &char| c.is_whitespace() || *c == '+';
    match text.chars().find(forbidden) {
        Some(found) => Err(KeyNameError::Character { found }),
        None if text.is_empty() => Err(KeyNameError::Empty),
        None => Ok(()),
    }
}

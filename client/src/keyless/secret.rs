//! Texts that nobody may read: they never reach a message, a log, a file or a command line.

use zeroize::Zeroizing;

/// The longest token: 16 KiB, as servers take them. Tokens of CI systems have 1 to 3 KiB.
pub const TOKEN_BYTES_MAX: usize = 16 << 10;

/// A text that is wiped from memory when it goes, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Returns the text, for the one place that sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Says that there is one, and no more.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// An identity token in its compact form (RFC 7519). Whoever has it can speak for the job until it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdToken(Secret);

/// Why a text is no token. The text itself is not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// Nothing but white space.
    #[error("expected a token, found nothing")]
    Empty,
    /// Longer than any token.
    #[error("a token has at most {max} bytes, found {found}")]
    TooLong {
        /// [`TOKEN_BYTES_MAX`].
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// Not three parts of base64url with dots between them.
    #[error("expected a token of three parts in base64url, as RFC 7519 has it, found {found}")]
    Form {
        /// What is wrong, without a part of the text.
        found: &'static str,
    },
}

impl IdToken {
    /// Checks the form, and nothing else: who made it is for the log to say. White space around it is no part of it.
    pub fn parse(text: &str) -> Result<Self, IdTokenError> {
        let text = text.trim();
        let form = |found| Err(IdTokenError::Form { found });
        if text.is_empty() {
            return Err(IdTokenError::Empty);
        }
        if text.len() > TOKEN_BYTES_MAX {
            return Err(IdTokenError::TooLong { max: TOKEN_BYTES_MAX, found: text.len() });
        }
        let part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        match text.split('.').collect::<Vec<_>>().as_slice() {
            [head, claims, signature] if [head, claims, signature].into_iter().all(|text| part(text)) => {
                Ok(Self(Secret::new(text)))
            }
            [_, _, _] => form("a part that is none"),
            [_] => form("no dot"),
            [_, _] => form("two parts"),
            _ => form("more than three parts"),
        }
    }

    /// Returns the token, for the one place that sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

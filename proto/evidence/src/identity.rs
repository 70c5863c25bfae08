//! Who said something: a key, or an identity that an issuer vouches for.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::key::{KeyId, KeyIdError};

/// A signer or submitter.
///
/// Displayed, and written in JSON, as `key:<64 hex digits>` or `<issuer>#<subject>`. An issuer is a URL without
/// a fragment (`OpenID` Connect Core section 2), so the first `#` ends it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// A bare key.
    Key(KeyId),
    /// A subject of an `OpenID` Connect issuer.
    Oidc(OidcIdentity),
}

/// A subject of an `OpenID` Connect issuer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OidcIdentity {
    issuer: String,
    subject: String,
}

/// Why text is not an identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// `key:` and then no key id.
    #[error(transparent)]
    Key(#[from] KeyIdError),
    /// Neither `key:<hex>` nor `<issuer>#<subject>`.
    #[error("expected key:<64 hex digits> or <issuer url>#<subject>, found {found:?}")]
    Form {
        /// The text, cut to 200 characters.
        found: String,
    },
}

impl OidcIdentity {
    /// Makes the identity; the issuer must be an `https://` URL without a fragment, the subject not empty.
    pub fn new(issuer: &str, subject: &str) -> Result<Self, IdentityError> {
        let is_url = issuer.starts_with("https://") || issuer.starts_with("http://");
        let plain = |text: &str| !text.chars().any(char::is_control);
        if is_url && !issuer.contains('#') && !subject.is_empty() && plain(issuer) && plain(subject) {
            Ok(Self { issuer: issuer.to_owned(), subject: subject.to_owned() })
        } else {
            Err(form(&format!("{issuer}#{subject}")))
        }
    }

    /// Returns the issuer's URL (Fulcio extension 1.3.6.1.4.1.57264.1.8).
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the token's `sub` (Fulcio extension 1.3.6.1.4.1.57264.1.24).
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

impl From<KeyId> for Identity {
    fn from(key: KeyId) -> Self {
        Self::Key(key)
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(key) => write!(f, "key:{key}"),
            Self::Oidc(identity) => write!(f, "{}#{}", identity.issuer, identity.subject),
        }
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        if let Some(key) = text.strip_prefix("key:") {
            return Ok(Self::Key(key.parse()?));
        }
        let (issuer, subject) = text.split_once('#').ok_or_else(|| form(text))?;
        OidcIdentity::new(issuer, subject).map(Self::Oidc)
    }
}

impl Serialize for Identity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

fn form(text: &str) -> IdentityError {
    IdentityError::Form { found: text.chars().take(200).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes() {
        let key = format!("key:{}", "ab".repeat(32));
        let oidc = "https://token.actions.githubusercontent.com#repo:o/r:ref:refs/heads/main#x";
        for text in [key.as_str(), oidc] {
            assert_eq!(text.parse::<Identity>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_neither_key_nor_issuer_and_subject() {
        let upper = format!("key:{}", "AB".repeat(32));
        for text in [
            "",
            "key:",
            "key:ab",
            &upper,
            "me@example.com",
            "https://issuer",
            "https://issuer#",
            "#s",
            "ftp://i#s",
        ] {
            assert!(text.parse::<Identity>().is_err(), "{text}");
        }
    }
}

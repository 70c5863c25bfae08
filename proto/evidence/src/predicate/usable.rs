//! Digests in our predicates: `<algorithm>:<value>`, and only such that evidence can rest on.

use serde::{Deserialize, Serialize};

use crate::digest_set::{Digest, DigestError};

/// A digest that carries evidence ([`Digest::usable`]), written `sha256:<hex>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UsableDigest(Digest);

/// Text that is no such digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsableDigestError {
    /// Not a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A digest of an algorithm that carries no evidence: sha1, md5, an unknown one.
    #[error("expected a digest that evidence can rest on, such as sha256:<64 hex digits>, found {found}")]
    NoEvidence {
        /// The digest.
        found: Digest,
    },
}

impl UsableDigest {
    /// Returns the digest.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

impl TryFrom<Digest> for UsableDigest {
    type Error = UsableDigestError;

    fn try_from(found: Digest) -> Result<Self, UsableDigestError> {
        if found.usable() { Ok(Self(found)) } else { Err(UsableDigestError::NoEvidence { found }) }
    }
}

impl TryFrom<String> for UsableDigest {
    type Error = UsableDigestError;

    fn try_from(text: String) -> Result<Self, UsableDigestError> {
        text.parse::<Digest>()?.try_into()
    }
}

impl From<UsableDigest> for String {
    fn from(digest: UsableDigest) -> Self {
        digest.0.to_string()
    }
}

//! What a client pins: a log's name and its first entry.

use custody_log::note::Origin;
use custody_log::{DigestError, EntryDigest};

/// The log that a client trusts: origin and digest of entry 0, written `<origin>+sha256:<hex>`. Entry 0 is
/// the first trust document, so the pin decides all keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The log's name.
    pub origin: Origin,
    /// SHA-256 of the bytes of entry 0.
    pub genesis: EntryDigest,
}

/// Why a text is not a pin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// No `+sha256:` in it.
    #[error("expected ORIGIN+sha256:<64 hex digits>, found {found:?}")]
    Form {
        /// The text, cut to 120 characters.
        found: String,
    },
    /// The part before is not the name of a log.
    #[error("the origin in {found:?} is not the name of a log")]
    Origin {
        /// The text, cut to 120 characters.
        found: String,
    },
    /// The part after is not a digest.
    #[error("the digest in the pin: {0}")]
    Digest(DigestError),
}

impl std::str::FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let found = || text.chars().take(120).collect::<String>();
        // An origin holds no `+` (C2SP signed-note), so the first one ends it.
        let (origin, digest) = text.split_once('+').ok_or_else(|| PinError::Form { found: found() })?;
        let origin = origin.parse().map_err(|_| PinError::Origin { found: found() })?;
        let genesis = digest.parse().map_err(PinError::Digest)?;
        Ok(Self { origin, genesis })
    }
}

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}+{}", self.origin, self.genesis)
    }
}

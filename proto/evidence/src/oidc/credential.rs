//! What a caller without a known key shows.

use std::sync::Arc;

use crate::key::PublicKey;

/// An identity token, and the key whose signatures it is shown for. The token is a secret until it ends, so it is never
/// shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Shared: it goes with every envelope of a stream.
    token: Arc<[u8]>,
    key: PublicKey,
}

impl Credential {
    /// Puts both together; nothing is checked.
    #[must_use]
    pub fn new(token: Vec<u8>, key: PublicKey) -> Self {
        Self { token: token.into(), key }
    }

    /// Returns the token's bytes, to be verified, and to be kept beside the admission record.
    #[must_use]
    pub fn token(&self) -> &[u8] {
        &self.token
    }

    /// Returns the key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("key", &self.key).finish_non_exhaustive()
    }
}

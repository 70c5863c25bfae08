//! The keys that a log signs with, and whether its trust document names them.

use custody_evidence::key::SigningKey;
use custody_evidence::trust::TrustState;
use custody_log::note::{Cosigner, NoteSigner};
use custody_log::{TreeSize, VerifierKey};

/// The keys that a running log signs with.
pub struct LogKeys {
    /// Signs checkpoints.
    pub log: NoteSigner,
    /// The same key, as it signs the first trust document with the administrators.
    pub statements: SigningKey,
    /// Cosigns the newest checkpoint with the time.
    pub freshness: Cosigner,
}

impl LogKeys {
    /// Returns what the signatures of these keys are checked with.
    #[must_use]
    pub fn verifiers(&self) -> LogVerifiers {
        LogVerifiers { log: self.log.verifier(), freshness: self.freshness.verifier() }
    }
}

/// The public parts of the keys that a running log signs with.
#[derive(Debug, Clone)]
pub struct LogVerifiers {
    log: VerifierKey,
    freshness: VerifierKey,
}

/// The key files do not hold the keys that the log's trust document names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log's trust document names the {role} key {expected}, the key file holds {found}")]
pub struct WrongKey {
    /// `log` or `freshness`.
    pub role: &'static str,
    /// The verifier keys in the trust document.
    pub expected: String,
    /// The verifier key of the file.
    pub found: String,
}

impl LogVerifiers {
    /// Refuses keys that a trust document does not name for checkpoints of this size: nobody would believe them.
    pub fn check(&self, trust: &TrustState, size: TreeSize) -> Result<(), WrongKey> {
        let check = |role, expected: Vec<VerifierKey>, found: &VerifierKey| {
            if expected.contains(found) {
                return Ok(());
            }
            let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
            Err(WrongKey { role, expected: expected.join(", "), found: found.to_string() })
        };
        check("log", trust.log_keys_at(size), &self.log)?;
        check("freshness", trust.freshness_keys(), &self.freshness)
    }

    /// Returns which role of a trust document names other keys than these for checkpoints from `size` on: their
    /// signatures would not be believed. None: these are the keys.
    #[must_use]
    pub fn not_held(&self, trust: &TrustState, size: TreeSize) -> Option<&'static str> {
        let members = trust.document().members();
        let to_come = members.log_keys.iter().filter(|key| key.until_size.is_none_or(|until| until > size));
        if to_come.map(|key| &key.vkey).ne([&self.log]) {
            return Some("log");
        }
        (!members.freshness_keys.contains(&self.freshness)).then_some("freshness")
    }
}

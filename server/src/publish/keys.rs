//! The keys that a log signs with, and whether its trust document names them.

use custody_evidence::key::SigningKey;
use custody_evidence::trust::TrustState;
use custody_log::note::{Cosigner, NoteSigner};
use custody_log::{TreeSize, VerifierKey};

/// The keys that a running log signs with.
pub struct LogKeys {
    /// Signs checkpoints.
    pub log: NoteSigner,
    /// Takes its place, by the trust document: from some size on both sign, and then this one alone. None while no change is
    /// under way.
    pub next: Option<NoteSigner>,
    /// The same key, as it signs the first trust document with the administrators.
    pub statements: SigningKey,
    /// Cosigns the newest checkpoint with the time.
    pub freshness: Cosigner,
}

impl LogKeys {
    /// Returns what the signatures of these keys are checked with.
    #[must_use]
    pub fn verifiers(&self) -> LogVerifiers {
        let log = self.signers().map(NoteSigner::verifier).collect();
        LogVerifiers { log, freshness: self.freshness.verifier() }
    }

    /// Returns what signs checkpoints, each in its window.
    pub(crate) fn signers(&self) -> impl Iterator<Item = &NoteSigner> {
        std::iter::once(&self.log).chain(&self.next)
    }
}

/// The public parts of the keys that a running log signs with.
#[derive(Debug, Clone)]
pub struct LogVerifiers {
    log: Vec<VerifierKey>,
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
    /// Refuses keys that do not sign what a trust document says of checkpoints of this size: every log key that it names for
    /// them is here, and the freshness key is one that it names.
    pub fn check(&self, trust: &TrustState, size: TreeSize) -> Result<(), WrongKey> {
        let texts = |keys: &[VerifierKey]| {
            let texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
            texts.join(", ")
        };
        let (log, freshness) = (trust.log_keys_at(size), trust.freshness_keys());
        if !log.iter().all(|key| self.log.contains(key)) {
            return Err(WrongKey { role: "log", expected: texts(&log), found: texts(&self.log) });
        }
        if !freshness.contains(&self.freshness) {
            let (expected, found) = (texts(&freshness), self.freshness.to_string());
            return Err(WrongKey { role: "freshness", expected, found });
        }
        Ok(())
    }

    /// Returns which role of a trust document names other keys than these for checkpoints from `size` on: their
    /// signatures would not be believed. None: these are the keys.
    #[must_use]
    pub fn not_held(&self, trust: &TrustState, size: TreeSize) -> Option<&'static str> {
        let members = trust.document().members();
        let to_come = members.log_keys.iter().filter(|key| key.until_size.is_none_or(|until| until > size));
        if !to_come.map(|key| &key.vkey).all(|key| self.log.contains(key)) {
            return Some("log");
        }
        (!members.freshness_keys.contains(&self.freshness)).then_some("freshness")
    }
}

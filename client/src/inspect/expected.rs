//! What a caller expects of a file, and whom to believe.

use custody_evidence::digest_set::Digest;
use custody_evidence::key::PublicKey;
use custody_evidence::sigstore::{Artifact, KnownKey, TrustedRoot};
use custody_log::note::VerifierKey;

/// What the caller expects of the file, and whom to believe.
#[derive(Debug, Clone, Default)]
pub struct Expectations {
    /// The file is about this artifact.
    pub artifact: Option<ExpectedArtifact>,
    /// The file is signed by one of these keys.
    pub keys: Vec<ExpectedKey>,
    /// The file is signed by whom a certificate gives this name: its subject alternative name, exactly.
    pub identity: Option<String>,
    /// The file is signed by somebody whose identity token came from this issuer, exactly.
    pub issuer: Option<String>,
    /// Whom to believe about certificates, logs and times: a bundle is verified under one of them.
    pub roots: Vec<NamedRoot>,
}

/// An artifact that a document should be about.
#[derive(Debug, Clone)]
pub struct ExpectedArtifact {
    /// Its digests, by one or more algorithms.
    pub digests: Vec<Digest>,
    /// Its bytes, where they are known: some signatures can be checked over them only.
    pub bytes: Option<Vec<u8>>,
}

/// A trusted root and what to call it.
#[derive(Debug, Clone)]
pub struct NamedRoot {
    /// What to call it.
    pub name: String,
    /// The root.
    pub root: TrustedRoot,
}

/// A key that a signature is expected of.
#[derive(Debug, Clone)]
pub enum ExpectedKey {
    /// Of envelopes and bundles.
    Public(PublicKey),
    /// Of a log, for receipts.
    Log(VerifierKey),
    /// A registry's keys for its attestations, each in its window. They are known, and nothing has to be signed by one: the
    /// registry's document holds attestations by others too.
    Registry(Vec<KnownKey>),
    /// Of an algorithm that is not checked here, by its name.
    Unsupported(String),
}

impl Expectations {
    /// The keys that may have signed envelopes.
    pub(super) fn public_keys(&self) -> Vec<PublicKey> {
        let public = self.keys.iter().filter_map(|key| match key {
            ExpectedKey::Public(key) => Some(key.clone()),
            ExpectedKey::Log(_) | ExpectedKey::Registry(_) | ExpectedKey::Unsupported(_) => None,
        });
        public.collect()
    }

    /// The keys that may have signed bundles.
    pub(super) fn known_keys(&self) -> Vec<KnownKey> {
        let known = self.keys.iter().flat_map(|key| match key {
            ExpectedKey::Public(key) => vec![KnownKey::new(key.clone())],
            ExpectedKey::Registry(keys) => keys.clone(),
            ExpectedKey::Log(_) | ExpectedKey::Unsupported(_) => Vec::new(),
        });
        known.collect()
    }

    /// Whether the file should be signed by a key. A registry's keys are only known.
    pub(super) fn expects_key(&self) -> bool {
        self.keys.iter().any(|key| !matches!(key, ExpectedKey::Registry(_)))
    }

    /// The keys of logs.
    pub(super) fn log_keys(&self) -> Vec<VerifierKey> {
        let logs = self.keys.iter().filter_map(|key| match key {
            ExpectedKey::Log(key) => Some(key.clone()),
            ExpectedKey::Public(_) | ExpectedKey::Registry(_) | ExpectedKey::Unsupported(_) => None,
        });
        logs.collect()
    }

    /// The algorithm of a key that is not checked here; none if there is no such key.
    pub(super) fn unsupported(&self) -> Option<&str> {
        self.keys.iter().find_map(|key| match key {
            ExpectedKey::Unsupported(algorithm) => Some(algorithm.as_str()),
            ExpectedKey::Public(_) | ExpectedKey::Log(_) | ExpectedKey::Registry(_) => None,
        })
    }
}

impl ExpectedArtifact {
    /// Returns the artifact as signatures over files are checked with.
    pub(super) fn known(&self) -> Artifact<'_> {
        match &self.bytes {
            Some(bytes) => Artifact::Bytes(bytes),
            None => Artifact::Digests(&self.digests),
        }
    }
}

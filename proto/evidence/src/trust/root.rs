//! Sigstore trusted roots of a trust document, and the keys that are believed under them.
//!
//! A root is in the document with all its bytes, so nothing is fetched to verify a bundle, and whoever replays the log knows
//! what was believed when. A key of a root is trusted in a window: what it signed counts only with a proof of time, which
//! a bundle has and a bare envelope has not.

use std::collections::BTreeSet;

use custody_log::{BlobDigest, Timestamp, VerifierKey};
use serde::{Deserialize, Serialize};

use super::error::TrustError;
use super::text;
use crate::key::{KeyId, PublicKey};
use crate::sigstore::{self, KnownKey, TrustedRootError, Window};

/// The most trusted roots of a document: a bundle is verified under one after the other, each some milliseconds.
pub const MAX_ROOTS: usize = 16;

/// The most keys of one root.
pub const MAX_ROOT_KEYS: usize = 64;

/// A Sigstore trusted root, as it stands in the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedRoot {
    /// A name, unique in the document: writer rules and admission records name it.
    pub name: String,
    /// `sha256:<hex>` of the file, to compare with that of whoever publishes it.
    #[serde(with = "text")]
    pub digest: BlobDigest,
    /// The file (`trusted_root.json`), as base64.
    pub root: String,
    /// Keys that sign bundles, each in a window, such as those of a package registry.
    #[serde(default)]
    pub keys: Vec<RootKey>,
}

/// A key that signs bundles in a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootKey {
    /// What bundles call it (`verificationMaterial.publicKey.hint`).
    pub hint: String,
    /// The key; the document's `keys` hold it.
    pub key: KeyId,
    /// The first time at which it is trusted.
    #[serde(with = "text::time")]
    pub from: Timestamp,
    /// The last; none for ever.
    #[serde(with = "text::optional_time", default)]
    pub until: Option<Timestamp>,
}

/// A trusted root that was read, ready to verify with.
#[derive(Debug, Clone)]
pub struct KnownRoot {
    name: String,
    root: sigstore::TrustedRoot,
    keys: Vec<KnownKey>,
}

impl TrustedRoot {
    /// Takes a `trusted_root.json`, once it can be read.
    pub fn new(name: &str, file: &[u8]) -> Result<Self, TrustedRootError> {
        sigstore::TrustedRoot::parse(file)?;
        let (digest, root) = (BlobDigest::of(file), text::base64::encode(file));
        Ok(Self { name: name.to_owned(), digest, root, keys: Vec::new() })
    }
}

impl KnownRoot {
    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the root.
    #[must_use]
    pub const fn root(&self) -> &sigstore::TrustedRoot {
        &self.root
    }

    /// Returns the keys that are trusted under it, each in its window.
    #[must_use]
    pub fn keys(&self) -> &[KnownKey] {
        &self.keys
    }
}

/// Reads the roots of a document whose keys and witnesses are these.
pub(super) fn read(
    roots: &[TrustedRoot],
    witnesses: &[VerifierKey],
    key: impl Fn(&KeyId) -> Option<PublicKey>,
) -> Result<Vec<KnownRoot>, TrustError> {
    if roots.len() > MAX_ROOTS {
        return Err(TrustError::TooMany { list: "trusted_roots", max: MAX_ROOTS, found: roots.len() });
    }
    let mut names = BTreeSet::new();
    let mut known = Vec::new();
    for (position, root) in roots.iter().enumerate() {
        super::check::name(&format!("trusted_roots[{position}]"), &root.name, &mut names)?;
        known.push(read_one(position, root, witnesses, &key)?);
    }
    Ok(known)
}

fn read_one(
    position: usize,
    root: &TrustedRoot,
    witnesses: &[VerifierKey],
    key: impl Fn(&KeyId) -> Option<PublicKey>,
) -> Result<KnownRoot, TrustError> {
    let name = || root.name.clone();
    let file = text::base64::decode(&root.root).ok_or_else(|| TrustError::RootBase64 { name: name() })?;
    let found = BlobDigest::of(&file);
    if found != root.digest {
        return Err(TrustError::RootDigest { name: name(), expected: root.digest, found });
    }
    let parsed = sigstore::TrustedRoot::parse(&file)
        .map_err(|source| TrustError::TrustedRoot { name: name(), source: Box::new(source) })?;
    if root.keys.len() > MAX_ROOT_KEYS {
        let found = root.keys.len();
        return Err(TrustError::TooMany { list: "trusted_roots.keys", max: MAX_ROOT_KEYS, found });
    }
    let mut keys = Vec::new();
    for (at, listed) in root.keys.iter().enumerate() {
        let place = || format!("trusted_roots[{position}].keys[{at}]");
        let public =
            key(&listed.key).ok_or_else(|| TrustError::UnknownKey { place: place(), key: listed.key })?;
        // Without a name it would be tried for every bundle; and a window that ends before it starts is a mistake.
        if listed.hint.is_empty() || listed.until.is_some_and(|until| until < listed.from) {
            return Err(TrustError::RootKey {
                place: place(),
                hint: listed.hint.chars().take(100).collect(),
            });
        }
        let window = Window::From { start: listed.from, end: listed.until };
        keys.push(KnownKey::named(listed.hint.clone(), public, window));
    }
    Ok(KnownRoot { name: name(), root: parsed.with_witnesses(witnesses), keys })
}

//! The members of a trust document, as they stand in its JSON.

use std::collections::{BTreeMap, BTreeSet};

use custody_log::{Origin, RootHash, Timestamp, TreeSize, VerifierKey};
use serde::{Deserialize, Serialize};

use super::issuer::Issuer;
use super::log_key::LogKey;
use super::root::TrustedRoot;
use super::rule::WriterRule;
use super::text;
use crate::identity::Identity;
use crate::key::{KeyId, PublicKey};

/// The members of a trust document, to be filled in or changed. Nothing is checked before
/// [`super::TrustDocument::new`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustMembers {
    /// Names of members that a reader must understand.
    #[serde(default)]
    pub crit: Vec<String>,
    /// 1 in entry 0, and one more in each next document.
    pub version: u64,
    /// The log's name.
    #[serde(with = "text")]
    pub origin: Origin,
    /// When administrators must have signed a next version. Recording goes on with a warning; gates stop.
    #[serde(with = "text::time")]
    pub expires: Timestamp,
    /// The keys that sign checkpoints, with the tree sizes they sign, in the order of their start.
    pub log_keys: Vec<LogKey>,
    /// The keys that cosign the newest checkpoint every minute (c2sp.org/tlog-cosignature, type 0x04).
    #[serde(with = "text::list", default)]
    pub freshness_keys: Vec<VerifierKey>,
    /// Every key that the document names by its id: `SubjectPublicKeyInfo` in DER, as base64.
    pub keys: BTreeMap<KeyId, String>,
    /// Who administers.
    pub roles: Roles,
    /// Which keys and identities belong to one person.
    #[serde(default)]
    pub people: Vec<Person>,
    /// Who may record what.
    #[serde(default)]
    pub writers: Vec<WriterRule>,
    /// The issuers whose tokens are accepted, at most [`super::MAX_ISSUERS`].
    #[serde(default)]
    pub issuers: Vec<Issuer>,
    /// The certificate authorities and logs of others that are believed, at most [`super::MAX_ROOTS`].
    #[serde(default)]
    pub trusted_roots: Vec<TrustedRoot>,
    /// The witnesses whose cosignatures are counted (c2sp.org/tlog-witness, type 0x04). Nothing is decided by them yet.
    #[serde(with = "text::list", default)]
    pub witnesses: Vec<VerifierKey>,
    /// The log that this one continues.
    #[serde(default)]
    pub predecessor: Option<Predecessor>,
    /// The log that continues this one.
    #[serde(default)]
    pub successor: Option<Successor>,
}

/// The three roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    /// Changes this document.
    pub root: Role,
    /// Undoes distrust, allows findings of the secret screen, and redacts; writer rules and policies are not delegated to it yet.
    pub rules: Role,
    /// Distrusts.
    pub responder: Role,
}

/// Keys, and how many people must sign with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Ids of distinct keys, at most [`crate::dsse::MAX_KEYS_TRIED`].
    pub keys: Vec<KeyId>,
    /// At least 1, at most the number of people who hold the keys.
    pub threshold: usize,
}

/// The name of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleName {
    /// `responder`
    Responder,
    /// `root`
    Root,
    /// `rules`
    Rules,
}

/// One person, so that thresholds and policies count people and not keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The person's name, unique in the document.
    pub name: String,
    /// Their keys; a key belongs to one person.
    #[serde(default)]
    pub keys: Vec<KeyId>,
    /// Their identities; an identity belongs to one person.
    #[serde(default)]
    pub identities: Vec<Identity>,
}

/// The log that this one continues, at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predecessor {
    /// Its name.
    #[serde(with = "text")]
    pub origin: Origin,
    /// Its final size.
    #[serde(with = "text::size")]
    pub size: TreeSize,
    /// Its final root: `sha256:<hex>`.
    #[serde(with = "text")]
    pub root: RootHash,
}

/// The log that continues this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Successor {
    /// Its name.
    #[serde(with = "text")]
    pub origin: Origin,
}

impl RoleName {
    /// Returns the word in the document.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Responder => "responder",
            Self::Root => "root",
            Self::Rules => "rules",
        }
    }
}

impl std::fmt::Display for RoleName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns how many people hold these keys: each key belongs to one person, and one that nobody lists to a person of its own.
pub(super) fn people_behind<'a>(people: &[Person], keys: impl IntoIterator<Item = &'a KeyId>) -> usize {
    let owner = |key: &'a KeyId| match people.iter().position(|person| person.keys.contains(key)) {
        Some(person) => (Some(person), None),
        None => (None, Some(key)),
    };
    keys.into_iter().map(owner).collect::<BTreeSet<_>>().len()
}

impl TrustMembers {
    /// Starts the first document of a log: all three roles have the same keys and threshold, and nobody writes.
    #[must_use]
    pub fn first(
        origin: Origin,
        log_key: VerifierKey,
        freshness_key: VerifierKey,
        administrators: &[PublicKey],
        threshold: usize,
        expires: Timestamp,
    ) -> Self {
        let role = Role { keys: administrators.iter().map(PublicKey::id).collect(), threshold };
        let roles =
            Roles { root: role.clone(), rules: role.clone(), responder: Role { threshold: 1, ..role } };
        let mut members = Self {
            crit: Vec::new(),
            version: 1,
            origin,
            expires,
            log_keys: vec![LogKey::first(log_key)],
            freshness_keys: vec![freshness_key],
            keys: BTreeMap::new(),
            roles,
            people: Vec::new(),
            writers: Vec::new(),
            issuers: Vec::new(),
            trusted_roots: Vec::new(),
            witnesses: Vec::new(),
            predecessor: None,
            successor: None,
        };
        for key in administrators {
            members.add_key(key);
        }
        members
    }

    /// Adds a key, so that roles, people and rules can name it by its id.
    pub fn add_key(&mut self, key: &PublicKey) -> KeyId {
        self.keys.insert(key.id(), text::base64::encode(key.spki_der()));
        key.id()
    }
}

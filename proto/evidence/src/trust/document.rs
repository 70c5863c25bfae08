//! One version of the trust document.

use std::collections::{BTreeMap, BTreeSet};

use custody_log::{KeyAlgorithm, Origin, RootHash, Timestamp, TreeSize, VerifierKey};
use serde::{Deserialize, Serialize};

use super::error::TrustError;
use super::log_key::{LogKey, check_windows};
use super::rule::WriterRule;
use super::{PREDICATE_TYPE, is_administrative, text};
use crate::dsse::MAX_KEYS_TRIED;
use crate::identity::Identity;
use crate::json;
use crate::key::{KeyId, PublicKey};
use crate::object::Object;
use crate::statement::{Statement, StatementBuilder};
use crate::subject_name::{NameKind, digest_of_name};

/// The value of the member `format`.
pub const FORMAT: &str = "custody/trust/v1";

/// The most keys, people, rules, and items of every other list: 1,024 keys of P-256 in base64 are 200 KB.
pub const MAX_ENTRIES: usize = 1024;

/// The members that `crit` may name.
const MEMBERS: [&str; 16] = [
    "crit",
    "expires",
    "format",
    "freshness_keys",
    "issuers",
    "keys",
    "log_keys",
    "origin",
    "people",
    "predecessor",
    "roles",
    "successor",
    "trusted_roots",
    "version",
    "witnesses",
    "writers",
];

/// The members of a trust document, to be filled in or changed. Nothing is checked before
/// [`TrustDocument::new`].
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
    /// The issuers whose tokens are accepted. Kept for the time when identities are; not used yet.
    #[serde(default)]
    pub issuers: Vec<Issuer>,
    /// The certificate authorities and logs of others that are believed. Kept; not used yet.
    #[serde(default)]
    pub trusted_roots: Vec<TrustedRoot>,
    /// The witnesses whose cosignatures count (c2sp.org/tlog-witness, type 0x04).
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
    /// Writer rules, policies, redaction, allow-list, clock repair. Named here; not delegated to yet.
    pub rules: Role,
    /// Distrust. Named here; not used yet.
    pub responder: Role,
}

/// Keys, and how many of them must sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Ids of distinct keys, at most [`MAX_KEYS_TRIED`].
    pub keys: Vec<KeyId>,
    /// At least 1, at most the number of keys.
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

/// One person, so that policies count people and not keys.
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

/// An `OpenID` Connect issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// The URL, as in the claim `iss`.
    pub url: String,
    /// The audience that tokens must have, and no other beside it.
    pub audience: String,
}

/// A Sigstore trusted root, by the digest of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedRoot {
    /// A name for people.
    pub name: String,
    /// `sha256:<hex>` of the file.
    #[serde(with = "text")]
    pub digest: custody_log::BlobDigest,
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

/// A trust document whose every part was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustDocument {
    members: TrustMembers,
    public_keys: BTreeMap<KeyId, PublicKey>,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    format: std::borrow::Cow<'a, str>,
    #[serde(default)]
    crit: Vec<String>,
}

#[derive(Serialize)]
struct Written<'a> {
    format: &'static str,
    #[serde(flatten)]
    members: &'a TrustMembers,
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

impl TrustDocument {
    /// Checks the members.
    pub fn new(members: TrustMembers) -> Result<Self, TrustError> {
        check_crit(&members.crit)?;
        if members.version == 0 {
            return Err(TrustError::VersionZero);
        }
        let public_keys = check_keys(&members.keys)?;
        check_lists(&members)?;
        check_log_keys(&members, &public_keys)?;
        for (role, name) in [
            (&members.roles.root, RoleName::Root),
            (&members.roles.rules, RoleName::Rules),
            (&members.roles.responder, RoleName::Responder),
        ] {
            check_role(name, role, &public_keys)?;
        }
        check_people(&members.people, &public_keys)?;
        check_writers(&members.writers, &public_keys)?;
        Ok(Self { members, public_keys })
    }

    /// Reads the predicate of a trust statement.
    pub fn parse(predicate: &[u8]) -> Result<Self, TrustError> {
        let Object(header): Object<Header<'_>> = json::from_slice(predicate)?;
        if header.format != FORMAT {
            return Err(TrustError::Format { found: header.format.chars().take(80).collect() });
        }
        // Before the members are read: a member that must be understood may change what the others mean.
        check_crit(&header.crit)?;
        let Object(members) = json::from_slice(predicate)?;
        Self::new(members)
    }

    /// Reads a trust statement: one subject, which is the origin.
    pub fn from_statement(statement: &Statement<'_>) -> Result<Self, TrustError> {
        if statement.predicate_type() != PREDICATE_TYPE {
            return Err(TrustError::PredicateType { found: statement.predicate_type().to_owned() });
        }
        let document = Self::parse(statement.predicate_bytes().ok_or(TrustError::NoPredicate)?)?;
        let origin = document.origin().as_str();
        let expected = digest_of_name(NameKind::Origin, origin);
        match statement.subjects() {
            [subject] if subject.name() == Some(origin) && subject.digests().contains(&expected) => {
                Ok(document)
            }
            _ => Err(TrustError::Subject { origin: origin.to_owned(), expected }),
        }
    }

    /// Returns the JSON of the predicate; the same document gives the same bytes.
    ///
    /// # Panics
    ///
    /// Never: texts and numbers are always JSON.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let written = Written { format: FORMAT, members: &self.members };
        serde_json::to_vec(&written).expect("texts and numbers are always JSON")
    }

    /// Returns all members.
    #[must_use]
    pub const fn members(&self) -> &TrustMembers {
        &self.members
    }

    /// Returns the version.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.members.version
    }

    /// Returns the log's name.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.members.origin
    }

    /// Returns a role.
    #[must_use]
    pub const fn role(&self, name: RoleName) -> &Role {
        match name {
            RoleName::Responder => &self.members.roles.responder,
            RoleName::Root => &self.members.roles.root,
            RoleName::Rules => &self.members.roles.rules,
        }
    }

    /// Returns the public keys of a role, in its order.
    #[must_use]
    pub fn role_keys(&self, name: RoleName) -> Vec<PublicKey> {
        self.role(name).keys.iter().filter_map(|id| self.public_keys.get(id)).cloned().collect()
    }

    /// Returns the public key with this id, if the document holds it.
    #[must_use]
    pub fn public_key(&self, id: &KeyId) -> Option<&PublicKey> {
        self.public_keys.get(id)
    }

    /// Returns all public keys, in the order of their ids.
    pub fn public_keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.public_keys.values()
    }

    /// Returns the writer rules.
    #[must_use]
    pub fn writers(&self) -> &[WriterRule] {
        &self.members.writers
    }
}

/// Returns the statement to sign: an in-toto Statement v1 whose one subject is the origin.
///
/// # Panics
///
/// Never: a checked document makes a statement.
#[must_use]
pub fn statement_of(document: &TrustDocument) -> Vec<u8> {
    let origin = document.origin().as_str();
    StatementBuilder::new(PREDICATE_TYPE)
        .subject(origin, [digest_of_name(NameKind::Origin, origin)])
        .predicate(&document.encode())
        .expect("a checked document makes a statement")
}

fn check_crit(crit: &[String]) -> Result<(), TrustError> {
    match crit.iter().find(|name| !MEMBERS.contains(&name.as_str())) {
        Some(name) => Err(TrustError::UnknownCritical { name: name.chars().take(80).collect() }),
        None => Ok(()),
    }
}

fn check_keys(keys: &BTreeMap<KeyId, String>) -> Result<BTreeMap<KeyId, PublicKey>, TrustError> {
    let mut public_keys = BTreeMap::new();
    for (id, spki) in keys {
        let der = text::base64::decode(spki).ok_or(TrustError::KeyBase64 { key: *id })?;
        let key = PublicKey::from_spki_der(&der).map_err(|source| TrustError::Key { key: *id, source })?;
        if key.id() != *id {
            return Err(TrustError::KeyIdMismatch { named: *id, computed: key.id() });
        }
        public_keys.insert(*id, key);
    }
    Ok(public_keys)
}

fn check_lists(members: &TrustMembers) -> Result<(), TrustError> {
    for (list, found) in [
        ("keys", members.keys.len()),
        ("people", members.people.len()),
        ("writers", members.writers.len()),
        ("issuers", members.issuers.len()),
        ("trusted_roots", members.trusted_roots.len()),
        ("witnesses", members.witnesses.len()),
        ("freshness_keys", members.freshness_keys.len()),
        ("log_keys", members.log_keys.len()),
    ] {
        if found > MAX_ENTRIES {
            return Err(TrustError::TooMany { list, max: MAX_ENTRIES, found });
        }
    }
    Ok(())
}

fn check_log_keys(members: &TrustMembers, keys: &BTreeMap<KeyId, PublicKey>) -> Result<(), TrustError> {
    check_windows(&members.log_keys)?;
    let signers = members.log_keys.iter().map(|key| ("log_keys", &key.vkey, KeyAlgorithm::Ed25519));
    let fresh = members.freshness_keys.iter().map(|key| ("freshness_keys", key, KeyAlgorithm::Cosignature));
    let witnesses = members.witnesses.iter().map(|key| ("witnesses", key, KeyAlgorithm::Cosignature));
    let mut seen = BTreeSet::new();
    for (list, vkey, algorithm) in signers.chain(fresh).chain(witnesses) {
        if vkey.algorithm() != algorithm {
            return Err(TrustError::KeyType { list, vkey: vkey.to_string(), expected: algorithm.byte() });
        }
        if list == "log_keys" && vkey.name() != members.origin.key_name() {
            return Err(TrustError::KeyName { vkey: vkey.to_string(), origin: members.origin.to_string() });
        }
        // One key in two places could have what it signs in one taken for the other.
        let elsewhere = keys.values().any(|key| key.ed25519_bytes() == Some(vkey.public_key()));
        if elsewhere || !seen.insert(*vkey.public_key()) {
            return Err(TrustError::KeyReused { list, vkey: vkey.to_string() });
        }
    }
    Ok(())
}

fn check_role(name: RoleName, role: &Role, keys: &BTreeMap<KeyId, PublicKey>) -> Result<(), TrustError> {
    let found = role.keys.len();
    if role.threshold == 0 || role.threshold > found {
        return Err(TrustError::ThresholdRange { role: name, threshold: role.threshold, keys: found });
    }
    if found > MAX_KEYS_TRIED {
        return Err(TrustError::TooManyRoleKeys { role: name, max: MAX_KEYS_TRIED, found });
    }
    check_ids(&format!("roles.{name}"), &role.keys, keys)
}

/// Each id is a key of the document, and there once.
fn check_ids(place: &str, ids: &[KeyId], keys: &BTreeMap<KeyId, PublicKey>) -> Result<(), TrustError> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !keys.contains_key(id) {
            return Err(TrustError::UnknownKey { place: place.to_owned(), key: *id });
        }
        if !seen.insert(id) {
            return Err(TrustError::DuplicateKey { place: place.to_owned(), key: *id });
        }
    }
    Ok(())
}

fn check_people(people: &[Person], keys: &BTreeMap<KeyId, PublicKey>) -> Result<(), TrustError> {
    let mut names = BTreeSet::new();
    let mut owned = BTreeSet::new();
    for (position, person) in people.iter().enumerate() {
        let place = format!("people[{position}]");
        check_name(&place, &person.name, &mut names)?;
        check_ids(&place, &person.keys, keys)?;
        let identities = person.identities.iter().cloned();
        for identity in person.keys.iter().copied().map(Identity::Key).chain(identities) {
            if !owned.insert(identity.clone()) {
                return Err(TrustError::TwoPeople { identity, second: person.name.clone() });
            }
        }
    }
    Ok(())
}

fn check_writers(writers: &[WriterRule], keys: &BTreeMap<KeyId, PublicKey>) -> Result<(), TrustError> {
    let mut names = BTreeSet::new();
    for (position, rule) in writers.iter().enumerate() {
        let place = format!("writers[{position}]");
        check_name(&place, &rule.name, &mut names)?;
        check_ids(&place, &rule.keys, keys)?;
        if rule.keys.len() > MAX_ENTRIES || rule.identities.len() > MAX_ENTRIES {
            let found = rule.keys.len().max(rule.identities.len());
            return Err(TrustError::TooMany { list: "writers", max: MAX_ENTRIES, found });
        }
        if rule.keys.is_empty() && rule.identities.is_empty() {
            return Err(TrustError::EmptyRule { rule: rule.name.clone(), member: "keys" });
        }
        if rule.predicates.is_empty() {
            return Err(TrustError::EmptyRule { rule: rule.name.clone(), member: "predicates" });
        }
        if rule.about == super::About::Namespace(String::new()) {
            return Err(TrustError::EmptyRule { rule: rule.name.clone(), member: "about.namespace" });
        }
        if let Some(found) = rule.predicates.iter().find(|predicate| is_administrative(predicate)) {
            return Err(TrustError::Administrative { rule: rule.name.clone(), found: found.clone() });
        }
    }
    Ok(())
}

fn check_name<'a>(place: &str, name: &'a str, names: &mut BTreeSet<&'a str>) -> Result<(), TrustError> {
    let usable = !name.is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control);
    if usable && names.insert(name) {
        Ok(())
    } else {
        Err(TrustError::Name { place: place.to_owned(), found: name.chars().take(100).collect() })
    }
}

//! One version of the trust document.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use custody_log::Origin;
use serde::{Deserialize, Serialize};

use super::error::TrustError;
use super::issuer::Issuer;
use super::members::{self, Role, RoleName, TrustMembers};
use super::root::KnownRoot;
use super::rule::{About, WriterRule};
use super::{PREDICATE_TYPE, check};
use crate::dsse::{Envelope, SignatureVerdict, verify_signatures};
use crate::json;
use crate::key::{KeyId, PublicKey};
use crate::object::Object;
use crate::statement::{Statement, StatementBuilder};
use crate::subject_name::{NameKind, digest_of_name};

/// The value of the member `format`.
pub const FORMAT: &str = "custody/trust/v1";

/// A trust document whose every part was checked.
#[derive(Debug, Clone)]
pub struct TrustDocument {
    members: TrustMembers,
    public_keys: BTreeMap<KeyId, PublicKey>,
    /// Large, and the same for every copy.
    roots: Arc<[KnownRoot]>,
}

/// Everything else follows from the members.
impl PartialEq for TrustDocument {
    fn eq(&self, other: &Self) -> bool {
        self.members == other.members
    }
}

impl Eq for TrustDocument {}

/// Fewer people of a role signed than it needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected signatures by {needed} of its people, found {people}{}", keys_of_one(*.people, .signed.len()))]
pub struct QuorumError {
    /// How many must sign.
    pub needed: usize,
    /// How many did.
    pub people: usize,
    /// The keys that did.
    pub signed: BTreeSet<KeyId>,
    /// What came out for each signature, in the envelope's order.
    pub verdicts: Vec<SignatureVerdict>,
}

fn keys_of_one(people: usize, keys: usize) -> String {
    if keys > people { format!(" ({keys} keys signed, and some are one person's)") } else { String::new() }
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

impl TrustDocument {
    /// Checks the members.
    pub fn new(members: TrustMembers) -> Result<Self, TrustError> {
        let check::Held { public_keys, roots } = check::members(&members)?;
        Ok(Self { members, public_keys, roots: roots.into() })
    }

    /// Reads the predicate of a trust statement.
    pub fn parse(predicate: &[u8]) -> Result<Self, TrustError> {
        let Object(header): Object<Header<'_>> = json::from_slice(predicate)?;
        if header.format != FORMAT {
            return Err(TrustError::Format { found: header.format.chars().take(80).collect() });
        }
        // Before the members are read: a member that must be understood may change what the others mean.
        check::crit(&header.crit)?;
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

    /// Returns how many people hold these keys. One whom nobody listed is the holder of one key.
    #[must_use]
    pub fn people_behind<'a>(&self, keys: impl IntoIterator<Item = &'a KeyId>) -> usize {
        members::people_behind(&self.members.people, keys)
    }

    /// Proves that as many people of a role as it needs signed an envelope. Two keys of one person are one signature.
    pub fn require(&self, envelope: &Envelope, name: RoleName) -> Result<(), QuorumError> {
        let verdicts = verify_signatures(envelope, &self.role_keys(name));
        let signed: BTreeSet<KeyId> = verdicts.iter().filter_map(SignatureVerdict::signer).collect();
        let (needed, people) = (self.role(name).threshold, self.people_behind(&signed));
        if people < needed { Err(QuorumError { needed, people, signed, verdicts }) } else { Ok(()) }
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

    /// Returns the trusted roots, in the order of the document.
    #[must_use]
    pub fn roots(&self) -> &[KnownRoot] {
        &self.roots
    }

    /// Whether the key is trusted in windows alone: what it signed counts only with a proof of time.
    #[must_use]
    pub fn is_windowed(&self, id: &KeyId) -> bool {
        self.members.trusted_roots.iter().flat_map(|root| &root.keys).any(|listed| listed.key == *id)
    }

    /// Returns the issuer with this URL, if the document lists it.
    #[must_use]
    pub fn issuer(&self, url: &str) -> Option<&Issuer> {
        self.members.issuers.iter().find(|issuer| issuer.url == url)
    }

    /// Whether a rule about own builds allows this type: then what the log has of them decides.
    #[must_use]
    pub fn asks_for_builds(&self, predicate_type: &str) -> bool {
        self.rules_about_builds().any(|rule| rule.allows(predicate_type))
    }

    /// Whether a rule about own builds allows any type at all: hardly any document has one.
    #[must_use]
    pub fn ever_asks_for_builds(&self) -> bool {
        self.rules_about_builds().next().is_some()
    }

    fn rules_about_builds(&self) -> impl Iterator<Item = &WriterRule> {
        self.members.writers.iter().filter(|rule| rule.about == About::OwnBuilds)
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

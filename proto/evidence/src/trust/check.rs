//! The checks that a trust document passes: what it names exists, and nothing has two meanings.

use std::collections::{BTreeMap, BTreeSet};

use custody_log::{KeyAlgorithm, LeafIndex};

use super::error::TrustError;
use super::is_administrative;
use super::issuer::{self, Issuer};
use super::log_key::check_windows;
use super::members::{Person, Role, RoleName, TrustMembers, people_behind};
use super::root::{self, KnownRoot};
use super::rule::{About, WriterRule};
use super::text;
use crate::dsse::MAX_KEYS_TRIED;
use crate::identity::Identity;
use crate::key::{KeyId, PublicKey};

/// The most keys, people, rules, and items of every other list: 1,024 keys of P-256 in base64 are 200 KB.
pub const MAX_ENTRIES: usize = 1024;

/// The members that `crit` may name; `bound` is one of a writer rule, and a reader that passes over it would let in too much.
const MEMBERS: [&str; 17] = [
    "bound",
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

/// What a document holds, ready for use.
pub(super) struct Held {
    pub(super) public_keys: BTreeMap<KeyId, PublicKey>,
    pub(super) roots: Vec<KnownRoot>,
}

/// Checks all members; returns what they hold.
pub(super) fn members(members: &TrustMembers) -> Result<Held, TrustError> {
    crit(&members.crit)?;
    if members.version == 0 {
        return Err(TrustError::VersionZero);
    }
    let public_keys = check_keys(&members.keys)?;
    check_lists(members)?;
    check_log_keys(members, &public_keys)?;
    // A key belongs to one person: thresholds count them.
    check_people(&members.people, &public_keys)?;
    for (role, name) in [
        (&members.roles.root, RoleName::Root),
        (&members.roles.rules, RoleName::Rules),
        (&members.roles.responder, RoleName::Responder),
    ] {
        check_role(name, role, &members.people, &public_keys)?;
    }
    let key = |id: &KeyId| public_keys.get(id).cloned();
    let roots = root::read(&members.trusted_roots, &members.witnesses, key)?;
    let names: Vec<&str> = roots.iter().map(KnownRoot::name).collect();
    issuer::check(&members.issuers)?;
    check_writers(&members.crit, &members.writers, &public_keys, &names, &members.issuers)?;
    Ok(Held { public_keys, roots })
}

/// Refuses a document that names members which must be understood and are not.
pub(super) fn crit(crit: &[String]) -> Result<(), TrustError> {
    crit_of(crit, &MEMBERS)
}

/// The same for another administrative statement, whose members are these.
pub(super) fn crit_of(crit: &[String], members: &[&str]) -> Result<(), TrustError> {
    match crit.iter().find(|name| !members.contains(&name.as_str())) {
        Some(name) => Err(TrustError::UnknownCritical { name: name.chars().take(80).collect() }),
        None => Ok(()),
    }
}

/// Reads the entry that a statement names as the one before it.
pub(super) fn followed(index: Option<u64>) -> Result<Option<LeafIndex>, TrustError> {
    index.map(|index| LeafIndex::new(index).map_err(|_| TrustError::Since { found: index })).transpose()
}

/// Refuses a statement that does not follow the newest one about the same thing.
pub(super) fn follows(found: Option<LeafIndex>, newest: Option<LeafIndex>) -> Result<(), TrustError> {
    if found == newest { Ok(()) } else { Err(TrustError::Follows { expected: newest, found }) }
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

fn check_role(
    name: RoleName,
    role: &Role,
    people: &[Person],
    keys: &BTreeMap<KeyId, PublicKey>,
) -> Result<(), TrustError> {
    let (found, holders) = (role.keys.len(), people_behind(people, &role.keys));
    if role.threshold == 0 || role.threshold > holders {
        let threshold = role.threshold;
        return Err(TrustError::ThresholdRange { role: name, threshold, keys: found, people: holders });
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
        name(&place, &person.name, &mut names)?;
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

fn check_writers(
    crit: &[String],
    writers: &[WriterRule],
    keys: &BTreeMap<KeyId, PublicKey>,
    roots: &[&str],
    issuers: &[Issuer],
) -> Result<(), TrustError> {
    let mut names = BTreeSet::new();
    for (position, rule) in writers.iter().enumerate() {
        let place = format!("writers[{position}]");
        if rule.bound && !crit.iter().any(|name| name == "bound") {
            return Err(TrustError::BoundNotCritical { rule: rule.name.clone() });
        }
        name(&place, &rule.name, &mut names)?;
        check_ids(&place, &rule.keys, keys)?;
        if rule.keys.len() > MAX_ENTRIES || rule.identities.len() > MAX_ENTRIES {
            let found = rule.keys.len().max(rule.identities.len());
            return Err(TrustError::TooMany { list: "writers", max: MAX_ENTRIES, found });
        }
        if rule.keys.is_empty() && rule.identities.is_empty() {
            return Err(TrustError::EmptyRule { rule: rule.name.clone(), member: "keys" });
        }
        for pattern in &rule.identities {
            pattern.check(rule, roots, issuers)?;
        }
        if rule.predicates.is_empty() {
            return Err(TrustError::EmptyRule { rule: rule.name.clone(), member: "predicates" });
        }
        if rule.about == About::Namespace(String::new()) {
            return Err(TrustError::EmptyRule { rule: rule.name.clone(), member: "about.namespace" });
        }
        if let Some(found) = rule.predicates.iter().find(|predicate| is_administrative(predicate)) {
            return Err(TrustError::Administrative { rule: rule.name.clone(), found: found.clone() });
        }
    }
    Ok(())
}

pub(super) fn name<'a>(place: &str, name: &'a str, names: &mut BTreeSet<&'a str>) -> Result<(), TrustError> {
    let usable = !name.is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control);
    if usable && names.insert(name) {
        Ok(())
    } else {
        Err(TrustError::Name { place: place.to_owned(), found: name.chars().take(100).collect() })
    }
}

//! Who administers, and which keys and identities are one person's: flags of `custody trust propose`.

use std::path::Path;

use custody_evidence::identity::Identity;
use custody_evidence::key::KeyId;
use custody_evidence::trust::{Person, Role, RoleName, TrustMembers};

use super::edit::{no_such, public_key, remove};
use crate::cli::failure::Failure;

/// The changes of people and roles that have a flag.
#[derive(Debug, clap::Args)]
pub(super) struct PeopleEdits {
    /// Say whose a key (a public key in PEM) or an identity (ISSUER#SUBJECT) is: thresholds count people. Repeatable.
    #[arg(long, value_name = "NAME=FILE|IDENTITY", value_parser = named)]
    add_person: Vec<(String, String)>,
    /// Say no more which keys and identities are this person's. Repeatable.
    #[arg(long, value_name = "NAME")]
    remove_person: Vec<String>,
    /// Give a role (root, rules, responder) the key in FILE, a public key in PEM. Repeatable.
    #[arg(long, value_name = "ROLE=FILE", value_parser = of_role)]
    add_role_key: Vec<(RoleName, String)>,
    /// Take a key out of a role. Repeatable.
    #[arg(long, value_name = "ROLE=KEYID", value_parser = of_role)]
    remove_role_key: Vec<(RoleName, String)>,
    /// How many people of a role must sign. Repeatable.
    #[arg(long, value_name = "ROLE=N", value_parser = of_role)]
    threshold: Vec<(RoleName, String)>,
}

/// Removes first, then adds, so that a key can go from one to another.
pub(super) fn apply(members: &mut TrustMembers, edits: &PeopleEdits) -> Result<(), Failure> {
    for name in &edits.remove_person {
        remove(&mut members.people, name, |person| &person.name, "person")?;
    }
    for (role, key) in &edits.remove_role_key {
        take_key(role_mut(members, *role), *role, key)?;
    }
    for (name, owned) in &edits.add_person {
        add_to_person(members, name, owned)?;
    }
    for (role, file) in &edits.add_role_key {
        let key = members.add_key(&public_key(Path::new(file))?);
        let keys = &mut role_mut(members, *role).keys;
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    for (role, number) in &edits.threshold {
        let threshold = number.parse().map_err(|_| {
            Failure::usage("bad_threshold", format!("--threshold {role}={number}: expected a number"))
        })?;
        role_mut(members, *role).threshold = threshold;
    }
    Ok(())
}

fn add_to_person(members: &mut TrustMembers, name: &str, owned: &str) -> Result<(), Failure> {
    let identity = owned.parse::<Identity>().ok();
    let owned = match identity {
        Some(identity) => identity,
        None => Identity::Key(members.add_key(&public_key(Path::new(owned))?)),
    };
    let at = members.people.iter().position(|person| person.name == name).unwrap_or_else(|| {
        members.people.push(Person { name: name.to_owned(), keys: Vec::new(), identities: Vec::new() });
        members.people.len() - 1
    });
    let Some(person) = members.people.get_mut(at) else { return Ok(()) };
    match owned {
        Identity::Key(key) if !person.keys.contains(&key) => person.keys.push(key),
        Identity::Key(_) => {}
        identity if !person.identities.contains(&identity) => person.identities.push(identity),
        Identity::Oidc(_) => {}
    }
    Ok(())
}

fn take_key(role: &mut Role, name: RoleName, text: &str) -> Result<(), Failure> {
    let id: KeyId = text.strip_prefix("key:").unwrap_or(text).parse().map_err(|_| {
        Failure::usage("bad_key", format!("--remove-role-key {name}={text}: expected the id of a key"))
    })?;
    let before = role.keys.len();
    role.keys.retain(|key| *key != id);
    if role.keys.len() < before {
        return Ok(());
    }
    let listed: Vec<String> = role.keys.iter().map(|key| format!("key:{key}")).collect();
    Err(Failure::usage(no_such("key"), format!("the role {name} has no key {id}"))
        .hint(format!("it has {}", listed.join(", "))))
}

fn role_mut(members: &mut TrustMembers, name: RoleName) -> &mut Role {
    match name {
        RoleName::Responder => &mut members.roles.responder,
        RoleName::Root => &mut members.roles.root,
        RoleName::Rules => &mut members.roles.rules,
    }
}

fn named(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("expected NAME=FILE, or NAME=ISSUER#SUBJECT".to_owned()),
    }
}

fn of_role(text: &str) -> Result<(RoleName, String), String> {
    let roles = [RoleName::Root, RoleName::Rules, RoleName::Responder];
    let (role, value) = text.split_once('=').unwrap_or_default();
    match roles.into_iter().find(|name| name.as_str() == role) {
        Some(name) if !value.is_empty() => Ok((name, value.to_owned())),
        _ => Err("expected root=..., rules=... or responder=...".to_owned()),
    }
}

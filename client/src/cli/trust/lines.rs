//! What a trust document says, line by line, and how two versions differ.
//!
//! An administrator signs what these lines show, so every member has its lines, with its values: what has none could
//! be changed unseen.

use std::fmt::{Debug, Write as _};

use custody_evidence::identity::Identity;
use custody_evidence::key::KeyId;
use custody_evidence::trust::{
    About, IdentityPattern, Issuer, LogKey, Person, Role, RootKey, TrustDocument, TrustMembers, TrustedRoot,
    WriterRule,
};
use custody_log::BlobDigest;

use crate::cli::output::escape_line;

/// One member of a document.
struct Member {
    /// What its lines are about, in at most 10 columns.
    name: &'static str,
    /// One for each item; one for a member that has one value, none for a value that is not there.
    items: Vec<Item>,
    /// Whether there is always one value, so that a change of it is one line: from what, to what.
    single: bool,
}

/// One item of a member. Items are compared, not their lines: two that read alike are two all the same.
#[derive(PartialEq, Eq)]
struct Item {
    line: String,
    /// All that is in it.
    value: String,
}

/// Returns what a document says, line by line: what it is about, and what it says of it.
pub(super) fn summary(document: &TrustDocument) -> Vec<(&'static str, String)> {
    let lines = |member: Member| member.items.into_iter().map(move |item| (member.name, item.line));
    members(document)
        .into_iter()
        .filter(|member| ![LOG, KEYS].contains(&member.name))
        .flat_map(lines)
        .collect()
}

/// Returns the differences between two versions, each with what was and what will be: `-` is left out, `+` is added.
pub(super) fn changes(before: &TrustDocument, after: &TrustDocument) -> Vec<String> {
    let mut changes: Vec<String> = Vec::new();
    for (old, new) in members(before).iter().zip(&members(after)) {
        let named = |line: &String| {
            changes.iter().any(|change| line.split(' ').next_back().is_some_and(|id| change.contains(id)))
        };
        let differences = differences(old, new);
        let differences: Vec<String> =
            differences.into_iter().filter(|line| old.name != KEYS || !named(line)).collect();
        changes.extend(differences);
    }
    changes
}

/// The name of the log stands above the summary.
const LOG: &str = "log";

/// The list of public keys comes last: a key that the lines before name needs no line of its own.
const KEYS: &str = "key";

fn differences(old: &Member, new: &Member) -> Vec<String> {
    let name = old.name;
    if old.items == new.items {
        return Vec::new();
    }
    let text =
        |member: &Member| member.items.iter().map(|item| item.line.as_str()).collect::<Vec<_>>().join(", ");
    if old.single && new.single {
        return vec![format!("{name}: {} -> {}", text(old), text(new))];
    }
    let removed = old.items.iter().filter(|item| !new.items.contains(item));
    let added = new.items.iter().filter(|item| !old.items.contains(item));
    let removed = removed.map(|item| format!("- {name} {}", item.line));
    let mut differences: Vec<String> =
        removed.chain(added.map(|item| format!("+ {name} {}", item.line))).collect();
    if differences.is_empty() {
        differences.push(format!("{name}: the same in another order or number: {}", text(new)));
    }
    differences
}

/// Returns all members, always the same in the same order. A member that is not named here does not compile.
fn members(document: &TrustDocument) -> Vec<Member> {
    let TrustMembers {
        crit,
        version: _,
        origin,
        expires,
        log_keys,
        freshness_keys,
        keys: public_keys,
        roles,
        people,
        writers,
        issuers,
        trusted_roots,
        witnesses,
        predecessor,
        successor,
    } = document.members();
    vec![
        list("requires", crit, |name| word(name)),
        single(LOG, origin.as_str()),
        single("expires", &expires.to_string()),
        list("log key", log_keys, log_key),
        list("freshness", freshness_keys, ToString::to_string),
        list("witness", witnesses, ToString::to_string),
        list("continues", predecessor, |log| format!("{} from size {}, {}", log.origin, log.size, log.root)),
        list("continued", successor, |log| format!("by {}", log.origin)),
        single("root", &role(&roles.root)),
        single("rules", &role(&roles.rules)),
        single("responder", &role(&roles.responder)),
        list("writer", writers, writer),
        list("person", people, person),
        list("issuer", issuers, issuer),
        list("roots", trusted_roots, trusted_root),
        list(KEYS, public_keys.keys(), |key| format!("key:{key}")),
    ]
}

/// Everything that an issuer has and others need not.
fn issuer(issuer: &Issuer) -> String {
    let Issuer { url, audience, kind, jwks_url, jwks, algorithms, longest_lifetime_seconds, required_claims } =
        issuer;
    let audience = audience.as_ref().map_or_else(|| "of the job's key".to_owned(), |audience| word(audience));
    let mut line = format!("{}  audience {audience}", word(url));
    if let Some(kind) = kind {
        let _infallible = write!(line, ", of the kind {kind}");
    }
    if let Some(url) = jwks_url {
        let _infallible = write!(line, ", keys at {}", word(url));
    }
    if let Some(keys) = jwks {
        let digest = BlobDigest::of(&serde_json::to_vec(keys).unwrap_or_default());
        let _infallible = write!(line, ", keys pinned: {} ({digest})", keys.keys().len());
    }
    let algorithms: Vec<&str> = algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
    let _infallible = write!(line, ", {}, at most {longest_lifetime_seconds} s", algorithms.join(" "));
    for (claim, values) in required_claims {
        let values: Vec<String> = values.iter().map(|value| word(value)).collect();
        let values = if values.is_empty() { "anything".to_owned() } else { values.join("|") };
        let _infallible = write!(line, ", {}={values}", word(claim));
    }
    line
}

fn list<'a, T: Debug + 'a>(
    name: &'static str,
    items: impl IntoIterator<Item = &'a T>,
    line: impl Fn(&T) -> String,
) -> Member {
    let item = |item: &'a T| Item { line: escape_line(&line(item)), value: format!("{item:?}") };
    Member { name, items: items.into_iter().map(item).collect(), single: false }
}

fn single(name: &'static str, line: &str) -> Member {
    let item = Item { line: escape_line(line), value: line.to_owned() };
    Member { name, items: vec![item], single: true }
}

fn log_key(key: &LogKey) -> String {
    let until = key.until_size.map_or_else(|| "on".to_owned(), |size| format!("until {size}"));
    format!("{}  from tree size {} {until}", key.vkey, key.from_size)
}

fn role(role: &Role) -> String {
    format!("{} of {}", role.threshold, keys(&role.keys).join(" "))
}

fn writer(rule: &WriterRule) -> String {
    let about = match &rule.about {
        About::Anything => "anything".to_owned(),
        About::OwnBuilds => "own builds".to_owned(),
        About::Namespace(namespace) => format!("namespace {}", word(namespace)),
    };
    let predicates: Vec<String> = rule.predicates.iter().map(|predicate| word(predicate)).collect();
    let mut who = keys(&rule.keys);
    who.extend(rule.identities.iter().map(identities));
    let (name, predicates, who) = (word(&rule.name), predicates.join(" "), who.join(" "));
    let bound = if rule.bound { ", bound" } else { "" };
    format!("{name}  {predicates}  about {about}, {}{bound}  {who}", rule.authority)
}

fn identities(pattern: &IdentityPattern) -> String {
    let claim = |(name, values): (&String, &Vec<String>)| {
        let values: Vec<String> = values.iter().map(|value| word(value)).collect();
        format!(" {}={}", word(name), values.join("|"))
    };
    let claims: String = pattern.claims.iter().map(claim).collect();
    let roots: Vec<String> = pattern.roots.iter().map(|root| word(root)).collect();
    let roots = if roots.is_empty() { "no root".to_owned() } else { roots.join("|") };
    format!("{}#{{{}}} under {roots}", word(&pattern.issuer), claims.trim_start())
}

fn trusted_root(root: &TrustedRoot) -> String {
    let key = |listed: &RootKey| {
        let until = listed.until.map_or_else(|| "on".to_owned(), |until| format!("until {until}"));
        format!("  {} is key:{} from {} {until}", word(&listed.hint), listed.key, listed.from)
    };
    let keys: String = root.keys.iter().map(key).collect();
    format!("{}  {}{keys}", word(&root.name), root.digest)
}

fn person(person: &Person) -> String {
    let mut who = keys(&person.keys);
    who.extend(person.identities.iter().map(identity));
    format!("{}  {}", word(&person.name), who.join(" "))
}

fn identity(identity: &Identity) -> String {
    match identity {
        Identity::Key(key) => format!("key:{key}"),
        Identity::Oidc(oidc) => format!("{}#{}", word(oidc.issuer()), word(oidc.subject())),
    }
}

fn keys(ids: &[KeyId]) -> Vec<String> {
    ids.iter().map(|id| format!("key:{id}")).collect()
}

/// Text of the document's author. It is quoted unless it can be nothing but one word: with white space, a quotation mark
/// or one of the signs that stand between parts in it, or with nothing in it, it could read like the rest of a line.
fn word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@*+-".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) { text.to_owned() } else { format!("{text:?}") }
}

#[cfg(test)]
mod tests;

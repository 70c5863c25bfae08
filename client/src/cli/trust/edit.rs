//! What the flags of `custody trust propose` change in a trust document.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use custody_evidence::key::{KeyId, PublicKey};
use custody_evidence::registry::npm_keys;
use custody_evidence::sigstore::{MAX_ROOT, Window};
use custody_evidence::trust::{
    About, Authority, IdentityPattern, LogKey, RootKey, TrustMembers, TrustedRoot, WriterRule,
};
use custody_log::{TreeSize, VerifierKey};

use super::people::{self, PeopleEdits};
use crate::cli::failure::Failure;
use crate::cli::file;

/// The changes that have a flag.
#[derive(Debug, clap::Args)]
pub(super) struct Edits {
    /// Let the key in FILE (a public key in PEM) record, under this name. Repeatable.
    #[arg(long, value_name = "NAME=FILE", value_parser = named_file)]
    add_writer: Vec<(String, PathBuf)>,
    /// The predicate types that the added writers may record [default: all]. Repeatable.
    #[arg(long, value_name = "URI")]
    writer_predicate: Vec<String>,
    /// Let whom this issuer knows record, under this name: its jobs by their tokens, if the document lists it (--add-issuer),
    /// and the holders of certificates under each --root. It needs --claim, or another --authority than own.
    #[arg(long, value_name = "NAME=ISSUER", value_parser = named_text)]
    add_identity: Option<(String, String)>,
    /// A trusted root of the document whose certificates are believed about the issuer. Repeatable.
    #[arg(long, value_name = "NAME", requires = "add_identity")]
    root: Vec<String>,
    /// A claim that the identity must have, by the name of Fulcio's extension, or `subject`; a value that ends in `*` stands
    /// for all that start like it. The same claim again: one of the values. Repeatable.
    #[arg(long, value_name = "CLAIM=VALUE", value_parser = named_text, requires = "add_identity")]
    claim: Vec<(String, String)>,
    /// What statements of the added writers count as: `own`, `imported` (evidence of others) or `relayed` (reports that a
    /// writer signs around) [default: own].
    #[arg(long, value_name = "WORD", value_parser = authority)]
    authority: Option<Authority>,
    /// What the added writers may record about: subjects whose URI, or name, is this or lies in it [default: anything].
    #[arg(long, value_name = "NAMESPACE")]
    about: Option<String>,
    /// Let the added writers record about their own builds only: what an earlier provenance lists that is bound to a job of the same
    /// repository.
    #[arg(long, conflicts_with = "about")]
    own_builds: bool,
    /// Let the added writers record only what is bound to their job: the statement says the repository, commit and run that the
    /// issuer says.
    #[arg(long)]
    bound: bool,
    /// Believe the certificate authorities and logs in FILE, a Sigstore `trusted_root.json` (or `.jsonl`: one root a line,
    /// named NAME, NAME-2, ...). A root of this name is replaced. Repeatable.
    #[arg(long, value_name = "NAME=FILE", value_parser = named_file)]
    add_root: Vec<(String, PathBuf)>,
    /// Trust the keys in FILE under the root of this name, each in its window: a package registry's `keys.json`.
    /// Repeatable.
    #[arg(long, value_name = "ROOT=FILE", value_parser = named_file)]
    add_root_keys: Vec<(String, PathBuf)>,
    /// Let the keys of a trusted root record, under this name. Repeatable.
    #[arg(long, value_name = "NAME=ROOT", value_parser = named_text)]
    add_root_writer: Vec<(String, String)>,
    /// Let this key follow the log key: `custodyd log-key new` prints it. Both sign trees of sizes in between, then it signs alone.
    #[arg(long, value_name = "VKEY")]
    next_log_key: Option<VerifierKey>,
    /// The smallest tree that the next log key signs [default: 1,000 entries from now].
    #[arg(long, value_name = "SIZE", requires = "next_log_key")]
    next_from: Option<u64>,
    /// The first tree that the log key before it signs no more [default: 1,000 entries behind the first that both sign].
    #[arg(long, value_name = "SIZE", requires = "next_log_key")]
    next_alone: Option<u64>,
    /// Remove the trusted root of this name. Repeatable.
    #[arg(long, value_name = "NAME")]
    remove_root: Vec<String>,
    /// Remove the writer rule of this name. Repeatable.
    #[arg(long, value_name = "NAME")]
    remove_writer: Vec<String>,
    #[command(flatten)]
    people: PeopleEdits,
}

/// The largest key file: a PEM of an RSA key of 16,384 bits has less than 4 KiB.
const KEY_BYTES_MAX: u64 = 16 << 10;

/// The largest file of trusted roots, or of a registry's keys.
const ROOT_BYTES_MAX: u64 = 1 << 20;
const _: () = assert!(MAX_ROOT == 1 << 20, "files of trusted roots are read up to what one may have");

/// How many entries a change of the log key is announced ahead, and how many trees both keys sign, unless it is said.
const LOG_KEY_STEP: u64 = 1_000;

/// Removes first, then adds: so a rule can be replaced by one of its name. `size` is that of the newest tree.
pub(super) fn apply(members: &mut TrustMembers, edits: &Edits, size: TreeSize) -> Result<(), Failure> {
    if let Some(vkey) = &edits.next_log_key {
        next_log_key(members, vkey, edits, size)?;
    }
    let before = windowed(members);
    for name in &edits.remove_writer {
        remove(&mut members.writers, name, |rule| &rule.name, "writer rule")?;
    }
    for name in &edits.remove_root {
        remove(&mut members.trusted_roots, name, |root| &root.name, "trusted root")?;
    }
    for (name, path) in &edits.add_root {
        add_roots(members, name, path)?;
    }
    for (root, path) in &edits.add_root_keys {
        add_root_keys(members, root, path)?;
    }
    people::apply(members, &edits.people)?;
    let after = windowed(members);
    take_out(members, &before.difference(&after).copied().collect());
    check_about_writers(edits)?;
    for (name, path) in &edits.add_writer {
        let key = members.add_key(&public_key(path)?);
        members.writers.push(with_flags(WriterRule::anything(name, key), edits));
    }
    for (name, root) in &edits.add_root_writer {
        let keys = keys_of(members, root)?;
        members.writers.push(with_flags(rule(name, keys, Vec::new()), edits));
    }
    if edits.bound && !members.crit.iter().any(|name| name == "bound") {
        members.crit.push("bound".to_owned());
    }
    if let Some((name, issuer)) = &edits.add_identity {
        check_known(members, issuer, edits)?;
        members.writers.push(with_flags(rule(name, Vec::new(), vec![pattern(issuer, edits)]), edits));
    }
    Ok(())
}

/// Ends the window of the log key that signs last, behind the start of the next one's: both sign the change.
fn next_log_key(
    members: &mut TrustMembers,
    vkey: &VerifierKey,
    edits: &Edits,
    size: TreeSize,
) -> Result<(), Failure> {
    let from = edits.next_from.unwrap_or_else(|| size.get().saturating_add(LOG_KEY_STEP));
    let until = edits.next_alone.unwrap_or_else(|| from.saturating_add(LOG_KEY_STEP));
    let tree = |size| {
        TreeSize::new(size).map_err(|error| {
            Failure::usage("bad_size", error.to_string()).hint("a tree has at most 2^63-1 entries")
        })
    };
    let (from_size, until_size) = (tree(from)?, tree(until)?);
    if let Some(last) = members.log_keys.last_mut() {
        last.until_size = Some(until_size);
    }
    members.log_keys.push(LogKey { vkey: vkey.clone(), from_size, until_size: None });
    Ok(())
}

/// Returns the keys that are trusted in windows.
fn windowed(members: &TrustMembers) -> BTreeSet<KeyId> {
    members.trusted_roots.iter().flat_map(|root| &root.keys).map(|listed| listed.key).collect()
}

/// Takes keys that lost their windows out of the rules: they would count at all times, and with no proof of time.
fn take_out(members: &mut TrustMembers, lost: &BTreeSet<KeyId>) {
    for rule in &mut members.writers {
        rule.keys.retain(|key| !lost.contains(key));
    }
    members.writers.retain(|rule| !rule.keys.is_empty() || !rule.identities.is_empty());
}

/// Removes the item of this name from a list.
pub(super) fn remove<T>(
    list: &mut Vec<T>,
    name: &str,
    name_of: impl Fn(&T) -> &String,
    what: &str,
) -> Result<(), Failure> {
    let before = list.len();
    list.retain(|item| name_of(item) != name);
    if list.len() < before {
        return Ok(());
    }
    let names: Vec<&str> = list.iter().map(|item| name_of(item).as_str()).collect();
    Err(Failure::usage(no_such(what), format!("there is no {what} {name:?}")).hint(there_are(&names)))
}

fn there_are<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    if names.is_empty() { "there are none".to_owned() } else { format!("there are: {}", names.join(", ")) }
}

/// Returns the word for a thing that there is not.
pub(super) fn no_such(what: &str) -> &'static str {
    match what {
        "trusted root" => "no_such_root",
        "person" => "no_such_person",
        "key" => "no_such_key",
        _ => "no_such_writer",
    }
}

/// Flags that say more about added writers need one.
fn check_about_writers(edits: &Edits) -> Result<(), Failure> {
    let adds =
        !edits.add_writer.is_empty() || !edits.add_root_writer.is_empty() || edits.add_identity.is_some();
    let about = [
        ("--writer-predicate", !edits.writer_predicate.is_empty()),
        ("--authority", edits.authority.is_some()),
        ("--about", edits.about.is_some()),
        ("--own-builds", edits.own_builds),
        ("--bound", edits.bound),
    ];
    match about.into_iter().find(|(_, given)| *given) {
        Some((flag, _)) if !adds => Err(Failure::usage(
            "missing_flag",
            format!("{flag} is about the writers of --add-writer"),
        )
        .hint(
            "give --add-writer NAME=FILE, --add-identity NAME=ISSUER or --add-root-writer NAME=ROOT with it",
        )),
        _ => Ok(()),
    }
}

/// A rule about an issuer that nobody vouches for would let nobody in, and look as if it did.
fn check_known(members: &TrustMembers, issuer: &str, edits: &Edits) -> Result<(), Failure> {
    if !edits.root.is_empty() || members.issuers.iter().any(|known| known.url == issuer) {
        return Ok(());
    }
    Err(Failure::usage("missing_flag", format!("nobody vouches for identities of {issuer}")).hint(
        "its tokens: --add-issuer URL (with the same URL); certificates: --root NAME, a trusted root of the document",
    ))
}

fn rule(name: &str, keys: Vec<KeyId>, identities: Vec<IdentityPattern>) -> WriterRule {
    WriterRule {
        name: name.to_owned(),
        keys,
        identities,
        predicates: vec!["*".to_owned()],
        about: About::Anything,
        bound: false,
        authority: Authority::Own,
    }
}

fn with_flags(mut rule: WriterRule, edits: &Edits) -> WriterRule {
    if !edits.writer_predicate.is_empty() {
        rule.predicates.clone_from(&edits.writer_predicate);
    }
    if let Some(authority) = edits.authority {
        rule.authority = authority;
    }
    if let Some(namespace) = &edits.about {
        rule.about = About::Namespace(namespace.clone());
    }
    if edits.own_builds {
        rule.about = About::OwnBuilds;
    }
    rule.bound = edits.bound;
    rule
}

fn pattern(issuer: &str, edits: &Edits) -> IdentityPattern {
    let mut claims: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (claim, value) in &edits.claim {
        claims.entry(claim.clone()).or_default().push(value.clone());
    }
    IdentityPattern { issuer: issuer.to_owned(), roots: edits.root.clone(), claims }
}

/// Adds each root of a file, or replaces the one of its name; its keys stay.
fn add_roots(members: &mut TrustMembers, name: &str, path: &Path) -> Result<(), Failure> {
    let bytes = file::read(path, ROOT_BYTES_MAX)?;
    let whole = TrustedRoot::new(name, &bytes).map(|root| vec![root]);
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let numbered = |(at, line)| {
        let name = if at == 0 { name.to_owned() } else { format!("{name}-{}", at + 1) };
        TrustedRoot::new(&name, line)
    };
    // One root may be printed over many lines, so it is tried first; its error is told.
    let roots = whole
        .or_else(|error| lines.enumerate().map(numbered).collect::<Result<Vec<_>, _>>().map_err(|_| error));
    let roots = roots.map_err(|error| {
        Failure::usage("bad_trusted_root", format!("{}: {error}", path.display()))
            .hint("give a trusted_root.json as Sigstore publishes it, or the lines of `gh attestation trusted-root`")
    })?;
    for mut root in roots {
        match members.trusted_roots.iter_mut().find(|known| known.name == root.name) {
            Some(known) => {
                root.keys = std::mem::take(&mut known.keys);
                *known = root;
            }
            None => members.trusted_roots.push(root),
        }
    }
    Ok(())
}

/// Replaces the keys of a root by those of a registry's list.
fn add_root_keys(members: &mut TrustMembers, root: &str, path: &Path) -> Result<(), Failure> {
    let bytes = file::read(path, ROOT_BYTES_MAX)?;
    let known = npm_keys(&bytes).map_err(|error| {
        Failure::usage("bad_key", format!("{}: {error}", path.display()))
            .hint("give the registry's keys.json, whose keys have keyId, publicKey.rawBytes and validFor")
    })?;
    let mut listed = Vec::new();
    for known in &known {
        let Window::From { start, end } = known.window() else { continue };
        let key = members.add_key(known.key());
        listed.push(RootKey { hint: known.name().to_owned(), key, from: *start, until: *end });
    }
    if listed.is_empty() {
        let message = format!("{}: no key in it signs attestations in a window of time", path.display());
        return Err(
            Failure::usage("bad_key", message).hint("expected keyUsage npm:attestations, and validFor.start")
        );
    }
    root_mut(members, root)?.keys = listed;
    Ok(())
}

fn keys_of(members: &mut TrustMembers, root: &str) -> Result<Vec<KeyId>, Failure> {
    let mut keys: Vec<KeyId> = root_mut(members, root)?.keys.iter().map(|listed| listed.key).collect();
    // One key may have several windows.
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() {
        return Err(Failure::usage("no_root_keys", format!("the trusted root {root:?} has no keys"))
            .hint("give it some with --add-root-keys ROOT=keys.json"));
    }
    Ok(keys)
}

fn root_mut<'a>(members: &'a mut TrustMembers, name: &str) -> Result<&'a mut TrustedRoot, Failure> {
    let names: Vec<String> = members.trusted_roots.iter().map(|root| root.name.clone()).collect();
    members.trusted_roots.iter_mut().find(|root| root.name == name).ok_or_else(|| {
        Failure::usage("no_such_root", format!("there is no trusted root {name:?}"))
            .hint(format!("{}; --add-root NAME=FILE adds one", there_are(&names)))
    })
}

/// Reads a public key in PEM.
pub(super) fn public_key(path: &Path) -> Result<PublicKey, Failure> {
    let bytes = file::read(path, KEY_BYTES_MAX)?;
    let text = String::from_utf8_lossy(&bytes);
    PublicKey::from_pem(&text).map_err(|error| {
        Failure::usage("bad_key", format!("{}: {error}", path.display()))
            .hint("give a public key in PEM: `custody key show --pem` prints one")
    })
}

fn named_text(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

fn authority(text: &str) -> Result<Authority, String> {
    [Authority::Own, Authority::Imported, Authority::Relayed]
        .into_iter()
        .find(|authority| authority.as_str() == text)
        .ok_or_else(|| "expected own, imported or relayed".to_owned())
}

fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.to_owned(), file.into())),
        _ => Err("expected NAME=FILE, such as ci=ci.pub".to_owned()),
    }
}

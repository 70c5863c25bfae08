//! Who somebody is: patterns of policies against identities, and which identities are one person.

use std::collections::BTreeSet;

use custody_evidence::admission::{Binding, SubmitterClaims};
use custody_evidence::identity::Identity;
use custody_evidence::trust::{Authority, Person};

use super::built::Built;
use super::why::Why;
use crate::evidence::{Entry, Signer};
use crate::policy::{Pattern, Who};

/// The runners that a CI system provides itself, as its issuer writes it.
const HOSTED: [&str; 2] = ["github-hosted", "gitlab-hosted"];
/// A trigger under which a job of a stranger's change has the identity of the project: it fits only where a pattern asks for it.
const STRANGERS_TRIGGER: &str = "pull_request_target";

/// Returns the signers of an entry, not distrusted, whom the policy means; all if it means everybody.
pub(super) fn signers<'e>(entry: &'e Entry, who: Option<&Who>) -> Vec<&'e Signer> {
    let bound = (entry.binding == Some(Binding::Bound)).then_some(entry.submitter.as_ref()).flatten();
    let fits = |signer: &&Signer| {
        who.is_none_or(|who| who.patterns.iter().any(|pattern| is(pattern, entry, signer, bound)))
    };
    entry.trusted_signers().filter(fits).collect()
}

/// Takes those whose own word counts as one of these; if it is nobody's, says what the strongest counts as.
pub(super) fn with_authority<'e>(
    entry: &Entry,
    accepted: Vec<&'e Signer>,
    allowed: &[Authority],
) -> Result<Vec<&'e Signer>, Why> {
    let authority = |signer: &Signer| signer.authority.unwrap_or(entry.authority);
    let strongest = accepted.iter().map(|signer| authority(signer)).max();
    let counting: Vec<&Signer> =
        accepted.into_iter().filter(|signer| allowed.contains(&authority(signer))).collect();
    if counting.is_empty() { Err(Why::Authority(strongest.unwrap_or(entry.authority))) } else { Ok(counting) }
}

/// Whether whoever submitted an entry is whom the policy means, who is always somebody with a token.
pub(super) fn submitted_by(entry: &Entry, who: &Who) -> bool {
    let (Some(claims), Some(identity)) = (&entry.submitter, entry.submitter_identity()) else { return false };
    who.patterns.iter().any(|pattern| fits(pattern, entry, &identity, claims, Some(claims)))
}

fn is(pattern: &Pattern, entry: &Entry, signer: &Signer, bound: Option<&SubmitterClaims>) -> bool {
    match (&signer.identity, &signer.claims) {
        (Identity::Key(key), None) => pattern.keys.contains(key) && is_built_by(pattern, entry),
        (identity, Some(claims)) => pattern.keys.is_empty() && fits(pattern, entry, identity, claims, bound),
        (Identity::Oidc(_), None) => false,
    }
}

/// Every condition of a pattern against what an issuer says.
fn fits(
    pattern: &Pattern,
    entry: &Entry,
    identity: &Identity,
    claims: &SubmitterClaims,
    bound: Option<&SubmitterClaims>,
) -> bool {
    let Identity::Oidc(identity) = identity else { return false };
    if pattern.issuer.as_deref() != Some(identity.issuer()) {
        return false;
    }
    let one_of = |values: &[String], found: Option<&str>| {
        values.is_empty() || found.is_some_and(|found| values.iter().any(|value| value == found))
    };
    let (workflow, reference) = signer_uri(claims);
    let subjects = [Some(identity.subject()), claims.get("token_subject")];
    let subject = pattern.subject.is_empty()
        || subjects.iter().any(|found| found.is_some() && one_of(&pattern.subject, *found));
    let on_ref = pattern.reference.is_empty()
        || reference.is_some_and(|found| pattern.reference.iter().any(|pattern| pattern.fits(found)));
    let runner = claims.get("runner_environment").or_else(|| bound?.get("runner_environment"));
    let hosted = pattern.hosted.is_none_or(|wanted| {
        // What is not said is neither: a policy that asks for a runner of one's own does not get an unknown one.
        runner.is_some_and(|found| HOSTED.contains(&found) == wanted)
    });
    let strangers = claims.get("build_trigger") == Some(STRANGERS_TRIGGER)
        && !pattern.claims.contains_key("build_trigger");
    subject
        && on_ref
        && hosted
        && !strangers
        && one_of(&pattern.workflow, workflow)
        && pattern.claims.iter().all(|(name, values)| one_of(values, claims.get(name)))
        && is_built_by(pattern, entry)
}

/// Whether the statement names the builder that goes with this signer.
fn is_built_by(pattern: &Pattern, entry: &Entry) -> bool {
    if pattern.builder.is_empty() {
        return true;
    }
    let builder = Built::of(entry).and_then(|built| built.builder);
    builder.is_some_and(|builder| pattern.builder.contains(&builder))
}

/// Returns the file that a job ran, and the branch or tag of it. A branch may be called `x@refs/heads/main`: where the URI can be
/// parted in two places, it says neither.
fn signer_uri(claims: &SubmitterClaims) -> (Option<&str>, Option<&str>) {
    let Some(uri) = claims.get("build_signer_uri") else { return (None, None) };
    let parted = match uri.match_indices("@refs/").count() {
        0 => uri.rsplit_once('@'),
        1 => uri.find("@refs/").and_then(|at| Some((uri.get(..at)?, uri.get(at + 1..)?))),
        _ => return (None, None),
    };
    parted.map_or((Some(uri), None), |(file, reference)| (Some(file), Some(reference)))
}

/// Somebody, however many identities they have.
pub(super) type PersonName = String;

/// Returns who an identity is: one of the listed people, or itself.
pub(super) fn person(people: &[Person], identity: &Identity) -> PersonName {
    let listed = people.iter().find(|person| match identity {
        Identity::Key(key) => person.keys.contains(key),
        Identity::Oidc(_) => person.identities.contains(identity),
    });
    listed.map_or_else(|| identity.to_string(), |person| format!("person:{}", person.name))
}

/// Returns the people behind signers.
pub(super) fn persons<'s>(
    people: &[Person],
    signers: impl IntoIterator<Item = &'s Signer>,
) -> BTreeSet<PersonName> {
    signers.into_iter().map(|signer| person(people, &signer.identity)).collect()
}

/// Returns whom a statement means by a text such as `Alice <alice@example.org>`: one of the listed people, by name or by the
/// address that an issuer knows them by. None if it could be anybody.
pub(super) fn named(people: &[Person], text: &str) -> Option<PersonName> {
    let (name, address) = match text.split_once('<') {
        Some((name, rest)) => (name.trim(), rest.trim_end().strip_suffix('>').unwrap_or(rest)),
        None => (text.trim(), text.trim()),
    };
    let is = |person: &&Person| {
        let subject =
            |identity: &Identity| matches!(identity, Identity::Oidc(oidc) if oidc.subject() == address);
        person.name == name || person.name == address || person.identities.iter().any(subject)
    };
    // Two people of one name: it could be either.
    let mut found = people.iter().filter(is);
    let first = found.next()?;
    found.next().is_none().then(|| format!("person:{}", first.name))
}

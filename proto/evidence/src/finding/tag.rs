//! Tag moved: a name for one version means something else than before.
//!
//! Branches, `latest` and the like move by design. A tag of a repository that begins with a number is for one version, and one of
//! an image if it has three numbers: `node:20` is built again each week. That `latest` fell from what has provenance to what has
//! none is told by another rule (`provenance.rs`).

use std::collections::BTreeSet;

use super::bounds::{LOOK_BACK, PAIRS_LOOKED_AT};
use super::need::{Need, term};
use super::seen::{Kind, Known, Seen};
use super::{Finding, FindingKind, finding};
use crate::fact::reference::shared;
use crate::fact::{Field, Meant, Node, Term};

pub(super) fn needs(new: &Seen<'_>, known: &Known<'_>, needs: &mut BTreeSet<Need>) {
    for meant in fixed(new) {
        let reference = term(Field::Ref, &shared(meant.reference.id()));
        let bytes = bytes_term(&meant.bytes);
        needs.extend(bytes.map(|bytes| Need::before([reference.clone(), bytes], 1)));
        if known.rounds > 0 && !known.entries.range(..new.index).any(|(_, seen)| means(seen, meant)) {
            needs.insert(Need::before([reference], LOOK_BACK));
        }
    }
}

pub(super) fn find(new: &Seen<'_>, known: &Known<'_>) -> Vec<Finding> {
    let of = |meant: &Meant| {
        let others = meant_before(new, meant, known, known.earlier(new));
        // A run spells it as whoever uses it does; who watches tags does not.
        let by_run = others.iter().find(|(seen, _)| seen.kind() == Kind::Run);
        let (seen, Meant { reference, bytes }) = by_run.or_else(|| others.first())?;
        let thing = if seen.kind() == Kind::Run && new.kind() != Kind::Run {
            reference.clone()
        } else {
            meant.reference.clone()
        };
        let message = format!(
            "{} meant {} until {}, and {} at {}",
            thing.id(),
            bytes.id(),
            seen.happened(),
            meant.bytes.id(),
            new.happened()
        );
        Some(finding(FindingKind::TagMoved, thing, new, [seen], message))
    };
    let mut found: Vec<Finding> = fixed(new).filter_map(of).collect();
    found.dedup_by(|one, other| one.thing == other.thing);
    found
}

/// Returns what a reference meant in some entries before one said that it means this, and where that is said. Nothing if an
/// earlier entry says so too: what it meant once it may mean again, and that entry tells that it moved.
pub(super) fn meant_before<'k, 'a: 'k>(
    new: &Seen<'_>,
    meant: &Meant,
    known: &'k Known<'a>,
    before: impl IntoIterator<Item = &'k Seen<'a>>,
) -> Vec<(Seen<'a>, &'a Meant)> {
    if known.entries.range(..new.index).any(|(_, seen)| means(seen, meant)) {
        return Vec::new();
    }
    let other = |seen: &Seen<'a>| {
        let mut all = seen.facts.told.meant.iter();
        all.find(|other| is_same(other, meant) && comparable(other, meant))
    };
    before.into_iter().filter_map(|seen| Some((*seen, other(seen)?))).collect()
}

/// The references of an entry that are for one version.
fn fixed<'a>(seen: &Seen<'a>) -> impl Iterator<Item = &'a Meant> + use<'a> {
    let meant = seen.facts.told.meant.iter().filter(|meant| is_fixed(meant.reference.id()));
    meant.take(PAIRS_LOOKED_AT)
}

/// Whether an entry says that the reference meant this, in whatever spelling.
fn means(seen: &Seen<'_>, meant: &Meant) -> bool {
    seen.facts.told.meant.iter().any(|other| other.bytes == meant.bytes && is_same(other, meant))
}

fn is_same(one: &Meant, other: &Meant) -> bool {
    one.reference == other.reference || shared(one.reference.id()) == shared(other.reference.id())
}

/// Whether two digests are of one algorithm, so that they say something of each other.
fn comparable(one: &Meant, other: &Meant) -> bool {
    let algorithm = |node: &Node| node.id().split_once(':').map(|(algorithm, _)| algorithm.to_owned());
    algorithm(&one.bytes) == algorithm(&other.bytes) && one.bytes.id().len() == other.bytes.id().len()
}

fn bytes_term(bytes: &Node) -> Option<Term> {
    bytes.terms().into_iter().next()
}

/// Whether a reference names one version: `acme/action@v4`, `<repository>@refs/tags/v1.2.0`, `ghcr.io/acme/api:1.2.0`.
fn is_fixed(reference: &str) -> bool {
    if let Some((_, tag)) = reference.rsplit_once('@') {
        let name = tag.strip_prefix("refs/tags/").unwrap_or(tag);
        return !name.starts_with("refs/") && starts_with_number(name) && !is_commit(name);
    }
    let Some((_, tag)) = reference.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) else {
        return false;
    };
    let version = tag.split(['-', '+']).next().unwrap_or_default();
    let numbers = version.strip_prefix(['v', 'V']).unwrap_or(version).split('.');
    let numbers: Vec<bool> = numbers.map(|part| part.parse::<u64>().is_ok()).collect();
    numbers.len() >= 3 && numbers.into_iter().all(|number| number)
}

fn starts_with_number(name: &str) -> bool {
    name.strip_prefix(['v', 'V']).unwrap_or(name).starts_with(|c: char| c.is_ascii_digit())
}

/// A commit's digits may begin with a number too.
fn is_commit(name: &str) -> bool {
    name.len() >= 7 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) && !name.contains('.')
}

#[cfg(test)]
mod tests {
    use super::is_fixed;

    #[test]
    fn only_a_name_for_one_version_must_not_move() {
        for fixed in [
            "actions/checkout@v4",
            "tj-actions/changed-files@v45.0.7",
            "https://github.com/acme/api@refs/tags/v1.2.0",
            "ghcr.io/acme/api:1.2.0",
            "ghcr.io/acme/api:v1.2.0-alpine",
        ] {
            assert!(is_fixed(fixed), "{fixed}");
        }
        for moves in [
            "actions/checkout@main",
            "https://github.com/acme/api@refs/heads/main",
            "https://github.com/acme/api@refs/heads/1.x",
            "https://github.com/acme/api@refs/tags/latest",
            "actions/checkout@16d9990a7c1b6a3f1e9d2c4b5a69788f9e0d1c2b",
            "alpine:latest",
            "node:20",
            "node:20.11",
            "alpine",
            "localhost:5000/api",
            "https://a.test:8443/x",
        ] {
            assert!(!is_fixed(moves), "{moves}");
        }
    }
}

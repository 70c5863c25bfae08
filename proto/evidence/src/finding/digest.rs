//! Digest conflict: one version of a package is released with several bytes, or one digest is paired with different others.
//! Bytes mismatch: what ships, or was used in a build, has other bytes than its version was released with.
//!
//! Only digests of one algorithm say something of each other, and only of packages of which a version is one file: a Python
//! release is a dozen of them. A document that gives several bytes for one version says nothing of which are meant.

use std::collections::{BTreeMap, BTreeSet};

use super::bounds::{ABOUT_ARTIFACT, COMPONENTS_LOOKED_AT, LOOK_BACK, PAIRS_LOOKED_AT};
use super::need::{Need, term};
use super::seen::{GOES_OUT, Kind, Known, PROVENANCE, Seen};
use super::{Finding, FindingKind, finding};
use crate::fact::{EdgeKind, Field, Node, NodeKind};
use crate::purl::Purl;

/// Package types of which a version is one file, the same for everybody.
const ONE_FILE: [&str; 5] = ["cargo", "hex", "npm", "nuget", "pub"];

/// A version of a package, and the algorithm of a digest of its bytes.
type Place<'a> = (String, &'a str);

/// The bytes that an entry gives for versions.
type Bytes<'a> = BTreeMap<Place<'a>, &'a Node>;

/// Other releases of what is released, and what else is said of the digests that are paired.
pub(super) fn conflict_needs(new: &Seen<'_>, _: &Known<'_>, needs: &mut BTreeSet<Need>) {
    for (package, _) in released(new).keys() {
        needs.insert(Need::named(versionless(package)));
    }
    for (one, other) in pairs(new) {
        for node in [one, other] {
            let own = term(Field::Artifact, node.id());
            needs.insert(Need::before([own.clone()], ABOUT_ARTIFACT));
            // By what they are, too: who records sixteen scans must hide nothing.
            let of = |of: &&str| [own.clone(), term(Field::Predicate, of)];
            let told = GOES_OUT.iter().chain(&PROVENANCE).map(of);
            needs.extend(told.map(|terms| Need::before(terms, ABOUT_ARTIFACT)));
        }
    }
}

/// Who used what is released, and the releases of what is used.
pub(super) fn mismatch_needs(new: &Seen<'_>, _: &Known<'_>, needs: &mut BTreeSet<Need>) {
    for (package, _) in released(new).keys() {
        // Whoever names it writes it in its canonical form.
        let component = package.parse().ok().map(|purl: Purl| Node::component(&purl));
        let using = component.as_ref().and_then(Need::using);
        needs.insert(
            using.unwrap_or_else(|| Need::before([term(Field::Component, versionless(package))], LOOK_BACK)),
        );
    }
    let used = used(new);
    let packages: BTreeSet<&str> = used.keys().map(|(package, _)| versionless(package)).collect();
    needs.extend(packages.into_iter().map(Need::named));
}

pub(super) fn find(new: &Seen<'_>, known: &Known<'_>) -> Vec<Finding> {
    let (own_released, own_used) = (released(new), used(new));
    let mut found: Vec<Finding> = Vec::new();
    if !own_released.is_empty() || !own_used.is_empty() {
        for seen in known.entries.range(..new.index).map(|(_, seen)| seen).rev() {
            let (their_released, their_used) = (released(seen), used(seen));
            let kinds = [
                (FindingKind::DigestConflict, &own_released, &their_released),
                (FindingKind::BytesMismatch, &own_released, &their_used),
                (FindingKind::BytesMismatch, &own_used, &their_released),
            ];
            for (kind, own, theirs) in kinds {
                found.extend(differing(kind, own, theirs, new, seen));
            }
        }
    }
    found.extend(parted(new, known));
    let mut told = BTreeSet::new();
    found.retain(|one| told.insert((one.kind, one.thing.clone())));
    found
}

fn differing(
    kind: FindingKind,
    own: &Bytes<'_>,
    theirs: &Bytes<'_>,
    new: &Seen<'_>,
    seen: &Seen<'_>,
) -> Vec<Finding> {
    let differs = own.iter().filter_map(|(place, bytes)| {
        let other = theirs.get(place).filter(|other| *other != bytes)?;
        let thing = Node::named(NodeKind::Component, &place.0)?;
        let message = match kind {
            FindingKind::DigestConflict => {
                format!("{} was released as {}, and as {} before", place.0, bytes.id(), other.id())
            }
            _ => format!("{} is {} here, and {} in entry {}", place.0, bytes.id(), other.id(), seen.index),
        };
        Some(finding(kind, thing, new, [seen], message))
    });
    differs.collect()
}

/// The bytes that a release, or a build of the package itself, gives for a version.
fn released<'a>(seen: &Seen<'a>) -> Bytes<'a> {
    if !matches!(seen.kind(), Kind::Provenance | Kind::Publication | Kind::Release) {
        return Bytes::new();
    }
    let called = seen.called().iter().filter(|called| called.name.starts_with("pkg:"));
    let versions = called.filter_map(|called| {
        let package = format!("{}@{}", called.name, called.version.as_deref()?);
        Some(called.artifacts.iter().map(move |bytes| (package.clone(), bytes)))
    });
    single(versions.flatten().take(PAIRS_LOOKED_AT))
}

/// The bytes that a document, or a build that used them, gives for versions.
fn used<'a>(seen: &Seen<'a>) -> Bytes<'a> {
    if seen.kind() == Kind::Release {
        return Bytes::new();
    }
    // What it is about is what it releases.
    let subjects: BTreeSet<&Node> = seen.called().iter().flat_map(|called| &called.artifacts).collect();
    let edges = seen.facts.edges.iter().filter(|edge| edge.kind == EdgeKind::HasBytes);
    let edges = edges.filter(|edge| !subjects.contains(&edge.to));
    let version = |component: &Node| {
        let purl: Purl = component.id().parse().ok()?;
        Some(format!("{}@{}", purl.versionless(), purl.version()?))
    };
    single(edges.take(COMPONENTS_LOOKED_AT).filter_map(|edge| Some((version(&edge.from)?, &edge.to))))
}

/// Keeps the versions that are one file, and for which one digest of an algorithm is given.
fn single<'a>(all: impl Iterator<Item = (String, &'a Node)>) -> Bytes<'a> {
    let mut bytes: BTreeMap<Place<'a>, BTreeSet<&'a Node>> = BTreeMap::new();
    for (package, node) in all.filter(|(package, _)| is_one_file(package)) {
        if let Some((algorithm, _)) = node.id().split_once(':') {
            bytes.entry((package, algorithm)).or_default().insert(node);
        }
    }
    let one = |(place, nodes): (Place<'a>, BTreeSet<&'a Node>)| match nodes.len() {
        1 => nodes.first().map(|node| (place, *node)),
        _ => None,
    };
    bytes.into_iter().filter_map(one).collect()
}

fn is_one_file(package: &str) -> bool {
    let package_type = package.strip_prefix("pkg:").and_then(|rest| rest.split('/').next());
    package_type.is_some_and(|package_type| ONE_FILE.contains(&package_type))
}

fn versionless(package: &str) -> &str {
    package.rsplit_once('@').map_or(package, |(name, _)| name)
}

/// One digest that two statements pair with different others.
fn parted(new: &Seen<'_>, known: &Known<'_>) -> Vec<Finding> {
    let own = pairs(new);
    let earlier: Vec<&Seen<'_>> = known.entries.range(..new.index).map(|(_, seen)| seen).rev().collect();
    let of = |pair: &(&Node, &Node)| {
        // It was told when the pair was stated first.
        if earlier.iter().any(|seen| pairs(seen).contains(pair)) {
            return None;
        }
        earlier.iter().find_map(|seen| {
            let (shared, other) = pairs(seen).iter().find_map(|theirs| disagree(pair, theirs))?;
            let message = format!("{} is paired with {}, and with another before", shared.id(), other.id());
            Some(finding(FindingKind::DigestConflict, shared.clone(), new, [*seen], message))
        })
    };
    own.iter().filter_map(of).collect()
}

/// Returns the digest that both pairs have, and the other one of the first, if their others cannot both be right.
fn disagree<'a>(own: &(&'a Node, &'a Node), theirs: &(&Node, &Node)) -> Option<(&'a Node, &'a Node)> {
    let algorithm = |node: &Node| node.id().split_once(':').map(|(algorithm, _)| algorithm.to_owned());
    let differ = |one: &Node, other: &Node| one != other && algorithm(one) == algorithm(other);
    if own.0 == theirs.0 && differ(own.1, theirs.1) {
        return Some((own.0, own.1));
    }
    (own.1 == theirs.1 && differ(own.0, theirs.0)).then_some((own.1, own.0))
}

/// The digests that an entry says are one thing, of what it is about.
fn pairs<'a>(seen: &Seen<'a>) -> Vec<(&'a Node, &'a Node)> {
    let subjects: BTreeSet<&Node> = seen.called().iter().flat_map(|called| &called.artifacts).collect();
    let edges = seen.facts.edges.iter().filter(|edge| edge.kind == EdgeKind::SameAs);
    let own = edges.filter(|edge| subjects.is_empty() || subjects.contains(&edge.from));
    own.take(PAIRS_LOOKED_AT).map(|edge| (&edge.from, &edge.to)).collect()
}

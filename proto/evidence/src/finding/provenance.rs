//! Provenance regression: an artifact went out without provenance, though earlier ones of its name had it.
//! Untagged release: its provenance names no tag, though those of earlier versions did.

use std::collections::BTreeSet;

use custody_log::LeafIndex;

use super::bounds::{ABOUT_ARTIFACT, ARTIFACTS_LOOKED_AT, HISTORY_MIN, LOOK_BACK, PAIRS_LOOKED_AT, SHOWN};
use super::need::{Need, term};
use super::release::Line;
use super::seen::{GOES_OUT, Kind, Known, PROVENANCE, Seen};
use super::{Finding, FindingKind, finding, tag};
use crate::fact::{Called, EdgeKind, Field, Meant, Node, NodeKind, Term};
use crate::predicate::{CustodyPredicate as _, Source, judgement, slsa_v1, slsa_v02, source_provenance};

/// The types that say on which branch or tag a commit is.
const ON_REF: [&str; 4] =
    [Source::TYPE, judgement::VSA_TYPE, source_provenance::SOURCE_TYPE, source_provenance::TAG_TYPE];

/// The provenance of versions before that names no tag, and who says which tag its commit has.
pub(super) fn untagged_needs(new: &Seen<'_>, _: &Known<'_>, needs: &mut BTreeSet<Need>) {
    if new.is_history() {
        return;
    }
    for called in new.called().iter().filter(|called| lacks_tag(new, called)) {
        for predicate_type in [slsa_v1::TYPE, slsa_v02::TYPE] {
            let terms = [term(Field::Name, &called.name), term(Field::Predicate, predicate_type)];
            needs.insert(Need::before(terms, LOOK_BACK));
        }
        // Of what says which tag a commit has: builds of it may be hundreds.
        let commits = commits(new).flat_map(Node::terms).filter(|term| term.field() == Field::Commit);
        for (commit, of) in commits.flat_map(|commit| ON_REF.map(|of| (commit.clone(), of))) {
            needs.insert(Need::anywhere([commit, term(Field::Predicate, of)], LOOK_BACK));
        }
    }
}

pub(super) fn find(new: &Seen<'_>, known: &Known<'_>) -> Vec<Finding> {
    if new.is_history() {
        return Vec::new();
    }
    let mut found: Vec<Finding> = Vec::new();
    for called in new.called() {
        let one = regression(new, called, known).or_else(|| untagged(new, called, known));
        // Two names of the same bytes are told once.
        found.extend(one.filter(|one| found.iter().all(|other| other.thing != one.thing)));
    }
    found
}

/// What else went out under the name, and what there is about this artifact and about those. All are asked for by what they are: what
/// runs for a month is named by ten thousand snapshots, among which no record of its build is found.
pub(super) fn regression_needs(new: &Seen<'_>, known: &Known<'_>, needs: &mut BTreeSet<Need>) {
    if new.is_history() || !new.goes_out() {
        return;
    }
    for called in new.called() {
        let own = new.facts.predicate_type().unwrap_or_default();
        for subject in subjects(&called.artifacts) {
            // Nearly always it went out in the same way before, and nothing else is asked for.
            needs.insert(Need::before([subject, term(Field::Predicate, own)], 1));
        }
        let is_told = went_before(new, called, known) && meanings(new, called).next().is_none();
        if known.rounds == 0 || has_provenance(&called.artifacts, known) || is_told {
            continue;
        }
        // What goes out nearly always has provenance, and then is compared with nothing: all of an environment may be new at once.
        let builds = about(&called.artifacts, &PROVENANCE).into_iter();
        needs.extend(builds.map(|terms| Need::anywhere(terms, 1)));
        if known.rounds == 1 {
            continue;
        }
        needs.insert(Need::named(&called.name));
        let went_out = about(&called.artifacts, &GOES_OUT).into_iter();
        needs.extend(went_out.map(|terms| Need::before(terms, ABOUT_ARTIFACT)));
        for earlier in others(new, called, known).into_iter().take(ARTIFACTS_LOOKED_AT) {
            let builds = about(&earlier.artifacts, &PROVENANCE).into_iter();
            needs.extend(builds.map(|terms| Need::before(terms, 1)));
        }
        if let Some((_, old)) = moved(new, called, known) {
            let old = term(Field::Subject, old.bytes.id());
            let of = |of: &&str| vec![old.clone(), term(Field::Predicate, of)];
            needs.extend(PROVENANCE.iter().map(of).map(|terms| Need::before(terms, 1)));
        }
    }
}

fn regression(new: &Seen<'_>, called: &Called, known: &Known<'_>) -> Option<Finding> {
    if !new.goes_out() || has_provenance(&called.artifacts, known) {
        return None;
    }
    let before = known.before(new);
    let moved = moved(new, called, known);
    let builds_old = moved.and_then(|(_, old)| {
        let old = BTreeSet::from([old.bytes.clone()]);
        before.iter().find(|seen| seen.builds_any(&old)).copied()
    });
    // That it went out is told once, and once more where a name fell to it from what has provenance.
    if builds_old.is_none() && went_before(new, called, known) {
        return None;
    }
    let (had, last, mut shown) = had_provenance(new, called, known);
    let publication = published(new, called, &before);
    if let (Some((said, _)), Some(builds)) = (&moved, builds_old) {
        shown.extend([said.index, builds.index]);
    }
    shown.extend(publication.map(|(seen, _)| seen.index).filter(|index| *index != new.index));
    let shown = shown.iter().filter_map(|index| known.entries.get(index));
    let thing = called.artifacts.first()?.clone();
    // A tag such as `latest` says nothing of bytes: what it was, what it is and who did that are told.
    let of_version = called.version.as_deref().map_or_else(String::new, |version| format!("{version}: "));
    let by = match publication {
        Some((_, actor)) => format!(", published by {actor}"),
        None if moved.is_some() => ", published by nobody that is recorded".to_owned(),
        None => String::new(),
    };
    let fell = moved.map_or_else(String::new, |(_, old)| {
        format!("; {} meant {} before", old.reference.id(), old.bytes.id())
    });
    let message = format!(
        "{of_version}{} of {} went out without provenance{by}, which {had} earlier had, the last of them {}{fell}",
        thing.id(),
        called.name,
        last?.id()
    );
    Some(finding(FindingKind::ProvenanceRegression, thing, new, shown, message))
}

/// How many other artifacts of the name had provenance before, the newest of them, and some of the entries that show it.
fn had_provenance<'a>(
    new: &Seen<'_>,
    called: &Called,
    known: &Known<'a>,
) -> (usize, Option<&'a Node>, BTreeSet<LeafIndex>) {
    let before = known.before(new);
    let (mut had, mut last, mut shown) = (0_usize, None, BTreeSet::new());
    for other in others(new, called, known) {
        let Some(builds) = before.iter().find(|seen| seen.builds_any(&other.artifacts)) else { continue };
        had = had.saturating_add(1);
        last = last.or(other.artifacts.first());
        let names = before.iter().find(|seen| seen.called().contains(other));
        if had <= SHOWN {
            shown.extend([builds.index].into_iter().chain(names.map(|seen| seen.index)));
        }
    }
    (had, last, shown)
}

/// What an entry says that references mean these artifacts.
fn meanings<'a>(new: &Seen<'a>, called: &'a Called) -> impl Iterator<Item = &'a Meant> + use<'a> {
    let meant = new.facts.told.meant.iter();
    meant.filter(move |meant| called.artifacts.contains(&meant.bytes)).take(PAIRS_LOOKED_AT)
}

/// What a reference meant until it came to mean these artifacts, and where that is said; none if no reference did.
fn moved<'a>(new: &Seen<'_>, called: &Called, known: &Known<'a>) -> Option<(Seen<'a>, &'a Meant)> {
    meanings(new, called)
        .find_map(|meant| tag::meant_before(new, meant, known, known.before(new)).into_iter().next())
}

/// Who published the artifacts, by this entry or the newest one before, and which says so.
fn published<'a>(new: &Seen<'a>, called: &Called, before: &[&Seen<'a>]) -> Option<(Seen<'a>, &'a str)> {
    let about =
        |seen: &Seen<'_>| seen.called().iter().any(|other| !other.artifacts.is_disjoint(&called.artifacts));
    let by = |seen: &Seen<'a>| seen.actors().next().map(|actor| (*seen, actor));
    by(new).or_else(|| before.iter().copied().filter(|seen| about(seen)).find_map(by))
}

/// Other bytes of the same name that an earlier entry names, the newest first, each once.
fn others<'a>(new: &Seen<'_>, called: &Called, known: &Known<'a>) -> Vec<&'a Called> {
    let mut others: Vec<&Called> = Vec::new();
    for seen in known.before(new) {
        for other in seen.called().iter().filter(|other| other.name == called.name) {
            let same = |one: &&Called| !one.artifacts.is_disjoint(&other.artifacts);
            if other.artifacts.is_disjoint(&called.artifacts) && !others.iter().any(same) {
                others.push(other);
            }
        }
    }
    others
}

fn has_provenance(artifacts: &BTreeSet<Node>, known: &Known<'_>) -> bool {
    known.entries.values().any(|seen| seen.builds_any(artifacts))
}

/// Whether an earlier entry told that it went out: the finding is told once. Of history nothing is told.
pub(super) fn went_before(new: &Seen<'_>, called: &Called, known: &Known<'_>) -> bool {
    let mut earlier = known.earlier(new).filter(|seen| seen.goes_out() && !seen.is_history());
    earlier.any(|seen| seen.called().iter().any(|other| !other.artifacts.is_disjoint(&called.artifacts)))
}

/// The terms of what is about any of these artifacts and has one of some types.
pub(super) fn about(artifacts: &BTreeSet<Node>, types: &[&str]) -> Vec<[Term; 2]> {
    let of = |subject: Term| types.iter().map(move |of| [subject.clone(), term(Field::Predicate, of)]);
    subjects(artifacts).flat_map(of).collect()
}

pub(super) fn subjects(artifacts: &BTreeSet<Node>) -> impl Iterator<Item = Term> + '_ {
    artifacts.iter().map(|node| term(Field::Subject, node.id()))
}

/// Whether an entry is the provenance of a version, and names no tag.
fn lacks_tag(seen: &Seen<'_>, called: &Called) -> bool {
    seen.kind() == Kind::Provenance && is_version(called) && !names_tag(seen)
}

fn untagged(new: &Seen<'_>, called: &Called, known: &Known<'_>) -> Option<Finding> {
    if !lacks_tag(new, called) {
        return None;
    }
    let commits: BTreeSet<&Node> = commits(new).collect();
    let tagged = |seen: &&Seen<'_>| {
        let mut edges = seen.facts.edges.iter();
        edges.any(|edge| edge.kind == EdgeKind::OnRef && commits.contains(&edge.from) && is_tag(&edge.to))
    };
    if commits.is_empty() || known.entries.values().any(|seen| tagged(&seen)) {
        return None;
    }
    let other = |seen: &&Seen<'_>| {
        let mut names = seen.called().iter();
        seen.kind() == Kind::Provenance
            && names.any(|other| {
                other.name == called.name && other.version != called.version && is_version(other)
            })
    };
    let before = known.before(new);
    let earlier: Vec<&Seen<'_>> = before.into_iter().filter(other).take(HISTORY_MIN).collect();
    if earlier.len() < HISTORY_MIN || !earlier.iter().all(|seen| names_tag(seen)) {
        return None;
    }
    let message = format!(
        "{} of {} was built from no tag, which the {HISTORY_MIN} versions before it were",
        version_or_digest(called),
        called.name
    );
    let thing = called.artifacts.first()?.clone();
    Some(finding(FindingKind::UntaggedRelease, thing, new, earlier, message))
}

fn is_version(called: &Called) -> bool {
    called.version.as_deref().is_some_and(|version| Line::of(version).is_some())
}

fn commits<'a>(seen: &Seen<'a>) -> impl Iterator<Item = &'a Node> + use<'a> {
    let edges = seen.facts.edges.iter().filter(|edge| edge.kind == EdgeKind::BuiltFrom);
    edges.map(|edge| &edge.to).filter(|node| node.kind() == NodeKind::Commit)
}

fn names_tag(seen: &Seen<'_>) -> bool {
    seen.facts.edges.iter().any(|edge| edge.kind == EdgeKind::Resolved && is_tag(&edge.to))
}

fn is_tag(reference: &Node) -> bool {
    reference.kind() == NodeKind::Ref && reference.id().contains("@refs/tags/")
}

fn version_or_digest(called: &Called) -> &str {
    let digest = || called.artifacts.first().map_or("", Node::id);
    called.version.as_deref().unwrap_or_else(digest)
}

//! What runs for a month is in thousands of snapshots: what was said of it before is found all the same, and they are not read.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use custody_evidence::environment::{Observation, Said, Seen};
use custody_evidence::fact::{Edge, EdgeKind, Facts};
use proptest::prelude::*;

use super::*;
use crate::query::impact::Of;
use crate::query::tests::memory::{Memory, artifact, node, sha256};
use crate::query::{Impact, about, impact, trace};
use EdgeKind as K;

/// More than a trace reads.
const MANY: usize = 5_000;

/// Records a snapshot of an environment, which saw these artifacts.
fn see(memory: &mut Memory, environment: &str, seen: &[char]) -> LeafIndex {
    let mut facts = Facts::default();
    let place = node(NodeKind::Environment, environment);
    for digit in seen {
        facts.edges.insert(Edge { from: artifact(*digit), kind: K::RunsIn, to: place.clone() });
    }
    let running = seen
        .iter()
        .map(|digit| Seen { digest: sha256(*digit).parse().unwrap(), workload: None, count: None })
        .collect();
    let said = Said::Snapshot { running, unknown: None, whole: true };
    facts.observation = Some(Arc::new(Observation { environment: environment.parse().unwrap(), said }));
    let subjects: Vec<String> = seen.iter().map(|digit| sha256(*digit)).collect();
    let subjects = subjects.iter().map(|subject| (Field::Subject, subject.as_str()));
    let terms: Vec<_> =
        subjects.chain([(Field::Predicate, Snapshot::TYPE), (Field::Environment, environment)]).collect();
    memory.record_facts(1, facts, &terms)
}

fn build(memory: &mut Memory, of: char) -> LeafIndex {
    let run = node(NodeKind::Run, "https://ci.test/1");
    let subject = sha256(of);
    let terms = [(Field::Subject, subject.as_str()), (Field::Predicate, "https://slsa.dev/provenance/v1")];
    memory.record(1, None, &[(artifact(of), K::BuiltBy, run)], &terms)
}

/// Built, seen once in one environment, and ever since in another.
fn long_running() -> (Memory, LeafIndex) {
    let mut memory = Memory::new();
    let built = build(&mut memory, 'a');
    see(&mut memory, "canary", &['a']);
    for _ in 0..MANY {
        see(&mut memory, "prod", &['a', 'b']);
    }
    memory.read.store(0, Ordering::Relaxed);
    (memory, built)
}

fn reads(memory: &Memory) -> usize {
    memory.read.swap(0, Ordering::Relaxed)
}

#[test]
fn a_trace_gets_to_the_build_of_what_thousands_of_snapshots_saw_and_misses_no_environment() {
    let (memory, built) = long_running();
    let traced = trace(&memory, &artifact('a'), None, memory.indexed_to).unwrap();
    assert!(!traced.truncated);
    assert!(traced.edges.iter().any(|edge| edge.kind == K::BuiltBy && edge.entry == built));
    let places: BTreeSet<&str> =
        traced.edges.iter().filter(|edge| edge.kind == K::RunsIn).map(|edge| edge.to.id()).collect();
    assert_eq!(places, BTreeSet::from(["canary", "prod"]));
    assert!(traced.edges.len() < 2 * SNAPSHOTS_READ, "{}", traced.edges.len());
    let newest = traced.edges.iter().map(|edge| edge.entry).max();
    assert_eq!(newest, memory.indexed_to.last_index(), "the newest are shown");
    let read = reads(&memory);
    assert!(read < 4 * SNAPSHOTS_READ, "{read}");
}

#[test]
fn impact_gets_through_them_too() {
    let (memory, _) = long_running();
    let run = node(NodeKind::Run, "https://ci.test/1");
    let question = Impact { of: Of::Nodes(vec![run]), since: None, until: None, after: 0 };
    let found = impact(&memory, &question, memory.indexed_to).unwrap();
    assert!(!found.truncated);
    let ends: BTreeSet<(&str, &str)> =
        found.edges.iter().map(|found| (found.edge.kind.as_str(), found.edge.to.id())).collect();
    let expected = [("built-by", "https://ci.test/1"), ("runs-in", "canary"), ("runs-in", "prod")];
    assert_eq!(ends, BTreeSet::from(expected));
    let read = reads(&memory);
    assert!(read < 4 * SNAPSHOTS_READ, "{read}");
}

#[test]
fn where_something_stopped_it_ran_though_newer_snapshots_of_other_places_are_all_that_is_read() {
    let mut memory = Memory::new();
    build(&mut memory, 'a');
    for environment in ["prod", "staging"] {
        for _ in 0..2 * SNAPSHOTS_READ {
            see(&mut memory, environment, &['a']);
        }
    }
    let mut facts = Facts::default();
    facts.edges.insert(Edge {
        from: artifact('a'),
        kind: K::StoppedIn,
        to: node(NodeKind::Environment, "prod"),
    });
    let said = Said::Stopped { cluster: None, workload: None, artifacts: Vec::new() };
    facts.observation = Some(Arc::new(Observation { environment: "prod".parse().unwrap(), said }));
    let subject = sha256('a');
    memory.record_facts(2, facts, &[(Field::Subject, subject.as_str()), (Field::Environment, "prod")]);
    let question = Impact { of: Of::Nodes(vec![artifact('a')]), since: None, until: None, after: 0 };
    let found = impact(&memory, &question, memory.indexed_to).unwrap();
    let runs = found.edges.iter().filter(|found| found.edge.kind == K::RunsIn);
    let places: BTreeSet<&str> = runs.map(|found| found.edge.to.id()).collect();
    assert_eq!(places, BTreeSet::from(["prod", "staging"]));
}

#[test]
fn a_pair_of_digests_that_one_old_snapshot_states_is_followed() {
    let (mut memory, built) = long_running();
    let place = usize::try_from(built.get() + 9).unwrap();
    // The record of another digest, and the one snapshot that says that both are one.
    let (other, run) = (
        node(NodeKind::Artifact, &format!("sha512:{}", "d".repeat(128))),
        node(NodeKind::Run, "https://ci.test/2"),
    );
    let said = memory.record(1, None, &[(other.clone(), K::BuiltBy, run)], &[]);
    let mut paired = memory.readings[place].as_ref().clone();
    paired.facts.edges.insert(Edge { from: artifact('a'), kind: K::SameAs, to: other.clone() });
    for digest in [artifact('a').id(), other.id()] {
        paired.terms.insert(Term::parse(Field::Pair, digest).unwrap());
    }
    paired.terms.extend(paired.facts.terms());
    memory.readings[place] = Arc::new(paired);
    let traced = trace(&memory, &artifact('a'), None, memory.indexed_to).unwrap();
    assert!(traced.edges.iter().any(|edge| edge.kind == K::BuiltBy && edge.entry == said), "{traced:?}");
    let question = Impact { of: Of::Nodes(vec![other]), since: None, until: None, after: 0 };
    let found = impact(&memory, &question, memory.indexed_to).unwrap();
    let places: BTreeSet<&str> = found
        .edges
        .iter()
        .filter(|found| found.edge.kind == K::RunsIn)
        .map(|found| found.edge.to.id())
        .collect();
    assert_eq!(places, BTreeSet::from(["canary", "prod"]));
}

#[test]
fn a_snapshot_that_was_erased_is_told_though_thousands_newer_ones_were_passed_over() {
    let (mut memory, built) = long_running();
    let [early, late] = [built.get() + 7, memory.indexed_to.get() - 3].map(|at| LeafIndex::new(at).unwrap());
    memory.erase(early);
    memory.erase(late);
    let traced = trace(&memory, &artifact('a'), None, memory.indexed_to).unwrap();
    assert_eq!(traced.redacted, [early, late]);
    let question = Impact { of: Of::Nodes(vec![artifact('a')]), since: None, until: None, after: 0 };
    assert_eq!(
        impact(&memory, &question, memory.indexed_to).unwrap().redacted,
        BTreeSet::from([early, late])
    );
    // Before it was recorded nothing of it was erased.
    let before = TreeSize::new(early.get()).unwrap();
    assert_eq!(trace(&memory, &artifact('a'), None, before).unwrap().redacted, []);
    // Another thing is not told of it.
    assert_eq!(trace(&memory, &artifact('z'), None, memory.indexed_to).unwrap().redacted, []);
}

#[test]
fn records_about_it_are_found_behind_them_and_there_are_no_more() {
    let (memory, built) = long_running();
    let digests = ['a', 'b'].map(|digit| sha256(digit).parse().unwrap());
    let found = about(&memory, &digests, Some(4), memory.indexed_to).unwrap();
    assert_eq!((found[0].indexes.as_slice(), found[0].more), (&[built][..], false));
    assert_eq!((found[1].indexes.as_slice(), found[1].more), (&[][..], false), "it only runs");
}

#[test]
fn more_than_may_be_passed_over_is_said() {
    let (memory, _) = long_running();
    let term = artifact('a').terms().remove(0);
    let mut mentions = Mentions::of_bytes(term, memory.indexed_to, MANY - 100).unwrap();
    while let Some(index) = mentions.next(&memory).unwrap() {
        mentions.saw(&memory.readings[usize::try_from(index.get()).unwrap()]);
    }
    assert!(mentions.is_cut() && mentions.left() == 0);
}

/// What happens next in a log.
#[derive(Debug, Clone)]
enum Next {
    Built(char),
    Seen(&'static str, Vec<char>),
    /// The entry so many before the last one.
    Erased(usize),
}

fn next() -> impl Strategy<Value = Next> {
    let digit = || prop::sample::select(vec!['a', 'b', 'c']);
    let places = vec!["prod", "staging", "lab"];
    prop_oneof![
        1 => digit().prop_map(Next::Built),
        8 => (prop::sample::select(places), prop::collection::vec(digit(), 1..3))
            .prop_map(|(place, seen)| Next::Seen(place, seen)),
        1 => (0..60_usize).prop_map(Next::Erased),
    ]
}

proptest! {
    /// Which things an artifact is connected with is what all entries say, however many snapshots are among them.
    #[test]
    fn nothing_but_repetitions_is_left_out(log in prop::collection::vec(next(), 0..160)) {
        let mut memory = Memory::new();
        let (mut about, mut erased) = (Vec::new(), BTreeSet::new());
        for next in log {
            match next {
                Next::Built(digit) => about.push((build(&mut memory, digit), vec![digit])),
                Next::Seen(place, seen) => about.push((see(&mut memory, place, &seen), seen)),
                Next::Erased(before) => {
                    let place = about.len().saturating_sub(before + 1);
                    if let Some((index, _)) = about.get(place).filter(|(index, _)| erased.insert(*index)) {
                        memory.erase(*index);
                    }
                }
            }
        }
        for digit in ['a', 'b', 'c'] {
            let asked = artifact(digit);
            let all = memory.readings.iter().flat_map(|reading| &reading.facts.edges);
            let said: BTreeSet<Edge> = all.filter(|edge| edge.from == asked).cloned().collect();
            let traced = trace(&memory, &asked, Some(1), memory.indexed_to).unwrap();
            let edge = |edge: &crate::query::TracedEdge| Edge { from: edge.from.clone(), kind: edge.kind, to: edge.to.clone() };
            prop_assert_eq!(traced.edges.iter().map(edge).collect::<BTreeSet<_>>(), said.clone());
            let question = Impact { of: Of::Nodes(vec![asked.clone()]), since: None, until: None, after: 0 };
            let found = impact(&memory, &question, memory.indexed_to).unwrap();
            let gone = about.iter().filter(|(index, of)| of.contains(&digit) && erased.contains(index));
            let gone: BTreeSet<LeafIndex> = gone.map(|(index, _)| *index).collect();
            prop_assert_eq!(traced.redacted.into_iter().collect::<BTreeSet<_>>(), gone.clone());
            prop_assert!(gone.is_subset(&found.redacted), "{:?} {:?}", gone, found.redacted);
            let runs = |edge: &&Edge| edge.kind == K::RunsIn;
            let found: BTreeSet<Edge> = found.edges.iter().map(|found| found.edge.clone()).collect();
            prop_assert_eq!(
                found.iter().filter(runs).collect::<BTreeSet<_>>(),
                said.iter().filter(runs).collect::<BTreeSet<_>>()
            );
        }
    }
}

/// Records a build of something that used these, which is not named by its subject alone.
fn build_with(memory: &mut Memory, number: usize, made: &Node, used: &[Node]) -> LeafIndex {
    let run = node(NodeKind::Run, &format!("https://ci.test/builds/{number}"));
    let mut edges = vec![(made.clone(), K::BuiltBy, run.clone())];
    for used in used {
        let kind = if used.kind() == NodeKind::Commit { K::BuiltFrom } else { K::Resolved };
        edges.push((run.clone(), kind, used.clone()));
    }
    let terms = [(Field::Subject, made.id()), (Field::Predicate, "https://slsa.dev/provenance/v1")];
    memory.record(1, None, &edges, &terms)
}

#[test]
fn what_thousands_of_builds_used_is_traced_to_its_own_origin_and_they_are_not_read() {
    let mut memory = Memory::new();
    let (base, hex) = (artifact('b'), "c".repeat(40));
    let commit = Node::of_digest(&format!("gitCommit:{hex}").parse().unwrap(), None);
    assert_eq!(commit.kind(), NodeKind::Commit);
    let alice = node(NodeKind::Identity, "alice@acme.test");
    // The base image and the action have records of their own; one of the commit is a build of it, by either name of its digest.
    let of_base = build_with(&mut memory, 0, &base, &[]);
    let reviewed = memory.record(
        1,
        None,
        &[(commit.clone(), K::Reviewed, alice)],
        &[(Field::Subject, &format!("gitCommit:{hex}")), (Field::Predicate, "urn:custody:review:v1")],
    );
    let pointed = [(commit.clone(), K::OnRef, node(NodeKind::Ref, "git.test/action@refs/tags/v2"))];
    let named = [(Field::Subject, format!("sha1:{hex}")), (Field::Predicate, slsa_v1::TYPE.to_owned())];
    let named: Vec<_> = named.iter().map(|(field, value)| (*field, value.as_str())).collect();
    let on_ref = memory.record(1, None, &pointed, &named);
    let other = |number: usize| Node::of_digest(&format!("sha256:{number:064x}").parse().unwrap(), None);
    for number in 1..=MANY {
        let (made, used) = (other(number), [base.clone(), commit.clone()]);
        build_with(&mut memory, number, &made, &used);
    }
    let built = build_with(&mut memory, MANY + 1, &artifact('a'), &[base.clone(), commit.clone()]);
    memory.read.store(0, Ordering::Relaxed);
    let traced = trace(&memory, &artifact('a'), None, memory.indexed_to).unwrap();
    assert!(!traced.truncated);
    let entries: BTreeSet<LeafIndex> = traced.edges.iter().map(|edge| edge.entry).collect();
    assert_eq!(entries, [of_base, reviewed, on_ref, built].into());
    let read = reads(&memory);
    assert!(read < 6 * SNAPSHOTS_READ, "{read}");
    // Asked about itself, all that was made with it belongs to the answer.
    let of_commit = trace(&memory, &commit, None, memory.indexed_to).unwrap();
    assert!(of_commit.truncated);
}

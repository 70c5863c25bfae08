use custody_evidence::fact::{Edge, Facts, Field, NodeKind};

use super::*;
use crate::query::tests::memory::{Memory, artifact, node, sha256, size};
use EdgeKind as K;

/// What says that an entry is a bill of materials.
const BILL: (Field, &str) = (Field::Predicate, "https://cyclonedx.org/bom");

/// What says that an entry is the report of a scanner.
const SCAN: (Field, &str) = (Field::Predicate, "https://in-toto.io/attestation/vulns/v0.2");

fn commit() -> Node {
    node(NodeKind::Commit, &format!("https://github.com/acme/api@{}", "c".repeat(40)))
}

fn run() -> Node {
    node(NodeKind::Run, "https://github.com/acme/api/actions/runs/4711")
}

fn named(kind: NodeKind, id: &str) -> Node {
    node(kind, id)
}

fn alice() -> Node {
    named(NodeKind::Identity, "alice")
}

fn prod() -> Node {
    named(NodeKind::Environment, "prod")
}

fn component(number: usize) -> Node {
    named(NodeKind::Component, &format!("pkg:npm/c{number}@1.0.0"))
}

/// Source, review, build, bill of materials, scan, approval, promotion, deployment, in a mixed-up order.
fn chain() -> Memory {
    let mut memory = Memory::new();
    let a = || artifact('a');
    memory.record(1, Some(70), &[(a(), K::RunsIn, prod())], &[]);
    memory.record(2, None, &[(a(), K::Approved, alice()), (a(), K::Approved, prod())], &[]);
    bill(&mut memory, &a(), 'd', 300);
    memory.record(4, None, &[(a(), K::DescribedBy, named(NodeKind::Document, &sha256('e')))], &[SCAN]);
    build(&mut memory, &a(), &run());
    memory.record(6, None, &[(commit(), K::Reviewed, alice())], &[]);
    let main = named(NodeKind::Ref, "https://github.com/acme/api@refs/heads/main");
    memory.record(7, None, &[(commit(), K::OnRef, main), (commit(), K::AuthoredBy, alice())], &[]);
    memory.record(8, None, &[(a(), K::Promoted, prod())], &[]);
    memory
}

fn build(memory: &mut Memory, artifact: &Node, run: &Node) {
    let builder = named(NodeKind::Builder, "https://github.com/actions/runner");
    let edges = [
        (artifact.clone(), K::BuiltBy, run.clone()),
        (artifact.clone(), K::BuiltFrom, commit()),
        (run.clone(), K::BuiltFrom, commit()),
        (run.clone(), K::RanOn, builder),
    ];
    memory.record(5, Some(50), &edges, &[]);
}

fn bill(memory: &mut Memory, of: &Node, digit: char, components: usize) {
    let document = named(NodeKind::Document, &sha256(digit));
    let mut facts = Facts::default();
    facts.edges.insert(Edge { from: of.clone(), kind: K::DescribedBy, to: document.clone() });
    facts.edges.extend((0..components).map(|number| Edge {
        from: of.clone(),
        kind: K::Contains,
        to: component(number),
    }));
    facts.labels.insert(document, "CycloneDX 1.6".to_owned());
    facts.components = Some(components);
    memory.record_facts(3, facts, &[BILL]);
}

fn traced(memory: &Memory, node: &Node) -> Trace {
    trace(memory, node, None, memory.indexed_to).unwrap()
}

fn missing(trace: &Trace) -> Vec<&'static str> {
    trace.missing.iter().map(|stage| stage.as_str()).collect()
}

fn kinds(trace: &Trace) -> Vec<&'static str> {
    trace.edges.iter().map(|edge| edge.kind.as_str()).collect()
}

fn ends(trace: &Trace, kind: EdgeKind) -> Vec<&str> {
    trace.edges.iter().filter(|edge| edge.kind == kind).map(|edge| edge.to.id()).collect()
}

#[test]
fn an_artifact_is_traced_from_source_to_deployment_in_reading_order() {
    let trace = traced(&chain(), &artifact('a'));
    let expected = [
        "on-ref",
        "authored-by",
        "reviewed",
        "built-from",
        "built-by",
        "built-from",
        "ran-on",
        "described-by",
        "described-by",
        "approved",
        "approved",
        "promoted",
        "runs-in",
    ];
    let mut sorted = (kinds(&trace), expected.to_vec());
    // Within one entry of a stage the order is that of the edges.
    for kinds in [&mut sorted.0, &mut sorted.1] {
        kinds[..2].sort_unstable();
        kinds[3..7].sort_unstable();
    }
    assert_eq!(sorted.0, sorted.1);
    assert_eq!(missing(&trace), [""; 0]);
    assert!(!trace.truncated);
    assert_eq!(trace.nodes[0].node, artifact('a'));
    let deployment = trace.edges.last().unwrap();
    assert_eq!((deployment.entry.get(), deployment.claimed.map(Timestamp::as_micros)), (0, Some(70)));
}

#[test]
fn the_same_question_has_the_same_answer_and_later_entries_do_not_change_it() {
    let mut memory = chain();
    let before = traced(&memory, &artifact('a'));
    build(&mut memory, &artifact('b'), &run());
    memory.record(9, None, &[(artifact('a'), K::StoppedIn, prod())], &[]);
    assert_eq!(trace(&memory, &artifact('a'), None, size(8)).unwrap(), before);
    assert_eq!(kinds(&traced(&memory, &artifact('a'))).last(), Some(&"stopped-in"));
}

#[test]
fn each_stage_that_lacks_its_evidence_is_missing() {
    let whole = chain();
    let all = ["deployment", "approval", "sbom", "scan", "build", "review", "source", "promotion"];
    for (left_out, word) in all.into_iter().enumerate() {
        let mut memory = Memory::new();
        for (number, reading) in whole.readings.iter().enumerate() {
            let facts = if number == left_out { Facts::default() } else { reading.facts.clone() };
            let predicate = match all[number] {
                "sbom" => &[BILL][..],
                "scan" => &[SCAN],
                _ => &[],
            };
            memory.record_facts(1, facts, predicate);
        }
        let trace = traced(&memory, &artifact('a'));
        // Without the build nothing leads to the commit.
        let expected = if word == "build" { vec!["source", "review", "build"] } else { vec![word] };
        assert_eq!(missing(&trace), expected);
    }
    let unknown = traced(&whole, &artifact('f'));
    assert_eq!((unknown.missing.len(), unknown.edges.len(), unknown.nodes.len()), (8, 0, 1));
    assert!(traced(&whole, &prod()).missing.is_empty(), "an environment has no chain");
}

#[test]
fn a_bill_of_materials_that_is_not_understood_is_no_scan() {
    let mut memory = Memory::new();
    let document = named(NodeKind::Document, &sha256('d'));
    memory.record(1, None, &[(artifact('a'), K::DescribedBy, document)], &[BILL]);
    let missing = traced(&memory, &artifact('a')).missing;
    assert!(missing.contains(&Stage::Scan) && !missing.contains(&Stage::Sbom));
}

#[test]
fn a_large_bill_of_materials_is_one_document_with_a_count() {
    let mut memory = Memory::new();
    bill(&mut memory, &artifact('a'), 'd', 1_700);
    let trace = traced(&memory, &artifact('a'));
    assert_eq!(kinds(&trace), ["described-by"]);
    assert_eq!(trace.nodes[1].label, "CycloneDX 1.6, 1700 components");
    assert!(
        !trace.truncated && !trace.missing.contains(&Stage::Sbom) && trace.missing.contains(&Stage::Scan)
    );
}

#[test]
fn a_component_is_traced_to_the_artifacts_that_contain_it_and_no_further() {
    let mut memory = chain();
    bill(&mut memory, &artifact('b'), '9', 10);
    let trace = traced(&memory, &component(3));
    let from: Vec<_> = trace.edges.iter().map(|edge| edge.from.clone()).collect();
    assert_eq!((kinds(&trace), from), (vec!["contains", "contains"], vec![artifact('a'), artifact('b')]));
    assert_eq!(traced(&memory, &component(250)).edges.len(), 1);
}

#[test]
fn what_unrelated_artifacts_share_does_not_join_them() {
    let mut memory = chain();
    // Another artifact of the same run, with the same people and environment, and the same component.
    build(&mut memory, &artifact('b'), &run());
    memory.record(9, None, &[(artifact('b'), K::RunsIn, prod()), (artifact('b'), K::Approved, alice())], &[]);
    bill(&mut memory, &artifact('b'), '9', 10);
    let trace = traced(&memory, &artifact('a'));
    assert!(trace.nodes.iter().all(|traced| traced.node != artifact('b')), "{:?}", trace.nodes);
    for leaf in [prod(), alice()] {
        let trace = traced(&memory, &leaf);
        assert!(trace.edges.iter().all(|edge| edge.to == leaf), "{:?}", trace.edges);
    }
}

#[test]
fn a_commit_shows_its_reviews_and_what_was_built_from_it() {
    let mut memory = chain();
    build(&mut memory, &artifact('b'), &named(NodeKind::Run, "other run"));
    let trace = traced(&memory, &commit());
    let nodes: Vec<_> = trace.nodes.iter().map(|traced| traced.node.clone()).collect();
    for node in [artifact('a'), artifact('b'), run(), alice(), prod()] {
        assert!(nodes.contains(&node), "{node}");
    }
    assert_eq!(ends(&trace, K::Reviewed), ["alice"]);
    let trace = traced(&memory, &run());
    let nodes: Vec<_> = trace.nodes.iter().map(|traced| traced.node.clone()).collect();
    assert!(nodes.contains(&artifact('a')) && !nodes.contains(&artifact('b')) && nodes.contains(&commit()));
}

#[test]
fn a_base_image_shows_its_origin_and_not_its_deployments() {
    let mut memory = chain();
    let (base, base_run) = (artifact('1'), named(NodeKind::Run, "base run"));
    memory.record(9, None, &[(run(), K::Resolved, base.clone())], &[]);
    memory.record(
        10,
        None,
        &[(base.clone(), K::BuiltBy, base_run.clone()), (base.clone(), K::RunsIn, prod())],
        &[],
    );
    let trace = traced(&memory, &artifact('a'));
    assert!(trace.edges.iter().any(|edge| edge.to == base_run));
    assert_eq!(trace.edges.iter().filter(|edge| edge.kind == K::RunsIn).count(), 1);
    // Asked about the base image itself: its own story, and not that of what was built on it.
    let trace = traced(&memory, &base);
    assert_eq!(kinds(&trace), ["built-by", "runs-in"]);
}

#[test]
fn other_digests_of_an_artifact_are_followed() {
    let mut memory = chain();
    let long = named(NodeKind::Artifact, &format!("sha512:{}", "a".repeat(128)));
    memory.record(9, None, &[(artifact('a'), K::SameAs, long.clone())], &[]);
    let trace = traced(&memory, &long);
    assert!(trace.edges.iter().any(|edge| edge.kind == K::RunsIn));
    assert!(trace.edges.iter().all(|edge| edge.status == Status::Claimed));
}

#[test]
fn a_digest_paired_with_different_others_is_a_conflict_and_not_followed() {
    let mut memory = chain();
    let long = named(NodeKind::Artifact, &format!("sha512:{}", "a".repeat(128)));
    let other = named(NodeKind::Artifact, &format!("sha512:{}", "b".repeat(128)));
    memory.record(9, None, &[(artifact('a'), K::SameAs, long.clone())], &[]);
    memory.record(10, None, &[(artifact('a'), K::SameAs, other.clone())], &[]);
    memory.record(11, None, &[(other.clone(), K::RunsIn, named(NodeKind::Environment, "lab"))], &[]);
    for start in [artifact('a'), long.clone(), other] {
        let trace = traced(&memory, &start);
        let same: Vec<_> = trace.edges.iter().filter(|edge| edge.kind == K::SameAs).collect();
        assert!(!same.is_empty() && same.iter().all(|edge| edge.status == Status::Conflict), "{start}");
    }
    assert_eq!(ends(&traced(&memory, &artifact('a')), K::RunsIn), ["prod"]);
    assert_eq!(kinds(&traced(&memory, &long)), ["same-as"]);
    // Before the second statement there was no conflict.
    let before = trace(&memory, &artifact('a'), None, size(9)).unwrap();
    assert!(before.edges.iter().all(|edge| edge.status == Status::Claimed));
}

#[test]
fn cycles_end() {
    let mut memory = Memory::new();
    let (a, b) = (artifact('a'), artifact('b'));
    let (ra, rb) = (named(NodeKind::Run, "a"), named(NodeKind::Run, "b"));
    let edges = [
        (a.clone(), K::BuiltBy, ra.clone()),
        (ra, K::Resolved, b.clone()),
        (b.clone(), K::BuiltBy, rb.clone()),
        (rb, K::Resolved, a.clone()),
        (a.clone(), K::SameAs, b),
    ];
    memory.record(1, None, &edges, &[]);
    assert_eq!(traced(&memory, &a).edges.len(), 5);
}

#[test]
fn depth_is_counted_in_edges_from_the_node() {
    let memory = chain();
    let at = |depth| trace(&memory, &artifact('a'), Some(depth), size(8)).unwrap();
    assert_eq!(at(0).edges.len(), 0);
    assert!(at(1).edges.iter().all(|edge| edge.from == artifact('a')));
    assert!(at(1).missing.contains(&Stage::Review));
    assert_eq!(at(2).edges, at(9).edges);
}

#[test]
fn a_bound_that_is_hit_is_said() {
    let mut memory = Memory::new();
    for number in 0..300 {
        let environment = named(NodeKind::Environment, &format!("e{number}"));
        memory.record(1, None, &[(artifact('a'), K::RunsIn, environment)], &[]);
    }
    let trace = traced(&memory, &artifact('a'));
    assert!(trace.truncated);
    assert_eq!(trace.edges.len(), EDGES_OF_A_KIND_MAX);
    assert_eq!(trace.edges.last().unwrap().entry.get(), 299, "the newest are shown");
    for _ in 0..ENTRIES_MAX {
        memory.record(1, None, &[(artifact('b'), K::RunsIn, prod())], &[]);
    }
    assert!(traced(&memory, &artifact('b')).truncated);
    memory.collision = Some(LeafIndex::ZERO);
    assert!(traced(&memory, &artifact('c')).edges.is_empty());
}

#[test]
fn an_answer_with_long_ids_is_cut_by_its_bytes_and_says_so() {
    let traced_to = |length: usize, environments: usize| {
        let mut memory = Memory::new();
        for number in 0..environments {
            let environment = named(NodeKind::Environment, &format!("{number:0length$}"));
            let kind = [K::RunsIn, K::StoppedIn, K::Promoted, K::Approved, K::Received][number % 5];
            memory.record(1, None, &[(artifact('a'), kind, environment)], &[]);
        }
        traced(&memory, &artifact('a'))
    };
    let short = traced_to(100, 1_250);
    assert_eq!((short.edges.len(), short.truncated), (1_250, false));
    let long = traced_to(2_000, 1_250);
    assert!(long.truncated && !long.edges.is_empty());
    let ids = long.edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
    let ids = ids.chain(long.nodes.iter().map(|traced| &traced.node)).map(|node| node.id().len());
    let bytes: usize = ids.sum();
    assert!(bytes <= ANSWER_BYTES_MAX && bytes > ANSWER_BYTES_MAX * 9 / 10, "{bytes}");
    // What is shown is whole: each edge has both of its nodes.
    let nodes: Vec<_> = long.nodes.iter().map(|traced| &traced.node).collect();
    assert!(long.edges.iter().all(|edge| nodes.contains(&&edge.from) && nodes.contains(&&edge.to)));
}

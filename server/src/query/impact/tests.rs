use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use custody_evidence::environment::{Observation, Said as What, Seen};
use custody_evidence::fact::reach::{Onward, Reach, Via, onward};
use custody_evidence::fact::{EdgeKind, Facts, Field, NodeKind};
use proptest::prelude::*;

use super::walk::{ENVELOPE_BYTES_MAX, SEEN_MAX};
use super::*;
use crate::query::tests::memory::{Memory, artifact, node, sha256, size, time};
use EdgeKind as K;

fn of(node: Node) -> Impact {
    Impact { of: Of::Nodes(vec![node]), since: None, until: None, after: 0 }
}

fn package(text: &str) -> Impact {
    Impact { of: Of::Package(Package::parse(text).unwrap()), since: None, until: None, after: 0 }
}

fn ask(memory: &Memory, question: &Impact) -> Impacted {
    impact(memory, question, memory.indexed_to).unwrap()
}

fn run(id: &str) -> Node {
    node(NodeKind::Run, id)
}

fn axios(version: &str) -> Node {
    node(NodeKind::Component, &format!("pkg:npm/axios@{version}"))
}

/// What the client concludes.
fn reach(question: &Impact, found: &Impacted) -> Reach {
    let edges: Vec<_> = found.edges.iter().map(|found| (found.edge.clone(), found.entry)).collect();
    let signed: Vec<_> = found.signed.iter().map(|(entry, node)| (node.clone(), *entry)).collect();
    let asked: BTreeSet<Node> = match &question.of {
        Of::Nodes(nodes) => nodes.iter().cloned().collect(),
        Of::Package(package) => {
            let ends = found.edges.iter().flat_map(|found| [&found.edge.from, &found.edge.to]);
            ends.filter(|node| package.may_be(node)).cloned().collect()
        }
    };
    Reach::of(asked, &edges, &signed).unwrap()
}

fn ids(question: &Impact, memory: &Memory) -> Vec<String> {
    let found = ask(memory, question);
    assert!(!found.truncated);
    reach(question, &found).reached.iter().map(|reached| reached.node.id().to_owned()).collect()
}

/// The bytes of one version lead to those who ship it: documents with other versions are not read.
#[test]
fn bytes_lead_to_who_ships_their_version_and_the_work_does_not_grow_with_who_ships_others() {
    let cost = |others: usize| {
        let mut memory = Memory::new();
        memory.record(1, None, &[(axios("1.14.1"), K::HasBytes, artifact('a'))], &[]);
        memory.record(2, None, &[(artifact('b'), K::Contains, axios("1.14.1"))], &[]);
        for other in 0..others {
            memory.record(3, None, &[(artifact('c'), K::Contains, axios(&format!("2.{other}.0")))], &[]);
        }
        let question = Impact { of: Of::Nodes(vec![artifact('a')]), ..package("pkg:npm/axios") };
        memory.read.store(0, Ordering::Relaxed);
        let mut found = ids(&question, &memory);
        found.sort();
        assert_eq!(found, [axios("1.14.1").id().to_owned(), sha256('b')], "{others} others");
        memory.read.load(Ordering::Relaxed)
    };
    assert_eq!(cost(0), cost(200));
}

#[test]
fn a_range_of_a_package_leads_to_who_ships_it_and_who_used_it_and_no_other_version_does() {
    let mut memory = Memory::new();
    memory.record(1, None, &[(artifact('a'), K::Contains, axios("1.14.1"))], &[]);
    memory.record(2, None, &[(artifact('b'), K::Contains, axios("1.13.0"))], &[]);
    let built = [(run("r"), K::Resolved, axios("1.14.2")), (artifact('c'), K::BuiltBy, run("r"))];
    memory.record(3, None, &built, &[]);
    memory.record(4, None, &[(artifact('d'), K::Contains, axios("next"))], &[]);
    let question = package("pkg:npm/axios@>=1.14.1 <1.15");
    let found = ask(&memory, &question);
    let reach = reach(&question, &found);
    let via = |id: &str| -> Vec<String> {
        let found = reach.reached.iter().find(|reached| reached.node.id() == id).unwrap();
        found.via.iter().map(ToString::to_string).collect()
    };
    assert_eq!(via(&sha256('a')), ["contains"]);
    assert_eq!(via(&sha256('c')), ["resolved"]);
    assert_eq!(via(&sha256('d')), ["contains"], "it may be in the range");
    assert_eq!(reach.reached.len(), 4, "and the run");
    assert_eq!(ids(&package("pkg:npm/axios@1.13.0"), &memory), [sha256('b')]);
    assert_eq!(ids(&package("pkg:npm/axios"), &memory).len(), 5);
}

#[test]
fn an_sbom_that_names_another_version_is_not_read() {
    let mut memory = Memory::new();
    for number in 0..100 {
        let version = format!("1.{}.0", number % 10);
        let shipped = Node::of_digest(&format!("sha256:{number:064x}").parse().unwrap(), None);
        memory.record(number + 1, None, &[(shipped, K::Contains, axios(&version))], &[]);
    }
    let question = package("pkg:npm/axios@>=1.3.0 <1.5.0");
    let found = ask(&memory, &question);
    // Each of the twenty as one that names the package, and as one that names what it is about.
    assert_eq!(memory.read.load(Ordering::Relaxed), 2 * 20);
    assert_eq!(found.edges.iter().map(|found| &found.edge.to).collect::<BTreeSet<_>>().len(), 2);
}

#[test]
fn what_many_nodes_are_named_by_is_looked_up_for_all_of_them_at_once() {
    let mut memory = Memory::new();
    let made = |number: u64| Node::of_digest(&format!("sha256:{number:064x}").parse().unwrap(), None);
    for number in 0..600 {
        let run = run(&format!("r{number}"));
        let built = [(run.clone(), K::Resolved, artifact('a')), (made(number), K::BuiltBy, run)];
        memory.record(1, None, &built, &[]);
    }
    let question = of(artifact('a'));
    let found = ask(&memory, &question);
    assert_eq!(reach(&question, &found).reached.len(), 1_200);
    // 1,201 nodes, 64 at a time, and again for what has more entries than are fetched at once.
    let looks = memory.looks.into_inner();
    assert!(looks <= 40, "{looks} looks");
}

#[test]
fn base_images_lead_on_through_any_number_of_builds() {
    let mut memory = Memory::new();
    for (number, pair) in ['a', 'b', 'c', 'd', 'e'].windows(2).enumerate() {
        let run = run(&format!("r{number}"));
        let built = [(run.clone(), K::Resolved, artifact(pair[0])), (artifact(pair[1]), K::BuiltBy, run)];
        memory.record(1 + i64::try_from(number).unwrap(), None, &built, &[]);
    }
    let question = of(artifact('a'));
    let reach = reach(&question, &ask(&memory, &question));
    assert_eq!(reach.reached.len(), 8);
    assert_eq!(reach.reached.last().unwrap().depth, 8);
}

#[test]
fn only_the_first_step_must_lie_in_the_stretch_of_time() {
    let mut memory = Memory::new();
    for (second, letter) in [(10, 'a'), (20, 'b'), (30, 'c')] {
        let id = format!("r{letter}");
        let built = [(run(&id), K::Resolved, axios("1.0.0")), (artifact(letter), K::BuiltBy, run(&id))];
        memory.record(second, Some(second), &built, &[]);
    }
    let later = [(run("late"), K::Resolved, artifact('b')), (artifact('d'), K::BuiltBy, run("late"))];
    memory.record(40, Some(40), &later, &[]);
    let within = |since, until| Impact {
        since: Some(time(since)),
        until: Some(time(until)),
        ..package("pkg:npm/axios")
    };
    assert_eq!(ids(&within(15, 25), &memory), ["rb", &sha256('b'), "late", &sha256('d')]);
    assert_eq!(ids(&within(20, 20), &memory), [""; 0]);
}

#[test]
fn what_an_identity_signed_or_submitted_came_from_it_but_not_what_it_saw_running() {
    let mut memory = Memory::new();
    let key = format!("key:{}", "1".repeat(64));
    let built = [(artifact('a'), K::BuiltBy, run("r"))];
    memory.record(1, None, &built, &[(Field::Signer, &key), (Field::Subject, &sha256('a'))]);
    let mut facts = Facts::default();
    let seen = Seen { digest: sha256('b').parse().unwrap(), workload: None, count: None };
    let said = What::Snapshot { running: vec![seen], unknown: None, whole: true };
    facts.observation = Some(Arc::new(Observation { environment: "prod".parse().unwrap(), said }));
    memory.record_facts(2, facts, &[(Field::Signer, &key), (Field::Subject, &sha256('b'))]);
    let child = [(run("s"), K::Resolved, artifact('a')), (artifact('c'), K::BuiltBy, run("s"))];
    memory.record(3, None, &child, &[]);
    let question = of(node(NodeKind::Identity, &key));
    let reach = reach(&question, &ask(&memory, &question));
    let found: Vec<_> = reach.reached.iter().map(|reached| reached.node.id()).collect();
    assert_eq!(found, [&sha256('a'), "s", &sha256('c')]);
    assert!(reach.reached.iter().all(|reached| reached.via == BTreeSet::from([Via::Signed])));
}

#[test]
fn each_snapshot_is_read_once_however_many_artifacts_it_names() {
    let mut memory = Memory::new();
    let letters = ['a', 'b', 'c', 'd', 'e', 'f'];
    for letter in letters {
        memory.record(1, None, &[(artifact(letter), K::Contains, axios("1.0.0"))], &[]);
    }
    let prod = node(NodeKind::Environment, "prod");
    for second in 0..200 {
        let mut facts = Facts::default();
        let edge = |letter| Edge { from: artifact(letter), kind: K::RunsIn, to: prod.clone() };
        facts.edges = letters.into_iter().map(edge).collect();
        let said = What::Snapshot { running: Vec::new(), unknown: None, whole: true };
        facts.observation = Some(Arc::new(Observation { environment: "prod".parse().unwrap(), said }));
        memory.record_facts(second + 10, facts, &[]);
    }
    let found = ask(&memory, &package("pkg:npm/axios"));
    assert_eq!(found.edges.iter().filter(|found| found.edge.kind == K::RunsIn).count(), letters.len());
    let newest = LeafIndex::new(205).unwrap();
    assert!(found.edges.iter().all(|found| found.edge.kind != K::RunsIn || found.entry == newest));
    let reads = memory.read.load(Ordering::Relaxed);
    assert!(reads < 200 + 6 * 3, "{reads}");
}

#[test]
fn bounds_end_the_walk_and_are_told() {
    let mut memory = Memory { envelope_bytes: ENVELOPE_BYTES_MAX / 4, ..Memory::new() };
    for number in 0..10 {
        memory.record(number, None, &[(artifact('a'), K::Contains, axios(&format!("1.0.{number}")))], &[]);
    }
    let found = ask(&memory, &package("pkg:npm/axios"));
    assert!(found.truncated);
    assert_eq!(found.edges.len(), 4);
    let mut memory = Memory::new();
    for number in 0..2_000 {
        let run = run(&format!("https://ci.test/{}/{number}", "r".repeat(900)));
        memory.record(1, None, &[(run, K::CouldRead, node(NodeKind::Secret, "TOKEN"))], &[]);
    }
    let found = ask(&memory, &of(node(NodeKind::Secret, "TOKEN")));
    assert!(found.truncated && found.edges.len() < 2_000, "{}", found.edges.len());
    assert_eq!(found.next, Some(found.edges.len()));
}

#[test]
fn the_pages_of_an_answer_are_the_whole_of_it_once() {
    let mut memory = Memory::new();
    let made = |number: u64| Node::of_digest(&format!("sha256:{number:064x}").parse().unwrap(), None);
    for number in 0..1_200 {
        let run = run(&format!("https://ci.test/{}/{number}", "r".repeat(900)));
        let built = [(run.clone(), K::Resolved, artifact('a')), (made(number), K::BuiltBy, run)];
        memory.record(1, None, &built, &[]);
    }
    for erased in [100, 1_100] {
        memory.erase(LeafIndex::new(erased).unwrap());
    }
    let (mut edges, mut redacted, mut after, mut pages) = (BTreeSet::new(), BTreeSet::new(), 0, 0);
    let (mut ends, mut first, mut begins) = (None, 0, 0);
    loop {
        let found = ask(&memory, &Impact { after, ..of(artifact('a')) });
        assert!(ends.is_none_or(|ends| ends == found.begins));
        ends = Some(found.ends);
        let parts = found.edges.len() + found.redacted.len();
        for edge in found.edges {
            assert!(edges.insert((edge.edge, edge.entry)), "an edge is on one page");
        }
        for entry in found.redacted {
            assert!(redacted.insert(entry), "an erased entry is on one page");
        }
        pages += 1;
        if after > 0 {
            (first, begins) = (after, found.begins);
        }
        assert_eq!(found.truncated, found.next.is_some());
        let Some(next) = found.next else { break };
        assert_eq!(next, after + parts);
        after = next;
    }
    assert_eq!((edges.len(), redacted.len()), (2 * 1_198, 2));
    assert_eq!(pages, 2);
    // What is erased between two pages makes another answer.
    memory.erase(LeafIndex::new(50).unwrap());
    let second = ask(&memory, &Impact { after: first, ..of(artifact('a')) });
    assert_ne!(second.begins, begins);
    // Behind the end there is an empty page.
    let beyond = ask(&memory, &Impact { after: 60_000, ..of(artifact('a')) });
    assert_eq!((beyond.edges.len(), beyond.next, beyond.truncated), (0, None, false));
}

fn receives(number: u64) -> (Node, EdgeKind, Node) {
    (artifact('a'), K::Received, node(NodeKind::Identity, &format!("customer-{number}")))
}

/// A log in which each entry says who else received an artifact: that leads no further.
fn receipts(number: u64) -> Memory {
    let mut memory = Memory::new();
    for number in 0..number {
        memory.record(1, None, &[receives(number)], &[]);
    }
    memory
}

#[test]
fn a_walk_goes_on_where_its_page_ended_and_reads_nothing_again() {
    let memory = receipts(9_000);
    let reads = || memory.read.swap(0, Ordering::Relaxed);
    let question = of(artifact('a'));
    let (first, walk) = Walk::begin(&question, memory.indexed_to).page(&memory, || false).unwrap();
    let (to_first, walk) = (reads(), walk.unwrap());
    assert_eq!((first.edges.len(), first.next, first.truncated), (PAGE_MAX, Some(PAGE_MAX), true));
    let asked = Impact { after: PAGE_MAX, ..question.clone() };
    assert!(walk.leads_to(&asked, memory.indexed_to));
    let others = [
        question,
        Impact { until: Some(time(5)), ..asked.clone() },
        Impact { after: PAGE_MAX, ..of(artifact('b')) },
    ];
    for other in others {
        assert!(!walk.leads_to(&other, memory.indexed_to), "{other:?}");
    }
    assert!(!walk.leads_to(&asked, size(8_999)));
    let (second, walk) = walk.page(&memory, || false).unwrap();
    let to_second = reads();
    assert_eq!((second.edges.len(), second.next, second.truncated), (9_000 - PAGE_MAX, None, false));
    assert!(walk.is_none(), "there is no other page");
    assert_eq!(second, ask(&memory, &asked), "who walks there from the start gets the same page");
    assert_eq!(reads(), to_first + to_second);
}

#[test]
fn what_is_erased_between_two_pages_is_not_shown_and_makes_another_answer_if_it_was() {
    for (erased, was_shown) in [(8_500, true), (10, false)] {
        let mut memory = receipts(9_000);
        let question = of(artifact('a'));
        let (first, walk) = Walk::begin(&question, memory.indexed_to).page(&memory, || false).unwrap();
        let erased = LeafIndex::new(erased).unwrap();
        assert_eq!(first.edges.iter().any(|edge| edge.entry == erased), was_shown);
        memory.erase(erased);
        let (second, _) = walk.unwrap().page(&memory, || false).unwrap();
        assert_eq!(first.ends != second.begins, was_shown);
        assert!(second.edges.iter().all(|edge| edge.entry != erased));
        assert_eq!(second, ask(&memory, &Impact { after: PAGE_MAX, ..question }));
    }
}

/// A page that took its time ends with what it has.
#[test]
fn a_late_page_ends_before_it_is_full_and_the_next_one_follows_it() {
    let memory = receipts(20);
    let question = of(artifact('a'));
    let whole = ask(&memory, &question);
    let mut walk = Some(Walk::begin(&question, memory.indexed_to));
    let (mut edges, mut ends, mut pages) = (Vec::new(), None, 0);
    while let Some(current) = walk {
        let (page, next) = current.page(&memory, || true).unwrap();
        assert!(ends.is_none_or(|ends| ends == page.begins));
        assert_eq!((page.truncated, next.is_some()), (page.next.is_some(), page.next.is_some()));
        (ends, walk) = (Some(page.ends), next);
        edges.extend(page.edges);
        pages += 1;
        if let Some(next) = page.next {
            assert_eq!(next, edges.len());
            let rest = ask(&memory, &Impact { after: next, ..question.clone() });
            assert_eq!((rest.begins, rest.edges.as_slice()), (page.ends, &whole.edges[next..]));
        }
    }
    assert_eq!((&edges, ends), (&whole.edges, Some(whole.ends)));
    assert!(pages > 20, "{pages}");
}

/// Who comes back when his walk is given up is walked to his page again, in as many steps as it takes.
#[test]
fn a_page_that_is_not_reached_in_time_is_ahead_and_the_walk_goes_on_to_it() {
    let memory = receipts(20);
    let whole = ask(&memory, &of(artifact('a')));
    for after in [1, 2, 12, whole.edges.len()] {
        let rest = Impact { after, ..of(artifact('a')) };
        let expected = ask(&memory, &rest);
        let (mut walk, mut ahead) = (Walk::begin(&rest, memory.indexed_to), 0);
        let (first, mut next) = loop {
            let (page, next) = walk.page(&memory, || true).unwrap();
            if !page.is_ahead {
                break (page, next);
            }
            let empty = page.edges.is_empty() && page.signed.is_empty() && page.redacted.is_empty();
            assert_eq!((empty, page.next, page.truncated), (true, Some(after), true));
            walk = next.unwrap();
            assert!(walk.leads_to(&rest, memory.indexed_to));
            ahead += 1;
        };
        assert_eq!(first.begins, expected.begins, "{after}");
        assert!(ahead > after / 2, "{after}: {ahead}");
        let mut edges = first.edges;
        while let Some(walk) = next {
            let (page, further) = walk.page(&memory, || true).unwrap();
            assert!(!page.is_ahead);
            edges.extend(page.edges);
            next = further;
        }
        assert_eq!(edges, expected.edges, "{after}");
    }
}

/// However much one entry names, a walk holds no more parts than an answer may have.
#[test]
fn an_answer_ends_where_all_its_pages_are_full_and_says_so() {
    let parts = u64::try_from(PARTS_MAX).unwrap();
    for (number, truncated) in [(parts, false), (parts + 1, true), (parts + 70_000, true)] {
        let mut memory = Memory::new();
        memory.record(1, None, &(0..number).map(receives).collect::<Vec<_>>(), &[]);
        let mut walk = Some(Walk::begin(&of(artifact('a')), memory.indexed_to));
        let (mut found, mut last) = (0, false);
        while let Some(current) = walk {
            let (page, next) = current.page(&memory, || false).unwrap();
            found += page.edges.len();
            (walk, last) = (next, page.truncated);
        }
        assert_eq!((found, last), (PARTS_MAX, truncated), "{number}");
    }
}

#[test]
fn the_bytes_of_all_pages_are_bounded_too() {
    let mut memory = Memory::new();
    let customer = |number: u64| node(NodeKind::Identity, &format!("{}{number}", "c".repeat(1_000)));
    let edges: Vec<_> = (0..20_000).map(|number| (artifact('a'), K::Received, customer(number))).collect();
    memory.record(1, None, &edges, &[]);
    let mut walk = Some(Walk::begin(&of(artifact('a')), memory.indexed_to));
    let (mut bytes, mut truncated) = (0, false);
    while let Some(current) = walk {
        let (page, next) = current.page(&memory, || false).unwrap();
        bytes += page.edges.iter().map(|edge| edge.edge.to.id().len()).sum::<usize>();
        (walk, truncated) = (next, page.truncated);
    }
    assert!(truncated && bytes < PARTS_BYTES_MAX && bytes > PARTS_BYTES_MAX / 2, "{bytes}");
}

/// What has no room in memory is read again.
#[test]
fn however_many_artifacts_snapshots_name_where_one_runs_is_found() {
    let environments = ["prod", "canary"].map(|name| node(NodeKind::Environment, name));
    let seen = |number: usize| Node::of_digest(&format!("sha256:{number:064x}").parse().unwrap(), None);
    let mut memory = Memory::new();
    let mut snapshot = |environment: &Node, all: &mut dyn Iterator<Item = Node>| {
        let mut facts = Facts::default();
        let edge = |from| Edge { from, kind: K::RunsIn, to: environment.clone() };
        facts.edges = all.map(edge).collect();
        let said = What::Snapshot { running: Vec::new(), unknown: None, whole: true };
        let environment = environment.id().parse().unwrap();
        facts.observation = Some(Arc::new(Observation { environment, said }));
        memory.record_facts(1, facts, &[]);
    };
    // Asked first is 'a', whose snapshots fill the room; 'b' ran with it in the oldest of them.
    snapshot(&environments[1], &mut [artifact('a'), artifact('b')].into_iter());
    for first in (0..SEEN_MAX + 2_000).step_by(1_000) {
        snapshot(&environments[0], &mut (first..first + 1_000).map(seen).chain([artifact('a')]));
    }
    let question = Impact { of: Of::Nodes(vec![artifact('a'), artifact('b')]), ..of(artifact('a')) };
    let found = ask(&memory, &question);
    let mut runs: Vec<_> =
        found.edges.iter().map(|found| (found.edge.from.id(), found.edge.to.id())).collect();
    runs.sort_unstable();
    let (a, b) = (sha256('a'), sha256('b'));
    assert_eq!(runs, [(a.as_str(), "canary"), (a.as_str(), "prod"), (b.as_str(), "canary")]);
    assert!(!found.truncated);
}

#[test]
fn the_same_edge_of_many_entries_is_listed_by_the_newest() {
    let mut memory = Memory::new();
    for second in 0..10 {
        memory.record(second, None, &[(artifact('a'), K::Contains, axios("1.0.0"))], &[]);
    }
    let found = ask(&memory, &package("pkg:npm/axios"));
    let entries: Vec<u64> = found.edges.iter().map(|found| found.entry.get()).collect();
    assert_eq!(entries, [9, 8, 7, 6]);
}

fn any_node() -> impl Strategy<Value = Node> {
    let kinds = [
        NodeKind::Artifact,
        NodeKind::Run,
        NodeKind::Commit,
        NodeKind::Component,
        NodeKind::Ref,
        NodeKind::Identity,
        NodeKind::Environment,
        NodeKind::Secret,
        NodeKind::Document,
    ];
    (prop::sample::select(kinds.to_vec()), 0_u8..3).prop_map(|(kind, number)| {
        let id = match kind {
            NodeKind::Component => format!("pkg:npm/p{number}@1.0.0"),
            _ => format!("{kind}-{number}"),
        };
        node(kind, &id)
    })
}

/// All edges that lead on, found by looking at each of them until nothing is new.
fn naive(start: &Node, edges: &BTreeSet<Edge>) -> BTreeSet<Edge> {
    let mut nodes = BTreeMap::from([(start.clone(), true)]);
    let mut found = BTreeSet::new();
    loop {
        let before = (nodes.len(), nodes.values().filter(|asked| **asked).count(), found.len());
        for edge in edges {
            for (node, asked) in nodes.clone() {
                if edge.from != node && edge.to != node {
                    continue;
                }
                let other = if edge.from == node { &edge.to } else { &edge.from };
                match onward(&node, asked, edge) {
                    Onward::Nowhere => continue,
                    Onward::Leaf => {}
                    Onward::Same => drop(nodes.insert(other.clone(), true)),
                    Onward::Walk => drop(nodes.entry(other.clone()).or_insert(false)),
                }
                found.insert(edge.clone());
            }
        }
        if before == (nodes.len(), nodes.values().filter(|asked| **asked).count(), found.len()) {
            return found;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn finds_what_the_naive_model_finds_and_the_client_follows_all_of_it(
        list in prop::collection::vec((any_node(), prop::sample::select(EdgeKind::ALL.to_vec()), any_node()), 0..40),
        start in any_node(),
        late in prop::collection::vec(any::<bool>(), 1..8),
    ) {
        let mut memory = Memory::new();
        for (number, edge) in list.iter().enumerate() {
            memory.record(i64::try_from(number).unwrap(), None, std::slice::from_ref(edge), &[]);
        }
        let edges: BTreeSet<Edge> =
            list.into_iter().map(|(from, kind, to)| Edge { from, kind, to }).collect();
        let question = of(start.clone());
        let found = ask(&memory, &question);
        let mine: BTreeSet<Edge> = found.edges.iter().map(|found| found.edge.clone()).collect();
        prop_assert_eq!(&mine, &naive(&start, &edges));
        // Wherever pages end, they are the whole answer.
        let mut walk = Some(Walk::begin(&question, memory.indexed_to));
        let late = RefCell::new(late.iter().cycle());
        let (mut edges, mut ends) = (Vec::new(), found.begins);
        while let Some(current) = walk {
            let (page, next) = current.page(&memory, || late.borrow_mut().next() == Some(&true)).unwrap();
            prop_assert_eq!((page.begins, next.is_some()), (ends, page.next.is_some()));
            edges.extend(page.edges);
            (walk, ends) = (next, page.ends);
        }
        prop_assert_eq!((&edges, ends), (&found.edges, found.ends));
        let concluded = reach(&question, &found);
        prop_assert!(concluded.reached.iter().all(|reached| !reached.via.is_empty()));
    }
}

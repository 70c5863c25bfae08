use std::sync::Arc;
use std::sync::atomic::Ordering;

use custody_evidence::fact::{EdgeKind, Node, NodeKind};
use custody_evidence::thing::HexPrefix;

use super::*;
use crate::query::tests::memory::{Memory, artifact, index, node, sha256, size, time};
use crate::query::versions::VERSIONS_MAX;

fn conditions(texts: &[(&str, &str)]) -> Find {
    let conditions = texts.iter().map(|(field, value)| Condition::parse(field, value).unwrap()).collect();
    Find { conditions, ..Find::default() }
}

fn found(memory: &Memory, question: &Find, at: u64) -> Vec<u64> {
    let answer = find(memory, question, size(at)).unwrap();
    answer.indexes.into_iter().map(LeafIndex::get).collect()
}

/// Ten entries a second apart; entry n has signer `s<n % 2>`, environment `e<n % 3>`, and claims a time of its own.
fn memory() -> Memory {
    let mut memory = Memory::new();
    for number in 0..10 {
        let (signer, environment) = (format!("s{}", number % 2), format!("e{}", number % 3));
        // Entry 4 claims a later time than the ledger's, entry 5 a much earlier one, entry 6 none.
        let claimed = match number {
            4 => Some(900),
            5 => Some(2),
            6 => None,
            _ => Some(number * 10 + 99),
        };
        let terms = [(Field::Signer, signer.as_str()), (Field::Environment, environment.as_str())];
        memory.record(number * 10 + 100, claimed, &[], &terms);
    }
    memory
}

#[test]
fn all_conditions_hold_newest_first() {
    let memory = memory();
    assert_eq!(found(&memory, &Find::default(), 10), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(found(&memory, &conditions(&[("signer", "s1")]), 10), [9, 7, 5, 3, 1]);
    assert_eq!(found(&memory, &conditions(&[("signer", "s1"), ("environment", "e0")]), 10), [9, 3]);
    assert_eq!(found(&memory, &conditions(&[("environment", "e0"), ("signer", "s1")]), 9), [3]);
    assert_eq!(found(&memory, &conditions(&[("signer", "s1"), ("environment", "e9")]), 10), [0; 0]);
    assert_eq!(found(&memory, &conditions(&[("run", "s1")]), 10), [0; 0]);
}

#[test]
fn a_colliding_hash_finds_nothing() {
    let mut memory = memory();
    memory.collision = Some(index(8));
    assert_eq!(found(&memory, &conditions(&[("signer", "s1"), ("environment", "e0")]), 10), [9, 3]);
}

#[test]
fn happened_is_the_claim_capped_by_ledger_time() {
    let memory = memory();
    let since = |micros| Find { since: Some(time(micros)), ..Find::default() };
    let until = |micros| Find { until: Some(time(micros)), ..Find::default() };
    // 4 claims 900: capped to its ledger time, 140. 5 claims 2. 6 claims nothing: 160.
    assert_eq!(found(&memory, &since(140), 10), [9, 8, 7, 6, 4]);
    assert_eq!(found(&memory, &since(141), 10), [9, 8, 7, 6]);
    assert_eq!(found(&memory, &until(100), 10), [5, 0]);
    assert_eq!(found(&memory, &Find { since: Some(time(140)), ..until(160) }, 10), [4]);
}

#[test]
fn recorded_bounds_are_positions_and_ledger_times() {
    let memory = memory();
    let positions =
        Find { recorded_since: Some(index(3)), recorded_until: Some(index(6)), ..Find::default() };
    assert_eq!(found(&memory, &positions, 10), [5, 4, 3]);
    let times = Find {
        recorded_since_time: Some(time(121)),
        recorded_until_time: Some(time(150)),
        ..Find::default()
    };
    assert_eq!(found(&memory, &times, 10), [4, 3]);
    assert_eq!(found(&memory, &Find { recorded_until: Some(index(99)), ..Find::default() }, 2), [1, 0]);
    let empty = Find { recorded_since: Some(index(6)), recorded_until: Some(index(3)), ..Find::default() };
    assert_eq!(found(&memory, &empty, 10), [0; 0]);
}

#[test]
fn pages_join_to_the_whole_answer() {
    let memory = memory();
    for limit in 1..7 {
        let mut question = Find { limit: Some(limit), ..conditions(&[("signer", "s1")]) };
        let mut joined = Vec::new();
        loop {
            let page = find(&memory, &question, size(10)).unwrap();
            assert!(page.indexes.len() <= limit);
            joined.extend(page.indexes);
            let Some(next) = page.next else { break };
            question.next = Some(next);
        }
        let whole: Vec<_> = [9, 7, 5, 3, 1].map(index).into();
        assert_eq!(joined, whole, "limit {limit}");
    }
}

#[test]
fn the_last_page_says_so() {
    let memory = memory();
    let question = Find { limit: Some(5), ..conditions(&[("signer", "s1")]) };
    assert_eq!(find(&memory, &question, size(10)).unwrap().next, None);
}

#[test]
fn what_is_added_later_never_changes_an_answer_as_of_a_size() {
    let mut memory = memory();
    let questions = [
        Find::default(),
        conditions(&[("signer", "s1")]),
        Find { until: Some(time(150)), ..Find::default() },
    ];
    let answers = |memory: &Memory| {
        let at = |at| questions.iter().map(move |question| find(memory, question, size(at)).unwrap());
        (0..=10).flat_map(at).collect::<Vec<_>>()
    };
    let before = answers(&memory);
    for number in 0..20 {
        memory.record(1_000 + number, Some(5), &[], &[(Field::Signer, "s1")]);
    }
    assert_eq!(answers(&memory), before);
}

#[test]
fn too_much_work_ends_early_with_the_place_to_go_on() {
    let mut memory = Memory::new();
    for number in 0..30_000 {
        memory.record(number + 1, Some(if number == 3 { 1 } else { number + 1 }), &[], &[]);
    }
    let mut question = Find { until: Some(time(2)), limit: Some(10), ..Find::default() };
    let first = find(&memory, &question, size(30_000)).unwrap();
    assert_eq!((first.indexes, first.next), (vec![], Some(size(10_000))));
    question.next = first.next;
    let second = find(&memory, &question, size(30_000)).unwrap();
    assert_eq!((second.indexes, second.next), (vec![index(3), index(0)], None));
}

#[test]
fn large_envelopes_end_a_page_early_and_the_pages_join_to_the_whole_answer() {
    let mut memory = Memory::new();
    memory.envelope_bytes = 1024 * 1024;
    for number in 0..100 {
        let signer = if number % 10 == 0 { "s0" } else { "s1" };
        memory.record(number + 100, Some(number % 2), &[], &[(Field::Signer, signer)]);
    }
    // 32 of 1 MiB are read for a page, whatever it is asked for, and whether or not any fits.
    let mut question = Find { until: Some(time(0)), ..Find::default() };
    for next in [Some(size(68)), Some(size(36)), Some(size(4)), None] {
        let page = find(&memory, &question, size(100)).unwrap();
        assert_eq!(page, Found { indexes: vec![], next });
        question.next = page.next;
    }
    // The rarest condition decides what is read: ten entries are within the bound.
    let question = Find { until: Some(time(1)), ..conditions(&[("signer", "s0")]) };
    let page = find(&memory, &question, size(100)).unwrap();
    assert_eq!((page.indexes.len(), page.next), (10, None));
}

#[test]
fn a_page_gets_further_even_if_one_envelope_is_larger_than_its_bound() {
    let mut memory = Memory::new();
    memory.envelope_bytes = ENVELOPE_BYTES_MAX + 1;
    memory.record(1, None, &[], &[]);
    memory.record(2, None, &[], &[]);
    let question = Find { since: Some(time(0)), ..Find::default() };
    let first = find(&memory, &question, size(2)).unwrap();
    assert_eq!(first, Found { indexes: vec![index(1)], next: Some(size(1)) });
    let second = find(&memory, &Find { next: first.next, ..question }, size(2)).unwrap();
    assert_eq!(second, Found { indexes: vec![index(0)], next: None });
}

#[test]
fn a_package_is_found_with_and_without_its_version() {
    let mut memory = Memory::new();
    for version in ["1.14.0", "1.14.1"] {
        let component = node(NodeKind::Component, &format!("pkg:npm/axios@{version}"));
        memory.record(1, None, &[(artifact('a'), EdgeKind::Contains, component)], &[]);
    }
    let at = |text: &str| found(&memory, &conditions(&[("component", text)]), 2);
    assert_eq!(at("pkg:npm/axios"), [1, 0]);
    assert_eq!(at("pkg:npm/axios@1.14.1"), [1]);
    assert_eq!(at("pkg:npm/axios@1.14.2"), [0; 0]);
}

#[test]
fn a_range_finds_the_versions_in_it_and_those_that_cannot_be_compared() {
    let mut memory = Memory::new();
    let versions =
        ["@1.14.0", "@1.14.1", "@1.14.10", "@1.15.0-rc.1", "@1.15.0", "@latest", "", "@1.14.1?arch=x"];
    for version in versions {
        let component = node(NodeKind::Component, &format!("pkg:npm/axios{version}"));
        memory.record(1, None, &[(artifact('a'), EdgeKind::Contains, component)], &[]);
    }
    let other = node(NodeKind::Component, "pkg:npm/axios-mock@1.14.5");
    memory.record(1, None, &[(artifact('a'), EdgeKind::Contains, other)], &[]);
    let size = u64::try_from(versions.len()).unwrap() + 1;
    let at = |text: &str| found(&memory, &conditions(&[("component", text)]), size);
    assert_eq!(at("pkg:npm/axios@>=1.14.1 <1.15"), [7, 6, 5, 3, 2, 1]);
    assert_eq!(at("pkg:npm/axios@=1.14.1"), [7, 6, 5, 1]);
    assert_eq!(at("pkg:npm/axios@vers:npm/>=1.14.1|<1.15.0"), [7, 6, 5, 3, 2, 1]);
    assert_eq!(at("pkg:npm/axios@>=2"), [6, 5], "what has no place in the order may be anywhere");
    assert_eq!(at("pkg:npm/axios@1.14.1"), [7, 1], "one version is compared as text");
}

#[test]
fn a_range_costs_no_look_at_other_packages() {
    let mut memory = Memory::new();
    for at in 0..50 {
        let other = node(NodeKind::Component, &format!("pkg:npm/other-{at}@1.0.0"));
        memory.record(1, None, &[(artifact('a'), EdgeKind::Contains, other)], &[]);
    }
    let asked = node(NodeKind::Component, "pkg:npm/axios@1.0.0");
    memory.record(1, None, &[(artifact('a'), EdgeKind::Contains, asked)], &[]);
    assert_eq!(found(&memory, &conditions(&[("component", "pkg:npm/axios@>=1")]), 51), [50]);
    assert_eq!(memory.read.load(Ordering::Relaxed), 1, "one entry names the package");
}

#[test]
fn refuses_unknown_fields_wrong_values_and_version_ranges_that_nothing_can_compare() {
    let refused = |field: &str, value: &str| Condition::parse(field, value).unwrap_err();
    assert!(matches!(refused("colour", "red"), QueryError::Word(_)));
    assert!(matches!(refused("subject", "sha256:abc"), QueryError::Value(_)));
    assert!(matches!(refused("component", "axios"), QueryError::Package(_)));
    assert!(matches!(refused("signer", ""), QueryError::Value(_)));
    for range in [
        "pkg:npm/axios@^1",
        "pkg:npm/axios@*",
        "pkg:npm/axios@>=one",
        "pkg:npm/axios@<=1.15",
        "pkg:npm/axios@>=1.14.1 <1.15?arch=x",
        "axios@>=1",
        "pkg:gem/rails@>=7.0",
        "pkg:gem/rails@vers:gem/>=7.0",
    ] {
        assert!(matches!(refused("component", range), QueryError::Package(_)), "{range}");
    }
    Condition::parse("component", "pkg:gem/rails@=7.0").unwrap();
    Condition::parse("component", "pkg:gem/rails@!=7.0").unwrap();
    Condition::parse("subject", &sha256('a')).unwrap();
    Condition::parse("component", "pkg:npm/@angular/core").unwrap();
}

/// Two terms that no entry has both of, in turns of more entries than come with one look-up. Counts the look-ups.
struct Alternating(std::cell::Cell<usize>);

impl Alternating {
    const TURN: u64 = 64;
    const SIZE: u64 = 100_000 * Self::TURN;
}

impl Evidence for Alternating {
    fn committed(&self) -> TreeSize {
        size(Self::SIZE)
    }
    fn indexed_to(&self) -> TreeSize {
        self.committed()
    }
    fn by_term(&self, term: &Term, below: TreeSize, limit: usize) -> Result<Vec<LeafIndex>, QueryError> {
        self.0.set(self.0.get() + 1);
        let first = u64::from(term.value() == "s1");
        let has = |number: &u64| (number / Self::TURN) % 2 == first;
        Ok((0..below.get()).rev().filter(has).take(limit).map(index).collect())
    }
    fn by_digest_prefix(&self, _: &HexPrefix, _: TreeSize, _: usize) -> Result<Vec<LeafIndex>, QueryError> {
        Ok(Vec::new())
    }
    fn each_of(&self, _: Field, _: TreeSize, _: usize) -> Result<Vec<LeafIndex>, QueryError> {
        Ok(Vec::new())
    }
    fn reading(&self, index: LeafIndex) -> Result<Arc<Reading>, QueryError> {
        panic!("entry {index} is no candidate")
    }
    fn redactions(&self) -> usize {
        0
    }

    fn time(&self, index: LeafIndex) -> Result<Timestamp, QueryError> {
        Ok(time(i64::try_from(index.get()).unwrap()))
    }
}

#[test]
fn looks_at_lists_are_bounded_and_each_page_gets_further() {
    let evidence = Alternating(std::cell::Cell::default());
    let mut question = conditions(&[("signer", "s0"), ("signer", "s1")]);
    let mut pages = 0;
    loop {
        let page = find(&evidence, &question, evidence.committed()).unwrap();
        assert!(page.indexes.is_empty());
        let looks = evidence.0.replace(0);
        assert!(looks <= STEPS_MAX, "{looks} look-ups, of 30 us each");
        pages += 1;
        let before = question.next;
        question.next = page.next;
        match page.next {
            None => break,
            Some(next) => assert!(before.is_none_or(|before| next < before), "{next:?}"),
        }
    }
    assert!(pages > 2, "{pages} pages: the lists alternate more often than one page looks at them");
}

/// SBOMs with an envelope of this length, each of which names a package in some versions.
fn sboms(envelope_bytes: u64, versions: &[&[&str]]) -> Memory {
    let mut memory = Memory::new();
    memory.envelope_bytes = envelope_bytes;
    for (second, versions) in (100..).zip(versions) {
        let edges = versions.iter().map(|purl| {
            let component = Node::component(&purl.parse().unwrap());
            (artifact('a'), EdgeKind::Contains, component)
        });
        memory.record(second, None, &edges.collect::<Vec<_>>(), &[]);
    }
    memory
}

const SOME: [&[&str]; 8] = [
    &["pkg:npm/axios@1.14.0", "pkg:npm/other@1.14.1"],
    &["pkg:npm/axios@1.14.1?arch=x"],
    &["pkg:npm/axios@1.15.0", "pkg:npm/axios@1.14.2"],
    &["pkg:npm/axios"],
    &["pkg:npm/axios@latest"],
    &["pkg:pypi/django@1.0", "pkg:npm/axios-mock@1.14.1"],
    &["pkg:pypi/django@1.0.0"],
    &["pkg:pypi/django@1.0.1"],
];

#[test]
fn a_version_is_found_by_rows_alone_where_the_sbom_is_large_and_compared_where_it_is_small() {
    let versions: Vec<&[&str]> = SOME.into();
    for (asked, expected) in [
        ("pkg:npm/axios@>=1.14.1 <1.15", vec![4, 3, 2, 1]),
        ("pkg:npm/axios@1.14.1", vec![1]),
        ("pkg:npm/axios@9.9.9", vec![]),
        ("pkg:npm/axios", vec![4, 3, 2, 1, 0]),
        ("pkg:npm/nobody@1.0.0", vec![]),
        // By the rules of the ecosystem, and not by the text.
        ("pkg:pypi/django@1.0", vec![6, 5]),
    ] {
        let question = conditions(&[("component", asked)]);
        let large = sboms(COMPARED_BYTES_MAX + 1, &versions);
        assert_eq!(found(&large, &question, 8), expected, "{asked}");
        assert_eq!(large.read.load(Ordering::Relaxed), 0, "{asked}: no SBOM is read");
        let small = sboms(COMPARED_BYTES_MAX, &versions);
        assert_eq!(found(&small, &question, 8), expected, "{asked}");
        assert_eq!(
            small.read.load(Ordering::Relaxed),
            expected.len(),
            "{asked}: what is listed is compared, and no other"
        );
        let before: Vec<u64> = expected.iter().copied().filter(|number| *number < 3).collect();
        assert_eq!(found(&large, &question, 3), before, "{asked}: as of an earlier size");
    }
}

#[test]
fn a_report_that_has_the_term_of_a_package_and_does_not_name_it_is_not_found_however_large_it_is() {
    for (bytes, asked) in [COMPARED_BYTES_MAX, COMPARED_BYTES_MAX + 1]
        .into_iter()
        .flat_map(|bytes| ["pkg:npm/axios", "pkg:npm/axios@1.14.1"].map(|asked| (bytes, asked)))
    {
        let mut memory = sboms(bytes, &SOME);
        memory.record(200, None, &[], &[(Field::Component, "pkg:npm/axios")]);
        assert!(
            !found(&memory, &conditions(&[("component", asked)]), 9).contains(&8),
            "{asked}, {bytes} bytes"
        );
    }
}

#[test]
fn what_no_row_says_is_read_however_large_the_sbom_is() {
    let memory = sboms(COMPARED_BYTES_MAX + 1, &SOME);
    let question = conditions(&[("component", "pkg:npm/axios@>=1.14.1 <1.15")]);
    assert_eq!(found(&memory, &Find { since: Some(time(102)), ..question.clone() }, 8), [4, 3, 2]);
    assert_eq!(found(&memory, &Find { until: Some(time(102)), ..question }, 8), [1]);
    assert!(memory.read.load(Ordering::Relaxed) > 0);
}

#[test]
fn of_a_package_with_more_versions_than_are_looked_at_each_entry_is_read() {
    let many = VERSIONS_MAX + 1;
    let named: Vec<String> = (0..many).map(|number| format!("pkg:npm/busy@1.{number}.0")).collect();
    let each: Vec<[&str; 1]> = named.iter().map(|purl| [purl.as_str()]).collect();
    let versions: Vec<&[&str]> = each.iter().map(<[&str; 1]>::as_slice).collect();
    let question = conditions(&[("component", "pkg:npm/busy@>=1.3.0 <1.6.0")]);
    for (count, reads) in [(many, many), (many - 1, 0)] {
        let memory = sboms(COMPARED_BYTES_MAX + 1, versions.get(..count).unwrap());
        assert_eq!(found(&memory, &question, count.try_into().unwrap()), [5, 4, 3]);
        assert_eq!(memory.read.load(Ordering::Relaxed), reads);
    }
}

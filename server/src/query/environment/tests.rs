//! What the walk reads is enough, and no more than the environment's own records.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use custody_evidence::environment::{Artifact, Picture, Seen, Step};
use custody_evidence::fact::{EdgeKind, Facts, NodeKind};
use proptest::prelude::*;

use super::*;
use crate::query::tests::memory::{Memory, artifact, node, sha256, size, time};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn digest(letter: char) -> Digest {
    sha256(letter).parse().unwrap()
}

fn started(workload: &str, letter: char) -> Said {
    let artifacts = vec![Artifact::from(digest(letter))];
    Said::Started { cluster: None, workload: Some(name(workload)), artifacts, whole: true }
}

fn stopped(workload: &str, letter: char) -> Said {
    let artifacts = vec![Artifact::from(digest(letter))];
    Said::Stopped { cluster: None, workload: Some(name(workload)), artifacts }
}

fn snapshot(running: &[(&str, char)]) -> Said {
    let seen = |(workload, letter): &(&str, char)| Seen {
        digest: digest(*letter),
        workload: Some(name(workload)),
        count: None,
    };
    Said::Snapshot { running: running.iter().map(seen).collect(), unknown: None, whole: true }
}

/// Records what was said of an environment: learned at one second, claimed for another.
fn record(memory: &mut Memory, environment: &str, learned: i64, claimed: i64, said: Said) -> LeafIndex {
    let observation = Observation { environment: name(environment), said };
    let mut facts = Facts::default();
    facts.happened = Some(time(claimed * 1_000_000));
    facts.observation = Some(Arc::new(observation));
    let kind = match &facts.observation.as_ref().unwrap().said {
        Said::Snapshot { .. } => Snapshot::TYPE,
        _ => Deployment::TYPE,
    };
    let terms = [(Field::Environment, environment), (Field::Predicate, kind)];
    // No two entries have the same ledger time.
    let place = i64::try_from(memory.readings.len()).unwrap();
    memory.record_facts(learned * 1_000_000 + place, facts, &terms)
}

fn ask(memory: &Memory, window: Window) -> Found {
    environment(memory, &name("prod"), window, memory.indexed_to).unwrap()
}

fn now() -> Window {
    Window::default()
}

/// What who asked makes of an answer.
fn told(memory: &Memory, found: &Found) -> Timeline {
    let mut parts: BTreeMap<LeafIndex, Vec<_>> = BTreeMap::new();
    for part in &found.needed.parts {
        parts.entry(part.entry).or_default().push((part.digest.clone(), part.workload.clone()));
    }
    let entries = found.needed.whole.iter().chain(parts.keys());
    Timeline::of(entries.map(|entry| {
        let reading = memory.reading(*entry).unwrap();
        let whole = reading.facts.observation.clone().unwrap();
        let observation = match parts.get(entry).filter(|_| !found.needed.whole.contains(entry)) {
            Some(things) => Arc::new(whole.part(things).unwrap()),
            None => whole,
        };
        Event { entry: *entry, time: reading.happened(), counts: true, observation }
    }))
}

/// What all records come to.
fn all(memory: &Memory) -> Timeline {
    let readings = memory.readings.iter().filter_map(|reading| {
        let observation = reading.facts.observation.clone()?;
        let of_prod = observation.environment == name("prod");
        let (entry, time) = (reading.entry.index, reading.happened());
        of_prod.then_some(Event { entry, time, counts: true, observation })
    });
    Timeline::of(readings)
}

fn runs(picture: &Picture) -> Vec<String> {
    let text = |running: &custody_evidence::environment::Running| {
        let workload = running.workload.as_ref().unwrap();
        format!("{workload} {} {}", running.artifact.digest(), running.since.as_seconds())
    };
    picture.running.iter().map(text).collect()
}

fn reads(memory: &Memory, window: Window) -> (usize, Found) {
    memory.read.store(0, Ordering::Relaxed);
    let found = ask(memory, window);
    (memory.read.load(Ordering::Relaxed), found)
}

#[test]
fn the_cost_grows_with_the_changes_since_the_newest_snapshot_and_not_with_the_log() {
    let cost = |rounds: i64, others: i64| {
        let mut memory = Memory::new();
        let mut second = 0;
        for round in 0..rounds {
            let letter = if round % 2 == 0 { 'a' } else { 'b' };
            second += 10;
            record(&mut memory, "prod", second, second, started("api", letter));
            record(&mut memory, "prod", second + 1, second + 1, snapshot(&[("api", letter)]));
            for other in 0..others {
                record(&mut memory, "staging", second + 2, second + 2, started("api", 'c'));
                memory.record(
                    second * 1_000_000 + other,
                    None,
                    &[(artifact('a'), EdgeKind::BuiltBy, node(NodeKind::Run, "r"))],
                    &[],
                );
            }
        }
        let (read, found) = reads(&memory, now());
        let picture = told(&memory, &found).replay(Until::Newest).picture;
        assert_eq!(runs(&picture), runs(&all(&memory).replay(Until::Newest).picture));
        assert!(!found.truncated);
        read
    };
    let small = cost(10, 1);
    assert!(small <= 5, "{small}: the newest snapshot, the start before it, and the snapshot that lacks it");
    assert_eq!([cost(500, 1), cost(10, 100)], [small; 2]);
}

#[test]
fn a_picture_of_the_past_rests_on_the_snapshot_before_it_and_on_what_came_late() {
    let mut memory = Memory::new();
    for hour in 0..10 {
        record(&mut memory, "prod", hour * 100 + 1, hour * 100, snapshot(&[("api", 'a')]));
    }
    // Learned at 950, and it happened at 450.
    record(&mut memory, "prod", 950, 450, started("api", 'b'));
    let at = |second: i64| Window { until: Some(time(second * 1_000_000)), ..now() };
    let then = |second: i64| {
        let found = ask(&memory, at(second));
        assert!(!found.truncated);
        runs(&told(&memory, &found).replay(at(second).end()).picture)
    };
    let api = |letter, since: i64| [format!("api {} {since}", digest(letter))];
    assert_eq!(then(449), api('a', 0));
    assert_eq!(then(450), api('b', 450));
    assert_eq!(then(500), api('a', 500), "the next snapshot saw the old one again");
    // As of the tree that did not have it yet.
    let found = environment(&memory, &name("prod"), at(460), size(10)).unwrap();
    assert_eq!(runs(&told(&memory, &found).replay(at(460).end()).picture), api('a', 0));
}

#[test]
fn how_far_back_it_is_looked_for_a_start_is_bounded_and_told() {
    let mut memory = Memory::new();
    record(&mut memory, "prod", 1, 1, started("api", 'a'));
    let count = i64::try_from(LOOK_BACK_MAX).unwrap() + 100;
    for number in 0..count {
        record(&mut memory, "prod", 10 + number, 10 + number, snapshot(&[("api", 'a')]));
    }
    let (read, found) = reads(&memory, now());
    assert!(read <= LOOK_BACK_MAX + 2, "{read}");
    assert!(!found.truncated, "what runs is known");
    let picture = told(&memory, &found).replay(Until::Newest).picture;
    let since = picture.running[0].since;
    assert_eq!(found.known_from, Some(since), "and it may run longer");
    // With one that is not too old, all is known.
    let mut memory = Memory::new();
    record(&mut memory, "prod", 1, 1, started("api", 'a'));
    record(&mut memory, "prod", 10, 10, snapshot(&[("api", 'a')]));
    let found = ask(&memory, now());
    assert_eq!((found.known_from, found.truncated), (None, false));
    assert_eq!(
        runs(&told(&memory, &found).replay(Until::Newest).picture),
        [format!("api {} 1", digest('a'))]
    );
}

#[test]
fn what_is_not_known_within_the_bounds_is_told() {
    let mut memory = Memory { envelope_bytes: ENVELOPE_BYTES_MAX / 4, ..Memory::new() };
    for second in 0..10 {
        record(&mut memory, "prod", second, second, started("api", if second % 2 == 0 { 'a' } else { 'b' }));
    }
    let (read, found) = reads(&memory, now());
    assert_eq!((read, found.truncated), (4, true));
    memory.envelope_bytes = 1_000;
    record(&mut memory, "prod", 20, 20, snapshot(&[]));
    assert!(!ask(&memory, now()).truncated, "the snapshot is the whole picture");
    let first = Window { from: From::First, until: None };
    assert!(ask(&memory, first).truncated, "the first change lies behind the bounds");
}

/// The clock was ahead when a start was recorded that was claimed for a time behind that of the snapshot.
#[test]
fn what_was_claimed_before_a_clock_repair_did_not_happen_after_it() {
    let mut memory = Memory::new();
    record(&mut memory, "prod", 10, 10, snapshot(&[("api", 'a')]));
    let ahead = record(&mut memory, "prod", 5_000, 60, started("api", 'b'));
    let repair = record(&mut memory, "other", 50, 50, snapshot(&[]));
    let newest = record(&mut memory, "prod", 55, 55, snapshot(&[]));
    let left = std::sync::atomic::AtomicBool::new(false);
    let time_of = |entry: LeafIndex| memory.reading(entry).unwrap().entry.time;
    let timeline = custody_evidence::trust::Timeline::of([(repair, time_of(repair))]);
    let repaired = crate::query::Attended::new(&memory, &left, timeline);
    let ask = |size| environment(&repaired, &name("prod"), now(), size).unwrap();
    let found = ask(memory.indexed_to);
    assert!(found.needed.whole.contains(&newest) && !found.truncated, "{found:?}");
    assert!(found.known_from <= Some(time_of(newest)), "nothing older is claimed to be later");
    // What was claimed for later happened before the repair, so that the snapshot ended it.
    let steps = Window { from: From::First, until: None };
    let found = environment(&repaired, &name("prod"), steps, memory.indexed_to).unwrap();
    assert!(found.needed.whole.is_superset(&[ahead, newest].into()), "{found:?}");
    // As of the tree before the repair, it is what it was.
    let before = ask(size(repair.get()));
    assert!(before.needed.whole.contains(&ahead), "{before:?}");
}

#[test]
fn an_environment_that_nothing_tells_of_has_no_records() {
    let mut memory = Memory::new();
    record(&mut memory, "staging", 1, 1, started("api", 'a'));
    memory.record(2, None, &[(artifact('a'), EdgeKind::Approved, node(NodeKind::Environment, "prod"))], &[]);
    assert_eq!(ask(&memory, now()), Found::default(), "an approval is no deployment");
    record(&mut memory, "prod", 3, 3, started("api", 'a'));
    let stop = record(&mut memory, "prod", 4, 4, stopped("api", 'a'));
    assert!(ask(&memory, now()).needed.whole.contains(&stop), "nothing runs, and that is known");
}

#[test]
fn a_collision_of_hashes_tells_nothing_of_the_environment() {
    let mut memory = Memory::new();
    record(&mut memory, "prod", 1, 1, started("api", 'a'));
    memory.collision = Some(record(&mut memory, "other", 2, 2, snapshot(&[])));
    assert_eq!(runs(&told(&memory, &ask(&memory, now())).replay(Until::Newest).picture).len(), 1);
}

/// Workload, artifact, and whether it stops, or none for a snapshot of these.
type Plan = (i64, i64, Option<(usize, usize, bool)>, Vec<(usize, usize)>);

fn memory_of(plans: &[Plan]) -> Memory {
    const WORKLOADS: [&str; 3] = ["api", "web", "cron"];
    const LETTERS: [char; 4] = ['a', 'b', 'c', 'd'];
    let mut memory = Memory::new();
    let mut learned = 0;
    for (wait, late, deployment, seen) in plans {
        learned += wait;
        let said = match deployment {
            Some((workload, letter, true)) => stopped(WORKLOADS[*workload], LETTERS[*letter]),
            Some((workload, letter, false)) => started(WORKLOADS[*workload], LETTERS[*letter]),
            None => {
                let seen: Vec<_> = seen.iter().map(|(w, l)| (WORKLOADS[*w], LETTERS[*l])).collect();
                snapshot(&seen)
            }
        };
        record(&mut memory, "prod", learned, (learned - late).max(0), said);
        record(&mut memory, "other", learned, learned, snapshot(&[]));
    }
    memory
}

fn steps(timeline: &Timeline, window: Window) -> Vec<Step> {
    timeline.replay(window.end()).steps
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn the_records_read_tell_the_same_as_all(
        plans in prop::collection::vec(
            (
                0_i64..4,
                prop_oneof![3 => Just(0_i64), 1 => 0_i64..40],
                prop::option::weighted(0.6, (0_usize..3, 0_usize..4, prop::bool::weighted(0.3))),
                prop::collection::vec((0_usize..3, 0_usize..4), 0..4),
            ),
            0..60,
        ),
        back in 0_usize..6,
        at in 0_i64..100,
        since in 0_i64..100,
    ) {
        let memory = memory_of(&plans);
        let whole = all(&memory);
        let until = Some(time(at * 1_000_000));
        for window in [
            now(),
            Window { until, ..now() },
            Window { from: From::Steps(back), until },
            Window { from: From::Time(time(since * 1_000_000)), until },
            Window { from: From::First, until: None },
        ] {
            let found = ask(&memory, window);
            prop_assert!(!found.truncated);
            let part = told(&memory, &found);
            let (expected, known) = (steps(&whole, window), steps(&part, window));
            let count = match window.from {
                From::End => 0,
                From::Steps(steps) => steps.min(expected.len()),
                From::Time(from) => expected.iter().filter(|step| step.time >= from).count(),
                From::First => expected.len(),
            };
            prop_assert_eq!(&expected[expected.len() - count..], &known[known.len() - count..]);
            let pictures = [&whole, &part].map(|timeline| timeline.replay(window.end()).picture);
            // What was first seen in all that was read may have started earlier.
            let exact = |picture: &Picture| {
                let known = |since: Timestamp| found.known_from.is_none_or(|from| since > from);
                let text = |running: &custody_evidence::environment::Running| {
                    (running.workload.clone(), running.artifact.clone(), Some(running.since).filter(|since| known(*since)))
                };
                picture.running.iter().map(text).collect::<BTreeSet<_>>()
            };
            let [expected, part] = pictures.map(|picture| exact(&picture));
            prop_assert_eq!(expected, part);
        }
    }
}

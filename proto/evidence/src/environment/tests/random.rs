//! At random: the model agrees, order of arrival does not matter, and what is needed is enough.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use custody_log::LeafIndex;
use proptest::prelude::*;

use super::model::{Runs, model};
use super::{at, digest, name, seen};
use crate::environment::{
    Artifact, Event, From, Needed, Observation, Picture, Replay, Said, Timeline, Until, Window, needed,
};

fn artifact() -> impl Strategy<Value = Artifact> {
    // Two digests of one thing, and each of them alone, too.
    prop::sample::select(vec!["a", "b", "cd", "c", "d"])
        .prop_map(|letters| Artifact::new(letters.chars().map(digest)).unwrap())
}

fn said() -> impl Strategy<Value = Said> {
    let names = (prop::sample::select(vec!["", "eu", "us"]), prop::sample::select(vec!["", "api", "web"]));
    let deployment = (names, prop::collection::vec(artifact(), 1..3), any::<bool>());
    let deployment = deployment.prop_map(|((cluster, workload), artifacts, starts)| {
        let (cluster, workload) = (name(cluster), name(workload));
        let artifacts = Artifact::distinct(artifacts);
        if starts {
            Said::Started { cluster, workload, artifacts, whole: true }
        } else {
            Said::Stopped { cluster, workload, artifacts }
        }
    });
    let items = prop::sample::select(vec![":a", "api:a*2", "web:a", "api:b", ":b", "web:c*1", "api:d", ":c"]);
    let snapshot = prop::collection::vec(items, 0..5).prop_map(|items| seen(&items.join(" ")));
    prop_oneof![3 => deployment, 2 => snapshot]
}

/// Few different times, so that many tie, and many come late.
fn events(distrust: bool) -> impl Strategy<Value = Vec<Event>> {
    let one = (0_i64..12, prop::bool::weighted(0.7), said());
    prop::collection::vec(one, 0..24).prop_map(move |list| {
        let event = |(place, (second, counts, said)): (usize, (i64, bool, Said))| Event {
            entry: LeafIndex::new(u64::try_from(place).unwrap()).unwrap(),
            time: at(second),
            counts: counts || !distrust,
            observation: Arc::new(Observation { environment: "prod".parse().unwrap(), said }),
        };
        list.into_iter().enumerate().map(event).collect()
    })
}

fn runs(picture: &Picture) -> BTreeSet<Runs> {
    let text = |name: Option<&crate::predicate::Name>| name.map(ToString::to_string);
    let runs = picture.running.iter().map(|running| {
        (
            text(running.cluster.as_ref()),
            text(running.workload.as_ref()),
            running.artifact.digests().map(ToString::to_string).collect(),
            running.since.as_micros(),
            running.counts,
        )
    });
    runs.collect()
}

/// Takes from a timeline what is needed of it, as one who asked does.
fn only(timeline: &Timeline, needed: &Needed) -> Timeline {
    let mut parts: BTreeMap<LeafIndex, Vec<_>> = BTreeMap::new();
    for part in &needed.parts {
        parts.entry(part.entry).or_default().push((part.digest.clone(), part.workload.clone()));
    }
    let event = |event: &Event| {
        if needed.whole.contains(&event.entry) {
            return Some(event.clone());
        }
        let part = event.observation.part(parts.get(&event.entry)?);
        Some(Event { observation: Arc::new(part.expect("it says so")), ..event.clone() })
    };
    Timeline::of(timeline.events().iter().filter_map(event))
}

/// Leaves out by which entries something got its name, which is for [`needed`] alone to know.
fn plain(mut picture: Picture) -> Picture {
    for running in &mut picture.running {
        (running.named_by, running.placed_by) = (None, None);
    }
    picture
}

fn window() -> impl Strategy<Value = Window> {
    let from = prop_oneof![
        Just(From::End),
        Just(From::First),
        (0_i64..13).prop_map(|second| From::Time(at(second))),
        (0_usize..9).prop_map(From::Steps),
    ];
    (from, prop::option::of((0_i64..13).prop_map(at))).prop_map(|(from, until)| Window { from, until })
}

/// The last steps of a window, and the pictures before and after them.
fn told(timeline: &Timeline, window: Window, whole: &Replay) -> (Replay, Picture, Picture) {
    // A later record that only names what runs is no step, and is not of this window.
    let within = |event: &&Event| window.until.is_none_or(|until| event.time <= until);
    let timeline = Timeline::of(timeline.events().iter().filter(within).cloned());
    let replay = timeline.replay(window.end());
    let of_whole = match window.from {
        From::End => 0,
        From::First => whole.steps.len(),
        From::Time(time) => whole.steps.iter().filter(|step| step.time >= time).count(),
        From::Steps(steps) => steps.min(whole.steps.len()),
    };
    let start = replay.steps.len().checked_sub(of_whole).expect("no step is left out");
    let before = timeline.replay(Until::Steps(start)).picture;
    let mut last = replay.clone();
    last.steps.drain(..start);
    (last, before, replay.picture)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_model_agrees(events in events(true)) {
        let picture = Timeline::of(events.clone()).replay(Until::Newest).picture;
        prop_assert_eq!(runs(&picture), model(&events));
    }

    #[test]
    fn the_order_of_arrival_and_repeats_do_not_matter(events in events(true), turn in 0_usize..24) {
        let mut turned = events.clone();
        turned.rotate_left(turn.min(events.len()));
        turned.extend(events.iter().take(turn).cloned());
        prop_assert_eq!(Timeline::of(events), Timeline::of(turned));
    }

    #[test]
    fn each_step_changes_what_runs_and_nothing_else_does(events in events(true)) {
        let timeline = Timeline::of(events);
        let steps = timeline.replay(Until::Newest).steps;
        for count in 0..=steps.len() {
            let replay = timeline.replay(Until::Steps(count));
            prop_assert_eq!(&replay.steps[..], &steps[..count]);
        }
    }

    #[test]
    fn what_is_needed_tells_the_same_as_all(events in events(false), window in window()) {
        let timeline = Timeline::of(events);
        let whole = timeline.replay(window.end());
        let needed = needed(&timeline, window);
        let part = only(&timeline, &needed);
        let (steps, before, after) = told(&timeline, window, &whole);
        let (part_steps, part_before, part_after) = told(&part, window, &whole);
        prop_assert_eq!(steps.steps, part_steps.steps);
        prop_assert_eq!(runs(&before), runs(&part_before));
        prop_assert_eq!(plain(after), plain(part_after));
        prop_assert!(needed.parts.iter().all(|part| !needed.whole.contains(&part.entry)));
    }
}

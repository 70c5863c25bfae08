//! At random: the model agrees, order of arrival does not matter, and what is needed is enough.

use std::collections::BTreeSet;
use std::sync::Arc;

use custody_log::{LeafIndex, Timestamp};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::model::{Runs, model};
use super::{at, digest, name, seen};
use crate::environment::needed::Choice;
use crate::environment::{
    Artifact, Event, From, Observation, Picture, Replay, Said, Step, Timeline, Until, Window, needed,
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

fn window() -> impl Strategy<Value = Window> {
    let from = prop_oneof![
        Just(From::End),
        Just(From::First),
        (0_i64..13).prop_map(|second| From::Time(at(second))),
        (0_usize..9).prop_map(From::Steps),
    ];
    (from, prop::option::of((0_i64..13).prop_map(at))).prop_map(|(from, until)| Window { from, until })
}

/// What is told of a window, by the commands that ask for it.
#[derive(Debug, PartialEq)]
struct Told {
    steps: Vec<Step>,
    /// What ran: at its end, before it began, and after each of its changes where these are counted.
    pictures: Vec<Picture>,
    /// When something had changed last.
    changed: Option<Timestamp>,
}

fn told(timeline: &Timeline, window: Window) -> Told {
    let Replay { picture, mut steps, .. } = timeline.replay(window.end());
    let then = |count| timeline.replay(Until::Steps(count));
    let back = match window.from {
        From::Steps(count) => steps.len().checked_sub(count).filter(|_| count > 0).map(then),
        _ => None,
    };
    let changed = back.as_ref().map_or(&steps, |back| &back.steps).last().map(|step| step.time);
    let mut pictures = vec![picture];
    pictures.extend(back.map(|back| back.picture));
    match window.from {
        From::End => steps.clear(),
        From::Time(since) => steps.retain(|step| step.time >= since),
        From::Steps(count) => drop(steps.drain(..steps.len().saturating_sub(count))),
        From::First => pictures.extend((1..steps.len()).map(|count| then(count).picture)),
    }
    Told { steps, pictures, changed }
}

/// At least so many cases; `PROPTEST_CASES` asks for more.
fn cases() -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig { cases: asked.cases.max(2_000), ..asked }
}

proptest! {
    #![proptest_config(cases())]

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
    fn what_is_needed_tells_the_same_as_all(events in events(true), window in window()) {
        let timeline = Timeline::of(events);
        let needed = needed(&timeline, window);
        let chosen = needed.of(&timeline).expect("each record says what it is needed for");
        prop_assert_eq!(told(&timeline, window), told(&chosen, window));
        prop_assert!(needed.parts.iter().all(|part| !needed.whole.contains(&part.entry)));
    }
}

/// Counted over the same cases each time, so that it does not depend on luck.
#[test]
fn few_records_tell_the_same_as_all_but_in_rare_cases() {
    const CASES: usize = 20_000;
    let mut runner = TestRunner::deterministic();
    let cases = (events(false), window());
    let mut suffices = || {
        let (events, window) = cases.new_tree(&mut runner).unwrap().current();
        let timeline = Timeline::of(events);
        let choice = Choice::of(&timeline, window);
        choice.suffices(&choice.few())
    };
    let more = (0..CASES).filter(|_| !suffices()).count();
    assert!(more * 10_000 <= CASES, "of {CASES} more than few records are needed for {more}");
}

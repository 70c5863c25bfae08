//! What the rules come to, case by case, and at random against the naive model.

mod model;
mod random;

use std::num::NonZeroU32;
use std::sync::Arc;

use custody_log::{LeafIndex, Timestamp};

use super::*;
use crate::digest_set::Digest;
use crate::predicate::{Action, Name};

fn name(text: &str) -> Option<Name> {
    (!text.is_empty()).then(|| text.parse().unwrap())
}

fn digest(letter: char) -> Digest {
    Digest::sha256_of(letter.to_string().as_bytes())
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000).unwrap()
}

/// Records an environment, each with the next index.
#[derive(Default)]
struct Records(Vec<Event>);

impl Records {
    fn add(&mut self, second: i64, counts: bool, said: Said) -> &mut Self {
        let entry = LeafIndex::new(u64::try_from(self.0.len()).unwrap() + 1).unwrap();
        let observation = Arc::new(Observation { environment: "prod".parse().unwrap(), said });
        self.0.push(Event { entry, time: at(second), counts, observation });
        self
    }

    fn start(&mut self, second: i64, place: &str, letters: &str) -> &mut Self {
        let (cluster, workload) = place.split_once('/').unwrap();
        let artifacts = letters.chars().map(|letter| digest(letter).into()).collect();
        self.add(
            second,
            true,
            Said::Started { cluster: name(cluster), workload: name(workload), artifacts, whole: true },
        )
    }

    fn stop(&mut self, second: i64, place: &str, letters: &str) -> &mut Self {
        let (cluster, workload) = place.split_once('/').unwrap();
        let artifacts = letters.chars().map(|letter| digest(letter).into()).collect();
        self.add(second, true, Said::Stopped { cluster: name(cluster), workload: name(workload), artifacts })
    }

    /// What runs: `api:a worker:b :c`.
    fn snapshot(&mut self, second: i64, running: &str) -> &mut Self {
        self.add(second, true, seen(running))
    }

    fn distrusted(&mut self) -> &mut Self {
        self.0.last_mut().unwrap().counts = false;
        self
    }

    fn timeline(&self) -> Timeline {
        Timeline::of(self.0.clone())
    }

    fn runs(&self) -> Vec<String> {
        running(&self.timeline().replay(Until::Newest).picture)
    }
}

fn seen(running: &str) -> Said {
    let seen = |text: &str| {
        let (workload, letter) = text.split_once(':').unwrap();
        let (letter, count) = letter.split_once('*').unwrap_or((letter, ""));
        let count = count.parse().ok().and_then(NonZeroU32::new);
        Seen { digest: digest(letter.chars().next().unwrap()), workload: name(workload), count }
    };
    let running = running.split_whitespace().map(seen).collect();
    Said::Snapshot { running, unknown: None, whole: true }
}

/// `cluster/workload:a@since`, with `?` behind what no evidence says and `*N` behind what was counted.
fn running(picture: &Picture) -> Vec<String> {
    let letter = |artifact: &Artifact| {
        let known = ('a'..='z').find(|letter| artifact.has(&digest(*letter)));
        known.map_or_else(|| artifact.digest().to_string(), String::from)
    };
    let text = |running: &Running| {
        let named = |name: Option<&Name>| name.map_or_else(String::new, ToString::to_string);
        let count = running.count.map_or_else(String::new, |count| format!("*{count}"));
        format!(
            "{}/{}:{}@{}{}{count}",
            named(running.cluster.as_ref()),
            named(running.workload.as_ref()),
            letter(&running.artifact),
            running.since.as_seconds(),
            if running.counts { "" } else { "?" },
        )
    };
    picture.running.iter().map(text).collect()
}

#[test]
fn a_workload_that_starts_something_else_runs_that_and_no_more_what_it_ran() {
    let mut records = Records::default();
    records.start(1, "/api", "a").start(2, "/worker", "b").start(3, "/api", "c");
    assert_eq!(records.runs(), ["/worker:b@2", "/api:c@3"]);
    let steps = records.timeline().replay(Until::Newest).steps;
    let last: Vec<_> = steps.last().unwrap().changes.iter().map(|change| change.action).collect();
    assert_eq!(last, [Action::Stop, Action::Start]);
}

#[test]
fn what_starts_without_a_name_ends_nothing() {
    let mut records = Records::default();
    records.start(1, "/", "a").start(2, "/", "b").start(3, "/api", "c");
    assert_eq!(records.runs(), ["/:a@1", "/:b@2", "/api:c@3"]);
}

#[test]
fn one_deployment_of_several_things_runs_them_all() {
    let mut records = Records::default();
    records.start(1, "/api", "ab").start(2, "/api", "bc");
    assert_eq!(records.runs(), ["/api:b@1", "/api:c@2"]);
}

#[test]
fn clusters_are_apart_and_who_names_none_speaks_of_all() {
    let mut records = Records::default();
    records.start(1, "eu/api", "a").start(2, "us/api", "a").start(3, "eu/api", "b");
    assert_eq!(records.runs(), ["us/api:a@2", "eu/api:b@3"]);
    records.stop(4, "us/api", "b");
    assert_eq!(records.runs(), ["us/api:a@2", "eu/api:b@3"], "it did not run there");
    let mut all = Records(records.0.clone());
    assert_eq!(all.stop(5, "/api", "b").stop(6, "/", "a").runs(), [""; 0]);
    assert_eq!(records.start(5, "/api", "c").runs(), ["/api:c@5"]);
}

#[test]
fn what_runs_nobody_knows_where_is_not_ended_by_what_happens_in_one_cluster() {
    let mut records = Records::default();
    records.snapshot(1, "api:a").start(2, "eu/api", "b").stop(3, "eu/api", "a");
    assert_eq!(records.runs(), ["/api:a@1", "eu/api:b@2"]);
    assert_eq!(records.snapshot(4, "api:b").runs(), ["eu/api:b@2"]);
}

#[test]
fn a_deployment_tells_where_that_is_which_a_snapshot_saw_before() {
    let mut records = Records::default();
    records.snapshot(1, "api:a").start(2, "eu/api", "a").start(3, "us/api", "a");
    assert_eq!(records.runs(), ["eu/api:a@1", "us/api:a@3"]);
    assert_eq!(records.start(4, "eu/api", "b").runs(), ["us/api:a@3", "eu/api:b@4"]);
}

#[test]
fn a_stop_ends_what_it_names_and_nothing_else() {
    let mut records = Records::default();
    records.start(1, "/api", "a").start(1, "/worker", "a").start(1, "/", "b");
    assert_eq!(Records(records.0.clone()).stop(2, "/worker", "a").runs(), ["/api:a@1", "/:b@1"]);
    assert_eq!(Records(records.0.clone()).stop(2, "/", "a").runs(), ["/:b@1"]);
    assert_eq!(Records(records.0.clone()).stop(2, "/api", "b").runs().len(), 3);
    assert_eq!(Records::default().stop(1, "/", "a").start(2, "/", "a").runs(), ["/:a@2"]);
}

#[test]
fn a_snapshot_is_the_whole_picture() {
    let mut records = Records::default();
    records.start(1, "/api", "a").start(2, "/worker", "b").snapshot(3, "api:a*3 cron:c");
    assert_eq!(records.runs(), ["/api:a@1*3", "/cron:c@3"]);
    assert_eq!(records.snapshot(4, "").runs(), [""; 0]);
    assert_eq!(records.snapshot(5, "api:a").runs(), ["/api:a@5"], "it began again");
}

#[test]
fn counts_are_added_up_where_all_are_known_and_it_is_one_thing() {
    assert_eq!(Records::default().snapshot(1, "api:a*2 api:a*3").runs(), ["/api:a@1*5"]);
    assert_eq!(Records::default().snapshot(1, "api:a*2 api:a").runs(), ["/api:a@1"]);
    let mut records = Records::default();
    records.start(1, "eu/api", "a").start(2, "us/api", "a").snapshot(3, "api:a*4");
    assert_eq!(records.runs(), ["eu/api:a@1", "us/api:a@2"]);
}

#[test]
fn a_snapshot_names_what_ran_without_a_name_and_it_runs_on() {
    let mut records = Records::default();
    records.start(1, "/", "a").snapshot(2, "api:a worker:a");
    assert_eq!(records.runs(), ["/api:a@1", "/worker:a@1"]);
    assert_eq!(records.timeline().replay(Until::Newest).steps.len(), 1);
    assert_eq!(Records::default().start(1, "/api", "a").snapshot(2, ":a").runs(), ["/api:a@1"]);
}

#[test]
fn to_start_what_runs_changes_nothing() {
    let mut records = Records::default();
    records.start(1, "eu/api", "a").start(2, "eu/api", "a").start(3, "/api", "a").snapshot(4, "api:a");
    assert_eq!(records.runs(), ["eu/api:a@1"]);
    assert_eq!(records.timeline().replay(Until::Newest).steps.len(), 1);
}

#[test]
fn what_comes_late_takes_its_place_and_what_ties_the_order_of_the_log() {
    let mut records = Records::default();
    records.start(10, "/api", "a").start(30, "/api", "c").start(20, "/api", "b");
    assert_eq!(records.runs(), ["/api:c@30"]);
    let timeline = records.timeline();
    let then = |second| running(&timeline.replay(Until::Time(at(second))).picture);
    assert_eq!([then(9), then(10)], [vec![], vec!["/api:a@10".to_owned()]]);
    assert_eq!([then(29), then(30)], [["/api:b@20"], ["/api:c@30"]]);
    let mut ties = Records::default();
    ties.start(1, "/api", "a").start(1, "/api", "b");
    assert_eq!(ties.runs(), ["/api:b@1"]);
    let mut other = Records::default();
    other.start(1, "/api", "b").start(1, "/api", "a");
    assert_eq!(other.runs(), ["/api:a@1"]);
}

/// Whoever stole a key must not be able to hide what runs.
#[test]
fn what_is_distrusted_adds_to_the_picture_marked_and_takes_nothing_away() {
    let mut records = Records::default();
    records.start(1, "/api", "a");
    for said in [seen(""), seen("api:x")] {
        let mut with = Records(records.0.clone());
        with.add(2, false, said);
        assert!(with.runs().contains(&"/api:a@1".to_owned()), "{:?}", with.runs());
    }
    assert_eq!(Records(records.0.clone()).stop(2, "/api", "a").distrusted().runs(), ["/api:a@1"]);
    let mut with = Records(records.0.clone());
    with.start(2, "/api", "b").distrusted();
    assert_eq!(with.runs(), ["/api:a@1", "/api:b@2?"]);
    assert_eq!(with.start(3, "/api", "c").distrusted().runs(), ["/api:a@1", "/api:c@3?"]);
    assert_eq!(Records(with.0.clone()).start(4, "/api", "c").runs(), ["/api:c@4"], "now it is evidence");
    assert_eq!(with.snapshot(4, "api:a").runs(), ["/api:a@1"]);
}

#[test]
fn a_picture_knows_by_which_snapshot_and_of_what_nobody_knows() {
    let unknown = NonZeroU32::new(2);
    let mut records = Records::default();
    records.add(1, true, Said::Snapshot { running: Vec::new(), unknown, whole: true });
    records.start(2, "/api", "a");
    let picture = records.timeline().replay(Until::Newest).picture;
    assert_eq!((picture.unknown, picture.snapshot.unwrap().0.get()), (unknown, 1));
    records.snapshot(3, "api:a");
    assert_eq!(records.timeline().replay(Until::Newest).picture.unknown, None);
}

#[test]
fn bytes_with_several_digests_are_one_thing_by_each_of_them() {
    let both = Artifact::new([digest('a'), digest('b')]).unwrap();
    let mut records = Records::default();
    let started = Said::Started { cluster: None, workload: name("api"), artifacts: vec![both], whole: true };
    records.add(1, true, started).snapshot(2, "api:b");
    assert_eq!(records.runs(), ["/api:a@1"]);
    assert_eq!(records.stop(3, "/", "a").runs(), [""; 0]);
}

#[test]
fn a_part_of_a_record_says_what_the_record_says_of_it_and_nothing_else() {
    let snapshot = Observation { environment: "prod".parse().unwrap(), said: seen("api:a worker:a cron:b") };
    let part = |things: &[(char, &str)]| {
        let things: Vec<_> =
            things.iter().map(|(letter, workload)| (digest(*letter), name(workload))).collect();
        snapshot.part(&things)
    };
    let Said::Snapshot { running, whole, .. } = part(&[('a', "api"), ('b', "cron")]).unwrap().said else {
        panic!()
    };
    assert_eq!((running.len(), whole), (2, false));
    for forged in [[('c', "api")], [('a', "cron")], [('a', "")]] {
        assert_eq!(part(&forged), None, "{forged:?}");
    }
    let artifacts = vec![digest('a').into()];
    let stopped = Said::Stopped { cluster: None, workload: name("api"), artifacts };
    let stopped = Observation { said: stopped, ..snapshot.clone() };
    assert_eq!(stopped.part(&[(digest('a'), name("api"))]), None, "it says that it stopped");
}

/// What ran in two clusters got two names, and one of the four ended since. A snapshot without names does not say which, and
/// the older records alone bring it back.
#[test]
fn what_ended_under_one_of_its_names_is_not_told_to_run_for_lack_of_the_record_that_ended_it() {
    let mut records = Records::default();
    records.start(1, "eu/", "a").start(1, "us/", "a").snapshot(1, "api:a web:a").start(1, "eu/api", "b");
    records.snapshot(2, ":a").start(3, "/", "c");
    let (timeline, window) = (records.timeline(), Window::default());
    let runs = ["us/api:a@1", "eu/web:a@1", "us/web:a@1", "/:c@3"];
    let mut found = records.runs();
    found.sort();
    let mut expected = runs.map(str::to_owned);
    expected.sort();
    assert_eq!(found, expected);
    let choice = needed::Choice::of(&timeline, window);
    assert!(!choice.suffices(&choice.few()));
    let chosen = needed(&timeline, window).of(&timeline).unwrap();
    assert_eq!(running(&chosen.replay(Until::Newest).picture), records.runs());
}

/// By the same snapshot it ran under a name and without one; under the name it stopped, and what had none got it.
#[test]
fn what_got_its_name_later_is_taken_from_what_was_said_of_it_without_one() {
    let mut records = Records::default();
    records.snapshot(1, ":a web:a").stop(2, "/web", "a").snapshot(3, "web:a");
    records.start(4, "/", "b").start(5, "/", "c");
    let timeline = records.timeline();
    assert_eq!(records.runs(), ["/web:a@1", "/:b@4", "/:c@5"]);
    let choice = needed::Choice::of(&timeline, Window::default());
    assert!(choice.suffices(&choice.few()));
    let without = Part { entry: LeafIndex::new(1).unwrap(), digest: digest('a'), workload: None };
    assert!(choice.few().parts.contains(&without), "{:?}", choice.few());
}

#[test]
fn pictures_differ_in_what_was_added_removed_and_replaced() {
    let picture = |running: &str| {
        let mut records = Records::default();
        records.snapshot(1, running).timeline().replay(Until::Newest).picture
    };
    let (before, after) =
        (picture("api:a web:w old:o two:s two:t"), picture("api:b web:w new:n two:u two:v"));
    let found = difference(&before, &after);
    let names = |running: &[&Running]| {
        running.iter().map(|running| running.workload.as_ref().unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&found.added), ["new", "two", "two"]);
    assert_eq!(names(&found.removed), ["old", "two", "two"]);
    let [replaced] = found.replaced.as_slice() else { panic!("{found:?}") };
    assert_eq!(replaced.workload.as_str(), "api");
    assert!(replaced.before.artifact.has(&digest('a')) && replaced.after.artifact.has(&digest('b')));
    assert_eq!(difference(&before, &before), Difference::default());
}

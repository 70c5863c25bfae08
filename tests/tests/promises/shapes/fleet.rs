//! Deployments that go forth and back, in several clusters, and snapshots with gaps.

use serde_json::{Value, json};

use super::{Place, artifact, digest};

impl Place {
    fn starts(&self, cluster: &str, name: &str, at: &str) -> u64 {
        let said = json!({"environment": "prod", "workload": "api", "cluster": cluster, "action": "start", "at": at});
        self.say("urn:custody:deployment:v1", &artifact(name), &said)
    }

    /// Where an artifact is live, and since when.
    fn live(&self, name: &str) -> Vec<(String, String)> {
        let answer = self.ask(&["impact", &digest(name)]);
        let live = answer["live"].as_array().into_iter().flatten();
        let text = |live: &Value, member: &str| live[member].as_str().unwrap().to_owned();
        live.map(|live| (text(live, "environment"), text(live, "since"))).collect()
    }

    fn all_running(&self, moment: &str) -> Vec<String> {
        let mut running = self.running(moment);
        running.sort();
        running
    }
}

fn sorted(names: &[&str]) -> Vec<String> {
    let mut digests: Vec<String> = names.iter().map(|name| digest(name)).collect();
    digests.sort();
    digests
}

#[test]
fn an_image_in_two_clusters_runs_until_it_is_replaced_in_both() {
    let place = Place::new();
    place.starts("eu", "one", "2026-11-20T10:00:00Z");
    place.starts("us", "one", "2026-11-20T10:05:00Z");
    place.starts("eu", "two", "2026-11-20T11:00:00Z");
    assert_eq!(place.all_running("prod"), sorted(&["one", "two"]));
    assert_eq!(place.live("one"), [("prod".to_owned(), "2026-11-20T10:05:00.000000Z".to_owned())]);
    assert_eq!(place.all_running("prod@{2026-11-20T10:02}"), sorted(&["one"]));
    place.starts("us", "two", "2026-11-20T12:00:00Z");
    assert_eq!(place.all_running("prod"), sorted(&["two", "two"]), "in two clusters");
    assert_eq!(place.live("one"), []);
    // A stop in one of them leaves the other.
    let stop = json!({"environment": "prod", "workload": "api", "cluster": "us", "action": "stop", "at": "2026-11-20T13:00:00Z"});
    place.say("urn:custody:deployment:v1", &artifact("two"), &stop);
    assert_eq!(place.live("two"), [("prod".to_owned(), "2026-11-20T11:00:00.000000Z".to_owned())]);
}

#[test]
fn what_was_rolled_back_to_runs_since_then_and_a_second_deployment_of_the_same_changes_nothing() {
    let place = Place::new();
    for (name, at) in [
        ("one", "2026-11-20T10:00:00Z"),
        ("one", "2026-11-20T10:30:00Z"),
        ("two", "2026-11-20T11:00:00Z"),
        ("one", "2026-11-20T12:00:00Z"),
        ("one", "2026-11-20T12:30:00Z"),
    ] {
        place.starts("eu", name, at);
    }
    assert_eq!(place.live("one"), [("prod".to_owned(), "2026-11-20T12:00:00.000000Z".to_owned())]);
    for (moment, name) in [
        ("prod", "one"),
        ("prod~1", "two"),
        ("prod~2", "one"),
        ("prod@{2026-11-20T11:30}", "two"),
        ("prod#1", "one"),
    ] {
        assert_eq!(place.running(moment), [digest(name)], "{moment}");
    }
    let log = place.ask(&["env", "log", "prod"]);
    let changes = log["changes"].as_array().unwrap().iter();
    let changes: Vec<String> = changes
        .map(|change| {
            format!("{} {}", change["action"].as_str().unwrap(), &change["time"].as_str().unwrap()[11..16])
        })
        .collect();
    assert_eq!(changes, ["start 12:00", "stop 12:00", "start 11:00", "stop 11:00", "start 10:00"]);
    assert_eq!(place.live("two"), []);
}

#[test]
fn between_two_snapshots_runs_what_the_first_saw_and_what_was_deployed_since() {
    let place = Place::new();
    place.see(1, "prod", "2026-11-01T09:00:00Z", &["one", "aside"]);
    place.deploy("prod", &json!([artifact("two")]), "start", "2026-11-03T09:00:00.250+01:00");
    place.see(1, "prod", "2026-11-10T09:00:00Z", &["three"]);
    assert_eq!(place.all_running("prod@{2026-11-02T00:00}"), sorted(&["one", "aside"]));
    // All ran as one workload, which now runs another version.
    assert_eq!(place.all_running("prod@{2026-11-03T08:00:00.250Z}"), sorted(&["two"]));
    assert_eq!(place.all_running("prod@{2026-11-03T08:00:00.249999Z}"), sorted(&["one", "aside"]));
    assert_eq!(place.all_running("prod@{2026-11-09T00:00}"), sorted(&["two"]));
    assert_eq!(place.all_running("prod"), sorted(&["three"]));
    assert_eq!(place.all_running("prod@{2026-10-01T00:00}"), sorted(&[]));
    // An empty snapshot ends all.
    let empty = json!({"environment": "prod", "at": "2026-11-11T09:00:00Z", "running": []});
    place.say_by(1, "urn:custody:snapshot:v1", &super::named("environment", "prod"), &empty);
    assert_eq!(place.all_running("prod"), sorted(&[]));
    assert_eq!(place.live("three"), []);
}

#[test]
fn two_environments_differ_in_what_runs_and_not_in_who_deployed_it_when() {
    let place = Place::new();
    let start = |environment: &str, workload: &str, name: &str, at: &str| {
        let said = json!({"environment": environment, "workload": workload, "action": "start", "at": at});
        place.say("urn:custody:deployment:v1", &artifact(name), &said)
    };
    start("staging", "api", "api2", "2026-11-20T10:00:00Z");
    start("staging", "web", "web1", "2026-11-20T10:00:00Z");
    start("staging", "new", "new1", "2026-11-20T10:00:00Z");
    start("prod", "api", "api1", "2026-11-19T10:00:00Z");
    start("prod", "web", "web1", "2026-11-18T10:00:00Z");
    start("prod", "old", "old1", "2026-11-17T10:00:00Z");
    let difference = place.ask(&["env", "diff", "staging", "prod"]);
    let digests = |member: &str| -> Vec<&str> {
        difference[member].as_array().unwrap().iter().map(|row| row["digest"].as_str().unwrap()).collect()
    };
    assert_eq!(
        (digests("added"), digests("removed")),
        (vec![digest("old1").as_str()], vec![digest("new1").as_str()]),
        "{difference}"
    );
    let changed = difference["changed"].as_array().unwrap();
    assert_eq!(changed.len(), 1, "{difference}");
    assert_eq!(
        (&changed[0]["before"], &changed[0]["after"]),
        (&json!(digest("api2")), &json!(digest("api1")))
    );
}

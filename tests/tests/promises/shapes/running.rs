//! What runs, as several agents see it, with the digests and times that they write.

use custody_tests::evidence::artifact_hex;
use serde_json::{Value, json};

use super::{Place, artifact, digest, long};

impl Place {
    pub(super) fn deploy(&self, environment: &str, subject: &Value, action: &str, at: &str) -> u64 {
        let said = json!({"environment": environment, "workload": "api", "action": action, "at": at});
        self.say("urn:custody:deployment:v1", subject, &said)
    }

    pub(super) fn see(&self, agent: usize, environment: &str, at: &str, names: &[&str]) -> u64 {
        let running: Vec<Value> =
            names.iter().map(|name| json!({"digest": digest(name), "workload": "api", "count": 2})).collect();
        let subjects: Vec<Value> = names.iter().map(|name| artifact(name)).collect();
        let said = json!({"environment": environment, "at": at, "running": running});
        self.say_by(agent, "urn:custody:snapshot:v1", &json!(subjects), &said)
    }

    pub(super) fn running(&self, moment: &str) -> Vec<String> {
        let answer = self.ask(&["env", "show", moment]);
        let running = answer["running"].as_array().into_iter().flatten();
        running.map(|running| running["digest"].as_str().unwrap().to_owned()).collect()
    }

    fn changes(&self, environment: &str) -> Vec<String> {
        let answer = self.ask(&["env", "log", environment]);
        let line = |change: &Value| {
            let text = |member: &str| change[member].as_str().unwrap();
            format!("{} {} {}", &text("time")[..19], text("action"), &text("digest")[..15])
        };
        answer["changes"].as_array().unwrap().iter().map(line).collect()
    }
}

#[test]
fn several_agents_that_see_the_same_change_nothing_and_times_have_offsets() {
    let place = Place::new();
    place.deploy("prod", &artifact("one"), "start", "2026-11-01T10:00:00+02:00");
    place.see(1, "prod", "2026-11-01T09:00:00Z", &["one"]);
    place.see(2, "prod", "2026-11-01T09:00:01.5Z", &["one"]);
    place.deploy("prod", &artifact("two"), "start", "2026-11-02T08:00:00Z");
    place.see(1, "prod", "2026-11-02T09:00:00Z", &["two"]);
    place.see(2, "prod", "2026-11-02T10:00:00.000001+01:00", &["two"]);
    let short = |name: &str| digest(name)[..15].to_owned();
    let wanted = [
        format!("2026-11-02T08:00:00 start {}", short("two")),
        format!("2026-11-02T08:00:00 stop {}", short("one")),
        format!("2026-11-01T08:00:00 start {}", short("one")),
    ];
    assert_eq!(place.changes("prod"), wanted);
    assert_eq!(place.running("prod@{2026-11-01T09:30:00+01:00}"), [digest("one")]);
    // What is recorded late takes its place in the past, and changes nothing since.
    place.deploy("prod", &artifact("zero"), "start", "2026-10-31T08:00:00Z");
    assert_eq!(place.running("prod@{2026-10-31T12:00:00Z}"), [digest("zero")]);
    assert_eq!(place.running("prod"), [digest("two")]);
    assert_eq!(place.running("prod#1"), [digest("zero")]);
    let difference = place.ask(&["env", "diff", "prod@{2026-11-01T12:00:00Z}", "prod"]);
    let changed = json!([difference["changed"][0]["before"], difference["changed"][0]["after"]]);
    assert_eq!(changed, json!([digest("one"), digest("two")]), "{difference}");
    assert_eq!((&difference["added"], &difference["removed"]), (&json!([]), &json!([])));
}

#[test]
fn a_sha512_alone_runs_and_one_digest_stops_what_another_started() {
    let place = Place::new();
    let only = json!({"name": "api", "digest": {"sha512": long("only").to_uppercase()}});
    place.deploy("lab", &only, "start", "2026-11-01T08:00:00Z");
    let sha512 = format!("sha512:{}", long("only"));
    assert_eq!(place.running("lab"), std::slice::from_ref(&sha512));
    let live = place.ask(&["impact", &sha512]);
    assert_eq!(live["live"][0]["environment"], "lab", "{live}");
    let both = json!({"name": "api", "digest": {"sha256": artifact_hex("both"), "sha512": long("both")}});
    place.deploy("stage", &both, "start", "2026-11-01T08:00:00Z");
    assert_eq!(place.running("stage"), [digest("both")]);
    place.deploy(
        "stage",
        &json!({"name": "api", "digest": {"sha512": long("both")}}),
        "stop",
        "2026-11-01T09:00:00Z",
    );
    assert_eq!(place.running("stage"), [""; 0]);
    // An environment may have a slash and a blank in its name.
    place.deploy("prod/EU 1", &artifact("eu"), "start", "2026-11-01T08:00:00Z");
    assert_eq!(place.running("prod/EU 1@{2026-11-01T08:00:00+00:00}"), [digest("eu")]);
    place.finds(&["--environment", "prod/EU 1"], &["eu"]);
}

#[test]
fn evidence_of_what_runs_is_that_of_the_commit_only_by_a_build_that_counts() {
    let place = Place::new();
    let it = super::commit("reviewed");
    let source =
        json!({"uri": "git+https://github.com/acme/api@refs/heads/main", "digest": {"gitCommit": it}});
    place.build("app", "https://ci.test/a/1x", std::slice::from_ref(&source));
    let review = json!({"repo": "https://github.com/acme/api", "commit": it, "reviewers": ["bob"], "approved_at": "2026-11-01T08:00:00Z"});
    place.say_by(2, "urn:custody:review:v1", &json!({"digest": {"gitCommit": it}}), &review);
    // A thief names the commit that others reviewed.
    place.build_by(1, "stolen", ("https://evil.test", "https://evil.test/1x"), &[source]);
    for name in ["app", "stolen"] {
        place.say_by(2, "urn:custody:deployment:v1", &artifact(name), &json!({"environment": "prod", "workload": name, "action": "start", "at": "2026-11-02T08:00:00Z"}));
    }
    let thief = format!("key:{}", place.ledger.writers[1].public().id());
    let lost = |flags: &[&str]| {
        let answer = place.ask(&[&["coverage", "--environment", "prod"], flags].concat());
        let covered = answer["artifacts"].as_array().unwrap().iter();
        covered.map(|covered| json!([covered["id"], covered["have"], covered["lost"]])).collect::<Vec<_>>()
    };
    let reviewed = json!(["review", "provenance"]);
    let supposed = lost(&["--without", &thief]);
    assert_eq!(supposed, [json!([digest("stolen"), reviewed, reviewed])]);
    assert_eq!(lost(&["--without", &thief, "--since", "index:100"]), [Value::Null; 0]);
    place.administer(&["distrust", &thief, "--since", "unknown", "--reason", "stolen"]);
    let mut wanted = vec![json!([digest("app"), reviewed, []]), json!([digest("stolen"), [], []])];
    wanted.sort_by_key(ToString::to_string);
    assert_eq!(lost(&[]), wanted);
}

#[test]
fn more_environments_than_are_asked_for_one_answer_are_said() {
    let place = Place::new();
    let run = "https://ci.test/a/1x";
    place.build("app", run, &[]);
    for (environments, expected) in [(0..64, json!([64, false])), (64..66, json!([64, true]))] {
        for number in environments {
            let name = format!("pr-{number:02}");
            place.deploy(&name, &artifact("app"), "start", "2026-11-01T08:00:00Z");
        }
        let answer = place.ask(&["impact", run]);
        let live = answer["reached"][0]["live"].as_array().unwrap().len();
        assert_eq!(json!([live, answer["truncated"]]), expected);
        let answer = place.ask(&["trace", &digest("app")]);
        assert_eq!(json!([answer["live"].as_array().unwrap().len(), answer["truncated"]]), expected);
    }
}

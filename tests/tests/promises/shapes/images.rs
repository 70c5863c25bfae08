//! Images with several platforms, several tags, and several builds.

use custody_tests::evidence::artifact_hex;
use serde_json::{Value, json};

use super::{Place, artifact, digest, texts};

impl Place {
    /// Records that somebody pushed these under a reference.
    fn push(&self, reference: &str, names: &[&str]) -> u64 {
        let (repository, _) = reference.rsplit_once(':').unwrap();
        let said = json!({"registry": "ghcr.io", "repository": repository, "ref": reference, "actor": "bot", "at": "2026-11-20T10:00:00Z"});
        let written = |name: &&str| json!({"name": reference, "digest": {"sha256": artifact_hex(name)}});
        self.say("urn:custody:publication:v1", &names.iter().map(written).collect(), &said)
    }

    fn evidence(&self, environment: &str) -> Vec<(String, String)> {
        let answer = self.ask(&["env", "show", environment]);
        let row = |row: &Value| {
            (row["digest"].as_str().unwrap().to_owned(), row["evidence"].as_str().unwrap().to_owned())
        };
        let mut rows: Vec<_> = answer["running"].as_array().unwrap().iter().map(row).collect();
        rows.sort();
        rows
    }
}

#[test]
fn an_attestation_is_of_the_digests_that_it_lists_and_of_no_platform_beside_them() {
    let place = Place::new();
    place.build("index", "https://ci.test/i/1x", &[]);
    place.build("lone-amd", "https://ci.test/a/1x", &[]);
    place.bill("lone-amd", &["pkg:npm/axios@1.14.1"]);
    place.see(2, "prod", "2026-11-20T12:00:00Z", &["index", "amd", "lone-index", "lone-amd"]);
    let mut wanted = [("index", "trusted"), ("amd", "none"), ("lone-index", "none"), ("lone-amd", "trusted")]
        .map(|(name, word)| (digest(name), word.to_owned()));
    wanted.sort();
    assert_eq!(place.evidence("prod"), wanted);
    place.reaches("pkg:npm/axios@1.14.1", &["lone-amd"]);
    let covered = place.ask(&["coverage", "--environment", "prod"]);
    let built = |covered: &&Value| texts(&covered["have"]).contains(&"provenance".to_owned());
    let have: Vec<&str> = covered["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(built)
        .map(|covered| covered["id"].as_str().unwrap())
        .collect();
    let mut wanted = [digest("index"), digest("lone-amd")];
    wanted.sort();
    assert_eq!(have, wanted);
    // Whoever pushes says what belongs together.
    place.push("ghcr.io/acme/api:1.0.0", &["index", "amd"]);
    assert!(place.evidence("prod").contains(&(digest("amd"), "trusted".to_owned())));
    place.reaches("ghcr.io/acme/api:1.0.0", &["index", "amd"]);
}

#[test]
fn several_tags_of_one_image_find_it_and_those_that_float_may_move() {
    let place = Place::new();
    let since = place.build("first", "https://ci.test/i/1x", &[]);
    for tag in ["1.2.3", "1.2", "latest"] {
        place.push(&format!("ghcr.io/acme/api:{tag}"), &["first"]);
    }
    for tag in ["1.2.3", "1.2", "latest"] {
        place.reaches(&format!("ghcr.io/acme/api:{tag}"), &["first"]);
        place.finds(&["--ref", &format!("oci://ghcr.io/acme/api:{tag}")], &["first"]);
    }
    place.reaches(&format!("ghcr.io/acme/api:1.2@{}", digest("first")), &[]);
    place.build("second", "https://ci.test/i/2x", &[]);
    for tag in ["1.2.4", "1.2", "latest"] {
        place.push(&format!("ghcr.io/acme/api:{tag}"), &["second"]);
    }
    place.wrong(since, &[]);
    place.reaches("ghcr.io/acme/api:1.2", &["first", "second"]);
    place.reaches("ghcr.io/acme/api:1.2.3", &["first"]);
    let since = place.push("ghcr.io/acme/api:1.2.3", &["second"]);
    place.wrong(since, &[("tag_moved", "ghcr.io/acme/api:1.2.3")]);
}

#[test]
fn an_image_that_two_runs_of_a_repository_made_came_from_both() {
    let place = Place::new();
    let source = json!({"uri": "git+https://git.corp.test/acme/api@refs/heads/main", "digest": {"gitCommit": super::commit("it")}});
    let since = place.build("same", "https://ci.test/i/1x", std::slice::from_ref(&source));
    place.build("same", "https://ci.test/i/2x", &[source]);
    place.wrong(since, &[]);
    for run in ["https://ci.test/i/1x", "https://ci.test/i/2x"] {
        place.reaches(run, &["same"]);
        place.finds(&["--run", run], &["same"]);
    }
    let traced = place.ask(&["trace", &digest("same")]);
    let built = |edge: &&Value| edge["kind"] == "built-by";
    let runs: Vec<(&Value, &Value)> = traced["edges"]
        .as_array()
        .unwrap()
        .iter()
        .filter(built)
        .map(|edge| (&edge["to"], &edge["status"]))
        .collect();
    let verified = json!("verified");
    let (one, two) = (json!("https://ci.test/i/1x"), json!("https://ci.test/i/2x"));
    assert_eq!(runs, [(&one, &verified), (&two, &verified)], "{traced}");
    // One of them failed, and its output is that of the other.
    let since = place.run("https://ci.test/i/2x", json!({"conclusion": "failure"}));
    place.wrong(since, &[("failed_run", &digest("same"))]);
}

#[test]
fn a_deployment_of_several_artifacts_runs_them_all_and_the_next_ends_those_that_it_lacks() {
    let place = Place::new();
    let two = json!([artifact("api"), artifact("sidecar")]);
    place.deploy("prod", &two, "start", "2026-11-20T10:00:00Z");
    let sorted = |names: &[&str]| {
        let mut digests: Vec<String> = names.iter().map(|name| digest(name)).collect();
        digests.sort();
        digests
    };
    let running = |moment: &str| {
        let mut running = place.running(moment);
        running.sort();
        running
    };
    assert_eq!(running("prod"), sorted(&["api", "sidecar"]));
    place.deploy("prod", &json!([artifact("api2"), artifact("sidecar")]), "start", "2026-11-20T11:00:00Z");
    assert_eq!(running("prod"), sorted(&["api2", "sidecar"]));
    assert_eq!(running("prod@{2026-11-20T10:30}"), sorted(&["api", "sidecar"]));
    // A cluster of the same name in another environment is another one.
    let in_cluster = |environment: &str, name: &str, action: &str, at: &str| {
        let said = json!({"environment": environment, "workload": "web", "cluster": "eu-1", "action": action, "at": at});
        place.say("urn:custody:deployment:v1", &artifact(name), &said)
    };
    in_cluster("prod", "web", "start", "2026-11-20T12:00:00Z");
    in_cluster("staging", "web", "start", "2026-11-20T12:00:00Z");
    in_cluster("staging", "web", "stop", "2026-11-20T13:00:00Z");
    assert_eq!(running("staging"), [""; 0]);
    assert_eq!(running("prod"), sorted(&["api2", "sidecar", "web"]));
    // Recorded once more, by somebody else, nothing is new.
    let again =
        json!({"environment": "prod", "workload": "api", "action": "start", "at": "2026-11-20T11:00:00Z"});
    let subjects = json!([artifact("api2"), artifact("sidecar")]);
    place.say_by(1, "urn:custody:deployment:v1", &subjects, &again);
    assert_eq!(running("prod"), sorted(&["api2", "sidecar", "web"]));
    let log = place.ask(&["env", "log", "prod"]);
    assert_eq!(log["changes"].as_array().unwrap().len(), 5, "{log}");
}

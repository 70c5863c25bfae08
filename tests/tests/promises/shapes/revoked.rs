//! What is erased, and what is distrusted for a while, in the middle of each answer.

use serde_json::{Value, json};

use super::{Place, artifact, commit, digest, texts};

/// The entries of a release: provenance, bill, review, deployments of it and of the one before.
struct Release {
    place: Place,
    built: u64,
    bill: u64,
    started: u64,
}

impl Release {
    fn new() -> Self {
        let place = Place::new();
        let it = commit("it");
        place.build("old", "https://ci.test/a/1x", &[]);
        place.deploy("prod", &artifact("old"), "start", "2026-11-20T10:00:00Z");
        let source =
            json!({"uri": "git+https://git.corp.test/acme/api@refs/heads/main", "digest": {"gitCommit": it}});
        let built = place.build_by(1, "app", ("https://ci.test", "https://ci.test/a/2x"), &[source]);
        let bill = place.bill("app", &["pkg:npm/axios@1.14.1"]);
        let review = json!({"repo": "https://git.corp.test/acme/api", "commit": it, "reviewers": ["bob"], "approved_at": "2026-11-20T10:30:00Z"});
        place.say_by(2, "urn:custody:review:v1", &json!({"digest": {"gitCommit": it}}), &review);
        let started = place.deploy("prod", &artifact("app"), "start", "2026-11-20T11:00:00Z");
        Self { place, built, bill, started }
    }

    /// How far each entry about the artifact was checked, by its index.
    fn found(&self) -> Vec<(u64, String)> {
        let answer = self.place.ask(&["find", "--subject", &digest("app")]);
        let row =
            |entry: &Value| (entry["index"].as_u64().unwrap(), entry["check"].as_str().unwrap().to_owned());
        let mut rows: Vec<_> = answer["entries"].as_array().unwrap().iter().map(row).collect();
        rows.sort();
        rows
    }

    fn traced(&self, flags: &[&str]) -> Value {
        self.place.ask(&[&["trace", &digest("app")], flags].concat())
    }

    fn have(&self) -> Vec<String> {
        let answer = self.place.ask(&["coverage", "--environment", "prod"]);
        let covered = answer["artifacts"].as_array().unwrap();
        texts(&covered.iter().find(|covered| covered["id"] == digest("app").as_str()).unwrap()["have"])
    }
}

/// What is said of an entry in a chain.
fn status(traced: &Value, entry: u64) -> Vec<&str> {
    let edges = traced["edges"].as_array().unwrap().iter();
    edges.filter(|edge| edge["entry"] == entry).map(|edge| edge["status"].as_str().unwrap()).collect()
}

#[test]
fn what_is_erased_is_listed_as_such_in_every_answer_and_says_nothing_in_any() {
    let release = Release::new();
    let place = &release.place;
    assert_eq!(release.have(), ["review", "provenance", "sbom"]);
    place.reaches("pkg:npm/axios@1.14.1", &["app"]);
    place.administer(&["redact", &format!("index:{}", release.bill), "--reason", "a name"]);
    let found = release.found();
    let erased: Vec<u64> =
        found.iter().filter(|(_, check)| check == "redacted").map(|(index, _)| *index).collect();
    assert_eq!(erased, [release.bill], "{found:?}");
    let traced = release.traced(&[]);
    assert_eq!(status(&traced, release.bill), ["redacted"]);
    let lacks = |word: &str, traced: &Value| texts(&traced["missing"]).contains(&word.to_owned());
    assert!(lacks("sbom", &traced) && !lacks("build", &traced), "{traced}");
    assert_eq!(release.have(), ["review", "provenance"]);
    let (code, answer) = place.user.json(&["impact", "pkg:npm/axios@1.14.1"]);
    assert_eq!(code, Some(4), "{answer}");
    assert_eq!(answer["redacted"], json!([release.bill]), "{answer}");
    // What ran since then is what ran before.
    assert_eq!(place.running("prod"), [digest("app")]);
    place.administer(&["redact", &format!("index:{}", release.started), "--reason", "a host"]);
    assert_eq!(place.running("prod"), [digest("old")]);
    let shown = place.ask(&["env", "show", "prod"]);
    assert_eq!(shown["redacted"], json!([release.started]), "{shown}");
    // Who gets a pack gets the rest, and is told what is not in it.
    let pack = place.user.home().join("pack").to_str().unwrap().to_owned();
    let packed = place.ask(&["export", &digest("app"), "--out", &pack]);
    assert!(packed["left_out"].to_string().contains(&format!("entry {}", release.bill)), "{packed}");
    let (code, verified) = place.user.json(&["verify", &pack]);
    // What was erased nobody can check, and that is said: the answer follows from the rest.
    assert_eq!((code, &verified["verified"]), (Some(3), &json!(false)), "{verified}");
    let of = |status: &str| {
        let files = verified["files"].as_array().unwrap().iter();
        let files = files.filter(|file| file["status"] == status).filter_map(|file| file["index"].as_u64());
        files.collect::<Vec<_>>()
    };
    assert_eq!(of("redacted"), [release.bill, release.started], "{verified}");
    assert_eq!(of("verified"), [release.built, release.built + 2], "{verified}");
    place.wrong(0, &[]);
}

#[test]
fn what_is_distrusted_and_trusted_again_is_so_as_of_each_time_for_ever() {
    let release = Release::new();
    let (place, built) = (&release.place, release.built);
    let key = format!("key:{}", place.ledger.writers[1].public().id());
    let all = release.have();
    let found = release.found();
    let word = |found: &[(u64, String)]| found.iter().find(|(index, _)| *index == built).unwrap().1.clone();
    assert_eq!(word(&found), "verified");
    let reached = |flags: &[&str]| {
        let answer = place.ask(&[&["impact", "https://ci.test/a/2x"], flags].concat());
        answer["reached"][0]["check"].as_str().unwrap().to_owned()
    };
    place.administer(&["distrust", &key, "--since", "unknown", "--reason", "stolen"]);
    let size = place.ask(&["find", "--limit", "1"])["at"]["size"].to_string();
    let distrusted = release.found();
    assert_eq!(word(&distrusted), "distrusted");
    assert!(status(&release.traced(&[]), built).iter().all(|status| *status == "distrusted"));
    assert_eq!(reached(&[]), "distrusted");
    // Who reviewed the commit is nothing to an artifact without the build that names it.
    assert_eq!(release.have(), ["sbom"]);
    assert_eq!(place.running("prod"), [digest("app")], "it still runs");
    let clean = ["find", "--clean", "--predicate", "provenance"];
    assert_eq!(place.ask(&clean)["entries"].as_array().unwrap().len(), 1);
    let revoked = place.ask(&["find", "--predicate", "distrust"]);
    assert_eq!(revoked["entries"].as_array().unwrap().len(), 1, "{revoked}");

    place.administer(&["distrust", &key, "--reason", "found again", "--undo"]);
    assert_eq!((release.found(), release.have()), (found, all));
    assert!(status(&release.traced(&[]), built).iter().all(|status| *status == "verified"));
    assert_eq!(reached(&[]), "verified");
    assert_eq!(place.ask(&clean)["entries"].as_array().unwrap().len(), 2);
    // As of then it stays so.
    assert!(status(&release.traced(&["--at", &size]), built).iter().all(|status| *status == "distrusted"));
    assert_eq!(reached(&["--at", &size]), "distrusted");
    assert_eq!(place.ask(&["find", "--predicate", "distrust"])["entries"].as_array().unwrap().len(), 2);
}

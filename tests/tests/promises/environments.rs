//! What runs where, what ran there, and what changed, by real deployments and snapshots.

use custody_tests::client::User;
use custody_tests::evidence::{artifact_hex, envelope, statement};
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::Caller;
use serde_json::{Value, json};

/// A log, and a user who records and asks.
struct Place {
    ledger: Ledger,
    server: Server,
    user: User,
}

impl Place {
    fn new() -> Self {
        let ledger = Ledger::new(1);
        let server = ledger.serve();
        let pin = Caller::of(&server).pin();
        let user = User::of(&server.url(), &pin, &ledger.writer_key_file(0));
        Self { ledger, server, user }
    }

    fn record(&self, name: &str, predicate_type: &str, predicate: Value) -> u64 {
        let mut statement = statement(name);
        statement["predicateType"] = predicate_type.into();
        statement["predicate"] = predicate;
        self.send(&statement)
    }

    fn send(&self, statement: &Value) -> u64 {
        let envelope = envelope(statement, &[&self.ledger.writers[0]]);
        Caller::of(&self.server).record(&envelope).unwrap().index
    }

    fn deploy(&self, environment: &str, workload: &str, action: &str, name: &str, hour: u8) -> u64 {
        let at = time(hour);
        let predicate = json!({"environment": environment, "workload": workload, "action": action, "at": at});
        self.record(name, "urn:custody:deployment:v1", predicate)
    }

    fn snapshot(&self, environment: &str, running: &[(&str, &str, u32)], hour: u8) -> u64 {
        let mut statement = statement("none");
        let subject = |(_, name, _): &(&str, &str, u32)| json!({"name": name, "digest": {"sha256": artifact_hex(name)}});
        let seen = |(workload, name, count): &(&str, &str, u32)| json!({"digest": digest(name), "workload": workload, "count": count});
        statement["subject"] = running.iter().map(subject).collect();
        statement["predicateType"] = "urn:custody:snapshot:v1".into();
        let seen: Vec<Value> = running.iter().map(seen).collect();
        statement["predicate"] = json!({"environment": environment, "at": time(hour), "running": seen});
        self.send(&statement)
    }

    fn ask(&self, arguments: &[&str]) -> Value {
        let (code, answer) = self.user.json(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {answer}");
        answer
    }

    /// `workload name@hour`
    fn runs(&self, arguments: &[&str]) -> Vec<String> {
        let shown = self.ask(&[&["env", "show"], arguments].concat());
        shown["running"].as_array().unwrap().iter().map(row).collect()
    }
}

fn time(hour: u8) -> String {
    format!("2026-01-20T{hour:02}:00:00Z")
}

fn digest(name: &str) -> String {
    format!("sha256:{}", artifact_hex(name))
}

fn name(digest: &Value) -> &'static str {
    let names = ["api-1", "api-2", "web-1", "web-2", "cron-1"];
    names.into_iter().find(|name| digest.as_str() == Some(self::digest(name).as_str())).expect("one of ours")
}

fn row(row: &Value) -> String {
    let hour = &row["since"].as_str().unwrap()[11..13];
    format!("{} {}@{hour}", row["workload"].as_str().unwrap(), name(&row["digest"]))
}

#[test]
fn an_environment_is_shown_as_it_is_as_it_was_and_after_each_change() {
    let place = Place::new();
    let provenance =
        json!({"buildDefinition": {}, "runDetails": {"metadata": {"invocationId": "https://ci.test/1"}}});
    place.record("api-1", "https://slsa.dev/provenance/v1", provenance);
    place.deploy("prod", "api", "start", "api-1", 1);
    place.deploy("prod", "web", "start", "web-1", 2);
    place.snapshot("prod", &[("api", "api-1", 3), ("web", "web-1", 1)], 3);
    let late = place.deploy("prod", "api", "start", "api-2", 4);
    place.snapshot("prod", &[("api", "api-2", 3), ("cron", "cron-1", 1)], 5);
    let stopped = place.deploy("prod", "cron", "stop", "cron-1", 6);
    place.deploy("staging", "api", "start", "api-2", 1);

    assert_eq!(place.runs(&["prod"]), ["api api-2@04"]);
    assert_eq!(place.runs(&["prod~1"]), ["api api-2@04", "cron cron-1@05"]);
    assert_eq!(place.runs(&["prod~2"]), ["web web-1@02", "api api-2@04"]);
    assert_eq!(place.runs(&["prod#1"]), ["api api-1@01"]);
    assert_eq!(place.runs(&["prod#2"]), ["api api-1@01", "web web-1@02"]);
    assert_eq!(place.runs(&["prod@{2026-01-20T03:30:00Z}"]), ["api api-1@01", "web web-1@02"]);
    assert_eq!(place.runs(&["prod@{2026-01-20T04:00:00Z}~1"]), ["api api-1@01", "web web-1@02"]);
    let (code, refused) = place.user.json(&["env", "show", "prod#9"]);
    assert_eq!((code, refused["error"]["code"].as_str()), (Some(4), Some("no_record")), "{refused}");

    // As of the tree before the late change was known, and for ever so.
    let at = late.to_string();
    assert_eq!(place.runs(&["prod", "--at", &at]), ["api api-1@01", "web web-1@02"]);

    let shown = place.ask(&["env", "show", "prod~1"]);
    let rows = shown["running"].as_array().unwrap();
    assert_eq!((&rows[0]["count"], &rows[0]["entry"]), (&json!(3), &json!(late)));
    assert_eq!((&rows[0]["evidence"], &rows[1]["evidence"]), (&json!("none"), &json!("none")));
    let before = place.ask(&["env", "show", "prod#1"]);
    assert_eq!(before["running"][0]["evidence"], "trusted");
    assert_eq!(before["complete"], "claimed");
    let told = place.user.custody(&["env", "show", "prod"]);
    assert!(told.stdout.contains("NONE") && told.stdout.contains("api"), "{}", told.stdout);
    assert!(told.stdout.lines().all(|line| line.chars().count() <= 80), "{}", told.stdout);

    let logged = place.ask(&["env", "log", "prod"]);
    let changes: Vec<String> = logged["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            let text = |member: &str| change[member].as_str().unwrap();
            format!(
                "{} {} {} {}",
                &text("time")[11..13],
                text("action"),
                text("workload"),
                name(&change["digest"])
            )
        })
        .collect();
    assert_eq!(
        changes,
        [
            "06 stop cron cron-1",
            "05 start cron cron-1",
            "05 stop web web-1",
            "04 start api api-2",
            "04 stop api api-1",
            "02 start web web-1",
            "01 start api api-1",
        ]
    );
    assert_eq!(logged["changes"][0]["entry"], stopped);
    let window = place.ask(&["env", "log", "prod", "--since", &time(4), "--until", &time(5)]);
    assert_eq!(window["changes"].as_array().unwrap().len(), 2, "{window}");
    let newest = place.ask(&["env", "log", "prod", "--limit", "1"]);
    assert_eq!((newest["changes"].as_array().unwrap().len(), &newest["more"]), (1, &json!(true)));

    let listed = place.ask(&["env", "list"]);
    let names: Vec<&str> = listed["environments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|known| known["environment"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["prod", "staging"]);
    assert_eq!(listed["environments"][0]["last"]["entry"], stopped);
}

#[test]
fn environments_and_moments_are_compared() {
    let place = Place::new();
    place.snapshot("prod", &[("api", "api-1", 1), ("web", "web-1", 1)], 1);
    place.snapshot("prod", &[("api", "api-2", 2), ("cron", "cron-1", 1)], 2);
    place.snapshot("staging", &[("api", "api-2", 1), ("web", "web-2", 1)], 1);
    let names = |answer: &Value, member: &str| -> Vec<String> {
        answer[member].as_array().unwrap().iter().map(|row| name(&row["digest"]).to_owned()).collect()
    };
    let diff = place.ask(&["env", "diff", "prod@{2026-01-20T01:30:00Z}", "prod"]);
    assert_eq!(
        (names(&diff, "added"), names(&diff, "removed")),
        (vec!["cron-1".into()], vec!["web-1".into()])
    );
    let changed = &diff["changed"][0];
    assert_eq!(diff["changed"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&changed["workload"], &changed["before"], &changed["after"]),
        (&json!("api"), &json!(digest("api-1")), &json!(digest("api-2")))
    );
    let diff = place.ask(&["env", "diff", "prod", "staging"]);
    assert_eq!(
        (names(&diff, "added"), names(&diff, "removed")),
        (vec!["web-2".into()], vec!["cron-1".into()])
    );
    assert_eq!(diff["changed"], json!([]));
    assert_eq!(place.user.custody(&["env", "diff", "prod", "prod~0"]).stdout, "no difference\n");
    assert_eq!(place.user.json(&["env", "diff", "prod", "nowhere"]).0, Some(4));
}

#[test]
fn what_nothing_is_known_of_is_no_record_and_an_empty_environment_is_one() {
    let place = Place::new();
    for asked in [["env", "show", "prod"].as_slice(), &["env", "log", "prod"], &["env", "list"]] {
        assert_eq!(place.user.json(asked).0, Some(4), "{asked:?}");
    }
    place.deploy("prod", "api", "start", "api-1", 2);
    place.deploy("prod", "api", "stop", "api-1", 3);
    assert_eq!(place.runs(&["prod"]), [""; 0]);
    assert_eq!(
        place.user.json(&["env", "show", "prod@{2026-01-20T01:00:00Z}"]).0,
        Some(4),
        "nothing is known of then"
    );
    assert_eq!(place.user.json(&["env", "show", "production"]).0, Some(4));
    for wrong in ["prod#0", "prod@{soon}", "prod@{2h}#1"] {
        assert_eq!(place.user.custody(&["env", "show", wrong]).code, Some(2), "{wrong}");
    }
}

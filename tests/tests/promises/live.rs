//! What runs is told alike by `env show`, `impact` and `trace`, whatever ended what ran before.

use std::collections::BTreeSet;

use custody_tests::client::User;
use custody_tests::evidence::{artifact_hex, envelope, statement};
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::Caller;
use serde_json::{Value, json};

const DEPLOYMENT: &str = "urn:custody:deployment:v1";
const SNAPSHOT: &str = "urn:custody:snapshot:v1";
const ALL: [&str; 5] = ["one", "two", "three", "four", "five"];

/// A log with two writers, and its administrator, who holds all roles.
struct Place {
    ledger: Ledger,
    server: Server,
    administrator: User,
}

impl Place {
    fn new() -> Self {
        let ledger = Ledger::new(2);
        let server = ledger.serve();
        let pin = Caller::of(&server).pin();
        let administrator = User::of(&server.url(), &pin, &ledger.home().join("admin.key"));
        Self { ledger, server, administrator }
    }

    /// One of the writers says what happened to `workload/artifact`, at an hour.
    fn deploy(&self, writer: usize, environment: &str, action: &str, what: &str, hour: u8) -> u64 {
        let (workload, artifact) = what.split_once('/').unwrap();
        let mut said = statement(artifact);
        said["predicateType"] = DEPLOYMENT.into();
        said["predicate"] =
            json!({"environment": environment, "workload": workload, "action": action, "at": time(hour)});
        self.send(writer, &said)
    }

    /// Nothing but this runs.
    fn snapshot(&self, environment: &str, what: &str, hour: u8) -> u64 {
        let (workload, artifact) = what.split_once('/').unwrap();
        let mut said = statement(artifact);
        said["predicateType"] = SNAPSHOT.into();
        let seen = json!({"digest": digest(artifact), "workload": workload, "count": 1});
        said["predicate"] = json!({"environment": environment, "at": time(hour), "running": [seen]});
        self.send(0, &said)
    }

    fn send(&self, writer: usize, said: &Value) -> u64 {
        let envelope = envelope(said, &[&self.ledger.writers[writer]]);
        Caller::of(&self.server).record(&envelope).unwrap().index
    }

    fn ask(&self, arguments: &[&str]) -> Value {
        let (code, answer) = self.administrator.json(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {answer}");
        answer
    }

    /// Returns what runs in an environment, and sees that whoever asks for the artifacts is told the same.
    #[track_caller]
    fn runs(&self, environment: &str, at: Option<u64>) -> Vec<String> {
        let size = at.map(|size| size.to_string());
        let at: Vec<&str> = size.iter().flat_map(|size| ["--at", size]).collect();
        let shown = self.ask(&[&["env", "show", environment], &at[..]].concat());
        let all: BTreeSet<String> = rows(&shown["running"], environment);
        let traced = self.ask(&[&["trace", environment], &at[..]].concat());
        assert_eq!(rows(&traced["live"], environment), all, "trace of the environment");
        for artifact in ALL {
            let thing = digest(artifact);
            let of_it = |row: &&String| row.contains(&format!("/{artifact}@"));
            let expected: BTreeSet<String> = all.iter().filter(of_it).cloned().collect();
            for command in ["trace", "impact"] {
                let asked = [&[command, &thing], &at[..]].concat();
                let (_, told) = self.administrator.json(&asked);
                let found =
                    if told["live"].is_null() { BTreeSet::new() } else { rows(&told["live"], environment) };
                assert_eq!(found, expected, "{asked:?}: {told}");
            }
            let lines = self.administrator.custody(&[&["trace", &thing], &at[..]].concat()).stdout;
            let of_environment = |line: &&str| line.contains(&format!(" {environment} "));
            let live = lines.lines().filter(of_environment).filter(|line| !line.contains("stopped")).count();
            assert_eq!(live, expected.len(), "{lines}");
        }
        all.into_iter().collect()
    }
}

fn time(hour: u8) -> String {
    format!("2026-01-20T{hour:02}:00:00Z")
}

fn digest(name: &str) -> String {
    format!("sha256:{}", artifact_hex(name))
}

/// `workload/artifact@hour by entry`, with a mark behind what only distrusted records say.
fn rows(rows: &Value, environment: &str) -> BTreeSet<String> {
    let of = |row: &&Value| row["environment"].is_null() || row["environment"] == environment;
    let text = |row: &Value| {
        let name = ALL.into_iter().find(|name| row["digest"] == digest(name)).expect("one of ours");
        let (workload, since) = (row["workload"].as_str().unwrap(), row["since"].as_str().unwrap());
        let mark = if row["check"] == "distrusted" { "?" } else { "" };
        format!("{workload}/{name}@{} by {}{mark}", &since[11..13], row["entry"])
    };
    rows.as_array().unwrap().iter().filter(of).map(text).collect()
}

#[test]
fn what_runs_is_told_alike_whatever_ended_what_ran_before() {
    let place = Place::new();
    let one = place.deploy(0, "prod", "start", "api/one", 1);
    assert_eq!(place.runs("prod", None), [format!("api/one@01 by {one}")]);
    let two = place.deploy(0, "prod", "start", "api/two", 2);
    assert_eq!(place.runs("prod", None), [format!("api/two@02 by {two}")], "another one under its name");
    let web = place.deploy(0, "prod", "start", "web/three", 3);
    let seen = place.snapshot("prod", "web/three", 4);
    assert_eq!(place.runs("prod", None), [format!("web/three@03 by {web}")], "it was not seen");
    let back = place.deploy(0, "prod", "start", "api/one", 5);
    let both = [format!("api/one@05 by {back}"), format!("web/three@03 by {web}")];
    assert_eq!(place.runs("prod", None), both);
    place.deploy(0, "prod", "stop", "web/three", 6);
    assert_eq!(place.runs("prod", None), both[..1], "it was stopped");
    // As of a tree it is what it was.
    assert_eq!(place.runs("prod", Some(seen)), [format!("api/two@02 by {two}"), both[1].clone()]);
}

/// Whoever stole a key says that something stopped. The server counts that, so it names neither what stopped nor who said so.
#[test]
fn what_a_distrusted_key_ended_is_told_to_run_though_the_server_does_not_name_its_record() {
    let place = Place::new();
    let one = place.deploy(0, "lab", "start", "api/one", 1);
    let stolen = place.deploy(1, "lab", "stop", "api/one", 2);
    let two = place.deploy(1, "lab", "start", "cron/two", 3);
    let others: Vec<String> = [("three", 4), ("four", 5), ("five", 6)]
        .map(|(name, hour)| {
            let entry = place.deploy(0, "lab", "start", &format!("{name}/{name}"), hour);
            format!("{name}/{name}@{hour:02} by {entry}")
        })
        .into();
    let sorted = |more: &[String]| {
        let all: BTreeSet<String> = others.iter().chain(more).cloned().collect();
        all.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(place.runs("lab", None), sorted(&[format!("cron/two@03 by {two}")]));
    let key = format!("key:{}", place.ledger.writers[1].public().id());
    let since = format!("index:{stolen}");
    let said = place.administrator.custody(&["distrust", &key, "--since", &since, "--reason", "stolen"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let marked = format!("cron/two@03 by {two}?");
    assert_eq!(place.runs("lab", None), sorted(&[format!("api/one@01 by {one}"), marked]));
    // As of the tree before it was said, the answer is what it was.
    assert_eq!(place.runs("lab", Some(stolen + 5)), sorted(&[format!("cron/two@03 by {two}")]));
}

/// What runs, by workload and artifact alone.
fn names(shown: &Value) -> BTreeSet<String> {
    let rows = rows(&shown["running"], "lab");
    rows.iter().map(|row| row.split('@').next().unwrap().to_owned()).collect()
}

/// A page of `find` has 1,000 entries. The distrusted record, and what it ended, lie behind it.
#[test]
fn all_records_are_read_page_by_page_where_one_is_distrusted() {
    const OTHERS: u64 = 1_010;
    let place = Place::new();
    place.deploy(0, "lab", "start", "api/one", 1);
    let stolen = place.deploy(1, "lab", "stop", "api/one", 2);
    let other = |number: u64| {
        let mut said = statement(if number.is_multiple_of(2) { "two" } else { "three" });
        said["predicateType"] = DEPLOYMENT.into();
        let at = format!("2026-01-20T03:{:02}:{:02}Z", number / 60, number % 60);
        said["predicate"] = json!({"environment": "lab", "workload": "cron", "action": "start", "at": at});
        envelope(&said, &[&place.ledger.writers[0]])
    };
    let caller = Caller::of(&place.server);
    let mut stream = caller.bulk();
    stream.header();
    let (answers, status) = stream.exchange(&(0..OTHERS).map(|number| (number, other(number))).collect());
    assert_eq!((answers.len(), status.map(|status| status.code())), (usize::try_from(OTHERS).unwrap(), None));
    assert_eq!(names(&place.ask(&["env", "show", "lab"])), ["cron/three".to_owned()].into());
    let key = format!("key:{}", place.ledger.writers[1].public().id());
    let since = format!("index:{stolen}");
    let said = place.administrator.custody(&["distrust", &key, "--since", &since, "--reason", "stolen"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let shown = place.ask(&["env", "show", "lab"]);
    assert_eq!(names(&shown), ["api/one".to_owned(), "cron/three".to_owned()].into());
    assert_eq!((&shown["distrusted"], &shown["truncated"]), (&json!([stolen]), &json!(false)));
    assert!(shown["running"].as_array().unwrap().iter().all(|row| row["since_known"] == true), "{shown}");
    // A snapshot of today is within the newest page: what is older is not read, and since when it runs is not known.
    let newest = place.ask(&["show", &format!("index:{}", stolen + OTHERS)]);
    let at = newest["time"].as_str().unwrap();
    let mut said = statement("three");
    said["predicateType"] = SNAPSHOT.into();
    let seen = json!({"digest": digest("three"), "workload": "cron", "count": 1});
    said["predicate"] = json!({"environment": "lab", "at": at, "running": [seen]});
    place.send(0, &said);
    let shown = place.ask(&["env", "show", "lab"]);
    assert_eq!((names(&shown), &shown["distrusted"]), (["cron/three".to_owned()].into(), &json!([])));
    assert_eq!(shown["running"][0]["since_known"], false, "{shown}");
}

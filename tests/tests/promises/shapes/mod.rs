//! The questions of an incident, asked of statements in the shapes that other tools write: a responder's spelling finds every spelling.
//!
//! Each incident is small and made by hand: a few statements, and exactly what is true of them.

mod bills;
mod builds;
mod fleet;
mod history;
mod images;
mod moments;
mod packages;
mod places;
mod releases;
mod repositories;
mod revoked;
mod running;
mod spellings;
mod systems;
mod thieves;

use std::collections::BTreeSet;

use custody_tests::client::User;
use custody_tests::evidence::{artifact_hex, envelope};
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::Caller;
use serde_json::{Value, json};

pub(super) const V1: &str = "https://slsa.dev/provenance/v1";
pub(super) const V02: &str = "https://slsa.dev/provenance/v0.2";

/// A log, and a responder who asks it.
pub(super) struct Place {
    ledger: Ledger,
    server: Server,
    user: User,
}

impl Place {
    pub(super) fn new() -> Self {
        let ledger = Ledger::new(3);
        let server = ledger.serve();
        let user = User::of(&server.url(), &Caller::of(&server).pin(), &ledger.writer_key_file(0));
        Self { ledger, server, user }
    }

    /// Records a statement, signed by a writer.
    pub(super) fn say_by(&self, writer: usize, of: &str, subjects: &Value, predicate: &Value) -> u64 {
        // Those who write the older provenance write the older statement.
        let layer = if of == V02 { "v0.1" } else { "v1" };
        let subjects = if subjects.is_array() { subjects.clone() } else { json!([subjects]) };
        let statement = json!({
            "_type": format!("https://in-toto.io/Statement/{layer}"), "subject": subjects, "predicateType": of, "predicate": predicate,
        });
        let envelope = envelope(&statement, &[&self.ledger.writers[writer]]);
        Caller::of(&self.server).record(&envelope).unwrap().index
    }

    pub(super) fn say(&self, of: &str, subjects: &Value, predicate: &Value) -> u64 {
        self.say_by(0, of, subjects, predicate)
    }

    /// Records how a run went.
    pub(super) fn run(&self, run: &str, mut said: Value) -> u64 {
        said["run"] = run.into();
        self.say("urn:custody:run:v1", &named("run", run), &said)
    }

    /// Records what was built, in a run of this URL, and from what.
    pub(super) fn build(&self, name: &str, run: &str, used: &[Value]) -> u64 {
        self.build_by(0, name, ("https://ci.test", run), used)
    }

    pub(super) fn build_by(
        &self,
        writer: usize,
        name: &str,
        (builder, run): (&str, &str),
        used: &[Value],
    ) -> u64 {
        let predicate = json!({
            "buildDefinition": {"buildType": "https://ci.test/build", "externalParameters": {}, "resolvedDependencies": used},
            "runDetails": {"builder": {"id": builder}, "metadata": {"invocationId": run}},
        });
        self.say_by(writer, V1, &artifact(name), &predicate)
    }

    /// Records a bill of materials: `CycloneDX`, with these packages.
    pub(super) fn bill(&self, name: &str, purls: &[&str]) -> u64 {
        let component = |purl: &&str| json!({"type": "library", "name": "x", "purl": purl});
        let components: Vec<Value> = purls.iter().map(component).collect();
        let bill = json!({"bomFormat": "CycloneDX", "specVersion": "1.5", "components": components});
        self.say("https://cyclonedx.org/bom", &artifact(name), &bill)
    }

    /// Runs a command of an administrator, which says yes.
    pub(super) fn administer(&self, words: &[&str]) -> Value {
        let pin = Caller::of(&self.server).pin();
        let administrator = User::of(&self.server.url(), &pin, &self.ledger.home().join("admin.key"));
        let (code, answer) = administrator.json(words);
        assert_eq!(code, Some(0), "{words:?}: {answer}");
        answer
    }

    /// Runs a command, which says yes or that there is no record; returns its document.
    pub(super) fn ask(&self, words: &[&str]) -> Value {
        let (code, answer) = self.user.json(words);
        assert!(matches!(code, Some(0 | 4)), "{words:?}: {code:?} {answer}");
        answer
    }

    /// Checks which artifacts `find` lists with these conditions.
    #[track_caller]
    pub(super) fn finds(&self, conditions: &[&str], names: &[&str]) {
        let answer = self.ask(&[&["find", "--limit", "1000"], conditions].concat());
        let subjects =
            answer["entries"].as_array().unwrap().iter().flat_map(|entry| texts(&entry["subjects"]));
        assert_eq!(subjects.collect::<BTreeSet<_>>(), digests(names), "{conditions:?}");
    }

    /// Checks which artifacts came from a thing.
    #[track_caller]
    pub(super) fn reaches(&self, thing: &str, names: &[&str]) {
        let answer = self.ask(&["impact", thing]);
        let reached = answer["reached"].as_array().into_iter().flatten();
        let artifacts = reached.filter(|reached| reached["kind"] == "artifact");
        let found: BTreeSet<String> =
            artifacts.map(|reached| reached["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(found, digests(names), "{thing}");
    }

    /// Checks what looks wrong in the entries from one on.
    #[track_caller]
    pub(super) fn wrong(&self, since: u64, findings: &[(&str, &str)]) {
        let since = format!("index:{since}");
        let ended = self.user.custody(&["findings", "--since", &since, "-o", "json"]);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        let found = ended.stdout.lines().map(|line| {
            let found: Value = serde_json::from_str(line).unwrap();
            let text = |member: &str| found[member].as_str().unwrap().to_owned();
            (text("kind"), text("thing"))
        });
        let wanted = findings.iter().map(|(kind, thing)| ((*kind).to_owned(), (*thing).to_owned()));
        assert_eq!(found.collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
    }
}

pub(super) fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// A subject whose digest is that of its name.
pub(super) fn artifact(name: &str) -> Value {
    json!({"name": name, "digest": {"sha256": artifact_hex(name)}})
}

/// A subject that has no bytes.
pub(super) fn named(kind: &str, name: &str) -> Value {
    json!({"name": name, "digest": {"sha256": artifact_hex(&format!("custody/name/v1\n{kind}\n{name}"))}})
}

pub(super) fn digest(name: &str) -> String {
    format!("sha256:{}", artifact_hex(name))
}

/// Digests of names; what is one already stands as it is.
fn digests(names: &[&str]) -> BTreeSet<String> {
    names
        .iter()
        .map(|name| if name.starts_with("sha512:") { (*name).to_owned() } else { digest(name) })
        .collect()
}

/// 40 digits that stand for a commit.
pub(super) fn commit(text: &str) -> String {
    artifact_hex(&format!("commit {text}"))[..40].to_owned()
}

/// 128 digits that stand for a SHA-512.
pub(super) fn long(text: &str) -> String {
    artifact_hex(text) + &artifact_hex(&format!("more of {text}"))
}

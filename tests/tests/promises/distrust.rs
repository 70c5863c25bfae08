//! What is distrusted is no evidence any more, for whoever asks, from the moment that the log has it.

use std::time::Instant;

use custody_evidence::key::SigningKey;
use custody_tests::client::User;
use custody_tests::evidence::{artifact_hex, envelope, envelope_of, signature, statement};
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::Caller;
use serde_json::{Value, json};

use super::administered;

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

    /// Records a statement about something of this name, and returns its entry.
    fn record(&self, name: &str, writer: usize) -> u64 {
        let envelope = envelope(&statement(name), &[&self.ledger.writers[writer]]);
        Caller::of(&self.server).record(&envelope).unwrap().index
    }

    fn writer(&self, number: usize) -> String {
        format!("key:{}", self.ledger.writers[number].public().id())
    }

    fn run(&self, arguments: &[&str]) -> String {
        let ended = self.administrator.custody(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        ended.stdout
    }

    fn refused(&self, arguments: &[&str], code: i32, words: &[&str]) {
        let ended = self.administrator.custody(arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        for word in words {
            assert!(ended.stderr.contains(word), "{arguments:?}: {word:?} is missing:\n{}", ended.stderr);
        }
    }

    /// What `custody find` says of an entry that this key signed.
    fn check_of(&self, index: u64, flags: &[&str]) -> String {
        let signer = self.writer(0);
        let asked = [&["find", "--signer", &signer, "--limit", "100"], flags].concat();
        let (code, found) = self.administrator.json(&asked);
        assert_eq!(code, Some(0), "{found}");
        let entries = found["entries"].as_array().unwrap();
        let entry = entries.iter().find(|entry| entry["index"] == index);
        entry.map_or_else(|| "absent".to_owned(), |entry| entry["check"].as_str().unwrap().to_owned())
    }
}

#[test]
fn a_stolen_key_is_distrusted_from_an_entry_on_and_trusted_again_by_the_rules_role() {
    let place = Place::new();
    let (before, after) = (place.record("before", 0), place.record("after", 0));
    let (since, key) = (format!("index:{after}"), place.writer(0));
    let said = place.run(&["distrust", &key, "--since", &since, "--reason", "the laptop was stolen"]);
    assert!(said.starts_with("distrusted") && said.contains(key.trim_start_matches("key:")), "{said}");
    assert_eq!(place.check_of(before, &[]), "verified");
    assert_eq!(place.check_of(after, &[]), "distrusted");
    // As of the tree before it was said, the answer is what it was.
    let size = (after + 1).to_string();
    assert_eq!(place.check_of(after, &["--at", &size]), "verified");

    let (code, shown) = place.administrator.json(&["show", &since]);
    assert_eq!((code, shown["check"].as_str()), (Some(0), Some("distrusted")));
    let told = place.run(&["show", &since]);
    assert!(
        told.contains("an authentic record from a distrusted period") && told.contains("laptop"),
        "{told}"
    );
    let refused =
        Caller::of(&place.server).record(&envelope(&statement("more"), &[&place.ledger.writers[0]]));
    assert_eq!(custody_tests::wire::word(&refused.unwrap_err()), "distrusted");
    // Somebody else goes on, and vouches for it where he signs with him.
    let two = [&place.ledger.writers[0], &place.ledger.writers[1]];
    let both = Caller::of(&place.server).record(&envelope(&statement("both"), &two)).unwrap().index;
    let (_, found) = place.administrator.json(&["find", "--signer", &place.writer(1)]);
    assert_eq!(
        (found["entries"][0]["index"].as_u64(), found["entries"][0]["check"].as_str()),
        (Some(both), Some("verified"))
    );

    let trust = place.run(&["trust", "show"]);
    assert!(trust.contains("distrusted") && trust.contains("laptop"), "{trust}");
    assert!(place.run(&["trust", "log"]).contains("distrust key"), "the entry is listed");
    assert!(place.run(&["audit"]).starts_with("sound"));
    place.run(&["distrust", &key, "--undo", "--reason", "it was found again"]);
    assert_eq!(place.check_of(after, &[]), "verified");
    place.refused(&["distrust", &key, "--undo", "--reason", "again"], 1, &["no distrust of"]);
    assert!(place.record("again", 0) > both);

    // A server that starts anew, and a client that knows nothing yet, come to the same.
    place.run(&["distrust", &key, "--since", "unknown", "--reason", "it was stolen after all"]);
    let Place { ledger, server, .. } = place;
    server.stop();
    let server = ledger.serve();
    let pin = Caller::of(&server).pin();
    let administrator = User::of(&server.url(), &pin, &ledger.home().join("admin.key"));
    let place = Place { ledger, server, administrator };
    assert_eq!(place.check_of(before, &[]), "distrusted");
    let refused =
        Caller::of(&place.server).record(&envelope(&statement("anew"), &[&place.ledger.writers[0]]));
    assert_eq!(custody_tests::wire::word(&refused.unwrap_err()), "distrusted");
}

/// A responder who does at night what was done and undone before must not be told that it is done while nothing happens.
#[test]
fn the_same_distrust_holds_again_after_its_undo_and_one_that_was_recorded_says_nothing_when_it_is_sent_again()
{
    let place = Place::new();
    let entry = place.record("app", 0);
    let key = place.writer(0);
    let distrust = ["distrust", &key, "--since", "unknown", "--reason", "it was stolen"];
    let undo = ["distrust", &key, "--undo", "--reason", "it was found again"];
    let mut recorded = Vec::new();
    for _ in 0..2 {
        place.run(&distrust);
        assert_eq!(place.check_of(entry, &[]), "distrusted");
        recorded.push(Caller::of(&place.server).tree().0 - 1);
        place.run(&undo);
        assert_eq!(place.check_of(entry, &[]), "verified");
        recorded.push(Caller::of(&place.server).tree().0 - 1);
    }
    place.run(&distrust);
    let size = Caller::of(&place.server).tree().0;
    // Asked for again, by a retry or another responder, it is what it is.
    let said = place.run(&distrust);
    assert!(said.contains(&format!("entry  index:{}", size - 1)), "{said}");
    place.run(&["distrust", &key, "--since", &format!("index:{entry}"), "--reason", "me too"]);
    // Whoever reads the log can send what administrators signed once.
    for index in recorded {
        let file = format!("sent-{index}.json");
        let raw = place.administrator.custody(&["show", &format!("index:{index}"), "--raw"]);
        std::fs::write(place.administrator.home().join(&file), raw.stdout).unwrap();
        place.administrator.custody(&["record", "envelope", &file]);
        assert_eq!(place.check_of(entry, &[]), "distrusted", "entry {index} was sent again");
    }
    assert_eq!(Caller::of(&place.server).tree().0, size, "nothing of this is a new entry");
    assert!(place.run(&["audit"]).starts_with("sound"));
}

#[test]
fn an_artifact_is_distrusted_whoever_vouches_for_it() {
    let place = Place::new();
    let (first, other) = (place.record("bad", 0), place.record("good", 1));
    let (_, shown) = place.administrator.json(&["show", &format!("index:{first}")]);
    let digest = shown["statement"]["subject"][0]["digest"]["sha256"].as_str().unwrap().to_owned();
    place.run(&[
        "distrust",
        &format!("sha256:{digest}"),
        "--since",
        "unknown",
        "--reason",
        "it steals tokens",
    ]);
    assert_eq!(place.check_of(first, &[]), "distrusted");
    let (_, found) = place.administrator.json(&["show", &format!("index:{other}")]);
    assert_eq!(found["check"], "verified");
}

#[test]
fn a_time_is_the_first_entry_at_or_after_it() {
    let place = Place::new();
    let entries: Vec<u64> = (0..5).map(|number| place.record(&format!("artifact {number}"), 0)).collect();
    let (_, shown) = place.administrator.json(&["show", &format!("index:{}", entries[2])]);
    let time = shown["time"].as_str().unwrap();
    let (code, said) =
        place.administrator.json(&["distrust", &place.writer(0), "--since", time, "--reason", "x"]);
    assert_eq!((code, said["since"].as_u64()), (Some(0), Some(entries[2])));
    assert_eq!(place.check_of(entries[1], &[]), "verified");
    assert_eq!(place.check_of(entries[2], &[]), "distrusted");
}

#[test]
fn distrust_is_for_its_role_and_for_whole_names() {
    let place = Place::new();
    place.record("app", 0);
    let (key, writer) = (place.writer(0), place.ledger.writer_key_file(0));
    let writer = writer.to_str().unwrap();
    let reason = ["--reason", "x"];
    let distrust = |more: &[&'static str]| [&["distrust"], more, &reason].concat();
    place.refused(
        &[&["distrust", &key, "--since", "unknown", "--key", writer][..], &reason].concat(),
        1,
        &["role responder"],
    );
    place.refused(&[&["distrust", &key][..], &reason].concat(), 2, &["since when"]);
    place.refused(
        &[&["distrust", &key, "--since", "index:4711"][..], &reason].concat(),
        1,
        &["not the index of an entry"],
    );
    place.refused(&distrust(&["abcdef12", "--since", "unknown"]), 2, &["takes no prefix"]);
    place.refused(&distrust(&["prod", "--since", "unknown"]), 2, &["cannot be distrusted"]);
    place.refused(&distrust(&["pkg:npm/axios@1.0.0", "--since", "unknown"]), 2, &["cannot be distrusted"]);
    place.refused(&["distrust", &key, "--since", "unknown", "--reason", " "], 1, &["expected a reason"]);
    place.refused(&["distrust", &key, "--since", "unknown"], 2, &["--reason"]);

    // Written to be signed by others: nothing is recorded before.
    let file = "distrust.json";
    place.run(&[&["distrust", &key, "--since", "index:1", "--out", file][..], &reason].concat());
    assert_eq!(place.check_of(1, &[]), "verified");
    place.refused(&["trust", "sign", file, "--key", writer, "--yes"], 1, &["role responder"]);
    let admin = place.ledger.home().join("admin.key");
    let said = place.run(&["trust", "sign", file, "--key", admin.to_str().unwrap(), "--yes"]);
    assert!(said.contains("1 of the 1 signatures that the role responder needs"), "{said}");
    place.run(&["record", "envelope", file]);
    assert_eq!(place.check_of(1, &[]), "distrusted");
}

#[test]
fn a_trace_shows_what_is_distrusted_as_no_evidence() {
    let place = Place::new();
    let app = artifact_hex("app");
    let build = |run: u64, writer: usize| {
        let run = format!("https://builder.example/runs/{run}");
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "app", "digest": { "sha256": app } }],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": { "buildType": "https://builder.example/type" },
                "runDetails": { "builder": { "id": "https://builder.example" }, "metadata": { "invocationId": run } },
            },
        });
        let envelope = envelope(&statement, &[&place.ledger.writers[writer]]);
        Caller::of(&place.server).record(&envelope).unwrap().index
    };
    let (before, after, other) = (build(1, 0), build(2, 0), build(3, 1));
    let app = format!("sha256:{app}");
    let statuses = || {
        let (code, traced) = place.administrator.json(&["trace", &app]);
        assert_eq!(code, Some(0), "{traced}");
        let edges = traced["edges"].as_array().unwrap().clone();
        let by_runs = edges.iter().filter(|edge| edge["kind"] == "built-by");
        let of =
            |edge: &Value| (edge["entry"].as_u64().unwrap(), edge["status"].clone(), edge["check"].clone());
        let statuses: Vec<_> = by_runs.map(of).collect();
        (statuses, traced["missing"].as_array().unwrap().clone())
    };
    let verified = |entry| (entry, json!("verified"), json!("verified"));
    let (found, missing) = statuses();
    assert_eq!(found, [verified(before), verified(after), verified(other)]);
    assert!(!missing.contains(&json!("build")));
    let drawn = place.run(&["trace", &app]);
    assert!(!drawn.contains("DISTRUSTED") && !drawn.contains("no evidence"), "{drawn}");

    place.run(&["distrust", &place.writer(0), "--since", &format!("index:{after}"), "--reason", "it leaked"]);
    // How far an entry was checked, and whether it counts, are two things.
    let distrusted = (after, json!("distrusted"), json!("verified"));
    assert_eq!(statuses().0, [verified(before), distrusted.clone(), verified(other)]);
    let drawn = place.run(&["trace", &app]);
    let line = |entry: u64| {
        let ends = |line: &&str| line.trim_end().ends_with(&format!(" {entry}"));
        drawn.lines().find(ends).unwrap_or_else(|| panic!("{entry}: {drawn}"))
    };
    assert!(line(after).contains("DISTRUSTED") && !line(before).contains("DISTRUSTED"), "{drawn}");
    assert!(drawn.contains("authentic records from a distrusted period, and no evidence: "), "{drawn}");
    assert!(!statuses().1.contains(&json!("build")), "others say how it was built");
    // As of the tree before it was said nothing was distrusted.
    let (_, past) = place.administrator.json(&["trace", &app, "--at", &(other + 1).to_string()]);
    assert!(past["edges"].as_array().unwrap().iter().all(|edge| edge["status"] == "verified"), "{past}");

    // Where nothing that is left says how it was built, that is missing.
    for writer in [place.writer(0), place.writer(1)] {
        place.run(&["distrust", &writer, "--since", "unknown", "--reason", "it leaked earlier"]);
    }
    let (found, missing) = statuses();
    assert!(found.iter().all(|(_, status, _)| status == "distrusted"), "{found:?}");
    assert!(missing.contains(&json!("build")), "{missing:?}");
}

#[test]
fn a_signature_that_was_there_before_counts_also_where_it_is_recorded_again() {
    let mut place = administered::Place::new();
    let key = place.ledger.home().join("writer.pem");
    std::fs::write(&key, place.ledger.writers[0].public().to_pem()).unwrap();
    let writer = SigningKey::from_seed(&[1; 32]);
    let (_, shown) = place.administrator.json(&["trust", "show"]);
    let first = shown["document"]["writers"][0]["name"].as_str().unwrap().to_owned();
    let again = format!("ci={}", key.to_str().unwrap());
    // What it says counts as a report first, and as its own word later: then the same is recorded again.
    place.trust(&["--remove-writer", &first, "--add-writer", &again, "--authority", "relayed"]);
    let record = |place: &administered::Place, name: &str| {
        let recorded = Caller::of(&place.server).record(&envelope(&statement(name), &[&writer])).unwrap();
        assert!(!recorded.duplicate, "{name}");
        recorded.index
    };
    let early = record(&place, "early");
    place.trust(&["--remove-writer", "ci", "--add-writer", &again]);
    let stolen = record(&place, "after the theft");
    let spaced = envelope_of(
        statement("early").to_string().as_bytes(),
        &[signature(statement("early").to_string().as_bytes(), &writer)],
    );
    let mut spaced = spaced;
    spaced.insert(1, b' ');
    let repeated = Caller::of(&place.server).record(&spaced).unwrap();
    assert!(!repeated.duplicate && repeated.index > stolen, "it has more authority");
    let id = format!("key:{}", writer.public().id());
    let since = format!("index:{stolen}");
    place.run(&["distrust", &id, "--since", &since, "--reason", "the laptop was stolen"]);
    let check = |index: u64| {
        let (code, shown) = place.administrator.json(&["show", &format!("index:{index}")]);
        assert_eq!(code, Some(0), "{shown}");
        let (_, found) = place.administrator.json(&[
            "find",
            "--recorded-since",
            &format!("index:{index}"),
            "--limit",
            "100",
        ]);
        let entries = found["entries"].as_array().unwrap();
        let listed = entries.iter().find(|entry| entry["index"] == index).unwrap();
        assert_eq!(listed["check"], shown["check"], "one word for both");
        shown["check"].as_str().unwrap().to_owned()
    };
    assert_eq!(check(early), "verified");
    assert_eq!(check(stolen), "distrusted");
    assert_eq!(check(repeated.index), "verified", "signed before the theft, and recorded again since");
}

#[test]
fn a_distrust_has_its_effect_when_the_command_ends() {
    let place = Place::new();
    let entry = place.record("app", 0);
    let key = place.writer(0);
    let begin = Instant::now();
    place.run(&["distrust", &key, "--since", "unknown", "--reason", "the laptop was stolen"]);
    let ended = begin.elapsed();
    // At once: no cache, no index that is behind, nobody to be told.
    let refused =
        Caller::of(&place.server).record(&envelope(&statement("more"), &[&place.ledger.writers[0]]));
    assert_eq!(custody_tests::wire::word(&refused.unwrap_err()), "distrusted");
    assert_eq!(place.check_of(entry, &[]), "distrusted");
    println!("command to effect: {ended:?}; with a refusal and a search: {:?}", begin.elapsed());
}

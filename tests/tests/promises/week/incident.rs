//! What responders do at the end of the week, and what follows from it. It changes the log, so it comes last.

use std::collections::{BTreeMap, BTreeSet};

use custody_tests::company::World;
use custody_tests::company::world::{POLICY, PROD};
use serde_json::{Value, json};

use super::asked::Asked;
use super::questions::Question;

/// Every question, in an order that matters.
pub(super) const ALL: &[(&str, Question)] = &[
    ("Q8 what loses its evidence without a key, and where that is live", what_loses_its_evidence),
    ("Q25 what was waived, distrusted and erased, by whom and why", what_was_revoked),
];

/// What would lose which evidence without the key of the team, from an entry on: by artifact, in production.
fn lost(answer: &Value) -> BTreeMap<String, Value> {
    let covered = answer["artifacts"].as_array().unwrap().iter();
    covered.map(|covered| (covered["id"].as_str().unwrap().to_owned(), covered["lost"].clone())).collect()
}

fn what_loses_its_evidence(world: &World, asked: &Asked) {
    let team = world.planted.stolen_team;
    let key = format!("key:{}", asked.ledger.writers[team].public().id());
    let since = asked.size_at(world, world.planted.stolen_since);
    let by_team = |place: &usize| world.services[world.artifacts[*place].service].team == team;
    // What the team signed of an artifact that came after: its provenance and its bill. What others say of the commit says nothing
    // about the artifact without the provenance that names it.
    let types = ["https://slsa.dev/provenance/v1", "https://cyclonedx.org/bom"];
    let statements = world.statements();
    let later: BTreeSet<String> = statements
        .iter()
        .zip(&asked.indexes)
        .filter(|(_, index)| **index >= since)
        .filter(|(said, _)| types.iter().any(|of| said.statement["predicateType"] == *of))
        .filter_map(|(said, _)| said.statement["subject"][0]["digest"]["sha256"].as_str())
        .map(|hex| format!("sha256:{hex}"))
        .collect();
    let mut wanted = BTreeMap::new();
    for artifact in world.live(PROD, world.end()).into_iter().filter(by_team) {
        let digest = format!("sha256:{}", world.artifacts[artifact].digest);
        if later.contains(&digest) {
            let mut gone = world.evidence(artifact);
            gone.retain(|stage| ["source", "review", "provenance", "sbom"].contains(stage));
            wanted.insert(digest, json!(gone));
        }
    }
    assert!(!wanted.is_empty());
    let since = format!("index:{since}");
    let supposed = ["coverage", "--environment", PROD, "--without", &key, "--since", &since];
    let answer = asked.json(&supposed);
    assert_eq!(lost(&answer), wanted);
    let before = asked.json(&["coverage", "--environment", PROD]);

    asked.administer(&["distrust", &key, "--since", &since, "--reason", "a stolen laptop"]);
    let after = asked.json(&["coverage", "--environment", PROD]);
    let have = |answer: &Value| -> BTreeMap<String, BTreeSet<String>> {
        let covered = answer["artifacts"].as_array().unwrap().iter();
        let words = |list: &Value| {
            list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        covered.map(|covered| (covered["id"].as_str().unwrap().to_owned(), words(&covered["have"]))).collect()
    };
    let (before, after) = (have(&before), have(&after));
    for (digest, had) in &before {
        let gone: Vec<&String> = had.difference(&after[digest]).collect();
        let told: Vec<String> = wanted.get(digest).map_or_else(Vec::new, |lost| {
            let mut told: Vec<String> =
                lost.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect();
            told.sort();
            told
        });
        assert_eq!(gone, told.iter().collect::<Vec<_>>(), "{digest}: what was supposed is what happened");
    }
    // Nobody else loses anything, and what is gone already cannot be lost again.
    assert_eq!(lost(&asked.json(&supposed)), BTreeMap::new());
    let found = asked.find(&["--signer", &key, "--predicate", "provenance"]);
    assert!(found.iter().any(|entry| entry["check"] == "distrusted"));
    assert!(found.iter().any(|entry| entry["check"] != "distrusted"));
}

fn what_was_revoked(world: &World, asked: &Asked) {
    let waived = asked.find(&["--predicate", "exception"]);
    let mut found = BTreeSet::new();
    for entry in &waived {
        let shown = asked.json(&["show", &format!("index:{}", entry["index"])]);
        let said = &shown["statement"]["predicate"];
        let text = |member: &str| said[member].as_str().unwrap().to_owned();
        assert_eq!(text("policy"), POLICY);
        found.insert((text("subject"), text("rule"), text("owner"), text("reason")));
    }
    let of = |(place, rule): (usize, &str)| {
        let made = &world.artifacts[place];
        let service = &world.services[made.service];
        let (owner, reason) =
            (format!("lead{}@acme.example", service.team), format!("a customer waits for {}", service.name));
        (format!("sha256:{}", made.digest), rule.to_owned(), owner, reason)
    };
    let wanted: BTreeSet<_> = world.planted.excepted.into_iter().zip(["provenance", "*"]).map(of).collect();
    assert_eq!(found, wanted);

    let waived = waived[0]["index"].as_u64().unwrap();
    asked.administer(&["redact", &format!("index:{waived}"), "--reason", "a customer's name"]);
    let log = asked.administer(&["trust", "log"]);
    let administrator = format!("key:{}", asked.ledger.admin.public().id());
    let said: Vec<&Value> = log["versions"].as_array().unwrap().iter().take(2).collect();
    for (version, words) in
        said.iter().zip([["erase", "a customer's name"], ["distrust key", "a stolen laptop"]])
    {
        assert_eq!(version["signers"], json!([administrator]));
        let changes = version["changes"].to_string();
        assert!(words.iter().all(|word| changes.contains(word)), "{changes}");
    }
    let trust = asked.administer(&["trust", "show"]);
    assert_eq!(trust["distrusted"][0]["reason"], "a stolen laptop");
    assert_eq!(
        (&trust["redacted"][0]["entry"], &trust["redacted"][0]["reason"]),
        (&json!(waived), &json!("a customer's name"))
    );
    let erased = asked.json(&["show", &format!("index:{waived}")]);
    assert_eq!(erased["check"], "redacted", "{erased}");
}

//! What there is of evidence, and what of it can be proven to somebody else.

use std::collections::{BTreeMap, BTreeSet};

use custody_tests::client::User;
use custody_tests::company::World;
use custody_tests::company::statements::time;
use custody_tests::company::world::{BRANCH_LEVEL, BRANCH_POLICY, MOVED_ACTION, PROD, STAGING};
use serde_json::{Value, json};

use super::asked::Asked;
use super::questions::Question;

/// Every question.
pub(super) const ALL: &[(&str, Question)] = &[
    ("Q4 whose bytes are not those that upstream publishes, or came from an archive", what_is_not_upstream),
    ("Q5 where nothing is known", where_nothing_is_known),
    ("Q15 from an artifact to its commit, its reviewers and the branch", who_reviewed),
    ("Q21 what to roll back to", what_to_roll_back_to),
    ("Q23 that it was there before, and that nothing was removed since", what_was_there_before),
    ("Q26 who received it", who_received),
    ("Q27 what new records match", what_matches),
    ("Q28 one file for the auditor", what_an_auditor_checks),
];

fn digest(world: &World, artifact: usize) -> String {
    format!("sha256:{}", world.artifacts[artifact].digest)
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn what_is_not_upstream(world: &World, asked: &Asked) {
    let (package, version) = world.planted.swapped_package;
    let (bad, archive) = (format!("sha512:{}", world.archive_bytes()), world.archive());
    let swapped = world.digests(&BTreeSet::from([world.planted.swapped]));
    assert_eq!(asked.artifacts(&["impact", &bad]), swapped);
    assert_eq!(asked.artifacts(&["impact", &archive]), swapped);
    assert_eq!(asked.subjects(&["--ref", &archive]), swapped);
    let package = &world.packages[package];
    let good = format!("sha512:{}", package.bytes(version));
    let mut ship = world.ship(world.planted.swapped_package.0, |found| found == package.versions[version]);
    assert!(ship.remove(&world.planted.swapped));
    assert_eq!(asked.artifacts(&["impact", &good]), world.digests(&ship));
    // Of a package it is told what was fetched from where: what is no repository is an archive.
    let answer = asked.json(&["trace", &package.purl(version)]);
    let fetched = answer["edges"].as_array().unwrap().iter().filter(|edge| edge["kind"] == "fetched-from");
    let archives = fetched.filter(|edge| !edge["to"].as_str().unwrap().starts_with("git+"));
    let found: BTreeSet<(String, u64)> = archives
        .map(|edge| (edge["to"].as_str().unwrap().to_owned(), edge["entry"].as_u64().unwrap()))
        .collect();
    let wanted = asked.entries(world, |said| said["predicate"]["components"].to_string().contains(&archive));
    assert_eq!(found, wanted.into_iter().map(|entry| (archive.clone(), entry)).collect());
}

type Covered = BTreeMap<(String, Option<String>), (Value, Value)>;

/// What `custody coverage` says: of each artifact and environment the evidence that there is, and what it does not tell.
fn covered(asked: &Asked, flags: &[&str]) -> Covered {
    let answer = asked.json(&[&["coverage"], flags].concat());
    assert_eq!(answer["truncated"], json!(false), "{flags:?}");
    let of = |covered: &Value| {
        let environment = covered["environment"].as_str().map(str::to_owned);
        let mut blind = covered["blind"].clone();
        for one in blind.as_array_mut().unwrap() {
            one.as_object_mut().unwrap().remove("entry");
        }
        ((covered["id"].as_str().unwrap().to_owned(), environment), (covered["have"].clone(), blind))
    };
    answer["artifacts"].as_array().unwrap().iter().map(of).collect()
}

/// What should be said of an artifact.
fn truth(world: &World, artifact: usize) -> (Value, Value) {
    let mut blind = Vec::new();
    if artifact == world.planted.stolen_build {
        blind.push(json!({"what": "no_materials"}));
    }
    if artifact == world.planted.unversioned {
        blind.push(json!({"what": "unknown_versions", "components": 1}));
    }
    (json!(world.evidence(artifact)), json!(blind))
}

fn where_nothing_is_known(world: &World, asked: &Asked) {
    for environment in [STAGING, PROD] {
        let live = world.live(environment, world.end());
        let of = |artifact: usize| {
            ((digest(world, artifact), Some(environment.to_owned())), truth(world, artifact))
        };
        let mut wanted: Covered = live.into_iter().map(of).collect();
        if environment == PROD {
            let unknown = format!("sha256:{}", world.planted.unknown_digest);
            wanted.insert((unknown, Some(environment.to_owned())), (json!([]), json!([])));
        }
        assert_eq!(covered(asked, &["--environment", environment]), wanted, "{environment}");
    }
}

fn who_reviewed(world: &World, asked: &Asked) {
    let planted = &world.planted;
    for artifact in
        [0, planted.excepted[1], planted.regression, planted.backdated, planted.stolen_build, planted.swapped]
    {
        let answer = asked.json(&["trace", &digest(world, artifact)]);
        let edges = |kind: &'static str| {
            answer["edges"].as_array().unwrap().iter().filter(move |edge| edge["kind"] == kind)
        };
        let own = digest(world, artifact);
        let commits: BTreeSet<&str> = edges("built-from")
            .filter(|edge| edge["from"] == own.as_str())
            .map(|edge| edge["to"].as_str().unwrap())
            .collect();
        let of_commit = |kind| edges(kind).filter(|edge| commits.contains(edge["from"].as_str().unwrap()));
        let reviewers: BTreeSet<String> =
            of_commit("reviewed").map(|edge| edge["to"].as_str().unwrap().to_owned()).collect();
        let (commit, wanted) = world.reviewed(artifact).unzip();
        assert_eq!(commits.iter().map(|commit| (*commit).to_owned()).next(), commit, "{own}");
        assert_eq!(commits.len(), usize::from(commit.is_some()));
        assert_eq!(reviewers, wanted.unwrap_or_default(), "{own}");
        let branch: Vec<(&str, &Value)> =
            of_commit("judged").map(|edge| (edge["to"].as_str().unwrap(), &edge["verdict"])).collect();
        let passed = json!({"result": "PASSED", "levels": [BRANCH_LEVEL]});
        let protected = commit.is_some() && world.is_protected(artifact);
        let wanted = if protected { vec![(BRANCH_POLICY, &passed)] } else { Vec::new() };
        assert_eq!(branch, wanted, "{own}");
    }
}

fn what_to_roll_back_to(world: &World, asked: &Asked) {
    let used_it = world.meant_this(MOVED_ACTION, &world.planted.evil_commit);
    let planted = &world.planted;
    let of = |artifact: usize| world.artifacts[artifact].service;
    for service in
        BTreeSet::from([0, of(planted.stolen_build), of(planted.failed_artifact), of(planted.swapped)])
    {
        let repository = world.services[service].repository();
        let answer = asked.json(&[
            "find",
            "--clean",
            "--predicate",
            "provenance",
            "--repo",
            &repository,
            "--except",
            &planted.evil_commit,
            "--limit",
            "200",
        ]);
        let entries = answer["entries"].as_array().unwrap();
        let found: BTreeSet<String> = entries.iter().flat_map(|entry| texts(&entry["subjects"])).collect();
        assert_eq!(found, world.digests(&world.clean(service, &used_it)), "{repository}: {answer}");
        let indexes: Vec<u64> = entries.iter().map(|entry| entry["index"].as_u64().unwrap()).collect();
        assert!(indexes.is_sorted_by(|one, next| one > next), "the newest first: {indexes:?}");
        assert_eq!(answer["next"], Value::Null);
    }
    // Those who trust the tag again are shown what came from it.
    let repository = world.services[0].repository();
    let all = asked.json(&["find", "--clean", "--predicate", "provenance", "--repo", &repository]);
    let found: BTreeSet<String> =
        all["entries"].as_array().unwrap().iter().flat_map(|entry| texts(&entry["subjects"])).collect();
    assert_eq!(found, world.digests(&world.clean(0, &BTreeSet::new())));
}

/// Somebody with nothing but the trust file.
struct Auditor {
    user: User,
    trust: String,
}

impl Auditor {
    fn of(asked: &Asked) -> Self {
        let user = User::new();
        let trust = user.home().join("trust.json").to_str().unwrap().to_owned();
        let ended = asked.user.custody(&["trust", "show", "--out", &trust]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        Self { user, trust }
    }

    fn path(&self, name: &str) -> String {
        self.user.home().join(name).to_str().unwrap().to_owned()
    }

    fn verify(&self, files: &[&str]) -> (Option<i32>, Value) {
        self.user.json(&[&["verify", "--trust", &self.trust], files].concat())
    }
}

fn what_was_there_before(world: &World, asked: &Asked) {
    let auditor = Auditor::of(asked);
    let disclosed = time(world.end() + 8 * custody_tests::company::world::DAY);
    let provenance = |said: &Value| {
        said["predicateType"] == "https://slsa.dev/provenance/v1"
            && said["subject"][0]["digest"]["sha256"] == world.artifacts[0].digest.as_str()
    };
    let index = asked.entries(world, provenance).pop_first().unwrap();
    let folder = auditor.path("saved");
    let shown = asked.json(&["show", &format!("index:{index}"), "--save", &folder]);
    assert!(shown["time"].as_str().unwrap() < disclosed.as_str());
    let part = |name: &str| format!("{folder}/{index}.{name}");
    let (receipt, record, envelope) = (part("receipt"), part("record.json"), part("envelope.json"));
    let (code, verified) = auditor.verify(&[&receipt, &record, &envelope]);
    assert_eq!((code, &verified["verified"]), (Some(0), &json!(true)), "{verified}");
    // The same entry in a tree that has grown since, and contains the one of the first receipt.
    asked.user.custody(&[
        "record",
        "approval",
        "--for",
        "audit",
        "--reason",
        "r",
        "--subject",
        &digest(world, 0),
    ]);
    let later = auditor.path("later.receipt");
    let refreshed = asked.json(&["receipt", "refresh", &receipt, "--out", &later]);
    assert!(refreshed["size"].as_u64() > refreshed["from"].as_u64(), "{refreshed}");
    assert_eq!(refreshed["index"], json!(index));
    let (code, verified) = auditor.verify(&[&later, &record, &envelope]);
    assert_eq!(code, Some(0), "{verified}");
    // What was changed since is another thing.
    let mut bytes = std::fs::read(&record).unwrap();
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    let forged = auditor.user.file("forged.json", bytes);
    let (code, verified) = auditor.verify(&[&later, forged.to_str().unwrap(), &envelope]);
    assert_ne!(code, Some(0), "{verified}");
}

fn who_received(world: &World, asked: &Asked) {
    let given = world.deliveries.iter().map(|delivery| delivery.artifact);
    let mut looked_at: BTreeSet<usize> = given.collect();
    assert!(looked_at.len() > 1, "{looked_at:?}");
    looked_at.extend([world.planted.swapped, world.planted.stolen_build]);
    for artifact in looked_at {
        let answer = asked.json(&["impact", &digest(world, artifact)]);
        let received =
            |found: &&Value| found["kind"] == "identity" && texts(&found["via"]).contains("received");
        let found = answer["reached"].as_array().into_iter().flatten().filter(received);
        let found: BTreeSet<String> = found.map(|found| found["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(found, world.received(artifact));
    }
    for recipient in custody_tests::company::world::RECIPIENTS {
        let of = world.deliveries.iter().filter(|delivery| delivery.recipient == recipient);
        let wanted = world.digests(&of.map(|delivery| delivery.artifact).collect());
        assert_eq!(asked.subjects(&["--identity", recipient, "--predicate", "distribution"]), wanted);
    }
}

fn what_matches(world: &World, asked: &Asked) {
    let (package, version) = world.planted.deleted;
    let exact = world.packages[package].versions[version];
    let wanted = world.digests(&world.ship(package, |found| found == exact));
    let purl = world.packages[package].purl(version);
    let watch = |cursor: &str, limit: usize| {
        let limit = limit.to_string();
        let words = ["watch", "--component", &purl, "--cursor", cursor, "--limit", &limit, "-o", "json"];
        let ended = asked.user.custody(&words);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let told = watch("0", wanted.len());
    let found: BTreeSet<String> = told.iter().flat_map(|line| texts(&line["subjects"])).collect();
    assert_eq!(found, wanted, "each is told once");
    // Behind the last of them a new record is the next.
    let cursor = told.last().unwrap()["cursor"].to_string();
    let bill = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "library", "name": "x", "purl": purl}]});
    let bill = asked.user.file("new.cdx.json", bill.to_string());
    let new = format!("sha256:{}", "7".repeat(64));
    let ended = asked.user.custody(&["record", "sbom", bill.to_str().unwrap(), "--subject", &new]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(texts(&watch(&cursor, 1)[0]["subjects"]), BTreeSet::from([new]));
}

fn what_an_auditor_checks(world: &World, asked: &Asked) {
    let auditor = Auditor::of(asked);
    let artifact = world.planted.failed_artifact;
    let (made, pack) = (&world.artifacts[artifact], auditor.path("pack.custody"));
    let run = &world.runs[made.run];
    asked.json(&["export", &digest(world, artifact), "--out", &pack]);
    let (code, verified) = auditor.verify(&[&pack]);
    assert_eq!((code, &verified["verified"]), (Some(0), &json!(true)), "{verified}");
    let found: BTreeSet<u64> =
        verified["files"].as_array().unwrap().iter().filter_map(|file| file["index"].as_u64()).collect();
    // All that is said of it, of the commit that it was built from, and by the run that built it.
    let about = |said: &Value| {
        let subjects = said["subject"].as_array().unwrap();
        let of_commit = subjects.iter().any(|subject| subject["digest"]["gitCommit"] == run.commit.as_str());
        let of_artifact = subjects.iter().any(|subject| subject["digest"]["sha256"] == made.digest.as_str());
        of_commit || of_artifact || said["predicate"]["run"] == world.run_url(run).as_str()
    };
    assert_eq!(found, asked.entries(world, about));
}

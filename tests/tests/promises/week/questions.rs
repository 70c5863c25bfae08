//! The questions, by the numbers under which responders know them.

use std::collections::BTreeSet;

use custody_tests::company::World;
use custody_tests::company::statements::time;
use custody_tests::company::world::{DAY, MOVED_ACTION, POLICY, STRANGE_RUNNER, Time, commit_of};
use custody_tests::evidence::artifact_hex;
use serde_json::Value;

use super::asked::Asked;

pub(super) type Question = fn(&World, &Asked);

/// Every question.
pub(super) const ALL: &[(&str, Question)] = &[
    ("Q1 which artifacts contain a package in a range", who_ships_a_range),
    ("Q2 which runs used it in a time, shipped or not", who_used_a_reference_in_a_time),
    ("Q3 what a mutable reference meant, per run", what_a_reference_meant),
    ("Q6 what a key signed", what_a_key_signed),
    ("Q9 who built what", what_a_machine_built),
    ("Q1, Q18 what ships a package is live where, and since when", where_what_ships_it_is_live),
    ("Q2, Q14, Q16 what came from a reference in a time, a secret, a bad commit", what_came_from_it),
    ("Q17 what was live at a time", what_was_live),
    ("Q19 what runs without a record", what_runs_without_a_record),
    ("Q20 what changed, and what sets two environments apart", what_changed),
    ("Q7, Q9 to Q13, Q24 what looks wrong, and that nothing else does", what_looks_wrong),
    ("Q14 which runs could read a secret", who_could_read_a_secret),
];

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

pub(super) fn named(kind: &str, name: &str) -> String {
    format!("sha256:{}", artifact_hex(&format!("custody/name/v1\n{kind}\n{name}")))
}

fn runs_as_subjects(world: &World, runs: &BTreeSet<usize>) -> BTreeSet<String> {
    world.urls(runs).iter().map(|url| named("run", url)).collect()
}

fn who_ships_a_range(world: &World, asked: &Asked) {
    let (package, version) = world.planted.deleted;
    let package_url = world.packages[package].versionless();
    let exact = world.packages[package].versions[version];
    let purl = world.packages[package].purl(version);
    let wanted = world.digests(&world.ship(package, |found| found == exact));
    assert!(!wanted.is_empty());
    assert_eq!(asked.subjects(&["--component", &purl]), wanted, "{purl}");
    for (from, to) in [([0; 3], exact), (exact, [99, 0, 0]), ([exact[0], 9, 0], [exact[0], 11, 0])] {
        let v = if world.packages[package].kind == "golang" { "v" } else { "" };
        let text = |[a, b, c]: [u32; 3]| format!("{v}{a}.{b}.{c}");
        let range = format!("{package_url}@>={} <{}", text(from), text(to));
        let wanted = world.digests(&world.ship(package, |found| from <= found && found < to));
        assert_eq!(asked.subjects(&["--component", &range]), wanted, "{range}");
    }
}

fn who_used_a_reference_in_a_time(world: &World, asked: &Asked) {
    let (from, to) = world.planted.moved;
    let wanted = runs_as_subjects(world, &world.resolved(MOVED_ACTION, (from, to)));
    assert!(!wanted.is_empty());
    let found = asked.subjects(&[
        "--ref",
        MOVED_ACTION,
        "--predicate",
        "run",
        "--since",
        &time(from),
        "--until",
        &time(to),
    ]);
    assert_eq!(found, wanted);
}

fn what_a_reference_meant(world: &World, asked: &Asked) {
    let evil = &world.planted.evil_commit;
    let wanted = runs_as_subjects(world, &world.meant_this(MOVED_ACTION, evil));
    assert_eq!(asked.subjects(&["--commit", evil, "--predicate", "run"]), wanted);
    let good = &world.planted.good_commit;
    let wanted = runs_as_subjects(world, &world.meant_this(MOVED_ACTION, good));
    assert_eq!(asked.subjects(&["--commit", good, "--predicate", "run", "--ref", MOVED_ACTION]), wanted);
    assert_eq!(asked.subjects(&["--commit", &commit_of("nothing")]), BTreeSet::new());
}

fn what_a_key_signed(world: &World, asked: &Asked) {
    for team in 0..custody_tests::company::world::TEAMS {
        let key = asked.ledger.writers[team].public().id().to_string();
        let wanted = world.digests(&world.signed_by(team));
        assert_eq!(asked.subjects(&["--signer", &key, "--predicate", PROVENANCE]), wanted, "{key}");
    }
}

fn what_a_machine_built(world: &World, asked: &Asked) {
    let run = &world.runs[world.artifacts[world.planted.stolen_build].run];
    let builder = format!("https://{}.example.net/agent", run.runner);
    let wanted = world.digests(&BTreeSet::from([world.planted.stolen_build]));
    assert_eq!(asked.subjects(&["--builder", &builder]), wanted);
    let runs = world.runs_that(|other| other.runner == run.runner);
    assert_eq!(asked.subjects(&["--builder", &run.runner]), runs_as_subjects(world, &runs));
}

fn who_could_read_a_secret(world: &World, asked: &Asked) {
    for secret in ["REGISTRY_TOKEN", "SIGNING_CERT"] {
        let wanted = runs_as_subjects(world, &world.could_read(secret));
        assert_eq!(asked.subjects(&["--secret", secret]), wanted, "{secret}");
    }
}

fn where_what_ships_it_is_live(world: &World, asked: &Asked) {
    let (package, version) = world.planted.deleted;
    let exact = world.packages[package].versions[version];
    let ships = world.ship(package, |found| found == exact);
    let answer = asked.json(&["impact", &world.packages[package].purl(version)]);
    let reached = answer["reached"].as_array().unwrap();
    let contains = |found: &&Value| {
        found["kind"] == "artifact" && found["via"].as_array().unwrap().contains(&"contains".into())
    };
    let found: BTreeSet<String> =
        reached.iter().filter(contains).map(|found| found["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(found, world.digests(&ships));
    for artifact in ships {
        let digest = world.digests(&BTreeSet::from([artifact])).pop_first().unwrap();
        let found = reached.iter().find(|found| found["id"] == digest.as_str()).unwrap();
        let live: BTreeSet<(String, String)> = found["live"]
            .as_array()
            .unwrap()
            .iter()
            .map(|live| {
                let text = |member: &str| live[member].as_str().unwrap().to_owned();
                (text("environment"), text("since").replace(".000000Z", "Z"))
            })
            .collect();
        let wanted: BTreeSet<(String, String)> = world
            .where_live(artifact, world.end())
            .into_iter()
            .map(|(environment, since)| (environment.to_owned(), time(since)))
            .collect();
        assert_eq!(live, wanted, "{digest}");
    }
}

/// What these runs made, as far as a provenance says so: of what has none nobody knows where it came from.
fn said_to_be_made_by(world: &World, runs: &BTreeSet<usize>) -> BTreeSet<String> {
    let mut made = world.made_by(runs);
    made.retain(|artifact| world.artifacts[*artifact].provenance);
    world.digests(&made)
}

fn what_came_from_it(world: &World, asked: &Asked) {
    let artifacts = |arguments: &[&str]| asked.artifacts(&[&["impact"], arguments].concat());
    let (from, to) = world.planted.moved;
    let wanted = said_to_be_made_by(world, &world.resolved(MOVED_ACTION, (from, to)));
    assert_eq!(artifacts(&[MOVED_ACTION, "--since", &time(from), "--until", &time(to)]), wanted);
    for commit in [&world.planted.evil_commit, &world.planted.good_commit] {
        let wanted = said_to_be_made_by(world, &world.meant_this(MOVED_ACTION, commit));
        assert_eq!(artifacts(&[commit]), wanted, "{commit}");
    }
    for secret in ["REGISTRY_TOKEN", "SIGNING_CERT"] {
        let wanted = said_to_be_made_by(world, &world.could_read(secret));
        assert_eq!(artifacts(&[secret]), wanted, "{secret}");
    }
}

/// What runs in the world, and what somebody runs in production beside it.
fn live(world: &World, environment: &str, at: Time) -> BTreeSet<String> {
    let mut live = world.digests(&world.live(environment, at));
    let seen = world.snapshots.iter().rev().find(|seen| seen.environment == environment && seen.at <= at);
    let unknown = &world.planted.unknown_digest;
    if seen.is_some_and(|seen| seen.running.iter().any(|(_, digest)| digest == unknown)) {
        live.insert(format!("sha256:{unknown}"));
    }
    live
}

fn what_was_live(world: &World, asked: &Asked) {
    for environment in ["staging", "prod"] {
        for part in 1..=8 {
            let at = world.begin + (world.end() - world.begin) * part / 8;
            let moment = format!("{environment}@{{{}}}", time(at));
            let answer = asked.json(&["env", "show", &moment]);
            let running = answer["running"].as_array().into_iter().flatten();
            let found: BTreeSet<String> =
                running.map(|running| running["digest"].as_str().unwrap().to_owned()).collect();
            assert_eq!(found, live(world, environment, at), "{moment}");
        }
    }
}

fn what_runs_without_a_record(world: &World, asked: &Asked) {
    let answer = asked.json(&["env", "show", "prod"]);
    let without =
        answer["running"].as_array().unwrap().iter().filter(|running| running["evidence"] == "none");
    let found: Vec<&str> = without.map(|running| running["digest"].as_str().unwrap()).collect();
    assert_eq!(found, [format!("sha256:{}", world.planted.unknown_digest)]);
}

fn what_changed(world: &World, asked: &Asked) {
    let (before, after) = (world.last_week(), world.end());
    let moment = |environment: &str, at: Time| format!("{environment}@{{{}}}", time(at));
    for (from, to) in [(("prod", before), ("prod", after)), (("staging", after), ("prod", after))] {
        let answer = asked.json(&["env", "diff", &moment(from.0, from.1), &moment(to.0, to.1)]);
        let list = |member: &str, digest: &str| -> BTreeSet<String> {
            let rows = answer[member].as_array().unwrap().iter();
            rows.map(|row| row[digest].as_str().unwrap().to_owned()).collect()
        };
        let (one, other) = (live(world, from.0, from.1), live(world, to.0, to.1));
        let added: BTreeSet<String> =
            list("added", "digest").union(&list("changed", "after")).cloned().collect();
        let removed: BTreeSet<String> =
            list("removed", "digest").union(&list("changed", "before")).cloned().collect();
        assert_eq!(added, other.difference(&one).cloned().collect(), "{from:?} {to:?}");
        assert_eq!(removed, one.difference(&other).cloned().collect(), "{from:?} {to:?}");
    }
}

/// Every finding of the last week, by its kind and what it is about; and none of the two weeks before, whose first one is history.
fn what_looks_wrong(world: &World, asked: &Asked) {
    let planted = &world.planted;
    let quiet =
        asked.findings(asked.size_at(world, world.begin + 7 * DAY), asked.size_at(world, world.last_week()));
    assert_eq!(quiet, BTreeSet::new());
    let found =
        asked.findings(asked.size_at(world, world.last_week()), asked.size_at(world, world.end() + DAY));
    let artifact = |place: usize| format!("sha256:{}", world.artifacts[place].digest);
    let mut wanted = BTreeSet::new();
    let mut add = |kind: &str, thing: String| wanted.insert((kind.to_owned(), thing));
    add("backdated", artifact(planted.backdated));
    add("provenance_regression", artifact(planted.regression));
    add("failed_run", artifact(planted.failed_artifact));
    // Whoever moved the tag, and built with the stolen key on a machine of their own.
    add("bytes_mismatch", world.packages[planted.swapped_package.0].purl(planted.swapped_package.1));
    add("breakglass", POLICY.to_owned());
    add("count_gap", world.services[planted.gap_service].repository());
    add("tag_moved", MOVED_ACTION.to_owned());
    add("new_runner", STRANGE_RUNNER.to_owned());
    add("new_builder", format!("https://{STRANGE_RUNNER}.example.net/agent"));
    assert_eq!(found, wanted);
}

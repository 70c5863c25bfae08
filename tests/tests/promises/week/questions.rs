//! The questions, by the numbers under which responders know them.

use std::collections::BTreeSet;

use custody_tests::company::World;
use custody_tests::company::statements::time;
use custody_tests::company::world::{DAY, MOVED_ACTION, commit_of};
use custody_tests::evidence::artifact_hex;

use super::asked::Asked;

type Question = fn(&World, &Asked);

/// Every question.
pub(super) const ALL: &[(&str, Question)] = &[
    ("Q1 which artifacts contain a package in a range", who_ships_a_range),
    ("Q2 which runs used it in a time, shipped or not", who_used_a_reference_in_a_time),
    ("Q3 what a mutable reference meant, per run", what_a_reference_meant),
    ("Q6 what a key signed", what_a_key_signed),
    ("Q9 who built what", what_a_machine_built),
    ("Q7, Q9 to Q13, Q24 what looks wrong, and that nothing else does", what_looks_wrong),
    ("Q14 which runs could read a secret", who_could_read_a_secret),
];

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

fn named(kind: &str, name: &str) -> String {
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

/// Every finding of the last week, by its kind and what it is about; and none of the two weeks before, whose first one is history.
fn what_looks_wrong(world: &World, asked: &Asked) {
    let planted = &world.planted;
    let quiet =
        asked.findings(asked.size_at(world, world.begin + 7 * DAY), asked.size_at(world, world.last_week()));
    assert_eq!(quiet, BTreeSet::new());
    let found =
        asked.findings(asked.size_at(world, world.last_week()), asked.size_at(world, world.end() + 1));
    let artifact = |place: usize| format!("sha256:{}", world.artifacts[place].digest);
    let mut wanted = BTreeSet::new();
    let mut add = |kind: &str, thing: String| wanted.insert((kind.to_owned(), thing));
    add("backdated", artifact(planted.backdated));
    add("provenance_regression", artifact(planted.regression));
    add("failed_run", artifact(planted.failed_artifact));
    assert_eq!(found, wanted);
}

//! Every target for a number of rounds, the same ones each time. `CUSTODY_FUZZ_SEED` makes others, `CUSTODY_FUZZ_TIMES`
//! more of them.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use custody_fuzz::claim::Outcome;
use custody_fuzz::corpus::Corpus;
use custody_fuzz::run::{Plan, SEED, run};
use custody_fuzz::targets::{Target, all};
use custody_tests::workspace;

fn plan() -> Plan {
    let number = |name: &str| std::env::var_os(name).and_then(|text| text.to_str()?.parse().ok());
    Plan {
        seed: number("CUSTODY_FUZZ_SEED").unwrap_or(SEED),
        times: number("CUSTODY_FUZZ_TIMES").map_or(1, |times| usize::try_from(times).unwrap()),
        failures: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz-failures"),
    }
}

/// Runs every target of the families, and reports all that fail.
fn holds(families: &[&str]) {
    let (plan, corpus) = (plan(), Corpus::find());
    println!("CUSTODY_FUZZ_SEED={}", plan.seed);
    if !corpus.is_there() {
        println!("skipped: seeds of real documents, there is no corpus (set CUSTODY_CORPUS)");
    }
    let mut failures = Vec::new();
    let of_family = |target: &Target| families.contains(&target.name.split('.').next().unwrap());
    for target in all().into_iter().filter(of_family) {
        match run(&target, &corpus, &plan) {
            Ok(report) => {
                println!("{}: {report:?}", target.name);
                assert!(
                    report.accepted_seeds > 0,
                    "{}: no seed is of the format: nothing is tried",
                    target.name
                );
            }
            Err(failure) => failures.push(failure.to_string()),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn log_formats_hold() {
    holds(&["log", "note", "tile"]);
}

#[test]
fn texts_hold() {
    holds(&["text", "version"]);
}

#[test]
fn json_and_envelopes_hold() {
    holds(&["json", "envelope", "evidence", "key", "oidc", "secret"]);
}

#[test]
fn statements_and_sboms_hold() {
    holds(&["statement", "sbom", "scan", "trust"]);
}

#[test]
fn policies_and_verdicts_hold() {
    holds(&["gate"]);
}

#[test]
fn bundles_and_their_roots_hold() {
    holds(&["sigstore", "registry"]);
}

#[test]
fn journal_and_wire_hold() {
    holds(&["journal", "wire"]);
}

#[test]
fn what_people_give_holds() {
    holds(&["server", "client", "layout", "record"]);
}

#[test]
fn every_family_is_run() {
    let source = workspace::read("tests/fuzz/tests/short.rs");
    for target in all() {
        let family = target.name.split('.').next().unwrap();
        assert!(source.contains(&format!("\"{family}\"")), "{} is run by no test", target.name);
    }
}

#[test]
fn every_regression_is_of_a_target() {
    let names: BTreeSet<&str> = all().iter().map(|target| target.name).collect();
    assert_eq!(names.len(), all().len(), "two targets have one name");
    let start = PathBuf::from("tests/fuzz/regressions");
    for file in workspace::files() {
        if let Ok(rest) = file.strip_prefix(&start) {
            let folder = rest.iter().next().unwrap().to_string_lossy().into_owned();
            assert!(names.contains(folder.as_str()), "{}: no target of this name", file.display());
        }
    }
}

/// A decoder with a mistake two steps deep: it takes one member twice and a length that is not there.
fn mistaken(bytes: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(bytes);
    if text.matches("\"name\"").count() < 2 {
        return Outcome::Refused("one name".to_owned());
    }
    assert!(!text.contains("4294967296"), "the planted mistake");
    Outcome::Accepted
}

#[test]
fn a_planted_mistake_is_found_and_kept_for_another_try() {
    let target = Target {
        name: "planted",
        max: 400,
        rounds: 20_000,
        words: &[],
        seeds: |_| vec![br#"{"name":"a","size":17}"#.to_vec()],
        run: mistaken,
    };
    let failure = run(&target, &Corpus::find(), &plan()).unwrap_err();
    assert!(failure.to_string().contains("the planted mistake"), "{failure}");
    assert!(failure.to_string().contains("replay planted"), "{failure}");
    let kept = std::fs::read(&failure.file).unwrap();
    std::fs::remove_file(&failure.file).unwrap();
    assert!(custody_fuzz::run::attempt(&target, &kept).is_err());
}

#[test]
fn the_same_seed_makes_the_same_run() {
    let target = all().into_iter().find(|target| target.name == "log.entry").unwrap();
    let once = || run(&target, &Corpus::find(), &Plan { times: 1, ..plan() }).unwrap();
    assert_eq!(once(), once());
}

//! Who lies about when something happened, or where it ran.

use serde_json::json;

use super::log::{DAY, HOUR, Log, MINUTE, artifact, at, digest, image};
use super::rules::{history, kinds, more};
use crate::finding::FindingKind;

/// What a thief does who never signed before: everything happened long ago.
#[test]
fn a_stranger_who_dates_a_build_back_beyond_history_is_found_where_it_goes_out() {
    for back in [DAY + HOUR, 20 * DAY, 31 * DAY, 400 * DAY] {
        let mut log = history(4);
        log.now += DAY;
        let stolen = log.build_at("thief", "api", "9.0.0", 900, log.now - back);
        let signed = kinds(&log);
        log.now += HOUR;
        // That it went out long ago, too, hides nothing.
        log.publish_at("thief", "api", "9.0.0", log.now - back);
        let subjects = image("api", "9.0.0");
        let start = json!({ "environment": "prod", "workload": "api", "action": "start", "at": at(log.now).to_string() });
        let out = log.say("cd", "urn:custody:deployment:v1", &subjects, &start);
        log.say("cd", "urn:custody:deployment:v1", &subjects, &json!({ "environment": "staging", "workload": "api", "action": "start", "at": at(log.now).to_string() }));
        let found = log.findings();
        let about: Vec<_> = found.iter().filter(|found| found.1 == artifact("api", "9.0.0")).collect();
        if back > 30 * DAY {
            assert_eq!(signed, [], "{back}");
            let (kind, _, entries) = about[0];
            assert_eq!(
                (about.len(), *kind, entries.last()),
                (1, FindingKind::Backdated, Some(&out)),
                "{found:?}"
            );
            assert!(entries.contains(&stolen), "{found:?}");
        } else {
            assert_eq!(signed, [FindingKind::SignerChange], "{back}");
        }
    }
}

/// A way in which something goes out.
type Out<'a> = &'a dyn Fn(&mut Log) -> u64;

/// An old build, as a thief claims, of what goes out now; who does it again when that is done hides nothing, and it is told once.
#[test]
fn who_dates_a_build_back_hides_it_behind_no_other_record() {
    let start = |log: &mut Log, environment: &str| {
        let start = json!({ "environment": environment, "workload": "api", "action": "start", "at": at(log.now).to_string() });
        log.say("cd", "urn:custody:deployment:v1", &image("api", "main-9"), &start)
    };
    let publish = |log: &mut Log| log.publish("ci", "api", "main-9");
    let ways: [(Out<'_>, Out<'_>); 2] =
        [(&|log| start(log, "prod"), &publish), (&publish, &|log| start(log, "prod"))];
    for (first, second) in ways {
        let mut log = history(4);
        log.now += DAY;
        let stolen = log.build_at("thief", "api", "main-9", 900, log.now - 400 * DAY);
        log.now += HOUR;
        let out = first(&mut log);
        for run in 901..905 {
            log.build_at("thief", "api", "main-9", run, log.now - 400 * DAY);
        }
        second(&mut log);
        start(&mut log, "staging");
        let found = log.findings();
        let about: Vec<_> = found.iter().filter(|found| found.0 == FindingKind::Backdated).collect();
        assert_eq!(about.len(), 1, "{found:?}");
        assert!(about[0].2.contains(&stolen) && about[0].2.last() == Some(&out), "{found:?}");
    }
}

#[test]
fn a_proven_time_shows_that_a_claim_is_dated_back_and_that_history_is_none() {
    // Signed today, as somebody else proves.
    let mut log = history(4);
    log.now += DAY;
    log.build_at("thief", "api", "9.0.0", 900, log.now - 31 * DAY);
    let proven = at(log.now - MINUTE);
    log.by(|by| by.proven = Some(proven));
    assert_eq!(kinds(&log), [FindingKind::SignerChange]);
    let mut log = history(4);
    log.now += 40 * DAY;
    log.build("ci", "api", "8.9.0", 899);
    log.build_at("ci", "api", "9.0.0", 900, log.now - 31 * DAY);
    let proven = at(log.now - MINUTE);
    log.by(|by| by.proven = Some(proven));
    assert_eq!(kinds(&log), [FindingKind::Backdated]);
}

#[test]
fn an_old_build_that_an_import_brought_goes_out_again_in_silence_if_its_signer_is_one_of_the_name_or_the_name_has_no_others()
 {
    let deploy = |log: &mut Log, version: &str| {
        let start = json!({ "environment": "prod", "workload": "api", "action": "start", "at": at(log.now).to_string() });
        log.say("cd", "urn:custody:deployment:v1", &image("api", version), &start);
        log.now += HOUR;
    };
    // All of the name came with the import.
    let mut log = Log::default();
    for month in 1..13 {
        log.build_at(
            "importer",
            "api",
            &format!("0.{month}.0"),
            month * 7,
            i64::try_from(month).unwrap() * 30 * DAY - 500 * DAY,
        );
    }
    deploy(&mut log, "0.3.0");
    deploy(&mut log, "0.12.0");
    assert_eq!(log.findings(), []);
    // Whoever may bring in evidence of others brought it; or who builds today recorded it first of all.
    let mut log = history(4);
    log.build_at("importer", "api", "0.1.0", 900, log.now - 400 * DAY);
    log.by(|by| by.imported = true);
    deploy(&mut log, "0.1.0");
    assert_eq!(log.findings(), []);
    let mut log = Log::default();
    log.build_at("ci", "api", "0.1.0", 900, log.now - 400 * DAY);
    more(&mut log, "api", 0..4);
    deploy(&mut log, "0.1.0");
    assert_eq!(log.findings(), []);
}

#[test]
fn a_version_that_is_dated_back_to_before_what_its_tag_meant_moved_the_tag() {
    let mut log = history(4);
    log.publish("ci", "api", "7.0.0");
    log.now += DAY;
    let at = at(log.now - 31 * DAY).to_string();
    let predicate = json!({
        "registry": "ghcr.io", "repository": "ghcr.io/acme/api", "ref": "ghcr.io/acme/api:7.0.0", "actor": "https://github.com/bot", "at": at,
    });
    let evil = json!([{ "name": "ghcr.io/acme/api:7.0.0", "digest": { "sha256": digest("evil") } }]);
    log.say("thief", "urn:custody:publication:v1", &evil, &predicate);
    assert!(kinds(&log).contains(&FindingKind::TagMoved), "{:?}", log.findings());
}

#[test]
fn a_machine_of_a_pool_is_nothing_new_and_one_that_a_thief_ran_before_is() {
    let on = |name: &str| json!({ "runner": { "name": name, "hosted": false } });
    let mut log = Log::default();
    let mut number = 0;
    let mut run = |log: &mut Log, service: &str, machine: &str| {
        number += 1_000;
        log.run("ci", service, number, &on(machine));
    };
    for _ in 0..6 {
        run(&mut log, "api", "pool-1");
        run(&mut log, "api", "pool-2");
        run(&mut log, "web", "pool-2");
        run(&mut log, "web", "pool-2");
    }
    run(&mut log, "api", "pool-3");
    assert_eq!(kinds(&log), [FindingKind::NewRunner], "nobody ran on it");
    for machine in ["pool-3", "pool-1"] {
        run(&mut log, "web", machine);
    }
    assert_eq!(log.findings().len(), 1, "{:?}", log.findings());
    // It runs something of the thief's first.
    for _ in 0..4 {
        run(&mut log, "mine", "evil");
    }
    assert_eq!(log.findings().len(), 1);
    run(&mut log, "web", "evil");
    assert_eq!(kinds(&log), [FindingKind::NewRunner, FindingKind::NewRunner]);
    assert_eq!(log.findings()[1].1, "evil");
}

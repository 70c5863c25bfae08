//! What each rule finds, and what is so near that it must not be found.

use serde_json::{Value, json};

use super::log::{DAY, HOUR, Log, MINUTE, artifact, at, digest, image, key, provenance, run_name};
use crate::finding::FindingKind;
use crate::finding::bounds::{LOOK_BACK, PAIRS_LOOKED_AT};
use crate::subject_name::{NameKind, digest_of_name};
use crate::trust::{People, Person};

pub(super) fn kinds(log: &Log) -> Vec<FindingKind> {
    log.findings().into_iter().map(|(kind, ..)| kind).collect()
}

/// A service with so many releases, each built and published, an hour apart.
pub(super) fn history(releases: u64) -> Log {
    let mut log = Log::default();
    more(&mut log, "api", 0..releases);
    log
}

pub(super) fn more(log: &mut Log, service: &str, releases: std::ops::Range<u64>) {
    for release in releases {
        let version = format!("1.{release}.0");
        log.build("ci", service, &version, release);
        log.publish("ci", service, &version);
        log.now += HOUR;
    }
}

#[test]
fn a_release_without_provenance_is_found_where_it_went_out_first() {
    let mut log = history(3);
    assert_eq!(log.findings(), []);
    let published = log.publish("ci", "api", "1.3.0");
    log.publish("ci", "api", "1.3.0");
    let (kind, thing, entries) = log.findings().remove(0);
    assert_eq!((kind, thing), (FindingKind::ProvenanceRegression, artifact("api", "1.3.0")));
    assert!(entries.contains(&published) && entries.len() > 1, "{entries:?}");
    assert_eq!(log.findings().len(), 1, "the second publication tells it no more");
    let (old, new) = (artifact("api", "1.2.0"), artifact("api", "1.3.0"));
    assert_eq!(
        log.messages(),
        [format!(
            "1.3.0: {new} of ghcr.io/acme/api went out without provenance, published by https://github.com/bot, which 3 earlier had, \
             the last of them {old}"
        )]
    );
    // As of later its provenance is there.
    log.build("ci", "api", "1.3.0", 3);
    assert_eq!(log.findings(), []);
    assert_eq!(log.findings_at(log.size() - 1).len(), 1, "as of before, the answer stays");
}

/// The watcher of a registry sees what a tag of the service means.
fn observe(log: &mut Log, tag: &str, version: &str) -> u64 {
    let reference = format!("ghcr.io/acme/api:{tag}");
    let subjects = json!([{ "name": reference, "digest": { "sha256": digest(&format!("api {version}")) } }]);
    let predicate = json!({
        "repository": "ghcr.io/acme/api", "tag": tag, "digest": artifact("api", version), "observed_at": at(log.now).to_string(),
    });
    log.say("watcher", "urn:custody:tag:v1", &subjects, &predicate)
}

/// Somebody pushes what nobody built, under its own name.
fn push_debug(log: &mut Log) -> u64 {
    let predicate = json!({
        "registry": "ghcr.io", "repository": "ghcr.io/acme/api", "ref": "ghcr.io/acme/api:debug",
        "actor": "dora", "at": at(log.now).to_string(),
    });
    log.say("ci", "urn:custody:publication:v1", &image("api", "debug"), &predicate)
}

/// What went out without provenance: by which entries, and in which words.
fn regressions(log: &Log) -> Vec<(Vec<u64>, String)> {
    let found = log.findings().into_iter().zip(log.messages());
    let regressed = found.filter(|((kind, ..), _)| *kind == FindingKind::ProvenanceRegression);
    regressed.map(|((_, _, entries), message)| (entries, message)).collect()
}

#[test]
fn a_latest_that_falls_to_what_nobody_built_is_told_with_the_tag_both_digests_and_who() {
    let mut log = history(3);
    observe(&mut log, "latest", "1.2.0");
    let steady = observe(&mut log, "latest", "1.2.0");
    assert_eq!(log.findings(), []);
    let pushed = push_debug(&mut log);
    assert_eq!(regressions(&log).len(), 1, "it went out without provenance, under a name of its own");
    log.now += HOUR;
    let fell = observe(&mut log, "latest", "debug");
    let found = regressions(&log);
    assert_eq!(found.len(), 2, "{found:?}");
    let (entries, message) = &found[1];
    let shows = [steady, pushed, fell];
    assert!(shows.iter().all(|index| entries.contains(index)), "{entries:?} without one of {shows:?}");
    let (old, new) = (artifact("api", "1.2.0"), artifact("api", "debug"));
    assert!(message.starts_with(&format!("latest: {new} of ghcr.io/acme/api ")), "{message}");
    assert!(message.contains(", published by dora, "), "{message}");
    assert!(message.ends_with(&format!("; ghcr.io/acme/api:latest meant {old} before")), "{message}");
    // Told once: not where it is seen again, and not where the tag goes back and forth.
    for version in ["debug", "1.2.0", "debug"] {
        log.now += HOUR;
        observe(&mut log, "latest", version);
        assert_eq!(regressions(&log).len(), 2, "{version}");
    }
}

#[test]
fn a_latest_that_moves_to_what_was_built_is_silent_and_so_is_a_new_tag() {
    let mut log = history(2);
    observe(&mut log, "latest", "1.0.0");
    observe(&mut log, "latest", "1.1.0");
    more(&mut log, "api", 2..3);
    observe(&mut log, "latest", "1.2.0");
    assert_eq!(log.findings(), []);
    push_debug(&mut log);
    observe(&mut log, "try", "debug");
    assert_eq!(regressions(&log).len(), 1, "a tag that meant nothing before fell from nothing");
    // It meant what had no provenance either.
    let mut log = history(0);
    push_debug(&mut log);
    observe(&mut log, "latest", "other");
    observe(&mut log, "latest", "debug");
    assert_eq!(log.findings(), []);
}

#[test]
fn what_never_had_provenance_or_had_none_yet_regresses_in_nothing() {
    let mut log = Log::default();
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        log.publish("ci", "api", version);
        log.now += HOUR;
    }
    log.build("ci", "api", "1.3.0", 1);
    log.publish("ci", "api", "1.3.0");
    more(&mut log, "web", 0..3);
    assert_eq!(log.findings(), []);
    // An old release that is recorded late happened before there was any provenance.
    log.publish_at("ci", "api", "0.9.0", -DAY / 2);
    assert_eq!(log.findings(), []);
}

#[test]
fn a_deployment_of_what_has_no_provenance_is_found_though_no_subject_has_a_name() {
    let mut log = Log::default();
    let deploy = |log: &mut Log, of: &str| {
        let at = at(log.now).to_string();
        let deployed = json!({ "environment": "prod", "workload": "api", "action": "start", "at": at });
        log.say(
            "cd",
            "urn:custody:deployment:v1",
            &json!([{ "digest": { "sha256": digest(of) } }]),
            &deployed,
        )
    };
    let build = |log: &mut Log, of: &str, run| {
        let predicate = provenance("api", run, "refs/heads/main", "ci", at(log.now));
        let subjects = json!([{ "digest": { "sha256": digest(of) } }]);
        log.say("ci", "https://slsa.dev/provenance/v1", &subjects, &predicate)
    };
    for (run, of) in [(0, "one"), (1, "two")] {
        build(&mut log, of, run);
        deploy(&mut log, of);
    }
    assert_eq!(log.findings(), []);
    let deployed = deploy(&mut log, "three");
    let found = log.findings();
    assert_eq!((found.len(), found[0].0), (1, FindingKind::ProvenanceRegression));
    assert_eq!(found[0].2.last(), Some(&deployed));
}

#[test]
fn another_signer_is_found_once_and_only_where_one_signed_all_before() {
    let mut log = history(3);
    log.build("thief", "api", "1.3.0", 3);
    let found = log.findings();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, FindingKind::SignerChange);
    assert!(log.messages()[0].contains(&key("thief")) && log.messages()[0].contains(&key("ci")));
    log.now += HOUR;
    log.build("thief", "api", "1.4.0", 4);
    assert_eq!(log.findings().len(), 1, "told once");
    // Too little history, and a name that somebody else signs each time.
    for releases in 0..3 {
        let mut log = history(releases);
        log.build("thief", "api", "1.3.0", 3);
        assert_eq!(log.findings(), [], "{releases}");
    }
    let mut log = Log::default();
    for signer in 0..12 {
        log.build(&format!("signer {signer}"), "api", &format!("1.{signer}.0"), signer);
        log.now += HOUR;
    }
    assert_eq!(log.findings(), []);
}

/// A person who holds the keys of these signers.
fn person(name: &str, signers: &[&str]) -> Person {
    let key = |signer: &&str| key(signer)["key:".len()..].parse().unwrap();
    Person { name: name.to_owned(), keys: signers.iter().map(key).collect(), identities: Vec::new() }
}

#[test]
fn a_key_that_its_owner_replaced_is_no_change_and_that_of_another_person_is() {
    let mut log = history(3);
    log.people = log.people.with(&[person("Ann", &["ci"]), person("Eve", &["thief"])]);
    // The next trust document lists her new key alone.
    log.people = log.people.with(&[person("Ann", &["ci 2"]), person("Eve", &["thief"])]);
    log.build("ci 2", "api", "1.3.0", 3);
    assert_eq!(log.findings(), []);
    let size = log.size();
    log.now += HOUR;
    log.build("thief", "api", "1.4.0", 4);
    assert_eq!(kinds(&log), [FindingKind::SignerChange]);
    assert!(log.messages()[0].contains("was signed by person Eve, all before it by person Ann"));
    assert_eq!(log.findings_at(size), [], "as of before");
    // Whoever is listed nowhere is a key.
    log.people = People::default();
    assert_eq!(kinds(&log), [FindingKind::SignerChange; 2]);
}

#[test]
fn the_same_statement_with_another_signature_is_no_change() {
    let mut log = history(3);
    let finished = log.now;
    let said = |log: &mut Log, signer: &str| {
        let predicate = provenance("api", 3, "refs/heads/main", "ci", at(finished));
        log.say(signer, "https://slsa.dev/provenance/v1", &image("api", "1.3.0"), &predicate)
    };
    said(&mut log, "ci");
    said(&mut log, "notary");
    assert_eq!(log.findings(), []);
    log.build("notary", "api", "1.4.0", 4);
    assert_eq!(log.findings(), [], "it is one of those who sign");
}

#[test]
fn where_several_signed_in_turn_the_entries_of_a_finding_show_it_alone() {
    for turns in [[4, 4, 1], [2, 2, 2], [1, 5, 2], [3, 3, 3]] {
        let mut log = Log::default();
        let mut number = 0;
        for (signer, times) in turns.into_iter().enumerate() {
            for _ in 0..times {
                log.build(&format!("signer {signer}"), "api", &format!("1.{number}.0"), number);
                number += 1;
                log.now += HOUR;
            }
        }
        let before = log.findings().len();
        log.build("thief", "api", "9.0.0", 99);
        // That it is shown by its entries is what every look at this log checks.
        let found = log.findings();
        assert_eq!(found.len(), before + 1, "{turns:?}: {found:?}");
        assert!(found.last().unwrap().2.len() <= 8, "{turns:?}: {found:?}");
    }
}

#[test]
fn a_workflow_is_one_signer_whatever_branch_or_tag_it_ran_on() {
    let mut log = Log::default();
    let signer = |reference: &str| {
        format!("https://issuer.test#https://github.com/acme/api/.github/workflows/release.yml@{reference}")
    };
    for version in 0..4 {
        log.build("ci", "api", &format!("1.{version}.0"), version);
        log.by(|by| by.signers = [signer(&format!("refs/tags/v1.{version}.0"))].into());
        log.now += HOUR;
    }
    assert_eq!(log.findings(), []);
    log.build("ci", "api", "1.4.0", 4);
    log.by(|by| by.signers = [signer("refs/heads/main").replace("release", "other")].into());
    assert_eq!(kinds(&log), [FindingKind::SignerChange]);
}

#[test]
fn another_account_that_publishes_is_found_though_the_signer_is_the_same() {
    let mut log = history(3);
    log.build("ci", "api", "1.3.0", 3);
    let predicate = json!({
        "registry": "ghcr.io", "repository": "ghcr.io/acme/api", "actor": "https://github.com/mallory",
        "at": at(log.now).to_string(),
    });
    log.say("ci", "urn:custody:publication:v1", &image("api", "1.3.0"), &predicate);
    assert_eq!(kinds(&log), [FindingKind::SignerChange]);
    assert!(log.messages()[0].contains("published by https://github.com/mallory"), "{:?}", log.messages());
}

#[test]
fn the_output_of_a_run_that_went_wrong_is_found_whichever_is_recorded_first() {
    for (member, word, kind) in [
        ("conclusion", "failure", FindingKind::FailedRun),
        ("conclusion", "timed_out", FindingKind::FailedRun),
        ("conclusion", "cancelled", FindingKind::FailedRun),
        ("trigger", "pull_request", FindingKind::ForkRun),
        ("trigger", "pull_request_target", FindingKind::ForkRun),
        ("trigger", "merge_request_event", FindingKind::ForkRun),
    ] {
        for run_first in [true, false] {
            let mut log = Log::default();
            if run_first {
                log.run("ci", "api", 7, &json!({ member: word }));
            }
            log.build("ci", "api", "1.0.0", 7);
            if !run_first {
                log.run("ci", "api", 7, &json!({ member: word }));
            }
            assert_eq!(log.findings(), [(kind, artifact("api", "1.0.0"), vec![0, 1])], "{word} {run_first}");
        }
    }
}

#[test]
fn a_run_that_went_well_or_has_no_output_or_was_repeated_is_not_found() {
    let mut log = Log::default();
    log.run("ci", "api", 1, &json!({ "conclusion": "failure" }));
    log.run("ci", "api", 2, &json!({ "conclusion": "skipped", "trigger": "schedule" }));
    log.build("ci", "api", "1.0.0", 2);
    log.run("ci", "api", 3, &json!({ "conclusion": "failure" }));
    log.run("ci", "api", 3, &json!({ "conclusion": "success" }));
    log.build("ci", "api", "1.1.0", 3);
    assert_eq!(log.findings(), []);
}

#[test]
fn a_provenance_that_names_the_pull_request_itself_is_found() {
    let mut log = Log::default();
    let mut predicate = provenance("api", 1, "refs/heads/main", "ci", at(0));
    predicate["buildDefinition"]["internalParameters"]["github"]["event_name"] = json!("pull_request");
    log.say("ci", "https://slsa.dev/provenance/v1", &image("api", "1.0.0"), &predicate);
    assert_eq!(kinds(&log), [FindingKind::ForkRun]);
}

#[test]
fn a_burst_is_found_once_and_only_if_the_name_never_had_one() {
    let burst = |log: &mut Log, from: u64, count: u64, apart: i64| {
        for release in from..from + count {
            log.build("ci", "api", &format!("1.{release}.0"), release);
            log.publish("ci", "api", &format!("1.{release}.0"));
            log.now += apart;
        }
    };
    let mut log = history(3);
    log.now += HOUR;
    burst(&mut log, 3, 10, 2 * MINUTE);
    assert_eq!(kinds(&log), [FindingKind::Burst]);
    log.now += DAY;
    burst(&mut log, 13, 10, 2 * MINUTE);
    assert_eq!(kinds(&log), [FindingKind::Burst], "it is usual by now");
    let mut log = history(3);
    burst(&mut log, 3, 10, 16 * MINUTE);
    assert_eq!(log.findings(), [], "four in an hour");
    let mut log = Log::default();
    burst(&mut log, 0, 10, MINUTE);
    assert_eq!(log.findings(), [], "nothing to differ from");
}

#[test]
fn what_is_built_often_without_a_version_is_no_burst() {
    let mut log = history(4);
    for build in 0..20 {
        log.build("ci", "api", &format!("main-{build}"), 100 + build);
        log.publish("ci", "api", &format!("main-{build}"));
    }
    assert_eq!(log.findings(), []);
}

#[test]
fn a_release_on_a_line_that_was_left_is_found() {
    let release = |log: &mut Log, version: &str, run| {
        log.build("ci", "api", version, run);
        log.publish("ci", "api", version);
        log.now += DAY;
    };
    let mut log = Log::default();
    for minor in 0..5 {
        release(&mut log, &format!("2.{minor}.0"), minor);
    }
    assert_eq!(log.findings(), []);
    release(&mut log, "1.9.9", 6);
    assert_eq!(kinds(&log), [FindingKind::OldLine]);
    // A line that is still cared for, and one with too few releases since.
    let mut log = Log::default();
    for minor in 0..5 {
        release(&mut log, &format!("1.{minor}.0"), minor);
        release(&mut log, &format!("2.{minor}.0"), 10 + minor);
    }
    for minor in 5..10 {
        release(&mut log, &format!("2.{minor}.0"), 10 + minor);
    }
    release(&mut log, "1.5.0", 30);
    assert_eq!(log.findings(), []);
}

/// Who says again, in another way, that an old version was released releases nothing.
#[test]
fn a_version_that_was_released_long_ago_is_no_release_on_an_old_line() {
    let subjects = |version: &str| json!([{ "name": format!("pkg:npm/api@{version}"), "digest": { "sha256": digest(version) } }]);
    let publish = |log: &mut Log, version: &str| {
        let run = json!({ "buildDefinition": {}, "runDetails": {} });
        log.say("ci", "https://slsa.dev/provenance/v1", &subjects(version), &run);
        let published = json!({ "registry": "npm", "repository": "api", "actor": "https://github.com/bot", "at": at(log.now).to_string() });
        log.say("ci", "urn:custody:publication:v1", &subjects(version), &published);
        log.now += DAY;
    };
    let release = |log: &mut Log, version: &str| {
        let release = json!({ "purl": format!("pkg:npm/api@{version}") });
        log.say("registry", "https://in-toto.io/attestation/release/v0.2", &subjects(version), &release);
    };
    for (version, told) in [("1.0.0", false), ("1.0.1", true)] {
        let mut log = Log::default();
        publish(&mut log, "1.0.0");
        for minor in 0..LOOK_BACK {
            publish(&mut log, &format!("2.{minor}.0"));
        }
        release(&mut log, version);
        assert_eq!(kinds(&log).contains(&FindingKind::OldLine), told, "{version}");
    }
}

#[test]
fn a_claim_before_the_ledger_and_the_signers_own_claims_is_found() {
    let mut log = history(2);
    log.now += 5 * DAY;
    log.build("ci", "web", "1.0.0", 1);
    let old = log.build_at("ci", "shop", "1.0.0", 1, DAY);
    let found = log.findings();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].0, found[0].1.clone()), (FindingKind::Backdated, artifact("shop", "1.0.0")));
    assert!(log.messages()[0].starts_with(&key("ci")));
    assert_eq!(found[0].2.last(), Some(&old));
}

#[test]
fn a_spool_an_import_and_what_others_claim_are_not_back_dated() {
    // A spool that waited for three days: everything of the signer is late.
    let mut log = history(1);
    log.now += 3 * DAY;
    log.build_at("ci", "web", "1.0.0", 1, 2 * HOUR);
    log.build_at("ci", "web", "1.1.0", 2, 3 * HOUR);
    assert_eq!(log.findings(), []);
    // An import of a year, by a signer of its own, in the order of the time.
    let mut log = history(3);
    for month in 1..13 {
        log.build_at(
            "importer",
            "shop",
            &format!("0.{month}.0"),
            month,
            -400 * DAY + i64::try_from(month).unwrap() * 30 * DAY,
        );
    }
    assert_eq!(log.findings(), []);
    // Within a day, proven by somebody else, and brought in.
    let mut log = history(1);
    log.now += 5 * DAY;
    log.build("ci", "web", "1.0.0", 1);
    log.build_at("ci", "web", "1.1.0", 2, log.now - DAY + MINUTE);
    log.build_at("ci", "web", "1.2.0", 3, DAY);
    log.by(|by| by.proven = Some(at(DAY + MINUTE)));
    log.build_at("ci", "web", "1.3.0", 4, DAY);
    log.by(|by| by.imported = true);
    assert_eq!(log.findings(), []);
    // An author wrote the commit when they wrote it.
    let commit = digest("commit")[..40].to_owned();
    let source = json!({
        "repo": "https://github.com/acme/api", "commit": commit, "author": "Alice", "author_date": at(0).to_string(),
    });
    log.say("ci", "urn:custody:source:v1", &json!([{ "digest": { "gitCommit": commit } }]), &source);
    assert_eq!(log.findings(), []);
}

#[test]
fn a_machine_that_never_ran_the_pipeline_is_found() {
    let on = |name: &str, hosted: bool| json!({ "runner": { "name": name, "hosted": hosted } });
    let mut log = Log::default();
    for run in 0..4 {
        log.run("ci", "api", 1_000 * run, &on(&format!("Hosted {run}"), true));
    }
    assert_eq!(log.findings(), [], "which of the CI system's machines it is says nothing");
    log.run("ci", "api", 9_000, &on("evil", false));
    assert_eq!(kinds(&log), [FindingKind::NewRunner]);
    assert_eq!(log.findings()[0].1, "evil");
    log.run("ci", "api", 9_500, &on("evil", false));
    assert_eq!(log.findings().len(), 1, "told once");
    // Runners that live for one job.
    let mut log = Log::default();
    for run in 0..9 {
        log.run("ci", "api", 1_000 * run, &on(&format!("arc-{run}"), false));
    }
    assert_eq!(log.findings(), []);
    // A history of two.
    let mut log = Log::default();
    for (run, name) in [(0, "a"), (1, "a"), (2, "b")] {
        log.run("ci", "api", 1_000 * run, &on(name, false));
    }
    assert_eq!(log.findings(), []);
}

#[test]
fn a_builder_that_never_built_the_repository_is_found_whatever_ref_it_ran_at() {
    let build = |log: &mut Log, run: u64, reference: &str, builder: &str| {
        let predicate = provenance("api", run, reference, builder, at(log.now));
        log.say("ci", "https://slsa.dev/provenance/v1", &image("api", &format!("b{run}")), &predicate);
    };
    let mut log = Log::default();
    for run in 0..4 {
        build(&mut log, run, &format!("refs/heads/branch-{run}"), "ci");
    }
    assert_eq!(log.findings(), []);
    build(&mut log, 9, "refs/heads/main", "laptop");
    assert_eq!(kinds(&log), [FindingKind::NewBuilder]);
}

#[test]
fn a_tag_that_moved_is_found_where_it_was_first_seen_elsewhere() {
    let uses = |log: &mut Log, run: u64, reference: &str, of: &str| {
        let resolved = json!({ "resolved": [{ "ref": reference, "digest": format!("gitCommit:{}", &digest(of)[..40]) }] });
        log.run("ci", "api", 1_000 * run, &resolved)
    };
    let mut log = Log::default();
    let first = uses(&mut log, 1, "acme/deploy@v4", "good");
    let second = uses(&mut log, 2, "acme/deploy@v4", "good");
    let moved = uses(&mut log, 3, "acme/deploy@v4", "bad");
    uses(&mut log, 4, "acme/deploy@v4", "bad");
    log.now += 13 * HOUR;
    uses(&mut log, 5, "acme/deploy@v4", "good");
    assert!(first < second);
    let expected = (FindingKind::TagMoved, "acme/deploy@v4".to_owned(), vec![second, moved]);
    assert_eq!(log.findings(), [expected]);
    // Names that move by design.
    let mut log = Log::default();
    for (run, of) in [(1, "one"), (2, "two")] {
        for reference in ["acme/deploy@main", "alpine:latest", "node:20"] {
            uses(&mut log, run, reference, of);
        }
    }
    assert_eq!(log.findings(), []);
}

#[test]
fn a_tag_that_moved_is_found_behind_any_number_of_uses_and_what_it_meant_once_stays_quiet() {
    let uses = |log: &mut Log, run: u64, of: &str| {
        let resolved = json!({ "resolved": [{ "ref": "acme/deploy@v4", "digest": format!("gitCommit:{}", &digest(of)[..40]) }] });
        log.run("ci", "api", 1_000 * run, &resolved);
    };
    let many = 2 * u64::try_from(LOOK_BACK).unwrap();
    let mut log = Log::default();
    for run in 0..many {
        uses(&mut log, run, "good");
    }
    for run in many..2 * many {
        uses(&mut log, run, "bad");
    }
    uses(&mut log, 2 * many, "good");
    assert_eq!(kinds(&log), [FindingKind::TagMoved], "once, and not where it means again what it meant");
    uses(&mut log, 2 * many + 1, "worse");
    assert_eq!(kinds(&log), [FindingKind::TagMoved; 2], "a third meaning is as new");
}

#[test]
fn as_many_references_of_one_run_are_looked_at_as_the_limit_says() {
    let moved_at = |moved: usize| {
        let mut log = Log::default();
        for run in 1..3 {
            let reference = |at: usize| {
                let of = if run == 2 && at == moved { "bad" } else { "good" };
                json!({ "ref": format!("acme/step{at:04}@v4"), "digest": format!("gitCommit:{}", &digest(of)[..40]) })
            };
            let resolved: Vec<Value> = (0..=PAIRS_LOOKED_AT).map(reference).collect();
            log.run("ci", "api", 1_000 * run, &json!({ "resolved": resolved }));
        }
        kinds(&log)
    };
    assert_eq!(moved_at(PAIRS_LOOKED_AT - 1), [FindingKind::TagMoved], "the last that is looked at");
    assert_eq!(moved_at(PAIRS_LOOKED_AT), [], "the first that is not");
}

#[test]
fn an_image_that_is_pushed_again_under_its_version_is_found() {
    let mut log = Log::default();
    log.publish("ci", "api", "1.0.0");
    log.publish("ci", "api", "1.0.0");
    assert_eq!(log.findings(), []);
    let predicate = json!({
        "registry": "ghcr.io", "repository": "ghcr.io/acme/api", "ref": "ghcr.io/acme/api:1.0.0",
        "actor": "https://github.com/bot", "at": at(log.now).to_string(),
    });
    log.say("ci", "urn:custody:publication:v1", &image("api", "1.0.0-other"), &predicate);
    assert_eq!(kinds(&log), [FindingKind::TagMoved]);
}

fn release(log: &mut Log, purl: &str, of: &str) -> u64 {
    let subjects = json!([{ "name": "x.tgz", "digest": { "sha512": digest(of).repeat(2) } }]);
    log.say("registry", "https://in-toto.io/attestation/release/v0.2", &subjects, &json!({ "purl": purl }))
}

fn sbom(log: &mut Log, purl: &str, of: &str) -> u64 {
    let document = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "components": [{ "type": "library", "name": "x", "purl": purl, "hashes": [{ "alg": "SHA-512", "content": digest(of).repeat(2) }] }],
    });
    log.say("ci", "https://cyclonedx.org/bom", &image("api", "1.0.0"), &document)
}

#[test]
fn one_version_with_two_bytes_is_a_conflict_among_releases_and_a_mismatch_in_a_document() {
    let mut log = Log::default();
    let first = release(&mut log, "pkg:npm/axios@1.14.1", "upstream");
    release(&mut log, "pkg:npm/axios@1.14.2", "another version");
    sbom(&mut log, "pkg:npm/axios@1.14.1", "upstream");
    assert_eq!(log.findings(), []);
    let shipped = sbom(&mut log, "pkg:npm/axios@1.14.1", "patched");
    let mismatch = (FindingKind::BytesMismatch, "pkg:npm/axios@1.14.1".to_owned(), vec![first, shipped]);
    assert_eq!(log.findings(), std::slice::from_ref(&mismatch));
    let again = release(&mut log, "pkg:npm/axios@1.14.1", "again");
    let thing = mismatch.1.clone();
    let both = [
        mismatch,
        (FindingKind::BytesMismatch, thing.clone(), vec![shipped, again]),
        (FindingKind::DigestConflict, thing, vec![first, again]),
    ];
    assert_eq!(log.findings(), both);
    // What is recorded first does not matter.
    let mut log = Log::default();
    sbom(&mut log, "pkg:npm/axios@1.14.1", "patched");
    release(&mut log, "pkg:npm/axios@1.14.1", "upstream");
    assert_eq!(kinds(&log), [FindingKind::BytesMismatch]);
}

#[test]
fn who_used_a_version_is_found_behind_any_number_who_used_others_however_it_is_spelled() {
    for version in ["1.14.1", "1.14.1+build.7", "1.14.1%2Bbuild.7", "1.0.0-rc.1"] {
        let mut log = Log::default();
        let purl = format!("pkg:npm/axios@{version}");
        let shipped = sbom(&mut log, &purl, "patched");
        for other in 0..LOOK_BACK {
            sbom(&mut log, &format!("pkg:npm/axios@2.{other}.0"), "patched");
        }
        let released = release(&mut log, &purl, "upstream");
        let found = log.findings();
        assert_eq!(found.len(), 1, "{version}: {found:?}");
        assert_eq!((found[0].0, found[0].2.clone()), (FindingKind::BytesMismatch, vec![shipped, released]));
        // Of another version the same says nothing.
        let mut log = Log::default();
        sbom(&mut log, "pkg:npm/axios@1.14.0", "patched");
        release(&mut log, &purl, "upstream");
        assert_eq!(log.findings(), [], "{version}");
    }
}

#[test]
fn packages_of_several_files_and_other_algorithms_do_not_contradict() {
    let mut log = Log::default();
    release(&mut log, "pkg:pypi/requests@2.0", "wheel");
    release(&mut log, "pkg:pypi/requests@2.0", "sdist");
    release(&mut log, "pkg:npm/axios@1.14.1", "upstream");
    let subjects = json!([{ "name": "x.tgz", "digest": { "sha256": digest("upstream") } }]);
    let purl = json!({ "purl": "pkg:npm/axios@1.14.1" });
    log.say("registry", "https://in-toto.io/attestation/release/v0.2", &subjects, &purl);
    assert_eq!(log.findings(), []);
}

#[test]
fn one_digest_that_is_paired_with_two_others_is_a_conflict_told_once() {
    let say = |log: &mut Log, sha512: &str| {
        let subjects = json!([{ "name": "ghcr.io/acme/api", "digest": { "sha256": digest("a"), "sha512": digest(sha512).repeat(2) } }]);
        let approval = json!({ "for": "prod", "approver": "alice", "at": at(log.now).to_string() });
        log.say("ci", "urn:custody:approval:v1", &subjects, &approval)
    };
    let mut log = Log::default();
    say(&mut log, "a");
    say(&mut log, "a");
    assert_eq!(log.findings(), []);
    say(&mut log, "b");
    say(&mut log, "b");
    let found = log.findings();
    assert_eq!(found, [(FindingKind::DigestConflict, format!("sha256:{}", digest("a")), vec![1, 2])]);
}

/// Anybody who scans may record sixteen scans.
#[test]
fn a_pair_of_digests_is_found_behind_any_number_of_other_records_of_one_of_them() {
    let subjects = |sha512: &str| json!([{ "name": "ghcr.io/acme/api:main", "digest": { "sha256": digest("a"), "sha512": digest(sha512).repeat(2) } }]);
    let mut log = Log::default();
    let provenance = json!({ "buildDefinition": {}, "runDetails": {} });
    log.say(
        "ci",
        "https://slsa.dev/provenance/v1",
        &json!([{ "name": "ghcr.io/acme/api:main", "digest": { "sha256": digest("a") } }]),
        &provenance,
    );
    let published = json!({ "registry": "ghcr.io", "repository": "ghcr.io/acme/api", "actor": "https://github.com/bot", "at": at(log.now).to_string() });
    let first = log.say("ci", "urn:custody:publication:v1", &subjects("b"), &published);
    let subject = json!([{ "name": "ghcr.io/acme/api", "digest": { "sha256": digest("a") } }]);
    for _ in 0..LOOK_BACK {
        let approval = json!({ "for": "prod", "approver": "alice", "at": at(log.now).to_string() });
        log.say("ci", "urn:custody:approval:v1", &subject, &approval);
    }
    let start =
        json!({ "environment": "prod", "workload": "api", "action": "start", "at": at(log.now).to_string() });
    let second = log.say("cd", "urn:custody:deployment:v1", &subjects("c"), &start);
    let found = log.findings();
    assert_eq!(
        found,
        [(FindingKind::DigestConflict, format!("sha256:{}", digest("a")), vec![first, second])]
    );
}

#[test]
fn a_run_that_is_not_recorded_among_those_that_are_is_found_when_later_ones_are() {
    let numbered = |missing: &[u64], last: u64| {
        let mut log = Log::default();
        for run in (100..=last).filter(|run| !missing.contains(run)) {
            log.run("ci", "api", run, &json!({}));
        }
        log
    };
    assert_eq!(numbered(&[120], 127).findings(), [], "it may be under way");
    let found = numbered(&[120], 140).findings();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].0, found[0].1.clone()), (FindingKind::CountGap, run_name("api", 120)));
    assert_eq!(numbered(&[120, 121], 140).findings().len(), 2);
    // Ids of a whole site, and runs in another order.
    let mut log = Log::default();
    for run in 0..40 {
        log.run("ci", "api", 5_000 + 37 * run, &json!({}));
    }
    assert_eq!(log.findings(), []);
    let mut log = numbered(&[120], 140);
    log.run("ci", "api", 120, &json!({}));
    assert_eq!(log.findings(), [], "it came late");
}

#[test]
fn a_missing_run_is_found_behind_records_of_one_run_again_and_again() {
    let found = |again: u64| {
        let mut log = Log::default();
        for run in (100..=140).filter(|run| *run != 120) {
            for attempt in 0..if run == 127 { again } else { 1 } {
                log.run("ci", "api", run, &json!({ "attempt": attempt + 1 }));
            }
        }
        log.findings().into_iter().map(|(kind, thing, _)| (kind, thing)).collect::<Vec<_>>()
    };
    let missing = vec![(FindingKind::CountGap, run_name("api", 120))];
    for again in [1, 2, 16, 30] {
        assert_eq!(found(again), missing, "{again} records of run 127");
    }
    // And behind as many of runs that are far away as are looked at first (32).
    let found = |others: u64| {
        let mut log = Log::default();
        for run in (100..=140).filter(|run| *run != 120) {
            for other in 0..if run == 128 { others } else { 0 } {
                log.run("ci", "api", 5_000_000 + 1_000 * other, &json!({}));
            }
            log.run("ci", "api", run, &json!({}));
        }
        log.findings().into_iter().map(|(kind, thing, _)| (kind, thing)).collect::<Vec<_>>()
    };
    assert_eq!([found(1), found(32)], [missing.clone(), missing]);
}

#[test]
fn fewer_records_than_expected_are_found_by_rule_key_and_pipeline() {
    let expect = |log: &mut Log, source: &str, count: u64| {
        let predicate = json!({ "source": source, "count": count, "period": { "from": at(-HOUR).to_string(), "to": at(DAY).to_string() } });
        let name = digest_of_name(NameKind::Identity, source);
        let subjects = json!([{ "name": source, "digest": { "sha256": name.value() } }]);
        log.say("auditor", "urn:custody:expected:v1", &subjects, &predicate)
    };
    for source in ["ci".to_owned(), key("ci"), "https://github.com/acme/api".to_owned()] {
        for (count, gaps) in [(2, 0), (3, 0), (4, 1), (0, 1)] {
            let mut log = Log::default();
            for run in 0..3 {
                log.build("ci", "api", &format!("b{run}"), run);
            }
            expect(&mut log, &source, count);
            assert_eq!(kinds(&log), vec![FindingKind::CountGap; gaps], "{source} {count}");
        }
    }
}

#[test]
fn a_version_from_no_tag_is_found_if_those_before_it_had_one() {
    let build = |log: &mut Log, version: &str, run: u64, reference: &str| {
        let predicate = provenance("api", run, reference, "ci", at(log.now));
        log.now += HOUR;
        log.say("ci", "https://slsa.dev/provenance/v1", &image("api", version), &predicate)
    };
    let mut log = Log::default();
    for minor in 0..3 {
        build(&mut log, &format!("1.{minor}.0"), minor, &format!("refs/tags/v1.{minor}.0"));
    }
    build(&mut log, "main-7", 7, "refs/heads/main");
    assert_eq!(log.findings(), []);
    build(&mut log, "1.3.0", 8, "refs/heads/main");
    assert_eq!(kinds(&log), [FindingKind::UntaggedRelease]);
    // The commit has a tag, as somebody else says.
    let commit = digest("api 8")[..40].to_owned();
    let source = json!({
        "repo": "https://github.com/acme/api", "commit": commit, "ref": "refs/tags/v1.3.0", "author": "Alice",
        "author_date": at(log.now).to_string(),
    });
    log.say("ci", "urn:custody:source:v1", &json!([{ "digest": { "gitCommit": commit } }]), &source);
    assert_eq!(log.findings(), []);
}

#[test]
fn an_exception_from_every_rule_is_always_told() {
    let exception = |rule: &str| -> Value {
        json!({
            "policy": "release", "rule": rule, "subject": artifact("api", "1.0.0"), "owner": "alice", "reason": "outage",
            "at": at(0).to_string(), "until": at(HOUR).to_string(),
        })
    };
    let mut log = Log::default();
    log.say("ops", "urn:custody:exception:v1", &image("api", "1.0.0"), &exception("scan.fresh"));
    assert_eq!(log.findings(), []);
    log.say("ops", "urn:custody:exception:v1", &image("api", "1.0.0"), &exception("*"));
    assert_eq!(log.findings(), [(FindingKind::Breakglass, "release".to_owned(), vec![1])]);
}

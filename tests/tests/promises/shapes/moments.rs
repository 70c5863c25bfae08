//! As of when: before there was anything, at a minute, and the same for ever.

use serde_json::{Value, json};

use super::{Place, artifact, commit, digest};

impl Place {
    /// When the ledger learned of an entry.
    pub(super) fn time(&self, index: u64) -> String {
        let shown = self.ask(&["show", &format!("index:{index}")]);
        shown["time"].as_str().unwrap().to_owned()
    }
}

#[test]
fn as_of_a_time_before_the_log_nothing_is_known_whatever_is_asked() {
    let place = Place::new();
    place.build("app", "https://ci.test/a/1x", &[]);
    place.bill("app", &["pkg:npm/axios@1.14.1"]);
    place.deploy("prod", &artifact("app"), "start", "2026-11-20T10:00:00Z");
    let app = digest("app");
    let asked: &[&[&str]] = &[
        &["find"],
        &["find", "--predicate", "provenance"],
        &["find", "--subject", &app],
        &["find", "--subject", &app[7..19]],
        &["find", "--clean", "--predicate", "provenance"],
        &["trace", &app],
        &["trace", "https://ci.test/a/1x"],
        &["impact", "pkg:npm/axios@1.14.1"],
        &["impact", "https://ci.test/a/1x"],
        &["env", "list"],
        &["env", "show", "prod"],
        &["env", "log", "prod"],
        &["coverage"],
        &["coverage", "--environment", "prod"],
        &["export", &app, "--out", "/dev/null"],
    ];
    for words in asked {
        let (code, answer) = place.user.json(&[words, &["--at", "2001-01-01T00:00"][..]].concat());
        assert_eq!(code, Some(4), "{words:?}: {answer}");
        let (code, answer) = place.user.json(words);
        assert_eq!(code, Some(0), "{words:?}: {answer}");
    }
    let ended = place.user.custody(&["findings", "--at", "2001-01-01", "-o", "json"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
}

#[test]
fn what_a_name_stood_for_at_a_time_it_stands_for_as_of_that_time_for_ever() {
    let place = Place::new();
    let source = |repository: &str| json!({"uri": format!("git+https://git.corp.test/acme/{repository}@main"), "digest": {"gitCommit": commit(repository)}});
    let first = place.build("first", "https://ci.test/a/1x", &[source("one")]);
    let then = place.time(first);
    let answers = |at: &str| {
        ["impact", "trace"].map(|command| {
            let (code, mut answer) = place.user.json(&[command, "main", "--at", at]);
            // How long the trust was looked through is told beside the answer.
            answer.as_object_mut().unwrap().remove("trust");
            (code, answer)
        })
    };
    let size = (first + 1).to_string();
    let before = [answers(&then), answers(&size)];
    assert_eq!(before[0][0].0, Some(0), "{before:?}");
    // Another repository has a branch of that name.
    place.build("second", "https://ci.test/b/1x", &[source("two")]);
    let (code, answer) = place.user.json(&["impact", "main"]);
    assert_eq!((code, &answer["error"]["code"]), (Some(2), &json!("ambiguous")), "{answer}");
    assert_eq!([answers(&then), answers(&size)], before);
}

#[test]
fn a_moment_is_named_to_the_minute_with_a_zone_or_in_utc() {
    let place = Place::new();
    place.deploy("prod", &artifact("one"), "start", "2026-11-20T10:00:00+02:00");
    place.deploy("prod", &artifact("two"), "start", "2026-11-20T14:30:00Z");
    for (moment, name) in [
        ("prod@{2026-11-20T14:00}", "one"),
        ("prod@{2026-11-20T14:00Z}", "one"),
        ("prod@{2026-11-20T14:30}", "two"),
        ("prod@{2026-11-20 14:29:59.5}", "one"),
        ("prod@{2026-11-20T16:30+02:00}", "two"),
        ("prod@{2026-11-20T08:00:00Z}", "one"),
        ("prod#1", "one"),
        ("prod~1", "one"),
    ] {
        assert_eq!(place.running(moment), [digest(name)], "{moment}");
    }
    assert_eq!(place.running("prod@{2026-11-20T07:59}"), [""; 0]);
    let found = |since: &str, until: &str| {
        let answer = place.ask(&["find", "--environment", "prod", "--since", since, "--until", until]);
        answer["entries"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(found("2026-11-20T08:00", "2026-11-20T14:30"), 1);
    assert_eq!(found("2026-11-20T10:00+02:00", "2026-11-20T15:31+01:00"), 2);
    assert_eq!(found("2026-11-20T08:01", "2026-11-20T14:30Z"), 0);
    let (code, answer) = place.user.json(&["env", "show", "prod@{2026-11-20T24:61}"]);
    assert_eq!(code, Some(2), "{answer}");
    assert_ne!(answer["error"]["code"], Value::Null);
}

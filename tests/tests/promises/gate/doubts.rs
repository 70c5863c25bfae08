//! What could not be found out is said, and is neither a yes nor a no.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use custody_tests::server::custodyd;
use custody_tests::wire::word;
use custody_wire::v1::EvaluateRequest;

use super::verdicts::in_days;
use super::*;

fn asked(name: &str, deadline_ms: u32) -> EvaluateRequest {
    EvaluateRequest {
        policy: "release".to_owned(),
        subject: digest(name),
        environment: "prod".to_owned(),
        deadline_ms,
        ..EvaluateRequest::default()
    }
}

impl Gate {
    /// Records so many scans of one artifact: reading them takes a server some time.
    fn scans(&self, name: &str, count: u64) {
        let statement = |number: u64| {
            let mut report = report(&["Low"]);
            report["number"] = json!(number);
            json!({
                "_type": "https://in-toto.io/Statement/v1", "subject": [subject(name)], "predicateType": REPORT, "predicate": report,
            })
        };
        let envelopes =
            (0..count).map(|number| (number, envelope(&statement(number), &[&self.ledger.writers[SCANNER]])));
        let caller = Caller::of(&self.server);
        let mut stream = caller.bulk();
        stream.header();
        drop(stream.exchange(&envelopes.collect()));
    }
}

#[test]
fn a_server_whose_time_is_over_says_so_in_the_verdict() {
    let gate = Gate::new();
    gate.build(BUILDER, "app");
    gate.approve(ALICE, "app");
    gate.scans("app", 900);
    let caller = Caller::of(&gate.server);
    let verdict = |deadline_ms| -> Value {
        serde_json::from_slice(&caller.evaluate(asked("app", deadline_ms)).unwrap().verdict).unwrap()
    };
    // 900 entries are not read within a millisecond.
    let late = verdict(1);
    assert_eq!((&late["decision"], status(&late, "custody.deadline")), (&json!("INDETERMINATE"), "ERROR"));
    assert_eq!(
        status(&late, "scan"),
        "ERROR",
        "what was not looked at is told from what is not there: {late}"
    );
    assert!(late.to_string().contains("incomplete: not_gathered"), "{late}");
    assert_eq!(verdict(30_000)["decision"], "ALLOW");
}

#[test]
fn a_server_that_judges_as_many_as_it_may_refuses_as_busy_and_judges_again_later() {
    let gate = Gate::new();
    gate.scans("app", 900);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let caller = Caller::of(&gate.server);
                while !over.load(Ordering::Relaxed) {
                    // Those that wait too long are refused, too.
                    drop(caller.evaluate(asked("app", 30_000)));
                }
            });
        }
        let caller = Caller::of(&gate.server);
        let end = Instant::now() + Duration::from_mins(2);
        let refused = loop {
            match caller.evaluate(asked("other", 1)) {
                Err(refused) => break Some(refused),
                Ok(_) if Instant::now() > end => break None,
                Ok(_) => {}
            }
        };
        over.store(true, Ordering::Relaxed);
        let refused = refused.expect("twelve at once leave no place to the thirteenth");
        assert_eq!(word(&refused), "busy", "{refused}");
        assert!(refused.message().contains("as many digests are judged as may be at once"), "{refused}");
    });
    let verdict = Caller::of(&gate.server).evaluate(asked("other", 30_000)).unwrap();
    let verdict: Value = serde_json::from_slice(&verdict.verdict).unwrap();
    assert_eq!(verdict["decision"], "DENY", "its place is free again");
}

#[test]
fn a_checkpoint_that_is_older_than_the_policy_allows_is_no_answer() {
    let gate = Gate::new();
    gate.release("app");
    assert_eq!(gate.gate(&[], "app").code, Some(0));
    // Nobody signed a sign of life of the day for which it is asked.
    let (code, verdict) = gate.verdict(&["--effective-time", &in_days(1)], "app");
    assert_eq!((code, verdict["decision"].as_str()), (Some(3), Some("INDETERMINATE")), "{verdict}");
    assert_eq!(status(&verdict, "custody.freshness"), "ERROR");
    assert!(verdict.to_string().contains("checkpoint_too_old"), "{verdict}");
    let text = gate.gate(&["--effective-time", &in_days(1)], "app");
    assert!(text.stdout.contains("next: custody.freshness: ask the log's operator why"), "{}", text.stdout);
    // It is not recorded: nobody could ask for it again.
    let key = gate.ledger.writer_key_file(ALICE);
    let ended =
        gate.gate(&["--effective-time", &in_days(1), "--record", "--key", key.to_str().unwrap()], "app");
    assert!(ended.code == Some(3) && ended.stderr.contains("not recorded"), "{}", ended.stderr);
    // A policy may allow more.
    gate.put(&format!("{}max_checkpoint_age: 2d\n", gate.policy("7d")));
    assert_eq!(gate.gate(&["--effective-time", &in_days(1)], "app").code, Some(0));
}

/// A log from a backup does not know what was distrusted since: nobody signs a sign of life for it.
#[test]
fn a_log_that_came_back_from_a_backup_gives_no_verdict_as_of_today() {
    let gate = Gate::new();
    gate.release("app");
    gate.put(&format!("{}max_checkpoint_age: 1s\n", gate.policy("7d")));
    let Gate { ledger, server, .. } = gate;
    let (data, backup) = (ledger.data(), ledger.home().join("backup"));
    let done = |words: &[&std::ffi::OsStr]| {
        let ended = custodyd(words);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    };
    done(&["backup".as_ref(), "--data".as_ref(), data.as_ref(), "--out".as_ref(), backup.as_ref()]);
    server.kill();
    std::fs::rename(&data, ledger.home().join("dead")).unwrap();
    done(&["restore".as_ref(), "--from".as_ref(), backup.as_ref(), "--data".as_ref(), data.as_ref()]);
    let server = ledger.serve();
    std::thread::sleep(Duration::from_secs(2));
    let verdict = Caller::of(&server).evaluate(asked("app", 0)).unwrap();
    let verdict: Value = serde_json::from_slice(&verdict.verdict).unwrap();
    assert_eq!(verdict["decision"], "INDETERMINATE", "{verdict}");
    assert!(verdict.to_string().contains("checkpoint_too_old"), "{verdict}");
}

/// What a finding is shown by was erased: that there is no finding, nobody can say then.
#[test]
fn a_finding_whose_entry_was_erased_is_not_absent() {
    let gate = Gate::new();
    let run = "https://github.com/acme/api/actions/runs/1/attempts/1";
    let text = format!(
        "policy: release\nversion: 1\nrules:\n  - {{id: build, require: {{predicate: provenance, count: any}}, signer: {{key: \"{}\"}}}}\n  \
         - {{id: sound, absent: [failed_run]}}\n",
        gate.key(BUILDER)
    );
    gate.put(&text);
    let mut provenance = provenance("https://github.com/acme/api");
    provenance["runDetails"]["metadata"] = json!({"invocationId": run});
    gate.say(BUILDER, PROVENANCE, &subject("app"), &provenance);
    let failed =
        json!({"run": run, "conclusion": "failure", "trigger": "push", "at": "2026-11-20T10:00:00Z"});
    let name =
        custody_evidence::subject_name::digest_of_name(custody_evidence::subject_name::NameKind::Run, run);
    let about = json!({"name": run, "digest": {"sha256": name.value()}});
    assert_eq!(gate.gate(&[], "app").code, Some(0), "nobody says yet that the run failed");
    let index = gate.say(BUILDER, "urn:custody:run:v1", &about, &failed);
    let (code, verdict) = gate.verdict(&[], "app");
    assert_eq!((code, status(&verdict, "sound")), (Some(1), "FAIL"), "{verdict}");
    let ended =
        gate.administrator.custody(&["redact", &format!("index:{index}"), "--reason", "a name in it"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (code, verdict) = gate.verdict(&[], "app");
    assert_eq!((code, status(&verdict, "sound")), (Some(3), "ERROR"), "{verdict}");
    assert!(verdict.to_string().contains("incomplete: redacted"), "{verdict}");
    let by_server = Caller::of(&gate.server).evaluate(asked("app", 0)).unwrap();
    let by_server: Value = serde_json::from_slice(&by_server.verdict).unwrap();
    assert_eq!(by_server["decision"], "INDETERMINATE", "the server says no more than the client");
}

/// Somebody has the history erased that a release would differ from: that nothing differs, nobody can say then.
#[test]
fn a_history_that_was_erased_hides_no_change_of_the_signer() {
    let gate = Gate::new();
    let absent = |kinds: &str| {
        format!(
            "policy: release\nversion: 1\nrules:\n  - {{id: build, require: {{predicate: provenance, count: any}}}}\n  - {{id: odd, absent: [{kinds}]}}\n"
        )
    };
    gate.put(&absent("signer_change"));
    let image = |version: u64| json!({"name": format!("ghcr.io/acme/api:1.{version}.0"), "digest": {"sha256": artifact_hex(&format!("api {version}"))}});
    let build = |writer: usize, version: u64| {
        gate.say(writer, PROVENANCE, &image(version), &provenance("https://github.com/acme/api"))
    };
    let history: Vec<u64> = (0..3).map(|version| build(BUILDER, version)).collect();
    build(STRANGER, 3);
    let (code, verdict) = gate.verdict(&[], "api 3");
    assert_eq!((code, status(&verdict, "odd")), (Some(1), "FAIL"), "{verdict}");
    let ended =
        gate.administrator.custody(&["redact", &format!("index:{}", history[0]), "--reason", "a name in it"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (code, verdict) = gate.verdict(&[], "api 3");
    assert_eq!((code, status(&verdict, "odd")), (Some(3), "ERROR"), "{verdict}");
    assert!(verdict.to_string().contains("incomplete: redacted"), "{verdict}");
    let by_server = Caller::of(&gate.server).evaluate(asked("api 3", 0)).unwrap();
    let by_server: Value = serde_json::from_slice(&by_server.verdict).unwrap();
    assert_eq!(by_server["decision"], "INDETERMINATE", "the server says no more than the client");
    let clean = ["find", "--clean", "--predicate", "provenance", "-o", "json"];
    let listed = gate.administrator.custody(&clean);
    assert!(
        listed.stdout.contains("was erased, and could show something: it was not judged"),
        "{}",
        listed.stdout
    );
    // What the erased entry cannot show is decided as before: the builder's own next release, and other findings.
    build(BUILDER, 4);
    let (code, verdict) = gate.verdict(&[], "api 4");
    assert_eq!((code, status(&verdict, "odd")), (Some(0), "PASS"), "{verdict}");
    gate.put(&absent("failed_run, fork_run"));
    let (code, verdict) = gate.verdict(&[], "api 3");
    assert_eq!((code, status(&verdict, "odd")), (Some(0), "PASS"), "{verdict}");
}

#[test]
fn an_environment_in_which_nothing_runs_is_told_from_one_that_passed() {
    let gate = Gate::new();
    for action in ["start", "stop"] {
        let at = if action == "start" { "2026-11-20T00:00:00Z" } else { "2026-11-21T00:00:00Z" };
        let deployment = json!({"environment": "prod", "workload": "app", "action": action, "at": at});
        gate.say(BUILDER, "urn:custody:deployment:v1", &subject("app"), &deployment);
    }
    let ended = gate.administrator.custody(&["gate", "release", "--environment", "prod"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("nothing runs in prod: nothing was judged"), "{}", ended.stderr);
    assert!(!ended.stdout.contains("ALLOW"), "{}", ended.stdout);
}

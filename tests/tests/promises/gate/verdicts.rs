//! ALLOW, DENY and INDETERMINATE, each by its reason.

use custody_tests::server::Ended;
use serde_json::json;

use super::*;

#[test]
fn all_that_the_policy_asks_for_is_an_allow_and_one_thing_less_a_deny_that_says_which() {
    let gate = Gate::new();
    gate.release("app");
    let (code, verdict) = gate.verdict(&[], "app");
    assert_eq!((code, verdict["decision"].as_str()), (Some(0), Some("ALLOW")), "{verdict}");
    let own = ("custody.applies_to".to_owned(), "PASS".to_owned());
    let rules = ["build", "scan", "people", "nothing.odd"].map(|id| (id.to_owned(), "PASS".to_owned()));
    assert_eq!(statuses(&verdict), [&[own][..], &rules[..]].concat());
    assert_eq!(verdict["complete"], "claimed");

    // Each of these lacks one thing, or has it from somebody else.
    gate.scan(SCANNER, "unbuilt", &[]);
    gate.approve(ALICE, "unbuilt");
    gate.build(STRANGER, "foreign");
    gate.scan(SCANNER, "foreign", &[]);
    gate.approve(ALICE, "foreign");
    gate.say(BUILDER, PROVENANCE, &subject("elsewhere"), &provenance("https://github.com/evil/api"));
    gate.scan(SCANNER, "elsewhere", &[]);
    gate.approve(ALICE, "elsewhere");
    gate.build(BUILDER, "unscanned");
    gate.approve(ALICE, "unscanned");
    gate.release("vulnerable");
    gate.scan(SCANNER, "vulnerable", &["Low", "Critical"]);
    gate.release("unapproved by Alice");
    gate.build(BUILDER, "unapproved");
    gate.scan(SCANNER, "unapproved", &[]);
    gate.approve(STRANGER, "unapproved");
    for (name, rule, word) in [
        ("unbuilt", "build", "no_evidence"),
        ("foreign", "build", "wrong_signer"),
        ("elsewhere", "build", "wrong_repository"),
        ("unscanned", "scan", "no_evidence"),
        ("vulnerable", "scan", "vulnerable"),
        ("unapproved", "people", "wrong_signer"),
        ("never seen", "build", "no_evidence"),
    ] {
        let (code, verdict) = gate.verdict(&[], name);
        assert_eq!((code, verdict["decision"].as_str()), (Some(1), Some("DENY")), "{name}: {verdict}");
        assert_eq!(status(&verdict, rule), "FAIL", "{name}");
        assert!(verdict.to_string().contains(word), "{name}: {word} is not in {verdict}");
    }
    // A stranger's scan takes nothing away, and gives nothing.
    gate.scan(STRANGER, "app", &["Critical"]);
    assert_eq!(gate.gate(&[], "app").code, Some(0));
}

#[test]
fn somewhere_else_and_by_other_parameters_it_is_another_question() {
    let gate = Gate::new();
    gate.release("app");
    let thing = digest("app");
    let (code, verdict) = gate.administrator.json(&["gate", "release", &thing, "--environment", "staging"]);
    assert_eq!((code, status(&verdict, "custody.applies_to")), (Some(1), "FAIL"));
    let (code, verdict) = gate.administrator.json(&["gate", "release", &thing]);
    assert_eq!((code, status(&verdict, "custody.applies_to")), (Some(1), "FAIL"), "nobody said where to");
    let (code, verdict) = gate.verdict(&["--parameter", "worst=low"], "app");
    assert_eq!((code, verdict["parameters"]["worst"].as_str()), (Some(1), Some("low")));
    assert_eq!(status(&verdict, "scan"), "FAIL");
}

#[test]
fn what_was_distrusted_or_grew_old_does_not_count_any_more_and_as_of_before_it_does() {
    let gate = Gate::new();
    gate.release("app");
    let (_, before) = gate.verdict(&[], "app");
    let size = before["at"]["size"].to_string();
    let signer = format!("key:{}", gate.key(BUILDER));
    let flags = ["distrust", signer.as_str(), "--since", "index:1", "--reason", "INC-7"];
    let ended = gate.administrator.custody(&flags);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (code, verdict) = gate.verdict(&[], "app");
    assert_eq!((code, status(&verdict, "build")), (Some(1), "FAIL"));
    assert!(verdict.to_string().contains("distrusted"), "{verdict}");
    let (code, verdict) = gate.verdict(&["--at", &size], "app");
    assert_eq!((code, verdict["decision"].as_str()), (Some(0), Some("ALLOW")), "{verdict}");
    // Counted to a time when the scan is old; the trust document still holds then.
    let (code, verdict) = gate.verdict(&["--at", &size, "--effective-time", &in_days(8)], "app");
    assert_eq!((code, status(&verdict, "scan")), (Some(1), "FAIL"), "{verdict}");
    assert!(verdict.to_string().contains("too_old"), "{verdict}");
    // A time before the newest entry is that of the newest entry.
    let (code, verdict) = gate.verdict(&["--at", &size, "--effective-time", "2026-01-01T00:00:00Z"], "app");
    assert_eq!((code, status(&verdict, "custody.time")), (Some(3), "ERROR"), "{verdict}");
}

/// The time in so many days.
pub(super) fn in_days(days: i64) -> String {
    let now = i64::try_from(custody_tests::issuer::now()).unwrap();
    let then = (now + days * 86_400) * 1_000_000;
    custody_log::Timestamp::from_micros(then).unwrap().to_string()
}

#[test]
fn a_policy_that_needs_a_proof_or_a_tree_that_nobody_can_tell_the_age_of_is_no_allow() {
    let gate = Gate::new();
    gate.release("app");
    gate.put(&format!("{}complete: proven\n", gate.policy("7d")));
    let (code, verdict) = gate.verdict(&[], "app");
    assert_eq!((code, verdict["decision"].as_str()), (Some(3), Some("INDETERMINATE")), "{verdict}");
    assert_eq!((status(&verdict, "build"), status(&verdict, "scan")), ("PASS", "ERROR"));
    // The monotone rules fail all the same: a DENY is a DENY.
    let (code, _) = gate.verdict(&[], "never seen");
    assert_eq!(code, Some(1));
    let ended = gate.gate(&["--no-assert"], "app");
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.starts_with("INDETERMINATE"), "{}", ended.stdout);
}

#[test]
fn what_was_erased_leaves_a_rule_that_needs_all_of_it_undecided() {
    let gate = Gate::new();
    gate.release("app");
    let old = gate.scan(SCANNER, "app", &["Critical"]);
    gate.scan(SCANNER, "app", &["Medium"]);
    assert_eq!(gate.gate(&[], "app").code, Some(0), "the latest counts");
    let ended = gate.administrator.custody(&["redact", &format!("index:{old}"), "--reason", "a name in it"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (code, verdict) = gate.verdict(&[], "app");
    assert_eq!((code, status(&verdict, "scan")), (Some(3), "ERROR"), "{verdict}");
    assert!(verdict.to_string().contains(&format!("redacted: {old}")), "{verdict}");
}

#[test]
fn an_exception_lets_one_rule_go_and_says_so_and_one_of_somebody_else_does_not() {
    let gate = Gate::new();
    gate.build(BUILDER, "app");
    gate.approve(ALICE, "app");
    let keys =
        [ALICE, STRANGER].map(|writer| gate.ledger.writer_key_file(writer).to_str().unwrap().to_owned());
    let except = |key: &str, rule: &str, until: &str| -> Ended {
        let thing = digest("app");
        gate.administrator.custody(&[
            "record",
            "exception",
            "--policy",
            "release",
            "--rule",
            rule,
            "--subject",
            &thing,
            "--owner",
            "team-api",
            "--reason",
            "INC-1",
            "--until",
            until,
            "--key",
            key,
        ])
    };
    assert_eq!(gate.verdict(&[], "app").0, Some(1));
    assert_eq!(except(&keys[1], "scan", "2d").code, Some(0));
    assert_eq!(gate.verdict(&[], "app").0, Some(1), "nobody named who signed it");
    assert_eq!(except(&keys[0], "build", "2d").code, Some(0));
    assert_eq!(gate.verdict(&[], "app").0, Some(1), "it is for another rule");
    let misspelt = except(&keys[0], "scna", "2d");
    assert_eq!(misspelt.code, Some(2), "{}", misspelt.stdout);
    assert!(misspelt.stderr.contains("did you mean scan?"), "{}", misspelt.stderr);
    assert_eq!(except(&keys[0], "scan", "2d").code, Some(0));
    let (code, verdict) = gate.verdict(&[], "app");
    assert_eq!((code, status(&verdict, "scan")), (Some(0), "SKIP"), "{verdict}");
    assert_eq!(verdict["exceptions"][0]["owner"], "team-api");
    // Break glass: every rule, a day at most, and always a finding.
    let long = except(&keys[0], "*", "2d");
    assert_eq!(long.code, Some(2), "{}", long.stdout);
    assert!(long.stderr.contains("24 hours"), "{}", long.stderr);
    let past = except(&keys[0], "scan", "2.days.ago");
    assert_eq!(past.code, Some(2), "{}", past.stdout);
    assert_eq!(except(&keys[0], "*", "2h").code, Some(0));
    assert!(gate.administrator.custody(&["findings"]).stdout.contains("breakglass"));
}

#[test]
fn names_that_are_not_there_are_exit_2_with_what_is_nearest() {
    let gate = Gate::new();
    gate.release("app");
    let thing = digest("app");
    let ended = gate.administrator.custody(&["gate", "relaese", &thing, "--environment", "prod"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stdout);
    assert!(ended.stderr.contains("did you mean release?"), "{}", ended.stderr);
    for (from, to, nearest) in [
        ("predicate: scan", "predicate: scn", "scan"),
        ("max_age", "maxage", "max_age"),
        ("tag_moved", "tag_move", "tag_moved"),
        ("$worst", "$wrost", "worst"),
        ("id: build", "ide: build", "id"),
    ] {
        let path = gate.administrator.file("p.yaml", gate.policy("7d").replacen(from, to, 1));
        let path = path.to_str().unwrap();
        for command in [&["gate", "--policy-file", path, &thing][..], &["policy", "put", path][..]] {
            let ended = gate.administrator.custody(command);
            assert_eq!(ended.code, Some(2), "{to}: {}", ended.stdout);
            assert!(ended.stderr.contains(&format!("did you mean {nearest:?}?")), "{to}: {}", ended.stderr);
        }
    }
    let ended = gate.gate(&["--parameter", "wrost=low"], "app");
    assert_eq!(ended.code, Some(2), "{}", ended.stdout);
    assert!(ended.stderr.contains("did you mean \"worst\"?"), "{}", ended.stderr);
    // A tag, the start of a digest and nothing at all decide nothing.
    for things in [&["ghcr.io/acme/api:latest"][..], &[&thing["sha256:".len()..][..12]][..], &[][..]] {
        let ended = gate.administrator.custody(&[&["gate", "release"], things].concat());
        assert_eq!(ended.code, Some(2), "{things:?}: {}{}", ended.stdout, ended.stderr);
    }
}

#[test]
fn a_pinned_policy_is_that_text_and_no_later_one() {
    let gate = Gate::new();
    gate.build(BUILDER, "app");
    let lax = format!(
        "policy: release\nversion: 2\nrules: [{{id: build, require: {{predicate: provenance, count: any}}, signer: {{key: \"{}\"}}}}]\n",
        gate.key(BUILDER)
    );
    let (_, listed) = gate.administrator.json(&["policy", "list"]);
    let strict = format!("release@{}", listed["policies"][0]["digest"].as_str().unwrap());
    gate.put(&lax);
    let thing = digest("app");
    assert_eq!(gate.administrator.custody(&["gate", "release", &thing]).code, Some(0));
    assert_eq!(gate.administrator.custody(&["gate", &strict, &thing]).code, Some(1));
    let unknown = format!("release@sha256:{}", "0".repeat(64));
    assert_eq!(gate.administrator.custody(&["gate", &unknown, &thing]).code, Some(2));
    let name = gate.administrator.file("other.yaml", &lax);
    let ended = gate.administrator.custody(&["policy", "put", name.to_str().unwrap(), "--name", "other"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stdout);
    assert!(ended.stderr.contains("is the policy release, not other"), "{}", ended.stderr);
}

#[test]
fn a_file_is_judged_by_the_digest_that_evidence_names() {
    let gate = Gate::new();
    let path = gate.administrator.file("app.tar.gz", b"the bytes of app");
    let path = path.to_str().unwrap();
    let flags = ["gate", "release", path, "--environment", "prod"];
    let (code, verdict) = gate.administrator.json(&flags);
    assert_eq!(code, Some(1));
    let sha256 = verdict["subject"].as_str().unwrap().to_owned();
    assert!(sha256.starts_with("sha256:"), "{sha256}");
    let by = |digest: &str| {
        let (algorithm, hex) = digest.split_once(':').unwrap();
        json!({"name": "app", "digest": {algorithm: hex}})
    };
    let sha512 = sha512_of(&gate, path);
    gate.say(BUILDER, PROVENANCE, &by(&sha512), &provenance("https://github.com/acme/api"));
    gate.say(SCANNER, REPORT, &by(&sha512), &report(&[]));
    let approval = json!({"for": "prod", "approver": "Alice", "at": "2026-11-01T00:00:00Z"});
    gate.say(ALICE, "urn:custody:approval:v1", &by(&sha512), &approval);
    let (code, verdict) = gate.administrator.json(&flags);
    assert_eq!((code, verdict["subject"].as_str()), (Some(0), Some(sha512.as_str())), "{verdict}");
    // Once its SHA-256 is named, that one is judged: evidence of the other is not carried over.
    gate.say(SCANNER, REPORT, &by(&sha256), &report(&["Critical"]));
    let (code, verdict) = gate.administrator.json(&flags);
    assert_eq!((code, verdict["subject"].as_str()), (Some(1), Some(sha256.as_str())));
}

/// What `record` says the SHA-512 of a file is.
fn sha512_of(gate: &Gate, path: &str) -> String {
    let ended = gate.administrator.custody(&[
        "record",
        "approval",
        "--for",
        "prod",
        "--subject",
        path,
        "--approver",
        "x",
        "--dry-run",
    ]);
    let statement: Value = serde_json::from_str(&ended.stdout).unwrap();
    format!("sha512:{}", statement["subject"][0]["digest"]["sha512"].as_str().unwrap())
}

//! What is printed, in each form, and what to do next.

use super::*;

#[test]
fn a_verdict_for_people_starts_with_the_decision_fits_80_columns_and_ends_with_what_to_do() {
    let gate = Gate::new();
    gate.release("app");
    let allowed = gate.gate(&[], "app");
    assert!(allowed.stdout.starts_with("ALLOW  sha256:"), "{}", allowed.stdout);
    let rest = allowed.stdout.split("\nnext: ").nth(1).unwrap_or_else(|| panic!("{}", allowed.stdout));
    assert!(rest.starts_with("let it pass by this digest"), "{}", allowed.stdout);
    assert!(
        rest.lines().skip(1).all(|line| line.starts_with("      ")),
        "it ends with that: {}",
        allowed.stdout
    );
    gate.build(STRANGER, "foreign");
    let denied = gate.gate(&[], "foreign");
    assert!(denied.stdout.starts_with("DENY  sha256:"), "{}", denied.stdout);
    assert!(denied.stdout.contains("next: build: build it with the builder"), "{}", denied.stdout);
    assert!(denied.stdout.contains("does not count: wrong_signer"), "{}", denied.stdout);
    // Where nothing is found, it says where it looked.
    assert!(
        denied.stdout.contains("looked for scan of the digest: the log has none at this size"),
        "{}",
        denied.stdout
    );
    for line in allowed.stdout.lines().chain(denied.stdout.lines()) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn json_is_the_verdict_byte_for_byte_and_several_are_in_a_list() {
    let gate = Gate::new();
    gate.release("app");
    let size = gate.verdict(&[], "app").1["at"]["size"].to_string();
    let [one, again] =
        [gate.gate(&["--at", &size, "-o", "json"], "app"), gate.gate(&["--at", &size, "-o", "json"], "app")];
    assert_eq!(one.stdout, again.stdout);
    assert!(one.stdout.starts_with("{\"at\":{\"root\":\"sha256:"), "{}", one.stdout);
    let (thing, other) = (digest("app"), digest("other"));
    let (code, document) =
        gate.administrator.json(&["gate", "release", &thing, &other, "--environment", "prod"]);
    assert_eq!(code, Some(1), "one of them is denied");
    let decisions: Vec<&str> = document["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|verdict| verdict["decision"].as_str().unwrap())
        .collect();
    assert_eq!(decisions, ["ALLOW", "DENY"]);
}

#[test]
fn ci_systems_get_their_forms_and_other_commands_have_none() {
    let gate = Gate::new();
    gate.build(STRANGER, "app");
    let junit = gate.gate(&["-o", "junit"], "app");
    assert_eq!(junit.code, Some(1));
    assert!(junit.stdout.starts_with("<?xml version=\"1.0\""), "{}", junit.stdout);
    assert!(junit.stdout.contains("<failure message=\"no_evidence"), "{}", junit.stdout);
    let github = gate.gate(&["-o", "github"], "app");
    assert!(github.stdout.lines().all(|line| line.starts_with("::")), "{}", github.stdout);
    assert!(github.stdout.contains("::error title=release build%3A FAIL::"), "{}", github.stdout);
    let markdown = gate.gate(&["-o", "markdown"], "app");
    assert!(markdown.stdout.starts_with("## DENY: policy `release`"), "{}", markdown.stdout);
    assert!(markdown.stdout.contains("| FAIL | `build` |"), "{}", markdown.stdout);
    let refused = gate.administrator.custody(&["policy", "list", "-o", "github"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stdout);
}

#[test]
fn all_that_is_live_is_judged_and_what_would_flip_is_told() {
    let gate = Gate::new();
    gate.release("good");
    gate.build(STRANGER, "bad");
    for name in ["good", "bad"] {
        let deployment = json!({
            "environment": "prod", "workload": name, "action": "start", "at": "2026-11-20T00:00:00Z",
        });
        gate.say(BUILDER, "urn:custody:deployment:v1", &subject(name), &deployment);
    }
    let (code, document) = gate.administrator.json(&["gate", "release", "--environment", "prod"]);
    assert_eq!(code, Some(1), "{document}");
    let mut found: Vec<(String, String)> = document["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|verdict| {
            (
                verdict["subject"].as_str().unwrap().to_owned(),
                verdict["decision"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    found.sort();
    let mut expected = vec![(digest("good"), "ALLOW".to_owned()), (digest("bad"), "DENY".to_owned())];
    expected.sort();
    assert_eq!(found, expected);
    let signer = format!("key:{}", gate.key(SCANNER));
    let (code, document) =
        gate.administrator.json(&["gate", "release", "--environment", "prod", "--without", &signer]);
    assert_eq!(code, Some(1));
    assert_eq!(document["flips"], json!([digest("good")]), "{document}");
    // From an entry behind all of it on nothing flips.
    let (code, document) = gate.administrator.json(&[
        "gate",
        "release",
        "--environment",
        "prod",
        "--without",
        &signer,
        "--since",
        "index:1000",
    ]);
    assert_eq!((code, &document["flips"]), (Some(0), &json!([])));
    let nowhere = gate.administrator.custody(&["gate", "release", "--environment", "nowhere"]);
    assert_eq!(nowhere.code, Some(4), "{}", nowhere.stdout);
}

#[test]
fn what_another_policy_would_flip_of_what_is_live_is_told() {
    let gate = Gate::new();
    for (name, severities) in [("clean", &["Low"][..]), ("medium", &["Medium"]), ("unscanned", &[])] {
        gate.build(BUILDER, name);
        gate.approve(ALICE, name);
        if name != "unscanned" {
            gate.scan(SCANNER, name, severities);
        }
        let deployment = json!({
            "environment": "prod", "workload": name, "action": "start", "at": "2026-11-20T00:00:00Z",
        });
        gate.say(BUILDER, "urn:custody:deployment:v1", &subject(name), &deployment);
    }
    let file = |name: &str, text: String| gate.administrator.file(name, text).to_str().unwrap().to_owned();
    let stricter = file("stricter.yaml", gate.policy("7d").replace("worst: high", "worst: medium"));
    let laxer = file("laxer.yaml", gate.policy("7d").replace("rules:", "exclude: [scan]\nrules:"));
    let flips = |old: &str, new: &str| {
        let (code, document) = gate.administrator.json(&["policy", "diff", old, new, "--over", "prod"]);
        assert_eq!(code, Some(0), "{document}");
        document["flips"].clone()
    };
    let flip = |name: &str, old: &str, new: &str| json!({"subject": digest(name), "old": old, "new": new});
    assert_eq!(flips("release", &stricter), json!([flip("medium", "ALLOW", "DENY")]));
    assert_eq!(flips("release", &laxer), json!([flip("unscanned", "DENY", "ALLOW")]));
    assert_eq!(flips("release", "release"), json!([]));
    let text = gate.administrator.custody(&["policy", "diff", "release", &stricter, "--over", "prod"]);
    assert!(text.stdout.contains(&format!("ALLOW -> DENY  {}", digest("medium"))), "{}", text.stdout);
    assert!(text.stdout.ends_with("1 verdict flips of what is live in prod\n"), "{}", text.stdout);
    let nowhere = gate.administrator.custody(&["policy", "diff", "release", &stricter, "--over", "nowhere"]);
    assert_eq!(nowhere.code, Some(4), "{}", nowhere.stdout);
    let misspelt = gate.administrator.custody(&["policy", "diff", "relaese", &stricter, "--over", "prod"]);
    assert!(
        misspelt.code != Some(0) && misspelt.stderr.contains("did you mean release?"),
        "{}",
        misspelt.stderr
    );
}

#[test]
fn what_the_rules_look_at_is_shown() {
    let gate = Gate::new();
    gate.release("app");
    let thing = digest("app");
    let ended =
        gate.administrator.custody(&["gate", "release", &thing, "--environment", "prod", "--show-input"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let input: Value = serde_json::from_str(&ended.stdout).unwrap();
    let checks: Vec<&str> =
        input["entries"].as_array().unwrap().iter().map(|entry| entry["check"].as_str().unwrap()).collect();
    assert_eq!(checks, ["verified"; 3], "{input}");
}

#[test]
fn a_pack_decides_what_less_evidence_can_decide_and_nothing_else() {
    let gate = Gate::new();
    gate.release("app");
    let thing = digest("app");
    let (pack, trust) = (gate.path("app.pack"), gate.path("trust.json"));
    let (pack, trust) = (pack.to_str().unwrap(), trust.to_str().unwrap());
    assert_eq!(gate.administrator.custody(&["export", &thing, "--out", pack]).code, Some(0));
    assert_eq!(gate.administrator.custody(&["trust", "show", "--out", trust]).code, Some(0));
    let offline = User::new();
    let file = |text: &str| gate.administrator.file("p.yaml", text);
    let ask = |path: &str, policy: &std::path::Path| {
        let policy = policy.to_str().unwrap();
        let flags = [
            "gate",
            "--policy-file",
            policy,
            &thing,
            "--environment",
            "prod",
            "--pack",
            path,
            "--trust",
            trust,
        ];
        offline.json(&flags)
    };
    let whole = file(&gate.policy("7d"));
    let (code, verdict) = ask(pack, &whole);
    assert_eq!((code, verdict["decision"].as_str()), (Some(3), Some("INDETERMINATE")), "{verdict}");
    assert_eq!((status(&verdict, "build"), status(&verdict, "people")), ("PASS", "PASS"));
    assert_eq!((status(&verdict, "scan"), status(&verdict, "nothing.odd")), ("ERROR", "ERROR"));
    assert!(verdict.to_string().contains("caller_supplied"));
    let whole = gate.policy("7d");
    let monotone: String = whole
        .split_inclusive('\n')
        .filter(|line| !line.contains("id: scan") && !line.contains("nothing.odd"))
        .collect();
    let (code, verdict) = ask(pack, &file(&monotone));
    assert_eq!((code, verdict["decision"].as_str()), (Some(0), Some("ALLOW")), "{verdict}");
    // A pack that was changed is none.
    let mut bytes = std::fs::read(pack).unwrap();
    let at = bytes.windows(9).position(|window| window == b"envelope ").unwrap() + 60;
    bytes[at] ^= 1;
    let changed = gate.administrator.file("changed.pack", &bytes);
    let (code, refused) = ask(changed.to_str().unwrap(), &file(&monotone));
    assert_eq!(code, Some(1), "{refused}");
}

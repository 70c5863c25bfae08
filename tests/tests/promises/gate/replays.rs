//! A verdict is recorded, and comes out the same again: byte for byte, or with its differences.

use super::*;

/// Entries that are recorded between a verdict and its replay, unless the environment says more.
const FEW: u64 = 50;
/// How many they are at full size: `CUSTODY_REPLAY_ENTRIES=10000`.
const MANY: &str = "CUSTODY_REPLAY_ENTRIES";

fn record(gate: &Gate, name: &str) -> u64 {
    let key = gate.ledger.writer_key_file(ALICE);
    let ended = gate.gate(&["--record", "--key", key.to_str().unwrap(), "-o", "json"], name);
    let said =
        ended.stderr.split("as entry ").nth(1).unwrap_or_else(|| panic!("{}{}", ended.stdout, ended.stderr));
    said.split_whitespace().next().unwrap().parse().unwrap()
}

fn replay(gate: &Gate, index: u64) -> (Option<i32>, Value) {
    gate.administrator.json(&["gate", "--replay", &index.to_string()])
}

#[test]
fn a_verdict_comes_out_the_same_after_much_else_another_trust_document_a_distrust_another_policy_and_a_redaction()
 {
    let gate = Gate::new();
    gate.release("app");
    let allowed = record(&gate, "app");
    let denied = record(&gate, "other");
    for index in [allowed, denied] {
        let (code, replayed) = replay(&gate, index);
        assert_eq!((code, &replayed["same"]), (Some(0), &json!(true)), "{replayed}");
    }
    let count = custody_tests::dice::number_from(MANY).unwrap_or(FEW);
    let caller = Caller::of(&gate.server);
    let more: std::collections::BTreeMap<u64, Vec<u8>> = (0..count)
        .map(|number| {
            let statement = custody_tests::evidence::statement(&format!("more {number}"));
            (number, envelope(&statement, &[&gate.ledger.writers[STRANGER]]))
        })
        .collect();
    let (before, _) = caller.tree();
    let mut stream = caller.bulk();
    stream.header();
    let (answers, ended) = stream.exchange(&more);
    assert!(ended.is_none(), "{ended:?}");
    assert_eq!((answers.len(), caller.tree().0), (more.len(), before + count), "all of it is recorded");
    let ended =
        gate.administrator.custody(&["redact", &format!("index:{before}"), "--reason", "a name in it"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    gate.scan(SCANNER, "app", &["Critical"]);
    gate.put(&gate.policy("1d"));
    // Alice has a name, and the document ends on another day.
    let alice = gate.ledger.home().join("alice.pem");
    std::fs::write(&alice, gate.ledger.writers[ALICE].public().to_pem()).unwrap();
    let (key, person) = (gate.ledger.home().join("admin.key"), format!("Alice={}", alice.to_str().unwrap()));
    for words in [
        &["trust", "propose", "--out", "next.json", "--expires", "90d", "--add-person", &person][..],
        &["trust", "sign", "next.json", "--key", key.to_str().unwrap(), "--yes"],
        &["record", "envelope", "next.json"],
    ] {
        let ended = gate.administrator.custody(words);
        assert_eq!(ended.code, Some(0), "{words:?}: {}{}", ended.stdout, ended.stderr);
    }
    let signer = format!("key:{}", gate.key(BUILDER));
    let ended = gate.administrator.custody(&["distrust", &signer, "--since", "index:1", "--reason", "INC-7"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(gate.gate(&[], "app").code, Some(1), "today it is another answer");
    for index in [allowed, denied] {
        let (code, replayed) = replay(&gate, index);
        assert_eq!((code, &replayed["same"]), (Some(0), &json!(true)), "{replayed}");
    }
    // Another client, which has seen nothing of it.
    let pin = Caller::of(&gate.server).pin();
    let other = User::of(&gate.server.url(), &pin, &gate.ledger.writer_key_file(STRANGER));
    assert_eq!(other.custody(&["gate", "--replay", &allowed.to_string()]).code, Some(0));
}

#[test]
fn what_was_erased_since_is_told_as_a_difference() {
    let gate = Gate::new();
    gate.build(BUILDER, "app");
    let scan = gate.scan(SCANNER, "app", &["Low"]);
    gate.approve(ALICE, "app");
    let allowed = record(&gate, "app");
    let ended = gate.administrator.custody(&["redact", &format!("index:{scan}"), "--reason", "a name in it"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (code, replayed) = replay(&gate, allowed);
    assert_eq!((code, &replayed["same"]), (Some(3), &json!(false)), "{replayed}");
    let places: Vec<&str> = replayed["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["place"].as_str().unwrap())
        .collect();
    assert!(places.contains(&"decision") && places.contains(&"rules[scan].status"), "{places:?}");
    let text = gate.administrator.custody(&["gate", "--replay", &allowed.to_string()]);
    assert!(
        text.stdout.contains("rules[scan].status\n    recorded PASS\n    found    ERROR"),
        "{}",
        text.stdout
    );
}

#[test]
fn an_indeterminate_is_not_recorded_and_an_entry_without_a_verdict_is_none() {
    let gate = Gate::new();
    gate.release("app");
    gate.put(&format!("{}complete: proven\n", gate.policy("7d")));
    let key = gate.ledger.writer_key_file(ALICE);
    let ended = gate.gate(&["--record", "--key", key.to_str().unwrap()], "app");
    assert_eq!(ended.code, Some(3));
    assert!(ended.stderr.contains("not recorded"), "{}", ended.stderr);
    assert_eq!(gate.administrator.custody(&["find", "--predicate", "vsa"]).code, Some(4));
    let (code, _) = replay(&gate, 1);
    assert_eq!(code, Some(2), "entry 1 is a policy");
}

#[test]
fn a_recorded_allow_is_what_the_next_gate_asks_for() {
    let gate = Gate::new();
    gate.release("app");
    let alice = gate.key(ALICE);
    let promotion = gate.administrator.file(
        "promotion.yaml",
        format!("policy: promotion\nversion: 1\nrules: [{{id: released, verdict_of: {{policy: release, max_age: 30d, signer: {{key: \"{alice}\"}}}}}}]\n"),
    );
    let promotion = promotion.to_str().unwrap();
    let ask_for = |environment: &[&str], name: &str| {
        let thing = digest(name);
        gate.administrator.json(&[&["gate", "--policy-file", promotion, &thing], environment].concat())
    };
    let ask = |name: &str| ask_for(&["--environment", "prod"], name);
    assert_eq!(ask("app").0, Some(1));
    record(&gate, "app");
    assert_eq!(ask("app").0, Some(0));
    for other in [&["--environment", "staging"][..], &[]] {
        let (code, verdict) = ask_for(other, "app");
        assert_eq!(code, Some(1), "an ALLOW for prod lets nothing go elsewhere: {verdict}");
    }
    record(&gate, "other");
    let (code, verdict) = ask("other");
    assert_eq!(code, Some(1));
    assert!(verdict.to_string().contains("verdict_not_allow"), "{verdict}");
}

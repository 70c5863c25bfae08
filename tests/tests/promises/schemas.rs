//! What `custody -o json` prints is as the published schema says, command by command: a member that nobody wrote down fails here.
//!
//! The harness holds every other test to it, too ([`custody_tests::schema`]); here are all commands that ask, and that each has its
//! definition.

use std::collections::BTreeSet;

use custody_tests::client::User;
use custody_tests::schema;
use custody_tests::server::Ledger;
use custody_tests::wire::Caller;
use serde_json::Value;

/// What prints text for a shell or a pager, whatever the format.
const WITHOUT: [&str; 3] = ["completions", "help", "man"];

/// The commands of a help text.
fn commands(user: &User, of: &[&str]) -> Vec<String> {
    let help = user.custody(&[of, &["--help"]].concat()).stdout;
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = list
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
    names.filter(|name| !WITHOUT.contains(name)).map(str::to_owned).collect()
}

#[test]
fn every_command_has_its_definition() {
    let user = User::new();
    let mut without = Vec::new();
    for command in commands(&user, &[]) {
        let subs = commands(&user, &[&command]);
        // What `record` makes differs, and what becomes of it is one thing.
        let all: Vec<Vec<&str>> = if subs.is_empty() || command == "record" {
            vec![vec![&command]]
        } else {
            subs.iter().map(|sub| vec![command.as_str(), sub]).collect()
        };
        for words in all {
            let name = schema::definition(&words);
            if name.is_none_or(|name| name != words.join("_")) {
                without.push(words.join(" "));
            }
        }
    }
    assert_eq!(without, [""; 0], "docs/schema/output-v1.json says nothing of these");
}

/// What is asked of a log with one chain.
const QUESTIONS: &[&str] = &[
    "find --limit 3",
    "find --component pkg:npm/axios@>=1",
    "find --clean --except pkg:npm/b",
    "find --subject app.tar.gz",
    "watch --cursor 0 --limit 2",
    "findings",
    "show index:1",
    "trace app.tar.gz",
    "impact pkg:npm/axios@>=1",
    "impact app.tar.gz",
    "env list",
    "env show prod",
    "env log prod",
    "env diff prod prod@{2020-01-01}",
    "env diff prod prod",
    "coverage",
    "coverage --without https://ci.example",
    "export app.tar.gz --out pack.custody",
    "verify pack.custody",
    "inspect app.cdx.json",
    "receipt refresh app.receipt",
    "trust show",
    "trust log",
    "policy list",
    "policy explain policy.yaml",
    "policy diff policy.yaml policy.yaml",
    "gate --policy-file policy.yaml app.tar.gz",
    "gate --policy-file policy.yaml --show-input app.tar.gz",
    "audit",
    "config",
    "key list",
    "spool list",
    "key new --out other.key",
    "key show other.key",
    "find --subject sha256:0000000000000000000000000000000000000000000000000000000000000000",
];

/// What is asked once an entry was erased and a key distrusted.
const AFTERWARDS: &[&str] = &[
    "show index:2",
    "show index:1",
    "find",
    "trace index:1",
    "impact pkg:npm/b",
    "env show prod",
    "coverage",
    "trust show",
    "trust log",
    "find --clean",
    "export index:2 --out erased.custody",
    "verify erased.custody",
    "audit",
    "findings",
];

#[test]
fn every_question_is_answered_as_the_schema_says() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let pin = Caller::of(&server).pin();
    let user = User::of(&server.url(), &pin, &ledger.writer_key_file(0));
    let administrator = User::of(&server.url(), &pin, &ledger.home().join("admin.key"));
    user.file("app.tar.gz", "the artifact");
    user.file(
        "app.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"a","purl":"pkg:npm/axios@latest"},{"type":"library","name":"b","purl":"pkg:npm/b"}]}"#,
    );
    user.file(
        "policy.yaml",
        "policy: p\nversion: 1\nrules:\n- id: r\n  require: {predicate: provenance, count: any}\n",
    );
    administrator.file(
        "policy.yaml",
        "policy: p\nversion: 1\nrules:\n- id: r\n  require: {predicate: provenance, count: any}\n",
    );
    let commit = "16d9990a7c1b6a3f1e9d2c4b5a69788f9e0d1c2b";
    let mut said = BTreeSet::new();
    let mut ask = |user: &User, line: &str| -> Vec<Value> {
        let words: Vec<&str> = line.split_whitespace().chain(["-o", "json"]).collect();
        let name = schema::definition(&words).unwrap_or_else(|| panic!("{line}: no definition"));
        // The harness compares what is printed with the schema.
        let ended = user.custody(&words);
        assert!(
            matches!(ended.code, Some(0 | 3 | 4)) || (name == "gate" && ended.code == Some(1)),
            "{line}: {:?} {}{}",
            ended.code,
            ended.stdout,
            ended.stderr
        );
        let documents: Vec<Value> =
            ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(!documents.is_empty() || name == "findings", "{line}: {}", ended.stderr);
        if documents.iter().any(|document| document.get("error").is_none()) {
            said.insert(name);
        }
        documents
    };
    ask(
        &user,
        &format!(
            "record build --artifact app.tar.gz --repo https://example.com/acme/api --commit {commit} --builder-id https://ci.example --build-type https://ci.example/v1 --run-url https://ci.example/runs/7/x"
        ),
    );
    ask(&user, "record sbom app.cdx.json --subject app.tar.gz");
    ask(&user, "record run --run-url https://ci.example/runs/7/x --conclusion failure --trigger push");
    ask(&user, "record deploy --environment prod --workload api --subject app.tar.gz");
    ask(&user, "record snapshot --environment prod --running app.tar.gz --dry-run");
    ask(&user, "record approval --for prod --subject app.tar.gz --reason r --receipt app.receipt");
    for question in QUESTIONS {
        ask(&user, question);
    }
    let key = format!("key:{}", ledger.writers[0].public().id());
    ask(&administrator, "policy put policy.yaml --name p");
    ask(&administrator, "policy list");
    ask(&administrator, "policy show p");
    ask(&administrator, "redact index:2 --reason r");
    ask(&administrator, &format!("distrust {key} --since index:1 --reason r"));
    for question in AFTERWARDS {
        ask(&administrator, question);
    }
    let mut not_asked: BTreeSet<String> =
        commands(&user, &[]).into_iter().filter(|command| commands(&user, &[command]).is_empty()).collect();
    not_asked.retain(|command| !said.contains(command));
    assert_eq!(not_asked, BTreeSet::from(["init".to_owned()]), "asked in other tests");
}

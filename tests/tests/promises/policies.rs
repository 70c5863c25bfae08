//! Policies are kept in the log by name and version, and come back as they were written.

use custody_tests::client::User;
use custody_tests::evidence::{envelope, statement};
use custody_tests::server::Ledger;
use custody_tests::wire::{Caller, word};
use serde_json::json;

#[test]
fn a_policy_comes_back_byte_for_byte_in_each_of_its_versions() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let pin = Caller::of(&server).pin();
    let administrator = User::of(&server.url(), &pin, &ledger.home().join("admin.key"));
    let run = |arguments: &[&str]| {
        let ended = administrator.custody(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        ended.stdout
    };
    assert_eq!(administrator.custody(&["policy", "list"]).code, Some(4));
    let rules = "rules: [{id: build, require: {predicate: provenance, count: any}}]\n";
    let first = &format!("policy: release\nversion: 1\n{rules}\n");
    let second = &format!("# stricter\npolicy: release\nversion: 2\n{rules}");
    let other = administrator.file("other.yaml", format!("policy: other\nversion: 1\n{rules}"));
    let path = administrator.file("release.yaml", first);
    let path = path.to_str().unwrap();
    run(&["policy", "put", path, "--name", "release"]);
    let again = administrator.custody(&["policy", "put", path, "--name", "release"]);
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    administrator.file("release.yaml", second);
    run(&["policy", "put", path, "--name", "release"]);
    run(&["policy", "put", other.to_str().unwrap()]);
    assert_eq!(run(&["policy", "show", "release"]), *second);
    assert_eq!(run(&["policy", "show", "release@1"]), *first);
    assert_eq!(administrator.custody(&["policy", "show", "release@3"]).code, Some(4));
    let (_, listed) = administrator.json(&["policy", "list"]);
    let names: Vec<String> = listed["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| format!("{}@{}", policy["name"].as_str().unwrap(), policy["version"]))
        .collect();
    assert_eq!(names, ["other@1", "release@2", "release@1"]);
    // It is for the rules role, and for nobody else.
    let writer = ledger.writer_key_file(0);
    administrator.file("release.yaml", format!("policy: release\nversion: 3\n{rules}"));
    let refused = administrator.custody(&[
        "policy",
        "put",
        path,
        "--name",
        "release",
        "--key",
        writer.to_str().unwrap(),
    ]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("role rules"), "{}", refused.stderr);
    let mut said = statement("x");
    said["predicateType"] = json!("urn:custody:policy:v1");
    let refused = Caller::of(&server).record(&envelope(&said, &[&ledger.writers[0]]));
    assert_eq!(word(&refused.unwrap_err()), "bad_trust_document");
    // Who comes anew reads the same, and the log is sound.
    let other = User::of(&server.url(), &pin, &writer);
    assert_eq!(other.custody(&["policy", "show", "release@1"]).stdout, *first);
    assert!(other.custody(&["audit"]).stdout.starts_with("sound"));
    assert!(run(&["trust", "log"]).contains("policy release version 2"));
}

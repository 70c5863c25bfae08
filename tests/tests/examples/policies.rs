//! Starter policies do what their fixtures say, and each of their rules can fail.

use std::fs;
use std::path::{Path, PathBuf};

use custody_tests::client::User;
use custody_tests::server::copy_folder;
use custody_tests::tools::CHECK_JSONSCHEMA;
use custody_tests::workspace;

use crate::templates::python;

/// The starter policies, by name.
const NAMES: [&str; 5] = ["ci-only", "four-eyes", "promotion", "release", "slsa-build-3"];

fn folder() -> PathBuf {
    workspace::root().join("examples/policies")
}

/// Returns the ids of a policy's rules.
fn rules(name: &str) -> Vec<String> {
    let text = workspace::read(&format!("examples/policies/{name}.yaml"));
    text.lines().filter_map(|line| line.strip_prefix("  - id: ")).map(str::to_owned).collect()
}

#[test]
fn every_case_of_the_starter_policies_comes_out_as_it_says() {
    let user = User::new();
    let ended = user.custody(&["policy", "test", folder().to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.stderr, "", "each policy has fixtures");
    for name in NAMES {
        assert!(ended.stdout.contains(&format!("{name}.yaml  {name} version 1")), "{}", ended.stdout);
        let fixtures = workspace::read(&format!("examples/policies/{name}.test.yaml"));
        assert!(fixtures.contains("expect: ALLOW") && fixtures.contains("expect: DENY"), "{name}");
        for rule in rules(name) {
            assert!(fixtures.contains(&format!("{rule}: FAIL")), "no case of {name} shows that {rule} fails");
        }
    }
    assert_eq!(fs::read_dir(folder()).unwrap().count(), 2 * NAMES.len() + 1, "policies, fixtures, a README");
}

#[test]
fn a_case_that_comes_out_otherwise_is_told() {
    let user = User::new();
    let copy = user.home().join("policies");
    copy_folder(&folder(), &copy);
    let loosened = copy.join("ci-only.yaml");
    let text = fs::read_to_string(&loosened).unwrap();
    fs::write(&loosened, text.replacen(", hosted: true}", "}", 1)).unwrap();
    let ended = user.custody(&["policy", "test", "policies"]);
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    let told = ["FAIL  built on a machine of one's own", "expected DENY, found ALLOW", "66 cases, 1 failed"];
    assert!(told.iter().all(|line| ended.stdout.contains(line)), "{}", ended.stdout);
}

#[test]
fn the_starter_policies_fit_the_schema_that_is_published() {
    let Some(packages) = CHECK_JSONSCHEMA.path() else { return };
    let schema = workspace::root().join("proto/gate/src/schema/policy-v1.json");
    let fits = |policy: &Path| {
        let words =
            ["-m", "check_jsonschema", "--schemafile", schema.to_str().unwrap(), policy.to_str().unwrap()];
        let ended = python(&packages, &words);
        assert!(matches!(ended.code, Some(0 | 1)), "{}{}", ended.stdout, ended.stderr);
        ended.code == Some(0)
    };
    let broken = tempfile::tempdir().unwrap();
    for name in NAMES {
        let policy = folder().join(format!("{name}.yaml"));
        assert!(fits(&policy), "{name}");
        let misspelt = broken.path().join(format!("{name}.yaml"));
        fs::write(&misspelt, fs::read_to_string(&policy).unwrap().replacen("count: any", "quantity: any", 1))
            .unwrap();
        assert!(!fits(&misspelt), "{name}");
    }
}

#[test]
fn each_starter_policy_says_what_it_is_for() {
    let readme = workspace::read("examples/policies/README.md");
    for name in NAMES {
        assert!(readme.contains(&format!("[{name}]({name}.yaml)")), "{name}");
        let explained = User::new().custody(&[
            "policy",
            "explain",
            folder().join(format!("{name}.yaml")).to_str().unwrap(),
        ]);
        assert_eq!(explained.code, Some(0), "{}", explained.stderr);
        assert!(rules(name).iter().all(|rule| explained.stdout.contains(rule)), "{}", explained.stdout);
    }
}

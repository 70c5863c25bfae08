//! One repository in upper and lower case, on hosts that make no difference, and as a package.

use serde_json::{Value, json};

use super::{Place, artifact, commit, digest};

fn used(uri: &str, of: &str) -> Value {
    json!({"uri": uri, "digest": {"gitCommit": commit(of)}})
}

#[test]
fn a_repository_of_github_is_one_in_upper_and_lower_case_by_ssh_and_as_a_package() {
    let place = Place::new();
    for (name, uri) in [
        ("url", "git+https://github.com/Acme/API@refs/heads/main"),
        ("scp", "github.com:acme/api.git"),
        ("ssh", "ssh://git@ssh.github.com:443/ACME/api.git"),
        ("purl", "pkg:github/Acme/API@main"),
        ("fragment", "https://github.com/acme/Api.git#refs/heads/main"),
        ("slash", "git://GitHub.com/acme/API.git/"),
    ] {
        place.build(name, &format!("https://ci.test/{name}/1x"), &[used(uri, "it")]);
    }
    place.build("other", "https://ci.test/o/1x", &[used("git+https://github.com/acme/api2@main", "other")]);
    place.build("corp", "https://ci.test/c/1x", &[used("git+https://git.corp.test/Acme/API@main", "corp")]);
    let all = ["url", "scp", "ssh", "purl", "fragment", "slash"];
    for repository in [
        "https://github.com/acme/api",
        "Acme/API",
        "git@github.com:ACME/api.git",
        "github.com:acme/API",
        "git+https://github.com:443/Acme/api.git#readme",
        "https://www.github.com/acme/api/",
    ] {
        place.finds(&["--repo", repository, "--predicate", "provenance"], &all);
        place.finds(&["--commit", &format!("{repository}@{}", commit("it"))], &all);
        place.reaches(&format!("{repository}@{}", commit("it")), &all);
    }
    for branch in ["acme/api@main", "ACME/Api@refs/heads/main", "https://github.com/Acme/api@main"] {
        place.finds(&["--ref", branch], &["url", "purl", "fragment"]);
        place.reaches(branch, &["url", "purl", "fragment"]);
    }
    place.finds(&["--ref", "acme/api@Main"], &[]);
    place.finds(&["--component", "pkg:github/ACME/api@main"], &["purl"]);
    // Elsewhere upper and lower case are two repositories.
    place.finds(&["--repo", "https://git.corp.test/Acme/API"], &["corp"]);
    place.finds(&["--repo", "https://git.corp.test/acme/api"], &[]);
    // Whoever reviews it writes it as they do.
    let review = json!({"repo": "https://github.com/ACME/api", "commit": commit("it"), "reviewers": ["bob"], "approved_at": "2026-11-20T08:00:00Z"});
    place.say_by(2, "urn:custody:review:v1", &json!({"digest": {"gitCommit": commit("it")}}), &review);
    for name in all {
        let traced = place.ask(&["trace", &digest(name)]);
        assert!(!super::texts(&traced["missing"]).contains(&"review".to_owned()), "{name}: {traced}");
    }
}

#[test]
fn a_run_of_github_is_one_in_upper_and_lower_case() {
    let place = Place::new();
    place.build("app", "https://github.com/Acme/API/actions/runs/77/attempts/1", &[]);
    place.build("fine", "https://github.com/acme/api/actions/runs/78", &[]);
    let since =
        place.run("https://github.com/acme/api/actions/runs/77/attempts/1", json!({"conclusion": "failure"}));
    place.wrong(since, &[("failed_run", &digest("app"))]);
    for run in
        ["https://github.com/acme/api/actions/runs/77", "https://GitHub.com/ACME/api/actions/runs/77/job/5"]
    {
        place.reaches(run, &["app"]);
        place.finds(&["--run", run, "--predicate", "provenance"], &["app"]);
    }
    place.finds(&["--repo", "acme/api", "--predicate", "provenance"], &["app", "fine"]);
    place.finds(&["--run", "https://github.com/Acme/API/actions/runs/7"], &[]);
}

#[test]
fn an_action_is_one_thing_in_upper_and_lower_case_and_as_a_package() {
    let place = Place::new();
    let run = |name: &str| format!("https://ci.test/{name}/runs/x");
    for name in ["workflow", "package", "part"] {
        place.build(name, &run(name), &[]);
    }
    let resolved = |reference: &str, of: &str| json!({"conclusion": "success", "resolved": [{"ref": reference, "digest": format!("gitCommit:{}", commit(of))}]});
    let since = place.run(&run("workflow"), resolved("Actions/Checkout@v4", "good"));
    place.build("package", &run("package"), &[used("pkg:githubactions/actions/checkout@v4", "good")]);
    place.build("part", &run("part"), &[used("pkg:githubactions/github/codeql-action/init@v3", "ql")]);
    for spelling in ["actions/checkout@v4", "https://github.com/Actions/checkout@refs/tags/v4"] {
        place.reaches(spelling, &["workflow", "package"]);
    }
    place.reaches("github/codeql-action@v3", &["part"]);
    place.reaches(&commit("good"), &["workflow", "package"]);
    place.wrong(since, &[]);
    // It moves in whatever spelling it is used.
    let since = place.run("https://ci.test/next/runs/x", resolved("actions/CHECKOUT@v4", "evil"));
    place.wrong(since, &[("tag_moved", "actions/CHECKOUT@v4")]);
    place.bill("lists", &["pkg:github/Actions/Checkout@v4"]);
    place.finds(&["--component", "pkg:github/actions/checkout@v4"], &["lists"]);
    assert_eq!(artifact("x")["name"], "x");
}

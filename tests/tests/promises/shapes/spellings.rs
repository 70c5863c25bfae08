//! One action, image or commit, in the spellings of workflows, provenance, tags and people.

use custody_tests::evidence::artifact_hex;
use serde_json::json;

use super::{Place, artifact, commit, digest, named};

#[test]
fn an_action_is_one_thing_however_it_is_written() {
    let place = Place::new();
    let it = commit("checkout");
    let run = |name: &str| format!("https://ci.test/{name}/runs/x");
    for name in ["workflow", "part", "pinned", "other"] {
        place.build(name, &run(name), &[]);
    }
    let used = |reference: &str, digest: &str| json!({"conclusion": "success", "resolved": [{"ref": reference, "digest": digest}]});
    place.run(&run("workflow"), used("actions/checkout@v4", &format!("gitCommit:{it}")));
    place.run(&run("part"), used("actions/checkout/sub@v4", &format!("gitCommit:{it}")));
    place.run(&run("pinned"), json!({"resolved": [{"ref": format!("actions/checkout@{it}")}]}));
    place.run(&run("other"), used("actions/checkout@v5", &format!("gitCommit:{}", commit("five"))));
    let tag =
        json!({"uri": "git+https://github.com/actions/checkout@refs/tags/v4", "digest": {"gitCommit": it}});
    let bare = json!({"uri": "git+https://github.com/actions/checkout.git@v4", "digest": {"sha1": it}});
    place.build("tagged", "https://ci.test/t/runs/1x", &[tag]);
    place.build("bare", "https://ci.test/b/runs/1x", &[bare]);
    for spelling in [
        "actions/checkout@v4",
        "https://github.com/actions/checkout@refs/tags/v4",
        "git+https://github.com/actions/checkout@v4",
        "actions/checkout@refs/tags/v4",
    ] {
        place.reaches(spelling, &["workflow", "part", "tagged", "bare"]);
    }
    place.reaches("actions/checkout/sub@v4", &["part"]);
    place.reaches("actions/checkout@v5", &["other"]);
    // By its commit, with repository and without, those who pinned it too.
    let all = ["workflow", "part", "tagged", "bare", "pinned"];
    for spelling in
        [it.clone(), format!("gitCommit:{it}"), format!("https://github.com/actions/checkout@{it}")]
    {
        place.reaches(&spelling, &all);
    }
    let runs: Vec<String> = ["workflow", "part", "pinned"].iter().map(|name| run(name)).collect();
    let names: Vec<String> = runs.iter().map(|run| format!("custody/name/v1\nrun\n{run}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    place.finds(&["--commit", &it, "--predicate", "run"], &names);
}

#[test]
fn an_image_is_one_thing_however_it_is_written() {
    let place = Place::new();
    let alpine = artifact_hex("alpine");
    place.build("run", "https://ci.test/i/runs/1x", &[]);
    place.run(
        "https://ci.test/i/runs/1x",
        json!({"resolved": [{"ref": "alpine:3.20", "digest": format!("sha256:{alpine}")}]}),
    );
    for (name, uri) in
        [("full", "docker.io/library/alpine:3.20"), ("scheme", "oci://index.docker.io/library/alpine:3.20")]
    {
        place.build(
            name,
            &format!("https://ci.test/{name}/1x"),
            &[json!({"uri": uri, "digest": {"sha256": alpine}})],
        );
    }
    place.build(
        "other",
        "https://ci.test/o/1x",
        &[json!({"uri": "acme/alpine:3.20", "digest": {"sha256": artifact_hex("theirs")}})],
    );
    for spelling in ["alpine:3.20", "docker.io/library/alpine:3.20", "docker://alpine:3.20"] {
        place.reaches(spelling, &["run", "full", "scheme"]);
    }
    place.reaches(&digest("alpine"), &["run", "full", "scheme"]);
    place.reaches(&format!("alpine:3.20@sha256:{alpine}"), &["run", "full", "scheme"]);
    place.finds(&["--ref", "docker.io/acme/alpine:3.20"], &["other"]);
}

#[test]
fn a_commit_is_the_same_in_a_renamed_repository_and_a_branch_is_found_without_its_prefix() {
    let place = Place::new();
    let it = commit("renamed");
    let source = |repository: &str, reference: &str| json!({"uri": format!("git+https://github.com/acme/{repository}@{reference}"), "digest": {"gitCommit": it}});
    place.build("before", "https://ci.test/r/runs/1x", &[source("old", "refs/heads/main")]);
    place.build("after", "https://ci.test/r/runs/2x", &[source("new", "main")]);
    place.reaches(&it, &["before", "after"]);
    place.reaches(&format!("https://github.com/acme/old@{it}"), &["before"]);
    place.finds(&["--commit", &it], &["before", "after"]);
    for branch in ["main", "refs/heads/main"] {
        place.finds(&["--ref", branch], &["before", "after"]);
        let (code, answer) = place.user.json(&["impact", branch]);
        assert_eq!(
            (code, &answer["error"]["code"]),
            (Some(2), &json!("ambiguous")),
            "of which repository? {answer}"
        );
    }
    place.reaches("acme/new@main", &["after"]);
    // An environment has the name of a branch: it is meant.
    let seen = json!({"environment": "main", "action": "start", "at": "2026-11-01T08:00:00Z"});
    place.say("urn:custody:deployment:v1", &artifact("before"), &seen);
    assert_eq!(place.ask(&["trace", "main"])["resolved"]["kind"], "environment");
    // People review what they call by the branch alone.
    let review = json!({"repo": "acme/new", "commit": it, "ref": "main", "reviewers": ["bob"], "approved_at": "2026-11-01T08:00:00+02:00"});
    place.say("urn:custody:review:v1", &json!({"digest": {"gitCommit": it}}), &review);
    let found =
        place.ask(&["find", "--identity", "bob", "--ref", "acme/new@refs/heads/main", "--repo", "acme/new"]);
    assert_eq!(found["entries"].as_array().unwrap().len(), 1, "{found}");
}

#[test]
fn a_vulnerability_a_secret_and_a_recipient_are_found_by_their_names() {
    let place = Place::new();
    let scan = json!({
        "scanner": {"uri": "pkg:github/aquasecurity/trivy@0.69.3", "version": "0.69.3", "db": {}, "result": [{"id": "CVE-2026-33634"}, {"id": "GHSA-69fq-xp46-6x23"}]},
        "metadata": {"scanStartedOn": "2026-11-20T10:00:00Z", "scanFinishedOn": "2026-11-20T10:00:09Z"},
    });
    place.say("https://in-toto.io/attestation/vulns/v0.2", &artifact("scanned"), &scan);
    for id in ["CVE-2026-33634", "cve-2026-33634", "ghsa-69FQ-xp46-6x23"] {
        place.finds(&["--vulnerability", id], &["scanned"]);
        place.reaches(id, &["scanned"]);
    }
    place.run(
        "https://ci.test/s/1x",
        json!({"secrets": ["NPM_TOKEN"], "permissions": ["contents: write"], "audiences": ["sigstore"]}),
    );
    place.build("published", "https://ci.test/s/1x", &[]);
    place.reaches("NPM_TOKEN", &["published"]);
    let subject = json!({"name": "published", "digest": {"sha256": artifact_hex("published"), "sha512": super::long("published")}});
    place.say(
        "urn:custody:distribution:v1",
        &subject,
        &json!({"recipient": "customer", "at": "2026-11-20T10:00:00Z"}),
    );
    place.finds(&["--identity", "customer"], &["published", &format!("sha512:{}", super::long("published"))]);
    for thing in [digest("published"), format!("sha512:{}", super::long("published"))] {
        let answer = place.ask(&["impact", &thing]);
        let got = |reached: &&serde_json::Value| reached["kind"] == "identity" && reached["id"] == "customer";
        assert_eq!(answer["reached"].as_array().unwrap().iter().filter(got).count(), 1, "{answer}");
    }
    assert_eq!(named("secret", "NPM_TOKEN")["name"], "NPM_TOKEN");
}

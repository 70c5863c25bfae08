//! One repository in the ways in which git, CI systems and people write it, and commits of either hash.

use custody_tests::evidence::artifact_hex;
use serde_json::{Value, json};

use super::{Place, commit, named};

fn source(uri: &str, algorithm: &str, digest: &str) -> Value {
    json!({"uri": uri, "digest": {algorithm: digest}})
}

#[test]
fn a_build_is_found_by_its_commit_however_the_repository_is_written() {
    let place = Place::new();
    let it = commit("it");
    let written = [
        ("plain", "https://git.corp.test/acme/api", "gitCommit"),
        ("git", "https://git.corp.test/acme/api.git", "sha1"),
        ("whole", "https://git.corp.test/acme/api@refs/heads/main", "sha1"),
        ("ssh", "ssh://git@git.corp.test/acme/api", "sha1"),
        ("port", "ssh://git@git.corp.test:22/acme/api.git", "sha1"),
        ("scp", "git@git.corp.test:acme/api.git", "sha1"),
        ("plus", "git+ssh://git@git.corp.test/acme/api@main", "sha1"),
        ("case", "git+https://GIT.CORP.TEST/acme/api.git", "gitCommit"),
    ];
    let names = written.map(|(name, ..)| name);
    for (name, uri, algorithm) in written {
        let digits = if name == "case" { it.to_uppercase() } else { it.clone() };
        place.build(name, &format!("https://ci.test/{name}/1x"), &[source(uri, algorithm, &digits)]);
    }
    // A file has a sha1 too, and a commit of another repository is another one.
    let archive = "https://git.corp.test/acme/api/archive/v1.tgz";
    place.build("archive", "https://ci.test/a/1x", &[source(archive, "sha1", &it)]);
    let fork = "https://git.corp.test/mallory/api.git";
    place.build("fork", "https://ci.test/f/1x", &[source(fork, "sha1", &commit("theirs"))]);
    place.finds(&["--commit", &it], &names);
    place.reaches(&format!("gitCommit:{it}"), &names);
    for repository in [
        "https://git.corp.test/acme/api",
        "https://git.corp.test/acme/api.git/",
        "git@git.corp.test:acme/api.git",
        "ssh://git@git.corp.test/acme/api",
        "git+https://alice@Git.Corp.Test:443/acme/api",
    ] {
        place.finds(&["--repo", repository, "--predicate", "provenance"], &names);
        place.finds(&["--commit", &format!("{repository}@{it}")], &names);
    }
    place.reaches(&format!("https://git.corp.test/acme/api@{it}"), &names);
    for branch in ["https://git.corp.test/acme/api@main", "git@git.corp.test:acme/api@refs/heads/main"] {
        place.finds(&["--ref", branch], &["whole", "plus"]);
    }
}

#[test]
fn what_hosts_of_repositories_call_a_repository_has_commits_and_a_download_has_none() {
    let place = Place::new();
    let it = commit("hosted");
    for (name, uri) in [
        ("hub", "https://github.com/acme/api"),
        ("lab", "https://gitlab.com/acme/group/api"),
        ("bucket", "https://bitbucket.org/acme/api/"),
        ("release", "https://github.com/acme/api/releases/download/v1/app.tgz"),
        ("raw", "https://gitlab.com/acme/api/-/archive/v1/api.tgz"),
    ] {
        place.build(name, &format!("https://ci.test/{name}/1x"), &[source(uri, "sha1", &it)]);
    }
    place.finds(&["--commit", &it], &["hub", "lab", "bucket"]);
    place.reaches(&it, &["hub", "lab", "bucket"]);
    // Beside another digest it may be that of an archive.
    let both = json!({"uri": "https://github.com/acme/api", "digest": {"sha1": commit("both"), "sha256": artifact_hex("an archive")}});
    place.build("both", "https://ci.test/both/1x", &[both]);
    place.finds(&["--commit", &commit("both")], &[]);
    place.reaches(&super::digest("an archive"), &["both"]);
}

#[test]
fn a_commit_of_a_sha_256_repository_is_a_commit() {
    let place = Place::new();
    let it = artifact_hex("a commit of 64 digits");
    let uri = "git+https://git.corp.test/acme/new@refs/heads/main";
    place.build("new", "https://ci.test/n/1x", &[source(uri, "gitCommit", &it)]);
    let review = json!({"repo": "git@git.corp.test:acme/new.git", "commit": it.to_uppercase(), "reviewers": ["bob"], "approved_at": "2026-11-01T08:00:00Z"});
    place.say_by(2, "urn:custody:review:v1", &json!({"digest": {"gitCommit": it}}), &review);
    place.finds(&["--commit", &it, "--predicate", "provenance"], &["new"]);
    for thing in
        [it.clone(), it[..12].to_owned(), format!("gitCommit:{it}"), format!("git.corp.test/acme/new@{it}")]
    {
        place.reaches(&thing, &["new"]);
    }
    let traced = place.ask(&["trace", &super::digest("new")]);
    assert!(!super::texts(&traced["missing"]).contains(&"review".to_owned()), "{traced}");
    // Bytes with the same digits are another thing.
    place.finds(&["--subject", &format!("sha256:{it}")], &[]);
}

#[test]
fn a_run_is_found_by_what_its_page_is_called_in_a_browser() {
    let place = Place::new();
    let run = "https://github.com/acme/api/actions/runs/4711";
    place.build("app", &format!("{run}/attempts/2"), &[]);
    place.run(&format!("{run}/attempts/2"), json!({"conclusion": "success"}));
    place.run("https://github.com/acme/api/actions/runs/47110", json!({"conclusion": "success"}));
    let own = named("run", &format!("{run}/attempts/2"));
    let hex = own["digest"]["sha256"].as_str().unwrap();
    for page in ["", "/", "/job/991", "/job/991#step:4:12", "?pr=7", "/attempts/2", "/attempts/2#summary-1"] {
        let answer = place.ask(&["find", "--run", &format!("{run}{page}"), "--predicate", "run"]);
        let entries = answer["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 1, "{page}: {answer}");
        assert_eq!(entries[0]["subjects"], json!([format!("sha256:{hex}")]), "{page}");
        place.reaches(&format!("{run}{page}"), &["app"]);
    }
    place.finds(&["--run", &format!("{run}/attempts/3")], &[]);
}

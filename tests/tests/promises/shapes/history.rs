//! What changed and should not have, and what changes by design.

use custody_tests::evidence::artifact_hex;
use serde_json::json;

use super::{Place, artifact, commit, digest, named};

#[test]
fn a_tag_that_moves_and_moves_back_is_told_once_in_whatever_spelling() {
    let place = Place::new();
    let meant = |number: u32, reference: &str, what: &str| {
        let used = json!({"conclusion": "success", "resolved": [{"ref": reference, "digest": format!("gitCommit:{}", commit(what))}]});
        place.run(&format!("https://ci.test/t/{number}x"), used)
    };
    let since = meant(1, "acme/act@v1", "good");
    meant(2, "acme/act@v1", "good");
    meant(3, "acme/act@refs/tags/v1", "evil");
    meant(4, "acme/act@v1", "evil");
    meant(5, "acme/act@v1", "good");
    place.wrong(since, &[("tag_moved", "acme/act@refs/tags/v1")]);
    // Whoever watches the tag sees it too, and it was told.
    let seen = |what: &str, at: &str| {
        let said = json!({"repository": "github.com/acme/act", "tag": "v1", "digest": format!("gitCommit:{}", commit(what)), "observed_at": at});
        place.say(
            "urn:custody:tag:v1",
            &json!({"name": "acme/act@v1", "digest": {"gitCommit": commit(what)}}),
            &said,
        )
    };
    let since = seen("good", "2026-11-20T10:00:00Z");
    seen("evil", "2026-11-20T16:00:00Z");
    place.wrong(since, &[]);
    for spelling in ["github.com/acme/act:v1", "acme/act@v1"] {
        let found = place.ask(&["find", "--ref", spelling, "--predicate", "tag"]);
        assert_eq!(found["entries"].as_array().unwrap().len(), 2, "{spelling}");
    }
    // Of a tag that nobody used, those who watch it tell; of a branch, and of `latest`, nobody does.
    let watched = |repository: &str, tag: &str, algorithm: &str, what: &str| {
        let hex = if algorithm == "sha256" { artifact_hex(what) } else { commit(what) };
        let said = json!({"repository": repository, "tag": tag, "digest": format!("{algorithm}:{hex}"), "observed_at": "2026-11-20T10:00:00Z"});
        place.say("urn:custody:tag:v1", &json!({"name": "x", "digest": {algorithm: hex}}), &said)
    };
    for (repository, tag, algorithm, thing) in [
        ("git.test/acme/tool", "3", "gitCommit", Some("https://git.test/acme/tool@3")),
        ("ghcr.io/acme/api", "1.2.0", "sha256", Some("ghcr.io/acme/api:1.2.0")),
        ("ghcr.io/acme/api", "latest", "sha256", None),
        ("github.com/acme/tool", "main", "gitCommit", None),
    ] {
        let since = watched(repository, tag, algorithm, "before");
        watched(repository, tag, algorithm, "after");
        let wanted: Vec<(&str, &str)> = thing.map(|thing| ("tag_moved", thing)).into_iter().collect();
        place.wrong(since, &wanted);
    }
}

#[test]
fn a_rotated_key_is_told_where_it_signs_first_and_is_one_of_those_who_sign_from_then_on() {
    let place = Place::new();
    let build = |writer: usize, number: u32| {
        let run = format!("https://ci.test/a/{number}x");
        place.build_by(writer, &format!("ghcr.io/acme/api:1.{number}.0"), ("https://ci.test", &run), &[])
    };
    let since = build(0, 0);
    for number in 1..4 {
        build(0, number);
    }
    place.wrong(since, &[]);
    for number in 4..8 {
        build(1, number);
    }
    build(0, 8);
    place.wrong(since, &[("signer_change", &digest("ghcr.io/acme/api:1.4.0"))]);
    build(2, 9);
    let wanted = ["ghcr.io/acme/api:1.4.0", "ghcr.io/acme/api:1.9.0"].map(digest);
    place.wrong(since, &[("signer_change", &wanted[0]), ("signer_change", &wanted[1])]);
}

#[test]
fn a_renamed_repository_and_another_branch_of_the_workflow_are_nothing_new_and_a_strange_builder_is() {
    let place = Place::new();
    let build = |repository: &str, number: u32, reference: &str| {
        let workflow = format!("https://github.com/acme/{repository}/.github/workflows/r.yml@{reference}");
        let run = format!("https://github.com/acme/{repository}/actions/runs/5{number}/attempts/1");
        let source = json!({"uri": format!("git+https://github.com/acme/{repository}@{reference}"), "digest": {"gitCommit": commit(&number.to_string())}});
        place.build_by(0, &format!("ghcr.io/acme/app:1.{number}.0"), (&workflow, &run), &[source])
    };
    let since = build("old", 0, "refs/heads/main");
    build("old", 1, "refs/tags/v1.1.0");
    build("old", 2, "refs/heads/main");
    build("old", 3, "refs/tags/v1.3.0");
    for number in 4..8 {
        build("new", number, "refs/heads/main");
    }
    place.wrong(since, &[]);
    let source = json!({"uri": "git+https://github.com/acme/new@refs/heads/main", "digest": {"gitCommit": commit("x")}});
    let since = place.build_by(
        0,
        "ghcr.io/acme/app:1.9.0",
        ("https://evil.test/agent", "https://evil.test/1x"),
        &[source],
    );
    place.wrong(since, &[("new_builder", "https://evil.test/agent")]);
}

#[test]
fn runs_are_counted_once_however_many_records_tell_of_them() {
    let place = Place::new();
    let run = |number: u32, attempt: u32| {
        format!("https://github.com/acme/cnt/actions/runs/{}/attempts/{attempt}", number * 13)
    };
    for number in 1..6 {
        place.run(
            &run(number, 1),
            json!({"conclusion": "success", "at": format!("2026-11-20T10:0{number}:00Z")}),
        );
        let source = json!({"uri": "git+https://github.com/acme/cnt@refs/heads/main", "digest": {"gitCommit": commit("cnt")}});
        place.build(&format!("cnt{number}"), &run(number, 1), &[source]);
    }
    place.run(&run(5, 2), json!({"conclusion": "success", "at": "2026-11-20T11:00:00Z"}));
    let day = json!({"from": "2026-11-20T00:00:00Z", "to": "2027-11-21T00:00:00Z"});
    let expect = |source: &str, count: u32| {
        let said = json!({"source": source, "period": day, "count": count});
        place.say("urn:custody:expected:v1", &named("identity", source), &said)
    };
    for source in ["https://github.com/acme/cnt", "https://github.com/acme/cnt/actions/runs"] {
        let since = expect(source, 5);
        place.wrong(since, &[]);
        let since = expect(source, 7);
        place.wrong(since, &[("count_gap", source)]);
    }
    // Of a writer the records are counted.
    let key = format!("key:{}", place.ledger.writers[1].public().id());
    place.say_by(1, "https://example.com/x", &artifact("one"), &json!({}));
    let since = expect(&key, 1);
    place.wrong(since, &[]);
    let since = expect(&key, 2);
    place.wrong(since, &[("count_gap", &key)]);
}

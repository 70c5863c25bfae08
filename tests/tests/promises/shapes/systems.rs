//! Runs of several CI systems, with the words that each of them has, and envelopes with two signers.

use serde_json::{Value, json};

use custody_tests::evidence::envelope;
use custody_tests::wire::Caller;

use super::{Place, V1, artifact, commit, digest};

#[test]
fn each_ci_system_says_in_its_own_words_that_a_run_failed_was_stopped_or_was_of_a_request() {
    let place = Place::new();
    let runs = [
        ("https://jenkins.corp.test/job/api/12/", "FAILURE", "SCM", Some("failed_run")),
        ("https://jenkins.corp.test/job/api/13/", "ABORTED", "SCM", Some("failed_run")),
        ("https://jenkins.corp.test/job/api/14/", "SUCCESS", "SCM", None),
        ("https://gitlab.com/acme/api/-/pipelines/5", "failed", "push", Some("failed_run")),
        ("https://gitlab.com/acme/api/-/pipelines/6", "canceled", "push", Some("failed_run")),
        (
            "https://gitlab.com/acme/api/-/pipelines/7",
            "success",
            "external_pull_request_event",
            Some("fork_run"),
        ),
        ("https://buildkite.com/acme/api/builds/8", "passed", "webhook", None),
        (
            "https://tekton.corp.test/ns/release/pipelineruns/api-1",
            "PipelineRunTimeout",
            "manual",
            Some("failed_run"),
        ),
        (
            "https://tekton.corp.test/ns/release/pipelineruns/api-2",
            "Succeeded",
            "pull-request",
            Some("fork_run"),
        ),
        ("https://tekton.corp.test/ns/release/pipelineruns/api-3", "Completed", "push", None),
        (
            "https://github.com/acme/api/actions/runs/91/attempts/1",
            "timed_out",
            "schedule",
            Some("failed_run"),
        ),
        (
            "https://github.com/acme/api/actions/runs/92/attempts/2",
            "success",
            "pull_request_target",
            Some("fork_run"),
        ),
        ("https://github.com/acme/api/actions/runs/93/attempts/1", "skipped", "push", None),
    ];
    for (run, conclusion, trigger, found) in runs {
        let name = format!("of {run}");
        place.build(&name, run.trim_end_matches('/'), &[]);
        let since = place.run(run, json!({"conclusion": conclusion, "trigger": trigger}));
        let evil = digest(&name);
        let wanted: Vec<(&str, &str)> = found.map(|kind| (kind, evil.as_str())).into_iter().collect();
        place.wrong(since, &wanted);
        place.finds(&["--run", run, "--predicate", "provenance"], &[&name]);
    }
}

#[test]
fn a_second_attempt_that_went_well_is_no_failure_and_what_the_first_one_made_is() {
    let place = Place::new();
    let run = "https://github.com/acme/api/actions/runs/11";
    let since = place.build("first", &format!("{run}/attempts/1"), &[]);
    place.run(&format!("{run}/attempts/1"), json!({"conclusion": "failure"}));
    place.build("second", &format!("{run}/attempts/2"), &[]);
    place.run(&format!("{run}/attempts/2"), json!({"conclusion": "success"}));
    place.wrong(since, &[("failed_run", &digest("first"))]);
    place.reaches(run, &["first", "second"]);
    place.reaches(&format!("{run}/attempts/2"), &["second"]);
}

#[test]
fn what_a_reusable_workflow_built_is_found_by_its_builder_at_the_reference_and_by_the_callers_repository() {
    let place = Place::new();
    let shared = "https://github.com/acme/workflows/.github/workflows/build.yml@refs/tags/v3";
    let build = |name: &str, caller: &str, builder: &str| {
        let source = json!({"uri": format!("git+https://github.com/acme/{caller}@refs/heads/main"), "digest": {"gitCommit": commit(caller)}});
        let predicate = json!({
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": {"workflow": {"ref": "refs/heads/main", "repository": format!("https://github.com/acme/{caller}"), "path": ".github/workflows/release.yml"}},
                "internalParameters": {"github": {"event_name": "push", "runner_environment": "self-hosted"}},
                "resolvedDependencies": [source],
            },
            "runDetails": {"builder": {"id": builder}, "metadata": {"invocationId": format!("https://github.com/acme/{caller}/actions/runs/1/attempts/1")}},
        });
        place.say(V1, &artifact(name), &predicate)
    };
    build("one", "one", shared);
    build("two", "two", shared);
    build("own", "own", "https://github.com/acme/own/.github/workflows/release.yml@refs/heads/main");
    place.finds(&["--builder", shared], &["one", "two"]);
    place.reaches(shared, &["one", "two"]);
    for name in ["one", "two", "own"] {
        place.finds(&["--repo", &format!("acme/{name}")], &[name]);
        place.finds(&["--commit", &commit(name)], &[name]);
    }
}

#[test]
fn what_two_signed_is_found_by_each_and_is_trusted_as_long_as_one_of_them_is() {
    let place = Place::new();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": [artifact("app")], "predicateType": V1,
        "predicate": {"buildDefinition": {"buildType": "https://ci.test/build", "externalParameters": {}}, "runDetails": {"builder": {"id": "https://ci.test"}, "metadata": {"invocationId": "https://ci.test/a/1x"}}},
    });
    let [one, two] = [&place.ledger.writers[0], &place.ledger.writers[1]];
    Caller::of(&place.server).record(&envelope(&statement, &[one, two])).unwrap();
    let [one, two] = [one, two].map(|key| format!("key:{}", key.public().id()));
    for key in [&one, &two] {
        place.finds(&["--signer", key], &["app"]);
        place.reaches(key, &["app"]);
    }
    let check = || place.ask(&["find", "--subject", &digest("app")])["entries"][0]["check"].clone();
    assert_eq!(check(), "verified");
    place.administer(&["distrust", &one, "--since", "unknown", "--reason", "stolen"]);
    assert_eq!(check(), "verified");
    place.administer(&["distrust", &two, "--since", "unknown", "--reason", "stolen"]);
    assert_eq!(check(), "distrusted");
}

#[test]
fn which_builds_used_a_tool_in_a_time_is_told_by_its_version_its_bytes_and_its_address() {
    let place = Place::new();
    let build = |name: &str, ended: &str, used: Value| {
        let predicate = json!({
            "buildDefinition": {"buildType": "https://ci.test/build", "externalParameters": {}, "resolvedDependencies": [used]},
            "runDetails": {"builder": {"id": "https://ci.test"}, "metadata": {"invocationId": format!("https://ci.test/{name}/x"), "startedOn": "2026-11-01T00:00:00Z", "finishedOn": ended}},
        });
        place.say(V1, &artifact(name), &predicate)
    };
    let tool = |hex: &str| json!({"uri": "https://get.tool.test/install.sh", "name": "installer", "digest": {"sha256": custody_tests::evidence::artifact_hex(hex)}});
    build("good", "2026-11-10T10:00:00Z", tool("good installer"));
    build("bad", "2026-11-11T10:00:00.75+05:30", tool("bad installer"));
    build("late", "2026-11-12T10:00:00Z", tool("bad installer"));
    build(
        "compiler",
        "2026-11-11T10:00:00Z",
        json!({"uri": "pkg:generic/gcc@14.2.0", "digest": {"sha256": custody_tests::evidence::artifact_hex("gcc")}}),
    );
    let address = "https://get.tool.test/install.sh";
    place.finds(&["--ref", address], &["good", "bad", "late"]);
    place.finds(
        &["--ref", address, "--since", "2026-11-11T04:30:00.75Z", "--until", "2026-11-11T04:30:00.750001Z"],
        &["bad"],
    );
    place.reaches(&digest("bad installer"), &["bad", "late"]);
    let answer = place.ask(&["impact", &digest("bad installer"), "--until", "2026-11-12T00:00:00Z"]);
    let reached: Vec<&str> = answer["reached"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["kind"] == "artifact")
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(reached, [digest("bad")], "{answer}");
    place.finds(&["--component", "pkg:generic/gcc@14.2.0"], &["compiler"]);
    place.reaches("pkg:generic/gcc@14.2.0", &["compiler"]);
}

//! Builds as their tools describe them.

use custody_tests::evidence::artifact_hex;
use serde_json::{Value, json};

use super::{Place, V1, V02, artifact, commit, digest, named};

/// As slsa-github-generator wrote version 0.2.
fn generator(repository: &str, reference: &str, run: &str, event: &str) -> Value {
    let source = json!({"uri": format!("git+https://github.com/{repository}@{reference}"), "digest": {"sha1": commit(repository)}});
    let mut config = source.clone();
    config["entryPoint"] = ".github/workflows/release.yml".into();
    json!({
        "builder": {"id": "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_generic_slsa3.yml@refs/tags/v1.4.0"},
        "buildType": "https://github.com/slsa-framework/slsa-github-generator/generic@v1",
        "invocation": {"configSource": config, "parameters": {}, "environment": {"github_event_name": event, "github_run_attempt": "1"}},
        "metadata": {"buildInvocationID": format!("{run}-1"), "completeness": {"parameters": true, "environment": false}},
        "materials": [source],
    })
}

#[test]
fn provenance_of_version_0_2_answers_by_commit_repository_run_and_tag() {
    let place = Place::new();
    place.say(V02, &artifact("app"), &generator("acme/old", "refs/tags/v1.0.0", "123", "push"));
    place.say(V02, &artifact("other"), &generator("acme/other", "refs/heads/main", "7", "push"));
    place.finds(&["--commit", &commit("acme/old").to_uppercase()], &["app"]);
    for repository in ["https://github.com/acme/old", "git@github.com:acme/old.git", "acme/old"] {
        place.finds(&["--repo", repository], &["app"]);
    }
    let run = "https://github.com/acme/old/actions/runs/123";
    for run in [run, &format!("{run}/"), &format!("{run}/attempts/1")] {
        place.finds(&["--run", run], &["app"]);
        place.reaches(run, &["app"]);
    }
    place.finds(&["--run", &format!("{run}/attempts/2")], &[]);
    for reference in
        ["refs/tags/v1.0.0", "v1.0.0", "acme/old@v1.0.0", "git+https://github.com/acme/old@v1.0.0"]
    {
        place.finds(&["--ref", reference], &["app"]);
        place.reaches(reference, &["app"]);
    }
    place.finds(&["--ref", "refs/heads/v1.0.0"], &[]);
    place.reaches(&commit("acme/old"), &["app"]);
    place.reaches(&format!("acme/old@{}", commit("acme/old")), &["app"]);
}

#[test]
fn a_run_that_failed_is_found_by_its_whole_and_by_its_attempts() {
    let place = Place::new();
    let run = |number: u32| format!("https://github.com/acme/api/actions/runs/{number}");
    place.build("whole", &format!("{}/attempts/1", run(1)), &[]);
    let since = place.run(&run(1), json!({"conclusion": "failure", "trigger": "push"}));
    place.wrong(since, &[("failed_run", &digest("whole"))]);
    // The second attempt made it, and went well; the whole is as its last attempt.
    let since = place.run(&format!("{}/attempts/1", run(2)), json!({"conclusion": "failure"}));
    place.run(&format!("{}/attempts/2", run(2)), json!({"conclusion": "success"}));
    place.build("again", &format!("{}/attempts/2", run(2)), &[]);
    place.wrong(since, &[]);
    let since = place.build("stopped", &format!("{}/attempts/3", run(3)), &[]);
    place.run(&format!("{}/attempts/3", run(3)), json!({"conclusion": "canceled"}));
    place.wrong(since, &[("failed_run", &digest("stopped"))]);
    // By whom the run was started, the older provenance says in its environment.
    let since = place.say(
        V02,
        &artifact("forked"),
        &generator("acme/fork", "refs/pull/5/merge", "77", "pull_request"),
    );
    place.wrong(since, &[("fork_run", &digest("forked"))]);
    let job = "https://gitlab.com/acme/mr/-/jobs/5";
    let since = place.say(V1, &artifact("merged"), &gitlab("acme/mr", "5"));
    place.run(job, json!({"conclusion": "success", "trigger": "merge_request_event"}));
    place.wrong(since, &[("fork_run", &digest("merged"))]);
    // Runs are found by the repository that their URL is of.
    let hex = |run: &str| named("run", run)["digest"]["sha256"].as_str().unwrap().to_owned();
    let answer = place.ask(&["find", "--repo", "https://gitlab.com/acme/mr", "--predicate", "run"]);
    assert_eq!(answer["entries"][0]["subjects"], json!([format!("sha256:{}", hex(job))]));
}

/// As GitLab's runner writes it.
fn gitlab(project: &str, job: &str) -> Value {
    let url = format!("https://gitlab.com/{project}");
    json!({
        "buildDefinition": {
            "buildType": "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/1.2.3/PROVENANCE.md",
            "externalParameters": {"source": url, "entryPoint": "build-job", "variables": {}},
            "internalParameters": {"architecture": "amd64", "executor": "docker", "job": job, "name": "runner"},
            "resolvedDependencies": [{"uri": url, "digest": {"sha256": commit(project)}}],
        },
        "runDetails": {
            "builder": {"id": format!("{url}/-/runners/15")},
            "metadata": {"invocationId": job, "startedOn": "2026-11-20T10:00:00Z", "finishedOn": "2026-11-20T12:05:00.5+02:00"},
        },
    })
}

#[test]
fn gitlab_and_tekton_answer_by_commit_job_base_image_and_time() {
    let place = Place::new();
    place.say(V1, &artifact("gl"), &gitlab("acme/gl", "77"));
    place.finds(&["--commit", &commit("acme/gl")], &["gl"]);
    place.finds(&["--run", "https://gitlab.com/acme/gl/-/jobs/77"], &["gl"]);
    let within = |since: &str, until: &str, names: &[&str]| {
        place.finds(&["--repo", "git@gitlab.com:acme/gl.git", "--since", since, "--until", until], names);
    };
    within("2026-11-20T10:05:00Z", "2026-11-20T10:05:01Z", &["gl"]);
    within("2026-11-20T11:05:00+01:00", "2026-11-20T11:05:01+01:00", &["gl"]);
    within("2026-11-20T12:05:00Z", "2026-11-20T12:06:00Z", &[]);

    // As Tekton Chains writes it: the digest in upper case, the image by an OCI URL without a tag.
    let subject =
        json!({"name": "registry.test/tk", "digest": {"sha256": artifact_hex("tk").to_uppercase()}});
    place.say(V02, &subject, &json!({
        "builder": {"id": "https://tekton.dev/chains/v2"}, "buildType": "tekton.dev/v1beta1/TaskRun",
        "invocation": {"configSource": {}, "parameters": {"IMAGE": "x"}, "environment": {"labels": {"tekton.dev/task": "build"}}},
        "buildConfig": {"steps": [{"entryPoint": "", "image": "docker.io/library/golang"}]},
        "metadata": {"buildStartedOn": "2026-11-20T10:00:00Z", "buildFinishedOn": "2026-11-20T10:10:00Z", "reproducible": false},
        "materials": [
            {"uri": "oci://docker.io/library/golang", "digest": {"sha256": artifact_hex("golang")}},
            {"uri": "git+https://github.com/acme/tk.git", "digest": {"sha1": commit("tk")}},
        ],
    }));
    place.say(V1, &artifact("tk1"), &json!({
        "buildDefinition": {
            "buildType": "https://tekton.dev/chains/v2/slsa", "externalParameters": {"runSpec": {"pipelineRef": {"name": "p"}}}, "internalParameters": {},
            "resolvedDependencies": [
                {"name": "pipeline", "uri": "git+https://github.com/tektoncd/catalog", "digest": {"sha1": commit("catalog")}},
                {"name": "inputs/result", "uri": "git+https://github.com/acme/tk1.git", "digest": {"sha1": commit("tk1")}},
            ],
        },
        "runDetails": {"builder": {"id": "https://tekton.dev/chains/v2"}, "metadata": {"invocationId": "b1c2"}, "byproducts": []},
    }));
    place.finds(&["--commit", &commit("tk")], &["tk"]);
    place.finds(&["--subject", &format!("SHA256:{}", artifact_hex("tk").to_uppercase())], &["tk"]);
    place.reaches(&digest("golang"), &["tk"]);
    place.reaches("docker.io/library/golang", &["tk"]);
    place.reaches(&commit("catalog"), &["tk1"]);
    place.reaches("https://tekton.dev/chains/v2", &["tk", "tk1"]);
}

#[test]
fn an_image_of_several_platforms_is_found_by_each_digest_and_by_its_name() {
    let place = Place::new();
    let platform = |name: &str, of: &str| json!({"name": format!("pkg:docker/acme/multi@1.0{of}"), "digest": {"sha256": artifact_hex(name)}});
    let subjects = json!([
        platform("amd", "?platform=linux%2Famd64"),
        platform("arm", "?platform=linux%2Farm64"),
        platform("index", ""),
    ]);
    place.say(V1, &subjects, &json!({
        "buildDefinition": {
            "buildType": "https://mobyproject.org/buildkit@v1",
            "externalParameters": {"configSource": {"uri": "https://github.com/acme/multi.git#refs/tags/v1.0", "digest": {"sha1": commit("multi")}, "path": "Dockerfile"}},
            "resolvedDependencies": [{"uri": "pkg:docker/alpine@3.20?platform=linux%2Famd64", "digest": {"sha256": artifact_hex("alpine")}}],
        },
        "runDetails": {"builder": {"id": ""}, "metadata": {"invocationId": "abc123", "startedOn": "2026-11-01T08:00:00Z"}},
    }));
    let all = ["amd", "arm", "index"];
    place.reaches(&commit("multi"), &all);
    place.finds(&["--ref", "acme/multi@v1.0"], &all);
    place.finds(&["--component", "pkg:docker/alpine@3.20"], &all);
    place.reaches(&digest("alpine"), &all);
    place.finds(&["--component", "pkg:docker/acme/multi@1.0"], &all);
    let seen = json!({"environment": "e", "at": "2026-11-02T09:00:00Z", "running": [{"digest": digest("amd")}, {"digest": digest("arm")}]});
    place.say("urn:custody:snapshot:v1", &json!([artifact("amd"), artifact("arm")]), &seen);
    let running = place.ask(&["env", "show", "e"]);
    assert!(
        running["running"].as_array().unwrap().iter().all(|running| running["evidence"] == "trusted"),
        "{running}"
    );
    let reached = place.ask(&["impact", "pkg:docker/alpine@3.20"]);
    let live = reached["reached"].as_array().unwrap().iter().filter(|reached| reached["live"] != json!([]));
    assert_eq!(live.count(), 2, "{reached}");
}

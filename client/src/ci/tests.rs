use super::*;

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const SHA: &str = "16d9990a7c1b6a3f1e9d2c4b5a69788f9e0d1c2b";

const GITHUB: &[(&str, &str)] = &[
    ("CI", "true"),
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_EVENT_NAME", "push"),
    ("GITHUB_REF", "refs/heads/main"),
    ("GITHUB_REF_NAME", "main"),
    ("GITHUB_REPOSITORY", "acme/api"),
    ("GITHUB_REPOSITORY_ID", "123456"),
    ("GITHUB_REPOSITORY_OWNER_ID", "654321"),
    ("GITHUB_RUN_ATTEMPT", "2"),
    ("GITHUB_RUN_ID", "4711"),
    ("GITHUB_SERVER_URL", "https://github.com"),
    ("GITHUB_SHA", SHA),
    ("GITHUB_WORKFLOW_REF", "acme/api/.github/workflows/release.yml@refs/heads/main"),
    ("RUNNER_ENVIRONMENT", "github-hosted"),
];

const GITLAB: &[(&str, &str)] = &[
    ("CI", "true"),
    ("GITLAB_CI", "true"),
    ("CI_COMMIT_BRANCH", "main"),
    ("CI_COMMIT_REF_PROTECTED", "true"),
    ("CI_COMMIT_SHA", SHA),
    ("CI_CONFIG_PATH", ".gitlab-ci.yml"),
    ("CI_JOB_ID", "81"),
    ("CI_JOB_NAME", "build"),
    ("CI_JOB_STARTED_AT", "2026-11-20T13:00:05Z"),
    ("CI_JOB_URL", "https://gitlab.com/acme/api/-/jobs/81"),
    ("CI_PIPELINE_SOURCE", "push"),
    ("CI_PIPELINE_URL", "https://gitlab.com/acme/api/-/pipelines/80"),
    ("CI_PROJECT_ID", "77"),
    ("CI_PROJECT_NAMESPACE_ID", "7"),
    ("CI_PROJECT_URL", "https://gitlab.com/acme/api"),
    ("CI_REPOSITORY_URL", "https://gitlab-ci-token:glcbt-secret@gitlab.com/acme/api.git"),
    ("CI_RUNNER_ID", "12"),
];

const JENKINS: &[(&str, &str)] = &[
    ("BRANCH_NAME", "main"),
    ("BUILD_NUMBER", "42"),
    ("BUILD_URL", "https://ci.example.com/job/api/job/main/42/"),
    ("GIT_BRANCH", "main"),
    ("GIT_COMMIT", SHA),
    ("GIT_URL", "https://robot:hunter2@git.example.com/acme/api.git"),
    ("JENKINS_URL", "https://ci.example.com/"),
    ("JOB_NAME", "api/main"),
    ("NODE_NAME", "agent-3"),
];

const BUILDKITE: &[(&str, &str)] = &[
    ("CI", "true"),
    ("BUILDKITE", "true"),
    ("BUILDKITE_AGENT_ID", "agent-id"),
    ("BUILDKITE_BRANCH", "main"),
    ("BUILDKITE_BUILD_ID", "build-id"),
    ("BUILDKITE_BUILD_URL", "https://buildkite.com/acme/api/builds/9"),
    ("BUILDKITE_COMMIT", SHA),
    ("BUILDKITE_JOB_ID", "job-id"),
    ("BUILDKITE_ORGANIZATION_SLUG", "acme"),
    ("BUILDKITE_PIPELINE_ID", "pipeline-id"),
    ("BUILDKITE_PIPELINE_SLUG", "api"),
    ("BUILDKITE_PULL_REQUEST", "false"),
    ("BUILDKITE_REPO", "git@github.com:acme/api.git"),
    ("BUILDKITE_RETRY_COUNT", "0"),
    ("BUILDKITE_SOURCE", "webhook"),
];

const CIRCLECI: &[(&str, &str)] = &[
    ("CI", "true"),
    ("CIRCLECI", "true"),
    ("CIRCLE_BRANCH", "main"),
    ("CIRCLE_BUILD_URL", "https://circleci.com/gh/acme/api/5"),
    ("CIRCLE_JOB", "build"),
    ("CIRCLE_REPOSITORY_URL", "git@github.com:acme/api.git"),
    ("CIRCLE_SHA1", SHA),
    ("CIRCLE_WORKFLOW_ID", "workflow-id"),
];

fn detected(pairs: &[(&str, &str)]) -> Job {
    detect(&variables(pairs)).unwrap()
}

/// As `detected`, with some variables set otherwise; an empty value unsets.
fn changed(pairs: &[(&str, &str)], changes: &[(&str, &str)]) -> Job {
    detected(&[pairs, changes].concat())
}

#[test]
fn github_actions() {
    let job = detected(GITHUB);
    assert_eq!(job.system, System::GitHubActions);
    assert_eq!(
        job.summary().join("\n"),
        "repo https://github.com/acme/api (GITHUB_REPOSITORY)\n\
         commit 16d9990a7c1b6a3f1e9d2c4b5a69788f9e0d1c2b (GITHUB_SHA)\n\
         ref refs/heads/main (GITHUB_REF)\n\
         run https://github.com/acme/api/actions/runs/4711/attempts/2 (GITHUB_RUN_ID)\n\
         builder https://github.com/acme/api/.github/workflows/release.yml@refs/heads/main (GITHUB_WORKFLOW_REF)"
    );
    assert_eq!(job.definition.unwrap().value, ".github/workflows/release.yml");
    assert_eq!(job.internal.len(), 4);
}

#[test]
fn github_pull_requests_and_enterprise_servers() {
    let job = changed(
        GITHUB,
        &[("GITHUB_REF", "refs/pull/7/merge"), ("GITHUB_SERVER_URL", "https://ghe.example.com")],
    );
    assert_eq!(job.change.unwrap().value, "https://ghe.example.com/acme/api/pull/7");
    assert_eq!(job.repository.unwrap().value.as_str(), "https://ghe.example.com/acme/api");
}

#[test]
fn gitlab() {
    let job = detected(GITLAB);
    assert_eq!(job.system, System::GitLab);
    assert_eq!(
        job.summary().join("\n"),
        "repo https://gitlab.com/acme/api (CI_PROJECT_URL)\n\
         commit 16d9990a7c1b6a3f1e9d2c4b5a69788f9e0d1c2b (CI_COMMIT_SHA)\n\
         ref refs/heads/main (CI_COMMIT_BRANCH)\n\
         run https://gitlab.com/acme/api/-/jobs/81 (CI_JOB_URL)\n\
         builder https://gitlab.com/acme/api/-/runners/12 (CI_RUNNER_ID)"
    );
    assert_eq!(job.started.unwrap().value.to_string(), "2026-11-20T13:00:05.000000Z");
}

#[test]
fn gitlab_tags_and_merge_requests() {
    let tag = changed(GITLAB, &[("CI_COMMIT_BRANCH", ""), ("CI_COMMIT_TAG", "v1.2.3")]);
    assert_eq!(tag.reference.unwrap().value, "refs/tags/v1.2.3");
    let merge = changed(
        GITLAB,
        &[
            ("CI_COMMIT_BRANCH", ""),
            ("CI_MERGE_REQUEST_IID", "3"),
            ("CI_MERGE_REQUEST_REF_PATH", "refs/merge-requests/3/head"),
        ],
    );
    assert_eq!(merge.reference.unwrap().value, "refs/merge-requests/3/head");
    assert_eq!(merge.change.unwrap().value, "https://gitlab.com/acme/api/-/merge_requests/3");
}

#[test]
fn jenkins() {
    let job = detected(JENKINS);
    assert_eq!(job.system, System::Jenkins);
    assert_eq!(
        job.summary().join("\n"),
        "repo https://git.example.com/acme/api (GIT_URL)\n\
         commit 16d9990a7c1b6a3f1e9d2c4b5a69788f9e0d1c2b (GIT_COMMIT)\n\
         ref refs/heads/main (BRANCH_NAME)\n\
         run https://ci.example.com/job/api/job/main/42/ (BUILD_URL)\n\
         builder https://ci.example.com/ (JENKINS_URL)"
    );
}

#[test]
fn jenkins_names_refs_in_four_ways() {
    let reference = |changes: &[(&str, &str)]| changed(JENKINS, changes).reference.map(|found| found.value);
    assert_eq!(reference(&[("TAG_NAME", "v1")]).unwrap(), "refs/tags/v1");
    let plain = [("BRANCH_NAME", ""), ("GIT_BRANCH", "origin/release/1.x")];
    assert_eq!(reference(&plain).unwrap(), "refs/heads/release/1.x");
    let change =
        [("CHANGE_ID", "7"), ("CHANGE_URL", "https://github.com/acme/api/pull/7"), ("BRANCH_NAME", "PR-7")];
    assert_eq!(reference(&change).unwrap(), "refs/pull/7/head");
    let unknown =
        [("CHANGE_ID", "7"), ("CHANGE_URL", "https://forge.example/changes/7"), ("BRANCH_NAME", "PR-7")];
    assert_eq!(reference(&unknown), None);
    assert_eq!(reference(&[("BRANCH_NAME", ""), ("GIT_BRANCH", "detached")]), None);
}

#[test]
fn buildkite() {
    let job = detected(BUILDKITE);
    assert_eq!(job.system, System::Buildkite);
    assert_eq!(
        job.summary().join("\n"),
        "repo https://github.com/acme/api (BUILDKITE_REPO)\n\
         commit 16d9990a7c1b6a3f1e9d2c4b5a69788f9e0d1c2b (BUILDKITE_COMMIT)\n\
         ref refs/heads/main (BUILDKITE_BRANCH)\n\
         run https://buildkite.com/acme/api/builds/9#job-id (BUILDKITE_BUILD_URL)\n\
         builder https://buildkite.com/acme/api (BUILDKITE_PIPELINE_SLUG)"
    );
    assert_eq!(changed(BUILDKITE, &[("BUILDKITE_COMMIT", "HEAD")]).commit, None);
    let pull = changed(BUILDKITE, &[("BUILDKITE_PULL_REQUEST", "12")]);
    assert_eq!(pull.change.unwrap().value, "https://github.com/acme/api/pull/12");
}

#[test]
fn circleci() {
    let job = detected(CIRCLECI);
    assert_eq!(job.system, System::CircleCi);
    assert_eq!(
        job.summary().join("\n"),
        "repo https://github.com/acme/api (CIRCLE_REPOSITORY_URL)\n\
         commit 16d9990a7c1b6a3f1e9d2c4b5a69788f9e0d1c2b (CIRCLE_SHA1)\n\
         ref refs/heads/main (CIRCLE_BRANCH)\n\
         run https://circleci.com/gh/acme/api/5 (CIRCLE_BUILD_URL)\n\
         builder https://circleci.com/github.com/acme/api (CIRCLE_REPOSITORY_URL)"
    );
}

#[test]
fn an_unknown_system_is_generic_and_a_workstation_is_none() {
    let job = detected(&[("CI", "true")]);
    assert_eq!((job.system, job.summary().len()), (System::Generic, 0));
    for none in
        [&[][..], &[("CI", "")], &[("CI", "false")], &[("GITHUB_ACTIONS", "false")], &[("JENKINS_URL", "x")]]
    {
        assert_eq!(detect(&variables(none)), None, "{none:?}");
    }
}

#[test]
fn no_token_of_a_ci_system_is_read() {
    for pairs in [GITHUB, GITLAB, JENKINS, BUILDKITE, CIRCLECI] {
        let text = format!("{:?}", detected(pairs));
        assert!(!text.contains("secret") && !text.contains("hunter2") && !text.contains("robot"), "{text}");
    }
}

#[test]
fn values_that_do_not_parse_count_as_missing() {
    let job = changed(GITHUB, &[("GITHUB_SHA", "HEAD"), ("GITHUB_REPOSITORY", ""), ("GITHUB_REF", "main")]);
    assert_eq!((job.commit, job.repository, job.reference, job.run), (None, None, None, None));
}

#[test]
fn says_what_was_looked_for() {
    assert_eq!(looked_for(Some(System::GitLab), Fact::Commit), "CI_COMMIT_SHA");
    for system in [None, Some(System::Generic)] {
        let all = looked_for(system, Fact::Commit);
        for name in ["GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT", "BUILDKITE_COMMIT", "CIRCLE_SHA1"] {
            assert!(all.contains(name), "{name}");
        }
    }
}

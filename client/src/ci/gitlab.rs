//! GitLab CI: <https://docs.gitlab.com/ci/variables/predefined_variables/>.
//!
//! For a merge request from a fork the `CI_PROJECT_*` variables name the project where the pipeline runs, which is
//! where the commit can be fetched.

use super::{Fact, Found, Job, System, Variables, tag_or_branch};

pub(super) fn variable(fact: Fact) -> &'static str {
    match fact {
        Fact::Builder => "CI_RUNNER_ID",
        Fact::Change => "CI_MERGE_REQUEST_IID",
        Fact::Commit => "CI_COMMIT_SHA",
        Fact::Reference => "CI_COMMIT_TAG, CI_COMMIT_BRANCH, CI_MERGE_REQUEST_REF_PATH",
        Fact::Repository => "CI_PROJECT_URL",
        Fact::Run => "CI_JOB_URL",
    }
}

pub(super) fn detect(variables: &Variables) -> Option<Job> {
    if !variables.is_true("GITLAB_CI") {
        return None;
    }
    let project = variables.get("CI_PROJECT_URL");
    let reference = tag_or_branch(variables, "CI_COMMIT_TAG", "CI_COMMIT_BRANCH")
        .or_else(|| variables.found("CI_MERGE_REQUEST_REF_PATH"));
    let builder = project
        .zip(variables.get("CI_RUNNER_ID"))
        .map(|(url, runner)| Found { value: format!("{url}/-/runners/{runner}"), variable: "CI_RUNNER_ID" });
    let target = variables.get("CI_MERGE_REQUEST_PROJECT_URL").or(project);
    let change = target.zip(variables.get("CI_MERGE_REQUEST_IID")).map(|(url, number)| Found {
        value: format!("{url}/-/merge_requests/{number}"),
        variable: "CI_MERGE_REQUEST_IID",
    });
    Some(Job {
        repository: variables.parsed("CI_PROJECT_URL"),
        commit: variables.parsed("CI_COMMIT_SHA"),
        reference,
        run: variables.found("CI_JOB_URL"),
        started: variables.time("CI_JOB_STARTED_AT"),
        builder,
        definition: variables.found("CI_CONFIG_PATH"),
        change,
        internal: internal(variables),
        ..Job::of(System::GitLab)
    })
}

fn internal(variables: &Variables) -> Vec<(&'static str, Found<String>)> {
    [
        ("pipeline_source", "CI_PIPELINE_SOURCE"),
        ("pipeline_url", "CI_PIPELINE_URL"),
        ("project_id", "CI_PROJECT_ID"),
        ("namespace_id", "CI_PROJECT_NAMESPACE_ID"),
        ("ref_protected", "CI_COMMIT_REF_PROTECTED"),
        ("job_name", "CI_JOB_NAME"),
    ]
    .into_iter()
    .filter_map(|(member, variable)| Some((member, variables.found(variable)?)))
    .collect()
}

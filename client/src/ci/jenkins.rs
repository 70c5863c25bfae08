//! Jenkins: <https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables>, with the variables
//! of its git and branch source plugins.

use super::{Fact, Found, Job, System, Variables};

pub(super) fn variable(fact: Fact) -> &'static str {
    match fact {
        Fact::Builder => "JENKINS_URL",
        Fact::Change => "CHANGE_URL",
        Fact::Commit => "GIT_COMMIT",
        Fact::Reference => "TAG_NAME, BRANCH_NAME, GIT_BRANCH",
        Fact::Repository => "GIT_URL",
        Fact::Run => "BUILD_URL",
    }
}

pub(super) fn detect(variables: &Variables) -> Option<Job> {
    variables.get("JENKINS_URL")?;
    variables.get("BUILD_URL")?;
    Some(Job {
        repository: variables.parsed("GIT_URL").or_else(|| variables.parsed("GIT_URL_1")),
        commit: variables.parsed("GIT_COMMIT"),
        reference: reference(variables),
        run: variables.found("BUILD_URL"),
        builder: variables.found("JENKINS_URL"),
        change: variables.found("CHANGE_URL"),
        internal: internal(variables),
        ..Job::of(System::Jenkins)
    })
}

/// A multibranch job names tag or branch; for a pull request `BRANCH_NAME` is `PR-7`, which is no ref. A plain job
/// has only the git plugin's `origin/main`.
fn reference(variables: &Variables) -> Option<Found<String>> {
    let named = |variable: &'static str, prefix: &str, name: &str| Found {
        value: format!("{prefix}{name}"),
        variable,
    };
    if let Some(tag) = variables.get("TAG_NAME") {
        return Some(named("TAG_NAME", "refs/tags/", tag));
    }
    if let Some(number) = variables.get("CHANGE_ID") {
        return change_reference(number, variables.get("CHANGE_URL")?)
            .map(|value| Found { value, variable: "CHANGE_ID" });
    }
    if let Some(branch) = variables.get("BRANCH_NAME") {
        return Some(named("BRANCH_NAME", "refs/heads/", branch));
    }
    let branch = variables.get("GIT_BRANCH")?;
    if branch == "detached" {
        return None;
    }
    let branch =
        branch.strip_prefix("refs/heads/").or_else(|| branch.strip_prefix("origin/")).unwrap_or(branch);
    Some(named("GIT_BRANCH", "refs/heads/", branch))
}

/// Where a forge keeps the head of a change; its URL says which forge it is.
fn change_reference(number: &str, url: &str) -> Option<String> {
    let number: u64 = number.parse().ok()?;
    if url.contains("/-/merge_requests/") {
        Some(format!("refs/merge-requests/{number}/head"))
    } else {
        url.contains("/pull/").then(|| format!("refs/pull/{number}/head"))
    }
}

fn internal(variables: &Variables) -> Vec<(&'static str, Found<String>)> {
    [("job_name", "JOB_NAME"), ("build_number", "BUILD_NUMBER"), ("node_name", "NODE_NAME")]
        .into_iter()
        .filter_map(|(member, variable)| Some((member, variables.found(variable)?)))
        .collect()
}

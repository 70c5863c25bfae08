//! Buildkite: <https://buildkite.com/docs/pipelines/configure/environment-variables>.
//!
//! `BUILDKITE_COMMIT` is `HEAD` for builds that were started without a commit; the working copy then says which one
//! it was.

use super::{Fact, Found, Job, System, Variables, tag_or_branch};
use crate::git::RepositoryUrl;

pub(super) fn variable(fact: Fact) -> &'static str {
    match fact {
        Fact::Builder => "BUILDKITE_PIPELINE_SLUG",
        Fact::Change => "BUILDKITE_PULL_REQUEST",
        Fact::Commit => "BUILDKITE_COMMIT",
        Fact::Reference => "BUILDKITE_TAG, BUILDKITE_BRANCH",
        Fact::Repository => "BUILDKITE_REPO",
        Fact::Run => "BUILDKITE_BUILD_URL",
    }
}

pub(super) fn detect(variables: &Variables) -> Option<Job> {
    if !variables.is_true("BUILDKITE") {
        return None;
    }
    let repository: Option<Found<RepositoryUrl>> = variables.parsed("BUILDKITE_REPO");
    // A retried job has its own id, so the URL names the attempt.
    let run = variables.get("BUILDKITE_BUILD_URL").map(|url| {
        let job = variables.get("BUILDKITE_JOB_ID").map_or_else(String::new, |id| format!("#{id}"));
        Found { value: format!("{url}{job}"), variable: "BUILDKITE_BUILD_URL" }
    });
    let builder = variables.get("BUILDKITE_ORGANIZATION_SLUG").zip(variables.get("BUILDKITE_PIPELINE_SLUG"));
    Some(Job {
        change: change(variables, repository.as_ref()),
        repository,
        commit: variables.parsed("BUILDKITE_COMMIT"),
        reference: tag_or_branch(variables, "BUILDKITE_TAG", "BUILDKITE_BRANCH"),
        run,
        builder: builder.map(|(organization, pipeline)| Found {
            value: format!("https://buildkite.com/{organization}/{pipeline}"),
            variable: "BUILDKITE_PIPELINE_SLUG",
        }),
        internal: internal(variables),
        ..Job::of(System::Buildkite)
    })
}

/// The number of a pull request, or `false`. Only GitHub's way to write its URL is known here.
fn change(variables: &Variables, repository: Option<&Found<RepositoryUrl>>) -> Option<Found<String>> {
    let variable = "BUILDKITE_PULL_REQUEST";
    let number: u64 = variables.get(variable)?.parse().ok()?;
    let url = repository?.value.as_str();
    url.starts_with("https://github.com/").then(|| Found { value: format!("{url}/pull/{number}"), variable })
}

fn internal(variables: &Variables) -> Vec<(&'static str, Found<String>)> {
    [
        ("build_source", "BUILDKITE_SOURCE"),
        ("build_id", "BUILDKITE_BUILD_ID"),
        ("pipeline_id", "BUILDKITE_PIPELINE_ID"),
        ("agent_id", "BUILDKITE_AGENT_ID"),
        ("retry_count", "BUILDKITE_RETRY_COUNT"),
    ]
    .into_iter()
    .filter_map(|(member, variable)| Some((member, variables.found(variable)?)))
    .collect()
}

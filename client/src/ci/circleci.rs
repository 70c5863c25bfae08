//! CircleCI: <https://circleci.com/docs/reference/variables/>.

use super::{Fact, Found, Job, System, Variables, tag_or_branch};
use crate::git::RepositoryUrl;

pub(super) fn variable(fact: Fact) -> &'static str {
    match fact {
        Fact::Change => "CIRCLE_PULL_REQUEST",
        Fact::Commit => "CIRCLE_SHA1",
        Fact::Reference => "CIRCLE_TAG, CIRCLE_BRANCH",
        Fact::Builder | Fact::Repository => "CIRCLE_REPOSITORY_URL",
        Fact::Run => "CIRCLE_BUILD_URL",
    }
}

pub(super) fn detect(variables: &Variables) -> Option<Job> {
    if !variables.is_true("CIRCLECI") {
        return None;
    }
    let repository: Option<Found<RepositoryUrl>> = variables.parsed("CIRCLE_REPOSITORY_URL");
    // No variable names the project as CircleCI's identity token does, so the builder is CircleCI for this repository.
    let builder = repository.as_ref().map(|found| Found {
        value: format!("https://circleci.com/{}", found.value.as_str().trim_start_matches("https://")),
        variable: found.variable,
    });
    Some(Job {
        repository,
        commit: variables.parsed("CIRCLE_SHA1"),
        reference: tag_or_branch(variables, "CIRCLE_TAG", "CIRCLE_BRANCH"),
        run: variables.found("CIRCLE_BUILD_URL"),
        builder,
        definition: Some(Found { value: ".circleci/config.yml".to_owned(), variable: "CIRCLECI" }),
        change: variables.found("CIRCLE_PULL_REQUEST"),
        internal: internal(variables),
        ..Job::of(System::CircleCi)
    })
}

fn internal(variables: &Variables) -> Vec<(&'static str, Found<String>)> {
    [
        ("job", "CIRCLE_JOB"),
        ("pipeline_id", "CIRCLE_PIPELINE_ID"),
        ("project_id", "CIRCLE_PROJECT_ID"),
        ("organization_id", "CIRCLE_ORGANIZATION_ID"),
        ("workflow_id", "CIRCLE_WORKFLOW_ID"),
        ("workflow_job_id", "CIRCLE_WORKFLOW_JOB_ID"),
    ]
    .into_iter()
    .filter_map(|(member, variable)| Some((member, variables.found(variable)?)))
    .collect()
}

//! GitHub Actions: <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>.
//!
//! The facts are those of GitHub's own provenance. `builder.id` there is the URL of `job_workflow_ref`, which only
//! the identity token carries; the variables name the workflow that was started, which is the same unless the job
//! calls a reusable workflow.

use super::{Fact, Found, Job, System, Variables};

pub(super) fn variable(fact: Fact) -> &'static str {
    match fact {
        Fact::Builder => "GITHUB_WORKFLOW_REF",
        Fact::Change | Fact::Reference => "GITHUB_REF",
        Fact::Commit => "GITHUB_SHA",
        Fact::Repository => "GITHUB_REPOSITORY",
        Fact::Run => "GITHUB_RUN_ID",
    }
}

pub(super) fn detect(variables: &Variables) -> Option<Job> {
    if !variables.is_true("GITHUB_ACTIONS") {
        return None;
    }
    let server = variables.get("GITHUB_SERVER_URL").unwrap_or("https://github.com").trim_end_matches('/');
    let project = variables.get("GITHUB_REPOSITORY").map(|name| format!("{server}/{name}"));
    let repository = project.as_ref().and_then(|url| url.parse().ok());
    let reference = variables.found("GITHUB_REF").filter(|found| found.value.starts_with("refs/"));
    let run = variables.get("GITHUB_RUN_ID").zip(project.as_ref()).map(|(id, url)| {
        let attempt = variables.get("GITHUB_RUN_ATTEMPT").unwrap_or("1");
        format!("{url}/actions/runs/{id}/attempts/{attempt}")
    });
    let workflow = variables.found("GITHUB_WORKFLOW_REF");
    let definition = workflow.as_ref().and_then(|found| definition(&found.value));
    let change = reference.as_ref().zip(project.as_ref()).and_then(|(reference, url)| {
        let number = reference.value.strip_prefix("refs/pull/")?.split('/').next()?;
        Some(Found { value: format!("{url}/pull/{number}"), variable: "GITHUB_REF" })
    });
    Some(Job {
        repository: repository.map(|value| Found { value, variable: "GITHUB_REPOSITORY" }),
        commit: variables.parsed("GITHUB_SHA"),
        reference,
        run: run.map(|value| Found { value, variable: "GITHUB_RUN_ID" }),
        builder: workflow
            .map(|found| Found { value: format!("{server}/{}", found.value), variable: found.variable }),
        definition: definition.map(|value| Found { value, variable: "GITHUB_WORKFLOW_REF" }),
        change,
        internal: internal(variables),
        ..Job::of(System::GitHubActions)
    })
}

/// `owner/repo/.github/workflows/release.yml@refs/heads/main`: the path between repository and ref.
fn definition(workflow_ref: &str) -> Option<String> {
    let (path, _) = workflow_ref.split_once('@')?;
    let (_, path) = path.split_once('/')?;
    let (_, path) = path.split_once('/')?;
    Some(path.to_owned())
}

fn internal(variables: &Variables) -> Vec<(&'static str, Found<String>)> {
    [
        ("event_name", "GITHUB_EVENT_NAME"),
        ("repository_id", "GITHUB_REPOSITORY_ID"),
        ("repository_owner_id", "GITHUB_REPOSITORY_OWNER_ID"),
        ("runner_environment", "RUNNER_ENVIRONMENT"),
    ]
    .into_iter()
    .filter_map(|(member, variable)| Some((member, variables.found(variable)?)))
    .collect()
}

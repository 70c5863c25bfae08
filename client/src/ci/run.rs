//! What the CI system says about the run itself: what started it, on which machine, for whom, how it ended.
//!
//! Systems name few of these; what one does not name is none. How a run ended is known only to steps that run after the
//! others: GitLab's `after_script` has it, GitHub Actions gives it to expressions alone.

use super::{Found, System, Variables};

/// What is known about a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFacts {
    /// How it ended, in the system's word; none while it goes on.
    pub conclusion: Option<Found<String>>,
    /// What started it.
    pub trigger: Option<Found<String>>,
    /// The machine, by its name.
    pub runner: Option<Found<String>>,
    /// Whether the system provides the machine.
    pub hosted: Option<Found<bool>>,
    /// The labels by which the machine is chosen.
    pub labels: Option<Found<Vec<String>>>,
    /// Who started it.
    pub actor: Option<Found<String>>,
}

impl RunFacts {
    /// Reads the variables of a system.
    #[must_use]
    pub fn of(system: System, variables: &Variables) -> Self {
        match system {
            System::Buildkite => buildkite(variables),
            System::CircleCi => Self { actor: variables.found("CIRCLE_USERNAME"), ..Self::default() },
            System::Generic => Self::default(),
            System::GitHubActions => github(variables),
            System::GitLab => gitlab(variables),
            System::Jenkins => jenkins(variables),
        }
    }

    /// Returns what was detected about the run, one `name value (VARIABLE)` a fact.
    #[must_use]
    pub fn summary(&self) -> Vec<String> {
        fn line<T>(name: &str, found: Option<&Found<T>>, show: impl Fn(&T) -> String) -> Option<String> {
            found.map(|found| format!("{name} {} ({})", show(&found.value), found.variable))
        }
        let hosted = |hosted: &bool| if *hosted { "yes" } else { "no" }.to_owned();
        [
            line("conclusion", self.conclusion.as_ref(), String::clone),
            line("trigger", self.trigger.as_ref(), String::clone),
            line("runner", self.runner.as_ref(), String::clone),
            line("hosted", self.hosted.as_ref(), hosted),
            line("labels", self.labels.as_ref(), |labels| labels.join(", ")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The actor's page names the person on this server, and not one of the same name on another.
fn on_server(variables: &Variables, server: Option<&str>, name: &'static str) -> Option<Found<String>> {
    let actor = variables.found(name)?;
    let value = match server {
        Some(server) => format!("{}/{}", server.trim_end_matches('/'), actor.value),
        None => actor.value,
    };
    Some(Found { value, variable: name })
}

fn either(variables: &Variables, name: &'static str, yes: &str, no: &str) -> Option<Found<bool>> {
    let value = variables.get(name)?;
    let hosted = (value == yes).then_some(true).or_else(|| (value == no).then_some(false));
    hosted.map(|value| Found { value, variable: name })
}

fn list(
    variables: &Variables,
    name: &'static str,
    split: impl Fn(&str) -> Vec<String>,
) -> Option<Found<Vec<String>>> {
    let value = split(variables.get(name)?);
    (!value.is_empty()).then_some(Found { value, variable: name })
}

fn github(variables: &Variables) -> RunFacts {
    let server = variables.get("GITHUB_SERVER_URL").unwrap_or("https://github.com");
    RunFacts {
        trigger: variables.found("GITHUB_EVENT_NAME"),
        runner: variables.found("RUNNER_NAME"),
        hosted: either(variables, "RUNNER_ENVIRONMENT", "github-hosted", "self-hosted"),
        actor: on_server(variables, Some(server), "GITHUB_ACTOR"),
        ..RunFacts::default()
    }
}

fn gitlab(variables: &Variables) -> RunFacts {
    RunFacts {
        // Before the end it says `running`.
        conclusion: variables.found("CI_JOB_STATUS").filter(|found| found.value != "running"),
        trigger: variables.found("CI_PIPELINE_SOURCE"),
        runner: variables.found("CI_RUNNER_DESCRIPTION").or_else(|| variables.found("CI_RUNNER_ID")),
        labels: list(variables, "CI_RUNNER_TAGS", gitlab_tags),
        actor: on_server(variables, variables.get("CI_SERVER_URL"), "GITLAB_USER_LOGIN"),
        ..RunFacts::default()
    }
}

/// A list in JSON; older runners write `a, b`.
fn gitlab_tags(text: &str) -> Vec<String> {
    let tags: Vec<String> =
        serde_json::from_str(text).unwrap_or_else(|_| text.split(',').map(str::to_owned).collect());
    let tags = tags.iter().map(|tag| tag.trim().to_owned());
    tags.filter(|tag| !tag.is_empty()).collect()
}

fn buildkite(variables: &Variables) -> RunFacts {
    let queue = |value: &str| vec![format!("queue={value}")];
    RunFacts {
        trigger: variables.found("BUILDKITE_SOURCE"),
        runner: variables.found("BUILDKITE_AGENT_NAME"),
        hosted: either(variables, "BUILDKITE_COMPUTE_TYPE", "hosted", "self-hosted"),
        labels: list(variables, "BUILDKITE_AGENT_META_DATA_QUEUE", queue),
        actor: variables.found("BUILDKITE_BUILD_CREATOR"),
        ..RunFacts::default()
    }
}

fn jenkins(variables: &Variables) -> RunFacts {
    let words = |value: &str| value.split_whitespace().map(str::to_owned).collect();
    RunFacts {
        runner: variables.found("NODE_NAME"),
        labels: list(variables, "NODE_LABELS", words),
        actor: variables.found("BUILD_USER_ID"),
        ..RunFacts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(system: System, variables: &[(&str, &str)]) -> Vec<String> {
        let variables: Variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let facts = RunFacts::of(system, &variables);
        let actor = facts.actor.iter().map(|actor| format!("actor {} ({})", actor.value, actor.variable));
        facts.summary().into_iter().chain(actor).collect()
    }

    #[test]
    fn each_system_names_what_it_knows_of_its_run() {
        assert_eq!(
            facts(
                System::GitHubActions,
                &[
                    ("GITHUB_EVENT_NAME", "push"),
                    ("RUNNER_NAME", "GitHub Actions 12"),
                    ("RUNNER_ENVIRONMENT", "github-hosted"),
                    ("GITHUB_ACTOR", "alice"),
                ]
            ),
            [
                "trigger push (GITHUB_EVENT_NAME)",
                "runner GitHub Actions 12 (RUNNER_NAME)",
                "hosted yes (RUNNER_ENVIRONMENT)",
                "actor https://github.com/alice (GITHUB_ACTOR)",
            ]
        );
        assert_eq!(
            facts(
                System::GitLab,
                &[
                    ("CI_JOB_STATUS", "failed"),
                    ("CI_PIPELINE_SOURCE", "merge_request_event"),
                    ("CI_RUNNER_ID", "7"),
                    ("CI_RUNNER_DESCRIPTION", "shared-7"),
                    ("CI_RUNNER_TAGS", "[\"docker\", \"linux\"]"),
                    ("CI_SERVER_URL", "https://gitlab.example/"),
                    ("GITLAB_USER_LOGIN", "bob"),
                ]
            ),
            [
                "conclusion failed (CI_JOB_STATUS)",
                "trigger merge_request_event (CI_PIPELINE_SOURCE)",
                "runner shared-7 (CI_RUNNER_DESCRIPTION)",
                "labels docker, linux (CI_RUNNER_TAGS)",
                "actor https://gitlab.example/bob (GITLAB_USER_LOGIN)",
            ]
        );
        assert_eq!(
            facts(
                System::Buildkite,
                &[("BUILDKITE_SOURCE", "webhook"), ("BUILDKITE_AGENT_META_DATA_QUEUE", "deploy")]
            ),
            ["trigger webhook (BUILDKITE_SOURCE)", "labels queue=deploy (BUILDKITE_AGENT_META_DATA_QUEUE)"]
        );
        assert_eq!(
            facts(System::Jenkins, &[("NODE_NAME", "built-in"), ("NODE_LABELS", "linux  x64")]),
            ["runner built-in (NODE_NAME)", "labels linux, x64 (NODE_LABELS)"]
        );
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        for system in [
            System::Buildkite,
            System::CircleCi,
            System::Generic,
            System::GitHubActions,
            System::GitLab,
            System::Jenkins,
        ] {
            assert_eq!(facts(system, &[]), [""; 0], "{system}");
        }
        assert_eq!(facts(System::GitHubActions, &[("RUNNER_ENVIRONMENT", "elsewhere")]), [""; 0]);
        assert_eq!(facts(System::GitLab, &[("CI_JOB_STATUS", "running"), ("CI_RUNNER_TAGS", "[]")]), [""; 0]);
        assert_eq!(facts(System::GitLab, &[("CI_RUNNER_TAGS", "a, b")]), ["labels a, b (CI_RUNNER_TAGS)"]);
    }
}

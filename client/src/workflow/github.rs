//! Workflows and actions of GitHub Actions:
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax>.

use custody_evidence::digest_set::Digest;

use super::expression::{Use, uses};
use super::yaml::Yaml;
use super::{Format, Workflow, shown};

/// Whether a document is a workflow: `jobs` is a map.
pub(super) fn is_workflow(document: &Yaml) -> bool {
    matches!(document.get("jobs"), Some(Yaml::Map(_)))
}

/// Whether a document is an action: `runs` says what it uses.
pub(super) fn is_action(document: &Yaml) -> bool {
    document.get("runs").is_some_and(|runs| runs.text_of("using").is_some())
}

pub(super) fn workflow(document: &Yaml) -> Workflow {
    let mut workflow = Workflow::new(Format::GitHubWorkflow);
    let default = document.get("permissions");
    for (name, job) in document.get("jobs").map_or(&[][..], Yaml::entries) {
        self::job(name, job, &mut workflow);
        if let Some(permissions) = job.get("permissions").or(default) {
            self::permissions(permissions, &mut workflow);
        } else {
            let job = shown(name);
            let unknown =
                format!("the permissions of job {job}: it sets none, so the repository's default holds");
            workflow.unknown.insert(unknown);
        }
    }
    secrets(document, &mut workflow);
    workflow
}

pub(super) fn action(document: &Yaml) -> Workflow {
    let mut action = Workflow::new(Format::GitHubAction);
    if let Some(runs) = document.get("runs") {
        steps(runs, &mut action);
        let image = runs.text_of("image").filter(|image| image.starts_with("docker://"));
        if let Some(image) = image {
            action.image(image);
        }
    }
    secrets(document, &mut action);
    action
}

fn job(name: &str, job: &Yaml, workflow: &mut Workflow) {
    if let Some(called) = job.text_of("uses") {
        uses_of(called, workflow);
        workflow.unknown.insert(format!("what {} does: a reusable workflow is not followed", shown(called)));
    }
    if job.text_of("secrets") == Some("inherit") {
        let job = shown(name);
        let unknown = format!(
            "which secrets job {job} passes on: it inherits all of the repository and its organization"
        );
        workflow.unknown.insert(unknown);
    }
    let containers = job.get("services").map_or(&[][..], Yaml::entries).iter().map(|(_, service)| service);
    for container in containers.chain(job.get("container")) {
        let image = container.text().or_else(|| container.text_of("image"));
        if let Some(image) = image {
            workflow.image(image);
        }
    }
    steps(job, workflow);
}

fn steps(job: &Yaml, workflow: &mut Workflow) {
    for step in job.get("steps").map_or(&[][..], Yaml::elements) {
        if let Some(used) = step.text_of("uses") {
            uses_of(used, workflow);
        }
        // What actions that log in to a cloud call the audience of the token they ask for.
        if let Some(audience) = step.get("with").and_then(|with| with.text_of("audience")) {
            if audience.contains("${{") {
                workflow.unknown.insert(format!("the audience {}: it is an expression", shown(audience)));
            } else if !audience.is_empty() {
                workflow.audiences.insert(audience.to_owned());
            }
        }
    }
}

/// `owner/action@ref`, `docker://image`, or `./folder` of the same repository, which is no reference to anything else.
fn uses_of(text: &str, workflow: &mut Workflow) {
    if text.starts_with("docker://") {
        workflow.image(text);
    } else if text.starts_with("./") {
        workflow
            .unknown
            .insert(format!("what {} does, of the same repository: give its file, too", shown(text)));
    } else {
        let pinned = text.rsplit_once('@').map(|(_, commit)| commit).filter(|commit| is_commit(commit));
        workflow.reference(text, pinned.and_then(|commit| Digest::read("gitCommit", commit).ok()));
        workflow.unknown.insert("what actions use themselves: they are not followed".to_owned());
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `read-all`, `write-all`, or scopes with what each allows; what is `none` allows nothing.
fn permissions(permissions: &Yaml, workflow: &mut Workflow) {
    let mut allow = |known: &[&str], allowed: &str, permission: String| {
        if known.contains(&allowed) {
            workflow.permissions.insert(permission);
        } else if !matches!(allowed, "" | "none") {
            let unknown = "what some permissions allow: they are none of GitHub's words";
            workflow.unknown.insert(unknown.to_owned());
        }
    };
    if let Some(all) = permissions.text() {
        allow(&["read-all", "write-all"], all, all.to_owned());
    }
    for (scope, allowed) in permissions.entries() {
        let allowed = allowed.text().unwrap_or_default();
        allow(&["read", "write"], allowed, format!("{scope}: {allowed}"));
    }
}

fn secrets(document: &Yaml, workflow: &mut Workflow) {
    let mut found = Vec::new();
    document.each_text("", &mut |key, text| found.extend(uses(key, text)));
    for used in found {
        match used {
            Use::Named(name) => {
                workflow.secrets.insert(name);
            }
            Use::Any => {
                let unknown =
                    "which secrets are read: an expression reads them all, or one that only the run knows";
                workflow.unknown.insert(unknown.to_owned());
            }
        }
    }
}

//! Pipelines of GitLab CI: <https://docs.gitlab.com/ci/yaml/>.
//!
//! A job of GitLab can read every variable of its project, and the file does not list them. Named are those that it
//! fetches from a vault (`secrets`), the identity tokens that it asks for (`id_tokens`), and variables that the file uses
//! and does not set ([`variable`]).

use super::yaml::Yaml;
use super::{Format, Workflow, shown, variable};

/// Keys at the top that are no jobs.
const NO_JOBS: [&str; 11] = [
    "after_script",
    "before_script",
    "cache",
    "default",
    "image",
    "include",
    "services",
    "spec",
    "stages",
    "variables",
    "workflow",
];

/// Whether a document is a pipeline: something is included, or a job says what it does.
pub(super) fn is_pipeline(document: &Yaml) -> bool {
    let does =
        |job: &Yaml| ["script", "run", "trigger", "extends"].into_iter().any(|key| job.get(key).is_some());
    document.get("include").is_some() || document.entries().iter().any(|(_, job)| does(job))
}

pub(super) fn pipeline(document: &Yaml) -> Workflow {
    let mut pipeline = Workflow::new(Format::GitLab);
    let is_job = |(name, _): &&(String, Yaml)| !NO_JOBS.contains(&name.as_str());
    let jobs = document.entries().iter().filter(is_job).map(|(_, job)| job);
    for job in jobs.chain(document.get("default")) {
        self::job(job, &mut pipeline);
    }
    // Jobs may be called `trigger` or `secrets`, so at the top only these two are what they are in a job.
    images(document, &mut pipeline);
    if let Some(include) = document.get("include") {
        includes(include, &mut pipeline);
    }
    pipeline.secrets.extend(variable::used_and_not_set(document));
    pipeline
        .unknown
        .insert("which variables of the project a job reads: the file does not list them all".to_owned());
    pipeline
}

fn images(job: &Yaml, pipeline: &mut Workflow) {
    let services = job.get("services").map_or(&[][..], Yaml::elements);
    for image in job.get("image").into_iter().chain(services) {
        let name = image.text().or_else(|| image.text_of("name"));
        if let Some(name) = name {
            pipeline.image(name);
        }
    }
}

fn job(job: &Yaml, pipeline: &mut Workflow) {
    images(job, pipeline);
    let named = job.get("secrets").map_or(&[][..], Yaml::entries);
    pipeline.secrets.extend(named.iter().map(|(name, _)| name.clone()));
    for (name, token) in job.get("id_tokens").map_or(&[][..], Yaml::entries) {
        pipeline.secrets.insert(name.clone());
        let audiences = token.get("aud").map_or(&[][..], Yaml::elements).iter().filter_map(Yaml::text);
        for audience in audiences.filter(|audience| !audience.is_empty()) {
            if audience.contains('$') {
                pipeline
                    .unknown
                    .insert(format!("the audience {}: a variable is part of it", shown(audience)));
            } else {
                pipeline.audiences.insert(audience.to_owned());
            }
        }
    }
    if let Some(trigger) = job.get("trigger") {
        let project = trigger.text().or_else(|| trigger.text_of("project"));
        if let Some(project) = project.filter(|project| !project.is_empty()) {
            let unknown = format!("what the pipeline of {} does, which a job starts", shown(project));
            pipeline.unknown.insert(unknown);
        }
        if let Some(include) = trigger.get("include") {
            includes(include, pipeline);
        }
    }
}

/// A file of this project, or what another project, a URL, a component or GitLab itself has.
fn includes(include: &Yaml, pipeline: &mut Workflow) {
    for one in include.elements() {
        let text = one.text().filter(|text| !text.is_empty());
        let remote = text.filter(|text| text.contains("://")).or_else(|| one.text_of("remote"));
        let local = text.filter(|text| !text.contains("://")).or_else(|| one.text_of("local"));
        if let Some(local) = local {
            let unknown = format!("what {} does, of the same repository: give its file, too", shown(local));
            pipeline.unknown.insert(unknown);
            continue;
        }
        let project = one.text_of("project").map(|project| match one.text_of("ref") {
            Some(reference) => format!("{project}@{reference}"),
            None => project.to_owned(),
        });
        let named = [remote, one.text_of("component"), one.text_of("template")];
        for reference in named.into_iter().flatten().map(str::to_owned).chain(project) {
            pipeline.reference(&reference, None);
            pipeline.unknown.insert("what includes do: they are not followed".to_owned());
        }
    }
}

//! `custody record run`: how a run of a CI system went, and what it could reach.

use std::path::{Path, PathBuf};

use custody_client::ci::RunFacts;
use custody_client::make::{self, Made, Subject, with_workflow};
use custody_client::workflow::{self, Workflow};
use custody_evidence::digest_set::Digest;
use custody_evidence::predicate::{CustodyPredicate as _, Name, ResolvedRef, Run, Runner};
use custody_evidence::subject_name::NameKind;

use super::flags::{Common, Sending, When, name, time, unmade};
use super::send;
use super::surroundings;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::file;
use crate::cli::output::{counted, escape_line};

/// How a run of a CI system went, and what it could reach: actions, images, secrets by name, permissions. The subject is
/// the run.
///
/// A workflow file is read for names alone. No value of a secret is read or recorded, and what the file leads to (actions,
/// reusable workflows, includes) is named and not followed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run, with its attempt [default: from CI].
    #[arg(long, value_name = "URL")]
    run_url: Option<String>,
    /// How it ended, in the word of the CI system, such as `success` [default: from CI, where it says so].
    #[arg(long, value_name = "WORD")]
    conclusion: Option<Name>,
    /// What started it, such as `push` [default: from CI].
    #[arg(long, value_name = "WORD")]
    trigger: Option<Name>,
    /// When it ended, as the CI system says.
    #[arg(long, value_name = "TIME", value_parser = time)]
    finished_on: Option<When>,
    /// The machine that it ran on, by name [default: from CI].
    #[arg(long, value_name = "NAME")]
    runner: Option<Name>,
    /// Whether the CI system provides that machine [default: from CI, where it says so].
    #[arg(long, value_name = "true|false")]
    hosted: Option<bool>,
    /// A label by which the machine was chosen. Can be given several times [default: from CI].
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<Name>,
    /// A file that defines the run: a workflow or `action.yml` of GitHub Actions, or a pipeline of GitLab CI. Can be given
    /// several times.
    #[arg(long = "workflow", value_name = "FILE")]
    workflows: Vec<PathBuf>,
    /// What a reference of the run meant: an action, an image, a package. Can be given several times.
    #[arg(long = "resolved", value_name = "REF=DIGEST", value_parser = resolved)]
    resolved: Vec<ResolvedRef>,
    /// The name of a secret that the run could read. Can be given several times. Never its value.
    // Read later: clap would show what it refuses, and that may be a value.
    #[arg(long = "secret", value_name = "NAME")]
    secrets: Vec<String>,
    /// What its token was allowed, such as `contents: write`. Can be given several times.
    #[arg(long = "permission", value_name = "TEXT")]
    permissions: Vec<Name>,
    /// The audience of an identity token that it could get. Can be given several times.
    #[arg(long = "audience", value_name = "TEXT")]
    audiences: Vec<Name>,
    #[command(flatten)]
    common: Common,
}

/// The longest name of a secret, in bytes: GitLab's limit.
const SECRET_NAME_MAX: usize = 255;

/// Runs `custody record run`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let (made, sending) = make(args, context)?;
    send::statement(&made, &sending, context).await
}

fn make(args: Args, context: &Context) -> Result<(Made, Sending), Failure> {
    let around = surroundings::read(context, true, true)?;
    let url = around.run(args.run_url.as_deref()).map_err(|error| surroundings::missing(&error))?;
    let more = args.common.subjects(&[], context)?;
    let subjects = [&[Subject::of_name(NameKind::Run, &url)], more.as_slice()].concat();
    let made = if let Some(made) = args.common.given(Run::TYPE, &subjects)? {
        made
    } else {
        let facts = surroundings::run_facts(&around, args.run_url.as_deref(), context);
        let run = predicate(&args, &url, facts, context)?;
        make::run(run, &more).map_err(|error| unmade(&error, None))?
    };
    Ok((made, args.common.sending))
}

fn predicate(args: &Args, url: &str, facts: RunFacts, context: &Context) -> Result<Run, Failure> {
    let detected = |flag: &str, given: Option<&Name>, found: Option<String>| match given {
        Some(given) => Ok(Some(given.clone())),
        None => found.map(|text| name(flag, &text)).transpose(),
    };
    let runner = detected("--runner", args.runner.as_ref(), facts.runner.map(|found| found.value))?;
    let mut labels = args.labels.clone();
    if labels.is_empty() && args.runner.is_none() {
        let found = facts.labels.map(|found| found.value).unwrap_or_default();
        labels = found.iter().map(|label| name("--label", label)).collect::<Result<_, _>>()?;
    }
    // A machine that is named is not the one that CI tells of.
    let hosted = args.hosted.or(facts.hosted.filter(|_| args.runner.is_none()).map(|found| found.value));
    if runner.is_none() && (args.hosted.is_some() || !args.labels.is_empty()) {
        return Err(Failure::usage(
            "missing_flag",
            "--hosted and --label are about a machine that nothing names",
        )
        .hint("give --runner NAME"));
    }
    let mut run = Run {
        run: name("--run-url", url)?,
        conclusion: detected(
            "--conclusion",
            args.conclusion.as_ref(),
            facts.conclusion.map(|found| found.value),
        )?,
        trigger: detected("--trigger", args.trigger.as_ref(), facts.trigger.map(|found| found.value))?,
        at: args.finished_on.map(|when| when.before(context.clock)),
        runner: runner.map(|name| Runner { name, hosted, labels }),
        resolved: args.resolved.clone(),
        secrets: args.secrets.iter().map(|text| secret(text)).collect::<Result<_, _>>()?,
        permissions: args.permissions.clone(),
        audiences: args.audiences.clone(),
    };
    if let Some(workflow) = read_workflows(&args.workflows, context)? {
        run = with_workflow(run, &workflow).map_err(|error| {
            Failure::usage("bad_name", format!("--workflow: {error}")).hint("correct the file")
        })?;
    }
    Ok(run)
}

/// Reads the files, and says what is in them and what is not known from them.
fn read_workflows(paths: &[PathBuf], context: &Context) -> Result<Option<Workflow>, Failure> {
    let mut all: Option<Workflow> = None;
    for path in paths {
        let read = read_workflow(path)?;
        let counts = [
            counted(read.references.len(), "reference", "references"),
            counted(read.secrets.len(), "secret", "secrets"),
            counted(read.permissions.len(), "permission", "permissions"),
            counted(read.audiences.len(), "audience", "audiences"),
        ];
        context.output.note(format!("{}: {}: {}", path.display(), read.format, counts.join(", ")));
        match &mut all {
            Some(all) => all.extend(read),
            None => all = Some(read),
        }
    }
    for unknown in all.iter().flat_map(|workflow| &workflow.unknown) {
        context.output.note(format!("  not known: {}", escape_line(unknown)));
    }
    Ok(all)
}

fn read_workflow(path: &Path) -> Result<Workflow, Failure> {
    let bytes = file::read(path, workflow::FILE_MAX)?;
    workflow::read(&bytes).map_err(|error| {
        Failure::usage("not_a_workflow", format!("{}: {error}", path.display()))
            .hint("give the YAML file that defines the run; --secret, --resolved and --permission name things without one")
    })
}

/// `actions/checkout@v4=gitCommit:<hex>`; the digest may be left out.
fn resolved(text: &str) -> Result<ResolvedRef, String> {
    let (reference, digest) = match text.rsplit_once('=') {
        Some((reference, digest)) if digest.contains(':') && !digest.contains(['/', '&', '@']) => {
            (reference, Some(digest.parse::<Digest>().map_err(|error| error.to_string())?))
        }
        Some(_) | None => (text, None),
    };
    let digest = digest.map(TryInto::try_into).transpose();
    Ok(ResolvedRef {
        reference: reference
            .parse()
            .map_err(|error: custody_evidence::predicate::NameError| error.to_string())?,
        digest: digest.map_err(|error: custody_evidence::predicate::UsableDigestError| error.to_string())?,
    })
}

/// A name, and nothing that may be a value: what stands here is signed and kept. What is refused is not shown.
fn secret(text: &str) -> Result<Name, Failure> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let fits = text.len() <= SECRET_NAME_MAX && text.chars().all(in_name);
    text.parse().ok().filter(|_| fits).ok_or_else(|| {
        Failure::usage(
            "bad_secret",
            format!(
                "--secret: expected the name of a secret, of at most {SECRET_NAME_MAX} letters, digits, `_`, `-`, `.` and \
                 `/`, found something else"
            ),
        )
        .hint("give the name alone, never the value")
    })
}

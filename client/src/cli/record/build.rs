//! `custody record build`: how files were built.

use std::collections::BTreeMap;
use std::path::PathBuf;

use custody_client::make::{Build, Dependency};
use custody_evidence::predicate::slsa_v1;

use super::flags::{Common, When, time, unmade};
use super::send;
use super::surroundings::{self, Found, Place};
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};

/// How files were built (SLSA provenance v1). The subjects are the files.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file that was built; as `--subject`, for files only. Can be given several times.
    #[arg(long = "artifact", value_name = "FILE")]
    artifacts: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// What ran the build: a URI that names the build platform or workflow [default: from CI].
    #[arg(long, value_name = "URI")]
    builder_id: Option<String>,
    /// How the parameters are to be read: a URI [default: that of the CI system].
    #[arg(long, value_name = "URI")]
    build_type: Option<String>,
    /// The run, with its attempt [default: from CI].
    #[arg(long, value_name = "URL")]
    run_url: Option<String>,
    /// When the build started [default: from CI, where it says so].
    #[arg(long, value_name = "TIME", value_parser = time)]
    started_on: Option<When>,
    /// When the build finished.
    #[arg(long, value_name = "TIME", value_parser = time)]
    finished_on: Option<When>,
    /// What went into the build: a package URL or URI, with `=<digest>` if it is known. Can be given several times.
    #[arg(long = "dependency", value_name = "PURL=DIGEST")]
    dependencies: Vec<Dependency>,
    /// What the caller of the build chose. Can be given several times. Never put a secret here: it is signed and kept.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    #[command(flatten)]
    common: Common,
}

/// Runs `custody record build`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let subjects = args.common.subjects(&args.artifacts, context)?;
    let made = if let Some(made) = args.common.given(slsa_v1::TYPE, &subjects)? {
        made
    } else {
        let build = build(&args, context)?;
        build.make(&subjects).map_err(|error| {
            let failure = unmade(&error, None);
            if subjects.is_empty() { failure.hint("name what was built: --artifact FILE") } else { failure }
        })?
    };
    send::statement(&made, &args.common.sending, context).await
}

fn build(args: &Args, context: &Context) -> Result<Build, Failure> {
    let Found { around, repository, commit } = args.place.find(context)?;
    let missing = |error| surroundings::missing(&error);
    let started = around.job.as_ref().and_then(|job| job.started.as_ref()).map(|found| found.value);
    let mut parameters = BTreeMap::new();
    for (name, value) in &args.parameters {
        if parameters.insert(name.clone(), value.clone()).is_some() {
            return Err(Failure::usage("bad_parameter", format!("--parameter {name} is given twice"))
                .hint("give each parameter once"));
        }
    }
    Ok(Build {
        builder: around.builder(args.builder_id.as_deref()).map_err(missing)?,
        build_type: args.build_type.clone(),
        repository,
        reference: around.reference(args.place.reference.as_deref(), &commit),
        commit,
        run: around.run(args.run_url.as_deref()).map_err(missing)?,
        started: args.started_on.map(|when| when.before(context.clock)).or(started),
        finished: args.finished_on.map(|when| when.before(context.clock)),
        parameters,
        dependencies: args.dependencies.clone(),
        job: around.job,
    })
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("expected NAME=VALUE".to_owned()),
    }
}

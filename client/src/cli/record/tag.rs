//! `custody record tag`: what a mutable name pointed to.

use custody_client::make::{Subject, custody};
use custody_evidence::predicate::{CustodyPredicate as _, Name, Tag, UsableDigest};

use super::flags::{Common, When, image_parts, name, time, unmade};
use super::send;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};

/// What a tag of a registry pointed to when it was looked at. The subject is what it pointed to; given as
/// `ghcr.io/acme/api:1.2@sha256:<hex>`, it says all of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The repository, as references write it, such as `ghcr.io/acme/api` [default: that of the subject].
    #[arg(long, value_name = "NAME")]
    repository: Option<Name>,
    /// The tag, such as `1.2` [default: that of the subject].
    #[arg(long, value_name = "TAG")]
    tag: Option<Name>,
    /// When it was looked at [default: now]. A step that may run again gives it, so that it records the same content.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<When>,
    #[command(flatten)]
    common: Common,
}

/// Runs `custody record tag`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let subjects = args.common.subjects(&[], context)?;
    let made = if let Some(made) = args.common.given(Tag::TYPE, &subjects)? {
        made
    } else {
        let predicate = predicate(&args, &subjects, context)?;
        custody(&predicate, &subjects).map_err(|error| unmade(&error, None))?
    };
    send::statement(&made, &args.common.sending, context).await
}

fn predicate(args: &Args, subjects: &[Subject], context: &Context) -> Result<Tag, Failure> {
    let [subject] = subjects else {
        return Err(Failure::usage(
            "one_subject",
            format!("a tag points to one thing, found {} subjects", subjects.len()),
        )
        .hint("give --subject once: ghcr.io/acme/api:1.2@sha256:<hex>"));
    };
    let image = image_parts(&subject.name);
    let of_image = |flag, part: Option<&str>| part.map(|text| name(flag, text)).transpose();
    let repository = match &args.repository {
        Some(given) => Some(given.clone()),
        None => of_image("--repository", image.map(|image| image.repository))?,
    };
    let tag = match &args.tag {
        Some(given) => Some(given.clone()),
        None => of_image("--tag", image.and_then(|image| image.tag))?,
    };
    let (Some(repository), Some(tag)) = (repository, tag) else {
        return Err(Failure::usage("missing_flag", "a tag needs --repository NAME and --tag TAG")
            .hint("give both, or the subject as <repository>:<tag>@sha256:<hex>"));
    };
    let usable = subject.digests.iter().find_map(|digest| UsableDigest::try_from(digest.clone()).ok());
    let digest = usable.ok_or_else(|| unmade(&custody_client::make::MakeError::NoSubject, None))?;
    let observed_at = args.at.map_or_else(|| context.clock.now(), |at| at.before(context.clock));
    Ok(Tag { repository, tag, digest, observed_at })
}

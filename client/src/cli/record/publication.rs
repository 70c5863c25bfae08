//! `custody record publication`: who pushed a subject to a registry.

use custody_client::make::{Subject, custody};
use custody_evidence::predicate::{CustodyPredicate as _, Name, Publication};

use super::flags::{Common, When, image_parts, name, time, unmade};
use super::signer::Signer;
use super::{send, surroundings};
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};

/// Who pushed a subject to a registry. A subject that is given as `ghcr.io/acme/api:1.2@sha256:<hex>` says where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The registry, such as `ghcr.io` or `https://registry.npmjs.org` [default: that of the subject].
    #[arg(long, value_name = "NAME")]
    registry: Option<Name>,
    /// The repository or package in it, as references write it [default: that of the subject].
    #[arg(long, value_name = "NAME")]
    repository: Option<Name>,
    /// The whole reference that was pushed [default: that of the subject].
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<Name>,
    /// Who pushed [default: who started the run, from CI; else the key that signs].
    #[arg(long, value_name = "WHO")]
    actor: Option<Name>,
    /// When [default: now]. A step that may run again gives it, so that it records the same content.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<When>,
    #[command(flatten)]
    common: Common,
}

/// Runs `custody record publication`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let subjects = args.common.subjects(&[], context)?;
    let made = if let Some(made) = args.common.given(Publication::TYPE, &subjects)? {
        made
    } else {
        let predicate = predicate(&args, &subjects, context)?;
        custody(&predicate, &subjects).map_err(|error| unmade(&error, None))?
    };
    send::statement(&made, &args.common.sending, context).await
}

fn predicate(args: &Args, subjects: &[Subject], context: &Context) -> Result<Publication, Failure> {
    // Of several subjects, pushed to several places, one statement cannot say which went where.
    let image = match subjects {
        [subject] => image_parts(&subject.name),
        _ => None,
    };
    let or = |flag, given: Option<&Name>, part: Option<&str>| match given {
        Some(given) => Ok(Some(given.clone())),
        None => part.map(|text| name(flag, text)).transpose(),
    };
    let registry = or("--registry", args.registry.as_ref(), image.map(|image| image.registry))?;
    let repository = or("--repository", args.repository.as_ref(), image.map(|image| image.repository))?;
    let whole = image.filter(|image| image.tag.is_some() && args.repository.is_none());
    let reference = or("--ref", args.reference.as_ref(), whole.map(|image| image.whole))?;
    let (Some(registry), Some(repository)) = (registry, repository) else {
        return Err(Failure::usage(
            "missing_flag",
            "a publication needs --registry NAME and --repository NAME",
        )
        .hint("give both, or one subject as <registry>/<repository>:<tag>@sha256:<hex>"));
    };
    let at = args.at.map_or_else(|| context.clock.now(), |at| at.before(context.clock));
    Ok(Publication { registry, repository, reference, actor: actor(args, context)?, at })
}

fn actor(args: &Args, context: &Context) -> Result<Name, Failure> {
    if let Some(actor) = &args.actor {
        return Ok(actor.clone());
    }
    let around = surroundings::read(context, true, true)?;
    if let Some(actor) = surroundings::actor(&around, context) {
        return name("--actor", &actor);
    }
    Signer::author("--actor", &args.common.sending, context)
}

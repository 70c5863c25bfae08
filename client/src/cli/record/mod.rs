//! `custody record`: make a statement, sign it, record it. One file a kind.

mod approval;
mod build;
mod deploy;
mod distribution;
mod envelope;
mod exception;
mod expected;
mod flags;
mod generic;
mod keyless;
mod promotion;
mod publication;
mod review;
mod run;
mod sbom;
mod scan;
pub(crate) mod secrets;
pub(super) mod send;
mod signer;
mod snapshot;
mod source;
mod surroundings;
mod tag;
mod test;

use clap::Subcommand;

use super::Context;
use super::failure::{Failure, Outcome};

#[cfg(test)]
pub(in crate::cli) use flags::unmade;
pub(in crate::cli) use flags::{Sending, bad_subject};
#[cfg(test)]
pub(in crate::cli) use keyless::no_token;
#[cfg(test)]
pub(in crate::cli) use surroundings::{git_failure, missing};

/// Make a statement, sign it and record it.
///
/// Repository, commit, branch, run and builder come from the CI system (GitHub Actions, GitLab CI, Jenkins, Buildkite,
/// CircleCI) and from git, unless they are given. A step that runs again records the same content, and is answered
/// with the first entry.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// A commit and its place: parents, branch, author.
    Source(source::Args),
    /// How files were built (SLSA provenance v1).
    Build(build::Args),
    /// What is in a file: a CycloneDX or SPDX document, embedded as it is.
    Sbom(sbom::Args),
    /// What a scanner found: SARIF, or the report of grype, trivy or OSV-Scanner, or an `OpenVEX` document, embedded as it is.
    Scan(scan::Args),
    /// Results of tests, from `JUnit` XML or from flags.
    Test(test::Args),
    /// Who reviewed a commit.
    Review(review::Args),
    /// Somebody approves a subject for an environment or gate.
    Approval(approval::Args),
    /// A subject moved from one stage to another.
    Promotion(promotion::Args),
    /// A subject started or stopped running.
    Deploy(deploy::Args),
    /// All that runs in an environment at a time.
    Snapshot(snapshot::Args),
    /// How a run of a CI system went, and what it could reach.
    Run(run::Args),
    /// What a tag of a registry pointed to.
    Tag(tag::Args),
    /// Who pushed a subject to a registry.
    Publication(publication::Args),
    /// Who received a subject.
    Distribution(distribution::Args),
    /// How many records a source should have produced.
    Expected(expected::Args),
    /// A rule of a policy does not hold for a subject for a while.
    Exception(exception::Args),
    /// Any other predicate, embedded as it is.
    Generic(generic::Args),
    /// Envelopes that were signed elsewhere: DSSE, one a file or one a line.
    Envelope(envelope::Args),
}

/// Runs `custody record`.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    match args.kind {
        Kind::Source(args) => source::run(args, context).await,
        Kind::Build(args) => build::run(args, context).await,
        Kind::Sbom(args) => sbom::run(args, context).await,
        Kind::Scan(args) => scan::run(args, context).await,
        Kind::Test(args) => test::run(args, context).await,
        Kind::Review(args) => review::run(args, context).await,
        Kind::Approval(args) => approval::run(args, context).await,
        Kind::Promotion(args) => promotion::run(args, context).await,
        Kind::Deploy(args) => deploy::run(args, context).await,
        Kind::Snapshot(args) => snapshot::run(args, context).await,
        Kind::Run(args) => run::run(args, context).await,
        Kind::Tag(args) => tag::run(args, context).await,
        Kind::Publication(args) => publication::run(args, context).await,
        Kind::Distribution(args) => distribution::run(args, context).await,
        Kind::Expected(args) => expected::run(args, context).await,
        Kind::Exception(args) => exception::run(args, context).await,
        Kind::Generic(args) => generic::run(args, context).await,
        Kind::Envelope(args) => envelope::run(args, context).await,
    }
}

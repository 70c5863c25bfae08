//! `custody record expected`: how many records a source should have produced.

use custody_client::make::{Subject, custody};
use custody_evidence::predicate::{CustodyPredicate as _, Expected, Name, Period};
use custody_evidence::subject_name::NameKind;

use super::flags::{Common, When, time, unmade};
use super::send;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};

/// How many records a source should have produced in a time, so that a gap is seen. The subject is the source.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What makes the records: a pipeline, a writer.
    #[arg(long, value_name = "NAME")]
    source: Option<Name>,
    /// The first moment of the time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<When>,
    /// The first moment after it.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<When>,
    /// How many records; 0 says that there should be none.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    common: Common,
}

/// Runs `custody record expected`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut subjects = args.common.subjects(&[], context)?;
    subjects.extend(args.source.iter().map(|source| Subject::of_name(NameKind::Identity, source.as_str())));
    let made =
        match (args.common.given(Expected::TYPE, &subjects)?, args.source, args.from, args.to, args.count) {
            (Some(made), ..) => made,
            (None, Some(source), Some(from), Some(to), Some(count)) => {
                let period =
                    Period::new(from.before(context.clock), to.before(context.clock)).map_err(|error| {
                        Failure::usage("bad_time", format!("--from and --to: {error}"))
                            .hint("give a later --to")
                    })?;
                let predicate = Expected { source, period, count };
                custody(&predicate, &subjects).map_err(|error| unmade(&error, None))?
            }
            (None, ..) => {
                return Err(Failure::usage(
                    "missing_flag",
                    "expected records need --source NAME, --from TIME, --to TIME and --count N",
                )
                .hint("give all four, or the whole predicate with --predicate FILE and --subject"));
            }
        };
    send::statement(&made, &args.common.sending, context).await
}

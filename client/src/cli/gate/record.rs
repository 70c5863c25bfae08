//! `--record`: the verdict, signed and in the log, for the gates behind this one and for whoever asks later.

use custody_client::make::Made;
use custody_evidence::predicate::judgement::VSA_TYPE;
use custody_gate::Policy;
use custody_gate::verdict::SummaryError;

use super::Args;
use super::judged::Judged;
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::record::send::{self, Sent};

/// Records each verdict that is one.
pub(super) async fn all(
    policy: &Policy,
    verdicts: &[Judged],
    args: &Args,
    context: &Context,
) -> Result<(), Failure> {
    let uri = args.resource_uri.as_deref().or_else(|| policy.resource_uri());
    for judged in verdicts {
        let digest = judged.verdict.subject();
        let own = format!("urn:custody:digest:{digest}");
        let statement = match judged.verdict.summary(uri.unwrap_or(&own)) {
            Ok(statement) => statement,
            Err(error @ (SummaryError::Indeterminate | SummaryError::Doubtful { .. })) => {
                context.output.note(format!("{digest}: not recorded: {error}"));
                continue;
            }
            Err(error) => {
                return Err(
                    Failure::usage("bad_statement", error.to_string()).hint("give another --resource-uri")
                );
            }
        };
        let made = Made { predicate_type: VSA_TYPE.to_owned(), payload: statement };
        match Box::pin(send::quietly(&made, &args.sending, context)).await? {
            Sent::Recorded(recorded) => {
                let (index, again) =
                    (recorded.logged.entry().index, if recorded.duplicate { " already" } else { "" });
                context.output.note(format!(
                    "recorded the {} of {digest}{again} as entry {index}",
                    judged.verdict.decision()
                ));
            }
            Sent::Spooled => {}
        }
    }
    Ok(())
}

//! `custody trust allow`: what the secret screen finds, and is none.

use custody_evidence::trust::{Allow, RoleName};
use serde_json::json;

use super::administrative::{Settled, Signing, settle};
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::escape_line;
use crate::cli::session;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The finding, as a refusal names it: RULE:FINGERPRINT.
    #[arg(value_name = "RULE:FINGERPRINT", value_parser = finding)]
    finding: (String, String),
    /// Why it is no secret.
    #[arg(long)]
    reason: String,
    /// Block it again.
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    signing: Signing,
}

fn finding(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once(':') {
        Some((rule, fingerprint)) if !rule.is_empty() && fingerprint.len() == 64 => {
            Ok((rule.to_owned(), fingerprint.to_owned()))
        }
        _ => Err("expected RULE:FINGERPRINT, with a fingerprint of 64 hex digits, as the refusal names it"
            .to_owned()),
    }
}

/// Allows a finding, or ends that.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut ledger = session::open(context).await?;
    let (rule, fingerprint) = args.finding;
    let follows = ledger.trust().current().state.said_of_finding(&rule, &fingerprint);
    let said = Allow { rule, fingerprint, reason: args.reason, follows, undo: args.undo };
    let origin = ledger.trust().pin().origin.clone();
    let statement = said.statement(origin.as_str());
    let settled = settle(&mut ledger, &statement, RoleName::Rules, &args.signing, context).await?;
    let (index, file) = match &settled {
        Settled::Recorded(index) => (Some(index.get()), None),
        Settled::Written(path) => (None, Some(path.display().to_string())),
    };
    if context.output.is_json() {
        context.output.print_json(&json!({
            "rule": said.rule, "fingerprint": said.fingerprint, "reason": said.reason, "undo": said.undo,
            "index": index, "file": file,
        }))?;
        return Ok(Outcome::Yes);
    }
    let verb = if said.undo { "blocked again" } else { "allowed" };
    let what = escape_line(&format!("{}:{}", said.rule, said.fingerprint));
    match settled {
        Settled::Recorded(index) => {
            context.output.print(format!("{verb}  {what}\n  entry  index:{index}\n"))?;
        }
        Settled::Written(path) => {
            context.output.print(format!("to be {verb}  {what}\n  file   {}\n", path.display()))?;
            context.output.note(format!(
                "next: administrators of the role rules sign it (custody trust sign {file}), then custody record envelope {file}",
                file = path.display()
            ));
        }
    }
    Ok(Outcome::Yes)
}

//! `custody redact`: what an entry holds is erased; the entry and all proofs stay.

use custody_client::Checked;
use custody_evidence::trust::{Redaction, RoleName};
use custody_log::LeafIndex;
use serde_json::json;

use super::Context;
use super::failure::{Failure, Outcome};
use super::session;
use super::trust::administrative::{Settled, Signing, settle};

/// Erase what an entry holds: envelope, admission record and facts. The entry and all proofs stay.
///
/// Every entry with the same content is erased, and that content is never recorded again, however it is wrapped. There is no
/// undo. The digests stay: who can guess the whole content can confirm the guess. Backups that were taken before still
/// hold it. It needs a threshold of the rules role.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The entry: `index:1042`, or 1042. No digest and no prefix: this decides.
    #[arg(value_name = "INDEX", value_parser = index)]
    index: LeafIndex,
    /// Why, in a few words. They stay in the log: do not repeat what is to be erased.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    signing: Signing,
}

fn index(text: &str) -> Result<LeafIndex, String> {
    let digits = text.strip_prefix("index:").unwrap_or(text);
    let number: u64 = digits.parse().map_err(|_| "expected an entry: index:1042, or 1042".to_owned())?;
    LeafIndex::new(number).map_err(|error| error.to_string())
}

/// Redacts an entry.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut ledger = session::open(context).await?;
    let found = ledger.entry(args.index).await?;
    if let Some(said) = found.redacted() {
        let (by, reason) = (said.by, &said.redaction.reason);
        return Err(Failure::no(
            "redacted",
            format!("what entry {} held was erased already, by entry {by}: {reason}", args.index),
        )
        .hint("there is nothing left to erase"));
    }
    if found.entry().administrative {
        return Err(Failure::no(
            "never_erased",
            format!("entry {} administers the log, and such entries are never erased", args.index),
        )
        .hint("what follows from it is changed by a new administrative entry"));
    }
    // Encoding gives back the exact bytes that were decoded.
    let bytes = found.entry().encode();
    let said = Redaction::of(found.entry(), &bytes, args.reason);
    drop::<Checked>(found);
    let settled = settle(&mut ledger, &said.statement(), RoleName::Rules, &args.signing, context).await?;
    print(&said, &settled, context)?;
    Ok(Outcome::Yes)
}

fn print(said: &Redaction, settled: &Settled, context: &Context) -> Result<(), Failure> {
    let (index, file) = match settled {
        Settled::Recorded(index) => (Some(index.get()), None),
        Settled::Written(path) => (None, Some(path.display().to_string())),
    };
    if context.output.is_json() {
        return context.output.print_json(&json!({
            "redacted": said.index.get(), "entry": said.entry.to_string(), "content": said.content.to_string(),
            "reason": said.reason, "index": index, "file": file,
        }));
    }
    match settled {
        Settled::Recorded(index) => {
            context.output.print(format!("redacted  index:{}\n  entry  index:{index}\n", said.index))?;
            context.output.note(
                "what it held is erased on the server, and never recorded again; backups that were taken before still hold it",
            );
        }
        Settled::Written(path) => {
            let file = path.display();
            context.output.print(format!("to be redacted  index:{}\n  file   {file}\n", said.index))?;
            context.output.note(format!(
                "next: administrators of the role {} sign it (custody trust sign {file}), then custody record envelope {file}",
                RoleName::Rules
            ));
        }
    }
    Ok(())
}

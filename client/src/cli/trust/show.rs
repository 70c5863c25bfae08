//! `custody trust show`: what holds now, and the trust file for offline use.

use std::fmt::Write as _;
use std::path::PathBuf;

use custody_client::Trust;
use custody_client::memory::replace;
use custody_evidence::trust::{Distrusted, Redacted};
use serde_json::{Value, json};

use super::lines::summary;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::escape_line;
use crate::cli::session;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Also write the trust file, which is all that `custody verify` needs without a network.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Shows the newest trust document.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let ledger = session::open(context).await?;
    let trust = ledger.trust();
    if let Some(path) = &args.out {
        replace(path, &trust.file().encode()).map_err(|error| Failure::unwritable(error.to_string()))?;
        context.output.note(format!("wrote the trust file {}", path.display()));
    }
    if context.output.is_json() {
        context.output.print_json(&document(trust)?)?;
    } else {
        context.output.print(text(trust))?;
    }
    Ok(Outcome::Yes)
}

fn document(trust: &Trust) -> Result<Value, Failure> {
    let current = trust.current();
    let document: Value = serde_json::from_slice(&current.state.document().encode())
        .map_err(|error| Failure::unknown("output", format!("cannot write the document as JSON: {error}")))?;
    Ok(json!({
        "pin": trust.pin().to_string(),
        "index": current.entry.index.get(),
        "time": current.entry.time.to_string(),
        "complete_to": trust.complete_to().get(),
        "document": document,
        "distrusted": distrusted(trust),
        "redacted": redacted(trust),
    }))
}

fn distrusted(trust: &Trust) -> Vec<Value> {
    let one = |found: &Distrusted| {
        json!({
            "kind": found.distrust.target.kind(),
            "thing": found.distrust.target.id(),
            "since": found.distrust.since.get(),
            "reason": found.distrust.reason,
            "index": found.index.get(),
        })
    };
    trust.current().state.distrusts().into_iter().map(one).collect()
}

fn redacted(trust: &Trust) -> Vec<Value> {
    let one = |found: &Redacted| {
        json!({
            "entry": found.redaction.index.get(),
            "content": found.redaction.content.to_string(),
            "reason": found.redaction.reason,
            "index": found.by.get(),
        })
    };
    trust.current().state.redactions().map(one).collect()
}

fn text(trust: &Trust) -> String {
    let current = trust.current();
    let document = current.state.document();
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "{name:<10} {value}");
    };
    line("pin", &trust.pin().to_string());
    line(
        "version",
        &format!("{} (entry {}, {})", document.version(), current.entry.index, current.entry.time),
    );
    for (name, value) in summary(document) {
        line(name, &value);
    }
    for found in current.state.distrusts() {
        let (said, entry) = (&found.distrust, found.index);
        let value = format!("{} since entry {}, by entry {entry}: {}", said.target, said.since, said.reason);
        let _ = writeln!(out, "{:<10} {}", "distrusted", escape_line(&value));
    }
    for Redacted { redaction, by } in current.state.redactions() {
        let value = format!("what entry {} held, by entry {by}: {}", redaction.index, redaction.reason);
        let _ = writeln!(out, "{:<10} {}", "redacted", escape_line(&value));
    }
    let _ = writeln!(
        out,
        "\nverified here from entry 0; no later version withheld up to size {}",
        trust.complete_to()
    );
    out
}

//! An entry of which a redaction left nothing but the entry and its proofs.

use std::fmt::Write as _;

use custody_client::check::Erased;
use serde_json::{Value, json};

use super::{Args, write};
use crate::cli::Context;
use crate::cli::entry_view::redacted;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::{escape, escape_line};

/// Shows it: that it is in the log, who had the rest erased, and its receipt.
pub(super) fn show(erased: &Erased, args: &Args, context: &Context) -> Result<Outcome, Failure> {
    if args.raw {
        return Err(Failure::no("redacted", gone(erased))
            .hint("the entry and its proofs stay: show it without --raw"));
    }
    let receipt = erased.receipt().receipt().encode();
    if let Some(dir) = &args.save {
        write(erased.entry().index, &[("receipt", receipt.as_slice())], dir, context)?;
    }
    if context.output.is_json() {
        context.output.print_json(&document(erased))?;
    } else {
        context.output.print(text(erased))?;
    }
    Ok(Outcome::Yes)
}

fn gone(erased: &Erased) -> String {
    let said = erased.redacted();
    format!(
        "what entry {} held was erased by entry {}: {}",
        erased.entry().index,
        said.by,
        said.redaction.reason
    )
}

/// One check: name, status, detail.
fn checks(erased: &Erased) -> [(&'static str, &'static str, String); 2] {
    let size = erased.receipt().checkpoint().checkpoint().size();
    [
        ("inclusion", "verified", format!("in the tree of size {size} that the log signed")),
        ("redaction", "redacted", gone(erased)),
    ]
}

fn document(erased: &Erased) -> Value {
    let (entry, receipt) = (erased.entry(), erased.receipt());
    let checkpoint = receipt.checkpoint().checkpoint();
    let checks: Vec<Value> = checks(erased)
        .into_iter()
        .map(|(name, status, detail)| json!({ "name": name, "status": status, "detail": detail }))
        .collect();
    json!({
        "index": entry.index.get(),
        "entry": custody_log::EntryDigest::of(receipt.entry_bytes()).to_string(),
        "text": String::from_utf8_lossy(receipt.entry_bytes()),
        "time": entry.time.to_string(),
        "envelope": entry.envelope.digest.to_string(),
        "content": entry.content.to_string(),
        "predicate": null,
        "subjects": [],
        "signers": [],
        "submitter": null,
        "identity": null,
        "binding": null,
        "authority": null,
        "check": "redacted",
        "redacted": redacted(erased.redacted()),
        "checks": checks,
        "interpreted": false,
        "facts": [],
        "statement": null,
        "record": null,
        "receipt": String::from_utf8_lossy(&receipt.receipt().encode()),
        "checkpoint": {
            "origin": checkpoint.origin().to_string(),
            "size": checkpoint.size().get(),
            "root": checkpoint.root().to_string(),
        },
    })
}

fn text(erased: &Erased) -> String {
    let receipt = erased.receipt();
    let mut out = escape(&String::from_utf8_lossy(receipt.entry_bytes()));
    out += "\nchecks\n";
    for (name, status, detail) in checks(erased) {
        let _ = writeln!(out, "  {name:<10} {status:<11}  {}", escape_line(&detail));
    }
    out += "\nreceipt\n";
    out += &escape(&String::from_utf8_lossy(&receipt.receipt().encode()));
    out
}

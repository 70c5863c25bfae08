//! `custody trust propose`: the next version of the trust document.

use std::fmt::Write as _;

use std::path::{Path, PathBuf};

use custody_client::memory::replace;
use custody_evidence::trust::{RoleName, TrustDocument, TrustMembers, statement_of};
use serde_json::json;

use super::edit::{self, Edits};
use super::issuers::{self, IssuerEdits};
use super::lines::changes;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::file;
use crate::cli::session;
use crate::cli::times;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to write it: an in-toto statement that `custody trust sign` signs.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Start from this document instead of the newest one: the JSON that `custody trust show -o json` prints
    /// as `document`, edited. Its version is set to the next one.
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    #[command(flatten)]
    edits: Box<Edits>,
    #[command(flatten)]
    issuers: Box<IssuerEdits>,
    /// When the document expires: a time, or how long from now, such as `90d` or `1.year`.
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    expires: Option<times::When>,
}

/// Writes the next version.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let ledger = session::open(context).await?;
    let before = ledger.trust().current().state.document();
    let mut members = match &args.document {
        Some(path) => read_document(path)?,
        None => before.members().clone(),
    };
    members.version = before.version().saturating_add(1);
    issuers::apply(&mut members, &args.issuers)?;
    edit::apply(&mut members, &args.edits, ledger.checkpoint().checkpoint().size())?;
    if let Some(expires) = args.expires {
        members.expires = expires.ahead(context.clock);
    }
    if members.expires <= context.clock.now() {
        let message = format!("the proposed document has expired already, at {}", members.expires);
        return Err(Failure::usage("expired", message)
            .hint("give a time to come with --expires, such as 90d or 1.year"));
    }
    let after = TrustDocument::new(members).map_err(|error| {
        Failure::no("bad_trust_document", error.to_string())
            .hint("correct it; the server would refuse it as well")
    })?;
    if after.origin() != before.origin() {
        return Err(Failure::no(
            "bad_trust_document",
            format!("the document is for the log {}, expected {}", after.origin(), before.origin()),
        )
        .hint("start from the member `document` of `custody trust show -o json`, asked of this log"));
    }
    let changes = changes(before, &after);
    if changes.is_empty() {
        return Err(Failure::no(
            "no_change",
            "the proposed document says the same as the one that holds now",
        )
        .hint(
            "change it with --document, --expires, or a flag that adds or removes a writer, an issuer or a trusted root",
        ));
    }
    for rule in by_name(before, &after) {
        context.output.warn(format!(
            "rule {rule:?} knows a repository by its name alone, and who takes the name once it is free is let in: add \
             --claim source_repository_identifier=ID, or source_repository_owner_identifier=ID"
        ));
    }
    replace(&args.out, &statement_of(&after)).map_err(|error| Failure::unwritable(error.to_string()))?;
    let (old, new) = (before.role(RoleName::Root), after.role(RoleName::Root));
    let threshold = old.threshold;
    let own = if old == new { String::new() } else { format!(", and {} of its own", new.threshold) };
    if context.output.is_json() {
        context.output.print_json(&json!({
            "version": after.version(), "changes": changes, "threshold": threshold,
            "file": args.out.display().to_string(),
        }))?;
    } else {
        let mut text = format!("version {} in {}\n", after.version(), args.out.display());
        for change in changes {
            let _ = writeln!(text, "  {change}");
        }
        context.output.print(text)?;
        context.output.note(format!(
            "next: {threshold} of the root keys sign it{own} (custody trust sign {file}), then custody record envelope {file}",
            file = args.out.display()
        ));
        if after.members().log_keys.len() > before.members().log_keys.len() {
            context.output.note(format!(
                "who brings in a log key signs with it too: custodyd log-key sign --data DIR {}, on the server",
                args.out.display()
            ));
        }
    }
    Ok(Outcome::Yes)
}

/// Returns the names of new or changed rules with a pattern that goes by names alone.
fn by_name<'a>(before: &TrustDocument, after: &'a TrustDocument) -> Vec<&'a str> {
    let issuers = &after.members().issuers;
    let new = after.writers().iter().filter(|rule| !before.writers().contains(rule));
    let named = new.filter(|rule| rule.identities.iter().any(|pattern| pattern.goes_by_name(issuers)));
    named.map(|rule| rule.name.as_str()).collect()
}

fn read_document(path: &Path) -> Result<TrustMembers, Failure> {
    let bytes = file::read(path, custody_wire::limits::ENVELOPE_BYTES_MAX)?;
    let document = TrustDocument::parse(&bytes).map_err(|error| {
        Failure::usage("bad_trust_document", format!("{}: {error}", path.display()))
            .hint("start from the member `document` of `custody trust show -o json`")
    })?;
    Ok(document.members().clone())
}

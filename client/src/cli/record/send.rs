//! Signs, sends, and says what came out.

use std::path::Path;
use std::sync::Arc;

use custody_client::ledger::Progress;
use custody_client::make::Made;
use custody_client::memory::{replace, writable};
use custody_client::sign::sign_statement;
use custody_client::{Ledger, Logged, Recorded};
use custody_evidence::envelope::Envelope;
use custody_evidence::key::KeyId;
use custody_evidence::oidc::Credential;
use serde_json::{Value, json};

use super::flags::{Delivery, Sending};
use super::signer::Signer;
use super::{keyless, secrets};
use crate::cli::Context;
use crate::cli::entry_view::binding;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::identity::{Submitter, Token};
use crate::cli::output::{counted, escape_line};
use crate::cli::{key, session, spool};

/// Signs the statement and records it; with `--dry-run`, prints it.
pub(super) async fn statement(made: &Made, sending: &Sending, context: &Context) -> Result<Outcome, Failure> {
    secrets::in_statement(&made.payload, context, !sending.dry_run).await?;
    if sending.dry_run && !context.output.is_json() {
        let mut line = made.payload.clone();
        line.push(b'\n');
        context.output.print_bytes(&line)?;
        context.output.note("dry run: nothing was signed, nothing was sent");
        return Ok(Outcome::Yes);
    }
    let chosen = match Signer::of(sending, context)? {
        Signer::Job(_) if sending.dry_run => return keyless::dry_run(made, context),
        Signer::Job(source) => {
            // Large as a future.
            return Box::pin(keyless::statement(made, &source, sending, context)).await;
        }
        Signer::Key(chosen) => chosen,
    };
    let envelope = sign_statement(&made.payload, chosen.key.as_ref())
        .map_err(|error| key::unsigned(&error, "bad_statement"))?;
    let envelope = Envelope::from(envelope);
    if sending.dry_run {
        let mut line = envelope.bytes().to_vec();
        line.push(b'\n');
        context.output.print_bytes(&line)?;
        return Ok(Outcome::Yes);
    }
    check_receipt(&sending.delivery)?;
    let ours = (chosen.key.id(), chosen.from.clone());
    match deliver(&envelope, &sending.delivery, context).await? {
        Sent::Recorded(recorded) if context.output.is_json() => {
            context.output.print_json(&document(&recorded))?;
        }
        Sent::Recorded(recorded) => context.output.print(text(&recorded, Some(ours), &sending.delivery))?,
        Sent::Spooled => {}
    }
    Ok(Outcome::Yes)
}

/// Signs a statement and records it; says nothing of how it went.
pub(in crate::cli) async fn quietly(
    made: &Made,
    sending: &Sending,
    context: &Context,
) -> Result<Sent, Failure> {
    secrets::in_statement(&made.payload, context, true).await?;
    match Signer::of(sending, context)? {
        Signer::Job(source) => {
            let recorded = Box::pin(keyless::recorded(made, &source, sending, context)).await?;
            Ok(Sent::Recorded(Box::new(recorded)))
        }
        Signer::Key(chosen) => {
            let envelope = sign_statement(&made.payload, chosen.key.as_ref())
                .map_err(|error| key::unsigned(&error, "bad_statement"))?;
            check_receipt(&sending.delivery)?;
            deliver(&Envelope::from(envelope), &sending.delivery, context).await
        }
    }
}

/// What became of an envelope.
pub(in crate::cli) enum Sent {
    /// It is in the log.
    Recorded(Box<Recorded>),
    /// It waits in the spool, and the user was told.
    Spooled,
}

/// Records one envelope and writes the receipt; or keeps it, if the server is away and the user asked for that.
pub(super) async fn deliver(
    envelope: &Envelope,
    delivery: &Delivery,
    context: &Context,
) -> Result<Sent, Failure> {
    let recorded = record(envelope, delivery, context).await;
    match (recorded, &delivery.spool) {
        (Err(away), Some(file)) if spool::is_away(&away) => {
            keep(file, envelope, &away, None, delivery, context)?;
            Ok(Sent::Spooled)
        }
        (recorded, _) => {
            let recorded = recorded?;
            if let Some(path) = &delivery.receipt {
                write_receipt(path, &recorded)?;
            }
            Ok(Sent::Recorded(Box::new(recorded)))
        }
    }
}

async fn record(envelope: &Envelope, delivery: &Delivery, context: &Context) -> Result<Recorded, Failure> {
    let patience = delivery.patience(context);
    match session::open_to_record(context, patience).await? {
        Some(mut ledger) => envelope_to(&mut ledger, envelope, None, context).await,
        None => Ok(session::open_by_recording(context, patience, envelope, None).await??.1),
    }
}

/// Keeps an envelope in the spool, and says so. `place` is the file it came from.
pub(super) fn keep(
    file: &Path,
    envelope: &Envelope,
    away: &Failure,
    place: Option<&str>,
    delivery: &Delivery,
    context: &Context,
) -> Result<(), Failure> {
    let path = spool::keep(file, envelope, away, context)?;
    if place.is_none() {
        context.output.warn(format!("{}: not recorded yet", away.message));
    }
    if let Some(receipt) = &delivery.receipt {
        context.output.warn(format!(
            "{} is not written: there is no receipt before the envelope is recorded; `custody spool flush --receipts DIR` \
             writes it",
            receipt.display()
        ));
    }
    if context.output.is_json() {
        let mut line = spool::document(envelope, &path, away);
        if let (Some(place), Some(members)) = (place, line.as_object_mut()) {
            members.insert("file".to_owned(), json!(place));
        }
        return context.output.print_json(&line);
    }
    let place = place.map_or_else(String::new, |place| format!("{place}: "));
    context.output.print(format!("{place}{}", spool::text(envelope, &path)))
}

/// Records one envelope, with a progress bar while it is sent.
pub(super) async fn envelope_to(
    ledger: &mut Ledger,
    envelope: &Envelope,
    credential: Option<&Credential>,
    context: &Context,
) -> Result<Recorded, Failure> {
    let bar = context.output.bytes_bar("sending", u64::try_from(envelope.bytes().len()).unwrap_or(u64::MAX));
    let shown = bar.clone();
    let progress: Progress = Arc::new(move |sent| shown.set_position(sent));
    let recorded = ledger.record_as(envelope, credential, progress).await;
    bar.finish_and_clear();
    for warning in ledger.take_warnings() {
        context.output.warn(warning);
    }
    Ok(recorded?)
}

/// Checks that the receipt can be written, before anything is sent: an approval that is recorded again, for its
/// receipt, would be a second one.
pub(super) fn check_receipt(delivery: &Delivery) -> Result<(), Failure> {
    let Some(path) = &delivery.receipt else { return Ok(()) };
    writable(path).map_err(|error| {
        Failure::usage("unwritable", format!("nothing was sent: {error}")).hint("give another --receipt FILE")
    })
}

/// Writes the receipt so that the file is there whole or not at all.
pub(in crate::cli) fn write_receipt(path: &Path, recorded: &Recorded) -> Result<(), Failure> {
    replace(path, &recorded.logged.receipt().receipt().encode()).map_err(|error| {
        let index = recorded.logged.entry().index;
        Failure::usage(
            "unwritable",
            format!("entry {index} is recorded, but its receipt was not written: {error}"),
        )
        .hint(format!("`custody show index:{index} --save DIR` writes the receipt"))
    })
}

/// Returns the object that `-o json` prints.
pub(in crate::cli) fn document(recorded: &Recorded) -> Value {
    let (entry, receipt) = (recorded.logged.entry(), recorded.logged.receipt());
    let checkpoint = receipt.checkpoint().checkpoint();
    json!({
        "index": entry.index.get(),
        "entry": custody_log::EntryDigest::of(receipt.entry_bytes()).to_string(),
        "envelope": entry.envelope.digest.to_string(),
        "content": entry.content.to_string(),
        "time": entry.time.to_string(),
        "duplicate": recorded.duplicate,
        "spooled": false,
        "identity": submitter(&recorded.logged).map(|submitter| submitter.json()),
        "receipt": String::from_utf8_lossy(&receipt.receipt().encode()),
        "checkpoint": {
            "origin": checkpoint.origin().to_string(),
            "size": checkpoint.size().get(),
            "root": checkpoint.root().to_string(),
        },
    })
}

/// The token was sent a moment ago, and the log serves it later: who wants to verify it asks then.
fn submitter(logged: &Logged) -> Option<Submitter<'_>> {
    Submitter::of(logged.record(), Token::NotAsked)
}

/// Returns what people read; with our key and where it comes from, also who signed: the entry says it.
pub(super) fn text(recorded: &Recorded, ours: Option<(KeyId, String)>, delivery: &Delivery) -> String {
    let (entry, record) = (recorded.logged.entry(), recorded.logged.record());
    let checkpoint = recorded.logged.receipt().checkpoint().checkpoint();
    let done = if recorded.duplicate { "recorded already" } else { "recorded" };
    let mut lines = vec![format!("{done}  {}", escape_line(&record.predicate_type))];
    // Several digests of one file are one subject to a reader, and a release can have hundreds.
    let shown = record.subjects.iter().take(4).map(|subject| format!("  subject  {}", escape_line(subject)));
    lines.extend(shown);
    if record.subjects.len() > 4 {
        lines.push(format!(
            "  subject  and {}",
            counted(record.subjects.len() - 4, "more digest", "more digests")
        ));
    }
    let log = escape_line(checkpoint.origin().as_str());
    lines.push(format!("  entry    index:{}  in {log}, tree size {}", entry.index, checkpoint.size()));
    lines.push(format!("  time     {}", entry.time));
    if let Some(submitter) = submitter(&recorded.logged) {
        lines.push(format!("  as       {}", escape_line(&submitter.text())));
        let compared = record.binding.map_or("not compared with", binding);
        lines.push(format!("  claims   {compared}"));
    }
    if let Some((id, from)) = ours {
        let from = |key: &KeyId| if *key == id { format!(" ({from})") } else { String::new() };
        let signed = |key: &KeyId| escape_line(&format!("key:{key}{}", from(key)));
        let keys = record.verified_keys();
        lines.extend(keys.iter().map(|key| format!("  signed   by {}", signed(key))));
        if !keys.contains(&id) {
            let also: Vec<String> = recorded.also.iter().map(|index| format!("index:{index}")).collect();
            lines.push(format!("  signed   by {} in {}", signed(&id), also.join(" ")));
        }
    }
    if let Some(path) = &delivery.receipt {
        lines.push(format!("  receipt  {}", escape_line(&path.display().to_string())));
    }
    if recorded.duplicate {
        lines.push("  the log held this content already: nothing was added".to_owned());
    }
    lines.join("\n") + "\n"
}

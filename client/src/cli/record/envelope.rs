//! `custody record envelope`: envelopes that were signed elsewhere.

mod found;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use custody_client::ledger::Outcome as Outcomes;
use custody_client::{Ledger, RecordError, Recorded};
use custody_evidence::envelope::Envelope;
use serde_json::json;

use self::found::Found;
use super::flags::Delivery;
use super::send::{self, Sent};
use crate::cli::Context;
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::output::escape_line;
use crate::cli::{artifact, session, spool};

/// Envelopes that were signed elsewhere: DSSE envelopes, Sigstore bundles, PEP 740 attestations.
///
/// One a file, one a line of a .jsonl, or one an element of a JSON list; documents of npm and PyPI, and what gcloud prints of an image, are taken apart into what
/// was signed. Of an OCI image layout, a folder or a tar archive, the attestations are taken that cosign and others keep beside an
/// image. The kind is told from the bytes. All files together have at most 1 GiB.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The files, and folders of OCI image layouts; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The artifact that they are about. A bundle that signs a file and does not say which is told it: its digest is written into
    /// what is recorded, and the signature must hold over it. What says that it is about another artifact is not recorded.
    #[arg(long, value_name = "FILE|DIGEST")]
    artifact: Option<String>,
    /// Send nothing: only say whether the files can be recorded.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    delivery: Delivery,
}

/// Runs `custody record envelope`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let artifact = args.artifact.as_deref().map(|text| artifact::read(text, context)).transpose()?;
    let mut found = found::read(&args.files, artifact.as_ref());
    for one in &mut found {
        one.screen(context, !args.dry_run).await;
    }
    if found.len() > 1 && args.delivery.receipt.is_some() {
        return Err(Failure::usage(
            "one_receipt",
            format!("--receipt is for one envelope, found {}", found.len()),
        )
        .hint("-o json prints the receipt of each"));
    }
    if args.dry_run {
        return dry_run(found, context);
    }
    // Nothing to send needs no server.
    if found.len() == 1 {
        let only = found.remove(0);
        let envelope = only.only()?;
        send::check_receipt(&args.delivery)?;
        match send::deliver(&envelope, &args.delivery, context).await? {
            Sent::Recorded(recorded) if context.output.is_json() => {
                context.output.print_json(&send::document(&recorded))?;
            }
            Sent::Recorded(recorded) => context.output.print(send::text(&recorded, None, &args.delivery))?,
            Sent::Spooled => {}
        }
        return Ok(Outcome::Yes);
    }
    let ledger = match session::open_to_record(context, args.delivery.patience(context)).await {
        Err(away) if args.delivery.spool.is_some() && spool::is_away(&away) => Err(away),
        opened => Ok(opened?),
    };
    several(ledger, found, &args.delivery, context).await
}

/// Each envelope has its own outcome, one line each, in the order of the files. What could not be found out ends the
/// work: the server is away, and would be asked in vain for each of the others. With `--spool` these are kept; `ledger`
/// is why the server is away if it was never there, and none if something must be recorded before it is opened.
async fn several(
    ledger: Result<Option<Ledger>, Failure>,
    found: Vec<Found>,
    delivery: &Delivery,
    context: &Context,
) -> Result<Outcome, Failure> {
    let mut lines = Lines::new(&found, delivery, context);
    let mut envelopes = Vec::new();
    let mut places = Vec::new();
    for (at, Found { envelope, .. }) in found.iter().enumerate() {
        match envelope {
            Ok(envelope) => {
                envelopes.push(envelope);
                places.push(at);
            }
            Err(failure) => lines.take(at, Err(failure.clone())),
        }
    }
    let mut ledger = match (ledger, &delivery.spool) {
        (Ok(ledger), _) => ledger,
        (Err(away), Some(file)) => return lines.keep_rest(file, &away),
        (Err(away), None) => return Err(away),
    };
    let bar = context.output.count_bar("recording", u64::try_from(envelopes.len()).unwrap_or(u64::MAX));
    let mut outcome = |at: usize, result: Result<Recorded, RecordError>| {
        bar.inc(1);
        let Some(place) = places.get(at) else { return ControlFlow::Continue(()) };
        lines.take(*place, result.map_err(Failure::from));
        bar.suspend(|| lines.print())
    };
    let told = record_all(&mut ledger, &envelopes, &mut outcome, (delivery, context)).await;
    bar.finish_and_clear();
    for warning in ledger.iter_mut().flat_map(Ledger::take_warnings) {
        context.output.warn(warning);
    }
    let away = told.as_ref().err().or(lines.broken.as_ref()).filter(|away| spool::is_away(away)).cloned();
    if let (Some(away), Some(file)) = (away, &delivery.spool) {
        return lines.keep_rest(file, &away);
    }
    told.map_err(|failure| lines.hinted(failure))?;
    lines.finish()
}

/// Records all, the first ones alone until the log is open.
async fn record_all(
    ledger: &mut Option<Ledger>,
    envelopes: &[&Envelope],
    outcome: Outcomes<'_>,
    (delivery, context): (&Delivery, &Context),
) -> Result<(), Failure> {
    for (at, envelope) in envelopes.iter().enumerate() {
        if let Some(ledger) = ledger {
            let rest = envelopes.get(at..).unwrap_or_default();
            return Ok(ledger.record_all(rest, &mut |behind, result| outcome(at + behind, result)).await?);
        }
        let opened = session::open_by_recording(context, delivery.patience(context), envelope, None).await?;
        let result = opened.map(|(opened, recorded)| {
            *ledger = Some(opened);
            recorded
        });
        if outcome(at, result).is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// Results as they come, printed in the order of the files.
struct Lines<'a> {
    found: &'a [Found],
    delivery: &'a Delivery,
    context: &'a Context,
    /// Results that wait for those before them: a server answers in any order.
    waiting: BTreeMap<usize, Result<Recorded, Failure>>,
    printed: usize,
    failed: Vec<Exit>,
    /// Why nothing more is printed.
    broken: Option<Failure>,
}

impl<'a> Lines<'a> {
    fn new(found: &'a [Found], delivery: &'a Delivery, context: &'a Context) -> Self {
        Self {
            found,
            delivery,
            context,
            waiting: BTreeMap::new(),
            printed: 0,
            failed: Vec::new(),
            broken: None,
        }
    }

    fn take(&mut self, at: usize, result: Result<Recorded, Failure>) {
        self.waiting.insert(at, result);
    }

    /// Prints what is next; breaks off where something could not be found out.
    fn print(&mut self) -> ControlFlow<()> {
        while let Some(result) = self.waiting.remove(&self.printed) {
            if let Err(failure) = self.print_one(result) {
                self.broken = Some(failure);
                return ControlFlow::Break(());
            }
            self.printed += 1;
        }
        // Nothing behind an outage is worth waiting for, even if others before it have no answer yet.
        match self.waiting.iter().find(|(_, result)| unknown(result)).map(|(at, _)| *at) {
            Some(at) => {
                self.broken = self.waiting.remove(&at).and_then(Result::err).map(|f| self.prefixed(at, f));
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        }
    }

    fn print_one(&mut self, result: Result<Recorded, Failure>) -> Result<(), Failure> {
        let place = self.found.get(self.printed).map_or("", |found| found.place.as_str());
        match result {
            Ok(recorded) if self.context.output.is_json() => {
                let mut line = send::document(&recorded);
                if let Some(members) = line.as_object_mut() {
                    members.insert("file".to_owned(), json!(place));
                }
                self.context.output.print_json(&line)
            }
            Ok(recorded) => {
                let text = send::text(&recorded, None, self.delivery);
                self.context.output.print(format!("{}: {text}", escape_line(place)))
            }
            Err(failure) if failure.exit == Exit::Unknown => Err(self.prefixed(self.printed, failure)),
            Err(failure) => {
                report(place, &failure, self.context)?;
                self.failed.push(failure.exit);
                Ok(())
            }
        }
    }

    fn prefixed(&self, at: usize, failure: Failure) -> Failure {
        let place = self.found.get(at).map_or("", |found| found.place.as_str());
        let failure = failure.prefixed(place);
        self.hinted(failure)
    }

    /// Says how much was done before.
    fn hinted(&self, failure: Failure) -> Failure {
        let (done, total) = (self.printed, self.found.len());
        failure
            .hint(format!("{done} of {total} envelopes were tried before; record them all again: it is safe"))
    }

    /// Keeps in the spool what has no answer, and prints the rest in its order.
    fn keep_rest(mut self, file: &Path, away: &Failure) -> Result<Outcome, Failure> {
        self.context.output.warn(format!("{}: the rest is not recorded yet", away.message));
        let (found, delivery, context) = (self.found, self.delivery, self.context);
        for (at, Found { place, envelope, .. }) in found.iter().enumerate().skip(self.printed) {
            self.printed = at;
            match (self.waiting.remove(&at), envelope) {
                (Some(result), _) if !unknown(&result) => self.print_one(result)?,
                (_, Ok(envelope)) => send::keep(file, envelope, away, Some(place), delivery, context)?,
                (_, Err(failure)) => self.print_one(Err(failure.clone()))?,
            }
        }
        ended(&self.failed, found.len())
    }

    fn finish(mut self) -> Result<Outcome, Failure> {
        // Files that hold no envelope may be the last ones.
        if self.broken.is_none() {
            let _all_printed = self.print();
        }
        match self.broken {
            Some(failure) => Err(failure),
            None => ended(&self.failed, self.found.len()),
        }
    }
}

fn unknown(result: &Result<Recorded, Failure>) -> bool {
    result.as_ref().is_err_and(|failure| failure.exit == Exit::Unknown)
}

fn dry_run(found: Vec<Found>, context: &Context) -> Result<Outcome, Failure> {
    let total = found.len();
    let mut failed = Vec::new();
    for Found { place, kind, envelope, .. } in found {
        match envelope {
            Ok(envelope) if context.output.is_json() => context.output.print_json(&json!({
                "file": place,
                "kind": kind.as_str(),
                "envelope": envelope.digest().to_string(),
                "content": envelope.content().to_string(),
            }))?,
            Ok(envelope) => {
                let (file, name) = (escape_line(&place), kind.name());
                context.output.print(format!("{file}: {name}, content {}\n", envelope.content()))?;
            }
            Err(failure) => {
                report(&place, &failure, context)?;
                failed.push(failure.exit);
            }
        }
    }
    context.output.note("dry run: nothing was sent");
    ended(&failed, total)
}

fn report(place: &str, failure: &Failure, context: &Context) -> Result<(), Failure> {
    if context.output.is_json() {
        let error = json!({ "code": failure.code, "message": failure.message, "hint": failure.hint });
        context.output.print_json(&json!({ "file": place, "error": error }))
    } else {
        context.output.warn(format!("{place}: {}", failure.message));
        // What the server refuses has a reason, and what was never an envelope another command.
        if let (Exit::Usage, Some(hint)) = (failure.exit, &failure.hint) {
            context.output.note(format!("hint: {hint}"));
        }
        Ok(())
    }
}

/// A refusal by the server weighs more than a file that was never sent: it is an answer.
fn ended(failed: &[Exit], total: usize) -> Result<Outcome, Failure> {
    if failed.is_empty() {
        return Ok(Outcome::Yes);
    }
    let message = format!("{} of {total} envelopes were not recorded", failed.len());
    if failed.contains(&Exit::No) {
        Err(Failure::no("some_refused", message).hint("the lines above say why, envelope by envelope"))
    } else {
        Err(Failure::usage("some_unusable", message).hint("the lines above say why, envelope by envelope"))
    }
}

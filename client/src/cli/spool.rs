//! `custody spool`: envelopes that were kept while the server was away.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use custody_client::ledger::RecordError;
use custody_client::memory::Memory;
use custody_client::spool::{Fate, Spool, SpoolError, Waiting, Why};
use custody_client::{Ledger, Recorded};
use custody_evidence::envelope::Envelope;
use custody_log::EnvelopeDigest;
use serde_json::{Value, json};

use super::Context;
use super::failure::{Exit, Failure, Outcome};
use super::output::escape_line;
use super::record::{secrets, send};
use super::session;

/// List and record what `custody record --spool` kept while the server was away.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List what waits, and why.
    List {
        /// The spool [default: the log's own, in the state directory].
        file: Option<PathBuf>,
    },
    /// Record what waits. What is recorded leaves the spool; what is refused stays with the reason, and is not tried
    /// again.
    Flush {
        /// The spool [default: the log's own, in the state directory].
        file: Option<PathBuf>,
        /// Try what was refused, too: the log's rules may have changed.
        #[arg(long)]
        refused: bool,
        /// Write the receipts into this directory, each as `<sha256 of the envelope>.tlog-proof`.
        #[arg(long, value_name = "DIR")]
        receipts: Option<PathBuf>,
    },
}

/// What `--spool` without a file means.
pub(crate) const OWN: &str = "auto";

/// How many envelopes are recorded between two looks at the file.
const SETTLE_EVERY: usize = 64;

/// Runs `custody spool`.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    match args.command {
        Command::List { file } => list(file.as_deref(), context),
        Command::Flush { file, refused, receipts } => {
            flush(file.as_deref(), refused, receipts.as_deref(), context).await
        }
    }
}

/// Returns the spool that a flag or argument names. It belongs to the pinned log.
pub(crate) fn named(file: Option<&Path>, context: &Context) -> Result<Spool, Failure> {
    let server = context.settings.server.as_deref().unwrap_or("URL");
    let pin = session::anchor(context)?.ok_or_else(|| session::no_pin(server))?.pin().clone();
    let own = || context.settings.state_dir().map(|dir| Memory::of(dir, &pin).dir().join("spool"));
    let path = match file.filter(|file| *file != Path::new(OWN)) {
        Some(file) => file.to_owned(),
        None => own()?,
    };
    Ok(Spool::new(path, pin))
}

/// Keeps an envelope, because of this failure.
pub(crate) fn keep(
    file: &Path,
    envelope: &Envelope,
    away: &Failure,
    context: &Context,
) -> Result<PathBuf, Failure> {
    let spool = named(Some(file), context)?;
    spool
        .keep(envelope, context.clock.now())
        .map_err(|error| Failure::from(error).prefixed(&format!("{}; and not spooled", away.message)))?;
    Ok(spool.path().to_owned())
}

/// Returns the object that `-o json` prints for an envelope that was kept.
pub(crate) fn document(envelope: &Envelope, spool: &Path, away: &Failure) -> Value {
    json!({
        "index": null,
        "entry": null,
        "envelope": envelope.digest().to_string(),
        "content": envelope.content().to_string(),
        "time": null,
        "duplicate": false,
        "spooled": true,
        "receipt": null,
        "checkpoint": null,
        "spool": spool,
        "why": { "code": away.code, "message": away.message },
    })
}

/// Returns what people read about an envelope that was kept.
pub(crate) fn text(envelope: &Envelope, spool: &Path) -> String {
    let path = escape_line(&spool.display().to_string());
    format!(
        "spooled  {}\n  envelope {}\n  spool    {path}\n  the log does not hold it yet: `custody spool flush {path}` records it\n",
        escape_line(&predicate_type(envelope)),
        envelope.digest(),
    )
}

fn predicate_type(envelope: &Envelope) -> String {
    envelope.said().map_or_else(|_| "not a statement".to_owned(), |said| said.predicate_type().to_owned())
}

/// Returns what waits; nothing if the log's own spool is not there.
fn waiting(spool: &Spool, file: Option<&Path>) -> Result<Vec<Waiting>, Failure> {
    match spool.waiting() {
        Err(SpoolError::Missing { .. }) if file.is_none() => Ok(Vec::new()),
        waiting => Ok(waiting?),
    }
}

fn list(file: Option<&Path>, context: &Context) -> Result<Outcome, Failure> {
    let spool = named(file, context)?;
    let waiting = waiting(&spool, file)?;
    if context.output.is_json() {
        let envelopes: Vec<Value> = waiting.iter().map(member).collect();
        context.output.print_json(&json!({ "spool": spool.path(), "envelopes": envelopes }))?;
        return Ok(Outcome::Yes);
    }
    let mut lines = vec![format!(
        "{} in {}",
        if waiting.is_empty() { "nothing waits".to_owned() } else { format!("{} waiting", waiting.len()) },
        escape_line(&spool.path().display().to_string())
    )];
    for one in &waiting {
        let state = match (&one.refused, &one.tried) {
            (Some(why), _) => format!("refused: {}: {}", why.code, why.message),
            (None, Some(why)) => format!("tried: {}: {}", why.code, why.message),
            (None, None) => "waits".to_owned(),
        };
        let predicate = escape_line(&predicate_type(&one.envelope));
        lines.push(format!("  {}  {}  {predicate}", one.envelope.digest(), escape_line(&one.since)));
        lines.push(format!("    {}", escape_line(&state)));
    }
    context.output.print(lines.join("\n") + "\n")?;
    Ok(Outcome::Yes)
}

fn member(waiting: &Waiting) -> Value {
    json!({
        "envelope": waiting.envelope.digest().to_string(),
        "content": waiting.envelope.content().to_string(),
        "predicate": predicate_type(&waiting.envelope),
        "since": waiting.since,
        "tried": waiting.tried,
        "refused": waiting.refused,
    })
}

async fn flush(
    file: Option<&Path>,
    refused: bool,
    receipts: Option<&Path>,
    context: &Context,
) -> Result<Outcome, Failure> {
    let spool = named(file, context)?;
    let all = waiting(&spool, file)?;
    let aside = all.iter().filter(|one| one.refused.is_some()).count();
    let due: Vec<Envelope> =
        all.into_iter().filter(|one| refused || one.refused.is_none()).map(|one| one.envelope).collect();
    if aside > 0 && !refused {
        context.output.warn(format!(
            "{aside} refused before and not tried again; `custody spool list` says why, --refused tries them"
        ));
    }
    if due.is_empty() {
        context.output.note("nothing waits to be recorded");
        return Ok(Outcome::Yes);
    }
    let mut ledger = session::open_to_record(context, session::patience(context)).await?;
    let bar = context.output.count_bar("recording", u64::try_from(due.len()).unwrap_or(u64::MAX));
    let mut flushing = Flushing { spool: &spool, receipts, fates: Vec::new(), recorded: 0, refused: 0 };
    let mut ended = Ok(());
    for envelope in &due {
        ended = flushing.one(&mut ledger, envelope, context).await;
        if ended.is_err() {
            break;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    flushing.settle()?;
    if let Some(ledger) = &mut ledger {
        session::tell(ledger, context);
    }
    let (recorded, refused) = (flushing.recorded, flushing.refused);
    let left = due.len() - recorded - refused;
    ended.map_err(|failure| failure.prefixed(&format!("{recorded} recorded, {left} still wait")))?;
    if refused > 0 {
        let message = format!("{refused} of {} envelopes were refused", due.len());
        return Err(Failure::no("some_refused", message)
            .hint("they stay in the spool with the reason, and are not tried again: `custody spool list`"));
    }
    Ok(Outcome::Yes)
}

struct Flushing<'a> {
    spool: &'a Spool,
    receipts: Option<&'a Path>,
    fates: Vec<(EnvelopeDigest, Fate)>,
    recorded: usize,
    refused: usize,
}

impl Flushing<'_> {
    /// Records one envelope. An error ends the work: the server is away, or not to be believed.
    async fn one(
        &mut self,
        ledger: &mut Option<Ledger>,
        envelope: &Envelope,
        context: &Context,
    ) -> Result<(), Failure> {
        let digest = envelope.digest();
        let state = ledger.as_ref().map(|ledger| &ledger.trust().current().state);
        if let Err(failure) = secrets::in_kept(envelope, state, context) {
            self.refused += 1;
            self.fates.push((digest, Fate::Refused(why(&failure))));
            return refuse(&digest, &failure, context);
        }
        let recorded = if let Some(ledger) = ledger {
            ledger.record(envelope, Arc::new(|_| {})).await
        } else {
            let opened =
                session::open_by_recording(context, session::patience(context), envelope, None).await?;
            opened.map(|(opened, recorded)| {
                *ledger = Some(opened);
                recorded
            })
        };
        match recorded {
            Ok(recorded) => {
                // The receipt first: an envelope that has left the spool would not get one.
                self.write_receipt(&digest, &recorded)?;
                self.recorded += 1;
                self.fates.push((digest, Fate::Recorded));
                print(&recorded, &digest, context)?;
            }
            Err(error @ (RecordError::Refused { .. } | RecordError::TooLarge { .. })) => {
                let failure = Failure::from(error);
                self.refused += 1;
                self.fates.push((digest, Fate::Refused(why(&failure))));
                refuse(&digest, &failure, context)?;
            }
            Err(error) => {
                let failure = Failure::from(error);
                self.fates.push((digest, Fate::Failed(why(&failure))));
                return Err(failure);
            }
        }
        if self.fates.len() >= SETTLE_EVERY { self.settle() } else { Ok(()) }
    }

    fn write_receipt(&self, digest: &EnvelopeDigest, recorded: &Recorded) -> Result<(), Failure> {
        let Some(dir) = self.receipts else { return Ok(()) };
        let failed = |error: std::io::Error| Failure::unwritable(format!("{}: {error}", dir.display()));
        std::fs::create_dir_all(dir).map_err(failed)?;
        send::write_receipt(&dir.join(format!("{}.tlog-proof", digest.to_hex())), recorded)
    }

    fn settle(&mut self) -> Result<(), Failure> {
        let fates = std::mem::take(&mut self.fates);
        if fates.is_empty() { Ok(()) } else { Ok(self.spool.settle(&fates)?) }
    }
}

fn print(recorded: &Recorded, digest: &EnvelopeDigest, context: &Context) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.print_json(&send::document(recorded));
    }
    let done = if recorded.duplicate { "recorded already" } else { "recorded" };
    context.output.print(format!("{done}  {digest}  index:{}\n", recorded.logged.entry().index))
}

fn refuse(digest: &EnvelopeDigest, failure: &Failure, context: &Context) -> Result<(), Failure> {
    if context.output.is_json() {
        let error = json!({ "code": failure.code, "message": failure.message, "hint": failure.hint });
        return context.output.print_json(&json!({ "envelope": digest.to_string(), "error": error }));
    }
    context.output.warn(format!("{digest}: {}", failure.message));
    Ok(())
}

fn why(failure: &Failure) -> Why {
    Why { code: failure.code.to_string(), message: failure.message.clone() }
}

/// Whether a failure says that the server is away, so that an envelope may wait for it.
pub(crate) fn is_away(failure: &Failure) -> bool {
    failure.exit == Exit::Unknown
}

impl From<SpoolError> for Failure {
    fn from(error: SpoolError) -> Self {
        let message = error.to_string();
        match error {
            SpoolError::File { .. } | SpoolError::Replace(_) => {
                Self::usage("spool", message).hint("give another file with --spool=FILE")
            }
            SpoolError::Missing { .. } => Self::usage("no_spool", message).hint(
                "`custody record --spool=FILE` makes one when the server is away; an empty one is removed",
            ),
            SpoolError::Line { .. } => Self::usage("not_a_spool", message)
                .hint("nothing was changed; check the path, or restore the file"),
            SpoolError::OtherLog { .. } => Self::usage("spool_of_other_log", message)
                .hint("check --trust and --server: what waits is recorded in the log it was made for"),
            SpoolError::Full { .. } => Self::unknown("spool_full", message).hint(
                "`custody spool flush` empties it once the server is back, or give another --spool=FILE",
            ),
        }
    }
}

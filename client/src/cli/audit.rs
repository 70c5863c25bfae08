//! `custody audit`: the whole log, replayed and checked here.

use std::path::{Path, PathBuf};

use custody_client::LedgerError;
use custody_client::audit::{
    AuditError, Compared, Finding, Given, Options, Outcome as Came, Report, checkpoint_in,
};
use custody_client::ledger::ProtocolError;
use custody_log::TreeSize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::failure::{Failure, Outcome};
use super::output::escape_line;
use super::{Context, session};

/// Replay the whole log and check everything in it: the chain, the administrative entries, the tree with its tiles and
/// every checkpoint seen, admission records, envelopes, signatures, and that nothing is there twice without need.
///
/// An audit goes on where the last one ended, on whatever server; what that one found is shown again. It can be
/// stopped at any time. Exit code 0: all is sound; 1: something is wrong, and each finding says what was expected and
/// what was found; 3: the end was not reached.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A checkpoint or receipt that must be of the same tree, whoever kept it. Can be given several times.
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// Forget what earlier audits found, and start at entry 0.
    #[arg(long)]
    from_scratch: bool,
}

/// The largest checkpoint or receipt: a few KiB, and room for cosignatures of many witnesses.
const CHECKPOINT_BYTES_MAX: u64 = 1 << 20;

/// Runs an audit.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let checkpoints = args.checkpoints.iter().map(|path| given(path)).collect::<Result<Vec<_>, _>>()?;
    let mut ledger = session::open(context).await?;
    let bar = context.output.rate_bar("auditing", ledger.checkpoint().checkpoint().size().get());
    let shown = bar.clone();
    let progress = move |_: TreeSize, now: TreeSize, size: TreeSize| {
        shown.set_length(size.get());
        if shown.position() == 0 {
            // What was audited before says nothing about the speed of this audit.
            shown.set_position(now.get());
            shown.reset_eta();
        }
        shown.set_position(now.get());
    };
    let (stopper, stop) = watch::channel(false);
    let listening = tokio::spawn(stop_when_asked(stopper));
    let options = Options {
        checkpoints: &checkpoints,
        from_scratch: args.from_scratch,
        stop: &stop,
        progress: &progress,
    };
    let report = ledger.audit(options).await;
    listening.abort();
    bar.finish_and_clear();
    session::tell(&mut ledger, context);
    let report = report?;
    if context.output.is_json() {
        context.output.print_json(&document(&report))?;
    } else {
        context.output.print(text(&report))?;
    }
    if !report.complete() {
        context.output.note(format!(
            "stopped at tree size {} of {}; what was audited is saved: run `custody audit` again to go on",
            report.to,
            report.target.checkpoint().size()
        ));
    }
    Ok(if !report.findings.is_empty() {
        Outcome::No
    } else if report.complete() {
        Outcome::Yes
    } else {
        Outcome::Unknown
    })
}

fn given(path: &Path) -> Result<Given, Failure> {
    let bytes = super::file::read(path, CHECKPOINT_BYTES_MAX)?;
    let name = path.display().to_string();
    let signed = checkpoint_in(&bytes).map_err(|error| {
        Failure::usage("bad_checkpoint", format!("{name} is neither a checkpoint nor a receipt: {error}"))
            .hint("`custody record --receipt FILE` writes a receipt; a checkpoint is a signed note")
    })?;
    Ok(Given { name, signed })
}

/// Waits for Ctrl-C, or for whoever ends a job.
async fn stop_when_asked(stopper: watch::Sender<bool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut ended) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = ended.recv() => {}
    }
    stopper.send_replace(true);
    // Held until the audit has ended.
    std::future::pending::<()>().await;
}

fn document(report: &Report) -> Value {
    let target = report.target.checkpoint();
    json!({
        "origin": target.origin().to_string(),
        "from": report.from.get(),
        "at": { "size": report.to.get(), "root": report.root.to_string() },
        "signed": { "size": target.size().get(), "root": target.root().to_string() },
        "complete": report.complete(),
        "sound": report.complete() && report.findings.is_empty(),
        "administrative": report.administrative,
        "erased": report.erased,
        "duplicates_not_checked": report.undecided,
        "builds_not_checked": report.builds_undecided,
        "tiles": report.tiles,
        "checkpoints": report.compared.iter().map(compared).collect::<Vec<_>>(),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "more_findings": report.more,
    })
}

fn compared(compared: &Compared) -> Value {
    let status = match compared.outcome {
        Came::Same => "same",
        Came::Fork => "fork",
        Came::NotReached => "not_reached",
    };
    json!({ "from": compared.from, "size": compared.size.get(), "status": status })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "entry": finding.entry,
        "code": finding.kind,
        "message": finding.message(),
        "expected": finding.expected,
        "found": finding.found,
        "hint": finding.kind.hint(),
        "evidence": finding.evidence,
    })
}

fn text(report: &Report) -> String {
    let mut lines = vec![verdict(report)];
    lines.push(format!("  log          {}", escape_line(report.target.checkpoint().origin().as_str())));
    lines.push(format!("  replayed     {}", replayed(report)));
    lines.push(format!("  root         {} at tree size {}", report.root, report.to));
    let same = report.compared.iter().filter(|compared| compared.outcome == Came::Same).count();
    let rest = report.compared.len() - same;
    let rest = if rest == 0 { String::new() } else { format!("; {rest} not of this tree, or not reached") };
    lines.push(format!("  checkpoints  {same} of this tree{rest}"));
    lines.push(format!("  tiles        {} of the server compared", report.tiles));
    lines.push(format!("  not checked  {}", not_checked(report)));
    for finding in &report.findings {
        lines.push(format!("FINDING  {}", escape_line(&finding.message())));
        lines.push(format!("         {}", finding.kind.hint()));
        for path in &finding.evidence {
            lines.push(format!("         evidence: {}", escape_line(&path.display().to_string())));
        }
    }
    if report.more > 0 {
        lines.push(format!("and {} more findings that are not listed", report.more));
    }
    lines.join("\n") + "\n"
}

fn verdict(report: &Report) -> String {
    let found = u64::try_from(report.findings.len()).unwrap_or(u64::MAX).saturating_add(report.more);
    match found {
        0 if report.complete() => format!("sound up to tree size {}", report.to),
        0 => format!("sound up to tree size {}, and not audited to the end", report.to),
        1 => format!("NOT SOUND: 1 finding up to tree size {}", report.to),
        _ => format!("NOT SOUND: {found} findings up to tree size {}", report.to),
    }
}

fn replayed(report: &Report) -> String {
    let before = match report.from.last_index() {
        None => String::new(),
        Some(last) => format!("; entries 0 to {last} were audited before"),
    };
    match report.to.last_index() {
        Some(last) if report.to > report.from => {
            format!(
                "entries {} to {last}, {} administrative in all{before}",
                report.from, report.administrative
            )
        }
        Some(_) | None => format!("nothing new{before}"),
    }
}

fn not_checked(report: &Report) -> String {
    let mut parts = Vec::new();
    let entries = |count| if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") };
    match report.erased {
        0 => {}
        1 => parts.push("what 1 erased entry held".to_owned()),
        count => parts.push(format!("what {count} erased entries held")),
    }
    if report.undecided > 0 {
        parts.push(format!("of {} whether it was recorded before", entries(report.undecided)));
    }
    if report.builds_undecided > 0 {
        parts.push(format!("of {}, whose builds it is about", entries(report.builds_undecided)));
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") }
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        let message = error.to_string();
        match error {
            AuditError::Ledger(LedgerError::Protocol(error @ ProtocolError::Truncated { .. })) => Self::no(
                "truncated",
                error.to_string(),
            )
            .hint(
                "do not rely on the log until it hands out what it signed; what was audited is saved, and \
                     `custody audit` goes on from there",
            ),
            AuditError::Ledger(error) => {
                let failure = Self::from(error);
                let again = "what was audited is saved, and `custody audit` goes on from there";
                let hint =
                    failure.hint.clone().map_or_else(|| again.to_owned(), |hint| format!("{hint}; {again}"));
                failure.hint(hint)
            }
            AuditError::Memory(error) => error.into(),
            AuditError::State { .. } => Self::usage("audit_state", message)
                .hint("`custody audit --from-scratch` forgets it, and audits the whole log again"),
            AuditError::Running { .. } => Self::usage("audit_running", message)
                .hint("wait until it ends, or give this one its own --state-dir DIR"),
            AuditError::NotOfLog { .. } => Self::usage("bad_checkpoint", message)
                .hint("give checkpoints and receipts of this log only: another log's say nothing about it"),
            AuditError::Thread => Self::unknown("audit_stopped", message)
                .hint("run `custody audit` again; it goes on where it saved"),
        }
    }
}

//! `custody env show`: what runs, since when, and what evidence there is of it.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use custody_client::Ledger;
use custody_evidence::environment::Running;
use serde_json::{Value, json};

use super::moment::{self, Moment};
use super::standing::{Standing, standings};
use super::{
    Context, Failure, Outcome, Then, common, escape_line, merged, minute, picture, running_json, session,
    since_known, times, told,
};
use crate::cli::entry_view::short;

/// Show what runs in an environment.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The environment: `prod`, at a time `prod@{2026-11-20T14:00Z}`, after its N-th change `prod#N`, or N changes back
    /// `prod~N`.
    #[arg(value_name = "ENV", value_parser = moment::parse)]
    environment: Moment,
    /// Answer as of this tree size or time.
    #[arg(long, value_name = "SIZE|TIME", value_parser = times::at)]
    at: Option<times::Point>,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut ledger = session::open(context).await?;
    let at = args.at.map(|point| point.at(context.clock)).unwrap_or_default();
    let then = picture(&mut ledger, args.environment, at, context).await?;
    let artifacts = then.picture.running.iter().map(|running| &running.artifact);
    let standings = standings(&mut ledger, artifacts, then.environment.as_of.size, context).await?;
    let rows: Vec<(&Running, Standing)> = then.picture.running.iter().zip(standings).collect();
    if context.output.is_json() {
        context.output.print_json(&document(&then, &rows, &ledger))?;
    } else {
        context.output.print(table(&then, &rows))?;
    }
    Ok(told(&then.environment, context))
}

fn document(then: &Then, rows: &[(&Running, Standing)], ledger: &Ledger) -> Value {
    let running = rows.iter().map(|(running, standing)| {
        merged(running_json(running, &then.environment), json!({ "evidence": standing.word() }))
    });
    let snapshot = then.picture.snapshot;
    let answer = json!({
        "environment": then.moment.environment.as_str(),
        "moment": then.moment.to_string(),
        "running": running.collect::<Vec<_>>(),
        "changed": then.time.map(|time| time.to_string()),
        "snapshot": snapshot.map(|(entry, time)| json!({ "entry": entry.get(), "time": time.to_string() })),
        "unknown": then.picture.unknown.map_or(0, std::num::NonZeroU32::get),
        "trust": session::trust_view(ledger.trust()),
    });
    merged(answer, common(&then.environment))
}

/// Rows of at most 80 columns, for names as they are usual.
fn table(then: &Then, rows: &[(&Running, Standing)]) -> String {
    let mut out = String::new();
    let moment = escape_line(&then.moment.to_string());
    let runs = if then.moment.is_now() { "runs" } else { "ran" };
    let _ = match then.picture.snapshot {
        Some((entry, time)) => writeln!(out, "{moment}  last seen whole {} by entry {entry}", minute(time)),
        None => writeln!(out, "{moment}  never seen whole: no snapshot is on record"),
    };
    if rows.is_empty() {
        let _ = writeln!(out, "\n  nothing {runs} there");
    } else {
        let _ = writeln!(
            out,
            "\n  {:<18} {:<17} {:>5} {:<17} {:>6} EVIDENCE",
            "WORKLOAD", "DIGEST", "COUNT", "SINCE", "ENTRY"
        );
    }
    for (running, standing) in rows {
        let workload = running.workload.as_ref().map_or("-", |name| name.as_str());
        let workload = match &running.cluster {
            Some(cluster) => format!("{cluster} {workload}"),
            None => workload.to_owned(),
        };
        let count = running.count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        // What was seen first of all that was read may have started earlier.
        let mark = if since_known(running, &then.environment) { "" } else { "*" };
        let (style, word) = match (running.counts, standing) {
            (false, _) => (AnsiColor::Red, "DISTRUSTED"),
            (true, Standing::Trusted) => (AnsiColor::Green, "trusted"),
            (true, Standing::Untrusted) => (AnsiColor::Red, "UNTRUSTED"),
            (true, Standing::None) => (AnsiColor::Red, "NONE"),
        };
        let style = Style::new().fg_color(Some(style.into()));
        let _ = writeln!(
            out,
            "  {:<18} {:<17} {count:>5} {:<17} {:>6} {style}{word}{style:#}",
            cut(&escape_line(&workload), 18),
            short(&running.artifact.digest().to_string(), 15),
            format!("{}{mark}", minute(running.since)),
            running.entry,
        );
    }
    if rows.iter().any(|(running, _)| !since_known(running, &then.environment)) {
        out.push_str("\n  * or earlier: older records were not read\n");
    }
    if let Some(unknown) = then.picture.unknown {
        let _ = writeln!(out, "\n  and {unknown} more of which nobody knows what they are");
    }
    out
}

/// The start of a text, so that the columns stay where they are.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width { text.to_owned() } else { short(text, width.saturating_sub(2)) }
}

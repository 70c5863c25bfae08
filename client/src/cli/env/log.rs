//! `custody env log`: what started and stopped.

use std::fmt::Write as _;

use custody_client::ledger::{At, Environment};
use custody_evidence::environment::{From, Step, Window};
use custody_evidence::predicate::{Action, Name};
use serde_json::{Value, json};

use super::moment;
use super::times;
use super::{Context, Failure, Outcome, common, escape_line, known, merged, minute, session, told};
use crate::cli::entry_view::short;

/// The most changing records that are listed when no start is given.
const STEPS_DEFAULT: u32 = 100;

/// List what started and stopped, newest first.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The environment.
    #[arg(value_name = "ENV", value_parser = name)]
    environment: Name,
    /// What happened at or after this time (as claimed, capped by ledger time).
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    since: Option<times::When>,
    /// What happened before this time.
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    until: Option<times::When>,
    /// Answer as of this tree size or time.
    #[arg(long, value_name = "SIZE|TIME", value_parser = times::at)]
    at: Option<times::Point>,
    /// The most records whose changes are listed, the newest; with --since: all [default: 100].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

fn name(text: &str) -> Result<Name, String> {
    text.parse::<Name>().map_err(|error| error.to_string())
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut ledger = session::open(context).await?;
    let at: At = args.at.map(|point| point.at(context.clock)).unwrap_or_default();
    let since = args.since.map(|when| when.before(context.clock));
    // Exclusive as it is typed, inclusive as it is asked.
    let until = args.until.map(|when| when.before(context.clock).plus_micros(-1));
    let limit = args.limit.or(since.is_none().then_some(STEPS_DEFAULT));
    let limit = limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let from = match (since, limit) {
        (Some(since), _) => From::Time(since),
        // One more tells that there are more.
        (None, Some(limit)) => From::Steps(limit.saturating_add(1)),
        (None, None) => From::First,
    };
    let window = Window { from, until };
    let environment = Box::pin(ledger.environment(&args.environment, window, at)).await?;
    let typed =
        moment::parse(args.environment.as_str()).map_err(|why| Failure::usage("bad_environment", why))?;
    known(&environment, &typed)?;
    let mut steps = environment.timeline.replay(window.end()).steps;
    steps.retain(|step| since.is_none_or(|since| step.time >= since));
    steps.reverse();
    let more = limit.is_some_and(|limit| steps.len() > limit);
    steps.truncate(limit.unwrap_or(usize::MAX));
    if context.output.is_json() {
        let answer = json!({
            "environment": args.environment.as_str(),
            "changes": changes(&steps, &environment),
            "more": more,
            "trust": session::trust_view(ledger.trust()),
        });
        context.output.print_json(&merged(answer, common(&environment)))?;
    } else {
        context.output.print(table(&steps, &environment))?;
        if more {
            context.output.note("there are older changes: --limit N lists more, --since TIME all since then");
        }
    }
    Ok(told(&environment, context))
}

fn changes(steps: &[Step], environment: &Environment) -> Vec<Value> {
    let of = |step: &Step| {
        // Newest first: of one record what started, then what stopped.
        let changes = step.changes.iter().rev().map(|change| {
            json!({
                "time": step.time.to_string(),
                "action": word(change.action),
                "digest": change.artifact.digest().to_string(),
                "workload": change.workload.as_ref().map(ToString::to_string),
                "cluster": change.cluster.as_ref().map(ToString::to_string),
                "entry": step.entry.get(),
                "check": if environment.distrusted.contains(&step.entry) { "distrusted" } else { "verified" },
            })
        });
        changes.collect::<Vec<_>>()
    };
    steps.iter().flat_map(of).collect()
}

fn table(steps: &[Step], environment: &Environment) -> String {
    let mut out = String::new();
    for step in steps {
        for change in step.changes.iter().rev() {
            let workload = change.workload.as_ref().map_or("-", |name| name.as_str());
            let cluster = change.cluster.as_ref().map_or_else(String::new, |cluster| format!("{cluster} "));
            let mark = if environment.distrusted.contains(&step.entry) { "  DISTRUSTED" } else { "" };
            let _ = writeln!(
                out,
                "{}  {:<5}  {}  {:>7}  {}{mark}",
                minute(step.time),
                word(change.action),
                short(&change.artifact.digest().to_string(), 17),
                step.entry,
                escape_line(&format!("{cluster}{workload}")),
            );
        }
    }
    out
}

const fn word(action: Action) -> &'static str {
    match action {
        Action::Start => "start",
        Action::Stop => "stop",
    }
}

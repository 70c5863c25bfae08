//! `custody env diff`: what sets two environments, or two moments of one, apart.

use std::fmt::Write as _;

use custody_client::ledger::At;
use custody_evidence::environment::{Difference, Running, difference};
use serde_json::{Value, json};

use super::moment::{self, Moment};
use super::times;
use super::{
    Context, Failure, Outcome, Then, common, escape_line, merged, picture, running_json, session, told,
};
use crate::cli::entry_view::short;

/// Compare two environments, or one with itself at another time.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The one, as `env show` takes it.
    #[arg(value_name = "ENV1", value_parser = moment::parse)]
    from: Moment,
    /// The other.
    #[arg(value_name = "ENV2", value_parser = moment::parse)]
    to: Moment,
    /// Answer as of this tree size or time.
    #[arg(long, value_name = "SIZE|TIME", value_parser = times::at)]
    at: Option<times::Point>,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut ledger = session::open(context).await?;
    let at = args.at.map(|point| point.at(context.clock)).unwrap_or_default();
    let from = picture(&mut ledger, args.from, at, context).await?;
    // Both are of one tree.
    let same = At::Size(from.environment.as_of.size);
    let to = picture(&mut ledger, args.to, same, context).await?;
    let found = difference(&from.picture, &to.picture);
    if context.output.is_json() {
        context.output.print_json(&document(&from, &to, &found))?;
    } else {
        context.output.print(table(&found))?;
    }
    let ends = [told(&from.environment, context), told(&to.environment, context)];
    Ok(if ends.contains(&Outcome::Unknown) { Outcome::Unknown } else { Outcome::Yes })
}

fn document(from: &Then, to: &Then, found: &Difference<'_>) -> Value {
    let list = |running: &[&Running], then: &Then| {
        running.iter().map(|running| running_json(running, &then.environment)).collect::<Vec<_>>()
    };
    let changed = found.replaced.iter().map(|replaced| {
        json!({
            "workload": replaced.workload.as_str(),
            "before": replaced.before.artifact.digest().to_string(),
            "after": replaced.after.artifact.digest().to_string(),
            "since": replaced.after.since.to_string(),
            "entry": replaced.after.entry.get(),
        })
    });
    let truncated = from.environment.truncated || to.environment.truncated;
    let answer = json!({
        "from": from.moment.to_string(),
        "to": to.moment.to_string(),
        "added": list(&found.added, to),
        "removed": list(&found.removed, from),
        "changed": changed.collect::<Vec<_>>(),
        "at": common(&to.environment).get("at"),
    });
    merged(answer, json!({ "complete": "claimed", "truncated": truncated }))
}

fn table(found: &Difference<'_>) -> String {
    let mut out = String::new();
    let name = |running: &Running| escape_line(running.workload.as_ref().map_or("-", |name| name.as_str()));
    let digest = |running: &Running| short(&running.artifact.digest().to_string(), 17);
    for running in &found.removed {
        let _ = writeln!(out, "- {:<20} {}", name(running), digest(running));
    }
    for running in &found.added {
        let _ = writeln!(out, "+ {:<20} {}", name(running), digest(running));
    }
    for replaced in &found.replaced {
        let workload = escape_line(replaced.workload.as_str());
        let _ = writeln!(out, "~ {workload:<20} {} -> {}", digest(replaced.before), digest(replaced.after));
    }
    if out.is_empty() {
        out.push_str("no difference\n");
    }
    out
}

//! `custody env list`: the environments.

use std::fmt::Write as _;

use serde_json::json;

use super::times;
use super::{Context, Failure, Outcome, escape_line, minute, session};

/// List the environments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Answer as of this tree size or time.
    #[arg(long, value_name = "SIZE|TIME", value_parser = times::at)]
    at: Option<times::Point>,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut ledger = session::open(context).await?;
    let at = args.at.map(|point| point.at(context.clock)).unwrap_or_default();
    let found = ledger.environments(at).await?;
    if context.output.is_json() {
        let environments = found.known.iter().map(|known| {
            json!({
                "environment": known.name.as_str(),
                "last": { "entry": known.entry.get(), "time": known.time.to_string() },
            })
        });
        context.output.print_json(&json!({
            "environments": environments.collect::<Vec<_>>(),
            "at": {
                "size": found.as_of.size.get(),
                "root": found.as_of.root.to_string(),
                "reader": found.as_of.reader,
            },
            "trust": session::trust_view(ledger.trust()),
            "complete": "claimed",
            "truncated": found.truncated,
        }))?;
    } else {
        let mut text = String::new();
        for known in &found.known {
            let name = escape_line(known.name.as_str());
            let _ = writeln!(text, "{name:<40}  {}  {:>8}", minute(known.time), known.entry);
        }
        context.output.print(text)?;
        context.output.note(format!(
            "each with its newest record, verified here, as of tree size {}; that there is no other is claimed by the server",
            found.as_of.size
        ));
    }
    if found.truncated {
        context
            .output
            .warn("there may be other environments: more are on record than are read for one question");
    }
    Ok(match (found.known.is_empty(), found.truncated) {
        (_, true) => Outcome::Unknown,
        (true, false) => Outcome::NoRecord,
        (false, false) => Outcome::Yes,
    })
}

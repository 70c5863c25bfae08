//! `custody policy diff`: what another policy asks, and which verdicts would flip by it.

use std::fmt::Write as _;

use custody_client::ledger::At;
use custody_evidence::predicate::Name;
use custody_gate::explain::{Change, changes};
use custody_gate::{Given, Policy, Verdict};
use serde_json::{Value, json};

use super::Text;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::{counted, escape, escape_line};
use crate::cli::{Context, gate, session};

/// What is compared.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The policy as it is: a file, or a policy of the log.
    old: String,
    /// The policy as it would be.
    new: String,
    /// Judge all that is live in this environment by both, and say which verdicts flip.
    #[arg(long, value_name = "ENV")]
    over: Option<Name>,
}

/// Compares two policies.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let old = Text::of(&args.old, context).await?.load(&Given::default())?;
    let new = Text::of(&args.new, context).await?.load(&Given::default())?;
    let changes = changes(&old, &new);
    let flips = match &args.over {
        Some(environment) => Some(flips(&old, &new, environment, context).await?),
        None => None,
    };
    if context.output.is_json() {
        let flip = |(before, after): &(Verdict, Verdict)| json!({ "subject": after.subject(), "old": before.decision().as_str(), "new": after.decision().as_str() });
        context.output.print_json(&json!({
            "changes": changes.iter().map(view).collect::<Vec<_>>(),
            "flips": flips.as_ref().map(|flips| flips.iter().map(flip).collect::<Vec<_>>()),
        }))?;
        return Ok(Outcome::Yes);
    }
    let mut text: String = changes.iter().map(lines).collect();
    if changes.is_empty() {
        text.push_str("the policies ask the same\n");
    }
    for (before, after) in flips.iter().flatten() {
        let _ = writeln!(text, "{} -> {}  {}", before.decision(), after.decision(), after.subject());
    }
    if let (Some(environment), Some(flips)) = (&args.over, &flips) {
        let counted = counted(flips.len(), "verdict flips", "verdicts flip");
        let _ = writeln!(text, "{counted} of what is live in {}", escape_line(environment.as_str()));
    }
    context.output.print(escape(&text))?;
    Ok(Outcome::Yes)
}

/// Judges all that is live somewhere by both; returns the pairs that differ.
async fn flips(
    old: &Policy,
    new: &Policy,
    environment: &Name,
    context: &Context,
) -> Result<Vec<(Verdict, Verdict)>, Failure> {
    let mut ledger = session::open(context).await?;
    let circumstances = ledger.circumstances(At::Newest, None, context.clock.now()).await?;
    let before = gate::of_all_live(&mut ledger, old, &circumstances, environment, context).await?;
    let after = gate::of_all_live(&mut ledger, new, &circumstances, environment, context).await?;
    let pairs = before.into_iter().zip(after);
    Ok(pairs.filter(|(before, after)| before.decision() != after.decision()).collect())
}

fn lines(change: &Change) -> String {
    let mut text = format!("{}\n", change.place);
    for line in change.old.iter().filter(|line| !change.new.contains(line)) {
        let _ = writeln!(text, "  - {line}");
    }
    for line in change.new.iter().filter(|line| !change.old.contains(line)) {
        let _ = writeln!(text, "  + {line}");
    }
    text
}

fn view(change: &Change) -> Value {
    json!({ "place": change.place, "old": change.old, "new": change.new })
}

//! `custody trust clock-repair`: ledger time was ahead, and steps back to the server's clock.

use custody_evidence::trust::{ClockRepair, RoleName};
use serde_json::json;

use super::administrative::{Settled, Signing, settle};
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::session;
use crate::cli::times::{self, When};

/// How far behind this machine's clock ledger time may step unless something else is said: 5 minutes, in microseconds. The clocks of
/// this machine and of the server need not agree to the second.
const APART_MICROS: i64 = 5 * 60 * 1_000_000;

/// Let ledger time step back to the server's clock, which was ahead before.
///
/// While the server's clock trails the last entry by more than 5 s nothing else is recorded. Set the clock right first: all later
/// entries follow the time of this one. It needs a threshold of the rules role.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Why, in a few words.
    #[arg(long)]
    reason: String,
    /// The time that ledger time may not step behind [default: 5 minutes before the clock of this machine].
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    not_before: Option<When>,
    #[command(flatten)]
    signing: Signing,
}

/// Repairs the clock.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut ledger = session::open(context).await?;
    let last = ledger.checkpoint().checkpoint().size().last_index();
    let after = last.ok_or_else(|| Failure::no_record("the log has no entry"))?;
    let apart = || context.clock.now().plus_micros(-APART_MICROS);
    let not_before = args.not_before.map_or_else(apart, |when| when.before(context.clock));
    let said = ClockRepair { after, not_before, reason: args.reason };
    let origin = ledger.trust().pin().origin.clone();
    let statement = said.statement(origin.as_str());
    let settled = settle(&mut ledger, &statement, RoleName::Rules, &args.signing, context).await?;
    let (index, file) = match &settled {
        Settled::Recorded(index) => (Some(index.get()), None),
        Settled::Written(path) => (None, Some(path.display().to_string())),
    };
    if context.output.is_json() {
        context.output.print_json(&json!({
            "after": said.after.get(), "not_before": not_before.to_string(), "reason": said.reason,
            "index": index, "file": file,
        }))?;
        return Ok(Outcome::Yes);
    }
    match settled {
        Settled::Recorded(index) => {
            let text = format!(
                "clock repaired  after index:{after}\n  entry  index:{index}\n  from   {not_before} at the earliest\n"
            );
            context.output.print(text)?;
        }
        Settled::Written(path) => {
            let file = path.display();
            let text = format!(
                "clock to be repaired  after index:{after}\n  file   {file}\n  from   {not_before} at the earliest\n"
            );
            context.output.print(text)?;
            context.output.note(format!(
                "next: administrators of the role rules sign it (custody trust sign {file}), then custody record envelope {file}"
            ));
        }
    }
    Ok(Outcome::Yes)
}

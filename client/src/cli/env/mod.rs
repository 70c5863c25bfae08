//! `custody env`: what runs in an environment, what ran, and what changed.

mod diff;
mod list;
mod log;
mod moment;
mod show;
mod standing;

use custody_client::Ledger;
use custody_client::ledger::{At, Environment};
use custody_evidence::environment::{Picture, Running};
use custody_log::Timestamp;
use serde_json::{Value, json};

use super::Context;
use super::failure::{Failure, Outcome};
use super::output::{counted, escape_line};
use super::session;
use super::times;
use moment::Moment;
pub(in crate::cli) use standing::counts;

/// Show what runs where, and what ran there.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the environments in which something was deployed or seen.
    List(list::Args),
    /// Show what runs in an environment, or ran there.
    Show(show::Args),
    /// List what started and stopped in an environment, newest first.
    Log(log::Args),
    /// Compare an environment with another one, or with itself at another time.
    Diff(diff::Args),
}

/// Runs one of the commands.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    match args.command {
        Command::List(args) => list::run(args, context).await,
        Command::Show(args) => Box::pin(show::run(args, context)).await,
        Command::Log(args) => log::run(args, context).await,
        Command::Diff(args) => Box::pin(diff::run(args, context)).await,
    }
}

/// What ran in an environment at one moment.
pub(super) struct Then {
    /// The moment, as it was typed.
    pub(super) moment: Moment,
    /// When the last record was made that it rests on, if the moment is none in time.
    pub(super) time: Option<Timestamp>,
    pub(super) environment: Environment,
    pub(super) picture: Picture,
}

/// Finds out what ran in an environment at a moment.
pub(super) async fn picture(
    ledger: &mut Ledger,
    moment: Moment,
    at: At,
    context: &Context,
) -> Result<Then, Failure> {
    let window = moment.window(context.clock);
    let environment = Box::pin(ledger.environment(&moment.environment, window, at)).await?;
    known(&environment, &moment)?;
    let Some(until) = moment.until(&environment, window) else {
        let steps = environment.timeline.replay(window.end()).steps.len();
        if environment.truncated {
            return Err(unread(&moment));
        }
        let changes = counted(steps, "change", "changes");
        return Err(Failure::no_record(format!(
            "{moment}: {} has {changes} on record",
            escape_line(moment.environment.as_str())
        ))
        .hint("`custody env log` lists them"));
    };
    let replay = environment.timeline.replay(until);
    let time = replay.steps.last().map(|step| step.time);
    Ok(Then { moment, time, environment, picture: replay.picture })
}

/// Refuses an environment of which nothing is recorded.
fn known(environment: &Environment, moment: &Moment) -> Result<(), Failure> {
    let nothing = environment.timeline.events().is_empty()
        && environment.redacted.is_empty()
        && environment.unread.is_empty();
    if !nothing {
        return Ok(());
    }
    if environment.truncated {
        return Err(unread(moment));
    }
    let size = environment.as_of.size;
    Err(Failure::no_record(format!("no record of what runs in {moment} at tree size {size}")).hint(
        "`custody env list` lists the environments; that no entry tells of this one is claimed by the server",
    ))
}

fn unread(moment: &Moment) -> Failure {
    Failure::unknown(
        "too_much",
        format!("{moment}: there are more records of this environment than are read for one question"),
    )
    .hint("name a time, as in prod@{2026-11-20}, or an older tree with --at")
}

/// Tells what the answer lacks, and returns how the command ends.
fn told(environment: &Environment, context: &Context) -> Outcome {
    let output = context.output;
    if !environment.distrusted.is_empty() {
        let many = counted(environment.distrusted.len(), "record", "records");
        output.note(format!(
            "{many} from a distrusted period: authentic, and no evidence; what only they say runs is marked"
        ));
    }
    if !environment.redacted.is_empty() {
        let many = counted(environment.redacted.len(), "record was", "records were");
        output.note(format!("{many} erased: what they said of this environment is not known any more"));
    }
    if !environment.unread.is_empty() {
        let many = counted(environment.unread.len(), "record", "records");
        output.warn(format!("{many} could not be read here: what they rest on was erased"));
    }
    if environment.truncated {
        output.warn(
            "not all records were read: things that run may be missing, and what stopped may be listed",
        );
        return Outcome::Unknown;
    }
    output.note(format!(
        "every record verified here, as of tree size {}; that none was left out is claimed by the server",
        environment.as_of.size
    ));
    Outcome::Yes
}

/// The members that all answers about one environment have.
fn common(environment: &Environment) -> Value {
    let indexes = |indexes: &mut dyn Iterator<Item = u64>| indexes.collect::<Vec<_>>();
    json!({
        "at": {
            "size": environment.as_of.size.get(),
            "root": environment.as_of.root.to_string(),
            "reader": environment.as_of.reader,
        },
        "distrusted": indexes(&mut environment.distrusted.iter().map(|entry| entry.get())),
        "redacted": indexes(&mut environment.redacted.iter().map(|entry| entry.get())),
        "unread": indexes(&mut environment.unread.iter().map(|entry| entry.get())),
        "complete": "claimed",
        "truncated": environment.truncated,
    })
}

/// Puts the members of one object behind those of another.
fn merged(mut object: Value, more: Value) -> Value {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

/// A thing that runs, without what is known of it elsewhere.
fn running_json(running: &Running, environment: &Environment) -> Value {
    json!({
        "digest": running.artifact.digest().to_string(),
        "digests": running.artifact.digests().map(ToString::to_string).collect::<Vec<_>>(),
        "workload": running.workload.as_ref().map(ToString::to_string),
        "cluster": running.cluster.as_ref().map(ToString::to_string),
        "count": running.count,
        "since": running.since.to_string(),
        "since_known": since_known(running, environment),
        "entry": running.entry.get(),
        "check": if running.counts { "verified" } else { "distrusted" },
    })
}

/// Whether it is known when it started: what started first in all that was read may have started earlier.
fn since_known(running: &Running, environment: &Environment) -> bool {
    environment.known_from.is_none_or(|from| running.since > from)
}

/// `2026-11-20 14:02`
pub(in crate::cli) fn minute(time: Timestamp) -> String {
    time.to_string().chars().take(16).collect::<String>().replace('T', " ")
}

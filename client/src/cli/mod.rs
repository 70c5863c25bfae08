//! The command tree, and how one command is run. One file a command.

mod artifact;
mod audit;
pub(crate) mod clock;
mod completions;
mod config;
mod coverage;
mod disputed;
mod distrust;
mod entry_view;
mod env;
pub(crate) mod environment;
mod explain;
mod export;
pub(crate) mod failure;
mod file;
mod find;
mod findings;
mod gate;
mod graph;
pub(crate) mod identity;
mod impact;
mod init;
mod inspect;
mod junit;
mod key;
pub(crate) mod layers;
mod live;
mod man;
mod misplaced;
pub(crate) mod output;
mod policy;
mod receipt;
mod record;
mod redact;
pub(crate) mod session;
pub(crate) mod settings;
mod show;
mod spool;
pub(crate) mod things;
pub(crate) mod times;
mod trace;
mod trust;
mod verify;
mod watch;

use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use clock::Clock;
use environment::Environment;
use failure::{Exit, Failure, Outcome};
use layers::Layers;
use output::{Color, Format, Output};
use settings::{Global, Globals, Settings};

/// Records and checks the provenance of software: who built what from what, who approved it, where it runs.
#[derive(Debug, Parser)]
#[command(name = "custody", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pin a log and write the configuration file.
    Init(init::Args),
    /// Make, list, show and import signing keys.
    Key(key::Args),
    /// Make a statement, sign it and record it.
    Record(Box<record::Args>),
    /// Show what a file says and what can be verified in it, without a server.
    Inspect(inspect::Args),
    /// Show one entry: its text, its statement, the checks made, and its receipt.
    Show(show::Args),
    /// Show the chain of custody of a THING: from its source to where it runs.
    Trace(trace::Args),
    /// Find the entries that meet every condition, newest first.
    Find(Box<find::Args>),
    /// Follow new entries that meet every condition.
    Watch(Box<watch::Args>),
    /// Show what looks wrong: one finding a line.
    Findings(findings::Args),
    /// Write an evidence pack about a THING: one file that is checked offline.
    Export(export::Args),
    /// Show everything that came from a THING, and where it is live.
    Impact(impact::Args),
    /// Show what runs in an environment, what ran there, and what changed.
    Env(env::Args),
    /// Show what runs or was released without which evidence.
    Coverage(coverage::Args),
    /// Check receipts, admission records, envelopes and artifacts offline.
    Verify(verify::Args),
    /// Replay the whole log and check everything in it.
    Audit(audit::Args),
    /// Show and change who may record what, and who administers the log.
    Trust(trust::Args),
    /// Distrust a key, an identity, a builder, an artifact or a commit from an entry on.
    Distrust(distrust::Args),
    /// Erase what an entry holds; the entry and all proofs stay.
    Redact(redact::Args),
    /// Judge digests by a policy: ALLOW, DENY or INDETERMINATE, with the reason for each rule.
    Gate(Box<gate::Args>),
    /// Try out policies, explain them, keep them in the log, and read them.
    Policy(policy::Args),
    /// Work with receipts.
    Receipt(receipt::Args),
    /// List and record what was kept while the server was away.
    Spool(spool::Args),
    /// Print the completions for a shell.
    Completions(completions::Args),
    /// Print the manual page, or write a page for each command.
    Man(man::Args),
    /// Print each setting and where its value came from.
    Config(config::Args),
}

impl Command {
    /// Returns the forms that its results have.
    const fn formats(&self) -> &'static [Format] {
        match self {
            Self::Gate(_) => &[Format::Text, Format::Json, Format::Markdown, Format::Junit, Format::Github],
            Self::Policy(_) => &[Format::Text, Format::Json, Format::Junit],
            Self::Impact(_) | Self::Trace(_) => &[Format::Text, Format::Json, Format::Dot, Format::Mermaid],
            _ => &[Format::Text, Format::Json],
        }
    }
}

/// What every command gets.
#[derive(Debug)]
pub(crate) struct Context {
    /// The settings that no single command owns.
    pub(crate) settings: Settings,
    /// Where to print.
    pub(crate) output: Output,
    /// Tells the time.
    pub(crate) clock: Clock,
    /// The environment variables, for CI detection.
    pub(crate) environment: Environment,
    /// Where each value came from, for `custody config`.
    pub(crate) layers: Layers,
    /// The global flags and their values, for `custody config`.
    pub(crate) globals: Vec<Global>,
}

/// Runs one command and returns the exit code.
pub(crate) async fn run(
    arguments: impl Iterator<Item = OsString>,
    environment: Environment,
    clock: Clock,
) -> Exit {
    let arguments: Vec<OsString> = arguments.collect();
    let ended = match prepare(&arguments, environment, clock) {
        Ok((command, context)) => {
            let ended = Box::pin(dispatch(command, &context)).await;
            ended.map_err(|failure| (failure, context.output))
        }
        Err(Stop::Printed(exit)) => return exit,
        Err(Stop::Failed(failure, format)) => Err((failure, Output::new(format, false, Color::Auto))),
    };
    match ended {
        Ok(outcome) => outcome.into(),
        Err((failure, output)) => {
            output.fail(&failure);
            failure.exit
        }
    }
}

async fn dispatch(command: Command, context: &Context) -> Result<Outcome, Failure> {
    match command {
        Command::Init(args) => init::run(args, context).await,
        Command::Show(args) => show::run(args, context).await,
        Command::Trace(args) => trace::run(args, context).await,
        Command::Find(args) => find::run(*args, context).await,
        Command::Watch(args) => Box::pin(watch::run(*args, context)).await,
        Command::Findings(args) => Box::pin(findings::run(args, context)).await,
        Command::Export(args) => Box::pin(export::run(args, context)).await,
        Command::Impact(args) => Box::pin(impact::run(args, context)).await,
        Command::Env(args) => Box::pin(env::run(args, context)).await,
        Command::Coverage(args) => Box::pin(coverage::run(args, context)).await,
        Command::Verify(args) => verify::run(args, context).await,
        Command::Audit(args) => audit::run(args, context).await,
        Command::Trust(args) => trust::run(args, context).await,
        Command::Distrust(args) => Box::pin(distrust::run(args, context)).await,
        Command::Redact(args) => Box::pin(redact::run(args, context)).await,
        Command::Gate(args) => Box::pin(gate::run(*args, context)).await,
        Command::Policy(args) => Box::pin(policy::run(args, context)).await,
        Command::Receipt(args) => receipt::run(args, context).await,
        Command::Spool(args) => spool::run(args, context).await,
        // Settings of this machine have no place in them: the command is made anew, without the layers.
        Command::Completions(args) => completions::run(&args, Cli::command(), context),
        Command::Man(args) => man::run(&args, Cli::command(), context),
        Command::Config(args) => config::run(args, context).await,
        Command::Key(args) => key::run(args, context).await,
        // Its future holds an envelope on its way and is larger than all others.
        Command::Record(args) => Box::pin(record::run(*args, context)).await,
        Command::Inspect(args) => inspect::run(args, context).await,
    }
}

/// Why no command was run.
enum Stop {
    /// Help, version, or a usage error that clap printed.
    Printed(Exit),
    /// Until the flags are read, the failure is reported in the format that was asked for.
    Failed(Failure, Format),
}

fn prepare(
    arguments: &[OsString],
    environment: Environment,
    clock: Clock,
) -> Result<(Command, Context), Stop> {
    let mut command = Cli::command();
    let (layers, read) = Layers::read(arguments, &environment, &command);
    let format = layers.early_format(arguments);
    read.map_err(|failure| Stop::Failed(failure, format))?;
    command = layers.apply(command);
    let matches = command.try_get_matches_from(arguments.iter()).map_err(|error| {
        let said = layers.source_of(&error, arguments).or_else(|| misplaced::flag_for(&error));
        clap_stopped(&error, format, said)
    })?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| clap_stopped(&error, format, None))?;
    if let Some(path) = layers.absent_file().filter(|_| !matches!(cli.command, Command::Init(_))) {
        let failure =
            Failure::usage("config_file", format!("there is no configuration file {}", path.display()))
                .hint("check --config and CUSTODY_CONFIG; `custody init` writes the file");
        return Err(Stop::Failed(failure, format));
    }
    if !cli.command.formats().contains(&cli.globals.output) {
        let failure = match cli.globals.output {
            Format::Dot | Format::Mermaid => Failure::usage("bad_format", "this command draws no graph")
                .hint("`custody trace` and `custody impact` do; -o json is there for every command"),
            _ => Failure::usage("bad_format", "this command prints text or json").hint(
                "leave out -o; junit is of `gate` and `policy test`, markdown and github are of `gate`",
            ),
        };
        return Err(Stop::Failed(failure, Format::Text));
    }
    let output = Output::new(cli.globals.output, cli.globals.quiet, cli.globals.color);
    for warning in layers.warnings() {
        output.warn(warning);
    }
    let globals = cli.globals.list(&matches, &environment);
    let settings = Settings::new(cli.globals, &environment);
    Ok((cli.command, Context { settings, output, clock, environment, layers, globals }))
}

/// `said` is what is known of the cause beside clap's own words: which variable or file gave the value that is wrong, or which flag is
/// missing.
fn clap_stopped(error: &clap::Error, format: Format, said: Option<String>) -> Stop {
    if format == Format::Json && error.use_stderr() {
        let text = error.render().to_string();
        let (message, hint) = text.split_once("\n\n").unwrap_or((&text, ""));
        let failure = Failure::usage("usage", message.trim().trim_start_matches("error: "));
        let hint = said.unwrap_or_else(|| hint.trim().to_owned());
        let failure = if hint.is_empty() { failure } else { failure.hint(hint) };
        return Stop::Failed(failure, format);
    }
    // Help that cannot be printed is not worth another error.
    drop(error.print());
    if let Some(said) = said {
        anstream::eprintln!("hint: {}", output::escape(&said));
    }
    Stop::Printed(if error.use_stderr() { Exit::Usage } else { Exit::Yes })
}

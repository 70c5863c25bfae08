//! `custodyd run`: serves a log.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anstream::println;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::opening::{journal_failure, open_failure};
use super::progress::Bar;
use super::{Exit, Failure, explain, init};
use crate::admission::Spool;
use crate::clock::SystemClock;
use crate::config::{Config, Environment, Layer, LogFormat};
use crate::disk::Disk;
use crate::genesis;
use crate::journal::{self, DiskFiles, OpenOptions};
use crate::ledger::Settings;
use crate::newest;
use crate::open_files;
use crate::service::{Service, Uploads};
use crate::transport::{self, Hospitality, Tls};

/// The flags of `custodyd run`. Each can also be set by `CUSTODYD_<FLAG>` or in the config file.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    layer: Layer,
    /// TOML file with settings, named like the flags
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Make a log for trying out in DIR [default: custody-dev] if there is none, with a key in DIR/dev.key
    #[arg(long)]
    dev: bool,
    /// File with the newest checkpoint known of the log: a signed note, a receipt, or what a client remembers. A restored
    /// log records again when it holds all of it; any other log is refused if it contradicts [repeatable]
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
}

pub(super) fn run(args: Args, environment: &Environment) -> Result<Exit, Failure> {
    let config = Config::resolve(args.layer, environment, args.config.as_deref(), args.dev)?;
    log_to_stderr(config.log_format);
    if args.dev {
        init::ensure_dev(&config)?;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| system(&error))?;
    runtime.block_on(serve(&config, args.dev, &args.checkpoint))
}

async fn serve(config: &Config, dev: bool, checkpoints: &[PathBuf]) -> Result<Exit, Failure> {
    config.keys.check_outside(&config.data)?;
    // The log is looked for before its keys: who names a wrong directory should hear about the directory.
    if !genesis::holds_log(&config.data)
        && let Err(error) = journal::open(&config.data, &OpenOptions::default())
    {
        return Err(journal_failure(&error, &config.data));
    }
    let keys = config.keys.load()?;
    let tls = config.tls.clone().map(|files| Tls::load(files, Arc::new(SystemClock))).transpose()?;
    let given = checkpoints.iter().map(|path| newest::read(path)).collect::<Result<Vec<_>, _>>()?;
    // From here on a signal to stop is kept until there is something to stop.
    let stop = stopped().map_err(|error| system(&error))?;
    let listener =
        transport::bind(config.listen).await.map_err(|error| explain::bind(config.listen, &error))?;
    let address = listener.local_addr().map_err(|error| system(&error))?;
    let journal = OpenOptions { reserve_bytes: config.disk_reserve, ..OpenOptions::default() };
    let settings =
        Settings { dir: config.data.clone(), journal, clock: Arc::new(SystemClock), newest: given };
    let bar = Bar::counting();
    let service =
        Service::start(settings, keys, config.scrub_rate, &mut |work, done, of| bar.show(work, done, of))
            .map_err(|error| open_failure(&error, &config.data))?;
    let files = Arc::new(DiskFiles);
    let disk = Disk::new(config.data.clone(), files, config.disk_reserve, config.disk_watermark);
    let spool = Spool::open(&config.data, Arc::clone(&disk)).map_err(|error| {
        Failure::new(Exit::Usage, &error).hint("uploads wait in the folder spool of the data directory")
    })?;
    bar.finish();
    announce(&service, address, tls.is_some(), dev.then_some(config.data.as_path()));
    let hospitality = Hospitality {
        connections: open_files::room_for_connections(),
        stall: config.stall_timeout,
        budget: config.budget,
    };
    service.serve(listener, (hospitality, tls), Uploads { spool, disk }, stop).await?;
    Ok(Exit::Yes)
}

fn announce(service: &Service, address: SocketAddr, tls: bool, dev: Option<&Path>) {
    let scheme = if tls { "https" } else { "http" };
    let ledger = service.ledger();
    let size = ledger.head().size;
    let mode = if ledger.is_read_only() { ", read-only" } else { "" };
    println!("custodyd serves {} at {scheme}://{address} (tree size {size}{mode})", ledger.origin());
    if let Some(dir) = dev {
        let key = dir.join("dev.key");
        println!("this log is for trying out; to use it:");
        let pin = format!("{}+{}", ledger.origin(), ledger.genesis());
        println!("  custody init --server {scheme}://{address} --trust {pin} --key {}", key.display());
    }
}

/// Listens for signals from now on; what it returns resolves when one asked the process to stop.
fn stopped() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        tracing::info!("asked to stop");
    })
}

/// `RUST_LOG` says what is logged, such as `info,custody_server=debug`.
fn log_to_stderr(format: LogFormat) {
    let set = std::env::var_os("RUST_LOG").unwrap_or_default();
    let wanted = set.to_str().and_then(logged);
    let unread = wanted.is_none();
    let filter = wanted.unwrap_or_else(from_info_on);
    // By default a line that cannot be written is reported on stderr, and if that fails too the thread panics: a log
    // on a full disk would end the server.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    let log = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Json => log.with(lines.json()).init(),
        LogFormat::Text => log.with(lines.with_ansi(std::io::stderr().is_terminal())).init(),
    }
    if unread {
        tracing::warn!(found = ?set, "RUST_LOG is not read, and everything from info on is logged: expected info,custody_server=debug or alike");
    }
}

fn from_info_on() -> Targets {
    Targets::new().with_default(LevelFilter::INFO)
}

/// Reads levels and targets with their levels, apart by commas; where there are none, everything from info on is meant. None if it is anything else:
/// an empty level would be `error`, and what is not the name of a target would be one that says nothing.
fn logged(text: &str) -> Option<Targets> {
    let directives: Vec<&str> =
        text.split(',').map(str::trim).filter(|directive| !directive.is_empty()).collect();
    let is_name = |character: char| character.is_ascii_alphanumeric() || "_-:=".contains(character);
    if directives.iter().any(|directive| directive.ends_with('=') || !directive.chars().all(is_name)) {
        return None;
    }
    if directives.is_empty() { Some(from_info_on()) } else { directives.join(",").parse().ok() }
}

/// What the system refuses before there is anything to serve.
fn system(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Unknown, error)
        .hint("the system refuses threads, signals or sockets: look at its limits")
}

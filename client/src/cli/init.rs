//! `custody init`: pin a log and write the configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use custody_client::ledger::pin_of;
use custody_client::memory::{Memory, replace};
use custody_client::sign::choose;
use custody_client::{Ledger, Options, Pin};
use serde_json::json;
use toml_edit::{DocumentMut, value};

use super::Context;
use super::failure::{Failure, Outcome};
use super::output::{Output, escape_line};
use super::session::{Anchor, anchor, server, tell, warn_of_plaintext};

/// Pin a log and write the configuration file.
///
/// Fetches the log's administrative entries and verifies them from entry 0 on, whose digest is the pin. Give
/// the pin with --trust, as the log's operator told you; without it, you are shown what the server says and
/// asked to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The key to sign with from now on: a file, or a name in the key store.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

const RETRY: Duration = Duration::from_secs(3);

/// Pins a log.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let server = server(context)?;
    if let Some(key) = &args.key {
        usable(key, context)?;
    }
    let patience = context.settings.patience(None, RETRY);
    warn_of_plaintext(server, context);
    let tls = context.settings.tls()?;
    let shown = pin_of(server, patience, &tls).await?;
    let anchor = anchor(context)?;
    let given = anchor.as_ref().map(|anchor| anchor.pin().clone());
    if let Some(given) = &given
        && *given != shown
    {
        return Err(other_log(server, given, &shown));
    }
    if given.is_none() && !Output::can_ask() {
        return Err(not_pinned(server, &shown));
    }
    let memory = Memory::of(context.settings.state_dir()?, &shown);
    let was_known = memory.dir().exists();
    let options = Options {
        server: server.to_owned(),
        tls,
        patience,
        pin: shown.clone(),
        state_dir: context.settings.state_dir()?.to_owned(),
        trust: match anchor {
            Some(Anchor::Trust(trust)) => Some(*trust),
            Some(Anchor::Pin(_)) | None => None,
        },
        on_retry: None,
    };
    // Nothing is believed by this: the pin decides, and it is confirmed before the configuration is written.
    let mut ledger = Ledger::open(options).await?;
    tell(&mut ledger, context);
    let question = "Is this the log that its operator named to you?";
    if given.is_none() && !context.output.ask(&described(&ledger, &shown), question) {
        // What was known of this log before stays; what came from this server goes.
        if !was_known {
            memory.forget().map_err(custody_client::LedgerError::from)?;
        }
        return Err(Failure::no("not_confirmed", "not confirmed: the log was not pinned")
            .hint("ask the log's operator for the pin, and give it with --trust"));
    }
    let config = context.settings.config_file()?.to_owned();
    write_config(&config, server, &shown, args.key.as_deref())?;
    report(&ledger, &shown, &config, context)?;
    Ok(Outcome::Yes)
}

/// Refuses a key that nothing could be signed with. What a variable holds is for the runs that sign: it may be a
/// secret that only those see.
fn usable(key: &str, context: &Context) -> Result<(), Failure> {
    if key.starts_with("env://") {
        return Ok(());
    }
    let chosen = choose(Some(key), &super::key::store(context)?, |_| None);
    chosen.map(drop).map_err(|error| super::key::failure(&error))
}

/// Returns what a person compares with what the log's operator told them.
fn described(ledger: &Ledger, pin: &Pin) -> String {
    let origin = escape_line(pin.origin.as_str());
    let mut lines = vec![format!("log    {origin}"), format!("pin    {}", escape_line(&pin.to_string()))];
    if let Some(first) = ledger.trust().versions().first() {
        let root = first.state.document().role(custody_evidence::trust::RoleName::Root);
        lines.push(format!("root   {} of these keys administer it:", root.threshold));
        lines.extend(root.keys.iter().map(|key| format!("       key:{key}")));
    }
    lines.join("\n")
}

fn report(ledger: &Ledger, pin: &Pin, config: &Path, context: &Context) -> Result<(), Failure> {
    let size = ledger.checkpoint().checkpoint().size().get();
    let version = ledger.trust().current().state.document().version();
    if context.output.is_json() {
        return context.output.print_json(&json!({
            "origin": pin.origin.to_string(),
            "pin": pin.to_string(),
            "size": size,
            "trust_version": version,
            "config": config.display().to_string(),
        }));
    }
    context.output.print(format!(
        "pinned {}\nlog    tree size {size}, trust document version {version}, verified from entry 0\nconfig {}\n",
        escape_line(&pin.to_string()),
        config.display()
    ))
}

/// Writes server, pin and key into the file, and leaves everything else in it as it is.
fn write_config(path: &Path, server: &str, pin: &Pin, key: Option<&str>) -> Result<(), Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::usage("config_file", format!("cannot write {}: {why}", path.display()))
            .hint("name a file that this user may write with --config")
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(&error)),
    };
    let mut document: DocumentMut = text.parse().map_err(|error| failed(&error))?;
    document.insert("server", value(server));
    document.insert("trust", value(pin.to_string()));
    if let Some(key) = key {
        document.insert("key", value(absolute(key)));
    }
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(|error| failed(&error))?;
    }
    replace(path, document.to_string().as_bytes()).map_err(|error| failed(&error))
}

/// The file is read from any directory, so a path must not depend on this one. A name stays a name.
fn absolute(key: &str) -> String {
    let path = PathBuf::from(key);
    let absolute = if path.is_file() { std::path::absolute(&path).ok() } else { None };
    absolute.map_or_else(|| key.to_owned(), |path| path.display().to_string())
}

fn other_log(server: &str, given: &Pin, shown: &Pin) -> Failure {
    Failure::no(
        "wrong_log",
        format!("the server at {server} keeps another log: expected {given}, found {shown}"),
    )
    .hint("check --server; to pin the other log on purpose, give its pin with --trust")
}

fn not_pinned(server: &str, shown: &Pin) -> Failure {
    Failure::usage("no_trust_pin", format!("no pin was given, and there is no terminal to confirm one at (asked {server})"))
        .hint(format!(
            "the server says it keeps {shown}; compare that with what its operator told you, and give it: --trust {shown}"
        ))
}

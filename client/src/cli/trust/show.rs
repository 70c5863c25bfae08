//! `custody trust show`: what holds now, and the trust file for offline use.

use std::fmt::Write as _;
use std::path::PathBuf;

use custody_client::Trust;
use custody_client::memory::replace;
use custody_evidence::trust::{About, Role, RoleName, TrustDocument, WriterRule};
use serde_json::{Value, json};

use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::escape_line;
use crate::cli::session;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Also write the trust file, which is all that `custody verify` needs without a network.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Shows the newest trust document.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let ledger = session::open(context).await?;
    let trust = ledger.trust();
    if let Some(path) = &args.out {
        replace(path, &trust.file().encode()).map_err(|error| Failure::unwritable(error.to_string()))?;
        context.output.note(format!("wrote the trust file {}", path.display()));
    }
    if context.output.is_json() {
        context.output.print_json(&document(trust)?)?;
    } else {
        context.output.print(text(trust))?;
    }
    Ok(Outcome::Yes)
}

fn document(trust: &Trust) -> Result<Value, Failure> {
    let current = trust.current();
    let document: Value = serde_json::from_slice(&current.state.document().encode())
        .map_err(|error| Failure::unknown("output", format!("cannot write the document as JSON: {error}")))?;
    Ok(json!({
        "pin": trust.pin().to_string(),
        "index": current.entry.index.get(),
        "time": current.entry.time.to_string(),
        "complete_to": trust.complete_to().get(),
        "document": document,
    }))
}

fn text(trust: &Trust) -> String {
    let current = trust.current();
    let document = current.state.document();
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "{name:<10} {value}");
    };
    line("pin", &trust.pin().to_string());
    line(
        "version",
        &format!("{} (entry {}, {})", document.version(), current.entry.index, current.entry.time),
    );
    for (name, value) in summary(document) {
        line(name, &value);
    }
    let _ = writeln!(
        out,
        "\nverified here from entry 0; no later version withheld up to size {}",
        trust.complete_to()
    );
    out
}

/// Returns what a document says, line by line: what it is about, and what it says of it.
pub(super) fn summary(document: &TrustDocument) -> Vec<(&'static str, String)> {
    let members = document.members();
    let mut lines = vec![("expires", members.expires.to_string())];
    for key in &members.log_keys {
        let until = key.until_size.map_or_else(|| "on".to_owned(), |size| format!("to {size}"));
        lines.push(("log key", format!("{}  from tree size {} {until}", key.vkey, key.from_size)));
    }
    lines.extend(members.freshness_keys.iter().map(|key| ("freshness", key.to_string())));
    lines.extend(members.witnesses.iter().map(|key| ("witness", key.to_string())));
    if let Some(before) = &members.predecessor {
        lines.push(("continues", format!("{} from size {}, {}", before.origin, before.size, before.root)));
    }
    for name in [RoleName::Root, RoleName::Rules, RoleName::Responder] {
        lines.push((name.as_str(), role(document.role(name))));
    }
    lines.extend(document.writers().iter().map(|rule| ("writer", writer(rule))));
    for person in &members.people {
        lines.push(("person", format!("{}  {} keys", escape_line(&person.name), person.keys.len())));
    }
    lines
}

fn role(role: &Role) -> String {
    let keys: Vec<String> = role.keys.iter().map(|key| format!("key:{key}")).collect();
    format!("{} of {}", role.threshold, keys.join(" "))
}

pub(super) fn writer(rule: &WriterRule) -> String {
    let about = match &rule.about {
        About::Anything => "anything".to_owned(),
        About::OwnBuilds => "own builds".to_owned(),
        About::Namespace(namespace) => format!("namespace {}", escape_line(namespace)),
    };
    let keys: Vec<String> = rule.keys.iter().map(|key| format!("key:{key}")).collect();
    format!(
        "{}  {}  about {about}, {}  {}",
        escape_line(&rule.name),
        escape_line(&rule.predicates.join(" ")),
        rule.authority,
        keys.join(" ")
    )
}

/// Returns the differences between two versions that an administrator must see before signing.
pub(super) fn changes(before: &TrustDocument, after: &TrustDocument) -> Vec<String> {
    let mut changes = Vec::new();
    for name in [RoleName::Root, RoleName::Rules, RoleName::Responder] {
        if before.role(name) != after.role(name) {
            changes.push(format!("{name}: {} -> {}", role(before.role(name)), role(after.role(name))));
        }
    }
    let (old, new) = (before.writers(), after.writers());
    changes.extend(
        old.iter().filter(|rule| !new.contains(rule)).map(|rule| format!("- writer {}", writer(rule))),
    );
    changes.extend(
        new.iter().filter(|rule| !old.contains(rule)).map(|rule| format!("+ writer {}", writer(rule))),
    );
    let (old, new) = (before.members(), after.members());
    let mut differs = |name: &str, differs: bool| {
        if differs {
            changes.push(format!("{name} changed"));
        }
    };
    differs("log keys", old.log_keys != new.log_keys);
    differs("freshness keys", old.freshness_keys != new.freshness_keys);
    differs("people", old.people != new.people);
    differs("issuers", old.issuers != new.issuers);
    differs("trusted roots", old.trusted_roots != new.trusted_roots);
    differs("witnesses", old.witnesses != new.witnesses);
    differs("predecessor", old.predecessor != new.predecessor);
    differs("successor", old.successor != new.successor);
    if old.expires != new.expires {
        changes.push(format!("expires: {} -> {}", old.expires, new.expires));
    }
    changes
}

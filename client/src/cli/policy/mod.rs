//! `custody policy`: what gates are to require, kept in the log.

use std::fmt::Write as _;
use std::path::PathBuf;

use custody_client::Ledger;
use custody_evidence::statement::Statement;
use custody_evidence::trust::{POLICY_BYTES_MAX, Policy, PolicyVersion, RoleName};
use serde_json::{Value, json};

use super::failure::{Failure, Outcome};
use super::output::escape_line;
use super::trust::administrative::{Settled, Signing, settle};
use super::{Context, file, session};

/// Keep policies in the log, and read them.
///
/// A policy is kept as its exact text, by name and version. The threshold of the rules role puts it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Put the next version of a policy
    Put {
        /// The policy: YAML or JSON, at most 256 KiB.
        file: PathBuf,
        /// Its name.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// Print the exact text of a policy
    Show {
        /// Its name: the newest version, or NAME@VERSION.
        name: String,
    },
    /// List all policies with their versions
    List,
}

/// Runs `custody policy`.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut ledger = session::open(context).await?;
    match args.command {
        Command::Put { file, name, signing } => put(&mut ledger, &file, name, &signing, context).await,
        Command::Show { name } => show(&ledger, &name, context),
        Command::List => list(&ledger, context),
    }
}

async fn put(
    ledger: &mut Ledger,
    path: &std::path::Path,
    name: String,
    signing: &Signing,
    context: &Context,
) -> Result<Outcome, Failure> {
    let bytes = file::read(path, u64::try_from(POLICY_BYTES_MAX).unwrap_or(u64::MAX))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::usage("bad_policy", format!("{}: {error}", path.display())).hint("a policy is text in UTF-8")
    })?;
    let before = ledger.trust().current().state.policy(&name).cloned();
    let version = before.as_ref().map_or(1, |before| before.version.saturating_add(1));
    let policy = Policy { name, version, text };
    if let Some(same) = before.filter(|before| before.digest == policy.digest()) {
        let message = format!("version {} of the policy {} has this text already", same.version, same.name);
        return Err(Failure::no("no_change", message).hint("there is nothing to put"));
    }
    let statement = policy.statement(ledger.trust().pin().origin.as_str());
    let settled = settle(ledger, &statement, RoleName::Rules, signing, context).await?;
    let (index, file) = match &settled {
        Settled::Recorded(index) => (Some(index.get()), None),
        Settled::Written(path) => (None, Some(path.display().to_string())),
    };
    let (name, digest) = (&policy.name, policy.digest());
    if context.output.is_json() {
        context.output.print_json(&json!({
            "name": name, "version": version, "digest": digest.to_string(), "index": index, "file": file,
        }))?;
        return Ok(Outcome::Yes);
    }
    let name = escape_line(name);
    match settled {
        Settled::Recorded(index) => {
            context.output.print(format!(
                "policy {name} version {version}\n  digest {digest}\n  entry  index:{index}\n"
            ))?;
        }
        Settled::Written(path) => {
            let file = path.display();
            context.output.print(format!(
                "policy {name} version {version}, to be put\n  digest {digest}\n  file   {file}\n"
            ))?;
            context.output.note(format!(
                "next: administrators of the role rules sign it (custody trust sign {file}), then custody record envelope {file}"
            ));
        }
    }
    Ok(Outcome::Yes)
}

fn show(ledger: &Ledger, asked: &str, context: &Context) -> Result<Outcome, Failure> {
    let (name, version) = match asked.rsplit_once('@') {
        Some((name, version)) => {
            let number = version.parse::<u64>().map_err(|_| {
                Failure::usage("bad_policy", format!("{version:?} is no version"))
                    .hint("give NAME, or NAME@VERSION")
            })?;
            (name, Some(number))
        }
        None => (asked, None),
    };
    let state = &ledger.trust().current().state;
    let fits = |policy: &&PolicyVersion| {
        policy.name == name && version.is_none_or(|number| policy.version == number)
    };
    let found = state.policies().find(fits).ok_or_else(|| {
        Failure::no_record(format!("there is no policy {asked}"))
            .hint("`custody policy list` lists those there are")
    })?;
    // The text is in the entry that was replayed here, signatures and all.
    let versions = ledger.trust().versions();
    let entry = versions.iter().find(|version| version.entry.index == found.index);
    let origin = ledger.trust().pin().origin.as_str();
    let policy = entry.and_then(|entry| {
        let statement = Statement::parse(entry.envelope.payload()).ok()?;
        Policy::from_statement(&statement, origin).ok()
    });
    let policy =
        policy.ok_or_else(|| Failure::no("bad_policy", format!("entry {} holds no policy", found.index)))?;
    if context.output.is_json() {
        let mut document = view(found);
        if let Some(members) = document.as_object_mut() {
            members.insert("text".to_owned(), Value::String(policy.text));
        }
        context.output.print_json(&document)?;
    } else {
        context.output.print_bytes(policy.text.as_bytes())?;
    }
    Ok(Outcome::Yes)
}

fn list(ledger: &Ledger, context: &Context) -> Result<Outcome, Failure> {
    let policies: Vec<&PolicyVersion> = ledger.trust().current().state.policies().collect();
    if context.output.is_json() {
        let policies: Vec<Value> = policies.iter().map(|policy| view(policy)).collect();
        context.output.print_json(&json!({ "policies": policies }))?;
    } else {
        let mut text = String::new();
        for policy in &policies {
            let name = format!("{}@{}", escape_line(&policy.name), policy.version);
            let _ = writeln!(text, "{name:<24}  {}  entry {}", policy.digest, policy.index);
        }
        context.output.print(text)?;
    }
    Ok(if policies.is_empty() { Outcome::NoRecord } else { Outcome::Yes })
}

fn view(policy: &PolicyVersion) -> Value {
    json!({
        "name": policy.name, "version": policy.version, "digest": policy.digest.to_string(), "index": policy.index.get(),
    })
}

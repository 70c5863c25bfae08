//! `custody key`: make, list, show and import signing keys.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use custody_client::sign::{
    KeyName, KeyStore, KeyStoreError, SignError, StoredKey, choose, private_key, public_path, write_key,
};
use custody_evidence::key::{PublicKey, SigningKey};
use serde_json::json;
use zeroize::Zeroizing;

use super::Context;
use super::failure::{Failure, Outcome};
use super::output::escape_line;

/// Make, list, show and import signing keys.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an Ed25519 key and keep it in the key store.
    New {
        /// What to call it.
        #[arg(default_value = "default")]
        name: KeyName,
        /// Write it to this file instead, and its public half beside it (`.pub`).
        #[arg(long, value_name = "FILE", conflicts_with = "name")]
        out: Option<PathBuf>,
    },
    /// List the stored keys.
    List,
    /// Show the public half of a key: what an administrator of a log needs.
    Show {
        /// A stored key's name or id, a file of a private key, or `env://VARIABLE` [default: the key that signs].
        key: Option<String>,
        /// Print nothing but the PEM.
        #[arg(long)]
        pem: bool,
    },
    /// Keep an existing private key in the key store (PKCS#8 in PEM, Ed25519 or ECDSA P-256).
    Import {
        /// The file, or `env://VARIABLE`.
        file: String,
        /// What to call it.
        #[arg(long, default_value = "default")]
        name: KeyName,
    },
}

/// Runs `custody key`.
#[expect(clippy::unused_async, reason = "every command has this form")]
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let store = store(context)?;
    match args.command {
        Command::New { out: Some(path), .. } => {
            let key = new_key()?;
            write_key(&path, &key).map_err(|error| failure(&error))?;
            written(context, &path, key.public())
        }
        Command::New { name, out: None } => {
            let key = new_key()?;
            let stored = store.add(&name, &key).map_err(|error| failure(&error))?;
            added(context, &stored)
        }
        Command::List => list(context, &store),
        Command::Show { key, pem } => show(context, &store, key.as_deref(), pem),
        Command::Import { file, name } => {
            let path = if file.starts_with("env://") { file } else { as_path(file) };
            let key = private_key(&path, |name| variable(context, name));
            let stored = key.and_then(|key| store.add(&name, &key)).map_err(|error| failure(&error))?;
            added(context, &stored)
        }
    }
}

/// Returns the folder of keys: `keys` beside the configuration file.
pub(crate) fn store(context: &Context) -> Result<KeyStore, Failure> {
    Ok(KeyStore::new(context.settings.config_dir()?.join("keys")))
}

/// Returns an environment variable, for keys that are named `env://VARIABLE`.
pub(crate) fn variable(context: &Context, name: &str) -> Option<String> {
    context.environment.var(name).map(str::to_owned)
}

/// Says what is wrong with a key, as the command line says it.
pub(crate) fn failure(error: &KeyStoreError) -> Failure {
    let message = match std::error::Error::source(error) {
        // The text of a bad key's error holds its source already.
        Some(source) if !matches!(error, KeyStoreError::Key { .. }) => format!("{error}: {source}"),
        _ => error.to_string(),
    };
    Failure::usage(error.word(), message).hint(error.hint())
}

/// Says why something was not signed; `word` is for what makes no envelope.
pub(crate) fn unsigned(error: &SignError, word: &'static str) -> Failure {
    match error {
        SignError::Store(error) => failure(error),
        SignError::NotItsSignature { .. } => Failure::usage("bad_key", error.to_string())
            .hint("check which key the store holds: what it signs is checked here before anything is sent"),
        SignError::Envelope(error) => Failure::usage(word, error.to_string())
            .hint("name large documents by their digest; custody inspect FILE says more about a statement"),
    }
}

fn new_key() -> Result<SigningKey, Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(|error| {
        Failure::unknown("no_randomness", format!("the system gives no randomness: {error}"))
    })?;
    Ok(SigningKey::from_seed(&seed))
}

/// A name without a slash would be looked up in the store.
fn as_path(file: String) -> String {
    if file.contains('/') { file } else { format!("./{file}") }
}

fn added(context: &Context, stored: &StoredKey) -> Result<Outcome, Failure> {
    if context.output.is_json() {
        context.output.print_json(&document(stored))?;
    } else {
        context.output.print(described(stored.name.as_str(), &stored.path, &stored.public))?;
    }
    Ok(Outcome::Yes)
}

fn written(context: &Context, path: &Path, public: &PublicKey) -> Result<Outcome, Failure> {
    if context.output.is_json() {
        context.output.print_json(&json!({
            "id": format!("key:{}", public.id()), "algorithm": public.algorithm().as_str(), "public": public.to_pem(),
            "file": path,
        }))?;
    } else {
        context.output.print(described("a new key", path, public))?;
    }
    Ok(Outcome::Yes)
}

fn described(name: &str, path: &Path, public: &PublicKey) -> String {
    format!(
        "{name}\n  id       key:{id}\n  private  {private}\n  public   {public}\n",
        id = public.id(),
        private = escape_line(&path.display().to_string()),
        public = escape_line(&public_path(path).display().to_string()),
    )
}

fn list(context: &Context, store: &KeyStore) -> Result<Outcome, Failure> {
    let mut keys = Vec::new();
    for name in store.names().map_err(|error| failure(&error))? {
        match store.show(&name) {
            Ok(stored) => keys.push(stored),
            // One bad file must not hide the others.
            Err(error) => context.output.warn(format!("{name}: {}", failure(&error).message)),
        }
    }
    if context.output.is_json() {
        let keys: Vec<_> = keys.iter().map(document).collect();
        context.output.print_json(&json!({ "keys": keys }))?;
        return Ok(Outcome::Yes);
    }
    let width = keys.iter().map(|key| key.name.as_str().len()).max().unwrap_or_default();
    let mut text = String::new();
    for key in &keys {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:width$}  {:17}  key:{}",
            key.name.as_str(),
            key.public.algorithm().as_str(),
            key.public.id()
        );
    }
    if keys.is_empty() {
        context.output.note(format!("no keys in {}: custody key new makes one", store.dir().display()));
    }
    context.output.print(text)?;
    Ok(Outcome::Yes)
}

fn show(context: &Context, store: &KeyStore, key: Option<&str>, pem: bool) -> Result<Outcome, Failure> {
    // Without a name it is the key that `record` would sign with.
    let set = context.layers.value("key").and_then(|(values, _)| values.last()).map(String::as_str);
    let chosen =
        choose(key.or(set), store, |name| variable(context, name)).map_err(|error| failure(&error))?;
    let public = chosen.key.public();
    let (id, algorithm, text) = (public.id(), public.algorithm(), public.to_pem());
    if context.output.is_json() {
        context.output.print_json(&json!({
            "from": chosen.from, "id": format!("key:{id}"), "algorithm": algorithm.as_str(), "public": text,
        }))?;
    } else if pem {
        context.output.print(text)?;
    } else {
        context
            .output
            .print(format!("{}\n  id         key:{id}\n  algorithm  {algorithm}\n\n{text}", chosen.from))?;
    }
    Ok(Outcome::Yes)
}

fn document(stored: &StoredKey) -> serde_json::Value {
    json!({
        "name": stored.name.as_str(),
        "id": format!("key:{}", stored.public.id()),
        "algorithm": stored.public.algorithm().as_str(),
        "public": stored.public.to_pem(),
        "file": stored.path,
    })
}

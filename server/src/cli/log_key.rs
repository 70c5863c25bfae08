//! `custodyd log-key`: the key that signs checkpoints, and the one that takes its place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anstream::println;
use custody_evidence::dsse::{Envelope, IN_TOTO};
use custody_evidence::key::SigningKey;
use custody_evidence::statement::Statement;
use custody_evidence::trust::TrustDocument;
use custody_log::TreeSize;
use custody_log::note::NoteSigner;
use serde_json::json;

use super::fsck::Output;
use super::{Exit, Failure, explain};
use crate::journal::{DiskFiles, Files, View};
use crate::keys::KeyFiles;
use crate::ledger::replay_trust;

/// The longest proposed document that is read: 64 MiB, as long as an envelope may be.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Work with the key that signs the log's checkpoints. The page docs/log-keys.md has the steps of a change.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print the public parts of the log key and of the next one
    Show(Common),
    /// Make the next log key, beside the one that signs
    New(Common),
    /// Sign a proposed trust document with the next log key, which it brings in
    Sign {
        #[command(flatten)]
        common: Common,
        /// What `custody trust propose` wrote, signed by others or not; it is replaced by the envelope with one signature more
        file: PathBuf,
    },
    /// Put the next log key in the place of one that signs no more
    Switch(Common),
}

#[derive(Debug, clap::Args)]
struct Common {
    /// Directory that holds the log
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// File with the log key [default: DIR.log-key, beside the data directory]
    #[arg(long, value_name = "FILE")]
    log_key: Option<PathBuf>,
    /// Form of the result on stdout
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

impl Common {
    fn files(&self) -> KeyFiles {
        let beside = KeyFiles::beside(&self.data);
        KeyFiles { log: self.log_key.clone().unwrap_or(beside.log), ..beside }
    }

    fn print(&self, text: &str, json: &serde_json::Value) {
        match self.output {
            Output::Json => println!("{json}"),
            Output::Text => println!("{text}"),
        }
    }
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        Command::Show(common) => show(common),
        Command::New(common) => new(common),
        Command::Sign { common, file } => sign(common, file),
        Command::Switch(common) => switch(common),
    }
}

fn show(common: &Common) -> Result<Exit, Failure> {
    let keys = common.files().load()?;
    let (log, next) = (keys.log.verifier(), keys.next.as_ref().map(NoteSigner::verifier));
    let next_text = next.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    let json = json!({ "log": log.to_string(), "next": next.map(|key| key.to_string()) });
    common.print(&format!("log   {log}\nnext  {next_text}"), &json);
    Ok(Exit::Yes)
}

fn new(common: &Common) -> Result<Exit, Failure> {
    let files = common.files();
    files.check_outside(&common.data)?;
    let path = files.next();
    if path.exists() {
        return Err(Failure::usage(format!("there is a next log key already, in {}", path.display())).hint(
            "custodyd log-key show prints it; propose it, or remove the file if it was never proposed",
        ));
    }
    let key = files.create_next()?.verifier();
    let text = format!(
        "next log key {key}\n  in {}: keep a copy of it elsewhere\nnext: custody trust propose --next-log-key {key} --out FILE",
        path.display()
    );
    common.print(&text, &json!({ "next": key.to_string(), "file": path.display().to_string() }));
    Ok(Exit::Yes)
}

/// Signs nothing but a trust document that brings the next key in: what a log key signs is believed.
fn sign(common: &Common, file: &Path) -> Result<Exit, Failure> {
    let bytes = read(file)?;
    let refused = |why: String| {
        Failure::usage(format!("{}: {why}", file.display()))
            .hint("custody trust propose --out FILE writes what can be signed here")
    };
    let envelope = Envelope::parse(&bytes).ok();
    let statement = envelope.as_ref().map_or(bytes.trim_ascii_end(), Envelope::payload).to_vec();
    let parsed = Statement::parse(&statement).map_err(|error| refused(error.to_string()))?;
    let document = TrustDocument::from_statement(&parsed).map_err(|error| refused(error.to_string()))?;
    let keys = common.files().load()?;
    let Some(next) = &keys.next else {
        return Err(
            Failure::usage("there is no next log key to sign with").hint("make one: custodyd log-key new")
        );
    };
    if !document.members().log_keys.iter().any(|key| key.vkey == next.verifier()) {
        return Err(refused(format!("the document does not name the next log key {}", next.verifier())));
    }
    let key = SigningKey::from_seed(&next.seed());
    let signed = match &envelope {
        Some(envelope) => envelope.add_signature(&key),
        None => Envelope::sign(IN_TOTO, &statement, &[&key]),
    };
    let signed = signed.map_err(|error| refused(error.to_string()))?;
    write(file, signed.bytes())?;
    let version = document.version();
    let text =
        format!("signed version {version} of the trust document with the next log key {}", next.verifier());
    common.print(&text, &json!({ "version": version, "signer": next.verifier().to_string(), "file": file.display().to_string() }));
    Ok(Exit::Yes)
}

fn switch(common: &Common) -> Result<Exit, Failure> {
    let files = common.files();
    let keys = files.load()?;
    let Some(next) = &keys.next else {
        return Err(
            Failure::usage("there is no next log key to switch to").hint("make one: custodyd log-key new")
        );
    };
    let disk: Arc<dyn Files> = Arc::new(DiskFiles);
    let view = View::open(&common.data, &disk).map_err(|error| explain::view(&error, &common.data))?;
    let size = view.size();
    let trust = replay_trust(&view.reader, size).map_err(|error| explain::open(&error, &common.data))?;
    let (old, new) = (keys.log.verifier(), next.verifier());
    let named = trust.log_keys_at(size);
    if named.contains(&old) || !named.contains(&new) {
        let named: Vec<String> = named.iter().map(ToString::to_string).collect();
        let error = LogKeyError::NotAlone { size, named: named.join(" and ") };
        return Err(Failure::new(Exit::No, &error)
            .code("bad_key")
            .hint("switch when the next key signs alone: custody trust show says from which size on"));
    }
    let retired = files.switch()?;
    let text = format!(
        "log key {new}\nthe one before is kept in {}; the server goes on as it is",
        retired.display()
    );
    common.print(&text, &json!({ "log": new.to_string(), "retired": retired.display().to_string() }));
    Ok(Exit::Yes)
}

/// Why a change of the log key does not go on.
#[derive(Debug, thiserror::Error)]
enum LogKeyError {
    /// The key that is to go signs, or the one that is to come does not.
    #[error("the tree of size {size} is signed by {named}")]
    NotAlone {
        /// The log's size.
        size: TreeSize,
        /// The keys that sign it.
        named: String,
    },
    /// The proposed document cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The signed document cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |source| {
        let error = LogKeyError::Read { path: path.to_owned(), source };
        Failure::new(Exit::Usage, &error).hint("name what custody trust propose --out FILE wrote")
    };
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > FILE_BYTES_MAX {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    fs::read(path).map_err(failed)
}

/// Replaces the file whole, or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, bytes).and_then(|()| fs::rename(&new, path)).map_err(|source| {
        let error = LogKeyError::Write { path: path.to_owned(), source };
        Failure::new(Exit::Usage, &error).hint("check that this user may write there")
    })
}

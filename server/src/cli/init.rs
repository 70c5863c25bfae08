//! `custodyd init`: makes a new log.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anstream::println;
use custody_evidence::dsse::Envelope;
use custody_evidence::key::{PublicKey, SigningKey};
use custody_log::{EntryDigest, KeyName, Origin};
use serde_json::json;

use super::fsck::Output;
use super::{Exit, Failure, predecessor};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::genesis::{self, DEV_KEY_FILE, Founders, UNSIGNED_FILE};
use crate::journal::OpenOptions;
use crate::keys::{KeyFiles, new_signing_key};
use crate::publish::LogKeys;

/// The longest key or trust file that is read: 1 MiB, the limit of a unary envelope.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The flags of `custodyd init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory to make the log in; made if absent, else empty
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Name of the log: a URL without a scheme, such as example.com/custody
    #[arg(long, value_name = "NAME", required_unless_present = "trust")]
    origin: Option<Origin>,
    /// PEM file with a key of an administrator: private ones sign at once [repeatable]
    #[arg(long, value_name = "FILE", required_unless_present = "trust")]
    admin: Vec<PathBuf>,
    /// PEM file with a key that may record: private or public [repeatable]
    #[arg(long, value_name = "FILE")]
    writer: Vec<PathBuf>,
    /// How many administrators must sign a change
    #[arg(long, value_name = "N", default_value_t = 1)]
    threshold: usize,
    /// The signed first trust document, when administrators signed it elsewhere
    #[arg(long, value_name = "FILE", conflicts_with_all = ["origin", "admin", "writer", "threshold"])]
    trust: Option<PathBuf>,
    /// File with the log key; made if absent [default: DIR.log-key, beside the data directory]
    #[arg(long, value_name = "FILE")]
    log_key: Option<PathBuf>,
    /// File with the freshness key; made if absent [default: DIR.freshness-key, beside the data directory]
    #[arg(long, value_name = "FILE")]
    freshness_key: Option<PathBuf>,
    #[command(flatten)]
    predecessor: predecessor::Before,
    /// Form of the result on stdout
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

/// A key of an administrator or writer.
struct Key {
    public: PublicKey,
    /// None if only the public part was given.
    private: Option<SigningKey>,
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands the error over")]
fn name_failure(error: custody_log::KeyNameError) -> Failure {
    Failure::new(Exit::Usage, &error)
        .hint("give --origin a URL without a scheme, such as example.com/custody")
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let beside = KeyFiles::beside(&args.data);
    let files = KeyFiles {
        log: args.log_key.clone().unwrap_or(beside.log),
        freshness: args.freshness_key.clone().unwrap_or(beside.freshness),
    };
    let above = args.data.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above.filter(|above| !above.is_dir()) {
        return Err(Failure::usage(format!("the directory {} does not exist", above.display()))
            .hint("make it, or name another place with --data"));
    }
    files.check_outside(&args.data)?;
    refuse_existing(&args.data)?;
    match (&args.trust, &args.origin) {
        (Some(trust), _) => from_signed(args, trust, &files),
        (None, Some(origin)) => from_flags(args, origin, &files),
        (None, None) => {
            Err(Failure::usage("nothing says which log to make").hint("give --origin NAME or --trust FILE"))
        }
    }
}

/// Makes the log of `custodyd run --dev`, if there is none in the directory yet.
pub(super) fn ensure_dev(config: &Config) -> Result<(), Failure> {
    if genesis::holds_log(&config.data) {
        return Ok(());
    }
    let origin: Origin = "localhost/custody-dev".parse().map_err(name_failure)?;
    make_dir(&config.data)?;
    let path = config.data.join(DEV_KEY_FILE);
    let key = if path.exists() {
        read_signing_key(&path)?
    } else {
        let key = new_signing_key()?;
        write_private(&path, &key.to_pem())?;
        key
    };
    let keys = load_keys(&config.keys, &origin)?;
    let founders = Founders {
        administrators: vec![key.public().clone()],
        threshold: 1,
        writers: vec![key.public().clone()],
        predecessor: None,
    };
    let envelope = signed_document(&origin, &keys, &founders, &[key])?;
    create(&config.data, &envelope, &keys)?;
    Ok(())
}

fn from_flags(args: &Args, origin: &Origin, files: &KeyFiles) -> Result<Exit, Failure> {
    if origin.as_str().contains("://") {
        return Err(Failure::usage(format!("the name of a log has no scheme, found {origin}"))
            .hint("give --origin a URL without a scheme, such as example.com/custody: it never changes"));
    }
    let administrators: Vec<Key> = args.admin.iter().map(|path| read_key(path)).collect::<Result<_, _>>()?;
    let writers: Vec<Key> = args.writer.iter().map(|path| read_key(path)).collect::<Result<_, _>>()?;
    let founders = Founders {
        administrators: administrators.iter().map(|key| key.public.clone()).collect(),
        threshold: args.threshold,
        writers: writers.iter().map(|key| key.public.clone()).collect(),
        predecessor: args.predecessor.of(origin)?,
    };
    let keys = load_keys(files, origin)?;
    let signing: Vec<SigningKey> = administrators.into_iter().filter_map(|key| key.private).collect();
    let envelope = signed_document(origin, &keys, &founders, &signing)?;
    if signing.len() < args.threshold {
        return leave_unsigned(args, &envelope);
    }
    let (origin, digest) = create(&args.data, &envelope, &keys)?;
    announce(args, files, &origin, digest);
    Ok(Exit::Yes)
}

fn from_signed(args: &Args, trust: &Path, files: &KeyFiles) -> Result<Exit, Failure> {
    let bytes = read_file(trust)?;
    let envelope = Envelope::parse(bytes.trim_ascii_end()).map_err(|error| {
        Failure::usage(format!("{}: {error}", trust.display()))
            .hint("give the file that custody trust sign wrote")
    })?;
    let keys = files.load()?;
    let (origin, digest) = create(&args.data, &envelope, &keys)?;
    announce(args, files, &origin, digest);
    Ok(Exit::Yes)
}

/// Leaves the document for the administrators: too few private keys were given to sign it here.
fn leave_unsigned(args: &Args, envelope: &Envelope) -> Result<Exit, Failure> {
    make_dir(&args.data)?;
    let path = args.data.join(UNSIGNED_FILE);
    fs::write(&path, envelope.bytes()).map_err(|error| unwritable("write", &path, &error))?;
    match args.output {
        Output::Json => println!("{}", json!({"trust": path.display().to_string(), "created": false})),
        Output::Text => {
            let (file, data) = (path.display(), args.data.display());
            println!(
                "wrote {file}; no log was made yet, since it needs the signatures of {} of the administrators:",
                args.threshold
            );
            println!("  custody trust sign {file} --key ADMIN-KEY     (each administrator)");
            println!("  custodyd init --data {data} --trust {file}");
        }
    }
    Ok(Exit::Yes)
}

fn announce(args: &Args, files: &KeyFiles, origin: &Origin, digest: EntryDigest) {
    let pin = format!("{origin}+{digest}");
    match args.output {
        Output::Json => println!(
            "{}",
            json!({"created": true, "origin": origin.to_string(), "entry": digest.to_string(), "pin": pin})
        ),
        Output::Text => {
            println!("made the log {origin} in {}", args.data.display());
            println!("keep these keys apart from the data, with a copy: without them the log is dead");
            println!("  {}\n  {}", files.log.display(), files.freshness.display());
            println!("clients pin it with");
            println!("  custody init --server URL --trust {pin}");
        }
    }
}

fn refuse_existing(data: &Path) -> Result<(), Failure> {
    if genesis::holds_log(data) {
        return Err(Failure::usage(format!("{} holds a log already", data.display()))
            .hint("serve it with custodyd run, or name another directory"));
    }
    // Before any key is made: a refusal leaves nothing behind.
    if data.is_file() {
        return Err(Failure::usage(format!(
            "{} is a file: the data of a log is a directory",
            data.display()
        ))
        .hint("name an empty directory, or one that does not exist yet"));
    }
    let ours = |name: &OsString| name == UNSIGNED_FILE || name == DEV_KEY_FILE;
    let names = fs::read_dir(data).into_iter().flatten().flatten().map(|entry| entry.file_name());
    if let Some(found) = names.into_iter().find(|name| !ours(name)) {
        let message = format!("{} is not empty and holds no log (found {})", data.display(), found.display());
        return Err(Failure::usage(message).hint("name an empty directory, or one that does not exist yet"));
    }
    Ok(())
}

fn signed_document(
    origin: &Origin,
    keys: &LogKeys,
    founders: &Founders,
    signing: &[SigningKey],
) -> Result<Envelope, Failure> {
    let now = SystemClock.read()?.wall;
    let document = genesis::first_document(origin, keys, founders, now)?;
    genesis::sign_document(&document, keys, signing)
        .map_err(|error| Failure::new(Exit::Usage, &error).hint("name fewer administrators with --admin"))
}

fn create(data: &Path, envelope: &Envelope, keys: &LogKeys) -> Result<(Origin, EntryDigest), Failure> {
    Ok(genesis::create(data, envelope, keys, &SystemClock, &OpenOptions::default())?)
}

fn load_keys(files: &KeyFiles, origin: &Origin) -> Result<LogKeys, Failure> {
    let name: KeyName = format!("{origin}/freshness").parse().map_err(name_failure)?;
    let keys = files.load_or_create(origin, &name)?;
    let verifier = keys.log.verifier();
    if verifier.name() != origin.key_name() {
        let (file, found) = (files.log.display(), verifier.name());
        return Err(Failure::usage(format!("the key file {file} is of the log {found}, not of {origin}"))
            .hint(
                "move it away if no log needs it, or name other files with --log-key and --freshness-key",
            ));
    }
    Ok(keys)
}

fn read_key(path: &Path) -> Result<Key, Failure> {
    let text = String::from_utf8_lossy(&read_file(path)?).into_owned();
    if text.contains("PRIVATE KEY-----") {
        let key = read_signing_key(path)?;
        return Ok(Key { public: key.public().clone(), private: Some(key) });
    }
    let key = PublicKey::from_pem(&text).map_err(|error| {
        Failure::usage(format!("the key file {}: {error}", path.display()))
            .hint("custody key new makes a key; openssl genpkey -algorithm ed25519 does too")
    })?;
    Ok(Key { public: key, private: None })
}

fn read_signing_key(path: &Path) -> Result<SigningKey, Failure> {
    let text = zeroize::Zeroizing::new(String::from_utf8_lossy(&read_file(path)?).into_owned());
    SigningKey::from_pem(&text).map_err(|error| {
        Failure::usage(format!("the key file {}: {error}", path.display()))
            .hint("custody key new makes a key; openssl genpkey -algorithm ed25519 does too")
    })
}

fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(format!("cannot read {}: {error}", path.display())).hint("check the path")
    };
    if fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("{} is longer than {FILE_BYTES_MAX} bytes", path.display()))
            .hint("give a key in PEM, or a trust document: both are short"));
    }
    fs::read(path).map_err(failed)
}

fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|error| unwritable("write", path, &error))
}

fn make_dir(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| unwritable("make", path, &error))
}

fn unwritable(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot {doing} {}: {error}", path.display()))
        .hint("name a directory that this user may write")
}

//! What the library refuses, in the words of the command line: exit code, message, hint.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use custody_evidence::trust::TrustError;

use super::{Exit, Failure};
use crate::clock::ClockError;
use crate::config::ConfigError;
use crate::genesis::GenesisError;
use crate::index::IndexError;
use crate::journal::{
    self, CreateError, DirectoryError, FsckError, OpenError, ReadError, Refused, ViewError,
};
use crate::keys::KeyFileError;
use crate::ledger::LedgerError;
use crate::newest::NewestError;
use crate::publish::{PublishError, TreeError};
use crate::service::ServiceError;
use crate::transport::TlsFileError;

const SET_CLOCK: &str = "set this machine's clock right, then try again";
const KEYS_OF_THIS_LOG: &str = "name the key files that were made with this log: --log-key, --freshness-key";
const CHECK_DISK: &str = "check the disk, and that this user may read and write what is named";

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        // The error of a file's content says its cause, which ends in a line feed, already.
        let failure = match &error {
            ConfigError::Content { .. } => Self::usage(error.to_string()),
            _ => Self::new(Exit::Usage, &error),
        };
        match error {
            ConfigError::File { .. } => {
                failure.code("config_file").hint("check the path given with --config or CUSTODYD_CONFIG")
            }
            ConfigError::Content { .. } => failure
                .code("config_file")
                .hint("correct the file: its settings have the names of the flags of custodyd run"),
            ConfigError::Variable { name, .. } => {
                failure.code("bad_variable").hint(format!("correct {name}, or unset it"))
            }
            ConfigError::NoData => failure
                .code("missing_flag")
                .hint("give --data DIR, CUSTODYD_DATA, or data in the config file"),
            ConfigError::Without { missing, .. } => {
                failure.code("missing_flag").hint(format!("give --{missing} too, or neither"))
            }
            ConfigError::Plaintext { .. } => failure.code("plaintext").hint(
                "give --tls-cert and --tls-key, or --listen 127.0.0.1:4600; where a proxy ends TLS on a network that \
                 nobody else reaches, say so with --allow-plaintext",
            ),
        }
    }
}

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        let failure = Self::new(Exit::Usage, &error).code("bad_key");
        match error {
            KeyFileError::File { source, .. } if source.kind() == io::ErrorKind::NotFound => failure.hint(
                "name the key files with --log-key and --freshness-key, or restore them from their copy: no new key is \
                 made for an old log",
            ),
            KeyFileError::File { .. } => failure.hint(CHECK_DISK),
            KeyFileError::InsideData { .. } => failure
                .hint("move it out of the data directory, and name it with --log-key or --freshness-key"),
            KeyFileError::Open { path, .. } => failure.hint(format!("run chmod 600 {}", path.display())),
            KeyFileError::Content { .. } => failure.hint(KEYS_OF_THIS_LOG),
            KeyFileError::Random => Self::new(Exit::Unknown, &error).code("no_randomness").hint("try again"),
        }
    }
}

impl From<TlsFileError> for Failure {
    fn from(error: TlsFileError) -> Self {
        let failure = match error {
            // What the system, TLS or a parser said is in the message already.
            TlsFileError::Clock(error) => return error.into(),
            _ => Self::usage(error.to_string()).code("bad_tls_file"),
        };
        match error {
            TlsFileError::Read { .. } => failure.hint(
                "name files that this user may read with --tls-cert, --tls-key, --client-ca and --readers",
            ),
            TlsFileError::Expired { .. } => {
                failure.hint("renew it: clients refuse a certificate that has ended")
            }
            TlsFileError::Key { .. } => {
                failure.hint("name the certificate and its own key: --tls-cert, --tls-key")
            }
            TlsFileError::Authority { .. } => failure
                .hint("name the certificates of the authorities that issue client certificates: --client-ca"),
            TlsFileError::Readers { .. } => failure.hint(
                "write one identity a line, as docs/tls.md shows; without --readers everybody may read",
            ),
            _ => failure.hint(
                "write the file anew, in PEM: -----BEGIN CERTIFICATE-----, or -----BEGIN PRIVATE KEY-----",
            ),
        }
    }
}

impl From<ClockError> for Failure {
    fn from(error: ClockError) -> Self {
        Self::new(Exit::Usage, &error).code("clock").hint(SET_CLOCK)
    }
}

impl From<GenesisError> for Failure {
    fn from(error: GenesisError) -> Self {
        let failure = Self::new(Exit::Usage, &error).code("bad_trust_document");
        match error {
            GenesisError::Trust(TrustError::Root { .. }) => {
                failure.hint("custody trust sign adds the signature of one more administrator")
            }
            GenesisError::Trust(_) | GenesisError::Refused(_) => failure.hint(
                "make the document anew with custodyd init --origin NAME --admin FILE, and let the administrators sign \
                 that one",
            ),
            GenesisError::Envelope(_) => failure.hint("give the file that custody trust sign wrote"),
            GenesisError::WrongKey(_) => failure
                .code("bad_key")
                .hint("name the key files that were made with the document: --log-key, --freshness-key"),
            GenesisError::Clock(error) => error.into(),
            GenesisError::Create(error) => error.into(),
            GenesisError::Random => Self::new(Exit::Unknown, &error).code("no_randomness").hint("try again"),
        }
    }
}

/// A first trust document that the flags of `custodyd init` do not give.
impl From<TrustError> for Failure {
    fn from(error: TrustError) -> Self {
        Self::new(Exit::Usage, &error)
            .code("bad_trust_document")
            .hint("correct --origin, --admin, --writer or --threshold")
    }
}

impl From<CreateError> for Failure {
    fn from(error: CreateError) -> Self {
        let failure = Self::new(Exit::Usage, &error);
        match error {
            CreateError::Exists { .. } => {
                failure.code("exists").hint("serve it with custodyd run, or name another directory")
            }
            CreateError::Foreign { .. } => {
                failure.code("exists").hint("name an empty directory, or one that does not exist yet")
            }
            CreateError::Refused(Refused::DiskFull { .. }) => {
                failure.code("disk_full").hint("make room on the disk, or name a directory on another one")
            }
            CreateError::Refused(_) => failure.code("bug").hint("this is a bug: report it with the command"),
            CreateError::Directory(DirectoryError::ReadOnly { .. }) => {
                failure.code("unwritable").hint("name a directory that this user may write")
            }
            CreateError::Directory(DirectoryError::Locked { .. }) => {
                failure.code("in_use").hint("name another directory: this one becomes a log already")
            }
            CreateError::Directory(DirectoryError::Disk(_)) => failure.code("disk").hint(CHECK_DISK),
        }
    }
}

impl From<FsckError> for Failure {
    fn from(error: FsckError) -> Self {
        let failure = Self::new(Exit::Usage, &error);
        match error {
            FsckError::Missing { .. } | FsckError::NoJournal { .. } => failure
                .code("no_log")
                .hint("name the data directory of a log with --data, or mount its volume"),
            FsckError::Manifest(_) => {
                Self::new(Exit::No, &error).code("damaged").hint("use another backup, or make a new one")
            }
            FsckError::Disk(_) => failure.code("disk").hint(CHECK_DISK),
        }
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let failure = Self::new(Exit::Unknown, &error);
        match error {
            ServiceError::Transport(_) => failure.code("network").hint("start it again; what was acknowledged is on disk"),
            ServiceError::LeftBehind { .. } => failure.code("index").hint(
                "start it again; what was acknowledged is on disk, and the index is made again from it where it has to be",
            ),
            ServiceError::Sequencer { .. } => failure.code("bug").hint(
                "this is a bug: report it with the lines above; what was acknowledged is on disk, start it again",
            ),
        }
    }
}

/// A log that cannot be served from this directory.
pub(super) fn open(error: &LedgerError, dir: &Path) -> Failure {
    let data = dir.display();
    let damaged = damaged(dir);
    match error {
        LedgerError::Journal(error) => journal(error, dir),
        LedgerError::View(error) => view(error, dir),
        LedgerError::Newest(error) => newest(error, damaged),
        LedgerError::Read(ReadError::Io { .. }) | LedgerError::Keep(_) | LedgerError::Erase(_) => {
            Failure::new(Exit::Usage, error).code("disk").hint(CHECK_DISK)
        }
        LedgerError::Read(_)
        | LedgerError::Entry { .. }
        | LedgerError::Envelope { .. }
        | LedgerError::Trust(_)
        | LedgerError::Checkpoint(_) => Failure::new(Exit::No, error).code("damaged").hint(damaged),
        LedgerError::Tree(error) | LedgerError::Publish(PublishError::Tree(error)) => tree(error, damaged),
        LedgerError::WrongKey(_) => Failure::new(Exit::Usage, error).code("bad_key").hint(KEYS_OF_THIS_LOG),
        LedgerError::Publish(PublishError::Shrunk { .. } | PublishError::Fork { .. }) => {
            Failure::new(Exit::No, error)
                .code("fork")
                .hint("do not serve this directory: it may be an old copy; ask who ran the newest one")
        }
        LedgerError::Publish(PublishError::Note(_) | PublishError::NotHeld { .. }) => {
            Failure::new(Exit::Usage, error).code("bad_key").hint(KEYS_OF_THIS_LOG)
        }
        LedgerError::IndexAhead { .. } => {
            Failure::new(Exit::No, error).code("disk").hint("check the disk, then start custodyd again")
        }
        LedgerError::Index(error) => index(error, &format!("{data}/index"), damaged),
        LedgerError::Clock(_) => Failure::new(Exit::Usage, error).code("clock").hint(SET_CLOCK),
        LedgerError::Empty => Failure::new(Exit::Usage, error)
            .code("no_log")
            .hint(format!("remove {data}, which holds no entry yet, and run custodyd init again")),
    }
}

/// Where all damage is named, and what repairs it.
fn damaged(data: &Path) -> String {
    let data = data.display();
    format!(
        "see what is damaged: custodyd fsck --data {data}; repair it: custodyd fsck --data {data} --repair --from BACKUP"
    )
}

/// A log that cannot be read.
pub(super) fn view(error: &ViewError, dir: &Path) -> Failure {
    match error {
        ViewError::Open(error) => journal(error, dir),
        ViewError::NoCheckpoint { .. } => Failure::new(Exit::Usage, error)
            .code("no_checkpoint")
            .hint("custodyd run signs and keeps the first checkpoint"),
        ViewError::Manifest(_) => {
            Failure::new(Exit::No, error).code("damaged").hint("use another backup, or make a new one")
        }
    }
}

impl From<NewestError> for Failure {
    fn from(error: NewestError) -> Self {
        newest(&error, CHECK_DISK.to_owned())
    }
}

fn newest(error: &NewestError, damaged: String) -> Failure {
    match error {
        NewestError::Fork { .. } => Failure::new(Exit::No, error)
            .code("fork")
            .hint("keep the checkpoint and this directory: together they prove it; do not serve it"),
        NewestError::Older { .. } => Failure::new(Exit::No, error).code("older_copy").hint(
            "do not record in it: restore a backup to another directory, and bring the newer entries with custodyd restore \
             --segments",
        ),
        NewestError::NothingNew { .. } => Failure::new(Exit::No, error).code("bad_checkpoint").hint(
            "give one from after the backup, which a client or a receipt holds; if nobody has one, make a successor: \
             custodyd init --predecessor FILE",
        ),
        NewestError::NotOurs { .. } => {
            Failure::new(Exit::No, error).code("bad_checkpoint").hint("give a checkpoint that this log's key signed")
        }
        NewestError::Read(_) => Failure::new(Exit::No, error).code("damaged").hint(damaged),
        NewestError::NoCheckpoint { .. } => Failure::new(Exit::Usage, error)
            .code("bad_checkpoint")
            .hint("a receipt is what custody record --receipt wrote; a client keeps its checkpoint in its state directory"),
        NewestError::File { .. } | NewestError::Disk(_) => Failure::new(Exit::Usage, error).code("disk").hint(CHECK_DISK),
    }
}

/// A journal that does not open.
pub(super) fn journal(error: &OpenError, dir: &Path) -> Failure {
    let damaged = damaged(dir);
    let usage = Failure::new(Exit::Usage, error);
    match error {
        OpenError::Damaged { .. } | OpenError::MissingSegment { .. } | OpenError::OtherLog { .. } => {
            Failure::new(Exit::No, error).code("damaged").hint(damaged)
        }
        OpenError::Missing { .. } | OpenError::Empty { .. } => usage
            .code("no_log")
            .hint("name the data directory of a log with --data, or mount its volume; only custodyd init makes a new log"),
        OpenError::Foreign { .. } if journal::holds_backup(dir) => {
            let backup = dir.display();
            usage.code("no_log").hint(format!("this is a backup; restore it: custodyd restore --from {backup} --data DIR"))
        }
        OpenError::Restored { .. } => usage.code("read_only").hint(
            "custodyd run serves it read-only; it is written again when the newest checkpoint known is reached: custodyd run \
             --checkpoint FILE",
        ),
        OpenError::Foreign { .. } => usage.code("no_log").hint("name the data directory of a log with --data"),
        OpenError::NewerVersion { .. } => {
            usage.code("newer_version").hint("install the custodyd that wrote it, or a newer one; nothing was changed")
        }
        OpenError::Directory(DirectoryError::Locked { .. }) => {
            usage.code("in_use").hint("a log has one server: stop the other one, or name another directory with --data")
        }
        OpenError::Directory(DirectoryError::ReadOnly { .. }) => usage
            .code("unwritable")
            .hint("a server writes: make the directory writable for it, or look into it with custodyd fsck"),
        OpenError::Directory(DirectoryError::Disk(_)) => usage.code("disk").hint(CHECK_DISK),
    }
}

fn tree(error: &TreeError, damaged: String) -> Failure {
    match error {
        TreeError::Journal(ReadError::Io { .. }) => {
            Failure::new(Exit::Usage, error).code("disk").hint(CHECK_DISK)
        }
        TreeError::Tile { .. } => Failure::new(Exit::Usage, error)
            .code("disk")
            .hint(format!("{CHECK_DISK}; tiles are made again from the journal when they are removed")),
        TreeError::Journal(_) | TreeError::Root { .. } | TreeError::Receipt(_) | TreeError::Proof(_) => {
            Failure::new(Exit::No, error).code("damaged").hint(damaged)
        }
    }
}

fn index(error: &IndexError, dir: &str, damaged: String) -> Failure {
    let failure = Failure::new(Exit::Usage, error).code("index");
    match error {
        IndexError::InUse { .. } => failure.code("in_use").hint("a log has one server: stop the other one"),
        IndexError::File { .. } | IndexError::Unopened { .. } => failure.code("disk").hint(CHECK_DISK),
        IndexError::Database(_)
        | IndexError::Panicked { .. }
        | IndexError::Stuck { .. }
        | IndexError::Gap { .. } => failure
            .hint(format!("remove {dir}, or run custodyd rebuild-index: it is made anew from the journal")),
        IndexError::Healing
        | IndexError::Shut { .. }
        | IndexError::Unclosed { .. }
        | IndexError::Unexpected => failure.hint("try again in a moment"),
        IndexError::Source(_) | IndexError::Entry { .. } | IndexError::Empty | IndexError::Beyond { .. } => {
            failure.code("damaged").hint(damaged)
        }
    }
}

/// An address that cannot be listened on.
pub(super) fn bind(address: SocketAddr, error: &io::Error) -> Failure {
    let failure = Failure::usage(format!("cannot listen on {address}: {error}")).code("bad_address");
    if error.kind() == io::ErrorKind::AddrInUse {
        return failure
            .code("in_use")
            .hint("another process listens there; stop it, or name another address with --listen");
    }
    failure.hint("name an address of this machine with --listen")
}

#[cfg(test)]
mod tests;

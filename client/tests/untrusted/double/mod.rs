//! A log in memory that can be told to lie. Its keys, tree, proofs and admission are the real ones; the lies are
//! those that a real server cannot be made to tell.

pub(crate) mod log;
pub(crate) mod service;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use custody_client::{Ledger, LedgerError, Options, Patience, Pin};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;

pub(crate) use log::Log;

/// What the server lies about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lie {
    /// One bit of every inclusion proof is wrong.
    WrongProof,
    /// An entry's admission record is that of another entry.
    SwappedRecord,
    /// An entry's envelope is that of another entry.
    SwappedEnvelope,
    /// Asked for one entry, another one comes, with a valid proof.
    SwappedEntry,
    /// Administrative entries after the first are left out.
    WithheldAdmin,
    /// A trace holds an edge that no statement asserts.
    ForgedEdge,
    /// Asked for one artifact, the trace is that of all others. All of it is true.
    UnrelatedEdges,
    /// Whatever is asked for is an environment of that name.
    OtherKind,
    /// A trace of a SHA-512 says that its other digests are contradicted; one of a SHA-256 does not.
    ConflictOfOne,
    /// A trace holds no stop, and says that it is cut off.
    CutTrace,
    /// A find holds an entry that does not meet the condition.
    NotAsked,
    /// A finding names entries that do not show it.
    ForgedFinding,
    /// A finding is of an entry before those that were asked about.
    FindingBefore,
    /// A finding names no entry.
    FindingOfNothing,
    /// A find gives entry 1 and nothing else, whatever is asked for.
    OnlyFirst,
    /// Entries are sent again and again, without an end.
    Endless,
    /// Every list of an answer has 100,000 elements without content, which cost two bytes each on the wire.
    Padded,
    /// The next page of a find is the same one.
    StandsStill,
    /// The next page of a find begins with the last entry of the one before.
    StepsBack,
    /// Every page of a find is empty, and has a next one that begins one entry below.
    EmptyPages,
    /// Every page of a find comes a quarter of a second late.
    SlowPages,
    /// A find has no answer.
    NoPages,
    /// The receipt of a record is for another entry.
    OtherReceipt,
    /// What has the content of an entry is said to be a duplicate, also when it brings another signature.
    FalseDuplicate,
    /// What is recorded gets an admission record with a submitter whom nobody proved.
    InventedSubmitter,
    /// Requests with a `min_size` beyond the tree are answered all the same.
    IgnoresMinSize,
    /// Checkpoints are signed by a key that is not the log's.
    ForeignKey,
    /// Asked for its newest checkpoint, the server shows the one of tree size 3, as fresh as any.
    OldCheckpoint,
    /// The answer is as of a root that the log never had.
    ForeignRoot,
    /// Asked as of a time, the answer is as of the newest tree.
    TooYoungTree,
    /// Asked as of a time, the answer leaves out the last entry.
    TooOldTree,
    /// The answer covers less than it says.
    NotCovered,
    /// A range of entries ends before entry 3.
    CutRange,
    /// In a range, the `admin` line of entry 2 is another one than in the tree.
    AlteredEntry,
    /// In a range, the envelope of entry 2 is said to be erased.
    Erased,
    /// In a trace, entry 1 is said to be erased.
    Redacted,
    /// Pages of an answer leave out a part between them.
    PagesApart,
    /// Behind the first page of an answer all are empty, and there is always another.
    EndlessPages,
    /// Behind the first page of an answer each is ahead when it is asked for, however often.
    NeverReached,
    /// The pages of an answer are said to be ahead, and hold parts.
    AheadWithParts,
    /// The only page of an answer is said to be ahead.
    AheadOfNothing,
    /// No lie: a page of an answer behind the first is ahead when it is asked for, then empty, and there when it is asked for once more.
    LatePages,
    /// The pages of an answer are of different answers.
    OtherPages,
    /// In a range, the envelope of entry 2 is a byte short.
    ShortPieces,
    /// A bit of the second hash of every tile is wrong.
    WrongTile,
    /// There is no tile.
    NoTile,
    /// Answers of a bulk stream have tags that nobody sent.
    WrongTag,
    /// All but one envelope of a bulk stream get no answer.
    SilentAnswers,
    /// Asked for one environment, the records of `staging` come, or entry 1.
    OtherEnvironment,
    /// Each part of a record is said to be about an artifact that no record names.
    ForgedPart,
    /// An impact says of every entry that whoever was asked about signed it.
    NotSigned,
    /// An entry is named that is younger than the tree asked about.
    BeyondTree,
    /// Asked for an attachment, other bytes come.
    OtherAttachment,
    /// Every attachment is said to be erased.
    ErasedToken,
    /// Every token is said to hold for years.
    LateToken,
}

/// A server on a port of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) log: Arc<Mutex<Log>>,
    pub(crate) lies: Arc<Mutex<Vec<Lie>>>,
    /// How often each page of an impact was asked for, once they come late.
    pub(crate) late: Arc<Mutex<BTreeMap<u64, usize>>>,
}

impl Server {
    /// Starts to serve a log.
    pub(crate) async fn start(log: Log) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(log));
        let lies = Arc::new(Mutex::new(Vec::new()));
        let late = Arc::new(Mutex::new(BTreeMap::new()));
        let service =
            service::Service { log: Arc::clone(&log), lies: Arc::clone(&lies), late: Arc::clone(&late) };
        let router = tonic::transport::Server::builder()
            .add_service(custody_wire::v1::reader_server::ReaderServer::new(service.clone()))
            .add_service(custody_wire::v1::query_server::QueryServer::new(service.clone()))
            .add_service(custody_wire::v1::recorder_server::RecorderServer::new(service));
        tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))));
        Self { address, log, lies, late }
    }

    /// Makes the server tell this lie from now on.
    pub(crate) fn lie(&self, lie: Lie) {
        self.lies.lock().unwrap().push(lie);
    }

    /// Makes the server tell the truth from now on.
    pub(crate) fn honest(&self) {
        self.lies.lock().unwrap().clear();
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn pin(&self) -> Pin {
        self.log.lock().unwrap().pin()
    }

    /// Opens the log with the memory in `dir`.
    pub(crate) async fn open(&self, dir: &Path) -> Result<Ledger, LedgerError> {
        Ledger::open(self.options(dir)).await
    }

    pub(crate) fn options(&self, dir: &Path) -> Options {
        Options {
            tls: custody_client::tls::TlsSettings::default(),
            server: self.url(),
            patience: Patience {
                timeout: std::time::Duration::from_secs(1),
                retry_for: std::time::Duration::from_millis(200),
            },
            pin: self.pin(),
            state_dir: dir.to_owned(),
            trust: None,
            on_retry: None,
        }
    }

    /// Runs the real command line against this server, with nothing of the user's environment.
    pub(crate) async fn custody(&self, dir: &Path, args: &[&str]) -> Run {
        let pin = self.pin().to_string();
        let (url, dir) = (self.url(), dir.to_owned());
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        tokio::task::spawn_blocking(move || {
            let mut command = bare(&dir);
            command.env("CUSTODY_SERVER", url).env("CUSTODY_TRUST", pin).env("CUSTODY_TIMEOUT", "1s");
            Run::of(command.args(args).output().unwrap())
        })
        .await
        .unwrap()
    }
}

/// The command line without any setting.
pub(crate) fn bare(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_custody"));
    command.env_clear().env("HOME", dir).env("CUSTODY_STATE_DIR", dir.join("state")).current_dir(dir);
    command
}

/// What a run of the command line gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

//! One log on one server, every answer checked.

mod answer;
mod attachment;
mod bulk;
mod condition;
mod duplicate;
mod entries;
mod find;
mod findings;
pub(crate) mod gate;
mod impact;
mod live;
mod query;
mod record;
mod send;
mod standing;
mod sync;
mod watch;

use std::collections::BTreeSet;
use std::path::PathBuf;

use custody_log::checkpoint::{CheckpointError, SignedCheckpoint, VerifiedCheckpoint};
use custody_log::{BlobDigest, LeafIndex, Timestamp, TreeSize};
use custody_wire::convert::FieldError;

use crate::check::{CheckError, Known};
use crate::connection::{AddressError, CallError, Connection, OnRetry, Patience};
use crate::memory::{Memory, MemoryError};
use crate::pin::Pin;
use crate::tls::TlsSettings;
use crate::trust::{ReplayError, Trust, TrustFileError};

pub use attachment::Kept;
pub use bulk::Outcome;
pub use condition::Condition;
pub use find::{Found, Moment, Query, check_any};
pub use findings::{CheckedFinding, ClaimedFinding, FindingsPage, FindingsQuery};
pub use gate::{Circumstances, Gathered, seen};
pub use impact::{ImpactOf, Impacted};
pub use live::{About, Environment, Environments, KnownEnvironment};
pub use query::{AsOf, At, Labelled, Resolved, Traced, TracedEdge};
pub use record::{Progress, RecordError, Recorded};
pub use sync::{PinOfError, pin_of};
pub use watch::Watched;

/// How to reach a log, and what is known of it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server's address.
    pub server: String,
    /// How a server behind `https://` is checked, and who we are to it.
    pub tls: TlsSettings,
    /// How long calls may take.
    pub patience: Patience,
    /// The log.
    pub pin: Pin,
    /// Where the memory of all logs is.
    pub state_dir: PathBuf,
    /// Trust that was read from a file the caller named; it is used when it is newer than the memory's.
    pub trust: Option<Trust>,
    /// Told of each pause before a call is tried again.
    pub on_retry: Option<OnRetry>,
}

impl Options {
    fn connection(&self) -> Result<Connection, AddressError> {
        let connection = Connection::new(&self.server, self.patience, &self.tls)?;
        Ok(connection.telling(self.on_retry.clone()))
    }
}

/// The size and the root, in hex, that tell a tree from every other.
type Tree = (TreeSize, String);

/// One log on one server.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    memory: Memory,
    trust: Trust,
    newest: VerifiedCheckpoint,
    /// The trees that are known to be part of the newest one.
    compared: BTreeSet<Tree>,
    /// What was verified of entries that others rest on; a few.
    builds: Known,
    warnings: Vec<String>,
}

/// Why a question has no checked answer.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The call has no answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The server is behind the largest checkpoint seen; nothing says that it will stay there.
    #[error("the server is behind: expected tree size {expected} at least, found {found}")]
    Behind {
        /// The size of the largest checkpoint seen.
        expected: TreeSize,
        /// The size that the server has.
        found: TreeSize,
    },
    /// The question is as of a tree that the log does not have.
    #[error("there is no tree of size {asked}: the log has {newest} entries")]
    NoSuchTree {
        /// The size asked about.
        asked: TreeSize,
        /// The size of the newest tree.
        newest: TreeSize,
    },
    /// The log shows a smaller tree than it signed before, and says that it is today's.
    #[error(
        "the log was rolled back: it signed tree size {expected} before, and now shows {found} as the newest"
    )]
    Rollback {
        /// The size of the largest checkpoint seen.
        expected: TreeSize,
        /// The size that the log shows now.
        found: TreeSize,
        /// The two checkpoints, as files.
        evidence: Vec<PathBuf>,
    },
    /// The log signed two trees that contradict each other.
    #[error("the log was forked: its trees of size {old} and {new} contradict each other")]
    Fork {
        /// The size of the smaller tree.
        old: TreeSize,
        /// The size of the larger one.
        new: TreeSize,
        /// The two checkpoints, as files.
        evidence: Vec<PathBuf>,
    },
    /// A checkpoint is not signed by the log.
    #[error("the server sent a checkpoint that is not to be believed: {0}")]
    Checkpoint(#[source] CheckpointError),
    /// The administrative entries do not lead from the pin to the newest entry.
    #[error("the log's administrative entries are not to be believed: {0}")]
    Replay(#[from] ReplayError),
    /// An answer does not have the form that the protocol gives it.
    #[error("the server broke the protocol: {0}")]
    Protocol(#[from] ProtocolError),
    /// An entry is not what it should be.
    #[error("the server sent an entry that is not to be believed: {0}")]
    Check(#[from] CheckError),
    /// An edge that no statement asserts.
    #[error("the server claims `{from} {kind} {to}` from entry {entry}, whose statement does not say so")]
    ForgedEdge {
        /// The edge's start.
        from: String,
        /// The edge's kind.
        kind: String,
        /// The edge's end.
        to: String,
        /// The entry it is said to come from.
        entry: LeafIndex,
    },
    /// An entry that the server says was erased, and that is whole.
    #[error("the server claims that entry {entry} was redacted, and it was not")]
    NotRedacted {
        /// The entry.
        entry: LeafIndex,
    },
    /// A finding that the entries said to show it do not show.
    #[error(
        "the server claims the finding {kind} about {thing} in entry {entry}, and its entries do not show it"
    )]
    NotShown {
        /// The kind of the finding.
        kind: String,
        /// What it is said to be about.
        thing: String,
        /// The entry that it is said to be found in.
        entry: LeafIndex,
    },
    /// An answer about another node.
    #[error("asked for {asked}, and the server answered with {found}")]
    OtherNode {
        /// The node asked about.
        asked: String,
        /// The node of the answer.
        found: String,
    },
    /// An edge of another node's chain.
    #[error(
        "asked for {asked}, and the server answered with `{edge}` of entry {entry}, which has nothing to do with it"
    )]
    UnrelatedEdge {
        /// The node asked about.
        asked: String,
        /// The edge.
        edge: String,
        /// The entry it is said to come from.
        entry: LeafIndex,
    },
    /// An entry that does not meet the conditions of the question.
    #[error("the server answered with entry {entry}, which does not meet `{condition}`")]
    NotAsked {
        /// The entry.
        entry: LeafIndex,
        /// The condition, as `field value`.
        condition: String,
    },
    /// A search that was given up before its end.
    #[error(
        "the search was given up, as the server always has another page: the entries below {below} were not searched"
    )]
    Unsearched {
        /// Entries from this index on were searched.
        below: u64,
    },
    /// Entries that take too much memory together.
    #[error("{of} entries take more than 256 MiB of memory, {checked} of them had room")]
    TooMuch {
        /// How many were checked.
        checked: usize,
        /// How many were asked for.
        of: usize,
    },
    /// The memory cannot be used.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The remembered trust file cannot be used.
    #[error("the trust file {}: {source}", .path.display())]
    TrustFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<TrustFileError>,
    },
    /// The remembered checkpoint cannot be used.
    #[error("the remembered checkpoint {}: {source}", .path.display())]
    Remembered {
        /// The file.
        path: PathBuf,
        /// Why.
        source: CheckpointError,
    },
}

/// How an answer breaks the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A field holds what it must not.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A stream ends too early.
    #[error("the answer ends before {expected}")]
    Ended {
        /// What should have come.
        expected: &'static str,
    },
    /// A stream goes on too long, or holds parts in another order.
    #[error("the answer holds {found} where it must not")]
    Unexpected {
        /// What came.
        found: &'static str,
    },
    /// Another entry than the one asked for.
    #[error("asked for entry {expected}, found {found}")]
    WrongEntry {
        /// The entry asked for.
        expected: LeafIndex,
        /// The entry that came.
        found: LeafIndex,
    },
    /// An entry's bytes or proof are malformed, or prove nothing.
    #[error("entry {index}: {source}")]
    Receipt {
        /// The entry.
        index: LeafIndex,
        /// Why.
        source: custody_log::receipt::ReceiptError,
    },
    /// A receipt's bytes are malformed, or prove nothing.
    #[error("the receipt: {0}")]
    BadReceipt(custody_log::receipt::ReceiptError),
    /// A proof of consistency has a form that no such proof has.
    #[error("consistency proof: {0}")]
    Consistency(custody_log::tree::ProofError),
    /// An answer as of a tree that the log did not sign.
    #[error("the answer is as of tree size {size}, which is not part of the checkpoint of size {checkpoint}")]
    AsOf {
        /// The answer's tree.
        size: TreeSize,
        /// The checkpoint's.
        checkpoint: TreeSize,
    },
    /// An answer as of another time than asked about.
    #[error("asked as of {asked}, the answer is as of tree size {size}, but entry {index} is of {found}")]
    WrongTime {
        /// The time asked about.
        asked: Timestamp,
        /// The answer's tree.
        size: TreeSize,
        /// The entry that should, or should not, be in it.
        index: LeafIndex,
        /// Its time.
        found: Timestamp,
    },
    /// The answer covers less than the tree it is about.
    #[error("the answer covers {found} entries only, of {expected}")]
    NotCovered {
        /// The answer's tree.
        expected: TreeSize,
        /// What was searched.
        found: TreeSize,
    },
    /// A range of entries ends before its end, again and again.
    #[error("the server signed a tree of size {size}, and its entries end before entry {next}")]
    Truncated {
        /// The first entry that does not come.
        next: LeafIndex,
        /// The tree that should hold it.
        size: TreeSize,
    },
    /// Other bytes than those that the admission record names.
    #[error("an attachment of entry {index}: expected {expected}, found {found}")]
    Attachment {
        /// The entry.
        index: LeafIndex,
        /// What its admission record names.
        expected: BlobDigest,
        /// The digest of the bytes found.
        found: BlobDigest,
    },
    /// The envelope is longer than its entry says.
    #[error("the envelope of entry {index} is {expected} bytes, the server sent more")]
    EnvelopeLength {
        /// The entry.
        index: LeafIndex,
        /// What the entry says.
        expected: u64,
    },
}

impl Ledger {
    /// Returns what is believed of the log.
    #[must_use]
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Returns the newest checkpoint of the log that was seen and checked.
    #[must_use]
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.newest
    }

    /// Returns the server's address.
    #[must_use]
    pub fn server(&self) -> &str {
        self.connection.server()
    }

    /// Takes what the user should be told besides the answer.
    #[must_use]
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Returns the way to the server.
    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns what is remembered of the log.
    pub(crate) const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Returns the log that every request names; the server must be as far as the newest checkpoint.
    pub(crate) fn log(&self) -> custody_wire::v1::Log {
        log(self.trust.pin(), self.newest.checkpoint().size())
    }
}

fn log(pin: &Pin, min_size: TreeSize) -> custody_wire::v1::Log {
    custody_wire::v1::Log { origin: pin.origin.to_string(), min_size: min_size.get() }
}

fn parse_checkpoint(bytes: &[u8]) -> Result<SignedCheckpoint, LedgerError> {
    SignedCheckpoint::parse(bytes).map_err(LedgerError::Checkpoint)
}

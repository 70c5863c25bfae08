//! The audit: every entry of the log replayed and checked here, from the first to the newest.
//!
//! ```text
//! server -> stream    batches in order, at most 128 MiB in memory
//!        -> examine   on all cores: digests, signatures, admission under the trust that held then
//!        -> chain     in order: previous, index, time, administrative entries
//!        -> tree      tiles compared with those of the server, roots with every checkpoint seen
//!        -> contents  nothing said twice without need
//!        -> builds    what is said of own builds is said of own builds
//! ```
//!
//! Nothing the server concluded is used. What is wrong is a [`Finding`]; the audit goes on behind it. Every
//! [`SAVE_EVERY`] entries the state is saved, so that an audit that was stopped, or the next one, goes on from there.

mod builds;
mod chain;
mod contents;
mod examine;
mod finding;
mod run;
mod seen;
mod state;
mod stream;
mod tree;

use std::path::PathBuf;

use custody_log::checkpoint::{CheckpointError, SignedCheckpoint, VerifiedCheckpoint};
use custody_log::{RootHash, TreeSize};
use tokio::sync::watch;

use crate::ledger::LedgerError;
use crate::memory::MemoryError;

pub use finding::{Finding, FindingKind};
pub use seen::{Compared, Given, Outcome};

/// How many entries are replayed between two saves of the state: 16,384, some seconds of work.
pub const SAVE_EVERY: u64 = 16_384;

/// How many findings are listed; the rest is counted.
pub const FINDINGS_MAX: usize = 100;

/// What an audit is asked for.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Checkpoints that the user has, beside those remembered.
    pub checkpoints: &'a [Given],
    /// Forget what earlier audits found, and start at entry 0.
    pub from_scratch: bool,
    /// True when the audit should save its state and end.
    pub stop: &'a watch::Receiver<bool>,
    /// Is told where the audit starts, how far it is, and the tree's size.
    pub progress: &'a (dyn Fn(TreeSize, TreeSize, TreeSize) + Sync),
}

/// What came out.
#[derive(Debug, Clone)]
pub struct Report {
    /// Where this audit started: 0, or the end of the one before.
    pub from: TreeSize,
    /// How far it got.
    pub to: TreeSize,
    /// The root of the entries replayed up to there.
    pub root: RootHash,
    /// The signed tree that was to be reached.
    pub target: VerifiedCheckpoint,
    /// How many entries up to `to` are administrative.
    pub administrative: u64,
    /// How many entries up to `to` are erased, so that what they held cannot be checked.
    pub erased: u64,
    /// How many entries could not be compared with earlier ones of the same content.
    pub undecided: u64,
    /// How many entries could not be compared with what earlier ones say of the builds that they are about.
    pub builds_undecided: u64,
    /// How many tiles of the server were compared in this audit.
    pub tiles: u64,
    /// Every checkpoint that was compared in this audit.
    pub compared: Vec<Compared>,
    /// What is wrong up to `to`, found now or by the audits before that this one goes on from.
    pub findings: Vec<Finding>,
    /// How many findings are not listed.
    pub more: u64,
}

impl Report {
    /// Whether the whole signed tree was replayed.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.to == self.target.checkpoint().size()
    }
}

/// Why an audit could not be done.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log gave no answer, or none to believe.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The state cannot be read or written.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The saved state is not one.
    #[error("the saved audit {} cannot be used: {why}", .path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Another audit of this log runs with the same state.
    #[error("another audit of this log is running: it holds {}", .path.display())]
    Running {
        /// The lock.
        path: PathBuf,
    },
    /// A checkpoint that the user gave is not of this log.
    #[error("{name} is not a checkpoint of the pinned log: {source}")]
    NotOfLog {
        /// What the user calls it.
        name: String,
        /// Why.
        source: CheckpointError,
    },
    /// A thread that checked entries ended badly.
    #[error("entries could not be checked: a thread ended badly")]
    Thread,
}

/// Reads a checkpoint, or the checkpoint in a receipt.
pub fn checkpoint_in(bytes: &[u8]) -> Result<SignedCheckpoint, CheckpointError> {
    match custody_log::receipt::Receipt::decode(bytes) {
        Ok(receipt) => Ok(receipt.signed_checkpoint().clone()),
        Err(_) => SignedCheckpoint::parse(bytes),
    }
}

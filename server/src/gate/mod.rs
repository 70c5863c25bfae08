//! Verdicts for callers that trust the server: the policy, the evidence and the code that a client would judge by.
//!
//! What is gathered was verified when it was admitted. Nothing here is signed: who does not trust the server asks for the evidence and
//! judges it ([`custody_gate`]), and gets the same bytes.

mod gather;
mod policy;

use std::time::Instant;

use custody_evidence::Digest;
use custody_evidence::trust::TrustState;
use custody_gate::{
    Completeness, Evidence as Gathered, Freshness, Given, Level, LoadError, Position, Question, TrustView,
    Verdict, judge,
};
use custody_log::{LeafIndex, RootHash, Timestamp, TreeSize, VerifiedCosignature};

use crate::index::IndexError;
use crate::ledger::{Head, LedgerError, replay_trust};
use crate::query::{self, Evidence, QueryError};

pub use policy::Policies;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// A policy of the log: NAME, or NAME@sha256:DIGEST.
    pub policy: String,
    /// What is judged.
    pub subject: Digest,
    /// Where it is to go.
    pub environment: Option<String>,
    /// Values of the policy's parameters.
    pub given: Given,
    /// The time that ages are counted to; none: now, or as of a tree of the past that of its last entry.
    pub effective: Option<Timestamp>,
    /// Whether a tree of the past is asked about.
    pub of_past: bool,
    /// The server's clock.
    pub now: Timestamp,
}

/// Where evidence is looked up and read.
pub struct Log<'a, E: ?Sized> {
    /// Finds entries, and stops when the asker leaves.
    pub evidence: &'a E,
    /// Reads entries.
    pub entries: &'a query::Ledger,
    /// The state of the log.
    pub head: &'a Head,
    /// The judged tree.
    pub size: TreeSize,
    /// Its root.
    pub root: RootHash,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// There is no such policy as of the judged tree. The asker's fault.
    #[error("there is no policy {asked:?} as of tree size {size}{}", meant(.nearest.as_deref()))]
    NoSuchPolicy {
        /// What was asked for, cut.
        asked: String,
        /// The judged tree.
        size: TreeSize,
        /// The name that is most like it.
        nearest: Option<String>,
    },
    /// The policy does not load, or does not have such parameters. The asker's or the administrators' fault.
    #[error("the policy does not load: {0}")]
    Policy(#[from] LoadError),
    /// The policy is kept under another name than it says.
    #[error("entry {index} keeps the policy {found:?} under another name")]
    OtherName {
        /// The entry.
        index: LeafIndex,
        /// The name in its text.
        found: String,
    },
    /// An entry that should hold a policy does not.
    #[error("entry {index} holds no policy")]
    NotAPolicy {
        /// The entry.
        index: LeafIndex,
    },
    /// Evidence cannot be found.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// An entry cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// What administrators said cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest:?}?"))
}

/// Judges a digest. What is not there when the time is over is said to be missing, and the verdict is INDETERMINATE.
pub fn evaluate<E: Evidence + ?Sized>(
    log: &Log<'_, E>,
    policies: &Policies,
    asked: &Asked,
    until: Instant,
) -> Result<Verdict, EvaluateError> {
    let trust = trust_as_of(log)?;
    let policy = policies.find(log, &trust, asked)?;
    let mut question = question(log, &trust, asked)?;
    let mut evidence = Gathered::default();
    let mut gatherer = gather::Gatherer::new(log, &trust);
    'rounds: for _ in 0..=custody_gate::evidence::ROUNDS_MAX {
        let asks = policy.new_asks(&evidence, &question);
        if asks.is_empty() {
            break;
        }
        for ask in asks {
            if Instant::now() >= until {
                question.deadline_passed = true;
                break 'rounds;
            }
            gatherer.answer(ask, &mut evidence)?;
        }
    }
    Ok(judge(&policy, &evidence, &question))
}

fn trust_as_of<E: ?Sized>(log: &Log<'_, E>) -> Result<TrustState, EvaluateError> {
    if log.size == log.head.size {
        return Ok(log.head.trust.as_ref().clone());
    }
    Ok(replay_trust(&log.head.journal, log.size)?)
}

fn question<E: Evidence + ?Sized>(
    log: &Log<'_, E>,
    trust: &TrustState,
    asked: &Asked,
) -> Result<Question, EvaluateError> {
    let last = log.size.last_index();
    let newest = last.map(|index| log.evidence.time(index).map(|time| (index, time))).transpose()?;
    let newest = newest.map(|(index, time)| log.evidence.looked_up_by(index, time, log.size));
    let of_tree = newest.filter(|_| asked.of_past);
    Ok(Question {
        subject: asked.subject.clone(),
        environment: asked.environment.clone(),
        evaluated_at: asked.effective.or(of_tree).unwrap_or(asked.now),
        at: Position { size: log.size, root: log.root },
        trust: TrustView::from(trust),
        newest,
        freshness: if asked.of_past { Freshness::AsOf } else { freshness(log.head) },
        deadline_passed: false,
        complete: Completeness::Claimed,
        level: Level::Verified,
    })
}

/// Returns how fresh the log is, as its freshness key says. A log that was restored from a backup is served with the checkpoint of then:
/// what was distrusted since, it does not know.
fn freshness(head: &Head) -> Freshness {
    let cosigned = head.checkpoint.cosignatures(&head.trust.freshness_keys());
    let newest = cosigned.iter().map(VerifiedCosignature::seconds).max();
    let micros = newest.and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1_000_000));
    let time = micros.and_then(|micros| Timestamp::from_micros(micros).ok());
    time.map_or(Freshness::Unknown, Freshness::Cosigned)
}

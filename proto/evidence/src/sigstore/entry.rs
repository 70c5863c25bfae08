//! Entries of transparency logs: Rekor version 1 with its promise, and version 2 (sigstore/architecture-docs,
//! `rekor-spec.md` and `rekor-v2-spec.md`).

use custody_log::{
    KeyAlgorithm, KeyHash, NodeHash, Note, NoteError, ProofError, RootHash, SignedCheckpoint, Timestamp,
    TreeSize, VerifierKey,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::bundle::{LogEntry, LogProof};
use super::root::Log;
use super::window::Window;
use crate::key::{KeyError, PublicKey};

/// Why an entry is not proven to be in a trusted log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The root does not list the log.
    #[error("the log {id} is not in the trusted root")]
    UnknownLog {
        /// Its id in hex, cut to 64 digits.
        id: String,
    },
    /// The log's key is of a kind that is not supported.
    #[error("the key of the log {log:?} cannot be used: {why}")]
    Key {
        /// Its address.
        log: String,
        /// Why.
        why: KeyError,
    },
    /// The log is not trusted at the time.
    #[error("the log {log:?} is trusted {window}, not at {time}")]
    OutsideWindow {
        /// Its address.
        log: String,
        /// When it is trusted.
        window: String,
        /// The time that was proven.
        time: Timestamp,
    },
    /// The root gives the log no window.
    #[error("the log {log:?} is trusted at no time: its window has no start")]
    NeverTrusted {
        /// Its address.
        log: String,
    },
    /// Its version needs a promise.
    #[error("a bundle of version 0.1 needs the log's promise (inclusionPromise)")]
    NoPromise,
    /// The promise is not the log's.
    #[error("the promise (signedEntryTimestamp) was not made by the log over this entry")]
    Promise,
    /// The promise names a time that cannot be.
    #[error("the promise names the time {seconds}, in seconds since 1970")]
    PromisedTime {
        /// Seconds since 1970.
        seconds: u64,
    },
    /// Its version needs a proof.
    #[error("a bundle of version 0.2 or later needs a proof that the entry is in the log (inclusionProof)")]
    NoProof,
    /// A proof that leads to nothing that is signed.
    #[error("the proof has no checkpoint")]
    NoCheckpoint,
    /// The checkpoint is not a signed note.
    #[error("the checkpoint cannot be read: {0}")]
    Note(NoteError),
    /// The checkpoint has other lines.
    #[error("the checkpoint is not origin, tree size and root hash, each on its line")]
    CheckpointLines,
    /// No line of the checkpoint is by the log.
    #[error("the checkpoint is not signed by the log")]
    CheckpointUnsigned,
    /// A line in the log's name is not by it.
    #[error("the checkpoint's signature by the log does not hold")]
    CheckpointSignature,
    /// The checkpoint is of another log than its signer.
    #[error("the checkpoint is of {origin:?}, and signed as {signer:?}")]
    Origin {
        /// Its first line, cut to 200 characters.
        origin: String,
        /// The name on the signature line, cut to 200 characters.
        signer: String,
    },
    /// The checkpoint is of another tree than the proof.
    #[error("the checkpoint is of another tree than the proof")]
    CheckpointTree,
    /// The proof does not lead from the entry to the root.
    #[error("the proof of inclusion does not hold: {0}")]
    Proof(#[from] ProofError),
}

/// Finds the log of an entry, and its key.
pub(super) fn log_of<'a>(entry: &LogEntry, logs: &'a [Log]) -> Result<(&'a Log, &'a PublicKey), LogError> {
    let log = logs
        .iter()
        .find(|log| log.id == entry.log_id)
        .ok_or_else(|| LogError::UnknownLog { id: hex::encode(&entry.log_id).chars().take(64).collect() })?;
    match &log.key {
        Ok(key) => Ok((log, key)),
        Err(why) => Err(LogError::Key { log: log.url.clone(), why: why.clone() }),
    }
}

/// Checks that the log is trusted at all these times; without any time, that it is trusted at some.
pub(super) fn check_windows(log: &Log, times: &[Timestamp]) -> Result<(), LogError> {
    if log.window == Window::Never {
        return Err(LogError::NeverTrusted { log: log.url.clone() });
    }
    times.iter().try_for_each(|time| check_window(log, *time))
}

fn check_window(log: &Log, time: Timestamp) -> Result<(), LogError> {
    if log.window.contains(time) {
        return Ok(());
    }
    Err(LogError::OutsideWindow { log: log.url.clone(), window: log.window.to_string(), time })
}

/// Proves the time at which the log promised to take the entry in: the only signature over that time.
pub(super) fn promised(entry: &LogEntry, promise: &[u8], key: &PublicKey) -> Result<Timestamp, LogError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Promised {
        body: String,
        integrated_time: u64,
        #[serde(rename = "logID")]
        log_id: String,
        log_index: u64,
    }
    // Exactly these members in this order: what RFC 8785 makes of them.
    let message = Promised {
        body: crate::trust::base64(&entry.body),
        integrated_time: entry.integrated_time,
        log_id: hex::encode(&entry.log_id),
        log_index: entry.index,
    };
    let message = serde_json::to_vec(&message).map_err(|_| LogError::Promise)?;
    key.verify(&message, promise).map_err(|_| LogError::Promise)?;
    let seconds = entry.integrated_time;
    let micros = i64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1_000_000));
    let time = micros.filter(|micros| *micros > 0).and_then(|micros| Timestamp::from_micros(micros).ok());
    time.ok_or(LogError::PromisedTime { seconds })
}

/// Proves that the entry is in a tree that the log signed.
pub(super) fn included(
    entry: &LogEntry,
    proof: &LogProof,
    log: &Log,
    key: &PublicKey,
) -> Result<(), LogError> {
    let checkpoint = proof.checkpoint.as_deref().ok_or(LogError::NoCheckpoint)?;
    let (size, root) = checkpoint_of(checkpoint, log, key)?;
    if size != proof.proof.size() || root != proof.root {
        return Err(LogError::CheckpointTree);
    }
    Ok(proof.proof.verify(NodeHash::leaf(&entry.body), &root)?)
}

/// Whether one of these witnesses cosigned the checkpoint that the proof leads to.
pub(super) fn is_cosigned(proof: &LogProof, witnesses: &[VerifierKey]) -> bool {
    let checkpoint = proof.checkpoint.as_deref().unwrap_or_default();
    let checkpoint = SignedCheckpoint::parse(checkpoint.as_bytes());
    checkpoint.is_ok_and(|checkpoint| !checkpoint.cosignatures(witnesses).is_empty())
}

/// Returns size and root of a checkpoint that the log signed. Lines by others, and in its name by another key, are passed
/// over; one that carries its key's hash must hold.
fn checkpoint_of(text: &str, log: &Log, key: &PublicKey) -> Result<(TreeSize, RootHash), LogError> {
    let note = Note::parse(text.as_bytes()).map_err(LogError::Note)?;
    let mut lines = note.text().split('\n');
    let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(LogError::CheckpointLines);
    };
    let hint = log.hint();
    let own = note.signatures().iter().filter(|line| line.key_hash().to_string() == hint);
    let mut signed = false;
    for line in own {
        if !names(line.name(), origin, key, log) {
            let cut = |text: &str| text.chars().take(200).collect();
            return Err(LogError::Origin { origin: cut(origin), signer: cut(line.name()) });
        }
        key.verify(note.text().as_bytes(), line.signature()).map_err(|_| LogError::CheckpointSignature)?;
        signed = true;
    }
    if !signed {
        return Err(LogError::CheckpointUnsigned);
    }
    let size: TreeSize = size.parse().map_err(|_| LogError::CheckpointLines)?;
    Ok((size, RootHash::from_base64(root).map_err(|_| LogError::CheckpointLines)?))
}

/// Whether a signature line in this name is for checkpoints of this origin.
///
/// Rekor version 1 names its key after the host, and adds the tree's number to the origin; the log's id is the digest of
/// the key. In version 2 the id is computed from origin and key (c2sp.org/signed-note), so it names the origin as well.
fn names(signer: &str, origin: &str, key: &PublicKey, log: &Log) -> bool {
    if log.id == Sha256::digest(key.spki_der()).as_slice() {
        return origin == signer || origin.strip_prefix(signer).is_some_and(|rest| rest.starts_with(" - "));
    }
    let computed = key.ed25519_bytes().zip(origin.parse().ok());
    let computed = computed.map(|(public, name)| KeyHash::of(&name, KeyAlgorithm::Ed25519, public));
    origin == signer && computed.is_some_and(|hash| hash.to_string() == log.hint())
}

//! Whether a restored log holds all that was recorded. An old backup must never sign a fork: the newest checkpoint that
//! someone kept decides, and no flag does.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use custody_evidence::trust::TrustState;
use custody_log::tree::Frontier;
use custody_log::{
    CheckpointError, LeafIndex, NodeHash, Origin, Receipt, RootHash, SignedCheckpoint, TreeSize,
    VerifiedCosignature,
};

use crate::journal::{self, JournalFault, KeptCheckpoint, Opened, ReadError, Reader, Restored};
use crate::ledger::{LedgerError, Settings, replay_trust};

/// The longest file with a checkpoint or receipt that is read: 1 MiB, far more than either has.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A checkpoint that someone kept, as a file says it.
#[derive(Debug, Clone)]
pub struct Given {
    /// The file.
    pub path: PathBuf,
    /// What is in it; nothing is checked yet.
    pub signed: SignedCheckpoint,
}

/// Why a checkpoint says nothing about a log, or says that something is wrong.
#[derive(Debug, thiserror::Error)]
pub enum NewestError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It holds neither a checkpoint nor a receipt.
    #[error("{} holds no checkpoint: expected a signed note or a receipt ({why})", path.display())]
    NoCheckpoint {
        /// The file.
        path: PathBuf,
        /// What the parser of checkpoints said.
        why: CheckpointError,
    },
    /// It is not signed by this log's key.
    #[error("the checkpoint in {} is not one of the log {origin}: {why}", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// The log.
        origin: Origin,
        /// What does not hold.
        why: CheckpointError,
    },
    /// The log's beginning is not what was signed.
    #[error("{}: the log signed {signed} for its first {size} entries, those here have {found}: this is a fork", path.display())]
    Fork {
        /// The file.
        path: PathBuf,
        /// The size of the checkpoint.
        size: TreeSize,
        /// The root in the checkpoint.
        signed: RootHash,
        /// The root here.
        found: RootHash,
    },
    /// The checkpoint tells nothing that the backup does not.
    #[error("the checkpoint in {} is of size {size} and no newer than the backup itself: it does not tell what came after", path.display())]
    NothingNew {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: TreeSize,
    },
    /// The log is shorter than a checkpoint of it, and is not marked as restored.
    #[error("{} is of size {signed}, the log here has {size} entries: this is an older copy", path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// The size of the checkpoint.
        signed: TreeSize,
        /// Entries here.
        size: TreeSize,
    },
    /// An entry cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The mark of a restored log cannot be read or written.
    #[error(transparent)]
    Disk(#[from] JournalFault),
}

/// Where a log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is written like any other: never restored, or all that is known of it is here.
    Whole,
    /// It was restored, and is read-only.
    Restored {
        /// Entries here.
        size: TreeSize,
        /// The newest size that is known; none while nobody has given a checkpoint.
        needed: Option<TreeSize>,
    },
}

/// Reads a file with a signed checkpoint: a note, a receipt, or what a client remembers.
pub fn read(path: &Path) -> Result<Given, NewestError> {
    let failed = |source| NewestError::File { path: path.to_owned(), source };
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > FILE_BYTES_MAX {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "it is too long for a checkpoint")));
    }
    let bytes = fs::read(path).map_err(failed)?;
    let signed = match SignedCheckpoint::parse(&bytes) {
        Ok(signed) => signed,
        Err(why) => match Receipt::decode(&bytes) {
            Ok(receipt) => receipt.signed_checkpoint().clone(),
            Err(_) => return Err(NewestError::NoCheckpoint { path: path.to_owned(), why }),
        },
    };
    Ok(Given { path: path.to_owned(), signed })
}

/// Decides whether the log may be written, from its mark and the checkpoints given. Remembers the newest one; removes
/// the mark when it is reached. A log without a mark is compared with what is given too.
pub fn settle(settings: &Settings) -> Result<Standing, LedgerError> {
    let files = settings.journal.files.as_ref();
    let Some(mut mark) = Restored::of(&settings.dir, files).map_err(NewestError::from)? else {
        return Ok(Standing::Whole);
    };
    let Opened { mut journal, reader, size, checkpoint, .. } =
        journal::open_restored(&settings.dir, &settings.journal)?;
    let trust = replay_trust(&reader, size)?;
    let reached = judge(&mut mark, &reader, size, &trust, &settings.newest)?;
    // A backup that was taken before knows nothing of a redaction, until newer segments bring it.
    journal.erase().map_err(NewestError::from)?;
    let kept = checkpoint.map_or(TreeSize::ZERO, |kept| kept.size);
    if let Some(newest) = mark.needed.as_ref().filter(|newest| reached && newest.unverified().size() > kept) {
        // Shown while the log is read-only, and the floor of what is signed afterwards.
        journal.keep_checkpoint(&as_kept(newest)).map_err(NewestError::from)?;
        journal.sync_checkpoint().map_err(NewestError::from)?;
    }
    drop(journal);
    if reached {
        Restored::release(&settings.dir, files).map_err(NewestError::from)?;
        return Ok(Standing::Whole);
    }
    mark.write(&settings.dir, files).map_err(NewestError::from)?;
    let needed = mark.needed.as_ref().map(|needed| needed.unverified().size());
    Ok(Standing::Restored { size, needed })
}

/// Compares what is given with the log, and puts the newest of it into the mark. Returns whether that is reached.
fn judge(
    mark: &mut Restored,
    reader: &Reader,
    size: TreeSize,
    trust: &TrustState,
    given: &[Given],
) -> Result<bool, NewestError> {
    let before = "the checkpoint that was given before";
    let known = mark.needed.iter().map(|signed| Given { path: before.into(), signed: signed.clone() });
    let all: Vec<Given> = given.iter().cloned().chain(known).collect();
    for given in &all {
        check(given, trust, size, &|size| root_at(reader, size))?;
    }
    let newer = all.iter().filter(|given| is_newer(&given.signed, &mark.backup, trust));
    let newest = newer.max_by_key(|given| given.signed.unverified().size());
    if let (None, Some(old)) = (newest, all.first()) {
        let size = old.signed.unverified().size();
        return Err(NewestError::NothingNew { path: old.path.clone(), size });
    }
    mark.needed = newest.map(|given| given.signed.clone());
    Ok(mark.needed.as_ref().is_some_and(|needed| needed.unverified().size() <= size))
}

/// Checks that a checkpoint is one of this log, and that the log does not contradict it as far as it goes.
pub fn check(
    given: &Given,
    trust: &TrustState,
    size: TreeSize,
    root_at: &dyn Fn(TreeSize) -> Result<RootHash, NewestError>,
) -> Result<(), NewestError> {
    let origin = trust.document().origin();
    let signed = given.signed.unverified().size();
    given.signed.verify(origin, &trust.log_keys_at(signed)).map_err(|why| NewestError::NotOurs {
        path: given.path.clone(),
        origin: origin.clone(),
        why,
    })?;
    if signed > size {
        return Ok(());
    }
    let (expected, found) = (*given.signed.unverified().root(), root_at(signed)?);
    if expected == found {
        Ok(())
    } else {
        Err(NewestError::Fork { path: given.path.clone(), size: signed, signed: expected, found })
    }
}

/// Whether a checkpoint tells more than the backup's: a larger tree, or that the same one was still the newest later.
fn is_newer(signed: &SignedCheckpoint, backup: &SignedCheckpoint, trust: &TrustState) -> bool {
    let keys = trust.freshness_keys();
    let time =
        |signed: &SignedCheckpoint| signed.cosignatures(&keys).iter().map(VerifiedCosignature::seconds).max();
    let (new, old) = (signed.unverified().size(), backup.unverified().size());
    new > old || (new == old && time(signed) > time(backup))
}

/// Returns the root of the first entries, from the entries alone.
pub(crate) fn root_at(reader: &Reader, size: TreeSize) -> Result<RootHash, NewestError> {
    let mut frontier = Frontier::empty();
    let mut next = LeafIndex::ZERO;
    while size.contains(next) {
        frontier.append(NodeHash::leaf(&reader.entry(next)?));
        next = next.next();
    }
    Ok(frontier.root())
}

/// Whether the log's own key signed what a slot keeps.
#[must_use]
pub fn is_ours(kept: &KeptCheckpoint, trust: &TrustState) -> bool {
    SignedCheckpoint::parse(&kept.signed).is_ok_and(|signed| {
        let body = signed.unverified();
        let (size, root) = (body.size(), *body.root());
        let ours = signed.verify(trust.document().origin(), &trust.log_keys_at(size)).is_ok();
        ours && size == kept.size && root == kept.root
    })
}

fn as_kept(signed: &SignedCheckpoint) -> KeptCheckpoint {
    let body = signed.unverified();
    KeptCheckpoint { size: body.size(), root: *body.root(), signed: signed.bytes().to_vec() }
}

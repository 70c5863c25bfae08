//! Every checkpoint that was seen: each must be of the tree that is replayed.

use std::collections::{BTreeMap, BTreeSet};

use custody_log::TreeSize;
use custody_log::checkpoint::{SignedCheckpoint, VerifiedCheckpoint};

use super::state::State;
use super::{AuditError, Finding, FindingKind};
use crate::ledger::{Ledger, LedgerError};

/// A checkpoint that the user has, with the name they gave.
#[derive(Debug, Clone)]
pub struct Given {
    /// A file's name.
    pub name: String,
    /// The checkpoint; nobody has verified it.
    pub signed: SignedCheckpoint,
}

/// A checkpoint, and what came out when it was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Where it came from: a file, or what is remembered.
    pub from: String,
    /// The tree's size.
    pub size: TreeSize,
    /// What came out.
    pub outcome: Outcome,
}

/// What came out of comparing a checkpoint with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is of this tree.
    Same,
    /// It contradicts this tree.
    Fork,
    /// The audit did not get that far.
    NotReached,
}

/// Checkpoints that are compared once the replay has their size.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pending: BTreeMap<TreeSize, Vec<(String, VerifiedCheckpoint)>>,
    pub(super) compared: Vec<Compared>,
}

impl Seen {
    /// Gathers what is remembered and given, each tree once. What lies before `from` is compared by a consistency
    /// proof at once, and so is what the user gave; the rest when the replay has its size.
    pub(super) async fn gather(
        ledger: &mut Ledger,
        given: &[Given],
        state: &mut State,
        from: TreeSize,
    ) -> Result<Self, AuditError> {
        let mut seen = Self::default();
        let mut known: BTreeSet<(TreeSize, [u8; 32])> = BTreeSet::new();
        let mut all: Vec<(String, SignedCheckpoint, bool)> = Vec::new();
        for Given { name, signed } in given {
            all.push((name.clone(), signed.clone(), true));
        }
        all.extend(remembered(ledger, state).into_iter().map(|(name, signed)| (name, signed, false)));
        for (name, signed, given) in all {
            let size = signed.unverified().size();
            let keys = ledger.trust().log_keys_at(size);
            let verified = match signed.verify(&ledger.trust().pin().origin, &keys) {
                Ok(verified) => verified,
                Err(source) if given => return Err(AuditError::NotOfLog { name, source }),
                // What is remembered was verified when it was kept; a key may have been withdrawn since.
                Err(_) => continue,
            };
            if size == TreeSize::ZERO || !known.insert((size, *verified.checkpoint().root().as_bytes())) {
                continue;
            }
            if size > ledger.checkpoint().checkpoint().size() {
                ledger.reach(&verified).await?;
            }
            if given || size <= from {
                match ledger.contains(&verified).await {
                    Ok(()) => {}
                    Err(LedgerError::Fork { evidence, .. }) => {
                        state.found(fork(&verified, ledger.checkpoint(), evidence));
                        seen.compared.push(Compared { from: name, size, outcome: Outcome::Fork });
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            if size <= from {
                seen.compared.push(Compared { from: name, size, outcome: Outcome::Same });
            } else {
                seen.pending.entry(size).or_default().push((name, verified));
            }
        }
        Ok(seen)
    }

    /// Compares what was waiting for the size that the replay has now.
    pub(super) fn compare(&mut self, ledger: &Ledger, target: &VerifiedCheckpoint, state: &mut State) {
        let size = state.tree.size();
        let Some(waiting) = self.pending.remove(&size) else { return };
        let root = state.tree.root();
        for (from, seen) in waiting {
            let same = *seen.checkpoint().root() == root;
            if !same {
                let memory = ledger.memory();
                let kept = [seen.signed(), target.signed()].map(|signed| memory.keep_evidence(signed).ok());
                state.found(fork(&seen, target, kept.into_iter().flatten().collect()));
            }
            let outcome = if same { Outcome::Same } else { Outcome::Fork };
            self.compared.push(Compared { from, size, outcome });
        }
    }

    /// Names what was not reached.
    pub(super) fn end(&mut self) {
        for (size, waiting) in std::mem::take(&mut self.pending) {
            let outcome = Outcome::NotReached;
            self.compared.extend(waiting.into_iter().map(|(from, _)| Compared { from, size, outcome }));
        }
    }
}

fn fork(seen: &VerifiedCheckpoint, now: &VerifiedCheckpoint, evidence: Vec<std::path::PathBuf>) -> Finding {
    let (seen, now) = (seen.checkpoint(), now.checkpoint());
    let expected = format!("tree size {} with root {}", seen.size(), seen.root());
    let found = format!("a tree of size {} with root {} that does not contain it", now.size(), now.root());
    Finding { evidence, ..Finding::of_tree(FindingKind::Fork, expected, found) }
}

/// Returns what the client remembers: the largest checkpoint, those in the trust file and of the last audit, and
/// evidence that was kept.
fn remembered(ledger: &Ledger, state: &State) -> Vec<(String, SignedCheckpoint)> {
    let mut all: Vec<(String, SignedCheckpoint)> = Vec::new();
    let mut add = |name: &str, bytes: &[u8]| {
        if let Ok(signed) = SignedCheckpoint::parse(bytes) {
            all.push((name.to_owned(), signed));
        }
    };
    let memory = ledger.memory();
    if let Ok(Some(bytes)) = memory.checkpoint() {
        add("the largest checkpoint remembered", &bytes);
    }
    if let Some(bytes) = &state.target {
        add("the last audit", bytes);
    }
    for (path, bytes) in memory.evidence() {
        add(&path.display().to_string(), &bytes);
    }
    let file = ledger.trust().file();
    for receipt in file.entries.iter().map(|admin| &admin.receipt).chain([&file.newest]) {
        all.push(("the trust file".to_owned(), receipt.signed_checkpoint().clone()));
    }
    all
}

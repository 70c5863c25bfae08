//! Why a log does not open: the same words for every command that opens one.

use std::path::Path;
use std::sync::Arc;

use super::{Failure, explain};
use crate::journal::{self, Damage, DiskFiles, Files, OpenError};
use crate::ledger::LedgerError;
use crate::publish::TreeError;

/// Says why a log does not open, and what to do.
pub(super) fn open_failure(error: &LedgerError, dir: &Path) -> Failure {
    if let LedgerError::Tree(TreeError::Root { .. }) = error
        && let Some(damage) = first_damage(dir)
    {
        let damaged = OpenError::Damaged { dir: dir.to_owned(), damage: Box::new(damage) };
        return journal_failure(&damaged, dir);
    }
    explain::open(error, dir)
}

/// Says why a journal does not open, and what to do.
pub(super) fn journal_failure(error: &OpenError, dir: &Path) -> Failure {
    explain::journal(error, dir)
}

/// Says where the damage is that made the root of the tree another one: sealed segments are not read in whole on a
/// start, so the start itself does not know.
fn first_damage(data: &Path) -> Option<Damage> {
    let files: Arc<dyn Files> = Arc::new(DiskFiles);
    let report = journal::fsck(data, &files, &mut |_| {}).ok()?;
    report.findings.into_iter().next()
}

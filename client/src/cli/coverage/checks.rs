//! Entries that are checked, each once, for a page of artifacts at a time.

use std::collections::{BTreeMap, BTreeSet};

use custody_client::ledger::Traced;
use custody_client::{Checked, Ledger, LedgerError, Level};
use custody_log::LeafIndex;

use super::{AT_ONCE, candidates};
use crate::cli::failure::Failure;

/// Entries that were verified.
#[derive(Default)]
pub(super) struct Checks(BTreeMap<LeafIndex, Checked>);

impl Checks {
    /// Verifies what is looked at first of each of these chains, all at once: mostly it is enough. What together is too large is
    /// verified when it is looked at.
    pub(super) async fn ahead(ledger: &mut Ledger, chains: &[Traced]) -> Result<Self, Failure> {
        let kinds = chains.iter().flat_map(candidates);
        let first = kinds.flat_map(|(_, entries)| entries.into_iter().take(AT_ONCE).map(|(entry, _)| entry));
        let first: BTreeSet<LeafIndex> = first.collect();
        let mut checks = Self::default();
        match checks.verify(ledger, first).await {
            Err(LedgerError::TooMuch { .. }) => Ok(Self::default()),
            verified => Ok(verified.map(|()| checks)?),
        }
    }

    /// Verifies entries that were not yet, and returns all of them.
    pub(super) async fn of(
        &mut self,
        ledger: &mut Ledger,
        indexes: &[LeafIndex],
    ) -> Result<BTreeMap<&LeafIndex, &Checked>, Failure> {
        let fresh = indexes.iter().filter(|index| !self.0.contains_key(*index)).copied().collect();
        self.verify(ledger, fresh).await?;
        Ok(indexes.iter().filter_map(|index| self.0.get_key_value(index)).collect())
    }

    async fn verify(&mut self, ledger: &mut Ledger, indexes: BTreeSet<LeafIndex>) -> Result<(), LedgerError> {
        if indexes.is_empty() {
            return Ok(());
        }
        let indexes: Vec<LeafIndex> = indexes.into_iter().collect();
        let mut checked = ledger.entries(&indexes, Level::Verified, &|_| {}).await?;
        ledger.find_first_signed(&mut checked).await?;
        self.0.extend(indexes.into_iter().zip(checked));
        Ok(())
    }
}

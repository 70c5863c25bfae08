//! Artifacts that two repositories say they built.

use std::collections::BTreeSet;

use custody_client::Checked;
use custody_evidence::admission::Build;
use custody_evidence::trust::TrustState;
use custody_log::LeafIndex;

/// Artifacts that two repositories say they built, and the entries that say so. What is distrusted says nothing. It follows from the
/// admission records of what was answered, so the server's word is not taken.
pub(super) struct Disputed {
    builds: Vec<Build>,
}

impl Disputed {
    /// Finds them among checked entries.
    pub(super) fn among<'e>(
        entries: impl IntoIterator<Item = (&'e LeafIndex, &'e Checked)>,
        trust: &TrustState,
    ) -> Self {
        let counts = entries.into_iter().filter(|(_, entry)| entry.distrust(trust).is_none());
        let build = |(index, entry): (&LeafIndex, &Checked)| Build::of(*index, entry.logged()?.record());
        Self { builds: counts.filter_map(build).collect() }
    }

    /// Whether an entry is one of those that contradict each other about an artifact.
    pub(super) fn has(&self, artifact: &str, entry: LeafIndex) -> bool {
        let said = || self.builds.iter().filter(|build| build.names(artifact));
        let repositories: BTreeSet<_> = said().map(Build::repository).collect();
        repositories.len() > 1 && said().any(|build| build.index() == entry)
    }
}

//! What is recorded of something that runs, beside that it runs.

use std::collections::{BTreeMap, BTreeSet};

use custody_client::ledger::{About, At};
use custody_client::{Checked, Ledger};
use custody_evidence::admission::{Binding, SignerStatus};
use custody_evidence::environment::Artifact;
use custody_evidence::trust::TrustState;
use custody_log::{LeafIndex, TreeSize};
use custody_wire::limits::EVIDENCE_LIMIT_MAX;

use super::{Context, Failure};
use crate::cli::disputed::Disputed;
use crate::cli::find;

/// How many entries of each artifact are looked at first; where none of them is evidence, more are.
const LOOKED_AT: u32 = 4;

/// What there is of evidence for an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Standing {
    /// A record about it that is evidence.
    Trusted,
    /// Records about it, none of which is: distrusted, erased, not bound to its job, or of two repositories that both say that
    /// they built it.
    Untrusted,
    /// No record but that it runs.
    None,
}

impl Standing {
    /// Returns the word for it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Untrusted => "untrusted",
            Self::None => "none",
        }
    }
}

/// Returns how each artifact stands, by the newest entries about it, which are checked.
pub(in crate::cli) async fn standings<'a>(
    ledger: &mut Ledger,
    artifacts: impl Iterator<Item = &'a Artifact>,
    size: TreeSize,
    context: &Context,
) -> Result<Vec<Standing>, Failure> {
    let artifacts: Vec<&Artifact> = artifacts.collect();
    let mut standings = look(ledger, &artifacts, LOOKED_AT, size, context).await?;
    let doubtful: Vec<usize> = standings
        .iter()
        .enumerate()
        .filter_map(|(place, (standing, more))| (*more && *standing != Standing::Trusted).then_some(place))
        .collect();
    let again: Vec<&Artifact> = doubtful.iter().filter_map(|place| artifacts.get(*place).copied()).collect();
    let found = look(ledger, &again, EVIDENCE_LIMIT_MAX, size, context).await?;
    for (place, found) in doubtful.into_iter().zip(found) {
        if let Some(standing) = standings.get_mut(place) {
            *standing = found;
        }
    }
    Ok(standings.into_iter().map(|(standing, _)| standing).collect())
}

/// Looks at so many entries of each artifact, and says whether there are others.
async fn look(
    ledger: &mut Ledger,
    artifacts: &[&Artifact],
    limit: u32,
    size: TreeSize,
    context: &Context,
) -> Result<Vec<(Standing, bool)>, Failure> {
    if artifacts.is_empty() {
        return Ok(Vec::new());
    }
    let digests: BTreeSet<_> = artifacts.iter().flat_map(|artifact| artifact.digests().cloned()).collect();
    let digests: Vec<_> = digests.into_iter().collect();
    let about = ledger.about(&digests, limit, At::Size(size)).await?;
    let indexes: BTreeSet<LeafIndex> = about.iter().flat_map(|about| about.indexes.iter().copied()).collect();
    let indexes: Vec<LeafIndex> = indexes.into_iter().collect();
    let (entries, _) = find::check(ledger, &indexes, None, context).await?;
    let entries: BTreeMap<LeafIndex, Checked> = indexes.into_iter().zip(entries).collect();
    let state = &ledger.trust().as_of(size).state;
    let disputed = Disputed::among(&entries, state);
    let mut of: BTreeMap<String, (Standing, bool)> = BTreeMap::new();
    for (digest, About { indexes, more }) in digests.iter().zip(about) {
        let digest = digest.to_string();
        let mut standing = if more { Standing::Untrusted } else { Standing::None };
        for index in &indexes {
            let Some(entry) = entries.get(index) else { continue };
            // That an entry is about it is not the server's word alone.
            if entry.record().is_some_and(|record| !record.subjects.contains(&digest)) {
                let condition = format!("subject {digest}");
                return Err(custody_client::LedgerError::NotAsked { entry: *index, condition }.into());
            }
            let counts = counts(entry, state) && !disputed.has(&digest, *index);
            standing = if counts { Standing::Trusted } else { standing.at_least_untrusted() };
        }
        of.insert(digest, (standing, more));
    }
    let best = |artifact: &&Artifact| {
        let all = artifact.digests().filter_map(|digest| of.get(&digest.to_string()).copied());
        all.min_by_key(|(standing, _)| standing.rank()).unwrap_or((Standing::None, false))
    };
    Ok(artifacts.iter().map(best).collect())
}

/// Whether an entry is evidence: whole, by a signer that was verified and is trusted, and not of another job.
pub(in crate::cli) fn counts(entry: &Checked, state: &TrustState) -> bool {
    let verified = entry.record().is_some_and(|record| {
        record.binding != Some(Binding::Conflict)
            && record.signers.iter().any(|signer| signer.status == SignerStatus::Verified)
    });
    verified && entry.distrust(state).is_none()
}

impl Standing {
    const fn at_least_untrusted(self) -> Self {
        match self {
            Self::None | Self::Untrusted => Self::Untrusted,
            Self::Trusted => Self::Trusted,
        }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Trusted => 0,
            Self::Untrusted => 1,
            Self::None => 2,
        }
    }
}

//! What the log has recorded of the builds of a statement's subjects, where a rule asks for it.

use std::collections::BTreeSet;

use custody_evidence::admission::{Admission, AdmissionRecord, Builds, Refusal};
use custody_evidence::envelope::Envelope;
use custody_evidence::trust::Target;
use custody_log::{LeafIndex, TreeSize};

use super::{record_of, remains};
use crate::index::{Index, IndexError, Remains};
use crate::ledger::Head;
use crate::sequencer::RecordError;

/// Looks up the builds of an envelope's subjects, as of a state of the log; with those that a batch brings behind it. Nothing is
/// looked at where no rule asks.
pub(super) fn look(
    head: &Head,
    index: &Index,
    envelope: &Envelope,
    brought: &[(LeafIndex, &AdmissionRecord)],
) -> Result<Builds, RecordError> {
    let mut builds = Builds::default();
    let document = head.trust.document();
    // Before the statement is read, which costs as much as a tenth of its signature.
    if !document.ever_asks_for_builds() {
        return Ok(builds);
    }
    let Ok(said) = envelope.said() else { return Ok(builds) };
    if !document.asks_for_builds(said.predicate_type()) {
        return Ok(builds);
    }
    let about: BTreeSet<String> = said.usable().iter().flatten().map(ToString::to_string).collect();
    let mut found = BTreeSet::new();
    for artifact in &about {
        found.extend(index.by_build(artifact, TreeSize::ZERO).map_err(failed)?);
    }
    // One after the other: a record may have a mebibyte.
    for at in found.into_iter().filter(|at| head.size.contains(*at)) {
        match record_of(head, at) {
            Ok(record) => builds.add(&head.trust, at, &record, &about),
            // What was erased gives no right any more; that of another repository still disputes.
            Err(RecordError::Refused(Refusal::Redacted { index: by })) => {
                let remains = remains(head, at, by)?;
                if let Some(repository) = remains.repository().filter(|_| !is_distrusted(head, at, &remains))
                {
                    let named = about.iter().filter(|artifact| remains.is_build_of(artifact)).cloned();
                    builds.add_erased(at, repository, named.collect());
                }
            }
            Err(error) => return Err(error),
        }
    }
    for (at, record) in brought {
        builds.add(&head.trust, *at, record, &about);
    }
    Ok(builds)
}

/// Whether all who signed an erased entry are distrusted since then: an administrator has settled it.
fn is_distrusted(head: &Head, at: LeafIndex, remains: &Remains) -> bool {
    let distrusts = head.trust.distrusts().into_iter().map(|said| &said.distrust);
    remains.is_signed_by(distrusts.filter_map(|distrust| match &distrust.target {
        Target::Signer(signer) if distrust.since <= at => Some(signer),
        Target::Signer(_) | Target::Node(_) => None,
    }))
}

/// Whether somebody said something of the builds that an admission rests on since the log had `size` entries; `brings` says whether
/// the batch does. What rests on none is not touched by any.
pub(crate) fn moved(
    index: &Index,
    admission: &Admission,
    size: TreeSize,
    brings: impl FnOnce() -> bool,
) -> Result<bool, RecordError> {
    let record = admission.record();
    if record.builds().is_empty() {
        return Ok(false);
    }
    if brings() {
        return Ok(true);
    }
    for artifact in &record.subjects {
        if !index.by_build(artifact, size).map_err(failed)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn failed(error: IndexError) -> RecordError {
    RecordError::Index(std::sync::Arc::new(error))
}

//! Whether an entry is evidence, by what administrators said up to now.

use std::collections::BTreeMap;

use custody_log::LeafIndex;

use super::distrust::{Distrusted, Target};
use super::is_administrative;
use super::state::TrustState;
use crate::admission::AdmissionRecord;
use crate::fact::{Facts, NodeKind};
use crate::identity::Identity;

/// For each signer of a content the first entry in which their signature on it was verified.
///
/// A signature that was there before a key was stolen is as good as it was, also where the same content is recorded again later.
pub type FirstSigned = BTreeMap<Identity, LeafIndex>;

impl TrustState {
    /// Returns the distrust by which an entry is no evidence; none if it is.
    ///
    /// It is none if everybody whose signature counts in it is distrusted since the first entry in which their signature on this
    /// content was verified, or before; or if it is about an artifact or a commit, or names a builder, that is since this entry.
    /// `earlier` has those first entries where they are not this one. Without `facts` nothing is known of builders. Administrative
    /// entries are not touched: who administers is changed by a trust document.
    #[must_use]
    pub fn distrust_of(
        &self,
        record: &AdmissionRecord,
        facts: Option<&Facts>,
        index: LeafIndex,
        earlier: &FirstSigned,
    ) -> Option<&Distrusted> {
        if is_administrative(&record.predicate_type) {
            return None;
        }
        self.distrust_of_signers(record, index, earlier)
            .or_else(|| self.distrust_of_what(record, facts, index))
    }

    /// Returns the distrust of one signer where everybody whose signature counts in an entry is distrusted since the first one that
    /// they signed the same in, or before; none if somebody is not.
    #[must_use]
    pub fn distrust_of_signers(
        &self,
        record: &AdmissionRecord,
        index: LeafIndex,
        earlier: &FirstSigned,
    ) -> Option<&Distrusted> {
        let signers = record.verified_identities();
        let first = |signer| earlier.get(signer).copied().unwrap_or(index).min(index);
        let found: Option<Vec<_>> =
            signers.iter().map(|signer| self.distrusted_signer(signer, first(signer))).collect();
        found?.into_iter().next()
    }

    /// Looks through the distrusts of things, of which there are few, and not through the facts, which may be many.
    fn distrust_of_what(
        &self,
        record: &AdmissionRecord,
        facts: Option<&Facts>,
        index: LeafIndex,
    ) -> Option<&Distrusted> {
        self.distrusts().into_iter().find(|said| {
            let Target::Node(node) = &said.distrust.target else { return false };
            said.distrust.since <= index
                && match node.kind() {
                    NodeKind::Artifact => record.subjects.iter().any(|subject| subject == node.id()),
                    NodeKind::Commit => is_about_commit(record, node.id()),
                    _ => facts.is_some_and(|facts| facts.edges.iter().any(|edge| edge.to == *node)),
                }
        })
    }
}

/// A subject says its commit without a repository: the same id in another repository is the same commit.
fn is_about_commit(record: &AdmissionRecord, id: &str) -> bool {
    let hex = id.rsplit(['@', ':']).next().unwrap_or(id);
    record.subjects.iter().any(|subject| subject.strip_prefix("gitCommit:") == Some(hex))
}

//! Whether an entry is evidence, by what administrators said up to now.

use custody_log::LeafIndex;

use super::distrust::{Distrusted, Target};
use super::is_administrative;
use super::state::TrustState;
use crate::admission::AdmissionRecord;
use crate::fact::{Facts, NodeKind};

impl TrustState {
    /// Returns the distrust by which an entry is no evidence; none if it is.
    ///
    /// It is none if everybody whose signature counts in it is distrusted since this entry or before; or if it is about an
    /// artifact or a commit, or names a builder, that is. Without `facts` nothing is known of builders. Administrative entries
    /// are not touched: who administers is changed by a trust document.
    #[must_use]
    pub fn distrust_of(
        &self,
        record: &AdmissionRecord,
        facts: Option<&Facts>,
        index: LeafIndex,
    ) -> Option<&Distrusted> {
        if is_administrative(&record.predicate_type) {
            return None;
        }
        let mut by_signer = None;
        let mut all = true;
        for signer in record.verified_identities() {
            match self.distrusted_signer(&signer, index) {
                Some(found) => by_signer = by_signer.or(Some(found)),
                None => all = false,
            }
        }
        by_signer.filter(|_| all).or_else(|| self.distrust_of_what(record, facts, index))
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

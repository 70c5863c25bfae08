//! Records of an environment that are distrusted, and that an answer need not name.
//!
//! The server counts every record. Where a stolen key said that something stopped, the answer is without it, and without the record
//! that says so: nothing that was read here would be distrusted. So those whom administrators distrust are asked for.

use custody_evidence::fact::{Field, NodeKind, Term};
use custody_evidence::predicate::Name;
use custody_evidence::trust::Target;
use custody_log::{LeafIndex, TreeSize};

use super::{AT_ONCE, Records, questions};
use crate::ledger::{Condition, Ledger, LedgerError, Moment, Query};

/// Distrusts for each of which its records are asked for: with two questions each 64 calls. Where there are more, all
/// records of the environment are read instead.
const ASKED_MAX: usize = 32;

impl Ledger {
    /// Whether some record of an environment is distrusted. Where that is not known with few questions, it is taken to be so.
    pub(super) async fn may_distrust(&mut self, name: &Name, size: TreeSize) -> Result<bool, LedgerError> {
        let distrusts = self.trust.as_of(size).state.distrusts();
        if distrusts.len() > ASKED_MAX {
            return Ok(true);
        }
        let asked: Vec<(Term, LeafIndex)> = distrusts
            .into_iter()
            .filter_map(|said| Some((term(&said.distrust.target)?, said.distrust.since)))
            .collect();
        for (term, since) in asked {
            let mut questions = questions(name, size)?;
            for question in &mut questions {
                question.conditions.push(Condition::from(term.clone()));
                question.recorded_since = Some(Moment::Index(since));
                question.limit = u32::try_from(AT_ONCE).unwrap_or(u32::MAX);
            }
            if self.is_any_distrusted(name, &questions, size).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn is_any_distrusted(
        &mut self,
        name: &Name,
        questions: &[Query],
        size: TreeSize,
    ) -> Result<bool, LedgerError> {
        let found = self.find_any(questions).await?;
        let mut records = Records::default();
        self.read_records(name, &found.indexes, size, &mut records).await?;
        // What cannot be read here, and what there is besides, may be.
        Ok(!records.distrusted.is_empty() || !records.unread.is_empty() || found.next.is_some())
    }
}

/// Returns what the records are found by that a distrust may be about; none if no deployment and no snapshot names it.
fn term(target: &Target) -> Option<Term> {
    match target {
        Target::Signer(signer) => Some(Term::of_identity(Field::Signer, signer)),
        // A subject says its commit without a repository.
        Target::Node(node) if node.kind() == NodeKind::Commit => {
            Term::parse(Field::Commit, node.id().rsplit(['@', ':']).next()?).ok()
        }
        Target::Node(node) => Term::parse(Field::naming(node.kind()), node.id()).ok(),
    }
}

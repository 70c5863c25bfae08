//! The kinds for which no vetted predicate type exists, so that Custody defines them: source, review, approval,
//! promotion, deployment.

use custody_evidence::predicate::{CustodyPredicate, Name, NameError, Source, SourceSignature};

use super::{Made, MakeError, Subject, statement};
use crate::git::{CommitId, CommitObject, CommitSignature, RepositoryUrl, Verdict};

/// Makes a statement with one of Custody's predicates.
pub fn custody<P: CustodyPredicate>(predicate: &P, subjects: &[Subject]) -> Result<Made, MakeError> {
    statement(P::TYPE, subjects, &predicate.encode())
}

/// Returns what a commit and its place say. A signature counts as verified only if it was; one that does not hold and one that
/// nobody could check are both said to be not verified, each with its kind and the key that it names.
pub fn source(
    repository: &RepositoryUrl,
    commit: &CommitId,
    object: &CommitObject,
    signature: Option<&CommitSignature>,
    reference: Name,
) -> Result<Source, NameError> {
    let said = |signature: &CommitSignature| {
        Ok(SourceSignature {
            kind: signature.kind.as_str().parse()?,
            key: signature.key.as_deref().map(str::parse).transpose()?,
            verified: matches!(signature.verdict, Verdict::Verified { .. }),
        })
    };
    Ok(Source {
        repo: repository.name().clone(),
        commit: commit.clone(),
        parents: object.parents.clone(),
        reference: Some(reference),
        author: object.author.to_string().parse()?,
        committer: Some(object.committer.to_string().parse()?),
        author_date: object.author_date,
        signature: signature.map(said).transpose()?,
    })
}

//! The kinds for which no vetted predicate type exists, so that Custody defines them: source, review, approval,
//! promotion, deployment.

use custody_evidence::predicate::{CustodyPredicate, Name, NameError, Source, SourceSignature};

use super::{Made, MakeError, Subject, statement};
use crate::git::{CommitId, CommitObject, RepositoryUrl, SignatureKind};

/// Makes a statement with one of Custody's predicates.
pub fn custody<P: CustodyPredicate>(predicate: &P, subjects: &[Subject]) -> Result<Made, MakeError> {
    statement(P::TYPE, subjects, &predicate.encode())
}

/// Returns what a commit and its place say. A signature is named and not verified: nothing here knows whose key it
/// should be.
pub fn source(
    repository: &RepositoryUrl,
    commit: &CommitId,
    object: &CommitObject,
    reference: Name,
) -> Result<Source, NameError> {
    let signature = match object.signature {
        SignatureKind::None => None,
        kind => Some(SourceSignature { kind: kind.as_str().parse()?, key: None, verified: false }),
    };
    Ok(Source {
        repo: repository.name().clone(),
        commit: commit.clone(),
        parents: object.parents.clone(),
        reference: Some(reference),
        author: object.author.to_string().parse()?,
        committer: Some(object.committer.to_string().parse()?),
        author_date: object.author_date,
        signature,
    })
}

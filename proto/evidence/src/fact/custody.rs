//! Facts of the predicates that Custody defines.

use std::collections::BTreeSet;

use super::gather::Gather;
use super::{EdgeKind, Field, Node, NodeKind, Problem, Term};
use crate::predicate::{Action, Approval, Deployment, Name, Promotion, Review, Source};
use crate::repository::{CommitId, Repository};
use crate::statement::Statement;

pub(super) fn source(statement: &Statement<'_>, source: &Source, gather: &mut Gather) {
    let commits = commits(statement, &source.repo, &source.commit, gather);
    if let Some(reference) = &source.reference
        && let Some(reference) = Node::git_ref(&source.repo, reference.as_str())
    {
        gather.edges(&commits, EdgeKind::OnRef, &BTreeSet::from([reference]));
    }
    named(&commits, EdgeKind::AuthoredBy, NodeKind::Identity, [&source.author], gather);
    gather.claimed("predicate.author_date", source.author_date);
    gather.happened(Some(source.author_date));
}

pub(super) fn review(statement: &Statement<'_>, review: &Review, gather: &mut Gather) {
    let commits = commits(statement, &review.repo, &review.commit, gather);
    named(&commits, EdgeKind::Reviewed, NodeKind::Identity, &review.reviewers, gather);
    if let Some(reference) = &review.reference
        && let Some(reference) = Node::git_ref(&review.repo, reference.as_str())
    {
        gather.term_all(reference.terms());
    }
    gather.claimed("predicate.approved_at", review.approved_at);
    gather.happened(Some(review.approved_at));
}

pub(super) fn approval(statement: &Statement<'_>, approval: &Approval, gather: &mut Gather) {
    let subjects = gather.subjects(statement, None);
    named(&subjects, EdgeKind::Approved, NodeKind::Environment, [&approval.target], gather);
    named(&subjects, EdgeKind::Approved, NodeKind::Identity, [&approval.approver], gather);
    gather.claimed("predicate.at", approval.at);
    gather.happened(Some(approval.at));
}

pub(super) fn promotion(statement: &Statement<'_>, promotion: &Promotion, gather: &mut Gather) {
    let subjects = gather.subjects(statement, None);
    named(&subjects, EdgeKind::Promoted, NodeKind::Environment, [&promotion.to], gather);
    gather.term(Term::of(Field::Environment, promotion.from.to_string()));
    for reference in [&promotion.ref_before, &promotion.ref_after].into_iter().flatten() {
        gather.term(Term::of(Field::Ref, reference.to_string()));
    }
    gather.claimed("predicate.at", promotion.at);
    gather.happened(Some(promotion.at));
}

pub(super) fn deployment(statement: &Statement<'_>, deployment: &Deployment, gather: &mut Gather) {
    let subjects = gather.subjects(statement, None);
    let kind = match deployment.action {
        Action::Start => EdgeKind::RunsIn,
        Action::Stop => EdgeKind::StoppedIn,
    };
    named(&subjects, kind, NodeKind::Environment, [&deployment.environment], gather);
    gather.claimed("predicate.at", deployment.at);
    gather.happened(Some(deployment.at));
}

/// Returns the subjects, commits among them in the repository that the predicate names. Evidence counts only for what
/// the statement lists, so a commit that only the predicate names is a warning and no node.
fn commits(
    statement: &Statement<'_>,
    repo: &Repository,
    commit: &CommitId,
    gather: &mut Gather,
) -> BTreeSet<Node> {
    gather.term(Term::of(Field::Repository, repo.to_string()));
    let nodes = gather.subjects(statement, Some(repo));
    if !nodes.contains(&Node::of_digest(&commit.digest(), Some(repo))) {
        gather.warn("predicate.commit", Problem::CommitNotSubject { named: commit.to_string() });
    }
    nodes
}

fn named<'a>(
    from: &BTreeSet<Node>,
    kind: EdgeKind,
    to: NodeKind,
    names: impl IntoIterator<Item = &'a Name>,
    gather: &mut Gather,
) {
    let to = names.into_iter().filter_map(|name| Node::named(to, name.as_str())).collect();
    gather.edges(from, kind, &to);
}

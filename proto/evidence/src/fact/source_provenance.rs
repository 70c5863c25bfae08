//! Facts of who moved a branch or tag.

use std::collections::BTreeSet;

use super::gather::Gather;
use super::{EdgeKind, Field, Node, NodeKind, Term};
use crate::predicate::SourceProvenance;
use crate::statement::Statement;

/// Whoever moved a branch to a commit need not have written it: they are found, and get no edge.
pub(super) fn read(statement: &Statement<'_>, provenance: &SourceProvenance, gather: &mut Gather) {
    let repository = &provenance.repository;
    gather.term(Term::of(Field::Repository, repository.to_string()));
    let subjects = gather.subjects(statement, Some(repository));
    let commits: BTreeSet<Node> =
        subjects.into_iter().filter(|node| node.kind() == NodeKind::Commit).collect();
    if let Some(reference) = &provenance.reference
        && let Some(reference) = Node::git_ref(repository, reference)
    {
        gather.edges(&commits, EdgeKind::OnRef, [&reference]);
    }
    if let Some(actor) = &provenance.actor
        && let Some(actor) = gather.named("predicate.actor", NodeKind::Identity, actor)
    {
        gather.term_all(actor.terms());
    }
    let created = provenance.created.as_ref().and_then(|(path, text)| gather.time(path, text));
    gather.happened(created);
}

//! Facts of a verification that someone else made.

use std::collections::BTreeSet;

use super::gather::Gather;
use super::{EdgeKind, Field, Node, NodeKind, Term};
use crate::predicate::{Judgement, VerificationResult};
use crate::repository::{GitUri, Repository};
use crate::statement::Statement;

/// A policy that has an URI and a digest is two nodes: what a name means may change, what a digest means may not.
pub(super) fn read(statement: &Statement<'_>, judgement: &Judgement, gather: &mut Gather) {
    let repository = judgement.resource.as_deref().and_then(repository);
    let subjects = gather.subjects(statement, repository.as_ref());
    for (path, error) in &judgement.dropped {
        gather.warn(path, error.clone());
    }
    for (path, policy) in &judgement.policies {
        let digests = policy.usable().iter().map(ToString::to_string);
        let names: BTreeSet<String> =
            policy.uri().map(ToOwned::to_owned).into_iter().chain(digests).collect();
        let nodes: BTreeSet<Node> =
            names.iter().filter_map(|name| gather.named(path, NodeKind::Policy, name)).collect();
        gather.edges(&subjects, EdgeKind::Judged, &nodes);
    }
    if let Some(verifier) = gather.named("predicate.verifier.id", NodeKind::Identity, &judgement.verifier) {
        gather.term_all(verifier.terms());
    }
    if let Some(resource) = &judgement.resource {
        found_by(resource, repository.as_ref(), gather);
    }
    if let (Some(repository), VerificationResult::Passed) = (&repository, judgement.result) {
        on_refs(statement, repository, gather);
    }
    let time = judgement.time.as_ref().and_then(|(path, text)| gather.time(path, text));
    gather.happened(time);
}

/// The repository of a source, which is told by the scheme.
fn repository(resource: &str) -> Option<Repository> {
    GitUri::parse(resource).filter(GitUri::names_git).map(|uri| uri.repository().clone())
}

fn found_by(resource: &str, repository: Option<&Repository>, gather: &mut Gather) {
    if let Some(repository) = repository {
        gather.term(Term::of(Field::Repository, repository.to_string()));
    } else if let Ok(purl) = resource.parse() {
        gather.term_all(Node::component(&purl).terms());
    } else if let Some(reference) = gather.named("predicate.resourceUri", NodeKind::Ref, resource) {
        gather.term_all(reference.terms());
    }
}

/// Branches and tags that the summary of a source says its commit was on. Only what passed was there rightly.
fn on_refs(statement: &Statement<'_>, repository: &Repository, gather: &mut Gather) {
    for subject in statement.subjects() {
        let nodes = gather.nodes(subject, Some(repository));
        let commits: BTreeSet<Node> =
            nodes.into_iter().filter(|node| node.kind() == NodeKind::Commit).collect();
        let references = subject.source_refs().iter();
        let references: BTreeSet<Node> =
            references.filter_map(|reference| Node::git_ref(repository, reference)).collect();
        gather.edges(&commits, EdgeKind::OnRef, &references);
    }
}

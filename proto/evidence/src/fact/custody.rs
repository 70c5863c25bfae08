//! Facts of the predicates that Custody defines.

use std::collections::BTreeSet;

use super::called::named as split;
use super::gather::Gather;
use super::{Called, EdgeKind, ExpectedTold, Field, Node, NodeKind, Problem, Term};
use crate::environment::{Said, Seen};
use crate::predicate::{
    Action, Approval, Deployment, Distribution, Exception, Expected, Name, Promotion, Publication, Review,
    Snapshot, Source, Tag,
};
use crate::repository::{CommitId, Repository};
use crate::statement::Statement;
use crate::subject_name::NameKind;

pub(super) fn source(statement: &Statement<'_>, source: &Source, gather: &mut Gather) {
    let commits = commits(statement, &source.repo, &source.commit, gather);
    if let Some(reference) = &source.reference
        && let Some(reference) = Node::git_ref(&source.repo, reference.as_str())
    {
        gather.edges(&commits, EdgeKind::OnRef, [&reference]);
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
    gather.called_by_subjects(statement, None);
    for reference in [&promotion.ref_before, &promotion.ref_after].into_iter().flatten() {
        gather.term_all(Node::named(NodeKind::Ref, reference.as_str()).iter().flat_map(Node::terms));
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
    gather.called_by_subjects(statement, None);
    if let Some(workload) = &deployment.workload {
        gather.called(Called::workload(workload.as_str(), subjects));
    }
    let (cluster, workload) = (deployment.cluster.clone(), deployment.workload.clone());
    let artifacts = gather.artifacts(statement);
    let said = match deployment.action {
        Action::Start => Said::Started { cluster, workload, artifacts, whole: true },
        Action::Stop => Said::Stopped { cluster, workload, artifacts },
    };
    gather.observed(&deployment.environment, said);
    gather.claimed("predicate.at", deployment.at);
    gather.happened(Some(deployment.at));
}

/// Only what runs is a running subject: where nothing runs, the subject is the environment's name.
pub(super) fn snapshot(statement: &Statement<'_>, snapshot: &Snapshot, gather: &mut Gather) {
    gather.term(Term::of(Field::Environment, snapshot.environment.to_string()));
    for subject in statement.subjects() {
        let paired: Vec<_> = subject.usable().iter().filter(|digest| digest.commit_hex().is_none()).collect();
        if paired.len() > 1 {
            gather.term_all(paired.iter().map(|digest| Term::of(Field::Pair, digest.to_string())));
        }
    }
    let (mut running, mut seen) = (BTreeSet::new(), Vec::new());
    for (position, runs) in snapshot.running.iter().enumerate() {
        let path = format!("predicate.running[{position}].digest");
        let digest = runs.digest.digest();
        let artifacts = gather.subjects_with(statement, &path, digest);
        if let Some(workload) = &runs.workload {
            gather.called(Called::workload(workload.as_str(), artifacts.clone()));
        }
        if !artifacts.is_empty() {
            let (workload, count) = (runs.workload.clone(), runs.count);
            seen.push(Seen { digest: digest.clone(), workload, count });
        }
        running.extend(artifacts);
    }
    gather.observed(
        &snapshot.environment,
        Said::Snapshot { running: seen, unknown: snapshot.unknown, whole: true },
    );
    named(&running, EdgeKind::RunsIn, NodeKind::Environment, [&snapshot.environment], gather);
    gather.claimed("predicate.at", snapshot.at);
    gather.happened(Some(snapshot.at));
}

pub(super) fn tag(statement: &Statement<'_>, tag: &Tag, gather: &mut Gather) {
    let artifacts = gather.subjects_with(statement, "predicate.digest", tag.digest.digest());
    if let Some(written) = gather.named("predicate.tag", NodeKind::Ref, &tag.reference()) {
        gather.term_all(written.terms());
        let reference = of_repository(tag).unwrap_or(written);
        gather.term_all(reference.terms());
        if !artifacts.is_empty() {
            gather.meant(&reference, tag.digest.digest());
        }
        gather.edges([&reference], EdgeKind::PointsTo, &artifacts);
    }
    let version = Some(tag.tag.to_string());
    gather.called(Called::of(tag.repository.as_str(), version, artifacts));
    gather.claimed("predicate.observed_at", tag.observed_at);
    gather.happened(Some(tag.observed_at));
}

/// What was pushed by digest alone was pushed to its repository.
/// The tag of a repository, which the commit that it points to tells.
fn of_repository(tag: &Tag) -> Option<Node> {
    tag.digest.digest().commit_hex()?;
    Node::git_ref(&Repository::parse(tag.repository.as_str())?, tag.tag.as_str())
}

pub(super) fn publication(statement: &Statement<'_>, publication: &Publication, gather: &mut Gather) {
    let subjects = gather.subjects(statement, None);
    let reference = publication.reference.as_ref().unwrap_or(&publication.repository);
    named(&subjects, EdgeKind::Published, NodeKind::Ref, [reference], gather);
    named(&subjects, EdgeKind::Published, NodeKind::Identity, [&publication.actor], gather);
    // Several subjects under one reference are files of it, each of which it does not mean.
    if let ([subject], Some(pushed)) = (statement.subjects(), &publication.reference)
        && let Some(pushed) = Node::named(NodeKind::Ref, pushed.as_str())
    {
        for digest in subject.usable() {
            gather.meant(&pushed, digest);
        }
    }
    gather.called_by_subjects(statement, None);
    gather.called(Called::of(&published_as(publication), version_of(publication), subjects));
    gather.claimed("predicate.at", publication.at);
    gather.happened(Some(publication.at));
}

pub(super) fn distribution(statement: &Statement<'_>, distribution: &Distribution, gather: &mut Gather) {
    let subjects = gather.subjects(statement, None);
    named(&subjects, EdgeKind::Received, NodeKind::Identity, [&distribution.recipient], gather);
    gather.claimed("predicate.at", distribution.at);
    gather.happened(Some(distribution.at));
}

/// What should happen is no time of something that has happened.
pub(super) fn expected(statement: &Statement<'_>, expected: &Expected, gather: &mut Gather) {
    let source = expected.source.as_str();
    if gather.is_subject(statement, "predicate.source", NameKind::Identity, source) {
        gather.term(Term::of(Field::Identity, source.to_owned()));
        let (source, period) = (source.to_owned(), expected.period);
        gather.told().expected = Some(ExpectedTold { source, period, count: expected.count });
    }
}

/// An exception says nothing about how its subject came to be: it is found, and it is no edge.
pub(super) fn exception(statement: &Statement<'_>, exception: &Exception, gather: &mut Gather) {
    let subject = exception.subject.digest();
    if !gather.subjects_with(statement, "predicate.subject", subject).is_empty() {
        gather.term(Term::of(Field::Policy, exception.policy.to_string()));
        gather.term(Term::of(Field::Identity, exception.owner.to_string()));
        if exception.rule.as_str() == "*" {
            gather.told().waived = Some(exception.policy.to_string());
        }
    }
    gather.claimed("predicate.at", exception.at);
    gather.happened(Some(exception.at));
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

/// Returns the name that stays over versions: with the registry where the repository does not begin with it.
fn published_as(publication: &Publication) -> String {
    let registry = publication.registry.as_str();
    let host = registry.split_once("://").map_or(registry, |(_, host)| host).trim_end_matches('/');
    let repository = publication.repository.as_str();
    if repository.starts_with(host) { repository.to_owned() } else { format!("{host}/{repository}") }
}

fn version_of(publication: &Publication) -> Option<String> {
    let reference = publication.reference.as_ref()?.as_str();
    let (_, version) = split(reference)?;
    // A package is written with an `@` before its version.
    version.or_else(|| reference.rsplit_once('@').map(|(_, version)| version.to_owned()))
}

fn named<'a>(
    from: &BTreeSet<Node>,
    kind: EdgeKind,
    to: NodeKind,
    names: impl IntoIterator<Item = &'a Name>,
    gather: &mut Gather,
) {
    let to: BTreeSet<Node> = names.into_iter().filter_map(|name| Node::named(to, name.as_str())).collect();
    gather.edges(from, kind, &to);
}

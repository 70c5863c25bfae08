//! Whether a statement says of itself what its submitter's token says.

use std::collections::BTreeSet;

use super::claims::SubmitterClaims;
use super::record::Binding;
use crate::fact::{EdgeKind, Facts, Node, NodeKind};
use crate::repository::Repository;

/// Compares the repository, commit and run that a statement names with those of its submitter.
///
/// `conflict` if it names runs, or commits, and none is the submitter's; else `bound` if one is. A build names the commits of its
/// dependencies too, so one that fits is enough. What the token does not say is not compared.
pub(super) fn compare(facts: &Facts, claims: &SubmitterClaims) -> Binding {
    let (runs, commits) = named(facts);
    let run = claims.run_invocation_uri.as_deref();
    let by_run = run.and_then(|run| fits(&runs, |named| is_run(named, run)));
    let repository = claims.source_repository_uri.as_deref().and_then(Repository::parse);
    let commit = repository.map(|repository| (repository, claims.source_repository_digest.as_deref()));
    let by_commit = commit.and_then(|(repository, commit)| {
        fits(&commits, |named| is_commit(named, repository.as_str(), commit))
    });
    match (by_run, by_commit) {
        (Some(false), _) | (_, Some(false)) => Binding::Conflict,
        (None, None) => Binding::Unbound,
        (Some(true), _) | (_, Some(true)) => Binding::Bound,
    }
}

/// Returns the runs and commits that the statement is about: those that made, or were built into, or are its subjects. A run that
/// nobody named is told by its predicate, and is no claim.
fn named(facts: &Facts) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let says = |kind| {
        matches!(
            kind,
            EdgeKind::BuiltBy
                | EdgeKind::BuiltFrom
                | EdgeKind::OnRef
                | EdgeKind::AuthoredBy
                | EdgeKind::RanOn
        )
    };
    let edges = facts.edges.iter().filter(|edge| says(edge.kind));
    let nodes: Vec<&Node> = edges.flat_map(|edge| [&edge.from, &edge.to]).collect();
    let of = |kind| nodes.iter().filter(move |node| node.kind() == kind).map(|node| node.id());
    let runs = of(NodeKind::Run).filter(|run| !run.starts_with("unnamed:"));
    (runs.collect(), of(NodeKind::Commit).collect())
}

/// Whether one of those named fits; none if nothing is named.
fn fits(named: &BTreeSet<&str>, fits: impl Fn(&str) -> bool) -> Option<bool> {
    (!named.is_empty()).then(|| named.iter().any(|named| fits(named)))
}

/// Whether a run is named, or one attempt of it is where the other says no attempt.
fn is_run(named: &str, run: &str) -> bool {
    let of = |longer: &str, shorter: &str| {
        longer.strip_prefix(shorter).is_some_and(|rest| rest.starts_with("/attempts/"))
    };
    named == run || of(run, named) || of(named, run)
}

/// Whether a commit (`<repository>@<hex>`, or `gitCommit:<hex>`) is the submitter's. Where the token does not say the commit, the
/// repository is compared alone.
fn is_commit(named: &str, repository: &str, commit: Option<&str>) -> bool {
    match (named.rsplit_once('@'), named.strip_prefix("gitCommit:"), commit) {
        (_, Some(hex), Some(commit)) => hex == commit,
        (Some((of, hex)), None, Some(commit)) => of == repository && hex == commit,
        (Some((of, _)), None, None) => of == repository,
        (_, Some(_), None) | (None, None, _) => false,
    }
}

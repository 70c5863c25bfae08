//! Facts of a run that tells about itself: what it used, what it ran on, which secrets it could read.

use std::collections::BTreeSet;

use super::gather::Gather;
use super::{Conclusion, EdgeKind, Field, Node, NodeKind, RunTold, RunnerTold, Series, Term, is_request};
use crate::digest_set::Digest;
use crate::predicate::{ResolvedRef, Run, one_run};
use crate::purl::Purl;
use crate::repository::{CommitId, GitUri, Repository};
use crate::statement::Statement;
use crate::subject_name::NameKind;

/// A run that is no subject gets no evidence.
pub(super) fn read(statement: &Statement<'_>, run: &Run, gather: &mut Gather) {
    if let Some(at) = run.at {
        gather.claimed("predicate.at", at);
    }
    gather.happened(run.at);
    let name = run.run.as_str();
    if !gather.is_subject(statement, "predicate.run", NameKind::Run, name) {
        return;
    }
    let Some(node) = gather.named("predicate.run", NodeKind::Run, one_run(name)) else { return };
    gather.term_all(node.terms());
    if let Some(repository) = Repository::of_run(node.id()) {
        gather.term(Term::of(Field::Repository, repository.to_string()));
    }
    went(&node, run, gather);
    if let Some(runner) = &run.runner
        && let Some(runner) = gather.named("predicate.runner.name", NodeKind::Builder, runner.name.as_str())
    {
        gather.edge(&node, EdgeKind::RanOn, &runner);
    }
    for (position, used) in run.resolved.iter().enumerate() {
        resolved(&node, &format!("predicate.resolved[{position}]"), used, gather);
    }
    // A role is assumed with a token for an audience, and a token may do what it was allowed: who looks for what a run could do finds
    // it by these, and they are no secrets.
    let rights = run.audiences.iter().chain(&run.permissions);
    gather.term_all(rights.map(|right| Term::of(Field::Secret, right.to_string())));
    for (position, secret) in run.secrets.iter().enumerate() {
        let path = format!("predicate.secrets[{position}]");
        if let Some(secret) = gather.named(&path, NodeKind::Secret, secret.as_str()) {
            gather.edge(&node, EdgeKind::CouldRead, &secret);
        }
    }
}

/// How it went, and the pipeline that it is a run of: all of those are found together.
fn went(node: &Node, run: &Run, gather: &mut Gather) {
    let trigger = run.trigger.as_ref().map(ToString::to_string);
    let runner = run.runner.as_ref();
    let told = RunTold {
        run: node.clone(),
        outcome: run.conclusion.as_ref().and_then(|word| Conclusion::read(word.as_str())),
        by_request: trigger.as_deref().is_some_and(is_request),
        trigger,
        runner: runner
            .map(|runner| RunnerTold { name: runner.name.to_string(), hosted: runner.hosted == Some(true) }),
        series: Series::of(node.id()),
    };
    if let Some(series) = &told.series {
        gather.term(Term::of(Field::Name, series.name.clone()));
    }
    gather.told().run = Some(told);
}

fn resolved(run: &Node, path: &str, used: &ResolvedRef, gather: &mut Gather) {
    let reference = used.reference.as_str();
    // A reference that is pinned says itself which commit it is.
    let pinned = reference.rsplit_once('@').and_then(|(_, commit)| commit.parse::<CommitId>().ok());
    let pinned = pinned.map(|commit| Node::of_digest(&Digest::git_commit(&commit), None));
    let bytes: BTreeSet<Node> =
        used.digest.iter().map(|digest| Node::of_digest(digest.digest(), None)).chain(pinned).collect();
    let path = format!("{path}.ref");
    if Purl::is_written(reference) {
        match reference.parse::<Purl>() {
            Ok(purl) => {
                let component = Node::component(&purl);
                gather.edge(run, EdgeKind::Resolved, &component);
                let artifacts = bytes.iter().filter(|node| node.kind() == NodeKind::Artifact).cloned();
                let artifacts: BTreeSet<Node> = artifacts.collect();
                gather.edges([&component], EdgeKind::HasBytes, &artifacts);
                if let Some(reference) = GitUri::of_package(&purl).as_ref().and_then(Node::ref_of) {
                    means(run, &reference, used, gather);
                }
            }
            Err(error) => gather.warn(&path, error),
        }
    } else if let Some(reference) = gather.named(&path, NodeKind::Ref, reference) {
        means(run, &reference, used, gather);
    }
    for node in &bytes {
        gather.label(node, reference);
    }
    gather.edges([run], EdgeKind::Resolved, &bytes);
}

fn means(run: &Node, reference: &Node, used: &ResolvedRef, gather: &mut Gather) {
    if let Some(digest) = &used.digest {
        gather.meant(reference, digest.digest());
    }
    gather.edge(run, EdgeKind::Resolved, reference);
}

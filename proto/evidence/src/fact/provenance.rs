//! Facts of a build: SLSA provenance.

use std::collections::BTreeSet;

use super::gather::Gather;
use super::{EdgeKind, Field, Node, NodeKind, Problem, RunTold, Series, Term, is_request, report};
use crate::predicate::{DEPENDENCIES_MAX, Provenance};
use crate::purl::Purl;
use crate::repository::{GitUri, Repository};
use crate::statement::{Descriptor, Statement};

pub(super) fn read(statement: &Statement<'_>, provenance: &Provenance, gather: &mut Gather) {
    let artifacts = gather.subjects(statement, None);
    let run = run_of(statement, provenance, gather);
    gather.edges(&artifacts, EdgeKind::BuiltBy, [&run]);
    if let Some(builder) = &provenance.builder
        && let Some(builder) = gather.named("predicate.builder.id", NodeKind::Builder, builder)
    {
        gather.edge(&run, EdgeKind::RanOn, &builder);
    }
    gather.label(&run, provenance.entry_point.as_deref().unwrap_or_default());
    versions(statement, gather);
    report::happened(provenance.started.as_ref(), provenance.finished.as_ref(), gather);
    let repository = repository(provenance, gather);
    for (path, error) in &provenance.dropped {
        gather.warn(path, error.clone());
    }
    if provenance.more_dependencies > 0 {
        gather.warn("predicate", Problem::TooManyDependencies { max: DEPENDENCIES_MAX });
    }

    let mut commits = BTreeSet::new();
    if let Some((path, config)) = &provenance.config {
        gather.malformed(path, config);
        let nodes = gather.nodes(config, None);
        let (sources, definitions): (BTreeSet<Node>, BTreeSet<Node>) =
            nodes.into_iter().partition(|node| node.kind() == NodeKind::Commit);
        commits = sources;
        gather.edges([&run], EdgeKind::DefinedBy, &definitions);
        reference(&run, path, config, gather);
        gather.same(config);
    }
    if let Some((path, checkout)) = &provenance.checkout {
        gather.malformed(path, checkout);
        commits.extend(gather.nodes(checkout, None));
    }
    for (path, dependency) in &provenance.dependencies {
        commits.extend(resolved(&run, path, dependency, gather));
    }
    let built: BTreeSet<Node> = artifacts.into_iter().chain([run.clone()]).collect();
    gather.edges(&built, EdgeKind::BuiltFrom, &commits);
    told(statement, provenance, run, repository, gather);
}

/// A subject whose name is a version of a package is that version's bytes: so npm and `BuildKit` call what they built.
fn versions(statement: &Statement<'_>, gather: &mut Gather) {
    for (position, subject) in statement.subjects().iter().enumerate() {
        let named =
            subject.name().filter(|name| Purl::is_written(name)).and_then(|name| name.parse::<Purl>().ok());
        if let Some(version) = named.filter(|purl| purl.version().is_some()) {
            let mut bytes = gather.subject(position);
            bytes.retain(|node| node.kind() == NodeKind::Artifact);
            gather.edges([&Node::component(&version)], EdgeKind::HasBytes, &bytes);
        }
    }
}

/// What findings compare: what started the run, and what its subjects are called.
fn told(
    statement: &Statement<'_>,
    provenance: &Provenance,
    run: Node,
    repository: Option<String>,
    gather: &mut Gather,
) {
    let trigger = provenance.trigger.clone();
    let by_request = trigger.as_deref().is_some_and(is_request);
    let series = Series::of(run.id());
    let told = RunTold { run, outcome: None, by_request, trigger, runner: None, series };
    gather.called_by_subjects(statement, repository.as_deref());
    let facts = gather.told();
    (facts.run, facts.repository) = (Some(told), repository);
}

/// Returns the run's node. A run that is not named, or by a text that cannot be a name, is named by the digest of its
/// predicate, so that artifact and builder still hang together.
fn run_of(statement: &Statement<'_>, provenance: &Provenance, gather: &mut Gather) -> Node {
    let named = provenance.run_id().and_then(|id| gather.named("predicate.invocationId", NodeKind::Run, &id));
    named.unwrap_or_else(|| Node::unnamed_run(statement.predicate_bytes().unwrap_or_default()))
}

/// The repository of the workflow finds the entry even if no dependency names it. Returns the one whose build it is.
fn repository(provenance: &Provenance, gather: &mut Gather) -> Option<String> {
    let named = provenance.repository.as_deref().and_then(Repository::parse);
    let source = provenance.source().map(GitUri::repository);
    let of_run = provenance.run_url().and_then(|url| Repository::of_run(&url));
    for repository in [named.as_ref(), source, of_run.as_ref()].into_iter().flatten() {
        gather.term(Term::of(Field::Repository, repository.as_str().to_owned()));
    }
    named.as_ref().or(source).map(|repository| repository.as_str().to_owned())
}

/// Adds what the run resolved, and returns the commits among it.
fn resolved(run: &Node, path: &str, dependency: &Descriptor, gather: &mut Gather) -> BTreeSet<Node> {
    gather.malformed(path, dependency);
    let purl = dependency.uri().filter(|uri| Purl::is_written(uri)).map(str::parse::<Purl>);
    let source = purl.as_ref().and_then(|purl| GitUri::of_package(purl.as_ref().ok()?));
    let nodes = gather.nodes(dependency, source.as_ref().map(GitUri::repository));
    let (commits, artifacts): (BTreeSet<Node>, BTreeSet<Node>) =
        nodes.into_iter().partition(|node| node.kind() == NodeKind::Commit);
    for artifact in &artifacts {
        gather.edge(run, EdgeKind::Resolved, artifact);
        gather.label(artifact, dependency.name().or(dependency.uri()).unwrap_or_default());
    }
    match purl {
        Some(Ok(purl)) => {
            let component = Node::component(&purl);
            gather.edge(run, EdgeKind::Resolved, &component);
            gather.edges([&component], EdgeKind::HasBytes, &artifacts);
            if let Some(reference) = source.as_ref().and_then(Node::ref_of) {
                means(run, &reference, dependency, gather);
            }
        }
        Some(Err(error)) => gather.warn(&format!("{path}.uri"), error),
        None => reference(run, path, dependency, gather),
    }
    gather.same(dependency);
    commits
}

/// The mutable name by which the run got something: a branch or tag of a repository, an image tag, a URL.
fn reference(run: &Node, path: &str, descriptor: &Descriptor, gather: &mut Gather) {
    let node = match (descriptor.git_uri(), descriptor.uri()) {
        (Some(uri), _) => Node::ref_of(uri),
        (None, Some(uri)) => gather.named(&format!("{path}.uri"), NodeKind::Ref, uri),
        (None, None) => None,
    };
    if let Some(node) = node {
        means(run, &node, descriptor, gather);
    }
}

fn means(run: &Node, reference: &Node, descriptor: &Descriptor, gather: &mut Gather) {
    for digest in descriptor.usable() {
        gather.meant(reference, digest);
    }
    gather.edge(run, EdgeKind::Resolved, reference);
}

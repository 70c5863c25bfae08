//! Facts of reports: the document itself, and what it points to.

use std::collections::BTreeSet;

use super::gather::Gather;
use super::{EdgeKind, Node, NodeKind};
use crate::digest_set::Digest;
use crate::predicate::{Report, one_run};
use crate::statement::Statement;

pub(super) fn read(statement: &Statement<'_>, report: &Report, gather: &mut Gather) {
    let subjects = gather.subjects(statement, None);
    let document = itself(statement, &report.title, gather);
    let mut documents = BTreeSet::from([document]);
    documents.extend(report.inner.as_ref().map(Node::document));
    for (path, error) in &report.dropped {
        gather.warn(path, error.clone());
    }
    for (path, pointed) in &report.documents {
        gather.malformed(path, pointed);
        for digest in pointed.usable() {
            let node = Node::document(digest);
            gather.label(&node, pointed.name().or(pointed.uri()).unwrap_or_default());
            documents.insert(node);
        }
    }
    gather.edges(&subjects, EdgeKind::DescribedBy, &documents);
    if let Some((path, page)) = &report.tested
        && let Some(page) = gather.named(path, NodeKind::Identity, page)
    {
        gather.edges(&subjects, EdgeKind::Tested, [&page]);
    }
    let named = report.named.iter().map(|(path, text)| (path, NodeKind::Identity, text));
    let located = report.locations.iter().map(|(path, text)| (path, NodeKind::Ref, text));
    for (path, kind, text) in named.chain(located) {
        if let Some(node) = gather.named(path, kind, text) {
            gather.term_all(node.terms());
        }
    }
    if let Some(run) = &report.run
        && let Some(run) = gather.named("predicate", NodeKind::Run, one_run(run))
    {
        gather.term_all(run.terms());
    }
    happened(report.started.as_ref(), report.finished.as_ref(), gather);
}

/// Returns the node of the predicate's own bytes, which everything about a report is found by.
pub(super) fn itself(statement: &Statement<'_>, title: &str, gather: &mut Gather) -> Node {
    let document = Node::document(&Digest::sha256_of(statement.predicate_bytes().unwrap_or_default()));
    gather.label(&document, title);
    document
}

/// Something happened when it ended; without an end, when it started.
pub(super) fn happened(
    started: Option<&(String, String)>,
    finished: Option<&(String, String)>,
    gather: &mut Gather,
) {
    let mut time = |claim: Option<&(String, String)>| claim.and_then(|(path, text)| gather.time(path, text));
    let (started, finished) = (time(started), time(finished));
    gather.happened(finished.or(started));
}

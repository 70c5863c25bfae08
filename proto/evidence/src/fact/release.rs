//! Facts of a release: which bytes a version of a package has.

use super::gather::Gather;
use super::{Called, EdgeKind, Node, NodeKind, Problem};
use crate::predicate::Release;
use crate::purl::Purl;
use crate::statement::Statement;

/// in-toto names the version of all subjects, npm that of each in the subject's name.
pub(super) fn read(statement: &Statement<'_>, release: &Release, gather: &mut Gather) -> Result<(), Problem> {
    match &release.purl {
        Some(text) => {
            let component = version(text)?;
            let subjects = gather.subjects(statement, None);
            gather.term_all(component.terms());
            gather.edges([&component], EdgeKind::HasBytes, &subjects);
            gather.called(Called::subject(text, None, subjects));
        }
        None => {
            for subject in statement.subjects() {
                let component = version(subject.name().unwrap_or_default())?;
                let bytes = gather.nodes(subject, None);
                gather.edges([&component], EdgeKind::HasBytes, &bytes);
                gather.called(Called::subject(subject.name().unwrap_or_default(), None, bytes));
            }
        }
    }
    if let Some(registry) = &release.registry
        && let Some(registry) = Node::named(NodeKind::Ref, registry)
    {
        gather.term_all(registry.terms());
    }
    Ok(())
}

/// A package without a version has no bytes.
fn version(text: &str) -> Result<Node, Problem> {
    let purl: Purl = text.parse()?;
    match purl.version() {
        Some(_) => Ok(Node::component(&purl)),
        None => Err(Problem::NoVersion { found: text.chars().take(80).collect() }),
    }
}

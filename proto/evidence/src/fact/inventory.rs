//! Facts of a software bill of materials: what an artifact ships, and where that comes from.

use std::collections::BTreeSet;

use super::gather::Gather;
use super::{EdgeKind, Node, NodeKind, Problem};
use crate::digest_set::Digest;
use crate::sbom::{self, Component, LeftOut};
use crate::statement::Statement;

pub(super) fn read(statement: &Statement<'_>, predicate: &[u8], gather: &mut Gather) -> Result<(), Problem> {
    // The document is found by its own digest even if nothing in it can be read.
    let document = Node::document(&Digest::sha256_of(predicate));
    let mut artifacts = gather.subjects(statement, None);
    gather.edges(&artifacts, EdgeKind::DescribedBy, &BTreeSet::from([document.clone()]));

    let sbom = sbom::components(predicate)?;
    gather.components(sbom.components.len());
    gather.label(&document, &sbom.format);
    let created =
        sbom.created.as_ref().and_then(|(path, text)| gather.time(&format!("predicate.{path}"), text));
    gather.happened(created);
    for (path, left_out) in sbom.left_out {
        gather.warn(&format!("predicate.{path}"), left_out);
    }

    let described: BTreeSet<Node> = sbom.described.iter().flat_map(bytes).collect();
    gather.edges(&described, EdgeKind::DescribedBy, &BTreeSet::from([document]));
    artifacts.extend(described);
    // What is described does not ship itself. A copy of it that is listed elsewhere is left out too: it has the same
    // package URL.
    let itself: BTreeSet<Node> = sbom.described.iter().filter_map(node).collect();
    let shipped: BTreeSet<Node> =
        sbom.components.iter().filter(|component| component.shipped).filter_map(node).collect();
    let shipped = &shipped - &itself;
    gather.edges(&artifacts, EdgeKind::Contains, &shipped);
    for component in sbom.described.iter().chain(&sbom.components) {
        if gather.full() {
            break;
        }
        origin(component, gather);
    }
    Ok(())
}

/// The bytes of a component's version, and where they come from.
fn origin(component: &Component, gather: &mut Gather) {
    for digest in &component.hashes {
        gather.malformed_digest(&format!("predicate.{}.hashes", component.path), digest);
    }
    gather.same_digests(&component.hashes);
    let Some(node) = node(component) else { return };
    gather.term_all(node.terms());
    gather.label(&node, &component.name);
    gather.edges(&BTreeSet::from([node.clone()]), EdgeKind::HasBytes, &bytes(component));
    for text in &component.fetched_from {
        if let Some(from) = gather.named(&format!("predicate.{}", component.path), NodeKind::Ref, text) {
            gather.edge(&node, EdgeKind::FetchedFrom, &from);
        }
    }
}

fn node(component: &Component) -> Option<Node> {
    component.purl.as_ref().map(Node::component)
}

fn bytes(component: &Component) -> BTreeSet<Node> {
    component.hashes.iter().filter(|digest| digest.usable()).map(Node::artifact).collect()
}

impl From<LeftOut> for Problem {
    fn from(left_out: LeftOut) -> Self {
        match left_out {
            LeftOut::Component { why } => Self::Component { why },
            LeftOut::Digest(error) => error.into(),
            LeftOut::Purl(error) => error.into(),
        }
    }
}

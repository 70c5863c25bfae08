//! Facts of a software bill of materials: what an artifact ships, and where that comes from.

use std::collections::BTreeSet;

use super::gather::Gather;
use super::known_vulnerabilities;
use super::{EdgeKind, Node, NodeKind, Problem};
use crate::digest_set::{Digest, Standing};
use crate::sbom::{self, Component, LeftOut};
use crate::statement::Statement;

pub(super) fn read(statement: &Statement<'_>, predicate: &[u8], gather: &mut Gather) -> Result<(), Problem> {
    // The document is found by its own digest even if nothing in it can be read.
    let document = Node::document(&Digest::sha256_of(predicate));
    let mut artifacts = gather.subjects(statement, None);
    gather.edges(&artifacts, EdgeKind::DescribedBy, [&document]);
    if let Some(text) = sbom::wrapped_text(predicate) {
        // The file that was wrapped is found by its own digest, too.
        let file = Node::document(&Digest::sha256_of(text.as_bytes()));
        gather.edges(&artifacts, EdgeKind::DescribedBy, [&file]);
    }

    let mut sbom = sbom::components(predicate)?;
    gather.components(sbom.components.len());
    gather.label(&document, &sbom.format);
    let created =
        sbom.created.as_ref().and_then(|(path, text)| gather.time(&format!("predicate.{path}"), text));
    gather.happened(created);
    for (path, left_out) in std::mem::take(&mut sbom.left_out) {
        gather.warn(&format!("predicate.{path}"), left_out);
    }

    let mut described: Vec<Part<'_>> = sbom.described.iter().map(|part| Part::of(part, gather)).collect();
    let mut components: Vec<Part<'_>> = sbom.components.iter().map(|part| Part::of(part, gather)).collect();
    // Facts are put in the order of their nodes. Of nodes that are named twice the first name stays.
    described.sort_by(|one, other| one.node.cmp(&other.node));
    components.sort_by(|one, other| one.node.cmp(&other.node));
    let of_described: BTreeSet<Node> = described.iter().flat_map(|part| part.bytes.iter().cloned()).collect();
    gather.edges(&of_described, EdgeKind::DescribedBy, [&document]);
    artifacts.extend(of_described);
    // What is described does not ship itself. A copy of it that is listed elsewhere is left out too: it has the same
    // package URL.
    let itself: BTreeSet<&Node> = described.iter().filter_map(|part| part.node.as_ref()).collect();
    let ships = |part: &&Part<'_>| {
        part.component.shipped && part.node.as_ref().is_some_and(|node| !itself.contains(node))
    };
    let shipped: BTreeSet<Node> =
        components.iter().filter(ships).filter_map(|part| part.node.clone()).collect();
    gather.edges(&artifacts, EdgeKind::Contains, &shipped);
    // What is at an end of an edge is found by that already.
    let has_edge = !artifacts.is_empty() && !gather.full();
    for part in described.iter().chain(&components) {
        if gather.full() {
            break;
        }
        if let Some(node) = part.node.as_ref().filter(|_| !(has_edge && ships(&part))) {
            gather.term_all(node.terms());
        }
        part.origin(gather);
    }
    if !sbom.vulnerabilities.is_empty() {
        known_vulnerabilities::read(&sbom, &artifacts, gather);
    }
    Ok(())
}

/// A component with its nodes, each made once.
struct Part<'a> {
    component: &'a Component<'a>,
    node: Option<Node>,
    /// Of its usable digests, each once, in order.
    bytes: Vec<Node>,
}

impl<'a> Part<'a> {
    /// Makes the nodes, and warns of what cannot be one.
    fn of(component: &'a Component<'a>, gather: &mut Gather) -> Self {
        let mut bytes = Vec::with_capacity(component.hashes.len());
        for digest in &component.hashes {
            match digest.standing() {
                Standing::Usable => bytes.push(Node::artifact(digest)),
                Standing::Malformed => {
                    gather.malformed_digest(format_args!("predicate.{}.hashes", component.path), digest);
                }
                Standing::Unknown | Standing::Weak => {}
            }
        }
        bytes.sort();
        bytes.dedup();
        let node = component.purl.as_ref().map(Node::component);
        let places = component.fetched_from.iter().filter(|_| node.is_some());
        for text in places.filter(|text| !Node::can_be_named(text)) {
            gather.named(&format!("predicate.{}", component.path), NodeKind::Ref, text);
        }
        Self { component, node, bytes }
    }

    /// The bytes of a component's version, and where they come from.
    fn origin(&self, gather: &mut Gather) {
        gather.same_bytes(&self.bytes);
        let Some(node) = &self.node else { return };
        gather.label(node, &self.component.name);
        for place in self.component.fetched_from.iter().filter_map(|text| Node::named(NodeKind::Ref, text)) {
            gather.edge(node, EdgeKind::FetchedFrom, &place);
        }
        for bytes in &self.bytes {
            gather.edge(node, EdgeKind::HasBytes, bytes);
        }
    }
}

impl From<LeftOut> for Problem {
    fn from(left_out: LeftOut) -> Self {
        match left_out {
            LeftOut::Component { why } => Self::Component { why },
            LeftOut::Vulnerability { why } => Self::Vulnerability { why },
            LeftOut::Relationship => Self::Relationship,
            LeftOut::Digest(error) => error.into(),
            LeftOut::Purl(error) => error.into(),
        }
    }
}

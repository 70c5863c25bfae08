//! Facts of vulnerabilities that a bill of materials lists (CycloneDX): in which component, and whether they are in the artifact.
//!
//! An analysis is about the product of the document and not about the component, which others ship as well. So what affects is said of
//! both, and what does not affect of the artifact alone; and of several words about an artifact the worst holds.

use std::collections::{BTreeMap, BTreeSet};

use super::gather::Gather;
use super::{EdgeKind, Node, NodeKind, Problem};
use crate::purl::{self, Purl};
use crate::sbom::{Component, Components, Impact, Vulnerability};

pub(super) fn read(sbom: &Components, artifacts: &BTreeSet<Node>, gather: &mut Gather) {
    let names = Names::of(sbom);
    let mut worst: BTreeMap<Node, Impact> = BTreeMap::new();
    for found in &sbom.vulnerabilities {
        let path = format!("predicate.{}", found.path);
        let Some(vulnerability) = gather.named(&path, NodeKind::Vulnerability, &found.id) else { continue };
        gather.term_all(vulnerability.terms());
        if names.concerns(found, &path, &vulnerability, gather) {
            let kept = worst.entry(vulnerability).or_insert(found.impact);
            *kept = found.impact.max(*kept);
        }
    }
    for (vulnerability, impact) in worst {
        let kind = match impact {
            Impact::Affected => EdgeKind::AffectedBy,
            Impact::NotAffected => EdgeKind::NotAffectedBy,
            Impact::Open => continue,
        };
        gather.edges(artifacts, kind, &BTreeSet::from([vulnerability]));
    }
}

/// What the references of a document name.
struct Names<'a> {
    /// The components of the document, and what it describes.
    inside: BTreeMap<&'a str, &'a Component>,
    /// How links to what is in the document begin.
    itself: Option<String>,
    /// How links to what is in another document begin, if all are to one, and this one lists nothing: it is an answer to that one, about
    /// the same product.
    answered: Option<&'a str>,
}

impl<'a> Names<'a> {
    fn of(sbom: &'a Components) -> Self {
        let all = sbom.described.iter().chain(&sbom.components);
        let inside = all.filter_map(|component| Some((component.reference.as_deref()?, component))).collect();
        let itself = sbom
            .serial_number
            .as_deref()
            .and_then(|urn| Some(format!("urn:cdx:{}/", urn.strip_prefix("urn:uuid:")?)));
        let references = sbom.vulnerabilities.iter().flat_map(|found| &found.affects);
        let linked: BTreeSet<&str> = references.filter_map(|text| Some(link(text)?.0)).collect();
        let alone = sbom.components.is_empty() && sbom.described.is_empty();
        let answered = linked.first().copied().filter(|_| alone && linked.len() == 1);
        Self { inside, itself, answered }
    }

    /// Adds what is said of components, and returns whether the artifact is concerned.
    fn concerns(&self, found: &Vulnerability, path: &str, vulnerability: &Node, gather: &mut Gather) -> bool {
        let mut concerned = found.affects.is_empty();
        for reference in &found.affects {
            let (component, ours) = self.resolve(reference);
            concerned |= ours;
            if component.is_none() && !ours {
                gather.warn(path, Problem::NoProduct { named: reference.chars().take(80).collect() });
            }
            let Some(component) = component else { continue };
            gather.term_all(component.terms());
            if found.impact == Impact::Affected {
                gather.edge(&component, EdgeKind::AffectedBy, vulnerability);
            }
        }
        concerned
    }

    /// Returns the component that a reference names, if it has a package URL, and whether it is a part of the artifact.
    fn resolve(&self, reference: &str) -> (Option<Node>, bool) {
        let of = |purl: &Purl| Node::component(purl);
        if let Some(component) = self.inside.get(reference) {
            return (component.purl.as_ref().map(of), true);
        }
        let Some((document, id)) = link(reference) else {
            return (reference.parse().ok().as_ref().map(of), false);
        };
        let id = purl::decode(id).unwrap_or_else(|_| id.to_owned());
        let here = self.itself.as_deref().is_some_and(|itself| document.starts_with(itself));
        if let Some(component) = self.inside.get(id.as_str()).filter(|_| here) {
            return (component.purl.as_ref().map(of), true);
        }
        (id.parse().ok().as_ref().map(of), self.answered == Some(document))
    }
}

/// Takes a BOM-Link apart: the document, with its version, and the id in it.
fn link(reference: &str) -> Option<(&str, &str)> {
    reference.split_once('#').filter(|(document, _)| document.starts_with("urn:cdx:"))
}

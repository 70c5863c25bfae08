//! Facts of vulnerabilities that a bill of materials lists (CycloneDX): in which component, and whether they are in the artifact.
//!
//! An analysis is about the product of the document and not about the component, which others ship as well. So what affects is said of
//! both, and what does not affect of the artifact alone; and of several words about an artifact the worst holds.

use std::collections::{BTreeMap, BTreeSet};

use super::gather::Gather;
use super::{EdgeKind, Node, NodeKind, Problem};
use crate::sbom::{Components, Impact, References, Referent, Vulnerability};

pub(super) fn read(sbom: &Components<'_>, artifacts: &BTreeSet<Node>, gather: &mut Gather) {
    let references = References::of(sbom);
    let mut worst: BTreeMap<Node, Impact> = BTreeMap::new();
    for found in &sbom.vulnerabilities {
        let path = format!("predicate.{}", found.path);
        let ids = std::iter::once(&found.id).chain(&found.aliases);
        let names: BTreeSet<Node> =
            ids.filter_map(|id| gather.named(&path, NodeKind::Vulnerability, id)).collect();
        gather.term_all(names.iter().flat_map(Node::terms));
        if !names.is_empty() && concerns(&references, found, &path, &names, gather) {
            for name in names {
                let kept = worst.entry(name).or_insert(found.impact);
                *kept = found.impact.max(*kept);
            }
        }
    }
    for (vulnerability, impact) in worst {
        let kind = match impact {
            Impact::Affected => EdgeKind::AffectedBy,
            Impact::NotAffected => EdgeKind::NotAffectedBy,
            Impact::Open => continue,
        };
        gather.edges(artifacts, kind, [&vulnerability]);
    }
}

/// Adds what is said of components, and returns whether the artifact is concerned.
fn concerns(
    references: &References<'_>,
    found: &Vulnerability,
    path: &str,
    names: &BTreeSet<Node>,
    gather: &mut Gather,
) -> bool {
    let mut concerned = found.affects.is_empty();
    for reference in &found.affects {
        let (purl, ours) = match references.resolve(reference) {
            Referent::Product(component) | Referent::Component(component) => (component.purl.clone(), true),
            Referent::Answered(purl) => (purl, true),
            Referent::Elsewhere(purl) => (purl, false),
        };
        concerned |= ours;
        if purl.is_none() && !ours {
            gather.warn(path, Problem::NoProduct { named: reference.chars().take(80).collect() });
        }
        let Some(component) = purl.as_ref().map(Node::component) else { continue };
        gather.term_all(component.terms());
        if found.impact == Impact::Affected {
            gather.edges([&component], EdgeKind::AffectedBy, names);
        }
    }
    concerned
}

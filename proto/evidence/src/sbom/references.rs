//! What the references of a CycloneDX document name (`bom-ref`, BOM-Link: <https://cyclonedx.org/capabilities/bomlink/>).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{Component, Components};
use crate::purl::{self, Purl};

/// The references of one document.
#[derive(Debug)]
pub struct References<'a> {
    /// What the document describes and lists, by what it calls it.
    inside: BTreeMap<&'a str, Referent<'a>>,
    /// How links to what is in the document begin.
    itself: Option<String>,
    /// How links to what is in another document begin, if all are to one, and this one lists nothing: it is an answer to that one, about
    /// the same product.
    answered: Option<&'a str>,
}

/// What a reference names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Referent<'a> {
    /// What the document describes.
    Product(&'a Component<'a>),
    /// A component that the document lists.
    Component(&'a Component<'a>),
    /// Something in a document that this one answers, about the same product: the package, where the reference says it.
    Answered(Option<Purl>),
    /// Something else: a package, or nothing that is known.
    Elsewhere(Option<Purl>),
}

impl<'a> References<'a> {
    /// Takes them from a document.
    #[must_use]
    pub fn of(sbom: &'a Components<'a>) -> Self {
        let named = |component: &'a Component<'a>| Some((component.reference.as_deref()?, component));
        let components = sbom.components.iter().filter_map(named);
        let described = sbom.described.iter().filter_map(named);
        let mut inside: BTreeMap<&str, Referent<'_>> =
            components.map(|(name, component)| (name, Referent::Component(component))).collect();
        inside.extend(described.map(|(name, component)| (name, Referent::Product(component))));
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

    /// Returns what a reference in the document names.
    #[must_use]
    pub fn resolve(&self, reference: &str) -> Referent<'a> {
        if let Some(found) = self.inside.get(reference) {
            return found.clone();
        }
        let Some((document, _)) = link(reference) else {
            return Referent::Elsewhere(reference.parse().ok());
        };
        if let Some(found) = self.linked(reference) {
            return found;
        }
        let purl = identified(reference).and_then(|id| id.parse().ok());
        if self.answered == Some(document) { Referent::Answered(purl) } else { Referent::Elsewhere(purl) }
    }

    /// Returns what a link, in this document or in another one, names here; none if it leads elsewhere.
    #[must_use]
    pub fn linked(&self, reference: &str) -> Option<Referent<'a>> {
        let (document, _) = link(reference)?;
        let here = self.itself.as_deref().is_some_and(|itself| document.starts_with(itself));
        self.inside.get(identified(reference)?.as_ref()).filter(|_| here).cloned()
    }
}

/// Takes a BOM-Link apart: the document, with its version, and the id in it.
fn link(reference: &str) -> Option<(&str, &str)> {
    reference.split_once('#').filter(|(document, _)| document.starts_with("urn:cdx:"))
}

/// Returns the id of a link, decoded.
fn identified(reference: &str) -> Option<Cow<'_, str>> {
    let (_, id) = link(reference)?;
    Some(purl::decode(id).unwrap_or(Cow::Borrowed(id)))
}

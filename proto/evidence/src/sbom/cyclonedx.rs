//! CycloneDX 1.2 to 1.7 in JSON (<https://cyclonedx.org/docs/1.7/json/>, ECMA-424).
//!
//! Components inside of components are taken one by one, as raw text with a list of what is still to be read: so nothing recurses, and
//! the number is bounded while reading. Dependencies say how components hang together, not which there are, so cycles and dangling
//! references in them do not matter here.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::element::Element;
use super::place::Place;
use super::{
    COMPONENT_DETAILS_MAX, COMPONENTS_MAX, Component, Components, LeftOut, SbomError, hashes, part, purl,
    shape, why,
};
use crate::capped::{Capped, Listed};
use crate::object::{self, Object};
use crate::text::{Text, TextIn};

/// Read only to say what is wrong with a document, and where.
#[derive(Deserialize)]
struct Bom<'a> {
    #[serde(borrow, rename = "metadata", deserialize_with = "object::optional", default)]
    _metadata: Option<Metadata<'a>>,
    #[serde(rename = "components", default)]
    _components: Option<Capped<IgnoredAny, COMPONENTS_MAX>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(default)]
    timestamp: Text,
    #[serde(borrow, default)]
    component: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawComponent<'a> {
    #[serde(borrow, rename = "bom-ref", default)]
    reference: TextIn<'a>,
    #[serde(borrow, default)]
    group: TextIn<'a>,
    #[serde(borrow, default)]
    name: TextIn<'a>,
    #[serde(borrow, default)]
    version: TextIn<'a>,
    #[serde(borrow, default)]
    purl: TextIn<'a>,
    #[serde(borrow, default)]
    scope: TextIn<'a>,
    #[serde(borrow, default)]
    hashes: Option<Capped<Object<RawHash<'a>>, COMPONENT_DETAILS_MAX>>,
    #[serde(borrow, default)]
    external_references: Option<Capped<Object<Reference<'a>>, COMPONENT_DETAILS_MAX>>,
    #[serde(borrow, default)]
    components: Option<Capped<&'a RawValue, COMPONENTS_MAX>>,
}

#[derive(Deserialize)]
struct RawHash<'a> {
    #[serde(borrow, default)]
    alg: TextIn<'a>,
    #[serde(borrow, default)]
    content: TextIn<'a>,
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: TextIn<'a>,
    #[serde(borrow, default)]
    url: TextIn<'a>,
}

/// A component, those inside it, and what was left out of it.
#[derive(Deserialize)]
#[serde(from = "Object<RawComponent<'a>>")]
pub(super) struct Found<'a> {
    component: Component<'a>,
    #[serde(borrow)]
    nested: Option<Capped<&'a RawValue, COMPONENTS_MAX>>,
    left_out: Vec<(&'static str, LeftOut)>,
}

impl<'a> From<Object<RawComponent<'a>>> for Found<'a> {
    fn from(Object(raw): Object<RawComponent<'a>>) -> Self {
        let mut left_out = Vec::new();
        let name = raw.name.0.unwrap_or_default();
        let hash_list = raw.hashes.unwrap_or_default().items;
        let pairs = hash_list
            .iter()
            .filter_map(|Object(hash)| Some((hash.alg.as_deref()?, hash.content.as_deref()?)));
        let references = raw.external_references.unwrap_or_default().items;
        let component = Component {
            path: Place::default(),
            reference: raw.reference.filled(),
            name: match raw.group.filled() {
                Some(group) => Cow::Owned([group.as_ref(), "/", name.as_ref()].concat()),
                None => name,
            },
            version: raw.version.filled(),
            purl: purl(raw.purl.as_deref(), &mut left_out),
            hashes: hashes(pairs, &mut left_out),
            fetched_from: references.into_iter().filter_map(distribution).collect(),
            shipped: raw.scope.as_deref() != Some("excluded"),
        };
        Self { component, nested: raw.components, left_out }
    }
}

fn distribution(Object(reference): Object<Reference<'_>>) -> Option<Cow<'_, str>> {
    let fetched = matches!(reference.kind.as_deref(), Some("distribution" | "source-distribution"));
    if fetched { reference.url.filled() } else { None }
}

/// Reads a document of which metadata and components were found already. Without a list of components, and with metadata that
/// are none, it is read again, to say what is wrong and where.
pub(super) fn read<'a, E: Element<'a, Found<'a>>>(
    version: &str,
    text: &'a str,
    metadata: Option<&'a RawValue>,
    components: Listed<E, COMPONENTS_MAX>,
) -> Result<Components<'a>, SbomError> {
    let metadata = part::<Object<Metadata<'a>>>(metadata);
    if metadata.is_err() || components.0.is_none() {
        let Object(Bom { .. }) = serde_json::from_str(text).map_err(|error| shape(&error))?;
    }
    let format = format!("CycloneDX {version}");
    let mut reading = Reading { found: Components { format, ..Components::default() }, pending: Vec::new() };
    let list = components.0.unwrap_or_default();
    reading.fits(list.total)?;
    reading.found.components.reserve(list.items.len());
    let mut waiting = list.total;
    if let Ok(Some(Object(metadata))) = metadata {
        let made = metadata.timestamp.filled().map(|text| ("metadata.timestamp".to_owned(), text));
        reading.found.created = made;
        if let Some(raw) = metadata.component.filter(|raw| raw.get() != "null") {
            let described = reading.component(Place::member("metadata.component"), raw, waiting)?;
            reading.found.described.extend(described);
            reading.nested(waiting)?;
        }
    }
    let within: Arc<str> = "components".into();
    for (position, element) in list.items.into_iter().enumerate() {
        waiting -= 1;
        let component = reading.component(Place::within(&within, position), element, waiting + 1)?;
        reading.found.components.extend(component);
        reading.nested(waiting)?;
    }
    Ok(reading.found)
}

struct Reading<'a> {
    found: Components<'a>,
    /// What is still to be read inside of components, last first.
    pending: Vec<(Place, &'a RawValue)>,
}

impl<'a> Reading<'a> {
    /// Reads one component, and puts those inside it in front of what is pending.
    fn component(
        &mut self,
        path: Place,
        element: impl Element<'a, Found<'a>>,
        others: usize,
    ) -> Result<Option<Component<'a>>, SbomError> {
        let Found { mut component, nested, left_out } = match element.read() {
            Ok(found) => found,
            Err(error) => {
                let left_out = LeftOut::Component { why: why(&error) };
                self.found.left_out.push((path.to_string(), left_out));
                return Ok(None);
            }
        };
        let named = |(member, left_out)| (format!("{path}.{member}"), left_out);
        self.found.left_out.extend(left_out.into_iter().map(named));
        if let Some(nested) = nested.filter(|nested| nested.total > 0) {
            self.fits(others + nested.total)?;
            let within: Arc<str> = format!("{path}.components").into();
            let numbered = nested.items.into_iter().enumerate().rev();
            self.pending.extend(numbered.map(|(position, raw)| (Place::within(&within, position), raw)));
        }
        component.path = path;
        Ok(Some(component))
    }

    /// Reads what is pending.
    fn nested(&mut self, others: usize) -> Result<(), SbomError> {
        while let Some((path, raw)) = self.pending.pop() {
            let component = self.component(path, raw, others + 1)?;
            self.found.components.extend(component);
        }
        Ok(())
    }

    /// Refuses too many components: those that were read, those that are pending, and others.
    fn fits(&self, others: usize) -> Result<(), SbomError> {
        let found = self.found.components.len() + self.pending.len() + others;
        if found > COMPONENTS_MAX {
            return Err(SbomError::TooManyComponents { max: COMPONENTS_MAX, found });
        }
        Ok(())
    }
}

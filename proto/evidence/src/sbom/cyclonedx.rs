//! CycloneDX 1.2 to 1.7 in JSON (<https://cyclonedx.org/docs/1.7/json/>, ECMA-424).
//!
//! Components are taken one by one, as raw text with a list of what is still to be read: so nothing recurses, the
//! number is bounded while reading, and a broken component costs itself alone. Dependencies say how components hang
//! together, not which there are, so cycles and dangling references in them do not matter here.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    COMPONENT_DETAILS_MAX, COMPONENTS_MAX, Component, Components, LeftOut, SbomError, hashes, purl, shape,
    why,
};
use crate::capped::{Capped, Listed};
use crate::object::{self, Object};
use crate::text::Text;

#[derive(Deserialize)]
struct Bom<'a> {
    #[serde(borrow, deserialize_with = "object::optional", default)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow, default)]
    components: Option<Capped<&'a RawValue, COMPONENTS_MAX>>,
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
    #[serde(rename = "bom-ref", default)]
    reference: Text,
    #[serde(default)]
    group: Text,
    #[serde(default)]
    name: Text,
    #[serde(default)]
    version: Text,
    #[serde(default)]
    purl: Text,
    #[serde(default)]
    scope: Text,
    #[serde(default)]
    hashes: Option<Capped<Object<RawHash>, COMPONENT_DETAILS_MAX>>,
    #[serde(default)]
    external_references: Option<Capped<Object<Reference>, COMPONENT_DETAILS_MAX>>,
    #[serde(borrow, default)]
    components: Option<Capped<&'a RawValue, COMPONENTS_MAX>>,
}

#[derive(Deserialize)]
struct RawHash {
    #[serde(default)]
    alg: Text,
    #[serde(default)]
    content: Text,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "type", default)]
    kind: Text,
    #[serde(default)]
    url: Text,
}

/// What is still to be read, last first, with its path.
type Pending<'a> = Vec<(String, &'a RawValue)>;

/// Reads a document of which metadata and components were found already. Without a list of components, and with metadata that
/// are none, it is read again, to say what is wrong and where.
pub(super) fn read(
    version: &str,
    bytes: &[u8],
    metadata: Option<&RawValue>,
    components: Listed<&RawValue, COMPONENTS_MAX>,
) -> Result<Components, SbomError> {
    let metadata = metadata.map(|raw| serde_json::from_str::<Option<Object<Metadata<'_>>>>(raw.get()));
    let bom = if let (Ok(metadata), Listed(components @ Some(_))) = (metadata.transpose(), components) {
        Bom { metadata: metadata.flatten().map(|Object(metadata)| metadata), components }
    } else {
        let Object(bom) = serde_json::from_slice(bytes).map_err(|error| shape(&error))?;
        bom
    };
    let mut found = Components { format: format!("CycloneDX {version}"), ..Components::default() };
    let mut pending = Pending::new();
    push_all(&mut pending, "components", bom.components.unwrap_or_default(), 0)?;
    if let Some(metadata) = bom.metadata {
        found.created = metadata.timestamp.filled().map(|text| ("metadata.timestamp".to_owned(), text));
        if let Some(raw) = metadata.component.filter(|raw| raw.get() != "null") {
            let described = component("metadata.component", raw, &mut pending, &mut found.left_out, 0)?;
            found.described.extend(described);
        }
    }
    while let Some((path, raw)) = pending.pop() {
        let read = found.components.len() + 1;
        let component = component(&path, raw, &mut pending, &mut found.left_out, read)?;
        found.components.extend(component);
    }
    Ok(found)
}

/// Reads one component, and puts those inside it in front of what is pending.
fn component<'a>(
    path: &str,
    raw: &'a RawValue,
    pending: &mut Pending<'a>,
    left_out: &mut Vec<(String, LeftOut)>,
    read: usize,
) -> Result<Option<Component>, SbomError> {
    let raw: RawComponent<'a> = match serde_json::from_str(raw.get()) {
        Ok(Object(raw)) => raw,
        Err(error) => {
            left_out.push((path.to_owned(), LeftOut::Component { why: why(&error) }));
            return Ok(None);
        }
    };
    if let Some(nested) = raw.components {
        push_all(pending, &format!("{path}.components"), nested, read)?;
    }
    let name = raw.name.0.unwrap_or_default();
    let distribution = |Object(reference): Object<Reference>| {
        let fetched = matches!(reference.kind.as_deref(), Some("distribution" | "source-distribution"));
        if fetched { reference.url.filled() } else { None }
    };
    let hash_list = raw.hashes.unwrap_or_default().items;
    let pairs =
        hash_list.iter().filter_map(|Object(hash)| Some((hash.alg.as_deref()?, hash.content.as_deref()?)));
    Ok(Some(Component {
        path: path.to_owned(),
        reference: raw.reference.filled(),
        name: match raw.group.filled() {
            Some(group) => format!("{group}/{name}"),
            None => name,
        },
        version: raw.version.filled(),
        purl: purl(path, raw.purl.as_deref(), left_out),
        hashes: hashes(path, pairs, left_out),
        fetched_from: raw
            .external_references
            .unwrap_or_default()
            .items
            .into_iter()
            .filter_map(distribution)
            .collect(),
        shipped: raw.scope.as_deref() != Some("excluded"),
    }))
}

/// Puts a list in front of what is pending, unless there would be too many.
fn push_all<'a>(
    pending: &mut Pending<'a>,
    path: &str,
    list: Capped<&'a RawValue, COMPONENTS_MAX>,
    read: usize,
) -> Result<(), SbomError> {
    let found = read + pending.len() + list.total;
    if found > COMPONENTS_MAX {
        return Err(SbomError::TooManyComponents { max: COMPONENTS_MAX, found });
    }
    let numbered = list.items.into_iter().enumerate().rev();
    pending.extend(numbered.map(|(position, raw)| (format!("{path}[{position}]"), raw)));
    Ok(())
}

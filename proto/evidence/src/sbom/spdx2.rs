//! SPDX 2.2 and 2.3 in JSON (<https://spdx.github.io/spdx-spec/v2.3/>).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{
    COMPONENT_DETAILS_MAX, COMPONENTS_MAX, Component, Components, DESCRIBED_MAX, LeftOut, SbomError, hashes,
    purl, shape, why,
};
use crate::capped::{Capped, Listed};
use crate::object::{self, Object};
use crate::text::Text;

/// The document's own id, which the format fixes (SPDX 2.3 section 6.3).
const DOCUMENT: &str = "SPDXRef-DOCUMENT";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(deserialize_with = "object::optional", default)]
    creation_info: Option<CreationInfo>,
    #[serde(rename = "documentDescribes", default)]
    describes: Option<Capped<Text, DESCRIBED_MAX>>,
    #[serde(borrow, default)]
    packages: Option<Capped<&'a RawValue, COMPONENTS_MAX>>,
    #[serde(default)]
    relationships: Option<Describes>,
}

#[derive(Deserialize)]
struct CreationInfo {
    #[serde(default)]
    created: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(rename = "SPDXID", default)]
    id: Text,
    #[serde(default)]
    name: Text,
    #[serde(default)]
    version_info: Text,
    #[serde(default)]
    download_location: Text,
    #[serde(default)]
    checksums: Option<Capped<Object<Checksum>, COMPONENT_DETAILS_MAX>>,
    #[serde(default)]
    external_refs: Option<Capped<Object<ExternalRef>, COMPONENT_DETAILS_MAX>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    #[serde(default)]
    algorithm: Text,
    #[serde(default)]
    checksum_value: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    #[serde(default)]
    reference_type: Text,
    #[serde(default)]
    reference_locator: Text,
}

impl ExternalRef {
    /// The type is a name of the list in the specification (annex F), or its URI, as RDF has it.
    fn is_purl(&self) -> bool {
        let kind = self.reference_type.as_deref().unwrap_or_default();
        kind == "purl" || kind.ends_with("spdx.org/rdf/references/purl")
    }
}

/// The ids that relationships say the document describes. Documents have many relationships and few of this kind, so
/// they are looked at one by one and not kept.
#[derive(Default)]
struct Describes(BTreeSet<String>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relationship<'a> {
    #[serde(borrow, default)]
    spdx_element_id: Cow<'a, str>,
    #[serde(borrow, rename = "relationshipType", default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    related_spdx_element: Cow<'a, str>,
}

/// The members of a document that were found already.
pub(super) struct Parts<'a> {
    pub(super) packages: Listed<&'a RawValue, COMPONENTS_MAX>,
    pub(super) creation_info: Option<&'a RawValue>,
    pub(super) describes: Option<&'a RawValue>,
    pub(super) relationships: Option<&'a RawValue>,
}

impl<'a> Parts<'a> {
    /// Reads them; none without a list of packages, or where one of the others has another shape.
    fn document(self) -> Option<Document<'a>> {
        Some(Document {
            packages: Some(self.packages.0?),
            creation_info: part::<Object<CreationInfo>>(self.creation_info).ok()?.map(|Object(info)| info),
            describes: part(self.describes).ok()?,
            relationships: part(self.relationships).ok()?,
        })
    }
}

/// Reads a member that may be absent or null.
fn part<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Result<Option<T>, serde_json::Error> {
    raw.map_or(Ok(None), |raw| serde_json::from_str(raw.get()))
}

/// Reads a document of which the members were found already. Where one has another shape it is read again, to say what is wrong and
/// where.
pub(super) fn read(version: &str, bytes: &[u8], parts: Parts<'_>) -> Result<Components, SbomError> {
    let document = if let Some(document) = parts.document() {
        document
    } else {
        let Object(document) = serde_json::from_slice(bytes).map_err(|error| shape(&error))?;
        document
    };
    let packages = document.packages.unwrap_or_default();
    if packages.total > COMPONENTS_MAX {
        return Err(SbomError::TooManyComponents { max: COMPONENTS_MAX, found: packages.total });
    }
    let mut described = document.relationships.unwrap_or_default().0;
    described.extend(document.describes.unwrap_or_default().items.into_iter().filter_map(Text::filled));
    let created = document.creation_info.and_then(|info| info.created.filled());
    let mut found = Components {
        format: version.to_owned(),
        created: created.map(|text| ("creationInfo.created".to_owned(), text)),
        ..Components::default()
    };
    for (position, raw) in packages.items.into_iter().enumerate() {
        let path = format!("packages[{position}]");
        match serde_json::from_str::<Object<Package>>(raw.get()) {
            Ok(Object(package)) => {
                let id = package.id.0.clone().unwrap_or_default();
                let component = component(&path, package, &mut found.left_out);
                if described.contains(&id) {
                    found.described.push(component.clone());
                }
                found.components.push(component);
            }
            Err(error) => found.left_out.push((path, LeftOut::Component { why: why(&error) })),
        }
    }
    Ok(found)
}

fn component(path: &str, package: Package, left_out: &mut Vec<(String, LeftOut)>) -> Component {
    let refs = package.external_refs.unwrap_or_default().items;
    let locator = refs
        .iter()
        .find(|Object(reference)| reference.is_purl())
        .and_then(|Object(reference)| reference.reference_locator.as_deref());
    let checksums = package.checksums.unwrap_or_default().items;
    let pairs = checksums
        .iter()
        .filter_map(|Object(sum)| Some((sum.algorithm.as_deref()?, sum.checksum_value.as_deref()?)));
    // NOASSERTION and NONE say that there is nothing to say (SPDX 2.3 section 7.7).
    let location =
        package.download_location.filled().filter(|text| !matches!(text.as_str(), "NOASSERTION" | "NONE"));
    Component {
        path: path.to_owned(),
        reference: None,
        name: package.name.0.unwrap_or_default(),
        version: package.version_info.filled(),
        purl: purl(path, locator, left_out),
        hashes: hashes(path, pairs, left_out),
        fetched_from: location.into_iter().collect(),
        shipped: true,
    }
}

struct DescribesVisitor;

impl<'de> Visitor<'de> for DescribesVisitor {
    type Value = Describes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of relationships")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Describes, A::Error> {
        let mut found = Describes::default();
        while let Some(Object(relationship)) = list.next_element::<Object<Relationship<'de>>>()? {
            let (from, to) = (relationship.spdx_element_id, relationship.related_spdx_element);
            let described = match relationship.kind.as_ref() {
                "DESCRIBES" if from == DOCUMENT => to,
                "DESCRIBED_BY" if to == DOCUMENT => from,
                _ => continue,
            };
            if found.0.len() < DESCRIBED_MAX {
                found.0.insert(described.into_owned());
            }
        }
        Ok(found)
    }
}

impl<'de> Deserialize<'de> for Describes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(DescribesVisitor)
    }
}

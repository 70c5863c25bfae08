//! SPDX 2.2 and 2.3 in JSON (<https://spdx.github.io/spdx-spec/v2.3/>).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::element::Element;
use super::place::Place;
use super::{
    COMPONENT_DETAILS_MAX, COMPONENTS_MAX, Component, Components, DESCRIBED_MAX, LeftOut, SbomError, hashes,
    part, purl, shape, why,
};
use crate::capped::{Capped, Listed};
use crate::object::{self, Object};
use crate::text::{Text, TextIn};

/// The document's own id, which the format fixes (SPDX 2.3 section 6.3).
const DOCUMENT: &str = "SPDXRef-DOCUMENT";

/// Read only to say what is wrong with a document, and where.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(rename = "creationInfo", deserialize_with = "object::optional", default)]
    _creation_info: Option<CreationInfo>,
    #[serde(rename = "documentDescribes", default)]
    _describes: Option<Capped<Text, DESCRIBED_MAX>>,
    #[serde(rename = "packages", default)]
    _packages: Option<Capped<IgnoredAny, COMPONENTS_MAX>>,
    #[serde(rename = "relationships", default)]
    _relationships: Option<Describes>,
}

#[derive(Deserialize)]
struct CreationInfo {
    #[serde(default)]
    created: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPackage<'a> {
    #[serde(borrow, rename = "SPDXID", default)]
    id: TextIn<'a>,
    #[serde(borrow, default)]
    name: TextIn<'a>,
    #[serde(borrow, default)]
    version_info: TextIn<'a>,
    #[serde(borrow, default)]
    download_location: TextIn<'a>,
    #[serde(borrow, default)]
    checksums: Option<Capped<Object<Checksum<'a>>, COMPONENT_DETAILS_MAX>>,
    #[serde(borrow, default)]
    external_refs: Option<Purls<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checksum<'a> {
    #[serde(borrow, default)]
    algorithm: TextIn<'a>,
    #[serde(borrow, default)]
    checksum_value: TextIn<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef<'a> {
    #[serde(borrow, default)]
    reference_type: TextIn<'a>,
    #[serde(borrow, default)]
    reference_locator: TextIn<'a>,
}

impl ExternalRef<'_> {
    /// The type is a name of the list in the specification (annex F), or its URI, as RDF has it.
    fn is_purl(&self) -> bool {
        let kind = self.reference_type.as_deref().unwrap_or_default();
        kind == "purl" || kind.ends_with("spdx.org/rdf/references/purl")
    }
}

/// What references of a package name it by. There can be hundreds of others before the first, such as all CPEs that the package could
/// have, so they are looked at one by one and not kept.
#[derive(Default)]
struct Purls<'a>(Vec<Cow<'a, str>>);

struct PurlsVisitor;

impl<'de> Visitor<'de> for PurlsVisitor {
    type Value = Purls<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of references")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Purls<'de>, A::Error> {
        let mut found = Vec::new();
        while let Some(Object(reference)) = list.next_element::<Object<ExternalRef<'de>>>()? {
            if found.len() < COMPONENT_DETAILS_MAX && reference.is_purl() {
                found.extend(reference.reference_locator.0);
            }
        }
        Ok(Purls(found))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Purls<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PurlsVisitor)
    }
}

/// A package, its id, and what was left out of it.
#[derive(Deserialize)]
#[serde(from = "Object<RawPackage<'a>>")]
pub(super) struct Package<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    component: Component<'a>,
    left_out: Vec<(&'static str, LeftOut)>,
}

impl<'a> From<Object<RawPackage<'a>>> for Package<'a> {
    fn from(Object(raw): Object<RawPackage<'a>>) -> Self {
        let mut left_out = Vec::new();
        let Purls(locators) = raw.external_refs.unwrap_or_default();
        // The first that is one names the package: those behind it say it again, or name another source of it.
        let named = locators.iter().find_map(|locator| purl(Some(locator.as_ref()), &mut left_out));
        let checksums = raw.checksums.unwrap_or_default().items;
        let pairs = checksums
            .iter()
            .filter_map(|Object(sum)| Some((sum.algorithm.as_deref()?, sum.checksum_value.as_deref()?)));
        // NOASSERTION and NONE say that there is nothing to say (SPDX 2.3 section 7.7).
        let location =
            raw.download_location.filled().filter(|text| !matches!(text.as_ref(), "NOASSERTION" | "NONE"));
        let component = Component {
            path: Place::default(),
            reference: None,
            name: raw.name.0.unwrap_or_default(),
            version: raw.version_info.filled(),
            purl: named,
            hashes: hashes(pairs, &mut left_out),
            fetched_from: location.into_iter().collect(),
            shipped: true,
        };
        Self { id: raw.id.0.unwrap_or_default(), component, left_out }
    }
}

/// The ids that relationships say the document describes. Documents have many relationships and few of this kind, so
/// they are looked at one by one and not kept.
#[derive(Default)]
pub(super) struct Describes {
    ids: BTreeSet<String>,
    /// The positions of the first relationships that cannot be read.
    unread: Vec<usize>,
}

/// A relationship; none if it cannot be read.
struct Relationship<'a>(Option<RawRelationship<'a>>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRelationship<'a> {
    #[serde(borrow, default)]
    spdx_element_id: TextIn<'a>,
    #[serde(borrow, rename = "relationshipType", default)]
    kind: TextIn<'a>,
    #[serde(borrow, default)]
    related_spdx_element: TextIn<'a>,
}

/// What a relationship says that the document describes.
enum Described<'a> {
    This(Cow<'a, str>),
    /// It is of another kind, or of something else.
    Nothing,
    /// Nobody can tell.
    Unread,
}

impl<'a> Relationship<'a> {
    fn described(self) -> Described<'a> {
        let Some(RawRelationship { spdx_element_id, kind, related_spdx_element }) = self.0 else {
            return Described::Unread;
        };
        let (from, to) = (spdx_element_id.filled(), related_spdx_element.filled());
        let (document, described) = match kind.filled().as_deref() {
            Some("DESCRIBES") => (from, to),
            Some("DESCRIBED_BY") => (to, from),
            Some(_) => return Described::Nothing,
            None => return Described::Unread,
        };
        match (document, described) {
            (Some(document), _) if document != DOCUMENT => Described::Nothing,
            (Some(_), Some(described)) => Described::This(described),
            (None, _) | (Some(_), None) => Described::Unread,
        }
    }
}

/// The members of a document that were found already.
pub(super) struct Parts<'a, P, R> {
    pub(super) packages: Listed<P, COMPONENTS_MAX>,
    pub(super) creation_info: Option<&'a RawValue>,
    pub(super) describes: Option<&'a RawValue>,
    pub(super) relationships: Option<R>,
}

/// What is said of a document's packages.
#[derive(Default)]
struct Frame {
    created: Option<String>,
    described: BTreeSet<String>,
    unread: Vec<usize>,
}

impl<'a, P, R: Element<'a, Option<Describes>>> Parts<'a, P, R> {
    /// Takes out all but the packages; none where a member has another shape than its format says.
    fn frame(&mut self) -> Option<Frame> {
        let info = part::<Object<CreationInfo>>(self.creation_info).ok()?;
        let listed: Capped<Text, DESCRIBED_MAX> = part(self.describes).ok()?.unwrap_or_default();
        let related = self.relationships.take().map_or(Ok(None), Element::read).ok()?;
        let Describes { ids: mut described, unread } = related.unwrap_or_default();
        described.extend(listed.items.into_iter().filter_map(Text::filled));
        Some(Frame { created: info.and_then(|Object(info)| info.created.filled()), described, unread })
    }
}

/// Reads a document of which the members were found already. Where one has another shape it is read again, to say what is wrong and
/// where.
pub(super) fn read<'a, P: Element<'a, Package<'a>>, R: Element<'a, Option<Describes>>>(
    version: &str,
    text: &'a str,
    mut parts: Parts<'a, P, R>,
) -> Result<Components<'a>, SbomError> {
    let frame = parts.frame();
    if frame.is_none() || parts.packages.0.is_none() {
        let Object(Document { .. }) = serde_json::from_str(text).map_err(|error| shape(&error))?;
    }
    let packages = parts.packages.0.unwrap_or_default();
    if packages.total > COMPONENTS_MAX {
        return Err(SbomError::TooManyComponents { max: COMPONENTS_MAX, found: packages.total });
    }
    let Frame { created, described, unread } = frame.unwrap_or_default();
    let mut found = Components {
        format: version.to_owned(),
        created: created.map(|text| ("creationInfo.created".to_owned(), text)),
        components: Vec::with_capacity(packages.items.len()),
        ..Components::default()
    };
    let unread = unread.into_iter().map(|at| (format!("relationships[{at}]"), LeftOut::Relationship));
    found.left_out.extend(unread);
    let within: Arc<str> = "packages".into();
    for (position, element) in packages.items.into_iter().enumerate() {
        let path = Place::within(&within, position);
        match element.read() {
            Ok(Package { id, mut component, left_out }) => {
                let named = |(member, left_out)| (format!("{path}.{member}"), left_out);
                found.left_out.extend(left_out.into_iter().map(named));
                component.path = path;
                if described.contains(id.as_ref()) {
                    found.described.push(component.clone());
                }
                found.components.push(component);
            }
            Err(error) => found.left_out.push((path.to_string(), LeftOut::Component { why: why(&error) })),
        }
    }
    Ok(found)
}

struct DescribesVisitor;

impl<'de> Visitor<'de> for DescribesVisitor {
    type Value = Describes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of relationships")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Describes, A::Error> {
        let mut found = Describes::default();
        let mut position = 0;
        while let Some(relationship) = list.next_element::<Relationship<'de>>()? {
            match relationship.described() {
                Described::This(described) if found.ids.len() < DESCRIBED_MAX => {
                    found.ids.insert(described.into_owned());
                }
                Described::Unread if found.unread.len() < DESCRIBED_MAX => found.unread.push(position),
                Described::This(_) | Described::Nothing | Described::Unread => {}
            }
            position += 1;
        }
        Ok(found)
    }
}

struct RelationshipVisitor;

impl<'de> Visitor<'de> for RelationshipVisitor {
    type Value = Relationship<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a relationship")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Relationship<'de>, A::Error> {
        RawRelationship::deserialize(MapAccessDeserializer::new(map)).map(|found| Relationship(Some(found)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Relationship<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Relationship(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Relationship<'de>, E> {
        Ok(Relationship(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Relationship<'de>, E> {
        Ok(Relationship(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Relationship<'de>, E> {
        Ok(Relationship(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Relationship<'de>, E> {
        Ok(Relationship(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Relationship<'de>, E> {
        Ok(Relationship(None))
    }

    fn visit_unit<E>(self) -> Result<Relationship<'de>, E> {
        Ok(Relationship(None))
    }
}

impl<'de> Deserialize<'de> for Relationship<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RelationshipVisitor)
    }
}

impl<'de> Deserialize<'de> for Describes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(DescribesVisitor)
    }
}

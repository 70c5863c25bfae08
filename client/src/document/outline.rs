//! The members of a JSON object by which its kind is told, as parts of the document's bytes.
//!
//! Of every other member nothing is kept: an object of ten million members takes no more than an empty one.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members that tell a kind.
const MEMBERS: [&str; 30] = [
    "@context",
    "SchemaVersion",
    "_type",
    "attestation_bundles",
    "attestations",
    "base64Signature",
    "bomFormat",
    "critical",
    "descriptor",
    "envelope",
    "experimental_config",
    "format",
    "image_summary",
    "matches",
    "mediaType",
    "payload",
    "payloadType",
    "predicateType",
    "provenance_summary",
    "results",
    "runs",
    "sbom",
    "signatures",
    "signed",
    "simpleSigning",
    "spdxVersion",
    "subject",
    "verificationMaterial",
    "verification_material",
    "version",
];

/// Those of an object, each in the place of its name. Of a member that is there twice the last counts: the document is of
/// its kind, and who reads it refuses it.
#[derive(Debug, Default)]
pub(super) struct Outline<'a>([Option<&'a RawValue>; MEMBERS.len()]);

impl<'a> Outline<'a> {
    /// Returns the JSON of a member; none if it is not there, or tells no kind.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let value = self.0.get(place(name)?)?;
        value.map(RawValue::get)
    }
}

fn place(name: &str) -> Option<usize> {
    MEMBERS.binary_search(&name).ok()
}

impl<'de: 'a, 'a> Deserialize<'de> for Outline<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Outline<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut outline = Outline::default();
        while let Some(Place(place)) = map.next_key()? {
            match place.and_then(|place| outline.0.get_mut(place)) {
                Some(member) => *member = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(outline)
    }
}

/// The place of a member's name, which itself is not kept.
struct Place(Option<usize>);

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Name)
    }
}

struct Name;

impl Visitor<'_> for Name {
    type Value = Place;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Place(place(name)))
    }
}

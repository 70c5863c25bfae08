//! Links of in-toto: a step, what went into it, and (the subjects) what came out (in-toto/attestation
//! `spec/predicates/link.md`).
//!
//! The members `environment` and `byproducts` are never read: secrets leak through them.

use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::slsa::{DEPENDENCIES_MAX, Provenance};
use super::text;
use crate::capped::{Capped, CappedMap};
use crate::json::{self, JsonError};
use crate::object::Object;
use crate::statement::{RawDescriptor, SUBJECT_DIGESTS_MAX};

/// The types: of versions 0.3, 0.2 and 0.1.
pub const TYPES: [&str; 4] = [
    "https://in-toto.io/attestation/link/v0.3",
    "https://in-toto.io/Link/v0.2",
    "https://in-toto.io/Link/v0.1",
    "https://in-toto.io/Link/v1",
];

#[derive(Deserialize)]
struct Link {
    #[serde(deserialize_with = "text::filled")]
    name: String,
    #[serde(default)]
    materials: Option<Materials>,
}

/// A list of descriptors, or (before version 0.3) a map from names to digests.
struct Materials(Capped<Object<RawDescriptor>, DEPENDENCIES_MAX>);

struct MaterialsVisitor;

impl<'de> Visitor<'de> for MaterialsVisitor {
    type Value = Materials;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of materials, or a map from their names to digests")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Materials, A::Error> {
        let list = serde::de::value::SeqAccessDeserializer::new(list);
        Capped::deserialize(list).map(Materials)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Materials, A::Error> {
        let mut materials = Capped::default();
        while let Some((name, digest)) = map.next_entry::<String, CappedMap<SUBJECT_DIGESTS_MAX>>()? {
            if materials.total == DEPENDENCIES_MAX {
                return Err(A::Error::custom(format_args!("expected at most {DEPENDENCIES_MAX} materials")));
            }
            materials.items.push(Object(RawDescriptor::named(name, digest)));
            materials.total += 1;
        }
        Ok(Materials(materials))
    }
}

impl<'de> Deserialize<'de> for Materials {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MaterialsVisitor)
    }
}

/// Reads the exact bytes of a predicate. A step has no id, so its run is not named.
pub fn decode(bytes: &[u8]) -> Result<Provenance, JsonError> {
    let Object(link): Object<Link> = json::from_slice(bytes)?;
    let mut provenance = Provenance { entry_point: Some(link.name), ..Provenance::default() };
    if let Some(Materials(materials)) = link.materials {
        provenance.dependencies("predicate.materials", materials);
    }
    Ok(provenance)
}

//! A typed value that must be written as a JSON object.
//!
//! Serde's derived readers also take a list whose elements are the members in order. Other readers of the same signed
//! bytes see no statement there, and two readers must never see different things.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A value read from an object, never from a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object<T>(pub(crate) T);

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// Reads an optional object, for `#[serde(deserialize_with)]`.
pub(crate) fn optional<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|object| object.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Pair {
        a: u8,
        #[serde(deserialize_with = "optional", default)]
        b: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        c: u8,
    }

    #[test]
    fn takes_an_object_and_refuses_the_list_of_its_members() {
        let read = |text: &str| serde_json::from_str::<Object<Pair>>(text).map(|object| object.0);
        let pair = read(r#"{"a":1,"b":{"c":2}}"#).unwrap();
        assert_eq!((pair.a, pair.b.unwrap().c), (1, 2));
        assert!(read(r#"{"a":1,"b":null}"#).unwrap().b.is_none());
        for text in [r#"[1,{"c":2}]"#, r#"{"a":1,"b":[2]}"#, "1", "null", "{}"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}

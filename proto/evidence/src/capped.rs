//! Lists and maps of JSON of which only so many elements are kept, however many there are.
//!
//! `[{},{},...]` spends three bytes on each element, and a typed element takes a hundred in memory: without a cap, an
//! envelope of 64 MiB could take gigabytes. The total is counted, so that a refusal can name it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The first `MAX` elements of a list.
#[derive(Debug, Clone)]
pub(crate) struct Capped<T, const MAX: usize> {
    /// The first elements.
    pub(crate) items: Vec<T>,
    /// How many there are in the document.
    pub(crate) total: usize,
}

/// The first `MAX` members of an object whose values are strings.
#[derive(Debug, Clone, Default)]
pub(crate) struct CappedMap<const MAX: usize> {
    /// The first members.
    pub(crate) members: Vec<(String, String)>,
    /// How many there are in the document.
    pub(crate) total: usize,
}

impl<T, const MAX: usize> Default for Capped<T, MAX> {
    fn default() -> Self {
        Self { items: Vec::new(), total: 0 }
    }
}

struct ListVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListVisitor<T, MAX> {
    type Value = Capped<T, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut capped = Capped::default();
        while capped.total < MAX {
            let Some(item) = list.next_element()? else { return Ok(capped) };
            capped.items.push(item);
            capped.total += 1;
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            capped.total += 1;
        }
        Ok(capped)
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Capped<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

/// A list as [`Capped`]; none if it is something else.
#[derive(Debug, Clone)]
pub(crate) struct Listed<T, const MAX: usize>(pub(crate) Option<Capped<T, MAX>>);

impl<T, const MAX: usize> Default for Listed<T, MAX> {
    fn default() -> Self {
        Self(None)
    }
}

struct ListedVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListedVisitor<T, MAX> {
    type Value = Listed<T, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        ListVisitor(PhantomData).visit_seq(list).map(|list| Listed(Some(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Listed(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Listed(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Listed(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Listed(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Listed(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Listed(None))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Listed(None))
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Listed<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListedVisitor(PhantomData))
    }
}

struct MapVisitor<const MAX: usize>;

impl<'de, const MAX: usize> Visitor<'de> for MapVisitor<MAX> {
    type Value = CappedMap<MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object whose members are strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut capped = CappedMap::default();
        while capped.total < MAX {
            let Some(member) = map.next_entry()? else { return Ok(capped) };
            capped.members.push(member);
            capped.total += 1;
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            capped.total += 1;
        }
        Ok(capped)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for CappedMap<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_and_counts_all() {
        let list: Capped<u8, 2> = serde_json::from_str("[1,2,3,{}]").unwrap();
        assert_eq!((list.items, list.total), (vec![1, 2], 4));
        let list: Capped<u8, 2> = serde_json::from_str("[1]").unwrap();
        assert_eq!((list.items, list.total), (vec![1], 1));
        let map: CappedMap<1> = serde_json::from_str(r#"{"a":"b","c":[]}"#).unwrap();
        assert_eq!((map.members, map.total), (vec![("a".to_owned(), "b".to_owned())], 2));
    }

    #[test]
    fn what_is_no_list_is_told_apart_from_one() {
        let listed = |text: &str| serde_json::from_str::<Listed<u8, 2>>(text).unwrap().0;
        assert_eq!(listed("[1,2,3]").map(|list| (list.items, list.total)), Some((vec![1, 2], 3)));
        for text in [r#"{"a":[1]}"#, "\"a\"", "true", "1", "-1", "1.5", "null"] {
            assert!(listed(text).is_none(), "{text}");
        }
        assert!(serde_json::from_str::<Listed<u8, 2>>("[1").is_err());
    }

    #[test]
    fn refuses_other_shapes_and_wrong_elements() {
        for text in ["{}", "1", "[\"a\"]", "[1", "null"] {
            assert!(serde_json::from_str::<Capped<u8, 2>>(text).is_err(), "{text}");
        }
        for text in ["[]", "1", "{\"a\":1}", "{\"a\":\"b\"", "null"] {
            assert!(serde_json::from_str::<CappedMap<2>>(text).is_err(), "{text}");
        }
    }
}

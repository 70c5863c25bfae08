//! Lists in predicates that have a limit: beyond it they are refused, never cut.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::capped::Capped;
use crate::object::Object;

/// The most elements of a list in our predicates: as many as a statement has subjects.
pub const LIST_MAX: usize = crate::statement::SUBJECTS_MAX;

/// A list of at most `MAX` elements; null is an empty one.
#[derive(Debug)]
pub(super) struct Limited<T, const MAX: usize>(pub(super) Vec<T>);

impl<T, const MAX: usize> Default for Limited<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Limited<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Option::<Capped<T, MAX>>::deserialize(deserializer)?.unwrap_or_default();
        if list.total > MAX {
            return Err(D::Error::custom(format_args!(
                "expected at most {MAX} elements, found {}",
                list.total
            )));
        }
        Ok(Self(list.items))
    }
}

/// For `#[serde(deserialize_with)]`: a list that may be empty, absent or null.
pub(super) fn bounded<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Limited::<T, LIST_MAX>::deserialize(deserializer).map(|list| list.0)
}

/// The same for a list of objects.
pub(super) fn objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list = bounded::<Object<T>, D>(deserializer)?;
    Ok(list.into_iter().map(|Object(element)| element).collect())
}

/// A list of objects that may be empty, but not absent or null.
pub(super) fn present_objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list = Option::<Limited<Object<T>, LIST_MAX>>::deserialize(deserializer)?;
    let list = list.ok_or_else(|| D::Error::custom("expected a list, found null"))?;
    Ok(list.0.into_iter().map(|Object(element)| element).collect())
}

/// A list with one element or more.
pub(super) fn at_least_one<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list = bounded(deserializer)?;
    if list.is_empty() {
        Err(D::Error::custom("expected at least one element, found none"))
    } else {
        Ok(list)
    }
}

//! Lists in predicates that have a limit: beyond it they are refused, never cut.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::capped::Capped;
use crate::object::Object;

/// The most elements of a list in our predicates: as many as a statement has subjects.
pub const LIST_MAX: usize = crate::statement::SUBJECTS_MAX;

/// A list of at most `MAX` elements; absent and null are an empty one.
#[derive(Debug)]
pub(super) struct Limited<T, const MAX: usize>(pub(super) Vec<T>);

impl<T, const MAX: usize> Default for Limited<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Limited<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        limited(Option::<Capped<T, MAX>>::deserialize(deserializer)?.unwrap_or_default())
    }
}

fn limited<T, E: serde::de::Error, const MAX: usize>(list: Capped<T, MAX>) -> Result<Limited<T, MAX>, E> {
    if list.total > MAX {
        return Err(E::custom(format_args!("expected at most {MAX} elements, found {}", list.total)));
    }
    Ok(Limited(list.items))
}

/// For `#[serde(deserialize_with)]`: a list that may be empty, but not absent or null.
pub(super) fn required<'de, T: Deserialize<'de>, D: Deserializer<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<Limited<T, MAX>, D::Error> {
    limited(Capped::deserialize(deserializer)?)
}

/// A list that may be empty, absent or null.
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
    let list = required::<Object<T>, D, LIST_MAX>(deserializer)?;
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

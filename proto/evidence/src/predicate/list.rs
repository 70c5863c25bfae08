//! Lists in our predicates, for `#[serde(deserialize_with)]`.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::capped::Capped;

/// The most elements of a list: as many as a statement has subjects.
pub const LIST_MAX: usize = crate::statement::SUBJECTS_MAX;

/// A list that may be empty, absent or null.
pub(super) fn bounded<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list = Option::<Capped<T, LIST_MAX>>::deserialize(deserializer)?.unwrap_or_default();
    if list.total > LIST_MAX {
        return Err(D::Error::custom(format_args!(
            "expected at most {LIST_MAX} elements, found {}",
            list.total
        )));
    }
    Ok(list.items)
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

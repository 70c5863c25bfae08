//! Package URLs in members whose names no specification fixes, such as annotations.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::purl::Purl;

/// The most packages of one finding: a scan of a large repository finds one library in some hundred places.
pub const PACKAGES_MAX: usize = 1024;

/// Every text of a value, at any depth, that is a package URL, each once. What is none says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Packages(pub(super) BTreeSet<Purl>);

impl Packages {
    pub(super) fn add<E: Error>(&mut self, more: Self) -> Result<(), E> {
        self.0.extend(more.0);
        if self.0.len() > PACKAGES_MAX {
            return Err(E::custom(format_args!("expected at most {PACKAGES_MAX} packages of one finding")));
        }
        Ok(())
    }
}

struct PackagesVisitor;

impl<'de> Visitor<'de> for PackagesVisitor {
    type Value = Packages;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Packages, E> {
        Ok(Packages(text.parse().into_iter().collect()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Packages, E> {
        Ok(Packages::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Packages, E> {
        Ok(Packages::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Packages, E> {
        Ok(Packages::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Packages, E> {
        Ok(Packages::default())
    }

    fn visit_unit<E>(self) -> Result<Packages, E> {
        Ok(Packages::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Packages, A::Error> {
        let mut found = Packages::default();
        while let Some(more) = list.next_element()? {
            found.add(more)?;
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Packages, A::Error> {
        let mut found = Packages::default();
        while let Some((IgnoredAny, more)) = map.next_entry()? {
            found.add(more)?;
        }
        Ok(found)
    }
}

impl<'de> Deserialize<'de> for Packages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PackagesVisitor)
    }
}

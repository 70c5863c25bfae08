//! `urn:custody:expected:v1`: how many records a source should have produced.

use custody_log::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CustodyPredicate, Name, rfc3339};
use crate::object::Object;

/// How many records there should be. Its subject is the source, as an identity by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// What makes the records: a pipeline, a writer.
    pub source: Name,
    /// In which time.
    #[serde(deserialize_with = "period")]
    pub period: Period,
    /// How many; 0 says that there should be none.
    pub count: u64,
}

/// A time with a beginning and an end after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Bounds")]
pub struct Period {
    #[serde(with = "rfc3339")]
    from: Timestamp,
    #[serde(with = "rfc3339")]
    to: Timestamp,
}

/// A period that ends before it begins, or at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a period ends after it begins, found {from} to {to}")]
pub struct PeriodError {
    /// The beginning.
    pub from: Timestamp,
    /// The end.
    pub to: Timestamp,
}

#[derive(Deserialize)]
struct Bounds {
    #[serde(with = "rfc3339")]
    from: Timestamp,
    #[serde(with = "rfc3339")]
    to: Timestamp,
}

impl Period {
    /// Makes a period from its first moment up to, not including, its end.
    pub fn new(from: Timestamp, to: Timestamp) -> Result<Self, PeriodError> {
        if from < to { Ok(Self { from, to }) } else { Err(PeriodError { from, to }) }
    }

    /// Returns the first moment of it.
    #[must_use]
    pub const fn from(&self) -> Timestamp {
        self.from
    }

    /// Returns the first moment after it.
    #[must_use]
    pub const fn to(&self) -> Timestamp {
        self.to
    }
}

impl TryFrom<Bounds> for Period {
    type Error = PeriodError;

    fn try_from(bounds: Bounds) -> Result<Self, PeriodError> {
        Self::new(bounds.from, bounds.to)
    }
}

impl CustodyPredicate for Expected {
    const TYPE: &'static str = "urn:custody:expected:v1";
}

fn period<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
    Object::deserialize(deserializer).map(|Object(period)| period)
}

//! `urn:custody:snapshot:v1`: all that runs in an environment at a time.

use std::num::NonZeroU32;

use custody_log::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::{CustodyPredicate, Name, UsableDigest, list, rfc3339};

/// All that runs in an environment. The subjects are what runs; where nothing runs, the environment by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Where.
    pub environment: Name,
    /// When it was looked at.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    /// What runs: 0 to [`super::LIST_MAX`] elements. The member must be there: a snapshot that was not taken is not
    /// an empty environment.
    #[serde(deserialize_with = "list::present_objects")]
    pub running: Vec<Running>,
    /// How many more things run there of which nobody knows what they are; none if this is all. It is a note for people:
    /// no fact is read from it, and a value that is no such number is passed over like a member that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "noted")]
    pub unknown: Option<NonZeroU32>,
}

/// Something that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its digest; also that of a subject.
    pub digest: UsableDigest,
    /// What it runs as, by the name that stays over versions: `api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Name>,
    /// How many of it run; none if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<NonZeroU32>,
}

/// What is read of a snapshot is the same for every reader: those that do not know the member refuse none for it.
fn noted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroU32>, D::Error> {
    let text = <&RawValue>::deserialize(deserializer)?.get();
    Ok(serde_json::from_str(text).ok())
}

impl CustodyPredicate for Snapshot {
    const TYPE: &'static str = "urn:custody:snapshot:v1";
}

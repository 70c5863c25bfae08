//! `urn:custody:deployment:v1`: a subject started or stopped running in an environment.

use custody_log::{LeafIndex, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{CustodyPredicate, Name, rfc3339};

/// The subjects started or stopped running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Where: `prod`, `prod/eu-1`.
    pub environment: Name,
    /// What runs there, by the name that stays over versions: `api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Name>,
    /// The cluster or machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Name>,
    /// Started or stopped.
    pub action: Action,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    /// The entry of the verdict that let it pass; none if no gate was asked.
    #[serde(with = "index", default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<LeafIndex>,
}

/// Whether something started or stopped running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Runs from now on.
    Start,
    /// Runs no more.
    Stop,
}

impl CustodyPredicate for Deployment {
    const TYPE: &'static str = "urn:custody:deployment:v1";
}

/// An entry's index as a number.
mod index {
    use super::{Deserializer, LeafIndex, Serializer};
    use serde::Deserialize as _;
    use serde::de::Error as _;

    #[expect(clippy::ref_option, reason = "serde passes the member by reference")]
    pub(super) fn serialize<S: Serializer>(
        index: &Option<LeafIndex>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match index {
            Some(index) => serializer.serialize_u64(index.get()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<LeafIndex>, D::Error> {
        Option::<u64>::deserialize(deserializer)?.map(LeafIndex::new).transpose().map_err(D::Error::custom)
    }
}

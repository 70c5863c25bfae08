//! Times in our predicates: read from any RFC 3339 text, written in the one form of the ledger
//! (`2026-11-22T20:31:24.000000Z`), for `#[serde(with)]`.

use custody_log::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the member by reference")]
pub(super) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    Timestamp::parse_rfc3339(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The same for a member that may be absent or null.
pub(super) mod option {
    use super::{Deserializer, Serializer, Timestamp};
    use serde::Deserialize as _;
    use serde::de::Error as _;

    #[expect(clippy::ref_option, reason = "serde passes the member by reference")]
    pub(in super::super) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.collect_str(time),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| Timestamp::parse_rfc3339(&text)).transpose().map_err(D::Error::custom)
    }
}

//! `urn:custody:distribution:v1`: who received a subject.

use custody_log::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CustodyPredicate, Name, rfc3339};

/// Someone received the subjects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// Who: a customer, a partner, a mirror.
    pub recipient: Name,
    /// The way: `portal`, `https://mirror.example.org`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Name>,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
}

impl CustodyPredicate for Distribution {
    const TYPE: &'static str = "urn:custody:distribution:v1";
}

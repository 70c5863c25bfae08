//! The stable words by which programs tell why a trust document is refused.

use super::TrustError;

impl TrustError {
    /// Returns the stable reason word (`docs/format.md`, "Admission record").
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Root { .. } | Self::LogKey { .. } | Self::Role { .. } | Self::NotByLog { .. } => {
                "trust_threshold"
            }
            Self::Version { .. }
            | Self::VersionZero
            | Self::Index { .. }
            | Self::Follows { .. }
            | Self::PolicyVersion { .. } => "trust_version",
            Self::Origin { .. } => "trust_origin",
            Self::Expired { .. } => "trust_expired",
            Self::WindowsPast { .. } => "trust_log_key_past",
            _ => "bad_trust_document",
        }
    }
}

//! Where an issuer says that its keys are (`OpenID` Connect Discovery 1.0, section 4).

use custody_evidence::json::{self, JsonError};
use custody_evidence::trust::is_fetchable;
use serde::Deserialize;

/// The longest discovery document that is read: 64 KiB.
pub(super) const DOCUMENT_MAX: usize = 64 << 10;

/// Why a discovery document does not say where the keys are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// Not strict JSON of the right shape.
    #[error("the discovery document cannot be read: {0}")]
    Json(#[from] JsonError),
    /// The document of another issuer.
    #[error("the discovery document is that of the issuer {found:?}")]
    Issuer {
        /// What it says, cut to 200 characters.
        found: String,
    },
    /// A place that is not fetched from.
    #[error("the discovery document says that the keys are at {found:?}: expected an https:// URL")]
    Place {
        /// The URL, cut to 200 characters.
        found: String,
    },
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

/// Returns the URL of the keys.
pub(super) fn jwks_url(document: &[u8], issuer: &str) -> Result<String, DiscoveryError> {
    let Document { issuer: found, jwks_uri } = json::from_slice(document)?;
    let cut = |text: &str| text.chars().take(200).collect();
    // Otherwise whoever serves one document could name the keys of every issuer.
    if found != issuer {
        return Err(DiscoveryError::Issuer { found: cut(&found) });
    }
    let encrypted = jwks_uri.starts_with("https://");
    if !is_fetchable(&jwks_uri) || (!encrypted && issuer.starts_with("https://")) {
        return Err(DiscoveryError::Place { found: cut(&jwks_uri) });
    }
    Ok(jwks_uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_its_issuer_and_a_place_that_nobody_can_stand_before() {
        let url = |issuer: &str, uri: &str| {
            jwks_url(format!(r#"{{"issuer":"{issuer}","jwks_uri":"{uri}"}}"#).as_bytes(), "https://i.example")
        };
        assert_eq!(
            url("https://i.example", "https://keys.example/jwks").unwrap(),
            "https://keys.example/jwks"
        );
        for (issuer, uri) in [
            ("https://i.example/", "https://keys.example/jwks"),
            ("https://j.example", "https://keys.example/jwks"),
            ("https://i.example", "http://keys.example/jwks"),
            ("https://i.example", "http://localhost/jwks"),
            ("https://i.example", "file:///etc/passwd"),
            ("https://i.example", ""),
        ] {
            assert!(url(issuer, uri).is_err(), "{issuer} {uri}");
        }
        assert!(jwks_url(b"[]", "https://i.example").is_err());
        let local = br#"{"issuer":"http://127.0.0.1:1","jwks_uri":"http://127.0.0.1:1/keys"}"#;
        assert_eq!(jwks_url(local, "http://127.0.0.1:1").unwrap(), "http://127.0.0.1:1/keys");
    }
}

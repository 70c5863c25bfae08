//! The keys of an issuer, as the log saw them.
//!
//! What the server fetched from an issuer is written into the log before anything rests on it, so that the issuer, or anybody
//! who kept its keys, can see later what the log believed. It is the predicate of an administrative statement that the log key
//! signs, and no role: it says what was seen, and decides nothing. The JSON is drawn in `docs/format.md`, "Keys of an issuer".

use custody_log::{LeafIndex, Timestamp};
use serde::{Deserialize, Serialize};

use super::check;
use super::error::TrustError;
use super::text;
use crate::json;
use crate::object::Object;
use crate::oidc::KeySet;
use crate::statement::{Statement, StatementBuilder};
use crate::subject_name::{NameKind, digest_of_name};

/// The predicate type.
pub const JWKS_TYPE: &str = "urn:custody:jwks:v1";

/// The value of the member `format`.
pub const JWKS_FORMAT: &str = "custody/jwks/v1";

/// The keys that an issuer had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerKeys {
    /// The issuer's URL, as the trust document lists it.
    pub issuer: String,
    /// When they were fetched: later than what was fetched of this issuer before, so nothing old can be said again.
    pub fetched: Timestamp,
    /// The keys.
    pub keys: KeySet,
}

/// The keys that tokens of an issuer are checked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySetInUse<'a> {
    /// The keys.
    pub keys: &'a KeySet,
    /// The entry that says so; none: the trust document does.
    pub index: Option<LeafIndex>,
    /// When they were fetched; none: the trust document has them.
    pub fetched: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Members {
    format: String,
    #[serde(default)]
    crit: Vec<String>,
    issuer: String,
    #[serde(with = "text::time")]
    fetched: Timestamp,
    jwks: KeySet,
}

impl IssuerKeys {
    /// Reads a statement: one subject, which is the origin of the log.
    pub fn from_statement(statement: &Statement<'_>, origin: &str) -> Result<Self, TrustError> {
        let predicate = statement.predicate_bytes().ok_or(TrustError::NoPredicate)?;
        let Object(members): Object<Members> = json::from_slice(predicate)?;
        if members.format != JWKS_FORMAT {
            return Err(TrustError::Format { found: members.format.chars().take(80).collect() });
        }
        check::crit_of(&members.crit, &["format", "crit", "issuer", "fetched", "jwks"])?;
        let expected = digest_of_name(NameKind::Origin, origin);
        match statement.subjects() {
            [subject] if subject.name() == Some(origin) && subject.digests().contains(&expected) => {
                let Members { issuer, fetched, jwks: keys, .. } = members;
                Ok(Self { issuer, fetched, keys })
            }
            _ => Err(TrustError::Subject { origin: origin.to_owned(), expected }),
        }
    }

    /// Returns the statement to sign, for the log of this name.
    ///
    /// # Panics
    ///
    /// Never: texts are always JSON.
    #[must_use]
    pub fn statement(&self, origin: &str) -> Vec<u8> {
        let members = Members {
            format: JWKS_FORMAT.to_owned(),
            crit: Vec::new(),
            issuer: self.issuer.clone(),
            fetched: self.fetched,
            jwks: self.keys.clone(),
        };
        let predicate = serde_json::to_vec(&members).expect("texts are always JSON");
        StatementBuilder::new(JWKS_TYPE)
            .subject(origin, [digest_of_name(NameKind::Origin, origin)])
            .predicate(&predicate)
            .expect("texts make a statement")
    }
}

//! Policies: what a gate is to require, kept in the log so that a past verdict can be asked for again.
//!
//! A policy is the predicate of an administrative statement, signed by a threshold of the role `rules`. It is kept as its exact
//! text: what it means is for gates to read. The JSON is drawn in `docs/format.md`, "Policy".

use custody_log::{BlobDigest, LeafIndex};
use serde::{Deserialize, Serialize};

use super::check;
use super::error::TrustError;
use crate::json;
use crate::object::Object;
use crate::statement::{Statement, StatementBuilder};
use crate::subject_name::{NameKind, digest_of_name};

/// The predicate type.
pub const POLICY_TYPE: &str = "urn:custody:policy:v1";

/// The value of the member `format`.
pub const POLICY_FORMAT: &str = "custody/policy/v1";

/// The longest text of a policy: 256 KiB.
pub const POLICY_BYTES_MAX: usize = 256 << 10;

/// The longest name of a policy, in bytes.
const POLICY_NAME_MAX: usize = 100;

/// One version of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// 1 for the first text of this name, and one more for each next.
    pub version: u64,
    /// The policy as its author wrote it: YAML or JSON.
    pub text: String,
}

/// A version of a policy, and the entry that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    /// The policy's name.
    pub name: String,
    /// The version.
    pub version: u64,
    /// The digest of the text.
    pub digest: BlobDigest,
    /// The entry.
    pub index: LeafIndex,
}

#[derive(Debug, Serialize, Deserialize)]
struct Members {
    format: String,
    #[serde(default)]
    crit: Vec<String>,
    name: String,
    version: u64,
    text: String,
}

impl Policy {
    /// Reads a statement of a policy: one subject, which is the origin of the log.
    pub fn from_statement(statement: &Statement<'_>, origin: &str) -> Result<Self, TrustError> {
        let predicate = statement.predicate_bytes().ok_or(TrustError::NoPredicate)?;
        let Object(members): Object<Members> = json::from_slice(predicate)?;
        if members.format != POLICY_FORMAT {
            return Err(TrustError::Format { found: members.format.chars().take(80).collect() });
        }
        check::crit_of(&members.crit, &["format", "crit", "name", "version", "text"])?;
        let Members { name, version, text, .. } = members;
        let usable = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if name.is_empty() || name.len() > POLICY_NAME_MAX || !name.bytes().all(usable) {
            return Err(TrustError::PolicyName { found: name.chars().take(100).collect() });
        }
        if text.trim().is_empty() || text.len() > POLICY_BYTES_MAX {
            return Err(TrustError::PolicyLength { max: POLICY_BYTES_MAX, found: text.len() });
        }
        let expected = digest_of_name(NameKind::Origin, origin);
        match statement.subjects() {
            [subject] if subject.name() == Some(origin) && subject.digests().contains(&expected) => {
                Ok(Self { name, version, text })
            }
            _ => Err(TrustError::Subject { origin: origin.to_owned(), expected }),
        }
    }

    /// Returns the digest of the text.
    #[must_use]
    pub fn digest(&self) -> BlobDigest {
        BlobDigest::of(self.text.as_bytes())
    }

    /// Returns the statement to sign, for the log of this name; the same policy gives the same bytes.
    ///
    /// # Panics
    ///
    /// Never: texts and numbers are always JSON.
    #[must_use]
    pub fn statement(&self, origin: &str) -> Vec<u8> {
        let members = Members {
            format: POLICY_FORMAT.to_owned(),
            crit: Vec::new(),
            name: self.name.clone(),
            version: self.version,
            text: self.text.clone(),
        };
        let predicate = serde_json::to_vec(&members).expect("texts and numbers are always JSON");
        StatementBuilder::new(POLICY_TYPE)
            .subject(origin, [digest_of_name(NameKind::Origin, origin)])
            .predicate(&predicate)
            .expect("texts and numbers make a statement")
    }
}

//! Allowed findings of the secret screen: what looks like a secret and is none.
//!
//! It is the predicate of an administrative statement, signed by a threshold of the role `rules`. A finding is named by the
//! rule that made it and the fingerprint of what it found, never by the value. The JSON is drawn in `docs/format.md`, "Allow".

use custody_log::LeafIndex;
use serde::{Deserialize, Serialize};

use super::check;
use super::distrust::REASON_MAX;
use super::error::TrustError;
use crate::json;
use crate::object::Object;
use crate::statement::{Statement, StatementBuilder};
use crate::subject_name::{NameKind, digest_of_name};

/// The predicate type.
pub const ALLOW_TYPE: &str = "urn:custody:allow:v1";

/// The value of the member `format`.
pub const ALLOW_FORMAT: &str = "custody/allow/v1";

/// What an administrator says of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    /// The id of the rule.
    pub rule: String,
    /// The fingerprint of what it found: 64 hex digits in lower case.
    pub fingerprint: String,
    /// Why it is no secret.
    pub reason: String,
    /// The newest entry that says something of the finding, if there is one, as of a distrust.
    pub follows: Option<LeafIndex>,
    /// Whether an earlier permission ends.
    pub undo: bool,
}

/// What was said of a finding, and the entry that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) allow: Allow,
    pub(super) index: LeafIndex,
}

#[derive(Debug, Serialize, Deserialize)]
struct Members {
    format: String,
    #[serde(default)]
    crit: Vec<String>,
    rule: String,
    fingerprint: String,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    follows: Option<u64>,
    #[serde(default)]
    undo: bool,
}

impl Allow {
    /// Reads a statement: one subject, which is the origin of the log.
    pub fn from_statement(statement: &Statement<'_>, origin: &str) -> Result<Self, TrustError> {
        let predicate = statement.predicate_bytes().ok_or(TrustError::NoPredicate)?;
        let Object(members): Object<Members> = json::from_slice(predicate)?;
        if members.format != ALLOW_FORMAT {
            return Err(TrustError::Format { found: members.format.chars().take(80).collect() });
        }
        check::crit_of(
            &members.crit,
            &["format", "crit", "rule", "fingerprint", "reason", "follows", "undo"],
        )?;
        let follows = check::followed(members.follows)?;
        let rule = &members.rule;
        let word = !rule.is_empty() && rule.len() <= 100 && rule.bytes().all(|b| b.is_ascii_graphic());
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if !word || members.fingerprint.len() != 64 || !members.fingerprint.bytes().all(hex) {
            return Err(TrustError::Finding { rule: rule.chars().take(100).collect() });
        }
        if members.reason.trim().is_empty() || members.reason.len() > REASON_MAX {
            return Err(TrustError::Reason { max: REASON_MAX, found: members.reason.len() });
        }
        let expected = digest_of_name(NameKind::Origin, origin);
        match statement.subjects() {
            [subject] if subject.name() == Some(origin) && subject.digests().contains(&expected) => {
                Ok(Self {
                    rule: members.rule,
                    fingerprint: members.fingerprint,
                    reason: members.reason,
                    follows,
                    undo: members.undo,
                })
            }
            _ => Err(TrustError::Subject { origin: origin.to_owned(), expected }),
        }
    }

    /// Returns the statement to sign, for the log of this name.
    ///
    /// # Panics
    ///
    /// Never: texts and numbers are always JSON.
    #[must_use]
    pub fn statement(&self, origin: &str) -> Vec<u8> {
        let members = Members {
            format: ALLOW_FORMAT.to_owned(),
            crit: Vec::new(),
            rule: self.rule.clone(),
            fingerprint: self.fingerprint.clone(),
            reason: self.reason.clone(),
            follows: self.follows.map(LeafIndex::get),
            undo: self.undo,
        };
        let predicate = serde_json::to_vec(&members).expect("texts and numbers are always JSON");
        StatementBuilder::new(ALLOW_TYPE)
            .subject(origin, [digest_of_name(NameKind::Origin, origin)])
            .predicate(&predicate)
            .expect("texts and numbers make a statement")
    }
}

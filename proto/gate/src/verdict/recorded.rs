//! A verdict that was recorded, read back.

use std::collections::BTreeSet;

use custody_evidence::json::{self, JsonError};
use custody_log::{Timestamp, TreeSize};
use serde_json::Value as Json;

use super::summary::VERDICT_MEMBER;
use super::{Decision, SCHEMA, Status, canonical};

/// The largest verdict: 1 MiB. 200 rules with 16 candidates each are 3,200 lines of some 200 bytes, 640 KB.
pub const VERDICT_MAX: usize = 1 << 20;

/// A verdict as it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    json: Json,
    decision: Decision,
    subject: String,
    policy: String,
    policy_digest: String,
    environment: Option<String>,
    evaluated_at: Timestamp,
    valid_until: Timestamp,
    size: TreeSize,
    given: BTreeSet<String>,
    excepted_until: Option<Timestamp>,
}

/// Why bytes are no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerdictError {
    /// Longer than [`VERDICT_MAX`].
    #[error("a verdict is at most {VERDICT_MAX} bytes, found {found}")]
    TooLong {
        /// The length.
        found: usize,
    },
    /// Not strict JSON.
    #[error("the verdict cannot be read: {0}")]
    Json(#[from] JsonError),
    /// Not in its one form, so it is not what a gate wrote.
    #[error("the verdict is not in the form that gates write (RFC 8785)")]
    Form,
    /// Another schema.
    #[error("expected the schema {SCHEMA:?}, found {found:?}")]
    Schema {
        /// The value, cut to 80 characters.
        found: String,
    },
    /// A member that is missing or of another kind.
    #[error("the verdict's {member} is missing, or not what it should be")]
    Member {
        /// The member.
        member: &'static str,
    },
    /// A summary without a verdict of a gate.
    #[error("the summary holds no verdict of a gate: it has no member {VERDICT_MEMBER:?}")]
    NoVerdict,
}

impl Recorded {
    /// Reads the exact bytes of a verdict.
    pub fn decode(bytes: &[u8]) -> Result<Self, VerdictError> {
        if bytes.len() > VERDICT_MAX {
            return Err(VerdictError::TooLong { found: bytes.len() });
        }
        let json: Json = json::from_slice(bytes)?;
        if canonical(&json) != bytes {
            return Err(VerdictError::Form);
        }
        Self::of(json)
    }

    /// Reads the verdict in the predicate of a summary, which [`super::Verdict::summary`] made.
    pub fn from_summary(predicate: &[u8]) -> Result<Self, VerdictError> {
        let mut json: Json = json::from_slice(predicate)?;
        let verdict = json.get_mut(VERDICT_MEMBER).map(Json::take).ok_or(VerdictError::NoVerdict)?;
        let recorded = Self::of(verdict)?;
        // What others read in the summary must be what the verdict says.
        let result = json.get("verificationResult").and_then(Json::as_str);
        if result == Some(super::summary::result(recorded.decision)) {
            Ok(recorded)
        } else {
            Err(VerdictError::Member { member: "verificationResult" })
        }
    }

    fn of(json: Json) -> Result<Self, VerdictError> {
        let text = |member: &'static str, at: &str| {
            json.pointer(at).and_then(Json::as_str).ok_or(VerdictError::Member { member })
        };
        let time = |member: &'static str, at: &str| {
            text(member, at)?.parse::<Timestamp>().map_err(|_| VerdictError::Member { member })
        };
        let schema = text("schema", "/schema")?;
        if schema != SCHEMA {
            return Err(VerdictError::Schema { found: schema.chars().take(80).collect() });
        }
        let size = json.pointer("/at/size").and_then(Json::as_u64).and_then(|size| TreeSize::new(size).ok());
        let rules = list(&json, "rules")?;
        let known = |rule: &Json| {
            let id = rule.get("id").is_some_and(Json::is_string);
            id && rule.get("status").and_then(Json::as_str).is_some_and(|word| Status::of(word).is_some())
        };
        if !rules.iter().all(known) {
            return Err(VerdictError::Member { member: "rules" });
        }
        let given = list(&json, "given")?.iter().map(|name| name.as_str().map(ToOwned::to_owned));
        let given = given.collect::<Option<_>>().ok_or(VerdictError::Member { member: "given" })?;
        let ends = list(&json, "exceptions")?.iter().map(|used| used.get("until")?.as_str()?.parse().ok());
        let ends: Option<Vec<Timestamp>> = ends.collect();
        let ends = ends.ok_or(VerdictError::Member { member: "exceptions" })?;
        Ok(Self {
            given,
            excepted_until: ends.into_iter().min(),
            decision: Decision::of(text("decision", "/decision")?)
                .ok_or(VerdictError::Member { member: "decision" })?,
            subject: text("subject", "/subject")?.to_owned(),
            policy: text("policy", "/policy/name")?.to_owned(),
            policy_digest: text("policy", "/policy/digest")?.to_owned(),
            environment: json.get("environment").and_then(Json::as_str).map(ToOwned::to_owned),
            evaluated_at: time("evaluated_at", "/evaluated_at")?,
            valid_until: time("valid_until", "/valid_until")?,
            size: size.ok_or(VerdictError::Member { member: "at" })?,
            json,
        })
    }

    /// Returns its bytes, as the gate wrote them.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        canonical(&self.json)
    }

    pub(crate) const fn json(&self) -> &Json {
        &self.json
    }

    /// Returns what the gate said.
    #[must_use]
    pub const fn decision(&self) -> Decision {
        self.decision
    }

    /// Returns the digest that was judged.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns the policy's name.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// Returns the digest of the policy's text, `sha256:<hex>`.
    #[must_use]
    pub fn policy_digest(&self) -> &str {
        &self.policy_digest
    }

    /// Returns the environment that was asked about.
    #[must_use]
    pub fn environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }

    /// Returns the parameters with their values, for [`crate::Given::of_json`].
    #[must_use]
    pub fn parameters(&self) -> &Json {
        self.json.get("parameters").unwrap_or(&Json::Null)
    }

    /// Returns the parameters whose values are not those of the policy's text.
    #[must_use]
    pub const fn given(&self) -> &BTreeSet<String> {
        &self.given
    }

    /// Returns the first end of an exception that was used; none if none was.
    #[must_use]
    pub const fn excepted_until(&self) -> Option<Timestamp> {
        self.excepted_until
    }

    /// Returns the time that was judged by.
    #[must_use]
    pub const fn evaluated_at(&self) -> Timestamp {
        self.evaluated_at
    }

    /// Returns until when it may be used again.
    #[must_use]
    pub const fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    /// Returns the size of the log that was judged.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }
}

fn list<'j>(json: &'j Json, member: &'static str) -> Result<&'j Vec<Json>, VerdictError> {
    json.get(member).and_then(Json::as_array).ok_or(VerdictError::Member { member })
}

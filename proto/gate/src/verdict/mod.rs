//! Verdicts: what a gate said, as one document that is the same wherever it is made.

mod canonical;
mod recorded;
mod summary;

use std::collections::{BTreeMap, BTreeSet};

use custody_evidence::fact::READER_VERSION;
use custody_log::{LeafIndex, RootHash, Timestamp, TreeSize};
use serde_json::{Value as Json, json};

use crate::cel::CEL_VERSION;
use crate::evaluate::Completeness;
use crate::policy::{Level, Rule, Value};
use crate::{GATE_VERSION, OWN_RULES, VERSION_ORDER};

pub use canonical::canonical;
pub use recorded::{Recorded, VERDICT_MAX, VerdictError};
pub use summary::{SummaryError, VERDICT_MEMBER, VERIFIER};

/// The value of the member `schema`, and the name of the member of a summary that holds the verdict.
pub const SCHEMA: &str = "urn:custody:verdict:v1";

crate::words::words! {
    /// What a gate says.
    pub enum Decision {
        /// Every rule holds, is excepted, or does not deny.
        Allow = "ALLOW",
        /// A rule does not hold.
        Deny = "DENY",
        /// No rule fails, and something could not be found out.
        Indeterminate = "INDETERMINATE",
    }
}

crate::words::words! {
    /// How a rule came out.
    pub enum Status {
        /// It could not be decided: not a no, and never a yes.
        Error = "ERROR",
        /// It does not hold.
        Fail = "FAIL",
        /// It holds.
        Pass = "PASS",
        /// It is excluded or excepted; the message says by what.
        Skip = "SKIP",
        /// It does not hold, and only warns, or is not in effect yet.
        SoftFail = "SOFTFAIL",
    }
}

/// What a gate said about a digest.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub(crate) decision: Decision,
    pub(crate) subject: String,
    pub(crate) environment: Option<String>,
    pub(crate) policy: String,
    pub(crate) policy_digest: String,
    pub(crate) size: TreeSize,
    pub(crate) root: RootHash,
    pub(crate) trust_version: u64,
    pub(crate) evaluated_at: Timestamp,
    pub(crate) valid_until: Timestamp,
    pub(crate) parameters: Json,
    /// The parameters whose values are not those of the policy's text.
    pub(crate) given: BTreeSet<String>,
    pub(crate) versions: Versions,
    pub(crate) level: Level,
    pub(crate) complete: Completeness,
    pub(crate) rules: Vec<RuleResult>,
    pub(crate) exceptions: Vec<UsedException>,
}

/// What a verdict depends on besides policy, evidence and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    gate: String,
    reader: String,
    version_order: String,
    cel: String,
}

/// How one rule came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleResult {
    /// The rule; what starts with `custody.` is the gate's own.
    pub id: String,
    /// How.
    pub status: Status,
    /// Why: the policy's sentence, a stable word, its values.
    pub message: String,
    /// What to do, as the policy says.
    pub fix: Option<String>,
    /// What counted, in index order.
    pub evidence: Vec<Counted>,
    /// What was looked at and did not count, in index order.
    pub rejected: Vec<Rejected>,
    /// Until when a PASS holds; it is in the verdict's `valid_until`.
    pub(crate) until: Option<Timestamp>,
}

/// An entry that counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The entry.
    pub index: LeafIndex,
    /// By whose signature: the first that the policy accepts.
    pub signer: String,
    /// Ledger time.
    pub time: Timestamp,
}

/// An entry that did not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The entry.
    pub index: LeafIndex,
    /// A stable word, and its values.
    pub why: String,
}

/// An exception by which a rule was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedException {
    /// The entry that holds it.
    pub index: LeafIndex,
    /// The rule, or `*`.
    pub rule: String,
    /// Who answers for it.
    pub owner: String,
    /// Why it was given.
    pub reason: String,
    /// Who signed it.
    pub signer: String,
    /// When it ends.
    pub until: Timestamp,
}

impl Verdict {
    /// Returns what the gate says.
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

    /// Returns the parameters whose values are not those of the policy's text: whoever asked gave them.
    #[must_use]
    pub const fn given(&self) -> &BTreeSet<String> {
        &self.given
    }

    /// Returns the size of the log that was judged.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// Returns what vouches for nothing having been left out.
    #[must_use]
    pub const fn complete(&self) -> Completeness {
        self.complete
    }

    /// Returns how far the entries were checked.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Returns how each rule came out: the gate's own first, then the policy's in its order.
    #[must_use]
    pub fn rules(&self) -> &[RuleResult] {
        &self.rules
    }

    /// Returns the exceptions that were used.
    #[must_use]
    pub fn exceptions(&self) -> &[UsedException] {
        &self.exceptions
    }

    /// Returns until when it may be used again: from then on the same question may have another answer.
    #[must_use]
    pub const fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    /// Returns the time that was judged by.
    #[must_use]
    pub const fn evaluated_at(&self) -> Timestamp {
        self.evaluated_at
    }

    /// Returns the verdict as JSON (RFC 8785): the same verdict gives the same bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        canonical(&self.json())
    }

    pub(crate) fn json(&self) -> Json {
        json!({
            "schema": SCHEMA,
            "decision": self.decision.as_str(),
            "subject": self.subject,
            "environment": self.environment,
            "policy": { "name": self.policy, "digest": self.policy_digest },
            "at": { "size": self.size.get(), "root": format!("sha256:{}", self.root.to_hex()) },
            "trust_version": self.trust_version,
            "evaluated_at": self.evaluated_at.to_string(),
            "valid_until": self.valid_until.to_string(),
            "parameters": self.parameters,
            "given": self.given,
            "versions": self.versions.json(),
            "check": self.level.as_str(),
            "complete": self.complete.as_str(),
            "rules": self.rules.iter().map(RuleResult::json).collect::<Vec<_>>(),
            "exceptions": self.exceptions.iter().map(UsedException::json).collect::<Vec<_>>(),
        })
    }
}

impl Versions {
    pub(crate) fn current() -> Self {
        Self {
            gate: GATE_VERSION.to_owned(),
            reader: READER_VERSION.to_owned(),
            version_order: VERSION_ORDER.to_owned(),
            cel: CEL_VERSION.to_owned(),
        }
    }

    fn json(&self) -> Json {
        json!({
            "gate": self.gate,
            "reader": self.reader,
            "version_order": self.version_order,
            "cel": self.cel,
        })
    }
}

impl RuleResult {
    /// Makes the result of a rule of the policy, without evidence.
    pub(crate) fn of(rule: &Rule, status: Status, message: String) -> Self {
        let fix = rule.fix.clone().filter(|_| matches!(status, Status::Fail | Status::SoftFail));
        Self {
            id: rule.id.clone(),
            status,
            message,
            fix,
            evidence: Vec::new(),
            rejected: Vec::new(),
            until: None,
        }
    }

    /// Makes a result of the gate's own.
    pub(crate) fn own(name: &str, status: Status, message: String) -> Self {
        let id = format!("{OWN_RULES}{name}");
        Self { id, status, message, fix: None, evidence: Vec::new(), rejected: Vec::new(), until: None }
    }

    /// Whether it is the gate's own, and no rule of the policy.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.id.starts_with(OWN_RULES)
    }

    /// Skips a rule that failed; what it failed by stays readable.
    pub(crate) fn skip(&mut self, by: &str) {
        let failed = std::mem::take(&mut self.message);
        self.message = format!("{by}: {failed}");
        self.status = Status::Skip;
    }

    fn json(&self) -> Json {
        let evidence = self.evidence.iter().map(|counted| {
            json!({ "index": counted.index.get(), "signer": counted.signer, "time": counted.time.to_string() })
        });
        let rejected = self.rejected.iter();
        let rejected = rejected.map(|rejected| json!({ "index": rejected.index.get(), "why": rejected.why }));
        json!({
            "id": self.id,
            "status": self.status.as_str(),
            "message": self.message,
            "fix": self.fix,
            "evidence": evidence.collect::<Vec<_>>(),
            "rejected": rejected.collect::<Vec<_>>(),
        })
    }
}

impl UsedException {
    fn json(&self) -> Json {
        json!({
            "index": self.index.get(),
            "rule": self.rule,
            "owner": self.owner,
            "reason": self.reason,
            "signer": self.signer,
            "until": self.until.to_string(),
        })
    }
}

/// Returns the parameters as JSON.
pub(crate) fn parameters(parameters: &BTreeMap<String, Value>) -> Json {
    Json::Object(parameters.iter().map(|(name, value)| (name.clone(), value.json())).collect())
}

//! A verdict as others read it: a verification summary (VSA v1, <https://slsa.dev/spec/v1.2/verification_summary>).

use custody_evidence::Digest;
use custody_evidence::predicate::judgement::VSA_TYPE;
use custody_evidence::statement::{StatementBuildError, StatementBuilder};
use serde_json::json;

use super::{Decision, SCHEMA, Status, Verdict, canonical};

/// The member of the predicate that holds the verdict. SLSA keeps names with a colon for extensions.
pub const VERDICT_MEMBER: &str = SCHEMA;
/// Who verified: any gate that runs this code.
pub const VERIFIER: &str = "urn:custody:gate";

/// Why there is no summary of a verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SummaryError {
    /// A gate that could not find out has nothing to record.
    #[error("an INDETERMINATE verdict is not recorded: it says that something could not be found out")]
    Indeterminate,
    /// What made every answer doubtful is no part of a verdict that can be given again.
    #[error("the verdict was given in doubtful circumstances ({rule}), so nobody could ask for it again")]
    Doubtful {
        /// The gate's own result that says so.
        rule: String,
    },
    /// The subject or the verdict does not fit a statement.
    #[error("the summary is no statement: {0}")]
    Statement(#[from] StatementBuildError),
    /// The judged digest is none.
    #[error("{found:?} is no digest")]
    Subject {
        /// What it is.
        found: String,
    },
}

impl Verdict {
    /// Returns the statement to sign: the same verdict about the same resource gives the same bytes.
    pub fn summary(&self, resource_uri: &str) -> Result<Vec<u8>, SummaryError> {
        if self.decision == Decision::Indeterminate {
            return Err(SummaryError::Indeterminate);
        }
        let doubtful = self.rules.iter().find(|rule| rule.is_own() && rule.status == Status::Error);
        if let Some(rule) = doubtful {
            return Err(SummaryError::Doubtful { rule: rule.id.clone() });
        }
        let subject = || SummaryError::Subject { found: self.subject.clone() };
        let (algorithm, value) = self.subject.split_once(':').ok_or_else(subject)?;
        let digest = Digest::read(algorithm, value).map_err(|_| subject())?;
        let policy = self.policy_digest.strip_prefix("sha256:").unwrap_or(&self.policy_digest);
        let predicate = json!({
            "verifier": { "id": VERIFIER, "version": { "custody-gate": self.versions.gate } },
            "timeVerified": self.evaluated_at.to_string(),
            "resourceUri": resource_uri,
            "policy": { "uri": format!("urn:custody:policy:{}", self.policy), "digest": { "sha256": policy } },
            "verificationResult": result(self.decision),
            "verifiedLevels": ["SLSA_BUILD_LEVEL_UNEVALUATED"],
            VERDICT_MEMBER: self.json(),
        });
        let statement = StatementBuilder::new(VSA_TYPE).subject(resource_uri, [digest]);
        Ok(statement.predicate(&canonical(&predicate))?)
    }
}

/// Returns the word of a summary for a decision.
pub(super) const fn result(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "PASSED",
        Decision::Deny => "FAILED",
        Decision::Indeterminate => "INDETERMINATE",
    }
}

//! Whether a secret is in an envelope, as an admission record tells it.

use super::mark::Mark;
use super::record::{AdmissionRecord, CheckName, CheckResult};
use super::refusal::Refusal;
use crate::envelope::Envelope;
use crate::secret::{self, Allowed};
use crate::trust::TrustState;

/// What a record says of the secret screen.
pub(super) struct Screening {
    /// The version of its rules; none if it was not run.
    pub(super) version: Option<String>,
    pub(super) result: CheckResult,
    pub(super) marks: Vec<Mark>,
}

impl Screening {
    /// Looks for secrets, under the permissions that hold.
    pub(super) fn of(envelope: &Envelope, trust: &TrustState) -> Result<Self, Refusal> {
        let allowed = |rule: &str, fingerprint: &str| trust.allows(rule, fingerprint);
        Self::under(envelope, trust.document().origin().as_str(), &allowed)
    }

    /// Looks for secrets in entry 0. Nothing is allowed yet, and the name of the log is not known before the document is read.
    pub(super) fn of_first(envelope: &Envelope) -> Result<Self, Refusal> {
        Self::under(envelope, "", &|_, _| false)
    }

    /// Returns what a record says where another version of the rules made it, and else what is found now.
    pub(super) fn again(
        record: &AdmissionRecord,
        now: impl FnOnce() -> Result<Self, Refusal>,
    ) -> Result<Self, Refusal> {
        if record.screen.as_deref() == Some(secret::VERSION) {
            return now();
        }
        Ok(Self::as_recorded(record))
    }

    /// Returns what a record says.
    pub(super) fn as_recorded(record: &AdmissionRecord) -> Self {
        let result = record.checks.iter().find(|check| check.check == CheckName::Secrets);
        let result = result.map_or(CheckResult::NotChecked, |check| check.result);
        // A record without a version says that nobody looked.
        let result = if record.screen.is_none() { CheckResult::NotChecked } else { result };
        Self { version: record.screen.clone(), result, marks: Vec::new() }
    }

    fn under(envelope: &Envelope, origin: &str, allowed: Allowed<'_>) -> Result<Self, Refusal> {
        let found = secret::screen(envelope, origin, allowed);
        if let Some(finding) = found.refused().first() {
            return Err(Refusal::Secret { finding: Box::new(finding.clone()) });
        }
        let suspected = (!found.suspected().is_empty()).then_some(Mark::PossibleSecret);
        let unread = (!found.complete()).then_some(Mark::EncodedTooMuch);
        let marks: Vec<Mark> = suspected.into_iter().chain(unread).collect();
        let result = if marks.is_empty() { CheckResult::Passed } else { CheckResult::Marked };
        Ok(Self { version: Some(secret::VERSION.to_owned()), result, marks })
    }
}

//! Why something does not count, or a rule does not hold: stable words, then values.

use std::fmt;

use custody_evidence::admission::Binding;
use custody_evidence::finding::FindingKind;
use custody_evidence::trust::Authority;
use custody_log::{LeafIndex, Timestamp};

use crate::cel::Fault;
use crate::policy::{Excluded, Level, Span};

/// Why a candidate does not count, or a rule does not hold.
///
/// Displayed as one word, and `: value` where there is one. The words do not change within a version of the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    Approval { target: String },
    ApprovalEnded { until: Timestamp },
    AssertFault(Fault),
    AssertFalse,
    AuthorUnknown,
    Authority(Authority),
    Binding(Option<Binding>),
    ComponentBanned { component: String },
    ComponentMissing { package: String },
    DatabaseAgeUnknown,
    DatabaseTooOld { updated: Timestamp, max: Span },
    Distrusted { by: LeafIndex },
    EnvironmentUnknown,
    ExceptionEnded { until: Timestamp },
    Excluded(Excluded),
    Finding { kind: FindingKind, entries: Vec<LeafIndex> },
    LicenceNotAllowed { component: String, licence: String },
    LicenceNotStated { component: String },
    Malformed,
    NoCommit,
    NoEvidence,
    NotComparable { component: String },
    NotEnough { found: usize, wanted: usize },
    NotLatest,
    NotProtected,
    NotReviewed { found: usize, wanted: usize },
    NotSignedCommit,
    NotVerified { level: Level },
    OtherSubject,
    Parameter { name: String, value: String },
    Policy { found: String },
    PolicyNotPut { digest: String },
    PolicyReplaced { digest: String },
    Redacted { by: LeafIndex },
    Ref(Option<String>),
    Repository(Option<String>),
    ScanIncomplete,
    Signer,
    Submitter,
    SubmitterUnknown,
    TooOld { since: Timestamp, max: Span },
    VerdictFor { target: Option<String> },
    VerdictNotAllow,
    Vulnerable { id: String, severity: &'static str, component: Option<String> },
}

impl Why {
    /// Returns the word.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Approval { .. } => "approved_for_something_else",
            Self::ApprovalEnded { .. } => "approval_ended",
            Self::AssertFault(_) => "assert_not_answered",
            Self::AssertFalse => "assert_false",
            Self::AuthorUnknown => "author_unknown",
            Self::Authority(_) => "wrong_authority",
            Self::Binding(_) => "wrong_binding",
            Self::ComponentBanned { .. } => "component_banned",
            Self::ComponentMissing { .. } => "component_missing",
            Self::DatabaseAgeUnknown => "database_age_unknown",
            Self::DatabaseTooOld { .. } => "database_too_old",
            Self::Distrusted { .. } => "distrusted",
            Self::EnvironmentUnknown => "environment_unknown",
            Self::ExceptionEnded { .. } => "exception_ended",
            Self::Excluded(Excluded::Author) => "signer_is_author",
            Self::Excluded(Excluded::Submitter) => "signer_is_submitter",
            Self::Finding { .. } => "finding",
            Self::LicenceNotAllowed { .. } => "licence_not_allowed",
            Self::LicenceNotStated { .. } => "licence_not_stated",
            Self::Malformed => "malformed",
            Self::NoCommit => "no_commit",
            Self::NoEvidence => "no_evidence",
            Self::NotComparable { .. } => "version_not_comparable",
            Self::NotEnough { .. } => "not_enough",
            Self::NotLatest => "not_latest",
            Self::NotProtected => "ref_not_protected",
            Self::NotReviewed { .. } => "not_reviewed",
            Self::NotSignedCommit => "commit_not_signed",
            Self::NotVerified { .. } => "not_verified",
            Self::OtherSubject => "other_subject",
            Self::Parameter { .. } => "other_parameter",
            Self::Policy { .. } => "other_policy",
            Self::PolicyNotPut { .. } => "policy_not_put",
            Self::PolicyReplaced { .. } => "policy_replaced",
            Self::Redacted { .. } => "redacted",
            Self::Ref(_) => "wrong_ref",
            Self::Repository(_) => "wrong_repository",
            Self::ScanIncomplete => "scan_not_readable",
            Self::Signer => "wrong_signer",
            Self::Submitter => "wrong_submitter",
            Self::SubmitterUnknown => "submitter_unknown",
            Self::TooOld { .. } => "too_old",
            Self::VerdictFor { .. } => "verdict_for_something_else",
            Self::VerdictNotAllow => "verdict_not_allow",
            Self::Vulnerable { .. } => "vulnerable",
        }
    }

    /// Returns what stands behind the word; empty if nothing does.
    fn values(&self) -> String {
        let unsaid = |text: &Option<String>| text.clone().unwrap_or_else(|| "none stated".to_owned());
        let binding = |binding: &Option<Binding>| match binding {
            Some(Binding::Bound) => "bound",
            Some(Binding::Conflict) => "conflict",
            Some(Binding::Unbound) => "unbound",
            None => "no identity",
        };
        match self {
            Self::Approval { target } => target.clone(),
            Self::ApprovalEnded { until } | Self::ExceptionEnded { until } => until.to_string(),
            Self::AssertFault(fault) => fault.to_string(),
            Self::Authority(found) => found.to_string(),
            Self::Binding(found) => binding(found).to_owned(),
            Self::Ref(found) | Self::Repository(found) => unsaid(found),
            Self::ComponentBanned { component }
            | Self::LicenceNotStated { component }
            | Self::NotComparable { component } => component.clone(),
            Self::ComponentMissing { package } => package.clone(),
            Self::DatabaseTooOld { updated, max } => format!("{updated} + {max}"),
            Self::Distrusted { by } | Self::Redacted { by } => format!("by entry {by}"),
            Self::Finding { kind, entries } => {
                let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
                format!("{kind} in {}", entries.join(" "))
            }
            Self::LicenceNotAllowed { component, licence } => format!("{component} {licence}"),
            Self::NotEnough { found, wanted } | Self::NotReviewed { found, wanted } => {
                format!("{found} of {wanted}")
            }
            Self::NotVerified { level } => level.to_string(),
            Self::Parameter { name, value } => format!("{name} {value}"),
            Self::Policy { found } => found.clone(),
            Self::PolicyNotPut { digest } | Self::PolicyReplaced { digest } => digest.clone(),
            Self::TooOld { since, max } => format!("{since} + {max}"),
            Self::VerdictFor { target } => {
                target.clone().unwrap_or_else(|| "no environment in particular".to_owned())
            }
            Self::Vulnerable { id, severity, component: Some(component) } => {
                format!("{id} {severity} {component}")
            }
            Self::Vulnerable { id, severity, component: None } => format!("{id} {severity}"),
            Self::AssertFalse
            | Self::AuthorUnknown
            | Self::DatabaseAgeUnknown
            | Self::EnvironmentUnknown
            | Self::Excluded(_)
            | Self::Malformed
            | Self::NoCommit
            | Self::NoEvidence
            | Self::NotLatest
            | Self::NotProtected
            | Self::NotSignedCommit
            | Self::OtherSubject
            | Self::ScanIncomplete
            | Self::Signer
            | Self::Submitter
            | Self::SubmitterUnknown
            | Self::VerdictNotAllow => String::new(),
        }
    }
}

/// The longest value that is quoted, in characters: values come from statements of others.
const VALUE_MAX: usize = 200;

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        let values = self.values();
        if values.is_empty() {
            return Ok(());
        }
        let plain = values.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
        write!(f, ": {}", plain.take(VALUE_MAX).collect::<String>())
    }
}
